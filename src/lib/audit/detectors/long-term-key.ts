import { gathering } from './gather.ts';
import { circumstances, isRead, times } from './words.ts';

export const longTermKey = gathering({
  id: 'long-term-key',
  about: {
    finds: 'calls signed with a key that never expires',
    severity: 'high where it has read a value and nothing explains that, else medium',
    technique: 'T1078.004',
    logic: 'a key id that begins with AKIA, or an IAM user without a session; root has a detector of its own',
    falsePositives:
      'none as to the fact; a machine outside of AWS may have no other way yet (IAM Roles Anywhere and OIDC are two)',
  },
  concerns: ({ principal }) => principal.credential === 'long-term' && principal.type !== 'Root',
  own: () => ({ hasRead: false }),
  note(deeds, access) {
    if (isRead(access) && access.explanation === null) deeds.hasRead = true;
  },
  tell(deeds) {
    const keys = deeds.accessKeys.few();
    return {
      severity: deeds.hasRead ? 'high' : 'medium',
      title: `${deeds.key} uses a long-term access key`,
      why: `${circumstances(deeds)}, ${times(deeds.count)}${keys && ` with ${keys}`}: it is valid until somebody deletes it, wherever it leaks`,
      fix: 'replace the key by a role (OIDC for a pipeline, IAM Identity Center for a person), then delete the key',
    };
  },
});
