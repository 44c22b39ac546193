/** Values of conditions: that the operator can compare them, and that they mean what they say. */
import { arnParts } from '../arn.ts';
import type { ConditionKey } from '../catalogue.ts';
import type { Rule } from '../finding.ts';
import { isGlob } from '../glob.ts';
import type { OperatorFamily } from '../operators.ts';
import type { Condition, Statement, Text } from '../policy.ts';
import { addressesOf, booleanOf, dateOf, isPrivate, numberOf } from '../values.ts';
import { REGION_FORM } from './arns.ts';
import { NEVER_HOLDS, quoted, ruleOf as rule, type CheckContext } from './check.ts';

const VALUE = rule(
  'value-type',
  'TYPE_MISMATCH_STRING',
  'warning',
  'medium',
  'a value that the operator cannot compare',
  NEVER_HOLDS,
  'Write a value of the type of the operator.',
);
const DATE = rule(
  'invalid-date',
  'TYPE_MISMATCH_DATE',
  'error',
  'high',
  'a date that is none',
  'AWS refuses the whole policy.',
  'Write it as 2026-11-22T00:00:00Z.',
);
const EPOCH = rule(
  'epoch-date',
  'INVALID_DATE_VALUE',
  'warning',
  'low',
  'a date in seconds since 1970',
  'It is hard to read, and AWS advises against it.',
  'Write it as 2026-11-22T00:00:00Z.',
);
const SEVERAL_BOUNDS = rule(
  'several-bounds',
  'REDUNDANT_CONDITION_VALUE_NUM',
  'suggestion',
  'info',
  'several bounds where one decides',
  'One of several values is enough, so the loosest of them decides and the others do nothing.',
  'Keep the loosest, or use two operators where a range is meant.',
);
const REGION = rule(
  'condition-region',
  'INVALID_REGION',
  'warning',
  'medium',
  'a Region that cannot exist',
  'No request goes there: a positive operator never holds, a negated one always does.',
  'Write a Region such as us-east-1.',
);
const VPC = rule(
  'vpc-form',
  'INVALID_VPC_FORMAT',
  'warning',
  'medium',
  'an id that no VPC and no endpoint has',
  NEVER_HOLDS,
  'Write vpc- (aws:SourceVpc) or vpce- (aws:SourceVpce) and its 8 or 17 characters.',
);
const NO_WILDCARD = rule(
  'wildcard-without-like',
  'WILDCARD_WITHOUT_LIKE_OPERATOR',
  'warning',
  'medium',
  'a wildcard in a comparison that knows none',
  'StringEquals compares the star itself.',
  'Use StringLike, or write the value out.',
);
const IS_NULL = rule(
  'star-instead-of-null',
  'EQUIVALENT_TO_NULL_FALSE',
  'suggestion',
  'info',
  'a pattern that only asks whether the key exists',
  'StringLike "*" holds for every value.',
  'Write "Null": {"KEY": "false"}, which says so.',
);
const IS_MISSING: Rule = {
  ...IS_NULL,
  id: 'not-star-instead-of-null',
  code: 'EQUIVALENT_TO_NULL_TRUE',
  title: 'a pattern that only asks whether the key is missing',
  why: 'StringNotLike "*" holds for no value, and for a request without the key.',
  fix: 'Write "Null": {"KEY": "true"}, which says so.',
};
const SERVICE_PRINCIPAL = rule(
  'service-principal-form',
  'INVALID_SERVICE_PRINCIPAL_FORMAT',
  'warning',
  'medium',
  'a service principal that cannot exist',
  NEVER_HOLDS,
  'Write service.amazonaws.com, in lower case.',
);
const PRIVATE = rule(
  'private-address',
  'PRIVATE_IP_ADDRESS',
  'warning',
  'medium',
  'private addresses in aws:SourceIp',
  'aws:SourceIp is the public address of the caller; a call through a VPC endpoint does not carry it.',
  'Use aws:VpcSourceIp with aws:SourceVpc, or the public addresses.',
);
const RANGE = rule(
  'address-range',
  'IMPROVE_IP_RANGE',
  'suggestion',
  'info',
  'a range that does not start at its own address',
  'The digits behind the prefix are ignored.',
  'Write the first address of the range.',
);
const MFA = rule(
  'mfa-false-allowed',
  null,
  'security',
  'high',
  'an Allow for those without MFA',
  'With Bool and false, calls without MFA are allowed, and with long-term keys, which carry no such key, are not.',
  'In an Allow write "Bool": {"aws:MultiFactorAuthPresent": "true"}; in a Deny "BoolIfExists" with "false".',
);
const SEVERAL_BOOLEANS = rule(
  'several-booleans',
  'INVALID_CONDITION_MULTIPLE_BOOLEAN',
  'error',
  'medium',
  'several values of a boolean',
  'True or false is always true.',
  'Keep one.',
);

/** Rules of this file. */
export const VALUE_RULES: readonly Rule[] = [
  VALUE,
  DATE,
  EPOCH,
  SEVERAL_BOUNDS,
  REGION,
  VPC,
  NO_WILDCARD,
  IS_NULL,
  IS_MISSING,
  SERVICE_PRINCIPAL,
  PRIVATE,
  RANGE,
  MFA,
  SEVERAL_BOOLEANS,
];

/** What values an operator can compare; null: any. */
const READERS: Readonly<Record<OperatorFamily, { reads: (text: string) => boolean; code: string | null } | null>> = {
  String: null,
  Arn: { reads: (text) => text === '*' || arnParts(text) !== null, code: null },
  Numeric: { reads: (text) => numberOf(text) !== null, code: 'TYPE_MISMATCH_NUMBER' },
  Date: { reads: (text) => dateOf(text) !== null, code: 'TYPE_MISMATCH_DATE' },
  Bool: { reads: (text) => booleanOf(text) !== null, code: 'TYPE_MISMATCH_BOOLEAN' },
  Null: { reads: (text) => booleanOf(text) !== null, code: 'TYPE_MISMATCH_BOOLEAN' },
  IpAddress: { reads: (text) => addressesOf(text) !== null, code: 'TYPE_MISMATCH_IP_RANGE' },
  Binary: { reads: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text), code: 'TYPE_MISMATCH_STRING' },
};

/** What names of services look like in the keys that hold them: a caller is one label, what a role is passed to may be two. */
const SERVICE_FORMS: readonly (readonly [key: RegExp, form: RegExp])[] = [
  [/^aws:CalledVia(?:First|Last)?$/i, /^[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|amazon\.com)$/],
  [
    /^(?:aws:PrincipalServiceName|iam:PassedToService|iam:AWSServiceName|kms:ViaService)$/i,
    /^(?:[a-z0-9-]+\.){1,3}(?:amazonaws\.com(?:\.cn)?|amazon\.com|api\.aws|aws\.internal)$/,
  ],
];

/**
 * The values of a condition.
 * @param key - null where it is not known
 */
export function checkValues(
  condition: Condition,
  key: ConditionKey | null,
  statement: Statement,
  context: CheckContext,
): void {
  const { operator, values } = condition;
  if (operator === null) return;
  const reader = READERS[operator.family];
  for (const value of values) {
    if (value.holes.length > 0 || value.text.includes('${')) continue;
    if (reader && !reader.reads(value.text)) {
      const found = operator.family === 'Date' ? DATE : { ...VALUE, code: reader.code };
      context.report(found, value, `${operator.name} cannot compare ${quoted(value) || 'an empty string'}`);
    } else if (operator.family === 'String') {
      checkString(value, condition, key, context);
    } else if (operator.family === 'IpAddress') {
      checkAddress(value, context);
    } else if (operator.family === 'Date' && isEpoch(value.text) && !/^aws:EpochTime$/i.test(condition.key.text)) {
      context.report(EPOCH, value, `${quoted(value)} is a date in seconds since 1970`);
    }
  }
  checkPrivate(condition, context);
  checkBounds(condition, context);
  if (
    operator.family === 'Bool' &&
    operator.qualifier === null &&
    new Set(values.map(({ text }) => text.toLowerCase())).size > 1
  ) {
    context.report(SEVERAL_BOOLEANS, condition, `${quoted(condition.key)} is compared with true and with false`);
  }
  const mfa = /^aws:MultiFactorAuthPresent$/i.test(condition.key.text);
  if (
    mfa &&
    operator.family === 'Bool' &&
    statement.effect === 'Allow' &&
    values.some(({ text }) => booleanOf(text) === false)
  ) {
    context.report(MFA, condition, 'this allows calls without multi-factor authentication');
  }
}

/** What ids look like in the keys that hold them; a pattern may stand for the whole of the second part. */
const VPC_FORMS: readonly (readonly [key: RegExp, form: RegExp])[] = [
  [/^aws:SourceVpc$/i, /^(?:vpc-(?:[a-z0-9]{8}|[a-z0-9]{17}|[a-z0-9]*[*?].*)|[*?].*)$/],
  [/^aws:SourceVpce$/i, /^(?:vpce-(?:[a-z0-9]{8}|[a-z0-9]{17}|[a-z0-9]*[*?].*)|[*?].*)$/],
];

function checkString(value: Text, condition: Condition, key: ConditionKey | null, context: CheckContext): void {
  const { operator } = condition;
  if (operator === null) return;
  if (operator.comparison !== 'like' && isGlob(value.text)) {
    context.report(NO_WILDCARD, value, `${operator.name} compares ${quoted(value)} as it is`);
  } else if (VPC_FORMS.some(([name, form]) => name.test(condition.key.text) && !form.test(value.text))) {
    const code = /vpce$/i.test(condition.key.text) ? 'INVALID_VPCE_FORMAT' : 'INVALID_VPC_FORMAT';
    context.report({ ...VPC, code }, value, `${quoted(value)} is no id that ${quoted(condition.key)} can have`);
  } else if (
    /^aws:RequestedRegion$/i.test(condition.key.text) &&
    !isGlob(value.text) &&
    !REGION_FORM.test(value.text)
  ) {
    context.report(REGION, value, `${quoted(value)} is no Region`);
  } else if (operator.comparison === 'like' && value.text === '*') {
    if (operator.negated) context.report(IS_MISSING, value, `no value of ${quoted(condition.key)} will do`);
    else context.report(IS_NULL, value, `any value of ${quoted(condition.key)} will do`);
  } else if (
    key &&
    operator.comparison !== 'like' &&
    SERVICE_FORMS.some(([name, form]) => name.test(condition.key.text) && !form.test(value.text))
  ) {
    context.report(SERVICE_PRINCIPAL, value, `${quoted(value)} is no service principal`);
  }
}

function checkAddress(value: Text, context: CheckContext): void {
  const range = addressesOf(value.text);
  if (range && !range.aligned) context.report(RANGE, value, `${quoted(value)} starts before the address that it names`);
}

/** Private addresses, each by itself; the code says whether others are with them and which way they are compared. */
function checkPrivate({ key, operator, values }: Condition, context: CheckContext): void {
  if (operator?.family !== 'IpAddress' || !/^aws:SourceIp$/i.test(key.text)) return;
  const found = values.filter(({ text }) => {
    const range = addressesOf(text);
    return range !== null && isPrivate(range);
  });
  const code = `PRIVATE_${operator.negated ? 'NOT_' : ''}IP_ADDRESS${found.length < values.length ? '_SUBSET' : ''}`;
  for (const value of found) context.report({ ...PRIVATE, code }, value, `${quoted(value)} is a private address`);
}

/** Numbers and dates of which one alone decides: more than one bound on the same side. */
function checkBounds({ key, operator, values, range, path }: Condition, context: CheckContext): void {
  if (operator === null || !['Numeric', 'Date'].includes(operator.family) || operator.qualifier !== null) return;
  if (operator.comparison === 'equals' || values.length < 2) return;
  context.report(
    SEVERAL_BOUNDS,
    { range, path },
    `${operator.name} on ${quoted(key)} has ${String(values.length)} bounds`,
  );
}

/** Years have four digits; what is longer counts seconds. */
const isEpoch = (text: string): boolean => /^-?\d{5,}$/.test(text);
