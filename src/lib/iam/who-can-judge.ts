/**
 * Judges a request of which not everything is known: a caller may come through this or that endpoint, with or without
 * MFA. A condition on what is not known holds in the best case and fails in the worst.
 */
import { conditionText } from './can.ts';
import { evaluate, type Decision, type Layers, type Reason, type Request } from './evaluate.ts';
import type { Condition, Elements, Policy, Statement } from './policy.ts';
import { loosened } from './variables.ts';

/** What comes of a request in the best and in the worst case. */
export interface Possibility {
  /** `maybe`: it depends on what is not known. */
  may: 'yes' | 'maybe' | 'no';
  /** Of the best case: the statements that allow. */
  decision: Decision;
  /** On what it depends: what an Allow wants, and what would make a Deny apply; lower case, no full stop. */
  depends: { denies: boolean; text: string }[];
}

/**
 * Judge a request.
 * @param known - whether the request's context says all about a condition key: its value, or that it is absent
 */
export function possibility(request: Request, layers: Layers, known: (key: string) => boolean): Possibility {
  const best = evaluate(request, rewritten(layers, known, BEST));
  if (best.verdict !== 'allow') return { may: 'no', decision: best, depends: [] };
  const worst = evaluate(request, rewritten(layers, known, WORST));
  if (worst.verdict === 'allow') return { may: 'yes', decision: worst, depends: [] };
  // The statements of the decisions were rewritten: what they wanted is looked up where they stood.
  const wanted = (reasons: readonly Reason[], denies: boolean) =>
    reasons.flatMap((reason) => wants(originalOf(layers, reason), known).map((text) => ({ denies, text })));
  const denials = worst.verdict === 'explicit-deny' ? worst.because : [];
  const depends = [...wanted(best.because, false), ...wanted(denials, true)];
  return { may: 'maybe', decision: best, depends };
}

/** What a statement wants of a request that is not known. */
function wants(statement: Statement, known: (key: string) => boolean): string[] {
  const resources = (statement.resources?.values ?? []).filter(({ text }) => names(text, known));
  return [
    ...statement.conditions.filter((one) => isOpen(one, known)).map(conditionText),
    ...resources.map(({ text }) => `${text} is this resource`),
  ];
}

/** What becomes of a statement with conditions on what is not known. */
type Mood = Readonly<Record<'Allow' | 'Deny', 'holds' | 'fails'>>;

const BEST: Mood = { Allow: 'holds', Deny: 'fails' };
const WORST: Mood = { Allow: 'fails', Deny: 'holds' };

function rewritten(layers: Layers, known: (key: string) => boolean, mood: Mood): Layers {
  const one = (policy: Policy): Policy => ({
    ...policy,
    statements: policy.statements.flatMap((statement) => {
      const conditions = statement.conditions.filter((condition) => !isOpen(condition, known));
      const open = (statement.resources?.values ?? []).some(({ text }) => names(text, known));
      if (conditions.length === statement.conditions.length && !open) return [statement];
      const holds = mood[statement.effect ?? 'Deny'] === 'holds';
      if (!holds && conditions.length < statement.conditions.length) return [];
      // A variable without a value matches nothing, so NotResource with one takes in everything.
      const { resources } = statement;
      return [
        { ...statement, conditions, resources: resources?.not === holds ? resources : widened(resources, known) },
      ];
    }),
  });
  return {
    identity: layers.identity.map(one),
    resource: layers.resource ? one(layers.resource) : null,
    boundary: layers.boundary ? one(layers.boundary) : null,
    session: layers.session?.map(one) ?? null,
    scps: layers.scps?.map((level) => level.map(one)) ?? null,
  };
}

/** Whether it cannot be told: its key is not known, or a variable in what it wants. */
const isOpen = ({ key, values }: Condition, known: (key: string) => boolean): boolean =>
  !known(key.text) || values.some(({ text }) => names(text, known));

/** Whether a text has a variable of which nothing is known. */
const names = (text: string, known: (key: string) => boolean): boolean =>
  [...text.matchAll(/\$\{\s*([^},*?$][^},\s]*)/g)].some(([, key = '']) => !known(key));

const widened = (resources: Elements | null, known: (key: string) => boolean): Elements | null =>
  resources && {
    ...resources,
    values: resources.values.map((value) => ({
      text: names(value.text, known) ? loosened(value.text) : value.text,
      holes: value.holes,
      path: value.path,
      range: value.range,
    })),
  };

function originalOf(layers: Layers, { policy, statement }: Reason): Statement {
  const all = [
    ...layers.identity,
    layers.resource,
    layers.boundary,
    ...(layers.session ?? []),
    ...(layers.scps?.flat() ?? []),
  ];
  const original = all.find((one) => one?.node === policy.node);
  return original?.statements.find(({ node }) => node === statement.node) ?? statement;
}
