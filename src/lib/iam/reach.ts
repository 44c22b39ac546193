/** What policies grant, without a request at hand: who may do what where, and which conditions narrow it. */
import { arnContains, arnParts, arnsIntersect } from './arn.ts';
import { globMatches, isGlob } from './glob.ts';
import type { Condition, Elements, Policy, Statement, Text } from './policy.ts';
import { HOLE } from './tree.ts';

/** An action that a statement allows and that no Deny takes back whole. */
export interface Grant {
  policy: Policy;
  statement: Statement;
  /** The element of Action that names it; null where NotAction lets it through. */
  element: Text | null;
  /** What is left of Resource, and nothing where it is NotResource: then it is everything but a few. */
  resources: readonly Text[];
  /** Whether it is NotResource. */
  allBut: boolean;
}

/** The grants of one action (`iam:PassRole`) by some policies together. */
export function grantsOf(policies: readonly Policy[], action: string): Grant[] {
  const name = action.toLowerCase();
  const denials = policies.flatMap(({ statements }) =>
    statements.filter(
      (statement) => statement.effect === 'Deny' && statement.conditions.length === 0 && names(statement, name),
    ),
  );
  const grants: Grant[] = [];
  for (const policy of policies) {
    for (const statement of policy.statements) {
      if (statement.effect !== 'Allow' || !names(statement, name)) continue;
      const { actions, resources } = statement;
      const element = actions?.not
        ? null
        : (actions?.values.find(({ text }) => globMatches(text.toLowerCase(), name)) ?? null);
      const allBut = resources?.not ?? false;
      const left = (resources?.values ?? []).filter(({ text }) => !denials.some((denial) => takesBack(denial, text)));
      if (allBut ? denials.some((denial) => takesBack(denial, '*')) : resources !== null && left.length === 0) continue;
      grants.push({ policy, statement, element, resources: allBut ? [] : left, allBut });
    }
  }
  return grants;
}

/** Whether a statement of a policy grants an action, and no Deny of the same policy takes that back whole. */
export function grants(policy: Policy, statement: Statement, action: string): boolean {
  let byAction = granting.get(policy);
  if (!byAction) granting.set(policy, (byAction = new Map<string, ReadonlySet<Statement>>()));
  let statements = byAction.get(action);
  if (!statements)
    byAction.set(action, (statements = new Set(grantsOf([policy], action).map((grant) => grant.statement))));
  return statements.has(statement);
}

/** Every statement of a long policy asks for the same few actions. */
const granting = new WeakMap<Policy, Map<string, ReadonlySet<Statement>>>();

/** The actions of an element in lower case: those that are written out, and the patterns. */
interface ActionIndex {
  exact: ReadonlySet<string>;
  globs: readonly string[];
}

const indexes = new WeakMap<Elements, ActionIndex>();

function indexOf(actions: Elements): ActionIndex {
  const known = indexes.get(actions);
  if (known) return known;
  const exact = new Set<string>();
  const globs: string[] = [];
  for (const { text } of actions.values) {
    if (isGlob(text)) globs.push(text.toLowerCase());
    else exact.add(text.toLowerCase());
  }
  const index = { exact, globs };
  indexes.set(actions, index);
  return index;
}

/** Whether a statement is about an action. */
export function names({ actions }: Statement, action: string): boolean {
  if (actions === null) return false;
  const name = action.toLowerCase();
  const { exact, globs } = indexOf(actions);
  return (exact.has(name) || globs.some((pattern) => globMatches(pattern, name))) !== actions.not;
}

function takesBack({ resources }: Statement, pattern: string): boolean {
  if (resources === null) return true;
  if (resources.not) return pattern !== '*' && !resources.values.some(({ text }) => arnsIntersect(text, pattern));
  return resources.values.some(({ text }) => arnContains(text, pattern));
}

/** How much of a type of resource a pattern takes in. */
export type Breadth = 'all' | 'family' | 'named';

/**
 * How much a resource takes in. A variable (`${aws:username}`) names one, as far as the policy can tell; a hole of a
 * template names one too.
 */
export function breadthOf(text: string): Breadth {
  if (/^\*+$/.test(text)) return 'all';
  const parts = arnParts(text.replaceAll(HOLE, 'x'));
  if (parts === null) return isGlob(text) ? 'all' : 'named';
  const [, service, , , rest] = parts;
  const plain = rest.replaceAll(/\$\{[^}]{0,512}\}/g, 'x');
  if (isGlob(service)) return 'all';
  if (!isGlob(plain)) return 'named';
  // The name behind the kind: role/*, log-group:*, or all of it where there is no kind.
  const name = /^[A-Za-z-]+[/:](.*)$/s.exec(plain)?.[1] ?? plain;
  return /^[*?/:]*$/.test(name) || plain.startsWith('*') ? 'all' : 'family';
}

/** The broadest of a grant's resources. */
export function breadth({ resources, allBut }: Pick<Grant, 'resources' | 'allBut'>): Breadth {
  if (allBut) return 'all';
  const all = resources.map(({ text }) => breadthOf(text));
  return all.includes('all') ? 'all' : all.includes('family') ? 'family' : 'named';
}

/** Whether a condition demands one of some values: a request with another value, or without the key, does not pass. */
export function demands({ operator, values }: Condition): boolean {
  if (operator === null || operator.negated || operator.ifExists || operator.family === 'Null') return false;
  if (operator.qualifier === 'ForAllValues' || values.length === 0) return false;
  if (operator.family === 'Bool' || operator.family === 'Date') return false;
  if (operator.family === 'IpAddress') return !values.some(({ text }) => text.endsWith('/0'));
  return !values.some(({ text }) => /^[*?:/]*$/.test(text));
}

/** Global keys that say what is touched, or through whom; others say when, where from and by whom. */
const RESOURCE_KEYS = /^aws:(?:Resource(?:Tag\/.+|Account|OrgID|OrgPaths)|RequestTag\/.+|CalledVia(?:First|Last)?)$/i;

/** Whether a condition narrows the resources of a statement: by their tags, their account, or a key of the service itself. */
export function boundsResource(statement: Statement): boolean {
  return statement.conditions.some((condition) => {
    const key = condition.key.text;
    return (/^aws:/i.test(key) ? RESOURCE_KEYS.test(key) : key.includes(':')) && demands(condition);
  });
}

/** Keys that say who calls; with a value demanded, a policy for everyone is not public. */
const CALLER_KEYS =
  /^(?:aws:(?:Principal(?:OrgID|OrgPaths|Arn|Account)|Source(?:Arn|Account|Owner|OrgID|OrgPaths|Vpc|VpcArn|Vpce|Ip)|VpcSourceIp|userid|username|PrincipalTag\/.+|Vpce(?:Account|OrgID|OrgPaths))|kms:CallerAccount)$/i;

/** Whether a condition says who may call. */
export function boundsCaller(statement: Statement): boolean {
  return statement.conditions.some((condition) => CALLER_KEYS.test(condition.key.text) && demands(condition));
}

/** Whether a condition on one of some keys demands a value. */
export function hasDemand(statement: Statement, keys: RegExp): boolean {
  return statement.conditions.some((condition) => keys.test(condition.key.text) && demands(condition));
}
