import { isServiceRole } from '../explain.ts';
import { gathering } from './gather.ts';
import { circumstances, times } from './words.ts';

export const serviceRole = gathering({
  id: 'service-role-outside-task',
  about: {
    finds: "the service's own roles at work outside of a task",
    severity: 'medium',
    technique: 'T1078.004',
    logic:
      "ECS assumes the execution role and the task role with the task's id as session name, while that task starts or runs; whoever uses them otherwise has got them from elsewhere. Needs the tasks of the service: silent over files",
    falsePositives: 'a task run by hand in the same roles; another service that shares them',
  },
  concerns: ({ explanation, outcome, principal }, facts) =>
    explanation === null && outcome !== 'denied' && isServiceRole(principal.role, facts),
  tell: (deeds) => ({
    severity: 'medium',
    title: `${deeds.key} was used outside of a task of the service`,
    why: `${circumstances(deeds)}, ${times(deeds.count)}, as session ${deeds.sessions.few()}: no task of the service was starting then under that name`,
    fix: "look at the session's other calls, and let only ecs-tasks.amazonaws.com assume the role, for this cluster (aws:SourceArn)",
  }),
});
