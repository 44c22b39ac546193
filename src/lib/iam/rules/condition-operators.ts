/** Condition operators: that they suit the type of the key, and what they say of a request without it. */
import { arnParts } from '../arn.ts';
import type { ConditionKey } from '../catalogue.ts';
import type { Rule } from '../finding.ts';
import type { OperatorFamily } from '../operators.ts';
import type { Condition, Statement } from '../policy.ts';
import { booleanOf } from '../values.ts';
import { quoted, ruleOf as rule, type CheckContext } from './check.ts';

const TYPE = rule(
  'operator-type',
  'TYPE_MISMATCH',
  'warning',
  'medium',
  'an operator of another type than the key',
  'The comparison does not mean what it says, and AWS may treat it as one that never holds.',
  'Use the operator that goes with the type of the key.',
);
const STRING_ON_ARN = rule(
  'string-operator-on-arn-key',
  'STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS',
  'security',
  'medium',
  'a string operator with wildcards on an ARN',
  'A wildcard then crosses the colons of the ARN and matches other accounts and services too.',
  'Use ArnLike or ArnNotLike.',
);
const STRING_EQUALS_ON_ARN = rule(
  'string-equals-on-arn-key',
  null,
  'suggestion',
  'info',
  'a string operator on an ARN',
  'It works; an ARN operator says what is meant.',
  'Use ArnEquals.',
);
const QUALIFIER = rule(
  'missing-set-operator',
  'MISSING_QUALIFIER',
  'error',
  'medium',
  'a key with several values, compared as if it had one',
  'The result is not defined for several values.',
  'Put ForAnyValue: or ForAllValues: before the operator.',
);
const SINGLE = rule(
  'set-operator-on-single-value',
  'FORALLVALUES_WITH_SINGLE_VALUED_KEY',
  'security',
  'medium',
  'ForAllValues on a key with a single value',
  'ForAllValues holds for a request without the key, so this allows what does not carry it.',
  'Leave ForAllValues out.',
);
const HOLE_IN_ALL = rule(
  'for-all-values-without-guard',
  null,
  'security',
  'medium',
  'ForAllValues without a guard against the missing key',
  'ForAllValues holds for a request without the key, so this allows it.',
  'Add "Null": {"KEY": "false"} to the same statement.',
);
const IF_EXISTS = rule(
  'if-exists-in-allow',
  null,
  'suggestion',
  'info',
  'IfExists in an Allow',
  'A request that does not carry the key is allowed.',
  'Leave IfExists out unless calls without the key are meant too.',
);

/** Rules of this file. */
export const OPERATOR_RULES: readonly Rule[] = [
  TYPE,
  STRING_ON_ARN,
  STRING_EQUALS_ON_ARN,
  QUALIFIER,
  SINGLE,
  HOLE_IN_ALL,
  IF_EXISTS,
];

const COMPATIBLE: Readonly<Record<ConditionKey['type'], readonly OperatorFamily[]>> = {
  String: ['String'],
  ARN: ['Arn', 'String'],
  Bool: ['Bool'],
  Numeric: ['Numeric'],
  Date: ['Date'],
  IPAddress: ['IpAddress'],
  Binary: ['Binary'],
};

/** Operators that suit a type, as they are named in findings. */
const NAMED: Readonly<Record<ConditionKey['type'], string>> = {
  String: 'a String operator',
  ARN: 'ArnLike',
  Bool: 'Bool',
  Numeric: 'a Numeric operator',
  Date: 'a Date operator',
  IPAddress: 'IpAddress',
  Binary: 'BinaryEquals',
};

/** How the operator of a condition goes with a key that is known. */
export function checkOperator(
  condition: Condition,
  key: ConditionKey,
  statement: Statement,
  context: CheckContext,
): void {
  const { operator } = condition;
  if (operator === null || operator.family === 'Null') return;
  const epoch = /^aws:(?:EpochTime|TokenIssueTime|CurrentTime)$/i.test(key.name) && operator.family === 'Numeric';
  // An ARN operator on a string key works where the values are ARNs.
  const arns =
    key.type === 'String' &&
    operator.family === 'Arn' &&
    condition.values.every(({ text }) => arnParts(text) !== null || text === '*');
  if (!COMPATIBLE[key.type].includes(operator.family) && !epoch && !arns) {
    context.report(TYPE, condition.key, `${quoted(condition.key)} takes ${NAMED[key.type]}, not ${operator.name}`);
  } else if (key.type === 'ARN' && operator.family === 'String') {
    if (operator.comparison === 'like')
      context.report(STRING_ON_ARN, condition.key, `${operator.name} on ${quoted(condition.key)}, which is an ARN`);
    else
      context.report(
        STRING_EQUALS_ON_ARN,
        condition.key,
        `${operator.name} on ${quoted(condition.key)}, which is an ARN`,
      );
  }
  if (key.multivalued && operator.qualifier === null) {
    context.report(QUALIFIER, condition.key, `a request may carry several values of ${quoted(condition.key)}`);
  }
  if (operator.qualifier === 'ForAllValues' && statement.effect === 'Allow') {
    if (!key.multivalued) context.report(SINGLE, condition.key, `${quoted(condition.key)} has one value at most`);
    else if (!guarded(condition, statement))
      context.report(HOLE_IN_ALL, condition.key, `a request without ${quoted(condition.key)} is allowed`);
  }
  if (operator.ifExists && statement.effect === 'Allow') {
    context.report(IF_EXISTS, condition.key, `a request without ${quoted(condition.key)} is allowed`);
  }
}

/** Whether another condition of the statement demands the key. */
function guarded(condition: Condition, { conditions }: Statement): boolean {
  const name = condition.key.text.toLowerCase();
  return conditions.some((other) => {
    if (other === condition || other.key.text.toLowerCase() !== name || other.operator === null) return false;
    const { family, qualifier, negated, ifExists } = other.operator;
    if (family === 'Null') return other.values.every(({ text }) => booleanOf(text) === false);
    return qualifier === 'ForAnyValue' && !negated && !ifExists;
  });
}
