import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import { numbersOf, type About, type Detector, type Found } from './detector.ts';
import { historyOf } from './history.ts';
import { DAY_MS, hasOwnCause, isRead, momentOf, plural, times } from './words.ts';

const THRESHOLDS = {
  historyDays: { default: 14, means: 'days with a read that have to be known of an identity' },
  reads: { default: 30, means: 'reads that have to be known of it, where there is no baseline' },
  apart: { default: 2, means: 'hours around the hour in which it was never seen on another day' },
};

const about: About & { thresholds: typeof THRESHOLDS } = {
  finds: 'a value read at an hour at which the identity is never at work',
  severity: 'medium where nothing explains it, else low',
  technique: 'T1078.004',
  logic:
    'value reads by identity and hour of the day (UTC). By the baseline, where it has the hours of the identity from fourteen days or more: no hour within two of it. Else by the window itself: the hours, two on either side included, were not used on any other day, of fourteen days with thirty reads at least. Identities known for less are left out, and told so. An identity at work around the clock has no unusual hour',
  falsePositives: 'an emergency at night; a change between summer and winter time is within two hours',
  thresholds: THRESHOLDS,
};

/** Identities that are followed; events of one hour that are named. */
const MOST = 5_000;
const OF_AN_HOUR = 3;

interface Hour {
  /** Distinct days. */
  days: number;
  lastDay: number;
  count: number;
  unexplained: number;
  events: string[];
}

interface Followed {
  hours: Map<number, Hour>;
  days: number;
  lastDay: number;
  reads: number;
  /** Of the baseline; null where it does not know. */
  usual: ReadonlySet<number> | null;
}

export const unusualHour: Detector = {
  id: 'unusual-hour',
  about,
  start(facts) {
    const numbers = numbersOf('unusual-hour', THRESHOLDS, facts);
    const history = historyOf(facts);
    const identities = new Map<string, Followed>();
    let left = 0;

    const usualHours = (access: AuditedAccess): ReadonlySet<number> | null => {
      if (history.days < numbers.historyDays) return null;
      const hours = history.entries(access).flatMap((entry) => entry.hours);
      return hours.length === 0 ? null : new Set(hours);
    };

    function follow(access: AuditedAccess): Followed | null {
      const identity = identityOf(access.principal);
      const known = identities.get(identity);
      if (known) return known;
      if (identities.size >= MOST) return null;
      const made: Followed = { hours: new Map(), days: 0, lastDay: -1, reads: 0, usual: usualHours(access) };
      identities.set(identity, made);
      return made;
    }

    function count(access: AuditedAccess, at: number): void {
      const followed = follow(access);
      if (!followed) {
        left += 1;
        return;
      }
      const day = Math.floor(at / DAY_MS);
      const at_ = Math.floor((at % DAY_MS) / 3_600_000);
      const hour: Hour = followed.hours.get(at_) ?? { days: 0, lastDay: -1, count: 0, unexplained: 0, events: [] };
      followed.hours.set(at_, hour);
      followed.reads += 1;
      if (followed.lastDay !== day) followed.days += 1;
      followed.lastDay = day;
      if (hour.lastDay !== day) hour.days += 1;
      hour.lastDay = day;
      hour.count += 1;
      if (access.explanation === null) hour.unexplained += 1;
      if (hour.events.length < OF_AN_HOUR) hour.events.push(access.eventId);
    }

    const isKnown = ({ usual, days, reads }: Followed) =>
      usual !== null || (days >= numbers.historyDays && reads >= numbers.reads);

    const around = (hour: number) =>
      Array.from({ length: 2 * numbers.apart + 1 }, (_, index) => (hour + index - numbers.apart + 24) % 24);

    function isUnusual(hour: number, { usual, hours }: Followed): boolean {
      const near = around(hour);
      if (usual) return !near.some((one) => usual.has(one));
      // One evening may reach over several hours; any other day at one of them makes them usual.
      const days = new Set(
        near
          .map((one) => hours.get(one))
          .filter((one) => one !== undefined)
          .map(({ lastDay }) => lastDay),
      );
      return days.size === 1 && near.every((one) => (hours.get(one)?.days ?? 0) <= 1);
    }

    function judge(identity: string, followed: Followed): Found[] {
      if (!isKnown(followed)) return [];
      const out = [...followed.hours].filter(([hour]) => isUnusual(hour, followed)).sort(([a], [b]) => a - b);
      if (out.length === 0) return [];
      const count = out.reduce((sum, [, { count: reads }]) => sum + reads, 0);
      return [
        {
          id: `unusual-hour:${identity}`,
          severity: out.some(([, { unexplained }]) => unexplained > 0) ? 'medium' : 'low',
          title: `${identity} read at an unusual hour`,
          why: `${times(count)}, at ${out.map(([hour]) => `${String(hour).padStart(2, '0')} h`).join(', ')} UTC: ${followed.usual ? 'the baseline has it at work at other hours' : `on none of its other ${plural(followed.days - 1, 'day')} it was at work within ${String(numbers.apart)} hours of that`}`,
          fix: 'ask whoever it is; where nobody knows, take the key or session away and rotate',
          eventIds: out.flatMap(([, { events }]) => events).slice(0, 100),
          count,
          technique: about.technique,
          concerns: { principals: [identity], secrets: null },
        },
      ];
    }

    return {
      see(access) {
        if (access.context || !isRead(access) || hasOwnCause(access)) return;
        const at = momentOf(access);
        if (!Number.isNaN(at)) count(access, at);
      },
      findings: () => [...identities].flatMap(([identity, followed]) => judge(identity, followed)),
      quiet() {
        const unknown = [...identities.values()].filter((followed) => !isKnown(followed)).length;
        const parts = [
          unknown > 0
            ? `${unknown === 1 ? '1 identity' : `${String(unknown)} identities`} known for fewer than ${String(numbers.historyDays)} days`
            : '',
          left > 0 ? `${plural(left, 'read')} by more identities than are followed` : '',
        ].filter((text) => text !== '');
        return parts.length === 0 ? null : parts.join('; ');
      },
    };
  },
};
