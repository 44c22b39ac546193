/**
 * The service's own roles at work outside of a task: ECS assumes them with the task's id as session name, while that
 * task starts or runs. Whoever uses them otherwise has got them from elsewhere.
 * False positives: a task run by hand in the same roles; another service that shares them.
 */
import { isServiceRole } from '../explain.ts';
import { circumstances, fewOf, perIdentity, times } from './detector.ts';

export const serviceRole = perIdentity(
  'service-role-outside-task',
  ({ explanation, outcome, principal }, facts) =>
    explanation === null && outcome !== 'denied' && isServiceRole(principal.role, facts),
  ({ identity, accesses, count }) => ({
    severity: 'medium',
    title: `${identity} was used outside of a task of the service`,
    why: `${circumstances(accesses)}, ${times(count)}, as session ${fewOf(accesses.map(({ principal }) => principal.session))}: no task of the service was starting then under that name`,
    fix: "look at the session's other calls, and let only ecs-tasks.amazonaws.com assume the role, for this cluster (aws:SourceArn)",
    technique: 'T1078.004',
  }),
);
