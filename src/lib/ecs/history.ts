/** The deployments of a service as they stand, whoever asked for them, and what is read of each. */
import type {
  Deployment as EcsDeployment,
  DeploymentConfiguration,
  Service,
  ServiceDeployment,
  ServiceDeploymentBrief,
} from '@aws-sdk/client-ecs';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { isoOf, openEcs, type EcsApi, type EcsTarget } from './api.ts';
import type { DeploymentState } from './judge.ts';

/** A deployment as it stands, whoever asked for it. */
export interface Deployment {
  /** `ecs-svc/…`; null for one that ECS lists by its service deployment alone, because it is long over. */
  id: string | null;
  /** ARN of the service deployment; null where those cannot be read. */
  arn: string | null;
  /** `in-progress` until ECS says otherwise. */
  state: Exclude<DeploymentState, 'timed-out'> | 'in-progress';
  /** ISO 8601, UTC. */
  startedAt: string;
  /** Null while it goes on, and where ECS does not tell. */
  finishedAt: string | null;
  taskDefinition: string | null;
  /** Tasks of it; null for one whose tasks are gone. */
  counts: { desired: number; running: number; pending: number; failed: number } | null;
  /** What ECS says of it, whole. */
  reason: string | null;
  /** Null where there is no circuit breaker, or ECS does not tell of it. */
  breaker: Breaker | null;
}

/** The circuit breaker of a deployment. */
export interface Breaker {
  /** Failed tasks that it counted. */
  failures: number;
  /** The deployment fails at this many. */
  threshold: number;
  /** Whether ECS then restores the revision before. */
  rollback: boolean;
}

/** A service deployment is created together with the deployment; this much apart at most, in ms. */
export const SAME_MOMENT_MS = 2_000;

/**
 * The deployments of a service that are under way or were made since a time, newest first: by their service
 * deployments, and where those cannot be read, by what the service itself still lists.
 * @param since - ISO 8601; AWS keeps service deployments for three months (createdAt filter)
 * @throws JamfMcpError NOT_FOUND, ACCESS_DENIED, …
 */
export async function readDeployments(target: EcsTarget, since: string, context: Context): Promise<Deployment[]> {
  const ecs = await openEcs(target, context);
  try {
    return await deploymentsOf(ecs, await ecs.describeService(), new Date(since), context);
  } finally {
    ecs.close();
  }
}

/** As {@link readDeployments}, with a service that was described already. */
export async function deploymentsOf(
  ecs: EcsApi,
  service: Service,
  since: Date,
  context: Context,
): Promise<Deployment[]> {
  const listed = service.deployments ?? [];
  const briefs = await serviceDeploymentsSince(ecs, since, context);
  const known = briefs ? await describeAll(ecs, briefs.slice(0, MOST_DESCRIBED), context) : [];
  const primary = primaryOf(service);
  const older = listed.filter((one) => one !== primary);
  const belonging = ({ serviceDeploymentArn, createdAt }: ServiceDeployment) =>
    primary && serviceDeploymentArn === service.currentServiceDeployment
      ? primary
      : nearestOf(service.currentServiceDeployment === undefined ? listed : older, createdAt);
  const told = known.map((deployed) => viewOf(belonging(deployed), deployed, known, service));
  const silent = listed
    .filter((one) => !told.some(({ id }) => id === one.id))
    .map((one) => viewOf(one, null, [], service));
  // Equal times keep ECS's own order, newest first.
  return [...told, ...silent].sort((a, b) => Date.parse(b.startedAt) - Date.parse(a.startedAt));
}

/** Most service deployments that are looked at one by one. */
const MOST_DESCRIBED = 20;

/**
 * Service deployments since a time.
 * @returns null where they cannot be read: an old partition, a policy without that right, an emulator
 */
export async function serviceDeploymentsSince(
  ecs: EcsApi,
  since: Date,
  context: Context,
): Promise<ServiceDeploymentBrief[] | null> {
  try {
    return await ecs.listServiceDeployments(since);
  } catch (error) {
    if (isInterruption(error) || isPassing(error)) throw error;
    context.host.notify({ kind: 'debug', text: `ecs: going on without service deployments: ${messageOf(error)}` });
    return null;
  }
}

async function describeAll(
  ecs: EcsApi,
  briefs: readonly ServiceDeploymentBrief[],
  context: Context,
): Promise<ServiceDeployment[]> {
  try {
    return await ecs.describeServiceDeployments(briefs.map(({ serviceDeploymentArn = '' }) => serviceDeploymentArn));
  } catch (error) {
    if (isInterruption(error) || isPassing(error)) throw error;
    context.host.notify({ kind: 'debug', text: `ecs: going on without service deployments: ${messageOf(error)}` });
    return [];
  }
}

/** ECS gives service deployments ids of their own: what belongs together was created at the same moment. */
export function nearestOf<Created extends { createdAt?: Date | undefined }>(
  candidates: readonly Created[],
  moment: Date | undefined,
): Created | undefined {
  const distance = ({ createdAt }: Created) => Math.abs((createdAt?.getTime() ?? 0) - (moment?.getTime() ?? Infinity));
  return candidates
    .filter((candidate) => distance(candidate) <= SAME_MOMENT_MS)
    .sort((a, b) => distance(a) - distance(b))[0];
}

/** What ECS says of a service deployment, in our words. */
const STATES: Readonly<Record<string, Deployment['state']>> = {
  SUCCESSFUL: 'steady',
  STOPPED: 'failed',
  ROLLBACK_FAILED: 'failed',
  ROLLBACK_SUCCESSFUL: 'rolled-back',
};

/** What the service says where there are no service deployments. */
const ROLLOUTS: Readonly<Record<string, Deployment['state']>> = { COMPLETED: 'steady', FAILED: 'failed' };

/** STOPPED is what a failed deployment is, and one that another replaced at that very moment. */
const pushedAside = (deployed: ServiceDeployment, others: readonly ServiceDeployment[]) =>
  deployed.deploymentCircuitBreaker?.status !== 'TRIGGERED' &&
  nearestOf(
    others.filter((other) => other !== deployed),
    deployed.stoppedAt,
  ) !== undefined;

function viewOf(
  ours: EcsDeployment | undefined,
  deployed: ServiceDeployment | null,
  others: readonly ServiceDeployment[],
  service: Service,
): Deployment {
  const told = STATES[deployed?.status ?? ''];
  const reason = deployed?.statusReason ?? deployed?.rollback?.reason ?? ours?.rolloutStateReason ?? null;
  const state = deployed
    ? deployed.status === 'STOPPED' && pushedAside(deployed, others)
      ? 'superseded'
      : (told ?? 'in-progress')
    : (ROLLOUTS[ours?.rolloutState ?? ''] ?? (ours?.status === 'PRIMARY' ? 'in-progress' : 'superseded'));
  const finished = deployed?.finishedAt ?? deployed?.stoppedAt ?? (state === 'steady' ? ours?.updatedAt : undefined);
  const settings = breakerOf(deployed?.deploymentConfiguration ?? service.deploymentConfiguration, 0);
  const counted = deployed?.deploymentCircuitBreaker;
  return {
    id: ours?.id ?? null,
    arn: deployed?.serviceDeploymentArn ?? null,
    state,
    startedAt: (deployed?.createdAt ?? ours?.createdAt ?? new Date(0)).toISOString(),
    finishedAt: state === 'in-progress' ? null : isoOf(finished),
    taskDefinition: ours?.taskDefinition ?? null,
    counts: ours
      ? {
          desired: ours.desiredCount ?? 0,
          running: ours.runningCount ?? 0,
          pending: ours.pendingCount ?? 0,
          failed: ours.failedTasks ?? 0,
        }
      : null,
    reason,
    breaker:
      settings && counted && counted.status !== 'DISABLED'
        ? { failures: counted.failureCount ?? 0, threshold: counted.threshold ?? 0, rollback: settings.rollback }
        : null,
  };
}

/** Bounds and default of the threshold (API_ServiceDeploymentCircuitBreaker, API_ThresholdConfiguration). */
const FEWEST_FAILURES = 3;
const MOST_FAILURES = 200;
const DEFAULT_PERCENT = 50;

/** The circuit breaker that a configuration means for so many desired tasks; null where it is off. */
export function breakerOf(
  configuration: DeploymentConfiguration | undefined,
  desired: number,
): Omit<Breaker, 'failures'> | null {
  const breaker = configuration?.deploymentCircuitBreaker;
  if (!breaker?.enable) return null;
  const { type = 'BOUNDED_PERCENT', value = DEFAULT_PERCENT } = breaker.thresholdConfiguration ?? {};
  const part = Math.ceil((desired * value) / 100);
  const threshold = {
    COUNT: value,
    UNBOUNDED_PERCENT: part,
    BOUNDED_PERCENT: Math.min(MOST_FAILURES, Math.max(FEWEST_FAILURES, part)),
  }[type];
  return { threshold, rollback: breaker.rollback ?? false };
}

/** The deployment that the service goes towards. */
export const primaryOf = ({ deployments = [] }: Service): EcsDeployment | undefined =>
  deployments.find(({ status }) => status === 'PRIMARY');

const PASSING: readonly string[] = ['UNREACHABLE', 'TIMED_OUT', 'THROTTLED'];

/** Whether the next look may well succeed: a deployment of minutes outlives a network fault of seconds. */
export const isPassing = (error: unknown): boolean => error instanceof JamfMcpError && PASSING.includes(error.code);
