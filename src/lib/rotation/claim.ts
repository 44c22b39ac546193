/**
 * The claim: a version of the secret that says who rotates it. While AWSPENDING is on it, or on the version that came
 * of it, nobody else begins: the label is moved by compare-and-swap, and a rotation function of AWS respects it too.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Secret } from '../redact.ts';
import { CLAIM_FIELD, withoutClaim } from '../secrets/claim.ts';
import type { Fields } from '../secrets/store.ts';
import type { Strategy } from './issuer.ts';

/** The process that does, or did, the work. */
export interface Runner {
  user: string | null;
  /** Name of the machine; of a rotation function, its own name. */
  host: string;
  /** {@link FUNCTION} for a rotation function of AWS. */
  pid: number;
}

/** In the place of a process id: a rotation function, whose end AWS itself sees to. */
export const FUNCTION = 0;

/** What a claim says. Times are ISO 8601, UTC. */
export interface Claim {
  /** `undo`: makes the version before current again. */
  kind: 'rotation' | 'undo';
  /** Id of the version to be; of an undo, an id of its own. */
  rotationId: string;
  by: Runner;
  since: string;
  /** Why, in the words of whoever began it. */
  reason: string | null;
  issuer: string;
  /** {@link IssuerChoice.mode} */
  mode: string | null;
  /** The fields that get new values. */
  fields: readonly string[];
  strategy: Strategy;
  /** The service to redeploy. */
  ecs: { cluster: string; service: string } | null;
  /** The service whose tasks have to be able to get AWSPENDING before anything is made; null: that is not proved. */
  proof: { cluster: string; service: string } | null;
  /** The version that was current when it began. */
  base: string;
  /** Of an undo: the version that is to be current again. */
  target: string | null;
  /** Rotations that stopped and that this one took over from, oldest first. */
  follows: readonly string[];
  /** The earliest time at which one of those may have made the value in use refused. */
  windowFrom: string | null;
  /** {@link Proof.keep} */
  keep: Fields;
}

/** A claim as it is stored: no two are the same text, so that a store never takes one for a repetition of another. */
interface StoredClaim extends Omit<Claim, 'keep'> {
  keep: Readonly<Record<string, string>>;
  nonce: string;
}

/**
 * The id of a rotation: it follows from the version that it begins from, and a number. A store takes a version id once,
 * so of all that begin from one version with one number a single one gets its claim stored; whoever looked at a version
 * that has been rotated away since is refused right there.
 * @param attempt - 0 for the first rotation from that version; the next after one that was given up or put back
 */
export const rotationIdFor = (base: string, attempt: number): string => idFrom(`${base}:rotation:${String(attempt)}`);

/** The version id of a rotation's claim, so that it is found from the version that came of it. */
export const claimIdOf = (rotationId: string): string => idFrom(`${rotationId}:claim`);

function idFrom(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  // RFC 9562: version 8 is for ids of one's own making.
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** Whether a version id is one of {@link rotationIdFor}, or of a claim: ids that the AWS SDKs and the AWS CLI make are random. */
export const isRotationId = (versionId: string): boolean => /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-a/.test(versionId);

/** What is stored as the claim: the fields as they are, and what it says. */
export function claimFields(current: Fields, claim: Claim): Fields {
  const keep = Object.fromEntries([...claim.keep].map(([name, value]) => [name, value.reveal()]));
  const stored: StoredClaim = { ...claim, keep, nonce: randomUUID() };
  return new Map([...withoutClaim(current), [CLAIM_FIELD, new Secret(JSON.stringify(stored))]]);
}

/**
 * Read a claim out of a version.
 * @returns null for a version that is none, or whose claim is not readable
 */
export function claimIn(fields: Fields): Claim | null {
  const text = fields.get(CLAIM_FIELD)?.reveal();
  if (text === undefined) return null;
  try {
    return claimFrom(JSON.parse(text));
  } catch {
    return null; // not JSON: somebody else's field of that name
  }
}

function claimFrom(value: unknown): Claim | null {
  if (!isObject(value)) return null;
  const { rotationId, since, issuer, base, by } = value;
  const runner = isObject(by) ? by : {};
  const texts = [rotationId, since, issuer, base, runner.host];
  if (!texts.every((text) => typeof text === 'string') || Number.isNaN(Date.parse(String(since)))) return null;
  return {
    kind: value.kind === 'undo' ? 'undo' : 'rotation',
    rotationId: String(rotationId),
    by: { user: textOr(runner.user), host: String(runner.host), pid: Number(runner.pid) },
    since: String(since),
    reason: textOr(value.reason),
    issuer: String(issuer),
    mode: textOr(value.mode),
    fields: textsIn(value.fields),
    strategy: value.strategy === 'alternate' ? 'alternate' : 'single',
    ecs: serviceOr(value.ecs),
    proof: serviceOr(value.proof),
    base: String(base),
    target: textOr(value.target),
    follows: textsIn(value.follows),
    windowFrom: textOr(value.windowFrom),
    keep: new Map(
      Object.entries(isObject(value.keep) ? value.keep : {}).map(([name, kept]) => [name, new Secret(String(kept))]),
    ),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const serviceOr = (value: unknown) =>
  isObject(value) ? { cluster: String(value.cluster), service: String(value.service) } : null;
const textOr = (value: unknown) => (typeof value === 'string' ? value : null);
const textsIn = (value: unknown) => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);

/** How long one invocation of a rotation function has a rotation to itself, in ms. */
export const LEASE_MS = 45_000;

/**
 * Whether whoever began a rotation is still at it.
 * @param isRunning - tells of a process
 * @param now - milliseconds since 1970
 * @returns null where that cannot be known, as of a process on another machine, or of a function that AWS may call again
 */
export function isAtWork(
  { by, since }: Pick<Claim, 'by' | 'since'>,
  isRunning: (runner: Runner) => boolean | null,
  now: number,
): boolean | null {
  if (by.pid !== FUNCTION) return isRunning(by);
  return now - Date.parse(since) < LEASE_MS ? true : null;
}

/** `alice@laptop (process 4711)` */
export function runnerText({ user, host, pid }: Runner): string {
  if (pid === FUNCTION) return `the rotation function ${host}`;
  return `${user ?? 'somebody'}@${host} (process ${String(pid)})`;
}

/** `since 2026-11-22T03:04:05Z (4 min)` */
export function sinceText(since: string, now: number): string {
  const minutes = Math.max(0, Math.floor((now - Date.parse(since)) / 60_000));
  const age =
    minutes < 1
      ? 'less than a minute'
      : minutes < 120
        ? `${String(minutes)} min`
        : `${String(Math.floor(minutes / 60))} h`;
  return `since ${since.replace(/\.\d+Z$/, 'Z')} (${age})`;
}
