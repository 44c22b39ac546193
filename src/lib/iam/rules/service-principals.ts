/** What policies demand of services: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html */
import type { Rule } from '../finding.ts';
import type { Condition, Statement } from '../policy.ts';
import { hasDemand } from '../reach.ts';
import { quoted, ruleOf as rule, type Check } from './check.ts';

const NOT_CARRIED = rule(
  'key-not-of-services',
  'UNSUPPORTED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL',
  'warning',
  'medium',
  'a condition on who calls, where a service calls',
  'A service belongs to no account and to no organization: a positive operator never holds, a negated one always does.',
  'Demand aws:SourceAccount, aws:SourceArn or aws:SourceOrgID: for whom the service acts.',
);
const WEAK = rule(
  'weak-key-for-service',
  'RECOMMENDED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL',
  'suggestion',
  'low',
  'a service bound by a key that anybody can set',
  'It does not say for whom the service acts.',
  'Demand aws:SourceAccount or aws:SourceArn (aws:SourceOrgID for several accounts).',
);

/** Rules of this file. */
export const SERVICE_PRINCIPAL_RULES: readonly Rule[] = [NOT_CARRIED, WEAK];

/** Keys of callers that have an account; those of services have none of them. */
const CALLER_KEYS = /^aws:(?:Principal(?:OrgID|OrgPaths|Account|Tag\/.+)|MultiFactorAuth(?:Present|Age)|username)$/i;
const WEAK_KEYS = /^aws:(?:Referer|UserAgent)$/i;
const SOURCE_KEYS = /^aws:Source(?:Arn|Account|OrgID|OrgPaths)$/i;

/** Statements about services alone; one about principals of both sorts may mean the others. */
export const checkServicePrincipals: Check = (policy, context) => {
  for (const statement of policy.statements) {
    const { principals, effect, conditions } = statement;
    if (effect !== 'Allow' || principals === null || principals.not || principals.values.length === 0) continue;
    if (!principals.values.every(({ kind }) => kind === 'Service')) continue;
    for (const condition of conditions) {
      const { key } = condition;
      if (CALLER_KEYS.test(key.text) && decides(condition))
        context.report(NOT_CARRIED, key, `services do not carry ${quoted(key)}`);
      else if (WEAK_KEYS.test(key.text) && !bound(statement))
        context.report(WEAK, key, `${quoted(key)} does not say for whom the service acts`);
    }
  }
};

/** With IfExists, or where Null asks whether it is missing, a service without the key is meant. */
const decides = ({ operator, values }: Condition): boolean =>
  operator !== null &&
  !operator.ifExists &&
  !(operator.family === 'Null' && values.some(({ text }) => /^true$/i.test(text)));

const bound = (statement: Statement): boolean => hasDemand(statement, SOURCE_KEYS);
