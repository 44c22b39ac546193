import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { secretHistory } from '../../src/lib/secrets/history.ts';
import { diffSecret } from '../../src/lib/secrets/diff.ts';
import { drawDiff, drawHistory } from '../../src/lib/secrets/report-life.ts';
import { showSecret } from '../../src/lib/secrets/show.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS } from '../../src/lib/secrets/store.ts';
import { Chalk } from 'chalk';
import { testContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { fields, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';
const canvas = { ink: new Chalk({ level: 0 }), width: 120 };

const A = { JAMF_URL: 'https://a.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-a', OLD: 'EXAMPLE-old' };
const B = { JAMF_URL: 'https://b.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-a', NEW: 'EXAMPLE-new' };
const C = { ...B, JAMF_CLIENT_SECRET: 'EXAMPLE-c' };

describe('secrets history and diff', () => {
  let store: MemoryStore;
  let ids: string[];
  const base = () => ({ store, secret: NAME, environment: 'production' });
  const history = (limit = 20) => secretHistory({ ...base(), limit }, testContext());
  const diff = (from: string, to: string) => diffSecret({ ...base(), from, to }, testContext());

  beforeEach(async () => {
    let clock = Date.parse('2026-11-22T00:00:00Z');
    store = memoryStore({ now: () => (clock += 60_000) });
    const create = { name: NAME, description: '', tags: {}, fields: fields(A), token: randomUUID() };
    ids = [(await store.create(create)).versionId];
    for (const [raw, stages] of [
      [B, [AWSCURRENT]],
      [C, [AWSCURRENT, 'mine']],
      [C, [AWSPENDING]],
    ] as const) {
      ids.push((await store.put(NAME, fields(raw), { token: randomUUID(), stages })).versionId);
    }
  });

  it('tells each version, newest first, and what it changed', async () => {
    const { versions, older } = await history();
    assert.equal(older, 0);
    assert.deepEqual(
      versions.map(({ versionId, stages, fieldCount, changes, note }) => [
        ids.indexOf(versionId),
        stages,
        fieldCount,
        changes?.map(({ name, change, secret }) => [name, change, secret]) ?? null,
        note,
      ]),
      [
        [3, [AWSPENDING], 3, [], null],
        [2, [AWSCURRENT, 'mine'], 3, [['JAMF_CLIENT_SECRET', 'changed', true]], null],
        [
          1,
          [AWSPREVIOUS],
          3,
          [
            ['JAMF_URL', 'changed', false],
            ['NEW', 'added', true],
            ['OLD', 'removed', true],
          ],
          null,
        ],
        [0, [], 3, null, 'the oldest version there is'],
      ],
    );
    assert.ok(versions.every(({ createdAt }, n) => n === 0 || (createdAt ?? '') < (versions[n - 1]?.createdAt ?? '')));
  });

  it('gives the fingerprints that show gives, and no secret value', async () => {
    const { versions } = await history();
    const shown = await showSecret({ ...base(), stage: AWSCURRENT }, testContext());
    const change = versions[1]?.changes?.[0];
    assert.equal(change?.to?.fingerprint, shown.fields.find(({ name }) => name === change?.name)?.fingerprint);
    assert.notEqual(change?.from?.fingerprint, change?.to?.fingerprint);
    assert.ok(!JSON.stringify(versions).includes('EXAMPLE'));
    assert.ok(!drawHistory(await history(), canvas).includes('EXAMPLE'));
  });

  it('reads no more than it tells, and says how many there are beside', async () => {
    store.calls.length = 0;
    const result = await history(2);
    assert.deepEqual(
      result.versions.map(({ versionId }) => ids.indexOf(versionId)),
      [3, 2],
    );
    assert.deepEqual([result.older, result.versions[1]?.changes?.length], [2, 1]);
    assert.equal(store.calls.filter((call) => call.startsWith('read')).length, 3);
    assert.match(drawHistory(result, canvas), /2 older versions: --limit/);
    for (const bad of [0, -1, 1.5]) await rejectsWith('INPUT_INVALID', history(bad));
  });

  it('goes on past a version that cannot be read', async () => {
    const read = store.read.bind(store);
    store.read = async (name, ref) => {
      if ('versionId' in ref && ref.versionId === ids[1]) return rejectRead(store, name);
      return read(name, ref);
    };
    const { versions } = await history();
    assert.deepEqual(
      versions.map(({ fieldCount, changes, note }) => [fieldCount, changes?.length ?? null, note]),
      [
        [3, 0, null],
        [3, null, 'the version before it cannot be compared'],
        [null, null, 'it has no value'],
        [3, null, 'the oldest version there is'],
      ],
    );
  });

  it('tells who stored a version where the store knows, and where to look where it does not', async () => {
    const nobody = await history();
    assert.ok(nobody.versions.every(({ createdBy }) => createdBy === null));
    assert.match(drawHistory(nobody, canvas), /does not keep who stored a version; `jamf-mcp audit` tells/);
    const document = store.documents.get(NAME);
    assert.ok(document);
    store.documents.set(NAME, {
      ...document,
      versions: document.versions.map((version) => ({ ...version, createdBy: 'alex\u001b[2J' })),
    });
    const drawn = drawHistory(await history(), canvas);
    assert.match(drawn, /alex/);
    assert.ok(!drawn.includes('\u001b'), 'what others write is made safe');
    assert.doesNotMatch(drawn, /audit/);
  });

  it('compares by label and by id, either way round', async () => {
    const forward = await diff(AWSPREVIOUS, AWSCURRENT);
    assert.deepEqual(
      forward.fields.map(({ name, change }) => [name, change]),
      [['JAMF_CLIENT_SECRET', 'changed']],
    );
    assert.deepEqual([forward.same, forward.different], [2, true]);
    assert.deepEqual([forward.from.versionId, forward.to.versionId], [ids[1], ids[2]]);
    store.calls.length = 0;
    await diff(ids[1] ?? '', AWSCURRENT);
    assert.ok(!store.calls.some((call) => call.startsWith('versions')), 'the description knows what is labelled');
    const byId = await diff(ids[0] ?? '', ids[1] ?? '');
    assert.deepEqual(
      byId.fields.map(({ name, change, from, to }) => [name, change, from?.value ?? null, to?.value ?? null]),
      [
        ['JAMF_URL', 'changed', 'https://a.jamfcloud.com', 'https://b.jamfcloud.com'],
        ['NEW', 'added', null, '***'],
        ['OLD', 'removed', '***', null],
      ],
    );
    const back = await diff('mine', ids[1] ?? '');
    assert.deepEqual(back.fields[0]?.from, forward.fields[0]?.to);
    const none = await diff(AWSCURRENT, AWSPENDING);
    assert.deepEqual([none.fields, none.same, none.different], [[], 3, false]);
    assert.match(drawDiff(none, canvas), /nothing differs/);
    assert.match(drawDiff(byId, canvas), /JAMF_URL +changed +https:\/\/a\.jamfcloud\.com \w{8} +https:\/\/b/);
  });

  it('names the label or the id that is not there', async () => {
    assert.match((await rejectsWith('VERSION_NOT_FOUND', diff('absent', AWSCURRENT))).message, /label absent/);
    await rejectsWith('VERSION_NOT_FOUND', diff(AWSCURRENT, randomUUID()));
    store.scheduleDeletion(NAME);
    await rejectsWith('SECRET_DELETED', diff(AWSPREVIOUS, AWSCURRENT));
    await rejectsWith('SECRET_DELETED', history());
    await rejectsWith('SECRET_NOT_FOUND', secretHistory({ ...base(), secret: 'other', limit: 5 }, testContext()));
  });
});

/** What a store says of a version that a rotation announced and has not written. */
const rejectRead = (store: MemoryStore, name: string) => store.read(name, { versionId: randomUUID() });
