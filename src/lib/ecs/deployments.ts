/**
 * Deployments of an ECS service: force one, and follow it by its own id until it is over. “The service is stable” is not
 * the question: a rollback leaves a stable service too (facts/rotation.md §2d).
 */
import type { Deployment as EcsDeployment, Service, ServiceDeployment } from '@aws-sdk/client-ecs';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { condense, kindOf, shortly } from './reason.ts';
import { openEcs, type EcsApi, type EcsTarget } from './api.ts';
import { stoppedTask, type StoppedTask } from './tasks.ts';

/** How a deployment can end. */
export type DeploymentState = 'steady' | 'failed' | 'rolled-back' | 'superseded' | 'timed-out';

/** A deployment that was asked for. */
export interface StartedDeployment {
  /** `ecs-svc/…`, what its tasks carry in `startedBy`. */
  id: string;
  /** When ECS created it, by its own clock: ISO 8601, UTC. */
  startedAt: string;
}

/** A deployment that is over. */
export interface FinishedDeployment extends StartedDeployment {
  state: DeploymentState;
  /** ISO 8601, UTC. */
  finishedAt: string;
  /** Tasks of this deployment when it was last seen. */
  running: number;
  desired: number;
  /** Why it ended other than steady: the whole text; null for steady. */
  reason: string | null;
  /** Tasks of this deployment that stopped against its will, in the order seen. */
  stopped: readonly StoppedTask[];
}

/** What is known of a service before anything is asked of it. */
export interface ServiceOutlook {
  desired: number;
  running: number;
  /** A deployment that is still under way: a new one takes its place. */
  underway: string | null;
}

/** Time that a deployment is given, in ms, unless told otherwise. */
export const DEPLOYMENT_LIMIT_MS = 15 * 60_000;

/** Pause between two looks, in ms: a tenth of the time since the start, between these. */
const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;

/** A deployment that has never been seen may still appear for this long, in ms. */
const APPEARS_WITHIN_MS = 30_000;

/** A service deployment is created together with the deployment; this much apart at most, in ms. */
const SAME_MOMENT_MS = 2_000;

/**
 * Look whether a new deployment can be forced on a service.
 * @throws JamfMcpError NOT_FOUND; INPUT_INVALID where it is being deleted or something other than ECS deploys it
 */
export async function inspectService(target: EcsTarget, context: Context): Promise<ServiceOutlook> {
  const ecs = await openEcs(target, context);
  try {
    const service = await ecs.describeService();
    const about = `ECS service ${target.cluster}/${target.service}`;
    const controller = service.deploymentController?.type ?? 'ECS';
    if (service.status !== 'ACTIVE') {
      throw new JamfMcpError(
        'INPUT_INVALID',
        `${about} is ${service.status ?? 'gone'} and takes no deployment`,
        'name another with --service',
      );
    }
    if (controller !== 'ECS') {
      throw new JamfMcpError(
        'INPUT_INVALID',
        `${about} is deployed by ${controller}, so a new deployment cannot be forced`,
        'rotate without --force-deploy, then deploy the way that is usual for this service',
      );
    }
    const underway = service.deployments?.find(
      ({ status, rolloutState }) => status === 'PRIMARY' && rolloutState === 'IN_PROGRESS',
    );
    return { desired: service.desiredCount ?? 0, running: service.runningCount ?? 0, underway: underway?.id ?? null };
  } finally {
    ecs.close();
  }
}

/**
 * Start new tasks with the task definition the service has: they read the secret as it is now.
 * @returns the new deployment, to be handed to {@link watchDeployment}
 * @throws JamfMcpError NOT_FOUND, ACCESS_DENIED, …
 */
export async function forceDeployment(target: EcsTarget, context: Context): Promise<StartedDeployment> {
  const ecs = await openEcs(target, context);
  try {
    const service = await ecs.forceNewDeployment();
    const primary = service.deployments?.find(({ status }) => status === 'PRIMARY');
    if (!primary?.id || !primary.createdAt) {
      throw new JamfMcpError(
        'REMOTE_FAILED',
        'ECS accepted the new deployment but did not name it',
        'look at the service, then repeat the command',
      );
    }
    return { id: primary.id, startedAt: primary.createdAt.toISOString() };
  } finally {
    ecs.close();
  }
}

/**
 * Follow a deployment until it is over, telling the host task counts, service events and stopped tasks as they come.
 * @param deployment - as {@link forceDeployment} gave it
 * @param options - `limitMs`: how long to wait, 15 minutes unless given
 * @returns how it ended; a failure is a result, not an error
 * @throws JamfMcpError where ECS cannot be asked any more (ACCESS_DENIED, NOT_FOUND …); INTERRUPTED
 */
export async function watchDeployment(
  target: EcsTarget,
  deployment: StartedDeployment,
  context: Context,
  options: { limitMs?: number } = {},
): Promise<FinishedDeployment> {
  const limitMs = options.limitMs ?? DEPLOYMENT_LIMIT_MS;
  const { clock, host, signal } = context;
  const begun = clock.now();
  const memory = freshMemory(deployment);
  const ecs = await openEcs(target, context);
  try {
    for (;;) {
      let verdict: Verdict | null = null;
      try {
        verdict = await look(ecs, memory, clock.now() - begun, context);
      } catch (error) {
        if (!isPassing(error)) throw error;
        host.notify({ kind: 'debug', text: `ecs: looking again after: ${messageOf(error)}` });
      }
      const elapsed = clock.now() - begun;
      verdict ??= elapsed >= limitMs ? timedOut(memory, limitMs) : null;
      if (verdict) {
        const { running, desired, stopped } = memory;
        return {
          ...deployment,
          ...verdict,
          finishedAt: new Date(clock.now()).toISOString(),
          running,
          desired,
          stopped,
        };
      }
      const pause = Math.min(Math.max(elapsed / 10, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS, limitMs - elapsed);
      await clock.sleep(pause, signal);
    }
  } catch (error) {
    if (error instanceof JamfMcpError || !isInterruption(error)) throw error;
    throw new JamfMcpError('INTERRUPTED', `interrupted; the deployment ${deployment.id} goes on without us`, null, {
      cause: error,
    });
  } finally {
    ecs.close();
  }
}

/** What a watch remembers from one look to the next. */
interface Memory {
  readonly deployment: StartedDeployment;
  seen: boolean;
  running: number;
  desired: number;
  counts: string;
  /** Null where ECS does not answer for service deployments, undefined until ours is found. */
  serviceDeploymentArn: string | null | undefined;
  readonly events: Set<string>;
  readonly stoppedArns: Set<string>;
  readonly stopped: StoppedTask[];
}

const freshMemory = (deployment: StartedDeployment): Memory => ({
  deployment,
  seen: false,
  running: 0,
  desired: 0,
  counts: '',
  serviceDeploymentArn: undefined,
  events: new Set(),
  stoppedArns: new Set(),
  stopped: [],
});

interface Verdict {
  state: DeploymentState;
  reason: string | null;
}

async function look(ecs: EcsApi, memory: Memory, elapsedMs: number, context: Context): Promise<Verdict | null> {
  const service = await ecs.describeService();
  const serviceDeployment = await findServiceDeployment(ecs, memory, context);
  const ours = service.deployments?.find(({ id }) => id === memory.deployment.id);
  tellEvents(service, memory, context);
  if (ours) {
    memory.seen = true;
    memory.running = ours.runningCount ?? 0;
    memory.desired = ours.desiredCount ?? 0;
    tellCounts(ours, service, memory, context);
  }
  await tellStoppedTasks(ecs, memory, context);
  return judge({
    id: memory.deployment.id,
    service,
    serviceDeployment,
    missing: !ours && (memory.seen || elapsedMs > APPEARS_WITHIN_MS),
  });
}

/** What one look saw; {@link judge} needs nothing else. */
export interface Sighting {
  id: string;
  service: Service;
  /** Ours, where ECS tells of it. */
  serviceDeployment: ServiceDeployment | null;
  /** The deployment was in the service's list and is no longer, or should long have appeared. */
  missing: boolean;
}

/**
 * Decide whether a deployment is over.
 * @returns how it ended, or null while it goes on
 */
export function judge({ id, service, serviceDeployment, missing }: Sighting): Verdict | null {
  if (service.status === 'DRAINING' || service.status === 'INACTIVE') {
    return { state: 'failed', reason: `the service is ${service.status}: somebody is deleting it` };
  }
  const told = serviceDeployment && VERDICTS[serviceDeployment.status ?? ''];
  if (told === 'wait') return null;
  if (told) return { state: told, reason: told === 'steady' ? null : reasonOf(service, id, serviceDeployment) };
  const ours = service.deployments?.find((deployment) => deployment.id === id);
  const primary = service.deployments?.find(({ status }) => status === 'PRIMARY');
  if (ours?.rolloutState === 'COMPLETED') return { state: 'steady', reason: null };
  if (ours?.rolloutState === 'FAILED' && !rollsBack(service))
    return { state: 'failed', reason: reasonOf(service, id, serviceDeployment) };
  if (ours && ours === primary) return settledWithoutRollout(ours, service) ? { state: 'steady', reason: null } : null;
  if (!ours && !missing) return null;
  if (
    ours?.rolloutState === 'FAILED' ||
    failureEvent(service, id) ||
    ROLLING_BACK.test(primary?.rolloutStateReason ?? '')
  ) {
    const over = primary?.rolloutState !== 'IN_PROGRESS';
    return over ? { state: 'rolled-back', reason: reasonOf(service, id, serviceDeployment) } : null;
  }
  const other = primary?.id ?? 'none that ECS names';
  return { state: 'superseded', reason: `another deployment took its place: ${other}` };
}

/** What the status of a service deployment means for us; IN_PROGRESS and PENDING leave it to the deployment itself. */
const VERDICTS: Readonly<Record<string, DeploymentState | 'wait'>> = {
  SUCCESSFUL: 'steady',
  STOPPED: 'failed',
  ROLLBACK_FAILED: 'failed',
  ROLLBACK_SUCCESSFUL: 'rolled-back',
  STOP_REQUESTED: 'wait',
  ROLLBACK_REQUESTED: 'wait',
  ROLLBACK_IN_PROGRESS: 'wait',
};

const ROLLING_BACK = /roll(ing|ed)? ?back/i;

/** The event that stays in the service's list when the failed deployment itself is gone from it. */
const failureEvent = ({ events = [] }: Service, id: string) =>
  events.find(({ message = '' }) => message.includes(`(deployment ${id}) deployment failed`));

const rollsBack = ({ deploymentConfiguration: configuration }: Service) =>
  configuration?.deploymentCircuitBreaker?.rollback === true || configuration?.alarms?.rollback === true;

/** Services behind a Classic Load Balancer have no rolloutState: then the counts decide. */
function settledWithoutRollout(ours: EcsDeployment, { deployments = [] }: Service): boolean {
  const others = deployments.filter((deployment) => deployment !== ours && (deployment.runningCount ?? 0) > 0);
  return (
    ours.rolloutState === undefined &&
    ours.runningCount === ours.desiredCount &&
    ours.pendingCount === 0 &&
    others.length === 0
  );
}

function reasonOf(service: Service, id: string, serviceDeployment: ServiceDeployment | null): string {
  const ours = service.deployments?.find((deployment) => deployment.id === id);
  const primary = service.deployments?.find(({ status }) => status === 'PRIMARY');
  return (
    serviceDeployment?.statusReason ??
    serviceDeployment?.rollback?.reason ??
    ours?.rolloutStateReason ??
    failureEvent(service, id)?.message ??
    primary?.rolloutStateReason ??
    'ECS gives no reason'
  );
}

function timedOut({ running, desired, stopped }: Memory, limitMs: number): Verdict {
  const crashes = stopped.length === 0 ? '' : `, and ${String(stopped.length)} of its tasks stopped meanwhile`;
  const reason = `not steady after ${String(Math.round(limitMs / 1000))} s: ${String(running)} of ${String(desired)} tasks running${crashes}`;
  return { state: 'timed-out', reason };
}

/** ECS gives service deployments their own ids; ours is the one that was created at the same moment. */
async function findServiceDeployment(ecs: EcsApi, memory: Memory, context: Context): Promise<ServiceDeployment | null> {
  if (memory.serviceDeploymentArn === null) return null;
  try {
    if (memory.serviceDeploymentArn === undefined) {
      const started = Date.parse(memory.deployment.startedAt);
      const distance = ({ createdAt }: { createdAt?: Date | undefined }) =>
        Math.abs((createdAt?.getTime() ?? 0) - started);
      const [nearest] = (await ecs.listServiceDeployments(new Date(started - SAME_MOMENT_MS)))
        .filter((candidate) => distance(candidate) <= SAME_MOMENT_MS)
        .sort((a, b) => distance(a) - distance(b));
      memory.serviceDeploymentArn = nearest?.serviceDeploymentArn;
    }
    return memory.serviceDeploymentArn ? await ecs.describeServiceDeployment(memory.serviceDeploymentArn) : null;
  } catch (error) {
    if (isInterruption(error) || isPassing(error)) throw error;
    context.host.notify({ kind: 'debug', text: `ecs: going on without service deployments: ${messageOf(error)}` });
    memory.serviceDeploymentArn = null;
    return null;
  }
}

async function tellStoppedTasks(ecs: EcsApi, memory: Memory, context: Context): Promise<void> {
  const fresh = (await ecs.listTaskArns('STOPPED')).filter((arn) => !memory.stoppedArns.has(arn));
  for (const task of await ecs.describeTasks(fresh)) {
    if (task.lastStatus === 'STOPPED') memory.stoppedArns.add(task.taskArn ?? '');
    const stopped = task.startedBy === memory.deployment.id ? stoppedTask(task) : null;
    if (!stopped) continue;
    const alike = memory.stopped.filter(({ reason }) => kindOf(reason) === kindOf(stopped.reason)).length;
    memory.stopped.push(stopped);
    context.host.notify(
      alike === 0
        ? { kind: 'warning', text: tellStopped(stopped) }
        : { kind: 'progress', text: `task ${stopped.taskId} stopped for the same reason, ${String(alike + 1)} by now` },
    );
  }
}

/** A stopped task in one line: the text of ECS, said once but whole, then what it means. */
export function tellStopped({ taskId, stopCode, reason, why }: StoppedTask): string {
  const meaning = why ? `; that means: ${why.cause}; ${why.fix}` : '';
  return `task ${taskId} stopped${stopCode ? ` (${stopCode})` : ''}: ${condense(reason)}${meaning}`;
}

/** Events of the service since the deployment began, oldest first; those of one kind once. */
function tellEvents({ events = [] }: Service, memory: Memory, context: Context): void {
  const since = Date.parse(memory.deployment.startedAt);
  for (const { createdAt, message = '' } of events.toReversed()) {
    // The reason of a task that could not start is told whole with the task.
    const text = message.replace(/(?<= Reason: ).+$/s, shortly);
    const kind = kindOf(condense(text));
    if (memory.events.has(kind) || (createdAt?.getTime() ?? 0) < since) continue;
    memory.events.add(kind);
    context.host.notify({ kind: 'progress', text: condense(text) });
  }
}

function tellCounts(ours: EcsDeployment, { runningCount = 0 }: Service, memory: Memory, context: Context): void {
  const { pendingCount = 0, failedTasks = 0 } = ours;
  const others = Math.max(0, runningCount - memory.running);
  const parts = [
    `${String(memory.running)} of ${String(memory.desired)} new tasks running`,
    ...(pendingCount > 0 ? [`${String(pendingCount)} starting`] : []),
    ...(failedTasks > 0 ? [`${String(failedTasks)} failed`] : []),
    ...(others > 0 ? [`${String(others)} old still running`] : []),
  ];
  const counts = parts.join(', ');
  if (counts === memory.counts) return;
  memory.counts = counts;
  context.host.notify({ kind: 'progress', text: counts });
}

const PASSING: readonly string[] = ['UNREACHABLE', 'TIMED_OUT', 'THROTTLED'];

/** Whether the next look may well succeed: a deployment of minutes outlives a network fault of seconds. */
const isPassing = (error: unknown) => error instanceof JamfMcpError && PASSING.includes(error.code);
