/** When a secret is rotated: what a user types, checked and put into the rules of Secrets Manager (facts/rotation.md §2c). */
import { JamfMcpError } from '../../errors.ts';
import { FEWEST_HOURS, HOURS_A_DAY, intervalOf } from '../../secrets/due.ts';

/** When to rotate. */
export interface Rules {
  /** `90d` or `12h`, or null where a cron expression says when. */
  every: string | null;
  /** As Secrets Manager takes them. */
  rules: { AutomaticallyAfterDays?: number; ScheduleExpression?: string; Duration?: string };
  /** In a sentence: `every 90 days`. */
  text: string;
}

/**
 * The rules of a schedule.
 * @param when - `every`: `90d`; `at`: `cron(0 3 1 * ? *)`, or its six fields; exactly one of them; `window`: `4h`
 * @throws JamfMcpError USAGE, INPUT_INVALID
 */
export function rulesFrom({
  every,
  at,
  window,
}: Partial<Record<'every' | 'at' | 'window', string | undefined>>): Rules {
  if ((every === undefined) === (at === undefined)) {
    const what = every === undefined ? 'it is not said when to rotate' : '--every and --at say both when to rotate';
    throw new JamfMcpError('USAGE', what, "pass one of them: --every 90d, or --at '0 3 1 * ? *'");
  }
  const hours = window === undefined ? null : windowHours(window);
  const duration = hours === null ? {} : { Duration: `${String(hours)}h` };
  const within = hours === null ? '' : `, within ${plural(hours, 'hour')}`;
  if (every !== undefined) {
    const { amount, unit } = intervalOf(every);
    if (unit === 'h' && hours !== null && hours > amount) {
      throw new JamfMcpError(
        'INPUT_INVALID',
        `a window of ${String(hours)} h is longer than ${every}`,
        'shorten --window',
      );
    }
    const word = unit === 'd' ? 'day' : 'hour';
    // Days without a window in the form that compliance checks read.
    const days = unit === 'd' && hours === null;
    return {
      every: `${String(amount)}${unit}`,
      rules: days
        ? { AutomaticallyAfterDays: amount }
        : { ScheduleExpression: `rate(${plural(amount, word)})`, ...duration },
      text: `every ${plural(amount, word)}${within}`,
    };
  }
  const { expression, startsAt } = cronFrom(at ?? '');
  if (startsAt !== null && hours !== null && startsAt + hours > HOURS_A_DAY) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `a window of ${String(hours)} h from ${String(startsAt)}:00 ends on the next day (UTC)`,
      'shorten --window, or begin earlier',
    );
  }
  return {
    every: null,
    rules: { ScheduleExpression: expression, ...duration },
    text: `at ${expression}, UTC${within}`,
  };
}

const plural = (amount: number, word: string) => `${String(amount)} ${word}${amount === 1 ? '' : 's'}`;

function windowHours(text: string): number {
  const hours = Number(/^(\d{1,2})h$/.exec(text.trim())?.[1] ?? 0);
  if (hours >= 1 && hours <= HOURS_A_DAY) return hours;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `--window ${text} is no length from 1 to 24 hours`,
    'write it as --window 4h',
  );
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** A field of a cron expression: its bounds, names for its numbers, and what else may stand there. */
interface CronField {
  name: string;
  min: number;
  max: number;
  names?: readonly string[];
  also?: RegExp;
}

const FIELDS: readonly CronField[] = [
  { name: 'minutes', min: 0, max: 0 },
  { name: 'hours', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31, also: /^(\?|L|\d{1,2}W)$/ },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 1, max: 7, names: DAYS, also: /^(\?|L|[1-7]L|([1-7]|[A-Z]{3})#[1-5])$/ },
  { name: 'year', min: 1970, max: 2199 },
];

/** A cron expression with six fields, as Secrets Manager takes it: on the hour, every 4 hours at most. */
function cronFrom(text: string): { expression: string; startsAt: number | null } {
  const inner = /^cron\((.*)\)$/.exec(text.trim())?.[1] ?? text.trim();
  const parts = inner.toUpperCase().split(/\s+/);
  const wrong = (why: string) =>
    new JamfMcpError(
      'INPUT_INVALID',
      `--at ${text} is no schedule for Secrets Manager: ${why}`,
      "six fields, in UTC: minutes (0) hours day-of-month month day-of-week year, such as --at '0 3 1 * ? *'",
    );
  if (parts.length !== FIELDS.length) throw wrong(`it has ${plural(parts.length, 'field')}, not six`);
  FIELDS.forEach((field, index) => {
    const part = parts[index] ?? '';
    if (!part.split(',').every((item) => fitsField(item, field))) throw wrong(`${part} is no ${field.name}`);
  });
  const [minutes = '', hours = '', dayOfMonth, , dayOfWeek] = parts;
  if (minutes !== '0') throw wrong('rotation windows open on the hour, so the minutes have to be 0');
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw wrong('one of day-of-month and day-of-week, and not both, has to be ?');
  }
  const opens = hoursOf(hours);
  const gaps = opens.map((hour, index) => (opens[index + 1] ?? (opens[0] ?? 0) + HOURS_A_DAY) - hour);
  if (gaps.some((gap) => gap < FEWEST_HOURS)) throw wrong('it rotates more often than every 4 hours');
  return { expression: `cron(${parts.join(' ')})`, startsAt: opens.at(-1) ?? null };
}

function fitsField(item: string, { min, max, names = [], also }: CronField): boolean {
  if (also?.test(item)) return true;
  const [, range = '', step] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(item) ?? [];
  if (step !== undefined && Number(step) < 1) return false;
  if (range === '*') return true;
  const ends = range.split('-').map((end) => (names.includes(end) ? names.indexOf(end) + min : Number(end || NaN)));
  const inside = ends.every((end) => Number.isInteger(end) && end >= min && end <= max);
  return inside && ends.length <= 2 && (ends[0] ?? 0) <= (ends[1] ?? max);
}

/** The hours of a day at which a field of hours opens a window. */
function hoursOf(field: string): number[] {
  const all = field.split(',').flatMap((item) => {
    const [, range = '', step] = /^([^/]+)(?:\/(\d+))?$/.exec(item) ?? [];
    const [from = 0, to = step === undefined ? from : HOURS_A_DAY - 1] =
      range === '*' ? [0, HOURS_A_DAY - 1] : range.split('-').map(Number);
    const every = Number(step ?? 1);
    return Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, index) => from + index * every);
  });
  return [...new Set(all)].sort((a, b) => a - b);
}
