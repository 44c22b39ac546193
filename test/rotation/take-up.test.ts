import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { claimIdOf, claimIn } from '../../src/lib/rotation/claim.ts';
import { AWSCURRENT, AWSPENDING, versionWith } from '../../src/lib/secrets/store.ts';
import {
  assertSound,
  currentValue,
  failureOf,
  FIELD,
  FIRST,
  NAME,
  rotationWorld,
  type Kind,
  type World,
} from '../support/rotation-world.ts';

/** What a command tells of a rotation that has ended while it looked. */
const ENDED_MEANWHILE = {
  resume: /^nothing$/,
  abort: /^nothing$/,
  undo: /^undone$/,
  rotate: /^CONFLICT: another rotation of \S+ has ended since this one began: version \S+ is AWSCURRENT now/,
};

/** A rotation that was killed at a call. */
async function killedAt(call: string, kind: Kind = 'single', when: 'before' | 'after' = 'after'): Promise<World> {
  const it = await rotationWorld(kind);
  it.fault = { call, when, error: 'BUG', killed: true };
  await it.rotate().catch(() => undefined);
  it.fault = null;
  it.calls.length = 0;
  return it;
}

const labelled = async ({ store }: World, label: string) => versionWith(await store.describe(NAME), label);

/** Somebody sets a field while the rotation stands still. */
async function setOther(it: World, value: string): Promise<void> {
  const { fields } = await it.store.read(NAME, { stage: AWSCURRENT });
  const token = '00000000-0000-4000-8000-0000000000bb';
  await it.store.put(NAME, new Map([...fields, ['OTHER', new Secret(value)]]), {
    token,
    stages: [AWSCURRENT],
  });
}

describe('rotate resume', () => {
  it('has nothing to do where nothing is under way', async () => {
    const it = await rotationWorld();
    const result = await it.resume();
    assert.equal(result.outcome, 'nothing');
    assert.equal(result.versionId, FIRST);
    assert.deepEqual(it.context.questions, []);
  });

  it('redeploys the service of the claim, without being told which', async () => {
    const it = await killedAt('moveLabel 2');
    const result = await it.resume({ ecs: null });
    assert.equal(result.deployment?.state, 'steady');
    await assertSound(it);
  });

  it('leaves the tasks alone where that is said', async () => {
    const it = await killedAt('moveLabel 2');
    const result = await it.resume({ noDeploy: true });
    assert.equal(result.deployment, null);
    assert.ok(!it.calls.includes('force'));
  });

  it('mints again with what the claim kept, under a claim of its own that follows the first', async () => {
    const it = await killedAt('mint 1');
    const lost = [...it.live];
    const first = await labelled(it, AWSPENDING);
    const result = await it.resume();
    assert.equal(result.outcome, 'resumed');
    await assertSound(it);
    assert.ok(!it.live.has(lost[0] ?? ''), 'what was lost is of no use any more');
    const claimId = claimIdOf(result.rotationId ?? '');
    assert.notEqual(claimId, first);
    const claim = claimIn((await it.store.read(NAME, { versionId: claimId })).fields);
    assert.equal(claim?.follows.length, 1);
    assert.deepEqual(it.records.at(-1)?.follows, claim.follows);
    assert.ok((result.windowMs ?? 0) >= 60_000, 'the window counts from the first one');
  });

  it('says what helps where nothing is left that mints', async () => {
    const it = await killedAt('mint 1');
    it.tokenLives = false;
    const error = await failureOf(it.resume());
    assert.equal(error.code, 'CREDENTIALS_REFUSED');
    assert.notEqual(await labelled(it, AWSPENDING), null, 'it stays open');
    it.rotator = true;
    await it.resume();
    await assertSound(it);
  });

  it('stays open where the issuer refuses to make another', async () => {
    const it = await killedAt('mint 1');
    it.fault = { call: 'mint 1', when: 'before', error: 'ACCESS_DENIED', killed: false };
    assert.equal((await failureOf(it.resume())).code, 'PARTIAL');
    assert.notEqual(await labelled(it, AWSPENDING), null, 'what was begun may have killed the value in use');
    await it.resume();
    await assertSound(it);
  });

  it('does not promote a staged value that is refused by now, but makes another', async () => {
    const it = await killedAt('put 2');
    it.live = new Set(['EXAMPLE-made-by-hand']);
    const result = await it.resume();
    assert.equal(result.outcome, 'resumed');
    assert.ok(it.calls.includes('mint'));
    await assertSound(it);
  });

  it('does not roll a promoted value out that is refused by now, but makes another', async () => {
    const it = await killedAt('moveLabel 2');
    it.live = new Set(['EXAMPLE-made-by-hand']);
    await it.resume();
    assert.ok(it.calls.includes('mint'));
    await assertSound(it);
  });

  it('tells the issuer of a draft again, whose answer may have been lost', async () => {
    const it = await killedAt('put 2', 'drafted');
    assert.ok(it.live.has('EXAMPLE-value-0'), 'not told yet');
    await it.resume();
    await assertSound(it);
  });

  for (const kind of ['single', 'alternate', 'drafted', 'here'] as const) {
    it(`keeps a change that somebody made meanwhile, ${kind}`, async () => {
      const it = await killedAt('put 2', kind);
      const { fields } = await it.store.read(NAME, { stage: AWSPENDING });
      await setOther(it, 'EXAMPLE-changed-meanwhile');
      const result = await it.resume();
      assert.equal(result.outcome, 'resumed');
      const current = await it.store.read(NAME, { stage: AWSCURRENT });
      assert.equal(current.fields.get('OTHER')?.reveal(), 'EXAMPLE-changed-meanwhile');
      assert.equal(current.fields.get(FIELD)?.reveal(), fields.get(FIELD)?.reveal(), 'nothing was made again');
      assert.equal(await labelled(it, AWSPENDING), null);
    });
  }

  it('goes on beside a change that came between the staging and the promotion', async () => {
    const it = await rotationWorld('single', { ecs: false });
    it.store.before = async (method) => {
      if (method !== 'moveLabel' || !it.calls.includes('test')) return;
      it.store.before = () => undefined;
      await setOther(it, 'EXAMPLE-changed-meanwhile');
    };
    const error = await failureOf(it.rotate());
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /^promote failed: .*changed by somebody else/);
    await it.resume();
    const current = await it.store.read(NAME, { stage: AWSCURRENT });
    assert.equal(current.fields.get('OTHER')?.reveal(), 'EXAMPLE-changed-meanwhile');
    assert.ok(it.live.has(current.fields.get(FIELD)?.reveal() ?? ''));
  });

  it('of two at once, makes one value', async () => {
    for (let round = 0; round < 50; round += 1) {
      const it = await killedAt('mint 1', 'single');
      const wait = async () => {
        for (let n = Math.floor(Math.random() * 6); n > 0; n -= 1) await new Promise((go) => setImmediate(go));
      };
      it.store.before = wait;
      it.store.after = wait;
      const runner = (user: string) => ({ runner: { user, host: 'bench', pid: 1 }, isRunning: () => null });
      const ended = await Promise.allSettled([it.resume(runner('ann')), it.resume(runner('ben'))]);
      assert.ok(
        ended.some(({ status }) => status === 'fulfilled'),
        ended.map((one) => (one.status === 'rejected' ? String(one.reason) : '')).join(),
      );
      it.store.before = () => undefined;
      it.store.after = () => undefined;
      await it.resume();
      await assertSound(it);
    }
  });

  for (const verb of ['resume', 'rotate', 'abort', 'undo'] as const) {
    it(`takes one that comes to its end just then for what it is: ${verb}`, async () => {
      const it = await killedAt('moveLabel 2', 'alternate');
      // Its process writes the record and takes the last label off after the labels were read, and is gone when asked.
      it.store.before = async (method) => {
        if (method !== 'describe' || !asked) return;
        it.store.before = () => undefined;
        await it.resume();
      };
      let asked = false;
      const isRunning = () => {
        asked = true;
        return false;
      };
      const outcome = await it[verb]({ isRunning }).then(
        (result) => result.outcome,
        (error: unknown) => (error instanceof JamfMcpError ? `${error.code}: ${error.message}` : String(error)),
      );
      assert.equal(it.records[0]?.outcome, 'resumed');
      assert.match(outcome, ENDED_MEANWHILE[verb]);
      await assertSound(it);
      assert.equal(it.records.length, verb === 'undo' ? 2 : 1);
    });
  }

  it('is finished only when that is confirmed', async () => {
    const it = await killedAt('put 2');
    it.context.answer(false);
    assert.equal((await failureOf(it.resume())).code, 'DECLINED');
    assert.equal(await labelled(it, AWSCURRENT), FIRST);
  });

  it('plans on a dry run, and changes nothing', async () => {
    const it = await killedAt('put 2');
    const before = structuredClone(it.store.documents.get(NAME));
    const { outcome, steps } = await it.resume({ dryRun: true });
    assert.equal(outcome, 'planned');
    assert.equal(steps.find(({ name }) => name === 'stage')?.state, 'skipped');
    assert.equal(steps.find(({ name }) => name === 'promote')?.state, 'planned');
    assert.deepEqual(it.store.documents.get(NAME), before);
  });
});

describe('rotate abort', () => {
  for (const [what, call, kind] of [
    ['a claim before anything was made', 'moveLabel 1', 'single'],
    ['a claim of two clients, whatever was made', 'mint 1', 'alternate'],
    ['a staged value of two clients', 'put 2', 'alternate'],
    ['a staged draft that the issuer was told', 'mint 1', 'drafted'],
    ['a staged draft', 'put 2', 'here'],
  ] as const) {
    it(`gives up ${what}`, async () => {
      const it = await killedAt(call, kind);
      const result = await it.abort();
      assert.equal(result.outcome, 'withdrawn');
      assert.equal(await labelled(it, AWSCURRENT), FIRST);
      assert.equal(await currentValue(it), 'EXAMPLE-value-0');
      assert.equal(it.records.at(-1)?.outcome, 'withdrawn');
      await assertSound(it);
      assert.equal((await it.rotate()).outcome, 'rotated', 'the next one begins anew');
      await assertSound(it);
    });
  }

  for (const [what, call] of [
    ['a new value may have been made and lost', 'mint 1'],
    ['the value before is dead', 'put 2'],
  ] as const) {
    it(`does not where ${what}, and names what helps`, async () => {
      const it = await killedAt(call);
      const before = structuredClone(it.store.documents.get(NAME));
      const error = await failureOf(it.abort());
      assert.equal(error.code, 'CONFLICT');
      assert.match(error.message, /Jamf refuses the value that is current: .*does not work; nothing was changed/);
      assert.match(error.hint ?? '', /^finish it with: jamf-mcp rotate resume/);
      assert.deepEqual(it.store.documents.get(NAME), before);
      await it.resume();
      await assertSound(it);
    });
  }

  it('waits with the question until the issuer has had the time to know', async () => {
    const it = await killedAt('moveLabel 1');
    const { slept } = it.context.clock;
    await it.abort();
    const waited = slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 20_000 && waited <= 30_000, `waited ${String(waited)} ms`);
  });

  it('does not hide a roll-out that is not finished', async () => {
    const it = await killedAt('moveLabel 2');
    const error = await failureOf(it.abort());
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.hint ?? '', /jamf-mcp rotate resume; or .*jamf-mcp rotate undo$/);
  });

  it('nor a way back that is not finished', async () => {
    const it = await rotationWorld('alternate');
    it.deployments = ['failed', 'failed'];
    await failureOf(it.rotate());
    const error = await failureOf(it.abort());
    assert.match(error.message, /is going back to version/);
    await failureOf(it.resume());
    await assertSound(it);
  });

  it('takes the label of a stopped rotation function off', async () => {
    const it = await rotationWorld();
    const token = '00000000-0000-4000-8000-0000000000aa';
    await it.store.put(NAME, new Map([[FIELD, new Secret('EXAMPLE-stale')]]), { token, stages: [AWSPENDING] });
    assert.equal((await it.abort()).outcome, 'withdrawn');
    await assertSound(it);
  });

  it('has nothing to do where nothing is under way', async () => {
    assert.equal((await (await rotationWorld()).abort()).outcome, 'nothing');
  });
});

describe('rotate undo', () => {
  for (const kind of ['alternate', 'drafted', 'here'] as const) {
    it(`brings the version before back into every task, ${kind}`, async () => {
      const it = await rotationWorld(kind);
      const rotated = await it.rotate();
      const undone = await it.undo();
      assert.equal(undone.outcome, 'undone');
      assert.equal(undone.versionId, FIRST);
      assert.equal(undone.previousVersionId, rotated.versionId);
      assert.equal(it.tasks, 'EXAMPLE-value-0');
      assert.equal(it.records.at(-1)?.outcome, 'undone');
      await assertSound(it);
    });
  }

  it('refuses where the value before is dead, and names what helps', async () => {
    const it = await rotationWorld('single');
    const { versionId } = await it.rotate();
    const error = await failureOf(it.undo());
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.message, /cannot be undone: Jamf refuses the value before, .*nothing was changed$/);
    assert.equal(
      error.hint,
      'make a new value instead: jamf-mcp rotate --force-deploy --cluster tools --service server',
    );
    assert.equal(await labelled(it, AWSCURRENT), versionId);
    assert.equal(await labelled(it, AWSPENDING), null);
  });

  it('does not take away what came after the rotation', async () => {
    const it = await rotationWorld('alternate');
    await it.rotate();
    await setOther(it, 'EXAMPLE-later');
    const error = await failureOf(it.undo());
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.message, /did not come of a rotation/);
    assert.match(error.hint ?? '', /secrets rollback/);
  });

  it('goes back from a rotation whose end is still to come', async () => {
    const it = await killedAt('moveLabel 2', 'alternate');
    const undone = await it.undo();
    assert.equal(undone.outcome, 'undone');
    assert.equal(await labelled(it, AWSCURRENT), FIRST);
    await assertSound(it);
  });

  it('has nothing to undo of one that is not current yet', async () => {
    const it = await killedAt('put 2', 'alternate');
    const error = await failureOf(it.undo());
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.hint ?? '', /rotate abort; or finish it: jamf-mcp rotate resume$/);
  });

  it('is taken up by resume', async () => {
    const it = await rotationWorld('alternate');
    await it.rotate();
    it.fault = { call: 'moveLabel 2', when: 'after', error: 'BUG', killed: true };
    await it.undo().catch(() => undefined);
    it.fault = null;
    const result = await it.resume();
    assert.equal(result.outcome, 'undone');
    assert.equal(it.records.at(-1)?.kind, 'undo');
    await assertSound(it);
  });

  for (const call of ['moveLabel 1', 'moveLabel 2', 'force 1', 'record 1']) {
    it(`that stopped at ${call} is not gone on with by rotate, which names resume; that finishes it`, async () => {
      const it = await rotationWorld('alternate');
      await it.rotate();
      it.fault = { call, when: 'after', error: 'BUG', killed: true };
      await failureOf(it.undo());
      it.fault = null;
      const error = await failureOf(it.rotate());
      assert.equal(error.code, 'CONFLICT');
      assert.match(error.message, /^an undo of \S+ by tester@bench .* is under way/);
      assert.equal(error.hint, 'its process is gone: go on with: jamf-mcp rotate resume');
      assert.equal((await it.resume()).outcome, 'undone');
      assert.equal(await labelled(it, AWSCURRENT), FIRST);
      await assertSound(it);
      assert.equal((await it.rotate()).outcome, 'rotated', 'and then rotates');
      await assertSound(it);
    });
  }

  it('can be given up before it moved anything', async () => {
    const it = await rotationWorld('alternate');
    const { versionId } = await it.rotate();
    it.fault = { call: 'moveLabel 1', when: 'after', error: 'BUG', killed: true };
    await it.undo().catch(() => undefined);
    it.fault = null;
    assert.equal((await it.abort()).outcome, 'withdrawn');
    assert.equal(await labelled(it, AWSCURRENT), versionId);
    await assertSound(it);
  });
});

describe('two that go on with one rotation', () => {
  const stopped = ['put 2', 'moveLabel 2', 'force 1'] as const;
  const SECOND = { user: 'bob', host: 'b', pid: 2 };

  for (const call of stopped) {
    it(`of two resumptions after ${call}, the one that comes while the other is at it is told of it`, async () => {
      const it = await killedAt(call, 'alternate');
      it.fault = { call: 'watch 1', when: 'before', error: 'BUG', killed: true };
      await it.resume({ runner: SECOND }).catch(() => undefined);
      it.fault = null;
      for (const act of ['resume', 'undo', 'abort', 'rotate'] as const) {
        const error = await failureOf(it[act]({ isRunning: ({ pid }) => pid === SECOND.pid }));
        assert.equal(error.code, 'CONFLICT');
        assert.match(error.message, /by bob@b \(process 2\) is under way/);
        assert.equal(error.hint, 'wait until it has ended; where it stands: jamf-mcp rotate status');
      }
      await it.resume();
      await assertSound(it);
    });

    it(`of two resumptions after ${call} that looked at the same time, one goes on`, async () => {
      const it = await killedAt(call, 'alternate');
      let inner: unknown = null;
      it.store.before = async (method) => {
        if (method !== 'put') return;
        it.store.before = () => undefined;
        inner = await it.resume({ runner: SECOND });
      };
      const error = await failureOf(it.resume());
      assert.equal(error.code, 'CONFLICT');
      assert.equal((inner as { outcome: string }).outcome, 'resumed');
      await assertSound(it);
    });
  }
});
