/** Tasks of a service: what runs, since when, started by which deployment, under which roles; and how the stopped ones ended. */
import type { Task } from '@aws-sdk/client-ecs';
import type { Context } from '../host.ts';
import { idOf, isoOf, openEcs, type EcsApi, type EcsTarget } from './api.ts';
import { whyStopped, type Why } from './why.ts';

/** A task of a service. Times are ISO 8601, UTC. */
export interface ServiceTask {
  taskArn: string;
  taskId: string;
  taskDefinitionArn: string;
  /** Reads the secrets at the task's start; null where the definition has none or cannot be read any more. */
  executionRoleArn: string | null;
  taskRoleArn: string | null;
  lastStatus: string;
  createdAt: string | null;
  startedAt: string | null;
  stoppedAt: string | null;
  stopCode: string | null;
  stoppedReason: string | null;
  startedBy: string | null;
  /** The deployment (`ecs-svc/…`) that started it; null for a task that something else started. */
  deploymentId: string | null;
}

/** A task that stopped against the will of its deployment. */
export interface StoppedTask {
  taskId: string;
  stopCode: string | null;
  /** The whole text of ECS, the reasons of containers at its end. */
  reason: string;
  why: Why | null;
}

/**
 * Running tasks of a service, and those that stopped recently (AWS keeps them for about an hour).
 * @throws JamfMcpError NOT_FOUND, ACCESS_DENIED, …
 */
export async function listServiceTasks(target: EcsTarget, context: Context): Promise<ServiceTask[]> {
  const ecs = await openEcs(target, context);
  try {
    const tasks = await ecs.describeTasks([
      ...(await ecs.listTaskArns('RUNNING')),
      ...(await ecs.listTaskArns('STOPPED')),
    ]);
    const roles = await rolesOf(ecs, [...new Set(tasks.map((task) => task.taskDefinitionArn ?? ''))], context);
    return tasks.map((task) => {
      const definition = roles.get(task.taskDefinitionArn ?? '');
      return {
        ...summarise(task),
        executionRoleArn: task.overrides?.executionRoleArn ?? definition?.executionRoleArn ?? null,
        taskRoleArn: task.overrides?.taskRoleArn ?? definition?.taskRoleArn ?? null,
      };
    });
  } finally {
    ecs.close();
  }
}

interface Roles {
  executionRoleArn: string | null;
  taskRoleArn: string | null;
}

async function rolesOf(ecs: EcsApi, definitions: readonly string[], context: Context): Promise<Map<string, Roles>> {
  const roles = new Map<string, Roles>();
  for (const arn of definitions.filter((one) => one !== '')) {
    try {
      const { executionRoleArn, taskRoleArn } = await ecs.describeTaskDefinition(arn);
      roles.set(arn, { executionRoleArn: executionRoleArn ?? null, taskRoleArn: taskRoleArn ?? null });
    } catch (error) {
      context.signal.throwIfAborted();
      const text = error instanceof Error ? error.message : String(error);
      context.host.notify({ kind: 'warning', text: `the roles of the tasks of ${idOf(arn)} are unknown: ${text}` });
    }
  }
  return roles;
}

function summarise(task: Task): Omit<ServiceTask, 'executionRoleArn' | 'taskRoleArn'> {
  const { taskArn = '', startedBy } = task;
  return {
    taskArn,
    taskId: idOf(taskArn),
    taskDefinitionArn: task.taskDefinitionArn ?? '',
    lastStatus: task.lastStatus ?? 'UNKNOWN',
    createdAt: isoOf(task.createdAt),
    startedAt: isoOf(task.startedAt),
    stoppedAt: isoOf(task.stoppedAt),
    stopCode: task.stopCode ?? null,
    stoppedReason: task.stoppedReason ?? null,
    startedBy: startedBy ?? null,
    deploymentId: startedBy?.startsWith('ecs-svc/') ? startedBy : null,
  };
}

/** ECS stops tasks of its own accord when it scales in or drains: no failure. */
const WANTED = 'Scaling activity initiated by';

/**
 * How a task of a deployment ended.
 * @returns null for a task that still runs, or that ECS stopped as planned
 */
export function stoppedTask(task: Task): StoppedTask | null {
  const { stoppedReason = '', taskArn = '', stopCode } = task;
  if (task.lastStatus !== 'STOPPED' || stoppedReason.startsWith(WANTED)) return null;
  const containers = (task.containers ?? [])
    .map(({ name = 'container', exitCode = 0, reason = '' }) => {
      const exit = exitCode === 0 ? [] : [`exit code ${String(exitCode)}`];
      const said = reason === '' || stoppedReason.includes(reason) ? [] : [reason];
      return { name, parts: [...exit, ...said] };
    })
    .filter(({ parts }) => parts.length > 0)
    .map(({ name, parts }) => `${name}: ${parts.join(', ')}`);
  const reason = [stoppedReason || 'stopped without a reason', ...containers].join('; ');
  return { taskId: idOf(taskArn), stopCode: stopCode ?? null, reason, why: whyStopped(reason) };
}

/** What {@link proveTasks} found. */
export interface TaskProof {
  running: number;
  /** Running tasks that another deployment started, or that are older than ours: they read the secret before. */
  old: readonly string[];
}

/**
 * Check that every running task of the service was started by one deployment, and since that deployment began.
 * Both times are of ECS, so no clock of ours is trusted.
 * @param deployment - the one asked for, after the secret was promoted
 */
export async function proveTasks(
  target: EcsTarget,
  deployment: { id: string; startedAt: string },
  context: Context,
): Promise<TaskProof> {
  const ecs = await openEcs(target, context);
  try {
    const tasks = (await ecs.describeTasks(await ecs.listTaskArns('RUNNING'))).map(summarise);
    const running = tasks.filter(({ lastStatus }) => lastStatus !== 'STOPPED');
    const old = running.filter(
      ({ startedBy, createdAt }) =>
        startedBy !== deployment.id || createdAt === null || Date.parse(createdAt) < Date.parse(deployment.startedAt),
    );
    return { running: running.length, old: old.map(({ taskId }) => taskId) };
  } finally {
    ecs.close();
  }
}

/** How long old tasks may still show up after the deployment is steady, and the pause between two looks, in ms. */
const PROVED_WITHIN_MS = 60_000;
const PROOF_PAUSE_MS = 2_000;

/**
 * {@link proveTasks}, waiting a minute for old tasks to go: ECS may call a deployment successful before it has stopped
 * the tasks before it (API_DeploymentEarlySuccessCriteria, DEFERRED).
 * @returns the last look: proved where `old` is empty and `running` is what the deployment desires
 */
export async function proveTasksWithin(
  target: EcsTarget,
  deployment: { id: string; startedAt: string; desired: number },
  context: Context,
): Promise<TaskProof> {
  const { clock, signal } = context;
  const until = clock.now() + PROVED_WITHIN_MS;
  for (;;) {
    const proof = await proveTasks(target, deployment, context);
    const enough = proof.old.length === 0 && proof.running >= deployment.desired;
    if (enough || clock.now() + PROOF_PAUSE_MS > until) return proof;
    await clock.sleep(PROOF_PAUSE_MS, signal);
  }
}
