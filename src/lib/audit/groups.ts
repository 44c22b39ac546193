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

/** Groups accesses as they pass. */
export interface Grouper {
  see(access: AuditedAccess): void;
  /** @returns most unexplained first, then most accesses */
  groups(): IdentityGroup[];
}

/** A grouper. */
export function grouper(): Grouper {
  const groups = new Map<string, IdentityGroup>();
  return {
    see({ principal, explanation, outcome, action, time }) {
      const identity = identityOf(principal);
      const group = groups.get(identity) ?? { identity, ...EMPTY, outcomes: {}, explanations: {}, actions: {} };
      groups.set(identity, group);
      group.accesses += 1;
      if (explanation === null) group.unexplained += 1;
      else count(group.explanations, explanation.kind);
      count(group.outcomes, outcome);
      count(group.actions, action);
      group.first ??= time;
      group.last = time ?? group.last;
    },
    groups: () =>
      [...groups.values()].sort(
        (a, b) => b.unexplained - a.unexplained || b.accesses - a.accesses || (a.identity < b.identity ? -1 : 1),
      ),
  };
}

const EMPTY = { accesses: 0, unexplained: 0, first: null, last: null };

function count<Key extends string>(counts: Partial<Record<Key, number>>, key: Key): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
