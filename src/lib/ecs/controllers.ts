/** Services that something other than ECS deploys: refused before any change, with what to type instead. */
import type { Service } from '@aws-sdk/client-ecs';
import { JamfMcpError } from '../errors.ts';
import type { EcsTarget } from './api.ts';

/** What makes new tasks, for each deployment controller that is not ECS itself. */
const INSTEAD: Readonly<Record<string, (target: EcsTarget, service: Service) => string>> = {
  // The task set of a CODE_DEPLOY service carries the id of the CodeDeploy deployment (API_TaskSet, externalId), which
  // names application and deployment group.
  CODE_DEPLOY: (_target, { taskSets = [] }) => {
    const id = taskSets.find(({ status }) => status === 'PRIMARY')?.externalId;
    const first = id === undefined ? '' : `\`aws deploy get-deployment --deployment-id ${id}\` names both; `;
    return `deploy with CodeDeploy: ${first}\`aws deploy create-deployment --application-name APP --deployment-group-name GROUP --revision file://revision.json\``;
  },
  EXTERNAL: ({ cluster, service }, { taskSets = [] }) => {
    const definition = taskSets.find(({ status }) => status === 'PRIMARY')?.taskDefinition ?? 'FAMILY:REVISION';
    const where = `--cluster ${cluster} --service ${service}`;
    return `make a task set: \`aws ecs create-task-set ${where} --task-definition ${definition}\`, then \`aws ecs update-service-primary-task-set ${where} --primary-task-set ID\``;
  },
};

/**
 * Refuse a service that ECS does not deploy by itself.
 * @throws JamfMcpError INPUT_INVALID, its hint what to type instead
 */
export function refuseController(target: EcsTarget, service: Service): void {
  const controller = service.deploymentController?.type ?? 'ECS';
  if (controller === 'ECS') return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `ECS service ${target.cluster}/${target.service} is deployed by ${controller}, so a new deployment cannot be forced; nothing was changed`,
    INSTEAD[controller]?.(target, service) ?? 'deploy the way that is usual for this service',
    { details: { controller } },
  );
}
