/** Whether one condition makes sure of another: whatever request the first lets pass, the second lets pass. */
import { arnContains, arnLength, arnParts } from '../arn.ts';
import { globContains, globMatches, isGlob } from '../glob.ts';
import type { Operator } from '../operators.ts';
import type { Condition } from '../policy.ts';
import { addressesContain, addressesOf, booleanOf } from '../values.ts';
import { literal } from '../variables.ts';

/** How the values of a condition are compared. */
export interface Values {
  /** Texts in which what is unknown is equal to itself alone. */
  of: (condition: Condition) => readonly string[];
  /** Whether requests carry one value of the key at most. */
  single: (key: string) => boolean;
}

/** Whether `given` implies `wanted`. */
export function implies(given: Condition, givenValues: Values, wanted: Condition, wantedValues: Values): boolean {
  if (given.key.text.toLowerCase() !== wanted.key.text.toLowerCase()) return false;
  const have = givenValues.of(given);
  const want = wantedValues.of(wanted);
  if (given.operator === null || wanted.operator === null) {
    return given.operatorText === wanted.operatorText && sameSet(have, want);
  }
  if (have.length === 0 || want.length === 0)
    return have.length === want.length && sameOperator(given.operator, wanted.operator);
  if (present(given.operator, have) && present(wanted.operator, want)) return true;
  if (!qualifiersAllow(given.operator, wanted.operator, wantedValues.single(wanted.key.text))) return false;
  if (given.operator.negated !== wanted.operator.negated) return false;
  // A negated operator passes what the plain one stops, so there the wanted values are the fewer.
  return given.operator.negated
    ? subset(wanted.operator, want, given.operator, have)
    : subset(given.operator, have, wanted.operator, want);
}

const sameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.every((text) => b.includes(text)) && b.every((text) => a.includes(text));

const sameOperator = (a: Operator, b: Operator): boolean =>
  a.name === b.name && a.qualifier === b.qualifier && a.ifExists === b.ifExists;

/** Whether a condition asks only that the key is there: `Null` with false, `StringLike` with `*`. */
function present({ family, comparison, negated, qualifier, ifExists }: Operator, values: readonly string[]): boolean {
  if (family === 'Null') return values.every((text) => booleanOf(text) === false);
  return (
    family === 'String' &&
    comparison === 'like' &&
    !negated &&
    !ifExists &&
    qualifier !== 'ForAllValues' &&
    values.some((text) => /^\*+$/.test(text))
  );
}

/** What the two say of a missing key and of several values. */
function qualifiersAllow(given: Operator, wanted: Operator, single: boolean): boolean {
  // With IfExists a missing key passes, without it only under a negated operator.
  if (given.ifExists && !wanted.ifExists && !(given.negated && wanted.negated && given.qualifier === null))
    return false;
  if (given.qualifier === wanted.qualifier) return true;
  // Of one value at most, ForAllValues says what no qualifier says, and passes a missing key besides.
  return single && given.qualifier === null && wanted.qualifier === 'ForAllValues';
}

/** Whether every value that matches one of `inner` matches one of `outer`, as the operators compare. */
function subset(innerBy: Operator, inner: readonly string[], outerBy: Operator, outer: readonly string[]): boolean {
  const contains = containment(innerBy, outerBy);
  return contains !== null && inner.every((value) => outer.some((pattern) => contains(pattern, value)));
}

type Contains = (outer: string, inner: string) => boolean;

const equal: Contains = (outer, inner) => outer === inner;
const ignoringCase: Contains = (outer, inner) => outer.toLowerCase() === inner.toLowerCase();
/** What is compared as it is, its stars included, against a pattern. */
const literalInLike: Contains = (outer, inner) => globMatches(outer, literal(inner));
const likeInLiteral: Contains = (outer, inner) => !isGlob(inner) && outer === inner;
const whole = (text: string): boolean => arnLength(text) === 6;
/** A pattern that is no ARN matches no ARN, however it reads. */
const arnInArn: Contains = (outer, inner) => (outer === '*' || arnParts(outer) !== null) && arnContains(outer, inner);
const literalInArn: Contains = (outer, inner) => !isGlob(inner) && whole(inner) && arnInArn(outer, inner);
const arnInLiteral: Contains = (outer, inner) => !isGlob(inner) && whole(inner) && outer === inner;
/** Part by part is narrower than all in one, where all the parts are written. */
const arnInLike: Contains = (outer, inner) =>
  inner === '*' ? outer === '*' : whole(inner) && globContains(outer, inner);

const CONTAINMENT: Readonly<Record<string, Contains>> = {
  'String/equals in String/equals': equal,
  'String/equals in String/equals-ignoring-case': ignoringCase,
  'String/equals-ignoring-case in String/equals-ignoring-case': ignoringCase,
  'String/equals in String/like': literalInLike,
  'String/like in String/equals': likeInLiteral,
  'String/like in String/like': globContains,
  'Arn/like in Arn/like': arnInArn,
  'Arn/like in String/like': arnInLike,
  'Arn/like in String/equals': arnInLiteral,
  'String/equals in Arn/like': literalInArn,
};

function containment(inner: Operator, outer: Operator): Contains | null {
  const known = CONTAINMENT[`${inner.family}/${inner.comparison} in ${outer.family}/${outer.comparison}`];
  if (known) return known;
  if (inner.family !== outer.family || inner.comparison !== outer.comparison) return null;
  if (inner.family === 'IpAddress') return addressesIn;
  return inner.family === 'Bool' || inner.family === 'Null' ? ignoringCase : equal;
}

const addressesIn: Contains = (outer, inner) => {
  const [wide, narrow] = [addressesOf(outer), addressesOf(inner)];
  return outer === inner || (wide !== null && narrow !== null && addressesContain(wide, narrow));
};
