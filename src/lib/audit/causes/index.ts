/** The causes there are, strongest first: the first that answers explains. */
import type { Cause } from './cause.ts';
import type { Access } from '../event.ts';
import { infrastructure, toolOf } from './infrastructure.ts';
import { awsService, baseline, breakGlass, knownCaller, self } from './known.ts';
import { rotation, rotationFunction } from './rotation.ts';
import { deployment, taskRole, taskRun, taskStart } from './tasks.ts';

/** Actions that causes learn from, beside all that infrastructure tools do. */
const TELLING = /^(?:Test)?Rotation|^RotateSecret$|^PutSecretValue$|^UpdateSecret|^CreateSecret$/;

/** Whether a cause may learn anything from an access: most are plain reads, and need not be gone through twice. */
export const isTelling = (access: Pick<Access, 'action' | 'userAgent' | 'invokedBy'>): boolean =>
  TELLING.test(access.action) || toolOf(access) !== null;

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
