import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShowResult } from '../../src/lib/secrets/show.ts';
import type { VerifyResult } from '../../src/lib/secrets/verify-secret.ts';
import { runCli } from '../support/cli.ts';

/** A database among the secrets of one store, as `import --split` leaves it. */
describe('a secret of another schema than the environment', () => {
  let env: Record<string, string>;
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-schema-cli-'));
    env = { XDG_DATA_HOME: folder, JAMF_MCP_STORE: 'local', JAMF_MCP_ENV: 'dev' };
    const file = join(folder, '.env');
    await writeFile(
      file,
      'DB_HOST=db.example.com\nDB_PORT=5432\nDB_NAME=shop\nDB_USER=clerk\nDB_PASSWORD=EXAMPLE-database-password\n',
    );
    const { code, stderr } = await runCli(['secrets', 'import', file, '--split', '--prefix', 'nba-mcp'], { env });
    assert.equal(code, 0, stderr);
  });

  const secrets = (verb: string, ...args: string[]) =>
    runCli(['secrets', verb, '--secret', 'nba-mcp/dev/database', ...args], { env });
  const shown = async (...args: string[]) => {
    const { stdout } = await secrets('show', '--json', ...args);
    const { fields } = JSON.parse(stdout) as ShowResult;
    return Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  };

  it('shows what is public in it, and masks it all by another schema', async () => {
    assert.deepEqual(await shown(), {
      DB_HOST: 'db.example.com',
      DB_PORT: '5432',
      DB_NAME: 'shop',
      DB_USER: 'clerk',
      DB_PASSWORD: '***',
    });
    assert.deepEqual(new Set(Object.values(await shown('--schema', 'auth0'))), new Set(['***']));
  });

  it('runs a command with it', async () => {
    const { stdout, stderr, code } = await secrets('exec', '--database-url', '--', 'sh', '-c', 'echo "$DATABASE_URL"');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^postgresql:\/\/clerk:EXAMPLE-database-password@db\.example\.com:5432\/shop/);
    assert.match((await secrets('exec', '--schema', 'jamf', '--', 'true')).stderr, /lacks JAMF_URL/);
  });

  it('is verified, compared, told and exported by it', async () => {
    const verified = JSON.parse((await secrets('verify', '--no-live', '--json')).stdout) as VerifyResult;
    assert.deepEqual([verified.schema, verified.summary.fail], ['database', 0]);
    const change = await runCli(
      ['secrets', 'set', 'DB_HOST', '--secret', 'nba-mcp/dev/database', '--from-file', '-', '--yes'],
      { env, input: 'other.example.com\n' },
    );
    assert.equal(change.code, 0, change.stderr);
    assert.doesNotMatch(change.stderr, /field of your own/);
    assert.match((await secrets('diff')).stdout, /db\.example\.com/);
    assert.match((await secrets('history')).stdout, /db\.example\.com|DB_HOST/);
    const github = await secrets(
      'export',
      '--format',
      'github',
      '--reason',
      'a test',
      '-o',
      join(env.XDG_DATA_HOME ?? '', 'env'),
    );
    assert.deepEqual(github.stdout.match(/::add-mask::.*/g), ['::add-mask::EXAMPLE-database-password'], github.stderr);
  });

  it('names a schema that there is not', async () => {
    const { stderr, code } = await secrets('show', '--schema', 'nothing');
    assert.equal(code, 2);
    assert.match(stderr, /there is no schema nothing\n {2}next: schemas: jamf, /);
  });
});
