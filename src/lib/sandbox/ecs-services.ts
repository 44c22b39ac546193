/** The operations of ECS on services, their deployments and their revisions. */
import type { Scheduler } from './ecs-deployments.ts';
import {
  optionalCount,
  optionalObject,
  optionalText,
  pageOf,
  requiredText,
  textList,
  objectList,
  type Input,
} from './ecs-input.ts';
import type { Controller, EcsState, Fate, RollingUpdate, Service, ServiceDeployment } from './ecs-model.ts';
import { clusterOf, findService, startableTaskDefinition } from './ecs-operations.ts';
import { revisionView, serviceDeploymentBrief, serviceDeploymentView, serviceView } from './ecs-views.ts';
import { ACCOUNT, AwsFault, type AwsHandlers, type World } from './service.ts';

/** Most services in one DescribeServices, most ARNs in one DescribeServiceDeployments (their API pages). */
const MOST_SERVICES = 10;
const MOST_DEPLOYMENTS = 20;

/** Settings of a service that are kept as given; a change of one of them is a new deployment. */
const DEPLOYED_SETTINGS = [
  'networkConfiguration',
  'platformVersion',
  'loadBalancers',
  'serviceRegistries',
  'volumeConfigurations',
] as const;
const KEPT_SETTINGS = [
  ...DEPLOYED_SETTINGS,
  'launchType',
  'enableExecuteCommand',
  'propagateTags',
  'enableECSManagedTags',
] as const;

/** States in which a service deployment cannot change any more. */
const FINAL: readonly ServiceDeployment['status'][] = [
  'SUCCESSFUL',
  'STOPPED',
  'ROLLBACK_SUCCESSFUL',
  'ROLLBACK_FAILED',
];

/** What a sandbox scripts of its services. */
export interface ServiceScript {
  /** What becomes of the tasks of the next deployment; may set the circuit breaker of the service. */
  nextFate(service: Service): Fate;
  /** How long a new service deployment is not found yet, in ms. */
  hiddenMs(): number;
}

/** Services, service deployments and service revisions. */
export function serviceOperations(
  world: World,
  state: EcsState,
  scheduler: Scheduler,
  script: ServiceScript,
): AwsHandlers {
  const serviceOf = (input: Input): Service => {
    const cluster = clusterOf(state, input);
    const service = findService(state, cluster, requiredText(input, 'service', 'Service'));
    if (!service) throw new AwsFault('ServiceNotFoundException', 'Service not found.');
    return service;
  };
  const activeService = (input: Input): Service => {
    const service = serviceOf(input);
    if (service.status !== 'ACTIVE') throw new AwsFault('ServiceNotActiveException', 'Service was not ACTIVE.');
    return service;
  };
  const visible = (deployed: ServiceDeployment) =>
    world.clock.now() >= deployed.createdAt + script.hiddenMs() || FINAL.includes(deployed.status);
  const findDeployed = (arn: string): { service: Service; deployed: ServiceDeployment } | null => {
    for (const service of state.services.values()) {
      const deployed = service.history.find((candidate) => candidate.arn === arn && visible(candidate));
      if (deployed) return { service, deployed };
    }
    return null;
  };

  return {
    CreateService(input, call) {
      const cluster = clusterOf(state, input);
      const name = requiredText(input, 'serviceName', 'Service name');
      if (findService(state, cluster, name)?.status === 'ACTIVE') {
        throw new AwsFault('InvalidParameterException', 'Creation of service was not idempotent.');
      }
      const definition = startableTaskDefinition(state, requiredText(input, 'taskDefinition', 'TaskDefinition'));
      const identity = { name, cluster };
      const service = scheduler.first(
        {
          ...identity,
          arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:service/${cluster.name}/${name}`,
          status: 'ACTIVE',
          controller: controllerOf(input),
          desiredCount: optionalCount(input, 'desiredCount') ?? 1,
          rolling: rollingUpdate(optionalObject(input, 'deploymentConfiguration'), DEFAULT_ROLLING),
          settings: settingsOf(input),
          createdAt: world.clock.now(),
          createdBy: call.principal.arn,
          events: [],
          history: [],
          stable: null,
          steady: false,
          tags: objectList(input, 'tags'),
        },
        scheduler.revision(identity, definition),
        'healthy',
        null,
      );
      state.services.set(service.arn, service);
      return { service: serviceView(state, service, ['TAGS'], visible) };
    },
    DeleteService(input) {
      const service = activeService(input);
      if (service.desiredCount > 0 && input.force !== true) {
        throw new AwsFault('InvalidParameterException', 'The service cannot be stopped while it is scaled above 0.');
      }
      service.desiredCount = 0;
      service.status = 'DRAINING';
      scheduler.attend(service);
      return { service: serviceView(state, service, ['TAGS'], visible) };
    },
    UpdateService(input) {
      const service = activeService(input);
      refuseController(service, input);
      const reference = optionalText(input, 'taskDefinition');
      const before = service.deployments[0].revision.definition;
      const definition = reference === null ? before : startableTaskDefinition(state, reference);
      const settings = settingsOf(input);
      const redeploy =
        input.forceNewDeployment === true ||
        definition !== before ||
        DEPLOYED_SETTINGS.some(
          (name) => name in settings && JSON.stringify(settings[name]) !== JSON.stringify(service.settings[name]),
        );
      Object.assign(service.settings, settings);
      service.desiredCount = optionalCount(input, 'desiredCount') ?? service.desiredCount;
      service.rolling = rollingUpdate(optionalObject(input, 'deploymentConfiguration'), service.rolling);
      if (redeploy) scheduler.deploy(service, scheduler.revision(service, definition), script.nextFate(service));
      else scheduler.attend(service);
      return { service: serviceView(state, service, ['TAGS'], visible) };
    },
    DescribeServices(input) {
      const cluster = clusterOf(state, input);
      const asked = textList(input, 'services');
      if (asked.length === 0) throw new AwsFault('InvalidParameterException', 'Services cannot be empty.');
      if (asked.length > MOST_SERVICES) {
        throw new AwsFault(
          'InvalidParameterException',
          `Services cannot contain more than ${String(MOST_SERVICES)} items.`,
        );
      }
      const include = textList(input, 'include');
      const found = asked.map((reference) => ({ reference, service: findService(state, cluster, reference) }));
      return {
        services: found.flatMap(({ service }) => (service ? [serviceView(state, service, include, visible)] : [])),
        failures: found
          .filter(({ service }) => !service)
          .map(({ reference }) => ({
            arn: reference.startsWith('arn:')
              ? reference
              : `arn:aws:ecs:${world.region}:${ACCOUNT}:service/${cluster.name}/${reference}`,
            reason: 'MISSING',
          })),
      };
    },
    ListServices(input) {
      const cluster = clusterOf(state, input);
      const arns = [...state.services.values()]
        .filter((service) => service.cluster === cluster && service.status === 'ACTIVE')
        .map((service) => service.arn);
      const { page, nextToken } = pageOf(arns, input, 100);
      return { serviceArns: page, nextToken };
    },
    ListServiceDeployments(input) {
      const service = serviceOf(input);
      const statuses = textList(input, 'status');
      const created = optionalObject(input, 'createdAt');
      const after = typeof created.after === 'number' ? created.after * 1000 : -Infinity;
      const before = typeof created.before === 'number' ? created.before * 1000 : Infinity;
      const history = service.controller === 'ECS' ? service.history : [];
      const found = history.filter(
        (deployed) =>
          visible(deployed) &&
          (statuses.length === 0 || statuses.includes(deployed.status)) &&
          deployed.createdAt >= after &&
          deployed.createdAt <= before,
      );
      const { page, nextToken } = pageOf(found, input, 100);
      return { serviceDeployments: page.map((deployed) => serviceDeploymentBrief(service, deployed)), nextToken };
    },
    DescribeServiceDeployments(input) {
      const asked = textList(input, 'serviceDeploymentArns');
      if (asked.length === 0 || asked.length > MOST_DEPLOYMENTS) {
        throw new AwsFault(
          'InvalidParameterException',
          `serviceDeploymentArns must contain 1 to ${String(MOST_DEPLOYMENTS)} items.`,
        );
      }
      const found = asked.map((arn) => ({ arn, match: findDeployed(arn) }));
      return {
        serviceDeployments: found.flatMap(({ match }) =>
          match ? [serviceDeploymentView(state, match.service, match.deployed)] : [],
        ),
        failures: found.filter(({ match }) => !match).map(({ arn }) => ({ arn, reason: 'MISSING' })),
      };
    },
    StopServiceDeployment(input) {
      const arn = requiredText(input, 'serviceDeploymentArn', 'Service deployment ARN');
      const how = optionalText(input, 'stopType') ?? 'ROLLBACK';
      if (how !== 'ROLLBACK' && how !== 'ABORT')
        throw new AwsFault('InvalidParameterException', `Invalid stopType: ${how}.`);
      const match = findDeployed(arn);
      if (!match) throw new AwsFault('ServiceDeploymentNotFoundException', 'Service deployment not found.');
      if (match.deployed.status !== 'PENDING' && match.deployed.status !== 'IN_PROGRESS') {
        throw new AwsFault(
          'ConflictException',
          `Service deployment cannot be stopped in the ${match.deployed.status} state.`,
        );
      }
      scheduler.halt(match.service, match.deployed, how);
      return { serviceDeploymentArn: arn };
    },
    DescribeServiceRevisions(input) {
      const asked = textList(input, 'serviceRevisionArns');
      if (asked.length === 0 || asked.length > MOST_DEPLOYMENTS) {
        throw new AwsFault(
          'InvalidParameterException',
          `serviceRevisionArns must contain 1 to ${String(MOST_DEPLOYMENTS)} items.`,
        );
      }
      const known = new Map(
        [...state.services.values()].flatMap((service) =>
          service.history.map(({ target }) => [target.arn, revisionView(service, target)] as const),
        ),
      );
      return {
        serviceRevisions: asked.flatMap((arn) => known.get(arn) ?? []),
        failures: asked.filter((arn) => !known.has(arn)).map((arn) => ({ arn, reason: 'MISSING' })),
      };
    },
  };
}

/** ECS's defaults for a REPLICA service on the rolling update controller (API_DeploymentConfiguration). */
const DEFAULT_ROLLING: RollingUpdate = {
  maximum: 200,
  minimumHealthy: 100,
  breaker: { enable: false, rollback: false },
};

const CONTROLLERS: readonly string[] = ['ECS', 'CODE_DEPLOY', 'EXTERNAL'] satisfies Controller[];

function controllerOf(input: Input): Controller {
  const type = optionalText(optionalObject(input, 'deploymentController'), 'type') ?? 'ECS';
  if (CONTROLLERS.includes(type)) return type as Controller;
  throw new AwsFault('InvalidParameterException', `Unknown deployment controller type: ${type}.`);
}

/** What UpdateService answers for a service that something else deploys (API_UpdateService). */
function refuseController({ controller }: Service, input: Input): void {
  if (controller === 'ECS') return;
  const instead = controller === 'CODE_DEPLOY' ? ' Use AWS CodeDeploy to trigger a new deployment.' : '';
  const refused = (what: string) =>
    new AwsFault(
      'InvalidParameterException',
      `${what} on services with ${controller === 'CODE_DEPLOY' ? 'a' : 'an'} ${controller} deployment controller.${instead}`,
    );
  if (input.forceNewDeployment === true) throw refused('Cannot force a new deployment');
  if (input.taskDefinition !== undefined) throw refused('Unable to update task definition');
}

/** A circuit breaker as UpdateService is given it. */
function breakerFrom(input: Input): RollingUpdate['breaker'] {
  const threshold = optionalObject(input, 'thresholdConfiguration');
  const type = optionalText(threshold, 'type') ?? 'BOUNDED_PERCENT';
  if (type !== 'COUNT' && type !== 'BOUNDED_PERCENT' && type !== 'UNBOUNDED_PERCENT') {
    throw new AwsFault('InvalidParameterException', `Unknown threshold type: ${type}.`);
  }
  return {
    enable: input.enable === true,
    rollback: input.rollback === true,
    ...('thresholdConfiguration' in input
      ? { thresholdConfiguration: { type, value: optionalCount(threshold, 'value') ?? 50 } }
      : {}),
  };
}

function rollingUpdate(input: Input, before: RollingUpdate): RollingUpdate {
  const breaker = optionalObject(input, 'deploymentCircuitBreaker');
  const given = 'deploymentCircuitBreaker' in input;
  return {
    maximum: optionalCount(input, 'maximumPercent') ?? before.maximum,
    minimumHealthy: optionalCount(input, 'minimumHealthyPercent') ?? before.minimumHealthy,
    breaker: given ? breakerFrom(breaker) : before.breaker,
  };
}

const settingsOf = (input: Input): Record<string, unknown> =>
  Object.fromEntries(KEPT_SETTINGS.filter((name) => input[name] !== undefined).map((name) => [name, input[name]]));
