/** Keeps calls below a service's rate limit, so that in normal running nothing is throttled. */
import type { Context } from '../../host.ts';

/** A pace: every call goes through it. */
export type Pace = <Output>(call: () => Promise<Output>) => Promise<Output>;

/**
 * A pace of `perSecond` calls, one after the other.
 *
 * The service counts arrivals, and a call arrives at some moment between its start and its answer. So a call starts no
 * earlier than one second after the answer to the call `perSecond` places before it: then no second, however laid, sees
 * more than `perSecond` arrivals. It also keeps an even distance from the start of the last call, for limits that are
 * counted in shorter steps.
 * @param perSecond - calls a second
 * @returns the pace; not for calls in parallel
 */
export function pace(perSecond: number, { clock, signal }: Pick<Context, 'clock' | 'signal'>): Pace {
  const calls: { started: number; answered: number }[] = [];
  return async (call) => {
    const last = calls.at(-1);
    const before = calls.at(-perSecond);
    const due = Math.max(last ? last.started + 1_000 / perSecond : 0, before ? before.answered + 1_000 + MARGIN : 0);
    if (due > clock.now()) await clock.sleep(due - clock.now(), signal);
    const made = { started: clock.now(), answered: clock.now() };
    calls.push(made);
    if (calls.length > perSecond) calls.shift();
    try {
      return await call();
    } finally {
      made.answered = clock.now();
    }
  };
}

/** Clocks that count in whole milliseconds, and timers that fire one too early. */
const MARGIN = 2;
