/** What is told of a principal as a whole: ways up that lie in several of its policies, and that nothing uses it. */
import type { Catalogue } from '../catalogue.ts';
import { problem, type Place, type Problem } from '../finding.ts';
import type { Located } from '../join-check.ts';
import type { RoleDocuments } from '../join-roles.ts';
import { UNUSED_ROLE } from '../join-rules.ts';
import { collector, TooMuchWork } from '../rules/check.ts';
import { checkEscalation } from '../rules/escalation.ts';
import type { Document } from '../source.ts';

/** Ways up over all identity policies of a principal, each where its decisive right stands. */
export function escalationsOf({ documents }: RoleDocuments, catalogue: Catalogue): Located[] {
  const own = documents.filter(({ live }) => live.kind === 'inline' || live.kind === 'managed');
  if (own.length < 2) return [];
  const home = new Map<Place, Document>();
  for (const { document } of own) {
    for (const statement of document.policies.flatMap(({ statements }) => statements)) {
      home.set(statement, document);
      if (statement.actions) home.set(statement.actions, document);
      for (const action of statement.actions?.values ?? []) home.set(action, document);
    }
  }
  const found: Located[] = [];
  const { context } = collector(catalogue, '');
  try {
    checkEscalation(
      own.flatMap(({ document }) => document.policies),
      {
        ...context,
        report: (rule, at, message, options = {}) => {
          const document = home.get(at);
          if (!document) return;
          const also = (options.also ?? []).filter((place) => home.get(place) === document);
          const others = new Set((options.also ?? []).flatMap((place) => home.get(place)?.source.name ?? []));
          others.delete(document.source.name);
          const with_ = others.size === 0 ? '' : ` (together with ${[...others].join(', ')})`;
          found.push({ document, problem: problem(rule, at, `${message}${with_}`, { ...options, also }) });
        },
      },
    );
  } catch (error) {
    // Each policy by itself was judged as far as it went, and says so.
    if (!(error instanceof TooMuchWork)) throw error;
  }
  return found;
}

/** So long, in ms, may a role or a right rest before it counts as unused: that of IAM's own advice. */
export const REST_MS = 90 * 86_400_000;

/** A role that has rested for long; those that AWS keeps for its services cannot be helped. */
export function unusedRole({ role, documents }: RoleDocuments, now: number): Located[] {
  const trust = documents.find(({ live }) => live.kind === 'trust');
  const policy = trust?.document.policies[0];
  if (!trust || !policy || /:role\/aws-(?:service-role|reserved)\//.test(role.arn)) return [];
  const made = typeof role.createdAt !== 'string' ? now : Date.parse(role.createdAt);
  const since = role.lastUsed === null ? null : Date.parse(role.lastUsed);
  if (made > now - REST_MS || (since !== null && since > now - REST_MS)) return [];
  const days = (from: number) => String(Math.floor((now - from) / 86_400_000));
  const message =
    since === null
      ? `the role ${role.name}, made ${days(made)} days ago, was not used in the 400 days that IAM tracks`
      : `the role ${role.name} was last used ${days(since)} days ago`;
  const one: Problem = problem(UNUSED_ROLE, { path: policy.path, range: policy.range }, message);
  return [{ document: trust.document, problem: one }];
}
