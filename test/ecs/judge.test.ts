import assert from 'node:assert/strict';
import type { Deployment, Service } from '@aws-sdk/client-ecs';
import { judge, type DeploymentState, type Sighting } from '../../src/lib/ecs/judge.ts';

const ID = 'ecs-svc/1';
const ours = (more: Partial<Deployment> = {}): Deployment => ({
  id: ID,
  status: 'PRIMARY',
  rolloutState: 'IN_PROGRESS',
  desiredCount: 2,
  runningCount: 0,
  pendingCount: 2,
  ...more,
});
const old = (more: Partial<Deployment> = {}): Deployment => ({
  id: 'ecs-svc/0',
  status: 'ACTIVE',
  rolloutState: 'COMPLETED',
  runningCount: 2,
  ...more,
});
const later = (more: Partial<Deployment> = {}): Deployment => ({
  id: 'ecs-svc/2',
  status: 'PRIMARY',
  rolloutState: 'IN_PROGRESS',
  ...more,
});
const rollingBack = { rolloutStateReason: 'ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/0.' };
const breaker = (rollback: boolean): Partial<Service> => ({
  deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback } },
});
const told = (status: string, statusReason?: string) => ({
  serviceDeployment: { status, statusReason } as Sighting['serviceDeployment'],
});

function sight(deployments: Deployment[], more: Partial<Sighting> = {}, service: Partial<Service> = {}): Sighting {
  return {
    id: ID,
    service: { status: 'ACTIVE', deployments, ...service },
    serviceDeployment: null,
    missing: false,
    ...more,
  };
}

const CASES: readonly [string, Sighting, DeploymentState | null][] = [
  ['goes on while tasks start', sight([ours(), old()]), null],
  ['is steady when ECS says COMPLETED', sight([ours({ rolloutState: 'COMPLETED', runningCount: 2 })]), 'steady'],
  ['goes on while a fresh deployment is not in the list yet', sight([old({ status: 'PRIMARY' })]), null],
  [
    'is not fooled by an old deployment that is steady',
    sight([ours(), old()], {}, { runningCount: 2, desiredCount: 2 }),
    null,
  ],
  ['fails with the circuit breaker', sight([ours({ rolloutState: 'FAILED' })], {}, breaker(false)), 'failed'],
  [
    'waits for the rollback that follows',
    sight([ours({ rolloutState: 'FAILED', status: 'ACTIVE' }), later(rollingBack)], {}, breaker(true)),
    null,
  ],
  [
    'is rolled back when that is complete',
    sight(
      [ours({ rolloutState: 'FAILED', status: 'ACTIVE' }), later({ ...rollingBack, rolloutState: 'COMPLETED' })],
      {},
      breaker(true),
    ),
    'rolled-back',
  ],
  [
    'is rolled back when ours is gone',
    sight([later({ rolloutState: 'COMPLETED', rolloutStateReason: 'rolled back' })], { missing: true }),
    'rolled-back',
  ],
  [
    'is rolled back when only an event still tells of it',
    sight(
      [later({ rolloutState: 'COMPLETED' })],
      { missing: true },
      { events: [{ message: `(service x) (deployment ${ID}) deployment failed: tasks failed to start.` }] },
    ),
    'rolled-back',
  ],
  ['is superseded by somebody else', sight([later(), ours({ status: 'ACTIVE' })]), 'superseded'],
  ['is superseded when ours is gone without a rollback', sight([later()], { missing: true }), 'superseded'],
  ['fails where the service is being deleted', sight([ours()], {}, { status: 'DRAINING' }), 'failed'],
  ['believes a service deployment: SUCCESSFUL', sight([ours({ runningCount: 2 })], told('SUCCESSFUL')), 'steady'],
  [
    'believes a service deployment: ROLLBACK_IN_PROGRESS',
    sight([later()], { ...told('ROLLBACK_IN_PROGRESS'), missing: true }),
    null,
  ],
  [
    'believes a service deployment: ROLLBACK_SUCCESSFUL',
    sight([later({ rolloutState: 'COMPLETED' })], { ...told('ROLLBACK_SUCCESSFUL'), missing: true }),
    'rolled-back',
  ],
  ['believes a service deployment: ROLLBACK_FAILED', sight([later()], told('ROLLBACK_FAILED')), 'failed'],
  ['believes a service deployment: STOPPED', sight([ours()], told('STOPPED', 'stopped by somebody')), 'failed'],
  [
    'fails where its circuit breaker stopped it, though another has begun since',
    sight([later()], {
      missing: true,
      serviceDeployment: { status: 'STOPPED', deploymentCircuitBreaker: { status: 'TRIGGERED' } },
    }),
    'failed',
  ],
  [
    'is superseded where its service deployment is STOPPED by another',
    sight([later(), ours({ status: 'ACTIVE' })], told('STOPPED', 'stopped because a new service deployment started')),
    'superseded',
  ],
  [
    'asks the deployment itself while the service deployment is PENDING',
    sight([ours({ rolloutState: 'COMPLETED' })], told('PENDING')),
    'steady',
  ],
  [
    'counts where there is no rolloutState',
    sight([ours({ rolloutState: undefined, runningCount: 2, pendingCount: 0 }), old({ runningCount: 0 })]),
    'steady',
  ],
  [
    'counts the old tasks too',
    sight([ours({ rolloutState: undefined, runningCount: 2, pendingCount: 0 }), old({ runningCount: 1 })]),
    null,
  ],
  [
    'is steady at once where nothing is desired',
    sight([ours({ rolloutState: 'COMPLETED', desiredCount: 0, pendingCount: 0 })]),
    'steady',
  ],
];

describe('whether a deployment is over', () => {
  for (const [what, sighting, state] of CASES) {
    it(what, () => {
      assert.equal(judge(sighting)?.state ?? null, state);
    });
  }

  it('gives the reason of ECS, whole', () => {
    assert.equal(judge(sight([ours()], told('STOPPED', 'stopped by somebody')))?.reason, 'stopped by somebody');
    const reason = 'ECS deployment circuit breaker: tasks failed to start.';
    assert.equal(judge(sight([ours({ rolloutState: 'FAILED', rolloutStateReason: reason })]))?.reason, reason);
  });
});
