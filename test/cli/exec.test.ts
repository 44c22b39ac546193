import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { PutSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import type { ErrorJson } from '../../src/lib/errors.ts';
import { READER } from '../../src/lib/sandbox/principals.ts';
import { runCli, startCli, type CliResult } from '../support/cli.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';

describe('jamf-mcp secrets exec, the built program in the sandbox', () => {
  const sandbox = withSandbox();
  const put = (fields: Record<string, string>) =>
    secretsClient(sandbox()).send(
      new PutSecretValueCommand({ SecretId: NAME, SecretString: JSON.stringify({ ...sandbox().fields, ...fields }) }),
    );
  beforeEach(async () => {
    const input = JSON.stringify(sandbox().fields);
    const { code, stderr } = await runCli(['secrets', 'init', '--from-file', '-', '--no-verify'], {
      env: sandbox().environment,
      input,
    });
    assert.equal(code, 0, stderr);
  });

  const exec = (
    args: string[],
    options: { env?: Record<string, string | undefined>; input?: string } = {},
  ): Promise<CliResult> =>
    runCli(['secrets', 'exec', ...args], { ...options, env: { ...sandbox().environment, ...options.env } });
  const sh = (script: string, ...flags: string[]) => exec([...flags, '--', 'sh', '-c', script]);
  const reads = () => sandbox().calls.filter(({ operation }) => operation === 'GetSecretValue').length;

  /** A node child that says `ready`, then does what the script says. */
  const start = async (script: string, flags: string[] = []) => {
    const args = ['secrets', 'exec', ...flags, '--', process.execPath, '-e', `${script};console.log('ready')`];
    const child = startCli(args, { env: sandbox().environment });
    const output = reader(child);
    await output.until(/ready/);
    return { child, output };
  };

  it('gives the fields to the child, and nothing of it to anybody else', async () => {
    const { fields } = sandbox();
    const outer = { JAMF_URL: 'https://old.example.com', JAMF_CLIENT_SECRET: 'old', EXTRA: 'kept' };
    const { stdout, stderr, code } = await exec(['--', 'env'], { env: outer });
    assert.equal(code, 0);
    assert.equal(stderr, '');
    const lines = stdout.split('\n');
    for (const [name, value] of Object.entries(fields)) assert.ok(lines.includes(`${name}=${value}`), name);
    assert.ok(lines.includes('EXTRA=kept') && lines.some((line) => line.startsWith('AWS_ACCESS_KEY_ID=')));
    assert.ok(!stdout.includes('=old'));
    assert.equal(reads(), 1);
  });

  it('takes, renames and leaves away as the flags say', async () => {
    const flags = ['--pristine', '--only', 'JAMF_URL,JAMF_CLIENT_ID', '--map', 'X=REQUIRED_SCOPES', '--prefix', 'P_'];
    const { stdout } = await exec([...flags, '--', 'env'], { env: { EXTRA: 'gone' } });
    const names = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('=')[0] ?? '')
      .filter((name) => !['PWD', 'SHLVL', '_'].includes(name));
    assert.deepEqual(names.sort(), ['HOME', 'PATH', 'P_JAMF_CLIENT_ID', 'P_JAMF_URL', 'X'].sort());
  });

  it('composes DATABASE_URL', async () => {
    await put({ DB_HOST: 'db.example.com', DB_USER: 'app', DB_PASSWORD: 'p@ss/w?', DB_NAME: 'nba' });
    const { stdout } = await sh('echo "$DATABASE_URL"', '--database-url');
    assert.equal(stdout, 'postgresql://app:p%40ss%2Fw%3F@db.example.com:5432/nba\n');
  });

  it('reads the version of another label', async () => {
    await put({ REQUIRED_SCOPES: 'read:jamf' });
    assert.equal((await sh('echo "$REQUIRED_SCOPES"')).stdout, 'read:jamf\n');
    assert.equal((await sh('echo "$REQUIRED_SCOPES"', '--stage', 'AWSPREVIOUS')).stdout, 'read:jamf write:jamf\n');
  });

  it('ends as the child ends', async () => {
    for (const code of [0, 1, 2, 5, 127, 130, 255]) assert.equal((await sh(`exit ${String(code)}`)).code, code);
    assert.equal((await sh('kill -TERM $$')).code, 143);
    assert.equal((await sh('kill -KILL $$')).code, 137);
  });

  it('hands the words of the command on as they are', async () => {
    const words = ['b', 'a', 'b', '--json', '--', '--help', '', 'x y', '--only'];
    const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
    const { stdout } = await exec(['--only', 'JAMF_URL', '--', process.execPath, '-e', script, '--', ...words]);
    assert.deepEqual(JSON.parse(stdout), words);
  });

  it('passes binary through stdin and stdout, both ways untouched', async () => {
    const data = randomBytes(300_000);
    for (const mask of [[], ['--mask']]) {
      const child = startCli(['secrets', 'exec', ...mask, '--', 'cat'], { env: sandbox().environment });
      const chunks: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.stdin.end(data);
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 0);
      assert.ok(Buffer.concat(chunks).equals(data), mask.join());
    }
  });

  it('hands signals on, each once', async () => {
    const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGWINCH', 'SIGCONT'];
    const script = `for (const name of ${JSON.stringify(names)}) process.on(name, () => console.log('got ' + name));
      process.stdin.on('data', (text) => process.exit(Number(text)))`;
    const { child, output } = await start(script);
    for (const name of names as NodeJS.Signals[]) {
      child.kill(name);
      await output.until(new RegExp(`got ${name}\n`));
    }
    child.stdin.write('7\n');
    assert.equal(await output.ended, 7);
    assert.equal(output.text().match(/got /g)?.length, names.length);
  });

  it('ends with 128 + n where the signal ends the child', async () => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGUSR2'] as const) {
      const { child, output } = await start('setInterval(() => {}, 1e6)');
      child.kill(name);
      assert.equal(await output.ended, 128 + constants.signals[name]);
    }
  });

  describe('starts nothing', () => {
    const assertError = ({ code, stderr, stdout }: CliResult, exit: number, message: RegExp) => {
      assert.equal(code, exit, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.match(stderr, /^jamf-mcp: .*\n {2}next: .*\n$/);
    };

    it('when the secret is not there, cannot be read, or has no such version', async () => {
      assertError(await exec(['--env', 'staging', '--', 'echo', 'started']), 5, /no secret jamf-mcp-server\/staging/);
      assertError(await exec(['--stage', 'AWSPENDING', '--', 'echo', 'started']), 5, /AWSPENDING/);
      sandbox().inject({
        operation: 'secretsmanager:GetSecretValue',
        fault: { kind: 'error', code: 'AccessDeniedException', message: 'User: x is not authorized to perform: y' },
      });
      assertError(await exec(['--', 'echo', 'started']), 4, /is not authorized/);
      const { accessKeyId, secretAccessKey, sessionToken } = READER;
      const env = {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken,
      };
      assertError(await exec(['--', 'echo', 'started'], { env }), 4, /is not authorized to perform: secretsmanager:/);
    });

    it('when a field is missing, and names it', async () => {
      await put({ AUTH0_DOMAIN: '' });
      assertError(await exec(['--', 'echo', 'started']), 5, /lacks AUTH0_DOMAIN; nothing was started/);
      assertError(await exec(['--only', 'JAMF_URL,NOPE', '--', 'echo', 'started']), 5, /lacks NOPE/);
      assertError(await exec(['--map', 'X=NOPE', '--only', 'JAMF_URL', '--', 'echo', 'started']), 5, /lacks NOPE/);
      assertError(await exec(['--database-url', '--', 'echo', 'started']), 5, /no DB_HOST, DB_NAME/);
    });

    it('when the value is not JSON', async () => {
      const value = { SecretId: NAME, SecretString: 'EXAMPLE-plain-text' };
      await secretsClient(sandbox()).send(new PutSecretValueCommand(value));
      const result = await exec(['--', 'echo', 'started']);
      assertError(result, 1, /is not JSON/);
      assert.ok(!result.stderr.includes('EXAMPLE-plain'));
    });

    it('when the command line is wrong, and then reads nothing', async () => {
      assertError(await exec([]), 2, /no command to run/);
      assertError(await exec(['--map', 'X', '--', 'true']), 2, /--map takes NAME=FIELD/);
      assertError(await exec(['--map', 'X=A', '--map', 'X=B', '--', 'true']), 2, /--map gives X twice/);
      assertError(await exec(['--watch', '--on-change', 'stop', '--', 'true']), 2, /--on-change takes/);
      assertError(await exec(['--watch', '--on-change', 'signal:NOPE', '--', 'true']), 2, /--on-change takes/);
      assertError(await exec(['--watch', '--interval', '0s', '--', 'true']), 2, /--interval is no length of time/);
      assertError(await exec(['--interval', '5s', '--', 'true']), 2, /--watch/);
      assert.equal(reads(), 0);
    });

    it('when there is no such program, or it cannot be run', async () => {
      assertError(await exec(['--', 'nosuch-EXAMPLE']), 5, /nosuch-EXAMPLE: no such program/);
      assertError(await exec(['--mask', '--', 'nosuch-EXAMPLE']), 5, /nosuch-EXAMPLE: no such program/);
      assertError(await exec(['--', '/etc/passwd']), 2, /cannot run \/etc\/passwd/);
    });

    it('and says so in JSON with --json', async () => {
      const { stdout, code } = await exec(['--json', '--only', 'NOPE', '--', 'echo', 'started']);
      assert.deepEqual([(JSON.parse(stdout) as ErrorJson).error.code, code], ['NOT_FOUND', 5]);
    });
  });

  it('leaves stdout to the child with --json', async () => {
    assert.equal((await exec(['--json', '--', 'echo', 'mine'])).stdout, 'mine\n');
  });

  it('with --debug tells names, never values', async () => {
    const { stderr } = await exec(['--debug', '--', 'true']);
    assert.match(stderr, /debug: version [\w-]+ for the child: JAMF_URL, JAMF_CLIENT_ID/);
    assert.ok(!stderr.includes(sandbox().fields.JAMF_CLIENT_SECRET ?? ''));
  });

  describe('--mask', () => {
    it('takes secret values out of both streams, however they are printed', async () => {
      const { JAMF_CLIENT_SECRET = '', AUTH0_CLIENT_SECRET = '', JAMF_URL = '' } = sandbox().fields;
      const script = `
        printf 'a %s b' "$JAMF_CLIENT_SECRET"; printf '%s' "$AUTH0_CLIENT_SECRET" | base64 -w0
        printf '%s\\n' "$JAMF_URL"; echo "error: $AUTH0_CLIENT_SECRET" >&2; exit 3`;
      const { stdout, stderr, code } = await sh(script, '--mask');
      assert.equal(code, 3);
      assert.match(stdout, /^a \*\*\* b\*\*\*=*/);
      assert.ok(stdout.endsWith(`${JAMF_URL}\n`), 'public fields stay');
      assert.equal(stderr, 'error: ***\n');
      for (const value of [JAMF_CLIENT_SECRET, AUTH0_CLIENT_SECRET]) assert.ok(!(stdout + stderr).includes(value));
    });

    it('takes a value out that comes in pieces', async () => {
      const script = `const [...letters] = process.env.JAMF_CLIENT_SECRET;
        const next = () => letters.length ? process.stdout.write(letters.shift(), () => setImmediate(next)) : console.log('.');
        next()`;
      const { stdout } = await exec(['--mask', '--', process.execPath, '-e', script]);
      assert.equal(stdout, '***.\n');
    });

    it('says which values are too short to be masked', async () => {
      await put({ PIN: '1234' });
      assert.match((await sh('true', '--mask')).stderr, /warning: 1 secret value is shorter than 6 characters/);
    });

    it('gives the child real pipes: they can be opened, and break as pipes do', async () => {
      const opened = await sh('echo "$JAMF_CLIENT_SECRET" > /dev/stdout; echo told > /dev/stderr', '--mask');
      assert.deepEqual([opened.code, opened.stdout], [0, '***\n'], opened.stderr);
      assert.match(opened.stderr, /^told$/m);
      const child = startCli(['secrets', 'exec', '--mask', '--', 'sh', '-c', 'while echo y; do :; done'], {
        env: sandbox().environment,
      });
      await once(child.stdout, 'data');
      child.stdout.destroy();
      const [code] = (await once(child, 'exit')) as [number];
      assert.equal(code, 141, 'as in a shell');
    });

    it('loses nothing of a long output, and leaves no file behind', async () => {
      const before = await readdir(tmpdir());
      const { stdout, code } = await sh('seq 1 200000; echo "$JAMF_CLIENT_SECRET"', '--mask');
      assert.equal(code, 0);
      assert.equal(stdout.length, 1_288_895 + 4);
      assert.ok(stdout.endsWith('200000\n***\n'));
      const left = (await readdir(tmpdir())).filter(
        (name) => name.startsWith('jamf-mcp-pipe-') && !before.includes(name),
      );
      assert.deepEqual(left, []);
    });

    it('waits for the child although nobody reads its output', async () => {
      const script = `process.stdout.on('error', () => process.exit(9)); setInterval(() => process.stdout.write('x'.repeat(1e5)), 1)`;
      const args = ['secrets', 'exec', '--mask', '--', process.execPath, '-e', script];
      const child = startCli(args, { env: sandbox().environment });
      await once(child.stdout, 'data');
      child.stdout.destroy();
      const [code] = (await once(child, 'exit')) as [number];
      assert.equal(code, 9);
    });

    it('hands signals on', async () => {
      const { child, output } = await start(
        `process.on('SIGUSR2', () => process.exit(12)); setInterval(() => {}, 1e6)`,
        ['--mask'],
      );
      child.kill('SIGUSR2');
      assert.equal(await output.ended, 12);
    });
  });

  describe('--watch', () => {
    const server = `console.log('scopes ' + process.env.REQUIRED_SCOPES);
      process.on('SIGTERM', () => { console.log('stopping'); process.exit(0) });
      process.on('SIGHUP', () => console.log('hup'));
      process.on('SIGUSR2', () => process.exit(6));
      setInterval(() => {}, 1e6)`;

    it('restarts the child with the new values, and ends with the last one', async () => {
      const { child, output } = await start(server, ['--watch', '--interval', '1s', '--quiet']);
      await put({ REQUIRED_SCOPES: 'read:jamf' });
      await output.until(/stopping\nscopes read:jamf\nready/);
      child.kill('SIGUSR2');
      assert.equal(await output.ended, 6);
      assert.equal(reads(), 2);
    });

    it('signals the child instead, and reads nothing anew', async () => {
      const { child, output } = await start(server, ['--watch', '--interval', '1s', '--on-change', 'signal:HUP']);
      await put({ REQUIRED_SCOPES: 'read:jamf' });
      await output.until(/hup/);
      child.kill('SIGTERM');
      assert.equal(await output.ended, 0);
      assert.equal(reads(), 1);
    });
  });
});

/** What a child prints, to be waited for. */
function reader(child: ChildProcessWithoutNullStreams) {
  let text = '';
  let seen = 0;
  let over = false;
  const watchers = new Set<() => void>();
  const look = () => {
    watchers.forEach((watcher) => {
      watcher();
    });
  };
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    look();
  });
  const ended = new Promise<number>((resolve) => {
    child.on('close', (code) => {
      over = true;
      look();
      resolve(code ?? -1);
    });
  });
  return {
    text: () => text,
    ended,
    until: (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const watcher = () => {
          const match = pattern.exec(text.slice(seen));
          if (!match && !over) return;
          watchers.delete(watcher);
          if (match) {
            seen += match.index + match[0].length;
            resolve();
          } else reject(new Error(`ended before ${String(pattern)}: ${text}${errors}`));
        };
        watchers.add(watcher);
        watcher();
      }),
  };
}
