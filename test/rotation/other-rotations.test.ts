import assert from 'node:assert/strict';
import type { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { CLAIM_FIELD, CLAIM_LABEL } from '../../src/lib/secrets/claim.ts';
import { AWSCURRENT, AWSPENDING, versionWith } from '../../src/lib/secrets/store.ts';
import {
  assertSound,
  currentValue,
  failureOf,
  FIELD,
  FIRST,
  NAME,
  rotationWorld,
  type World,
} from '../support/rotation-world.ts';

const WITHOUT_ECS = { ecs: false };
const pendingOf = async ({ store }: World) => versionWith(await store.describe(NAME), AWSPENDING);

/** Without a deployment the tasks keep what they have; everything else is as it should be. */
async function assertRotated(it: World): Promise<void> {
  it.tasks = await currentValue(it);
  await assertSound(it);
}

describe('rotate', () => {
  describe('while another one is under way', () => {
    /** A rotation that was killed at a call. */
    const stoppedAt = async (call: string, when: 'before' | 'after' = 'after') => {
      const it = await rotationWorld('single', WITHOUT_ECS);
      it.fault = { call, when, error: 'BUG', killed: true };
      await it.rotate({ reason: 'leaver' }).catch(() => undefined);
      it.fault = null;
      it.context.clock.advance(240_000);
      return it;
    };
    const FAR: [string, RegExp][] = [
      ['moveLabel 1', /it has claimed the secret, and may have made a new value that is not stored yet$/],
      ['put 2', /its new value is stored as AWSPENDING and not current yet$/],
      ['moveLabel 2', /its new value is AWSCURRENT, the roll-out or the proof of it is still to come$/],
    ];
    for (const [call, far] of FAR) {
      it(`refuses after ${call}, naming the first one, since when and how far`, async () => {
        const it = await stoppedAt(call);
        const before = structuredClone(it.store.documents.get(NAME)?.versions.map(({ stages }) => stages));
        const error = await failureOf(it.rotate({ isRunning: () => null, runner: { user: 'bob', host: 'b', pid: 2 } }));
        assert.equal(error.code, 'CONFLICT');
        assert.match(
          error.message,
          /^a rotation of \S+ by tester@bench \(process 4711\) is under way since 2026-11-22T00:\d\d:\d\dZ \(4 min\) \(single, JAMF_CLIENT_SECRET\): /,
        );
        assert.match(error.message, far);
        assert.match(error.hint ?? '', /^wait until it has ended; .* go on with: jamf-mcp rotate resume$/);
        const { holder } = error.details as { holder: { by: unknown; since: string; state: string } };
        assert.deepEqual(holder.by, { user: 'tester', host: 'bench', pid: 4711 });
        const labels = it.store.documents
          .get(NAME)
          ?.versions.map(({ stages }) => stages.filter((one) => one !== CLAIM_LABEL));
        assert.deepEqual(
          labels?.slice(0, before?.length),
          before?.map((stages) => stages.filter((one) => one !== CLAIM_LABEL)),
        );
        assert.ok(!it.calls.includes('mint'));
      });

      it(`finishes it after ${call} where its process is known to be gone`, async () => {
        const it = await stoppedAt(call);
        const result = await it.rotate({ isRunning: () => false });
        assert.equal(result.outcome, 'resumed');
        await assertRotated(it);
        assert.equal(it.records.at(-1)?.reason, 'leaver', 'the reason is kept from run to run');
        assert.equal(it.context.questions.length, 2, 'asked once a run');
      });
    }

    for (const [what, choice] of [
      ['another field', { issuer: 'jamf', fields: ['OTHER'], strategy: null }],
      ['more fields', { issuer: 'jamf', fields: [FIELD, 'OTHER'], strategy: null }],
      ['another issuer', { issuer: 'ask', fields: [FIELD], strategy: null }],
      ['another strategy', { issuer: 'jamf', fields: [FIELD], strategy: 'alternate' }],
    ] as const) {
      it(`does not finish it where ${what} was asked for: it names what stands, and what goes on`, async () => {
        for (const [call] of FAR) {
          const it = await stoppedAt(call);
          const before = structuredClone(it.store.documents.get(NAME));
          for (const dryRun of [true, false]) {
            const error = await failureOf(it.rotate({ isRunning: () => false, choice, dryRun }));
            assert.equal(error.code, 'CONFLICT');
            assert.match(error.message, /is under way .* \(single, JAMF_CLIENT_SECRET\): /);
            assert.equal(error.hint, 'its process is gone: go on with: jamf-mcp rotate resume');
          }
          assert.ok(!it.calls.some((call) => ['moveLabel', 'mint', 'force'].includes(call)), it.calls.join());
          const current = versionWith(await it.store.describe(NAME), AWSCURRENT);
          assert.equal(current, before?.versions.find(({ stages }) => stages.includes(AWSCURRENT))?.id);
        }
      });
    }

    it('finishes it where the strategy that it has was asked for', async () => {
      const it = await stoppedAt('put 2');
      const choice = { issuer: 'jamf', fields: [FIELD], strategy: 'single' } as const;
      assert.equal((await it.rotate({ isRunning: () => false, choice })).outcome, 'resumed');
      await assertRotated(it);
    });

    it('says that the other process still runs, and not to resume it', async () => {
      const it = await stoppedAt('put 2');
      for (const act of ['rotate', 'resume', 'abort'] as const) {
        const error = await failureOf(it[act]({ isRunning: () => true }));
        assert.equal(error.code, 'CONFLICT');
        assert.equal(error.hint, 'wait until it has ended; where it stands: jamf-mcp rotate status');
      }
    });

    it('says that the other one has ended meanwhile', async () => {
      const it = await rotationWorld('single', WITHOUT_ECS);
      const other = '00000000-0000-4000-8000-000000000009';
      it.live = new Set(['EXAMPLE-of-the-other']);
      it.store.before = async (method) => {
        if (method !== 'describe') return;
        it.store.before = () => undefined;
        const fields = new Map([[FIELD, new Secret('EXAMPLE-of-the-other')]]);
        await it.store.put(NAME, fields, { token: other, stages: [AWSCURRENT] });
      };
      const error = await failureOf(it.rotate());
      assert.equal(error.code, 'CONFLICT');
      assert.match(
        error.message,
        new RegExp(`another rotation of ${NAME} has ended .* version ${other} is AWSCURRENT`),
      );
    });

    /** Somebody else's rotation comes to its end right before the next call of that name. */
    const overtakenAt = (it: World, call: 'put' | 'moveLabel', also: () => void = () => undefined) => {
      it.store.before = async (method) => {
        if (method !== call) return;
        it.store.before = () => undefined;
        also();
        const { fields } = await it.store.read(NAME, { stage: AWSCURRENT });
        await it.store.put(NAME, fields, { token: OVERTAKER, stages: [AWSCURRENT] });
      };
    };
    const OVERTAKER = '00000000-0000-4000-8000-0000000000cc';
    const assertOvertaken = async (it: World, work: Promise<unknown>) => {
      const error = await failureOf(work);
      assert.equal(error.code, 'CONFLICT');
      assert.match(error.message, new RegExp(`version ${OVERTAKER} is AWSCURRENT now; nothing was changed`));
      assert.ok(!it.calls.includes('mint'));
      assert.equal(await pendingOf(it), null, 'the claim is withdrawn');
    };

    it('looks once more after a pause, such as at a prompt', async () => {
      const it = await rotationWorld('alternate', WITHOUT_ECS);
      overtakenAt(it, 'put', () => {
        it.context.clock.advance(10_000);
      });
      await assertOvertaken(it, it.rotate());
    });

    it('looks once more where it is not the first from its version', async () => {
      const it = await stoppedAt('put 1');
      overtakenAt(it, 'moveLabel');
      await assertOvertaken(it, it.rotate());
    });

    describe('that has only stored its claim', () => {
      const unknown = { runner: { user: 'bob', host: 'b', pid: 2 }, isRunning: () => null };
      const fresh = async () => {
        const it = await rotationWorld('single', WITHOUT_ECS);
        it.fault = { call: 'put 1', when: 'after', error: 'BUG', killed: true };
        await it.rotate().catch(() => undefined);
        it.fault = null;
        return it;
      };

      it('waits for what becomes of it: it is named where it goes on', async () => {
        const it = await fresh();
        const claim = versionWith(await it.store.describe(NAME), CLAIM_LABEL);
        it.store.before = async (method) => {
          if (method !== 'describe' || it.context.clock.slept.length < 3) return;
          it.store.before = () => undefined;
          await it.store.moveLabel(NAME, AWSPENDING, null, claim);
        };
        const error = await failureOf(it.rotate(unknown));
        assert.equal(error.code, 'CONFLICT');
        assert.match(error.message, /by tester@bench \(process 4711\) is under way/);
      });

      it('goes on after a minute where nothing does', async () => {
        const it = await fresh();
        assert.equal((await it.rotate(unknown)).outcome, 'rotated');
        const waited = it.context.clock.slept.reduce((sum, ms) => sum + ms, 0);
        assert.ok(waited >= 55_000 && waited <= 61_000, `waited ${String(waited)} ms`);
        await assertRotated(it);
      });

      it('goes on at once where its process is known to be gone', async () => {
        const it = await fresh();
        await it.rotate({ ...unknown, isRunning: () => false });
        assert.deepEqual(it.context.clock.slept, []);
        await assertRotated(it);
      });
    });

    it('never has two of them win', async () => {
      for (let round = 0; round < 50; round += 1) {
        const it = await rotationWorld('single', WITHOUT_ECS);
        // Calls take turns in another way each time.
        const wait = async () => {
          for (let n = Math.floor(Math.random() * 8); n > 0; n -= 1) await new Promise((go) => setImmediate(go));
        };
        it.store.before = wait;
        it.store.after = wait;
        const runner = (user: string) => ({ runner: { user, host: 'bench', pid: 1 }, isRunning: () => null });
        const ended = await Promise.allSettled([it.rotate(runner('ann')), it.rotate(runner('ben'))]);
        const lost = ended.filter((one) => one.status === 'rejected').map(({ reason }) => reason as JamfMcpError);
        assert.equal(lost.length, 1, 'one wins');
        assert.equal(lost[0]?.code, 'CONFLICT', lost[0]?.message);
        assert.match(lost[0].message, /by (ann|ben)@bench|has ended since this one began/);
        assert.equal(it.calls.filter((call) => call === 'mint').length, 1);
        await assertRotated(it);
      }
    });
  });

  describe('AWSPENDING of somebody else', () => {
    const OTHER = '00000000-0000-4000-8000-000000000002';
    const stale = new Map([[FIELD, new Secret('EXAMPLE-stale')]]);

    it('on a version of its own: is left alone, and told', async () => {
      const it = await rotationWorld();
      await it.store.put(NAME, stale, { token: OTHER, stages: [AWSPENDING] });
      for (const act of ['rotate', 'resume', 'undo'] as const) {
        const error = await failureOf(it[act]());
        assert.equal(error.code, 'CONFLICT');
        assert.match(error.message, new RegExp(`is on version ${OTHER}, which no rotation of this program put there`));
        assert.match(error.hint ?? '', /jamf-mcp rotate abort$/);
      }
      assert.equal(await pendingOf(it), OTHER);
    });

    it('on the current version, as a rotation function leaves it: is taken over', async () => {
      const it = await rotationWorld();
      await it.store.moveLabel(NAME, AWSPENDING, null, FIRST);
      assert.equal((await it.rotate()).outcome, 'rotated');
      await assertSound(it);
    });

    it('on the version that a rotation function of AWS made current: is taken over, too', async () => {
      const it = await rotationWorld();
      const runner = { user: 'a-request', host: 'jamf-mcp-rotation', pid: 0 };
      it.fault = { call: 'moveLabel 3', when: 'before', error: 'BUG', killed: true };
      await it.rotate({ runner }).catch(() => undefined);
      it.fault = null;
      assert.equal(await pendingOf(it), versionWith(await it.store.describe(NAME), AWSCURRENT));
      assert.equal((await it.rotate({ isRunning: () => null })).outcome, 'rotated');
      await assertSound(it);
    });

    it('on a version that a rotation function of AWS has stored: names the function', async () => {
      const it = await rotationWorld();
      it.fault = { call: 'put 2', when: 'after', error: 'BUG', killed: true };
      await it.rotate({ runner: { user: 'a-request', host: 'jamf-mcp-rotation', pid: 0 } }).catch(() => undefined);
      it.fault = null;
      const error = await failureOf(it.rotate({ isRunning: () => null }));
      assert.match(error.message, /by the rotation function jamf-mcp-rotation is under way/);
    });

    it('with a field of the name of a claim that is none', async () => {
      const it = await rotationWorld();
      for (const [n, text] of ['{}', 'no JSON', '{"rotationId":1}', 'null', '[]'].entries()) {
        const fields = new Map([...stale, [CLAIM_FIELD, new Secret(text)]]);
        await it.store.put(NAME, fields, {
          token: `00000000-0000-4000-8000-00000000001${String(n)}`,
          stages: [AWSPENDING],
        });
        assert.match((await failureOf(it.rotate())).message, /which no rotation of this program put there/);
      }
    });
  });
});
