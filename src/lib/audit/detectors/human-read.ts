import type { AuditedAccess } from '../access.ts';
import { agentFamily } from '../family.ts';
import { distinct } from './distinct.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, isAccountedFor, isRead, times } from './words.ts';

/** How a person is told from a program, the surest sign first. */
const SIGNS: readonly (readonly [string, (access: AuditedAccess) => boolean])[] = [
  ['a session of the AWS console', ({ console }) => console],
  ['a role of IAM Identity Center', ({ principal }) => principal.role?.includes('/AWSReservedSSO_') === true],
  ['a federated user', ({ principal }) => principal.type === 'FederatedUser'],
  ['a browser', ({ userAgent }) => agentFamily(userAgent) === 'console'],
  ['a session named like a person', ({ principal }) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(principal.session ?? '')],
];

const signOf = (access: AuditedAccess): string | null => SIGNS.find(([, is]) => is(access))?.[0] ?? null;

export const humanRead = gathering({
  id: 'human-read',
  about: {
    finds: 'a value read by a person, in the console or from a terminal',
    severity: 'medium where nothing explains it, high without a second factor, low for a known caller',
    technique: 'T1555.006',
    logic:
      'a value read in a session of the console, by a role of IAM Identity Center (AWSReservedSSO_…), by a federated user, by a browser, or in a session named like a person. Reads for a reason in the break-glass log, and those of whoever runs the audit, are left out',
    falsePositives: 'a developer in an account for development; a program that runs under the session of a person',
  },
  concerns: (access) =>
    isRead(access) && !isAccountedFor(access) && access.explanation?.kind !== 'self' && signOf(access) !== null,
  own: (budget) => ({ signs: distinct(budget), withoutMfa: 0 }),
  note(deeds, access) {
    deeds.signs.add(signOf(access));
    if (access.mfa === false && access.explanation === null) deeds.withoutMfa += 1;
  },
  tell: (deeds) => ({
    severity: deeds.withoutMfa > 0 ? 'high' : graded(deeds, 'medium', 'low'),
    title: `a person read the value: ${deeds.sessions.few() || deeds.key}`,
    why: `${circumstances(deeds)}, ${times(deeds.count)} as ${deeds.key}: ${deeds.signs.few()}${deeds.withoutMfa > 0 ? ', without a second factor' : ''}`,
    fix: 'ask for the reason; where values have to be read, `jamf-mcp secrets reveal --reason …` keeps it, and rotating afterwards makes what was seen worthless',
  }),
});
