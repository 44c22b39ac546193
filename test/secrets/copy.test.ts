import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copySecret, type CopyRequest } from '../../src/lib/secrets/copy.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, type SecretStore } from '../../src/lib/secrets/store.ts';
import { awsStore } from '../../src/lib/secrets/stores/aws.ts';
import { Secret } from '../../src/lib/redact.ts';
import { diffSecret } from '../../src/lib/secrets/diff.ts';
import { setFields } from '../../src/lib/secrets/set.ts';
import { vaultStore } from '../../src/lib/secrets/stores/vault.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao } from '../support/openbao.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { killAtEveryCall } from '../support/crash.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { withSandbox } from '../support/sandbox.ts';
import { assertInvariants, fields, plain, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';
const value = (text: string) => ({ JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: `EXAMPLE-${text}` });

/** Five versions: one without a label, a custom label, previous, current, pending. */
async function fill(store: SecretStore): Promise<string[]> {
  const tags = { environment: 'production', 'managed-by': 'jamf-mcp' };
  const first = { name: NAME, description: 'about', tags, fields: fields(value('0')), token: randomUUID() };
  const ids = [(await store.create(first)).versionId];
  for (const [n, stages] of [[AWSCURRENT, 'release-1'], [AWSCURRENT], [AWSCURRENT], [AWSPENDING]].entries()) {
    const token = randomUUID();
    ids.push((await store.put(NAME, fields(value(String(n + 1))), { token, stages })).versionId);
  }
  return ids;
}

/** Label to value, of every label. */
async function contents(store: SecretStore, name = NAME): Promise<Record<string, unknown>> {
  const { stages, tags, description } = await store.describe(name);
  const found: Record<string, unknown> = { tags, description };
  for (const [versionId, labels] of Object.entries(stages)) {
    for (const label of labels) found[label] = plain((await store.read(name, { versionId })).fields);
  }
  return found;
}

describe('secrets copy', () => {
  let from: MemoryStore;
  let to: MemoryStore;
  let ids: string[];
  let context: TestContext;

  beforeEach(async () => {
    from = memoryStore();
    to = memoryStore({ kind: 'local' });
    ids = await fill(from);
    context = testContext();
  });

  const request = (more: Partial<CopyRequest> = {}): CopyRequest => ({
    from,
    to,
    secret: NAME,
    toSecret: NAME,
    environment: 'production',
    update: false,
    dryRun: false,
    ...more,
  });
  const changes = (store: MemoryStore) =>
    store.calls.filter((call) => /^(create|put|moveLabel|tag|remove) /.test(call));

  it('brings labelled versions, labels, tags and description, oldest first, and leaves the source alone', async () => {
    const before = await contents(from);
    from.calls.length = 0;
    const result = await copySecret(request(), context);
    assert.deepEqual(await contents(to), before);
    assert.deepEqual(Object.keys(before).sort(), [
      AWSCURRENT,
      AWSPENDING,
      AWSPREVIOUS,
      'description',
      'release-1',
      'tags',
    ]);
    assert.deepEqual(
      (await to.versions(NAME)).map(({ versionId }) => ids.indexOf(versionId)),
      [4, 3, 2, 1],
      'the same ids, in the same order; none without a label',
    );
    assert.deepEqual(
      result.versions.map(({ versionId, targetVersionId, copied }) => [versionId, targetVersionId, copied]),
      ids.slice(1).map((id) => [id, id, true]),
    );
    assert.deepEqual([result.changed, result.secret.store, result.source.store], [true, 'local', 'aws']);
    assert.deepEqual(changes(from), []);
    assert.equal(
      changes(to).filter((call) => call.startsWith('moveLabel')).length,
      5,
      'four labels, and the draft off',
    );
    assert.deepEqual(context.questions, [], 'nothing that was there is changed');
    assert.equal(context.events[0]?.kind, 'target');
    assert.ok(!JSON.stringify([result, context.events]).includes('EXAMPLE'));
    await assertInvariants(to, NAME);
  });

  it('the same again changes nothing', async () => {
    await copySecret(request(), context);
    to.calls.length = 0;
    const again = await copySecret(request(), context);
    assert.deepEqual([again.changed, again.versions.some(({ copied }) => copied)], [false, false]);
    assert.deepEqual(changes(to), []);
    assert.deepEqual(context.questions, []);
  });

  it('shows what it would do on a dry run', async () => {
    const dry = await copySecret(request({ dryRun: true }), context);
    assert.deepEqual(
      dry.steps.map(({ name, state }) => [name, state]),
      [
        ['copy', 'planned'],
        ['label', 'planned'],
        ['tag', 'skipped'],
      ],
    );
    assert.equal(dry.secret.arn, null);
    assert.deepEqual(changes(to), []);
  });

  it('brings a copy up to date after the source went on', async () => {
    await copySecret(request(), context);
    await from.moveLabel(NAME, AWSCURRENT, ids[3] ?? '', ids[4] ?? '');
    await from.moveLabel(NAME, AWSPENDING, ids[4] ?? '', null);
    await from.put(NAME, fields(value('5')), { token: randomUUID(), stages: [AWSCURRENT] });
    await from.tag(NAME, { 'managed-by': null, owner: 'it' });
    context.answer(true);
    const result = await copySecret(request(), context);
    assert.equal(result.versions.filter(({ copied }) => copied).length, 1);
    const there = await contents(to);
    const { tags } = there;
    assert.deepEqual(tags, { environment: 'production', 'managed-by': 'jamf-mcp', owner: 'it' }, 'tags are only added');
    assert.deepEqual({ ...there, tags: 0 }, { ...(await contents(from)), tags: 0 });
    assert.equal(context.questions[0]?.kind, 'confirm');
  });

  it('leaves a secret alone that has versions of its own, unless told otherwise', async () => {
    const own = { name: NAME, description: 'theirs', tags: {}, fields: fields(value('theirs')), token: randomUUID() };
    await to.create(own);
    const error = await rejectsWith('SECRET_EXISTS', copySecret(request(), context));
    assert.match(error.hint ?? '', /--update/);
    assert.deepEqual(await contents(to), { tags: {}, description: 'theirs', AWSCURRENT: value('theirs') });
    await rejectsWith('CONFIRMATION_REQUIRED', copySecret(request({ update: true }), context));
    context.answer(true);
    await copySecret(request({ update: true }), context);
    const there = await contents(to);
    assert.deepEqual({ ...there, description: 0 }, { ...(await contents(from)), description: 0 });
    assert.deepEqual(plain((await to.read(NAME, { versionId: own.token })).fields), value('theirs'), 'still readable');
    const again = await copySecret(request(), context);
    assert.equal(again.changed, false, 'there is nothing left that would need --update');
  });

  it('does not touch a rotation on the other side', async () => {
    await copySecret(request(), context);
    await to.put(NAME, fields(value('theirs')), { token: randomUUID(), stages: [AWSPENDING] });
    await rejectsWith('CONFLICT', copySecret(request({ update: true }), context));
  });

  it('stops when somebody else changes the copy meanwhile', async () => {
    await copySecret(request(), context);
    await from.put(NAME, fields(value('5')), { token: randomUUID(), stages: [AWSCURRENT] });
    to.before = async (method) => {
      if (method !== 'moveLabel') return;
      to.before = () => undefined;
      await to.put(NAME, fields(value('theirs')), { token: randomUUID(), stages: [AWSCURRENT] });
    };
    context.answer(true);
    await rejectsWith('CONFLICT', copySecret(request(), context));
    assert.deepEqual((await contents(to)).AWSCURRENT, value('theirs'));
  });

  it('refuses what cannot be: onto itself, of nothing, into what is deleted', async () => {
    await rejectsWith('INPUT_INVALID', copySecret(request({ to: from }), context));
    await copySecret(request({ to: from, toSecret: 'other' }), context);
    assert.deepEqual(await contents(from, 'other'), await contents(from), 'another name in the same store is fine');
    await rejectsWith('SECRET_NOT_FOUND', copySecret(request({ secret: 'absent' }), context));
    await copySecret(request(), context);
    to.scheduleDeletion(NAME);
    await rejectsWith('SECRET_DELETED', copySecret(request(), context));
    from.scheduleDeletion(NAME);
    await rejectsWith('SECRET_DELETED', copySecret(request(), context));
  });

  it('leaves out a version that has no value, a draft, and the tags of AWS', async () => {
    const document = from.documents.get(NAME);
    assert.ok(document);
    from.documents.set(NAME, { ...document, tags: { ...document.tags, 'aws:cloudformation:stack-name': 'x' } });
    await from.moveLabel(NAME, 'JAMFMCPDRAFT', null, ids[0] ?? '');
    const read = from.read.bind(from);
    from.read = (name, ref) =>
      read(name, 'versionId' in ref && ref.versionId === ids[4] ? { versionId: randomUUID() } : ref);
    await copySecret(request(), context);
    const there = await contents(to);
    assert.ok(!Object.hasOwn(there, AWSPENDING) && !Object.hasOwn(there, 'JAMFMCPDRAFT'));
    assert.deepEqual(there.tags, { environment: 'production', 'managed-by': 'jamf-mcp' });
    const warned = context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : [])).join('\n');
    assert.match(warned, /AWSPENDING\) has no value/);
    assert.match(warned, /aws:cloudformation:stack-name/);
  });

  it('gives a version whose id no other store takes one that follows from it', async () => {
    const document = from.documents.get(NAME);
    assert.ok(document);
    const versions = document.versions.map((version, n) => ({ ...version, id: String(n + 1) }));
    from.documents.set(NAME, { ...document, versions });
    const first = await copySecret(request(), context);
    for (const { targetVersionId } of first.versions) assert.match(targetVersionId, /^[\da-f]{64}$/);
    assert.equal((await copySecret(request(), context)).changed, false);
    assert.deepEqual(await contents(to), await contents(from));
  });

  for (const update of [false, true]) {
    it(`${update ? 'onto a secret that is there' : 'to nothing'}, killed at any call, is finished by running it again`, async () => {
      let expected: Record<string, unknown> = {};
      const calls = await killAtEveryCall(
        async () => {
          const source = memoryStore();
          const target = memoryStore({ kind: 'local' });
          await fill(source);
          expected = await contents(source);
          if (update) {
            const own = {
              name: NAME,
              description: 'about',
              tags: {},
              fields: fields(value('own')),
              token: randomUUID(),
            };
            await target.create(own);
          }
          return { stores: [source, target] as const };
        },
        ({ stores: [source, target] }) => {
          const own = testContext();
          own.answer(true);
          return copySecret(request({ from: source, to: target, update }), own);
        },
        async ({ stores: [source, target] }, when) => {
          assert.deepEqual(await contents(target), expected, when);
          assert.deepEqual(await contents(source), expected, when);
          assert.equal((await target.versions(NAME)).length, update ? 5 : 4, when);
          await assertInvariants(target, NAME);
        },
      );
      assert.ok(calls >= 15, String(calls));
    });
  }

  describe('between real stores', () => {
    const sandbox = withSandbox();
    let folder: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-copy-'));
    });
    afterEach(() => rm(folder, { recursive: true }));

    if (!hasOpenBao()) it(NEEDS_OPENBAO);
    else
      it('goes into OpenBao, is set there, and goes back', async () => {
        const server = await startOpenBao();
        try {
          const schema = schemaOf('jamf');
          const vault = vaultStore(
            { vault: { address: server.address, token: new Secret(server.token) }, aws: {}, schema },
            context,
          );
          const aws = awsStore({ aws: {}, schema }, context);
          await fill(aws);
          await copySecret(request({ from: aws, to: vault }), context);
          assert.deepEqual(await contents(vault), await contents(aws));
          assert.equal((await copySecret(request({ from: aws, to: vault }), context)).changed, false);

          const work = { store: vault, secret: NAME, environment: 'staging', schema, dryRun: false };
          context.answer(true);
          await setFields({ ...work, names: ['MINE'], given: 'EXAMPLE-mine', generate: null }, context);
          assert.deepEqual((await contents(vault)).AWSCURRENT, { ...value('3'), MINE: 'EXAMPLE-mine' });
          const told = await diffSecret({ ...work, from: AWSPREVIOUS, to: AWSCURRENT }, context);
          assert.deepEqual(
            told.fields.map(({ name, change }) => [name, change]),
            [['MINE', 'added']],
          );
          await copySecret(request({ from: vault, to: aws, toSecret: 'back' }), context);
          assert.deepEqual(await contents(aws, 'back'), await contents(vault));
        } finally {
          await server.close();
        }
      });

    it('goes from AWS to this machine and back under another name', async () => {
      assert.ok(sandbox().url);
      const schema = schemaOf('jamf');
      const aws = awsStore({ aws: {}, schema }, context);
      const local = localStore({ folder, schema, user: 'tester', localKey: 'file' }, context);
      await fill(aws);
      await copySecret(request({ from: aws, to: local }), context);
      assert.deepEqual(await contents(local), await contents(aws));
      await copySecret(request({ from: local, to: aws, toSecret: 'back' }), context);
      assert.deepEqual(await contents(aws, 'back'), await contents(aws));
      assert.equal((await copySecret(request({ from: local, to: aws, toSecret: 'back' }), context)).changed, false);
      await assertInvariants(aws, '');
    });
  });
});
