import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import { numbersOf, type About, type Detector, type Found } from './detector.ts';
import { historyOf } from './history.ts';
import { DAY_MS, hasOwnCause, isRead, median, momentOf, plural, spread } from './words.ts';

const THRESHOLDS = {
  historyDays: { default: 7, means: 'days, besides the one judged, that have to be known of an identity' },
  deviations: { default: 6, means: 'median absolute deviations (scaled) above the median' },
  factor: { default: 3, means: 'times the median, at least' },
  reads: { default: 20, means: 'reads above the median, at least' },
};

const about: About & { thresholds: typeof THRESHOLDS } = {
  finds: 'far more reads on a day than is usual for the identity',
  severity: 'medium where nothing explains a part of it, else low',
  technique: 'T1555.006',
  logic:
    'value reads by identity and day (UTC), days without any included. A day is far out when it is above the median of the other days by six scaled median absolute deviations, three times the median and twenty reads. Where the baseline knows the daily reads of the identity from seven days or more, a day must also be above twice the most that was learnt. Identities known for fewer days are left out, and told so. Reads of tasks and rotations do not count',
  falsePositives: 'a load test; a loop that restarts; a batch at the end of a month',
  thresholds: THRESHOLDS,
};

/** Identities that are counted, days of one, and events of its busiest days that are named. */
const MOST = 5_000;
const MOST_DAYS = 4_000;
const BUSIEST = 3;
const OF_A_DAY = 10;

interface Day {
  day: number;
  count: number;
  unexplained: number;
  events: string[];
}

interface Counted {
  days: Map<number, number>;
  today: Day;
  /** The days with the most reads, with events: the others keep their number alone. */
  busiest: Day[];
  /** Reads on a day by the baseline: the most that was learnt; null where it does not know. */
  most: number | null;
}

export const unusualVolume: Detector = {
  id: 'unusual-volume',
  about,
  start(facts) {
    const numbers = numbersOf('unusual-volume', THRESHOLDS, facts);
    const history = historyOf(facts);
    const identities = new Map<string, Counted>();
    let uncounted = 0;

    function mostLearnt(access: AuditedAccess): number | null {
      const learnt = history
        .entries(access)
        .map(({ daily }) => daily)
        .filter((daily) => daily !== null && daily.days >= numbers.historyDays);
      return learnt.length === 0 ? null : learnt.reduce((sum, daily) => sum + (daily?.most ?? 0), 0);
    }

    function close(counted: Counted): void {
      const { today, busiest } = counted;
      if (counted.days.size < MOST_DAYS) counted.days.set(today.day, today.count);
      busiest.push(today);
      busiest.sort((a, b) => b.count - a.count);
      busiest.splice(BUSIEST);
    }

    function count(access: AuditedAccess, at: number): void {
      const identity = identityOf(access.principal);
      const day = Math.floor(at / DAY_MS);
      let counted = identities.get(identity);
      if (!counted) {
        if (identities.size >= MOST) {
          uncounted += 1;
          return;
        }
        counted = { days: new Map(), today: emptyDay(day), busiest: [], most: mostLearnt(access) };
        identities.set(identity, counted);
      }
      if (counted.today.day !== day) {
        close(counted);
        counted.today = emptyDay(day);
      }
      counted.today.count += 1;
      if (access.explanation === null) counted.today.unexplained += 1;
      if (counted.today.events.length < OF_A_DAY) counted.today.events.push(access.eventId);
    }

    /** Null where too little is known of the identity. */
    function judge(identity: string, counted: Counted): Found | null | [] {
      const days = [...counted.days.keys()];
      const [first, last] = [Math.min(...days), Math.max(...days)];
      const known = last - first;
      if (known < numbers.historyDays && counted.most === null) return null;
      const out = counted.busiest.filter((day) => isFarOut(day, counted, known + 1));
      if (out.length === 0) return [];
      const [worst] = out;
      const total = out.reduce((sum, { count: reads }) => sum + reads, 0);
      const usual = median(othersOf(worst?.day ?? 0, counted, known + 1));
      return {
        id: `unusual-volume:${identity}`,
        severity: out.some(({ unexplained }) => unexplained > 0) ? 'medium' : 'low',
        title: `${identity} read far more than usual`,
        why: `${out.map(({ day, count: reads }) => `${plural(reads, 'read')} on ${dayText(day)}`).join(', ')}; the median of its other ${plural(known, 'day')} is ${Number.isNaN(usual) ? 'not known' : String(usual)}${counted.most === null ? '' : `, and the most that the baseline has is ${String(counted.most)}`}`,
        fix: 'look at what it read and from where; a program that reads in a loop should keep the value for some minutes (`jamf-mcp secrets cost` tells what it costs)',
        eventIds: out.flatMap(({ events }) => events).slice(0, 100),
        count: total,
        technique: about.technique,
        concerns: { principals: [identity], secrets: null },
      };
    }

    function isFarOut({ day, count: reads }: Day, counted: Counted, span: number): boolean {
      if (counted.most !== null && reads <= 2 * counted.most) return false;
      const others = othersOf(day, counted, span);
      // What the baseline tells stands for the days that were not audited.
      if (others.length < numbers.historyDays) return counted.most !== null && reads - counted.most >= numbers.reads;
      const usual = median(others);
      return (
        reads > usual + numbers.deviations * spread(others) &&
        reads >= numbers.factor * Math.max(usual, 1) &&
        reads - usual >= numbers.reads
      );
    }

    return {
      see(access) {
        if (access.context || !isRead(access) || hasOwnCause(access)) return;
        const at = momentOf(access);
        if (!Number.isNaN(at)) count(access, at);
      },
      findings() {
        return [...identities].flatMap(([identity, counted]) => {
          const whole = { ...counted, days: new Map(counted.days), busiest: [...counted.busiest] };
          close(whole);
          return judge(identity, whole) ?? [];
        });
      },
      quiet() {
        let short = 0;
        for (const { days, today, most } of identities.values()) {
          const first = Math.min(today.day, ...days.keys());
          if (most === null && today.day - first < numbers.historyDays) short += 1;
        }
        const parts = [
          short > 0
            ? `${short === 1 ? '1 identity' : `${String(short)} identities`} known for fewer than ${String(numbers.historyDays)} days`
            : '',
          uncounted > 0 ? `${plural(uncounted, 'read')} by more identities than are counted` : '',
        ].filter((text) => text !== '');
        return parts.length === 0 ? null : parts.join('; ');
      },
    };
  },
};

const emptyDay = (day: number): Day => ({ day, count: 0, unexplained: 0, events: [] });

/** Every other day of the span, those without a read as nought. */
function othersOf(day: number, { days }: Counted, span: number): number[] {
  const others = [...days].filter(([other]) => other !== day).map(([, count]) => count);
  const empty = Math.max(0, span - 1 - others.length);
  return [...others, ...Array.from({ length: Math.min(empty, MOST_DAYS) }, () => 0)];
}

const dayText = (day: number) => new Date(day * DAY_MS).toISOString().slice(0, 10);
