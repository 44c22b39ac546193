import { gathering } from './gather.ts';
import { circumstances, times } from './words.ts';

export const root = gathering({
  id: 'root',
  about: {
    finds: 'calls by the root user of an account',
    severity: 'critical',
    technique: 'T1078.004',
    logic: 'userIdentity.type is Root, whatever explains it; what AWS does on behalf of root (invokedBy) is left out',
    falsePositives: 'none as to the fact: nothing about a secret needs root',
  },
  concerns: ({ principal, invokedBy }) => principal.type === 'Root' && invokedBy === null,
  tell(deeds) {
    const keys = deeds.accessKeys.few();
    return {
      severity: 'critical',
      title: `root was used: ${deeds.key}`,
      why: `${circumstances(deeds)}, ${times(deeds.count)}${keys && ` with ${keys}`}: root can do everything and nothing limits it`,
      fix: 'delete the keys of root, use a role, and rotate what root has read',
    };
  },
});
