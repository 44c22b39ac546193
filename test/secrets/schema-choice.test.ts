import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveSettings } from '../../src/lib/config/resolve.ts';
import type { Settings } from '../../src/lib/config/settings.ts';
import { prepareChild } from '../../src/lib/secrets/exec.ts';
import { openStore, openTagged } from '../../src/lib/secrets/open.ts';
import { fieldsFrom, fits, schemaOf } from '../../src/lib/secrets/schema.ts';
import { showSecret } from '../../src/lib/secrets/show.ts';
import type { SecretStore, StoreKind } from '../../src/lib/secrets/store.ts';
import { testContext } from '../support/context.ts';
import { withSandbox } from '../support/sandbox.ts';

const NAME = 'shop/staging/database';
const DATABASE = {
  DB_HOST: 'db.example.com',
  DB_PORT: '5432',
  DB_NAME: 'shop',
  DB_USER: 'shop',
  DB_PASSWORD: 'EXAMPLE-database-password',
};
const AT = { stage: 'AWSCURRENT' };

describe('the schema of a stored secret', () => {
  const sandbox = withSandbox();
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-schema-'));
  });

  const settingsOf = (store: StoreKind, schema?: string): Settings => ({
    ...resolveSettings({ store, schema }, { credentials: true, region: true, defaultRegion: undefined }, [], folder),
    localKey: 'file',
  });
  const create = async (store: SecretStore, tags: Record<string, string>, raw: Record<string, string> = DATABASE) => {
    const fields = fieldsFrom(schemaOf('database'), raw);
    await store.create({ name: NAME, description: '', tags, fields, token: 'a'.repeat(32) });
  };
  const publicNames = async (store: SecretStore) => {
    const { fields } = await showSecret({ store, secret: NAME, environment: 'staging', ...AT }, testContext());
    return fields.filter(({ secret }) => !secret).map(({ name }) => name);
  };
  const calls = (operation: string) => sandbox().calls.filter((call) => call.operation === operation);

  for (const kind of ['local', 'aws'] as const) {
    describe(kind, () => {
      it('is the one of its tag, before the configured one', async () => {
        const store = await openTagged(settingsOf(kind), testContext());
        await create(store, { schema: 'database' });
        assert.equal((await store.read(NAME, AT)).schema.name, 'database');
        assert.deepEqual(await publicNames(store), ['DB_HOST', 'DB_PORT', 'DB_NAME', 'DB_USER']);
        const request = { store, secret: NAME, ...AT, options: { databaseUrl: true }, outer: {} };
        const { env } = await prepareChild(request, testContext());
        assert.equal(env.DATABASE_URL, 'postgresql://shop:EXAMPLE-database-password@db.example.com:5432/shop');
      });

      it('is the one that was named for this run, before that of its tag', async () => {
        const store = await openTagged(settingsOf(kind, 'auth0'), testContext());
        await create(store, { schema: 'database' });
        assert.equal((await store.read(NAME, AT)).schema.name, 'auth0');
        assert.deepEqual(await publicNames(store), []);
      });

      it('is the configured one where the tag is missing, or names none', async () => {
        const store = await openTagged(settingsOf(kind), testContext());
        await create(store, {});
        assert.equal((await store.read(NAME, AT)).schema.name, 'jamf');
        await store.tag(NAME, { schema: 'nobody-knows' });
        assert.equal((await store.read(NAME, AT)).schema.name, 'jamf');
      });

      it('is the configured one for what works on one kind of secret only', async () => {
        const store = await openStore(settingsOf(kind), testContext());
        await create(store, { schema: 'database' });
        assert.equal((await store.read(NAME, AT)).schema.name, 'jamf');
      });
    });
  }

  it('costs no call on AWS where the fields are those of the configured one', async () => {
    const store = await openTagged(settingsOf('aws'), testContext());
    await create(store, { schema: 'jamf' }, sandbox().fields);
    await store.read(NAME, AT);
    assert.equal(calls('DescribeSecret').length, 0);
  });

  it('costs one call on AWS otherwise, which show makes anyway', async () => {
    const store = await openTagged(settingsOf('aws'), testContext());
    await create(store, { schema: 'database' });
    await publicNames(store);
    await store.read(NAME, AT);
    assert.equal(calls('DescribeSecret').length, 1);
  });

  it('is the configured one where AWS lets nobody read the tags', async () => {
    const store = await openTagged(settingsOf('aws'), testContext());
    await create(store, { schema: 'database' });
    const fault = { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' } as const;
    sandbox().inject({ operation: 'secretsmanager:DescribeSecret', nth: 'every', fault });
    assert.equal((await store.read(NAME, AT)).schema.name, 'jamf');
  });

  it('is told from the names of the fields: all that it needs, none that it does not know', () => {
    const schema = schemaOf('database');
    const needed = schema.fields.filter((field) => field.default === undefined && !field.optional);
    const names = needed.map(({ name }) => name);
    assert.ok(fits(schema, names));
    assert.ok(
      fits(
        schema,
        schema.fields.map(({ name }) => name),
      ),
    );
    assert.ok(!fits(schema, names.slice(1)));
    assert.ok(!fits(schema, [...names, 'OTHER']));
  });
});
