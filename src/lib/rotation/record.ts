/**
 * The record of a rotation: one signed file each, without any value. It decides nothing, the labels do; it tells later
 * what was done, by whom, when and why.
 */
import { sign, verify } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FinishedDeployment } from '../ecs/deployments.ts';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { signingKey, verifyingKey } from '../secrets/signing.ts';
import { errorCode, readIfThere, replaceFile } from '../secrets/stores/files.ts';
import { runnerText, type Claim } from './claim.ts';
import type { Strategy } from './issuer.ts';
import type { StepResult } from './steps.ts';
import type { Evidence, RotateResult, Work } from './work.ts';

/** What is recorded. Times are ISO 8601, UTC. */
export interface RotationRecord {
  format: 1;
  kind: Claim['kind'];
  rotationId: string;
  secret: RotateResult['secret'];
  issuer: string;
  fields: readonly string[];
  strategy: Strategy;
  outcome: 'rotated' | 'resumed' | 'rolled-back' | 'undone' | 'withdrawn';
  /** Who began it, and when. */
  by: string;
  since: string;
  /** Who brought it to its end, and when. */
  endedBy: string;
  endedAt: string;
  reason: string | null;
  /** Rotations that stopped and that this one took over from. */
  follows: readonly string[];
  versions: { before: string; after: string };
  deployment: Omit<FinishedDeployment, 'stopped'> | null;
  windowMs: number | null;
  before: Evidence;
  /** The steps of the last run, up to the record. */
  steps: Omit<StepResult, 'text'>[];
}

/** Keeps records. */
export interface Recorder {
  /** Make sure that a record can be written, before anything is changed. @throws JamfMcpError INPUT_INVALID */
  prepare(): Promise<void>;
  /** @returns where it is kept. The record of the same rotation takes the place of an earlier one. */
  write(record: RotationRecord): Promise<string>;
}

const FOLDER = 'rotations';
const FORMAT = 1;

/**
 * Records as files of a data folder, signed with its key.
 * @param folder - the data folder; made where there is none, for its owner only
 */
export function fileRecorder(folder: string, context: Context): Recorder {
  const place = join(folder, FOLDER);
  const told = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (isInterruption(cause) || errorCode(cause) === '') throw cause;
      throw new JamfMcpError(
        'INPUT_INVALID',
        `the record of the rotation cannot be kept in ${place} (${messageOf(cause)})`,
        'check who owns the folder and whether it is full, or name another as localStore in jamf-mcp.yaml',
        { cause },
      );
    }
  };
  return {
    prepare: () =>
      told(async () => {
        await mkdir(place, { recursive: true, mode: 0o700 });
        await signingKey(folder);
      }),
    write: (record) =>
      told(async () => {
        const path = join(place, `${record.rotationId}.json`);
        const signature = sign(null, Buffer.from(JSON.stringify(record)), await signingKey(folder)).toString('base64');
        const text = `${JSON.stringify({ record, signature } satisfies SignedRecord, null, 2)}\n`;
        await replaceFile(path, Buffer.from(text), context, () => Promise.resolve());
        return path;
      }),
  };
}

interface SignedRecord {
  record: RotationRecord;
  /** Ed25519 over the record as JSON without white space, base64. */
  signature: string;
}

/** A record that was read. */
export interface KeptRecord {
  path: string;
  record: RotationRecord;
  /** Why it cannot be trusted; null for one that nobody has touched. */
  problem: string | null;
}

/**
 * The files in the place of records that hold none: damaged, or somebody else's.
 * @param folder - the data folder
 * @returns their paths
 */
export async function unreadableRecords(folder: string): Promise<string[]> {
  const paths = (await namesIn(join(folder, FOLDER))).map((name) => join(folder, FOLDER, name));
  const texts = await Promise.all(paths.map(readIfThere));
  return paths.filter((_path, index) => texts[index] !== null && parse(texts[index]?.toString() ?? '') === null);
}

/**
 * The records of rotations, newest first.
 * @param folder - the data folder
 * @param which - of one secret, of one environment; `limit`: how many at most
 */
export async function readRecords(
  folder: string,
  which: { secret?: string; environment?: string; limit: number },
): Promise<KeptRecord[]> {
  const place = join(folder, FOLDER);
  const key = await verifyingKey(folder);
  const found: KeptRecord[] = [];
  for (const name of await namesIn(place)) {
    const path = join(place, name);
    const signed = parse((await readIfThere(path))?.toString() ?? '');
    if (!signed) continue;
    const { name: secret, environment } = signed.record.secret;
    if (secret !== (which.secret ?? secret) || environment !== (which.environment ?? environment)) continue;
    const text = Buffer.from(JSON.stringify(signed.record));
    const good = key && verify(null, text, key, Buffer.from(signed.signature, 'base64'));
    const problem = good ? null : key ? 'has been changed' : 'cannot be checked: the key is gone or damaged';
    found.push({ path, record: signed.record, problem });
  }
  return found.sort((a, b) => b.record.endedAt.localeCompare(a.record.endedAt)).slice(0, which.limit);
}

async function namesIn(place: string): Promise<string[]> {
  try {
    return (await readdir(place)).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function parse(text: string): SignedRecord | null {
  try {
    const value = JSON.parse(text) as Partial<SignedRecord> | null;
    const whole =
      typeof value?.signature === 'string' &&
      value.record?.format === FORMAT &&
      typeof value.record.endedAt === 'string' &&
      typeof (value.record as Partial<RotationRecord>).secret?.name === 'string';
    return whole ? (value as SignedRecord) : null;
  } catch {
    return null; // torn or foreign: no record of ours
  }
}

/** The record of a run that has come to its end but for the last label. */
export function recordOf(
  work: Work,
  outcome: RotationRecord['outcome'],
  steps: readonly StepResult[],
  windowMs: number | null,
): RotationRecord {
  const { claim, input, store, context, deployment, before } = work;
  return {
    format: FORMAT,
    kind: claim.kind,
    rotationId: claim.rotationId,
    secret: { name: input.secret, arn: work.arn, store: store.kind, environment: input.environment },
    issuer: claim.issuer,
    fields: claim.fields,
    strategy: claim.strategy,
    outcome,
    by: runnerText(claim.by),
    since: claim.since,
    endedBy: runnerText(input.runner),
    endedAt: new Date(context.clock.now()).toISOString(),
    reason: claim.reason,
    follows: claim.follows,
    versions: { before: claim.base, after: claim.target ?? claim.rotationId },
    deployment: deployment && withoutStopped(deployment),
    windowMs,
    before,
    steps: steps.map(({ name, state, startedAt, durationMs }) => ({ name, state, startedAt, durationMs })),
  };
}

function withoutStopped(deployment: FinishedDeployment): Omit<FinishedDeployment, 'stopped'> {
  const { id, state, startedAt, finishedAt, running, desired, reason } = deployment;
  return { id, state, startedAt, finishedAt, running, desired, reason };
}
