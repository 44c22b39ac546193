/** Following one deployment by its own id until it is over, and telling what happens meanwhile. */
import type { Deployment as EcsDeployment, Service, ServiceDeployment } from '@aws-sdk/client-ecs';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { openEcs, type EcsApi, type EcsTarget } from './api.ts';
import type { FinishedDeployment, StartedDeployment } from './deployments.ts';
import {
  breakerOf,
  isPassing,
  nearestOf,
  primaryOf,
  SAME_MOMENT_MS,
  serviceDeploymentsSince,
  type Breaker,
} from './history.ts';
import { judge, type Verdict } from './judge.ts';
import { condense, eventLine, kindOf } from './reason.ts';
import { lookForStuck, type Stuck } from './stuck.ts';
import { stoppedTask, type StoppedTask } from './tasks.ts';

/** Time that a deployment is given, in ms, unless told otherwise. */
export const DEPLOYMENT_LIMIT_MS = 15 * 60_000;

/** Pause between two looks, in ms: a tenth of the time since the start, between these. */
const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;

/** A deployment that has never been seen may still appear for this long, in ms. */
const APPEARS_WITHIN_MS = 30_000;

/** Failed tasks after which it is told that no circuit breaker will end this. */
const TELL_NO_BREAKER_AFTER = 3;

/**
 * Follow a deployment until it is over, telling the host task counts, service events and stopped tasks as they come.
 * @param deployment - as forceDeployment gave it
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
  const memory = freshMemory(deployment, begun);
  const ecs = await openEcs(target, context);
  try {
    for (;;) {
      let verdict: Verdict | null = null;
      try {
        verdict = await look(ecs, memory, clock.now() - begun, context);
        memory.fault = null;
      } catch (error) {
        if (!isPassing(error)) throw error;
        memory.fault = messageOf(error);
        host.notify({ kind: 'debug', text: `ecs: looking again after: ${memory.fault}` });
      }
      const elapsed = clock.now() - begun;
      verdict ??= elapsed >= limitMs ? timedOut(memory, limitMs) : null;
      if (verdict) {
        const { running, desired, stopped } = memory;
        const finishedAt = new Date(clock.now()).toISOString();
        return { ...deployment, ...verdict, finishedAt, running, desired, stopped };
      }
      const pause = Math.min(Math.max(elapsed / 10, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS, limitMs - elapsed);
      await clock.sleep(pause, signal);
    }
  } catch (error) {
    if (!isInterruption(error)) throw error;
    throw new JamfMcpError('INTERRUPTED', `interrupted; the deployment ${deployment.id} goes on without us`, null, {
      cause: error,
      details: { deployment },
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
  pending: number;
  /** Running tasks of other deployments. */
  others: number;
  counts: string;
  /** When the counts last changed, by our clock. */
  changedAt: number;
  breaker: Breaker | null;
  /** Where a blue/green or canary deployment is; null for a rolling one. */
  stage: string | null;
  rollingBack: boolean;
  stuck: Stuck[];
  /** Null where ECS does not answer for service deployments, undefined until ours is found. */
  serviceDeploymentArn: string | null | undefined;
  readonly events: Set<string>;
  lastEvent: string | null;
  readonly stoppedArns: Set<string>;
  readonly stopped: StoppedTask[];
  toldOfNoBreaker: boolean;
  /** Why the last look saw nothing. */
  fault: string | null;
}

const freshMemory = (deployment: StartedDeployment, now: number): Memory => ({
  deployment,
  seen: false,
  running: 0,
  desired: 0,
  pending: 0,
  others: 0,
  counts: '',
  changedAt: now,
  breaker: null,
  stage: null,
  rollingBack: false,
  stuck: [],
  serviceDeploymentArn: undefined,
  events: new Set(),
  lastEvent: null,
  stoppedArns: new Set(),
  stopped: [],
  toldOfNoBreaker: false,
  fault: null,
});

async function look(ecs: EcsApi, memory: Memory, elapsedMs: number, context: Context): Promise<Verdict | null> {
  const service = await ecs.describeService();
  const serviceDeployment = await findServiceDeployment(ecs, service, memory, context);
  const ours = service.deployments?.find(({ id }) => id === memory.deployment.id);
  tellEvents(service, memory, context);
  memory.rollingBack = (serviceDeployment?.status ?? '').startsWith('ROLLBACK_');
  memory.stage = serviceDeployment?.lifecycleStage ?? null;
  if (ours) {
    memory.seen = true;
    memory.running = ours.runningCount ?? 0;
    memory.desired = ours.desiredCount ?? 0;
    memory.pending = ours.pendingCount ?? 0;
    memory.others = Math.max(0, (service.runningCount ?? 0) - memory.running);
    memory.breaker = breakerNow(serviceDeployment);
    tellCounts(ours, memory, context);
  }
  await tellStoppedTasks(ecs, memory, context);
  tellNoBreaker(service, memory, context);
  memory.stuck = await lookForStuck(ecs, memory, context);
  return judge({
    id: memory.deployment.id,
    service,
    serviceDeployment,
    missing: !ours && (memory.seen || elapsedMs > APPEARS_WITHIN_MS),
  });
}

function breakerNow(serviceDeployment: ServiceDeployment | null): Breaker | null {
  const { status = 'DISABLED', failureCount = 0, threshold = 0 } = serviceDeployment?.deploymentCircuitBreaker ?? {};
  const settings = breakerOf(serviceDeployment?.deploymentConfiguration, 0);
  return status === 'DISABLED' || !settings ? null : { failures: failureCount, threshold, rollback: settings.rollback };
}

/** What a time limit says for itself: what was waited for, what was seen last. */
function timedOut(memory: Memory, limitMs: number): Verdict {
  const { running, desired, stopped, lastEvent, fault } = memory;
  const last = stopped.at(-1);
  const parts = [
    `not steady after ${spell(limitMs)}: ${String(running)} of ${String(desired)} new tasks running, waiting for ${waitedFor(memory)}`,
    ...(stopped.length > 0 ? [`${String(stopped.length)} of its tasks stopped meanwhile`] : []),
    ...(last || lastEvent === null ? [] : [`last event: ${lastEvent}`]),
    ...(fault === null ? [] : [`the last look failed: ${fault}`]),
  ];
  return { state: 'timed-out', reason: parts.join('; ') };
}

function waitedFor({ seen, rollingBack, running, desired, others, stage, stuck }: Memory): string {
  if (!seen) return 'ECS to show the deployment';
  if (rollingBack) return 'the end of the rollback';
  const [first] = stuck;
  if (first) return `${String(first.count)} that ${first.count === 1 ? 'is' : 'are'} still ${first.status}`;
  if (running < desired) return `${String(desired - running)} more`;
  if (others > 0) return `${String(others)} old to stop`;
  return stage === null ? 'ECS to find the service steady' : `the stage ${stage} to end`;
}

const spell = (ms: number) =>
  ms >= 120_000 && ms % 60_000 === 0 ? `${String(ms / 60_000)} min` : `${String(Math.round(ms / 1000))} s`;

/** ECS gives service deployments their own ids; ours is the service's while ours is its PRIMARY, or was made when ours was. */
async function findServiceDeployment(
  ecs: EcsApi,
  service: Service,
  memory: Memory,
  context: Context,
): Promise<ServiceDeployment | null> {
  if (memory.serviceDeploymentArn === null) return null;
  if (primaryOf(service)?.id === memory.deployment.id)
    memory.serviceDeploymentArn = service.currentServiceDeployment ?? memory.serviceDeploymentArn;
  const started = Date.parse(memory.deployment.startedAt);
  if (memory.serviceDeploymentArn === undefined) {
    const briefs = await serviceDeploymentsSince(ecs, new Date(started - SAME_MOMENT_MS), context);
    memory.serviceDeploymentArn = briefs && nearestOf(briefs, new Date(started))?.serviceDeploymentArn;
  }
  if (!memory.serviceDeploymentArn) return null;
  try {
    const [found] = await ecs.describeServiceDeployments([memory.serviceDeploymentArn]);
    if (!found) return null;
    if ((found.createdAt?.getTime() ?? 0) >= started - SAME_MOMENT_MS) return found;
    // The service named the one before ours: what it says lags behind what it does.
    memory.serviceDeploymentArn = undefined;
    return null;
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

function tellNoBreaker(service: Service, memory: Memory, context: Context): void {
  if (memory.toldOfNoBreaker || memory.stopped.length < TELL_NO_BREAKER_AFTER) return;
  memory.toldOfNoBreaker = true;
  const breaker = breakerOf(service.deploymentConfiguration, memory.desired);
  const alarms = service.deploymentConfiguration?.alarms?.enable === true;
  // Tasks that start and then crash are counted by no circuit breaker (aws/containers-roadmap#1206).
  const crashes = memory.stopped.every(({ stopCode }) => stopCode === 'EssentialContainerExited');
  if (alarms || (breaker && !crashes)) return;
  const why = breaker
    ? 'the circuit breaker does not count tasks that start and then end'
    : 'there is no circuit breaker';
  context.host.notify({
    kind: 'warning',
    text: `${why}: ECS goes on starting tasks until another deployment ends this one`,
  });
}

/** Events of the service since the deployment began, oldest first; those of one kind once. */
function tellEvents({ events = [] }: Service, memory: Memory, context: Context): void {
  const since = Date.parse(memory.deployment.startedAt);
  for (const { createdAt, message = '' } of events.toReversed()) {
    const text = eventLine(message);
    const kind = kindOf(text);
    if (memory.events.has(kind) || (createdAt?.getTime() ?? 0) < since) continue;
    memory.events.add(kind);
    memory.lastEvent = text;
    context.host.notify({ kind: 'progress', text });
  }
}

function tellCounts(ours: EcsDeployment, memory: Memory, context: Context): void {
  const { running, desired, pending, others, breaker, stage } = memory;
  const { failedTasks = 0 } = ours;
  const failed = breaker && breaker.failures > 0 ? breaker.failures : failedTasks;
  const limit = breaker ? ` (the circuit breaker trips at ${String(breaker.threshold)})` : '';
  const counts = [
    `${String(running)} of ${String(desired)} new tasks running`,
    ...(pending > 0 ? [`${String(pending)} starting`] : []),
    ...(failed > 0 ? [`${String(failed)} failed${limit}`] : []),
    ...(others > 0 ? [`${String(others)} old still running`] : []),
    ...(stage === null ? [] : [`stage ${stage}`]),
  ].join(', ');
  if (counts === memory.counts) return;
  memory.counts = counts;
  memory.changedAt = context.clock.now();
  context.host.notify({ kind: 'progress', text: counts });
}
