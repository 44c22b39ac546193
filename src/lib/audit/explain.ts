/**
 * What caused an access. Judged by what AWS vouches for (who called, when, under which role) and never by the user
 * agent, which the caller writes.
 */
import type { AuditSettings } from '../config/settings.ts';
import type { ServiceTask } from '../ecs/tasks.ts';
import type { Baseline } from './baseline.ts';
import type { Access } from './event.ts';
import { matchesPrincipal, sameRole } from './principal.ts';

/**
 * Kinds, strongest first:
 * - `aws-service`: AWS's own record of work that it does by itself (`AwsServiceEvent`); no caller can write one
 * - `task-start`: a task of the service read it while it started; ref is the task's ARN
 * - `task-run`: a running task of the service read it under its task role; ref is the task's ARN
 * - `self`: the identity that runs this audit; ref is its ARN
 * - `known-caller`: a principal that the settings expect; ref is the pattern
 * - `task-role`: the service's role with a session that has the form of a task's id, more than an hour ago. ECS forgets
 *   stopped tasks after an hour, so the task itself cannot be looked at any more: role and form only
 */
export interface Explanation {
  kind: 'aws-service' | 'task-start' | 'task-run' | 'self' | 'known-caller' | 'task-role';
  ref: string;
}

/** What explanations and detectors go by. */
export interface Facts {
  /** Milliseconds since 1970. */
  now: number;
  /** ARN of who runs the audit; null where unknown. */
  self: string | null;
  /** Tasks of the configured service, recently stopped ones included. */
  tasks: readonly ServiceTask[];
  /** What is usual; null where nobody has told yet. */
  baseline: Baseline | null;
  /** `audit:` of jamf-mcp.yaml. */
  settings: AuditSettings;
}

/** CloudTrail counts in whole seconds, and ECS's and CloudTrail's clocks are not one. */
const TOLERANCE_MS = 5_000;

/** How long ECS lists a stopped task at least (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html). */
const TASKS_KEPT_MS = 3_600_000;

/** Task ids: 32 hexadecimal digits; UUIDs before the long ARN format. */
const TASK_ID = /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** What a running task does with its secret: it reads, and looks whether there is a newer version. */
const TASK_READS = new Set(['GetSecretValue', 'BatchGetSecretValue', 'DescribeSecret']);

/** The first that answers explains. */
const EXPLAINERS: readonly ((access: Access, facts: Facts) => Explanation | null)[] = [
  byAwsItself,
  byTaskStart,
  byRunningTask,
  bySelf,
  byKnownCaller,
  byTaskRole,
];

/**
 * Explain an access.
 * @returns the strongest explanation, or null where nothing explains it
 */
export function explain(access: Access, facts: Facts): Explanation | null {
  for (const explainer of EXPLAINERS) {
    const explanation = explainer(access, facts);
    if (explanation) return explanation;
  }
  return null;
}

/** Whether a principal is a session of the service's execution role or task role. */
export function isServiceRole(role: string | null, { tasks }: Facts): boolean {
  return tasks.some(
    ({ executionRoleArn, taskRoleArn }) => sameRole(role, executionRoleArn) || sameRole(role, taskRoleArn),
  );
}

function byAwsItself({ type, principal, service }: Access): Explanation | null {
  return type === 'AwsServiceEvent' ? { kind: 'aws-service', ref: principal.arn ?? service } : null;
}

function byTaskStart({ action, principal, time }: Access, { tasks, now }: Facts): Explanation | null {
  const task = action === 'GetSecretValue' && taskOf(principal.session, tasks);
  if (!task || !sameRole(principal.role, task.executionRoleArn)) return null;
  const end = task.startedAt ?? task.stoppedAt;
  return within(time, task.createdAt, end, now) ? { kind: 'task-start', ref: task.taskArn } : null;
}

function byRunningTask({ action, principal, time }: Access, { tasks, now }: Facts): Explanation | null {
  const task = TASK_READS.has(action) && taskOf(principal.session, tasks);
  if (!task || !sameRole(principal.role, task.taskRoleArn)) return null;
  return within(time, task.createdAt, task.stoppedAt, now) ? { kind: 'task-run', ref: task.taskArn } : null;
}

function bySelf({ principal }: Access, { self }: Facts): Explanation | null {
  return self !== null && principal.arn === self ? { kind: 'self', ref: self } : null;
}

function byKnownCaller({ principal }: Access, { settings }: Facts): Explanation | null {
  const pattern = settings.knownPrincipals.find((known) => matchesPrincipal(known, principal));
  return pattern === undefined ? null : { kind: 'known-caller', ref: pattern };
}

function byTaskRole({ action, principal: { session, role }, time }: Access, facts: Facts): Explanation | null {
  if (action !== 'GetSecretValue' || session === null || time === null) return null;
  if (!TASK_ID.test(session) || taskOf(session, facts.tasks) || !isServiceRole(role, facts)) return null;
  const forgotten = Date.parse(time) < facts.now - TASKS_KEPT_MS;
  return forgotten
    ? { kind: 'task-role', ref: `${session} (role and form of the session only: ECS no longer lists the task)` }
    : null;
}

const taskOf = (session: string | null, tasks: readonly ServiceTask[]) =>
  tasks.find(({ taskId }) => taskId === session);

function within(time: string | null, from: string | null, to: string | null, now: number): boolean {
  if (time === null || from === null) return false;
  const at = Date.parse(time);
  return at >= Date.parse(from) - TOLERANCE_MS && at <= (to === null ? now : Date.parse(to)) + TOLERANCE_MS;
}
