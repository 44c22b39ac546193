import assert from 'node:assert/strict';
import fc from 'fast-check';
import { pace } from '../../src/lib/audit/sources/pace.ts';
import { testContext } from '../support/context.ts';

/** Make calls that take so long, and tell when each started and was answered. */
async function run(perSecond: number, latencies: readonly number[]): Promise<{ started: number; answered: number }[]> {
  const context = testContext();
  const paced = pace(perSecond, context);
  const calls: { started: number; answered: number }[] = [];
  for (const latency of latencies) {
    await paced(() => {
      const started = context.clock.now();
      context.clock.advance(latency);
      calls.push({ started, answered: context.clock.now() });
      return Promise.resolve();
    });
  }
  return calls;
}

describe('audit: pace', () => {
  it('lets no second see more calls than allowed, wherever on their way the calls are counted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 2, 5),
        fc.array(fc.nat(2_000), { maxLength: 12 }),
        async (perSecond, latencies) => {
          const calls = await run(perSecond, latencies);
          for (const [index, { started }] of calls.entries()) {
            const before = calls[index - perSecond];
            const last = calls[index - 1];
            if (before) assert.ok(started - before.answered >= 1_000);
            if (last) assert.ok(started - last.started >= 1_000 / perSecond);
          }
        },
      ),
    );
  });

  it('loses no time beyond that', async () => {
    const calls = await run(2, [20, 20, 20, 20, 20]);
    assert.deepEqual(
      calls.map(({ started }) => started - (calls[0]?.started ?? 0)),
      [0, 500, 1_022, 1_522, 2_044],
    );
    const slow = await run(2, [3_000, 3_000, 3_000]);
    assert.deepEqual(
      slow.map(({ started }) => started - (slow[0]?.started ?? 0)),
      [0, 3_000, 6_000],
      'slow answers are pace enough',
    );
  });

  it('counts a call that fails', async () => {
    const context = testContext();
    const paced = pace(1, context);
    await assert.rejects(paced(() => Promise.reject(new Error('no'))));
    await paced(() => Promise.resolve());
    assert.equal(context.clock.slept.length, 1);
  });
});
