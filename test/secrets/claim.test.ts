import assert from 'node:assert/strict';
import { Secret } from '../../src/lib/redact.ts';
import { CLAIM_FIELD } from '../../src/lib/secrets/claim.ts';
import { copySecret } from '../../src/lib/secrets/copy.ts';
import { diffSecret } from '../../src/lib/secrets/diff.ts';
import { prepareChild } from '../../src/lib/secrets/exec.ts';
import { secretHistory } from '../../src/lib/secrets/history.ts';
import { showSecret } from '../../src/lib/secrets/show.ts';
import { AWSCURRENT, AWSPENDING } from '../../src/lib/secrets/store.ts';
import { testContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { FIELD, FIRST, NAME, rotationWorld } from '../support/rotation-world.ts';

const names = (fields: readonly { name: string }[]) => fields.map(({ name }) => name);

describe('secrets while a rotation claims the secret', () => {
  let store: MemoryStore;
  const request = () => ({ store, secret: NAME, environment: 'production' });
  /** A rotation that was killed at a call. */
  const killedAt = async (call: string) => {
    const it = await rotationWorld();
    it.fault = { call, when: 'after', error: 'BUG', killed: true };
    await it.rotate().catch(() => undefined);
    ({ store } = it);
  };
  const claimed = () => killedAt('moveLabel 1');

  it('show and diff tell the fields of the user', async () => {
    await claimed();
    const { fields } = await showSecret({ ...request(), stage: AWSPENDING }, testContext());
    assert.ok(names(fields).includes(FIELD));
    assert.ok(!names(fields).includes(CLAIM_FIELD));
    const difference = await diffSecret({ ...request(), from: AWSCURRENT, to: AWSPENDING }, testContext());
    assert.equal(difference.different, false);
    assert.equal(difference.same, 4);
  });

  it('history calls a claim what it is, and compares what came of it with what was before', async () => {
    await killedAt('put 2');
    const { versions } = await secretHistory({ ...request(), limit: 20 }, testContext());
    assert.deepEqual(
      versions.map(({ changes, note, fieldCount }) => [changes?.map(({ name }) => name) ?? null, note, fieldCount]),
      [
        [[FIELD], null, 4],
        [null, 'the claim of a rotation: fields as they were when it began', 4],
        [null, 'the oldest version there is', 4],
      ],
    );
    const [newest, ...rest] = (await secretHistory({ ...request(), limit: 1 }, testContext())).versions;
    assert.deepEqual(names(newest?.changes ?? []), [FIELD], 'also where the claim is the last one that is read');
    assert.deepEqual(rest, []);
  });

  it('exec gives a child no claim', async () => {
    await claimed();
    const child = await prepareChild(
      { store, secret: NAME, stage: AWSPENDING, options: { only: [FIELD, 'OTHER'] }, outer: {} },
      testContext(),
    ).catch(() => null);
    const every = await prepareChild(
      { store, secret: NAME, stage: AWSPENDING, options: { only: [CLAIM_FIELD] }, outer: {} },
      testContext(),
    ).catch(() => null);
    assert.equal(every, null, 'there is no such field');
    assert.ok(child);
    assert.ok(child.variables.includes(FIELD));
    assert.ok(!child.variables.includes(CLAIM_FIELD));
  });

  it('copy leaves the claim behind, and the label of it', async () => {
    await claimed();
    const to = memoryStore({ kind: 'local' });
    const copied = await copySecret(
      { from: store, to, secret: NAME, toSecret: NAME, environment: 'production', update: false, dryRun: false },
      testContext(),
    );
    assert.deepEqual(
      copied.versions.map(({ versionId }) => versionId),
      [FIRST],
    );
    const info = await to.describe(NAME);
    assert.deepEqual(Object.values(info.stages).flat(), [AWSCURRENT]);
  });

  it('a field of that name that is no claim is hidden too', async () => {
    store = memoryStore();
    const fields = new Map<string, Secret>();
    fields.set(FIELD, new Secret('EXAMPLE-value')).set(CLAIM_FIELD, new Secret('EXAMPLE-not-a-claim'));
    await store.create({ name: NAME, description: '', tags: {}, fields, token: FIRST });
    const shown = await showSecret({ ...request(), stage: AWSCURRENT }, testContext());
    assert.deepEqual(names(shown.fields), [FIELD]);
  });
});
