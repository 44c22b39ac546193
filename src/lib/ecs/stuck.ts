/** Tasks that neither start nor fail: which state they hang in, and what that state waits for. */
import type { Context } from '../host.ts';
import type { EcsApi } from './api.ts';

/** Tasks of one deployment that have been in a state before RUNNING for too long. */
export interface Stuck {
  status: string;
  count: number;
}

/** On Fargate a task runs within about a minute; after twice that without a change somebody is told, in ms. */
const STUCK_AFTER_MS = 120_000;

/** What a task waits for in the states before RUNNING (ECS developer guide, "Amazon ECS task lifecycle"). */
const WAITS_FOR: Readonly<Record<string, string>> = {
  PROVISIONING:
    'ECS waits for a network interface or for capacity: look at the free addresses of the subnets, and on EC2 at the room in the cluster',
  PENDING:
    'the agent pulls the image and the secrets, and without a road out of the network that hangs until it gives up: give the subnets a NAT gateway or VPC endpoints for secretsmanager, ecr.api, ecr.dkr, logs and s3',
  ACTIVATING: 'ECS registers the task with its load balancer or service discovery: look at the target group',
};

/**
 * Look at the tasks of a deployment whose counts do not change, and tell, once for each state, where they hang.
 * @param memory - what the watch knows; `stuck` is what was told before
 * @returns the tasks that hang, most of one state first; empty while things move
 */
export async function lookForStuck(
  ecs: EcsApi,
  memory: { deployment: { id: string }; pending: number; changedAt: number; stuck: readonly Stuck[] },
  context: Context,
): Promise<Stuck[]> {
  const { clock, host } = context;
  const waitedMs = clock.now() - memory.changedAt;
  if (memory.pending === 0 || waitedMs < STUCK_AFTER_MS) return [];
  const tasks = await ecs.describeTasks(await ecs.listTaskArns('RUNNING'));
  const counts = new Map<string, number>();
  for (const { startedBy, lastStatus = 'UNKNOWN' } of tasks) {
    if (startedBy !== memory.deployment.id || !(lastStatus in WAITS_FOR)) continue;
    counts.set(lastStatus, (counts.get(lastStatus) ?? 0) + 1);
  }
  const stuck = [...counts].map(([status, count]) => ({ status, count })).sort((a, b) => b.count - a.count);
  for (const { status, count } of stuck) {
    if (memory.stuck.some((told) => told.status === status)) continue;
    const who = count === 1 ? '1 task has' : `${String(count)} tasks have`;
    const minutes = String(Math.floor(waitedMs / 60_000));
    host.notify({
      kind: 'warning',
      text: `${who} been ${status} for ${minutes} min: ${WAITS_FOR[status] ?? 'ECS does not say why'}`,
    });
  }
  return stuck;
}
