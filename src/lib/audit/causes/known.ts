/** Who is expected: AWS itself, whoever runs the audit, who the settings or the baseline name, who gave a reason. */
import { ASPECTS, type BaselineEntry } from '../baseline.ts';
import { matchesPrincipal } from '../principal.ts';
import type { SettledAccess } from '../timeline.ts';
import { clockText, TOLERANCE_MS, timeOf, type Cause } from './cause.ts';
import { isServiceRole } from './tasks.ts';

export const awsService: Cause = {
  kind: 'aws-service',
  start: () => ({
    explain: ({ type, principal, service, action }) =>
      type === 'AwsServiceEvent'
        ? { kind: 'aws-service', ref: principal.arn ?? service, why: `AWS recorded ${action} of its own accord` }
        : 'a caller made it, not AWS by itself',
  }),
};

export const self: Cause = {
  kind: 'self',
  start: (facts) => ({
    explain({ principal }) {
      if (facts.self === null) return 'nobody is known to run this audit';
      if (principal.arn !== facts.self) return `you are ${facts.self}, and this was somebody else`;
      return { kind: 'self', ref: facts.self, why: 'the identity that runs this audit made it' };
    },
  }),
};

export const knownCaller: Cause = {
  kind: 'known-caller',
  start: ({ settings: { knownPrincipals } }) => ({
    explain({ principal }) {
      const pattern = knownPrincipals.find((known) => matchesPrincipal(known, principal));
      if (pattern === undefined)
        return `none of the ${String(knownPrincipals.length)} known principals of the settings`;
      return { kind: 'known-caller', ref: pattern, why: `audit.knownPrincipals in jamf-mcp.yaml has ${pattern}` };
    },
  }),
};

/** In the words of a person, what of an access an entry does not have. */
const DIFFERENCES: Readonly<Record<keyof typeof ASPECTS, string>> = {
  secret: 'another secret',
  action: 'another action',
  network: 'from another network',
  userAgent: 'with another user agent',
  region: 'in another Region',
  hour: 'at another hour',
};

/** The hour is for detectors: a caller an hour late is still the same caller. */
const JUDGED = (Object.keys(ASPECTS) as (keyof typeof ASPECTS)[]).filter((aspect) => aspect !== 'hour');

export const baseline: Cause = {
  kind: 'baseline',
  start: (facts) => {
    const entries = facts.baseline?.entries ?? [];
    return {
      explain(access) {
        const mine = entries.filter(({ principal }) => matchesPrincipal(principal, access.principal));
        if (mine.length === 0)
          return entries.length === 0 ? 'there is no baseline' : 'the baseline does not have this principal';
        if (access.outcome === 'denied') return 'a refusal is never usual';
        // What its own roles do is explained by tasks, or not at all: where the service reads from, a thief may too.
        if (isServiceRole(access.principal.role, facts))
          return 'the roles of the service are explained by its tasks alone';
        const differences = mine.map((entry) => ({ entry, differs: differencesOf(access, entry) }));
        const fits = differences.find(({ differs }) => differs.length === 0);
        if (fits) {
          const { principal, origin, since, until, reason } = fits.entry;
          return {
            kind: 'baseline',
            ref: principal,
            why: `usual for ${principal} (${origin}, ${since.slice(0, 10)} to ${until.slice(0, 10)}): ${reason}`,
          };
        }
        const nearest = differences.toSorted((a, b) => a.differs.length - b.differs.length)[0];
        return `the baseline has this principal, but this was ${nearest?.differs.join(', ') ?? 'different'}`;
      },
    };
  },
};

function differencesOf(access: SettledAccess, entry: BaselineEntry): string[] {
  const at = timeOf(access);
  const inTime = at >= Date.parse(entry.since) && at <= Date.parse(entry.until);
  return [
    ...JUDGED.filter((aspect) => !ASPECTS[aspect](access, entry)).map((aspect) => DIFFERENCES[aspect]),
    ...(inTime ? [] : [`outside of ${entry.since.slice(0, 10)} to ${entry.until.slice(0, 10)}`]),
  ];
}

/** A time at which values were asked for, and why; of the signed log. */
export interface BreakGlassFact {
  /** ISO 8601, UTC; before the values are read. */
  at: string;
  secret: string;
  action: string;
  user: string | null;
  reason: string;
  /** The reason as a user agent has it. */
  agentText: string;
}

/** What is read for a reason, and how soon: the values are read right after the entry is on the disk. */
const READS = new Set(['GetSecretValue', 'BatchGetSecretValue', 'DescribeSecret', 'ListSecretVersionIds']);
const READ_WITHIN_MS = 120_000;

export const breakGlass: Cause = {
  kind: 'break-glass',
  start: (facts) => {
    const bySecret = Map.groupBy(facts.breakGlass, ({ secret }) => secret);
    return {
      explain(access) {
        const { secretName, userAgent, details, action } = access;
        const claimed = / reason\/(\S+)/.exec(userAgent ?? '')?.[1] ?? null;
        const entries = bySecret.get(secretName ?? '');
        if (!entries || !READS.has(action)) {
          return claimed === null
            ? 'the break-glass log has no reason for it'
            : `it claims the reason ${claimed}, and the break-glass log of this machine has none for this secret`;
        }
        const at = timeOf(access);
        const then = entries.filter((entry) => {
          const asked = Date.parse(entry.at);
          return at >= asked - TOLERANCE_MS && at <= asked + READ_WITHIN_MS;
        });
        const mine = then.find(({ reason, agentText }) => details.reason === reason || claimed === agentText);
        if (!mine)
          return `the break-glass log has ${then.length === 0 ? 'no reason for that time' : 'another reason for that time'}`;
        return {
          kind: 'break-glass',
          ref: mine.at,
          why: `${mine.user ?? 'somebody'} gave a reason at ${clockText(mine.at)} (${mine.action}): ${mine.reason}`,
        };
      },
    };
  },
};
