import assert from 'node:assert/strict';
import type { ErrorJson } from '../../src/lib/errors.ts';
import type { RotateResult } from '../../src/lib/rotation/rotate.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../src/lib/sandbox/index.ts';
import { runCli, startCli, type CliResult } from '../support/cli.ts';

const NAME = 'jamf-mcp-server/production';
const CONFIRM = ['--confirm', NAME, '--no-input'];

describe('jamf-mcp rotate', function () {
  this.timeout(60_000);
  let sandbox: Sandbox;

  async function begin(options: SandboxOptions = {}): Promise<void> {
    sandbox = await startSandbox({ speed: 20, ...options });
    const input = Object.entries(sandbox.fields)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join('');
    const made = await run(['secrets', 'init', '--from-file', '-', '--yes', '--no-input'], { input });
    assert.equal(made.code, 0, made.stderr);
  }
  afterEach(() => sandbox.close());

  const run = (args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) =>
    runCli(args, { ...options, env: { ...sandbox.environment, ...options.env } });

  const liveSecret = () => sandbox.jamf.integrations[0]?.credential?.secret ?? '';

  /** What the server holds, asked through another command. */
  async function stages(): Promise<string[]> {
    const { stdout, stderr } = await run(['secrets', 'show', '--json']);
    assert.ok(stdout.startsWith('{'), stderr);
    return (JSON.parse(stdout) as { stages: string[] }).stages.toSorted();
  }

  const resultOf = ({ stdout, stderr }: CliResult): RotateResult => {
    assert.ok(stdout.startsWith('{'), stderr);
    return JSON.parse(stdout) as RotateResult;
  };
  const errorOf = ({ stdout }: CliResult) => (JSON.parse(stdout) as ErrorJson).error;

  it('rotates, rolls out, and proves it', async () => {
    await begin();
    const before = liveSecret();
    const ended = await run(['rotate', '--force-deploy', ...CONFIRM]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /^rotated jamf-mcp-server\/production \(aws, environment production\)\n/);
    assert.match(ended.stdout, /deployment {2}ecs-svc\/\d+ steady after \d+ s, 2 of 2 tasks running\n$/);
    assert.match(ended.stderr, /^target: aws · 000000000000 · us-east-1 · arn:aws:\S+\n/);
    for (const step of ['preflight', 'mint', 'stage', 'test', 'promote', 'deploy', 'verify', 'clean']) {
      assert.match(ended.stderr, new RegExp(`^✓ ${step}: `, 'm'));
    }
    assert.notEqual(liveSecret(), before);
    assert.deepEqual(await stages(), ['AWSCURRENT']);
    for (const task of sandbox.ecs.tasksOf().filter(({ lastStatus }) => lastStatus === 'RUNNING')) {
      assert.notEqual(task.secrets.length, 0);
    }
  });

  it('gives the result as JSON, and no value anywhere, with --debug too', async () => {
    await begin();
    const before = liveSecret();
    const ended = await run(['rotate', '--json', '--debug', ...CONFIRM]);
    const result = resultOf(ended);
    assert.equal(result.outcome, 'rotated');
    assert.equal(result.strategy, 'single');
    assert.equal(result.rotationId, result.versionId);
    assert.equal(result.deployment, null);
    assert.deepEqual(result.rotated, [{ field: 'JAMF_CLIENT_SECRET', issuer: 'jamf' }]);
    assert.match(ended.stderr, /debug: jamf POST \/api\/oauth\/token: 200/);
    assert.match(ended.stderr, /debug: aws PutSecretValue: ok/);
    for (const value of [before, liveSecret(), sandbox.fields.AUTH0_CLIENT_SECRET ?? '']) {
      assert.ok(value.length > 10);
      assert.ok(!(ended.stdout + ended.stderr).includes(value));
    }
  });

  for (const outcome of ['circuit-breaker', 'rollback', 'crash-loop', 'secret-unavailable'] as const) {
    it(`ends with 6 after ${outcome}, names the state and the command, which then finishes the work`, async () => {
      await begin();
      sandbox.ecs.script(outcome);
      const failed = await run(['rotate', '--force-deploy', '--timeout', '3s', '--json', ...CONFIRM]);
      assert.equal(failed.code, 6, failed.stderr);
      const error = errorOf(failed);
      assert.equal(error.code, 'PARTIAL');
      assert.match(
        error.message,
        /the new value is AWSCURRENT \(version [\w-]{36}\), but running tasks may still hold/,
      );
      const again = /go on with: jamf-mcp (rotate --force-deploy --confirm \S+ --no-input)$/.exec(error.hint ?? '');
      assert.ok(again?.[1], error.hint ?? '');
      const details = error.details as RotateResult;
      assert.notEqual(details.deployment?.state, 'steady');
      assert.deepEqual(await stages(), ['AWSCURRENT', 'AWSPENDING']);

      const minted = liveSecret();
      const undecided = await run(['rotate', '--json', ...CONFIRM]);
      assert.equal(undecided.code, 6, 'without a word on the deployment nothing is ended');
      assert.match(errorOf(undecided).hint ?? '', /--force-deploy; .*--no-deploy$/);
      assert.deepEqual(await stages(), ['AWSCURRENT', 'AWSPENDING']);
      const ended = await run([...again[1].split(' '), '--json']);
      assert.equal(ended.code, 0, ended.stderr);
      const result = resultOf(ended);
      assert.equal(result.outcome, 'resumed');
      assert.equal(result.versionId, details.versionId);
      assert.equal(liveSecret(), minted);
      assert.deepEqual(await stages(), ['AWSCURRENT']);
    });
  }

  it('prints a failure in two lines', async () => {
    await begin({ outcome: 'circuit-breaker' });
    const failed = await run(['rotate', '--force-deploy', '--quiet', ...CONFIRM]);
    assert.equal(failed.code, 6);
    assert.equal(failed.stdout, '');
    const told = failed.stderr
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('warning:'));
    assert.equal(told.length, 2, failed.stderr);
  });

  it('changes nothing on a dry run', async () => {
    await begin();
    const from = sandbox.calls.length;
    const planned = await run(['rotate', '--force-deploy', '--dry-run']);
    assert.equal(planned.code, 0, planned.stderr);
    assert.match(planned.stdout, /^dry run for jamf-mcp-server\/production .*: nothing was changed\n/);
    assert.match(planned.stdout, /\nmint +planned +make a new value in Jamf/);
    const changing = /^(Create|Put|Update|Delete|Restore|Tag|Untag|Run|Stop|Register|POST (?!\/api\/oauth\/token))/;
    const calls = sandbox.calls.slice(from).map(({ operation }) => operation);
    assert.ok(calls.includes('DescribeServices') && calls.includes('GET /api/v1/api-integrations'));
    assert.deepEqual(
      calls.filter((operation) => changing.test(operation)),
      [],
    );
  });

  it('needs the right name in production', async () => {
    await begin();
    const before = liveSecret();
    for (const confirmation of [['--confirm', 'jamf-mcp-server/staging'], ['--yes'], []]) {
      const refused = await run(['rotate', '--no-input', ...confirmation]);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /jamf-mcp-server\/production/);
      assert.equal(liveSecret(), before);
    }
    assert.deepEqual(await stages(), ['AWSCURRENT']);
  });

  it('says so where there is no secret, no service, no such length of time, half a rotator client', async () => {
    await begin();
    const cases: [string[], Record<string, string>, number, RegExp][] = [
      [['-e', 'staging', '--yes'], {}, 5, /there is no secret jamf-mcp-server\/staging/],
      [['--force-deploy', '--service', 'nobody'], {}, 5, /service nobody/],
      [['--force-deploy', '--timeout', 'soon'], {}, 2, /--timeout 15m/],
      [
        ['--cluster', 'x', '--timeout', '5m'],
        {},
        2,
        /^jamf-mcp: --cluster, --timeout without --force-deploy: .*\n.*\n$/,
      ],
      [['--no-deploy', '--service', 'x'], {}, 2, /^jamf-mcp: --service without --force-deploy: /],
      [['--no-deploy', '--force-deploy'], {}, 2, /^jamf-mcp: --force-deploy and --no-deploy say the opposite\n.*\n$/],
      [[], { JAMF_MCP_ROTATOR_CLIENT_ID: 'EXAMPLE' }, 2, /JAMF_MCP_ROTATOR_CLIENT_SECRET is not set/],
    ];
    for (const [args, env, code, text] of cases) {
      const refused = await run(['rotate', ...args, ...CONFIRM], { env });
      assert.equal(refused.code, code, refused.stderr);
      assert.match(refused.stderr, text);
    }
  });

  it('asks no more than --confirm NAME outside production either', async () => {
    await begin();
    const staging = ['-e', 'staging', '--secret', NAME];
    const ended = await run(['rotate', ...staging, ...CONFIRM]);
    assert.equal(ended.code, 0, ended.stderr);
  });

  it('names the repair where the client is refused from the start', async () => {
    await begin();
    const [integration] = sandbox.jamf.integrations;
    assert.ok(integration?.credential);
    integration.credential.secret = 'EXAMPLE-made-by-somebody-else';
    const refused = await run(['rotate', ...CONFIRM]);
    assert.equal(refused.code, 4, refused.stderr);
    assert.match(refused.stderr, /nothing was changed\n  next: make a new client secret in Jamf and store it with `/);
    const repaired = await run(['secrets', 'init', '--update', '--from-file', '-', '--yes'], {
      input: 'JAMF_CLIENT_SECRET=EXAMPLE-made-by-somebody-else\n',
    });
    assert.equal(repaired.code, 0, repaired.stderr);
    assert.equal((await run(['rotate', ...CONFIRM])).code, 0);
  });

  /** Started, with what it told so far; nothing reads its standard output. */
  function start(args: readonly string[]) {
    const child = startCli(args, { env: sandbox.environment });
    child.stdin.end();
    child.stdout.resume();
    const told = { text: '' };
    child.stderr.on('data', (chunk: Buffer) => (told.text += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const until = async (seen: () => boolean) => {
      while (!seen()) await new Promise((go) => setTimeout(go, 2));
    };
    return { child, told, ended, until };
  }

  it('cannot be ended while the new value exists nowhere else, however often it is asked', async () => {
    await begin();
    const broken = { kind: 'error', code: 'AccessDeniedException', message: 'not yet', status: 400 } as const;
    for (const nth of [2, 3]) sandbox.inject({ operation: 'secretsmanager:PutSecretValue', nth, fault: broken });
    const { child, told, ended, until } = start(['rotate', ...CONFIRM]);
    const times = () =>
      told.text.split('interrupted: a new value is in the making that exists nowhere else yet').length - 1;
    await until(() => told.text.includes('could not be stored yet'));
    for (const [nth, signal] of (['SIGINT', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const).entries()) {
      child.kill(signal);
      await until(() => times() > nth || child.exitCode !== null);
    }
    assert.equal(times(), 4, told.text);
    assert.equal(await ended, 130, told.text);
    assert.match(told.text, /interrupted at the step test: the new value is stored as AWSPENDING/);
    const minted = liveSecret();
    const result = resultOf(await run(['rotate', '--json', ...CONFIRM]));
    assert.equal(result.outcome, 'resumed');
    assert.equal(liveSecret(), minted);
  });

  for (const [step, until] of [
    ['mint', 'POST /api/v1/api-integrations/1/client-credentials'],
    ['deploy', 'UpdateService'],
  ] as const) {
    it(`can be interrupted during ${step} and taken up again`, async () => {
      await begin({ speed: 5 });
      const child = startCli(['rotate', '--force-deploy', ...CONFIRM], { env: sandbox.environment });
      child.stdin.end();
      let told = '';
      child.stdout.resume();
      child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      while (!sandbox.calls.some(({ operation }) => operation === until)) await new Promise((go) => setTimeout(go, 2));
      child.kill('SIGINT');
      assert.equal(await ended, 130, told);
      assert.match(told, /go on with: jamf-mcp rotate --force-deploy/);
      const minted = liveSecret();
      const result = resultOf(await run(['rotate', '--force-deploy', '--json', ...CONFIRM]));
      assert.equal(result.outcome, 'resumed');
      assert.equal(result.deployment?.state, 'steady');
      assert.equal(liveSecret(), minted, 'the value that was minted before Ctrl-C is the one in use');
      assert.deepEqual(await stages(), ['AWSCURRENT']);
    });
  }
});
