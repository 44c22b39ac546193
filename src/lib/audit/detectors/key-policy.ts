import { distinct } from './distinct.ts';
import { ofKeys } from './key-deeds.ts';
import { grantsOf } from './open-policy.ts';
import { circumstances, graded, textOf, times } from './words.ts';

export const keyPolicy = ofKeys({
  id: 'key-policy',
  about: {
    finds: 'the policy of a KMS key changed',
    severity:
      'critical where it lets anybody in, high for another account, else medium where nothing explains it and low for a known caller; silent for a key that guards no secret, unless anybody may use it',
    technique: 'T1098',
    logic:
      'PutKeyPolicy that succeeded. Its Allow statements are read as those of the policy of a secret are; who may use the key of a secret, and may read the secret, reads the value',
    falsePositives: 'a key that is shared with another account on purpose',
  },
  concerns: ({ action }) => action === 'PutKeyPolicy',
  own: (room) => ({ who: distinct(room), isPublic: false, isForeign: false }),
  note(deeds, access) {
    const owner = /:(\d{12}):/.exec(textOf(access, 'key') ?? '')?.[1] ?? access.recipient;
    for (const { who, reach } of grantsOf(textOf(access, 'keyPolicy') ?? '', owner) ?? []) {
      if (reach !== 'public' && reach !== 'foreign') continue;
      deeds.who.add(who.slice(0, 200));
      if (reach === 'public') deeds.isPublic = true;
      else deeds.isForeign = true;
    }
  },
  tell(deeds, guards) {
    if (!guards && !deeds.isPublic) return null;
    const who = deeds.who.few();
    return {
      severity: deeds.isPublic ? 'critical' : deeds.isForeign ? 'high' : graded(deeds, 'medium', 'low'),
      title: `${deeds.identities.few()} changed the policy of KMS key ${deeds.key}`,
      why: `${circumstances(deeds)}, ${times(deeds.count)}${who && `, which lets in ${who}`}; ${guards ? 'secrets are encrypted under it' : 'no secret was seen under it'}`,
      fix: 'put the former policy back; a key of secrets needs kms:ViaService for Secrets Manager, and kms:CallerAccount or the ARNs of its users',
    };
  },
});
