/** The accesses behind the findings: the result lists those that are counted, and what guards a secret is kept here. */
import type { AuditedAccess } from '../access.ts';

/** Records that are kept: a trail that is stopped is a rare thing. */
const KEPT = 10_000;

/** Evidence, as far as it is kept. */
export interface Evidence {
  /** Called for every record that is not counted. */
  readonly see: (access: AuditedAccess) => void;
  /** @returns the accesses by their event's id, with those that the result lists */
  all(listed: readonly AuditedAccess[]): ReadonlyMap<string, AuditedAccess>;
}

/** Keeps what no result lists. */
export function unlistedEvidence(): Evidence {
  const kept = new Map<string, AuditedAccess>();
  return {
    see(access) {
      if (access.countedWith === null && kept.size < KEPT) kept.set(access.eventId, access);
    },
    all: (listed) => new Map([...kept, ...listed.map((access) => [access.eventId, access] as const)]),
  };
}
