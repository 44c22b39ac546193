/** Whether a deployment is over, from what one look saw. No call is made here. */
import type { Deployment as EcsDeployment, Service, ServiceDeployment } from '@aws-sdk/client-ecs';

/** How a deployment can end. */
export type DeploymentState = 'steady' | 'failed' | 'rolled-back' | 'superseded' | 'timed-out';

/** How a deployment ended; `reason` is the whole text, null for steady. */
export interface Verdict {
  state: DeploymentState;
  reason: string | null;
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
  if (serviceDeployment?.status === 'STOPPED' && pushedAside(service, id, serviceDeployment))
    return superseded(service);
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
  return superseded(service);
}

function superseded({ deployments = [] }: Service): Verdict {
  const other = deployments.find(({ status }) => status === 'PRIMARY')?.id ?? 'none that ECS names';
  return { state: 'superseded', reason: `another deployment took its place: ${other}` };
}

/** STOPPED is also what becomes of a deployment that another one replaced before it failed. */
function pushedAside(service: Service, id: string, { deploymentCircuitBreaker }: ServiceDeployment): boolean {
  const primary = service.deployments?.find(({ status }) => status === 'PRIMARY');
  const ours = service.deployments?.find((deployment) => deployment.id === id);
  return (
    primary !== undefined &&
    primary.id !== id &&
    deploymentCircuitBreaker?.status !== 'TRIGGERED' &&
    ours?.rolloutState !== 'FAILED' &&
    !failureEvent(service, id)
  );
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
