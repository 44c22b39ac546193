import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorJson } from '../../src/lib/errors.ts';
import type { StatusResult } from '../../src/lib/rotation/status.ts';
import type { RotateManyResult, RotateResult } from '../../src/lib/rotation/work.ts';
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
    assert.match(ended.stdout, /before {6}[\w-]{36}, refused from now on\n/);
    assert.match(ended.stdout, /window {6}[\d.]+ m?s from the making of the new value until it was in use\n/);
    assert.match(ended.stdout, /deployment {2}ecs-svc\/\d+ steady after \d+ s, 2 of 2 tasks running\n/);
    assert.match(ended.stdout, /record {6}\S+\/rotations\/[\w-]{36}\.json\n$/);
    assert.match(ended.stderr, /^target: aws · 000000000000 · us-east-1 · arn:aws:\S+\n/);
    for (const step of [
      ...['preflight', 'claim', 'mint', 'stage', 'test', 'promote'],
      ...['deploy', 'verify', 'before', 'record', 'clean'],
    ]) {
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
      const again = /go on with: jamf-mcp (rotate resume --confirm \S+ --no-input(?: --timeout 1m)?)$/.exec(
        error.hint ?? '',
      );
      assert.ok(again?.[1], error.hint ?? '');
      const details = error.details as RotateResult;
      assert.notEqual(details.deployment?.state, 'steady');
      assert.deepEqual(await stages(), ['AWSCURRENT', 'AWSPENDING']);

      const status = await run(['rotate', 'status']);
      assert.match(status.stdout, /its new value is AWSCURRENT, the roll-out or the proof of it is still to come\n/);
      assert.match(status.stdout, /service {3}jamf-mcp-cluster\/jamf-mcp-service/);
      assert.match(status.stdout, /\(process \d+\), gone\n/);
      assert.match(status.stdout, /\nnext: jamf-mcp rotate resume\n/);
      const minted = liveSecret();
      const given = await run(['rotate', 'abort', '--json', ...CONFIRM]);
      assert.equal(given.code, 1, 'what is current is not given up');
      assert.match(errorOf(given).hint ?? '', /rotate resume .*; or .*rotate undo/);
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
    assert.match(planned.stdout, /\nclaim +planned +claim the secret.*\nmint +planned +make a new value in Jamf/);
    const changing = /^(Create|Put|Update|Delete|Restore|Tag|Untag|Run|Stop|Register|POST (?!\/api\/oauth\/token))/;
    const calls = sandbox.calls.slice(from).map(({ operation }) => operation);
    assert.ok(calls.includes('DescribeServices') && calls.includes('GET /api/v1/api-integrations'));
    assert.ok(calls.includes('GET /api/v1/auth'), 'nothing is minted, so the right to mint is looked up');
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
      assert.match(told, /go on with: jamf-mcp rotate resume --confirm \S+ --no-input/);
      const minted = liveSecret();
      const result = resultOf(await run(['rotate', '--force-deploy', '--json', ...CONFIRM]));
      assert.equal(result.outcome, 'resumed');
      assert.equal(result.deployment?.state, 'steady');
      assert.equal(liveSecret(), minted, 'the value that was minted before Ctrl-C is the one in use');
      assert.deepEqual(await stages(), ['AWSCURRENT']);
    });
  }

  it('undoes a rotation of two clients that take turns, and not one of a single client', async () => {
    await begin();
    assert.equal((await run(['rotate', ...CONFIRM])).code, 0);
    const refused = await run(['rotate', 'undo', ...CONFIRM]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /cannot be undone: Jamf refuses the value before, so there is no way back/);
    assert.match(refused.stderr, /next: make a new value instead: jamf-mcp rotate --confirm \S+ --no-input/);

    const setUp = await run(['rotate', '--setup-alternate', '--yes', '--no-input', '--json']);
    assert.equal(setUp.code, 0, setUp.stderr);
    assert.equal((JSON.parse(setUp.stdout) as { action: string }).action, 'create');
    const rotated = resultOf(await run(['rotate', '--force-deploy', '--json', ...CONFIRM]));
    assert.equal(rotated.strategy, 'alternate');
    assert.equal(rotated.before, 'accepted');
    assert.equal(rotated.windowMs, 0);
    const undone = await run(['rotate', 'undo', ...CONFIRM]);
    assert.equal(undone.code, 0, undone.stderr);
    assert.match(undone.stdout, /^undid the rotation of jamf-mcp-server\/production/);
    assert.match(undone.stdout, /deployment {2}ecs-svc\/\d+ steady/, 'the service of the rotation is redeployed');
    const shown = JSON.parse((await run(['secrets', 'show', '--json'])).stdout) as { versionId: string };
    assert.equal(shown.versionId, rotated.previousVersionId);
    assert.deepEqual(await stages(), ['AWSCURRENT']);
    const forced = resultOf(await run(['rotate', '--strategy', 'single', '--json', ...CONFIRM]));
    assert.equal(forced.strategy, 'single');
  });

  it('puts everything back where the deployment fails and the value before is still accepted', async () => {
    await begin();
    await run(['rotate', '--setup-alternate', '--yes']);
    const before = (JSON.parse((await run(['secrets', 'show', '--json'])).stdout) as { versionId: string }).versionId;
    sandbox.ecs.script('circuit-breaker', 'steady');
    const env = { XDG_DATA_HOME: await mkdtemp(join(tmpdir(), 'rotate-')) };
    const failed = await run(['rotate', '--force-deploy', '--json', ...CONFIRM], { env });
    assert.equal(failed.code, 1, failed.stderr);
    const error = errorOf(failed);
    assert.match(error.message, new RegExp(`everything was put back: version ${before} is AWSCURRENT again`));
    assert.equal((error.details as RotateResult).outcome, 'rolled-back');
    assert.deepEqual(await stages(), ['AWSCURRENT']);
    const status = JSON.parse((await run(['rotate', 'status', '--json'], { env })).stdout) as StatusResult;
    await rm(env.XDG_DATA_HOME, { recursive: true });
    assert.equal(status.state, 'free');
    assert.equal(status.records[0]?.outcome, 'rolled-back');
    assert.equal(status.records[0].problem, null);
  });

  it('rotates another field with --only, from its own issuer', async () => {
    await begin();
    const before = liveSecret();
    const result = resultOf(await run(['rotate', '--only', 'auth0-client-secret', '--json', ...CONFIRM]));
    assert.deepEqual(result.rotated, [{ field: 'AUTH0_CLIENT_SECRET', issuer: 'auth0' }]);
    assert.equal(result.before, 'refused');
    assert.equal(liveSecret(), before, 'Jamf is left alone');
    const unknown = await run(['rotate', '--only', 'JAMF_URL', ...CONFIRM]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /JAMF_URL is no secret/);
  });

  it('stores a value that a person brings on stdin', async () => {
    await begin();
    const [integration] = sandbox.jamf.integrations;
    assert.ok(integration?.credential);
    integration.credential.secret = 'EXAMPLE-made-in-the-console';
    const from = ['rotate', '--only', 'JAMF_CLIENT_SECRET', '--from-file', '-', ...CONFIRM];
    const wrong = await run(from, { input: 'EXAMPLE-mistyped-value\n' });
    assert.equal(wrong.code, 4, wrong.stderr);
    const ended = await run([...from, '--json'], { input: 'EXAMPLE-made-in-the-console\n' });
    assert.equal(resultOf(ended).outcome, 'rotated');
    assert.deepEqual(resultOf(ended).rotated, [{ field: 'JAMF_CLIENT_SECRET', issuer: 'ask' }]);
    assert.ok(!(ended.stdout + ended.stderr + wrong.stderr).includes('EXAMPLE-m'));
  });

  describe('several environments', () => {
    const both = ['rotate', '-e', 'staging', '-e', 'production', '--yes', ...CONFIRM, '--json'];
    const beginBoth = async () => {
      await begin();
      const input = Object.entries(sandbox.fields)
        .map(([name, value]) => `${name}="${value}"\n`)
        .join('');
      // Another server behind the same integration would need a second sandbox: here the order matters, not the values.
      const made = await run(['secrets', 'init', '-e', 'staging', '--from-file', '-', '--yes', '--no-input'], {
        input,
      });
      assert.equal(made.code, 0, made.stderr);
    };

    it('are rotated in order, and stop at the first failure', async () => {
      await beginBoth();
      const ended = await run([...both, '--only', 'AUTH0_CLIENT_SECRET']);
      // Both secrets name one application: after the first rotation, the value of the second is dead.
      assert.equal(ended.code, 4, ended.stderr);
      const error = errorOf(ended);
      assert.match(error.message, /^environment production: .*; done: staging$/);
      const { environments } = error.details as RotateManyResult;
      assert.deepEqual(
        environments.map(({ secret, outcome }) => [secret.environment, outcome]),
        [['staging', 'rotated']],
      );
    });

    it('can be one of the environment', async () => {
      await beginBoth();
      const ended = await run(['rotate', '--dry-run', '--json'], { env: { JAMF_MCP_ENV: 'staging' } });
      assert.equal(resultOf(ended).secret.environment, 'staging');
    });

    it('give a list', async () => {
      await beginBoth();
      const ended = await run([...both, '--dry-run']);
      assert.equal(ended.code, 0, ended.stderr);
      const { environments } = JSON.parse(ended.stdout) as RotateManyResult;
      assert.deepEqual(
        environments.map(({ secret, outcome }) => [secret.environment, outcome]),
        [
          ['staging', 'planned'],
          ['production', 'planned'],
        ],
      );
    });

    it('each have a secret of their own, and no flag that would be the same for all', async () => {
      await begin();
      for (const [args, text] of [
        [['-e', 'staging', '-e', 'staging'], /staging and one before it have the same secret/],
        [['-e', 'staging', '-e', 'production', '--secret', NAME], /--secret would be the same in every environment/],
        [['-e', 'staging', '-e', 'production', '--setup-alternate'], /works on one environment/],
      ] as const) {
        const refused = await run(['rotate', ...args, ...CONFIRM]);
        assert.equal(refused.code, 2, refused.stderr);
        assert.match(refused.stderr, text);
      }
    });
  });

  it('refuses a second one while the first runs, and names it', async () => {
    await begin({ speed: 2 });
    const { child, told, ended, until } = start(['rotate', '--force-deploy', ...CONFIRM]);
    await until(() => told.text.includes('✓ promote'));
    const second = await run(['rotate', '--json', ...CONFIRM]);
    assert.equal(second.code, 1);
    const error = errorOf(second);
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.message, new RegExp(`is under way .*`));
    assert.ok(error.message.includes(`(process ${String(child.pid)})`), error.message);
    assert.match(error.hint ?? '', /^wait until it has ended; where it stands: jamf-mcp rotate status$/);
    for (const verb of ['resume', 'abort', 'undo']) {
      assert.equal((await run(['rotate', verb, ...CONFIRM])).code, 1, verb);
    }
    assert.equal(await ended, 0, told.text);
    assert.deepEqual(await stages(), ['AWSCURRENT']);
  });

  it('finishes with the same command what a process that was killed had begun', async () => {
    await begin({ speed: 5 });
    const { child, told, ended, until } = start(['rotate', '--force-deploy', ...CONFIRM]);
    await until(() => told.text.includes('✓ stage'));
    child.kill('SIGKILL');
    await ended;
    const minted = liveSecret();
    const result = resultOf(await run(['rotate', '--json', ...CONFIRM]));
    assert.equal(result.outcome, 'resumed');
    assert.equal(result.deployment?.state, 'steady', 'the service that the claim names');
    assert.equal(liveSecret(), minted);
    assert.deepEqual(await stages(), ['AWSCURRENT']);
    assert.equal(resultOf(await run(['rotate', 'resume', '--json', ...CONFIRM])).outcome, 'nothing');
  });
});
