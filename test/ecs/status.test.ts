/** `deploy status`: how deployments stand, and what each task holds of the secret. */
import assert from 'node:assert/strict';
import {
  CreateServiceCommand,
  RegisterTaskDefinitionCommand,
  StopTaskCommand,
  UpdateServiceCommand,
  type TaskDefinition,
} from '@aws-sdk/client-ecs';
import type { EcsTarget } from '../../src/lib/ecs/api.ts';
import { holds, type CurrentSecret, type Holds } from '../../src/lib/ecs/current.ts';
import { forceDeployment } from '../../src/lib/ecs/deployments.ts';
import { drawStatus } from '../../src/lib/ecs/report.ts';
import { deployStatus, needsAttention, type StatusResult } from '../../src/lib/ecs/status.ts';
import { watchDeployment } from '../../src/lib/ecs/watch.ts';
import { Chalk } from 'chalk';
import { ecsClient, SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';
import type { TestContext } from '../support/context.ts';

const TARGET: EcsTarget = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service', aws: {} };
const AT = { cluster: TARGET.cluster, service: TARGET.service };
const NEXT = '00000000-0000-4000-8000-00000000cccc';
const DENIED = { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' } as const;

describe('jamf-mcp deploy status, the core', () => {
  const sandbox = withSandbox();
  let context: TestContext;
  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
  });

  const status = (more: { waitMs?: number | null; store?: null; target?: EcsTarget } = {}): Promise<StatusResult> =>
    deployStatus({ target: TARGET, secret: SECRET, store: storeOf(context), waitMs: null, ...more }, context);
  const deploy = async () => watchDeployment(TARGET, await forceDeployment(TARGET, context), context);
  const held = ({ tasks }: StatusResult) => [...new Set(tasks.map(({ holds: one }) => one))];
  const lookUps = () => sandbox().calls.filter(({ operation }) => operation === 'LookupEvents').length;
  const draw = (result: StatusResult) => drawStatus(result, { ink: new Chalk({ level: 0 }), width: 200 });

  /** As a rotation does: staged a while before it is promoted, cleaned a while after. */
  async function promote(whileCurrent: () => Promise<unknown>): Promise<void> {
    const store = storeOf(context);
    const { fields } = await store.read(SECRET, { stage: 'AWSCURRENT' });
    await store.put(SECRET, fields, { token: NEXT, stages: ['AWSPENDING'] });
    await context.clock.sleep(120_000);
    await store.moveLabel(SECRET, 'AWSCURRENT', SEEDED_VERSION, NEXT);
    // CloudTrail counts in whole seconds: what happens within one is unclear.
    await context.clock.sleep(1_000);
    await whileCurrent();
    await context.clock.sleep(120_000);
    await store.moveLabel(SECRET, 'AWSPENDING', NEXT, null);
    await store.moveLabel(SECRET, 'OTHER', null, NEXT);
  }

  it('tells tasks that are older than the secret from those that are not', async () => {
    const before = await status();
    assert.deepEqual(held(before), ['old']);
    assert.equal(needsAttention(before), true);
    assert.match(
      draw(before),
      /2 of 2 tasks hold an older value: `jamf-mcp deploy --cluster jamf-mcp-cluster --service jamf-mcp-service`/,
    );
    await context.clock.sleep(5_000);
    await deploy();
    const after = await status();
    assert.deepEqual(held(after), ['current']);
    assert.equal(needsAttention(after), false);
    assert.equal(after.secret?.versionId, SEEDED_VERSION);
    assert.equal(lookUps(), 0, 'CloudTrail is asked only where it matters');
    assert.deepEqual(
      [after.deployment?.state, after.previous?.state, after.service.running, after.notes],
      ['steady', 'steady', 2, []],
    );
    assert.equal(after.tasks[0]?.startedBy, after.deployment?.id);
  });

  it('knows by CloudTrail that tasks of a rotation started after the promotion, though its cleaning came later', async () => {
    await context.clock.sleep(60_000);
    await promote(deploy);
    const result = await status();
    assert.deepEqual(held(result), ['current']);
    assert.equal(lookUps(), 1);
    assert.ok(Date.parse(result.secret?.to ?? '') - Date.parse(result.secret?.from ?? '') <= 1_000);
  });

  it('knows that tasks from between the staging and the promotion hold the older value', async () => {
    const store = storeOf(context);
    const { fields } = await store.read(SECRET, { stage: 'AWSCURRENT' });
    await store.put(SECRET, fields, { token: NEXT, stages: ['AWSPENDING'] });
    await context.clock.sleep(60_000);
    await deploy();
    await context.clock.sleep(60_000);
    await store.moveLabel(SECRET, 'AWSCURRENT', SEEDED_VERSION, NEXT);
    const result = await status();
    assert.deepEqual(held(result), ['old']);
    for (const { secrets } of sandbox()
      .ecs.tasksOf()
      .filter(({ lastStatus }) => lastStatus === 'RUNNING'))
      assert.equal(secrets[0]?.versionId, SEEDED_VERSION, 'and so they do');
  });

  it('says that it is unclear where CloudTrail cannot be read', async () => {
    await context.clock.sleep(60_000);
    await promote(deploy);
    sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth: 'every', fault: DENIED });
    const result = await status();
    assert.deepEqual(held(result), ['unclear']);
    assert.match(
      draw(result),
      /is AWSCURRENT since some time between .*\n.*of 2 of 2 tasks it is unclear what they hold/,
    );
    assert.equal(needsAttention(result), false);
  });

  it('takes a change that moved no label for none', async () => {
    await deploy();
    await context.clock.sleep(3_600_000);
    const { fields } = await storeOf(context).read(SECRET, { stage: 'AWSCURRENT' });
    await storeOf(context).put(SECRET, fields, { token: NEXT, stages: ['OTHER'] });
    await context.clock.sleep(3_600_000);
    assert.deepEqual(held(await status()), ['current']);
    assert.equal(lookUps(), 1);
  });

  it('goes without service deployments where those cannot be read', async () => {
    for (const operation of ['ecs:ListServiceDeployments', 'ecs:DescribeServiceDeployments'])
      sandbox().inject({ operation, nth: 'every', fault: DENIED });
    await deploy();
    const { deployment } = await status();
    assert.deepEqual([deployment?.state, deployment?.arn, deployment?.counts?.running], ['steady', null, 2]);
    await forceDeployment(TARGET, context);
    assert.equal((await status()).deployment?.state, 'in-progress');
  });

  it('tells failed tasks with their reason, those of one kind once, and the circuit breaker', async () => {
    sandbox().ecs.script('secret-unavailable');
    await deploy();
    await context.clock.sleep(10_000);
    const result = await status();
    assert.equal(result.deployment?.state, 'failed');
    assert.deepEqual(result.deployment.breaker, { failures: 3, threshold: 3, rollback: false });
    assert.equal(needsAttention(result), true);
    assert.ok(result.failed.length >= 3);
    assert.match(result.failed[0]?.reason ?? '', /GetSecretValue action$/);
    const drawn = draw(result);
    assert.match(drawn, /3 of 3 failures that trip its circuit breaker; Service deployment stopped because/);
    assert.match(
      drawn,
      /FAILED TASKS\n✗ task [0-9a-f]{32} and \d more, \S+Z: ResourceInitializationError: .*more like it\)\n  the execution role/,
    );
    assert.equal(drawn.split('✗').length, 2);
    assert.equal(drawn.split('Reason: the execution role (not the task role) may not read the secret').length, 2);
    assert.match(result.events.find(({ text }) => text.includes('Reason: '))?.text ?? '', /GetSecretValue action/);
  });

  it('shows a text that it does not know whole, and no control characters of anybody', async () => {
    const reason = `unheard of: ${'x'.repeat(300)}\u001b[2Jend`;
    const [task] = sandbox().ecs.tasksOf();
    await ecsClient(sandbox()).send(new StopTaskCommand({ cluster: TARGET.cluster, task: task?.arn ?? '', reason }));
    await context.clock.sleep(60_000);
    const drawn = draw(await status());
    assert.ok(drawn.includes('x'.repeat(300)) && drawn.includes('end'));
    assert.ok(!drawn.includes('\u001b'));
  });

  it('goes on waiting for a deployment that is under way', async () => {
    await forceDeployment(TARGET, context);
    const result = await status({ waitMs: 60_000 });
    assert.equal(result.deployment?.state, 'steady');
    assert.equal((await status({ waitMs: 60_000 })).deployment?.state, 'steady', 'and has nothing to wait for then');
    sandbox().ecs.script('stuck');
    await forceDeployment(TARGET, context);
    await assert.rejects(status({ waitMs: 30_000 }), { code: 'PARTIAL', message: /not steady after 30 s/ });
  });

  it('looks at a service that something else deploys, or that is scaled to zero, and at a secret elsewhere', async () => {
    const ecs = ecsClient(sandbox());
    const controller = { deploymentController: { type: 'CODE_DEPLOY' as const } };
    const definition = { taskDefinition: 'jamf-mcp-server', desiredCount: 1 };
    await ecs.send(
      new CreateServiceCommand({ cluster: TARGET.cluster, serviceName: 'blue', ...definition, ...controller }),
    );
    const blue = await status({ target: { ...TARGET, service: 'blue' } });
    assert.deepEqual([blue.deployment, blue.service.controller], [null, 'CODE_DEPLOY']);
    assert.match(blue.notes[0] ?? '', /^it is deployed by CODE_DEPLOY/);
    await ecs.send(new UpdateServiceCommand({ ...AT, desiredCount: 0 }));
    await context.clock.sleep(60_000);
    assert.match(draw(await status()), /ACTIVE, scaled to zero/);
    const elsewhere = await status({ store: null });
    assert.equal(elsewhere.secret, null);
    assert.match(elsewhere.notes[0] ?? '', /a store that ECS does not read from/);
    sandbox().inject({ operation: 'secretsmanager:DescribeSecret', nth: 'every', fault: DENIED });
    assert.match((await status()).notes[0] ?? '', /what tasks hold of .* is not known: .*DescribeSecret failed/);
  });

  it('tells tasks of a definition that pins a version, and of one that names nothing of the secret', async () => {
    const ecs = ecsClient(sandbox());
    const { arn } = await storeOf(context).describe(SECRET);
    const register = (secrets: { name: string; valueFrom: string }[]) =>
      ecs.send(
        new RegisterTaskDefinitionCommand({
          family: 'other',
          executionRoleArn: 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole',
          containerDefinitions: [{ name: 'main', image: 'main:1', memory: 64, secrets }],
        }),
      );
    await register([{ name: 'A', valueFrom: `${arn}:JAMF_URL::${SEEDED_VERSION}` }]);
    await ecs.send(new UpdateServiceCommand({ ...AT, taskDefinition: 'other' }));
    await context.clock.sleep(60_000);
    assert.deepEqual(held(await status()), ['current']);
    await promote(() => Promise.resolve());
    assert.deepEqual(held(await status()), ['pinned']);
    await register([]);
    await ecs.send(new UpdateServiceCommand({ ...AT, taskDefinition: 'other' }));
    await context.clock.sleep(60_000);
    assert.deepEqual(held(await status()), ['none']);
  });
});

describe('jamf-mcp deploy status, while CloudTrail is late', () => {
  const sandbox = withSandbox({ deliveryDelayMs: 600_000 });

  it('takes no silence for an answer', async () => {
    const context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
    const store = storeOf(context);
    const { fields } = await store.read(SECRET, { stage: 'AWSCURRENT' });
    await store.put(SECRET, fields, { token: NEXT, stages: ['AWSPENDING'] });
    await context.clock.sleep(60_000);
    await watchDeployment(TARGET, await forceDeployment(TARGET, context), context);
    await context.clock.sleep(60_000);
    await store.moveLabel(SECRET, 'AWSCURRENT', SEEDED_VERSION, NEXT);
    const look = async () => {
      const { tasks } = await deployStatus({ target: TARGET, secret: SECRET, store, waitMs: null }, context);
      return tasks.map(({ holds: one }) => one);
    };
    assert.deepEqual(await look(), ['unclear', 'unclear']);
    await context.clock.sleep(1_200_000);
    assert.deepEqual(await look(), ['old', 'old']);
  });
});

describe('what a task holds', () => {
  const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:jamf-mcp-server/production-AbCdEf';
  const at = (minute: number) => new Date(Date.UTC(2026, 10, 22, 0, minute)).toISOString();
  const secret: CurrentSecret = { name: 'n', arn, versionId: 'v2', from: at(10), to: at(20) };
  const definition = (...valueFrom: string[]): TaskDefinition => ({
    containerDefinitions: [{ secrets: valueFrom.map((one) => ({ name: 'A', valueFrom: one })) }],
  });
  const CASES: [string, string[], [number, number | null], Holds][] = [
    ['created after the last moment', [`${arn}:K::`], [20, 21], 'current'],
    ['created before, started after', [`${arn}:K::`], [19, 21], 'unclear'],
    ['started before the first moment', [`${arn}:K::`], [8, 9], 'old'],
    ['created before the first moment, not started yet', [`${arn}:K::`], [9, null], 'old'],
    ['started between them', [`${arn}:K::`], [11, 12], 'unclear'],
    ['by the whole value', [arn], [20, 21], 'current'],
    ['by an ARN without its suffix', [arn.slice(0, -7)], [20, 21], 'current'],
    ['with the label spelt out', [`${arn}:K:AWSCURRENT:`], [20, 21], 'current'],
    ['of the label before', [`${arn}:K:AWSPREVIOUS:`], [20, 21], 'pinned'],
    ['of that very version', [`${arn}:K::v2`], [1, 2], 'current'],
    ['of another version', [`${arn}:K::v1`], [20, 21], 'pinned'],
    ['of another version beside', [`${arn}:K::v1`, `${arn}:K::`], [20, 21], 'current'],
    ['of another secret', [arn.replace('production', 'staging')], [20, 21], 'none'],
    ['of a parameter', ['arn:aws:ssm:us-east-1:000000000000:parameter/x'], [20, 21], 'none'],
  ];
  for (const [what, valueFrom, [created, started], expected] of CASES) {
    it(`${expected}: ${what}`, () => {
      const times = { createdAt: at(created), startedAt: started === null ? null : at(started) };
      assert.equal(holds({ ...times, definition: definition(...valueFrom) }, secret), expected);
    });
  }
  it('unclear: of a definition that cannot be read', () => {
    assert.equal(holds({ createdAt: at(20), startedAt: at(21), definition: null }, secret), 'unclear');
  });
});
