/** Makes the narrowest policy for what is needed: each right on its resource, bound by what its requests carry. */
import { arnContains } from '../arn.ts';
import type { AccessLevel, Action, Catalogue, ConditionKey } from '../catalogue.ts';
import { isGlob } from '../glob.ts';
import type { Need } from '../need.ts';

/** Operator to key to values. */
export type ConditionBlock = Record<string, Record<string, string | string[]>>;

/** A statement of a generated policy. */
export interface PolicyStatement {
  Sid: string;
  Effect: 'Allow';
  Action: string | string[];
  Resource: string | string[];
  Condition?: ConditionBlock;
}

/** A generated policy, in the order and spelling that AWS's own documentation uses. */
export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: PolicyStatement[];
}

/** One condition: values of one key, any of which will do. */
interface Bound {
  operator: string;
  key: string;
  values: readonly string[];
}

/** Actions on resources under conditions: all of the one on all of the other. */
interface Right {
  prefix: string;
  actions: readonly string[];
  resources: readonly string[];
  bounds: readonly Bound[];
}

/**
 * The narrowest policy that allows what is needed. Rights are merged only where the merged statement allows nothing
 * more than they do: the same actions and conditions on several resources, the same resources and conditions for several
 * actions, and conditions that differ in the values of one key.
 * @param needs - resources and values may hold `*` and `?`, which stay patterns
 * @returns a policy with an empty list of statements where nothing is needed, which AWS does not take
 */
export function policyOf(needs: readonly Need[], catalogue: Catalogue): PolicyDocument {
  const rights = withoutCovered(needs.map((need) => rightOf(need, catalogue)));
  const byAction = merge(rights, ({ resources, bounds, prefix }) => [prefix, resources, bounds], joinActions);
  const byResource = merge(byAction, ({ actions, bounds }) => [actions, bounds], joinResources);
  const byValue = joinValues(byResource);
  const sids = new Set<string>();
  return {
    Version: '2012-10-17',
    Statement: byValue.map((right) => ({
      Sid: sidOf(right, sids, catalogue),
      Effect: 'Allow',
      Action: oneOrMany(right.actions),
      Resource: oneOrMany(right.resources),
      ...(right.bounds.length === 0 ? {} : { Condition: blockOf(right.bounds) }),
    })),
  };
}

/** One thing as it is, several as a list. */
const oneOrMany = (values: readonly string[]): string | string[] =>
  values.length === 1 ? (values[0] ?? '') : [...values];

/** The right that one need asks for. */
function rightOf({ action, resource, context }: Need, catalogue: Catalogue): Right {
  const known = actionOf(action, catalogue);
  return {
    prefix: action.slice(0, action.indexOf(':')).toLowerCase(),
    actions: [known?.name ?? action],
    // An action that takes no resource is allowed by nothing but the star.
    resources: [known?.resources.length === 0 ? '*' : resource],
    bounds: Object.entries(context).flatMap(([key, value]) => boundsOf(key, [value].flat(), known, catalogue)),
  };
}

function actionOf(name: string, catalogue: Catalogue): Action | null {
  const colon = name.indexOf(':');
  return catalogue.service(name.slice(0, colon))?.action(name.slice(colon + 1)) ?? null;
}

/** Global keys that say what is touched or through whom; the others say who asks, when and from where. */
const BINDING_GLOBALS = /^aws:(?:ResourceTag\/.+|RequestTag\/.+|TagKeys|CalledVia(?:First|Last)?)$/i;
/** What Resource says already: demanded as well, they would refuse who names the same thing otherwise. */
const REDUNDANT = /^secretsmanager:(?:SecretId|SecretPrimaryRegion|resource\/.+)$/i;
/** Sets that belong to the resource: it may have more of them than the one that is named. */
const OF_THE_RESOURCE = /^kms:ResourceAliases$/i;

/** The operators by type of key, for values and for patterns. */
const OPERATORS: Readonly<Record<ConditionKey['type'], readonly [plain: string, pattern: string]>> = {
  String: ['StringEquals', 'StringLike'],
  ARN: ['ArnEquals', 'ArnLike'],
  Bool: ['Bool', 'Bool'],
  Numeric: ['NumericEquals', 'NumericEquals'],
  Date: ['DateEquals', 'DateEquals'],
  IPAddress: ['IpAddress', 'IpAddress'],
  Binary: ['BinaryEquals', 'BinaryEquals'],
};

/** What a key of the request becomes; nothing where the action does not have such a key. */
function boundsOf(name: string, values: readonly string[], action: Action | null, catalogue: Catalogue): Bound[] {
  if (values.length === 0 || REDUNDANT.test(name) || !binds(name, action, catalogue)) return [];
  const known = catalogue.key(name);
  const key = known !== null && !/[$<]|tag-?key$/i.test(known.name) ? known.name : name;
  const operator = OPERATORS[known?.type ?? 'String'][values.some(isGlob) ? 1 : 0];
  const sorted = [...new Set(values)].sort();
  if (!known?.multivalued) return [{ operator, key, values: sorted }];
  if (OF_THE_RESOURCE.test(key)) return [{ operator: `ForAnyValue:${operator}`, key, values: sorted }];
  // ForAllValues holds where the key is missing, so that is excluded beside it.
  return [
    { operator: `ForAllValues:${operator}`, key, values: sorted },
    { operator: 'Null', key, values: ['false'] },
  ];
}

/** The keys of a need's context that its statement demands; the others say nothing of what is needed. */
export function bindingKeys({ action, context }: Need, catalogue: Catalogue): string[] {
  const known = actionOf(action, catalogue);
  return Object.entries(context).flatMap(([key, value]) =>
    boundsOf(key, [value].flat(), known, catalogue).length === 0 ? [] : [key],
  );
}

function binds(name: string, action: Action | null, catalogue: Catalogue): boolean {
  if (/^aws:/i.test(name) && !BINDING_GLOBALS.test(name)) return false;
  if (action === null) return true;
  const stem = (key: string) => key.toLowerCase().replace(/\/.*$/s, '/');
  const template = stem(catalogue.key(name)?.name ?? name);
  const keys = [...action.keys, ...action.resources.flatMap(({ keys: own, type }) => [...own, ...type.keys])];
  return keys.some((key) => stem(key) === template);
}

/** Leave out a right that another one includes: it is needed anyway. */
function withoutCovered(rights: readonly Right[]): Right[] {
  const kept: Right[] = [];
  for (const right of rights) {
    if (kept.some((other) => covers(other, right))) continue;
    const left = kept.filter((other) => !covers(right, other));
    kept.splice(0, kept.length, ...left, right);
  }
  return kept;
}

/** Whether one right, of one action on one resource, includes another. */
function covers(wide: Right, narrow: Right): boolean {
  const [wideAction = '', narrowAction = ''] = [wide.actions[0], narrow.actions[0]];
  const [outer = '', inner = ''] = [wide.resources[0], narrow.resources[0]];
  if (wideAction.toLowerCase() !== narrowAction.toLowerCase() || !arnContains(outer, inner)) return false;
  return wide.bounds.every((bound) =>
    narrow.bounds.some(
      ({ operator, key, values }) =>
        operator === bound.operator && key === bound.key && values.every((value) => bound.values.includes(value)),
    ),
  );
}

/** Join the rights that agree in something. */
function merge(rights: readonly Right[], by: (right: Right) => unknown, join: (rights: Right[]) => Right): Right[] {
  return [...Map.groupBy(rights, (right) => JSON.stringify(by(right))).values()].map(join);
}

const union = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())].sort();

function joinActions(rights: readonly Right[]): Right {
  const [first] = rights as readonly [Right];
  return { ...first, actions: union(rights.map(({ actions }) => actions)) };
}

function joinResources(rights: readonly Right[]): Right {
  const [first] = rights as readonly [Right];
  return { ...first, resources: union(rights.map(({ resources }) => resources)) };
}

/** Join rights that differ in the values of one condition alone, as long as there are any. */
function joinValues(rights: readonly Right[]): Right[] {
  const done: Right[] = [];
  for (const right of rights) {
    const at = done.findIndex((other) => differing(other, right) !== null);
    const other = done[at];
    const index = other && differing(other, right);
    if (other === undefined || index === null || index === undefined) {
      done.push(right);
      continue;
    }
    const bounds = other.bounds.map((bound, place) => (place === index ? joined(bound, right.bounds[place]) : bound));
    done.splice(at, 1, { ...other, bounds });
  }
  return done.length === rights.length ? done : joinValues(done);
}

/** Which condition's values differ, where nothing else does; null otherwise. */
function differing(a: Right, b: Right): number | null {
  const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);
  if (!same([a.actions, a.resources], [b.actions, b.resources]) || a.bounds.length !== b.bounds.length) return null;
  const others = a.bounds.flatMap((bound, index) => (same(bound, b.bounds[index]) ? [] : [index]));
  const [index] = others;
  if (others.length !== 1 || index === undefined) return null;
  const [left, right] = [a.bounds[index], b.bounds[index]];
  // All of several values is not the same as all of these or all of those.
  const joinable = !left?.operator.startsWith('ForAllValues') && likeOf(left?.operator) === likeOf(right?.operator);
  return joinable && left?.key === right?.key ? index : null;
}

/** A value without wildcards means the same where patterns are taken. */
const likeOf = (operator: string | undefined): string | undefined => operator?.replace(/(String|Arn)Equals$/, '$1Like');

function joined(bound: Bound, other: Bound = bound): Bound {
  const operator = bound.operator === other.operator ? bound.operator : (likeOf(bound.operator) ?? bound.operator);
  return { ...bound, operator, values: union([bound.values, other.values]) };
}

function blockOf(bounds: readonly Bound[]): ConditionBlock {
  const block: ConditionBlock = {};
  for (const { operator, key, values } of bounds) (block[operator] ??= {})[key] = oneOrMany(values);
  return block;
}

/** A name that says what the statement is for: its one action, or the service and whether it reads or writes. */
function sidOf({ prefix, actions }: Right, taken: Set<string>, catalogue: Catalogue): string {
  const reads = actions.every((action) => READS.has(actionOf(action, catalogue)?.level ?? 'Write'));
  const service = `${prefix.charAt(0).toUpperCase()}${prefix.slice(1)}`;
  const [only = '', ...others] = actions;
  const name = others.length === 0 ? only.slice(only.indexOf(':') + 1) : `${reads ? 'Read' : 'Use'}${service}`;
  const stem = name.replaceAll(/[^A-Za-z0-9]/g, '');
  for (let count = 1; ; count += 1) {
    const sid = count === 1 ? stem : `${stem}${String(count)}`;
    if (taken.has(sid)) continue;
    taken.add(sid);
    return sid;
  }
}

const READS: ReadonlySet<AccessLevel> = new Set(['Read', 'List']);
