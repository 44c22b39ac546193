import type { Denial } from '../denial.ts';
import { distinct } from './distinct.ts';
import { gathering } from './gather.ts';
import { circumstances, times } from './words.ts';

function reasonOf({ policy, explicit }: Denial): string | null {
  if (explicit === null) return null;
  const kind = policy === null ? 'policy' : /policy|boundary/.test(policy) ? policy : `${policy} policy`;
  return explicit ? `explicit deny by ${kind}` : `no ${kind} allows it`;
}

export const deniedAccess = gathering({
  id: 'denied-access',
  about: {
    finds: 'calls that were refused',
    severity: 'high where nothing explains the caller, low for whoever runs the audit, else medium',
    technique: 'T1555.006',
    logic:
      'every refused call, by identity. The kind of policy is read from the refusal: a missing permission is often a role set up wrongly, an explicit deny is a door that somebody has locked on purpose',
    falsePositives: 'a new role before its policy has arrived; a deployment with the wrong execution role',
  },
  concerns: ({ outcome }) => outcome === 'denied',
  own: (budget) => ({ reasons: distinct(budget) }),
  note: ({ reasons }, { denial }) => reasons.add(denial && reasonOf(denial)),
  tell: (deeds) => ({
    severity: deeds.unexplained > 0 ? 'high' : deeds.allSelf ? 'low' : 'medium',
    title: `${deeds.key} was refused ${times(deeds.count)}`,
    why: `${circumstances(deeds)}: ${deeds.reasons.few() || 'the record does not tell which policy refused'}`,
    fix: 'where it needs the secret, allow the action on the ARN of this secret alone; where it does not, find out who runs it, and take its key or session away',
  }),
});
