/** Who may assume a role, and what their provider has to say: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp.html */
import { arnParts } from '../arn.ts';
import type { Rule } from '../finding.ts';
import type { Principal, Statement } from '../policy.ts';
import { hasDemand, names } from '../reach.ts';
import { quoted, REFUSED, ruleOf as rule, type Check, type CheckContext } from './check.ts';

const PROVIDER_FORM = rule(
  'provider-form',
  'INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY',
  'error',
  'high',
  'an identity provider that is none',
  REFUSED,
  'Write the ARN of the provider in IAM, or the domain of a provider that AWS knows, such as accounts.google.com.',
);
const GITHUB_REPO = rule(
  'github-without-repository',
  'MISSING_GITHUB_REPO_CONDITION_KEY',
  'security',
  'critical',
  'every repository of GitHub may assume the role',
  'The provider is the same for all of GitHub: anybody can run a workflow that gets such a token.',
  'Demand token.actions.githubusercontent.com:sub with StringEquals: repo:OWNER/NAME:ref:refs/heads/BRANCH.',
);
const GITHUB_BROAD = rule(
  'github-repository-too-broad',
  'SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED',
  'warning',
  'medium',
  'several repositories or branches of GitHub may assume the role',
  'Whoever may open a pull request or push a branch there can run a workflow that assumes it.',
  'Name the repository and the branch: repo:OWNER/NAME:ref:refs/heads/BRANCH.',
);
const AUDIENCE = rule(
  'audience-with-set-operator',
  'CONFIRM_AUDIENCE_CLAIM_TYPE',
  'suggestion',
  'low',
  'a set operator on the audience of a token',
  'The audience has one value; ForAllValues also holds for a token without one.',
  'Leave the set operator out.',
);
const ROLES_ANYWHERE = rule(
  'roles-anywhere-actions',
  'MISSING_ACTION_FOR_ROLES_ANYWHERE_TRUST_POLICY',
  'warning',
  'medium',
  'IAM Roles Anywhere without an action that it needs',
  'It sets the source identity and tags of each session, so without these actions it gets no credentials.',
  'Allow sts:AssumeRole, sts:SetSourceIdentity and sts:TagSession.',
);
const SESSION_OF_ROLE = rule(
  'session-of-named-role',
  'REDUNDANT_PRINCIPAL_IN_ROLE_TRUST_POLICY',
  'suggestion',
  'info',
  'a session beside its role',
  'Who trusts the role trusts each of its sessions.',
  'Remove the session, or the role where only this session is meant.',
);

/** Rules of this file. */
export const TRUST_RULES: readonly Rule[] = [
  PROVIDER_FORM,
  GITHUB_REPO,
  GITHUB_BROAD,
  AUDIENCE,
  ROLES_ANYWHERE,
  SESSION_OF_ROLE,
];

/** Every statement of a trust policy. */
export const checkTrust: Check = (policy, context) => {
  if (policy.type !== 'trust') return;
  for (const statement of policy.statements) {
    checkAudience(statement, context);
    const principals = statement.principals?.not === false ? statement.principals.values : [];
    checkSessions(principals, context);
    for (const principal of principals) {
      if (principal.kind === 'Federated') checkProvider(principal.value, statement, context);
    }
    const anywhere = principals.find(({ kind, value }) => kind === 'Service' && ANYWHERE.test(value.text));
    if (!anywhere || statement.effect !== 'Allow') continue;
    const missing = ANYWHERE_ACTIONS.filter(
      (action) => !policy.statements.some((other) => other.effect === 'Allow' && names(other, action)),
    );
    if (missing.length > 0) context.report(ROLES_ANYWHERE, anywhere.value, `${missing.join(' and ')} not allowed`);
  }
};

const ANYWHERE = /^rolesanywhere\.amazonaws\.com(?:\.cn)?$/;
const ANYWHERE_ACTIONS = ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'];
const GITHUB_KEYS =
  /^token\.actions\.githubusercontent\.com(?:\/[^:]*)?:(?:sub|repository|repository_id|repository_owner_id|job_workflow_ref)$/i;

/** Subjects of GitHub: one branch, tag or environment of one repository, or any of it. */
const ONE_BRANCH = /^repo:[^*?/]+\/[^*?:]+:[^*?]+$/;
const ONE_REPOSITORY = /^repo:[^*?/]+\/[^*?:]+:/;

/** Whether an identity provider is that of GitHub's workflows, which has a rule of its own. */
export const isGitHub = (provider: string): boolean =>
  /(?:^|oidc-provider\/)token\.actions\.githubusercontent\.com(?:\/|$)/.test(provider);

/** A provider of IAM is named by its ARN, one that AWS knows by its domain. */
function checkProvider(value: Principal['value'], statement: Statement, context: CheckContext): void {
  const { text } = value;
  if (value.holes.length > 0 || text === '*') return;
  const parts = arnParts(text);
  const named = parts
    ? parts[1] === 'iam' && /^\d{12}$/.test(parts[3]) && /^(?:saml-provider|oidc-provider)\/./.test(parts[4])
    : /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(text);
  if (!named) {
    context.report(PROVIDER_FORM, value, `${quoted(value)} is neither the ARN of a provider nor a domain`);
    return;
  }
  if (statement.effect !== 'Allow' || !isGitHub(text)) return;
  if (!hasDemand(statement, GITHUB_KEYS)) {
    context.report(GITHUB_REPO, value, 'any workflow on GitHub may assume the role');
    return;
  }
  const branch = hasDemand(statement, /^token\.actions\.githubusercontent\.com(?:\/[^:]*)?:ref$/i);
  for (const { key, operator, values } of statement.conditions) {
    if (!/:sub$/i.test(key.text) || !GITHUB_KEYS.test(key.text) || operator?.comparison !== 'like') continue;
    for (const subject of values) {
      if ((branch ? ONE_REPOSITORY : ONE_BRANCH).test(subject.text)) continue;
      // Without an owner it is all of GitHub.
      const severity = /^(?:repo:)?[*?]/.test(subject.text) ? 'critical' : 'medium';
      context.report(GITHUB_BROAD, subject, `${quoted(subject)} is more than one branch of one repository`, {
        severity,
      });
    }
  }
}

/** The audience is a key of the provider or of SAML. */
function checkAudience({ conditions, effect }: Statement, context: CheckContext): void {
  if (effect !== 'Allow') return;
  for (const { key, operator } of conditions) {
    if (!operator?.qualifier || !/\.[^:]*:aud$/i.test(key.text)) continue;
    const found: Rule =
      operator.qualifier === 'ForAnyValue'
        ? AUDIENCE
        : { ...AUDIENCE, code: 'FORALLVALUES_WITH_SINGLE_VALUED_KEY', kind: 'security', severity: 'medium' };
    context.report(found, key, `${quoted(key)} has one value`);
  }
}

/** `…:assumed-role/NAME/SESSION` beside `…:role/PATH/NAME`. */
function checkSessions(principals: readonly Principal[], context: CheckContext): void {
  const roles = new Set<string>();
  for (const { value } of principals) {
    const [, , , account = '', rest = ''] = arnParts(value.text) ?? [];
    const name = /^role\/(?:.*\/)?([^/]+)$/.exec(rest)?.[1];
    if (name !== undefined) roles.add(`${account}:${name}`);
  }
  for (const { value } of principals) {
    const [, , , account = '', rest = ''] = arnParts(value.text) ?? [];
    const name = /^assumed-role\/([^/]+)\//.exec(rest)?.[1];
    if (name !== undefined && roles.has(`${account}:${name}`))
      context.report(SESSION_OF_ROLE, value, `the role of ${quoted(value)} is named too`);
  }
}
