import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorJson } from '../../src/lib/errors.ts';
import { BIN, runCli, startCli } from '../support/cli.ts';

describe('the binary', () => {
  it('says in two lines which Node it needs, on one that is too old', () => {
    const old = `Object.defineProperty(process.versions, 'node', { value: '20.19.0' })`;
    const loader = `data:text/javascript,${encodeURIComponent(old)}`;
    const { status, stderr } = spawnSync(process.execPath, ['--import', loader, BIN, '--version'], {
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(stderr, /^jamf-mcp: needs Node 22\.12 or newer, and this is 20\.19\.0\n {2}next: [^\n]*\n$/);
  });

  it('prints its version and its help on stdout', async () => {
    assert.match((await runCli(['--version'])).stdout, /^jamf-mcp\/\d+\.\d+\.\d+ /);
    const help = await runCli(['--help']);
    assert.equal(help.code, 0);
    for (const command of ['audit', 'rotate', 'sandbox', 'secrets', 'serve'])
      assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
  });

  it('knows a command by its words or with colons, and says that its flags come behind it', async () => {
    const help = (await runCli(['secrets', 'cost', '--help'])).stdout;
    assert.match(help, /^USAGE\n +\$ jamf-mcp secrets cost /m);
    assert.equal((await runCli(['help', 'secrets', 'cost'])).stdout, help);
    const cost = ['cost', '--fields', '8', '--starts', '1000'];
    const { stdout, code } = await runCli(['secrets', ...cost, '--json']);
    assert.equal(code, 0);
    assert.equal((await runCli([`secrets:${cost[0] ?? ''}`, ...cost.slice(1), '--json'])).stdout, stdout);
    const early = await runCli(['--json', 'secrets', ...cost]);
    const { error } = JSON.parse(early.stdout) as ErrorJson;
    assert.deepEqual([early.code, error.message], [2, 'no command was given']);
    assert.match(error.hint ?? '', /^the command comes before its flags/);
  });

  it('names the command that was meant, on stderr, with exit 2', async () => {
    const { stdout, stderr, code } = await runCli(['rotat']);
    assert.deepEqual([stdout, code], ['', 2]);
    assert.equal(stderr, 'jamf-mcp: unknown command rotat\n  next: did you mean `jamf-mcp rotate`?\n');
  });

  it('takes the name of a topic for what it is, where the word before it is a command', async () => {
    const topic = await runCli(['audit', 'baseline']);
    assert.equal(topic.code, 0, topic.stderr);
    assert.match(topic.stdout, /^look at, learn and allow what is usual\n[^]*audit baseline learn/);
    const { code, stderr } = await runCli(['audit', 'baseline', 'lern']);
    assert.equal(code, 2);
    assert.match(stderr, /did you mean `jamf-mcp audit baseline learn`\?\n$/);
  });

  // What is typed wrongly may be a secret in the wrong place: no usage error repeats it.
  const misplaced: [string, string[]][] = [
    ['an unknown flag with a value', ['secrets', 'show', '--client-secret=EXAMPLE-typed-here']],
    ['an unknown flag and an argument', ['secrets', 'show', '--client-secret', 'EXAMPLE-typed-here']],
    ['an argument', ['secrets', 'show', 'EXAMPLE-typed-here']],
    ['a wrong option', ['secrets', 'show', '--store', 'EXAMPLE-typed-here']],
    ['an unknown command', ['EXAMPLE-typed-here']],
    ['a wrong number', ['sandbox', '--speed', 'EXAMPLE-typed-here']],
  ];
  for (const [what, args] of misplaced) {
    for (const json of [false, true]) {
      it(`does not repeat ${what}${json ? ' under --json' : ''}`, async () => {
        const { stdout, stderr, code } = await runCli(json ? [...args, '--json'] : args);
        assert.equal(code, 2);
        assert.ok(!`${stdout}${stderr}`.includes('EXAMPLE-typed-here'), `${stdout}${stderr}`);
        assert.ok(!`${stdout}${stderr}`.includes('jamf-mcp-home-'), 'the home directory');
        if (json) {
          assert.equal(stderr, '');
          const { error } = JSON.parse(stdout) as { error: Record<string, unknown> };
          assert.deepEqual(Object.keys(error), ['code', 'message', 'hint', 'exit']);
          assert.deepEqual([error.code, error.exit], ['USAGE', 2]);
        } else {
          assert.equal(stdout, '');
          assert.equal(stderr.trimEnd().split('\n').length, 2, stderr);
        }
      });
    }
  }

  it('tells a wrong number and an argument too many in plain words', async () => {
    const number = await runCli(['sandbox', '--speed', 'x']);
    assert.match(number.stderr, /^jamf-mcp: --speed: expected an integer\n {2}next: see `jamf-mcp sandbox --help`\n$/i);
    const extra = await runCli(['rotate', 'extra']);
    assert.match(extra.stderr, /^jamf-mcp: unexpected argument .*\n {2}next: see `jamf-mcp rotate --help`\n$/);
    assert.match((await runCli(['--json'])).stdout, /no command was given/);
  });

  it('says where jamf-mcp.yaml is wrong, found from a folder below', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-config-'));
    await writeFile(join(folder, 'jamf-mcp.yaml'), 'store: aws\nregoin: eu-west-1\n');
    const { stderr, code } = await runCli(['secrets', 'list'], { cwd: folder });
    assert.equal(code, 2);
    assert.match(stderr, /jamf-mcp\.yaml:2:1: unknown key regoin\n {2}next: /);
  });

  it('refuses JAMF_MCP_CONFIG that names no file', async () => {
    const { stderr, code } = await runCli(['secrets', 'list'], { env: { JAMF_MCP_CONFIG: 'nowhere.yaml' } });
    assert.equal(code, 2);
    assert.match(stderr, /JAMF_MCP_CONFIG names nowhere\.yaml/);
  });
});

describe('the folder of the local store', () => {
  const typed = [['--help'], ['secrets', 'show', '--help'], ['help'], ['secrets'], ['nosuch'], ['secrets', 'list']];
  for (const args of typed) {
    it(`has no say in what code is run: ${args.join(' ')}`, async () => {
      const data = await mkdtemp(join(tmpdir(), 'jamf-mcp-data-'));
      const evil = join(data, 'jamf-mcp/node_modules/evil');
      await mkdir(evil, { recursive: true });
      const plugins = ['user', 'link'].map((type) => ({ name: 'evil', type, root: evil }));
      await writeFile(join(data, 'jamf-mcp/package.json'), JSON.stringify({ oclif: { plugins } }));
      const hooks = { init: './hook.js' };
      await writeFile(join(evil, 'package.json'), JSON.stringify({ name: 'evil', version: '1.0.0', oclif: { hooks } }));
      await writeFile(join(evil, 'hook.js'), 'console.error("foreign code"); module.exports = () => {};');
      const env = { XDG_DATA_HOME: data, JAMF_MCP_STORE: 'local' };
      const { stdout, stderr } = await runCli(args, { env });
      assert.doesNotMatch(`${stdout}${stderr}`, /foreign code/);
      assert.match(`${stdout}${stderr}`, /jamf-mcp|secret/i);
    });
  }
});

describe('the sandbox command', () => {
  it('hands on the exit code of its command, and its variables', async () => {
    const script = 'test -s "$JAMF_MCP_SANDBOX_FIELDS" && test -n "$AWS_ENDPOINT_URL" && exit 7';
    assert.equal((await runCli(['sandbox', '--', 'sh', '-c', script])).code, 7);
  });

  it('keeps AWS settings of the outside out', async () => {
    const env = {
      AWS_PROFILE: 'outside',
      AWS_ENDPOINT_URL_ECS: 'http://192.0.2.1',
      JAMF_URL: 'https://outside.example',
      HTTPS_PROXY: 'http://192.0.2.1',
    };
    const { stdout } = await runCli(['sandbox', '--', 'sh', '-c', 'env'], { env });
    for (const value of ['outside', '192.0.2.1']) assert.ok(!stdout.includes(value), value);
  });

  it('confirms for the command inside, and never for a shell that its exports are pasted into', async () => {
    const { stdout } = await runCli(['sandbox', '--', 'sh', '-c', 'echo "$JAMF_MCP_CONFIRM"']);
    assert.equal(stdout, 'jamf-mcp-server/production\n');
    const up = startCli(['sandbox', '--json']);
    let printed = '';
    for await (const chunk of up.stdout as AsyncIterable<Buffer>) {
      printed += chunk.toString();
      if (printed.endsWith('}\n')) up.kill('SIGTERM');
    }
    const { environment } = JSON.parse(printed) as { environment: Record<string, string> };
    assert.ok(environment.AWS_ENDPOINT_URL?.startsWith('http://127.0.0.1:'));
    assert.equal(environment.JAMF_MCP_CONFIRM, undefined);
  });

  it('leaves no file behind', async () => {
    const { stdout } = await runCli(['sandbox', '--', 'sh', '-c', 'dirname "$JAMF_MCP_SANDBOX_FIELDS"']);
    const { code } = await runCli(['sandbox', '--', 'test', '-e', stdout.trim()]);
    assert.equal(code, 1);
  });

  it('says that a program does not exist', async () => {
    const { stderr, code } = await runCli(['sandbox', '--', 'no-such-program-EXAMPLE']);
    assert.equal(code, 5);
    assert.match(stderr, /no-such-program-EXAMPLE: no such program/);
  });
});
