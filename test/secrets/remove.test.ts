import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { deleteSecret, restoreSecret } from '../../src/lib/secrets/remove.ts';
import { AWSCURRENT } from '../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { killAtEveryCall } from '../support/crash.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { fields, plain, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/staging';
const A = { JAMF_CLIENT_SECRET: 'EXAMPLE-a' };

const make = async () => {
  const store = memoryStore();
  await store.create({ name: NAME, description: '', tags: {}, fields: fields(A), token: randomUUID() });
  store.calls.length = 0;
  return store;
};

describe('secrets delete and restore', () => {
  let store: MemoryStore;
  let context: TestContext;
  beforeEach(async () => {
    store = await make();
    context = testContext();
  });

  const base = (dryRun = false) => ({ store, secret: NAME, environment: 'staging', dryRun });
  const remove = (windowDays: number, dryRun = false) => deleteSecret({ ...base(dryRun), windowDays }, context);
  const changes = () => store.calls.filter((call) => /^(remove|restore) /.test(call));

  it('schedules the deletion once the name is typed', async () => {
    context.answer(true);
    const result = await remove(7);
    assert.deepEqual(
      { ...result, steps: result.steps.map(({ state }) => state), secret: result.secret.name },
      {
        secret: NAME,
        deletionAt: '2026-11-29T00:00:00.000Z',
        restorable: true,
        changed: true,
        dryRun: false,
        steps: ['done'],
      },
    );
    assert.deepEqual(context.questions[0], {
      kind: 'confirm-name',
      name: NAME,
      text: `delete secret ${NAME}; it can be restored for 7 days`,
    });
    assert.equal(context.events[0]?.kind, 'target');
    await rejectsWith('SECRET_DELETED', store.read(NAME, { stage: AWSCURRENT }));
  });

  it('deletes nothing when it is not confirmed, by a bad window, or in a dry run', async () => {
    await rejectsWith('CONFIRMATION_REQUIRED', remove(30));
    context.answer(false);
    await rejectsWith('DECLINED', remove(0));
    for (const days of [1, 6, 31]) await rejectsWith('INPUT_INVALID', remove(days));
    const dry = await remove(0, true);
    assert.deepEqual([dry.changed, dry.steps[0]?.state, dry.deletionAt], [false, 'planned', null]);
    assert.deepEqual(changes(), []);
  });

  it('leaves the date of one that is scheduled already, and says it', async () => {
    context.answer(true);
    await remove(7);
    const again = await remove(30);
    assert.deepEqual([again.changed, again.deletionAt], [false, '2026-11-29T00:00:00.000Z']);
    assert.match(again.steps[0]?.text ?? '', /scheduled for deletion already/);
    assert.equal(context.questions.length, 1);
  });

  it('deletes at once, scheduled or not, and twice', async () => {
    context.answer(true, true);
    await remove(7);
    const now = await remove(0);
    assert.deepEqual([now.changed, now.restorable], [true, false]);
    await rejectsWith('SECRET_NOT_FOUND', store.describe(NAME));
    const again = await remove(0);
    assert.deepEqual([again.changed, again.secret.arn], [false, null]);
    assert.match(again.steps[0]?.text ?? '', /there is no secret/);
  });

  it('does not take a mistyped name for one that is gone', async () => {
    await rejectsWith('SECRET_NOT_FOUND', deleteSecret({ ...base(), secret: 'typo', windowDays: 30 }, context));
    await rejectsWith('SECRET_NOT_FOUND', restoreSecret({ ...base(), secret: 'typo' }, context));
  });

  it('restores, and says where there is nothing to restore', async () => {
    context.answer(true);
    await remove(7);
    const dry = await restoreSecret(base(true), context);
    assert.deepEqual([dry.changed, dry.steps[0]?.state], [false, 'planned']);
    const result = await restoreSecret(base(), context);
    assert.deepEqual([result.changed, result.deletionAt], [true, '2026-11-29T00:00:00.000Z']);
    assert.deepEqual(plain((await store.read(NAME, { versionId: result.versionId ?? '' })).fields), A);
    const again = await restoreSecret(base(), context);
    assert.deepEqual([again.changed, again.steps[0]?.state], [false, 'skipped']);
    assert.deepEqual(changes(), [`remove ${NAME}`, `restore ${NAME}`]);
  });

  for (const windowDays of [7, 0]) {
    it(`a deletion with window ${String(windowDays)}, killed at any call, is finished by running it again`, async () => {
      const calls = await killAtEveryCall(
        async () => ({ stores: [await make()] as const }),
        ({ stores: [of] }) => {
          const own = testContext();
          own.answer(true);
          return deleteSecret({ ...base(), store: of, windowDays }, own);
        },
        async ({ stores: [of] }) => {
          if (windowDays === 0) await rejectsWith('SECRET_NOT_FOUND', of.describe(NAME));
          else assert.equal((await of.describe(NAME)).deletionAt, '2026-11-29T00:00:00.000Z');
        },
      );
      assert.equal(calls, 2);
    });
  }
});
