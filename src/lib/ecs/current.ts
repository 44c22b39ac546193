/**
 * Whether a task holds the secret as it is now. A task reads its secrets once, between its creation and its start; so
 * what counts is when AWSCURRENT came to the version that it is on, and no API tells that: the version's creation and
 * the secret's last change are its bounds, and CloudTrail may know the moment in between.
 */
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import type { AwsSettings } from '../aws.ts';
import type { Context } from '../host.ts';
import { recordedCalls } from './trail.ts';
import { followsCurrent, means, parseValueFrom } from './value-from.ts';

/** What is asked of a store here. */
export interface SecretVersions {
  /** @throws JamfMcpError SECRET_NOT_FOUND, ACCESS_DENIED … */
  describe(name: string): Promise<{
    name: string;
    arn: string;
    changedAt: string | null;
    stages: Readonly<Record<string, readonly string[]>>;
  }>;
  versions(name: string): Promise<readonly { versionId: string; createdAt: string | null }[]>;
}

/** Since when AWSCURRENT is where it is. */
export interface CurrentSecret {
  name: string;
  arn: string;
  versionId: string;
  /** Not before and not after, ISO 8601, UTC; a second apart where CloudTrail knows it. */
  from: string;
  to: string;
}

/**
 * - `current`: it started after AWSCURRENT was last moved
 * - `old`: it started before
 * - `unclear`: in between the two bounds
 * - `pinned`: its task definition names a version or another staging label, so that a rotation does not reach it
 * - `none`: its task definition gives it nothing of this secret
 */
export type Holds = 'current' | 'old' | 'unclear' | 'pinned' | 'none';

/**
 * Find out since when the secret is as it is.
 * @param starts - when tasks were created; CloudTrail is asked only where one of them is between the bounds
 * @returns null where nothing carries AWSCURRENT
 * @throws what the store throws
 */
export async function currentSecret(
  store: SecretVersions,
  secret: string,
  aws: AwsSettings,
  starts: readonly string[],
  context: Context,
): Promise<CurrentSecret | null> {
  const info = await store.describe(secret);
  const versionId = Object.entries(info.stages).find(([, labels]) => labels.includes('AWSCURRENT'))?.[0];
  if (versionId === undefined) return null;
  const version = (await store.versions(info.name)).find((candidate) => candidate.versionId === versionId);
  const made = Date.parse(version?.createdAt ?? '') || 0;
  const changed = Math.max(made, Date.parse(info.changedAt ?? '') || context.clock.now());
  const found = { name: info.name, arn: info.arn, versionId, from: iso(made), to: iso(changed) };
  const needed = starts.some((start) => Date.parse(start) >= made && Date.parse(start) < changed);
  if (!needed) return found;
  const since = await lastMove(found, aws, made, changed, context);
  return since ? { ...found, from: iso(since.from), to: iso(since.to) } : found;
}

/** CloudTrail keeps 90 days and is up to 15 minutes late (its user guide). */
const REACH_MS = 90 * 86_400_000;
const LATE_MS = 15 * 60_000;

/** CloudTrail counts in whole seconds. */
const SECOND_MS = 1_000;

async function lastMove(
  { name, arn }: CurrentSecret,
  aws: AwsSettings,
  made: number,
  changed: number,
  context: Context,
): Promise<{ from: number; to: number } | null> {
  const now = context.clock.now();
  const since = Math.max(made - SECOND_MS, now - REACH_MS);
  const query = { aws, event: 'UpdateSecretVersionStage', since, until: changed + SECOND_MS };
  const calls = await recordedCalls(query, context);
  if (!calls) return null;
  const moves = calls
    .filter(
      ({ request }) => (request.secretId === name || request.secretId === arn) && request.versionStage === 'AWSCURRENT',
    )
    .map(({ at }) => at);
  if (moves.length > 0) {
    const last = Math.max(...moves);
    return { from: last, to: last + SECOND_MS };
  }
  // No move: it came with the version itself, as far back as CloudTrail reaches and as far as it has delivered.
  if (changed > now - LATE_MS) return null;
  return made >= since ? { from: made, to: made } : { from: made, to: Math.min(changed, since) };
}

/**
 * What a task holds of a secret.
 * @param task - its times, ISO 8601; `definition`: null where it cannot be read
 */
export function holds(
  task: { createdAt: string | null; startedAt: string | null; definition: TaskDefinition | null },
  { arn, versionId, from, to }: CurrentSecret,
): Holds {
  if (!task.definition) return 'unclear';
  const references = (task.definition.containerDefinitions ?? [])
    .flatMap(({ secrets = [] }) => secrets)
    .flatMap(({ valueFrom = '' }) => parseValueFrom(valueFrom) ?? [])
    .filter((reference) => means(reference, arn));
  if (references.length === 0) return 'none';
  const following = references.filter(followsCurrent);
  if (following.length === 0) {
    return references.every((reference) => reference.versionId === versionId) ? 'current' : 'pinned';
  }
  const read = task.startedAt ?? task.createdAt;
  if (task.createdAt !== null && Date.parse(task.createdAt) >= Date.parse(to)) return 'current';
  return read !== null && Date.parse(read) < Date.parse(from) ? 'old' : 'unclear';
}

const iso = (ms: number) => new Date(ms).toISOString();
