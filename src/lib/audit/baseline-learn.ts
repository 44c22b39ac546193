/** Learning what is usual from accesses that happened, and allowing what has not happened yet. */
import { VALUE_READS, type AuditedAccess } from './access.ts';
import type { Baseline, BaselineEntry } from './baseline.ts';
import { agentFamily, networkOf } from './family.ts';
import type { Finding } from './detectors/detector.ts';
import { identityOf } from './principal.ts';
import { DAY } from './window.ts';

/** Why something that happened was not learnt. */
export interface LeftOut {
  /** Identity, and how many accesses. */
  principal: string;
  accesses: number;
  why: string;
}

/** What was seen of one caller of one secret. */
interface Seen {
  principal: string;
  secret: string;
  count: number;
  actions: Set<string>;
  networks: Set<string>;
  userAgents: Set<string>;
  regions: Set<string>;
  hours: Set<number>;
  /** Reads of the value by day. */
  days: Map<string, number>;
}

/** Pairs of caller and secret that are learnt, and networks of each: what has more is not usual in any sense. */
const MOST_PAIRS = 10_000;
const MOST_NETWORKS = 50;

/** Learns from accesses as they pass. */
export interface Learner {
  see(access: AuditedAccess): void;
  /**
   * What was learnt.
   * @param findings - of the same accesses: whoever a grave one names is not made usual
   * @param span - from when on the entries hold, and until when; ISO 8601, UTC
   */
  learned(
    findings: readonly Finding[],
    span: { since: string; until: string },
    reason: string,
  ): {
    entries: BaselineEntry[];
    leftOut: LeftOut[];
  };
}

/** A learner that has seen nothing yet. */
export function learner(): Learner {
  const pairs = new Map<string, Seen>();
  const left = new Map<string, LeftOut>();
  const leave = (principal: string, why: string, accesses = 1) => {
    const known = left.get(`${principal}\n${why}`);
    if (known) known.accesses += accesses;
    else left.set(`${principal}\n${why}`, { principal, accesses, why });
  };
  return {
    see(access) {
      if (access.context || access.type === 'AwsServiceEvent') return;
      const principal = identityOf(access.principal);
      const why = unfit(access);
      if (why !== null || access.secretName === null) {
        leave(principal, why ?? 'the record names no secret');
        return;
      }
      const key = `${principal}\n${access.secretName}`;
      const seen = pairs.get(key) ?? begin(principal, access.secretName);
      if (seen.count === 0) {
        if (pairs.size >= MOST_PAIRS) {
          leave(principal, `there are more than ${String(MOST_PAIRS)} pairs of caller and secret`);
          return;
        }
        pairs.set(key, seen);
      }
      note(seen, access);
    },
    learned(findings, { since, until }, reason) {
      const entries: BaselineEntry[] = [];
      for (const seen of pairs.values()) {
        const grave = findings.find((finding) => isGrave(finding) && finding.id.endsWith(`:${seen.principal}`));
        if (grave) leave(seen.principal, `${grave.severity} finding: ${grave.title}`, seen.count);
        else if (seen.networks.size > MOST_NETWORKS) {
          leave(seen.principal, `from ${String(seen.networks.size)} networks: no usual place`, seen.count);
        } else entries.push(entryOf(seen, since, until, reason));
      }
      return { entries: entries.sort(byPlace), leftOut: [...left.values()] };
    },
  };
}

/** To be unknown is what learning is there to end; anything else that is grave speaks against it. */
const isGrave = ({ id, severity }: Finding) =>
  (severity === 'critical' || severity === 'high') && !/^(unknown-principal:|new-)/.test(id);

function unfit({ outcome, principal, action }: AuditedAccess): string | null {
  if (outcome !== 'success') return 'refused or failed';
  if (principal.type === 'Root') return 'root is never usual';
  if (principal.arn === null) return 'the record does not tell who it was';
  return action === 'unknown' ? 'the record does not tell what was done' : null;
}

const begin = (principal: string, secret: string): Seen => ({
  principal,
  secret,
  count: 0,
  actions: new Set(),
  networks: new Set(),
  userAgents: new Set(),
  regions: new Set(),
  hours: new Set(),
  days: new Map(),
});

function note(seen: Seen, { action, sourceIp, userAgent, region, time }: AuditedAccess): void {
  seen.count += 1;
  seen.actions.add(action);
  const network = networkOf(sourceIp);
  if (network !== null && seen.networks.size <= MOST_NETWORKS) seen.networks.add(network);
  if (userAgent !== null && seen.userAgents.size < MOST_NETWORKS) seen.userAgents.add(agentFamily(userAgent));
  if (region !== null) seen.regions.add(region);
  if (time === null) return;
  seen.hours.add(new Date(time).getUTCHours());
  const day = time.slice(0, 10);
  if (VALUE_READS.has(action)) seen.days.set(day, (seen.days.get(day) ?? 0) + 1);
}

function entryOf(seen: Seen, since: string, until: string, reason: string): BaselineEntry {
  const counts = [...seen.days.values()].sort((a, b) => a - b);
  const middle = counts.length / 2;
  const median =
    counts.length % 2 === 1 ? counts[Math.floor(middle)] : ((counts[middle - 1] ?? 0) + (counts[middle] ?? 0)) / 2;
  return {
    principal: seen.principal,
    secret: seen.secret,
    actions: [...seen.actions].sort(),
    networks: [...seen.networks].sort(),
    userAgents: [...seen.userAgents].sort(),
    regions: [...seen.regions].sort(),
    hours: [...seen.hours].sort((a, b) => a - b),
    daily: counts.length === 0 ? null : { days: counts.length, median: median ?? 0, most: counts.at(-1) ?? 0 },
    since,
    until,
    origin: 'learned',
    reason,
  };
}

const byPlace = (a: BaselineEntry, b: BaselineEntry) =>
  a.principal === b.principal ? (a.secret < b.secret ? -1 : 1) : a.principal < b.principal ? -1 : 1;

/** How a baseline changes. */
export interface BaselineChange {
  baseline: Baseline;
  added: BaselineEntry[];
  /** Entries that were there and say more, or hold longer, now. */
  widened: BaselineEntry[];
  /** What was learnt and was there already. */
  unchanged: number;
}

/**
 * Put what was learnt into a baseline: a learnt entry of the same caller and secret gets wider, all others stay.
 * @param window - what was learnt from; ISO 8601, UTC
 */
export function withLearned(
  before: Baseline,
  learnt: readonly BaselineEntry[],
  window: { since: string; until: string },
): BaselineChange {
  const entries = [...before.entries];
  const change: Omit<BaselineChange, 'baseline'> = { added: [], widened: [], unchanged: 0 };
  for (const entry of learnt) {
    const index = entries.findIndex(
      (one) => one.origin === 'learned' && one.principal === entry.principal && one.secret === entry.secret,
    );
    const known = entries[index];
    if (!known) {
      entries.push(entry);
      change.added.push(entry);
      continue;
    }
    const wide = widerOf(known, entry);
    if (JSON.stringify(wide) === JSON.stringify(known)) change.unchanged += 1;
    else {
      entries[index] = wide;
      change.widened.push(wide);
    }
  }
  const learned = before.learned.some(({ since, until }) => since === window.since && until === window.until)
    ? before.learned
    : [...before.learned, window];
  return { baseline: { learned, entries }, ...change };
}

function widerOf(a: BaselineEntry, b: BaselineEntry): BaselineEntry {
  const both = <T extends string | number>(x: readonly T[], y: readonly T[]): T[] =>
    [...new Set([...x, ...y])].sort((p, q) => (p < q ? -1 : 1));
  // An empty list means anything: that is as wide as it gets.
  const open = (x: readonly string[], y: readonly string[]) => (x.length === 0 ? [] : both(x, y));
  return {
    ...a,
    actions: both(a.actions, b.actions),
    networks: open(a.networks, b.networks),
    userAgents: open(a.userAgents, b.userAgents),
    regions: open(a.regions, b.regions),
    hours: both(a.hours, b.hours),
    daily:
      a.daily && b.daily
        ? {
            days: Math.max(a.daily.days, b.daily.days),
            median: Math.max(a.daily.median, b.daily.median),
            most: Math.max(a.daily.most, b.daily.most),
          }
        : (a.daily ?? b.daily),
    since: a.since < b.since ? a.since : b.since,
    until: a.until > b.until ? a.until : b.until,
  };
}

/** How long a learnt entry holds from the end of its window: a caller that is usual is seen again by then. */
export const LEARNED_FOR_MS = 90 * DAY;
