/**
 * A process that rotates the secret of a sandbox each time it is given a line, and tells what came of it in a line of JSON.
 * Argument: the name that it goes by. AWS variables lead to the sandbox.
 */
import { createInterface } from 'node:readline';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { systemClock, type Answer, type Host, type Question } from '../../src/lib/host.ts';
import { memoryRecorder, runsIn } from './rotation.ts';
import type { TestContext } from './context.ts';

const [user = ''] = process.argv.slice(2);
const host: Host = {
  notify: () => undefined,
  ask: <Q extends Question>() => Promise.resolve<unknown>(true) as Promise<Answer<Q>>,
};
const context = { host, clock: systemClock, signal: new AbortController().signal, answer: () => undefined };
const { rotate } = runsIn(context as unknown as TestContext, { rotator: null, memory: memoryRecorder() });

process.stdout.write('ready\n');
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
while (!(await lines.next()).done) {
  const told = await rotate({
    ecs: null,
    runner: { user, host: 'race', pid: process.pid },
    isRunning: () => null,
  }).then(
    ({ outcome, versionId }) => ({ outcome, versionId }),
    (error: unknown) =>
      error instanceof JamfMcpError
        ? { code: error.code, message: error.message }
        : { code: 'BUG', message: String(error) },
  );
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
