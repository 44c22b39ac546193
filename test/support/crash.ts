/** Kills a piece of work at each of its calls to a store, before and after, and runs it again. */
import assert from 'node:assert/strict';
import type { MemoryStore } from './memory-store.ts';

/**
 * Run work against fresh worlds, killed at its first call, its second, and so on, until a run gets through; after each
 * kill run it again, and check what came of it.
 * @param make - a fresh world; every call to its stores counts
 * @param work - must get through where it is not killed
 * @returns how many calls a whole run makes
 */
export async function killAtEveryCall<World extends { stores: readonly MemoryStore[] }>(
  make: () => Promise<World>,
  work: (world: World) => Promise<unknown>,
  check: (world: World, when: string) => Promise<void>,
): Promise<number> {
  let calls = 0;
  for (const side of ['before', 'after'] as const) {
    for (let n = 1; ; n += 1) {
      const world = await make();
      const process = { seen: 0, dead: false };
      const hook = (here: typeof side) => (): void => {
        if (here === side) process.seen += 1;
        // A process that was killed makes no further calls, whatever its `finally` says.
        process.dead ||= here === side && process.seen === n;
        if (process.dead) throw new Error('killed');
      };
      for (const store of world.stores) Object.assign(store, { before: hook('before'), after: hook('after') });
      const outcome = await work(world).then(
        () => 'done',
        (error: unknown) => String(error),
      );
      for (const store of world.stores) Object.assign(store, { before: () => undefined, after: () => undefined });
      if (!process.dead) {
        assert.equal(outcome, 'done');
        calls = Math.max(calls, n - 1);
        break;
      }
      const when = `killed ${side} call ${String(n)}`;
      await work(world).catch((error: unknown) => {
        throw new Error(`${when}: the second run failed: ${String(error)}`, { cause: error });
      });
      await check(world, when);
    }
  }
  return calls;
}
