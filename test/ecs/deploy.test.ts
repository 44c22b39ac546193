/** `deploy` in the sandbox: what is refused before any change, how each ending is told, and what is left. */
import assert from 'node:assert/strict';
import {
  CreateServiceCommand,
  DeleteServiceCommand,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
  type DeploymentControllerType,
} from '@aws-sdk/client-ecs';
import type { EcsTarget } from '../../src/lib/ecs/api.ts';
import { deployService, type DeployResult } from '../../src/lib/ecs/deploy.ts';
import { readDeployments } from '../../src/lib/ecs/deployments.ts';
import { listServiceTasks } from '../../src/lib/ecs/tasks.ts';
import type { JamfMcpError } from '../../src/lib/errors.ts';
import type { EcsOutcome } from '../../src/lib/sandbox/ecs.ts';
import type { AwsCall } from '../../src/lib/sandbox/service.ts';
import { LEGACY_CI } from '../../src/lib/sandbox/principals.ts';
import { ECSClient } from '@aws-sdk/client-ecs';
import { ecsClient, SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { sdkConfig, withSandbox } from '../support/sandbox.ts';
import type { TestContext } from '../support/context.ts';

const TARGET: EcsTarget = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service', aws: {} };
const AT = { cluster: TARGET.cluster, service: TARGET.service };

/** A call that does not come over HTTP. */
const CALL: AwsCall = {
  service: 'ecs',
  operation: 'UpdateService',
  input: {},
  principal: {
    arn: 'arn:aws:iam::000000000000:user/other',
    type: 'IAMUser',
    principalId: 'AIDAEXAMPLE',
    accessKeyId: 'AKIAEXAMPLE',
    userName: 'other',
  },
  region: 'us-east-1',
  requestId: 'request',
  sourceIp: '127.0.0.1',
  userAgent: 'test',
};

describe('jamf-mcp deploy, the core', () => {
  const sandbox = withSandbox();
  let context: TestContext;
  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
  });

  interface Options {
    limitMs?: number;
    wait?: boolean;
    dryRun?: boolean;
    target?: EcsTarget;
  }
  const deploy = ({ limitMs = 300_000, wait = true, dryRun = false, target = TARGET }: Options = {}) =>
    deployService({ target, limitMs, wait, dryRun, status: 'jamf-mcp deploy status' }, context);
  const confirmed = (options: Options = {}) => {
    context.answer(true);
    return deploy(options);
  };
  const failure = (run: Promise<unknown>): Promise<JamfMcpError> =>
    run.then(
      () => assert.fail('it went well'),
      (error: unknown) => error as JamfMcpError,
    );
  const updates = () => sandbox().calls.filter(({ operation }) => operation === 'UpdateService').length;
  const warnings = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
  const progress = () => context.events.flatMap((event) => (event.kind === 'progress' ? [event.text] : []));

  it('says where, asks, deploys, and proves it', async () => {
    const result = await confirmed();
    assert.equal(result.outcome, 'steady');
    assert.deepEqual(result.tasks, { running: 2, old: [] });
    assert.deepEqual(
      result.steps.map(({ name, state }) => [name, state]),
      ['check', 'deploy', 'watch', 'verify'].map((name) => [name, 'done']),
    );
    assert.equal(result.service.account, '000000000000');
    assert.equal(result.replaced, null);
    const [question] = context.questions;
    assert.deepEqual(
      [question?.kind, question?.text],
      ['confirm', 'redeploy jamf-mcp-cluster/jamf-mcp-service, which runs 2 of 2 tasks?'],
    );
    const target = context.events.findIndex(({ kind }) => kind === 'target');
    const change = context.events.findIndex((event) => event.kind === 'step' && event.name === 'deploy');
    assert.ok(target >= 0 && target < change, 'account and principal are shown before the change');
  });

  it('changes nothing where that is not confirmed, and on a dry run, which asks nothing', async () => {
    context.answer(false);
    assert.equal((await failure(deploy())).code, 'DECLINED');
    const planned = await deploy({ dryRun: true });
    assert.deepEqual(
      planned.steps.map(({ state }) => state),
      ['done', 'planned', 'planned', 'planned'],
    );
    assert.equal(context.questions.length, 1);
    assert.equal(updates(), 0);
  });

  it('leaves a deployment to itself with wait: false', async () => {
    const result = await confirmed({ wait: false });
    assert.deepEqual([result.outcome, result.deployment?.state, result.tasks], ['started', 'in-progress', null]);
    assert.equal(updates(), 1);
  });

  const ENDINGS: [EcsOutcome, string, number, RegExp, RegExp][] = [
    [
      'circuit-breaker',
      'failed',
      1,
      /failed: .*circuit breaker.*; its tasks stop with: .*health check/,
      /health check: look at the log/,
    ],
    [
      'rollback',
      'rolled-back',
      1,
      /failed, and ECS put the tasks before it back \(they too read the secret as it is now\): .*; its tasks stop with/,
      /health check/,
    ],
    [
      'secret-unavailable',
      'failed',
      1,
      /its tasks stop with: the execution role .* may not read the secret$/,
      /GetSecretValue/,
    ],
    [
      'crash-loop',
      'timed-out',
      6,
      /not steady after 5 min: \d of 2 new tasks running.*exit code 1$/,
      /look at its log/,
    ],
    [
      'stuck',
      'timed-out',
      6,
      /0 of 2 new tasks running, waiting for 2 that are still PENDING; last event: .*started 2 tasks/,
      /deploy status --wait/,
    ],
  ];
  for (const [outcome, state, exit, message, hint] of ENDINGS) {
    it(`tells of ${outcome}`, async () => {
      sandbox().ecs.script(outcome);
      const error = await failure(confirmed());
      assert.equal(error.exit, exit, error.message);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      const details = error.details as DeployResult;
      assert.equal(details.outcome, state);
      assert.equal(details.steps[2]?.state, 'failed');
      const endless = warnings().filter((text) => text.includes('ECS goes on starting tasks'));
      assert.equal(endless.length, outcome === 'crash-loop' ? 1 : 0, 'no more is said than is so');
    });
  }

  it('lets the tasks of a rollback read the secret as it is, as those that failed did', async () => {
    const store = storeOf(context);
    const { fields } = await store.read(SECRET, { versionId: SEEDED_VERSION });
    const next = await store.put(SECRET, fields, {
      token: '00000000-0000-4000-8000-00000000cccc',
      stages: ['AWSCURRENT'],
    });
    sandbox().ecs.script('rollback');
    await failure(confirmed());
    const running = sandbox()
      .ecs.tasksOf()
      .filter(({ lastStatus, startedBy }) => lastStatus === 'RUNNING' && startedBy !== null);
    const held = running.filter(({ secrets }) => secrets.length > 0).map(({ secrets }) => secrets[0]?.versionId);
    assert.ok(held.length > 0);
    assert.deepEqual([...new Set(held)], [next.versionId]);
  });

  it('tells that tasks hang, once, and what that state waits for', async () => {
    sandbox().ecs.script('stuck');
    await failure(confirmed());
    const told = warnings().filter((text) => text.includes('PENDING'));
    assert.equal(told.length, 1, warnings().join('\n'));
    assert.match(
      told[0] ?? '',
      /^2 tasks have been PENDING for 2 min: the agent pulls .* NAT gateway or VPC endpoints/,
    );
  });

  it('tells that nothing will end it where there is no circuit breaker, or one that does not count crashes', async () => {
    sandbox().ecs.script('crash-loop');
    await failure(confirmed());
    assert.equal(
      warnings().filter((text) => text.startsWith('the circuit breaker does not count tasks that start')).length,
      1,
    );
    await ecsClient(sandbox()).send(
      new UpdateServiceCommand({
        ...AT,
        deploymentConfiguration: { deploymentCircuitBreaker: { enable: false, rollback: false } },
      }),
    );
    context.events.length = 0;
    sandbox().ecs.script('secret-unavailable');
    await failure(confirmed());
    assert.equal(warnings().filter((text) => text.startsWith('there is no circuit breaker: ECS goes on')).length, 1);
  });

  it('knows a threshold of its own, and counts against it', async () => {
    const thresholdConfiguration = { type: 'COUNT', value: 5 } as const;
    const deploymentCircuitBreaker = { enable: true, rollback: false, thresholdConfiguration };
    await ecsClient(sandbox()).send(
      new UpdateServiceCommand({ ...AT, deploymentConfiguration: { deploymentCircuitBreaker } }),
    );
    sandbox().ecs.script('secret-unavailable');
    const error = await failure(confirmed());
    const { steps, deployment } = error.details as DeployResult;
    assert.match(steps[0]?.text ?? '', /the circuit breaker trips at 5 failed tasks$/);
    assert.ok(deployment && 'stopped' in deployment && deployment.stopped.length >= 3);
    assert.ok(
      progress().some((text) => /\d failed \(the circuit breaker trips at 5\)/.test(text)),
      progress().join('\n'),
    );
    const [newest] = await readDeployments(TARGET, deployment.startedAt, context);
    assert.deepEqual(newest?.breaker, { failures: 5, threshold: 5, rollback: false });
  });

  it('tells whose deployment it would replace, and asks for that', async () => {
    const other = new ECSClient(sdkConfig(sandbox(), LEGACY_CI));
    await other.send(new UpdateServiceCommand({ ...AT, forceNewDeployment: true }));
    const second = { cluster: TARGET.cluster, taskDefinition: 'jamf-mcp-server', desiredCount: 1 };
    await ecsClient(sandbox()).send(new CreateServiceCommand({ ...second, serviceName: 'second' }));
    await ecsClient(sandbox()).send(
      new UpdateServiceCommand({ cluster: TARGET.cluster, service: 'second', forceNewDeployment: true }),
    );
    context.answer(false);
    assert.equal((await failure(deploy())).code, 'DECLINED');
    assert.match(
      warnings()[0] ?? '',
      /^jamf-mcp-cluster\/jamf-mcp-service is being deployed since \S+, by arn:aws:iam::000000000000:user\/legacy-ci: ecs-svc\/\d+$/,
    );
    assert.match(
      context.questions[0]?.text ?? '',
      /^put a new deployment of .* in the place of ecs-svc\/\d+, which is still under way\?$/,
    );
    const result = await confirmed();
    assert.equal(result.replaced?.by, 'arn:aws:iam::000000000000:user/legacy-ci');
    assert.equal(result.outcome, 'steady');
  });

  it('goes on where CloudTrail does not say whose it is', async () => {
    await ecsClient(sandbox()).send(new UpdateServiceCommand({ ...AT, forceNewDeployment: true }));
    const fault = { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' } as const;
    sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth: 'every', fault });
    const result = await confirmed();
    assert.deepEqual([result.replaced?.by, result.outcome], [null, 'steady']);
    assert.match(warnings()[0] ?? '', /CloudTrail does not tell by whom/);
  });

  for (const denied of [false, true]) {
    it(`is pushed aside by somebody else's${denied ? ', without service deployments' : ''}`, async () => {
      const fault = { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' } as const;
      if (denied) sandbox().inject({ operation: 'ecs:ListServiceDeployments', nth: 'every', fault });
      const notify = context.host.notify.bind(context.host);
      let pushed: Promise<unknown> | null = null;
      context.host.notify = (event) => {
        notify(event);
        if (event.kind === 'progress' && event.text.startsWith('0 of 2'))
          pushed ??= ecsClient(sandbox()).send(new UpdateServiceCommand({ ...AT, forceNewDeployment: true }));
      };
      const error = await failure(confirmed());
      assert.ok(pushed);
      assert.equal(error.code, 'CONFLICT', error.message);
      assert.match(error.message, /was pushed aside: another deployment took its place: ecs-svc\/\d+$/);
      assert.match(error.hint ?? '', /`jamf-mcp deploy status --wait`/);
    });
  }

  it('does not call it done while tasks run that it did not start', async () => {
    const notify = context.host.notify.bind(context.host);
    context.host.notify = (event) => {
      notify(event);
      if (event.kind !== 'step' || event.name !== 'verify' || event.state !== 'started') return;
      // At once, before the first look: somebody else's deployment, come and gone.
      void sandbox().aws.ecs?.handlers.UpdateService?.({ ...AT, forceNewDeployment: true }, CALL);
      sandbox().clock.advance(60_000);
    };
    const error = await failure(confirmed());
    assert.equal(error.exit, 6);
    assert.match(
      error.message,
      /is steady, but 2 of 2 running tasks were not started by it: [0-9a-f]{32}, [0-9a-f]{32}$/,
    );
    assert.match(error.hint ?? '', /deploy status/);
    assert.equal((error.details as DeployResult).tasks?.old.length, 2);
  });

  it('is steady with no task where the service is scaled to zero, and says so', async () => {
    await ecsClient(sandbox()).send(new UpdateServiceCommand({ ...AT, desiredCount: 0 }));
    await context.clock.sleep(60_000);
    const { steps, outcome, tasks } = await confirmed();
    assert.equal(outcome, 'steady');
    assert.deepEqual(tasks, { running: 0, old: [] });
    assert.match(steps[0]?.text ?? '', /scaled to zero: no task will run/);
  });

  const CONTROLLERS: [DeploymentControllerType, RegExp][] = [
    [
      'CODE_DEPLOY',
      /`aws deploy get-deployment --deployment-id d-\d{9}` names both; `aws deploy create-deployment --application-name/,
    ],
    [
      'EXTERNAL',
      /`aws ecs create-task-set --cluster jamf-mcp-cluster --service other --task-definition arn:\S+jamf-mcp-server:1`/,
    ],
  ];
  for (const [type, instead] of CONTROLLERS) {
    it(`refuses a service of ${type} before any change, and says what to type`, async () => {
      await ecsClient(sandbox()).send(
        new CreateServiceCommand({
          cluster: TARGET.cluster,
          serviceName: 'other',
          taskDefinition: 'jamf-mcp-server',
          desiredCount: 1,
          deploymentController: { type },
        }),
      );
      const error = await failure(deploy({ target: { ...TARGET, service: 'other' } }));
      assert.equal(error.code, 'INPUT_INVALID');
      assert.match(error.message, new RegExp(`is deployed by ${type}, .*; nothing was changed$`));
      assert.match(error.hint ?? '', instead);
      assert.equal(context.questions.length, 0);
      assert.equal(updates(), 0);
    });
  }

  it('offers the nearest names for one that does not exist, is deleted, or is elsewhere', async () => {
    const ecs = ecsClient(sandbox());
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'plain',
        containerDefinitions: [{ name: 'a', image: 'a:1', memory: 64 }],
      }),
    );
    await ecs.send(
      new CreateServiceCommand({
        cluster: TARGET.cluster,
        serviceName: 'gone',
        taskDefinition: 'plain',
        desiredCount: 0,
      }),
    );
    await ecs.send(new DeleteServiceCommand({ cluster: TARGET.cluster, service: 'gone' }));
    const draining = await failure(deploy({ target: { ...TARGET, service: 'gone' } }));
    assert.deepEqual([draining.code, draining.message.includes('is DRAINING')], ['INPUT_INVALID', true]);
    await context.clock.sleep(60_000);
    const names: [Partial<EcsTarget>, RegExp, RegExp][] = [
      [{ service: 'gone' }, /no service gone/, /^there is jamf-mcp-service: name one with --service/],
      [{ service: 'jamf-mcp-servise' }, /no service jamf-mcp-servise/, /^there is jamf-mcp-service: /],
      [{ cluster: 'jamf-cluster' }, /no cluster jamf-cluster/, /^there is jamf-mcp-cluster: name one with --cluster/],
    ];
    for (const [wrong, message, hint] of names) {
      const error = await failure(deploy({ target: { ...TARGET, ...wrong } }));
      assert.equal(error.exit, 5);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
    }
    const fault = { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' } as const;
    sandbox().inject({ operation: 'ecs:ListServices', nth: 'every', fault });
    const error = await failure(deploy({ target: { ...TARGET, service: 'nobody' } }));
    assert.match(error.hint ?? '', /^name them with --cluster and --service/);
  });

  it('leaves AWS as it is on Ctrl-C, and says how to go on', async () => {
    const notify = context.host.notify.bind(context.host);
    context.host.notify = (event) => {
      notify(event);
      if (event.kind === 'progress' && event.text.includes('starting')) context.abort();
    };
    const error = await failure(confirmed());
    assert.equal(error.code, 'INTERRUPTED');
    const { deployment } = error.details as DeployResult;
    assert.match(error.message, new RegExp(`^interrupted: deployment ${deployment?.id ?? '-'} goes on without us$`));
    assert.equal(
      error.hint,
      'look at it with `jamf-mcp deploy status`, or go on waiting with `jamf-mcp deploy status --wait`',
    );
    sandbox().clock.advance(60_000);
    assert.equal(sandbox().ecs.deploymentsOf()[0]?.status, 'SUCCESSFUL');
    assert.equal(updates(), 1);
  });

  it('outlives faults of the network that pass', async () => {
    for (const nth of [2, 4])
      sandbox().inject({ operation: 'ecs:DescribeServices', nth, fault: { kind: 'reset', when: 'before' } });
    sandbox().inject({ operation: 'ecs:ListTasks', nth: 2, fault: { kind: 'throttle' } });
    assert.equal((await confirmed()).outcome, 'steady');
  });

  it('lists what there was, newest first, each with its end', async () => {
    sandbox().ecs.script('steady', 'rollback', 'circuit-breaker');
    await confirmed();
    await failure(confirmed());
    await failure(confirmed());
    await confirmed({ wait: false });
    await confirmed();
    const all = await readDeployments(TARGET, '2026-11-01T00:00:00Z', context);
    assert.deepEqual(
      all.map(({ state }) => state),
      ['steady', 'superseded', 'failed', 'rolled-back', 'steady', 'steady'],
    );
    const ids = new Set((await listServiceTasks(TARGET, context)).map(({ deploymentId }) => deploymentId));
    assert.ok(ids.has(all[0]?.id ?? ''), 'a deployment is known by what its tasks carry');
    for (const { startedAt, finishedAt } of all) assert.ok(finishedAt !== null && finishedAt >= startedAt);
  });
});
