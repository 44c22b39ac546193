/**
 * Refused calls. The kind of policy in the refusal tells more: a missing permission is often a role set up wrongly, an
 * explicit deny is a door that somebody has locked on purpose.
 * False positives: a new role before its policy has arrived; a deployment with the wrong execution role.
 */
import type { AuditedAccess } from '../access.ts';
import type { Denial } from '../denial.ts';
import { circumstances, fewOf, perIdentity, times, type Severity } from './detector.ts';

/** Who was refused decides: a stranger at the door, the service itself, whoever runs this audit. */
function severityOf(accesses: readonly AuditedAccess[]): Severity {
  if (accesses.some(({ explanation }) => explanation === null)) return 'high';
  return accesses.every(({ explanation }) => explanation?.kind === 'self') ? 'low' : 'medium';
}

function reasonOf({ policy, explicit }: Denial): string | null {
  if (explicit === null) return null;
  const kind = policy === null ? 'policy' : /policy|boundary/.test(policy) ? policy : `${policy} policy`;
  return explicit ? `explicit deny by ${kind}` : `no ${kind} allows it`;
}

export const deniedAccess = perIdentity(
  'denied-access',
  ({ outcome }) => outcome === 'denied',
  ({ identity, accesses, count }) => {
    const reasons = fewOf(accesses.map(({ denial }) => (denial ? reasonOf(denial) : null)));
    return {
      severity: severityOf(accesses),
      title: `${identity} was refused ${times(count)}`,
      why: `${circumstances(accesses)}: ${reasons || 'the record does not tell which policy refused'}`,
      fix: 'where it needs the secret, allow the action on the ARN of this secret alone; where it does not, find out who runs it, and take its key or session away',
      technique: 'T1555.006',
    };
  },
);
