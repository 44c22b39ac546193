/** So many at a time, the others wait their turn. */

/** How one task waits. */
export interface Turn {
  /** Ahead of all that wait already: what the others cannot do without. */
  first?: boolean;
  /** Gives up the place in the queue when it aborts; a task that runs is its own affair. */
  signal?: AbortSignal;
}

/** Runs tasks, so many at a time. */
export type Limiter = <T>(task: () => Promise<T>, turn?: Turn) => Promise<T>;

/**
 * Make a limiter.
 * @param most - how many tasks run at a time
 * @returns the function that runs a task when its turn has come; it throws what the task throws, and the signal's reason
 *   where that aborts before
 */
export function limiter(most: number): Limiter {
  let running = 0;
  const waiting: (() => void)[] = [];

  const comes = ({ first = false, signal }: Turn) =>
    new Promise<void>((resolve, reject) => {
      const start = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        waiting.splice(waiting.indexOf(start), 1);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', leave, { once: true });
      if (first) waiting.unshift(start);
      else waiting.push(start);
    });

  return async (task, turn = {}) => {
    turn.signal?.throwIfAborted();
    if (running >= most) await comes(turn);
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
