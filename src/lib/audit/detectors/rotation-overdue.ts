import type { AuditedAccess } from '../access.ts';
import { numbersOf, type About, type Detector, type Found } from './detector.ts';
import { budgetOf } from './distinct.ts';
import { addTo, deedsOf, foundOf, type Deeds } from './gather.ts';
import { DAY_MS, HOUR_MS, median, minute, momentOf, nameOf } from './words.ts';

const THRESHOLDS = {
  stuckHours: { default: 24, means: 'hours after which a rotation that began and has not ended is stuck' },
  late: { default: 1.5, means: 'intervals without a rotation after which one is overdue' },
  rotations: { default: 4, means: 'rotations that have to be seen before their interval is known from them' },
};

const about: About & { thresholds: typeof THRESHOLDS } = {
  finds: 'a rotation that never ended, or one that should have come and has not',
  severity: 'medium',
  technique: 'T1562.001',
  logic:
    'RotationStarted without an end for a day; or no success for one and a half intervals. The interval is that of RotateSecret (automatically after so many days), else the median between the rotations that were seen, of four at least. Judged at the last record that was read, so an old archive is not overdue by its age',
  falsePositives: 'a window that ends before the rotation was due by a different schedule (cron)',
  thresholds: THRESHOLDS,
};

/** Secrets that are followed, and intervals of one. */
const MOST = 10_000;
const MOST_INTERVALS = 50;

interface Followed {
  deeds: Deeds;
  started: number | null;
  succeeded: number | null;
  intervals: number[];
  /** As RotateSecret told it. */
  told: number | null;
}

const ENDS = new Set(['RotationSucceeded', 'RotationFailed', 'RotationAbandoned']);

export const rotationOverdue: Detector = {
  id: 'rotation-overdue',
  about,
  start(facts, budget = budgetOf()) {
    const numbers = numbersOf('rotation-overdue', THRESHOLDS, facts);
    const secrets = new Map<string, Followed>();
    let now = Number.NEGATIVE_INFINITY;

    function follow(access: AuditedAccess): Followed | null {
      const { secret } = access;
      if (secret === null) return null;
      const known = secrets.get(secret);
      if (known) return known;
      if (secrets.size >= MOST) return null;
      const made = {
        deeds: deedsOf(secret, access, budget),
        started: null,
        succeeded: null,
        intervals: [],
        told: null,
      };
      secrets.set(secret, made);
      return made;
    }

    function learn(access: AuditedAccess, at: number): void {
      const { action, outcome, type, details } = access;
      const byAws = type === 'AwsServiceEvent';
      const isRotation = byAws && (action === 'RotationStarted' || ENDS.has(action));
      const isRule = action === 'RotateSecret' && outcome === 'success';
      const isOff = outcome === 'success' && (action === 'CancelRotateSecret' || action === 'DeleteSecret');
      if (!isRotation && !isRule && !isOff) return;
      if (isOff) {
        secrets.delete(access.secret ?? '');
        return;
      }
      const followed = follow(access);
      if (!followed) return;
      addTo(followed.deeds, access);
      if (isRule) {
        if (typeof details.rotateAfterDays === 'number') followed.told = details.rotateAfterDays * DAY_MS;
        return;
      }
      followed.started = action === 'RotationStarted' ? at : null;
      if (action !== 'RotationSucceeded') return;
      if (followed.succeeded !== null) {
        followed.intervals = [...followed.intervals, at - followed.succeeded].slice(-MOST_INTERVALS);
      }
      followed.succeeded = at;
    }

    function tell({ deeds, started, succeeded, intervals, told }: Followed): Found[] {
      const name = nameOf(deeds.key);
      const because = (why: string, title: string) => [
        foundOf(rotationOverdue, deeds, {
          severity: 'medium',
          title,
          why,
          fix: 'read the log of the rotation function, and see `jamf-mcp rotate schedule status`; `jamf-mcp rotate` does it now',
        }),
      ];
      if (started !== null && now - started >= numbers.stuckHours * HOUR_MS) {
        return because(
          `it began at ${minute(iso(started))}, and no end was recorded up to ${minute(iso(now))}`,
          `a rotation of ${name} never ended`,
        );
      }
      const seen = intervals.length + 1 >= numbers.rotations ? median(intervals) : null;
      const interval = told ?? seen;
      if (interval === null || succeeded === null || now - succeeded < numbers.late * interval) return [];
      const days = String(Math.round(interval / DAY_MS));
      return because(
        `the last success was at ${minute(iso(succeeded))}, and ${told === null ? `they came every ${days} days until then` : `RotateSecret asks for one every ${days} days`}`,
        `the rotation of ${name} is overdue`,
      );
    }

    return {
      see(access) {
        const at = momentOf(access);
        if (at > now) now = at;
        if (!access.context) learn(access, at);
      },
      findings: () => [...secrets.values()].flatMap(tell),
    };
  },
};

const iso = (ms: number) => new Date(ms).toISOString();
