import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { Secret } from '../../src/lib/redact.ts';
import { fileRecorder } from '../../src/lib/rotation/record.ts';
import { drawStatus } from '../../src/lib/rotation/report-status.ts';
import { hasDoubt, rotationStatus, type StatusResult } from '../../src/lib/rotation/status.ts';
import { AWSPENDING } from '../../src/lib/secrets/store.ts';
import { testContext } from '../support/context.ts';
import { command, RUNNER } from '../support/rotation.ts';
import { FIELD, FIRST, NAME, rotationWorld, type World } from '../support/rotation-world.ts';

describe('rotate status', () => {
  let folder: string;
  const draw = (result: StatusResult) => drawStatus(result, { ink: new Chalk({ level: 0 }), width: 200 });
  const statusOf = (it: World, running: boolean | null = null, runner = RUNNER) =>
    rotationStatus(
      {
        store: it.store,
        secret: NAME,
        environment: 'production',
        aws: {},
        folder,
        limit: 5,
        isRunning: () => running,
        runner,
        command,
      },
      it.context,
    );
  const killedAt = async (call: string, kind: World['kind'] = 'single') => {
    const it = await rotationWorld(kind, { ecs: false });
    it.fault = { call, when: 'after', error: 'BUG', killed: true };
    await it.rotate({ reason: 'leaver' }).catch(() => undefined);
    it.fault = null;
    return it;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'status-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('says that nothing is under way', async () => {
    const it = await rotationWorld();
    const result = await statusOf(it);
    assert.deepEqual(result, {
      secret: { name: NAME, arn: result.secret.arn, store: 'aws', environment: 'production' },
      state: 'free',
      versionId: FIRST,
      pendingId: null,
      rotation: null,
      deployment: null,
      next: null,
      records: [],
      unreadable: [],
      missing: null,
    });
    assert.match(draw(result), /^no rotation is under way of jamf-mcp-server\/production/);
  });

  for (const [call, state, far] of [
    ['moveLabel 1', 'claimed', /it has claimed the secret/],
    ['put 2', 'staged', /stored as AWSPENDING and not current yet/],
    ['moveLabel 2', 'promoted', /its new value is AWSCURRENT/],
  ] as const) {
    it(`tells how far one has come, whose it is, and what to type: ${state}`, async () => {
      const it = await killedAt(call);
      const result = await statusOf(it);
      assert.equal(result.state, state);
      assert.equal(result.next, 'jamf-mcp rotate resume');
      assert.deepEqual(result.rotation?.by, { user: 'tester', host: 'bench', pid: 4711 });
      assert.equal(result.rotation.reason, 'leaver');
      assert.equal(result.rotation.running, null);
      const text = draw(result);
      assert.match(text, far);
      assert.match(text, /begun by {2}tester@bench \(process 4711\); whether it still runs is not known here/);
      assert.match(text, /\nnext: jamf-mcp rotate resume$/);
      assert.doesNotMatch(JSON.stringify(result) + text, /EXAMPLE-(value|kept)/);
    });
  }

  it('names nothing to type while the process still runs', async () => {
    const it = await killedAt('put 2');
    const result = await statusOf(it, true);
    assert.equal(result.next, null);
    assert.match(draw(result), /still running/);
  });

  it('tells of an undo', async () => {
    const it = await rotationWorld('alternate', { ecs: false });
    await it.rotate();
    it.fault = { call: 'moveLabel 1', when: 'after', error: 'BUG', killed: true };
    await it.undo().catch(() => undefined);
    const result = await statusOf(it);
    assert.equal(result.state, 'undoing');
    assert.match(draw(result), /^an undo is under way/);
  });

  it('tells of a label that is not ours', async () => {
    const it = await rotationWorld();
    const token = '00000000-0000-4000-8000-0000000000aa';
    await it.store.put(NAME, new Map([[FIELD, new Secret('EXAMPLE-stale')]]), { token, stages: [AWSPENDING] });
    const result = await statusOf(it);
    assert.equal(result.state, 'foreign');
    assert.equal(result.pendingId, token);
    assert.equal(result.next, 'jamf-mcp rotate abort');
    assert.match(draw(result), /AWSPENDING is on a version that is not ours/);
  });

  it('lists the last records', async () => {
    const it = await rotationWorld('alternate', { ecs: false });
    await it.rotate({ recorder: () => fileRecorder(folder, testContext()), reason: 'quarterly' });
    const result = await statusOf(it);
    assert.equal(result.records.length, 1);
    assert.equal(result.records[0]?.outcome, 'rotated');
    assert.equal(result.records[0].problem, null);
    assert.match(draw(result), /ENDED +OUTCOME +FIELDS/);
  });

  it('escapes what a claim says', async () => {
    const it = await rotationWorld('single', { ecs: false });
    it.fault = { call: 'put 2', when: 'after', error: 'BUG', killed: true };
    await it
      .rotate({ reason: 'a\u001b[2Jb', runner: { user: 'x\u001b]0;y\u0007', host: 'h', pid: 1 } })
      .catch(() => undefined);
    assert.doesNotMatch(draw(await statusOf(it)), /[\u001b\u0007]/);
  });

  describe('records that are not as they were written', () => {
    const rotated = async () => {
      await rm(join(folder, 'rotations'), { recursive: true, force: true });
      const it = await rotationWorld();
      const { rotationId, record } = await it.rotate({ recorder: (context) => fileRecorder(folder, context) });
      assert.ok(record !== null && rotationId !== null);
      assert.equal(hasDoubt(await statusOf(it)), false);
      return { it, record, rotationId };
    };

    it('tells of one that was overwritten', async () => {
      const { it, record, rotationId } = await rotated();
      await writeFile(record, '{');
      const result = await statusOf(it);
      assert.deepEqual(result.unreadable, [record]);
      assert.equal(result.missing, rotationId);
      assert.equal(hasDoubt(result), true);
      assert.match(draw(result), new RegExp(`${record} is no record any more`));
    });

    it('tells of one that was deleted, and not of those of others', async () => {
      const { it, record, rotationId } = await rotated();
      await rm(record);
      const result = await statusOf(it);
      assert.deepEqual([result.missing, result.unreadable], [rotationId, []]);
      assert.match(draw(result), new RegExp(`no record of the rotation ${rotationId} is kept here`));
      const others = await statusOf(it, null, { ...RUNNER, host: 'another' });
      assert.equal(others.missing, null);
    });

    it('has a doubt about one that was edited', async () => {
      const { it, record } = await rotated();
      await writeFile(record, (await readFile(record, 'utf8')).replace('"rotated"', '"undone"'));
      const result = await statusOf(it);
      assert.equal(result.records[0]?.problem, 'has been changed');
      assert.equal(hasDoubt(result), true);
    });
  });
});
