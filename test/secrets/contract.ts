/** What every store promises, as one suite that runs against each of them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { JamfMcpError, type ErrorCode } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import {
  AWSCURRENT,
  AWSPENDING,
  AWSPREVIOUS,
  versionWith,
  type Fields,
  type SecretStore,
} from '../../src/lib/secrets/store.ts';

/** A store, and what the suite needs beside the port. */
export interface StoreUnderTest {
  store: SecretStore;
  /** Move the clock by which the back end counts the days of a deletion window; absent where nobody can. */
  advance?: (ms: number) => void;
  close?: () => Promise<void>;
}

/** Wraps values as the `jamf` schema does. */
export const fields = (raw: Record<string, string>): Fields => fieldsFrom(schemaOf('jamf'), raw);

/** The plain values of a version. */
export const plain = (wrapped: Fields): Record<string, string> =>
  Object.fromEntries([...wrapped].map(([name, value]) => [name, value.reveal()]));

/** Fails unless the promise rejects, or the function throws, with that code; nothing of a value may be in the message. */
export async function rejectsWith(code: ErrorCode, work: Promise<unknown> | (() => unknown)): Promise<JamfMcpError> {
  const promise = typeof work === 'function' ? Promise.resolve().then(work) : work;
  const error: unknown = await promise.then(
    () => new assert.AssertionError({ message: `expected ${code}, but it went well` }),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof JamfMcpError)) throw error;
  assert.equal(error.code, code, error.message);
  assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /EXAMPLE-/);
  assert.doesNotMatch(error.message, /\n/);
  return error;
}

/** Exactly one version of each secret carries AWSCURRENT, and every label is on one version only. */
export async function assertInvariants(store: SecretStore, prefix: string): Promise<void> {
  for (const info of await store.list(prefix)) {
    const { stages } = await store.describe(info.name);
    const labels = Object.values(stages).flat();
    assert.equal(labels.filter((label) => label === AWSCURRENT).length, 1, `AWSCURRENT of ${info.name}`);
    assert.deepEqual(labels.toSorted(), [...new Set(labels)].toSorted(), `labels of ${info.name}`);
  }
}

/** Fails unless every method says that there is no such secret. */
async function assertGone(store: SecretStore, name: string): Promise<void> {
  for (const work of [
    () => store.describe(name),
    () => store.read(name, { stage: AWSCURRENT }),
    () => store.put(name, fields(A), { token: randomUUID(), stages: [AWSCURRENT] }),
    () => store.moveLabel(name, AWSPENDING, null, randomUUID()),
    () => store.versions(name),
    () => store.remove(name, 7),
    () => store.remove(name, 0),
    () => store.restore(name),
    () => store.tag(name, { one: '1' }),
  ]) {
    await rejectsWith('SECRET_NOT_FOUND', work);
  }
  assert.deepEqual(await store.list(name), []);
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const DAY_MS = 86_400_000;

const A = { JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-a' };
const B = { JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-b' };
const C = { JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-c' };

interface Bench {
  store: SecretStore;
  advance: (ms: number) => void;
  /** A name that no other test uses. */
  name: string;
  /** Create the secret with the values A; gives the version id. */
  create: () => Promise<string>;
  put: (raw: Record<string, string>, ...stages: string[]) => Promise<string>;
  current: () => Promise<Record<string, string>>;
  holder: (label: string) => Promise<string | null>;
}

/** Title to test. */
const TESTS: Record<string, (bench: Bench) => Promise<void>> = {
  'creates a secret and reads it by label and by id': async ({ store, name }) => {
    const token = randomUUID();
    const created = await store.create({ name, description: 'about', tags: { one: '1' }, fields: fields(A), token });
    assert.equal(created.versionId, token);
    for (const ref of [{ stage: AWSCURRENT }, { versionId: token }]) {
      const version = await store.read(name, ref);
      assert.deepEqual(plain(version.fields), A);
      assert.deepEqual(
        { ...version, fields: 0, createdAt: 0, schema: version.schema.name },
        { name, arn: created.arn, versionId: token, stages: [AWSCURRENT], fields: 0, createdAt: 0, schema: 'jamf' },
      );
      assert.match(version.createdAt ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  },

  'keeps numbers, true and false as they were written': async ({ store, name }) => {
    const values: [string, string, boolean][] = [
      ['PORT', '5432', true],
      ['ON', 'true', true],
      ['TEXT', '5432', false],
    ];
    // Vault would round it: there it becomes a text, with all of its digits.
    const id = '12345678901234567890';
    const given = new Map([
      ...values.map(([field, value, literal]) => [field, new Secret(value, { literal })] as const),
      ['ID', new Secret(id, { literal: true })] as const,
    ]);
    const token = randomUUID();
    const create = () => store.create({ name, description: '', tags: {}, fields: given, token });
    assert.equal((await create()).versionId, (await create()).versionId, 'the same again is the same');
    const stored = async () => {
      const { fields: read } = await store.read(name, { stage: AWSCURRENT });
      assert.equal(read.get('ID')?.reveal(), id);
      return [...read].flatMap(([field, value]) =>
        field === 'ID' ? [] : [[field, value.reveal(), value.isLiteral] as const],
      );
    };
    const byName = (all: (readonly unknown[])[]) => all.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    assert.deepEqual(byName(await stored()), byName(values));
    const { fields: read } = await store.read(name, { stage: AWSCURRENT });
    const more = new Map([...read, ['MORE', new Secret('EXAMPLE-more')] as const]);
    await store.put(name, more, { token: randomUUID(), stages: [AWSCURRENT] });
    assert.deepEqual(byName(await stored()), byName([...values, ['MORE', 'EXAMPLE-more', false]]));
  },

  'describes without a value': async ({ store, name }) => {
    const token = randomUUID();
    const { arn } = await store.create({
      name,
      description: 'about',
      tags: { one: '1', two: '' },
      fields: fields(A),
      token,
    });
    const info = await store.describe(name);
    assert.deepEqual(
      {
        name: info.name,
        arn: info.arn,
        description: info.description,
        tags: info.tags,
        stages: info.stages,
        deletionAt: info.deletionAt,
      },
      {
        name,
        arn,
        description: 'about',
        tags: { one: '1', two: '' },
        stages: { [token]: [AWSCURRENT] },
        deletionAt: null,
      },
    );
    assert.equal(info.rotation.enabled, false);
    assert.ok(!JSON.stringify(info).includes('EXAMPLE-a'));
  },

  'finds a secret by its ARN as by its name': async ({ store, name, create }) => {
    const versionId = await create();
    const { arn } = await store.describe(name);
    assert.equal((await store.read(arn, { stage: AWSCURRENT })).versionId, versionId);
    assert.equal((await store.describe(arn)).name, name);
  },

  'creates once for one token, and refuses another create': async ({ store, name }) => {
    const secret = { name, description: '', tags: {}, fields: fields(A), token: randomUUID() };
    const first = await store.create(secret);
    assert.deepEqual(await store.create(secret), first);
    await rejectsWith('SECRET_EXISTS', store.create({ ...secret, fields: fields(B) }));
    await rejectsWith('SECRET_EXISTS', store.create({ ...secret, token: randomUUID() }));
    assert.deepEqual(plain((await store.read(name, { stage: AWSCURRENT })).fields), A);
  },

  'tells a missing secret from a missing version': async ({ store, name, create }) => {
    const missing = `${name}-missing`;
    await rejectsWith('SECRET_NOT_FOUND', store.describe(missing));
    await rejectsWith('SECRET_NOT_FOUND', store.read(missing, { stage: AWSCURRENT }));
    await rejectsWith('SECRET_NOT_FOUND', store.put(missing, fields(A), { token: randomUUID(), stages: [AWSCURRENT] }));
    await rejectsWith('SECRET_NOT_FOUND', store.moveLabel(missing, AWSPENDING, null, randomUUID()));
    await create();
    const error = await rejectsWith('VERSION_NOT_FOUND', store.read(name, { stage: AWSPENDING }));
    assert.match(error.message, /AWSPENDING/);
    await rejectsWith('VERSION_NOT_FOUND', store.read(name, { versionId: randomUUID() }));
  },

  'stages a version without touching the current one': async ({ store, name, create, put, current, holder }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    assert.deepEqual(await current(), A);
    assert.equal(await holder(AWSCURRENT), first);
    assert.equal(await holder(AWSPENDING), second);
    assert.deepEqual(plain((await store.read(name, { stage: AWSPENDING })).fields), B);
  },

  'a new current version leaves AWSPREVIOUS on the one before': async ({
    store,
    name,
    create,
    put,
    current,
    holder,
  }) => {
    const first = await create();
    const second = await put(B, AWSCURRENT);
    assert.deepEqual(await current(), B);
    assert.equal(await holder(AWSPREVIOUS), first);
    await put(C, AWSCURRENT);
    assert.equal(await holder(AWSPREVIOUS), second);
    assert.deepEqual(plain((await store.read(name, { versionId: first })).fields), A, 'unlabelled, and still readable');
    assert.ok(!Object.hasOwn((await store.describe(name)).stages, first), 'only labelled versions are listed');
  },

  'puts several labels at once, each taken from where it was': async ({ create, put, holder }) => {
    await create();
    const second = await put(B, AWSPENDING, 'release-1');
    assert.equal(await holder('release-1'), second);
    const third = await put(C, 'release-1');
    assert.equal(await holder('release-1'), third);
    assert.equal(await holder(AWSPENDING), second);
  },

  'a repeated put with its token changes nothing': async ({ store, name, create, put, current }) => {
    await create();
    const token = randomUUID();
    const options = { token, stages: [AWSCURRENT] };
    assert.deepEqual(await store.put(name, fields(B), options), { versionId: token });
    await put(C, AWSCURRENT);
    assert.deepEqual(await store.put(name, fields(B), options), { versionId: token });
    assert.deepEqual(await current(), C);
  },

  'a repeated put of a pending value does not promote it': async ({ store, name, create, current, holder }) => {
    await create();
    const token = randomUUID();
    await store.put(name, fields(B), { token, stages: [AWSPENDING] });
    await store.put(name, fields(B), { token, stages: [AWSCURRENT] });
    assert.deepEqual(await current(), A);
    assert.equal(await holder(AWSPENDING), token);
  },

  'refuses a token that stands for another value': async ({ store, name, create, put }) => {
    await create();
    const used = await put(B, AWSCURRENT);
    await rejectsWith('CONFLICT', store.put(name, fields(C), { token: used, stages: [AWSCURRENT] }));
    assert.deepEqual(plain((await store.read(name, { versionId: used })).fields), B);
  },

  'refuses a token that stands for another pending value': async ({ store, name, create, put }) => {
    await create();
    const used = await put(B, AWSPENDING);
    await rejectsWith('CONFLICT', store.put(name, fields(C), { token: used, stages: [AWSPENDING] }));
    assert.deepEqual(plain((await store.read(name, { versionId: used })).fields), B);
  },

  'promotes by moving a label, and back again': async ({ store, name, create, put, current, holder }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    await store.moveLabel(name, AWSCURRENT, first, second);
    assert.deepEqual(await current(), B);
    assert.equal(await holder(AWSPREVIOUS), first);
    await store.moveLabel(name, AWSPENDING, second, null);
    assert.equal(await holder(AWSPENDING), null);
    await store.moveLabel(name, AWSCURRENT, second, first);
    assert.deepEqual(await current(), A);
    assert.equal(await holder(AWSPREVIOUS), second);
  },

  'puts a new current version after a promotion': async ({ store, name, create, put, current, holder }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    await store.moveLabel(name, AWSCURRENT, first, second);
    await put(C, AWSCURRENT);
    assert.deepEqual(await current(), C);
    assert.equal(await holder(AWSPREVIOUS), second);
  },

  'moves AWSCURRENT only from where it is': async ({ store, name, create, put, holder }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    const third = await put(C, 'other');
    await rejectsWith('CONFLICT', store.moveLabel(name, AWSCURRENT, second, third));
    await rejectsWith('CONFLICT', store.moveLabel(name, AWSCURRENT, null, third));
    assert.equal(await holder(AWSCURRENT), first);
  },

  'moves any other label only from where it is': async ({ store, name, create, put, holder }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    await rejectsWith('CONFLICT', store.moveLabel(name, AWSPENDING, null, first));
    assert.equal(await holder(AWSPENDING), second);
  },

  'takes a label off only from where it is': async ({ store, name, create, put, holder }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    await rejectsWith('CONFLICT', store.moveLabel(name, AWSPENDING, first, null));
    assert.equal(await holder(AWSPENDING), second);
  },

  'a label that is already there stays there': async ({ store, name, create, put, holder }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    await store.moveLabel(name, AWSCURRENT, first, second);
    await store.moveLabel(name, AWSCURRENT, first, second);
    await store.moveLabel(name, AWSCURRENT, second, second);
    await store.moveLabel(name, 'absent', null, null);
    assert.equal(await holder(AWSCURRENT), second);
    assert.equal(await holder(AWSPREVIOUS), first);
  },

  'a label that was taken off already is off': async ({ store, name, create, put, holder }) => {
    await create();
    const second = await put(B, AWSPENDING);
    await store.moveLabel(name, AWSPENDING, second, null);
    await store.moveLabel(name, AWSPENDING, second, null);
    assert.equal(await holder(AWSPENDING), null);
  },

  'AWSCURRENT is never taken off': async ({ store, name, create, holder }) => {
    const first = await create();
    await rejectsWith('INPUT_INVALID', store.moveLabel(name, AWSCURRENT, first, null));
    assert.equal(await holder(AWSCURRENT), first);
  },

  'a move to an unknown version moves nothing': async ({ store, name, create, holder }) => {
    const first = await create();
    await rejectsWith('VERSION_NOT_FOUND', store.moveLabel(name, AWSCURRENT, first, randomUUID()));
    assert.equal(await holder(AWSCURRENT), first);
  },

  'lists what begins with a prefix, to the letter': async ({ store, name }) => {
    const make = async (suffix: string) => {
      await store.create({
        name: name + suffix,
        description: '',
        tags: { environment: 'x' },
        fields: fields(A),
        token: randomUUID(),
      });
    };
    for (const suffix of ['/a', '/ab', '/b', '-other/a']) await make(suffix);
    const names = async (prefix: string) => (await store.list(prefix)).map((info) => info.name).sort();
    assert.deepEqual(await names(`${name}/`), [`${name}/a`, `${name}/ab`, `${name}/b`]);
    assert.deepEqual(await names(`${name}/a`), [`${name}/a`, `${name}/ab`]);
    assert.deepEqual(await names(`${name}/A`), []);
    assert.deepEqual((await store.list(`${name}/b`))[0]?.tags, { environment: 'x' });
    assert.ok((await names('')).includes(`${name}-other/a`));
  },

  'tells a secret that is scheduled for deletion': async ({ store, name, create }) => {
    await create();
    const { deletionAt } = await store.remove(name, 7);
    assert.match(deletionAt, ISO);
    assert.equal((await store.describe(name)).deletionAt?.slice(0, 19), deletionAt.slice(0, 19));
    assert.equal((await store.list(name))[0]?.deletionAt?.slice(0, 19), deletionAt.slice(0, 19));
    const error = await rejectsWith('SECRET_DELETED', store.read(name, { stage: AWSCURRENT }));
    assert.match(error.hint ?? '', /jamf-mcp secrets restore --secret /);
  },

  'creates nothing over a secret that is scheduled for deletion': async ({ store, name, create }) => {
    await create();
    await store.remove(name, 7);
    const again = { name, description: '', tags: {}, fields: fields(A), token: randomUUID() };
    await rejectsWith('SECRET_DELETED', store.create(again));
  },

  'writes nothing to a secret that is scheduled for deletion': async ({ store, name, create, put }) => {
    const first = await create();
    const second = await put(B, AWSPENDING);
    await store.remove(name, 30);
    await rejectsWith('SECRET_DELETED', put(C, AWSCURRENT));
    await rejectsWith('SECRET_DELETED', store.tag(name, { one: '2' }));
    await rejectsWith('SECRET_DELETED', store.moveLabel(name, AWSCURRENT, first, second));
    assert.deepEqual((await store.describe(name)).stages, { [first]: [AWSCURRENT], [second]: [AWSPENDING] });
  },

  'counts the days of the deletion window, and the first date stays': async ({ store, name }) => {
    const make = async (suffix: string) => {
      await store.create({ name: name + suffix, description: '', tags: {}, fields: fields(A), token: randomUUID() });
    };
    await make('/week');
    await make('/month');
    const week = await store.remove(`${name}/week`, 7);
    const month = await store.remove(`${name}/month`, 30);
    const days = (Date.parse(month.deletionAt) - Date.parse(week.deletionAt)) / DAY_MS;
    assert.ok(Math.abs(days - 23) < 0.01, String(days));
    const again = await store.remove(`${name}/week`, 30);
    assert.equal(again.deletionAt.slice(0, 19), week.deletionAt.slice(0, 19));
  },

  'refuses a deletion window that is none': async ({ store, name, create, current }) => {
    await create();
    for (const days of [1, 6, 31, 7.5, -7, Number.NaN]) await rejectsWith('INPUT_INVALID', store.remove(name, days));
    assert.equal((await store.describe(name)).deletionAt, null);
    assert.deepEqual(await current(), A);
  },

  'restores everything, and what needs no restoring': async ({ store, name, create, put, current, holder }) => {
    const first = await create();
    const second = await put(B, AWSCURRENT);
    await store.tag(name, { kept: 'yes' });
    await store.restore(name);
    await store.remove(name, 7);
    await store.restore(name);
    await store.restore(name);
    const info = await store.describe(name);
    assert.equal(info.deletionAt, null);
    assert.deepEqual(info.tags, { kept: 'yes' });
    assert.deepEqual(info.stages, { [first]: [AWSPREVIOUS], [second]: [AWSCURRENT] });
    assert.deepEqual(await current(), B);
    const third = await put(C, AWSCURRENT);
    assert.equal(await holder(AWSCURRENT), third);
  },

  'deletes at once, scheduled or not, and the name is free': async ({ store, name, create, put, current }) => {
    await create();
    await put(B, AWSCURRENT);
    assert.match((await store.remove(name, 0)).deletionAt, ISO);
    await assertGone(store, name);
    await create();
    assert.deepEqual(await current(), A);
    assert.equal((await store.versions(name)).length, 1, 'nothing of the old one is left');
    await store.remove(name, 7);
    await store.remove(name, 0);
    await assertGone(store, name);
  },

  'is gone when the deletion window ends, and not before': async ({ store, name, create, current, advance }) => {
    await create();
    await store.remove(name, 7);
    advance(7 * DAY_MS - 60_000);
    await store.restore(name);
    assert.deepEqual(await current(), A);
    await store.remove(name, 7);
    advance(7 * DAY_MS + 60_000);
    await assertGone(store, name);
    await create();
    assert.deepEqual(await current(), A);
    assert.equal((await store.describe(name)).deletionAt, null);
  },

  'lists every version, newest first, unlabelled ones too': async ({ store, name, create, put }) => {
    const first = await create();
    const second = await put(B, AWSCURRENT);
    const third = await put(C, AWSCURRENT, 'mine');
    const versions = await store.versions(name);
    assert.deepEqual(
      versions.map(({ versionId, stages }) => [versionId, stages.toSorted()]),
      [
        [third, [AWSCURRENT, 'mine']],
        [second, [AWSPREVIOUS]],
        [first, []],
      ],
    );
    for (const { createdAt, createdBy } of versions) {
      assert.match(createdAt ?? '', ISO);
      assert.ok(createdBy === null || createdBy.length > 0);
    }
    assert.ok(!JSON.stringify(versions).includes('EXAMPLE'));
    await store.remove(name, 7);
    assert.equal((await store.versions(name)).length, 3, 'also while it is scheduled for deletion');
  },

  'keeps 101 versions, each readable': async ({ store, name, create, put }) => {
    const ids = [await create()];
    for (let n = 1; n <= 100; n += 1) ids.push(await put({ N: String(n) }, AWSCURRENT));
    const versions = await store.versions(name);
    assert.deepEqual(versions.map(({ versionId }) => versionId).sort(), ids.toSorted());
    for (const n of [1, 50, 100]) {
      const version = await store.read(name, { versionId: ids[n] ?? '' });
      assert.deepEqual(plain(version.fields), { N: String(n) });
    }
  },

  'sets tags and takes them off, and touches nothing else': async ({ store, name, create }) => {
    const first = await create();
    const tags = async () => (await store.describe(name)).tags;
    await store.tag(name, { one: '1', two: '2', 'odd name': '' });
    await store.tag(name, { two: 'zwei', one: null, absent: null });
    assert.deepEqual(await tags(), { two: 'zwei', 'odd name': '' });
    await store.tag(name, {});
    await store.tag(name, { two: 'zwei' });
    assert.deepEqual(await tags(), { two: 'zwei', 'odd name': '' });
    assert.deepEqual((await store.describe(name)).stages, { [first]: [AWSCURRENT] });
    assert.equal((await store.versions(name)).length, 1);
  },

  'refuses tags that no store takes': async ({ store, name, create }) => {
    await create();
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`tag-${String(n)}`, '']));
    const bad = [many, { '': 'x' }, { ['n'.repeat(129)]: 'x' }, { name: 'v'.repeat(257) }, { 'aws:mine': 'x' }];
    for (const tags of bad) {
      await rejectsWith('INPUT_INVALID', store.tag(name, tags));
      const secret = { name: `${name}-other`, description: '', tags, fields: fields(A), token: randomUUID() };
      await rejectsWith('INPUT_INVALID', store.create(secret));
    }
    assert.deepEqual((await store.describe(name)).tags, {});
    await rejectsWith('SECRET_NOT_FOUND', store.describe(`${name}-other`));
  },

  'tells a missing secret to whoever deletes, restores or tags it': async ({ store, name }) => {
    await assertGone(store, name);
  },

  'takes a KMS key only where there are KMS keys': async ({ store, name }) => {
    const kmsKeyId = 'arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000';
    const secret = { name, description: '', tags: {}, fields: fields(A), token: randomUUID(), kmsKeyId };
    if (store.kind !== 'aws') {
      await rejectsWith('INPUT_INVALID', store.create(secret));
      await rejectsWith('SECRET_NOT_FOUND', store.describe(name));
      return;
    }
    await store.create(secret);
    assert.equal((await store.describe(name)).kmsKeyId, kmsKeyId);
    assert.equal((await store.list(name))[0]?.kmsKeyId, kmsKeyId);
  },

  'holds 65,536 bytes to the last': async ({ create, put, current }) => {
    const around = Buffer.byteLength(JSON.stringify({ LARGE: '' }));
    const most = { LARGE: 'x'.repeat(65_536 - around) };
    await create();
    await put(most, AWSCURRENT);
    assert.deepEqual(await current(), most);
    await rejectsWith('INPUT_INVALID', put({ LARGE: `${most.LARGE}x` }, AWSCURRENT));
  },

  'keeps every text as it is': async ({ create, put, current }) => {
    const odd = {
      EMPTY: '',
      NUMBER: '12345678901234567890',
      FLOAT: '1e3',
      BOOLEAN: 'true',
      QUOTES: `"'\`\\ \\n $HOME #`,
      LINES: 'one\ntwo\r\nthree\ttab',
      UNICODE: 'grüße 漢字 🔑 \u202e \u0000',
      'odd name=': 'x',
      __proto__x: 'y',
      LARGE: 'x'.repeat(50_000),
    };
    await create();
    await put(odd, AWSCURRENT);
    assert.deepEqual(await current(), odd);
  },

  'refuses what is larger than 65,536 bytes': async ({ name, store, create, current }) => {
    await create();
    const large = fields({ LARGE: 'ü'.repeat(33_000) });
    await rejectsWith('INPUT_INVALID', store.put(name, large, { token: randomUUID(), stages: [AWSCURRENT] }));
    assert.deepEqual(await current(), A);
  },

  'refuses bad names, tokens and labels before anything is written': async ({ store, name, create }) => {
    const secret = { name, description: '', tags: {}, fields: fields(A), token: randomUUID() };
    for (const bad of ['', 'a b', 'a*', 'ä', 'x'.repeat(513), '../../etc:passwd']) {
      await rejectsWith('INPUT_INVALID', store.create({ ...secret, name: bad }));
    }
    await rejectsWith('INPUT_INVALID', store.create({ ...secret, token: 'short' }));
    await rejectsWith('SECRET_NOT_FOUND', store.describe(name));
    const first = await create();
    for (const stages of [[], [''], ['x'.repeat(257)], Array.from({ length: 21 }, (_, n) => `label-${String(n)}`)]) {
      await rejectsWith('INPUT_INVALID', store.put(name, fields(B), { token: randomUUID(), stages }));
    }
    await rejectsWith('INPUT_INVALID', store.put(name, fields(B), { token: 'short', stages: [AWSCURRENT] }));
    assert.deepEqual((await store.describe(name)).stages, { [first]: [AWSCURRENT] });
  },

  '20 writers at once lose nothing': async ({ store, name, create, put }) => {
    const first = await create();
    const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => put({ N: String(n) }, AWSCURRENT)));
    assert.equal(new Set(ids).size, 20);
    for (const [n, versionId] of ids.entries()) {
      assert.deepEqual(plain((await store.read(name, { versionId })).fields), { N: String(n) });
    }
    assert.deepEqual(plain((await store.read(name, { versionId: first })).fields), A);
  },

  'of 5 counters at once none loses a step': async ({ store, name, create, put, current }) => {
    await create();
    await put({ N: '0' }, AWSCURRENT);
    const step = async (writer: number): Promise<void> => {
      const before = await store.read(name, { stage: AWSCURRENT });
      const next = { N: String(Number(plain(before.fields).N) + 1) };
      const versionId = await put(next, `writer-${String(writer)}`);
      try {
        await store.moveLabel(name, AWSCURRENT, before.versionId, versionId);
      } catch (error) {
        if (!(error instanceof JamfMcpError && error.code === 'CONFLICT')) throw error;
        await step(writer);
      }
    };
    await Promise.all(Array.from({ length: 5 }, (_, writer) => step(writer)));
    assert.deepEqual(await current(), { N: '5' });
  },

  'of 10 promotions at once exactly one wins': async ({ store, name, create, put, holder }) => {
    const first = await create();
    const ids = await Promise.all(
      Array.from({ length: 10 }, (_, n) => put({ N: String(n) }, `candidate-${String(n)}`)),
    );
    const moves = await Promise.allSettled(ids.map((id) => store.moveLabel(name, AWSCURRENT, first, id)));
    const won = moves.flatMap((move, n) => (move.status === 'fulfilled' ? [ids[n]] : []));
    assert.deepEqual(won, [await holder(AWSCURRENT)]);
    for (const move of moves) {
      if (move.status === 'rejected') assert.equal((move.reason as JamfMcpError).code, 'CONFLICT');
    }
    assert.equal(await holder(AWSPREVIOUS), first);
  },
};

/**
 * Declare the suite.
 * @param open - a fresh or shared store; called once
 * @param deviations - title to why this back end is known to fail: such a test has to fail, or the entry goes
 */
export function storeContract(open: () => Promise<StoreUnderTest>, deviations: Record<string, string> = {}): void {
  let under: StoreUnderTest;
  let count = 0;
  const run = randomUUID().slice(0, 8);

  before(async () => {
    under = await open();
  });
  after(async () => {
    await under.close?.();
  });

  const benchFor = (name: string): Bench => {
    const { store } = under;
    const advance =
      under.advance ??
      (() => {
        throw new Error('the clock of this back end cannot be moved');
      });
    const put = async (raw: Record<string, string>, ...stages: string[]) =>
      (await store.put(name, fields(raw), { token: randomUUID(), stages })).versionId;
    return {
      store,
      advance,
      name,
      create: async () =>
        (await store.create({ name, description: '', tags: {}, fields: fields(A), token: randomUUID() })).versionId,
      put,
      current: async () => plain((await store.read(name, { stage: AWSCURRENT })).fields),
      holder: async (label) => versionWith(await store.describe(name), label),
    };
  };

  for (const title of Object.keys(deviations)) assert.ok(Object.hasOwn(TESTS, title), `no test is called: ${title}`);
  for (const [title, test] of Object.entries(TESTS)) {
    const deviation = deviations[title];
    it(deviation === undefined ? title : `${title} (known not to: ${deviation})`, async () => {
      count += 1;
      const name = `contract/${run}/${String(count)}`;
      const work = async () => {
        await test(benchFor(name));
        await assertInvariants(under.store, name);
      };
      if (deviation === undefined) await work();
      else await assert.rejects(work(), 'this deviation is gone: take it off the list');
    });
  }
}
