import type { AuditedAccess } from '../access.ts';
import { VALUE_READS } from '../access.ts';
import type { Facts } from '../explain.ts';
import { globOf } from '../glob.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, times } from './words.ts';

function isDecoy({ secret, secretName }: AuditedAccess, { settings: { decoys } }: Facts): boolean {
  if (decoys.length === 0 || secret === null) return false;
  return decoys.some((pattern) => {
    const glob = globOf(pattern);
    return glob.test(secret) || (secretName !== null && glob.test(secretName));
  });
}

export const decoy = gathering({
  id: 'decoy-touched',
  about: {
    finds: 'a decoy secret touched',
    severity: 'critical; medium where a known caller only looked at it',
    technique: 'T1555.006',
    logic:
      'any call about a secret that audit.decoys names, refused or not, but for what AWS does by itself. Nobody has a reason to read it, so one call is enough. Silent where no decoy is named',
    falsePositives: 'an inventory that looks at every secret',
  },
  concerns: (access, facts) =>
    isDecoy(access, facts) && access.principal.type !== 'AWSService' && access.explanation?.kind !== 'aws-service',
  own: () => ({ reads: 0 }),
  note(deeds, { action }) {
    if (VALUE_READS.has(action)) deeds.reads += 1;
  },
  tell: (deeds) => ({
    severity: deeds.reads > 0 ? 'critical' : graded(deeds, 'critical', 'medium'),
    title: `${deeds.key} touched a decoy`,
    why: `${circumstances(deeds)}, ${times(deeds.count)}: nobody has a reason to`,
    fix: 'take the key or session away, look at all its calls since it was issued, and rotate every secret that it could read',
  }),
});
