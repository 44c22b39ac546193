/**
 * A rotation of ours. Its signed record tells when it ran and which version it wrote; CloudTrail tells who wrote that
 * version. That identity's accesses to the secret, while the rotation ran, are the rotation's.
 */
import { clockText, isWithin, timeOf, type Cause } from './cause.ts';

/** A rotation, as far as its record explains accesses. Times are ISO 8601, UTC. */
export interface RotationFact {
  rotationId: string;
  secret: { name: string; arn: string | null };
  /** Who began it, as the record calls them. */
  by: string;
  since: string;
  endedAt: string;
  reason: string | null;
  /** Ids of the versions that it wrote, or moved a label to. */
  versions: readonly string[];
  deployment: { id: string; startedAt: string; finishedAt: string | null } | null;
}

/** What a rotation does with a secret. */
const DEEDS = new Set([
  'GetSecretValue',
  'BatchGetSecretValue',
  'DescribeSecret',
  'ListSecretVersionIds',
  'PutSecretValue',
  'UpdateSecretVersionStage',
]);

const WRITES = new Set(['PutSecretValue', 'UpdateSecretVersionStage', 'CreateSecret', 'UpdateSecret']);

export const rotation: Cause = {
  kind: 'rotation',
  start: ({ rotations }) => {
    const bySecret = Map.groupBy(rotations, ({ secret }) => secret.name);
    /** Who wrote a version of a rotation. */
    const writers = new Map<RotationFact, Set<string>>();
    const during = (fact: RotationFact, at: number) => isWithin(at, Date.parse(fact.since), Date.parse(fact.endedAt));
    return {
      learn(access) {
        const facts = bySecret.get(access.secretName ?? '');
        if (!facts || !WRITES.has(access.action) || access.outcome !== 'success') return;
        const { token, moveTo } = access.details;
        const versions = [token, moveTo].filter((id) => typeof id === 'string');
        for (const fact of facts) {
          if (!during(fact, timeOf(access)) || !versions.some((id) => fact.versions.includes(id))) continue;
          const known = writers.get(fact) ?? new Set();
          writers.set(fact, known.add(access.principal.arn ?? ''));
        }
      },
      explain(access) {
        const facts = bySecret.get(access.secretName ?? '');
        if (!facts) return 'no rotation of this secret is on record';
        if (!DEEDS.has(access.action)) return `a rotation does no ${access.action}`;
        const at = timeOf(access);
        const then = facts.filter((fact) => during(fact, at) && sameArn(fact.secret.arn, access.secret));
        if (then.length === 0) return `none of the ${String(facts.length)} rotations on record was under way then`;
        const mine = then.find((fact) => writers.get(fact)?.has(access.principal.arn ?? ''));
        if (!mine) {
          return `rotation ${then[0]?.rotationId ?? ''} was under way, and whoever made this access wrote no version of it`;
        }
        return {
          kind: 'rotation',
          ref: mine.rotationId,
          why: `rotation ${mine.rotationId} by ${mine.by} was under way from ${clockText(mine.since)} to ${clockText(mine.endedAt)}, and the same identity wrote its version${mine.reason === null ? '' : `: ${mine.reason}`}`,
        };
      },
    };
  },
};

/** A secret known by name only may be the one. */
const sameArn = (known: string | null, secret: string | null) =>
  known === null || secret === null || !secret.startsWith('arn:') || !known.startsWith('arn:') || known === secret;

/** Lambda ends an invocation after 15 minutes at most, and Secrets Manager calls the function four times. */
const LONGEST_MS = 60 * 60_000;

/** Most spans that are kept of one secret. */
const MOST_SPANS = 1_000;

const ENDS = new Set([
  'RotationSucceeded',
  'RotationFailed',
  'RotationAbandoned',
  'TestRotationSucceeded',
  'TestRotationFailed',
]);
const BEGINS = new Set(['RotationStarted', 'TestRotationStarted']);

/** A time in which AWS called the rotation function of a secret. */
interface Span {
  from: number;
  /** Null until its end was seen. */
  to: number | null;
  /** Whether AWS itself recorded it, or somebody asked for it. */
  by: 'RotationStarted' | 'RotateSecret';
}

/**
 * The rotation function: its role's session has the function's name, and Secrets Manager was calling it then, as AWS's
 * own events (`RotationStarted` to `RotationSucceeded` …) or a call of RotateSecret tell.
 */
export const rotationFunction: Cause = {
  kind: 'rotation-function',
  start: (facts) => {
    const spans = new Map<string, Span[]>();
    /** Functions that calls of RotateSecret have named, by secret. */
    const named = new Map<string, Set<string>>();
    const open = (secret: string, span: Span) => {
      const list = spans.get(secret) ?? [];
      spans.set(secret, list);
      if (list.length < MOST_SPANS) list.push(span);
    };
    return {
      learn(access) {
        const { action, type, secretName, outcome, details } = access;
        if (secretName === null || outcome !== 'success') return;
        const at = timeOf(access);
        const byAws = type === 'AwsServiceEvent';
        if (byAws && BEGINS.has(action)) open(secretName, { from: at, to: null, by: 'RotationStarted' });
        else if (byAws && ENDS.has(action)) {
          for (const span of spans.get(secretName) ?? []) if (at >= span.from) span.to ??= at;
        } else if (action === 'RotateSecret') {
          open(secretName, { from: at, to: null, by: 'RotateSecret' });
          const name =
            typeof details.rotationFunction === 'string' ? details.rotationFunction.split(':').at(6) : undefined;
          if (name) named.set(secretName, (named.get(secretName) ?? new Set()).add(name));
        }
      },
      explain(access) {
        const { secretName, principal, action, region } = access;
        if (secretName === null || principal.session === null) return 'it is no session of a rotation function';
        const ours = facts.functionOf(region, secretName);
        const isOurs = principal.session === ours.function && roleName(principal.role) === ours.role;
        if (!isOurs && !named.get(secretName)?.has(principal.session)) {
          return 'its session has not the name of the rotation function of this secret';
        }
        if (!DEEDS.has(action)) return `a rotation function does no ${action}`;
        const at = timeOf(access);
        const span = spans
          .get(secretName)
          ?.find(({ from, to }) => isWithin(at, from, Math.min(to ?? Infinity, from + LONGEST_MS)));
        if (!span)
          return `function ${principal.session} reads while AWS rotates the secret, and no rotation was under way then`;
        return {
          kind: 'rotation-function',
          ref: principal.session,
          why: `function ${principal.session} was rotating the secret: ${span.by} at ${clockText(new Date(span.from).toISOString())}${span.to === null ? '' : `, over at ${clockText(new Date(span.to).toISOString())}`}`,
        };
      },
    };
  },
};

const roleName = (role: string | null) => role?.split('/').at(-1) ?? null;
