/** The service's own tasks: starting, running, and started so long ago that ECS has forgotten them. */
import type { ServiceTask } from '../../ecs/tasks.ts';
import type { Facts } from '../explain.ts';
import { sameRole } from '../principal.ts';
import type { SettledAccess } from '../timeline.ts';
import { clockText, isWithin, timeOf, type Cause, type Explanation } from './cause.ts';

/** How long ECS lists a stopped task at least (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html). */
const TASKS_KEPT_MS = 3_600_000;

/** Task ids: 32 hexadecimal digits; UUIDs before the long ARN format. */
const TASK_ID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** What a running task does with its secret: it reads, and looks whether there is a newer version. */
const TASK_READS = new Set(['GetSecretValue', 'BatchGetSecretValue', 'DescribeSecret']);

/** Whether a principal is a session of the service's execution role or task role. */
export function isServiceRole(role: string | null, { tasks }: Pick<Facts, 'tasks'>): boolean {
  return tasks.some(
    ({ executionRoleArn, taskRoleArn }) => sameRole(role, executionRoleArn) || sameRole(role, taskRoleArn),
  );
}

const NO_TASK = 'its session is no task that ECS lists for the service';

export const taskStart: Cause = {
  kind: 'task-start',
  start: ({ tasks, now, rotations }) => {
    const byId = indexed(tasks);
    const rotationBehind = (id: string | null) => {
      const one = id === null ? undefined : rotations.find(({ deployment: made }) => made?.id === id);
      return one ? ` of the rotation ${one.rotationId}` : '';
    };
    return {
      explain(access) {
        const { action, principal } = access;
        const task = byId.get(principal.session ?? '');
        if (!task) return NO_TASK;
        if (action !== 'GetSecretValue') return `a starting task reads values; ${action} is something else`;
        if (!sameRole(principal.role, task.executionRoleArn)) {
          return `task ${task.taskId} has the execution role ${task.executionRoleArn ?? '(none)'}, and this was another`;
        }
        const end = task.startedAt ?? task.stoppedAt;
        if (!spans(access, task.createdAt, end, now)) {
          return `task ${task.taskId} was starting from ${span(task.createdAt, end)}, and this was at another time`;
        }
        return {
          kind: 'task-start',
          ref: task.taskArn,
          why: `task ${task.taskId} (${revisionOf(task)}${task.deploymentId === null ? '' : `, deployment ${task.deploymentId}${rotationBehind(task.deploymentId)}`}) was starting from ${span(task.createdAt, end)}`,
        };
      },
    };
  },
};

export const taskRun: Cause = {
  kind: 'task-run',
  start: ({ tasks, now }) => {
    const byId = indexed(tasks);
    return {
      explain(access) {
        const { action, principal } = access;
        const task = byId.get(principal.session ?? '');
        if (!task) return NO_TASK;
        if (!TASK_READS.has(action)) return `a running task reads and looks; ${action} is something else`;
        if (!sameRole(principal.role, task.taskRoleArn)) {
          return `task ${task.taskId} has the task role ${task.taskRoleArn ?? '(none)'}, and this was another`;
        }
        if (!spans(access, task.createdAt, task.stoppedAt, now)) {
          return `task ${task.taskId} ran from ${span(task.createdAt, task.stoppedAt)}, and this was at another time`;
        }
        return {
          kind: 'task-run',
          ref: task.taskArn,
          why: `task ${task.taskId} (${revisionOf(task)}) ran from ${span(task.createdAt, task.stoppedAt)}`,
        };
      },
    };
  },
};

/** A deployment goes on pulling and starting tasks a while after ECS has called it over. */
const AFTERWARDS_MS = 60_000;

export const deployment: Cause = {
  kind: 'deployment',
  start: (facts) => {
    const forgotten = forgottenTask(facts);
    const spansOf = [
      ...facts.deployments.map(({ id, arn, startedAt, finishedAt, taskDefinition }) => ({
        ref: id ?? arn ?? 'a deployment',
        from: startedAt,
        to: finishedAt,
        by: taskDefinition === null ? '' : ` with ${lastPart(taskDefinition)}`,
      })),
      ...facts.rotations.flatMap(({ rotationId, deployment: one }) =>
        one ? [{ ref: one.id, from: one.startedAt, to: one.finishedAt, by: `, of the rotation ${rotationId}` }] : [],
      ),
    ];
    return {
      explain(access) {
        const missing = forgotten(access);
        if (missing !== null) return missing;
        const at = timeOf(access);
        const found = spansOf.find(({ from, to }) =>
          isWithin(at, Date.parse(from), (to === null ? facts.now : Date.parse(to)) + AFTERWARDS_MS),
        );
        if (!found) return `none of the ${String(spansOf.length)} deployments that are known was under way then`;
        return {
          kind: 'deployment',
          ref: found.ref,
          why: `deployment ${found.ref}${found.by} was under way from ${span(found.from, found.to)}; role and form of the session are of a task of the service`,
        };
      },
    };
  },
};

export const taskRole: Cause = {
  kind: 'task-role',
  start: (facts) => {
    const forgotten = forgottenTask(facts);
    return {
      explain: (access) =>
        forgotten(access) ?? {
          kind: 'task-role',
          ref: `${access.principal.session ?? ''} (role and form of the session only: ECS no longer lists the task)`,
          why: 'role and form of the session are of a task of the service; ECS no longer lists the task',
        },
    } satisfies { explain(access: SettledAccess): Explanation | string };
  },
};

/** Why an access cannot be of a task of the service that ECS has forgotten; null where it can. */
function forgottenTask(facts: Facts): (access: SettledAccess) => string | null {
  const byId = indexed(facts.tasks);
  return (access) => {
    const { action, principal } = access;
    if (action !== 'GetSecretValue') return `a starting task reads values; ${action} is something else`;
    if (principal.session === null || !TASK_ID.test(principal.session))
      return 'its session has not the form of a task’s id';
    if (!isServiceRole(principal.role, facts)) return 'its role is none of the service';
    if (byId.has(principal.session)) return 'ECS still lists that task, and what it tells of it does not agree';
    if (!(timeOf(access) < facts.now - TASKS_KEPT_MS)) {
      return 'ECS lists stopped tasks for an hour: it would still list this one';
    }
    return null;
  };
}

const indexed = (tasks: readonly ServiceTask[]) => new Map(tasks.map((task) => [task.taskId, task]));

const spans = (access: SettledAccess, from: string | null, to: string | null, now: number) =>
  from !== null && isWithin(timeOf(access), Date.parse(from), to === null ? now : Date.parse(to));

const span = (from: string | null, to: string | null) =>
  `${from === null ? 'an unknown time' : clockText(from)} to ${to === null ? 'now' : clockText(to)}`;

const revisionOf = ({ taskDefinitionArn }: ServiceTask) => lastPart(taskDefinitionArn);
const lastPart = (arn: string) => arn.split('/').at(-1) ?? arn;
