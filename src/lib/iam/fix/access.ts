/**
 * Whether a policy allows what another one does not: by containment of what its statements name, never by examples.
 * Sound, not complete: what is said to be covered is covered; what is said to be new may be covered in a roundabout way.
 */
import { arnContains, arnsIntersect } from '../arn.ts';
import { globContains, globsIntersect } from '../glob.ts';
import { hasVariables, type Elements, type Policy, type Principal, type Statement, type Text } from '../policy.ts';
import { HOLE } from '../tree.ts';
import { implies, type Values } from './conditions.ts';

/** Something that is allowed now and was not before. */
export interface Gain {
  /** Of the new policy, and null where a Deny of the old one is gone. */
  statement: Statement | null;
  /** As written; `NotAction` and `NotResource` by their names. */
  action: string;
  resource: string;
  /** Whom it is allowed; null in the policy of a principal. */
  principal: string | null;
}

/** Comparisons of one policy with another; beyond them what is left counts as new. */
const MOST_COMPARISONS = 400_000;

/**
 * What a policy allows that some others together do not, and what they deny that it does not.
 * @param before - policies of the same principal or resource
 * @param single - whether requests carry one value of a condition key at most
 */
export function gains(before: readonly Policy[], after: Policy, single: (key: string) => boolean): Gain[] {
  const budget = { left: MOST_COMPARISONS };
  const old = before.flatMap((policy) => facets(policy, single));
  const now = facets(after, single);
  const allowed = old.filter(({ statement }) => statement.effect === 'Allow');
  const found: Gain[] = [];
  for (const facet of now) {
    if (facet.statement.effect !== 'Allow') continue;
    found.push(...uncovered(facet, allowed, budget).map((gain) => ({ ...gain, statement: facet.statement })));
  }
  const denied = now.filter(({ statement }) => statement.effect === 'Deny');
  for (const facet of old) {
    if (facet.statement.effect !== 'Deny') continue;
    found.push(...uncovered(facet, denied, budget).map((gain) => ({ ...gain, statement: null })));
  }
  return found;
}

/** A statement with its texts ready to be compared. */
interface Facet {
  statement: Statement;
  actions: Side;
  /** Null: the thing itself that the policy is attached to. */
  resources: Side | null;
  values: Values;
}

interface Side {
  not: boolean;
  values: readonly { text: string; shown: string }[];
  contains: (outer: string, inner: string) => boolean;
  intersect: (a: string, b: string) => boolean;
}

function facets(policy: Policy, single: (key: string) => boolean): Facet[] {
  const variables = hasVariables(policy);
  const plain = (text: Text) => opaque(text, variables);
  const side = (elements: Elements, action: boolean): Side => ({
    not: elements.not,
    values: elements.values.map((value) => ({
      text: action ? plain(value).toLowerCase() : plain(value),
      shown: value.text,
    })),
    contains: action ? globContains : arnContains,
    intersect: action ? globsIntersect : arnsIntersect,
  });
  return policy.statements.flatMap((statement): Facet[] => {
    const { actions, resources, effect } = statement;
    if (effect === null || actions === null) return [];
    // Without Resource such a statement is about nothing.
    if (resources === null && (policy.type === 'identity' || policy.type === 'scp')) return [];
    return [
      {
        statement,
        actions: side(actions, true),
        resources: resources && side(resources, false),
        values: { of: (condition) => condition.values.map(plain), single },
      },
    ];
  });
}

/** No wildcard of a pattern is that long, so `?` never stands for what may be longer than it looks. */
const LENGTH = 64;

/**
 * A text in which what only the deployment or the request knows is a run of one character of its own: equal to itself,
 * and taken in by a star alone.
 */
function opaque({ text, holes }: Text, variables: boolean): string {
  let next = 0;
  const filled = holes.length === 0 ? text : text.replaceAll(HOLE, () => unknownFor(`hole ${holes[next++] ?? '?'}`));
  return variables && filled.includes('${')
    ? filled.replaceAll(/\$\{([^}]{0,512})\}/g, (_, name: string) => unknownFor(`variable ${name}`))
    : filled;
}

const unknowns = new Map<string, string>();

function unknownFor(name: string): string {
  const known = unknowns.get(name);
  if (known !== undefined) return known;
  // Supplementary private use area: more of them than any file holds names, and none of them in a policy.
  const made = String.fromCodePoint(0xf_0000 + (unknowns.size % 0xfffd)).repeat(LENGTH);
  unknowns.set(name, made);
  return made;
}

interface Budget {
  left: number;
}

/** What of a statement no single other statement covers: whole first, then each principal with each action and resource. */
function uncovered(inner: Facet, outers: readonly Facet[], budget: Budget): Omit<Gain, 'statement'>[] {
  const { statement } = inner;
  const whole = (outer: Facet) =>
    principalsCover(outer.statement, statement.principals?.values ?? null, statement) &&
    sidesCover(outer.actions, inner.actions, budget) &&
    resourcesCover(outer.resources, inner.resources, budget);
  // Most often the statement itself, as it was.
  const itself = outers.find((outer) => outer.statement.index === statement.index);
  if (itself && conditionsCover(itself, inner, budget) && whole(itself)) return [];
  const candidates = outers.filter((outer) => conditionsCover(outer, inner, budget));
  if (candidates.some(whole)) return [];
  const found: Omit<Gain, 'statement'>[] = [];
  const { principals } = statement;
  for (const principal of principals === null || principals.not ? [null] : principals.values) {
    for (const action of parts(inner.actions)) {
      for (const resource of inner.resources === null ? [null] : parts(inner.resources)) {
        const covers = (outer: Facet) =>
          principalsCover(outer.statement, principal === null ? null : [principal], statement) &&
          sidesCover(outer.actions, action, budget) &&
          resourcesCover(outer.resources, resource, budget);
        if (budget.left > 0 && candidates.some(covers)) continue;
        found.push({
          action: shownSide(action, 'Action'),
          resource: resource === null ? '*' : shownSide(resource, 'Resource'),
          principal: principal === null ? (principals?.not ? 'NotPrincipal' : null) : principal.value.text,
        });
        if (found.length >= MOST_GAINS) return found;
      }
    }
  }
  return found;
}

/** More than anybody reads. */
const MOST_GAINS = 1_000;

const parts = (side: Side): Side[] => (side.not ? [side] : side.values.map((value) => ({ ...side, values: [value] })));

const shownSide = ({ not, values }: Side, name: string): string => (not ? `Not${name}` : (values[0]?.shown ?? ''));

/** Null is the thing that the policy is attached to: `*` says the same there. */
function resourcesCover(outer: Side | null, inner: Side | null, budget: Budget): boolean {
  if (outer === null) return true;
  if (inner === null) return !outer.not && outer.values.some(({ text }) => /^\*+$/.test(text));
  return sidesCover(outer, inner, budget);
}

function sidesCover(outer: Side, inner: Side, budget: Budget): boolean {
  budget.left -= outer.values.length * inner.values.length;
  if (budget.left < 0) return false;
  const { contains, intersect } = outer;
  if (inner.not) {
    if (!outer.not) return outer.values.some(({ text }) => /^\*+$/.test(text));
    return outer.values.every((left) => inner.values.some((out) => contains(out.text, left.text)));
  }
  if (outer.not) {
    return inner.values.every(({ text }) => outer.values.every((left) => !intersect(left.text, text)));
  }
  return inner.values.every(({ text }) => outer.values.some((pattern) => contains(pattern.text, text)));
}

/** Whether the statement is for those principals too; null: for those of `inner` as a whole. */
function principalsCover(
  { principals: outer }: Statement,
  wanted: readonly Principal[] | null,
  { principals: inner }: Statement,
): boolean {
  if (inner === null || outer === null) return inner === outer;
  const same = (a: Principal, b: Principal) => a.value.text === b.value.text && kindOf(a) === kindOf(b);
  if (outer.not || inner.not) {
    // Everyone but some: fewer are left out.
    return outer.not && inner.not && outer.values.every((one) => inner.values.some((other) => same(one, other)));
  }
  return (wanted ?? inner.values).every((one) =>
    outer.values.some(
      (other) => same(one, other) || (kindOf(other) === 'AWS' && other.value.text === '*' && kindOf(one) === 'AWS'),
    ),
  );
}

/** `"Principal": "*"` is `{"AWS": "*"}`. */
const kindOf = ({ kind }: Principal): string => (kind === '*' ? 'AWS' : kind);

/** Whether the conditions of `inner` make sure of all those of `outer`. */
function conditionsCover(outer: Facet, inner: Facet, budget: Budget): boolean {
  budget.left -= outer.statement.conditions.length * inner.statement.conditions.length + 1;
  if (budget.left < 0) return false;
  return outer.statement.conditions.every((wanted) =>
    inner.statement.conditions.some((given) => implies(given, inner.values, wanted, outer.values)),
  );
}
