/** What policies allow beyond what was agreed. */
import type { Rule } from '../finding.ts';

/** More than the policy that is given as the baseline allows. */
export const NEW_ACCESS: Rule = {
  id: 'new-access',
  code: null,
  kind: 'security',
  severity: 'high',
  title: 'access that the baseline does not allow',
  why: 'The baseline is what was agreed; this goes beyond it.',
  fix: 'Take it away, or change the baseline when it is wanted.',
};

/** Rules of this file. */
export const ACCESS_RULES: readonly Rule[] = [NEW_ACCESS];
