/** Key policies: https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html */
import type { Rule } from '../finding.ts';
import { ruleOf as rule, type Check } from './check.ts';

const DELEGATES = rule(
  'key-delegates-to-iam',
  null,
  'suggestion',
  'info',
  'the key policy delegates to IAM',
  "This is AWS's default: who may use the key is decided by the identity policies of the account.",
  'Nothing, unless the key is to be used by a few only: then name them here.',
);
const NO_ROOT = rule(
  'key-without-administrator',
  null,
  'warning',
  'high',
  'nobody may change the key policy',
  'A key whose policy names nobody who may change it can only be recovered by AWS support.',
  'Add the default statement for the account, or name administrators with kms:PutKeyPolicy.',
);

/** Rules of this file. */
export const KEY_POLICY_RULES: readonly Rule[] = [DELEGATES, NO_ROOT];

/** The default statement of a key policy, and what it means where it is missing. */
export const checkKeyPolicy: Check = (policy, context) => {
  if (policy.type !== 'kms') return;
  const administers = policy.statements.filter(
    ({ effect, actions, principals }) =>
      effect === 'Allow' &&
      principals !== null &&
      (actions?.values.some(({ text }) => /^(?:\*|kms:(?:\*|put\*|putkeypolicy|p\*))$/i.test(text)) ?? false),
  );
  if (administers.length === 0 && policy.statements.length > 0)
    context.report(NO_ROOT, policy, 'no statement allows kms:PutKeyPolicy');
  for (const { principals, actions } of administers) {
    const root = principals?.values.find(
      ({ kind, value }) => kind === 'AWS' && (value.text.endsWith(':root') || /^\d{12}$/.test(value.text)),
    );
    if (root && actions?.values.some(({ text }) => /^kms:\*$/i.test(text)))
      context.report(DELEGATES, root.value, 'identity policies of the account decide who uses the key');
  }
};
