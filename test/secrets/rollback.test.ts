import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Chalk } from 'chalk';
import { drawRollback } from '../../src/lib/secrets/report-life.ts';
import { rollbackSecret, type RollbackRequest } from '../../src/lib/secrets/rollback.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith } from '../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { killAtEveryCall } from '../support/crash.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { withSandbox } from '../support/sandbox.ts';
import { assertInvariants, fields, plain, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';
const MARK = 'JAMFMCPROLLEDBACK';

const OLD = {
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_SECRET: 'EXAMPLE-a',
  REQUIRED_SCOPES: 'read:jamf',
};
const NEW = { ...OLD, REQUIRED_SCOPES: 'read:jamf write:jamf' };

/** A secret with a version for each of the values, the last one current. */
async function storeOf(...all: Record<string, string>[]): Promise<{ store: MemoryStore; ids: string[] }> {
  const store = memoryStore({ tagged: (name) => schemaOf(name) });
  const [first = {}, ...rest] = all;
  const created = { name: NAME, description: '', tags: {}, fields: fields(first), token: randomUUID() };
  const ids = [(await store.create(created)).versionId];
  for (const raw of rest) {
    ids.push((await store.put(NAME, fields(raw), { token: randomUUID(), stages: [AWSCURRENT] })).versionId);
  }
  store.calls.length = 0;
  return { store, ids };
}

describe('secrets rollback', () => {
  let context: TestContext;
  beforeEach(() => {
    context = testContext();
  });

  const request = (store: MemoryStore, more: Partial<RollbackRequest> = {}): RollbackRequest => ({
    store,
    secret: NAME,
    environment: 'production',
    to: AWSPREVIOUS,
    force: false,
    dryRun: false,
    ...more,
  });

  it('names a version that there is not as a version', async () => {
    const { store } = await storeOf({ A: 'EXAMPLE-1' });
    const to = '5f0c5e5e-0000-4000-8000-000000000000';
    const { message, hint } = await rejectsWith('VERSION_NOT_FOUND', rollbackSecret(request(store, { to }), context));
    assert.match(message, /has no version 5f0c5e5e-\S+ with a value$/);
    assert.match(hint ?? '', /secrets history/);
  });
  const labels = async (store: MemoryStore) => {
    const info = await store.describe(NAME);
    return [AWSCURRENT, AWSPREVIOUS, AWSPENDING, MARK].map((label) => versionWith(info, label));
  };
  const changes = (store: MemoryStore) => store.calls.filter((call) => /^(put|moveLabel|create) /.test(call));

  it('makes the version before current, by labels alone, once the name is typed', async () => {
    const { store, ids } = await storeOf(OLD, NEW);
    context.answer(true);
    const result = await rollbackSecret(request(store), context);
    assert.deepEqual(await labels(store), [ids[0], ids[1], null, ids[1]]);
    assert.deepEqual(plain((await store.read(NAME, { stage: AWSCURRENT })).fields), OLD);
    assert.equal((await store.versions(NAME)).length, 2, 'no version is written');
    assert.deepEqual([result.versionId, result.previousVersionId, result.changed], [ids[0], ids[1], true]);
    assert.deepEqual(
      result.fields.map(({ name, change, from, to }) => [name, change, from?.value, to?.value]),
      [['REQUIRED_SCOPES', 'changed', NEW.REQUIRED_SCOPES, OLD.REQUIRED_SCOPES]],
    );
    assert.deepEqual(
      result.steps.map(({ name, state }) => [name, state]),
      [
        ['verify', 'skipped'],
        ['move', 'done'],
      ],
    );
    assert.equal(context.questions[0]?.kind, 'confirm-name');
    assert.equal(context.events[0]?.kind, 'target');
    await assertInvariants(store, NAME);
  });

  it('asks y/N outside production, and changes nothing when declined or on a dry run', async () => {
    const { store, ids } = await storeOf(OLD, NEW);
    context.answer(false);
    await rejectsWith('DECLINED', rollbackSecret(request(store, { environment: 'staging' }), context));
    assert.equal(context.questions[0]?.kind, 'confirm');
    await rejectsWith('CONFIRMATION_REQUIRED', rollbackSecret(request(store), context));
    const dry = await rollbackSecret(request(store, { dryRun: true }), context);
    assert.deepEqual([dry.changed, dry.versionId, dry.steps.at(-1)?.state], [false, ids[0], 'planned']);
    assert.deepEqual(changes(store), []);
  });

  it('the same command again does not undo it; naming the version goes forward', async () => {
    const { store, ids } = await storeOf(OLD, NEW);
    context.answer(true, true, true);
    await rollbackSecret(request(store), context);
    const again = await rollbackSecret(request(store), context);
    assert.deepEqual([again.changed, again.versionId], [false, ids[0]]);
    assert.match(again.steps.at(-1)?.text ?? '', new RegExp(`already; --to ${ids[1] ?? ''}`));
    assert.deepEqual((await labels(store)).slice(0, 2), [ids[0], ids[1]]);
    await rollbackSecret(request(store, { to: ids[1] ?? '' }), context);
    assert.deepEqual((await labels(store)).slice(0, 2), [ids[1], ids[0]]);
    // and a version written since can be rolled back from as ever
    await store.put(NAME, fields(OLD), { token: randomUUID(), stages: [AWSCURRENT] });
    await rollbackSecret(request(store), context);
    assert.deepEqual((await labels(store)).slice(0, 1), [ids[1]]);
  });

  it('goes to any version by id or label, unlabelled ones too', async () => {
    const { store, ids } = await storeOf(OLD, NEW, { ...NEW, X: 'EXAMPLE-x' });
    context.answer(true, true);
    await rollbackSecret(request(store, { to: ids[0] ?? '' }), context);
    assert.deepEqual(await labels(store), [ids[0], ids[2], null, ids[2]]);
    await store.moveLabel(NAME, 'release-1', null, ids[1] ?? '');
    await rollbackSecret(request(store, { to: 'release-1' }), context);
    assert.deepEqual(await labels(store), [ids[1], ids[0], null, ids[0]]);
    const same = await rollbackSecret(request(store, { to: AWSCURRENT }), context);
    assert.deepEqual([same.changed, same.steps.at(-1)?.text], [false, `version ${ids[1] ?? ''} is current already`]);
  });

  it('tells what is not there', async () => {
    const { store } = await storeOf(OLD);
    await rejectsWith('VERSION_NOT_FOUND', rollbackSecret(request(store), context));
    await rejectsWith('VERSION_NOT_FOUND', rollbackSecret(request(store, { to: randomUUID() }), context));
    await rejectsWith('SECRET_NOT_FOUND', rollbackSecret(request(store, { secret: 'other' }), context));
    store.scheduleDeletion(NAME);
    await rejectsWith('SECRET_DELETED', rollbackSecret(request(store), context));
  });

  it('refuses while a rotation is under way', async () => {
    const { store, ids } = await storeOf(OLD, NEW);
    const pending = randomUUID();
    await store.put(NAME, fields(NEW), { token: pending, stages: [AWSPENDING] });
    const error = await rejectsWith('CONFLICT', rollbackSecret(request(store), context));
    assert.match(error.message, new RegExp(`being rotated \\(AWSPENDING is on version ${pending}`));
    assert.match(error.hint ?? '', /jamf-mcp rotate/);
    assert.deepEqual(await labels(store), [ids[1], ids[0], pending, null]);
  });

  it('takes AWSPENDING off the version it leaves, and leaves it on the one it goes to', async () => {
    for (const [on, left] of [
      [1, null],
      [0, 0],
    ] as const) {
      const { store, ids } = await storeOf(OLD, NEW);
      await store.moveLabel(NAME, AWSPENDING, null, ids[on] ?? '');
      context.answer(true);
      await rollbackSecret(request(store), context);
      assert.deepEqual(await labels(store), [ids[0], ids[1], left === null ? null : ids[left], ids[1]]);
    }
  });

  it('loses against a write at the same time, and leaves no mark', async () => {
    const { store, ids } = await storeOf(OLD, NEW);
    let moves = 0;
    store.before = async (method) => {
      if (method !== 'moveLabel' || (moves += 1) !== 2) return;
      await store.put(NAME, fields({ X: 'EXAMPLE-x' }), { token: randomUUID(), stages: [AWSCURRENT] });
    };
    context.answer(true);
    await rejectsWith('CONFLICT', rollbackSecret(request(store), context));
    assert.deepEqual(plain((await store.read(NAME, { stage: AWSCURRENT })).fields), { X: 'EXAMPLE-x' });
    assert.deepEqual((await labels(store)).slice(1), [ids[1], null, null]);
  });

  it('killed at any call to the store, is finished by running it again', async () => {
    const calls = await killAtEveryCall(
      async () => {
        const { store, ids } = await storeOf(OLD, NEW);
        await store.moveLabel(NAME, AWSPENDING, null, ids[1] ?? '');
        return { stores: [store] as const, ids };
      },
      ({ stores: [store] }) => {
        const own = testContext();
        own.answer(true);
        return rollbackSecret(request(store), own);
      },
      async ({ stores: [store], ids }, when) => {
        assert.deepEqual(await labels(store), [ids[0], ids[1], null, ids[1]], when);
        await assertInvariants(store, NAME);
      },
    );
    assert.equal(calls, 6, 'describe, two reads, and three moves');
  });

  describe('with a Jamf that answers', () => {
    const sandbox = withSandbox();
    const dead = () => ({ ...sandbox().fields, JAMF_CLIENT_SECRET: 'EXAMPLE-dead' });
    const asked = () => sandbox().calls.filter(({ service }) => service === 'jamf').length;

    it('goes back to a client that Jamf still accepts', async () => {
      const { store, ids } = await storeOf(sandbox().fields, dead());
      context.answer(true);
      const result = await rollbackSecret(request(store), context);
      assert.equal(result.verified?.url, sandbox().jamfUrl);
      assert.deepEqual((await labels(store)).slice(0, 2), [ids[0], ids[1]]);
      assert.ok(asked() > 0);
    });

    it('refuses one that Jamf refuses, on a dry run too, and names what is needed', async () => {
      const { store } = await storeOf(dead(), sandbox().fields);
      for (const dryRun of [false, true]) {
        const error = await rejectsWith('CONFLICT', rollbackSecret(request(store, { dryRun }), context));
        assert.equal(error.exit, 1);
        assert.match(error.message, /Jamf does not accept the client secret of version/);
        assert.match(error.hint ?? '', /jamf-mcp rotate/);
      }
      assert.deepEqual(changes(store), []);
      assert.deepEqual(context.questions, []);
    });

    it('goes back all the same with force, after a warning', async () => {
      const { store, ids } = await storeOf(dead(), sandbox().fields);
      context.answer(true);
      const result = await rollbackSecret(request(store, { force: true }), context);
      const [verifying] = result.steps;
      assert.deepEqual(
        [verifying?.state, verifying?.text],
        ['skipped', 'Jamf refuses the client; it is gone back to all the same (--force)'],
      );
      assert.match(drawRollback(result, { ink: new Chalk({ level: 0 }), width: 120 }), /jamf +Jamf refuses the client/);
      assert.deepEqual([result.changed, result.verified, result.versionId], [true, null, ids[0]]);
      assert.ok(context.events.some((event) => event.kind === 'warning' && event.text.includes('does not accept')));
    });

    it('does not guess where Jamf cannot be asked', async () => {
      const away = { ...sandbox().fields, JAMF_URL: 'http://127.0.0.1:9' };
      const { store, ids } = await storeOf(away, sandbox().fields);
      const error = await rejectsWith('UNREACHABLE', rollbackSecret(request(store), context));
      assert.match(error.hint ?? '', /--force/);
      assert.deepEqual(changes(store), []);
      context.answer(true);
      assert.equal((await rollbackSecret(request(store, { force: true }), context)).versionId, ids[0]);
    });

    it('does not ask where the client is the same, or the schema is another', async () => {
      const { store } = await storeOf({ ...sandbox().fields, REQUIRED_SCOPES: 'x' }, sandbox().fields);
      context.answer(true, true);
      await rollbackSecret(request(store), context);
      const other = await storeOf(dead(), sandbox().fields);
      await other.store.tag(NAME, { schema: 'auth0' });
      await rollbackSecret(request(other.store), context);
      assert.equal(asked(), 0);
    });
  });
});
