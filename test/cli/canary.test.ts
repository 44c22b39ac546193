/**
 * Plants secret values and looks for them in everything that leaves the program: stdout, stderr, debug lines, error
 * texts, files and the list of processes. Grows with every command.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { BIN, cleanEnvironment, runCli, type CliOptions, type CliResult } from '../support/cli.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao, type OpenBao } from '../support/openbao.ts';
import { commandLines } from '../support/processes.ts';

const SECRET = 'jamf-mcp-server/production';

/** A value with everything that quoting, encoding and patterns trip over. */
const PLANTED = 'EXAMPLE-canary "q\' \\ $HOME %25 +/= ü <&> ${x}';

describe('the canary', () => {
  let sandbox: Sandbox;
  let home: string;
  let vault: OpenBao | undefined;
  let vaultToken: string | undefined;
  /** Each secret value there was: planted, minted, and the tokens obtained with them. */
  const values = new Set<string>();
  /** The client secret that Jamf accepts now. */
  let alive = '';

  before(async () => {
    sandbox = await startSandbox({ speed: 50, history: true });
    alive = sandbox.fields.JAMF_CLIENT_SECRET ?? '';
    values.add(alive).add(PLANTED);
    const handle = sandbox.jamf.handle.bind(sandbox.jamf);
    sandbox.jamf.handle = (request) => {
      const response = handle(request);
      const { clientSecret, access_token: token } = (response.body ?? {}) as Record<string, unknown>;
      for (const value of [clientSecret, token]) if (typeof value === 'string') values.add(value);
      if (typeof clientSecret === 'string') alive = clientSecret;
      return response;
    };
    home = await mkdtemp(join(tmpdir(), 'jamf-mcp-canary-'));
    if (!hasOpenBao()) return;
    vault = await startOpenBao();
    // The root token is on the server's own command line.
    const { auth } = await vault.api<{ auth: { client_token: string } }>('POST', 'auth/token/create', {});
    vaultToken = auth.client_token;
    values.add(vaultToken);
  });

  after(async () => {
    await sandbox.close();
    await vault?.close();
  });

  const environment = () => ({
    ...sandbox.environment,
    HOME: home,
    XDG_DATA_HOME: join(home, 'data'),
    JAMF_MCP_CONFIRM: SECRET,
    VAULT_ADDR: vault?.address,
    VAULT_TOKEN: vaultToken,
  });
  const fields = (changes: Record<string, string> = {}) =>
    JSON.stringify({ ...sandbox.fields, AUTH0_CLIENT_SECRET: PLANTED, JAMF_CLIENT_SECRET: alive, ...changes });

  /** Every way in which a value may be written down. */
  const formsOf = (value: string) => [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString('base64').replace(/=+$/, ''),
  ];

  function assertClean(text: string, where: string): void {
    for (const value of values) {
      for (const form of formsOf(value))
        assert.ok(!text.includes(form), `${where} holds ${form.slice(0, 12)}…: ${text.slice(0, 2000)}`);
    }
  }

  async function filesBelow(folder: string): Promise<string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }

  /** Run, while the list of processes is watched, and search everything. */
  async function run(args: string[], options: CliOptions = {}): Promise<CliResult> {
    let listed = '';
    const watch = setInterval(() => {
      listed += commandLines();
    }, 50);
    const result = await runCli(args, { ...options, env: { ...environment(), ...options.env } }).finally(() => {
      clearInterval(watch);
    });
    const name = args.join(' ');
    assertClean(result.stdout, `stdout of ${name}`);
    assertClean(result.stderr, `stderr of ${name}`);
    assertClean(listed, `ps during ${name}`);
    assert.ok(listed.includes(args[0] ?? ''), 'the list of processes shows the command');
    for (const file of await filesBelow(home)) assertClean(await readFile(file, 'latin1'), `${file} after ${name}`);
    return result;
  }

  const forms = [[], ['--debug'], ['--json', '--debug']];

  it('knows what it looks for: a value in a text is found', () => {
    for (const form of formsOf(PLANTED))
      assert.throws(() => {
        assertClean(`before ${form} after`, 'a text');
      });
  });

  if (!hasOpenBao()) it(`with the store vault: ${NEEDS_OPENBAO}`);

  for (const store of ['aws', 'local', ...(hasOpenBao() ? ['vault'] : [])]) {
    describe(`with the store ${store}`, () => {
      const on = ['--store', store];

      it('finds nothing in secrets init, its errors included', async () => {
        const wrong: [string, number][] = [
          [fields({ JAMF_CLIENT_SECRET: PLANTED }), 4],
          [fields({ JAMF_URL: 'http://127.0.0.1:9' }), 1],
          [fields({ AUTH0_AUDIENCE: PLANTED }), 2],
          [`{"JAMF_CLIENT_SECRET": ${JSON.stringify(PLANTED)}`, 2],
          [`JAMF_CLIENT_SECRET="${PLANTED.replace('"', '')}\n${PLANTED}\n`, 2],
        ];
        for (const [input, code] of wrong) {
          for (const form of forms) {
            const result = await run(['secrets', 'init', '--from-file', '-', ...on, ...form], { input });
            assert.equal(result.code, code, result.stderr + result.stdout);
          }
        }
        const created = await run(['secrets', 'init', '--from-file', '-', '--debug', ...on], { input: fields() });
        assert.equal(created.code, 0, created.stderr);
      });

      it('finds nothing in secrets show and list', async () => {
        for (const form of forms) {
          const shown = await run(['secrets', 'show', ...on, ...form]);
          assert.equal(shown.code, 0, shown.stderr);
          assert.ok(shown.stdout.includes('AUTH0_CLIENT_SECRET') && shown.stdout.includes('***'), shown.stdout);
          assert.equal((await run(['secrets', 'list', ...on, ...form])).code, 0);
        }
      });

      it('finds nothing in exec, whose child prints everything through the mask', async () => {
        // The token that reaches the store is the caller's own, in the caller's own environment: no field of the secret.
        const script = `const text = JSON.stringify({ ...process.env, VAULT_TOKEN: undefined }) + process.env.AUTH0_CLIENT_SECRET;
          process.stdout.write(text); process.stderr.write(encodeURIComponent(text)); process.exitCode = 7`;
        for (const form of forms) {
          const flags = [...on, ...form, '--mask'];
          const { code, stdout } = await run(['secrets', 'exec', ...flags, '--', process.execPath, '-e', script]);
          assert.equal(code, 7);
          assert.ok(stdout.includes('"AUTH0_CLIENT_SECRET":"***"') && stdout.includes('"AUTH0_DOMAIN":"127'), stdout);
          assert.equal((await run(['secrets', 'exec', ...on, ...form, '--only', 'NOPE', '--', 'true'])).code, 5);
        }
      });

      it('finds nothing in set, unset, history, diff, rollback, copy, delete and restore', async () => {
        const input = `${PLANTED}\n`;
        const other = store === 'aws' ? 'local' : 'aws';
        const life: [string[], number][] = [
          [['set', 'PLANTED_FIELD', '--from-file', '-'], 0],
          [['set', 'JAMF_URL', '--from-file', '-'], 2],
          [['set', '--from-file', '-'], 2],
          [['set', 'PLANTED_FIELD', 'JAMF_URL', '--from-file', '-'], 2],
          [['history'], 0],
          [['diff'], 0],
          [['unset', 'PLANTED_FIELD'], 0],
          [['rollback', '--to', 'absent'], 5],
          [['rollback'], 0],
          [['copy', '--to', other, '--to-secret', 'canary/copy'], 0],
          [['copy', '--to', other, '--to-secret', 'canary/copy'], 0],
          [['delete', '--window', '7'], 0],
          [['set', 'PLANTED_FIELD', '--from-file', '-'], 1],
          [['restore'], 0],
          [['unset', 'PLANTED_FIELD'], 0],
        ];
        for (const [n, [args, code]] of life.entries()) {
          // each command in one form here, and in another in the other store
          const form = forms[(n + (store === 'aws' ? 1 : 2)) % forms.length] ?? [];
          const result = await run(['secrets', ...args, ...on, ...form], { input });
          assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}${result.stdout}`);
        }
        const copy = ['--store', other, '--secret', 'canary/copy', '--confirm', 'canary/copy'];
        assert.equal((await run(['secrets', 'delete', '--now', '--debug', ...copy])).code, 0);
      });

      it('finds nothing in import, verify, cost and exports of references', async () => {
        const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-canary-import-'));
        const wrong: [string, string][] = [
          ['a.env', `AUTH0_CLIENT_SECRET=\`${PLANTED}\`\n${PLANTED}\n`],
          ['b.env', `JAMF_URL=\`${PLANTED}\``],
          ['c.env', `JAMF_CLIENT_SECRET=${alive}\nclient_secret=\`${PLANTED}\``],
          ['d.json', `{"JAMF_CLIENT_SECRET": ${JSON.stringify(PLANTED)}`],
          ['e.json', `{"JAMF_CLIENT_SECRET": [${JSON.stringify(PLANTED)}]}`],
          ['f.yaml', `JAMF_CLIENT_SECRET: ${JSON.stringify(PLANTED)}\n  x: ]`],
          ['g.toml', `JAMF_CLIENT_SECRET = ${JSON.stringify(PLANTED)} x`],
        ];
        for (const [n, [name, text]] of wrong.entries()) {
          await writeFile(join(folder, name), text);
          const form = forms[n % forms.length] ?? [];
          const result = await run(['secrets', 'import', name, ...on, ...form], { cwd: folder });
          assert.equal(result.code, 2, name + result.stderr + result.stdout);
        }
        const file = join(folder, '.env');
        const original = `JAMF_CLIENT_SECRET=${alive}\n# before: ${alive}\n#AUTH0_CLIENT_SECRET=\`${PLANTED}\`\nAUTH0_CLIENT_SECRET=\`${PLANTED}\`\nLOG_LEVEL=INFO\n`;
        await writeFile(file, original);
        const secret = ['--secret', 'canary/import'];
        for (const args of [
          ['import', '.env', '--dry-run', '--debug'],
          ['import', '.env', '--rewrite', '--json', '--debug'],
          ['import', '.env.old', '--format', 'dotenv', '--split', '--prefix', 'canary'],
          ['import', '--from-secret', 'canary/import', '--prefix', 'canary/other', '--debug'],
        ]) {
          const result = await run(['secrets', ...args, ...on, ...secret], { cwd: folder });
          assert.equal(result.code, 0, args.join(' ') + result.stderr + result.stdout);
          assert.ok(result.stdout.includes('AUTH0_CLIENT_SECRET'), result.stdout);
        }
        assertClean(await readFile(file, 'utf8'), 'the file made safe');
        assert.equal(await readFile(`${file}.old`, 'utf8'), original);
        assert.equal((await stat(`${file}.old`)).mode & 0o777, 0o600);

        for (const form of forms) {
          assert.equal(
            (await run(['secrets', 'verify', ...on, ...form])).code,
            3,
            'the planted secret is refused by Auth0',
          );
          assert.equal((await run(['secrets', 'cost', '--starts', '1000', ...on, ...form])).code, 0);
          const k8s = await run(['secrets', 'export', '--format', 'k8s', ...on, ...form]);
          assert.equal(k8s.code, store === 'local' ? 2 : 0, k8s.stderr);
          const ecs = await run(['secrets', 'export', '--format', 'ecs', ...on, ...form]);
          assert.equal(ecs.code, store === 'aws' ? 0 : 2, ecs.stderr);
        }
        await rm(folder, { recursive: true });
      });

      it('finds values in reveal and in exports of values on stdout, or in the one file, and nowhere else', async () => {
        const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-canary-export-'));
        const output = join(folder, 'out');
        const reason = ['--reason', 'canary'];
        const show = async (args: string[], code: number) => {
          const result = await runCli(['secrets', ...args, '--debug', ...on], { env: environment(), cwd: folder });
          assert.equal(result.code, code, args.join(' ') + result.stderr);
          assertClean(result.stderr, `stderr of ${args.join(' ')}`);
          for (const path of await filesBelow(home))
            assertClean(await readFile(path, 'latin1'), `${path} after ${args.join(' ')}`);
          return result.stdout;
        };
        assert.equal(await show(['reveal', 'AUTH0_CLIENT_SECRET', ...reason], 0), PLANTED);
        for (const json of [[], ['--json']]) {
          assert.ok((await show(['reveal', ...reason, ...json], 0)).includes(JSON.stringify(PLANTED)));
          assertClean(await show(['reveal', ...json], 2), 'a reveal without a reason');
          assertClean(await show(['reveal', 'NOPE', ...reason, ...json], 5), 'a reveal of no field');
          assertClean(
            await show(['reveal', ...reason, '--confirm', 'other', ...json], 2),
            'a reveal that is not confirmed',
          );
        }
        for (const format of ['dotenv', 'json', 'yaml', 'shell', 'github']) {
          const args = ['export', '--format', format, ...reason];
          const text = await show(args, 0);
          assert.ok(text.includes('EXAMPLE-canary'), text);
          assert.ok((await show([...args, '--json'], 0)).includes('EXAMPLE-canary'));
          assertClean(await show(['export', '--format', format], 2), `an export as ${format} without a reason`);
          const told = await show([...args, '-o', output], 0);
          if (format === 'github') assert.ok(told.startsWith('::add-mask::') && !told.includes('<<'), told);
          else assertClean(told, `an export as ${format} to a file`);
          assert.ok((await readFile(output, 'utf8')).includes('EXAMPLE-canary'));
          assert.equal((await stat(output)).mode & 0o777, 0o600);
          if (format !== 'github') assertClean(await show([...args, '-o', output], 2), 'a file that is there');
          await rm(output);
        }
        await rm(folder, { recursive: true });
      });

      it('finds nothing in rotate, though values are minted', async () => {
        const before = values.size;
        for (const form of forms) {
          const rotated = await run(['rotate', ...(store === 'aws' ? ['--force-deploy'] : []), ...on, ...form]);
          assert.equal(rotated.code, 0, rotated.stderr);
        }
        assert.ok(values.size >= before + 2 * forms.length, 'minted values and tokens were seen');
      });
    });
  }

  // A suite of its own: mocha runs the tests of a suite before the suites inside it, and these need a secret.
  describe('with a secret that was rotated', () => {
    before(async () => {
      // The rotation in the other store killed the client secret of this one.
      const { code, stderr } = await run(['secrets', 'init', '--update', '--yes', '--from-file', '-'], {
        input: fields(),
      });
      assert.equal(code, 0, stderr);
    });

    it('finds nothing in audit', async () => {
      for (const form of forms) {
        const { stdout, code } = await run(['audit', '--since', '1h', ...form]);
        assert.equal(code, 0);
        assert.ok(stdout.includes('ecsTaskExecutionRole'), stdout);
      }
    });

    it('finds nothing in serve, neither in what it answers nor in what it says', async () => {
      const transport = new StdioClientTransport({
        command: process.execPath,
        args: [BIN, 'serve', '--debug'],
        env: cleanEnvironment(environment()),
        stderr: 'pipe',
      });
      let stderr = '';
      transport.stderr?.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      const client = new Client({ name: 'canary', version: '0' });
      await client.connect(transport);
      const answers = [
        await client.callTool({ name: 'secret_status', arguments: {} }),
        await client.callTool({ name: 'find_computers', arguments: { limit: 5 } }),
        await client.callTool({ name: 'find_computers', arguments: { limit: -1 } }),
      ];
      await client.close();
      assert.deepEqual(
        answers.map(({ isError }) => isError ?? false),
        [false, false, true],
      );
      assertClean(JSON.stringify(answers), 'what serve answered');
      assertClean(stderr, 'stderr of serve');
      assert.ok(stderr.includes('debug:'), stderr);
    });

    it('found each value in the store, where it belongs', async () => {
      const listed = await runCli(['secrets', 'show', '--json'], { env: environment() });
      const { fields: shown } = JSON.parse(listed.stdout) as {
        fields: { name: string; secret: boolean; value: string }[];
      };
      assert.deepEqual(
        shown.filter(({ secret }) => secret).map(({ name, value }) => [name, value]),
        [
          ['JAMF_CLIENT_SECRET', '***'],
          ['AUTH0_CLIENT_SECRET', '***'],
        ],
      );
    });
  });
});
