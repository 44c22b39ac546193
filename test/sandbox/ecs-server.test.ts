import assert from 'node:assert/strict';
import {
  DescribeServiceDeploymentsCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  ListTasksCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { manualClock } from '../../src/lib/sandbox/clock.ts';
import { SEEDED } from '../../src/lib/sandbox/ecs.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';

const at = { cluster: SEEDED.cluster, service: SEEDED.service };

describe('sandbox ecs: through the SDK', () => {
  const clock = manualClock();
  let sandbox: Sandbox;
  let ecs: ECSClient;
  let secrets: SecretsManagerClient;

  before(async () => {
    sandbox = await startSandbox({ clock });
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN = '' } = sandbox.environment;
    const config = {
      endpoint: sandbox.url,
      region: 'us-east-1',
      maxAttempts: 1,
      credentials: {
        accessKeyId: AWS_ACCESS_KEY_ID,
        secretAccessKey: AWS_SECRET_ACCESS_KEY,
        sessionToken: AWS_SESSION_TOKEN,
      },
    };
    ecs = new ECSClient(config);
    secrets = new SecretsManagerClient(config);
  });
  after(async () => {
    ecs.destroy();
    secrets.destroy();
    await sandbox.close();
  });

  const force = async () => {
    const { service } = await ecs.send(new UpdateServiceCommand({ ...at, forceNewDeployment: true }));
    return service?.deployments?.[0]?.id ?? '';
  };
  const newestDeployment = async () => {
    const { serviceDeployments = [] } = await ecs.send(new ListServiceDeploymentsCommand(at));
    const described = await ecs.send(
      new DescribeServiceDeploymentsCommand({
        serviceDeploymentArns: [serviceDeployments[0]?.serviceDeploymentArn ?? ''],
      }),
    );
    return described.serviceDeployments?.[0];
  };

  it('fails while the secret of its task definition does not exist, and says so', async () => {
    const id = await force();
    clock.advance(60_000);
    const { services } = await ecs.send(new DescribeServicesCommand({ cluster: at.cluster, services: [at.service] }));
    assert.equal(services?.[0]?.deployments?.[0]?.id, id);
    assert.equal(services[0].deployments[0].rolloutState, 'FAILED');
    assert.equal((await newestDeployment())?.status, 'STOPPED');
    const { taskArns } = await ecs.send(
      new ListTasksCommand({ cluster: at.cluster, serviceName: at.service, desiredStatus: 'STOPPED' }),
    );
    const { tasks } = await ecs.send(new DescribeTasksCommand({ cluster: at.cluster, tasks: taskArns }));
    assert.equal(tasks?.[0]?.stopCode, 'TaskFailedToStart');
    assert.match(tasks[0].stoppedReason ?? '', /ResourceNotFoundException/);
  });

  it('starts once it exists: times are dates, the version is the one of the secret, CloudTrail knows the reads', async () => {
    const { VersionId, ARN } = await secrets.send(
      new CreateSecretCommand({ Name: SEEDED.secret, SecretString: JSON.stringify(sandbox.fields) }),
    );
    const { taskDefinition } = await ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: SEEDED.container }));
    assert.equal(taskDefinition?.containerDefinitions?.[0]?.secrets?.[0]?.valueFrom, `${ARN ?? ''}:JAMF_URL::`);

    const id = await force();
    clock.advance(10_000);
    const { services } = await ecs.send(new DescribeServicesCommand({ cluster: at.cluster, services: [at.service] }));
    const primary = services?.[0]?.deployments?.[0];
    assert.equal(primary?.id, id);
    assert.equal(primary.rolloutState, 'COMPLETED');
    assert.ok(primary.createdAt instanceof Date);
    assert.equal(primary.createdAt.getTime(), clock.now() - 10_000);
    const deployed = await newestDeployment();
    assert.equal(deployed?.status, 'SUCCESSFUL');
    assert.ok(deployed.finishedAt instanceof Date);

    const running = sandbox.ecs.tasksOf().filter((task) => task.lastStatus === 'RUNNING');
    assert.deepEqual(
      running.map((task) => [...new Set(task.secrets.map((secret) => secret.versionId))]),
      [[VersionId], [VersionId]],
    );

    const reads = sandbox.trail.records.filter(
      ({ eventName, errorCode }) => eventName === 'GetSecretValue' && errorCode === undefined,
    );
    assert.equal(reads.length, 16);
    const sessions = new Set(reads.map(({ userIdentity }) => String(userIdentity.arn)));
    assert.deepEqual(
      [...sessions].sort(),
      running.map((task) => `arn:aws:sts::000000000000:assumed-role/ecsTaskExecutionRole/${task.id}`).sort(),
    );
  });
});
