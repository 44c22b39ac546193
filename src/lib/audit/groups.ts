/** The accesses by who made them. */
import type { AuditedAccess } from './access.ts';
import type { Outcome } from './event.ts';
import type { Explanation } from './explain.ts';
import { identityOf } from './principal.ts';

/** What one identity did: sessions of one role are one identity. */
export interface IdentityGroup {
  identity: string;
  accesses: number;
  unexplained: number;
  /** ISO 8601, UTC; null where no record tells a time. */
  first: string | null;
  last: string | null;
  outcomes: Partial<Record<Outcome, number>>;
  explanations: Partial<Record<Explanation['kind'], number>>;
  actions: Record<string, number>;
}

/**
 * Group.
 * @param accesses - oldest first
 * @returns most unexplained first, then most accesses
 */
export function groupByIdentity(accesses: readonly AuditedAccess[]): IdentityGroup[] {
  return [...Map.groupBy(accesses, ({ principal }) => identityOf(principal))]
    .map(([identity, group]) => ({
      identity,
      accesses: group.length,
      unexplained: group.filter(({ explanation }) => explanation === null).length,
      first: group.find(({ time }) => time !== null)?.time ?? null,
      last: group.findLast(({ time }) => time !== null)?.time ?? null,
      outcomes: count(group.map(({ outcome }) => outcome)),
      explanations: count(group.flatMap(({ explanation }) => (explanation ? [explanation.kind] : []))),
      actions: count(group.map(({ action }) => action)),
    }))
    .sort((a, b) => b.unexplained - a.unexplained || b.accesses - a.accesses || (a.identity < b.identity ? -1 : 1));
}

function count<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return Object.fromEntries(counts) as Record<Key, number>;
}
