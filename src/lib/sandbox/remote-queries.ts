/** Queries that take their time: they wait, run, and end, or are ended. Athena and CloudTrail Lake word it differently. */
import type { SandboxClock, SandboxRandom } from './service.ts';

/** How a query is. */
export type QueryState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** A query. */
export interface RemoteQuery<Result> {
  id: string;
  /** Milliseconds since 1970. */
  submitted: number;
  ended: number | null;
  state: () => QueryState;
  /** What it found; null before it is done. */
  result: () => Result | null;
  /** Why it failed or was cancelled. */
  why: () => string | null;
  cancel: () => void;
}

/** How long a query waits, and then runs. */
const QUEUED_MS = 300;
const RUNNING_MS = 1_500;

/**
 * Start a query. What it is to find is computed when it ends, from what there is by then.
 * @param compute - gives what it finds; what it throws is why it failed
 */
export function remoteQuery<Result>(
  clock: SandboxClock,
  random: SandboxRandom,
  compute: () => Result,
): RemoteQuery<Result> {
  const submitted = clock.now();
  let ended: { at: number; state: QueryState; result: Result | null; why: string | null } | null = null;
  const settle = () => {
    if (ended || clock.now() < submitted + QUEUED_MS + RUNNING_MS) return;
    const at = clock.now();
    try {
      ended = { at, state: 'done', result: compute(), why: null };
    } catch (error) {
      ended = { at, state: 'failed', result: null, why: error instanceof Error ? error.message : String(error) };
    }
  };
  return {
    id: random.uuid(),
    submitted,
    get ended() {
      return ended?.at ?? null;
    },
    state() {
      settle();
      return ended?.state ?? (clock.now() < submitted + QUEUED_MS ? 'queued' : 'running');
    },
    result: () => ended?.result ?? null,
    why: () => ended?.why ?? null,
    cancel() {
      settle();
      ended ??= { at: clock.now(), state: 'cancelled', result: null, why: null };
    },
  };
}
