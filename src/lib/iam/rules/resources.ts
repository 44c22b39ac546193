/** Resources: the form of ARNs, and whether the actions take them. */
import { arnLength, arnParts, PARTITIONS, typeIntersects } from '../arn.ts';
import type { Action, Catalogue, ResourceType } from '../catalogue.ts';
import type { Rule } from '../finding.ts';
import { globsIntersect, isGlob } from '../glob.ts';
import { nearest } from '../nearest.ts';
import type { Policy, Statement, Text } from '../policy.ts';
import { HOLE } from '../tree.ts';
import { loosened } from '../variables.ts';
import { listed, quoted, type Check, type CheckContext } from './check.ts';

const form = (id: string, code: string, title: string, fix: string): Rule => ({
  id,
  code,
  kind: 'error',
  severity: 'high',
  title,
  why: 'AWS refuses the whole policy.',
  fix,
});

const NOT_AN_ARN = form(
  'resource-form',
  'INVALID_ARN_PREFIX',
  'a resource that is neither an ARN nor "*"',
  'Write the ARN: arn:aws:service:region:account:resource.',
);
const MISSING_FIELD = form(
  'arn-fields',
  'MISSING_ARN_FIELD',
  'an ARN that lacks a part',
  'Write all six parts; S3 and IAM leave some empty: arn:aws:s3:::bucket.',
);
const PARTITION = form(
  'arn-partition',
  'INVALID_PARTITION',
  'a partition that does not exist',
  'Write aws, aws-cn or aws-us-gov.',
);
const REGION_NOT_ALLOWED = form(
  'arn-region-not-allowed',
  'ARN_REGION_NOT_ALLOWED',
  'a Region where the ARN has none',
  'Leave the Region empty.',
);
const IAM_PATH = form(
  'arn-iam-resource',
  'INVALID_ARN_RESOURCE',
  'an ARN of IAM that names no kind of resource',
  'Start its last part with role/, user/, policy/ or another kind of IAM.',
);
const warning = (id: string, code: string | null, title: string, why: string, fix: string): Rule => ({
  id,
  code,
  kind: 'warning',
  severity: 'medium',
  title,
  why,
  fix,
});
const UNKNOWN_SERVICE = warning(
  'arn-unknown-service',
  'INVALID_SERVICE',
  'an ARN of a service that is not known',
  'It is the ARN of nothing.',
  'Correct the third part of the ARN.',
);
const REGION = warning(
  'arn-region',
  'INVALID_REGION',
  'a Region that cannot exist',
  'The ARN is that of nothing.',
  'Write a Region such as us-east-1, or "*".',
);
const ACCOUNT = warning(
  'arn-account',
  'INVALID_ARN_ACCOUNT',
  'an account that cannot exist',
  'The ARN is that of nothing.',
  'Write the 12 digits of the account, or "*".',
);
const SHORT = warning(
  'arn-shortened',
  'MISSING_ARN_FIELD',
  'a shortened ARN',
  'IAM reads the missing parts as "*", which is broader than it looks.',
  'Write all six parts.',
);
const NEVER = warning(
  'resource-never-matches',
  null,
  'a resource that no action of the statement takes',
  'The statement allows or denies nothing there.',
  'Name resources of the type that the action takes, or "*" where it takes none.',
);
const NEEDS_STAR = warning(
  'action-needs-all-resources',
  null,
  'an action that takes no resource, bound to some',
  'Such an action is allowed by "*" alone; bound to an ARN it is not allowed at all.',
  'Put the action into a statement of its own with "Resource": "*".',
);
const PARTLY: Rule = {
  ...NEVER,
  id: 'pattern-partly-without-effect',
  kind: 'suggestion',
  severity: 'info',
  title: 'a pattern of which some actions have no effect here',
  why: 'Some of the actions that the pattern names do not take these resources, so they are not granted here.',
  fix: 'Nothing, unless they were meant: then give them a statement of their own.',
};
const UNUSED: Rule = {
  ...NEVER,
  id: 'resource-not-used',
  kind: 'suggestion',
  severity: 'low',
  title: 'a resource that none of the actions takes',
  why: 'It has no effect; perhaps an action is missing.',
  fix: 'Remove it, or add the action that it was meant for.',
};

/** Rules of this file. */
export const RESOURCE_RULES: readonly Rule[] = [
  NOT_AN_ARN,
  MISSING_FIELD,
  PARTITION,
  REGION_NOT_ALLOWED,
  IAM_PATH,
  UNKNOWN_SERVICE,
  REGION,
  ACCOUNT,
  SHORT,
  NEVER,
  NEEDS_STAR,
  PARTLY,
  UNUSED,
];

/** Each ARN, and each action against the ARNs. */
export const checkResources: Check = (policy, context) => {
  for (const statement of policy.statements) {
    const { resources, actions } = statement;
    if (resources === null) continue;
    let wellFormed = true;
    for (const resource of resources.values) if (!checkArn(resource, policy, context)) wellFormed = false;
    // In the policy of a resource, Resource says which part of that resource; services differ.
    if (wellFormed && actions !== null && !actions.not && !resources.not && policy.type === 'identity') {
      checkTaken(statement, context);
    }
  }
};

/** Kinds of IAM's resources, as IAM itself lists them when it refuses one. */
const IAM_KINDS = [
  'user/',
  'federated-user/',
  'role/',
  'group/',
  'instance-profile/',
  'mfa/',
  'server-certificate/',
  'policy/',
  'sms-mfa/',
  'saml-provider/',
  'oidc-provider/',
  'report/',
  'access-report/',
];
const REGION_FORM = /^(?:[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}|aws-global|global)$/;

/** The form of one resource. Holes may be anything. */
function checkArn(resource: Text, { type }: Policy, context: CheckContext): boolean {
  const text = resource.text.replaceAll(HOLE, '*');
  if (/^\*+$/.test(text)) return true;
  // A wildcard at the start may stand for the prefix; in a template a hole may be the whole ARN.
  const parts = arnParts(text);
  if (parts === null) {
    if (resource.holes.length > 0 || (type !== 'identity' && !text.includes(':')) || text.startsWith('*')) return true;
    context.report(NOT_AN_ARN, resource, `${quoted(resource) || 'an empty string'} is neither an ARN nor "*"`);
    return false;
  }
  const [partition, service, region, account, rest] = parts;
  const length = arnLength(text);
  if (length < 6 && resource.holes.length === 0) {
    if (length === 5 || service === '' || length < 3) {
      context.report(MISSING_FIELD, resource, `${quoted(resource)} has ${String(length)} of six parts`);
      return false;
    }
    context.report(SHORT, resource, `${quoted(resource)} has ${String(length)} of six parts`);
    return true;
  }
  if (service === '') {
    context.report(MISSING_FIELD, resource, `${quoted(resource)} names no service`);
    return false;
  }
  if (!isGlob(partition) && !variable(partition) && !PARTITIONS.includes(partition)) {
    const meant = nearest(partition, PARTITIONS);
    context.report(
      PARTITION,
      resource,
      `there is no partition ${quoted(partition)}${meant === null ? '' : `: ${meant} may be meant`}`,
    );
    return false;
  }
  if (
    (service === 'iam' && region !== '' && region !== '*') ||
    (service === 's3' && region !== '' && region !== '*' && account === '')
  ) {
    context.report(REGION_NOT_ALLOWED, resource, `an ARN of ${service} such as ${quoted(resource)} has no Region`);
    return false;
  }
  if (
    service === 'iam' &&
    !variable(rest) &&
    !IAM_KINDS.some((kind) => globsIntersect(rest, `${kind}*`)) &&
    rest !== 'root'
  ) {
    context.report(IAM_PATH, resource, `${quoted(rest)} is no resource of IAM`);
    return false;
  }
  if (!isGlob(service) && !variable(service) && !knownService(service, context.catalogue)) {
    context.report(
      UNKNOWN_SERVICE,
      resource,
      `no service ${quoted(service)} is known (data of ${context.catalogue.date})`,
    );
    return true;
  }
  if (region !== '' && !isGlob(region) && !variable(region) && !REGION_FORM.test(region)) {
    context.report(REGION, resource, `${quoted(region)} is no Region`);
  }
  if (
    account !== '' &&
    !isGlob(account) &&
    !variable(account) &&
    !/^(?:\d{12}|aws|aws-managed|cloudfront|third-party|amazon|ec2)$/.test(account)
  ) {
    context.report(ACCOUNT, resource, `${quoted(account)} is no account`);
  }
  return true;
}

const variable = (text: string): boolean => text.includes('${');

const arnServices = new WeakMap<Catalogue, Set<string>>();

/** ARNs sometimes have another name for the service than actions: elasticloadbalancing and elbv2, ses and email. */
function knownService(name: string, catalogue: Catalogue): boolean {
  if (catalogue.service(name)) return true;
  let known = arnServices.get(catalogue);
  if (!known) {
    known = new Set(
      catalogue.services.flatMap(
        (prefix) => catalogue.service(prefix)?.resourceTypes.map(({ arn }) => arn.split(':')[2] ?? '') ?? [],
      ),
    );
    arnServices.set(catalogue, known);
  }
  return known.has(name);
}

/** Whether the actions take the resources, and the resources serve an action. */
function checkTaken({ actions, resources }: Statement, context: CheckContext): void {
  const patterns = (resources?.values ?? []).map((text) => loosened(text.text.replaceAll(HOLE, '*')));
  if (patterns.length === 0 || patterns.some((pattern) => /^\*+$/.test(pattern))) return;
  const used = new Set<string>();
  let unknown = false;
  for (const action of actions?.values ?? []) {
    const matched = context.catalogue.actions(action.text);
    if (action.holes.length > 0 || matched.length === 0) {
      unknown = true;
      continue;
    }
    context.spend(matched.length * patterns.length * 8);
    const without = matched.filter((known) => !takes(known, patterns, used));
    if (without.length === 0) continue;
    if (without.length < matched.length) {
      context.report(
        PARTLY,
        action,
        `of ${quoted(action)}, ${listed(without.map(({ name }) => name))} ${without.length === 1 ? 'has' : 'have'} no effect on these resources`,
      );
    } else if (without.every(({ resources: types }) => types.length === 0)) {
      const [first] = without;
      context.report(
        NEEDS_STAR,
        action,
        `${quoted(first?.name ?? action)} takes no resource, so it is not allowed here`,
      );
    } else {
      const types = [...new Set(without.flatMap((known) => known.resources.map(({ type }) => type.pattern)))];
      context.report(NEVER, action, `${quoted(action)} takes ${listed(types, 2)}, and no resource here is one`);
    }
  }
  if (unknown) return;
  for (const [index, resource] of (resources?.values ?? []).entries()) {
    const pattern = patterns[index] ?? '';
    if (!used.has(pattern)) context.report(UNUSED, resource, `no action here takes ${quoted(resource)}`);
  }
}

/** Whether a resource is one that the action takes; collects those that are. */
function takes(action: Action, patterns: readonly string[], used: Set<string>): boolean {
  let found = false;
  for (const pattern of patterns) {
    if (!action.resources.some(({ type }) => fits(pattern, type))) continue;
    used.add(pattern);
    found = true;
  }
  return found;
}

/** Answers by type; the pattern's service, so that those of other services need no answer. */
const fitting = new WeakMap<ResourceType, Map<string, boolean>>();
const services = new Map<string, string>();

function serviceOf(pattern: string): string {
  const known = services.get(pattern);
  if (known !== undefined) return known;
  const service = arnParts(pattern)?.[1] ?? '*';
  if (services.size < 10_000) services.set(pattern, service);
  return service;
}

/** Whether a pattern and a type of resource have an ARN in common. */
function fits(pattern: string, type: ResourceType): boolean {
  const service = serviceOf(pattern);
  if (!isGlob(service) && !variable(service) && !type.pattern.includes(`:${service}:`)) return false;
  let answers = fitting.get(type);
  if (!answers) fitting.set(type, (answers = new Map<string, boolean>()));
  const known = answers.get(pattern);
  if (known !== undefined) return known;
  const result =
    typeIntersects(type.pattern, pattern) &&
    // A bucket's name has no slash, so what has one is an object.
    !(type.pattern === 'arn:*:s3:::*' && pattern.includes('/'));
  if (answers.size < 1_000) answers.set(pattern, result);
  return result;
}
