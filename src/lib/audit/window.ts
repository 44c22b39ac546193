/** The stretch of time that an audit looks at, resolved once and then fixed. */
import { JamfMcpError } from '../errors.ts';

/** Both ends belong to it; whole seconds, as CloudTrail counts them. */
export interface Window {
  /** Milliseconds since 1970. */
  since: number;
  until: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Milliseconds in a day. */
export const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = { m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

const AGO = /^(\d{1,6})([mhdw])$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const MOMENT = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:\d\d)?$/i;

/**
 * Resolve what the user typed.
 * @param typed - `since` and `until`: `90m`, `12h`, `7d`, `2w` before now; `2026-11-01` (since: its first second, until:
 *   its last, UTC); `2026-11-01T10:00[:00][Z|+01:00]` (UTC without a zone). No `until`, or one to come, means now.
 * @param now - milliseconds since 1970
 * @throws JamfMcpError INPUT_INVALID for another form, a day that no calendar has, or a window that is empty
 */
export function parseWindow(typed: { since: string; until?: string | undefined }, now: number): Window {
  const since = floor(momentOf('--since', typed.since, now, 'first'));
  const until = Math.min(typed.until === undefined ? now : momentOf('--until', typed.until, now, 'last'), now);
  if (since > now)
    throw invalid(`--since ${typed.since} is in the future`, 'name a time that has passed: 7d, 12h, 2026-11-01');
  if (since >= floor(until)) {
    throw invalid(
      `from --since ${typed.since} to --until ${typed.until ?? 'now'} there is no time: the window is empty`,
      'let --since be before --until',
    );
  }
  return { since, until: Math.ceil(until / SECOND) * SECOND };
}

function momentOf(flag: string, text: string, now: number, edge: 'first' | 'last'): number {
  const ago = AGO.exec(text);
  if (ago) return now - Number(ago[1]) * (UNITS[ago[2] ?? ''] ?? 0);
  const moment = MOMENT.exec(text);
  const [day = '', rest] = moment
    ? [moment[1], `${moment[2] ?? ''}${moment[3] ?? ':00'}${moment[4] ?? 'Z'}`]
    : [text, '00:00:00Z'];
  if (moment ?? DATE.test(text)) {
    const ms = Date.parse(`${day}T${rest.toUpperCase()}`);
    const midnight = Date.parse(`${day}T00:00:00Z`);
    // Date.parse takes 30 February for 2 March.
    if (!Number.isNaN(ms) && new Date(midnight).toISOString().startsWith(day)) {
      return !moment && edge === 'last' ? ms + DAY - SECOND : ms;
    }
    throw invalid(`${flag} ${text}: no such day or time`, 'write the date as YYYY-MM-DD');
  }
  // What is not a time may be anything, a secret in the wrong place included: it is not repeated.
  throw invalid(
    `the value of ${flag} is not a time`,
    'write a number and m, h, d or w (7d), a date (2026-11-01), or a date and time (2026-11-01T10:00Z)',
  );
}

const floor = (ms: number) => Math.floor(ms / SECOND) * SECOND;

const invalid = (message: string, hint: string) => new JamfMcpError('INPUT_INVALID', message, hint);
