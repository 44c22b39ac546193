import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteSecretCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { ErrorJson } from '../../src/lib/errors.ts';
import { LEGACY_CI, READER } from '../../src/lib/sandbox/principals.ts';
import type { InitResult } from '../../src/lib/secrets/init.ts';
import type { ListResult } from '../../src/lib/secrets/list.ts';
import type { ShowResult } from '../../src/lib/secrets/show.ts';
import { runCli, type CliResult } from '../support/cli.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';

const dotenv = (raw: Record<string, string>) =>
  Object.entries(raw)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');

describe('jamf-mcp secrets, the built program in the sandbox', () => {
  const sandbox = withSandbox();
  let folder: string;
  /** Everything that was printed in a test: no secret value may be in it. */
  let printed: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-cli-'));
    printed = '';
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    const { JAMF_CLIENT_SECRET = '', AUTH0_CLIENT_SECRET = '' } = sandbox().fields;
    for (const value of [JAMF_CLIENT_SECRET, AUTH0_CLIENT_SECRET, 'EXAMPLE-typed']) {
      assert.ok(value !== '' && !printed.includes(value), 'a secret value was printed');
    }
  });

  const run = async (
    args: string[],
    options: { env?: Record<string, string | undefined>; input?: string } = {},
  ): Promise<CliResult> => {
    const result = await runCli(args, { ...options, env: { ...sandbox().environment, ...options.env } });
    printed += result.stdout + result.stderr;
    return result;
  };
  const init = (
    given: Record<string, string> = {},
    args: string[] = [],
    env: Record<string, string | undefined> = {},
  ) => run(['secrets', 'init', '--from-file', '-', ...args], { input: dotenv({ ...sandbox().fields, ...given }), env });
  const stored = () =>
    sandbox().calls.filter(({ operation, outcome }) => /^(Create|Put|Update)/.test(operation) && outcome === 'ok');

  /** Two lines on stderr after what was told while it went on, nothing on stdout, and the code. */
  const assertError = (result: CliResult, exit: number, message: RegExp, next: RegExp) => {
    assert.equal(result.code, exit, result.stderr);
    assert.equal(result.stdout, '');
    const lines = result.stderr.trimEnd().split('\n').slice(-2);
    const told = result.stderr.trimEnd().split('\n').slice(0, -2);
    for (const line of told) assert.match(line, /^( {2}jamf |✓ |✗ |target: )/, result.stderr);
    assert.match(lines[0] ?? '', /^jamf-mcp: [^A-Z ]/);
    assert.match(lines[0] ?? '', message);
    assert.match(lines[1] ?? '', /^ {2}next: /);
    assert.match(lines[1] ?? '', next);
  };

  it('init stores, show shows, list lists', async () => {
    const created = await init();
    assert.equal(created.code, 0, created.stderr);
    assert.match(created.stdout, /^stored jamf-mcp-server\/production \(aws, environment production\)\n/);
    assert.match(
      created.stderr,
      /verify: .*\n.*target: aws · 000000000000 · us-east-1 · arn:aws:sts::.*\n.*store: create secret/,
    );
    assert.equal(stored().length, 1);

    const shown = await run(['secrets', 'show']);
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^JAMF_CLIENT_SECRET +\*\*\* +[\da-f]{8}$/m);
    assert.match(shown.stdout, new RegExp(`^JAMF_URL +${sandbox().jamfUrl} +[\\da-f]{8}$`, 'm'));
    assert.match(shown.stdout, /AWSCURRENT/);
    assert.equal(shown.stderr, '');

    const listed = await run(['secrets', 'list']);
    assert.match(listed.stdout, /^jamf-mcp-server\/production +production +current/m);
  });

  it('--json is the result and nothing else', async () => {
    const created = JSON.parse((await init({}, ['--json'])).stdout) as InitResult;
    assert.equal(created.secret.store, 'aws');
    assert.match(
      created.secret.arn ?? '',
      /^arn:aws:secretsmanager:us-east-1:000000000000:secret:jamf-mcp-server\/production-\w{6}$/,
    );
    assert.deepEqual(created.fields, Object.keys(sandbox().fields));
    assert.equal(created.changed, true);
    const shown = JSON.parse((await run(['secrets', 'show', '--json'])).stdout) as ShowResult;
    assert.equal(shown.versionId, created.versionId);
    assert.deepEqual(shown.stages, ['AWSCURRENT']);
    assert.deepEqual(
      shown.fields.filter(({ secret }) => secret).map(({ value }) => value),
      ['***', '***'],
    );
    const listed = JSON.parse((await run(['secrets', 'list', '--json', '--all'])).stdout) as ListResult;
    assert.deepEqual(
      listed.secrets.map(({ name, managed }) => [name, managed]),
      [[NAME, true]],
    );
  });

  it('sets a resource policy with the creation and later, and shows whom it names', async () => {
    const file = join(folder, 'policy.json');
    const policy = (AWS: string) =>
      writeFile(file, JSON.stringify({ Statement: { Effect: 'Allow', Principal: { AWS } } }));
    const flag = ['--resource-policy', file];
    await policy('*');
    assertError(
      { ...(await init({}, [...flag, '--store', 'local'])) },
      2,
      /the store local has no resource policies/,
      /--store aws/,
    );
    assert.deepEqual(stored(), []);
    const open = await init({}, [...flag, '--quiet']);
    assertError(
      open,
      2,
      /is stored, but its resource policy is not set: .*broad access/,
      /--update --resource-policy FILE/,
    );
    assertError(await init({}, flag), 1, /already exists/, /--update --resource-policy FILE/);
    await policy('arn:aws:iam::000000000000:root');
    const later = await run(['secrets', 'init', '--update', ...flag, '--yes', '--no-input']);
    assert.equal(later.code, 0, later.stderr);
    assert.match(later.stdout, /^policy +set$/m);
    const shown = await run(['secrets', 'show', '--json']);
    assert.deepEqual((JSON.parse(shown.stdout) as ShowResult).resourcePolicy, {
      statements: 1,
      principals: ['arn:aws:iam::000000000000:root'],
    });
    await writeFile(file, 'TOKEN=EXAMPLE-typed');
    assertError(await run(['secrets', 'init', '--update', ...flag]), 2, /is not a JSON object/, /--resource-policy/);
  });

  it('reads a file, JSON too, and writes one version with --update', async () => {
    const file = join(folder, 'fields.json');
    await writeFile(file, JSON.stringify(sandbox().fields));
    assert.equal((await run(['secrets', 'init', '--from-file', file])).code, 0);
    const update = (args: string[]) =>
      run(['secrets', 'init', '--update', '--from-file', '-', ...args], { input: 'REQUIRED_SCOPES=read:jamf\n' });
    assertError(await update(['--quiet']), 2, /needs a confirmation: change REQUIRED_SCOPES/, /--yes/);
    const changed = JSON.parse((await update(['--yes', '--json'])).stdout) as InitResult;
    assert.deepEqual([changed.changed, changed.changedFields], [true, ['REQUIRED_SCOPES']]);
    const same = JSON.parse((await update(['--yes', '--json'])).stdout) as InitResult;
    assert.deepEqual([same.changed, same.versionId], [false, changed.versionId]);
    const shown = JSON.parse((await run(['secrets', 'show', '--json', '--stage', 'AWSPREVIOUS'])).stdout) as ShowResult;
    assert.equal(shown.fields.find(({ name }) => name === 'REQUIRED_SCOPES')?.value, 'read:jamf write:jamf');
  });

  it('a dry run shows the steps and changes nothing', async () => {
    const result = await init({}, ['--dry-run']);
    assert.equal(result.code, 0);
    assert.match(result.stdout, /verify +planned[\s\S]*store +planned +create secret/);
    assert.deepEqual(stored(), []);
  });

  it('an existing secret is left alone', async () => {
    await init();
    assertError(await init(), 1, /already exists \(arn:.*nothing was changed/, /--update/);
    assert.equal(stored().length, 1);
  });

  describe('stores nothing and says why', () => {
    afterEach(() => {
      assert.deepEqual(stored(), []);
    });

    it('when JAMF_URL is no Jamf Pro server, or no URL', async () => {
      assertError(await init({ JAMF_URL: sandbox().url }), 2, /is not a Jamf Pro server/, /check JAMF_URL/);
      assertError(
        await init({ JAMF_URL: 'example.jamfcloud.com' }),
        2,
        /JAMF_URL has to be a URL that begins with https/,
        /JAMF_URL=https:/,
      );
    });

    it('when Jamf refuses the client', async () => {
      assertError(
        await init({ JAMF_CLIENT_SECRET: 'EXAMPLE-typed' }),
        4,
        /refuses the API client/,
        /client id and secret/,
      );
    });

    it('when the host is not there', async () => {
      assertError(await init({ JAMF_URL: 'http://127.0.0.1:9' }), 1, /127\.0\.0\.1:9/, /check JAMF_URL/);
    });

    it('when fields are missing: all of them are named', async () => {
      const result = await run(['secrets', 'init', '--from-file', '-'], {
        input: "JAMF_CLIENT_SECRET='EXAMPLE-typed'\n",
      });
      assertError(
        result,
        2,
        /JAMF_URL, JAMF_CLIENT_ID, AUTH0_DOMAIN, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET, AUTH0_AUDIENCE$/,
        /--from-file/,
      );
      assertError(await run(['secrets', 'init', '--no-input']), 2, /nobody to ask/, /--from-file/);
    });

    it('when the file is none, or not dotenv', async () => {
      assertError(
        await run(['secrets', 'init', '--from-file', join(folder, 'none')]),
        2,
        /cannot read .*none: ENOENT/,
        /check the path/,
      );
      const broken = await run(['secrets', 'init', '--from-file', '-'], { input: 'A=1\nEXAMPLE-typed\n' });
      assertError(broken, 2, /stdin:2 is not NAME=value$/, /NAME='value'/);
    });

    it('when a value is given by flag: it is not even repeated', async () => {
      assertError(await run(['secrets', 'init', '--JAMF_CLIENT_SECRET=EXAMPLE-typed']), 2, /unknown flag/, /--help/);
      assertError(await run(['secrets', 'init', 'EXAMPLE-typed']), 2, /unexpected argument/, /--help/);
    });

    it('when there are no AWS credentials', async () => {
      const nobody = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_SESSION_TOKEN: undefined };
      assertError(await init({}, [], nobody), 4, /credentials/i, /jamf-mcp sandbox.*--store local/);
    });

    it('when AWS does not know the credentials', async () => {
      const unknown = { AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN00EXAMPLE', AWS_SESSION_TOKEN: undefined };
      assertError(await init({}, [], unknown), 4, /security token .* is invalid/, /get-caller-identity/);
    });

    it('when there is no Region, or none that can be', async () => {
      assertError(
        await init({}, [], { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined }),
        4,
        /Region is missing/,
        /--region/,
      );
      assertError(await init({}, ['--region', 'us east 1']), 2, /Region/, /--region/);
    });

    it('when the policy denies, with the whole text of AWS', async () => {
      for (const { accessKeyId, secretAccessKey, sessionToken } of [READER, LEGACY_CI]) {
        const env = {
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_SESSION_TOKEN: sessionToken,
        };
        assertError(
          await init({}, [], env),
          4,
          /is not authorized to perform: secretsmanager:DescribeSecret on resource: .* (deny|allows).*$/,
          /policy/,
        );
      }
    });

    it('when nothing answers at the endpoint', async () => {
      const endpoints = Object.keys(sandbox().environment).filter((name) => name.startsWith('AWS_ENDPOINT_URL'));
      assertError(
        await init({}, [], Object.fromEntries(endpoints.map((name) => [name, 'http://127.0.0.1:9']))),
        1,
        /ECONNREFUSED/,
        /AWS_ENDPOINT_URL/,
      );
    });
  });

  it('a denied or failing write leaves nothing behind', async () => {
    sandbox().inject({
      operation: 'secretsmanager:CreateSecret',
      fault: {
        kind: 'error',
        code: 'AccessDeniedException',
        message: 'User: x is not authorized to perform: secretsmanager:CreateSecret on resource: y',
      },
    });
    const result = await init({}, ['--quiet']);
    assertError(result, 4, /secretsmanager:CreateSecret on resource: y$/, /policy/);
    assert.deepEqual(stored(), []);
    assert.equal((await init()).code, 0, 'the same command again does it');
  });

  it('a lost answer to the write is no second secret', async () => {
    sandbox().inject({ operation: 'secretsmanager:CreateSecret', fault: { kind: 'reset', when: 'after' } });
    assert.equal((await init()).code, 0);
    const shown = JSON.parse((await run(['secrets', 'show', '--json'])).stdout) as ShowResult;
    assert.deepEqual(shown.stages, ['AWSCURRENT']);
  });

  it('a secret scheduled for deletion is neither shown nor changed', async () => {
    await init();
    const client = secretsClient(sandbox());
    await client.send(new DeleteSecretCommand({ SecretId: NAME, RecoveryWindowInDays: 7 }));
    const restore = /jamf-mcp secrets restore --secret jamf-mcp-server\/production/;
    assertError(await init(), 1, /scheduled for deletion on \d{4}-/, restore);
    assertError(await init({}, ['--update', '--yes']), 1, /scheduled for deletion/, restore);
    assertError(await run(['secrets', 'show']), 1, /scheduled for deletion/, restore);
    assert.match((await run(['secrets', 'list'])).stdout, /production +production +deleted on/);
    assert.equal(stored().length, 1);
  });

  it('show tells what is not there: secret, Region, label', async () => {
    await init();
    assertError(
      await run(['secrets', 'show', '--env', 'staging']),
      5,
      /no secret jamf-mcp-server\/staging in us-east-1/,
      /secrets init/,
    );
    assertError(await run(['secrets', 'show', '--region', 'eu-west-1']), 5, /in eu-west-1/, /--region/);
    assertError(
      await run(['secrets', 'show', '--stage', 'AWSPREVIOUS']),
      5,
      /no version with the staging label AWSPREVIOUS/,
      /secrets history/,
    );
    await secretsClient(sandbox()).send(new PutSecretValueCommand({ SecretId: NAME, SecretString: 'EXAMPLE-typed' }));
    assertError(await run(['secrets', 'show']), 1, /is not JSON/, /JSON object/);
  });

  it('an error under --json is JSON on stdout, with the code', async () => {
    const result = await run(['secrets', 'show', '--json']);
    const { error } = JSON.parse(result.stdout) as ErrorJson;
    assert.deepEqual([error.code, error.exit, result.code], ['SECRET_NOT_FOUND', 5, 5]);
  });

  it('--debug tells operations and never a value', async () => {
    const result = await init({}, ['--debug']);
    assert.match(result.stderr, /aws CreateSecret: ok, request [\w-]+/);
    assert.match(result.stderr, /jamf POST \/api\/oauth\/token: 200/);
  });

  it('does the same on the local store, with no AWS at all', async () => {
    const env = { XDG_DATA_HOME: folder, JAMF_MCP_STORE: 'local', AWS_ACCESS_KEY_ID: undefined, AWS_REGION: undefined };
    const created = await init({}, [], env);
    assert.equal(created.code, 0, created.stderr);
    assert.match(created.stderr, /warning: the key of the local store is an ordinary file/);
    const shown = JSON.parse((await run(['secrets', 'show', '--json'], { env })).stdout) as ShowResult;
    assert.equal(shown.secret.arn, `local:${NAME}`);
    assertError(await init({}, [], env), 1, /already exists/, /--update/);
    assert.match((await run(['secrets', 'list'], { env })).stdout, /production +production +current/);
    assert.deepEqual(
      sandbox().calls.filter(({ service }) => service !== 'jamf'),
      [],
    );
  });
});
