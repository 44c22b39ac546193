/** The causes there are, strongest first: the first that answers explains. */
import type { Cause } from './cause.ts';
import { infrastructure } from './infrastructure.ts';
import { awsService, baseline, breakGlass, knownCaller, self } from './known.ts';
import { rotation, rotationFunction } from './rotation.ts';
import { deployment, taskRole, taskRun, taskStart } from './tasks.ts';

export const CAUSES: readonly Cause[] = [
  awsService,
  breakGlass,
  rotation,
  rotationFunction,
  taskStart,
  taskRun,
  deployment,
  infrastructure,
  self,
  knownCaller,
  baseline,
  taskRole,
];
