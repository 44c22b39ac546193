/** The life of an ECS task: launched, its secrets pulled, running, stopped. Every wait is on the sandbox's clock. */
import type { Fate, InjectedSecret, Service, Task, TaskDefinition, TaskStatus } from './ecs-model.ts';
import { roleSession } from './principals.ts';
import { ACCOUNT, AwsFault, TASK_SOURCE_IP, type Principal, type ReadSecretAsService, type World } from './service.ts';

/** Milliseconds in each state at speed 1; far shorter than on Fargate, so that a rollout is seen in seconds. */
const PROVISIONING_MS = 600;
const PULLING_MS = 800;
const ACTIVATING_MS = 200;
/** From RUNNING to what the task's fate is: healthy, unhealthy, exited. */
const FATE_MS = 700;
const STOP_STEPS: readonly { status: TaskStatus; afterMs: number }[] = [
  { status: 'DEACTIVATING', afterMs: 0 },
  { status: 'STOPPING', afterMs: 300 },
  { status: 'DEPROVISIONING', afterMs: 700 },
  { status: 'STOPPED', afterMs: 300 },
];

/** How the ECS agent names itself to the services it calls (agent/httpclient in aws/amazon-ecs-agent). */
export const AGENT_USER_AGENT = 'Amazon ECS Agent - v1.97.1 (7c5b8a1e) (linux) (+http://aws.amazon.com/ecs/)';

/** What the scheduler is told about a task. */
export type TaskNews = 'changed' | 'running' | 'healthy' | 'failed-to-start' | 'unhealthy' | 'exited' | 'stopped';

/** Starts and stops tasks. */
export interface TaskEngine {
  /** Launch a task; it goes on by itself. */
  launch(request: {
    definition: TaskDefinition;
    clusterArn: string;
    service: Service | null;
    startedBy: string | null;
    group: string;
    overrides: Record<string, unknown>;
    fate: Fate;
  }): Task;
  /** A task that has been running for a while: nothing is read for it. */
  adopt(request: { definition: TaskDefinition; service: Service; deploymentId: string; startedAt: number }): Task;
  /** Begin to stop a task; does nothing to one that is stopping already. */
  stop(task: Task, why: { code: string; reason: string; exitCode: number | null }): void;
}

/**
 * @param deps - `readSecret`: GetSecretValue as the execution role; `roleId`: the unique id (`AROA…`) of a role;
 *   `tell`: called after every change of a task
 */
export function createTaskEngine(
  world: World,
  deps: {
    readSecret: ReadSecretAsService;
    roleId: (name: string) => string;
    tell: (task: Task, news: TaskNews) => void;
  },
): TaskEngine {
  const { clock, random } = world;
  const waiting = new Map<Task, () => void>();

  const later = (task: Task, ms: number, then: () => void) => {
    waiting.set(task, clock.after(ms, then));
  };
  const enter = (task: Task, status: TaskStatus) => {
    task.lastStatus = status;
    for (const container of task.containers) container.lastStatus = containerStatus(status);
  };

  function create(
    definition: TaskDefinition,
    clusterArn: string,
    rest: Pick<Task, 'group' | 'startedBy' | 'serviceName' | 'overrides' | 'fate'>,
  ): Task {
    const id = random.text(32, '0123456789abcdef');
    const cluster = clusterArn.slice(clusterArn.lastIndexOf('/') + 1);
    const arn = (kind: string, path: string) => `arn:aws:ecs:${world.region}:${ACCOUNT}:${kind}/${cluster}/${path}`;
    return {
      id,
      arn: arn('task', id),
      clusterArn,
      definition,
      availabilityZone: `${world.region}${random.text(1, 'ab')}`,
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      health: 'UNKNOWN',
      createdAt: clock.now(),
      pullStartedAt: null,
      pullStoppedAt: null,
      startedAt: null,
      stoppingAt: null,
      stoppedAt: null,
      stopCode: null,
      stoppedReason: null,
      containers: definition.containers.map((container) => ({
        name: container.name,
        arn: arn('container', `${id}/${random.uuid()}`),
        image: container.image,
        runtimeId: `${id}-${random.text(10, '0123456789')}`,
        lastStatus: 'PENDING',
        exitCode: null,
        reason: null,
      })),
      secrets: [],
      ...rest,
    };
  }

  function stop(task: Task, why: { code: string; reason: string; exitCode: number | null }): void {
    if (task.desiredStatus === 'STOPPED') return;
    waiting.get(task)?.();
    task.desiredStatus = 'STOPPED';
    task.stopCode = why.code;
    task.stoppedReason = why.reason;
    task.stoppingAt = clock.now();
    const walk = (index: number): void => {
      const step = STOP_STEPS[index];
      if (!step) return;
      later(task, step.afterMs, () => {
        enter(task, step.status);
        if (step.status === 'STOPPED') {
          task.stoppedAt = clock.now();
          for (const container of task.containers) container.exitCode ??= why.exitCode;
        }
        deps.tell(task, step.status === 'STOPPED' ? 'stopped' : 'changed');
        walk(index + 1);
      });
    };
    walk(0);
    deps.tell(task, 'changed');
  }

  const failToStart = (task: Task, reason: string) => {
    for (const container of task.containers) container.reason = reason;
    stop(task, { code: 'TaskFailedToStart', reason, exitCode: null });
    deps.tell(task, 'failed-to-start');
  };

  /** As the ECS agent does: one GetSecretValue for each distinct valueFrom, the JSON taken apart here, all failures joined. */
  function pullSecrets(task: Task): string | null {
    const wanted = task.definition.containers.flatMap((container) => container.secrets);
    const reader = executionRoleSession(task);
    const failures: string[] = [];
    const injected = new Map<string, InjectedSecret>();
    for (const valueFrom of new Set(wanted.map((secret) => secret.valueFrom))) {
      const reference = parseValueFrom(valueFrom);
      if (!reference) {
        failures.push(
          `trying to retrieve secret with value ${valueFrom} resulted in error: an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.`,
        );
        continue;
      }
      try {
        if (task.fate === 'denied') deny(reader, reference.arn);
        const { value, arn, versionId } = deps.readSecret({
          arnOrName: reference.arn,
          stage: reference.stage,
          versionId: reference.versionId,
          principal: reader,
          userAgent: AGENT_USER_AGENT,
        });
        const flaw = flawOf(value, reference.jsonKey);
        if (flaw !== null) failures.push(flaw);
        injected.set(valueFrom, { name: '', valueFrom, secretArn: arn, versionId });
      } catch (error) {
        if (!(error instanceof AwsFault)) throw error;
        failures.push(describeFault(error, reference.arn, random.uuid()));
      }
    }
    if (failures.length > 0) return failures.join('; ');
    task.secrets = wanted.flatMap(({ name, valueFrom }) => {
      const secret = injected.get(valueFrom);
      return secret ? [{ ...secret, name }] : [];
    });
    return null;
  }

  function executionRoleSession(task: Task): Principal {
    const role = task.definition.executionRoleArn ?? '';
    const name = role.slice(role.lastIndexOf('/') + 1);
    const accessKeyId = `ASIA${random.text(9, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}EXAMPLE`;
    return roleSession({ name, id: deps.roleId(name) }, task.id, accessKeyId, clock.now());
  }

  /** A refusal that no policy of the sandbox holds: thrown, and recorded as the service itself would have. */
  function deny(principal: Principal, arn: string): never {
    const fault = new AwsFault(
      'AccessDeniedException',
      `User: ${principal.arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: ${arn} because no identity-based policy allows the secretsmanager:GetSecretValue action`,
    );
    const call = {
      service: 'secretsmanager',
      operation: 'GetSecretValue',
      input: { SecretId: arn },
      principal,
      region: arn.split(':')[3] ?? world.region,
      requestId: random.uuid(),
      sourceIp: TASK_SOURCE_IP,
      userAgent: AGENT_USER_AGENT,
    };
    world.record(call, { fault });
    throw fault;
  }

  /** Resources are there: pull, then run; or fail to start. */
  function pull(task: Task): void {
    enter(task, 'PENDING');
    task.pullStartedAt = clock.now();
    deps.tell(task, 'changed');
    if (task.fate === 'stuck') return;
    later(task, PULLING_MS, () => {
      const failure =
        task.fate === 'unreachable' && task.definition.containers.some((container) => container.secrets.length > 0)
          ? unreachable(task)
          : pullSecrets(task);
      if (failure !== null) {
        failToStart(task, `${SECRETS_FAILED}${failure}`);
        return;
      }
      const unchecked = !task.definition.containers.some((container) => container.healthCheck);
      if (task.fate === 'unhealthy' && unchecked) {
        failToStart(task, imageMissing(task));
        return;
      }
      if (task.fate === 'cannot-start') {
        failToStart(task, NO_PROGRAM);
        return;
      }
      task.pullStoppedAt = clock.now();
      enter(task, 'ACTIVATING');
      deps.tell(task, 'changed');
      later(task, ACTIVATING_MS, () => {
        run(task);
      });
    });
  }

  function run(task: Task): void {
    enter(task, 'RUNNING');
    task.startedAt = clock.now();
    const checked = task.definition.containers.some((container) => container.healthCheck);
    deps.tell(task, 'running');
    if (!checked) deps.tell(task, 'healthy');
    later(task, FATE_MS, () => {
      FATES[task.fate](task);
    });
  }

  const exit = (code: number) => (task: Task) => {
    stop(task, { code: 'EssentialContainerExited', reason: 'Essential container in task exited', exitCode: code });
    deps.tell(task, 'exited');
  };
  const recover = (task: Task) => {
    if (!task.definition.containers.some((container) => container.healthCheck)) return;
    task.health = 'HEALTHY';
    deps.tell(task, 'healthy');
  };
  /** A task that got as far as RUNNING despite a fate that needed a secret it has none of is healthy. */
  const FATES: Record<Fate, (task: Task) => void> = {
    healthy: recover,
    denied: recover,
    unreachable: recover,
    stuck: recover,
    'cannot-start': recover,
    crash: exit(1),
    finish: exit(0),
    unhealthy: (task) => {
      task.health = 'UNHEALTHY';
      deps.tell(task, 'unhealthy');
      stop(task, { code: 'ServiceSchedulerInitiated', reason: 'Task failed container health checks', exitCode: 143 });
    },
  };

  return {
    stop,
    launch({ definition, clusterArn, service, startedBy, group, overrides, fate }) {
      const task = create(definition, clusterArn, {
        startedBy,
        group,
        overrides,
        fate,
        serviceName: service?.name ?? null,
      });
      later(task, PROVISIONING_MS, () => {
        pull(task);
      });
      return task;
    },
    adopt({ definition, service, deploymentId, startedAt }) {
      const task = create(definition, service.cluster.arn, {
        startedBy: deploymentId,
        group: `service:${service.name}`,
        overrides: {},
        fate: 'healthy',
        serviceName: service.name,
      });
      enter(task, 'RUNNING');
      const pulled = startedAt - ACTIVATING_MS;
      Object.assign(task, {
        health: definition.containers.some((container) => container.healthCheck) ? 'HEALTHY' : 'UNKNOWN',
        createdAt: pulled - PULLING_MS - PROVISIONING_MS,
        pullStartedAt: pulled - PULLING_MS,
        pullStoppedAt: pulled,
        startedAt,
      });
      return task;
    },
  };
}

const containerStatus = (status: TaskStatus): TaskStatus =>
  status === 'PROVISIONING' || status === 'ACTIVATING' ? 'PENDING' : status === 'DEPROVISIONING' ? 'STOPPED' : status;

/** What Fargate puts before the cause of every failure to read a secret (facts of rotation, 2d, text 1). */
const SECRETS_FAILED =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ';

/** Text 1 of rotation 2d: Secrets Manager does not answer. */
function unreachable(task: Task): string {
  const secret = task.definition.containers.flatMap((container) => container.secrets)[0];
  const arn = (secret && parseValueFrom(secret.valueFrom)?.arn) ?? '';
  return `service call has been retried 5 time(s): failed to fetch secret ${arn} from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your task network configuration.`;
}

const imageMissing = (task: Task) =>
  `CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref ${task.containers[0]?.image ?? ''}: not found`;

/** What containerd says of an entry point that the image does not have; the container, its variables included, was made. */
const NO_PROGRAM = `CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "true": executable file not found in $PATH: unknown`;

/** Texts 3, 4, 7 and 10 of rotation 2d: the agent's wrapper around what Secrets Manager answered. */
function describeFault(fault: AwsFault, arn: string, requestId: string): string {
  const answered = `operation error Secrets Manager: GetSecretValue, https response error StatusCode: ${String(fault.status)}, RequestID: ${requestId}, api error ${fault.code}: ${fault.message}`;
  const cause =
    fault.code === 'ResourceNotFoundException'
      ? `ResourceNotFoundException: The task can't retrieve the secret with ARN '${arn}' from AWS Secrets Manager. Check whether the secret exists in the specified Region. ${answered}`
      : `failed to fetch secret ${arn} from secrets manager: ${answered}`;
  return `service call has been retried 1 time(s): ${cause}`;
}

/** Texts 5 and 6 of rotation 2d: the value is there but the field cannot be taken out of it. */
function flawOf(value: string | null, jsonKey: string | undefined): string | null {
  if (jsonKey === undefined) return null;
  const missing = `retrieved secret from Secrets Manager did not contain json key ${jsonKey}`;
  if (value === null) return missing;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, jsonKey) ? null : missing;
  } catch {
    return `invalid character '${value.charAt(0)}' looking for beginning of value`;
  }
}

/**
 * Take a `valueFrom` apart: an ARN, then nothing or exactly three more parts, each of which may be empty
 * (agent/taskresource/asmsecret in aws/amazon-ecs-agent).
 * @returns null where the agent says "an invalid ARN format"
 */
export function parseValueFrom(
  valueFrom: string,
): { arn: string; jsonKey: string | undefined; stage: string | undefined; versionId: string | undefined } | null {
  const parts = valueFrom.split(':');
  if (parts[0] !== 'arn' || parts[2] !== 'secretsmanager' || parts[5] !== 'secret') return null;
  if (parts.length !== 7 && parts.length !== 10) return null;
  const [jsonKey, stage, versionId] = parts.slice(7).map((part) => (part === '' ? undefined : part));
  return { arn: parts.slice(0, 7).join(':'), jsonKey, stage, versionId };
}
