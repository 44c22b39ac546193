/** Where a secret stands: read from its staging labels and the claim, which are the only record that decides. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { CLAIM_FIELD, withoutClaim } from '../secrets/claim.ts';
import { secretDeleted, versionNotFound } from '../secrets/document.ts';
import {
  AWSCURRENT,
  AWSPENDING,
  AWSPREVIOUS,
  versionWith,
  type Fields,
  type SecretStore,
  type SecretVersion,
} from '../secrets/store.ts';
import { claimIdOf, claimIn, FUNCTION, type Claim } from './claim.ts';
import { newestClaim } from './lambda-claim.ts';
import { again } from './patience.ts';

/** What the labels say. `current` is the version with AWSCURRENT, `holder` the one with AWSPENDING. */
export type Standing = { current: SecretVersion } & (
  | {
      /** Nothing is under way. `lock`: AWSPENDING is left on the current version, as rotation functions of AWS do. */
      kind: 'free';
      lock: string | null;
    }
  /** Claimed; whether a new value was made is not known. */
  | { kind: 'claimed'; holder: string; claim: Claim }
  /** An undo was begun. */
  | { kind: 'undoing'; holder: string; claim: Claim; attempt: number }
  /** The new value is stored (`staged`), current (`promoted`), or no longer current (`reverted`). */
  | {
      kind: 'staged' | 'promoted' | 'reverted';
      holder: string;
      claim: Claim;
      /** Number of the claim: each run that goes on with a rotation has the next one. */
      attempt: number;
      pending: SecretVersion;
      /** The fields before. */
      old: Fields;
    }
  /** AWSPENDING is on a version that nothing of ours put it on. */
  | { kind: 'foreign'; holder: string; why: string }
);

/** The kinds of {@link Standing} that one of our claims is behind. */
export type Claimed = Exclude<Standing, { kind: 'free' | 'foreign' }>;

/**
 * Look at the current version alone: one call tells whether it is safe to try. A rotation that has not promoted its
 * value yet is not seen here; taking the label then fails.
 */
export async function glance(store: SecretStore, name: string, context: Context): Promise<Standing> {
  const current = await store.read(name, { stage: AWSCURRENT });
  return current.stages.includes(AWSPENDING)
    ? onCurrent(store, current, context)
    : { kind: 'free', current, lock: null };
}

/**
 * Read all labels.
 * @throws JamfMcpError SECRET_NOT_FOUND, SECRET_DELETED, VERSION_NOT_FOUND where nothing is current …
 */
export async function look(store: SecretStore, name: string, context: Context): Promise<Standing> {
  const info = await store.describe(name);
  if (info.deletionAt !== null) throw secretDeleted(name, info.deletionAt);
  const currentId = versionWith(info, AWSCURRENT);
  if (currentId === null) throw versionNotFound(name, { stage: AWSCURRENT });
  const current = await store.read(name, { versionId: currentId });
  const holder = versionWith(info, AWSPENDING);
  if (holder === null) return { kind: 'free', current, lock: null };
  if (holder === currentId) return onCurrent(store, current, context);

  const pending = await readIfThere(store, name, holder, context);
  if (!pending) {
    // A rotation function announces a version, then claims it, and only then makes its value.
    const { claim } = await newestClaim(store, name, holder);
    return claim
      ? { kind: 'claimed', current, holder, claim }
      : { kind: 'foreign', current, holder, why: 'it holds no value' };
  }
  const own = claimIn(pending.fields);
  if (own?.kind === 'undo') {
    const { claim, attempt } = await newestClaim(store, name, own.rotationId);
    return { kind: 'undoing', current, holder, claim: claim ?? own, attempt: Math.max(attempt, 0) };
  }
  if (own) return { kind: 'claimed', current, holder, claim: own };
  const found = pending.fields.has(CLAIM_FIELD) ? null : await claimOf(store, pending, context);
  if (!found) return { kind: 'foreign', current, holder, why: 'it has no claim' };
  const reverted = info.stages[holder]?.includes(AWSPREVIOUS);
  return { kind: reverted ? 'reverted' : 'staged', current, holder, pending, ...found };
}

async function onCurrent(store: SecretStore, current: SecretVersion, context: Context): Promise<Standing> {
  const found = await claimOf(store, current, context);
  const holder = current.versionId;
  // After a rotation function the label may stay: nothing is left to do.
  return found && found.claim.by.pid !== FUNCTION
    ? { kind: 'promoted', current, holder, pending: current, ...found }
    : { kind: 'free', current, lock: holder };
}

/**
 * The claim of the rotation that a version came of.
 * @param withinMs - how long it may have to become visible
 * @returns null for a version that none of our rotations made; else also the fields before
 */
export async function claimOf(
  store: SecretStore,
  { name, versionId }: SecretVersion,
  context: Context,
  withinMs = SEEN_WITHIN_MS,
): Promise<{ claim: Claim; attempt: number; old: Fields } | null> {
  const version = await readIfThere(store, name, claimIdOf(versionId), context, withinMs);
  if (!version || !claimIn(version.fields)) return null;
  // One run may follow another, with a claim of its own.
  const { claim, attempt, fields } = await newestClaim(store, name, versionId, version);
  return claim && fields && { claim, attempt, old: withoutClaim(fields) };
}

/** How long a version that somebody has just written may be unknown, and the first pause, in ms (rotation.md §2c). */
const SEEN_WITHIN_MS = 3_000;
const FIRST_PAUSE_MS = 500;

/**
 * Read a version that may not be there, or not be known everywhere yet.
 * @returns null for one without a value, which a rotation function announces before it writes it
 */
export async function readIfThere(
  store: SecretStore,
  name: string,
  versionId: string,
  context: Context,
  withinMs = SEEN_WITHIN_MS,
): Promise<SecretVersion | null> {
  const isMissing = (error: unknown) => error instanceof JamfMcpError && error.code === 'VERSION_NOT_FOUND';
  try {
    return await again(() => store.read(name, { versionId }), {
      context,
      withinMs,
      firstPauseMs: FIRST_PAUSE_MS,
      when: isMissing,
      waiting: `version ${versionId} is not to be seen yet`,
    });
  } catch (error) {
    if (isMissing(error) || (error instanceof JamfMcpError && error.code === 'SECRET_MALFORMED')) return null;
    throw error;
  }
}

/** How far it has come, as the end of a sentence about it. */
export const HOW_FAR: Readonly<Record<Claimed['kind'], string>> = {
  claimed: 'it has claimed the secret, and may have made a new value that is not stored yet',
  staged: 'its new value is stored as AWSPENDING and not current yet',
  promoted: 'its new value is AWSCURRENT, the roll-out or the proof of it is still to come',
  reverted: 'it is going back: the value before is AWSCURRENT again, the roll-out of that is still to come',
  undoing: 'it is going back to an older version',
};
