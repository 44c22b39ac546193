/** What a server tells of the rotation of its secret: that one is due, or that one stopped half-way. */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { runnerText, sinceText } from '../rotation/claim.ts';
import { dueDate, dueText, type Due } from '../secrets/due.ts';
import { HOW_FAR, look, type Standing } from '../rotation/plan.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretInfo, type SecretStore } from '../secrets/store.ts';

/** A rotation that is under way, or was. */
export interface UnderWay {
  /** `claimed`, `staged`, `promoted`, `reverted`, `undoing`; `foreign` where it is not one of this program's. */
  state: Exclude<Standing['kind'], 'free'>;
  /** Version that AWSPENDING is on. */
  versionId: string;
  /** Who began it; null where that is not known. */
  by: string | null;
  /** ISO 8601, UTC; null where that is not known. */
  since: string | null;
  /** Whether it is older than any rotation takes: {@link STUCK_MS}. */
  stuck: boolean;
}

/** What is to be known of the rotation of a secret. */
export interface RotationOutlook {
  due: Due | null;
  underWay: UnderWay | null;
  /** What somebody has to do something about: one line each, with the command that does. */
  warnings: readonly string[];
}

/** A rotation waits half an hour for its deployment unless told otherwise, and goes back after that; in ms. */
const STUCK_MS = 3_600_000;

/** A rotation that nothing but a person does is told this long before it is due, in days. */
const REMIND_DAYS = 7;

/**
 * Look at labels and dates.
 * @param info - as the store has just described the secret
 * @throws JamfMcpError as the store does
 */
export async function rotationOutlook(
  store: SecretStore,
  info: SecretInfo,
  context: Context,
): Promise<RotationOutlook> {
  const now = context.clock.now();
  const due = dueDate(info, now);
  const underWay = await underWayOf(store, info, context);
  const warnings = [due && dueWarning(info.name, due), underWay && stuckWarning(info.name, underWay, now)];
  return { due, underWay, warnings: warnings.filter((text) => text !== null) };
}

function dueWarning(name: string, due: Due): string | null {
  const soon = !due.automatic && due.daysLeft !== null && due.daysLeft <= REMIND_DAYS;
  if (!due.overdue && !soon) return null;
  const remedy = due.automatic ? '`jamf-mcp rotate schedule status` tells why' : '`jamf-mcp rotate` does it';
  return `secret ${name}: ${dueText(due)}; ${remedy}`;
}

function stuckWarning(name: string, { state, versionId, by, since, stuck }: UnderWay, now: number): string | null {
  if (!stuck) return null;
  const age = since === null ? '' : `, ${sinceText(since, now)}`;
  const what =
    state === 'foreign'
      ? `AWSPENDING of secret ${name} is on version ${versionId}, which this program did not put it on${age}`
      : `the rotation of secret ${name} by ${by ?? 'somebody'}${age} was left unfinished: ${HOW_FAR[state]}`;
  return `${what}: see \`jamf-mcp rotate status\``;
}

async function underWayOf(store: SecretStore, info: SecretInfo, context: Context): Promise<UnderWay | null> {
  if (info.deletionAt !== null || versionWith(info, AWSPENDING) === null || versionWith(info, AWSCURRENT) === null)
    return null;
  const standing = await look(store, info.name, context);
  if (standing.kind === 'free') return null;
  const { kind: state, holder: versionId } = standing;
  const claim = 'claim' in standing ? standing.claim : null;
  const since = claim?.since ?? (await createdAt(store, info.name, versionId));
  const stuck = since !== null && context.clock.now() - Date.parse(since) > STUCK_MS;
  return { state, versionId, by: claim && runnerText(claim.by), since, stuck };
}

/** When a version was made, also where it holds no value yet; null where that may not be asked. */
async function createdAt(store: SecretStore, name: string, versionId: string): Promise<string | null> {
  try {
    return (await store.versions(name)).find((version) => version.versionId === versionId)?.createdAt ?? null;
  } catch (error) {
    if (error instanceof JamfMcpError && error.code === 'ACCESS_DENIED') return null;
    throw error;
  }
}

/** The look waits until the client has been greeted, in ms, and is repeated when its last one is this old. */
const FIRST_LOOK_MS = 1_000;
const LOOK_AGAIN_MS = 86_400_000;

/** Looks at the rotation of a secret now and then. */
export interface Watch {
  /** Look after a moment, and never fail. */
  begin(): Promise<void>;
  /** Look again where the last look was long ago; costs nothing otherwise. */
  again(): Promise<void>;
}

/**
 * Tell the host of rotations that are due or stuck, each thing once.
 * @param open - opens the store
 */
export function rotationWatch(open: () => Promise<SecretStore>, secret: string, context: Context): Watch {
  const told = new Set<string>();
  let lookedAt = -Infinity;

  async function tell(): Promise<void> {
    lookedAt = context.clock.now();
    try {
      const store = await open();
      const { warnings } = await rotationOutlook(store, await store.describe(secret), context);
      for (const text of warnings.filter((one) => !told.has(one))) context.host.notify({ kind: 'warning', text });
      for (const text of warnings) told.add(text);
    } catch (error) {
      // The first call of a tool tells what is wrong with the store.
      if (isInterruption(error)) return;
      context.host.notify({ kind: 'debug', text: `whether a rotation is due cannot be told: ${messageOf(error)}` });
    }
  }

  return {
    async begin() {
      try {
        await context.clock.sleep(FIRST_LOOK_MS, context.signal);
      } catch (error) {
        if (isInterruption(error)) return;
        throw error;
      }
      await tell();
    },
    async again() {
      if (context.clock.now() - lookedAt >= LOOK_AGAIN_MS) await tell();
    },
  };
}
