/** Whom resource, key and trust policies name: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html */
import { arnParts, PARTITIONS } from '../arn.ts';
import type { Rule } from '../finding.ts';
import type { Policy, Principal, Statement } from '../policy.ts';
import { boundsCaller, demands, hasDemand } from '../reach.ts';
import { HOLE } from '../tree.ts';
import { quoted, REFUSED, ruleOf as rule, type Check, type CheckContext } from './check.ts';
import { isGitHub } from './trust.ts';

const FORM = rule(
  'principal-form',
  'INVALID_PRINCIPAL_FORMAT',
  'error',
  'high',
  'a principal that is none',
  REFUSED,
  'Write an account, the ARN of a role or user, a service or an identity provider.',
);
const KIND = rule(
  'principal-kind',
  'INVALID_PRINCIPAL_KEY',
  'error',
  'high',
  'a kind of principal that does not exist',
  REFUSED,
  'Write AWS, Service, Federated or CanonicalUser.',
);
const WILDCARD = rule(
  'principal-wildcard',
  'UNSUPPORTED_WILDCARD_IN_PRINCIPAL',
  'error',
  'high',
  'a wildcard inside a principal',
  'A principal is written out, or "*" alone; AWS refuses the policy.',
  'Write "*" and demand aws:PrincipalArn in a condition with ArnLike.',
);
const DELETED = rule(
  'principal-deleted',
  null,
  'warning',
  'medium',
  'a principal that was deleted',
  'AWS writes the id of a principal that is gone; a new one of the same name is another one.',
  'Remove it, or write the ARN of the new one.',
);
const FEDERATED = rule(
  'provider-outside-trust-policy',
  'FEDERATED_PRINCIPAL_NOT_SUPPORTED',
  'error',
  'high',
  'an identity provider in the policy of a resource',
  'Providers let roles be assumed; AWS refuses them elsewhere.',
  'Name the role that is assumed through the provider.',
);
const NOT_PRINCIPAL = rule(
  'allow-not-principal',
  'ALLOW_WITH_NOT_PRINCIPAL',
  'security',
  'critical',
  'Allow with NotPrincipal',
  'It allows everyone else, anonymous callers included.',
  'Name who is allowed with Principal.',
);
const PUBLIC = rule(
  'public',
  null,
  'security',
  'critical',
  'everyone is allowed',
  'Any AWS account, and in some services anybody, can use it.',
  'Name the principals, or demand aws:PrincipalOrgID or aws:PrincipalArn.',
);
const CROSS = rule(
  'other-account',
  null,
  'security',
  'low',
  'another account is allowed',
  'That account decides which of its principals use it.',
  'Name the role that needs it, and demand aws:PrincipalOrgID.',
);
const WHOLE_ACCOUNT = rule(
  'trust-whole-account',
  null,
  'security',
  'medium',
  'a whole account may assume the role',
  'Every principal of the account whose own policies allow sts:AssumeRole gets the rights of this role.',
  'Name the role or user that needs it, and demand sts:ExternalId of a third party.',
);
const DEPUTY = rule(
  'confused-deputy',
  'RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL',
  'security',
  'medium',
  'a service is allowed for whomever it acts',
  'The service acts for every customer of it: another account can make it use this.',
  'Demand aws:SourceAccount or aws:SourceArn (aws:SourceOrgID for several accounts).',
);
const OIDC = rule(
  'oidc-audience',
  'MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL',
  'security',
  'high',
  'every subject of an identity provider is allowed',
  'Whoever gets a token of that provider assumes the role.',
  "Demand the provider's aud and sub keys.",
);
/** Rules of this file. */
export const PRINCIPAL_RULES: readonly Rule[] = [
  FORM,
  KIND,
  WILDCARD,
  DELETED,
  FEDERATED,
  NOT_PRINCIPAL,
  PUBLIC,
  CROSS,
  WHOLE_ACCOUNT,
  DEPUTY,
  OIDC,
];

const KINDS: ReadonlySet<string> = new Set(['AWS', 'Service', 'Federated', 'CanonicalUser']);

/** Every principal of a policy that has some. */
export const checkPrincipals: Check = (policy, context) => {
  if (policy.type === 'identity' || policy.type === 'scp') return;
  for (const statement of policy.statements) {
    const { principals, effect } = statement;
    if (principals === null) continue;
    for (const principal of principals.values) checkForm(principal, policy, context);
    if (effect !== 'Allow') continue;
    // A condition on who calls narrows everyone to some.
    if (principals.not) {
      context.report(
        NOT_PRINCIPAL,
        principals,
        'everyone but those who are listed is allowed',
        boundsCaller(statement) ? { severity: 'medium' } : {},
      );
      continue;
    }
    for (const principal of principals.values) checkAllowed(principal, statement, policy, context);
  }
};

function checkForm({ kind, value }: Principal, { type }: Policy, context: CheckContext): void {
  const { text } = value;
  if (kind === 'Federated' && type !== 'trust') {
    context.report(FEDERATED, value, `${quoted(value)} in the policy of a ${type === 'kms' ? 'key' : 'resource'}`);
    return;
  }
  if (value.holes.length > 0 || text === '*') return;
  if (!KINDS.has(kind)) {
    context.report(
      kind === '' ? FORM : KIND,
      value,
      kind === '' ? `${quoted(value)} has no kind, such as {"AWS": …}` : `${quoted(kind)} is no kind of principal`,
    );
    return;
  }
  if (kind === 'Service') {
    if (!/^[a-z0-9.-]+\.(?:amazonaws\.com(?:\.cn)?|amazon\.com|aws\.internal|api\.aws)$/.test(text)) {
      context.report(
        { ...FORM, code: 'INVALID_SERVICE_PRINCIPAL_FORMAT' },
        value,
        `${quoted(text)} is no service principal`,
      );
    }
  } else if (kind === 'AWS') {
    checkAws(value, context);
  }
}

function checkAws(value: Principal['value'], context: CheckContext): void {
  const { text } = value;
  if (/^A(?:ROA|IDA|GPA|IPA|NPA)[A-Z0-9]{12,}$/.test(text)) {
    const code = text.startsWith('AROA') ? 'INVALID_ROLE_REFERENCE' : 'INVALID_USER_REFERENCE';
    context.report(
      { ...DELETED, code: /^A(?:ROA|IDA)/.test(text) ? code : null },
      value,
      `${quoted(text)} is the id of a principal that was deleted`,
    );
    return;
  }
  if (/^\d{12}$/.test(text)) return;
  const parts = arnParts(text);
  const named =
    parts !== null &&
    PARTITIONS.includes(parts[0]) &&
    ['iam', 'sts'].includes(parts[1]) &&
    parts[2] === '' &&
    parts[4] !== '';
  if (!named || !/^(?:\d{12}|cloudfront)$/.test(parts[3])) {
    const wild = /[*?]/.test(text);
    context.report(
      wild ? WILDCARD : FORM,
      value,
      wild ? `${quoted(text)} holds a wildcard` : `${quoted(text)} is neither an account nor the ARN of a principal`,
    );
  } else if (/[*?]/.test(parts[4])) {
    context.report(WILDCARD, value, `${quoted(text)} holds a wildcard`);
  }
}

/** Keys that say for whom a service acts. */
const SOURCE_KEYS = /^(?:aws:Source(?:Account|Arn|OrgID|OrgPaths|Owner)|kms:(?:CallerAccount|ViaService))$/i;
/**
 * Whether the encryption context names a thing of one account, as AWS has it in the key policy for logs:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
 */
const boundsContext = ({ conditions }: Statement): boolean =>
  conditions.some(
    (condition) =>
      /^kms:EncryptionContext:./i.test(condition.key.text) &&
      demands(condition) &&
      condition.values.every(({ text }) => ACCOUNT.test(arnParts(text)?.[3] ?? '')),
  );
const ACCOUNT = new RegExp(`^(?:\\d{12}|${HOLE})$`);

/** Services that act for the account of the role only when told so; those of instances and functions act for its owner. */
const DEPUTIES_ASKED =
  /^(?:ecs-tasks|ecs|events|scheduler|sns|sqs|s3|logs|cloudtrail|config|states|codebuild|codepipeline|bedrock|apigateway|delivery\.logs)\./;

function checkAllowed({ kind, value }: Principal, statement: Statement, policy: Policy, context: CheckContext): void {
  const { text } = value;
  if (text === '*' && kind !== 'Service') {
    const code = policy.type === 'trust' ? 'ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL' : null;
    if (kind === 'Federated' || !boundsCaller(statement)) context.report({ ...PUBLIC, code }, value, whatOf(policy));
    return;
  }
  if (kind === 'Service') {
    const bound = hasDemand(statement, SOURCE_KEYS) || boundsContext(statement);
    if (!bound && (policy.type !== 'trust' || DEPUTIES_ASKED.test(text))) {
      context.report(
        DEPUTY,
        value,
        `${quoted(value)} is allowed for whomever it acts`,
        policy.type === 'trust' ? { severity: 'low' } : {},
      );
    }
  } else if (kind === 'Federated') {
    if (
      /oidc-provider\/|^[a-z0-9.-]+\.[a-z]+$/.test(text) &&
      !isGitHub(text) &&
      !hasDemand(statement, /:(?:sub|aud|amr|email|job_workflow_ref|repository)$/i)
    ) {
      context.report(OIDC, value, `every subject of ${quoted(value)} may assume the role`);
    }
  } else if (
    kind === 'AWS' &&
    policy.type === 'trust' &&
    (/^\d{12}$/.test(text) || text.endsWith(':root')) &&
    statement.conditions.length === 0
  ) {
    context.report(
      WHOLE_ACCOUNT,
      value,
      `every principal of ${quoted(value)} whose own policies allow it may assume the role`,
    );
  } else if (kind === 'AWS' && policy.type !== 'trust') {
    checkAccount(value, statement, context);
  }
}

const whatOf = ({ type }: Policy): string =>
  type === 'trust'
    ? 'anyone may assume this role'
    : type === 'kms'
      ? 'anyone may use this key'
      : 'anyone may use this resource';

/** Whether the account of a principal is another one than that of the resource, where both are known. */
function checkAccount(value: Principal['value'], { resources, conditions }: Statement, context: CheckContext): void {
  const caller = /^\d{12}$/.test(value.text) ? value.text : (arnParts(value.text)?.[3] ?? '');
  // The policy of a secret or key says `*` and means the one that it is attached to.
  const owners = new Set(
    [context.owner ?? '', ...(resources?.values ?? []).map(({ text }) => arnParts(text)?.[3] ?? '')].filter((account) =>
      /^\d{12}$/.test(account),
    ),
  );
  if (owners.size === 0 || owners.has(caller) || !/^\d{12}$/.test(caller)) return;
  context.report(
    CROSS,
    value,
    `${quoted(value)} is of another account`,
    conditions.length === 0 ? { severity: 'medium' } : {},
  );
}
