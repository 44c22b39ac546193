/** Condition keys: that they exist, and that the requests of the actions carry them. */
import type { Action, ConditionKey } from '../catalogue.ts';
import type { Rule } from '../finding.ts';
import type { Condition, Policy, Statement, Text } from '../policy.ts';
import { listed, NEVER_HOLDS, quoted, ruleOf as rule, type CheckContext } from './check.ts';

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
const DENY_TAG_NOT_FOR_ACTION = rule(
  'denied-tag-key-not-for-action',
  'DENY_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE',
  'security',
  'medium',
  'actions in a Deny that do not carry the tag of its condition',
  'These actions are not denied by the statement, whatever tag the resource has.',
  'Deny them in a statement without this condition key, by the names of the resources.',
);
const TAG_WITH_NOT_ACTION = rule(
  'tag-key-with-not-action',
  'ALLOW_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE',
  'suggestion',
  'low',
  'NotAction with a condition on a tag',
  'Many actions do not carry the tag, and nobody sees which: the statement is silent about them.',
  'List the actions with Action.',
);
const NO_TAG_NAME = rule(
  'tag-key-without-tag',
  'MISSING_TAG_KEY_IN_CONDITION',
  'warning',
  'medium',
  'a condition on a tag that names no tag',
  NEVER_HOLDS,
  'Write the name of the tag behind the slash, such as aws:ResourceTag/team.',
);
const RETIRED_GLOBAL = rule(
  'retired-global-key',
  'UNSUPPORTED_GLOBAL_CONDITION_KEY',
  'warning',
  'medium',
  'a global condition key that was replaced',
  NEVER_HOLDS,
  'Write aws:PrincipalArn (who calls) or aws:SourceArn (for which resource a service calls).',
);
const SPOOFABLE = rule(
  'spoofable-key',
  'UNTRUSTWORTHY_CONDITION_KEY',
  'security',
  'low',
  'a condition on what the caller writes as it likes',
  'Browsers and programs send any Referer and User-Agent that they are told to.',
  'Use a key that AWS fills in: who calls, from which network, for which resource.',
);

/** Rules of this file. */
export const KEY_RULES: readonly Rule[] = [KEY_FORM, UNKNOWN_GLOBAL, UNKNOWN_KEY, NOT_FOR_ACTION, TAG_NOT_FOR_ACTION];

/** Keys with the name of an identity provider, or of no service, before the colon, which the catalogue does not have. */
const PROVIDER_KEY = /^(?:saml|identitycenter|catalog|[^:]*\.[^:]*):/i;

/**
 * Whether the key exists, and whether the actions come with it.
 * @returns what is known of it; null where nothing is
 */
export function checkKey(
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
    return null;
  }
  if (NAMELESS_TAG.test(text)) {
    context.report(NO_TAG_NAME, condition.key, `${quoted(text)} names no tag`);
    return null;
  }
  if (/^aws:arn$/i.test(text)) {
    context.report(RETIRED_GLOBAL, condition.key, `${quoted(text)} is a key of the past`);
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
  if (/^aws:(?:Referer|UserAgent)$/i.test(text))
    context.report(SPOOFABLE, condition.key, `anybody can send any ${quoted(text)}`);
  checkCarried(condition, found, statement, policy, context);
  return found;
}

/** `aws:ResourceTag` and its like, with nothing behind them. */
const NAMELESS_TAG = /^[a-z0-9-]+:(?:ResourceTag|RequestTag|PrincipalTag)\/?$/i;

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
  if (actions === null || policy.type === 'trust' || (global && !tag)) return;
  if (actions.not) {
    if (tag && demandsValue(condition)) {
      const denies = statement.effect === 'Deny';
      const found: Rule = denies
        ? { ...TAG_WITH_NOT_ACTION, code: DENY_NOT_ACTION, kind: 'security', severity: 'medium' }
        : TAG_WITH_NOT_ACTION;
      const silent = `${denies ? 'does not deny' : 'does not allow'} the actions without ${quoted(condition.key)}`;
      context.report(found, condition.key, `this ${silent}`);
    }
    return;
  }
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
  const told = without.map(({ action }) => quoted(action));
  if (carried === 0) {
    context.report(NOT_FOR_ACTION, condition.key, `${quoted(condition.key)} does not come with ${listed(told)}`);
    return;
  }
  const counts = statement.effect === 'Allow' ? tag : statement.effect === 'Deny' && /^aws:ResourceTag/i.test(key.name);
  if (counts && demandsValue(condition)) {
    const also = without.map(({ action }) => action);
    const [first = condition.key] = also;
    context.report(
      statement.effect === 'Allow' ? TAG_NOT_FOR_ACTION : DENY_TAG_NOT_FOR_ACTION,
      first,
      `${listed(told)} ${told.length === 1 ? 'does' : 'do'} not carry ${quoted(condition.key)}`,
      {
        also: [...also.slice(1), condition.key],
      },
    );
  }
}

const DENY_NOT_ACTION = 'DENY_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE';

/** Whether a request without the key does not pass. */
const demandsValue = ({ operator }: Condition): boolean =>
  operator !== null && !operator.negated && !operator.ifExists && operator.family !== 'Null';

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
