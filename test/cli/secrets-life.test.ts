/** The life of a secret after its creation, the built program in the sandbox: what is printed, the exit code, what AWS saw. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetSecretValueCommand, UpdateSecretCommand } from '@aws-sdk/client-secrets-manager';
import type { ErrorJson } from '../../src/lib/errors.ts';
import type { CopyResult } from '../../src/lib/secrets/copy.ts';
import type { DiffResult } from '../../src/lib/secrets/diff.ts';
import type { HistoryResult } from '../../src/lib/secrets/history.ts';
import type { ListResult } from '../../src/lib/secrets/list.ts';
import type { DeleteResult } from '../../src/lib/secrets/remove.ts';
import type { RollbackResult } from '../../src/lib/secrets/rollback.ts';
import type { ChangeResult } from '../../src/lib/secrets/set.ts';
import type { ShowResult } from '../../src/lib/secrets/show.ts';
import { runCli, type CliResult } from '../support/cli.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const TYPED = 'EXAMPLE-typed-value';

describe('jamf-mcp secrets, the life of a secret', () => {
  const sandbox = withSandbox();
  let folder: string;
  /** Everything that was printed in a test: no secret value may be in it. */
  let printed: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-life-'));
    printed = '';
    const input = JSON.stringify(sandbox().fields);
    assert.equal((await run(['secrets', 'init', '--from-file', '-'], { input })).code, 0);
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    const { JAMF_CLIENT_SECRET = '', AUTH0_CLIENT_SECRET = '' } = sandbox().fields;
    for (const value of [JAMF_CLIENT_SECRET, AUTH0_CLIENT_SECRET, TYPED]) {
      assert.ok(value !== '' && !printed.includes(value), 'a secret value was printed');
    }
  });

  const run = async (
    args: string[],
    options: { env?: Record<string, string | undefined>; input?: string } = {},
  ): Promise<CliResult> => {
    const env = { ...sandbox().environment, JAMF_MCP_CONFIRM: undefined, XDG_DATA_HOME: folder, ...options.env };
    const result = await runCli(args, { ...options, env });
    printed += result.stdout + result.stderr;
    return result;
  };
  const json = async <T>(args: string[], exit = 0, input?: string): Promise<T> => {
    const result = await run([...args, '--json'], input === undefined ? {} : { input });
    assert.equal(result.code, exit, result.stderr + result.stdout);
    return JSON.parse(result.stdout) as T;
  };
  const fails = async (args: string[], exit: number, message: RegExp, next: RegExp, input?: string) => {
    const result = await run([...args, '--quiet'], input === undefined ? {} : { input });
    assert.equal(result.code, exit, result.stderr);
    assert.equal(result.stdout, '');
    const lines = result.stderr
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('warning: '));
    assert.equal(lines.length, 2, result.stderr);
    assert.match(lines[0] ?? '', message);
    assert.match(lines[1] ?? '', next);
  };
  const stored = async (stage = 'AWSCURRENT') => {
    const { SecretString = '' } = await secretsClient(sandbox()).send(
      new GetSecretValueCommand({ SecretId: NAME, VersionStage: stage }),
    );
    return JSON.parse(SecretString) as Record<string, string>;
  };
  const operations = () => sandbox().calls.map(({ operation }) => operation);

  it('init takes a KMS key, once and where there are keys', async () => {
    const input = JSON.stringify(sandbox().fields);
    const key = 'alias/jamf-mcp';
    const init = ['secrets', 'init', '--from-file', '-', '--kms-key', key];
    await json([...init, '--env', 'staging'], 0, input);
    assert.equal((await json<ShowResult>(['secrets', 'show', '--env', 'staging'])).kmsKeyId, key);
    assert.match((await run(['secrets', 'show', '--env', 'staging'])).stdout, /^key +alias\/jamf-mcp$/m);
    assert.equal((await json<ShowResult>(['secrets', 'show'])).kmsKeyId, null);
    await fails([...init, '--store', 'local'], 2, /the store local has no KMS keys/, /--store aws/, input);
    await fails([...init, '--update', '--yes'], 2, /--kms-key is for a new secret/, /update-secret/, input);
  });

  it('set changes one field; the update-secret of the AWS CLI would have erased the other seven', async () => {
    const result = await json<ChangeResult>(
      ['secrets', 'set', 'AUTH0_CLIENT_SECRET', '--from-file', '-', '--yes'],
      0,
      `${TYPED}\n`,
    );
    assert.deepEqual(await stored(), { ...sandbox().fields, AUTH0_CLIENT_SECRET: TYPED });
    assert.deepEqual([result.changed, result.changedFields, result.fields.length], [true, ['AUTH0_CLIENT_SECRET'], 8]);
    assert.equal(result.secret.name, NAME);

    await secretsClient(sandbox()).send(
      new UpdateSecretCommand({ SecretId: NAME, SecretString: JSON.stringify({ AUTH0_CLIENT_SECRET: TYPED }) }),
    );
    assert.deepEqual(Object.keys(await stored()), ['AUTH0_CLIENT_SECRET'], 'this is what the other one does');
  });

  it('set reads no more than it needs, and writes one version', async () => {
    const before = operations().length;
    await json(['secrets', 'set', 'AUTH0_CLIENT_SECRET', '--from-file', '-', '--yes'], 0, TYPED);
    assert.deepEqual(operations().slice(before), [
      'DescribeSecret',
      'GetSecretValue',
      'GetCallerIdentity',
      'PutSecretValue',
      'UpdateSecretVersionStage',
      'UpdateSecretVersionStage',
    ]);
  });

  it('set tells the target and the result, for people', async () => {
    const file = join(folder, 'value');
    await writeFile(file, `${TYPED}\n`);
    const result = await run(['secrets', 'set', 'AUTH0_CLIENT_SECRET', '--from-file', file, '--yes']);
    assert.equal(result.code, 0, result.stderr);
    assert.match(
      result.stderr,
      /^target: aws · 000000000000 · us-east-1 · arn:.*\n.*store: .*change AUTH0_CLIENT_SECRET/m,
    );
    assert.match(
      result.stdout,
      /^changed jamf-mcp-server\/production .*\nfields +AUTH0_CLIENT_SECRET\nversion +[\w-]{36}\n/,
    );
    const again = await run(['secrets', 'set', 'AUTH0_CLIENT_SECRET', '--from-file', file, '--yes']);
    assert.match(again.stdout, /^nothing was changed: /);
  });

  it('set generates a value that nobody sees', async () => {
    await json(['secrets', 'set', 'SESSION_KEY', '--generate', '--length', '64', '--alphabet', 'hex', '--yes']);
    const { SESSION_KEY = '' } = await stored();
    assert.match(SESSION_KEY, /^[\da-f]{64}$/);
    assert.ok(!printed.includes(SESSION_KEY));
    await fails(
      ['secrets', 'set', 'JAMF_CLIENT_SECRET', '--generate', '--yes'],
      2,
      /issued by jamf/,
      /jamf-mcp rotate/,
    );
    await fails(['secrets', 'set', 'X', '--generate', '--length', '8', '--yes'], 2, /16 to 4096/, /--length/);
  });

  it('set takes no value from an argument, and does not repeat one', async () => {
    await fails(
      ['secrets', 'set', `JAMF_CLIENT_SECRET=${TYPED}`],
      2,
      /values are never taken from arguments/,
      /--from-file/,
    );
    await fails(['secrets', 'set', 'A', `--value=${TYPED}`], 2, /unknown flag/, /--help/);
    await fails(['secrets', 'set', 'A', '--from-file', 'x', '--generate'], 2, /--from-file|--generate/, /--help/);
    await fails(['secrets', 'set'], 2, /field/, /--help/);
    await fails(['secrets', 'set', '--from-file', '-'], 2, /field/, /--help/, TYPED);
    await fails(['secrets', 'unset', '--yes'], 2, /field/, /--help/, 'JAMF_URL');
    await fails(['secrets', 'diff'], 5, /staging label AWSPREVIOUS/, /secrets history/, TYPED);
    await fails(['secrets', 'set', 'A', '--no-input'], 2, /missing input: A$/, /--from-file FILE or --generate/);
    assert.deepEqual(await stored(), sandbox().fields);
  });

  it('unset takes away what is named, after --yes', async () => {
    await fails(['secrets', 'unset', 'JAMF_URL'], 2, /needs a confirmation: .*remove JAMF_URL/, /--yes/);
    const result = await run(['secrets', 'unset', 'JAMF_URL', '--yes']);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, /warning: the schema jamf requires JAMF_URL/);
    const { JAMF_URL: url, ...rest } = sandbox().fields;
    assert.ok(url);
    assert.deepEqual(await stored(), rest);
  });

  it('history and diff tell what changed, and by exit code that it did', async () => {
    await fails(['secrets', 'diff'], 5, /no version with the staging label AWSPREVIOUS/, /secrets history/);
    await json(['secrets', 'set', 'REQUIRED_SCOPES', '--from-file', '-', '--yes'], 0, 'read:jamf');
    const history = await json<HistoryResult>(['secrets', 'history']);
    assert.deepEqual(
      history.versions.map(({ stages, createdBy, changes }) => [stages, createdBy, changes?.map(({ name }) => name)]),
      [
        [['AWSCURRENT'], null, ['REQUIRED_SCOPES']],
        [['AWSPREVIOUS'], null, undefined],
      ],
    );
    assert.match((await run(['secrets', 'history'])).stdout, /AWSCURRENT +~REQUIRED_SCOPES [\da-f]{8} > [\da-f]{8}/);

    const diff = await json<DiffResult>(['secrets', 'diff', '--exit-code'], 3);
    assert.deepEqual(
      diff.fields.map(({ name, from, to }) => [name, from?.value, to?.value]),
      [['REQUIRED_SCOPES', sandbox().fields.REQUIRED_SCOPES, 'read:jamf']],
    );
    assert.equal((await run(['secrets', 'diff'])).code, 0);
    assert.equal((await run(['secrets', 'diff', 'AWSCURRENT', 'AWSCURRENT', '--exit-code'])).code, 0);
  });

  it('rollback goes back to an older version, and the same again does not undo it', async () => {
    await json(['secrets', 'set', 'REQUIRED_SCOPES', '--from-file', '-', '--yes'], 0, 'read:jamf');
    await fails(['secrets', 'rollback', '--yes'], 2, /needs a confirmation: roll secret/, /--confirm jamf-mcp-server/);
    const dry = await run(['secrets', 'rollback', '--dry-run']);
    assert.match(dry.stdout, /^dry run .*: nothing was changed[^]*move +planned +move AWSCURRENT/);
    const result = await json<RollbackResult>(['secrets', 'rollback', '--confirm', NAME]);
    assert.equal(result.changed, true);
    assert.deepEqual(await stored(), sandbox().fields);
    const again = await json<RollbackResult>(['secrets', 'rollback', '--confirm', NAME]);
    assert.equal(again.changed, false);
    assert.deepEqual(await stored(), sandbox().fields);
  });

  it('rollback refuses a client that the rotation killed, and names the rotation', async () => {
    assert.equal((await run(['rotate', '--confirm', NAME])).code, 0);
    const rotated = await stored();
    await fails(
      ['secrets', 'rollback', '--confirm', NAME],
      1,
      /Jamf does not accept the client secret of version [\w-]{36} any more/,
      /jamf-mcp rotate/,
    );
    assert.deepEqual(await stored(), rotated);
    const forced = await run(['secrets', 'rollback', '--confirm', NAME, '--force']);
    assert.equal(forced.code, 0, forced.stderr);
    assert.match(forced.stderr, /warning: Jamf does not accept/);
    assert.deepEqual(await stored(), sandbox().fields);
  });

  it('delete schedules, restore brings back, and both can be repeated', async () => {
    await fails(['secrets', 'delete', '--yes'], 2, /needs a confirmation: delete secret/, /--confirm jamf-mcp-server/);
    await fails(['secrets', 'delete', '--confirm', 'other'], 2, /does not name/, /--confirm jamf-mcp-server/);
    await fails(['secrets', 'delete', '--window', '6', '--confirm', NAME], 2, /7 to 30 days/, /--window/);
    const first = await json<DeleteResult>(['secrets', 'delete', '--window', '7', '--confirm', NAME]);
    const again = await json<DeleteResult>(['secrets', 'delete', '--confirm', NAME]);
    assert.deepEqual([first.changed, again.changed, again.deletionAt], [true, false, first.deletionAt]);
    await fails(['secrets', 'show'], 1, /scheduled for deletion/, /jamf-mcp secrets restore/);
    await fails(
      ['secrets', 'set', 'A', '--generate', '--yes'],
      1,
      /scheduled for deletion/,
      /jamf-mcp secrets restore/,
    );
    const restored = await run(['secrets', 'restore']);
    assert.match(restored.stdout, /^restored jamf-mcp-server\/production .*, current version [\w-]{36}\n$/);
    assert.match((await run(['secrets', 'restore'])).stdout, /^nothing was changed: .*not scheduled for deletion/);
    assert.deepEqual(await stored(), sandbox().fields);
  });

  it('names commands that can be pasted: with the store, the environment and the secret of the run', async () => {
    const local = ['--store', 'local', '-e', 'staging', '--secret', 'team-a/x'];
    const again = '--env staging --store local';
    await json(['secrets', 'copy', '--to', 'local', '--to-secret', 'team-a/x']);
    await fails(
      ['secrets', 'unset', 'JAMF_URI', ...local],
      5,
      /has no field JAMF_URI; nothing/,
      /did you mean JAMF_URL\?/,
    );
    await fails(
      ['secrets', 'unset', 'Q', ...local],
      5,
      /no field Q/,
      new RegExp(`secrets show ${again} --secret team-a/x\``),
    );
    const { stdout } = await run(['secrets', 'delete', ...local, '--confirm', 'team-a/x']);
    assert.match(stdout, new RegExp(`^until then: \`jamf-mcp secrets restore --secret team-a/x ${again}\`$`, 'm'));
    const restore = new RegExp(`\`jamf-mcp secrets restore --secret team-a/x ${again}\``);
    await fails(['secrets', 'show', ...local], 1, /scheduled for deletion/, restore);
    const { code, stdout: shown } = await run(['secrets', 'show', ...local, '--json']);
    assert.equal(code, 1);
    assert.match((JSON.parse(shown) as ErrorJson).error.hint ?? '', restore);
  });

  it('set leaves every other field as it was written, numbers too', async () => {
    const SecretString = '{"host":"h","port":5432,"ssl":true,"id":12345678901234567890,"ratio":1.50}';
    await secretsClient(sandbox()).send(new UpdateSecretCommand({ SecretId: NAME, SecretString }));
    await json(['secrets', 'set', 'NOTE', '--from-file', '-', '--yes'], 0, TYPED);
    const now = await secretsClient(sandbox()).send(new GetSecretValueCommand({ SecretId: NAME }));
    assert.equal(now.SecretString, `${SecretString.slice(0, -1)},"NOTE":"${TYPED}"}`);
    await json(['secrets', 'unset', 'NOTE', '--yes']);
    const again = await secretsClient(sandbox()).send(new GetSecretValueCommand({ SecretId: NAME }));
    assert.equal(again.SecretString, SecretString);
  });

  it('list goes on past a file of the local store that was changed', async () => {
    for (const name of ['a/one', 'a/two']) await json(['secrets', 'copy', '--to', 'local', '--to-secret', name]);
    await writeFile(join(folder, 'jamf-mcp', 'a%2fone.age'), 'EXAMPLE');
    const list = ['secrets', 'list', '--store', 'local', '--all'];
    const { secrets, skipped } = await json<ListResult>(list, 6);
    assert.deepEqual([secrets.map(({ name }) => name), skipped.map(({ where }) => where)], [['a/two'], ['a/one']]);
    const { stdout, code } = await run(list);
    assert.match(stdout, /a\/two[^]*\nleft out a\/one: .*was changed by something else\n$/);
    assert.equal(code, 6);
  });

  it('delete --now leaves nothing to restore', async () => {
    const result = await run(['secrets', 'delete', '--now', '--confirm', NAME]);
    assert.match(result.stdout, /^deleted jamf-mcp-server\/production .* for good\n$/);
    await fails(['secrets', 'restore'], 5, /there is no secret/, /secrets init/);
    await fails(['secrets', 'delete', '--confirm', NAME], 5, /there is no secret/, /--env/);
    assert.equal((await run(['secrets', 'delete', '--now', '--confirm', NAME])).code, 0);
  });

  it('copy brings the secret to this machine, and back', async () => {
    await json(['secrets', 'set', 'REQUIRED_SCOPES', '--from-file', '-', '--yes'], 0, 'read:jamf');
    const copied = await json<CopyResult>(['secrets', 'copy', '--to', 'local']);
    assert.deepEqual(
      copied.versions.map(({ stages, copied: now }) => [stages, now]),
      [
        [['AWSPREVIOUS'], true],
        [['AWSCURRENT'], true],
      ],
    );
    assert.match((await run(['secrets', 'copy', '--to', 'local'])).stdout, /^nothing was changed: .*the same already/);
    const shown = await run(['secrets', 'show', '--store', 'local']);
    assert.match(shown.stdout, /REQUIRED_SCOPES +read:jamf/);
    await json(['secrets', 'delete', '--now', '--confirm', NAME]);
    await json(['secrets', 'copy', '--from', 'local', '--to', 'aws']);
    assert.deepEqual(await stored(), { ...sandbox().fields, REQUIRED_SCOPES: 'read:jamf' });
    assert.deepEqual(await stored('AWSPREVIOUS'), sandbox().fields);
    await json(['secrets', 'set', 'REQUIRED_SCOPES', '--store', 'local', '--from-file', '-', '--yes'], 0, 'write:jamf');
    await json(['secrets', 'set', 'REQUIRED_SCOPES', '--from-file', '-', '--yes'], 0, 'other');
    await fails(['secrets', 'copy', '--to', 'local'], 1, /already exists \(the store local\)/, /--update/);
    await fails(['secrets', 'copy', '--to', 'aws'], 2, /onto itself/, /--to-secret/);
  });
});
