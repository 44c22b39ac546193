/** Conditions: keys that exist, operators that suit them, values that can compare. */
import { arnParts } from '../arn.ts';
import type { Action, ConditionKey } from '../catalogue.ts';
import type { Rule } from '../finding.ts';
import { isGlob } from '../glob.ts';
import type { OperatorFamily } from '../operators.ts';
import type { Condition, Policy, Statement, Text } from '../policy.ts';
import { addressesOf, booleanOf, dateOf, isPrivate, numberOf } from '../values.ts';
import { listed, quoted, type Check, type CheckContext } from './check.ts';

const rule = (
  id: string,
  code: string | null,
  kind: Rule['kind'],
  severity: Rule['severity'],
  title: string,
  why: string,
  fix: string,
): Rule => ({ id, code, kind, severity, title, why, fix });

const NEVER_HOLDS = 'The condition never holds, so an Allow grants nothing and a Deny denies nothing.';
const KEY_FORM = rule(
  'condition-key-form',
  'INVALID_CONDITION_KEY_FORMAT',
  'warning',
  'medium',
  'a condition key without a service',
  NEVER_HOLDS,
  'Write aws:Key or service:Key.',
);
const UNKNOWN_GLOBAL = rule(
  'unknown-global-key',
  'INVALID_GLOBAL_CONDITION_KEY',
  'warning',
  'medium',
  'a global condition key that is not known',
  NEVER_HOLDS,
  'Correct its name: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html',
);
const UNKNOWN_KEY = rule(
  'unknown-condition-key',
  'INVALID_SERVICE_CONDITION_KEY',
  'warning',
  'medium',
  'a condition key that the service does not have',
  NEVER_HOLDS,
  'Correct its name, or use one that the service has.',
);
const NOT_FOR_ACTION = rule(
  'condition-key-not-for-action',
  null,
  'warning',
  'medium',
  'a condition key that comes with none of the actions',
  'The requests do not carry the key: a positive operator then never holds, a negated one always does.',
  'Use a key that the actions have, or put the condition where it belongs.',
);
const TAG_NOT_FOR_ACTION = rule(
  'tag-key-not-for-action',
  'ALLOW_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE',
  'suggestion',
  'low',
  'actions that do not carry the tag of the condition',
  'These actions are not allowed by the statement, whatever tag the resource has.',
  'Move them to a statement without this condition key.',
);
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
  'INVALID_DATE_VALUE',
  'error',
  'high',
  'a date that is none',
  'AWS refuses the whole policy.',
  'Write it as 2026-11-22T00:00:00Z.',
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
const IF_EXISTS = rule(
  'if-exists-in-allow',
  null,
  'suggestion',
  'info',
  'IfExists in an Allow',
  'A request that does not carry the key is allowed.',
  'Leave IfExists out unless calls without the key are meant too.',
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
export const CONDITION_RULES: readonly Rule[] = [
  KEY_FORM,
  UNKNOWN_GLOBAL,
  UNKNOWN_KEY,
  NOT_FOR_ACTION,
  TAG_NOT_FOR_ACTION,
  TYPE,
  STRING_ON_ARN,
  STRING_EQUALS_ON_ARN,
  VALUE,
  DATE,
  QUALIFIER,
  SINGLE,
  HOLE_IN_ALL,
  NO_WILDCARD,
  IS_NULL,
  SERVICE_PRINCIPAL,
  PRIVATE,
  RANGE,
  MFA,
  IF_EXISTS,
  SEVERAL_BOOLEANS,
];

/** Every condition of every statement. */
export const checkConditions: Check = (policy, context) => {
  for (const statement of policy.statements) {
    for (const condition of statement.conditions) {
      if (condition.operator === null || condition.values.length === 0) continue;
      const key = checkKey(condition, statement, policy, context);
      checkValues(condition, key, statement, context);
      if (key) checkOperator(condition, key, statement, context);
    }
  }
};

/** Keys with the name of an identity provider, or of no service, before the colon, which the catalogue does not have. */
const PROVIDER_KEY = /^(?:saml|identitycenter|catalog|[^:]*\.[^:]*):/i;

/** Whether the key exists, and whether the actions come with it. */
function checkKey(
  condition: Condition,
  statement: Statement,
  policy: Policy,
  context: CheckContext,
): ConditionKey | null {
  const { catalogue } = context;
  const { text } = condition.key;
  const colon = text.indexOf(':');
  if (colon < 1) {
    context.report(KEY_FORM, condition.key, `${quoted(text)} is no condition key`);
    if (statement.actions && !statement.actions.not) return null;
    return null;
  }
  const found = catalogue.key(text);
  if (found === null) {
    if (PROVIDER_KEY.test(text) || text.includes('${')) return null;
    const prefix = text.slice(0, colon).toLowerCase();
    const asOf = `(data of ${catalogue.date})`;
    const service = catalogue.service(prefix);
    const known = prefix === 'aws' ? catalogue.globalKeys : (service?.keys ?? []);
    const meant = context.nearest(
      text,
      known.map(({ name }) => name),
    );
    const tail = meant === null ? '' : `: ${meant} may be meant`;
    if (prefix === 'aws')
      context.report(UNKNOWN_GLOBAL, condition.key, `no global key ${quoted(text)} is known ${asOf}${tail}`);
    else if (service && service.actions.length > 0)
      context.report(UNKNOWN_KEY, condition.key, `${prefix} has no key ${quoted(text)} ${asOf}${tail}`);
    else context.report(UNKNOWN_KEY, condition.key, `no service ${quoted(prefix)} is known ${asOf}`);
    return null;
  }
  checkCarried(condition, found, statement, policy, context);
  return found;
}

/** Global keys that come with some actions and resources only. */
const TAG_KEYS = /^aws:(?:ResourceTag|RequestTag|TagKeys)/i;

function checkCarried(
  condition: Condition,
  key: ConditionKey,
  statement: Statement,
  policy: Policy,
  context: CheckContext,
): void {
  const { actions } = statement;
  const global = /^aws:/i.test(key.name);
  const tag = TAG_KEYS.test(key.name);
  if (actions === null || actions.not || policy.type === 'trust' || (global && !tag)) return;
  // Global keys of services (ec2:SourceInstanceArn) come with the credentials of the caller.
  if (context.catalogue.globalKeys.some(({ name }) => name === key.name) && !tag) return;
  const without: { action: Text; names: Action[] }[] = [];
  let carried = 0;
  for (const action of actions.values) {
    const matched = context.catalogue.actions(action.text);
    if (matched.length === 0) return;
    const lacking = matched.filter((known) => !carries(known, key.name));
    if (lacking.length < matched.length) carried += 1;
    if (lacking.length === matched.length) without.push({ action, names: [...lacking] });
  }
  if (without.length === 0) return;
  const names = without.map(({ action }) => quoted(action));
  if (carried === 0) {
    context.report(NOT_FOR_ACTION, condition.key, `${quoted(condition.key)} does not come with ${listed(names)}`);
    return;
  }
  const { operator } = condition;
  if (
    tag &&
    statement.effect === 'Allow' &&
    operator !== null &&
    !operator.negated &&
    !operator.ifExists &&
    operator.family !== 'Null'
  ) {
    const also = without.map(({ action }) => action);
    const [first = condition.key] = also;
    context.report(
      TAG_NOT_FOR_ACTION,
      first,
      `${listed(names)} ${names.length === 1 ? 'does' : 'do'} not carry ${quoted(condition.key)}`,
      {
        also: [...also.slice(1), condition.key],
      },
    );
  }
}

function carries(action: Action, name: string): boolean {
  return (
    action.keys.includes(name) ||
    sameTag(action.keys, name) ||
    action.resources.some(
      ({ type, keys }) =>
        keys.includes(name) || type.keys.includes(name) || sameTag(keys, name) || sameTag(type.keys, name),
    )
  );
}

/** `aws:ResourceTag/tag-key` and `aws:ResourceTag/${TagKey}` are the same key. */
function sameTag(keys: readonly string[], name: string): boolean {
  const slash = name.indexOf('/');
  const stem = slash === -1 ? name : name.slice(0, slash + 1);
  if (slash !== -1) return keys.some((key) => key.startsWith(stem));
  return keys.some((key) => key.toLowerCase() === name.toLowerCase());
}

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

function checkOperator(condition: Condition, key: ConditionKey, statement: Statement, context: CheckContext): void {
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

/** What values an operator can compare; null: any. */
const READERS: Readonly<Record<OperatorFamily, { reads: (text: string) => boolean; code: string } | null>> = {
  String: null,
  Arn: { reads: (text) => text === '*' || arnParts(text) !== null, code: 'TYPE_MISMATCH_STRING' },
  Numeric: { reads: (text) => numberOf(text) !== null, code: 'TYPE_MISMATCH_NUMBER' },
  Date: { reads: (text) => dateOf(text) !== null, code: 'INVALID_DATE_VALUE' },
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

function checkValues(
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
      checkAddress(value, condition, context);
    }
  }
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

function checkString(value: Text, condition: Condition, key: ConditionKey | null, context: CheckContext): void {
  const { operator } = condition;
  if (operator === null) return;
  if (operator.comparison !== 'like' && isGlob(value.text)) {
    context.report(NO_WILDCARD, value, `${operator.name} compares ${quoted(value)} as it is`);
  } else if (operator.comparison === 'like' && !operator.negated && value.text === '*') {
    context.report(IS_NULL, value, `any value of ${quoted(condition.key)} will do`);
  } else if (
    key &&
    operator.comparison !== 'like' &&
    SERVICE_FORMS.some(([name, form]) => name.test(condition.key.text) && !form.test(value.text))
  ) {
    context.report(SERVICE_PRINCIPAL, value, `${quoted(value)} is no service principal`);
  }
}

function checkAddress(value: Text, condition: Condition, context: CheckContext): void {
  const range = addressesOf(value.text);
  if (range === null) return;
  if (!range.aligned) context.report(RANGE, value, `${quoted(value)} starts before the address that it names`);
  if (/^aws:SourceIp$/i.test(condition.key.text) && isPrivate(range)) {
    context.report(PRIVATE, value, `${quoted(value)} is a private address`);
  }
}
