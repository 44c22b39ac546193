/**
 * Deployments of an ECS service: what there are, whether a new one can be forced, and forcing it. Following one is in
 * watch.ts: “the service is stable” is not the question, for a rollback leaves a stable service too
 * (facts/rotation.md §2d).
 */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { isoOf, openEcs, type EcsTarget } from './api.ts';
import { refuseController } from './controllers.ts';
import { breakerOf, primaryOf, type Breaker } from './history.ts';
import type { DeploymentState } from './judge.ts';
import type { StoppedTask } from './tasks.ts';
import { fieldsGiven } from './value-from.ts';

export type { DeploymentState } from './judge.ts';
export { readDeployments, type Breaker, type Deployment } from './history.ts';
export { watchDeployment } from './watch.ts';

/** A deployment that was asked for. */
export interface StartedDeployment {
  /** `ecs-svc/…`, what its tasks carry in `startedBy`. */
  id: string;
  /** When ECS created it, by its own clock: ISO 8601, UTC. */
  startedAt: string;
}

/** A deployment that is over, as far as it was watched. */
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
  /** When that began, ISO 8601, UTC. */
  underwaySince: string | null;
  taskDefinition: string;
  /** The circuit breaker that a new deployment has; null where it is off. */
  breaker: Omit<Breaker, 'failures'> | null;
}

/**
 * Look whether a new deployment can be forced on a service.
 * @throws JamfMcpError NOT_FOUND; INPUT_INVALID where it is being deleted or something other than ECS deploys it
 */
export async function inspectService(target: EcsTarget, context: Context): Promise<ServiceOutlook> {
  const ecs = await openEcs(target, context);
  try {
    const service = await ecs.describeService();
    if (service.status !== 'ACTIVE') {
      throw new JamfMcpError(
        'INPUT_INVALID',
        `ECS service ${target.cluster}/${target.service} is ${service.status ?? 'gone'} and takes no deployment`,
        'name another with --service',
      );
    }
    refuseController(target, service);
    const underway = primaryOf(service)?.rolloutState === 'IN_PROGRESS' ? primaryOf(service) : undefined;
    return {
      desired: service.desiredCount ?? 0,
      running: service.runningCount ?? 0,
      underway: underway?.id ?? null,
      underwaySince: isoOf(underway?.createdAt),
      taskDefinition: service.taskDefinition ?? '',
      breaker: breakerOf(service.deploymentConfiguration, service.desiredCount ?? 0),
    };
  } finally {
    ecs.close();
  }
}

/**
 * What the tasks of a task definition are given of AWSCURRENT of a secret, as {@link fieldsGiven} tells it.
 * @throws JamfMcpError ACCESS_DENIED, NOT_FOUND …
 */
export async function givenOf(
  target: EcsTarget,
  { taskDefinition, secretArn }: { taskDefinition: string; secretArn: string },
  context: Context,
): Promise<string[]> {
  const ecs = await openEcs(target, context);
  try {
    return fieldsGiven(await ecs.describeTaskDefinition(taskDefinition), secretArn);
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
    const primary = primaryOf(await ecs.forceNewDeployment());
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
