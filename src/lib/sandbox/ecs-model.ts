/** The things of Amazon ECS, as the sandbox keeps them: times in milliseconds since 1970, AWS's own words for states. */
/** How the deployments of a sandbox turn out. */
export const ECS_OUTCOMES = [
  'steady',
  'circuit-breaker',
  'rollback',
  'crash-loop',
  'secret-unavailable',
  'stuck',
] as const;

/**
 * - `steady`: the tasks come up and stay
 * - `circuit-breaker`: the tasks fail their health checks until the deployment is FAILED; nothing is rolled back
 * - `rollback`: the same, and the circuit breaker restores the revision before
 * - `crash-loop`: the tasks run, then exit with 1, again and again; the deployment never ends
 * - `secret-unavailable`: the tasks cannot read their secrets (see {@link SecretFailure})
 * - `stuck`: the tasks stay PENDING, and neither start nor fail
 */
export type EcsOutcome = (typeof ECS_OUTCOMES)[number];

/** Why a scripted `secret-unavailable` happens: Secrets Manager cannot be reached, or refuses the execution role. */
export type SecretFailure = 'denied' | 'unreachable';

/**
 * What becomes of a task once it is launched: `finish` ends with 0, `cannot-start` has its secrets and then no program
 * to run, `stuck` stays PENDING.
 */
export type Fate = 'healthy' | 'unhealthy' | 'crash' | 'finish' | 'cannot-start' | 'stuck' | SecretFailure;

/** The states of a task in the order it goes through them (ECS developer guide, "Amazon ECS task lifecycle"). */
export type TaskStatus =
  'PROVISIONING' | 'PENDING' | 'ACTIVATING' | 'RUNNING' | 'DEACTIVATING' | 'STOPPING' | 'DEPROVISIONING' | 'STOPPED';

export interface Cluster {
  name: string;
  arn: string;
  /** A deleted cluster is still described for a while. */
  status: 'ACTIVE' | 'INACTIVE';
  tags: unknown[];
}

/** What the scheduler needs to know of a container definition; the rest stays in {@link TaskDefinition.registered}. */
export interface ContainerDefinition {
  name: string;
  image: string;
  essential: boolean;
  healthCheck: boolean;
  /** Whether its program is one that ends by itself at once: `true`. */
  ends: boolean;
  secrets: readonly { name: string; valueFrom: string }[];
}

export interface TaskDefinition {
  arn: string;
  family: string;
  revision: number;
  executionRoleArn: string | null;
  containers: readonly ContainerDefinition[];
  /** The definition as it was registered, with AWS's member names. */
  registered: Record<string, unknown>;
  registeredAt: number;
  registeredBy: string;
  /** When it was made INACTIVE, in milliseconds since 1970. */
  deregisteredAt: number | null;
  tags: unknown[];
}

/** One secret that a task was started with. Which version it got is kept, its value is not. */
export interface InjectedSecret {
  /** Environment variable. */
  name: string;
  valueFrom: string;
  secretArn: string;
  versionId: string;
}

export interface Container {
  name: string;
  arn: string;
  image: string;
  runtimeId: string;
  lastStatus: TaskStatus;
  exitCode: number | null;
  reason: string | null;
}

export interface Task {
  id: string;
  arn: string;
  clusterArn: string;
  definition: TaskDefinition;
  /** `service:NAME` or `family:NAME`. */
  group: string;
  /** Id of the deployment for a service's task, else what RunTask was given. */
  startedBy: string | null;
  /** Name of the service it belongs to, null for a task of RunTask. */
  serviceName: string | null;
  availabilityZone: string;
  overrides: Record<string, unknown>;
  lastStatus: TaskStatus;
  desiredStatus: 'RUNNING' | 'STOPPED';
  health: 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY';
  createdAt: number;
  pullStartedAt: number | null;
  pullStoppedAt: number | null;
  startedAt: number | null;
  stoppingAt: number | null;
  stoppedAt: number | null;
  stopCode: string | null;
  stoppedReason: string | null;
  containers: Container[];
  fate: Fate;
  /** What its environment was filled with. Empty until it has read its secrets, and for tasks older than the sandbox. */
  secrets: InjectedSecret[];
}

/** What is deployed: made by every deployment, forced ones included. */
export interface Revision {
  arn: string;
  definition: TaskDefinition;
  createdAt: number;
}

export interface Deployment {
  /** `ecs-svc/` and 19 digits. */
  id: string;
  status: 'PRIMARY' | 'ACTIVE';
  revision: Revision;
  createdAt: number;
  updatedAt: number;
  rolloutState: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';
  rolloutStateReason: string;
  /** Failed one after the other; back to 0 as soon as a task runs. */
  failedTasks: number;
  fate: Fate;
  serviceDeployment: ServiceDeployment;
}

export interface ServiceDeployment {
  arn: string;
  createdAt: number;
  updatedAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  stoppedAt: number | null;
  status:
    | 'PENDING'
    | 'IN_PROGRESS'
    | 'SUCCESSFUL'
    | 'STOPPED'
    | 'STOP_REQUESTED'
    | 'ROLLBACK_REQUESTED'
    | 'ROLLBACK_IN_PROGRESS'
    | 'ROLLBACK_SUCCESSFUL'
    | 'ROLLBACK_FAILED';
  statusReason: string | null;
  sources: Revision[];
  target: Revision;
  rollback: { reason: string; startedAt: number; revision: Revision } | null;
  breaker: {
    status: 'TRIGGERED' | 'MONITORING' | 'MONITORING_COMPLETE' | 'DISABLED';
    failures: number;
    threshold: number;
  };
}

/** The part of a deploymentConfiguration that decides how a rolling update goes. */
export interface RollingUpdate {
  /** Percent of the desired count. */
  maximum: number;
  minimumHealthy: number;
  breaker: {
    enable: boolean;
    rollback: boolean;
    thresholdConfiguration?: { type: 'COUNT' | 'BOUNDED_PERCENT' | 'UNBOUNDED_PERCENT'; value: number };
  };
}

/** Who deploys a service. */
export type Controller = 'ECS' | 'CODE_DEPLOY' | 'EXTERNAL';

export interface Service {
  name: string;
  arn: string;
  cluster: Cluster;
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  controller: Controller;
  desiredCount: number;
  rolling: RollingUpdate;
  /** Launch type, network configuration and the like, as given to CreateService or UpdateService. */
  settings: Record<string, unknown>;
  createdAt: number;
  createdBy: string;
  /** The PRIMARY deployment first. */
  deployments: [Deployment, ...Deployment[]];
  /** Newest first. */
  events: { id: string; createdAt: number; message: string }[];
  /** Newest first. */
  history: ServiceDeployment[];
  /** The last revision whose deployment was completed: what a rollback restores. */
  stable: { revision: Revision; deploymentId: string } | null;
  steady: boolean;
  tags: unknown[];
}

/** Everything that one sandbox's ECS holds. */
export interface EcsState {
  clusters: Map<string, Cluster>;
  /** Oldest first. */
  taskDefinitions: TaskDefinition[];
  /** By service ARN. */
  services: Map<string, Service>;
  /** Oldest first. */
  tasks: Task[];
}

/** How long AWS still shows a stopped task (DescribeTasks: "at least an hour"). */
export const STOPPED_TASKS_KEPT_MS = 3_600_000;

/** The states before RUNNING, which `pendingCount` counts. */
export const PENDING_STATES: readonly TaskStatus[] = ['PROVISIONING', 'PENDING', 'ACTIVATING'];
