/** `secrets import`: which fields go where, in how many calls, and what happens when something goes wrong. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { readEntries } from '../../src/lib/secrets/formats.ts';
import { splitSchemas } from '../../src/lib/secrets/import-plan.ts';
import { entriesOf, importSecrets, type ImportRequest } from '../../src/lib/secrets/import.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPREVIOUS } from '../../src/lib/secrets/store.ts';
import { killAtEveryCall } from '../support/crash.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { assertInvariants, fields, plain, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';

const NBA = `# database
DB_HOST=db.example.com
DB_NAME=nba
DB_USER=nba
DB_PASSWORD='EXAMPLE-database'
# DB_PASSWORD=EXAMPLE-older
AWS_ACCESS_KEY_ID=AKIAEXAMPLEEXAMPLE00
AWS_SECRET_ACCESS_KEY=EXAMPLE-access
AWS_REGION=eu-west-1
S3_BUCKET_NAME=nba-bucket
STRIPE_KEY=sk_test_EXAMPLEEXAMPLE
NBA_MCP_LOG_LEVEL=INFO
EMPTY_TOKEN=
`;

describe('importing', () => {
  let store: MemoryStore;
  let context: TestContext;
  beforeEach(() => {
    store = memoryStore({
      tagged: () => ({
        ...schemaOf('jamf'),
        fields: schemaOf('jamf').fields.filter(({ default: value }) => value === undefined),
      }),
    });
    context = testContext();
  });
  afterEach(() => assertInvariants(store, ''));

  const requestFor = async (text: string, request: Partial<ImportRequest> = {}): Promise<ImportRequest> => ({
    store,
    environment: 'production',
    secret: NAME,
    schema: schemaOf('jamf'),
    split: null,
    source: { name: '.env', entries: await readEntries(text, '.env', 'dotenv'), text, secret: false },
    only: [],
    update: false,
    rewrite: null,
    dryRun: false,
    ...request,
  });
  const run = async (text: string, request: Partial<ImportRequest> = {}) =>
    importSecrets(await requestFor(text, request), context);
  const current = async (name = NAME) => plain((await store.read(name, { stage: AWSCURRENT })).fields);
  const split = { prefix: 'nba-mcp', schemas: splitSchemas([]) };
  const changes = () => store.calls.filter((call) => !/^(read|describe|list)/.test(call));

  it('stores any number of fields as one version, in two calls', async () => {
    const many = Array.from({ length: 50 }, (_, n) => `SERVICE_${String(n)}_TOKEN=EXAMPLE-${String(n)}`);
    const result = await run(['client_id=EXAMPLE-client', 'jamf-client-secret=EXAMPLE-secret', ...many].join('\n'));
    assert.deepEqual(store.calls, [`describe ${NAME}`, `create ${NAME}`]);
    assert.equal(result.fields.length, 53);
    assert.deepEqual(result.fields.slice(0, 3), ['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET', 'REQUIRED_SCOPES']);
    assert.equal((await store.versions(NAME)).length, 1);
    assert.equal((await current()).JAMF_CLIENT_ID, 'EXAMPLE-client');
    assert.equal((await current()).SERVICE_49_TOKEN, 'EXAMPLE-49');
    assert.deepEqual(result.missing, [
      'JAMF_URL',
      'AUTH0_DOMAIN',
      'AUTH0_CLIENT_ID',
      'AUTH0_CLIENT_SECRET',
      'AUTH0_AUDIENCE',
    ]);
    assert.equal(result.versionId, Object.keys((await store.describe(NAME)).stages)[0]);
    assert.deepEqual([result.changed, result.secret.arn], [true, (await store.describe(NAME)).arn]);
  });

  it('leaves settings, takes credentials, and reports each with file and line', async () => {
    const result = await run(NBA, { schema: schemaOf('database') });
    assert.deepEqual(await current(), {
      DB_HOST: 'db.example.com',
      DB_PORT: '5432',
      DB_NAME: 'nba',
      DB_USER: 'nba',
      DB_PASSWORD: 'EXAMPLE-database',
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLEEXAMPLE00',
      AWS_SECRET_ACCESS_KEY: 'EXAMPLE-access',
      STRIPE_KEY: 'sk_test_EXAMPLEEXAMPLE',
    });
    assert.deepEqual(result.left, ['AWS_REGION', 'S3_BUCKET_NAME', 'NBA_MCP_LOG_LEVEL', 'EMPTY_TOKEN']);
    assert.deepEqual(
      result.credentials.map(({ field, where, kind, imported }) => [field, where, kind, imported]),
      [
        ['DB_PASSWORD', '.env:5', 'name', true],
        ['AWS_ACCESS_KEY_ID', '.env:7', 'aws-key', true],
        ['AWS_SECRET_ACCESS_KEY', '.env:8', 'name', true],
        ['STRIPE_KEY', '.env:11', 'token', true],
        ['DB_PASSWORD', '.env:6', 'name', false],
      ],
    );
    assert.doesNotMatch(JSON.stringify(result), /EXAMPLE-|EXAMPLEEXAMPLE/);
  });

  it('makes one secret a group, with tags and the default port', async () => {
    const result = await run(NBA, { split });
    assert.deepEqual(
      result.secrets.map(({ secret, schema, fields: names, missing }) => [
        secret.name,
        schema,
        names.join(' '),
        missing,
      ]),
      [
        ['nba-mcp/production/database', 'database', 'DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD', []],
        ['nba-mcp/production/aws', 'aws', 'AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION', []],
        ['nba-mcp/production/s3', 's3', 'S3_BUCKET', []],
        ['nba-mcp/production/other', 'other', 'STRIPE_KEY', []],
      ],
    );
    assert.equal((await current('nba-mcp/production/database')).DB_PORT, '5432');
    assert.deepEqual(await current('nba-mcp/production/s3'), { S3_BUCKET: 'nba-bucket' });
    assert.deepEqual((await store.describe('nba-mcp/production/aws')).tags, {
      environment: 'production',
      'managed-by': 'jamf-mcp',
      schema: 'aws',
    });
    assert.equal(
      store.calls.filter((call) => !call.startsWith('read')).length,
      8 + 1,
      'two calls a secret, and one of this test',
    );
    assert.equal(result.secret.name, 'nba-mcp/production/database', 'the first stands at the top');
  });

  it('makes no group of a Region alone, and gives Auth0 to jamf where jamf is', async () => {
    const groups = async (text: string) => {
      store.documents.clear();
      return (await run(text, { split })).secrets.map(({ schema, fields: names }) => [schema, ...names]);
    };
    const auth0 = 'AUTH0_CLIENT_SECRET=EXAMPLE-1\nAWS_REGION=us-east-1';
    assert.deepEqual(await groups(auth0), [['auth0', 'AUTH0_CLIENT_SECRET']]);
    assert.deepEqual(await groups(`${auth0}\nJAMF_CLIENT_ID=x`), [
      ['jamf', 'JAMF_CLIENT_ID', 'AUTH0_CLIENT_SECRET', 'REQUIRED_SCOPES'],
    ]);
  });

  it('takes only what it is told', async () => {
    const result = await run(NBA, { only: ['NBA_MCP_LOG_LEVEL', 'S3_BUCKET'], schema: schemaOf('s3') });
    assert.deepEqual(await current(), { S3_BUCKET: 'nba-bucket', NBA_MCP_LOG_LEVEL: 'INFO' });
    assert.ok(result.credentials.every(({ imported }) => !imported) && result.credentials.length === 5);
    assert.match((await rejectsWith('INPUT_INVALID', run(NBA, { only: ['NOPE'] }))).message, /not there: NOPE/);
  });

  it('takes a name of one word for a field only where nothing else is in the file', async () => {
    const mixed = 'URL=https://app.example.com\nPORT=3000\nCLIENT_ID=EXAMPLE-a\nclientSecret=EXAMPLE-b';
    const result = await run(mixed);
    assert.deepEqual(Object.keys(await current()), ['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET', 'REQUIRED_SCOPES']);
    assert.deepEqual(result.left, ['URL', 'PORT']);
    const warned = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
    assert.deepEqual(warned(), [
      'URL is not taken for JAMF_URL, since .env holds other things too: if it is that, call it JAMF_URL there',
    ]);

    context.events.length = 0;
    await run(`JAMF_URL=https://example.jamfcloud.com\n${mixed}`, { secret: 'given' });
    assert.equal((await current('given')).JAMF_URL, 'https://example.jamfcloud.com');
    await run('URL=https://example.jamfcloud.com\nCLIENT_ID=EXAMPLE-a', { secret: 'short' });
    assert.equal((await current('short')).JAMF_URL, 'https://example.jamfcloud.com');
    await run(mixed, { secret: 'told', only: ['URL'] });
    assert.equal((await current('told')).JAMF_URL, 'https://app.example.com');
    const json = '{"url": "https://example.jamfcloud.com", "port": 3000}';
    const entries = await readEntries(json, 'jamf.json', 'json');
    await run('', { secret: 'json', source: { name: 'jamf.json', entries, text: null, secret: false } });
    assert.equal((await current('json')).JAMF_URL, 'https://example.jamfcloud.com');
    assert.deepEqual(warned(), []);
  });

  it('takes everything from another secret', async () => {
    await store.create({
      name: 'jamf-credentials',
      description: '',
      tags: {},
      fields: fields({ client_id: 'EXAMPLE-id', client_secret: 'EXAMPLE-pw', NOTE: 'plain' }),
      token: '00000000-0000-4000-8000-000000000001',
    });
    const entries = await entriesOf(store, 'jamf-credentials');
    await run('', { source: { name: 'secret jamf-credentials', entries, text: null, secret: true } });
    assert.deepEqual(await current(), {
      JAMF_CLIENT_ID: 'EXAMPLE-id',
      JAMF_CLIENT_SECRET: 'EXAMPLE-pw',
      REQUIRED_SCOPES: 'read:jamf write:jamf',
      NOTE: 'plain',
    });
  });

  it('refuses what is wrong, with file and line, before it touches anything', async () => {
    const cases: [string, RegExp, Partial<ImportRequest>?][] = [
      ['A=1\nJAMF_URL=EXAMPLE-nothing', /^\.env:2: JAMF_URL has to be a URL/],
      [
        'client_id=EXAMPLE-a\nJAMF_CLIENT_ID=EXAMPLE-b',
        /^\.env:1 and \.env:2 give JAMF_CLIENT_ID two values: as client_id and as JAMF_CLIENT_ID$/,
      ],
      ['url=EXAMPLE-nothing', /^\.env:1: url, taken for JAMF_URL, has to be a URL/],
      ['DB_PORT=x\nDB_HOST=db', /^\.env:1: DB_PORT has to be a port/, { split }],
      ['LOG_LEVEL=INFO', /^there is nothing to import: no field of the schema/],
      ['', /^there is nothing to import: it holds no fields/],
      ['JAMF_URL=', /^there is nothing to import/],
    ];
    for (const [text, message, request] of cases)
      assert.match((await rejectsWith('INPUT_INVALID', run(text, request))).message, message);
    assert.deepEqual(store.calls, []);
  });

  it('shows in a dry run what it would do, and does none of it', async () => {
    const result = await run(NBA, { split, dryRun: true });
    assert.deepEqual(changes(), []);
    assert.deepEqual(
      result.steps.map(({ name, state }) => [name, state]),
      [...Array.from({ length: 4 }, () => ['store', 'planned']), ['rewrite', 'skipped']],
    );
    assert.deepEqual([result.changed, result.versionId, result.secret.arn], [false, null, null]);
    assert.match(result.steps[0]?.text ?? '', /^create nba-mcp\/production\/database with DB_HOST/);
  });

  it('refuses names and values that would not come back as they are, with their places', async () => {
    const json = (value: unknown) => readEntries(JSON.stringify(value), 'x.json', 'json');
    const take = async (entries: ReturnType<typeof json>) =>
      run('', { source: { name: 'x.json', entries: await entries, text: null, secret: false } });
    for (const [value, why] of [
      ['EXAMPLE-lone\ud800half', /x\.json:1: API_TOKEN holds half a character/],
      ['EXAMPLE-before\0after', /x\.json:1: API_TOKEN holds a NUL character/],
    ] as const) {
      const { message } = await rejectsWith('INPUT_INVALID', take(json({ API_TOKEN: value })));
      assert.match(message, why);
    }
    for (const [text, format] of [
      ['__proto__=evil', 'dotenv'],
      ['{"__proto__": "evil"}', 'json'],
    ] as const) {
      const { message } = await rejectsWith('INPUT_INVALID', readEntries(text, 'x', format));
      assert.match(message, /^x:1 has a field called __proto__/);
    }
    assert.deepEqual(changes(), []);
  });

  it('says of a field without a value, asked for by its name, where it is', async () => {
    const { message } = await rejectsWith(
      'INPUT_INVALID',
      run('A_TOKEN=EXAMPLE-a\nEMPTY=', { only: ['A_TOKEN', 'EMPTY'] }),
    );
    assert.match(message, /^\S+:2: EMPTY, which --only names, has no value$/);
  });

  describe('into a secret that exists', () => {
    beforeEach(async () => {
      await store.create({
        name: NAME,
        description: '',
        tags: {},
        fields: fields({
          JAMF_URL: 'https://example.jamfcloud.com',
          JAMF_CLIENT_SECRET: 'EXAMPLE-old',
          EXTRA: 'EXAMPLE-x',
        }),
        token: '00000000-0000-4000-8000-000000000001',
      });
      store.calls.length = 0;
    });

    it('says so, and changes nothing, without --update', async () => {
      assert.match((await rejectsWith('SECRET_EXISTS', run('client_id=x'))).hint ?? '', /--update/);
      assert.deepEqual(changes(), []);
    });

    it('merges as a compare-and-swap, and asks first', async () => {
      context.answer(true);
      const result = await run('client_secret=EXAMPLE-new', { update: true });
      assert.deepEqual(await current(), {
        JAMF_URL: 'https://example.jamfcloud.com',
        JAMF_CLIENT_SECRET: 'EXAMPLE-new',
        REQUIRED_SCOPES: 'read:jamf write:jamf',
        EXTRA: 'EXAMPLE-x',
      });
      assert.deepEqual(result.changedFields, ['JAMF_CLIENT_SECRET', 'REQUIRED_SCOPES']);
      assert.deepEqual(
        store.calls.slice(0, 4).map((call) => call.split(' ')[0]),
        ['read', 'put', 'moveLabel', 'moveLabel'],
      );
      assert.match(context.questions[0]?.text ?? '', /^change JAMF_CLIENT_SECRET, REQUIRED_SCOPES of secret/);
    });

    it('changes nothing where nothing is new by its own schema, and asks nobody', async () => {
      await store.tag(NAME, { schema: 'jamf-without-defaults' });
      store.calls.length = 0;
      const result = await run('client_secret=EXAMPLE-old\nREQUIRED_SCOPES=read:jamf', {
        update: true,
        only: ['client_secret'],
      });
      assert.deepEqual([result.changed, context.questions, changes()], [false, [], []]);
      assert.equal(result.versionId, '00000000-0000-4000-8000-000000000001');
    });

    it('keeps a default from overwriting what is there', async () => {
      context.answer(true, true);
      await run('REQUIRED_SCOPES=read:jamf', { update: true });
      await run('client_id=EXAMPLE-id', { update: true });
      assert.equal((await current()).REQUIRED_SCOPES, 'read:jamf');
    });

    it('loses to somebody who wrote meanwhile', async () => {
      context.answer(true);
      store.before = async (method) => {
        if (method !== 'put') return;
        store.before = () => undefined;
        await store.put(NAME, fields({ THEIRS: 'EXAMPLE-t' }), {
          token: '00000000-0000-4000-8000-000000000002',
          stages: [AWSCURRENT],
        });
      };
      await rejectsWith('CONFLICT', run('client_id=EXAMPLE-mine', { update: true }));
      assert.deepEqual(await current(), { THEIRS: 'EXAMPLE-t' });
    });

    it('touches nothing that is to be deleted, or that a person declines', async () => {
      context.answer(false);
      await rejectsWith('DECLINED', run('client_id=x', { update: true }));
      store.scheduleDeletion(NAME);
      for (const update of [false, true]) await rejectsWith('SECRET_DELETED', run('client_id=x', { update }));
      assert.deepEqual(changes(), []);
      store.documents.clear();
    });
  });

  it('says what of several secrets is stored when it fails halfway, and goes on from there', async () => {
    store.before = (method, name) => {
      if (method === 'create' && name.endsWith('/s3')) throw new JamfMcpError('THROTTLED', 'throttled');
    };
    const error = await rejectsWith('PARTIAL', run(NBA, { split }));
    assert.deepEqual(error.details, {
      stored: ['nba-mcp/production/database', 'nba-mcp/production/aws'],
      left: ['nba-mcp/production/s3', 'nba-mcp/production/other'],
    });
    assert.match(error.hint ?? '', /--update/);
    store.before = () => undefined;
    const result = await run(NBA, { split, update: true });
    assert.deepEqual(
      result.secrets.map(({ changed }) => changed),
      [false, false, true, true],
    );
    assert.deepEqual((await store.versions('nba-mcp/production/aws')).length, 1);
  });

  it('gets through when it is killed at any call and run again', async () => {
    const calls = await killAtEveryCall(
      async () => {
        const memory = memoryStore();
        await memory.create({
          name: 'nba-mcp/production/aws',
          description: '',
          tags: {},
          fields: fields({ OLD: 'EXAMPLE-kept' }),
          token: '00000000-0000-4000-8000-000000000001',
        });
        return { stores: [memory], memory };
      },
      async ({ memory }) => {
        const asked = testContext();
        asked.answer(true, true, true, true);
        await importSecrets(await requestFor(NBA, { store: memory, split, update: true }), asked);
      },
      async ({ memory }, when) => {
        await assertInvariants(memory, '');
        const { fields: aws } = await memory.read('nba-mcp/production/aws', { stage: AWSCURRENT });
        assert.deepEqual([plain(aws).OLD, plain(aws).AWS_SECRET_ACCESS_KEY], ['EXAMPLE-kept', 'EXAMPLE-access'], when);
        assert.equal((await memory.list('nba-mcp/')).length, 4, when);
        const labels = Object.values((await memory.describe('nba-mcp/production/aws')).stages).flat();
        assert.deepEqual(labels.sort(), [AWSCURRENT, AWSPREVIOUS], when);
      },
    );
    assert.ok(calls >= 10, `${String(calls)} calls`);
  });

  describe('with --rewrite', () => {
    let folder: string;
    let file: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-import-'));
      file = join(folder, '.env');
      await writeFile(file, NBA);
    });
    afterEach(() => rm(folder, { recursive: true }));

    it('keeps settings, the Region, and where the secrets are', async () => {
      const result = await run(NBA, { split, rewrite: file });
      assert.equal(
        await readFile(file, 'utf8'),
        `# No credentials here: they are kept in
#   nba-mcp/production/database (aws)
#   nba-mcp/production/aws (aws)
#   nba-mcp/production/s3 (aws)
#   nba-mcp/production/other (aws)
JAMF_MCP_ENV=production
JAMF_MCP_STORE=aws
SECRETS_NAME=nba-mcp/production

# database
AWS_REGION=eu-west-1
NBA_MCP_LOG_LEVEL=INFO
EMPTY_TOKEN=
`,
      );
      assert.equal(await readFile(`${file}.old`, 'utf8'), NBA);
      assert.deepEqual(result.rewritten?.kept, ['AWS_REGION', 'NBA_MCP_LOG_LEVEL', 'EMPTY_TOKEN']);
      assert.deepEqual([result.git, result.steps.at(-1)?.state], ['no', 'done']);
      assert.deepEqual(await readEntries(await readFile(file, 'utf8'), file, 'dotenv').then((all) => all.length), 6);
    });

    it('leaves the file as it is when storing fails', async () => {
      store.before = (method) => {
        if (method === 'create') throw new JamfMcpError('ACCESS_DENIED', 'no');
      };
      await rejectsWith('ACCESS_DENIED', run(NBA, { split, rewrite: file }));
      assert.deepEqual(await readdir(folder), ['.env']);
      assert.equal(await readFile(file, 'utf8'), NBA);
    });

    it('refuses before it stores anything: a credential would stay, a backup is there, the source is no dotenv', async () => {
      await rejectsWith('INPUT_INVALID', run(NBA, { only: ['DB_PASSWORD'], rewrite: file }));
      await rejectsWith(
        'INPUT_INVALID',
        run(NBA, {
          rewrite: file,
          source: { name: 'x', entries: await readEntries(NBA, 'x', 'dotenv'), text: null, secret: false },
        }),
      );
      await writeFile(`${file}.old`, 'other');
      await rejectsWith('INPUT_INVALID', run(NBA, { split, rewrite: file }));
      assert.deepEqual(store.calls, []);
    });

    it('refuses before it stores anything where nothing can be written beside the file', async function () {
      if (platform() !== 'linux') this.skip();
      // Nobody, not even root, makes a file there.
      await symlink('/proc/version', join(folder, 'link'));
      const refused = await rejectsWith('REMOTE_FAILED', run(NBA, { split, rewrite: join(folder, 'link') }));
      assert.match(refused.message, /cannot be made safe in its folder, so nothing was stored: /);
      assert.deepEqual(store.calls, []);
    });

    it('is partly done, and says what is left, where the file can no longer be made safe', async () => {
      store.after = async (method) => {
        if (method === 'create') await mkdir(join(folder, '.gitignore'), { recursive: true });
      };
      const partly = await rejectsWith('PARTIAL', run(NBA, { split, rewrite: file }));
      assert.match(partly.message, /database, .* has the values, but .*\.env cannot be made safe: it is a folder/);
      assert.match(partly.hint ?? '', /repeat the command with --update/);
      assert.equal(await readFile(file, 'utf8'), NBA);
      await rm(join(folder, '.gitignore'), { recursive: true });
      store.after = () => undefined;
      context.answer(true, true, true, true);
      assert.equal((await run(NBA, { split, rewrite: file, update: true })).steps.at(-1)?.state, 'done');
    });

    it('warns that history holds what git cannot be asked about', async () => {
      await writeFile(join(folder, '.git'), 'gitdir: nowhere\n');
      await rejectsWith('CONFIRMATION_REQUIRED', run(NBA, { split, rewrite: file }));
      assert.deepEqual(changes(), []);
      context.answer(true);
      assert.equal((await run(NBA, { split, rewrite: file })).git, 'unknown');
      assert.match(JSON.stringify(context.events.at(-1)), /"warning".*history still holds the values/);
    });
  });
});
