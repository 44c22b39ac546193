import assert from 'node:assert/strict';
import { makeCache, type CacheOptions } from '../../src/lib/library/cache.ts';
import { fakeClock } from '../support/context.ts';

/** A cache of numbered reads, whose next answers can be held back or made to fail. */
function world(changes: Partial<CacheOptions<string>> = {}) {
  const clock = fakeClock(0);
  const loads: string[] = [];
  const stale: string[] = [];
  const state: { fail: Error | null; hold: Promise<void> | null } = { fail: null, hold: null };
  const cache = makeCache<string>({
    ttlMs: 1000,
    staleMs: 60_000,
    maxEntries: 3,
    clock: { ...clock, sleep: (_ms, signal) => new Promise((_, reject) => signal?.addEventListener('abort', reject)) },
    load: async (key) => {
      loads.push(key);
      const value = `${key}${String(loads.length)}`;
      const { fail, hold } = state;
      await hold;
      if (fail) throw fail;
      return value;
    },
    mayPass: (error) => (error as Error).message === 'passing',
    onStale: (key) => stale.push(key),
    ...changes,
  });
  return { cache, clock, loads, stale, state };
}

const gate = () => {
  let open: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (open = resolve));
  return { closed, open };
};

describe('the cache of the library', () => {
  it('reads once within the time to live, and anew after it', async () => {
    const { cache, clock, loads } = world();
    assert.equal(await cache.get('a'), 'a1');
    clock.advance(999);
    assert.equal(await cache.get('a'), 'a1');
    clock.advance(1);
    assert.equal(await cache.get('a'), 'a2');
    assert.equal(loads.length, 2);
  });

  it('with a time to live of 0 reads each time', async () => {
    const { cache, loads } = world({ ttlMs: 0, staleMs: 0 });
    await cache.get('a');
    await cache.get('a');
    assert.equal(loads.length, 2);
  });

  it('drops what was not asked for the longest', async () => {
    const { cache, loads } = world();
    for (const key of ['a', 'b', 'c', 'a', 'd']) await cache.get(key);
    for (const key of ['a', 'c', 'd']) await cache.get(key);
    assert.deepEqual(loads, ['a', 'b', 'c', 'd']);
    await cache.get('b');
    assert.deepEqual(loads, ['a', 'b', 'c', 'd', 'b']);
  });

  it('reads once for all who ask at the same time', async () => {
    const { cache, loads } = world();
    const all = await Promise.all(Array.from({ length: 20 }, () => cache.get('a')));
    assert.deepEqual([...new Set(all)], ['a1']);
    assert.equal(loads.length, 1);
  });

  it('keeps no failure', async () => {
    const { cache, state } = world();
    state.fail = new Error('passing');
    await assert.rejects(cache.get('a'), /passing/);
    state.fail = null;
    assert.equal(await cache.get('a'), 'a2');
  });

  describe('refresh', () => {
    it('reads although there is a value, and get gives the new one', async () => {
      const { cache } = world();
      await cache.get('a');
      assert.equal(await cache.refresh('a'), 'a2');
      assert.equal(await cache.get('a'), 'a2');
    });

    it('never joins a read that began before it, and many make one read', async () => {
      const { cache, loads, state } = world();
      const { closed, open } = gate();
      state.hold = closed;
      const old = cache.get('a');
      state.hold = null;
      const refreshed = Array.from({ length: 10 }, () => cache.refresh('a'));
      open();
      assert.equal(await old, 'a1');
      assert.deepEqual([...new Set(await Promise.all(refreshed))], ['a2']);
      assert.equal(await cache.get('a'), 'a2');
      assert.equal(loads.length, 2);
    });

    it('reads after a read that failed too, and gives its own failure', async () => {
      const { cache, state } = world();
      const { closed, open } = gate();
      Object.assign(state, { hold: closed, fail: new Error('passing') });
      const failing = assert.rejects(cache.get('a'), /passing/);
      Object.assign(state, { hold: null, fail: null });
      const refreshed = cache.refresh('a');
      open();
      await failing;
      assert.equal(await refreshed, 'a2');
      state.fail = new Error('for good');
      await assert.rejects(cache.refresh('a'), /for good/);
    });
  });

  describe('clear', () => {
    it('forgets: the next get reads', async () => {
      const { cache } = world();
      await cache.get('a');
      cache.clear();
      assert.equal(await cache.get('a'), 'a2');
    });

    it('keeps nothing of a read that was under way', async () => {
      const { cache, state } = world();
      const { closed, open } = gate();
      state.hold = closed;
      const old = cache.get('a');
      cache.clear();
      state.hold = null;
      assert.equal(await cache.get('a'), 'a2');
      open();
      assert.equal(await old, 'a1');
      assert.equal(await cache.get('a'), 'a2');
    });
  });

  describe('while reading fails', () => {
    it('gives the last value, and asks again only every 30 seconds', async () => {
      const { cache, clock, loads, stale, state } = world();
      await cache.get('a');
      clock.advance(1000);
      state.fail = new Error('passing');
      for (let second = 0; second < 30; second += 1) {
        assert.equal(await cache.get('a'), 'a1');
        clock.advance(1000);
      }
      assert.equal(loads.length, 2);
      assert.deepEqual(stale, ['a']);
      await cache.get('a');
      assert.equal(loads.length, 3);
      state.fail = null;
      clock.advance(30_000);
      assert.equal(await cache.get('a'), 'a4');
    });

    it('gives it for a limited time', async () => {
      const { cache, clock, state } = world();
      await cache.get('a');
      state.fail = new Error('passing');
      clock.advance(60_999);
      assert.equal(await cache.get('a'), 'a1');
      clock.advance(1);
      await assert.rejects(cache.get('a'), /passing/);
    });

    it('gives nothing where the failure will not pass, and not even the old value later', async () => {
      const { cache, clock, state } = world();
      await cache.get('a');
      clock.advance(1000);
      state.fail = new Error('denied');
      await assert.rejects(cache.get('a'), /denied/);
      state.fail = new Error('passing');
      await assert.rejects(cache.get('a'), /passing/);
    });

    it('waits 5 seconds at most where there is an old value, and keeps what comes later', async () => {
      const slept: number[] = [];
      const sleep = (ms: number) => {
        slept.push(ms);
        return Promise.resolve();
      };
      const clock = fakeClock(0);
      const { cache, state, stale } = world({ clock: { ...clock, sleep } });
      await cache.get('a');
      clock.advance(1000);
      const { closed, open } = gate();
      state.hold = closed;
      assert.equal(await cache.get('a'), 'a1');
      assert.deepEqual([slept, stale], [[5000], ['a']]);
      open();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await cache.get('a'), 'a2');
    });
  });
});
