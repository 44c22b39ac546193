import { gathering } from './gather.ts';
import { circumstances, graded, times } from './words.ts';

export const rotationCancelled = gathering({
  id: 'rotation-cancelled',
  about: {
    finds: 'the rotation of a secret switched off',
    severity: 'high where nothing explains it, else low',
    technique: 'T1562.001',
    logic: 'CancelRotateSecret that succeeded: from then on the value stays as it is, for whoever has it',
    falsePositives: 'a rotation that is set up anew (`jamf-mcp rotate schedule`)',
  },
  concerns: ({ action, outcome }) => action === 'CancelRotateSecret' && outcome === 'success',
  tell: (deeds) => ({
    severity: graded(deeds, 'high', 'low'),
    title: `${deeds.key} switched a rotation off`,
    why: `${circumstances(deeds)}, ${times(deeds.count)}: the value stays as it is from then on`,
    fix: 'switch it on again (`jamf-mcp rotate schedule`); a rotation that was under way may have left AWSPENDING behind',
  }),
});
