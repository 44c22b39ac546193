import type { Context } from '../host.ts';

/** How long calls under way may still take once no more will come, in ms. */
export const DRAIN_MS = 5_000;

/**
 * Wait for the last calls, for {@link DRAIN_MS} at most.
 * @param last - resolves when nothing is under way any more
 * @param context - its signal is not listened to: it has usually aborted by now
 * @returns whether everything ended in time
 */
export async function drained(last: Promise<unknown>, { clock }: Context): Promise<boolean> {
  const over = new AbortController();
  const limit = clock.sleep(DRAIN_MS, over.signal).then(
    () => false,
    () => false,
  );
  const done = await Promise.race([last.then(() => true), limit]);
  over.abort();
  return done;
}
