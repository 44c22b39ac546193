/** Resources: the form of ARNs, and whether the actions take them. */
import { arnParts, typeIntersects } from '../arn.ts';
import type { Action, ResourceType } from '../catalogue.ts';
import type { Rule } from '../finding.ts';
import { isGlob } from '../glob.ts';
import type { Statement } from '../policy.ts';
import { HOLE } from '../tree.ts';
import { loosened } from '../variables.ts';
import { ARN_RULES, checkArn } from './arns.ts';
import { listed, quoted, warningOf, type Check, type CheckContext } from './check.ts';

const NEVER = warningOf(
  'resource-never-matches',
  null,
  'a resource that no action of the statement takes',
  'The statement allows or denies nothing there.',
  'Name resources of the type that the action takes, or "*" where it takes none.',
);
const NEEDS_STAR = warningOf(
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

/** Rules of resources. */
export const RESOURCE_RULES: readonly Rule[] = [...ARN_RULES, NEVER, NEEDS_STAR, PARTLY, UNUSED];

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
  if (!isGlob(service) && !service.includes('${') && !type.pattern.includes(`:${service}:`)) return false;
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
