/** How long policies may be: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
import type { Rule } from '../finding.ts';
import type { PolicyType } from '../policy.ts';
import type { Check } from './check.ts';

const SIZE: Rule = {
  id: 'policy-size',
  code: 'POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA',
  kind: 'warning',
  severity: 'medium',
  title: 'the policy is longer than AWS takes',
  why: 'AWS refuses it where it is attached.',
  fix: 'Split it, or shorten it: remove what is redundant.',
};

/** Rules of this file. */
export const SIZE_RULES: readonly Rule[] = [SIZE];

/** Characters; white space counts for service control policies alone. */
const LIMITS: Readonly<Record<PolicyType, { most: number; code: string; spaces: boolean; what: string }>> = {
  identity: {
    most: 6_144,
    code: 'POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA',
    spaces: false,
    what: 'a managed policy may have (inline policies of a role: 10,240 together)',
  },
  trust: {
    most: 2_048,
    code: 'POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA',
    spaces: false,
    what: 'a trust policy may have (4,096 on request)',
  },
  resource: {
    most: 20_480,
    code: 'POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA',
    spaces: true,
    what: 'the policy of a secret may have',
  },
  kms: { most: 32_768, code: 'POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA', spaces: true, what: 'a key policy may have' },
  scp: { most: 5_120, code: 'POLICY_SIZE_EXCEEDS_SCP_QUOTA', spaces: true, what: 'a service control policy may have' },
};

/** The length of a policy; that of one inside a template is not known before deployment. */
export const checkSize: Check = (policy, context) => {
  if (policy.origin.template) return;
  const { most, code, spaces, what } = LIMITS[policy.type];
  const text = context.text.slice(policy.range.start, policy.range.end);
  const length = spaces ? text.length : text.replaceAll(/\s+/g, '').length;
  if (length > most)
    context.report(
      { ...SIZE, code },
      policy,
      `${String(length)} characters${spaces ? '' : ' without white space'} are more than the ${String(most)} that ${what}`,
    );
};
