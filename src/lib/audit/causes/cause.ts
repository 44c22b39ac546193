/**
 * What can cause an access. A cause goes over the timeline twice: it learns from every access, then it is asked about
 * each. It judges by what AWS vouches for (who called, when, under which role, what AWS recorded by itself), and never by
 * the user agent alone, which the caller writes.
 */
import type { Facts } from '../explain.ts';
import type { SettledAccess } from '../timeline.ts';

/**
 * Kinds, strongest first:
 * - `aws-service`: AWS's own record of work that it does by itself (`AwsServiceEvent`); no caller can write one
 * - `break-glass`: read for a reason that the signed log of this machine has; ref is the time of its entry
 * - `rotation`: a rotation of ours, by its signed record and the version that it wrote; ref is its id
 * - `rotation-function`: the rotation function of the secret, while AWS called it; ref is the function's name
 * - `task-start`: a task of the service read it while it started; ref is the task's ARN
 * - `task-run`: a running task of the service read it under its task role; ref is the task's ARN
 * - `deployment`: the service's role with a session in the form of a task's id, while a deployment was under way whose
 *   tasks ECS has forgotten since; ref is the deployment
 * - `infrastructure`: an infrastructure tool at work on a secret that the same identity has created; ref is the tool
 * - `self`: the identity that runs this audit; ref is its ARN
 * - `known-caller`: a principal that the settings expect; ref is the pattern
 * - `baseline`: usual by jamf-mcp-baseline.yaml; ref is the principal of the entry
 * - `task-role`: the service's role with a session that has the form of a task's id, more than an hour ago. ECS forgets
 *   stopped tasks after an hour, so the task itself cannot be looked at any more: role and form only
 */
export type CauseKind =
  | 'aws-service'
  | 'break-glass'
  | 'rotation'
  | 'rotation-function'
  | 'task-start'
  | 'task-run'
  | 'deployment'
  | 'infrastructure'
  | 'self'
  | 'known-caller'
  | 'baseline'
  | 'task-role';

/** What caused an access. */
export interface Explanation {
  kind: CauseKind;
  ref: string;
  /** One line: what agrees. */
  why: string;
}

/** A cause at work on one audit. */
export interface CauseAtWork {
  /** Called for every access, oldest first, before any is explained. */
  learn?(access: SettledAccess): void;
  /** @returns the explanation, or in a few words why this cause does not explain it */
  explain(access: SettledAccess): Explanation | string;
}

/** A kind of cause. */
export interface Cause {
  kind: CauseKind;
  start(facts: Facts): CauseAtWork;
}

/** CloudTrail counts in whole seconds, and the clocks of ECS, of CloudTrail and of this machine are not one. */
export const TOLERANCE_MS = 5_000;

/** Milliseconds since 1970; NaN for an access whose record tells no time: it is in no span. */
export const timeOf = ({ time }: { time: string | null }): number => (time === null ? Number.NaN : Date.parse(time));

/** Whether a moment lies in a span, with some tolerance; all in milliseconds. */
export const isWithin = (at: number, from: number, to: number): boolean =>
  at >= from - TOLERANCE_MS && at <= to + TOLERANCE_MS;

/** `2026-11-22 10:00:40`, UTC */
export const clockText = (iso: string): string => iso.slice(0, 19).replace('T', ' ');
