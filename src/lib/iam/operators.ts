/** The condition operators: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */

/** What an operator compares. */
export type OperatorFamily = 'String' | 'Numeric' | 'Date' | 'Bool' | 'Binary' | 'IpAddress' | 'Arn' | 'Null';

/** How an operator compares. */
export type Comparison =
  'equals' | 'equals-ignoring-case' | 'like' | 'less' | 'less-or-equal' | 'more' | 'more-or-equal';

/** An operator taken apart. */
export interface Operator {
  /** Without qualifier and IfExists, in AWS's spelling. */
  name: string;
  family: OperatorFamily;
  comparison: Comparison;
  /** `…Not…`: holds where no value compares, and where the key is missing. */
  negated: boolean;
  qualifier: 'ForAnyValue' | 'ForAllValues' | null;
  ifExists: boolean;
}

type Base = readonly [OperatorFamily, Comparison, boolean];

const BASES: Readonly<Record<string, Base>> = {
  StringEquals: ['String', 'equals', false],
  StringNotEquals: ['String', 'equals', true],
  StringEqualsIgnoreCase: ['String', 'equals-ignoring-case', false],
  StringNotEqualsIgnoreCase: ['String', 'equals-ignoring-case', true],
  StringLike: ['String', 'like', false],
  StringNotLike: ['String', 'like', true],
  NumericEquals: ['Numeric', 'equals', false],
  NumericNotEquals: ['Numeric', 'equals', true],
  NumericLessThan: ['Numeric', 'less', false],
  NumericLessThanEquals: ['Numeric', 'less-or-equal', false],
  NumericGreaterThan: ['Numeric', 'more', false],
  NumericGreaterThanEquals: ['Numeric', 'more-or-equal', false],
  DateEquals: ['Date', 'equals', false],
  DateNotEquals: ['Date', 'equals', true],
  DateLessThan: ['Date', 'less', false],
  DateLessThanEquals: ['Date', 'less-or-equal', false],
  DateGreaterThan: ['Date', 'more', false],
  DateGreaterThanEquals: ['Date', 'more-or-equal', false],
  Bool: ['Bool', 'equals', false],
  BinaryEquals: ['Binary', 'equals', false],
  IpAddress: ['IpAddress', 'like', false],
  NotIpAddress: ['IpAddress', 'like', true],
  ArnEquals: ['Arn', 'like', false],
  ArnLike: ['Arn', 'like', false],
  ArnNotEquals: ['Arn', 'like', true],
  ArnNotLike: ['Arn', 'like', true],
  Null: ['Null', 'equals', false],
};

/** Names in AWS's spelling. */
export const OPERATOR_NAMES: readonly string[] = Object.keys(BASES);

const BY_LOWER = new Map(OPERATOR_NAMES.map((name) => [name.toLowerCase(), name]));
const FORM = /^(?:(foranyvalue|forallvalues):)?([a-z]+?)(ifexists)?$/i;
const seen = new Map<string, Operator | null>();

/**
 * Take an operator apart. Case does not matter.
 * @param text - such as `ForAnyValue:StringLikeIfExists`
 * @returns null where there is no such operator
 */
export function parseOperator(text: string): Operator | null {
  const known = seen.get(text);
  if (known !== undefined) return known;
  const operator = takeApart(text);
  // Few texts are operators; a file full of invented ones must not fill the memory.
  if (seen.size < 1_000) seen.set(text, operator);
  return operator;
}

function takeApart(text: string): Operator | null {
  const [, qualifier, base, ifExists] = FORM.exec(text) ?? [];
  const name = BY_LOWER.get(base?.toLowerCase() ?? '');
  const row = name === undefined ? undefined : BASES[name];
  if (name === undefined || row === undefined) return null;
  const [family, comparison, negated] = row;
  return {
    name,
    family,
    comparison,
    negated,
    qualifier:
      qualifier === undefined ? null : qualifier.toLowerCase() === 'foranyvalue' ? 'ForAnyValue' : 'ForAllValues',
    ifExists: ifExists !== undefined,
  };
}
