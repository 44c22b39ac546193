import type { AuditedAccess } from '../access.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, times } from './words.ts';

/** `tag-key: !x`: what stands behind the colon of a filter. */
function valuesOf(filter: string): string[] {
  const [, values = ''] = /^[^:]*: ?(.*)$/s.exec(filter) ?? [];
  return values.split(', ').filter((value) => value !== '');
}

/** Filters are joined by "and": all of them have to let everything pass. */
function isCatchAll({ action, details, secret }: AuditedAccess): boolean {
  if (action !== 'BatchGetSecretValue' || secret !== null) return false;
  const { filters } = details;
  if (!Array.isArray(filters) || filters.length === 0) return false;
  return filters.every((filter: string) => valuesOf(filter).every((value) => value.startsWith('!')));
}

export const batchCatchAll = gathering({
  id: 'batch-catch-all',
  about: {
    finds: 'a BatchGetSecretValue whose filters let every secret pass',
    severity: 'high; medium where it was refused, or by a known caller',
    technique: 'T1555.006',
    logic:
      'every value of every filter is negated (tag-key: !something) or empty, and no list of ids is given. A list of ids is never a catch-all',
    falsePositives: 'an inventory or a backup that wants all secrets',
  },
  concerns: isCatchAll,
  own: () => ({ done: 0 }),
  note(deeds, { outcome }) {
    if (outcome === 'success') deeds.done += 1;
  },
  tell: (deeds) => ({
    severity: deeds.done > 0 ? graded(deeds, 'high', 'medium') : 'medium',
    title: `${deeds.key} asked for every secret at once`,
    why: `${circumstances(deeds)}, ${times(deeds.count)}, with filters that exclude next to nothing; each call may return twenty values`,
    fix: 'take secretsmanager:BatchGetSecretValue and ListSecrets out of its policy, name the ARN of each secret it needs, and rotate what it could read',
  }),
});
