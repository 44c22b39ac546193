/** `deploy` and `deploy status`, the built program in the sandbox: stdout, stderr, exit code, and what the servers saw. */
import assert from 'node:assert/strict';
import {
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import type { DeployResult } from '../../src/lib/ecs/deploy.ts';
import type { StatusResult } from '../../src/lib/ecs/status.ts';
import type { ErrorJson } from '../../src/lib/errors.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../src/lib/sandbox/index.ts';
import { LEGACY_CI } from '../../src/lib/sandbox/principals.ts';
import { BIN, runCli, startCli, type CliResult } from '../support/cli.ts';
import { CTRL_C, hasPty, onTerminal } from '../support/pty.ts';
import { sdkConfig } from '../support/sandbox.ts';

const AT = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' };

describe('jamf-mcp deploy', function () {
  this.timeout(60_000);
  let sandbox: Sandbox;

  async function begin(options: SandboxOptions = {}): Promise<void> {
    sandbox = await startSandbox({ speed: 20, ...options });
    const made = await run(['secrets', 'init', '--from-file', '-', '--yes'], JSON.stringify(sandbox.fields));
    assert.equal(made.code, 0, made.stderr);
  }
  afterEach(() => sandbox.close());

  const run = (args: readonly string[], input = '') => runCli(args, { env: sandbox.environment, input });
  const deploy = (...args: string[]) => run(['deploy', '--yes', ...args]);
  const ecs = () => new ECSClient(sdkConfig(sandbox));
  const seen = (operation: string) => sandbox.calls.filter((call) => call.operation === operation).length;
  const errorOf = ({ stdout }: CliResult) => (JSON.parse(stdout) as ErrorJson).error;
  const assertNoValue = ({ stdout, stderr }: CliResult) => {
    for (const name of ['JAMF_CLIENT_SECRET', 'AUTH0_CLIENT_SECRET'])
      assert.ok(!(stdout + stderr).includes(sandbox.fields[name] ?? '-'), name);
  };

  it('redeploys, tells what happens line by line, and proves it', async () => {
    await begin();
    const ended = await deploy();
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(
      ended.stdout,
      /^redeployed jamf-mcp-cluster\/jamf-mcp-service\n {2}deployment {2}ecs-svc\/\d+ steady after \d+ s\n {2}tasks {7}2 running, all started by it\n {2}definition {2}jamf-mcp-server:1\n$/,
    );
    const lines = ended.stderr.trimEnd().split('\n');
    assert.match(
      lines[0] ?? '',
      /^✓ check: jamf-mcp-cluster\/jamf-mcp-service runs 2 of 2 tasks; the circuit breaker trips at 3/,
    );
    assert.match(lines[1] ?? '', /^target: ecs · 000000000000 · us-east-1 · arn:aws:sts::\S+\/operator$/);
    assert.match(lines[2] ?? '', /^✓ deploy: deployment ecs-svc\/\d+ is under way/);
    for (const line of [
      /^ {2}0 of 2 new tasks running/,
      /^ {2}\(service jamf-mcp-service\) has started 2 tasks/,
      /^ {2}2 of 2 new tasks running/,
    ])
      assert.ok(
        lines.some((text) => line.test(text)),
        String(line),
      );
    assert.match(lines.at(-2) ?? '', /^✓ watch: steady, 2 of 2 tasks running/);
    assert.match(lines.at(-1) ?? '', /^✓ verify: all 2 running tasks read the secret after it began/);
    assert.ok(!ended.stderr.includes('\u001b') && !ended.stderr.includes('\r'));
    assert.equal(seen('UpdateService'), 1);
    assertNoValue(ended);
  });

  it('gives the result as JSON, with nothing else on standard output and nothing on a quiet standard error', async () => {
    await begin();
    const ended = await deploy('--json', '--quiet');
    assert.deepEqual([ended.code, ended.stderr], [0, '']);
    const { outcome, deployment, tasks } = JSON.parse(ended.stdout) as DeployResult;
    assert.deepEqual([outcome, deployment?.state, tasks], ['steady', 'steady', { running: 2, old: [] }]);
    assert.ok(deployment?.finishedAt && deployment.finishedAt > deployment.startedAt);
  });

  it('changes nothing on a dry run, and without a confirmation', async () => {
    await begin();
    const planned = await run(['deploy', '--dry-run']);
    assert.equal(planned.code, 0, planned.stderr);
    assert.match(
      planned.stdout,
      /^dry run for jamf-mcp-cluster\/jamf-mcp-service: nothing was changed\n[^]*\ndeploy +planned +force a new/,
    );
    const refused = await run(['deploy', '--no-input']);
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /needs a confirmation: redeploy jamf-mcp-cluster\/jamf-mcp-service, .*\n.*pass --yes\n$/,
    );
    assert.equal(seen('UpdateService'), 0);
  });

  const ENDINGS: [NonNullable<SandboxOptions['outcome']>, string[], number, RegExp, RegExp][] = [
    [
      'circuit-breaker',
      [],
      1,
      /^deployment ecs-svc\/\d+ of jamf-mcp-cluster\/jamf-mcp-service failed: .*circuit breaker/,
      /health check/,
    ],
    [
      'rollback',
      [],
      1,
      /failed, and ECS put the tasks before it back \(they too read the secret as it is now\)/,
      /health check/,
    ],
    [
      'secret-unavailable',
      [],
      1,
      /its tasks stop with: the execution role \(not the task role\) may not read the secret$/,
      /GetSecretValue/,
    ],
    [
      'crash-loop',
      ['--timeout', '3s'],
      6,
      /goes on, but was not waited for any longer: not steady after 3 s: .*exit code 1$/,
      /look at its log/,
    ],
    [
      'stuck',
      ['--timeout', '2s', '--service', AT.service],
      6,
      /waiting for 2 more; last event: /,
      /`jamf-mcp deploy status --service jamf-mcp-service --wait`/,
    ],
  ];
  for (const [outcome, args, exit, message, hint] of ENDINGS) {
    it(`ends with ${String(exit)} after ${outcome}, and says why in two lines`, async () => {
      await begin({ outcome });
      const failed = await deploy('--quiet', ...args);
      assert.deepEqual([failed.code, failed.stdout], [exit, '']);
      const told = failed.stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('warning:'));
      assert.equal(told.length, 2, failed.stderr);
      assert.match(told[0]?.replace('jamf-mcp: ', '') ?? '', message);
      assert.match(told[1] ?? '', hint);
      if (outcome === 'secret-unavailable') {
        const [whole = ''] = failed.stderr.split('\n').filter((line) => line.startsWith('warning: task'));
        assert.match(
          whole,
          /\(TaskFailedToStart\): ResourceInitializationError: .*GetSecretValue action \(and 7 more like it\); that means: /,
        );
      }
      const error = errorOf(await deploy('--json', ...args));
      assert.equal(error.exit, exit);
      const details = error.details as DeployResult;
      assert.deepEqual([details.steps.length, details.steps[2]?.state], [4, 'failed']);
      assert.notEqual(details.deployment, null);
    });
  }

  it('refuses what ECS does not deploy, before any change, and says what to type', async () => {
    await begin();
    const other = { cluster: AT.cluster, taskDefinition: 'jamf-mcp-server', desiredCount: 1 };
    await ecs().send(
      new CreateServiceCommand({ ...other, serviceName: 'blue', deploymentController: { type: 'CODE_DEPLOY' } }),
    );
    const refused = await deploy('--service', 'blue', '--quiet');
    assert.equal(refused.code, 2);
    assert.match(
      refused.stderr,
      /^jamf-mcp: .*\/blue is deployed by CODE_DEPLOY, .*; nothing was changed\n {2}next: deploy with CodeDeploy: `aws deploy get-deployment --deployment-id d-\d+` .*\n$/,
    );
    assert.equal(seen('UpdateService'), 0);
  });

  it('offers names for those that do not exist', async () => {
    await begin();
    for (const [args, near] of [
      [['--service', 'jamf-mcp-servise'], 'there is jamf-mcp-service: name one with --service'],
      [['--cluster', 'jamf-mcp-clutter'], 'there is jamf-mcp-cluster: name one with --cluster'],
    ] as const) {
      const missing = await deploy('--quiet', ...args);
      assert.equal(missing.code, 5);
      assert.ok(missing.stderr.includes(near), missing.stderr);
    }
  });

  it('wants a length of time, and no time for what is not waited for', async () => {
    await begin();
    assert.match(
      (await deploy('--timeout', 'soon')).stderr,
      /--timeout is no length of time: soon\n.*--timeout 15m\n$/,
    );
    const unused = await run(['deploy', 'status', '--timeout', '5m']);
    assert.equal(unused.code, 2);
    assert.match(unused.stderr, /--wait/);
  });

  it('tells whose deployment it replaces, and follows one that is under way', async () => {
    await begin({ speed: 4 });
    await new ECSClient(sdkConfig(sandbox, LEGACY_CI)).send(
      new UpdateServiceCommand({ ...AT, forceNewDeployment: true }),
    );
    const ended = await deploy('--json');
    assert.match(
      ended.stderr,
      /^warning: .* is being deployed since \S+Z, by arn:aws:iam::000000000000:user\/legacy-ci: ecs-svc\/\d+$/m,
    );
    const { replaced, outcome } = JSON.parse(ended.stdout) as DeployResult;
    assert.deepEqual([replaced?.by, outcome], ['arn:aws:iam::000000000000:user/legacy-ci', 'steady']);
    const left = await deploy('--no-wait');
    assert.match(left.stdout, /^started to redeploy .*\n.* is under way\n.* not waited for\n/);
    const status = await run(['deploy', 'status', '--wait', '--json']);
    assert.equal(status.code, 0, status.stderr);
    const { deployment, tasks } = JSON.parse(status.stdout) as StatusResult;
    assert.equal(deployment?.state, 'steady');
    assert.deepEqual(
      tasks.map(({ holds }) => holds),
      ['current', 'current'],
    );
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`leaves the deployment to ECS on ${signal}, and says how to go on`, async () => {
      await begin({ speed: 3 });
      const child = startCli(['deploy', '--yes', '--cluster', AT.cluster], { env: sandbox.environment });
      child.stdin.end();
      child.stdout.resume();
      let told = '';
      child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      while (!told.includes('new tasks running')) await new Promise((go) => setTimeout(go, 2));
      child.kill(signal);
      assert.equal(await ended, 130, told);
      assert.match(
        told,
        /jamf-mcp: interrupted: deployment ecs-svc\/\d+ goes on without us\n {2}next: look at it with `jamf-mcp deploy status --cluster jamf-mcp-cluster`, or go on waiting with `.* --wait`\n$/,
      );
      const status = await run(['deploy', 'status', '--wait', '--exit-code']);
      assert.equal(status.code, 0, status.stderr);
      assert.equal(seen('UpdateService'), 1);
      assert.equal(sandbox.ecs.deploymentsOf()[0]?.status, 'SUCCESSFUL');
    });
  }

  it('status tells older values, failed tasks, and exits with 3 where that is asked for', async () => {
    await begin();
    const before = await run(['deploy', 'status', '--exit-code']);
    assert.equal(before.code, 3);
    assert.match(
      before.stdout,
      /2 of 2 tasks hold an older value: `jamf-mcp deploy --cluster jamf-mcp-cluster --service jamf-mcp-service`/,
    );
    assert.equal((await run(['deploy', 'status'])).code, 0);
    sandbox.ecs.script('secret-unavailable');
    assert.equal((await deploy()).code, 1);
    const after = await run(['deploy', 'status']);
    assert.match(
      after.stdout,
      /^ {2}deployment {2}ecs-svc\/\d+ failed, begun .*3 of 3 failures that trip its circuit breaker; /m,
    );
    assert.match(after.stdout, /\nFAILED TASKS\n✗ task .*ResourceInitializationError/);
    assert.equal(seen('UpdateService'), 1);
    assertNoValue(after);
    const elsewhere = await run(['deploy', 'status', '--store', 'local']);
    assert.match(elsewhere.stdout, /note: the secret is in a store that ECS does not read from/);
  });

  it('needs no more than ECS: a service whose definition has no secret, with nothing but the service allowed', async () => {
    await begin();
    const containerDefinitions = [{ name: 'a', image: 'a:1', memory: 64 }];
    await ecs().send(new RegisterTaskDefinitionCommand({ family: 'plain', containerDefinitions }));
    await ecs().send(new UpdateServiceCommand({ ...AT, taskDefinition: 'plain' }));
    for (const operation of ['ecs:ListServiceDeployments', 'ecs:DescribeServiceDeployments', 'cloudtrail:LookupEvents'])
      sandbox.inject({
        operation,
        nth: 'every',
        fault: { kind: 'error', code: 'AccessDeniedException', message: 'no' },
      });
    const ended = await deploy();
    assert.equal(ended.code, 0, ended.stderr);
    const { tasks } = JSON.parse((await run(['deploy', 'status', '--json'])).stdout) as StatusResult;
    assert.deepEqual(
      tasks.map(({ holds }) => holds),
      ['none', 'none'],
    );
  });

  (hasPty() ? describe : describe.skip)('on a terminal (Python)', () => {
    const open = (...args: string[]) => onTerminal([process.execPath, BIN, 'deploy', ...args], sandbox.environment);

    it('asks, and keeps one line alive while it waits', async () => {
      await begin({ speed: 4 });
      const terminal = open();
      await terminal.until(/redeploy jamf-mcp-cluster\/jamf-mcp-service, which runs 2 of 2 tasks\?/);
      assert.equal(seen('UpdateService'), 0);
      terminal.type('y\r');
      await terminal.until(/redeployed jamf-mcp-cluster\/jamf-mcp-service/);
      assert.equal(await terminal.ended(), 0);
      assert.ok(terminal.printed().includes('\r\u001b[K'), 'lines are written over');
    });

    it('does nothing without a y, and stops watching on Ctrl-C', async () => {
      await begin({ speed: 3 });
      const first = open();
      await first.until(/which runs 2 of 2 tasks\?/);
      first.type('\r');
      assert.equal(await first.ended(), 1);
      assert.equal(seen('UpdateService'), 0);
      const second = open('--yes');
      await second.until(/new tasks running/);
      second.type(CTRL_C);
      await second.until(/goes on without us\s+next: look at it with `jamf-mcp deploy status`/);
      assert.equal(await second.ended(), 130);
    });
  });
});
