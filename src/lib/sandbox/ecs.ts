/**
 * Amazon ECS in the sandbox: what this tool asks of it, the hard parts included. Deployments take time, may fail in
 * several ways and may be rolled back; tasks read their secrets when they start, and only then.
 */
import { createScheduler } from './ecs-deployments.ts';
import {
  type EcsOutcome,
  type EcsState,
  type Fate,
  type SecretFailure,
  type Service,
  type ServiceDeployment,
  type Task,
} from './ecs-model.ts';
import { clusterOperations, registerTaskDefinition, taskOperations } from './ecs-operations.ts';
import { serviceOperations } from './ecs-services.ts';
import { createTaskEngine, type TaskEngine } from './ecs-tasks.ts';
import { ACCOUNT, secretArn, type AwsHandlers, type ReadSecretAsService, type World } from './service.ts';

export type { EcsOutcome, SecretFailure } from './ecs-model.ts';

/** What the sandbox starts with: the names of the design. */
export const SEEDED = {
  cluster: 'jamf-mcp-cluster',
  service: 'jamf-mcp-service',
  container: 'jamf-mcp-server',
  secret: 'jamf-mcp-server/production',
  executionRole: 'ecsTaskExecutionRole',
  taskRole: 'jamf-mcp-task-role',
  desiredCount: 2,
} as const;

/** The eight fields of the secret, each injected as a variable of its own (requirements, rows 3–10). */
const FIELDS = [
  'JAMF_URL',
  'JAMF_CLIENT_ID',
  'JAMF_CLIENT_SECRET',
  'AUTH0_DOMAIN',
  'AUTH0_CLIENT_ID',
  'AUTH0_CLIENT_SECRET',
  'AUTH0_AUDIENCE',
  'REQUIRED_SCOPES',
] as const;

const DAY_MS = 86_400_000;

/** The ECS of one sandbox: its API, and what tests look at and script. */
export interface Ecs {
  handlers: AwsHandlers;
  /** Live state; look, do not change. */
  readonly state: EcsState;
  /**
   * How the next deployments turn out, one each, in this order; afterwards {@link EcsSettings.outcome} holds again.
   * A deployment with another outcome than `steady`, `crash-loop` or `secret-unavailable` sets the service's circuit breaker.
   */
  script(...outcomes: readonly EcsOutcome[]): void;
  readonly settings: EcsSettings;
  /** The tasks of a service, oldest first, stopped ones included. Default: the service the sandbox starts with. */
  tasksOf(serviceName?: string): readonly Task[];
  /** The service deployments of a service, newest first. */
  deploymentsOf(serviceName?: string): readonly ServiceDeployment[];
}

/** What may be changed while the sandbox runs. */
export interface EcsSettings {
  /** How every deployment turns out that {@link Ecs.script} says nothing of. */
  outcome: EcsOutcome;
  /** What stops the tasks of an outcome `secret-unavailable`. */
  secretFailure: SecretFailure;
  /** How long a new service deployment cannot be found yet (seconds on AWS: terraform-provider-aws#43502), in ms. */
  hideNewDeploymentsMs: number;
  /** What becomes of the tasks that RunTask starts; null: they end where their program is `true`, and run otherwise. */
  oneOff: Fate | null;
}

/** What the outcome means for the tasks, and the circuit breaker it needs. */
const OUTCOMES: Record<EcsOutcome, { fate: Fate | 'secret'; breaker?: { enable: boolean; rollback: boolean } }> = {
  steady: { fate: 'healthy' },
  'circuit-breaker': { fate: 'unhealthy', breaker: { enable: true, rollback: false } },
  rollback: { fate: 'unhealthy', breaker: { enable: true, rollback: true } },
  'crash-loop': { fate: 'crash' },
  'secret-unavailable': { fate: 'secret' },
  stuck: { fate: 'stuck' },
};

/**
 * @param deps - `readSecret`: GetSecretValue as an execution role; `roleId`: unique id (`AROA…`) of a role by its name
 * @param settings - to start with something else than steady deployments
 */
export function createEcs(
  world: World,
  deps: { readSecret: ReadSecretAsService; roleId?: (name: string) => string },
  settings: Partial<EcsSettings> = {},
): Ecs {
  const state: EcsState = { clusters: new Map(), taskDefinitions: [], services: new Map(), tasks: [] };
  const current: EcsSettings = {
    outcome: 'steady',
    secretFailure: 'denied',
    hideNewDeploymentsMs: 0,
    oneOff: null,
    ...settings,
  };
  const queue: EcsOutcome[] = [];

  const scheduler = createScheduler(world, state, (): TaskEngine => engine);
  const engine = createTaskEngine(world, {
    readSecret: deps.readSecret,
    roleId: deps.roleId ?? inventedRoleId,
    tell: (task, news) => {
      scheduler.hear(task, news);
    },
  });

  const script = {
    nextFate(service: Service): Fate {
      const { fate, breaker } = OUTCOMES[queue.shift() ?? current.outcome];
      if (breaker) service.rolling = { ...service.rolling, breaker };
      return fate === 'secret' ? current.secretFailure : fate;
    },
    hiddenMs: () => current.hideNewDeploymentsMs,
    oneOff: () => current.oneOff,
  };

  seed(world, state, scheduler, engine);
  const named = (serviceName: string) => [...state.services.values()].find((service) => service.name === serviceName);

  return {
    handlers: {
      ...clusterOperations(world, state),
      ...taskOperations(world, state, () => engine, script),
      ...serviceOperations(world, state, scheduler, script),
    },
    state,
    settings: current,
    script: (...outcomes) => {
      queue.push(...outcomes);
    },
    tasksOf: (serviceName = SEEDED.service) => state.tasks.filter((task) => task.serviceName === serviceName),
    deploymentsOf: (serviceName = SEEDED.service) => named(serviceName)?.history ?? [],
  };
}

/** 21 characters in the shape of a role's unique id, the same for the same name. */
const inventedRoleId = (name: string) =>
  `AROA${name
    .toUpperCase()
    .replaceAll(/[^A-Z]/g, '')
    .slice(0, 10)
    .padEnd(10, '0')}EXAMPLE`;

/** The service of the design, running and steady for nine days. */
function seed(world: World, state: EcsState, scheduler: ReturnType<typeof createScheduler>, engine: TaskEngine): void {
  const since = world.clock.now() - 9 * DAY_MS;
  const creator = `arn:aws:iam::${ACCOUNT}:role/deploy`;
  const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
  const cluster = {
    name: SEEDED.cluster,
    arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:cluster/${SEEDED.cluster}`,
    status: 'ACTIVE' as const,
    tags: [{ key: 'project', value: 'jamf-mcp' }],
  };
  state.clusters.set(cluster.name, cluster);

  const secret = secretArn(world.region, SEEDED.secret);
  const definition = registerTaskDefinition(
    world,
    state,
    {
      family: SEEDED.container,
      networkMode: 'awsvpc',
      requiresCompatibilities: ['FARGATE'],
      cpu: '512',
      memory: '1024',
      executionRoleArn: role(SEEDED.executionRole),
      taskRoleArn: role(SEEDED.taskRole),
      runtimePlatform: { cpuArchitecture: 'X86_64', operatingSystemFamily: 'LINUX' },
      containerDefinitions: [
        {
          name: SEEDED.container,
          image: `${ACCOUNT}.dkr.ecr.${world.region}.amazonaws.com/jamf-mcp-server:1.0.0`,
          cpu: 0,
          essential: true,
          portMappings: [{ containerPort: 3000, hostPort: 3000, protocol: 'tcp' }],
          environment: [{ name: 'NODE_ENV', value: 'production' }],
          secrets: FIELDS.map((name) => ({ name, valueFrom: `${secret}:${name}::` })),
          readonlyRootFilesystem: true,
          user: '1000:1000',
          healthCheck: {
            command: ['CMD', 'node', 'healthcheck.js'],
            interval: 30,
            timeout: 5,
            retries: 3,
            startPeriod: 60,
          },
          logConfiguration: {
            logDriver: 'awslogs',
            options: {
              'awslogs-group': '/ecs/jamf-mcp-server',
              'awslogs-region': world.region,
              'awslogs-stream-prefix': 'ecs',
            },
          },
          mountPoints: [],
          volumesFrom: [],
          systemControls: [],
        },
      ],
    },
    { principal: creator, at: since },
  );

  const identity = { name: SEEDED.service, cluster };
  const service = scheduler.first(
    {
      ...identity,
      arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:service/${cluster.name}/${SEEDED.service}`,
      status: 'ACTIVE',
      controller: 'ECS',
      desiredCount: SEEDED.desiredCount,
      rolling: { maximum: 200, minimumHealthy: 100, breaker: { enable: true, rollback: false } },
      settings: {
        networkConfiguration: {
          awsvpcConfiguration: {
            subnets: ['subnet-0a1b2c3d4e5f60001', 'subnet-0a1b2c3d4e5f60002'],
            securityGroups: ['sg-0a1b2c3d4e5f60000'],
            assignPublicIp: 'DISABLED',
          },
        },
      },
      createdAt: since,
      createdBy: creator,
      events: [],
      history: [],
      stable: null,
      steady: true,
      tags: [{ key: 'project', value: 'jamf-mcp' }],
    },
    scheduler.revision(identity, definition),
    'healthy',
    since + 60_000,
  );
  state.services.set(service.arn, service);
  const [{ id: deploymentId }] = service.deployments;
  for (let started = 0; started < SEEDED.desiredCount; started++) {
    state.tasks.push(engine.adopt({ definition, service, deploymentId, startedAt: since + 30_000 }));
  }
}
