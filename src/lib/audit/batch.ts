/**
 * Every deed once. AWS writes several records of some: of a BatchGetSecretValue one of the batch and one for each secret
 * (or the first alone), of a read one of Secrets Manager and one of KMS, of a call across accounts one in each. All of
 * them stay in the timeline; those that tell of a deed another time are marked, and nobody counts them.
 * Facts: audit.md §3 "BatchGet double counting" and "Cross-account", §1 on KMS.
 */
import { VALUE_READS } from './access.ts';
import type { SettledAccess } from './timeline.ts';

/** How far apart the records of one deed lie: CloudTrail counts whole seconds, and KMS is called within the call. */
export const TOGETHER_MS = 2_000;

/** What can tell of a deed another time, and what it then belongs to. A call of KMS is one that Secrets Manager made. */
type Role = 'batch' | 'read' | 'write' | 'decrypt' | 'data-key';

/** By what something is counted instead, the likelier first. */
const COUNTED_WITH: Readonly<Partial<Record<Role, readonly Role[]>>> = {
  batch: ['read'],
  decrypt: ['read', 'batch', 'write'],
  'data-key': ['write'],
};

const ROLES = Object.keys(COUNTED_WITH) as Role[];

const WRITES = new Set(['CreateSecret', 'PutSecretValue', 'UpdateSecret']);

function roleOf({ service, action, invokedBy, secret, context }: SettledAccess): Role | null {
  if (context || secret === null) return null;
  if (service === 'kms') {
    if (invokedBy !== 'secretsmanager.amazonaws.com') return null;
    return action === 'Decrypt' ? 'decrypt' : action === 'GenerateDataKey' ? 'data-key' : null;
  }
  if (action === 'BatchGetSecretValue') return 'batch';
  return VALUE_READS.has(action) ? 'read' : WRITES.has(action) ? 'write' : null;
}

/** An access that another may belong to, or that may belong to another. */
interface Open {
  access: SettledAccess;
  role: Role;
  at: number;
  /** What it already stands for: one of each. */
  taken: Set<Role>;
}

/** Accesses after which what is too old is forgotten. */
const SWEEP = 4_096;

/**
 * Accesses of one caller to one secret that another may still belong to, and accesses that wait for another: records of
 * one deed come close together, and in a flood the rest is rather counted twice than kept.
 */
const MOST_OPEN = 100;
const MOST_WAITING = 20_000;

/**
 * Mark what tells of a deed another time: {@link SettledAccess.countedWith} names the event that is counted, and
 * `context` says that it is not counted itself.
 * @param batches - in order of time
 * @returns the same accesses in the same order
 */
export async function* countedOnce(
  batches: AsyncIterable<readonly SettledAccess[]>,
): AsyncGenerator<readonly SettledAccess[], void> {
  const open = new Map<string, Open[]>();
  const shared = new Map<string, { access: SettledAccess; at: number }>();
  let waiting: { access: SettledAccess; at: number }[] = [];
  let seen = 0;
  let now = Number.NEGATIVE_INFINITY;
  for await (const batch of batches) {
    for (const access of batch) {
      const at = access.time === null ? Number.NEGATIVE_INFINITY : Date.parse(access.time);
      now = Math.max(now, at);
      waiting.push({ access, at });
      if (access.time === null) continue;
      seen += 1;
      if (seen % SWEEP === 0) sweep(now);
      if (!isTwin(access, at)) pair(access, at);
    }
    // What has no time comes first, and belongs to nothing.
    const first = now === Number.NEGATIVE_INFINITY ? -1 : waiting.findIndex(({ at }) => at >= now - TOGETHER_MS);
    const ready = Math.max(first < 0 ? waiting.length : first, waiting.length - MOST_WAITING);
    if (ready > 0) {
      yield waiting.slice(0, ready).map(({ access }) => access);
      waiting = waiting.slice(ready);
    }
  }
  if (waiting.length > 0) yield waiting.map(({ access }) => access);

  /** The same call in the record of another account. */
  function isTwin(access: SettledAccess, at: number): boolean {
    if (access.sharedEventId === null) return false;
    const key = `${access.sharedEventId}\n${access.secretName ?? ''}`;
    const first = shared.get(key);
    if (!first || first.access.eventId === access.eventId || at - first.at > TOGETHER_MS) {
      shared.set(key, { access, at });
      return false;
    }
    mark(access, first.access);
    return true;
  }

  function pair(access: SettledAccess, at: number): void {
    const role = roleOf(access);
    if (role === null) return;
    const key = `${access.principal.arn ?? ''}\n${access.secretName ?? ''}`;
    const one: Open = { access, role, at, taken: new Set() };
    const around = (open.get(key) ?? []).filter((other) => at - other.at <= TOGETHER_MS && agree(one, other));
    if (!give(one, around)) for (const other of around) if (other.access.countedWith === null) give(other, [one]);
    const list = open.get(key);
    if (!list) open.set(key, [one]);
    else if (list.push(one) > MOST_OPEN) list.shift();
  }

  function sweep(to: number): void {
    for (const [key, list] of open) {
      const kept = list.filter(({ at }) => to - at <= TOGETHER_MS);
      if (kept.length === 0) open.delete(key);
      else open.set(key, kept);
    }
    for (const [key, { at }] of shared) if (to - at > TOGETHER_MS) shared.delete(key);
  }
}

/** Count one with the best of some others; whether there was any. */
function give(one: Open, others: readonly Open[]): boolean {
  if (!ROLES.includes(one.role)) return false;
  for (const wanted of COUNTED_WITH[one.role] ?? []) {
    const free = others.filter(
      ({ role, taken, access }) => role === wanted && !taken.has(one.role) && access !== one.access,
    );
    // Of two reads the one that names this very version, then the nearest.
    const [best] = free.sort(
      (a, b) => Number(versionOf(b) !== null) - Number(versionOf(a) !== null) || apart(a, one) - apart(b, one),
    );
    if (!best) continue;
    best.taken.add(one.role);
    mark(one.access, best.access);
    return true;
  }
  return false;
}

const apart = (a: Open, b: Open) => Math.abs(a.at - b.at);

function mark(access: SettledAccess, by: SettledAccess): void {
  access.context = true;
  access.countedWith = by.eventId;
}

/** Whether nothing speaks against two records being of one deed. */
function agree(a: Open, b: Open): boolean {
  const [first, second] = [versionOf(a), versionOf(b)];
  return (
    a.access.outcome === b.access.outcome &&
    a.access.region === b.access.region &&
    (first === null || second === null || first === second)
  );
}

/** Version ids come in either case. */
function versionOf({ access: { details }, role }: Open): string | null {
  const id = role === 'write' ? details.token : details.versionId;
  return typeof id === 'string' ? id.toLowerCase() : null;
}
