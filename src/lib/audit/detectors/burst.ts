/** Sliding windows: how many distinct things an identity did within some minutes. */
import type { AuditedAccess } from '../access.ts';

/** Distinct things within a span of time, by identity. */
export interface Bursts {
  /**
   * @param identity - whose burst it is
   * @param thing - what is counted once
   * @param at - milliseconds since 1970, never less than before
   * @returns what now counts: nothing below the number, all in the window when it is reached, then each as it comes
   */
  add(identity: string, thing: string, at: number, access: AuditedAccess): readonly AuditedAccess[];
  /** The most distinct things that were in a window of this identity. */
  peak(identity: string): number;
}

/** Accesses after which windows that are over are dropped. */
const SWEEP = 4_096;

/** Things that one window holds at most; a burst of more is one anyhow. */
const MOST = 1_000;

/** When a thing was last done, and the access where it has not been counted yet. */
interface Counted {
  at: number;
  access: AuditedAccess | null;
}

type Window = Map<string, Counted>;

/**
 * Windows.
 * @param least - distinct things that make a burst
 * @param spanMs - how long a window is
 */
export function bursts(least: number, spanMs: number): Bursts {
  const windows = new Map<string, Window>();
  const peaks = new Map<string, number>();
  let seen = 0;

  function sweep(now: number): void {
    for (const [identity, window] of windows) {
      expire(window, now);
      if (window.size === 0) windows.delete(identity);
    }
  }

  /** The oldest stand first. */
  function expire(window: Window, now: number): void {
    for (const [thing, { at }] of window) {
      if (at >= now - spanMs && window.size <= MOST) return;
      window.delete(thing);
    }
  }

  return {
    add(identity, thing, at, access) {
      seen += 1;
      if (seen % SWEEP === 0) sweep(at);
      const window: Window = windows.get(identity) ?? new Map<string, Counted>();
      windows.set(identity, window);
      expire(window, at);
      window.delete(thing);
      const isBurst = window.size + 1 >= least;
      window.set(thing, { at, access: isBurst ? null : access });
      if (!isBurst) return [];
      peaks.set(identity, Math.max(peaks.get(identity) ?? 0, window.size));
      const uncounted: AuditedAccess[] = [];
      for (const entry of window.values()) {
        if (entry.access) uncounted.push(entry.access);
        entry.access = null;
      }
      return [...uncounted, access];
    },
    peak: (identity) => peaks.get(identity) ?? 0,
  };
}
