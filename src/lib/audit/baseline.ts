/**
 * What is usual: who reads which secret, how and from where. Learnt from a window that the user names, or allowed by
 * hand, and kept in `jamf-mcp-baseline.yaml` beside `jamf-mcp.yaml`, where a change of it is reviewed like one of code.
 */
import { VALUE_READS } from './access.ts';
import type { Access } from './event.ts';
import { agentFamily, inNetwork } from './family.ts';
import { globOf } from './glob.ts';
import { matchesPrincipal } from './principal.ts';

/** One caller of one secret. */
export interface BaselineEntry {
  /** ARN of the role or the user, with `*`. */
  principal: string;
  /** Name of the secret, with `*`. */
  secret: string;
  /** CloudTrail's eventNames. */
  actions: readonly string[];
  /** CIDRs, addresses and names of AWS services; empty for anywhere. */
  networks: readonly string[];
  /** As `agentFamily` tells them; empty for any. */
  userAgents: readonly string[];
  /** Empty for any. */
  regions: readonly string[];
  /** Hours of the day, UTC, at which it was seen; empty where that was not learnt. */
  hours: readonly number[];
  /** How often it reads the value on a day; null where that was not learnt. */
  daily: { days: number; median: number; most: number } | null;
  /** ISO 8601, UTC: from when on, and until when it holds. */
  since: string;
  until: string;
  /** Whether it was seen, or is allowed by somebody. */
  origin: 'learned' | 'allowed';
  reason: string;
}

/** Everything that is usual. */
export interface Baseline {
  /** The windows that were learnt from, ISO 8601, UTC. */
  learned: readonly { since: string; until: string }[];
  entries: readonly BaselineEntry[];
}

/** What of an access has been seen before. True where the baseline says nothing to the contrary. */
export interface Familiarity {
  /** The principal, whatever it did. */
  principal: boolean;
  /** The following are of this principal: with this secret, this action, … */
  secret: boolean;
  action: boolean;
  network: boolean;
  userAgent: boolean;
  region: boolean;
  hour: boolean;
}

/**
 * What of an access the baseline has seen; entries that do not hold at its time count as seen too.
 * @param access - with the name of its secret
 * @param baseline - not empty
 */
export function familiarity(access: Access & { secretName: string | null }, baseline: Baseline): Familiarity {
  const mine = baseline.entries.filter(({ principal }) => matchesPrincipal(principal, access.principal));
  const some = (matches: Matcher) => mine.some((entry) => matches(access, entry));
  return {
    principal: mine.length > 0,
    secret: some(ASPECTS.secret),
    action: some(ASPECTS.action),
    network: some(ASPECTS.network),
    userAgent: some(ASPECTS.userAgent),
    region: some(ASPECTS.region),
    hour: some(ASPECTS.hour),
  };
}

/** Whether an access is as an entry says, in one aspect. */
type Matcher = (access: Access & { secretName: string | null }, entry: BaselineEntry) => boolean;

/** The aspects of an access that an entry speaks of. What an entry leaves empty is not limited. */
export const ASPECTS: Readonly<Record<Exclude<keyof Familiarity, 'principal'>, Matcher>> = {
  secret: ({ secretName }, { secret }) => secretName !== null && globOf(secret).test(secretName),
  action: ({ action }, { actions }) => actions.includes(action) || (VALUE_READS.has(action) && actions.some(isRead)),
  network: ({ sourceIp }, { networks }) => isEmpty(networks) || networks.some((one) => inNetwork(sourceIp, one)),
  userAgent: ({ userAgent }, { userAgents }) => isEmpty(userAgents) || userAgents.includes(agentFamily(userAgent)),
  region: ({ region }, { regions }) => isEmpty(regions) || (region !== null && regions.includes(region)),
  hour: ({ time }, { hours }) => isEmpty(hours) || (time !== null && hours.includes(new Date(time).getUTCHours())),
};

const isRead = (action: string) => VALUE_READS.has(action);
const isEmpty = (list: readonly unknown[]) => list.length === 0;
