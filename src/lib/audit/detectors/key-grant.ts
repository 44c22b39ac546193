import { distinct } from './distinct.ts';
import { ofKeys } from './key-deeds.ts';
import { circumstances, graded, textOf, times } from './words.ts';

const accountIn = (arn: string | null): string | null =>
  /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(arn ?? '')?.[1] ?? null;

export const keyGrant = ofKeys({
  id: 'key-grant',
  about: {
    finds: 'a grant made on a KMS key that guards a secret',
    severity: 'high for another account, or where nothing explains it, else low',
    technique: 'T1098',
    logic:
      'CreateGrant that succeeded, on a key that guards a secret (named by a call of KMS for a secret, or as the kmsKeyId of one). Grants that AWS makes for its own services, and grants on other keys, are left out. A grant opens the key beside its policy, and no policy shows it',
    falsePositives: 'a service that is set up to use the key',
  },
  concerns: (access) =>
    access.action === 'CreateGrant' &&
    access.invokedBy === null &&
    textOf(access, 'grantee')?.endsWith('.amazonaws.com') !== true,
  own: (room) => ({ grantees: distinct(room), operations: distinct(room), foreign: 0 }),
  note(deeds, access) {
    const grantee = textOf(access, 'grantee');
    deeds.grantees.add(grantee);
    const { operations } = access.details;
    for (const operation of Array.isArray(operations) ? operations : []) deeds.operations.add(String(operation));
    const [holder, owner] = [accountIn(grantee), accountIn(textOf(access, 'key')) ?? access.recipient];
    if (holder !== null && owner !== null && holder !== owner) deeds.foreign += 1;
  },
  tell(deeds, guards) {
    if (!guards) return null;
    return {
      severity: deeds.foreign > 0 ? 'high' : graded(deeds, 'high', 'low'),
      title: `${deeds.identities.few()} granted ${deeds.grantees.few()} the use of KMS key ${deeds.key}`,
      why: `${circumstances(deeds)}, ${times(deeds.count)}: ${deeds.operations.few() || 'operations that the record does not tell'}; secrets are encrypted under it${deeds.foreign > 0 ? ', and the grantee is of another account' : ''}`,
      fix: 'revoke the grant where nobody meant it (`aws kms revoke-grant`); deny kms:CreateGrant unless kms:GrantIsForAWSResource',
    };
  },
});
