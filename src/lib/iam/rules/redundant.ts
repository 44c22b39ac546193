/** What could be left out: nothing is wrong with it, and it hides what counts. */
import { arnContains } from '../arn.ts';
import type { Place, Rule } from '../finding.ts';
import { globContains, isGlob } from '../glob.ts';
import type { Policy, Statement, Text } from '../policy.ts';
import { shown } from '../tree.ts';
import { quoted, type Check, type CheckContext } from './check.ts';

const suggestion = (id: string, code: string | null, title: string, fix: string): Rule => ({
  id,
  code,
  kind: 'suggestion',
  severity: 'info',
  title,
  why: 'What is covered twice makes the policy longer and harder to judge.',
  fix,
});
const ACTION = suggestion(
  'redundant-action',
  'REDUNDANT_ACTION',
  'an action that another one covers',
  'Remove it, or replace the wildcard by what is meant.',
);
const RESOURCE = suggestion(
  'redundant-resource',
  'REDUNDANT_RESOURCE',
  'a resource that another one covers',
  'Remove it, or replace the wildcard by what is meant.',
);
const STATEMENT = suggestion(
  'redundant-statement',
  'REDUNDANT_STATEMENT',
  'a statement that another one covers',
  'Remove it, or narrow the broader one.',
);
const SHADOWED: Rule = {
  id: 'shadowed-statement',
  code: null,
  kind: 'warning',
  severity: 'medium',
  title: 'an Allow that a Deny takes back whole',
  why: 'A Deny wins over every Allow, so this statement grants nothing.',
  fix: 'Remove the statement, or narrow the Deny.',
};

/** Rules of this file. */
export const REDUNDANCY_RULES: readonly Rule[] = [ACTION, RESOURCE, STATEMENT, SHADOWED];

/** Comparisons of one policy, so that a hostile one costs no more than a large one. */
const MOST_COMPARISONS = 500_000;

/** With what a template leaves open by name: two different unknowns are not the same. */
const inFull = ({ text, holes }: Text): string => shown(text, holes);

/** Actions and resources within a statement, and statements among each other. */
export const checkRedundancy: Check = (policy, context) => {
  const budget = { left: MOST_COMPARISONS };
  for (const { actions, resources } of policy.statements) {
    if (actions)
      groups(
        actions.values,
        actions.values.map((value) => inFull(value).toLowerCase()),
        globContains,
        budget,
      ).forEach((group) => {
        reportGroup(ACTION, group, context);
      });
    if (resources)
      groups(resources.values, resources.values.map(inFull), arnContains, budget).forEach((group) => {
        reportGroup(RESOURCE, group, context);
      });
  }
  checkStatements(policy, budget, context);
};

type Contains = (outer: string, inner: string) => boolean;
interface Budget {
  left: number;
}

const containsAction: Contains = (outer, inner) => globContains(outer.toLowerCase(), inner.toLowerCase());

/**
 * Values that hang together because one covers another, in the order of the file; those of one member left out.
 * @param keys - what is compared: one for each value
 */
function groups(values: readonly Text[], keys: readonly string[], contains: Contains, budget: Budget): Text[][] {
  if (values.length < 2 || (!keys.some(isGlob) && new Set(keys).size === keys.length)) return [];
  const parent = values.map((_, index) => index);
  const find = (index: number): number => {
    let root = index;
    while (parent[root] !== root) root = parent[root] ?? root;
    return root;
  };
  const first = new Map<string, number>();
  for (const [index, key] of keys.entries()) {
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    else parent[find(index)] = find(earlier);
  }
  const distinct = [...first].filter(([, index]) => values[index]?.holes.length === 0);
  for (const [pattern, outer] of distinct) {
    if (!isGlob(pattern)) continue;
    // A star at the end is a look at the start; anything else is work.
    const cost = pattern.indexOf('*') === pattern.length - 1 ? 1 : 10;
    for (const [candidate, inner] of distinct) {
      if (inner === outer) continue;
      budget.left -= cost;
      if (budget.left < 0) break;
      if (contains(pattern, candidate)) parent[find(inner)] = find(outer);
    }
  }
  const byRoot = new Map<number, Text[]>();
  for (const [index, value] of values.entries()) {
    const root = find(index);
    const group = byRoot.get(root);
    if (group) group.push(value);
    else byRoot.set(root, [value]);
  }
  return [...byRoot.values()].filter((group) => group.length > 1);
}

function reportGroup(found: Rule, group: readonly Text[], context: CheckContext): void {
  const [first, ...others] = group;
  if (!first) return;
  const message =
    group.length === 2
      ? `${quoted(first)} and ${quoted(others[0] ?? first)} overlap`
      : `${String(group.length)} of these overlap, such as ${quoted(first)} and ${quoted(others[0] ?? first)}`;
  context.report(found, first, message, { also: others });
}

/** A statement within another, or under a Deny. */
function checkStatements(policy: Policy, budget: Budget, context: CheckContext): void {
  const { statements } = policy;
  const texts = new Map(statements.map((statement) => [statement, conditionText(statement)]));
  for (const outer of statements) {
    // A condition narrows the broader one, so only the very same conditions count.
    const conditions = texts.get(outer) ?? '';
    for (const inner of statements) {
      budget.left -= 1;
      if (budget.left < 0) return;
      if (inner === outer || inner.effect === null || outer.effect === null) continue;
      if (inner.effect !== outer.effect && !(outer.effect === 'Deny' && conditions === '')) continue;
      if (inner.effect === outer.effect && conditions !== '' && conditions !== texts.get(inner)) continue;
      if (!covers(outer, inner, budget)) continue;
      // Of two equal ones the later is the one too many.
      if (
        inner.effect === outer.effect &&
        inner.index < outer.index &&
        covers(inner, outer, budget) &&
        texts.get(inner) === conditions
      )
        continue;
      const also: Place[] = [outer];
      if (inner.effect === outer.effect)
        context.report(STATEMENT, inner, `statement ${String(outer.index)} covers this one`, { also });
      else context.report(SHADOWED, inner, `the Deny of statement ${String(outer.index)} covers this one`, { also });
      break;
    }
  }
}

/** The conditions as one text; empty where there are none. */
function conditionText({ conditions }: Statement): string {
  return conditions
    .map(
      ({ operatorText, key, values }) => `${operatorText} ${inFull(key)} ${JSON.stringify(values.map(inFull).sort())}`,
    )
    .sort()
    .join('\n');
}

/** Whether everything that `inner` is about, `outer` is about too, conditions aside. */
function covers(outer: Statement, inner: Statement, budget: Budget): boolean {
  if ((outer.principals === null) !== (inner.principals === null)) return false;
  if (outer.principals && inner.principals && !samePrincipals(outer, inner)) return false;
  return (
    elementsCover(outer.actions, inner.actions, containsAction, budget) &&
    (outer.resources === null || elementsCover(outer.resources, inner.resources, arnContains, budget))
  );
}

function samePrincipals(a: Statement, b: Statement): boolean {
  const text = ({ principals }: Statement) =>
    `${String(principals?.not)} ${JSON.stringify((principals?.values ?? []).map(({ kind, value }) => `${kind} ${inFull(value)}`).sort())}`;
  return (
    text(a) === text(b) || (a.principals?.not === false && a.principals.values.some(({ value }) => value.text === '*'))
  );
}

function elementsCover(
  outer: Statement['actions'],
  inner: Statement['actions'],
  contains: Contains,
  budget: Budget,
): boolean {
  if (outer === null || inner === null || outer.not || inner.not || inner.values.length === 0) return false;
  return inner.values.every((value) =>
    outer.values.some((pattern) => {
      budget.left -= 1;
      return (
        budget.left > 0 && pattern.holes.length === 0 && value.holes.length === 0 && contains(pattern.text, value.text)
      );
    }),
  );
}
