/** Conditions: keys that exist, operators that suit them, values that can compare. */
import type { Rule } from '../finding.ts';
import type { Check } from './check.ts';
import { checkKey, KEY_RULES } from './condition-keys.ts';
import { checkOperator, OPERATOR_RULES } from './condition-operators.ts';
import { checkPairs, PAIR_RULES } from './condition-pairs.ts';
import { checkValues, VALUE_RULES } from './condition-values.ts';

/** Rules of conditions. */
export const CONDITION_RULES: readonly Rule[] = [...KEY_RULES, ...PAIR_RULES, ...OPERATOR_RULES, ...VALUE_RULES];

/** Every condition of every statement. */
export const checkConditions: Check = (policy, context) => {
  for (const statement of policy.statements) {
    for (const condition of statement.conditions) {
      if (condition.operator === null || condition.values.length === 0) continue;
      const key = checkKey(condition, statement, policy, context);
      checkValues(condition, key, statement, context);
      if (!key) continue;
      checkPairs(condition, statement, policy, context);
      checkOperator(condition, key, statement, context);
    }
  }
};
