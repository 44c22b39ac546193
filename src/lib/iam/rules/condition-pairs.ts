/** Conditions that need something beside them to mean what they say: another key, an action, the other effect. */
import type { Rule } from '../finding.ts';
import type { Condition, Policy, Statement } from '../policy.ts';
import { hasDemand, names } from '../reach.ts';
import { quoted, ruleOf as rule, type CheckContext } from './check.ts';

const UNPAIRED = rule(
  'condition-key-without-its-pair',
  'MISSING_PAIRED_CONDITION_KEYS',
  'security',
  'medium',
  'a condition that needs a second one',
  'By itself it lets through what it was meant to stop: the same private address is in the networks of others, and a read of DynamoDB that names no attributes returns all of them.',
  'Demand aws:SourceVpc beside aws:VpcSourceIp, and dynamodb:Select SPECIFIC_ATTRIBUTES beside dynamodb:Attributes.',
);
const PREFIX_DENIED = rule(
  's3-prefix-denied',
  'S3_PREFIX_IN_NEGATIVE_CONTEXT',
  'security',
  'medium',
  'a prefix that is to be kept from being listed',
  'A shorter prefix does not match the condition and lists the same objects.',
  'Allow the prefixes that may be listed with StringLike, or deny all others with StringNotLike.',
);
const SESSION = rule(
  'session-key-without-its-action',
  'MISSING_ACTION_FOR_CONDITION_KEY',
  'warning',
  'medium',
  'a condition on what the caller may not set',
  'Without the action a session cannot be given the value, so the condition never holds.',
  'Add the action that sets it to the same statement.',
);

/** Rules of this file. */
export const PAIR_RULES: readonly Rule[] = [UNPAIRED, PREFIX_DENIED, SESSION];

/** A condition whose key is known, with its statement and its policy. */
export function checkPairs(condition: Condition, statement: Statement, policy: Policy, context: CheckContext): void {
  checkPair(condition, statement, context);
  checkPrefix(condition, statement, context);
  checkSession(condition, statement, policy, context);
}

/** Keys that bind little without another one, and Access Analyzer's code for the pair. */
const PAIRS: readonly (readonly [key: RegExp, other: RegExp, named: string, code: string])[] = [
  [
    /^aws:VpcSourceIp$/i,
    /^aws:(?:SourceVpc|SourceVpce|SourceVpcArn)$/i,
    'aws:SourceVpc',
    'MISSING_PAIRED_CONDITION_KEYS',
  ],
  [/^dynamodb:Attributes$/i, /^dynamodb:Select$/i, 'dynamodb:Select', 'DYNAMODB_ATTRIBUTES_WITHOUT_SELECT'],
];

function checkPair({ key, operator }: Condition, statement: Statement, context: CheckContext): void {
  if (statement.effect !== 'Allow' || operator?.negated !== false) return;
  for (const [pattern, other, named, code] of PAIRS) {
    if (pattern.test(key.text) && !hasDemand(statement, other))
      context.report({ ...UNPAIRED, code }, key, `${quoted(key)} without ${named}`);
  }
}

/** Listing is stopped by saying what may be listed, not what may not. */
function checkPrefix({ key, operator, values }: Condition, { effect }: Statement, context: CheckContext): void {
  if (!/^s3:prefix$/i.test(key.text) || operator?.family !== 'String' || effect === null) return;
  // An empty prefix is that of everything: to deny it is to demand one.
  if (operator.negated === (effect === 'Deny') || values.every(({ text }) => text === '')) return;
  context.report(PREFIX_DENIED, key, `${operator.name} on ${quoted(key)} in a statement with ${effect}`);
}

/** Keys of a session that is about to begin, and the action without which nobody can set them. */
const SESSION_ACTIONS: readonly (readonly [key: RegExp, action: string])[] = [
  [/^sts:SourceIdentity$/i, 'sts:SetSourceIdentity'],
  [/^(?:sts:TransitiveTagKeys|aws:TagKeys|aws:RequestTag\/.+)$/i, 'sts:TagSession'],
];

function checkSession(condition: Condition, statement: Statement, policy: Policy, context: CheckContext): void {
  const { operator, key } = condition;
  const row = SESSION_ACTIONS.find(([pattern]) => pattern.test(key.text));
  if (!row || statement.effect !== 'Allow' || statement.actions === null || statement.actions.not) return;
  // What a negated operator, IfExists or ForAllValues says, holds for a session without the value too.
  if (operator === null || operator.negated || operator.ifExists || operator.qualifier === 'ForAllValues') return;
  if (operator.family === 'Null' && condition.values.some(({ text }) => /^true$/i.test(text))) return;
  if (!statement.actions.values.every(({ text }) => /^sts:AssumeRole/i.test(text))) return;
  const [, action] = row;
  const allowed = policy.statements.some((other) => other.effect === 'Allow' && names(other, action));
  if (!allowed) context.report(SESSION, key, `this allows no ${action}, without which nobody can set ${quoted(key)}`);
}
