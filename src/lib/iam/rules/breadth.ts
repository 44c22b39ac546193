/** Rights that are broader than what anybody needs. */
import type { Action } from '../catalogue.ts';
import type { Rule, Severity } from '../finding.ts';
import { arnContains } from '../arn.ts';
import type { Policy, Statement, Text } from '../policy.ts';
import { boundsResource, breadthOf, grants, grantsOf } from '../reach.ts';
import { listed, quoted, type Check, type CheckContext } from './check.ts';

const security = (id: string, severity: Severity, title: string, why: string, fix: string): Rule => ({
  id,
  code: null,
  kind: 'security',
  severity,
  title,
  why,
  fix,
});

const ADMIN = security(
  'full-administrator',
  'critical',
  'every action on every resource',
  'Whoever has this policy owns the account.',
  'Name the actions and resources that are needed.',
);
const SERVICE = security(
  'service-wildcard',
  'medium',
  'every action of a service',
  'It takes in deleting, sharing and changing rights, and actions that do not exist yet (Security Hub IAM.21).',
  'Name the actions that are needed.',
);
const ALL_ACTIONS = security(
  'all-actions',
  'high',
  'every action on these resources',
  'It takes in deleting, sharing and changing rights.',
  'Name the actions that are needed.',
);
const NOT_ACTION = security(
  'allow-not-action',
  'high',
  'Allow with NotAction',
  'It allows every action but those that are listed, of every service, those to come as well.',
  'List what is allowed with Action.',
);
const NOT_RESOURCE = security(
  'allow-not-resource',
  'high',
  'Allow with NotResource',
  'It allows the actions on everything but what is listed.',
  'List what is allowed with Resource.',
);
const RESOURCE_STAR = security(
  'all-resources',
  'low',
  'actions on every resource that could be bound to some',
  'A leak of these credentials reaches everything of that kind in the account.',
  'Name the resources, or bind them with a condition on their tags.',
);
const EFFECTIVELY = security(
  'effectively-all-resources',
  'low',
  'a pattern that takes in every resource of its type',
  'It is as broad as "*".',
  'Name the account, the Region and the name.',
);
const SENSITIVE = security(
  'sensitive-read-unbound',
  'high',
  'reading what is secret, wherever it is',
  'These credentials read every secret of that kind, those to come as well.',
  'Name what is read.',
);
const SELF_GRANT = security(
  'policy-of-resource-can-be-changed',
  'high',
  'the right to change who may use a resource',
  'Who may change the policy of a resource gives itself the rights on it that this policy withholds.',
  'Keep changes of resource policies to those who administer them.',
);

/** Rules of this file. */
export const BREADTH_RULES: readonly Rule[] = [
  ADMIN,
  SERVICE,
  ALL_ACTIONS,
  NOT_ACTION,
  NOT_RESOURCE,
  RESOURCE_STAR,
  EFFECTIVELY,
  SENSITIVE,
  SELF_GRANT,
];

/** Reads that give away credentials or data: what must never be open to all resources. */
const SENSITIVE_READS = [
  'secretsmanager:GetSecretValue',
  'ssm:GetParameter',
  'ssm:GetParameters',
  'ssm:GetParametersByPath',
  's3:GetObject',
  'kms:Decrypt',
];
/** Secrets themselves; the others hold much else. */
const SECRETS = /^secretsmanager:|^kms:Decrypt$/;

/** Breadth of each Allow of an identity policy. */
export const checkBreadth: Check = (policy, context) => {
  if (policy.type !== 'identity') return;
  for (const statement of policy.statements) {
    if (statement.effect !== 'Allow' || statement.actions === null) continue;
    if (checkNot(statement, context) || checkAdmin(statement, context)) continue;
    checkServices(statement, context);
    if (!boundsResource(statement)) checkStar(statement, policy, context);
  }
  checkSelfGrant(policy, context);
};

function checkNot(statement: Statement, context: CheckContext): boolean {
  const { actions, resources } = statement;
  if (actions?.not)
    context.report(NOT_ACTION, actions, `everything is allowed but ${listed(actions.values.map(quoted))}`);
  if (resources?.not)
    context.report(NOT_RESOURCE, resources, `everything is meant but ${listed(resources.values.map(quoted))}`);
  return (actions?.not ?? false) || (resources?.not ?? false);
}

const isStar = ({ text }: Text): boolean => /^\*(?::\*)?$/.test(text);

function checkAdmin(statement: Statement, context: CheckContext): boolean {
  const star = statement.actions?.values.find(isStar);
  if (!star) return false;
  const wide = statement.resources?.values.find(({ text }) => /^\*+$/.test(text));
  const bound = boundsResource(statement);
  if (wide && !bound) {
    const conditional = statement.conditions.length > 0;
    const message = conditional
      ? 'every action on every resource, under a condition that binds neither'
      : 'every action on every resource';
    context.report(ADMIN, star, message, { also: [wide], ...(conditional ? { severity: 'high' as const } : {}) });
    return true;
  }
  context.report(ALL_ACTIONS, star, 'every action of every service', bound ? { severity: 'medium' } : {});
  return true;
}

function checkServices({ actions }: Statement, context: CheckContext): void {
  for (const action of actions?.values ?? []) {
    const service = /^([^:*?]+):\*+$/.exec(action.text)?.[1];
    if (service !== undefined) context.report(SERVICE, action, `every action of ${service}`);
  }
}

/** `"*"`, and patterns that take in all there is, for actions that take resources. */
function checkStar(statement: Statement, policy: Policy, context: CheckContext): void {
  const { actions, resources } = statement;
  const known = (actions?.values ?? []).map((element) => ({
    element,
    takers: context.catalogue.actions(element.text).filter(({ resources: types }) => types.length > 0),
  }));
  const takers = known.flatMap((one) => one.takers);
  if (takers.length === 0) return;
  const star = resources?.values.find(({ text }) => /^\*+$/.test(text));
  const broad =
    star ??
    resources?.values.find(
      ({ text }) =>
        breadthOf(text) === 'all' &&
        /^arn:[^:]*:[^:]*:\*?:\*?:/.test(text) &&
        takers.some((action) => action.resources.some(({ type }) => wholeType(text, type.pattern))),
    );
  if (!broad) return;
  // That any key decrypts is told by a rule of its own where kms:Decrypt is named.
  const told = ({ text }: Text) => /^kms:(?!\*+$)/i.test(text) && /(?:^|:|key\/)\*+$/.test(broad.text);
  const isRead = ({ name }: Action) => SENSITIVE_READS.includes(name) && grants(policy, statement, name);
  const sensitive = known
    .filter(({ element }) => !told(element))
    .map(({ element, takers: some }) => ({ element, names: some.filter(isRead).map(({ name }) => name) }))
    .filter(({ names }) => names.length > 0);
  const reads = [...new Set(sensitive.flatMap(({ names }) => names))];
  const secrets = reads.filter((name) => SECRETS.test(name));
  const [first] = sensitive;
  if (first) {
    context.report(SENSITIVE, first.element, `${listed(reads)} on ${quoted(broad)}`, {
      also: [broad],
      severity: secrets.length > 0 ? 'high' : 'medium',
    });
  }
  const rule = star ? RESOURCE_STAR : EFFECTIVELY;
  context.report(
    rule,
    broad,
    `${listed([...new Set(takers.map(({ name }) => name))])} ${takers.length === 1 ? 'takes' : 'take'} resources that could be named`,
    { severity: severityOf(takers) },
  );
}

/** In any partition, a pattern for everything of a type. */
function wholeType(text: string, type: string): boolean {
  return arnContains(text.replace(/^arn:[^:]*:/, 'arn:*:'), type);
}

/** Rights over rights weigh most, reading least. */
function severityOf(actions: readonly Action[]): Severity {
  if (actions.some(({ level }) => level === 'Permissions management')) return 'medium';
  return actions.some(({ level }) => level === 'Write' || level === 'Tagging') ? 'low' : 'info';
}

/** Who may change the policy of a thing, and what that would give. */
const SELF_GRANTS: readonly { by: readonly string[]; gains: readonly string[]; inside: string }[] = [
  {
    by: ['s3:PutBucketPolicy', 's3:PutBucketAcl'],
    gains: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
    inside: '/*',
  },
  { by: ['secretsmanager:PutResourcePolicy'], gains: ['secretsmanager:GetSecretValue'], inside: '' },
  { by: ['kms:PutKeyPolicy', 'kms:CreateGrant'], gains: ['kms:Decrypt'], inside: '' },
];

function checkSelfGrant(policy: Policy, context: CheckContext): void {
  for (const { by, gains, inside } of SELF_GRANTS) {
    for (const action of by) {
      for (const { element, statement, resources } of grantsOf([policy], action)) {
        // An element that names the right itself; what `*` and s3:* take in is told by their own rules.
        if (element === null || isStar(element) || /^[^:]+:\*+$/.test(element.text) || guardedGrant(statement))
          continue;
        const [target] = resources;
        if (!target) continue;
        const wanted = target.text === '*' || target.text.endsWith('*') ? target.text : `${target.text}${inside}`;
        const missing = gains.filter((gain) => !holds(policy, gain, wanted));
        if (missing.length > 0) {
          context.report(SELF_GRANT, element, `with ${action}, ${listed(missing)} on ${quoted(target)} can be taken`, {
            also: [target],
          });
        }
      }
    }
  }
}

/** kms:GrantIsForAWSResource lets services alone use the grant; secretsmanager:BlockPublicPolicy does not bind who is granted. */
function guardedGrant({ conditions }: Statement): boolean {
  return conditions.some(
    ({ key, operator }) =>
      /^kms:(?:GrantIsForAWSResource|ViaService|GrantConstraintType|GranteePrincipal)$/i.test(key.text) &&
      operator !== null &&
      !operator.ifExists,
  );
}

function holds(policy: Policy, action: string, resource: string): boolean {
  return grantsOf([policy], action).some(
    ({ resources, allBut }) => allBut || resources.some(({ text }) => arnContains(text, resource)),
  );
}
