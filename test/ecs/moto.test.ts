/**
 * What moto, an emulator of AWS by others, gets right of ECS (facts/rotation.md §3): it accepts the very requests that
 * are made here, and answers for what does not exist. Its deployments do not evolve, and it has no service deployments,
 * so that it also stands for a partition without them.
 */
import assert from 'node:assert/strict';
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
} from '@aws-sdk/client-ecs';
import type { EcsTarget } from '../../src/lib/ecs/api.ts';
import { deployService } from '../../src/lib/ecs/deploy.ts';
import { forceDeployment, watchDeployment } from '../../src/lib/ecs/deployments.ts';
import { proveInjection } from '../../src/lib/ecs/prove.ts';
import { deployStatus } from '../../src/lib/ecs/status.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { hasMoto, startMoto } from '../support/moto.ts';

const TARGET: EcsTarget = { cluster: 'tools', service: 'jamf-mcp', aws: {} };
const SECRET = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:jamf-mcp-server/production-AbCdEf';

/** moto knows its own network only; asked without the SDK of EC2, which nothing else needs. */
async function firstOf(
  what: string,
  member: string,
  { environment }: { environment: Record<string, string> },
): Promise<string> {
  const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261122/us-east-1/ec2/aws4_request' };
  const body = new URLSearchParams({ Action: `Describe${what}`, Version: '2016-11-15' });
  const answer = await (await fetch(environment.AWS_ENDPOINT_URL ?? '', { method: 'POST', headers, body })).text();
  return new RegExp(`<${member}>([\\w-]+)<`).exec(answer)?.[1] ?? '';
}

describe('ECS on moto', function () {
  this.timeout(120_000);
  if (!hasMoto()) {
    it('needs moto_server (pip install "moto[server]")');
    return;
  }
  let moto: Awaited<ReturnType<typeof startMoto>>;
  let ecs: ECSClient;
  let context: TestContext;
  const outside = { ...process.env };

  before(async () => {
    moto = await startMoto({ MOTO_ECS_SERVICE_RUNNING: '1' });
    Object.assign(process.env, moto.environment);
    delete process.env.AWS_SESSION_TOKEN;
    delete process.env.AWS_PROFILE;
    ecs = new ECSClient({});
    await ecs.send(new CreateClusterCommand({ clusterName: 'tools' }));
    const role = 'arn:aws:iam::123456789012:role/ecsTaskExecutionRole';
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'jamf-mcp',
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '256',
        memory: '512',
        executionRoleArn: role,
        containerDefinitions: [
          {
            name: 'main',
            image: 'main:1',
            memory: 512,
            essential: true,
            command: ['serve'],
            healthCheck: { command: ['CMD', 'true'] },
            secrets: [{ name: 'JAMF_CLIENT_SECRET', valueFrom: `${SECRET}:JAMF_CLIENT_SECRET::` }],
          },
        ],
      }),
    );
    const service = {
      cluster: 'tools',
      taskDefinition: 'jamf-mcp',
      desiredCount: 1,
      launchType: 'FARGATE' as const,
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: [await firstOf('Subnets', 'subnetId', moto)],
          securityGroups: [await firstOf('SecurityGroups', 'groupId', moto)],
        },
      },
    };
    await ecs.send(new CreateServiceCommand({ ...service, serviceName: 'jamf-mcp' }));
    await ecs.send(
      new CreateServiceCommand({ ...service, serviceName: 'blue', deploymentController: { type: 'CODE_DEPLOY' } }),
    );
  });
  after(async () => {
    ecs.destroy();
    for (const name of Object.keys(moto.environment)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, outside);
    await moto.close();
  });
  beforeEach(() => {
    context = testContext();
  });

  const deploy = (more: Partial<EcsTarget> = {}) =>
    deployService(
      { target: { ...TARGET, ...more }, limitMs: 60_000, wait: false, dryRun: false, status: 'jamf-mcp deploy status' },
      context,
    );

  it('a cluster or a service that is not there is told, with the names that are', async () => {
    await assert.rejects(deploy({ service: 'jamf-mpc' }), { code: 'NOT_FOUND', hint: /^there is jamf-mcp: / });
    await assert.rejects(deploy({ cluster: 'tool' }), { code: 'NOT_FOUND', hint: /^there is tools: / });
  });

  it('a service of CODE_DEPLOY is refused', async () => {
    await assert.rejects(deploy({ service: 'blue' }), { code: 'INPUT_INVALID', hint: /aws deploy create-deployment/ });
    assert.equal(context.questions.length, 0);
  });

  it('a deployment is forced, under an id of its own', async () => {
    context.answer(true);
    const first = await deploy();
    context.answer(true);
    const second = await deploy();
    assert.equal(first.outcome, 'started');
    assert.match(second.deployment?.id ?? '', /^ecs-svc\/\d+$/);
    assert.notEqual(second.deployment?.id, first.deployment?.id);
  });

  it('without service deployments a deployment is followed, and its state told, by the service', async () => {
    const ended = await watchDeployment(TARGET, await forceDeployment(TARGET, context), context);
    assert.equal(ended.state, 'steady');
    const told = context.events.flatMap((event) => (event.kind === 'debug' ? [event.text] : []));
    assert.ok(
      told.some((text) => text.startsWith('ecs: going on without service deployments')),
      told.join('\n'),
    );
    const { deployment, service } = await deployStatus(
      { target: TARGET, secret: 'x', store: null, waitMs: null },
      context,
    );
    assert.deepEqual([deployment?.id, deployment?.state, deployment?.arn], [ended.id, 'steady', null]);
    assert.deepEqual([service.status, service.taskDefinition], ['ACTIVE', 'jamf-mcp:1']);
  });

  it('a proof registers, runs, stops and deregisters', async () => {
    const request = { secretArn: SECRET, fields: ['JAMF_CLIENT_SECRET'], stage: 'AWSPENDING' };
    const proof = await proveInjection(TARGET, request, context);
    assert.deepEqual([proof.proved, proof.injected, proof.absent, proof.left], [true, ['JAMF_CLIENT_SECRET'], [], []]);
    const { taskDefinition } = await ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: proof.taskDefinitionArn ?? '' }),
    );
    assert.equal(taskDefinition?.status, 'INACTIVE');
    assert.deepEqual(taskDefinition.containerDefinitions?.[0]?.secrets, [
      { name: 'JAMF_CLIENT_SECRET', valueFrom: `${SECRET}:JAMF_CLIENT_SECRET:AWSPENDING:` },
    ]);
    assert.equal(taskDefinition.containerDefinitions[0].healthCheck, undefined);
    const { taskArns } = await ecs.send(new ListTasksCommand({ cluster: 'tools', desiredStatus: 'RUNNING' }));
    assert.deepEqual(taskArns, []);
  });
});
