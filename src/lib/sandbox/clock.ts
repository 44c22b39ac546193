/** The sandbox's time: the wall's, or one that a test moves. */
import type { SandboxClock } from './service.ts';

/** Time as on the wall; its timers never keep the process alive. */
export const wallClock: SandboxClock = {
  now: () => Date.now(),
  after(ms, task) {
    let timer: NodeJS.Timeout | null = null;
    const arm = (left: number) => {
      timer =
        left <= LONGEST_TIMER_MS ? setTimeout(task, left) : setTimeout(arm, LONGEST_TIMER_MS, left - LONGEST_TIMER_MS);
      timer.unref();
    };
    arm(ms);
    return () => {
      if (timer) clearTimeout(timer);
    };
  },
};

/** A timer of Node that is set for longer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A clock that stands still until it is moved. */
export interface ManualClock extends SandboxClock {
  /** Move on by `ms` milliseconds, running each task at its own time, earliest first. */
  advance(ms: number): void;
}

/**
 * A clock for tests.
 * @param start - milliseconds since 1970; default 2026-11-22T12:00:00Z
 */
export function manualClock(start = Date.UTC(2026, 10, 22, 12)): ManualClock {
  let now = start;
  const waiting = new Set<{ at: number; task: () => void }>();
  const nextDue = (limit: number) =>
    [...waiting]
      .filter(({ at }) => at <= limit)
      .reduce<{ at: number; task: () => void } | null>(
        (first, timer) => (first === null || timer.at < first.at ? timer : first),
        null,
      );
  return {
    now: () => now,
    after(ms, task) {
      const timer = { at: now + Math.max(0, ms), task };
      waiting.add(timer);
      return () => {
        waiting.delete(timer);
      };
    },
    advance(ms) {
      const end = now + ms;
      for (let timer = nextDue(end); timer !== null; timer = nextDue(end)) {
        waiting.delete(timer);
        now = timer.at;
        timer.task();
      }
      now = end;
    },
  };
}

/**
 * The same clock with shorter (or longer) waits; the time of day is untouched.
 * @param speed - waits are divided by it
 */
export function faster(clock: SandboxClock, speed: number): SandboxClock {
  return { now: () => clock.now(), after: (ms, task) => clock.after(ms / speed, task) };
}
