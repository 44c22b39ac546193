import assert from 'node:assert/strict';
import { createEcs, SEEDED, type Ecs, type EcsOutcome, type EcsSettings } from '../../src/lib/sandbox/ecs.ts';
import { manualClock, type ManualClock } from '../../src/lib/sandbox/clock.ts';
import { seededRandom } from '../../src/lib/sandbox/random.ts';
import { AwsFault, secretArn, type AwsCall, type SecretReading, type World } from '../../src/lib/sandbox/service.ts';

/** The parts of ECS's answers that these tests look at. */
interface Deployment {
  id: string;
  status: string;
  rolloutState: string;
  rolloutStateReason: string;
  pendingCount: number;
  runningCount: number;
  failedTasks: number;
  desiredCount: number;
}
interface ServiceAnswer {
  desiredCount: number;
  runningCount: number;
  pendingCount: number;
  deployments: [Deployment, ...Deployment[]];
  events: { message: string; createdAt: number }[];
  currentServiceDeployment: string;
  deploymentConfiguration: { deploymentCircuitBreaker: { enable: boolean; rollback: boolean } };
}
interface TaskAnswer {
  taskArn: string;
  lastStatus: string;
  desiredStatus: string;
  startedBy: string;
  stopCode?: string;
  stoppedReason?: string;
  containers: { exitCode?: number; reason?: string }[];
}
interface ServiceDeploymentAnswer {
  serviceDeploymentArn: string;
  status: string;
  statusReason?: string;
  targetServiceRevision: { arn: string };
  rollback?: { serviceRevisionArn: string; reason: string };
  deploymentCircuitBreaker: { status: string; failureCount: number; threshold: number };
}

interface Setup {
  ecs: Ecs;
  clock: ManualClock;
  reads: SecretReading[];
  recorded: { call: AwsCall; fault: AwsFault | undefined }[];
  answer: { value: string | null; versionId: string } | AwsFault;
  call: <Output>(operation: string, input?: Record<string, unknown>) => Output;
  service: () => ServiceAnswer;
  force: () => Deployment;
  tasks: (desiredStatus: string) => TaskAnswer[];
  deployed: () => ServiceDeploymentAnswer;
}

const FIELD_VALUES = {
  JAMF_URL: 'http://127.0.0.1:1',
  JAMF_CLIENT_ID: 'id',
  JAMF_CLIENT_SECRET: 'secret-EXAMPLE',
  AUTH0_DOMAIN: '127.0.0.1:2',
  AUTH0_CLIENT_ID: 'id',
  AUTH0_CLIENT_SECRET: 'secret-EXAMPLE',
  AUTH0_AUDIENCE: 'https://example.test',
  REQUIRED_SCOPES: 'read:jamf',
};

function setup(settings: Partial<EcsSettings> = {}): Setup {
  const clock = manualClock();
  const recorded: Setup['recorded'] = [];
  const reads: SecretReading[] = [];
  const world: World = {
    clock,
    random: seededRandom(1),
    region: 'us-east-1',
    record: (call, { fault }) => recorded.push({ call, fault }),
  };
  const own: Setup = {
    clock,
    reads,
    recorded,
    answer: { value: JSON.stringify(FIELD_VALUES), versionId: 'version-1' },
    ecs: createEcs(
      world,
      {
        readSecret: (reading) => {
          reads.push(reading);
          if (own.answer instanceof AwsFault) throw own.answer;
          return { ...own.answer, arn: reading.arnOrName };
        },
      },
      settings,
    ),
    call: <Output>(operation: string, input: Record<string, unknown> = {}) => {
      const handler = own.ecs.handlers[operation];
      assert.ok(handler, `no operation ${operation}`);
      return handler({ cluster: SEEDED.cluster, ...input }, CALL) as Output;
    },
    service: () => {
      const [service] = own.call<{ services: ServiceAnswer[] }>('DescribeServices', {
        services: [SEEDED.service],
      }).services;
      assert.ok(service);
      return service;
    },
    force: () =>
      own.call<{ service: ServiceAnswer }>('UpdateService', { service: SEEDED.service, forceNewDeployment: true })
        .service.deployments[0],
    tasks: (desiredStatus) => {
      const { taskArns } = own.call<{ taskArns: string[] }>('ListTasks', {
        serviceName: SEEDED.service,
        desiredStatus,
      });
      return taskArns.length === 0 ? [] : own.call<{ tasks: TaskAnswer[] }>('DescribeTasks', { tasks: taskArns }).tasks;
    },
    deployed: () => {
      const { serviceDeployments } = own.call<{ serviceDeployments: { serviceDeploymentArn: string }[] }>(
        'ListServiceDeployments',
        {
          service: SEEDED.service,
        },
      );
      const newest = serviceDeployments[0];
      assert.ok(newest);
      const described = own.call<{ serviceDeployments: ServiceDeploymentAnswer[] }>('DescribeServiceDeployments', {
        serviceDeploymentArns: [newest.serviceDeploymentArn],
      }).serviceDeployments[0];
      assert.ok(described);
      return described;
    },
  };
  return own;
}

const CALL: AwsCall = {
  service: 'ecs',
  operation: 'Test',
  input: {},
  principal: {
    arn: 'arn:aws:iam::000000000000:user/operator',
    type: 'IAMUser',
    principalId: 'AIDAEXAMPLE',
    accessKeyId: 'AKIAEXAMPLE',
    userName: 'operator',
  },
  region: 'us-east-1',
  requestId: 'request',
  sourceIp: '127.0.0.1',
  userAgent: 'test',
};

const refusal = (code: string, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AwsFault);
  assert.equal(error.code, code);
  if (message) assert.match(error.message, message);
  return true;
};

/** What any moment of any rollout must keep to. */
function assertSound({ service, call }: Setup): void {
  const now = service();
  assert.equal(now.deployments.filter((deployment) => deployment.status === 'PRIMARY').length, 1);
  assert.equal(now.deployments[0].status, 'PRIMARY');
  assert.equal(
    now.runningCount,
    now.deployments.reduce((sum, deployment) => sum + deployment.runningCount, 0),
  );
  const { taskArns } = call<{ taskArns: string[] }>('ListTasks', { serviceName: SEEDED.service });
  assert.ok(taskArns.length <= 4, `${String(taskArns.length)} tasks are more than 200 %`);
}

describe('sandbox ecs: at the start', () => {
  it('has the service of the design running and steady, with no plain secret in its environment', () => {
    const { service, tasks, call, reads } = setup();
    const now = service();
    assert.equal(now.runningCount, 2);
    assert.equal(now.desiredCount, 2);
    assert.equal(now.deployments.length, 1);
    assert.equal(now.deployments[0].rolloutState, 'COMPLETED');
    assert.match(now.deployments[0].id, /^ecs-svc\/\d{19}$/);
    assert.match(now.events[0]?.message ?? '', /deployment completed\.$/);
    assert.equal(tasks('RUNNING').length, 2);
    assert.equal(reads.length, 0);

    const { taskDefinition } = call<{ taskDefinition: Record<string, unknown> }>('DescribeTaskDefinition', {
      taskDefinition: 'jamf-mcp-server',
    });
    const [container] = taskDefinition.containerDefinitions as {
      environment: unknown;
      secrets: { name: string; valueFrom: string }[];
    }[];
    assert.deepEqual(container?.environment, [{ name: 'NODE_ENV', value: 'production' }]);
    assert.deepEqual(
      container.secrets.map(({ name }) => name),
      Object.keys(FIELD_VALUES),
    );
    assert.equal(container.secrets[2]?.valueFrom, `${secretArn('us-east-1', SEEDED.secret)}:JAMF_CLIENT_SECRET::`);
    assert.equal(taskDefinition.executionRoleArn, 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole');
  });

  it('stays as it is while time goes by', () => {
    const { service, clock } = setup();
    const before = service();
    clock.advance(3_600_000);
    assert.deepEqual(service(), before);
  });

  it('refuses what is not there in the words of ECS', () => {
    const { call } = setup();
    assert.throws(
      () => call('ListTasks', { cluster: 'nowhere' }),
      refusal('ClusterNotFoundException', /^Cluster not found\.$/),
    );
    assert.throws(
      () => call('UpdateService', { service: 'nothing' }),
      refusal('ServiceNotFoundException', /^Service not found\.$/),
    );
    assert.throws(() => call('ListTasks', { serviceName: 'nothing' }), refusal('ServiceNotFoundException'));
    assert.throws(
      () => call('DescribeTaskDefinition', { taskDefinition: 'x:9' }),
      refusal('ClientException', /Unable to describe/),
    );
    assert.deepEqual(call('DescribeServices', { services: ['nothing'] }), {
      services: [],
      failures: [{ arn: 'arn:aws:ecs:us-east-1:000000000000:service/jamf-mcp-cluster/nothing', reason: 'MISSING' }],
    });
    assert.deepEqual(call<{ failures: unknown[] }>('DescribeTasks', { tasks: ['0'.repeat(32)] }).failures, [
      { arn: `arn:aws:ecs:us-east-1:000000000000:task/jamf-mcp-cluster/${'0'.repeat(32)}`, reason: 'MISSING' },
    ]);
    assert.throws(() => call('DescribeServices', { services: [] }), refusal('InvalidParameterException'));
    assert.throws(
      () => call('DescribeServices', { services: Array(11).fill('x') }),
      refusal('InvalidParameterException', /10/),
    );
    assert.throws(
      () => call('ListTasks', { serviceName: SEEDED.service, startedBy: 'x' }),
      refusal('InvalidParameterException', /startedBy/),
    );
  });
});

describe('sandbox ecs: a forced deployment that goes well', () => {
  it('goes from IN_PROGRESS with two deployments to COMPLETED with one, in about six seconds', () => {
    const own = setup();
    const old = own.tasks('RUNNING').map((task) => task.taskArn);
    const before = own.service().deployments[0].id;
    const begun = own.force();
    assert.notEqual(begun.id, before);
    assert.equal(begun.rolloutState, 'IN_PROGRESS');
    assert.equal(own.service().deployments[1]?.status, 'ACTIVE');
    assert.equal(own.deployed().status, 'PENDING');

    const states = new Set<string>();
    let elapsed = 0;
    while (own.service().deployments[0].rolloutState === 'IN_PROGRESS') {
      own.clock.advance(100);
      elapsed += 100;
      assert.ok(elapsed < 10_000, 'never steady');
      assertSound(own);
      assert.ok(own.service().runningCount >= 2, 'fewer healthy tasks than the service needs');
      for (const task of own.tasks('RUNNING')) states.add(task.lastStatus);
    }
    assert.ok(elapsed > 3_000 && elapsed < 7_500, `${String(elapsed)} ms`);
    assert.deepEqual([...states].sort(), ['ACTIVATING', 'PENDING', 'PROVISIONING', 'RUNNING']);

    const now = own.service();
    assert.equal(now.deployments.length, 1);
    assert.equal(now.deployments[0].id, begun.id);
    assert.equal(now.deployments[0].rolloutStateReason, `ECS deployment ${begun.id} completed.`);
    assert.equal(own.deployed().status, 'SUCCESSFUL');
    const running = own.tasks('RUNNING');
    assert.deepEqual([...new Set(running.map((task) => task.startedBy))], [begun.id]);
    const stopped = own.tasks('STOPPED');
    assert.deepEqual(stopped.map((task) => task.taskArn).sort(), old.sort());
    for (const task of stopped) {
      assert.equal(task.lastStatus, 'STOPPED');
      assert.equal(task.stopCode, 'ServiceSchedulerInitiated');
      assert.equal(task.stoppedReason, `Scaling activity initiated by (deployment ${begun.id})`);
    }
    const messages = now.events.map((event) => event.message.replace(/[0-9a-f]{32}/g, 'ID'));
    assert.deepEqual(messages.slice(0, 4), [
      '(service jamf-mcp-service) has reached a steady state.',
      `(service jamf-mcp-service) (deployment ${begun.id}) deployment completed.`,
      '(service jamf-mcp-service) has stopped 2 running tasks: (task ID) (task ID).',
      '(service jamf-mcp-service) has started 2 tasks: (task ID) (task ID).',
    ]);
  });

  it('reads each valueFrom once a task, as the execution role in a session named after the task', () => {
    const { force, clock, reads, ecs } = setup();
    force();
    clock.advance(10_000);
    assert.equal(reads.length, 2 * Object.keys(FIELD_VALUES).length);
    const started = ecs.tasksOf().filter((task) => task.desiredStatus === 'RUNNING');
    assert.deepEqual(
      [...new Set(reads.map((reading) => reading.principal.arn))].sort(),
      started.map((task) => `arn:aws:sts::000000000000:assumed-role/ecsTaskExecutionRole/${task.id}`).sort(),
    );
    assert.match(reads[0]?.userAgent ?? '', /^Amazon ECS Agent/);
    for (const task of started) {
      assert.equal(task.secrets.length, 8);
      assert.deepEqual([...new Set(task.secrets.map((secret) => secret.versionId))], ['version-1']);
    }
  });

  it('leaves running tasks on the version they started with', () => {
    const own = setup();
    own.force();
    own.clock.advance(10_000);
    own.answer = { value: JSON.stringify(FIELD_VALUES), versionId: 'version-2' };
    const versions = () =>
      own.ecs
        .tasksOf()
        .filter((task) => task.lastStatus === 'RUNNING')
        .map((task) => task.secrets[0]?.versionId);
    own.clock.advance(60_000);
    assert.deepEqual(versions(), ['version-1', 'version-1']);
    own.force();
    own.clock.advance(10_000);
    assert.deepEqual(versions(), ['version-2', 'version-2']);
  });

  it('keeps stopped tasks for an hour', () => {
    const { force, clock, tasks } = setup();
    force();
    clock.advance(10_000);
    clock.advance(3_500_000);
    assert.equal(tasks('STOPPED').length, 2);
    clock.advance(200_000);
    assert.equal(tasks('STOPPED').length, 0);
  });

  it('ends the deployment before it when a second one is forced at once', () => {
    const own = setup();
    own.force();
    const first = own.deployed().serviceDeploymentArn;
    own.clock.advance(1_500);
    const second = own.force();
    for (let step = 0; step < 120; step++) {
      own.clock.advance(100);
      assertSound(own);
      assert.ok(own.service().runningCount >= 2);
    }
    assert.equal(own.service().deployments.length, 1);
    assert.equal(own.service().deployments[0].id, second.id);
    const { serviceDeployments } = own.call<{ serviceDeployments: ServiceDeploymentAnswer[] }>(
      'DescribeServiceDeployments',
      {
        serviceDeploymentArns: [first],
      },
    );
    assert.equal(serviceDeployments[0]?.status, 'STOPPED');
    assert.equal(own.deployed().status, 'SUCCESSFUL');
  });

  it('is the same again for the same seed', () => {
    const run = () => {
      const own = setup();
      own.force();
      own.clock.advance(10_000);
      return own.service();
    };
    assert.deepEqual(run(), run());
  });

  it('can hide a new service deployment for a moment', () => {
    const own = setup({ hideNewDeploymentsMs: 2_000 });
    const before = own.deployed().serviceDeploymentArn;
    own.force();
    const arn = own.ecs.deploymentsOf()[0]?.arn ?? '';
    assert.notEqual(arn, before);
    assert.equal(own.deployed().serviceDeploymentArn, before);
    assert.equal(own.service().currentServiceDeployment, before, 'the service still names the one before');
    const describe = () =>
      own.call<{ serviceDeployments: unknown[]; failures: unknown[] }>('DescribeServiceDeployments', {
        serviceDeploymentArns: [arn],
      });
    assert.deepEqual(describe(), { serviceDeployments: [], failures: [{ arn, reason: 'MISSING' }] });
    own.clock.advance(2_000);
    assert.equal(describe().serviceDeployments.length, 1);
    assert.equal(own.deployed().serviceDeploymentArn, arn);
  });
});

describe('sandbox ecs: deployments that fail', () => {
  const failing = (outcome: EcsOutcome, settings: Partial<EcsSettings> = {}) => {
    const own = setup(settings);
    own.ecs.script(outcome);
    return { own, begun: own.force() };
  };

  it('circuit-breaker: FAILED after three unhealthy tasks, the old tasks go on, nothing is rolled back', () => {
    const { own, begun } = failing('circuit-breaker');
    own.clock.advance(60_000);
    const now = own.service();
    assert.equal(now.deployments[0].id, begun.id);
    assert.equal(now.deployments[0].rolloutState, 'FAILED');
    assert.equal(now.deployments[0].rolloutStateReason, 'ECS deployment circuit breaker: tasks failed to start.');
    assert.ok(now.deployments[0].failedTasks >= 3);
    assert.equal(now.deployments[1]?.runningCount, 2);
    const deployed = own.deployed();
    assert.equal(deployed.status, 'STOPPED');
    assert.equal(
      deployed.statusReason,
      'Service deployment stopped because the circuit breaker threshold was exceeded.',
    );
    assert.equal(deployed.deploymentCircuitBreaker.status, 'TRIGGERED');
    assert.equal(deployed.deploymentCircuitBreaker.threshold, 3);
    assert.ok(
      now.events.some(({ message }) =>
        message.endsWith(`(deployment ${begun.id}) deployment failed: tasks failed to start.`),
      ),
    );
    const failed = own.tasks('STOPPED');
    assert.ok(failed.length >= 3);
    assert.ok(failed.every((task) => task.stoppedReason === 'Task failed container health checks'));
    const events = now.events.length;
    own.clock.advance(600_000);
    assert.equal(own.service().events.length, events, 'a failed deployment goes on launching tasks');
  });

  it('rollback: the revision before comes back under a new deployment id, its tasks with the secret as it is now', () => {
    const own = setup();
    own.force();
    own.clock.advance(10_000);
    const good = own.service().deployments[0];
    const goodRevision = own.deployed().targetServiceRevision.arn;
    own.answer = { value: JSON.stringify(FIELD_VALUES), versionId: 'version-2' };
    own.ecs.script('rollback');
    const begun = own.force();
    while (own.deployed().status === 'PENDING' || own.deployed().status === 'IN_PROGRESS') own.clock.advance(100);
    assert.equal(own.deployed().status, 'ROLLBACK_IN_PROGRESS');
    const during = own.service();
    assert.equal(during.deployments[0].rolloutState, 'IN_PROGRESS');
    assert.equal(
      during.deployments[0].rolloutStateReason,
      `ECS deployment circuit breaker: rolling back to deploymentId ${good.id}.`,
    );
    assert.equal(during.deployments.find((deployment) => deployment.id === begun.id)?.rolloutState, 'FAILED');
    for (let step = 0; step < 150; step++) {
      own.clock.advance(100);
      assertSound(own);
      assert.ok(own.service().runningCount >= 2);
    }
    const now = own.service();
    assert.equal(now.deployments.length, 1);
    assert.equal(now.deployments[0].rolloutState, 'COMPLETED');
    assert.ok(![begun.id, good.id].includes(now.deployments[0].id));
    const deployed = own.deployed();
    assert.equal(deployed.status, 'ROLLBACK_SUCCESSFUL');
    assert.equal(deployed.rollback?.serviceRevisionArn, goodRevision);
    assert.deepEqual(now.deploymentConfiguration.deploymentCircuitBreaker, { enable: true, rollback: true });
    const running = own.ecs.tasksOf().filter((task) => task.lastStatus === 'RUNNING');
    assert.deepEqual(
      running.map((task) => task.secrets[0]?.versionId),
      ['version-2', 'version-2'],
    );
  });

  it('rollback of a new task definition brings the old one back', () => {
    const own = setup();
    const definition = () =>
      own.call<{ services: { taskDefinition: string }[] }>('DescribeServices', { services: [SEEDED.service] })
        .services[0]?.taskDefinition;
    const before = definition();
    const container = { name: 'c', image: 'i:2', healthCheck: { command: ['CMD', 'true'] } };
    own.call('RegisterTaskDefinition', { family: 'jamf-mcp-server', containerDefinitions: [container] });
    own.ecs.script('rollback');
    own.call('UpdateService', { service: SEEDED.service, taskDefinition: 'jamf-mcp-server' });
    assert.equal(definition(), before?.replace(/:1$/, ':2'));
    own.clock.advance(60_000);
    assert.equal(own.deployed().status, 'ROLLBACK_SUCCESSFUL');
    assert.equal(definition(), before);
    const running = own.ecs.tasksOf().filter((task) => task.lastStatus === 'RUNNING');
    assert.deepEqual([...new Set(running.map((task) => task.definition.arn))], [before]);
  });

  it('rollback that cannot start either ends as ROLLBACK_FAILED', () => {
    const { own } = failing('rollback');
    own.answer = new AwsFault(
      'InvalidRequestException',
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
    own.clock.advance(120_000);
    assert.equal(own.deployed().status, 'ROLLBACK_FAILED');
    assert.equal(own.service().deployments[0].rolloutState, 'FAILED');
  });

  it('crash-loop: tasks run, then exit with 1; failedTasks falls back to zero; it never ends', () => {
    const { own, begun } = failing('crash-loop');
    const seen = new Set<number>();
    for (let step = 0; step < 1_200; step++) {
      own.clock.advance(100);
      seen.add(own.service().deployments[0].failedTasks);
      assertSound(own);
    }
    const now = own.service();
    assert.equal(now.deployments[0].id, begun.id);
    assert.equal(now.deployments[0].rolloutState, 'IN_PROGRESS');
    assert.deepEqual(
      [...seen].sort(),
      [0, 1, 2].filter((count) => seen.has(count)),
    );
    assert.ok(seen.has(0) && seen.has(2));
    assert.equal(own.deployed().status, 'IN_PROGRESS');
    assert.ok(now.events.some(({ message }) => message.includes('is unable to consistently start tasks successfully')));
    const stopped = own.tasks('STOPPED');
    assert.ok(stopped.length >= 4);
    for (const task of stopped) {
      assert.equal(task.stopCode, 'EssentialContainerExited');
      assert.equal(task.stoppedReason, 'Essential container in task exited');
      assert.equal(task.containers[0]?.exitCode, 1);
    }
    own.clock.advance(600_000);
    assert.ok(own.tasks('STOPPED').length < 40, 'the scheduler does not wait longer after each failure');
  });

  it('secret-unavailable, denied: the tail of the reason names the role and the action, and the refusal is recorded', () => {
    const { own } = failing('secret-unavailable');
    own.clock.advance(60_000);
    const [task] = own.tasks('STOPPED');
    assert.ok(task);
    assert.equal(task.stopCode, 'TaskFailedToStart');
    assert.match(
      task.stoppedReason ?? '',
      /^ResourceInitializationError: unable to pull secrets or registry auth: .*retrieved? secret from asm: service call has been retried 1 time\(s\): failed to fetch secret arn:\S+ from secrets manager: .*api error AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role\/ecsTaskExecutionRole\/[0-9a-f]{32} is not authorized to perform: secretsmanager:GetSecretValue/,
    );
    assert.equal(task.containers[0]?.exitCode, undefined);
    assert.equal(own.reads.length, 0);
    assert.ok(own.recorded.length > 0);
    assert.ok(
      own.recorded.every(
        ({ call, fault }) => call.operation === 'GetSecretValue' && fault?.code === 'AccessDeniedException',
      ),
    );
    assert.equal(own.service().deployments[0].rolloutState, 'FAILED');
    assert.ok(
      own
        .service()
        .events.some(({ message }) =>
          message.includes('was unable to place a task. Reason: ResourceInitializationError'),
        ),
    );
  });

  it('secret-unavailable, unreachable: the text of a context deadline', () => {
    const { own } = failing('secret-unavailable', { secretFailure: 'unreachable' });
    own.clock.advance(60_000);
    assert.match(
      own.tasks('STOPPED')[0]?.stoppedReason ?? '',
      /retried 5 time\(s\): failed to fetch secret arn:\S+-\w{6} from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded\. Please check your task network configuration\.$/,
    );
    assert.equal(own.recorded.length, 0);
  });

  it('is followed by a good one once the script is used up', () => {
    const { own } = failing('secret-unavailable');
    own.clock.advance(60_000);
    own.force();
    own.clock.advance(10_000);
    assert.equal(own.service().deployments[0].rolloutState, 'COMPLETED');
    assert.equal(own.deployed().status, 'SUCCESSFUL');
  });

  it('keeps to the outcome of the settings for every deployment', () => {
    const own = setup({ outcome: 'circuit-breaker' });
    for (let round = 0; round < 2; round++) {
      own.force();
      own.clock.advance(60_000);
      assert.equal(own.service().deployments[0].rolloutState, 'FAILED');
    }
  });
});

describe('sandbox ecs: why a secret cannot be pulled', () => {
  const reasonFor = (answer: Setup['answer'], valueFrom?: string) => {
    const own = setup();
    own.answer = answer;
    if (valueFrom !== undefined) {
      own.call('RegisterTaskDefinition', {
        family: 'jamf-mcp-server',
        executionRoleArn: 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole',
        containerDefinitions: [{ name: 'c', image: 'i', secrets: [{ name: 'A', valueFrom }] }],
      });
      own.call('UpdateService', { service: SEEDED.service, taskDefinition: 'jamf-mcp-server' });
    } else own.force();
    own.clock.advance(3_000);
    return own.tasks('STOPPED').find((task) => task.stopCode === 'TaskFailedToStart')?.stoppedReason ?? 'started';
  };
  const good = { value: JSON.stringify(FIELD_VALUES), versionId: 'v' };
  const arn = secretArn('us-east-1', SEEDED.secret);

  it('the secret does not exist', () => {
    const fault = new AwsFault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    assert.match(
      reasonFor(fault),
      /ResourceNotFoundException: The task can't retrieve the secret with ARN '\S+' from AWS Secrets Manager\. Check whether the secret exists in the specified Region/,
    );
  });
  it('the secret is marked for deletion', () => {
    const fault = new AwsFault(
      'InvalidRequestException',
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
    assert.match(
      reasonFor(fault),
      /api error InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion\.$/,
    );
  });
  it('a JSON key is missing', () => {
    const value = JSON.stringify({ ...FIELD_VALUES, REQUIRED_SCOPES: undefined });
    assert.match(reasonFor({ value, versionId: 'v' }), /did not contain json key REQUIRED_SCOPES$/);
  });
  it('the secret is not JSON', () => {
    assert.match(
      reasonFor({ value: "'plain'", versionId: 'v' }),
      /invalid character ''' looking for beginning of value/,
    );
  });
  it('the ARN has one or two parts too many or too few', () => {
    assert.match(reasonFor(good, `${arn}:A`), /an invalid ARN format for the AWS Secrets Manager secret was specified/);
    assert.match(reasonFor(good, `${arn}:A:`), /an invalid ARN format/);
    assert.equal(reasonFor(good, arn), 'started');
    assert.match(reasonFor(good, `${arn}:NOT_THERE:AWSCURRENT:`), /did not contain json key NOT_THERE$/);
  });
});

describe('sandbox ecs: other operations', () => {
  it('scales out and in without a new deployment', () => {
    const own = setup();
    const id = own.service().deployments[0].id;
    own.call('UpdateService', { service: SEEDED.service, desiredCount: 4 });
    own.clock.advance(10_000);
    assert.equal(own.service().runningCount, 4);
    own.call('UpdateService', { service: SEEDED.service, desiredCount: 1 });
    own.clock.advance(10_000);
    assert.equal(own.service().runningCount, 1);
    assert.equal(own.service().deployments[0].id, id);
    assert.equal(own.tasks('STOPPED').length, 3);
  });

  it('replaces a task that a user stops', () => {
    const own = setup();
    const [task] = own.tasks('RUNNING');
    assert.ok(task);
    own.call('StopTask', { task: task.taskArn, reason: 'leaked' });
    own.clock.advance(10_000);
    assert.equal(own.tasks('STOPPED')[0]?.stopCode, 'UserInitiated');
    assert.equal(own.tasks('STOPPED')[0]?.stoppedReason, 'leaked');
    assert.equal(own.service().runningCount, 2);
    assert.match(own.service().events[0]?.message ?? '', /has reached a steady state\.$/);
    assert.throws(
      () => own.call('StopTask', { task: 'unknown' }),
      refusal('InvalidParameterException', /referenced task was not found/),
    );
  });

  it('runs a one-off task that reads a stage of its own and ends when its command does', () => {
    const own = setup();
    own.call('RegisterTaskDefinition', {
      family: 'preflight',
      networkMode: 'awsvpc',
      executionRoleArn: 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole',
      containerDefinitions: [
        {
          name: 'c',
          image: 'i',
          secrets: [{ name: 'A', valueFrom: `${secretArn('us-east-1', SEEDED.secret)}:JAMF_URL:AWSPENDING:` }],
        },
      ],
    });
    const request = {
      taskDefinition: 'preflight',
      startedBy: 'rotation',
      overrides: { containerOverrides: [{ name: 'c', command: ['true'] }] },
    };
    assert.throws(
      () => own.call('RunTask', request),
      refusal('InvalidParameterException', /Network Configuration must be provided/),
    );
    own.call('RunTask', { ...request, networkConfiguration: {} });
    own.clock.advance(10_000);
    assert.equal(own.reads[0]?.stage, 'AWSPENDING');
    const { taskArns } = own.call<{ taskArns: string[] }>('ListTasks', {
      startedBy: 'rotation',
      desiredStatus: 'STOPPED',
    });
    const [task] = own.call<{ tasks: TaskAnswer[] }>('DescribeTasks', { tasks: taskArns }).tasks;
    assert.equal(task?.stopCode, 'EssentialContainerExited');
    assert.equal(task.containers[0]?.exitCode, 0);
    assert.equal(own.service().runningCount, 2);
  });

  it('stops a deployment on request, and rolls it back', () => {
    const own = setup();
    own.force();
    own.clock.advance(1_000);
    const arn = own.service().currentServiceDeployment;
    assert.deepEqual(own.call('StopServiceDeployment', { serviceDeploymentArn: arn, stopType: 'ROLLBACK' }), {
      serviceDeploymentArn: arn,
    });
    assert.equal(own.deployed().status, 'ROLLBACK_REQUESTED');
    own.clock.advance(20_000);
    assert.equal(own.deployed().status, 'ROLLBACK_SUCCESSFUL');
    assert.equal(own.service().deployments[0].rolloutState, 'COMPLETED');
    assert.throws(() => own.call('StopServiceDeployment', { serviceDeploymentArn: arn }), refusal('ConflictException'));
    assert.throws(
      () => own.call('StopServiceDeployment', { serviceDeploymentArn: `${arn}x` }),
      refusal('ServiceDeploymentNotFoundException'),
    );
  });

  it('creates a cluster, a task definition and a service, and lists them', () => {
    const own = setup();
    own.call('CreateCluster', { clusterName: 'second' });
    own.call('RegisterTaskDefinition', { family: 'web', containerDefinitions: [{ name: 'web', image: 'web:1' }] });
    own.call('CreateService', {
      cluster: 'second',
      serviceName: 'web',
      taskDefinition: 'web',
      desiredCount: 1,
      launchType: 'FARGATE',
    });
    own.clock.advance(10_000);
    const { services } = own.call<{ services: ServiceAnswer[] }>('DescribeServices', {
      cluster: 'second',
      services: ['web'],
    });
    assert.equal(services[0]?.runningCount, 1);
    assert.equal(services[0].deployments[0].rolloutState, 'COMPLETED');
    assert.deepEqual(
      own.call<{ clusterArns: string[] }>('ListClusters').clusterArns.map((arn) => arn.split('/')[1]),
      ['jamf-mcp-cluster', 'second'],
    );
    assert.deepEqual(own.call<{ serviceArns: string[] }>('ListServices', { cluster: 'second' }).serviceArns, [
      'arn:aws:ecs:us-east-1:000000000000:service/second/web',
    ]);
    assert.deepEqual(
      own.call<{ taskDefinitionArns: string[] }>('ListTaskDefinitions', { familyPrefix: 'web' }).taskDefinitionArns,
      ['arn:aws:ecs:us-east-1:000000000000:task-definition/web:1'],
    );
  });

  it('pages with opaque tokens', () => {
    const own = setup();
    const first = own.call<{ taskArns: string[]; nextToken?: string }>('ListTasks', { maxResults: 1 });
    assert.equal(first.taskArns.length, 1);
    const second = own.call<{ taskArns: string[]; nextToken?: string }>('ListTasks', {
      maxResults: 1,
      nextToken: first.nextToken,
    });
    assert.equal(second.nextToken, undefined);
    assert.notEqual(second.taskArns[0], first.taskArns[0]);
    assert.throws(
      () => own.call('ListTasks', { nextToken: 'x' }),
      refusal('InvalidParameterException', /Invalid token/),
    );
  });

  it('refuses task definitions as ECS does', () => {
    const { call } = setup();
    const register =
      (container: Record<string, unknown>, rest: Record<string, unknown> = {}) =>
      () =>
        call('RegisterTaskDefinition', {
          family: 'x',
          containerDefinitions: [{ name: 'c', image: 'i', ...container }],
          ...rest,
        });
    assert.throws(
      register({ secrets: [{ name: 'A', valueFrom: '' }] }),
      refusal('ClientException', /secret\.valueFrom should not be null or empty/),
    );
    assert.throws(
      register({ secrets: [{ name: 'A', valueFrom: 'arn' }] }),
      refusal('ClientException', /executionRoleArn/),
    );
    assert.throws(register({}, { requiresCompatibilities: ['FARGATE'] }), refusal('ClientException', /cpu/));
    assert.throws(
      () => call('RegisterTaskDefinition', { family: 'x' }),
      refusal('ClientException', /Container list cannot be empty/),
    );
  });
});

describe('sandbox ecs: what is not the ordinary', () => {
  const DEFINITION = { taskDefinition: SEEDED.container, desiredCount: 1 };

  it('a circuit breaker has the threshold that it is given', () => {
    const thresholds = [
      [{ type: 'COUNT', value: 7 }, 7],
      [{ type: 'UNBOUNDED_PERCENT', value: 50 }, 1],
      [{ type: 'BOUNDED_PERCENT', value: 50 }, 3],
    ] as const;
    for (const [thresholdConfiguration, threshold] of thresholds) {
      const own = setup();
      const deploymentCircuitBreaker = { enable: true, rollback: false, thresholdConfiguration };
      own.call('UpdateService', { service: SEEDED.service, deploymentConfiguration: { deploymentCircuitBreaker } });
      own.force();
      assert.equal(own.deployed().deploymentCircuitBreaker.threshold, threshold);
      assert.deepEqual(own.service().deploymentConfiguration, {
        ...own.service().deploymentConfiguration,
        deploymentCircuitBreaker,
      });
    }
  });

  it('stuck: the tasks stay PENDING and nothing fails', () => {
    const own = setup({ outcome: 'stuck' });
    own.force();
    own.clock.advance(3_600_000);
    const statuses = own.tasks('RUNNING').map(({ lastStatus }) => lastStatus);
    assert.deepEqual(statuses.toSorted(), ['PENDING', 'PENDING', 'RUNNING', 'RUNNING']);
    assert.equal(own.service().deployments[0].rolloutState, 'IN_PROGRESS');
    assert.equal(own.service().deployments[0].failedTasks, 0);
  });

  for (const [type, text] of [
    [
      'CODE_DEPLOY',
      'Cannot force a new deployment on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.',
    ],
    ['EXTERNAL', 'Cannot force a new deployment on services with an EXTERNAL deployment controller.'],
  ] as const) {
    it(`a service of ${type} has task sets and no deployments, and cannot be forced`, () => {
      const own = setup();
      own.call('CreateService', { serviceName: 'other', ...DEFINITION, deploymentController: { type } });
      const { services } = own.call<{ services: { deployments: unknown[]; taskSets: { externalId?: string }[] }[] }>(
        'DescribeServices',
        { services: ['other'] },
      );
      assert.deepEqual(services[0]?.deployments, []);
      assert.equal(services[0].taskSets[0]?.externalId !== undefined, type === 'CODE_DEPLOY');
      assert.throws(() => own.call('UpdateService', { service: 'other', forceNewDeployment: true }), {
        code: 'InvalidParameterException',
        message: text,
      });
    });
  }

  it('a deleted service drains, is INACTIVE, and takes no update; its cluster can then be deleted', () => {
    const own = setup();
    const service = { service: SEEDED.service };
    const status = () =>
      own.call<{ services: { status: string }[] }>('DescribeServices', { services: [SEEDED.service] }).services[0]
        ?.status;
    assert.throws(() => own.call('DeleteService', service), { message: /while it is scaled above 0/ });
    own.call('DeleteService', { ...service, force: true });
    assert.equal(status(), 'DRAINING');
    assert.throws(() => own.call('UpdateService', { ...service, desiredCount: 1 }), {
      code: 'ServiceNotActiveException',
    });
    assert.throws(() => own.call('DeleteCluster'), { code: 'ClusterContainsTasksException' });
    own.clock.advance(60_000);
    assert.equal(status(), 'INACTIVE');
    assert.deepEqual(own.call<{ serviceArns: string[] }>('ListServices').serviceArns, []);
    own.call('DeleteCluster');
    assert.throws(() => own.call('ListServices'), { code: 'ClusterNotFoundException' });
    const { clusters } = own.call<{ clusters: { status: string }[] }>('DescribeClusters', {
      clusters: [SEEDED.cluster],
    });
    assert.equal(clusters[0]?.status, 'INACTIVE');
  });

  it('a deregistered task definition is INACTIVE: described by its revision, not run, not the newest of its family', () => {
    const own = setup();
    const container = { name: 'a', image: 'a:1', memory: 64, entryPoint: ['true'] };
    const register = () =>
      own.call<{ taskDefinition: { taskDefinitionArn: string } }>('RegisterTaskDefinition', {
        family: 'one',
        containerDefinitions: [container],
      }).taskDefinition.taskDefinitionArn;
    const [first, second] = [register(), register()];
    const ran = own.call<{ tasks: TaskAnswer[] }>('RunTask', { taskDefinition: 'one', clientToken: 'same' });
    const again = own.call<{ tasks: TaskAnswer[] }>('RunTask', { taskDefinition: 'one', clientToken: 'same' });
    assert.equal(again.tasks[0]?.taskArn, ran.tasks[0]?.taskArn, 'a token starts one task');
    assert.throws(() => own.call('DeregisterTaskDefinition', { taskDefinition: 'one' }), {
      message: /Revision is missing/,
    });
    own.call('DeregisterTaskDefinition', { taskDefinition: second });
    const describe = (taskDefinition: string) =>
      own.call<{ taskDefinition: { taskDefinitionArn: string; status: string } }>('DescribeTaskDefinition', {
        taskDefinition,
      }).taskDefinition;
    assert.equal(describe('one').taskDefinitionArn, first);
    assert.equal(describe(second).status, 'INACTIVE');
    assert.throws(() => own.call('RunTask', { taskDefinition: second }), { message: 'TaskDefinition is inactive' });
    const listed = (status: string) =>
      own.call<{ taskDefinitionArns: string[] }>('ListTaskDefinitions', { familyPrefix: 'one', status })
        .taskDefinitionArns;
    assert.deepEqual([listed('ACTIVE'), listed('INACTIVE')], [[first], [second]]);
    own.clock.advance(60_000);
    const { tasks } = own.call<{ tasks: TaskAnswer[] }>('DescribeTasks', { tasks: [ran.tasks[0]?.taskArn ?? ''] });
    assert.deepEqual(
      [tasks[0]?.stopCode, tasks[0]?.containers[0]?.exitCode],
      ['EssentialContainerExited', 0],
      '`true` ends',
    );
  });
});
