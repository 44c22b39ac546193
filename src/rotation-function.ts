/** What AWS Lambda loads: the rotation function on the process it runs in. */
import { systemClock } from './lib/host.ts';
import { rotationFunction } from './lib/rotation/lambda.ts';

/** The handler, `index.handler` in the zip. */
export const handler = rotationFunction({
  env: process.env,
  log: (line) => process.stdout.write(`${line}\n`),
  clock: systemClock,
});
