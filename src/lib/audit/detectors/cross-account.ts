import type { AuditedAccess } from '../access.ts';
import { distinct } from './distinct.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, isAccountedFor, isChange, isRead, times } from './words.ts';

/** The account that owns a secret; null where only its name is known. */
const ownerOf = (secret: string | null): string | null =>
  /^arn:[^:]*:secretsmanager:[^:]*:([^:]+):secret:/.exec(secret ?? '')?.[1] ?? null;

function isForeign(access: AuditedAccess): boolean {
  const { principal, secret } = access;
  if (principal.type === 'AWSService' || isAccountedFor(access)) return false;
  const owner = ownerOf(secret);
  return owner !== null && principal.account !== null && principal.account !== owner;
}

export const crossAccount = gathering({
  id: 'cross-account',
  about: {
    finds: 'an access by a principal of another account than that of the secret',
    severity: 'high for a read or a change that nothing explains, else medium; low for a known caller',
    technique: 'T1199',
    logic: "the account of the caller is not the account in the secret's ARN; refused calls count, as low as medium",
    falsePositives: 'a secret that is shared on purpose: name its readers in audit.knownPrincipals',
  },
  concerns: isForeign,
  own: (budget) => ({ owners: distinct(budget), done: false }),
  note(deeds, access) {
    deeds.owners.add(ownerOf(access.secret));
    if (isRead(access) || isChange(access)) deeds.done = true;
  },
  tell: (deeds) => ({
    severity: graded(deeds, deeds.done ? 'high' : 'medium', 'low'),
    title: `${deeds.key} of account ${deeds.principal.account ?? '-'} came to secrets of account ${deeds.owners.few()}`,
    why: `${circumstances(deeds)}, ${times(deeds.count)}${deeds.done ? '' : ', with nothing read or changed'}`,
    fix: 'where it is not shared with that account, take the account out of the policies of the secret and of its key, and rotate',
  }),
});
