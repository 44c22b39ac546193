/**
 * Judges a request of which not everything is known: a caller may come through this or that endpoint, with or without
 * MFA. A condition on what is not known holds in the best case and fails in the worst.
 */
import { evaluate, type Decision, type Layers, type Request } from './evaluate.ts';
import type { Condition, Policy, Statement } from './policy.ts';

/** What comes of a request in the best and in the worst case. */
export interface Possibility {
  /** `maybe`: it depends on what is not known. */
  may: 'yes' | 'maybe' | 'no';
  /** Of the best case: the statements that allow. */
  decision: Decision;
  /** The conditions on which it depends: of those that allow, and of denials that may not apply. */
  depends: { policy: Policy; statement: Statement; condition: Condition }[];
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
  const open = (policy: Policy, statement: Statement) =>
    statement.conditions.filter((one) => !known(one.key.text)).map((condition) => ({ policy, statement, condition }));
  // The statements of the decision were rewritten: their conditions are looked up where they stood.
  const allowing = best.because.flatMap(({ policy, statement }) => {
    const original = originalOf(layers, policy, statement);
    return original ? open(original.policy, original.statement) : [];
  });
  const denying = worst.verdict === 'explicit-deny' ? worst.because : [];
  const denials = denying.flatMap(({ policy, statement }) => {
    const original = originalOf(layers, policy, statement);
    return original ? open(original.policy, original.statement) : [];
  });
  return { may: 'maybe', decision: best, depends: [...allowing, ...denials] };
}

/** What becomes of a statement with conditions on what is not known. */
type Mood = Readonly<Record<'Allow' | 'Deny', 'holds' | 'fails'>>;

const BEST: Mood = { Allow: 'holds', Deny: 'fails' };
const WORST: Mood = { Allow: 'fails', Deny: 'holds' };

function rewritten(layers: Layers, known: (key: string) => boolean, mood: Mood): Layers {
  const one = (policy: Policy): Policy => ({
    ...policy,
    statements: policy.statements.flatMap((statement) => {
      const conditions = statement.conditions.filter(({ key }) => known(key.text));
      if (conditions.length === statement.conditions.length) return [statement];
      return mood[statement.effect ?? 'Deny'] === 'holds' ? [{ ...statement, conditions }] : [];
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

function originalOf(layers: Layers, policy: Policy, statement: Statement) {
  const all = [
    ...layers.identity,
    layers.resource,
    layers.boundary,
    ...(layers.session ?? []),
    ...(layers.scps?.flat() ?? []),
  ];
  const original = all.find((one) => one?.node === policy.node);
  const found = original?.statements.find(({ node }) => node === statement.node);
  return original && found ? { policy: original, statement: found } : null;
}
