/** When a secret is to be rotated next, for every store: a schedule of AWS's own, or a date that follows from a tag. */
import { JamfMcpError } from '../errors.ts';
import type { SecretInfo } from './store.ts';

/** The tag that says how often, in stores that rotate nothing by themselves: `90d`. */
export const EVERY_TAG = 'jamf-mcp:rotate-every';

/** A due date. */
export interface Due {
  /** `90d`; null where a schedule of the store says when and not how often. */
  every: string | null;
  /** ISO 8601, UTC; null where the store does not tell. */
  dueAt: string | null;
  /** Days until then, rounded; negative: days that it is late; null where the date is not known. */
  daysLeft: number | null;
  overdue: boolean;
  /** Whether the store rotates by itself: then nobody has to be reminded before it is late. */
  automatic: boolean;
}

/** Secrets Manager rotates every 4 hours at most, and every 999 days at least. */
export const FEWEST_HOURS = 4;
const MOST_DAYS = 999;

/** Hours a day. */
export const HOURS_A_DAY = 24;

/**
 * How often.
 * @param text - `90d`, `12h`
 * @returns the interval in ms
 * @throws JamfMcpError INPUT_INVALID
 */
export function intervalOf(text: string): { amount: number; unit: 'h' | 'd'; ms: number } {
  const [, amount = '', unit = ''] = /^(\d{1,5})([hd])$/.exec(text.trim()) ?? [];
  const hours = Number(amount) * (unit === 'd' ? HOURS_A_DAY : 1);
  if ((unit === 'h' || unit === 'd') && hours >= FEWEST_HOURS && hours <= MOST_DAYS * HOURS_A_DAY) {
    return { amount: Number(amount), unit, ms: hours * 3_600_000 };
  }
  throw new JamfMcpError(
    'INPUT_INVALID',
    `--every ${text} is no interval from 4 hours to 999 days`,
    'write hours or days: --every 90d, --every 12h',
  );
}

const DAY_MS = 86_400_000;

/** A rotation function may start any time in its window, and a window is a day at most. */
const WINDOW_MS = DAY_MS;

/**
 * When a secret is due.
 * @param info - as the store describes it
 * @param now - milliseconds since 1970
 * @returns null where no schedule was set, or its tag is not readable
 */
export function dueDate(
  info: Pick<SecretInfo, 'rotation' | 'tags' | 'createdAt' | 'changedAt'>,
  now: number,
): Due | null {
  const { enabled, everyDays, nextRotationAt } = info.rotation;
  if (enabled) {
    const at = nextRotationAt === null ? null : Date.parse(nextRotationAt);
    const every = everyDays === null ? null : `${String(everyDays)}d`;
    return { ...dateOf(at, now), every, overdue: at !== null && now > at + WINDOW_MS, automatic: true };
  }
  const every = info.tags[EVERY_TAG];
  if (every === undefined) return null;
  const interval = readable(every);
  // As on AWS, any new value counts as a rotation.
  const last = Date.parse(info.changedAt ?? info.createdAt ?? '');
  if (interval === null || Number.isNaN(last)) return null;
  const at = last + interval;
  return { ...dateOf(at, now), every, overdue: now > at, automatic: false };
}

const dateOf = (at: number | null, now: number) => ({
  dueAt: at === null ? null : new Date(at).toISOString(),
  daysLeft: at === null ? null : Math.round((at - now) / DAY_MS),
});

/** In ms; null for a tag that somebody else wrote. */
function readable(every: string): number | null {
  try {
    return intervalOf(every).ms;
  } catch {
    return null;
  }
}

/** One line for people: `to be rotated by 2027-02-20, in 90 days`. */
export function dueText({ dueAt, daysLeft, overdue, automatic }: Due): string {
  if (dueAt === null || daysLeft === null) return 'a schedule is set; the store does not tell the next date';
  const day = dueAt.slice(0, 10);
  const days = (count: number) => `${String(count)} day${count === 1 ? '' : 's'}`;
  if (overdue) {
    const late = days(Math.max(0, -daysLeft));
    return automatic
      ? `the rotation that was due on ${day} did not take place (${late} late)`
      : `was to be rotated by ${day} (${late} late)`;
  }
  return `${automatic ? 'is rotated on' : 'to be rotated by'} ${day}, in ${days(daysLeft)}`;
}
