import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { fileRecorder, readRecords, type RotationRecord } from '../../src/lib/rotation/record.ts';
import { readBreakGlass, recordBreakGlass } from '../../src/lib/secrets/breakglass.ts';
import { testContext } from '../support/context.ts';
import { failureOf, NAME, rotationWorld } from '../support/rotation-world.ts';

describe('records of rotations', () => {
  let folder: string;
  const which = { secret: NAME, environment: 'production', limit: 10 };
  const recorder = () => fileRecorder(folder, testContext());

  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'records-')), 'data');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('say what was done, by whom, when and why, and hold no value', async () => {
    const it = await rotationWorld('alternate');
    const result = await it.rotate({ recorder, reason: 'quarterly' });
    const text = await readFile(result.record ?? '', 'utf8');
    assert.doesNotMatch(text, /EXAMPLE-(value|kept)/);
    const [kept] = await readRecords(folder, which);
    assert.ok(kept);
    assert.equal(kept.problem, null);
    assert.equal(kept.path, result.record);
    const { record } = kept;
    assert.equal(record.kind, 'rotation');
    assert.equal(record.outcome, 'rotated');
    assert.equal(record.rotationId, result.rotationId);
    assert.deepEqual(record.secret, result.secret);
    assert.deepEqual(record.versions, { before: result.previousVersionId, after: result.versionId });
    assert.equal(record.by, 'tester@bench (process 4711)');
    assert.equal(record.reason, 'quarterly');
    assert.equal(record.deployment?.id, result.deployment?.id);
    assert.equal(record.before, 'accepted');
    assert.deepEqual(
      record.steps.map(({ name }) => name),
      result.steps.map(({ name }) => name).slice(0, -2),
      'every step before the record itself',
    );
    assert.ok(record.steps.every(({ durationMs }) => durationMs !== null));
  });

  it('are only for their owner', async () => {
    const it = await rotationWorld('alternate');
    const { record } = await it.rotate({ recorder });
    assert.equal((await stat(record ?? '')).mode & 0o077, 0);
    assert.equal((await stat(join(folder, 'rotations'))).mode & 0o077, 0);
  });

  it('tell of any change that was made to them', async () => {
    const it = await rotationWorld('alternate');
    const { record: path } = await it.rotate({ recorder });
    const text = await readFile(path ?? '', 'utf8');
    await writeFile(path ?? '', text.replace('"rotated"', '"undone"'));
    assert.equal((await readRecords(folder, which))[0]?.problem, 'has been changed');
    await writeFile(path ?? '', text);
    assert.equal((await readRecords(folder, which))[0]?.problem, null);
    await rm(join(folder, 'breakglass.key'));
    assert.match((await readRecords(folder, which))[0]?.problem ?? '', /the key is gone/);
  });

  it('of one secret and environment come newest first, and only as many as asked for', async () => {
    const it = await rotationWorld('alternate');
    for (let n = 0; n < 3; n += 1) {
      await it.rotate({ recorder });
      it.context.clock.advance(1_000);
    }
    await it.rotate({ recorder, environment: 'staging' });
    await writeFile(join(folder, 'rotations', 'torn.json'), '{"record":');
    await writeFile(join(folder, 'rotations', 'other.json'), '{"record":{"format":2,"endedAt":"x"},"signature":""}');
    const all = await readRecords(folder, which);
    assert.equal(all.length, 3);
    const times = all.map(({ record }) => record.endedAt);
    assert.deepEqual(times, times.toSorted().reverse());
    assert.equal((await readRecords(folder, { ...which, limit: 1 })).length, 1);
    assert.deepEqual(await readRecords(join(folder, 'nowhere'), which), []);
  });

  it('share their key with the break-glass log', async () => {
    const it = await rotationWorld('alternate');
    await it.rotate({ recorder });
    const at = '2026-11-22T00:00:00.000Z';
    const entry = { at, secret: NAME, store: 'aws', environment: 'production', action: 'reveal', reason: 'a test' };
    await recordBreakGlass(folder, { ...entry, fields: [], user: null }, testContext());
    assert.deepEqual((await readBreakGlass(folder)).problems, []);
    assert.equal((await readRecords(folder, which))[0]?.problem, null);
  });

  it('that cannot be written stop a rotation before anything is changed', async () => {
    const it = await rotationWorld('single');
    await writeFile(folder, 'a file where the folder should be');
    const error = await failureOf(it.rotate({ recorder }));
    assert.equal(error.code, 'INPUT_INVALID');
    assert.match(error.message, /^the record of the rotation cannot be kept in /);
    assert.match(error.hint ?? '', /localStore/);
    assert.ok(!it.calls.includes('mint') && !it.calls.includes('put'));
  });

  it('that cannot be written at the end leave the rotation open, until they can', async () => {
    const it = await rotationWorld('single');
    await recorder().prepare();
    let broken = true;
    const late = () => ({
      prepare: () => Promise.resolve(),
      write: (record: RotationRecord) =>
        broken ? Promise.reject(new JamfMcpError('INPUT_INVALID', 'the disk is full')) : recorder().write(record),
    });
    const error = await failureOf(it.rotate({ recorder: late }));
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /^record failed: the disk is full; .* only the end is left/);
    broken = false;
    const result = await it.resume({ recorder: late });
    assert.equal(result.outcome, 'resumed');
    assert.equal((await readRecords(folder, which))[0]?.record.outcome, 'resumed');
    await chmod(folder, 0o700);
  });
});
