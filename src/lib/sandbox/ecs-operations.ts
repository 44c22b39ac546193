/** The operations of ECS on clusters, task definitions and tasks. */
import {
  lastPart,
  objectList,
  optionalCount,
  optionalObject,
  optionalText,
  pageOf,
  requiredText,
  textList,
  type Input,
} from './ecs-input.ts';
import {
  STOPPED_TASKS_KEPT_MS,
  type Cluster,
  type ContainerDefinition,
  type EcsState,
  type Fate,
  type Service,
  type Task,
  type TaskDefinition,
} from './ecs-model.ts';
import type { TaskEngine } from './ecs-tasks.ts';
import { clusterView, taskDefinitionView, taskView } from './ecs-views.ts';
import { ACCOUNT, AwsFault, type AwsHandlers, type World } from './service.ts';

/** How many ids one Describe call takes (API_DescribeTasks, API_DescribeClusters). */
const MOST_DESCRIBED = 100;

/**
 * The cluster that a request names by name or ARN; `default` where it names none.
 * @throws AwsFault ClusterNotFoundException
 */
export function clusterOf(state: EcsState, input: Input): Cluster {
  const cluster = state.clusters.get(lastPart(optionalText(input, 'cluster') ?? 'default'));
  if (cluster?.status !== 'ACTIVE') throw new AwsFault('ClusterNotFoundException', 'Cluster not found.');
  return cluster;
}

/** The service of a cluster by name or ARN, or null. */
export function findService(state: EcsState, cluster: Cluster, reference: string): Service | null {
  const name = lastPart(reference);
  const found = [...state.services.values()].filter((service) => service.cluster === cluster && service.name === name);
  return found.find(({ status }) => status !== 'INACTIVE') ?? found.at(-1) ?? null;
}

/**
 * A task definition by `family`, `family:revision` or ARN.
 * @throws AwsFault ClientException as DescribeTaskDefinition does for an unknown one
 */
export function findTaskDefinition(state: EcsState, reference: string): TaskDefinition {
  const [family, revision] = lastPart(reference).split(':');
  const found = state.taskDefinitions.findLast(
    (definition) =>
      definition.family === family &&
      (revision === undefined ? definition.deregisteredAt === null : String(definition.revision) === revision),
  );
  if (!found) throw new AwsFault('ClientException', 'Unable to describe task definition.');
  return found;
}

/**
 * A task definition that tasks may be started of.
 * @throws AwsFault ClientException also for one that was deregistered
 */
export function startableTaskDefinition(state: EcsState, reference: string): TaskDefinition {
  const found = findTaskDefinition(state, reference);
  if (found.deregisteredAt !== null) throw new AwsFault('ClientException', 'TaskDefinition is inactive');
  return found;
}

/**
 * Register the next revision of a family.
 * @throws AwsFault ClientException for what ECS refuses, in its words
 */
export function registerTaskDefinition(
  world: World,
  state: EcsState,
  input: Input,
  by: { principal: string; at: number },
): TaskDefinition {
  const family = requiredText(input, 'family', 'Family');
  if (!/^[\w-]{1,255}$/.test(family)) {
    throw new AwsFault('ClientException', 'Invalid parameter: family contains invalid characters or is too long.');
  }
  const containers = objectList(input, 'containerDefinitions');
  if (containers.length === 0) throw new AwsFault('ClientException', 'Container list cannot be empty.');
  const executionRoleArn = optionalText(input, 'executionRoleArn');
  const parsed = containers.map(containerDefinition);
  const fargate = textList(input, 'requiresCompatibilities').includes('FARGATE');
  if (fargate && (optionalText(input, 'cpu') === null || optionalText(input, 'memory') === null)) {
    throw new AwsFault('ClientException', "Fargate requires that 'cpu' be defined at the task level.");
  }
  if (executionRoleArn === null && parsed.some((container) => container.secrets.length > 0)) {
    throw new AwsFault(
      'ClientException',
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    );
  }
  const revision =
    1 + Math.max(0, ...state.taskDefinitions.filter((known) => known.family === family).map((known) => known.revision));
  const registered = Object.fromEntries(Object.entries(input).filter(([member]) => member !== 'tags'));
  const definition: TaskDefinition = {
    arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:task-definition/${family}:${String(revision)}`,
    family,
    revision,
    executionRoleArn,
    containers: parsed,
    registered,
    registeredAt: by.at,
    registeredBy: by.principal,
    deregisteredAt: null,
    tags: objectList(input, 'tags'),
  };
  state.taskDefinitions.push(definition);
  return definition;
}

function containerDefinition(input: Input): ContainerDefinition {
  const secrets = objectList(input, 'secrets').map((secret) => {
    const valueFrom = optionalText(secret, 'valueFrom') ?? '';
    if (valueFrom === '') throw new AwsFault('ClientException', 'secret.valueFrom should not be null or empty.');
    return { name: requiredText(secret, 'name', 'Secret name'), valueFrom };
  });
  return {
    name: requiredText(input, 'name', 'Container.name'),
    image: requiredText(input, 'image', 'Container.image'),
    essential: input.essential !== false,
    healthCheck: Object.keys(optionalObject(input, 'healthCheck')).length > 0,
    ends: (textList(input, 'entryPoint')[0] ?? textList(input, 'command')[0]) === 'true',
    secrets,
  };
}

const missing = (world: World, path: string) => ({
  arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:${path}`,
  reason: 'MISSING',
});

/** Clusters and task definitions. */
export function clusterOperations(world: World, state: EcsState): AwsHandlers {
  return {
    CreateCluster(input) {
      const name = optionalText(input, 'clusterName') ?? 'default';
      const cluster = state.clusters.get(name) ?? {
        name,
        arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:cluster/${name}`,
        status: 'ACTIVE' as const,
        tags: objectList(input, 'tags'),
      };
      cluster.status = 'ACTIVE';
      state.clusters.set(name, cluster);
      return { cluster: clusterView(state, cluster, ['TAGS']) };
    },
    DeleteCluster(input) {
      const cluster = clusterOf(state, input);
      if ([...state.services.values()].some((service) => service.cluster === cluster && service.status === 'ACTIVE')) {
        throw new AwsFault(
          'ClusterContainsServicesException',
          'The Cluster cannot be deleted while Services are active.',
        );
      }
      if (state.tasks.some((task) => task.clusterArn === cluster.arn && task.lastStatus !== 'STOPPED')) {
        throw new AwsFault('ClusterContainsTasksException', 'The Cluster cannot be deleted while Tasks are active.');
      }
      cluster.status = 'INACTIVE';
      return { cluster: clusterView(state, cluster, []) };
    },
    DescribeClusters(input) {
      const asked = textList(input, 'clusters');
      const names = asked.length === 0 ? ['default'] : asked.map(lastPart);
      const include = textList(input, 'include');
      return {
        clusters: names.flatMap((name) => {
          const cluster = state.clusters.get(name);
          return cluster ? [clusterView(state, cluster, include)] : [];
        }),
        failures: names.filter((name) => !state.clusters.has(name)).map((name) => missing(world, `cluster/${name}`)),
      };
    },
    ListClusters(input) {
      const { page, nextToken } = pageOf(
        [...state.clusters.values()].filter(({ status }) => status === 'ACTIVE'),
        input,
        100,
      );
      return { clusterArns: page.map((cluster) => cluster.arn), nextToken };
    },
    RegisterTaskDefinition(input, call) {
      const by = { principal: call.principal.arn, at: world.clock.now() };
      const definition = registerTaskDefinition(world, state, input, by);
      return { taskDefinition: taskDefinitionView(definition), tags: definition.tags };
    },
    DescribeTaskDefinition(input) {
      const definition = findTaskDefinition(state, requiredText(input, 'taskDefinition', 'Task definition'));
      const tags = textList(input, 'include').includes('TAGS') ? { tags: definition.tags } : {};
      return { taskDefinition: taskDefinitionView(definition), ...tags };
    },
    DeregisterTaskDefinition(input) {
      const reference = requiredText(input, 'taskDefinition', 'Task definition');
      if (!/:\d+$/.test(reference))
        throw new AwsFault('InvalidParameterException', `Revision is missing: ${reference}`);
      const definition = findTaskDefinition(state, reference);
      definition.deregisteredAt ??= world.clock.now();
      return { taskDefinition: taskDefinitionView(definition) };
    },
    ListTaskDefinitions(input) {
      const prefix = optionalText(input, 'familyPrefix');
      const status = optionalText(input, 'status') ?? 'ACTIVE';
      const found = state.taskDefinitions
        .filter(({ deregisteredAt }) => status === (deregisteredAt === null ? 'ACTIVE' : 'INACTIVE'))
        .filter((definition) => prefix === null || definition.family === prefix)
        .sort((a, b) => (a.family < b.family ? -1 : a.family > b.family ? 1 : a.revision - b.revision));
      if (optionalText(input, 'sort') === 'DESC') found.reverse();
      const { page, nextToken } = pageOf(found, input, 100);
      return { taskDefinitionArns: page.map((definition) => definition.arn), nextToken };
    },
  };
}

/** Listing, describing, running and stopping tasks. */
export function taskOperations(
  world: World,
  state: EcsState,
  engine: () => TaskEngine,
  script: { oneOff(): Fate | null },
): AwsHandlers {
  /** What RunTask answered for a `clientToken`: the same again for the same token. */
  const answered = new Map<string, Task[]>();
  const shown = (cluster: Cluster) =>
    state.tasks.filter(
      (task) =>
        task.clusterArn === cluster.arn && (task.stoppedAt ?? Infinity) + STOPPED_TASKS_KEPT_MS > world.clock.now(),
    );

  return {
    ListTasks(input) {
      const cluster = clusterOf(state, input);
      const serviceName = optionalText(input, 'serviceName');
      const family = optionalText(input, 'family');
      const startedBy = optionalText(input, 'startedBy');
      if (startedBy !== null && (serviceName !== null || family !== null)) {
        throw new AwsFault(
          'InvalidParameterException',
          'When startedBy is specified, no other filter can be specified.',
        );
      }
      const service = serviceName === null ? null : findService(state, cluster, serviceName);
      if (serviceName !== null && !service) throw new AwsFault('ServiceNotFoundException', 'Service not found.');
      const desired = optionalText(input, 'desiredStatus') ?? 'RUNNING';
      const found = shown(cluster).filter(
        (task) =>
          task.desiredStatus === desired &&
          (service === null || task.serviceName === service.name) &&
          (family === null || task.definition.family === family) &&
          (startedBy === null || task.startedBy === startedBy),
      );
      const { page, nextToken } = pageOf(found, input, 100);
      return { taskArns: page.map((task) => task.arn), nextToken };
    },
    DescribeTasks(input) {
      const cluster = clusterOf(state, input);
      const asked = textList(input, 'tasks');
      if (asked.length === 0) throw new AwsFault('InvalidParameterException', 'Tasks cannot be empty.');
      if (asked.length > MOST_DESCRIBED) {
        throw new AwsFault(
          'InvalidParameterException',
          `Tasks cannot contain more than ${String(MOST_DESCRIBED)} items.`,
        );
      }
      const byId = new Map(shown(cluster).map((task) => [task.id, task]));
      const tasks: Task[] = [];
      const failures: unknown[] = [];
      for (const id of asked.map(lastPart)) {
        const task = byId.get(id);
        if (task) tasks.push(task);
        else failures.push(missing(world, `task/${cluster.name}/${id}`));
      }
      return { tasks: tasks.map(taskView), failures };
    },
    RunTask(input) {
      const cluster = clusterOf(state, input);
      const token = optionalText(input, 'clientToken');
      const before = token === null ? undefined : answered.get(token);
      if (before) return { tasks: before.map(taskView), failures: [] };
      const definition = startableTaskDefinition(state, requiredText(input, 'taskDefinition', 'TaskDefinition'));
      const count = optionalCount(input, 'count') ?? 1;
      if (count < 1 || count > 10) {
        throw new AwsFault('InvalidParameterException', 'Number of tasks to launch must be between 1 and 10.');
      }
      if (definition.registered.networkMode === 'awsvpc' && input.networkConfiguration === undefined) {
        throw new AwsFault(
          'InvalidParameterException',
          "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        );
      }
      const overrides = optionalObject(input, 'overrides');
      const ends =
        objectList(overrides, 'containerOverrides').some((container) => container.command !== undefined) ||
        definition.containers.some(({ essential, ends: byItself }) => essential && byItself);
      const tasks = Array.from({ length: count }, () =>
        engine().launch({
          definition,
          clusterArn: cluster.arn,
          service: null,
          startedBy: optionalText(input, 'startedBy'),
          group: optionalText(input, 'group') ?? `family:${definition.family}`,
          overrides,
          fate: script.oneOff() ?? (ends ? 'finish' : 'healthy'),
        }),
      );
      state.tasks.push(...tasks);
      if (token !== null) answered.set(token, tasks);
      return { tasks: tasks.map(taskView), failures: [] };
    },
    StopTask(input) {
      const cluster = clusterOf(state, input);
      const id = lastPart(requiredText(input, 'task', 'Task'));
      const task = shown(cluster).find((candidate) => candidate.id === id);
      if (!task) throw new AwsFault('InvalidParameterException', 'The referenced task was not found.');
      const reason = optionalText(input, 'reason') ?? 'Task stopped by user';
      engine().stop(task, { code: 'UserInitiated', reason, exitCode: 0 });
      return { task: taskView(task) };
    },
  };
}
