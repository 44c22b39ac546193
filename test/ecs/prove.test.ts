/** The proof by a one-off task: that it proves what it says, and that nothing of it is left, however it ends. */
import assert from 'node:assert/strict';
import { CreateServiceCommand, RegisterTaskDefinitionCommand, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import type { EcsTarget } from '../../src/lib/ecs/api.ts';
import { proveInjection, type InjectionProof } from '../../src/lib/ecs/prove.ts';
import type { FaultRule } from '../../src/lib/sandbox/service.ts';
import type { TestContext } from '../support/context.ts';
import { ecsClient, SECRET, seedSecret, storeOf } from '../support/rotation.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';

const TARGET: EcsTarget = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service', aws: {} };
const PENDING = '00000000-0000-4000-8000-00000000bbbb';
const FAMILY = 'jamf-mcp-server-jamf-mcp-proof';

describe('the proof that a task can be given AWSPENDING', () => {
  const sandbox = withSandbox();
  let context: TestContext;
  let secretArn: string;

  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
    secretArn = (await storeOf(context).describe(SECRET)).arn;
  });

  /** A second version, as a rotation stages it. */
  async function stage(without: readonly string[] = []): Promise<void> {
    const fields = Object.entries(sandbox().fields).filter(([name]) => !without.includes(name));
    const changed = { ...Object.fromEntries(fields), JAMF_CLIENT_SECRET: 'EXAMPLE-next-value' };
    const staged = fieldsFrom(schemaOf('jamf'), changed);
    await storeOf(context).put(SECRET, staged, { token: PENDING, stages: ['AWSPENDING'] });
  }

  const prove = (limitMs?: number): Promise<InjectionProof> =>
    proveInjection(
      TARGET,
      { secretArn, fields: ['JAMF_CLIENT_SECRET'], stage: 'AWSPENDING' },
      context,
      limitMs === undefined ? {} : { limitMs },
    );
  const oneOffs = () => sandbox().ecs.state.tasks.filter(({ startedBy }) => startedBy?.startsWith('jamf-mcp-proof/'));
  const copies = () => sandbox().ecs.state.taskDefinitions.filter(({ family }) => family === FAMILY);
  const warnings = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));

  /** Nothing runs, nothing can be run. */
  async function assertNothingLeft(): Promise<void> {
    await context.clock.sleep(60_000);
    for (const task of oneOffs()) assert.equal(task.lastStatus, 'STOPPED');
    for (const definition of copies()) assert.notEqual(definition.deregisteredAt, null);
  }

  it('reads that version, and no other, with the roles and the network of the service', async () => {
    await stage();
    const proof = await prove();
    assert.equal(proof.proved, true);
    assert.equal(proof.injected.length, 8);
    assert.deepEqual([proof.absent, proof.left], [[], []]);
    assert.match(proof.text, /^a task was given JAMF_URL, .*REQUIRED_SCOPES of AWSPENDING and (runs|ended)/);
    const [task, ...more] = oneOffs();
    assert.ok(task && more.length === 0);
    assert.deepEqual([...new Set(task.secrets.map(({ versionId }) => versionId))], [PENDING]);
    assert.equal(task.serviceName, null);
    const [copy] = copies();
    assert.equal(copy?.executionRoleArn, sandbox().ecs.state.taskDefinitions[0]?.executionRoleArn);
    assert.equal(copy?.registered.taskRoleArn, sandbox().ecs.state.taskDefinitions[0]?.registered.taskRoleArn);
    const [container] = copy?.registered.containerDefinitions as Record<string, unknown>[];
    assert.deepEqual(container?.entryPoint, ['true']);
    for (const member of ['healthCheck', 'portMappings', 'command']) assert.equal(container[member], undefined, member);
    assert.deepEqual(container.environment, [{ name: 'NODE_ENV', value: 'production' }]);
    const run = sandbox().trail.records.find(({ eventName }) => eventName === 'RunTask');
    assert.match(JSON.stringify(run), /subnet-0a1b2c3d4e5f60001.*sg-0a1b2c3d4e5f60000/);
    await assertNothingLeft();
    assert.equal(sandbox().ecs.deploymentsOf().length, 1, 'the service is not touched');
  });

  it('fails with the words of ECS where there is no such stage', async () => {
    await assert.rejects(prove(), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'REMOTE_FAILED');
      assert.match(
        error.message,
        /could not be given AWSPENDING: ResourceInitializationError: .*ResourceNotFoundException/,
      );
      assert.match(error.hint ?? '', /staging label or version .* does not exist.*: compare valueFrom/);
      return true;
    });
    await assertNothingLeft();
  });

  it('fails where the version lacks a field that the task definition asks for', async () => {
    await stage(['AUTH0_AUDIENCE']);
    await assert.rejects(prove(), { message: /did not contain json key AUTH0_AUDIENCE/, hint: /no field of the name/ });
    await assertNothingLeft();
  });

  it('fails where the execution role may not read it, and where the network has no way', async () => {
    await stage();
    sandbox().ecs.settings.oneOff = 'denied';
    await assert.rejects(prove(), { message: /GetSecretValue action \(and 7 more like it\)$/, hint: /execution role/ });
    sandbox().ecs.settings.oneOff = 'unreachable';
    await assert.rejects(prove(), { hint: /NAT gateway or a VPC endpoint/ });
    await assertNothingLeft();
  });

  it('is content with an image that has no `true`: its container was made, with its variables', async () => {
    await stage();
    sandbox().ecs.settings.oneOff = 'cannot-start';
    const proof = await prove();
    assert.match(proof.text, /had it before its program was to start$/);
    await assertNothingLeft();
  });

  it('ends at its time limit, tells where the task hangs, and stops it', async () => {
    await stage();
    sandbox().ecs.settings.oneOff = 'stuck';
    await assert.rejects(prove(30_000), { code: 'TIMED_OUT', message: /within 30 s: it is PENDING$/ });
    assert.equal(oneOffs()[0]?.stoppedReason, 'jamf-mcp: the proof is over');
    await assertNothingLeft();
  });

  it('stops a task that runs on', async () => {
    await stage();
    sandbox().ecs.settings.oneOff = 'healthy';
    assert.match((await prove()).text, /and runs$/);
    assert.equal(oneOffs()[0]?.stoppedReason, 'jamf-mcp: the proof is over');
    await assertNothingLeft();
  });

  it('proves nothing, and runs nothing, where the task definition follows no AWSCURRENT of the secret', async () => {
    const ecs = ecsClient(sandbox());
    const pinned = { name: 'A', valueFrom: `${secretArn}:JAMF_URL::${PENDING}` };
    const other = { name: 'B', valueFrom: `${secretArn.replace('production', 'staging')}:JAMF_URL::` };
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'pinned',
        executionRoleArn: 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole',
        containerDefinitions: [{ name: 'main', image: 'main:1', memory: 64, secrets: [pinned, other] }],
      }),
    );
    await ecs.send(new UpdateServiceCommand({ ...TARGET, taskDefinition: 'pinned' }));
    const proof = await prove();
    assert.deepEqual([proof.proved, proof.absent, proof.taskArn], [false, ['JAMF_CLIENT_SECRET'], null]);
    assert.equal(oneOffs().length + copies().length, 0);
  });

  it('runs nothing for a service that has no task definition of its own', async () => {
    const definition = { taskDefinition: 'jamf-mcp-server', desiredCount: 0 };
    const other = {
      cluster: TARGET.cluster,
      serviceName: 'outside',
      deploymentController: { type: 'EXTERNAL' as const },
    };
    await ecsClient(sandbox()).send(new CreateServiceCommand({ ...other, ...definition }));
    const request = { secretArn, fields: [], stage: 'AWSPENDING' };
    await assert.rejects(proveInjection({ ...TARGET, service: 'outside' }, request, context), {
      code: 'INPUT_INVALID',
    });
    assert.equal(oneOffs().length + copies().length, 0);
  });

  it('leaves other secrets and containers alone, and says which fields the task is not given', async () => {
    await stage();
    const ecs = ecsClient(sandbox());
    const ours = { name: 'A', valueFrom: `${secretArn}:JAMF_URL:AWSCURRENT:` };
    const pinned = { name: 'P', valueFrom: `${secretArn}:JAMF_CLIENT_ID::00000000-0000-4000-8000-00000000aaaa` };
    const dependsOn = [{ containerName: 'sidecar', condition: 'START' as const }];
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'mixed',
        executionRoleArn: 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole',
        containerDefinitions: [
          { name: 'sidecar', image: 'side:1', memory: 64 },
          { name: 'main', image: 'main:1', memory: 64, secrets: [ours, pinned], dependsOn, command: ['serve'] },
        ],
      }),
    );
    await ecs.send(new UpdateServiceCommand({ ...TARGET, taskDefinition: 'mixed' }));
    const proof = await prove();
    assert.deepEqual([proof.injected, proof.absent], [['JAMF_URL'], ['JAMF_CLIENT_SECRET']]);
    assert.match(proof.text, /; the task definition does not name JAMF_CLIENT_SECRET$/);
    const copy = sandbox().ecs.state.taskDefinitions.find(({ family }) => family === 'mixed-jamf-mcp-proof');
    const containers = copy?.registered.containerDefinitions as Record<string, unknown>[];
    assert.deepEqual(
      containers.map(({ name, secrets, dependsOn: needed }) => ({ name, secrets, needed })),
      [
        {
          name: 'main',
          secrets: [{ ...ours, valueFrom: `${secretArn}:JAMF_URL:AWSPENDING:` }, pinned],
          needed: undefined,
        },
      ],
    );
  });

  const lost = { kind: 'reset', when: 'after' } as const;
  const broken = { kind: 'error', code: 'ServerException', message: 'broken', status: 500 } as const;
  const denied = { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' } as const;
  const FAULTS: [string, FaultRule[], boolean][] = [
    [
      'the answer to RegisterTaskDefinition is lost once',
      [{ operation: 'ecs:RegisterTaskDefinition', fault: lost }],
      true,
    ],
    [
      'every answer to RegisterTaskDefinition is lost',
      [{ operation: 'ecs:RegisterTaskDefinition', nth: 'every', fault: lost }],
      false,
    ],
    ['the answer to RunTask is lost once', [{ operation: 'ecs:RunTask', fault: lost }], true],
    ['every answer to RunTask is lost', [{ operation: 'ecs:RunTask', nth: 'every', fault: lost }], false],
    ['RunTask is refused', [{ operation: 'ecs:RunTask', nth: 'every', fault: denied }], false],
    ['DescribeTasks breaks down', [{ operation: 'ecs:DescribeTasks', nth: 'every', fault: broken }], false],
    ['DescribeTasks is denied', [{ operation: 'ecs:DescribeTasks', nth: 'every', fault: denied }], false],
  ];
  for (const [what, rules, proved] of FAULTS) {
    it(`leaves nothing where ${what}`, async function () {
      this.timeout(30_000);
      await stage();
      // A task that ends by itself would hide that nobody stopped it.
      if (!proved) sandbox().ecs.settings.oneOff = 'stuck';
      for (const rule of rules) sandbox().inject(rule);
      const ended = await prove(20_000).then(
        (proof) => proof.proved,
        () => false,
      );
      assert.equal(ended, proved);
      assert.deepEqual(warnings(), []);
      assert.ok(oneOffs().length <= 1, 'no second task');
      await assertNothingLeft();
    });
  }

  it('leaves nothing where it is interrupted', async () => {
    await stage();
    sandbox().ecs.settings.oneOff = 'stuck';
    const notify = context.host.notify.bind(context.host);
    context.host.notify = (event) => {
      notify(event);
      if (event.kind === 'progress' && event.text.endsWith('is PENDING')) context.abort();
    };
    await assert.rejects(prove(), { code: 'INTERRUPTED' });
    assert.equal(oneOffs().length, 1);
    await assertNothingLeft();
  });

  it('names what is left where it cannot be removed, with the command that does', async () => {
    await stage();
    sandbox().ecs.settings.oneOff = 'healthy';
    sandbox().inject({ operation: 'ecs:StopTask', nth: 'every', fault: denied });
    sandbox().inject({ operation: 'ecs:DeregisterTaskDefinition', nth: 'every', fault: denied });
    const proof = await prove();
    assert.equal(proof.proved, true);
    const [task] = oneOffs();
    assert.deepEqual(proof.left, [
      `task ${task?.id ?? ''}: aws ecs stop-task --cluster jamf-mcp-cluster --task ${task?.arn ?? ''}`,
      `task definition ${FAMILY}:1: aws ecs deregister-task-definition --task-definition ${proof.taskDefinitionArn ?? ''}`,
    ]);
    assert.equal(warnings().length, 2);
  });
});
