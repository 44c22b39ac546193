/** What IAM Access Analyzer tells and no rule of ours does. */
import type { Rule } from '../finding.ts';

const REFERENCE = 'https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html';

/** A finding of ValidatePolicy whose code none of our rules has. */
export const ANALYZER: Rule = {
  id: 'access-analyzer',
  code: null,
  kind: 'warning',
  severity: 'medium',
  title: 'IAM Access Analyzer has a finding',
  why: 'AWS checks more than can be checked without it.',
  fix: `See ${REFERENCE}`,
};

/** CheckNoPublicAccess failed. */
export const PUBLIC: Rule = {
  ...ANALYZER,
  id: 'access-analyzer-public',
  kind: 'security',
  severity: 'critical',
  title: 'IAM Access Analyzer proves that the policy is public',
  why: 'Whoever has an AWS account has this access.',
  fix: 'Name the principals, or demand aws:PrincipalOrgID or aws:SourceAccount.',
};

/** CheckNoNewAccess failed. */
export const NEW_ACCESS: Rule = {
  ...ANALYZER,
  id: 'access-analyzer-new-access',
  kind: 'security',
  severity: 'high',
  title: 'IAM Access Analyzer proves that the policy grants more than the baseline',
  why: 'The change gives access that nobody had before.',
  fix: 'Take the new access away, or make the new policy the baseline.',
};

/** Rules of this file. */
export const ONLINE_RULES: readonly Rule[] = [ANALYZER, PUBLIC, NEW_ACCESS];
