/** The things of ECS as the API answers them: AWS's member names, times in seconds since 1970. */
import {
  PENDING_STATES,
  type Cluster,
  type Deployment,
  type EcsState,
  type Revision,
  type Service,
  type ServiceDeployment,
  type Task,
  type TaskDefinition,
} from './ecs-model.ts';

/** Fargate's current Linux platform version. */
export const PLATFORM_VERSION = '1.4.0';

const seconds = (milliseconds: number | null) => (milliseconds === null ? undefined : milliseconds / 1000);
const present = <Value>(value: Value | null) => value ?? undefined;

/** How many of the tasks are on their way up, and how many run. */
function counts(tasks: readonly Task[]): { pending: number; running: number } {
  return {
    pending: tasks.filter((task) => PENDING_STATES.includes(task.lastStatus)).length,
    running: tasks.filter((task) => task.lastStatus === 'RUNNING').length,
  };
}

const tasksOf = (state: EcsState, service: Service) =>
  state.tasks.filter((task) => task.serviceName === service.name && task.clusterArn === service.cluster.arn);

/**
 * As DescribeClusters gives it.
 * @param include - what the request asked to include
 */
export function clusterView(state: EcsState, cluster: Cluster, include: readonly string[]): Record<string, unknown> {
  const { pending, running } = counts(state.tasks.filter((task) => task.clusterArn === cluster.arn));
  return {
    clusterArn: cluster.arn,
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: running,
    pendingTasksCount: pending,
    activeServicesCount: [...state.services.values()].filter(
      (service) => service.cluster === cluster && service.status === 'ACTIVE',
    ).length,
    statistics: [],
    tags: include.includes('TAGS') ? cluster.tags : [],
    settings: include.includes('SETTINGS') ? [{ name: 'containerInsights', value: 'enabled' }] : [],
    capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
    defaultCapacityProviderStrategy: [],
  };
}

/** As DescribeTaskDefinition gives it. */
export function taskDefinitionView(definition: TaskDefinition): Record<string, unknown> {
  return {
    ...definition.registered,
    taskDefinitionArn: definition.arn,
    family: definition.family,
    revision: definition.revision,
    status: definition.deregisteredAt === null ? 'ACTIVE' : 'INACTIVE',
    volumes: definition.registered.volumes ?? [],
    placementConstraints: definition.registered.placementConstraints ?? [],
    requiresAttributes: [],
    compatibilities: ['EC2', 'FARGATE'],
    registeredAt: seconds(definition.registeredAt),
    registeredBy: definition.registeredBy,
    deregisteredAt: seconds(definition.deregisteredAt),
  };
}

function deploymentView(state: EcsState, service: Service, deployment: Deployment): Record<string, unknown> {
  const { pending, running } = counts(tasksOf(state, service).filter((task) => task.startedBy === deployment.id));
  return {
    id: deployment.id,
    status: deployment.status,
    taskDefinition: deployment.revision.definition.arn,
    desiredCount: deployment.status === 'PRIMARY' ? service.desiredCount : 0,
    pendingCount: pending,
    runningCount: running,
    failedTasks: deployment.failedTasks,
    createdAt: seconds(deployment.createdAt),
    updatedAt: seconds(deployment.updatedAt),
    launchType: 'FARGATE',
    platformVersion: PLATFORM_VERSION,
    platformFamily: 'Linux',
    networkConfiguration: service.settings.networkConfiguration,
    rolloutState: deployment.rolloutState,
    rolloutStateReason: deployment.rolloutStateReason,
  };
}

/** A service that ECS does not deploy has task sets; those of CodeDeploy carry its deployment's id (API_TaskSet). */
function taskSetView(state: EcsState, service: Service, deployment: Deployment): Record<string, unknown> {
  const { pending, running } = counts(tasksOf(state, service).filter((task) => task.startedBy === deployment.id));
  const { id } = deployment;
  return {
    id,
    taskSetArn: `${service.arn.replace(':service/', ':task-set/')}/${id}`,
    serviceArn: service.arn,
    clusterArn: service.cluster.arn,
    startedBy: service.controller === 'CODE_DEPLOY' ? 'CODE_DEPLOY' : undefined,
    externalId: service.controller === 'CODE_DEPLOY' ? `d-${deployment.id.slice(-9)}` : undefined,
    status: deployment.status,
    taskDefinition: deployment.revision.definition.arn,
    computedDesiredCount: service.desiredCount,
    pendingCount: pending,
    runningCount: running,
    createdAt: seconds(deployment.createdAt),
    updatedAt: seconds(deployment.updatedAt),
    launchType: 'FARGATE',
    platformVersion: PLATFORM_VERSION,
    scale: { value: 100, unit: 'PERCENT' },
    stabilityStatus: running === service.desiredCount ? 'STEADY_STATE' : 'STABILIZING',
  };
}

function revisionSummary(
  state: EcsState,
  service: Service,
  revision: Revision,
  requested: number,
): Record<string, unknown> {
  const ids = service.deployments
    .filter((deployment) => deployment.revision === revision)
    .map((deployment) => deployment.id);
  const { pending, running } = counts(tasksOf(state, service).filter((task) => ids.includes(task.startedBy ?? '')));
  return { arn: revision.arn, requestedTaskCount: requested, runningTaskCount: running, pendingTaskCount: pending };
}

function deploymentConfiguration(service: Service): Record<string, unknown> {
  const { maximum, minimumHealthy, breaker } = service.rolling;
  return {
    deploymentCircuitBreaker: breaker,
    maximumPercent: maximum,
    minimumHealthyPercent: minimumHealthy,
    strategy: 'ROLLING',
    bakeTimeInMinutes: 0,
  };
}

/**
 * As DescribeServices gives it.
 * @param include - what the request asked to include
 * @param known - whether a service deployment can be found already
 */
export function serviceView(
  state: EcsState,
  service: Service,
  include: readonly string[],
  known: (deployed: ServiceDeployment) => boolean,
): Record<string, unknown> {
  const { pending, running } = counts(tasksOf(state, service));
  const [primary] = service.deployments;
  return {
    loadBalancers: [],
    serviceRegistries: [],
    launchType: 'FARGATE',
    platformVersion: PLATFORM_VERSION,
    platformFamily: 'Linux',
    placementConstraints: [],
    placementStrategy: [],
    schedulingStrategy: 'REPLICA',
    deploymentController: { type: service.controller },
    enableECSManagedTags: false,
    propagateTags: 'NONE',
    enableExecuteCommand: false,
    availabilityZoneRebalancing: 'ENABLED',
    ...service.settings,
    serviceArn: service.arn,
    serviceName: service.name,
    clusterArn: service.cluster.arn,
    status: service.status,
    desiredCount: service.desiredCount,
    runningCount: running,
    pendingCount: pending,
    // API_TaskSet: of an EXTERNAL service each task set names its own.
    taskDefinition: service.controller === 'EXTERNAL' ? undefined : primary.revision.definition.arn,
    deploymentConfiguration: deploymentConfiguration(service),
    ...(service.controller === 'ECS'
      ? { deployments: service.deployments.map((deployment) => deploymentView(state, service, deployment)) }
      : {
          deployments: [],
          taskSets: service.deployments.map((deployment) => taskSetView(state, service, deployment)),
        }),
    events: service.events.map((event) => ({ ...event, createdAt: seconds(event.createdAt) })),
    createdAt: seconds(service.createdAt),
    createdBy: service.createdBy,
    currentServiceDeployment: service.controller === 'ECS' ? service.history.find(known)?.arn : undefined,
    currentServiceRevisions: service.deployments.map(({ revision }) =>
      revisionSummary(state, service, revision, revision === primary.revision ? service.desiredCount : 0),
    ),
    ...(include.includes('TAGS') ? { tags: service.tags } : {}),
  };
}

/** As DescribeTasks gives it. */
export function taskView(task: Task): Record<string, unknown> {
  return {
    attachments: [],
    attributes: [{ name: 'ecs.cpu-architecture', value: 'x86_64' }],
    availabilityZone: task.availabilityZone,
    clusterArn: task.clusterArn,
    connectivity: task.startedAt === null ? undefined : 'CONNECTED',
    connectivityAt: seconds(task.startedAt),
    containers: task.containers.map((container) => ({
      containerArn: container.arn,
      taskArn: task.arn,
      name: container.name,
      image: container.image,
      runtimeId: container.runtimeId,
      lastStatus: container.lastStatus,
      exitCode: present(container.exitCode),
      reason: present(container.reason),
      networkBindings: [],
      networkInterfaces: [],
      healthStatus: task.health,
    })),
    cpu: task.definition.registered.cpu,
    memory: task.definition.registered.memory,
    createdAt: seconds(task.createdAt),
    desiredStatus: task.desiredStatus,
    enableExecuteCommand: false,
    executionStoppedAt: task.startedAt === null ? undefined : seconds(task.stoppingAt),
    group: task.group,
    healthStatus: task.health,
    lastStatus: task.lastStatus,
    launchType: 'FARGATE',
    overrides: { containerOverrides: [], inferenceAcceleratorOverrides: [], ...task.overrides },
    platformVersion: PLATFORM_VERSION,
    platformFamily: 'Linux',
    pullStartedAt: seconds(task.pullStartedAt),
    pullStoppedAt: seconds(task.pullStoppedAt),
    startedAt: seconds(task.startedAt),
    startedBy: present(task.startedBy),
    stopCode: present(task.stopCode),
    stoppedAt: seconds(task.stoppedAt),
    stoppedReason: present(task.stoppedReason),
    stoppingAt: seconds(task.stoppingAt),
    tags: [],
    taskArn: task.arn,
    taskDefinitionArn: task.definition.arn,
    version: 1,
    ephemeralStorage: { sizeInGiB: 20 },
  };
}

const deployedCommon = (service: Service, deployed: ServiceDeployment) => ({
  serviceDeploymentArn: deployed.arn,
  serviceArn: service.arn,
  clusterArn: service.cluster.arn,
  createdAt: seconds(deployed.createdAt),
  startedAt: seconds(deployed.startedAt),
  finishedAt: seconds(deployed.finishedAt),
  status: deployed.status,
  statusReason: present(deployed.statusReason),
});

/** As ListServiceDeployments gives it. */
export function serviceDeploymentBrief(service: Service, deployed: ServiceDeployment): Record<string, unknown> {
  return { ...deployedCommon(service, deployed), targetServiceRevisionArn: deployed.target.arn };
}

/** As DescribeServiceDeployments gives it. */
export function serviceDeploymentView(
  state: EcsState,
  service: Service,
  deployed: ServiceDeployment,
): Record<string, unknown> {
  const { breaker, rollback } = deployed;
  return {
    ...deployedCommon(service, deployed),
    stoppedAt: seconds(deployed.stoppedAt),
    updatedAt: seconds(deployed.updatedAt),
    sourceServiceRevisions: deployed.sources.map((revision) => revisionSummary(state, service, revision, 0)),
    targetServiceRevision: revisionSummary(state, service, deployed.target, service.desiredCount),
    deploymentConfiguration: deploymentConfiguration(service),
    rollback: rollback
      ? { reason: rollback.reason, startedAt: seconds(rollback.startedAt), serviceRevisionArn: rollback.revision.arn }
      : undefined,
    deploymentCircuitBreaker: { status: breaker.status, failureCount: breaker.failures, threshold: breaker.threshold },
    alarms: { status: 'DISABLED' },
  };
}

/** As DescribeServiceRevisions gives it. */
export function revisionView(service: Service, revision: Revision): Record<string, unknown> {
  return {
    serviceRevisionArn: revision.arn,
    serviceArn: service.arn,
    clusterArn: service.cluster.arn,
    taskDefinition: revision.definition.arn,
    launchType: 'FARGATE',
    platformVersion: PLATFORM_VERSION,
    platformFamily: 'Linux',
    loadBalancers: [],
    serviceRegistries: [],
    networkConfiguration: service.settings.networkConfiguration,
    containerImages: revision.definition.containers.map(({ name, image }) => ({ containerName: name, image })),
    guardDutyEnabled: false,
    createdAt: seconds(revision.createdAt),
  };
}
