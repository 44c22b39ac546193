import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { databaseUrl } from '../../src/lib/secrets/exec-database.ts';
import { composeEnvironment, prepareChild, type EnvironmentOptions } from '../../src/lib/secrets/exec.ts';
import { fieldsFrom, schemaOf, type SecretSchema } from '../../src/lib/secrets/schema.ts';
import { testContext } from '../support/context.ts';
import { memoryStore } from '../support/memory-store.ts';

const SCHEMA = schemaOf('jamf');
const FREE: SecretSchema = { name: 'free', prefix: '', fields: [] };

const JAMF = Object.fromEntries(SCHEMA.fields.map(({ name, example }) => [name, example]));

const failure = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof JamfMcpError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

describe('the environment of a child', () => {
  const compose = (
    raw: Record<string, string>,
    options: EnvironmentOptions = {},
    outer: Record<string, string | undefined> = {},
    schema: SecretSchema = FREE,
  ) => composeEnvironment({ name: 'a/secret', fields: fieldsFrom(schema, raw), schema }, options, outer);

  it('is the outer one with every field, which replaces a variable of its name', () => {
    const outer = {
      PATH: '/bin',
      JAMF_URL: 'old',
      AUTH0_DOMAIN: 'old',
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      GONE: undefined,
    };
    const { env, variables, secrets } = compose(JAMF, {}, outer, SCHEMA);
    assert.deepEqual(env, { PATH: '/bin', AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', ...JAMF });
    assert.deepEqual(variables, Object.keys(JAMF));
    assert.deepEqual(
      secrets.map((secret) => secret.reveal()),
      [JAMF.JAMF_CLIENT_SECRET, JAMF.AUTH0_CLIENT_SECRET],
    );
  });

  it('takes only what is named, in the order it is named', () => {
    const { variables } = compose({ A: '1', B: '2', C: '3' }, { only: ['C', 'A'] });
    assert.deepEqual(variables, ['C', 'A']);
  });

  it('calls variables otherwise: a prefix for all, a name of its own for one', () => {
    const { env } = compose(
      { A: '1', B: '2', 'client-id': '3' },
      { prefix: 'P_', map: { CLIENT: 'client-id', OTHER: 'B' } },
    );
    assert.deepEqual(env, { P_A: '1', OTHER: '2', CLIENT: '3' });
  });

  it('adds a mapped field to those named', () => {
    assert.deepEqual(compose({ A: '1', B: '2', C: '3' }, { only: ['A'], map: { NEW: 'B' } }).env, { A: '1', NEW: '2' });
  });

  it('gives one field to two variables where both are asked for', () => {
    assert.deepEqual(compose({ A: '1' }, { map: { X: 'A', Y: 'A' } }).env, { X: '1', Y: '1' });
  });

  it("keeps this program's own keys from the child", () => {
    const outer = {
      JAMF_MCP_PASSPHRASE: 'EXAMPLE-passphrase',
      JAMF_MCP_ROTATOR_CLIENT_SECRET: 'EXAMPLE-rotator',
      TERM: 'x',
    };
    assert.deepEqual(compose({ A: '1' }, {}, outer).env, { TERM: 'x', A: '1' });
  });

  it('with pristine leaves only what a program needs to run', () => {
    const outer = {
      PATH: '/bin',
      HOME: '/h',
      TERM: 'xterm',
      LC_ALL: 'C',
      AWS_SECRET_ACCESS_KEY: 'x',
      NODE_OPTIONS: 'x',
    };
    assert.deepEqual(compose({ A: '1' }, { pristine: true }, outer).env, {
      PATH: '/bin',
      HOME: '/h',
      TERM: 'xterm',
      LC_ALL: 'C',
      A: '1',
    });
  });

  it('is not composed while a field is missing or empty: all are named', () => {
    const absent = ['JAMF_URL', 'AUTH0_DOMAIN', 'REQUIRED_SCOPES'];
    const rest = Object.fromEntries(Object.entries(JAMF).filter(([name]) => !absent.includes(name)));
    assert.throws(
      () => compose({ ...rest, AUTH0_AUDIENCE: '' }, {}, {}, SCHEMA),
      failure('NOT_FOUND', /secret a\/secret lacks JAMF_URL, AUTH0_DOMAIN, AUTH0_AUDIENCE; nothing was started/),
    );
    assert.throws(() => compose({ A: '1' }, { only: ['A', 'B'] }), failure('NOT_FOUND', /lacks B;/));
    assert.throws(() => compose({ A: '1' }, { map: { NEW: 'B' } }), failure('NOT_FOUND', /lacks B;/));
    assert.throws(() => compose({ A: '' }), failure('NOT_FOUND', /lacks A;/));
    assert.deepEqual(compose(rest, { only: ['JAMF_CLIENT_ID'] }, {}, SCHEMA).variables, ['JAMF_CLIENT_ID']);
  });

  it('refuses names that no variable can have, and says how to call it', () => {
    for (const name of ['client-id', '1A', 'A B', 'Ä', 'A=B']) {
      assert.throws(
        () => compose({ [name]: 'x' }),
        (error) =>
          failure('INPUT_INVALID', /can be no variable/)(error) &&
          String((error as JamfMcpError).hint).includes('--map NAME='),
      );
    }
    assert.throws(() => compose({ A: '1' }, { prefix: '9' }), failure('INPUT_INVALID', /9A can be no variable/));
    assert.throws(
      () => compose({ A: '1' }, { map: { 'x-y': 'A' } }),
      failure('INPUT_INVALID', /x-y can be no variable/),
    );
  });

  it('refuses two fields of one name', () => {
    assert.throws(
      () => compose({ A: '1', B: '2' }, { map: { A: 'B' } }),
      failure('INPUT_INVALID', /two fields would be called A/),
    );
  });

  it('refuses a field that would make programs load code, unless it is asked for', () => {
    for (const name of ['LD_PRELOAD', 'NODE_OPTIONS', 'PATH', 'BASH_ENV', 'DYLD_INSERT_LIBRARIES']) {
      assert.throws(() => compose({ [name]: 'x' }), failure('INPUT_INVALID', /load code/));
      assert.deepEqual(compose({ [name]: 'x' }, { map: { [name]: name } }).env, { [name]: 'x' });
    }
  });

  it('refuses a value that no variable can have, without showing it', () => {
    assert.throws(() => compose({ A: 'EXAMPLE\0value' }), failure('INPUT_INVALID', /^A holds a NUL character/));
  });

  it('adds DATABASE_URL as one more field', () => {
    const raw = { host: 'db.example.com', user: 'app', password: 'p', database: 'nba' };
    const url = 'postgresql://app:p@db.example.com:5432/nba';
    assert.equal(compose(raw, { databaseUrl: true }, { DATABASE_URL: 'old' }).env.DATABASE_URL, url);
    assert.deepEqual(compose(raw, { databaseUrl: true, only: ['DATABASE_URL'] }).env, { DATABASE_URL: url });
    const [first = ''] = Object.keys(raw);
    const both = { [first]: Object.values(raw)[0], DATABASE_URL: url };
    assert.deepEqual(compose(raw, { databaseUrl: true, only: [first] }).env, both, 'what was asked for is there');
    assert.deepEqual(compose(raw, { databaseUrl: true, only: [], map: { PG_URL: 'DATABASE_URL' } }).env, {
      PG_URL: url,
    });
    assert.throws(
      () => compose({ ...raw, DATABASE_URL: 'x' }, { databaseUrl: true }),
      failure('INPUT_INVALID', /a field DATABASE_URL of its own/),
    );
    assert.equal(
      compose(raw, { databaseUrl: true }).secrets.some((secret) => secret.reveal() === url),
      true,
    );
  });
});

describe('a database URL', () => {
  const url = (raw: Record<string, string>) => databaseUrl('a/secret', fieldsFrom(FREE, raw));
  const raw = { host: 'db.example.com', user: 'app', password: 'EXAMPLE', database: 'nba' };

  it('reads the names of our schema, of dotenv files, and of RDS', () => {
    const expected = 'postgresql://app:EXAMPLE@db.example.com:5432/nba';
    assert.equal(url(raw), expected);
    assert.equal(
      url({ DB_HOST: 'db.example.com', DB_USER: 'app', DB_PASSWORD: 'EXAMPLE', DB_NAME: 'nba', DB_PORT: '5432' }),
      expected,
    );
    assert.equal(
      url({ engine: 'postgres', username: 'app', password: 'EXAMPLE', host: 'db.example.com', dbname: 'nba' }),
      expected,
    );
    assert.equal(
      url({ ...raw, engine: 'mysql', port: '3307', sslmode: 'require' }),
      'mysql://app:EXAMPLE@db.example.com:3307/nba?sslmode=require',
    );
    assert.equal(url({ ...raw, engine: 'mariadb' }), 'mysql://app:EXAMPLE@db.example.com:3306/nba');
  });

  it('encodes every part, so that a reader gets back what was stored', () => {
    for (const value of ['p@ss:w/rd?#&=%+ ', 'ü€😀', 'a\'b"c\\d', '%41', '[::1]', '\n']) {
      const parsed = new URL(url({ ...raw, user: value, password: value, database: value }));
      assert.equal(decodeURIComponent(parsed.username), value);
      assert.equal(decodeURIComponent(parsed.password), value);
      assert.equal(decodeURIComponent(parsed.pathname.slice(1)), value);
      assert.equal(parsed.host, 'db.example.com:5432');
    }
  });

  it('puts an IPv6 address into brackets', () => {
    assert.equal(new URL(url({ ...raw, host: '2001:db8::1' })).hostname, '[2001:db8::1]');
    assert.equal(new URL(url({ ...raw, host: '[2001:db8::1]' })).hostname, '[2001:db8::1]');
  });

  it('is not composed from what is missing or wrong, and no value is told', () => {
    assert.throws(() => url({ host: 'db' }), failure('NOT_FOUND', /has no DB_NAME, DB_USER, DB_PASSWORD to compose/));
    const wrongs: Record<string, string>[] = [
      { port: '0' },
      { port: '65536' },
      { port: 'x' },
      { host: 'a/b' },
      { host: 'a@b' },
      { engine: 'oracle' },
    ];
    for (const wrong of wrongs) {
      assert.throws(
        () => url({ ...raw, ...wrong }),
        failure('INPUT_INVALID', /^secret a\/secret has an? (port|host|engine)/),
      );
    }
  });
});

describe('preparing a child', () => {
  const NAME = 'jamf-mcp-server/production';
  it('reads the version of the label, once, and tells names only', async () => {
    const store = memoryStore();
    const context = testContext();
    const token = 'EXAMPLE-token-00000000000000000000';
    await store.create({ name: NAME, description: '', tags: {}, fields: fieldsFrom(SCHEMA, JAMF), token });
    store.calls.length = 0;
    const request = { store, secret: NAME, stage: 'AWSCURRENT', options: {}, outer: {} };
    const child = await prepareChild(request, context);
    assert.equal(child.versionId, token);
    assert.deepEqual(store.calls, [`read ${NAME}`]);
    assert.ok(!JSON.stringify(context.events).includes('EXAMPLE-jamf'));
    await assert.rejects(
      prepareChild({ ...request, stage: 'AWSPENDING' }, context),
      failure('VERSION_NOT_FOUND', /AWSPENDING/),
    );
    await assert.rejects(prepareChild({ ...request, secret: 'none' }, context), failure('SECRET_NOT_FOUND', /none/));
  });

  it('keeps a value in its wrapper', () => {
    const fields = new Map([['A', new Secret('EXAMPLE-value')]]);
    const { secrets } = composeEnvironment({ name: 'x', fields, schema: FREE }, {}, {});
    assert.equal(JSON.stringify(secrets), '["***"]');
  });
});
