import assert from 'node:assert/strict';
import {
  forceDeployment,
  inspectService,
  watchDeployment,
  type FinishedDeployment,
} from '../../src/lib/ecs/deployments.ts';
import { condense } from '../../src/lib/ecs/reason.ts';
import { listServiceTasks, proveTasks } from '../../src/lib/ecs/tasks.ts';
import type { EcsTarget } from '../../src/lib/ecs/api.ts';
import { ecsClient, seedSecret } from '../support/rotation.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';
import type { TestContext } from '../support/context.ts';
import { UpdateServiceCommand } from '@aws-sdk/client-ecs';

const TARGET: EcsTarget = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service', aws: {} };

describe('a deployment in the sandbox', () => {
  const sandbox = withSandbox();
  let context: TestContext;
  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
  });

  const texts = (kind: 'progress' | 'warning' | 'debug') =>
    context.events.flatMap((event) => (event.kind === kind ? [event.text] : []));

  async function deploy(limitMs?: number): Promise<FinishedDeployment> {
    const started = await forceDeployment(TARGET, context);
    return watchDeployment(TARGET, started, context, limitMs === undefined ? {} : { limitMs });
  }

  it('is steady, and every running task is its own', async () => {
    const ended = await deploy();
    assert.equal(ended.state, 'steady');
    assert.equal(ended.running, 2);
    assert.equal(ended.reason, null);
    assert.deepEqual(ended.stopped, []);
    assert.ok(Date.parse(ended.finishedAt) > Date.parse(ended.startedAt));
    assert.deepEqual(await proveTasks(TARGET, ended, context), { running: 2, old: [] });
    const progress = texts('progress');
    assert.ok(
      progress.some((text) => text.startsWith('0 of 2 new tasks running')),
      progress.join('\n'),
    );
    assert.ok(progress.some((text) => text.startsWith('2 of 2 new tasks running')));
    assert.ok(progress.some((text) => text.includes('has started 2 tasks')));
    assert.equal(progress.length, new Set(progress).size, 'nothing is told twice');
  });

  it('tells events since its own beginning, not those of the deployment before', async () => {
    await deploy();
    await context.clock.sleep(3_600_000);
    context.events.length = 0;
    await deploy();
    const progress = texts('progress');
    const steady = progress.findIndex((text) => text.includes('has reached a steady state'));
    const running = progress.findIndex((text) => text.startsWith('2 of 2 new tasks running'));
    assert.ok(running >= 0 && steady > running, progress.join('\n'));
  });

  it('stops where it may not look any more', async () => {
    const started = await forceDeployment(TARGET, context);
    const fault = { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' } as const;
    sandbox().inject({ operation: 'ecs:DescribeServices', nth: 2, fault });
    await assert.rejects(watchDeployment(TARGET, started, context), { code: 'ACCESS_DENIED' });
  });

  it('is not proved by tasks that another deployment started later', async () => {
    const ours = await deploy();
    await deploy();
    const { running, old } = await proveTasks(TARGET, ours, context);
    assert.deepEqual([running, old.length], [2, 2]);
  });

  it('is not steady before its tasks run, whatever the service says', async () => {
    const started = await forceDeployment(TARGET, context);
    const proof = await proveTasks(TARGET, started, context);
    assert.equal(proof.running, 2);
    assert.equal(proof.old.length, 2);
  });

  it('fails when the circuit breaker gives up', async () => {
    sandbox().ecs.script('circuit-breaker');
    const ended = await deploy();
    assert.equal(ended.state, 'failed');
    assert.match(ended.reason ?? '', /circuit breaker/i);
    assert.ok(ended.stopped.length > 0);
    assert.match(ended.stopped[0]?.reason ?? '', /health check/);
    assert.match(ended.stopped[0]?.why?.cause ?? '', /health check/);
    assert.equal(texts('warning').length, 1, 'the reason is told');
    const likewise = texts('progress').filter((text) => text.includes('stopped for the same reason'));
    assert.equal(likewise.length, ended.stopped.length - 1, 'each stopped task is told');
  });

  it('is rolled back, and does not take the steady service for its own success', async () => {
    sandbox().ecs.script('rollback');
    const ended = await deploy();
    assert.equal(ended.state, 'rolled-back');
    assert.match(ended.reason ?? '', /circuit breaker|roll/i);
    const { running } = await inspectService(TARGET, context);
    assert.equal(running, 2, 'the service runs, on the tasks of the rollback');
  });

  it('runs into its limit in a crash loop, and says what its tasks stop with', async () => {
    sandbox().ecs.script('crash-loop');
    const ended = await deploy(60_000);
    assert.equal(ended.state, 'timed-out');
    assert.match(
      ended.reason ?? '',
      /not steady after 60 s: \d of 2 new tasks running, waiting for \d more; \d+ of its tasks stopped meanwhile/,
    );
    assert.match(ended.stopped[0]?.reason ?? '', /Essential container in task exited; .*exit code 1/);
  });

  it('tells why a secret could not be pulled, to the last word', async () => {
    sandbox().ecs.script('secret-unavailable');
    const ended = await deploy();
    assert.equal(ended.state, 'failed');
    const [first] = ended.stopped;
    assert.equal(first?.stopCode, 'TaskFailedToStart');
    assert.match(
      first.reason,
      /^ResourceInitializationError.*no identity-based policy allows the secretsmanager:GetSecretValue action$/,
    );
    assert.match(first.why?.fix ?? '', /execution role/);
    const whole = texts('warning').filter((text) => text.includes('no identity-based policy allows'));
    assert.equal(whole.length, 1, 'it is told once');
    assert.ok(whole[0]?.includes(condense(first.reason)));
    const events = texts('progress').filter((text) => text.includes('unable to place a task'));
    assert.deepEqual(
      [...new Set(events.map((text) => text.slice(text.indexOf('Reason: '))))],
      ['Reason: the execution role (not the task role) may not read the secret'],
    );
  });

  it('finds its service deployment although it is unknown at first', async () => {
    sandbox().ecs.settings.hideNewDeploymentsMs = 3_000;
    const ended = await deploy();
    assert.equal(ended.state, 'steady');
    assert.ok(sandbox().calls.some(({ operation }) => operation === 'DescribeServiceDeployments'));
  });

  it('does not take the end of the deployment before for its own, while the service still names that', async () => {
    sandbox().ecs.settings.hideNewDeploymentsMs = 60_000;
    sandbox().ecs.script('circuit-breaker');
    assert.equal((await deploy()).state, 'failed');
  });

  it('goes by the service alone where service deployments may not be read', async () => {
    for (const operation of ['ecs:ListServiceDeployments', 'ecs:DescribeServiceDeployments']) {
      sandbox().inject({
        operation,
        nth: 'every',
        fault: { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' },
      });
    }
    sandbox().ecs.script('rollback', 'steady');
    assert.equal((await deploy()).state, 'rolled-back');
    assert.equal((await deploy()).state, 'steady');
    assert.ok(texts('debug').some((text) => text.includes('going on without service deployments')));
  });

  it('notices that somebody else deploys', async () => {
    const started = await forceDeployment(TARGET, context);
    await forceDeployment(TARGET, context);
    const ended = await watchDeployment(TARGET, started, context);
    assert.notEqual(ended.state, 'steady');
  });

  it('is steady with nothing running where the service is scaled to zero', async () => {
    await ecsClient(sandbox()).send(
      new UpdateServiceCommand({ cluster: TARGET.cluster, service: TARGET.service, desiredCount: 0 }),
    );
    await context.clock.sleep(60_000);
    const ended = await deploy();
    assert.equal(ended.state, 'steady');
    assert.deepEqual(await proveTasks(TARGET, ended, context), { running: 0, old: [] });
  });

  it('is left to itself on Ctrl-C', async () => {
    const started = await forceDeployment(TARGET, context);
    context.abort();
    await assert.rejects(watchDeployment(TARGET, started, context), { code: 'INTERRUPTED' });
  });

  it('needs a cluster and a service that are there', async () => {
    const lost = { ...TARGET, service: 'nobody' };
    for (const ask of [inspectService, forceDeployment, listServiceTasks]) {
      await assert.rejects(ask(lost, context), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'NOT_FOUND');
        assert.match(error.message, /nobody/);
        return true;
      });
    }
    await assert.rejects(inspectService({ ...TARGET, cluster: 'nowhere' }, context), {
      code: 'NOT_FOUND',
      message: /cluster nowhere/,
    });
  });

  it('lists tasks with their roles, stopped ones too', async () => {
    await deploy();
    const tasks = await listServiceTasks(TARGET, context);
    const running = tasks.filter(({ lastStatus }) => lastStatus === 'RUNNING');
    assert.equal(running.length, 2);
    assert.ok(tasks.length > 2, 'the stopped ones are there');
    for (const task of tasks) {
      assert.match(task.executionRoleArn ?? '', /:role\/ecsTaskExecutionRole$/);
      assert.match(task.taskRoleArn ?? '', /:role\/jamf-mcp-task-role$/);
      assert.match(task.deploymentId ?? '', /^ecs-svc\//);
      assert.equal(task.taskArn.endsWith(task.taskId), true);
    }
  });
});
