/** The form of a Condition: operators, keys, values. */
import type { Place, Rule } from '../finding.ts';
import { nearest } from '../nearest.ts';
import { OPERATOR_NAMES, parseOperator } from '../operators.ts';
import { isScalar, itemsOf, type Node, type Path } from '../tree.ts';
import { quoted, type CheckContext } from './check.ts';
import { checkTwins, described, error, WRONG_TYPE } from './grammar-elements.ts';

const INVALID_OPERATOR = error(
  'invalid-operator',
  'INVALID_CONDITION_OPERATOR',
  'there is no such condition operator',
  'Correct the name of the operator.',
);
const NULL_IF_EXISTS = error(
  'null-if-exists',
  'NULL_WITH_IF_EXISTS',
  'IfExists does not go with Null',
  'Write Null without IfExists.',
);
const EMPTY_SUGGESTION: Rule = {
  id: 'empty-condition',
  code: 'EMPTY_ARRAY_CONDITION',
  kind: 'suggestion',
  severity: 'low',
  title: 'a condition without a value',
  why: 'No value satisfies it: it holds for requests without the key at most, and for none where it needs the key.',
  fix: 'Name the values, or remove the condition.',
};
const NULL_QUALIFIER: Rule = {
  id: 'null-with-set-operator',
  code: 'NULL_WITH_QUALIFIER',
  kind: 'suggestion',
  severity: 'low',
  title: 'a set operator before Null',
  why: 'It asks nothing any more: ForAllValues with Null always holds, ForAnyValue with Null never does.',
  fix: 'Write Null alone.',
};
const MIXED: Rule = {
  id: 'mixed-value-types',
  code: 'INVALID_CONDITION_DATA_TYPE',
  kind: 'warning',
  severity: 'low',
  title: 'values of several JSON types in one list',
  why: 'IAM compares texts; a list that mixes strings with numbers or booleans is refused by Access Analyzer.',
  fix: 'Write all of them as strings.',
};

/** Rules of this file. */
export const CONDITION_FORM_RULES: readonly Rule[] = [
  INVALID_OPERATOR,
  NULL_IF_EXISTS,
  EMPTY_SUGGESTION,
  NULL_QUALIFIER,
  MIXED,
];

/** Each operator and each list of values of a Condition. */
export function checkCondition(node: Node, path: Path, context: CheckContext): void {
  if (node.kind !== 'object') {
    context.report(WRONG_TYPE, { path, range: node.range }, `Condition is an object, not ${described(node)}`);
    return;
  }
  if (node.entries.length === 0) {
    context.report(
      { ...EMPTY_SUGGESTION, code: 'EMPTY_OBJECT_CONDITION' },
      { path, range: node.range },
      'Condition holds no operator',
    );
  }
  for (const { key: operator, keyRange, value: block } of node.entries) {
    const at = [...path, operator];
    if (block.kind !== 'object') {
      context.report(
        WRONG_TYPE,
        { path: at, range: block.range },
        `${quoted(operator)} holds an object with condition keys, not ${described(block)}`,
      );
      continue;
    }
    if (block.entries.length === 0) {
      context.report(
        { ...EMPTY_SUGGESTION, code: 'EMPTY_OBJECT_CONDITION' },
        { path: at, range: block.range },
        `${quoted(operator)} holds no condition key`,
      );
      continue;
    }
    checkOperator(operator, { path: at, range: keyRange }, context);
    checkTwins(block, at, context);
    for (const { key, value } of block.entries) {
      const here = { path: [...at, key], range: value.range };
      if (value.kind === 'array' && value.items.length === 0) {
        const [code, holds] = emptyList(operator);
        context.report({ ...EMPTY_SUGGESTION, code }, here, `${quoted(key)} lists no value, so ${holds}`);
      }
      const wrong = itemsOf(value).find((item) => !isScalar(item));
      if (wrong) context.report(WRONG_TYPE, here, `${quoted(key)} has values, not ${described(wrong)}`);
      const kinds = [...new Set(itemsOf(value).map(({ kind }) => kind))];
      if (!wrong && kinds.length > 1) context.report(MIXED, here, `${quoted(key)} lists ${kinds.join('s and ')}s`);
    }
  }
}

/** What a list without a member means, which depends on the operator: Access Analyzer has a code for each. */
function emptyList(text: string): readonly [code: string, holds: string] {
  const operator = parseOperator(text);
  if (operator?.qualifier === 'ForAllValues')
    return ['EMPTY_ARRAY_CONDITION_FORALLVALUES', 'it holds only for a request without the key'];
  if (operator?.qualifier === 'ForAnyValue') return ['EMPTY_ARRAY_CONDITION_FORANYVALUE', 'it never holds'];
  if (operator?.ifExists) return ['EMPTY_ARRAY_CONDITION_IFEXISTS', 'it holds only for a request without the key'];
  return ['EMPTY_ARRAY_CONDITION', operator?.negated ? 'it always holds' : 'it never holds'];
}

function checkOperator(text: string, at: Place, context: CheckContext): void {
  const operator = parseOperator(text);
  if (operator === null) {
    const plain = text.replace(/^[^:]*:+/, '').replace(/ifexists$/i, '');
    const meant = nearest(plain, OPERATOR_NAMES);
    context.report(
      INVALID_OPERATOR,
      at,
      `there is no operator ${quoted(text)}${meant === null ? '' : `: ${meant} may be meant`}`,
    );
  } else if (operator.family === 'Null' && operator.ifExists) {
    context.report(NULL_IF_EXISTS, at, `${quoted(text)}: Null itself asks whether the key exists`);
  } else if (operator.family === 'Null' && operator.qualifier !== null) {
    context.report(NULL_QUALIFIER, at, `${quoted(text)}: Null asks about the key, not about its values`);
  }
}
