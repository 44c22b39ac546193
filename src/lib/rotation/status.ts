/** `rotate status`: where the secret stands, and what the last rotations did. Changes nothing. */
import type { AwsSettings } from '../aws.ts';
import { inspectService } from '../ecs/deployments.ts';
import { isInterruption, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import type { SecretStore } from '../secrets/store.ts';
import { FUNCTION, isAtWork, type Runner } from './claim.ts';
import type { Strategy } from './issuer.ts';
import { claimOf, look, type Standing } from './plan.ts';
import { readRecords, unreadableRecords, type RotationRecord } from './record.ts';
import type { Verb } from './work.ts';

/** What to tell of. */
export interface StatusRequest {
  store: SecretStore;
  secret: string;
  environment: string;
  aws: AwsSettings;
  /** The data folder with the records. */
  folder: string;
  /** How many records at most. */
  limit: number;
  isRunning: (runner: Runner) => boolean | null;
  command: (verb: Verb) => string;
  /** Who looks, on which machine: their own rotations have a record here. */
  runner: Pick<Runner, 'user' | 'host'>;
}

/** The rotation that is under way. Times are ISO 8601, UTC. */
export interface UnderWay {
  kind: 'rotation' | 'undo';
  rotationId: string;
  by: Runner;
  since: string;
  /** Whether that process still runs; null where it cannot be known. */
  running: boolean | null;
  reason: string | null;
  issuer: string;
  fields: readonly string[];
  strategy: Strategy;
  /** Rotations that stopped and that this one took over from. */
  follows: readonly string[];
}

/** What the labels say; `foreign`: AWSPENDING is on a version that nothing of this program put it on. */
export type State = 'free' | 'claimed' | 'staged' | 'promoted' | 'reverted' | 'undoing' | 'foreign';

/** What `rotate status` gives. */
export interface StatusResult {
  secret: { name: string; arn: string; store: string; environment: string };
  state: State;
  /** Version with AWSCURRENT. */
  versionId: string;
  /** Version with AWSPENDING. */
  pendingId: string | null;
  rotation: UnderWay | null;
  /** The service that the rotation redeploys; `underway`: the deployment that is in progress there. */
  deployment: { cluster: string; service: string; underway: string | null; note: string | null } | null;
  /** The command that goes on; null where nothing is to do. */
  next: string | null;
  /** The last ones on this machine, newest first. `problem`: why the record cannot be trusted. */
  records: (RotationRecord & { path: string; problem: string | null })[];
  /** Paths of files beside them that are no record any more, of whichever secret. */
  unreadable: string[];
  /** The rotation that made the current version and whose record should be on this machine and is not. */
  missing: string | null;
}

/** Read the labels, the claim, the service and the records. @throws JamfMcpError as {@link look} */
export async function rotationStatus(request: StatusRequest, context: Context): Promise<StatusResult> {
  const { store, secret, environment, folder, limit } = request;
  const standing = await look(store, secret, context);
  const { current, kind } = standing;
  const records = await readRecords(folder, { secret, environment, limit });
  return {
    secret: { name: secret, arn: current.arn, store: store.kind, environment },
    state: kind,
    versionId: current.versionId,
    pendingId: standing.kind === 'free' ? standing.lock : standing.holder,
    rotation: underWay(standing, request, context),
    deployment: await deploymentOf(standing, request, context),
    next: nextOf(standing, request, context),
    unreadable: await unreadableRecords(folder),
    missing: await missingRecord(standing, request, context),
    records: records.map(({ record, path, problem }) => ({ ...record, path, problem })),
  };
}

/** Whether there is something to see to: a record that was changed or damaged. One that is not there may be in another folder. */
export const hasDoubt = ({ records, unreadable }: StatusResult): boolean =>
  unreadable.length > 0 || records.some(({ problem }) => problem !== null);

/** A rotation that ended has a record where it was run; of a function and of another machine there is none here. */
async function missingRecord(
  standing: Standing,
  { store, secret, folder, runner }: StatusRequest,
  context: Context,
): Promise<string | null> {
  if (standing.kind !== 'free') return null;
  const made = await claimOf(store, standing.current, context, 0);
  if (!made) return null;
  const { by, rotationId } = made.claim;
  if (by.pid === FUNCTION || by.host !== runner.host || by.user !== runner.user) return null;
  const all = await readRecords(folder, { secret, limit: Infinity });
  return all.some(({ record }) => record.rotationId === rotationId) ? null : rotationId;
}

function underWay(standing: Standing, { isRunning }: StatusRequest, { clock }: Context): UnderWay | null {
  if (!('claim' in standing)) return null;
  const running = isAtWork(standing.claim, isRunning, clock.now());
  const { kind, rotationId, by, since, reason, issuer, fields, strategy, follows } = standing.claim;
  return { kind, rotationId, by, since, running, reason, issuer, fields, strategy, follows };
}

async function deploymentOf(
  standing: Standing,
  { aws }: StatusRequest,
  context: Context,
): Promise<StatusResult['deployment']> {
  const ecs = 'claim' in standing ? standing.claim.ecs : null;
  if (!ecs) return null;
  try {
    const { underway } = await inspectService({ ...ecs, aws }, context);
    return { ...ecs, underway, note: null };
  } catch (error) {
    if (isInterruption(error)) throw error;
    return { ...ecs, underway: null, note: messageOf(error) };
  }
}

function nextOf(standing: Standing, { command, isRunning }: StatusRequest, { clock }: Context): string | null {
  if (standing.kind === 'free') return null;
  if (standing.kind === 'foreign') return command('abort');
  return isAtWork(standing.claim, isRunning, clock.now()) === true ? null : command('resume');
}
