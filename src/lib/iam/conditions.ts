/**
 * Whether a condition holds, and whether all of a statement's do:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
import { arnParts } from './arn.ts';
import { globMatches } from './glob.ts';
import type { Operator } from './operators.ts';
import type { Condition } from './policy.ts';
import { addressesContain, addressesOf, booleanOf, dateOf, numberOf } from './values.ts';
import { expand, literal, type Lookup } from './variables.ts';

/** Look up keys of a request, without regard to case. */
export function lookupIn(context: Readonly<Record<string, string | readonly string[]>>): Lookup {
  const byLower = new Map(
    Object.entries(context).map(([key, value]) => [key.toLowerCase(), typeof value === 'string' ? [value] : value]),
  );
  return (key) => byLower.get(key.toLowerCase());
}

/**
 * Whether one condition holds. A key without values counts as missing.
 * @param variables - whether `${…}` is a variable: not in a policy of the 2008 language
 */
export function conditionHolds(condition: Condition, lookup: Lookup, variables: boolean): boolean {
  const { operator, values } = condition;
  if (operator === null) return false;
  const found = lookup(condition.key.text);
  const actual = found === undefined || found.length === 0 ? null : found;
  if (operator.family === 'Null') {
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html "Null with qualifier"
    if (operator.qualifier !== null) return operator.qualifier === 'ForAllValues';
    return values.some(({ text }) => booleanOf(text) === (actual === null));
  }
  if (actual === null) {
    // ForAllValues holds for no value at all; a negated operator holds where there is nothing to compare.
    if (operator.ifExists || operator.qualifier === 'ForAllValues') return true;
    return operator.qualifier !== 'ForAnyValue' && operator.negated;
  }
  const wanted = values.map(({ text }) => wantedOf(text, operator, lookup, variables));
  const equals = (value: string) => wanted.some((test) => test(value));
  const one = (value: string) => (operator.negated ? !equals(value) : equals(value));
  if (operator.qualifier === 'ForAllValues') return actual.every(one);
  if (operator.qualifier === 'ForAnyValue') return actual.some(one);
  return operator.negated ? !actual.some(equals) : actual.some(equals);
}

/** Whether all the conditions hold. */
export function conditionsHold(conditions: readonly Condition[], lookup: Lookup, variables: boolean): boolean {
  return conditions.every((condition) => conditionHolds(condition, lookup, variables));
}

/** A test of one value against one of the policy's. */
type Test = (actual: string) => boolean;

const NEVER: Test = () => false;

function wantedOf(text: string, operator: Operator, lookup: Lookup, variables: boolean): Test {
  if (operator.family !== 'String' && operator.family !== 'Arn') return TYPED[operator.family](text, operator);
  const pattern = variables ? expand(text, lookup) : text;
  if (pattern === null) return NEVER;
  if (operator.family === 'Arn') return (actual) => arnLike(pattern, literal(actual));
  if (operator.comparison === 'like') return (actual) => globMatches(pattern, literal(actual));
  // Without the wildcards' meaning, a pattern's star is a star.
  const plain = literal(pattern);
  if (operator.comparison === 'equals') return (actual) => literal(actual) === plain;
  return (actual) => literal(actual).toLowerCase() === plain.toLowerCase();
}

/** Each of the six parts by itself; what is no ARN matches nothing. */
function arnLike(pattern: string, actual: string): boolean {
  if (pattern === '*') return true;
  const wanted = arnParts(pattern);
  const given = arnParts(actual);
  return wanted !== null && given !== null && wanted.every((part, index) => globMatches(part, given[index] ?? ''));
}

const COMPARE: Readonly<Record<string, (actual: number, wanted: number) => boolean>> = {
  equals: (actual, wanted) => actual === wanted,
  less: (actual, wanted) => actual < wanted,
  'less-or-equal': (actual, wanted) => actual <= wanted,
  more: (actual, wanted) => actual > wanted,
  'more-or-equal': (actual, wanted) => actual >= wanted,
};

/** Compare by number, where both are such values. */
function ordered(read: (text: string) => number | null): (text: string, operator: Operator) => Test {
  return (text, operator) => {
    const wanted = read(text);
    const compare = COMPARE[operator.comparison];
    if (wanted === null || compare === undefined) return NEVER;
    return (actual) => {
      const given = read(actual);
      return given !== null && compare(given, wanted);
    };
  };
}

const TYPED: Readonly<
  Record<'Numeric' | 'Date' | 'Bool' | 'Binary' | 'IpAddress' | 'Null', (text: string, operator: Operator) => Test>
> = {
  Numeric: ordered(numberOf),
  Date: ordered(dateOf),
  Bool: (text) => {
    const wanted = booleanOf(text);
    return (actual) => wanted !== null && booleanOf(actual) === wanted;
  },
  Binary: (text) => {
    const wanted = binaryOf(text);
    return (actual) => wanted !== null && binaryOf(actual) === wanted;
  },
  IpAddress: (text) => {
    const wanted = addressesOf(text);
    return (actual) => {
      const given = addressesOf(actual);
      return wanted !== null && given !== null && addressesContain(wanted, given);
    };
  },
  Null: () => NEVER,
};

/** Base64 in its one proper form; null where it is none. */
function binaryOf(text: string): string | null {
  const bytes = Buffer.from(text, 'base64').toString('base64');
  return bytes.replace(/=+$/, '') === text.replace(/=+$/, '') ? bytes : null;
}
