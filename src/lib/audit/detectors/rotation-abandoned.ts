import { gathering } from './gather.ts';
import { minute, nameOf, times } from './words.ts';

export const rotationAbandoned = gathering({
  id: 'rotation-abandoned',
  about: {
    finds: 'a rotation that AWS gave up',
    severity: 'medium',
    technique: 'T1531',
    logic: "AWS's own RotationAbandoned, by secret: somebody moved labels or changed the secret while it was rotated",
    falsePositives: 'a rotation that was replaced by another on purpose',
  },
  concerns: ({ action, type }) => action === 'RotationAbandoned' && type === 'AwsServiceEvent',
  by: ({ secret }) => secret ?? 'a secret that is not named',
  tell: (deeds) => ({
    severity: 'medium',
    title: `a rotation of ${nameOf(deeds.key)} was abandoned`,
    why: `${times(deeds.count)}, last at ${minute(deeds.last)}: AWS gave it up before its end`,
    fix: 'look at which version has AWSPENDING (`jamf-mcp secrets history`), and rotate again',
  }),
});
