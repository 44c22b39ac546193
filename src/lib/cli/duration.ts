import { JamfMcpError } from '../errors.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * A length of time as a user types it.
 * @param text - `90s`, `15m`, `1h`
 * @param flag - where it came from, for the error
 * @returns milliseconds, more than 0
 * @throws JamfMcpError INPUT_INVALID
 */
export function durationMs(text: string, flag: string): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})([smh])$/.exec(text.trim()) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? 0);
  if (ms > 0) return ms;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `${flag} is no length of time: ${text}`,
    `write it as 90s, 15m or 1h: ${flag} 15m`,
  );
}
