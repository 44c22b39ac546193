/** What has been seen before: the baseline, asked for every access and therefore remembered by what is asked. */
import type { AuditedAccess } from '../access.ts';
import { ASPECTS, type BaselineEntry, type Familiarity } from '../baseline.ts';
import type { Facts } from '../explain.ts';
import { matchesPrincipal } from '../principal.ts';
import { isAccountedFor } from './words.ts';

/** Days of history below which nothing is called new: a week has every weekday once. */
export const MINIMUM_DAYS = 7;

/** A baseline, ready to be asked. */
export interface History {
  /** Days that were learnt from; 0 without a baseline. */
  days: number;
  familiarity(access: AuditedAccess): Familiarity;
  /** What the baseline has of a principal. */
  entries(access: AuditedAccess): readonly BaselineEntry[];
}

type Aspect = keyof typeof ASPECTS;

const ASPECT_NAMES = Object.keys(ASPECTS) as Aspect[];

/** What decides an aspect. */
const VALUE_OF: Readonly<Record<Aspect, (access: AuditedAccess) => string | null>> = {
  secret: ({ secretName }) => secretName,
  action: ({ action }) => action,
  network: ({ sourceIp }) => sourceIp,
  userAgent: ({ userAgent }) => userAgent,
  region: ({ region }) => region,
  hour: ({ time }) => time?.slice(11, 13) ?? null,
};

/** Answers that are remembered, and principals. */
const MOST_ANSWERS = 200_000;
const MOST_PRINCIPALS = 10_000;

/** A pattern of IAM ARNs means a role or a user, and no single session. */
const OF_NO_SESSION = /^arn:[^:*]*:iam::/;

interface Known {
  entries: readonly BaselineEntry[];
  answers: Record<Aspect, Map<string | null, boolean>>;
}

const histories = new WeakMap<Facts, History>();

/** The history of one audit; every detector gets the same. */
export function historyOf(facts: Facts): History {
  const made = histories.get(facts) ?? make(facts);
  histories.set(facts, made);
  return made;
}

function make({ baseline }: Facts): History {
  const principals = new Map<string, Known>();
  const bySession = (baseline?.entries ?? []).some(({ principal }) => !OF_NO_SESSION.test(principal));
  let answersKept = 0;
  let last: { access: AuditedAccess; familiarity: Familiarity } | null = null;

  const knownOf = ({ principal }: AuditedAccess): Known => {
    // Sessions come and go by the thousand; where no entry is about one, all of a role are answered alike.
    const key =
      bySession || principal.role === null ? `${principal.arn ?? ''}\n${principal.role ?? ''}` : principal.role;
    const known = principals.get(key);
    if (known) return known;
    const made: Known = {
      entries: (baseline?.entries ?? []).filter((entry) => matchesPrincipal(entry.principal, principal)),
      answers: Object.fromEntries(ASPECT_NAMES.map((name) => [name, new Map()])) as Known['answers'],
    };
    if (principals.size >= MOST_PRINCIPALS) forget();
    principals.set(key, made);
    return made;
  };

  function forget(): void {
    principals.clear();
    answersKept = 0;
  }

  const answer = (aspect: Aspect, access: AuditedAccess, { entries, answers }: Known): boolean => {
    const value = VALUE_OF[aspect](access);
    const known = answers[aspect].get(value);
    if (known !== undefined) return known;
    const asked = entries.some((entry) => ASPECTS[aspect](access, entry));
    if (answersKept >= MOST_ANSWERS) forget();
    answersKept += 1;
    answers[aspect].set(value, asked);
    return asked;
  };

  return {
    days: (baseline?.learned ?? []).reduce((days, { since, until }) => days + spanOf(since, until), 0),
    entries: (access) => knownOf(access).entries,
    familiarity(access) {
      if (last?.access === access) return last.familiarity;
      const known = knownOf(access);
      const has = (aspect: Aspect) => answer(aspect, access, known);
      const familiarity: Familiarity = {
        principal: known.entries.length > 0,
        secret: has('secret'),
        action: has('action'),
        network: has('network'),
        userAgent: has('userAgent'),
        region: has('region'),
        hour: has('hour'),
      };
      last = { access, familiarity };
      return familiarity;
    },
  };
}

const spanOf = (since: string, until: string) => {
  const days = (Date.parse(until) - Date.parse(since)) / 86_400_000;
  return Number.isFinite(days) ? Math.max(0, days) : 0;
};

/**
 * Whether an access can be new in an aspect. A refusal never is: it is told as such. What has a cause of its own comes
 * from wherever ECS or AWS make it; where AWS called on behalf of the caller, address and program are those of AWS.
 */
function mayBeNew(access: AuditedAccess, aspect: keyof Familiarity): boolean {
  if (access.outcome === 'denied' || isAccountedFor(access) || access.principal.type === 'AWSService') return false;
  if (access.invokedBy !== null && (aspect === 'network' || aspect === 'userAgent')) return false;
  return aspect !== 'secret' || access.secretName !== null;
}

/** Whether an access is new in one aspect: the principal, or of a known one something else. */
export function isNewIn(access: AuditedAccess, aspect: keyof Familiarity, history: History): boolean {
  if (!mayBeNew(access, aspect)) return false;
  const familiarity = history.familiarity(access);
  return aspect === 'principal' ? !familiarity.principal : familiarity.principal && !familiarity[aspect];
}

/** The aspects in which a detector calls an access new. */
export const NEW_ASPECTS = ['principal', 'secret', 'action', 'network', 'userAgent', 'region'] as const;

/** Whether one of the detectors of new things tells an access. */
export const isNew = (access: AuditedAccess, history: History): boolean =>
  NEW_ASPECTS.some((aspect) => isNewIn(access, aspect, history));
