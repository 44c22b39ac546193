/** `deploy status`: what the service runs, how its deployments stand, and whether its tasks hold the present secret. */
import type { Service, Task, TaskDefinition } from '@aws-sdk/client-ecs';
import { isInterruption, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { idOf, isoOf, openEcs, type EcsApi, type EcsTarget } from './api.ts';
import { currentSecret, holds, type CurrentSecret, type Holds, type SecretVersions } from './current.ts';
import { deploymentError } from './failure.ts';
import { deploymentsOf, primaryOf, type Deployment } from './history.ts';
import { condense } from './reason.ts';
import { stoppedTask, type StoppedTask } from './tasks.ts';
import { watchDeployment } from './watch.ts';

/** What {@link deployStatus} works on. */
export interface StatusRequest {
  target: EcsTarget;
  secret: string;
  /** The store of the secret; null where it is none that ECS reads from. */
  store: SecretVersions | null;
  /** First go on waiting for the deployment that is under way; how long, in ms. Null: only look. */
  waitMs: number | null;
}

/** A task of the service. Times are ISO 8601, UTC. */
export interface TaskStatus {
  taskId: string;
  lastStatus: string;
  health: string | null;
  createdAt: string | null;
  startedAt: string | null;
  /** The deployment that started it. */
  startedBy: string | null;
  /** `family:revision` */
  taskDefinition: string;
  /** What it holds of the secret; null where that cannot be told at all. */
  holds: Holds | null;
}

/** How a service and its deployments stand. */
export interface StatusResult {
  service: {
    cluster: string;
    name: string;
    status: string;
    controller: string;
    desired: number;
    running: number;
    pending: number;
    taskDefinition: string;
  };
  /** The deployment that the service goes towards, or has reached. */
  deployment: Deployment | null;
  /** The one before it, where ECS still knows it. */
  previous: Deployment | null;
  /** Null where the secret is in another store, or cannot be looked at. */
  secret: CurrentSecret | null;
  /** Tasks that run or start, oldest first. */
  tasks: TaskStatus[];
  /** Tasks that stopped against the will of the service, newest first; AWS keeps them for about an hour. */
  failed: (StoppedTask & { stoppedAt: string | null; startedBy: string | null })[];
  /** The newest, newest first. */
  events: { at: string | null; text: string }[];
  /** What could not be found out, and why. */
  notes: string[];
}

/** How far back deployments are looked for, in ms, and how many events are told. */
const BACK_MS = 30 * 86_400_000;
const MOST_EVENTS = 5;

/**
 * Look at a service and its deployments; nothing is changed.
 * @throws JamfMcpError NOT_FOUND, ACCESS_DENIED …; with `waitMs` what a deployment ends with other than steady
 */
export async function deployStatus(request: StatusRequest, context: Context): Promise<StatusResult> {
  const { target, waitMs } = request;
  const ecs = await openEcs(target, context);
  try {
    if (waitMs !== null) await waitOn(ecs, target, waitMs, context);
    const service = await ecs.describeService();
    const controller = service.deploymentController?.type ?? 'ECS';
    const notes = controller === 'ECS' ? [] : [`it is deployed by ${controller}, which alone knows its deployments`];
    const since = new Date(context.clock.now() - BACK_MS);
    const deployments = await deploymentsOf(ecs, service, since, context);
    const primary = primaryOf(service)?.id;
    const present = deployments.find(({ id }) => id !== null && id === primary) ?? deployments[0] ?? null;
    const previous = deployments.find((one) => one !== present && one.startedAt <= (present?.startedAt ?? '')) ?? null;
    const running = await ecs.describeTasks(await ecs.listTaskArns('RUNNING'));
    const stopped = await ecs.describeTasks(await ecs.listTaskArns('STOPPED'));
    const secret = await secretOf(request, running, notes, context);
    return {
      service: {
        cluster: target.cluster,
        name: target.service,
        status: service.status ?? 'UNKNOWN',
        controller,
        desired: service.desiredCount ?? 0,
        running: service.runningCount ?? 0,
        pending: service.pendingCount ?? 0,
        taskDefinition: idOf(service.taskDefinition ?? ''),
      },
      deployment: present,
      previous,
      secret,
      tasks: await tasksWith(ecs, running, secret, notes, context),
      failed: failedOf(stopped),
      events: eventsOf(service),
      notes,
    };
  } finally {
    ecs.close();
  }
}

/** Whether there is something to see to: a failed deployment, or a running task with another value. */
export function needsAttention({ deployment, tasks }: StatusResult): boolean {
  const bad = deployment !== null && (deployment.state === 'failed' || deployment.state === 'rolled-back');
  return bad || tasks.some(({ holds: held }) => held === 'old');
}

async function waitOn(ecs: EcsApi, target: EcsTarget, limitMs: number, context: Context): Promise<void> {
  const primary = primaryOf(await ecs.describeService());
  if (primary?.rolloutState !== 'IN_PROGRESS' || !primary.id || !primary.createdAt) return;
  const started = { id: primary.id, startedAt: primary.createdAt.toISOString() };
  const ended = await watchDeployment(target, started, context, { limitMs });
  if (ended.state !== 'steady') {
    throw deploymentError(target, { ...ended, state: ended.state }, { details: { deployment: ended } });
  }
}

async function secretOf(
  { target, secret, store }: StatusRequest,
  running: readonly Task[],
  notes: string[],
  context: Context,
): Promise<CurrentSecret | null> {
  if (!store) {
    notes.push('the secret is in a store that ECS does not read from: what tasks hold is not known');
    return null;
  }
  try {
    const starts = running.flatMap(({ createdAt }) => isoOf(createdAt) ?? []);
    const found = await currentSecret(store, secret, target.aws, starts, context);
    if (!found) notes.push(`nothing of ${secret} carries AWSCURRENT`);
    return found;
  } catch (error) {
    if (isInterruption(error)) throw error;
    notes.push(`what tasks hold of ${secret} is not known: ${messageOf(error)}`);
    return null;
  }
}

async function tasksWith(
  ecs: EcsApi,
  running: readonly Task[],
  secret: CurrentSecret | null,
  notes: string[],
  context: Context,
): Promise<TaskStatus[]> {
  const definitions = new Map<string, TaskDefinition | null>();
  for (const { taskDefinitionArn = '' } of secret ? running : []) {
    if (definitions.has(taskDefinitionArn)) continue;
    try {
      definitions.set(taskDefinitionArn, await ecs.describeTaskDefinition(taskDefinitionArn));
    } catch (error) {
      context.signal.throwIfAborted();
      definitions.set(taskDefinitionArn, null);
      notes.push(`${idOf(taskDefinitionArn)} cannot be read: ${messageOf(error)}`);
    }
  }
  return running
    .map((task): TaskStatus => {
      const { taskArn = '', taskDefinitionArn = '' } = task;
      const times = { createdAt: isoOf(task.createdAt), startedAt: isoOf(task.startedAt) };
      const definition = definitions.get(taskDefinitionArn) ?? null;
      return {
        taskId: idOf(taskArn),
        lastStatus: task.lastStatus ?? 'UNKNOWN',
        health: task.healthStatus ?? null,
        ...times,
        startedBy: task.startedBy ?? null,
        taskDefinition: idOf(taskDefinitionArn),
        holds: secret ? holds({ ...times, definition }, secret) : null,
      };
    })
    .sort((a, b) => ((a.createdAt ?? '') < (b.createdAt ?? '') ? -1 : 1));
}

const failedOf = (stopped: readonly Task[]): StatusResult['failed'] =>
  stopped
    .flatMap((task) => {
      const failed = stoppedTask(task);
      return failed ? [{ ...failed, stoppedAt: isoOf(task.stoppedAt), startedBy: task.startedBy ?? null }] : [];
    })
    .sort((a, b) => ((a.stoppedAt ?? '') < (b.stoppedAt ?? '') ? 1 : -1));

const eventsOf = ({ events = [] }: Service): StatusResult['events'] =>
  events
    .slice(0, MOST_EVENTS)
    .map(({ createdAt, message = '' }) => ({ at: isoOf(createdAt), text: condense(message) }));
