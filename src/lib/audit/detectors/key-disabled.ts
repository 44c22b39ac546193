import { ofKeys } from './key-deeds.ts';
import { circumstances, graded, minute, times } from './words.ts';

const OFF = new Set(['DisableKey', 'ScheduleKeyDeletion']);
const ON = new Set(['EnableKey', 'CancelKeyDeletion']);

export const keyDisabled = ofKeys({
  id: 'key-disabled',
  about: {
    finds: 'a KMS key disabled, or its deletion scheduled',
    severity:
      'high for a key that guards a secret, critical where its deletion is scheduled and nothing explains it; low where it was taken back, or no secret was seen under it',
    technique: 'T1485',
    logic:
      'DisableKey and ScheduleKeyDeletion that succeeded, by key. A key guards a secret where a call of KMS for a secret, or the kmsKeyId of a secret, named it. No secret under a key that is disabled can be read',
    falsePositives: 'a key that is replaced, after its secrets were moved to another',
  },
  concerns: ({ action }) => OFF.has(action) || ON.has(action),
  own: () => ({ off: 0, isOff: false, deletion: false }),
  note(deeds, access) {
    deeds.isOff = OFF.has(access.action);
    if (!deeds.isOff) return;
    deeds.off += 1;
    if (access.action === 'ScheduleKeyDeletion') deeds.deletion = true;
  },
  tell(deeds, guards) {
    if (deeds.off === 0) return null;
    return {
      severity: guards && deeds.isOff ? (deeds.deletion ? graded(deeds, 'critical', 'high') : 'high') : 'low',
      title: `${deeds.identities.few()} ${deeds.deletion ? 'scheduled the deletion of' : 'disabled'} KMS key ${deeds.key}`,
      why: `${circumstances(deeds)}, ${times(deeds.count)}, last at ${minute(deeds.last)}; ${guards ? 'secrets are encrypted under it' : 'no secret was seen under it'}${deeds.isOff ? '' : ', and it was taken back'}`,
      fix: 'enable the key (`aws kms enable-key`), or take its deletion back (`aws kms cancel-key-deletion`); deny both actions to all but its administrators',
    };
  },
});
