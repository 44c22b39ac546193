/** What the join of a task definition with its roles reports. */
import type { Rule } from './finding.ts';

/** A right without which the task does not start, or its program does not work. */
export const MISSING_RIGHT: Rule = {
  id: 'task-right-missing',
  code: null,
  kind: 'error',
  severity: 'high',
  title: 'a right that the task definition needs is missing',
  why: 'The task stops before its program starts, with the reason that is told.',
  fix: 'Allow that action on that resource to the role.',
};

/** Whether it is allowed shows only in the request. */
export const DEPENDS: Rule = {
  id: 'task-right-depends',
  code: null,
  kind: 'warning',
  severity: 'low',
  title: 'a right that the task definition needs hangs on a condition that nothing here tells',
  why: 'Conditions on the network or on the session are decided by the request itself.',
  fix: 'See that the requests of the task meet the condition.',
};

/** A right of the execution role that nothing in the task definition needs. */
export const UNUSED_RIGHT: Rule = {
  id: 'task-right-excess',
  code: null,
  kind: 'security',
  severity: 'low',
  title: 'a right that the task definition does not need',
  why: 'ECS acts under the execution role for what the task definition names, and for nothing else.',
  fix: 'Take the action away, or keep it in another role.',
};

/** A right on more than the task definition names. */
export const BROAD_RIGHT: Rule = {
  id: 'task-right-broad',
  code: null,
  kind: 'security',
  severity: 'low',
  title: 'a right on more than the task definition names',
  why: 'Whoever changes the task definition gets at what the role reaches, whatever it was meant for.',
  fix: 'Name the resources that the task definition names.',
};

/** A right that the other role should have. */
export const WRONG_ROLE: Rule = {
  id: 'task-right-wrong-role',
  code: null,
  kind: 'warning',
  severity: 'low',
  title: 'a right that belongs to the other role of the task',
  why: 'ECS starts the task under the execution role; the program runs under the task role, and whoever breaks into it has the rights of that one.',
  fix: 'Give the right to the role that uses it, and to no other.',
};

/** One role for both. */
export const SAME_ROLE: Rule = {
  id: 'task-roles-same',
  code: null,
  kind: 'security',
  severity: 'medium',
  title: 'one role is both execution and task role',
  why: 'The program may then do what only ECS has to: pull images, read every injected secret again.',
  fix: 'Give the program a role of its own.',
};

/** A role that is not there, or that ECS may not be. */
export const UNUSABLE_ROLE: Rule = {
  id: 'task-role-unusable',
  code: null,
  kind: 'error',
  severity: 'high',
  title: 'ECS cannot assume the role',
  why: 'A task whose role cannot be assumed does not start.',
  fix: 'Let ecs-tasks.amazonaws.com assume the role, with aws:SourceAccount and aws:SourceArn of the account.',
};

/** A secret, label or key that is not as the task definition needs it. */
export const UNUSABLE_SECRET: Rule = {
  id: 'task-secret-unusable',
  code: null,
  kind: 'error',
  severity: 'high',
  title: 'the task definition names a secret that cannot be read',
  why: 'The task stops before its program starts.',
  fix: 'Name a secret, a staging label and a version that there are.',
};

/** A role that nobody has been for long. */
export const UNUSED_ROLE: Rule = {
  id: 'role-unused',
  code: null,
  kind: 'security',
  severity: 'low',
  title: 'a role that nothing uses',
  why: 'Its rights are of use to nobody but an intruder.',
  fix: 'Delete it, or say in its description what it is kept for.',
};

/** Rights on a service that nothing has used through the role for long. */
export const UNUSED_STATEMENT: Rule = {
  id: 'service-unused',
  code: null,
  kind: 'security',
  severity: 'low',
  title: 'rights on a service that the role has not used',
  why: 'Rights that nothing uses are of use to nobody but an intruder.',
  fix: 'Take them away; `jamf-mcp iam generate` writes the policy of what was used.',
};

/** Rules of the live account. */
export const JOIN_RULES: readonly Rule[] = [
  MISSING_RIGHT,
  DEPENDS,
  UNUSED_RIGHT,
  BROAD_RIGHT,
  WRONG_ROLE,
  SAME_ROLE,
  UNUSABLE_ROLE,
  UNUSABLE_SECRET,
  UNUSED_ROLE,
  UNUSED_STATEMENT,
];
