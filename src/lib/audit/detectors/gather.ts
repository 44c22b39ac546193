/** Gathers accesses into findings: by identity, by secret, or by whatever else a finding is about. */
import type { AuditedAccess } from '../access.ts';
import type { Principal } from '../event.ts';
import type { Facts } from '../explain.ts';
import { identityOf } from '../principal.ts';
import { numbersOf, type About, type Detector, type Finding, type Found, type Threshold } from './detector.ts';
import { budgetOf, distinct, type Budget, type Distinct } from './distinct.ts';

/** Events that one finding names. */
export const MOST_EVENTS = 100;

/** Events of one kind that it names. */
const OF_A_KIND = 20;

/** What a gathering costs of the budget by itself, in texts. */
const GATHERING_COSTS = 40;

/** What all accesses of one finding have in common, and how they differ. */
export interface Deeds {
  /** What they were gathered by. */
  key: string;
  /** The stable identity of the first of them. */
  identity: string;
  /** The principal of the first of them. */
  principal: Principal;
  count: number;
  /** ISO 8601, UTC; null where no record tells a time. */
  first: string | null;
  last: string | null;
  identities: Distinct;
  sessions: Distinct;
  accessKeys: Distinct;
  actions: Distinct;
  /** ARN or name. */
  secrets: Distinct;
  sources: Distinct;
  regions: Distinct;
  /** How many name no secret. */
  nameless: number;
  /** How many nothing explains. */
  unexplained: number;
  /** Whether all were made by whoever runs the audit. */
  allSelf: boolean;
  /** The events that are named. */
  evidence: Evidence;
}

/** Event ids, of every kind of deed some. */
interface Evidence {
  kinds: Map<string, string[]>;
  total: number;
  budget: Budget;
}

/** Start a gathering with its first access; {@link addTo} adds it and the others. */
export function deedsOf(key: string, access: AuditedAccess, budget: Budget): Deeds {
  const counter = () => distinct(budget);
  return {
    key,
    identity: identityOf(access.principal),
    principal: access.principal,
    count: 0,
    first: access.time,
    last: access.time,
    identities: counter(),
    sessions: counter(),
    accessKeys: counter(),
    actions: counter(),
    secrets: counter(),
    sources: counter(),
    regions: counter(),
    nameless: 0,
    unexplained: 0,
    allSelf: true,
    evidence: { kinds: new Map(), total: 0, budget },
  };
}

/** Add an access to a gathering. */
export function addTo(deeds: Deeds, access: AuditedAccess): void {
  const { principal, action, secret, sourceIp, region, time, explanation } = access;
  deeds.count += 1;
  deeds.first ??= time;
  deeds.last = time ?? deeds.last;
  deeds.identities.add(identityOf(principal));
  deeds.sessions.add(principal.session);
  deeds.accessKeys.add(principal.accessKeyId);
  deeds.actions.add(action);
  deeds.secrets.add(secret);
  deeds.sources.add(sourceIp);
  deeds.regions.add(region);
  if (secret === null) deeds.nameless += 1;
  if (explanation === null) deeds.unexplained += 1;
  if (explanation?.kind !== 'self') deeds.allSelf = false;
  remember(deeds.evidence, access);
}

function remember(evidence: Evidence, { action, outcome, secret, sourceIp, eventId }: AuditedAccess): void {
  const kind = `${action}\n${outcome}\n${secret ?? ''}\n${sourceIp ?? ''}`;
  const ids = evidence.kinds.get(kind);
  if (ids) {
    if (ids.length >= OF_A_KIND || evidence.total >= MOST_EVENTS || !evidence.budget.take(1)) return;
    ids.push(eventId);
    evidence.total += 1;
    return;
  }
  if (evidence.total >= MOST_EVENTS || (evidence.total > 0 && !evidence.budget.take(1))) {
    const [largest] = [...evidence.kinds.values()].sort((a, b) => b.length - a.length);
    if (!largest || largest.length < 2) return;
    largest.pop();
    evidence.total -= 1;
  }
  evidence.kinds.set(kind, [eventId]);
  evidence.total += 1;
}

/** The events that a finding names. */
export const eventsOf = ({ evidence }: Deeds): string[] => [...evidence.kinds.values()].flat();

/** What a detector tells of its deeds, but for what follows from the gathering. */
export type Told = Pick<Finding, 'severity' | 'title' | 'why' | 'fix'> & { technique?: string };

/** Make a finding of deeds. */
export function foundOf(detector: { id: string; about: About }, deeds: Deeds, told: Told): Found {
  const { arn } = deeds.principal;
  return {
    id: `${detector.id}:${deeds.key}`,
    severity: told.severity,
    title: told.title,
    why: told.why,
    fix: told.fix,
    eventIds: eventsOf(deeds),
    count: deeds.count,
    technique: told.technique ?? detector.about.technique,
    concerns: {
      principals:
        deeds.identities.size > 1 || arn === null || deeds.sessions.size > 1
          ? deeds.identities.all()
          : [...deeds.identities.all(), arn],
      secrets: deeds.nameless === 0 && deeds.secrets.exact ? deeds.secrets.all() : null,
    },
  };
}

/** Gatherings by key, as many as the budget has room for; the rest in one. */
export interface Gatherings<Own> {
  /** The gathering of a key, with the access added. */
  add(key: string, access: AuditedAccess): Own & Deeds;
  all(): (Own & Deeds)[];
}

/** What is beyond the budget is told together. */
const OTHERS = 'others, too many to be told one by one';

/**
 * Gatherings.
 * @param own - what else a detector keeps of each
 */
export function gatherings<Own extends object>(budget: Budget, own: (budget: Budget) => Own): Gatherings<Own> {
  const all = new Map<string, Own & Deeds>();
  const start = (key: string, access: AuditedAccess) => {
    const deeds: Own & Deeds = Object.assign(deedsOf(key, access, budget), own(budget));
    all.set(key, deeds);
    return deeds;
  };
  return {
    add(key, access) {
      const deeds =
        all.get(key) ??
        (budget.take(GATHERING_COSTS) ? start(key, access) : (all.get(OTHERS) ?? start(OTHERS, access)));
      addTo(deeds, access);
      return deeds;
    },
    all: () => [...all.values()],
  };
}

/** A detector that gathers the accesses that concern it, and tells one finding of each gathering. */
export interface GatheringDetector<Own extends object, Name extends string> {
  id: string;
  about: About & { thresholds?: Readonly<Record<Name, Threshold>> };
  /** Whether an access is one of those gathered. Never asked about what is no access of its own, unless {@link everything}. */
  concerns(access: AuditedAccess, facts: Facts): boolean;
  everything?: boolean;
  /** What to gather by; the identity unless told. */
  by?(access: AuditedAccess): string;
  own?(budget: Budget): Own;
  /** Takes note of an access beyond what every gathering has. */
  note?(deeds: Own & Deeds, access: AuditedAccess, facts: Facts): void;
  /** @returns null for deeds that are nothing to tell after all */
  tell(deeds: Own & Deeds, facts: Facts, numbers: Record<Name, number>): Told | null;
}

/** Make the detector. */
export function gathering<Own extends object = object, Name extends string = never>(
  made: GatheringDetector<Own, Name>,
): Detector {
  const { id, about, everything = false } = made;
  return {
    id,
    about,
    start(facts, budget = budgetOf()) {
      const gathered = gatherings<Own>(budget, (room) => made.own?.(room) ?? ({} as Own));
      const numbers = numbersOf(id, about.thresholds ?? ({} as Record<Name, Threshold>), facts);
      return {
        see(access) {
          if ((access.context && !everything) || !made.concerns(access, facts)) return;
          const deeds = gathered.add(made.by?.(access) ?? identityOf(access.principal), access);
          made.note?.(deeds, access, facts);
        },
        findings: () =>
          gathered.all().flatMap((deeds) => {
            const told = made.tell(deeds, facts, numbers);
            return told === null ? [] : [foundOf(made, deeds, told)];
          }),
      };
    },
  };
}
