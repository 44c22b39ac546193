/** Secrets and their keys: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html */
import { arnParts, arnsIntersect } from '../arn.ts';
import type { Rule } from '../finding.ts';
import type { Policy, Statement, Text } from '../policy.ts';
import { grants, hasDemand, names } from '../reach.ts';
import { HOLE, shown } from '../tree.ts';
import { quoted, type Check, type CheckContext } from './check.ts';

const NO_SUFFIX: Rule = {
  id: 'secret-without-suffix',
  code: null,
  kind: 'warning',
  severity: 'high',
  title: 'the ARN of a secret without its suffix',
  why: 'The ARN of a secret ends in a hyphen and six random characters, so this one matches no secret and the task that needs it does not start.',
  fix: 'Append -?????? to the name.',
};
const FAMILY: Rule = {
  id: 'secret-pattern-too-broad',
  code: null,
  kind: 'security',
  severity: 'medium',
  title: 'a pattern that takes in other secrets',
  why: 'It also matches secrets whose names go on after this one.',
  fix: 'End the pattern with -?????? in the place of the star: it matches this secret alone, and its re-creations.',
};
const DASH_STAR: Rule = { ...FAMILY, id: 'secret-pattern-dash-star', severity: 'low' };
const DECRYPT: Rule = {
  id: 'decrypt-unbound',
  code: null,
  kind: 'security',
  severity: 'high',
  title: 'kms:Decrypt that is bound to no key',
  why: 'It decrypts with every key that delegates to IAM, whatever was encrypted (Security Hub KMS.1 and KMS.2).',
  fix: 'Name the ARN of the key.',
};
const DECRYPT_ANY_USE: Rule = {
  ...DECRYPT,
  id: 'decrypt-not-via-service',
  severity: 'low',
  title: 'kms:Decrypt for every use of the key',
  why: 'It decrypts whatever was encrypted with the key, not only through the service that is meant.',
  fix: 'Add conditions: kms:ViaService is secretsmanager.REGION.amazonaws.com, kms:EncryptionContext:SecretARN is the ARN of the secret.',
};

/** Rules of this file. */
export const SECRET_RULES: readonly Rule[] = [NO_SUFFIX, FAMILY, DASH_STAR, DECRYPT, DECRYPT_ANY_USE];

/** Resources of statements about secrets and keys. */
export const checkSecrets: Check = (policy, context) => {
  for (const statement of policy.statements) {
    if (policy.type !== 'identity' || statement.resources === null || statement.resources.not) continue;
    for (const resource of statement.resources.values) checkSecret(resource, statement, context);
    checkDecrypt(statement, policy, context);
  }
};

/** What follows `secret:`; null where the ARN is not that of a secret. */
function secretName(text: string): string | null {
  const parts = arnParts(text);
  if (parts?.[1] !== 'secretsmanager' || !parts[4].startsWith('secret:')) return null;
  return parts[4].slice('secret:'.length);
}

function checkSecret(resource: Text, statement: Statement, context: CheckContext): void {
  const name = secretName(resource.text);
  if (name === null || resource.text.endsWith(HOLE) || name === '*') return;
  // As it is told: what a template leaves open by name. No hole stands before `secret:` but those of Region and account.
  const told = secretName(shown(resource.text, resource.holes)) ?? name;
  const pattern = name.replaceAll(/\$\{[^}]{0,512}\}/g, '*').replaceAll(HOLE, '*');
  if (
    !arnsIntersect(`arn:aws:x:::${pattern}`, 'arn:aws:x:::*-??????') ||
    (!pattern.endsWith('*') && !SUFFIX.test(pattern))
  ) {
    context.report(NO_SUFFIX, resource, `${quoted(told)} has no suffix, so no secret has this ARN`, {
      fix: `Write secret:${quoted(told)}-??????`,
    });
  } else if (pattern.endsWith('*') && statement.effect === 'Allow' && !/^\*+$/.test(pattern)) {
    const stem = told.replace(/-?\*+$/, '');
    const dash = /-\*+$/.test(told);
    const other = dash ? `${stem}-other-AbCdEf` : `${stem}other-AbCdEf`;
    if (stem.endsWith('/')) return;
    context.report(dash ? DASH_STAR : FAMILY, resource, `${quoted(told)} also matches ${quoted(other)}`, {
      fix: `Write secret:${quoted(stem)}-?????? if one secret is meant.`,
    });
  }
}

/** A hyphen and six characters, or what may stand for them. */
const SUFFIX = /-[A-Za-z0-9?]{6}$|[*]/;

const CONTEXT_KEYS = /^kms:(?:ViaService|EncryptionContext:.+|EncryptionContextKeys)$/i;
const KEY_KEYS = /^(?:kms:(?:ResourceAliases|RequestAlias)|(?:aws|kms):ResourceTag\/.+|kms:EncryptionContext:.+)$/i;

function checkDecrypt(statement: Statement, policy: Policy, context: CheckContext): void {
  const { actions, resources } = statement;
  if (statement.effect !== 'Allow' || !actions || actions.not || !resources || !names(statement, 'kms:Decrypt')) return;
  // What `*` and kms:* take in is told by their own rules.
  const action = actions.values.find(
    ({ text }) =>
      /^kms:(?!\*+$)/i.test(text) &&
      names(
        { ...statement, actions: { ...actions, values: actions.values.filter((value) => value.text === text) } },
        'kms:Decrypt',
      ),
  );
  if (!action || !grants(policy, statement, 'kms:Decrypt')) return;
  const anyKey = resources.values.find(({ text }) => /^\*+$/.test(text) || /:(?:key\/)?\*+$/.test(text));
  if (anyKey && !hasDemand(statement, KEY_KEYS)) {
    const severity = hasDemand(statement, CONTEXT_KEYS) ? { severity: 'medium' as const } : {};
    context.report(DECRYPT, action, `kms:Decrypt on ${quoted(anyKey)}`, { also: [anyKey], ...severity });
  } else if (!hasDemand(statement, CONTEXT_KEYS)) {
    context.report(DECRYPT_ANY_USE, action, 'neither kms:ViaService nor the encryption context is demanded');
  }
}
