/** The service scheduler of the sandbox's ECS: rolling updates, the circuit breaker, rollbacks, and the events it writes. */
import type { Deployment, EcsState, Fate, Revision, Service, ServiceDeployment, Task } from './ecs-model.ts';
import type { TaskEngine, TaskNews } from './ecs-tasks.ts';
import { ACCOUNT, type World } from './service.ts';

/** Milliseconds at speed 1: how long the scheduler takes to notice a change, and how long calm must last to be steady. */
const NOTICE_MS = 400;
const STEADY_MS = 1_000;

/** After each failure in a row the scheduler waits twice as long before it launches again (ECS: "service throttle logic"). */
const MOST_DOUBLINGS = 8;

/** Failures in a row after which ECS says that a service cannot start its tasks. */
const THROTTLE_EVENT_AFTER = 4;

/** A service shows its 100 newest events (API_Service, `events`). */
const MOST_EVENTS = 100;

/** The scheduler of all services. */
export interface Scheduler {
  /**
   * Begin a deployment: what UpdateService does with forceNewDeployment or another task definition.
   * @param fate - what becomes of its tasks
   */
  deploy(service: Service, revision: Revision, fate: Fate): Deployment;
  /**
   * The first deployment of a service.
   * @param doneAt - for a service that was there before the sandbox: when that deployment was completed; else null
   */
  first(service: Omit<Service, 'deployments'>, revision: Revision, fate: Fate, doneAt: number | null): Service;
  /** A new revision of a service, with an ARN of its own. */
  revision(service: Pick<Service, 'name' | 'cluster'>, definition: Revision['definition']): Revision;
  /** Look at a service again soon, such as after its desired count changed. */
  attend(service: Service): void;
  /** What a task engine tells. */
  hear(task: Task, news: TaskNews): void;
  /** Stop a deployment on request: roll back, or just end it. */
  halt(service: Service, halted: ServiceDeployment, how: 'ROLLBACK' | 'ABORT'): void;
}

/** @param engine - starts and stops the tasks; asked for at each use, for it is built with this scheduler's `hear` */
export function createScheduler(world: World, state: EcsState, engine: () => TaskEngine): Scheduler {
  const { clock, random } = world;
  /** Per service: the look that is due, and the calm that is being watched. */
  const due = new Map<Service, () => void>();
  const calm = new Map<Service, () => void>();
  /** Per deployment id: tasks that failed one after the other, crashes included; and failures that the breaker counts. */
  const inARow = new Map<string, number>();
  const broken = new Map<string, number>();

  const tasksOf = (service: Service) => state.tasks.filter((task) => belongs(task, service));
  const deploymentOf = (task: Task, service: Service) =>
    service.deployments.find((deployment) => deployment.id === task.startedBy);

  function say(service: Service, text: string): void {
    service.events.unshift({ id: random.uuid(), createdAt: clock.now(), message: `(service ${service.name}) ${text}` });
    service.events.length = Math.min(service.events.length, MOST_EVENTS);
  }

  function mark(deployment: Deployment, rolloutState: Deployment['rolloutState'], reason: string): void {
    deployment.rolloutState = rolloutState;
    deployment.rolloutStateReason = reason;
    deployment.updatedAt = clock.now();
  }

  function end(deployed: ServiceDeployment, status: ServiceDeployment['status'], reason: string | null): void {
    deployed.status = status;
    deployed.statusReason = reason;
    deployed.updatedAt = clock.now();
    const at = status === 'STOPPED' || status === 'ROLLBACK_FAILED' ? 'stoppedAt' : 'finishedAt';
    deployed[at] = clock.now();
  }

  const newDeployment = (revision: Revision, fate: Fate, serviceDeployment: ServiceDeployment): Deployment => {
    const id = `ecs-svc/${String(1 + random.integer(9))}${random.text(18, '0123456789')}`;
    return {
      id,
      status: 'PRIMARY',
      revision,
      createdAt: clock.now(),
      updatedAt: clock.now(),
      rolloutState: 'IN_PROGRESS',
      rolloutStateReason: `ECS deployment ${id} in progress.`,
      failedTasks: 0,
      fate,
      serviceDeployment,
    };
  };

  function newServiceDeployment(
    service: Pick<Service, 'name' | 'cluster' | 'rolling' | 'desiredCount'>,
    target: Revision,
    sources: Revision[],
  ): ServiceDeployment {
    return {
      arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:service-deployment/${service.cluster.name}/${service.name}/${random.text(21)}`,
      createdAt: clock.now(),
      updatedAt: clock.now(),
      startedAt: null,
      finishedAt: null,
      stoppedAt: null,
      status: 'PENDING',
      statusReason: null,
      sources,
      target,
      rollback: null,
      breaker: {
        status: service.rolling.breaker.enable ? 'MONITORING' : 'DISABLED',
        failures: 0,
        threshold: breakerThreshold(service),
      },
    };
  }

  function replacePrimary(service: Service, primary: Deployment): void {
    for (const deployment of service.deployments) deployment.status = 'ACTIVE';
    service.deployments = [primary, ...service.deployments];
    service.steady = false;
    attend(service);
  }

  function attend(service: Service, delayMs = NOTICE_MS): void {
    due.get(service)?.();
    due.set(
      service,
      clock.after(delayMs, () => {
        due.delete(service);
        reconcile(service);
      }),
    );
  }

  /** One look at a service: launch what is missing, stop what is too much, drop what is drained, see whether all is calm. */
  function reconcile(service: Service): void {
    const [primary, ...older] = service.deployments;
    const tasks = tasksOf(service).filter((task) => task.desiredStatus === 'RUNNING');
    const mine = tasks.filter((task) => task.startedBy === primary.id);
    const others = tasks.filter((task) => task.startedBy !== primary.id);
    const healthy = mine.filter(isUp).length;
    const { desiredCount, rolling } = service;

    if (primary.serviceDeployment.status === 'PENDING') {
      primary.serviceDeployment.status = 'IN_PROGRESS';
      primary.serviceDeployment.startedAt = primary.serviceDeployment.updatedAt = clock.now();
    }

    const serving = others.filter(isUp);
    const spare = healthy + serving.length - Math.ceil((desiredCount * rolling.minimumHealthy) / 100);
    const superseded = others.filter((task) => !isUp(task));
    drain(service, primary, [...superseded, ...serving.slice(0, Math.max(0, spare)), ...mine.slice(desiredCount)]);

    if (primary.rolloutState !== 'FAILED') {
      const room = Math.max(desiredCount, Math.floor((desiredCount * rolling.maximum) / 100));
      const live = tasks.filter((task) => task.desiredStatus === 'RUNNING').length;
      start(service, primary, Math.min(desiredCount - mine.length, room - live));
    }

    const busy = new Set(
      tasksOf(service)
        .filter((task) => task.lastStatus !== 'STOPPED')
        .map((task) => task.startedBy),
    );
    service.deployments = [primary, ...older.filter((deployment) => busy.has(deployment.id))];
    const left = tasksOf(service).filter((task) => task.lastStatus !== 'STOPPED').length;
    if (service.status === 'DRAINING' && left === 0) service.status = 'INACTIVE';
    watchCalm(service, service.deployments.length === 1 && healthy === desiredCount && left === desiredCount);
  }

  function start(service: Service, primary: Deployment, count: number): void {
    if (count <= 0) return;
    const launched = Array.from({ length: count }, () =>
      engine().launch({
        definition: primary.revision.definition,
        clusterArn: service.cluster.arn,
        service,
        startedBy: primary.id,
        group: `service:${service.name}`,
        overrides: {},
        fate: primary.fate,
      }),
    );
    state.tasks.push(...launched);
    say(service, `has started ${String(count)} tasks: ${named(launched)}.`);
  }

  function drain(service: Service, primary: Deployment, stopped: readonly Task[]): void {
    if (stopped.length === 0) return;
    for (const task of stopped) {
      const reason = `Scaling activity initiated by (deployment ${primary.id})`;
      engine().stop(task, { code: 'ServiceSchedulerInitiated', reason, exitCode: 0 });
    }
    say(service, `has stopped ${String(stopped.length)} running tasks: ${named(stopped)}.`);
  }

  function watchCalm(service: Service, isCalm: boolean): void {
    if (!isCalm) {
      calm.get(service)?.();
      calm.delete(service);
      service.steady = false;
      return;
    }
    if (service.steady || calm.has(service)) return;
    calm.set(
      service,
      clock.after(STEADY_MS, () => {
        calm.delete(service);
        service.steady = true;
        complete(service, service.deployments[0]);
        say(service, 'has reached a steady state.');
      }),
    );
  }

  function complete(service: Service, primary: Deployment): void {
    if (primary.rolloutState !== 'IN_PROGRESS') return;
    mark(primary, 'COMPLETED', `ECS deployment ${primary.id} completed.`);
    service.stable = { revision: primary.revision, deploymentId: primary.id };
    const deployed = primary.serviceDeployment;
    if (deployed.breaker.status === 'MONITORING') deployed.breaker.status = 'MONITORING_COMPLETE';
    if (deployed.rollback) end(deployed, 'ROLLBACK_SUCCESSFUL', deployed.statusReason);
    else end(deployed, 'SUCCESSFUL', null);
    say(service, `(deployment ${primary.id}) deployment completed.`);
  }

  function countFailure(service: Service, deployment: Deployment, countsForBreaker: boolean): void {
    const row = (inARow.get(deployment.id) ?? 0) + 1;
    inARow.set(deployment.id, row);
    deployment.failedTasks += 1;
    deployment.updatedAt = clock.now();
    if (row === THROTTLE_EVENT_AFTER) {
      say(
        service,
        'is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.',
      );
    }
    const { breaker } = deployment.serviceDeployment;
    if (countsForBreaker && breaker.status !== 'DISABLED' && deployment.rolloutState === 'IN_PROGRESS') {
      const failures = (broken.get(deployment.id) ?? 0) + 1;
      broken.set(deployment.id, failures);
      if (breaker.status === 'MONITORING') breaker.failures = failures;
      if (failures >= breaker.threshold) breakCircuit(service, deployment);
    }
    attend(service, NOTICE_MS * 2 ** Math.min(row, MOST_DOUBLINGS));
  }

  function breakCircuit(service: Service, deployment: Deployment): void {
    const deployed = deployment.serviceDeployment;
    deployed.breaker.status = 'TRIGGERED';
    mark(deployment, 'FAILED', 'ECS deployment circuit breaker: tasks failed to start.');
    say(service, `(deployment ${deployment.id}) deployment failed: tasks failed to start.`);
    const reason = 'because the circuit breaker threshold was exceeded.';
    if (deployed.rollback) end(deployed, 'ROLLBACK_FAILED', `Service deployment rollback failed ${reason}`);
    else if (service.rolling.breaker.rollback && service.stable) {
      rollBack(service, deployment, `Service deployment rolled back ${reason}`);
      service.deployments[0].rolloutStateReason = `ECS deployment circuit breaker: rolling back to deploymentId ${service.stable.deploymentId}.`;
    } else end(deployed, 'STOPPED', `Service deployment stopped ${reason}`);
  }

  /** The last completed revision comes back as a new deployment; its tasks read their secrets anew. */
  function rollBack(service: Service, failed: Deployment, reason: string): void {
    const { stable } = service;
    if (!stable) return;
    const deployed = failed.serviceDeployment;
    deployed.status = 'ROLLBACK_IN_PROGRESS';
    deployed.statusReason = reason;
    deployed.updatedAt = clock.now();
    deployed.rollback = { reason, startedAt: clock.now(), revision: stable.revision };
    say(service, `rolling back to deployment ${stable.deploymentId}.`);
    replacePrimary(service, newDeployment(stable.revision, 'healthy', deployed));
  }

  /** What a task's news mean for the deployment it belongs to. */
  const REACTIONS: Partial<Record<TaskNews, (service: Service, deployment: Deployment, task: Task) => void>> = {
    running: (_service, deployment) => {
      // API_Deployment, failedTasks: back to zero once a task runs; with a health check that means once it is healthy,
      // but a task that crashes after it ran was running all the same (aws/containers-roadmap#1206).
      if (deployment.fate !== 'unhealthy') deployment.failedTasks = 0;
    },
    healthy: (_service, deployment) => {
      inARow.delete(deployment.id);
    },
    'failed-to-start': (service, deployment, task) => {
      say(service, `was unable to place a task. Reason: ${task.stoppedReason ?? ''}.`);
      countFailure(service, deployment, true);
    },
    unhealthy: (service, deployment, task) => {
      say(service, `(task ${task.id}) failed container health checks.`);
      countFailure(service, deployment, true);
    },
    exited: (service, deployment) => {
      countFailure(service, deployment, false);
    },
  };

  return {
    attend,
    revision: (service, definition) => ({
      arn: `arn:aws:ecs:${world.region}:${ACCOUNT}:service-revision/${service.cluster.name}/${service.name}/${String(1 + random.integer(9))}${random.text(18, '0123456789')}`,
      definition,
      createdAt: clock.now(),
    }),
    first(service, revision, fate, doneAt) {
      const deployed = newServiceDeployment(service, revision, []);
      const primary = newDeployment(revision, fate, deployed);
      const created: Service = { ...service, deployments: [primary], history: [deployed] };
      if (doneAt === null) {
        attend(created);
        return created;
      }
      complete(created, primary);
      created.steady = true;
      Object.assign(primary, { createdAt: service.createdAt, updatedAt: doneAt });
      Object.assign(deployed, {
        createdAt: service.createdAt,
        startedAt: service.createdAt,
        finishedAt: doneAt,
        updatedAt: doneAt,
      });
      for (const event of created.events) event.createdAt = doneAt;
      return created;
    },
    deploy(service, revision, fate) {
      const [before] = service.deployments;
      const sources = [...new Set(service.deployments.map((deployment) => deployment.revision))];
      if (before.rolloutState === 'IN_PROGRESS') {
        end(
          before.serviceDeployment,
          'STOPPED',
          'Service deployment stopped because a new service deployment started.',
        );
      }
      const deployed = newServiceDeployment(service, revision, sources);
      service.history.unshift(deployed);
      const deployment = newDeployment(revision, fate, deployed);
      replacePrimary(service, deployment);
      return deployment;
    },
    hear(task, news) {
      const service = [...state.services.values()].find((candidate) => belongs(task, candidate));
      if (!service) return;
      const deployment = deploymentOf(task, service);
      if (deployment) REACTIONS[news]?.(service, deployment, task);
      if (news === 'healthy' || news === 'stopped' || news === 'unhealthy' || news === 'exited') {
        if (!due.has(service)) attend(service);
      }
    },
    halt(service, halted, how) {
      const [primary] = service.deployments;
      halted.status = how === 'ROLLBACK' ? 'ROLLBACK_REQUESTED' : 'STOP_REQUESTED';
      halted.updatedAt = clock.now();
      clock.after(NOTICE_MS, () => {
        if (primary.serviceDeployment !== halted || service.deployments[0] !== primary) return;
        mark(primary, 'FAILED', `ECS deployment ${primary.id} stopped by user.`);
        if (how === 'ROLLBACK' && service.stable)
          rollBack(service, primary, 'Service deployment rolled back because of a user request.');
        else end(halted, 'STOPPED', 'Service deployment stopped because of a user request.');
      });
    },
  };
}

/**
 * Half the desired count, at least 3 and at most 200 (ECS developer guide, "How the deployment circuit breaker detects
 * failures"), unless the service sets it (API_ThresholdConfiguration).
 */
function breakerThreshold({ desiredCount, rolling }: Pick<Service, 'desiredCount' | 'rolling'>): number {
  const { type, value } = rolling.breaker.thresholdConfiguration ?? { type: 'BOUNDED_PERCENT', value: 50 };
  if (type === 'COUNT') return value;
  const part = Math.ceil((desiredCount * value) / 100);
  return type === 'UNBOUNDED_PERCENT' ? part : Math.min(200, Math.max(3, part));
}

const belongs = (task: Task, service: Service) =>
  task.serviceName === service.name && task.clusterArn === service.cluster.arn;

/** Running, and healthy where the definition checks health. */
const isUp = (task: Task) =>
  task.lastStatus === 'RUNNING' &&
  (task.health === 'HEALTHY' || !task.definition.containers.some((container) => container.healthCheck));

const named = (tasks: readonly Task[]) => tasks.map((task) => `(task ${task.id})`).join(' ');
