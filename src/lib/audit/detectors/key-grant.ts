import type { Detector } from './detector.ts';
import { distinct } from './distinct.ts';
import { gathering } from './gather.ts';
import { guardingKeys, keyNames } from './guarding-keys.ts';
import { circumstances, graded, textOf, times } from './words.ts';

const accountIn = (arn: string | null): string | null =>
  /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(arn ?? '')?.[1] ?? null;

const id = 'key-grant';
const about = {
  finds: 'a grant made on a KMS key that guards a secret',
  severity: 'high for another account, or where nothing explains it, else low',
  technique: 'T1098',
  logic:
    'CreateGrant that succeeded, on a key that guards a secret (named by a call of KMS for a secret, or as the kmsKeyId of one). Grants that AWS makes for its own services, and grants on other keys, are left out. A grant opens the key beside its policy, and no policy shows it',
  falsePositives: 'a service that is set up to use the key',
};

export const keyGrant: Detector = {
  id,
  about,
  start(facts, budget) {
    const keys = guardingKeys(facts);
    const watch = gathering({
      id,
      about,
      everything: true,
      concerns: (access) =>
        access.action === 'CreateGrant' &&
        access.service === 'kms' &&
        access.outcome === 'success' &&
        access.invokedBy === null &&
        textOf(access, 'grantee')?.endsWith('.amazonaws.com') !== true,
      // The key may turn out to guard a secret later on: what it was is told at the end.
      by: (access) => keyNames(access)[0] ?? 'a key that is not named',
      own: (room) => ({ grantees: distinct(room), operations: distinct(room), names: new Set<string>(), foreign: 0 }),
      note(deeds, access) {
        for (const name of keyNames(access)) if (deeds.names.size < 10) deeds.names.add(name);
        const grantee = textOf(access, 'grantee');
        deeds.grantees.add(grantee);
        const { operations } = access.details;
        for (const operation of Array.isArray(operations) ? operations : []) deeds.operations.add(String(operation));
        const [holder, owner] = [accountIn(grantee), accountIn(textOf(access, 'key')) ?? access.recipient];
        if (holder !== null && owner !== null && holder !== owner) deeds.foreign += 1;
      },
      tell(deeds) {
        if (!keys.isGuarding([...deeds.names])) return null;
        return {
          severity: deeds.foreign > 0 ? 'high' : graded(deeds, 'high', 'low'),
          title: `${deeds.identities.few()} granted ${deeds.grantees.few()} the use of KMS key ${deeds.key}`,
          why: `${circumstances(deeds)}, ${times(deeds.count)}: ${deeds.operations.few() || 'operations that the record does not tell'}; secrets are encrypted under it${deeds.foreign > 0 ? ', and the grantee is of another account' : ''}`,
          fix: 'revoke the grant where nobody meant it (`aws kms revoke-grant`); deny kms:CreateGrant unless kms:GrantIsForAWSResource',
        };
      },
    }).start(facts, budget);
    return {
      see(access) {
        keys.see(access);
        watch.see(access);
      },
      findings: () => watch.findings(),
    };
  },
};
