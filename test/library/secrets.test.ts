import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { makeSecrets } from '../../src/lib/library/reader.ts';
import {
  isSecretsError,
  openSecrets,
  type OpenSecretsOptions,
  type SecretsChange,
  type SecretsEvent,
} from '../../src/lib/library/secrets.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';
import { fakeClock, testContext } from '../support/context.ts';
import { memoryStore } from '../support/memory-store.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const VALUE = 'EXAMPLE-library-value';

const failure = (code: string, message: string | RegExp) => (error: unknown) => {
  assert.ok(isSecretsError(error), String(error));
  assert.equal(error.code, code);
  if (typeof message === 'string') assert.equal(error.message, message);
  else assert.match(error.message, message);
  assert.ok(!error.message.includes(VALUE));
  return true;
};

/** Secrets over a store in memory, with what was logged. */
async function world(options: OpenSecretsOptions = {}, env: NodeJS.ProcessEnv = {}) {
  const store = memoryStore();
  const clock = fakeClock();
  const events: SecretsEvent[] = [];
  let tokens = 0;
  const write = async (name: string, fields: Record<string, string>) => {
    tokens += 1;
    const token = `EXAMPLE-token-${String(tokens).padStart(20, '0')}`;
    const wrapped = fieldsFrom(schemaOf('jamf'), fields);
    if (store.documents.has(name)) await store.put(name, wrapped, { token, stages: ['AWSCURRENT'] });
    else await store.create({ name, description: '', tags: {}, fields: wrapped, token });
    return token;
  };
  await write(NAME, { DB_PASSWORD: VALUE, DB_HOST: 'db.example.com' });
  store.calls.length = 0;
  const log = (event: SecretsEvent) => events.push(event);
  const secrets = makeSecrets({ log, ...options }, { env, clock, store });
  return { store, clock, events, write, secrets };
}

describe('secrets for an application', () => {
  it('refuse an option, or a store, that there is not', () => {
    const slip = { ttl: 1 } as OpenSecretsOptions;
    assert.throws(() => openSecrets(slip), failure('INPUT_INVALID', 'there is no option ttl'));
    const bogus = { store: 'bogus' } as unknown as OpenSecretsOptions;
    assert.throws(() => openSecrets(bogus), failure('INPUT_INVALID', 'there is no such store'));
    assert.throws(
      () => openSecrets({ store: 'constructor' } as unknown as OpenSecretsOptions),
      failure('INPUT_INVALID', /store/),
    );
  });

  it('gives a frozen object of the fields, the same one until it is read anew', async () => {
    const { secrets, store } = await world();
    const fields = await secrets.get();
    assert.deepEqual(fields, { DB_PASSWORD: VALUE, DB_HOST: 'db.example.com' });
    assert.ok(Object.isFrozen(fields));
    assert.throws(() => ((fields as Record<string, string>).DB_HOST = 'other'), TypeError);
    assert.equal(await secrets.get(), fields);
    assert.equal(await secrets.get(NAME), fields);
    assert.deepEqual(store.calls, [`read ${NAME}`]);
    secrets.clear();
    const fresh = await secrets.get();
    assert.notEqual(fresh, fields);
    assert.deepEqual(fresh, fields);
  });

  it('is cached for five minutes, ten secrets at most', async () => {
    const { secrets, store, clock, write } = await world();
    for (let number = 0; number < 11; number += 1) await write(`s/${String(number)}`, { A: '1' });
    store.calls.length = 0;
    for (let number = 0; number < 11; number += 1) await secrets.get(`s/${String(number)}`);
    await secrets.get('s/1');
    assert.equal(store.calls.length, 11);
    await secrets.get('s/0');
    assert.equal(store.calls.length, 12, 'the first had to go');
    clock.advance(299_999);
    await secrets.get('s/0');
    assert.equal(store.calls.length, 12);
    clock.advance(1);
    await secrets.get('s/0');
    assert.equal(store.calls.length, 13);
  });

  it('gives one field, and says which is not there', async () => {
    const { secrets } = await world();
    assert.equal(await secrets.field(NAME, 'DB_HOST'), 'db.example.com');
    await assert.rejects(
      secrets.field(NAME, 'DB_USER'),
      failure('NOT_FOUND', `Secret '${NAME}' has no field 'DB_USER'`),
    );
    await assert.rejects(secrets.field(NAME, 'toString'), failure('NOT_FOUND', /has no field/));
  });

  it('takes the environment from an option, from a variable, or says production', async () => {
    const name = 'nba-mcp/{environment}/database';
    const settled = async (options: OpenSecretsOptions, env: NodeJS.ProcessEnv = {}) => {
      const { secrets, store } = await world({ name, ...options }, env);
      await secrets.get().catch(() => undefined);
      assert.deepEqual(store.calls, [`read nba-mcp/${secrets.environment}/database`]);
      return secrets.environment;
    };
    const environmentVariable = 'NBA_MCP_ENV';
    assert.equal(await settled({}, { NBA_MCP_ENV: 'staging' }), 'production');
    assert.equal(await settled({ environmentVariable }, { NBA_MCP_ENV: 'staging' }), 'staging');
    assert.equal(await settled({ environmentVariable }, { NBA_MCP_ENV: ' ' }), 'production');
    assert.equal(await settled({ environmentVariable, environment: 'dev' }, { NBA_MCP_ENV: 'staging' }), 'dev');
  });

  it('knows the environment in every name', async () => {
    const { secrets, store } = await world({ environment: 'dev' });
    await secrets.get('nba-mcp/{environment}/s3').catch(() => undefined);
    await secrets.field('nba-mcp/{environment}/aws', 'X').catch(() => undefined);
    await secrets.refresh('nba-mcp/{environment}/aws').catch(() => undefined);
    assert.deepEqual(store.calls, ['read nba-mcp/dev/s3', 'read nba-mcp/dev/aws', 'read nba-mcp/dev/aws']);
  });

  it('says which secret is missing, and where', async () => {
    const { secrets } = await world();
    await assert.rejects(
      secrets.get('none'),
      failure('SECRET_NOT_FOUND', "Secret 'none' not found in Secrets Manager"),
    );
    const { secrets: local } = await world({ store: 'local' });
    await assert.rejects(local.get('none'), failure('SECRET_NOT_FOUND', "Secret 'none' not found in the local store"));
  });

  it('reads anew on refresh, and tells once that the version is another', async () => {
    const changes: SecretsChange[] = [];
    const { secrets, write } = await world({ onRefresh: (change) => changes.push(change) });
    await secrets.get();
    await secrets.refresh();
    const versionId = await write(NAME, { DB_PASSWORD: 'EXAMPLE-new', DB_HOST: 'db.example.com' });
    assert.equal((await secrets.get()).DB_PASSWORD, VALUE);
    assert.equal((await secrets.refresh()).DB_PASSWORD, 'EXAMPLE-new');
    assert.equal((await secrets.get()).DB_PASSWORD, 'EXAMPLE-new');
    await secrets.refresh();
    assert.deepEqual(
      changes.map((change) => [change.name, change.versionId]),
      [[NAME, versionId]],
    );
    assert.match(changes[0]?.previousVersionId ?? '', /^EXAMPLE-token-0+1$/);
  });

  it('notices a rotation after the time to live by itself', async () => {
    const changes: SecretsChange[] = [];
    const { secrets, write, clock } = await world({ onRefresh: (change) => changes.push(change) });
    await secrets.get();
    await write(NAME, { DB_PASSWORD: 'EXAMPLE-new' });
    clock.advance(300_000);
    assert.equal((await secrets.get()).DB_PASSWORD, 'EXAMPLE-new');
    assert.equal(changes.length, 1);
  });

  it('gives the last value while the store cannot be reached, and nothing once it refuses', async () => {
    const { secrets, store, clock, events } = await world();
    await secrets.get();
    const fail = (code: JamfMcpError['code']) => {
      store.before = () => {
        throw new JamfMcpError(code, `${code} it is`);
      };
    };
    for (const code of ['UNREACHABLE', 'TIMED_OUT', 'THROTTLED', 'REMOTE_FAILED'] as const) {
      fail(code);
      clock.advance(300_000);
      assert.equal((await secrets.get()).DB_PASSWORD, VALUE, code);
    }
    assert.equal(events.filter(({ event }) => event === 'stale').length, 4);
    fail('ACCESS_DENIED');
    clock.advance(30_000);
    await assert.rejects(secrets.get(), failure('ACCESS_DENIED', /it is/));
    fail('UNREACHABLE');
    await assert.rejects(secrets.get(), failure('UNREACHABLE', /it is/));
  });

  it('does not hide a failure from whoever asks for a fresh value', async () => {
    const { secrets, store } = await world();
    await secrets.get();
    store.before = () => {
      throw new JamfMcpError('UNREACHABLE', 'gone');
    };
    await assert.rejects(secrets.refresh(), failure('UNREACHABLE', 'gone'));
    assert.equal((await secrets.get()).DB_PASSWORD, VALUE);
  });

  it('logs names, never values', async () => {
    const { secrets, events, write, clock } = await world();
    await secrets.get();
    await secrets.get();
    await secrets.get('none').catch(() => undefined);
    await write(NAME, { DB_PASSWORD: 'EXAMPLE-new-value' });
    clock.advance(300_000);
    await secrets.get();
    secrets.clear();
    assert.deepEqual(
      events.map(({ event, name }) => [event, name]),
      [
        ['read', NAME],
        ['failed', 'none'],
        ['read', NAME],
        ['changed', NAME],
        ['cleared', null],
      ],
    );
    assert.ok(!/EXAMPLE-(library|new)/.test(JSON.stringify(events)));
  });

  it('gives nothing after it was closed, not even what it had', async () => {
    const { secrets } = await world();
    await secrets.get();
    await secrets.close();
    for (const work of [secrets.get(), secrets.refresh(), secrets.field(NAME, 'DB_HOST')]) {
      await assert.rejects(work, failure('INTERRUPTED', 'these secrets are closed'));
    }
    await secrets.close();
    const { secrets: other } = await world();
    {
      await using used = other;
      await used.get();
    }
    await assert.rejects(other.get(), failure('INTERRUPTED', /closed/));
  });

  it('refuses options that cannot be', async () => {
    for (const options of [
      { ttlMs: -1 },
      { ttlMs: 1.5 },
      { staleMs: Number.NaN },
      { maxEntries: 0 },
      { maxEntries: 11 },
      { environment: ' ' },
    ]) {
      assert.throws(() => openSecrets(options), failure('INPUT_INVALID', /^(ttlMs|staleMs|maxEntries|environment) /));
    }
  });

  it('tells a broken onRefresh to nobody but the process', async () => {
    const heard: string[] = [];
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').once('uncaughtException', (error) => heard.push(error.message));
    try {
      const { secrets, write } = await world({
        onRefresh: () => {
          throw new Error('EXAMPLE mistake');
        },
      });
      await secrets.get();
      await write(NAME, { DB_PASSWORD: 'EXAMPLE-new' });
      assert.equal((await secrets.refresh()).DB_PASSWORD, 'EXAMPLE-new');
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(heard, ['EXAMPLE mistake']);
    } finally {
      process.removeAllListeners('uncaughtException');
      before.forEach((listener) => process.on('uncaughtException', listener));
    }
  });

  describe('from a file, on the machine of a developer', () => {
    let folder: string;
    let file: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-library-'));
      file = join(folder, '.env.local');
      await writeFile(
        file,
        `NBA_MCP_ENV=local\nUSE_LOCAL_CREDENTIALS=true\nDB_HOST=localhost\nDB_PASSWORD='${VALUE}'\n`,
      );
    });
    afterEach(() => rm(folder, { recursive: true }));

    it('is used where the variable says so, and the store is not asked', async () => {
      const { secrets, store, events } = await world({ local: { file } }, { USE_LOCAL_CREDENTIALS: 'TRUE' });
      assert.equal((await secrets.get()).DB_PASSWORD, VALUE);
      assert.equal((await secrets.get('nba-mcp/{environment}/database')).DB_HOST, 'localhost');
      assert.deepEqual(store.calls, []);
      assert.match(events[0]?.text ?? '', /\.env\.local in the place of secret/);
      assert.ok(!JSON.stringify(events).includes(VALUE));
    });

    it('is left alone otherwise', async () => {
      for (const env of [{}, { USE_LOCAL_CREDENTIALS: 'false' }, { USE_LOCAL_CREDENTIALS: '' }, { OTHER: 'true' }]) {
        const { secrets, store } = await world({ local: { file } }, env);
        await secrets.get();
        assert.equal(store.calls.length, 1, JSON.stringify(env));
      }
    });

    it('is switched by another variable, or by the application', async () => {
      const used = async (when: boolean | string, env: NodeJS.ProcessEnv = {}) => {
        const { secrets, store } = await world({ local: { file, when } }, env);
        await secrets.get();
        return store.calls.length === 0;
      };
      assert.equal(await used('LOCAL', { LOCAL: '1' }), true);
      assert.equal(await used('LOCAL', { USE_LOCAL_CREDENTIALS: 'true' }), false);
      assert.equal(await used(true), true);
      assert.equal(await used(false, { USE_LOCAL_CREDENTIALS: 'true' }), false);
    });

    it('is told where it is missing or malformed, by line and never by value', async () => {
      const missing = await world({ local: { file: join(folder, 'none'), when: true } });
      await assert.rejects(missing.secrets.get(), failure('INPUT_INVALID', /cannot be read: ENOENT/));
      await writeFile(file, `A=1\n${VALUE}\n`);
      const { secrets } = await world({ local: { file, when: true } });
      await assert.rejects(secrets.get(), failure('INPUT_INVALID', /\.env\.local:2/));
    });
  });

  describe('on AWS, in the sandbox', () => {
    const sandbox = withSandbox();
    const create = (Name: string, value: { SecretString?: string; SecretBinary?: Uint8Array }) =>
      secretsClient(sandbox()).send(new CreateSecretCommand({ Name, ...value }));
    const reads = () => sandbox().calls.filter(({ operation }) => operation === 'GetSecretValue').length;

    it('reads, caches, and reads a rotated value', async () => {
      const name = 'nba-mcp/production/database';
      await create(name, { SecretString: JSON.stringify({ DB_PASSWORD: VALUE, DB_PORT: 5432 }) });
      const changes: SecretsChange[] = [];
      const onRefresh = (change: SecretsChange) => changes.push(change);
      await using secrets = openSecrets({ name: 'nba-mcp/{environment}/database', onRefresh });
      const [one, two] = await Promise.all([secrets.get(), secrets.get()]);
      assert.equal(one, two);
      assert.deepEqual(one, { DB_PASSWORD: VALUE, DB_PORT: '5432' });
      assert.equal(reads(), 1);
      await secretsClient(sandbox()).send(
        new PutSecretValueCommand({ SecretId: name, SecretString: '{"DB_PASSWORD":"EXAMPLE-new"}' }),
      );
      assert.equal((await secrets.refresh()).DB_PASSWORD, 'EXAMPLE-new');
      assert.equal(changes.length, 1);
      await using previous = openSecrets({ name, stage: 'AWSPREVIOUS' });
      assert.equal(await previous.field(name, 'DB_PASSWORD'), VALUE);
    });

    it('says what is missing, binary, no JSON, nested, denied', async () => {
      await using secrets = openSecrets();
      await assert.rejects(secrets.get(), failure('SECRET_NOT_FOUND', `Secret '${NAME}' not found in Secrets Manager`));
      await create('binary', { SecretBinary: Buffer.from(VALUE) });
      await assert.rejects(secrets.get('binary'), failure('SECRET_MALFORMED', /holds binary data/));
      await create('text', { SecretString: VALUE });
      await assert.rejects(secrets.get('text'), failure('SECRET_MALFORMED', /is not JSON/));
      await create('nested', { SecretString: `{"A":{"B":"${VALUE}"}}` });
      await assert.rejects(secrets.get('nested'), failure('SECRET_MALFORMED', /nested: A/));
      sandbox().inject({
        operation: 'secretsmanager:GetSecretValue',
        fault: { kind: 'error', code: 'AccessDeniedException', message: 'User: x is not authorized to perform: y' },
      });
      await assert.rejects(secrets.get('nested'), failure('ACCESS_DENIED', /is not authorized/));
    });

    it('reads in the Region that is named', async () => {
      await create(NAME, { SecretString: '{"A":"1"}' });
      await using secrets = openSecrets({ region: 'eu-west-1' });
      await assert.rejects(secrets.get(), failure('SECRET_NOT_FOUND', /not found in Secrets Manager/));
    });
  });

  it('reads the local store', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-library-'));
    try {
      const store = localStore(
        { folder, schema: schemaOf('jamf'), user: null, localKey: 'file', passphrase: null, reason: null },
        testContext(),
      );
      const fields = fieldsFrom(schemaOf('jamf'), { DB_PASSWORD: VALUE });
      await store.create({
        name: NAME,
        description: '',
        tags: {},
        fields,
        token: 'EXAMPLE-token-00000000000000000000',
      });
      await using secrets = openSecrets({ store: 'local', folder });
      assert.deepEqual(await secrets.get(), { DB_PASSWORD: VALUE });
      await assert.rejects(
        secrets.get('none'),
        failure('SECRET_NOT_FOUND', "Secret 'none' not found in the local store"),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
