/** What to look at where nobody names anything: what the service runs with. */
import type { Settings } from '../../config/settings.ts';
import { openEcs } from '../../ecs/api.ts';
import type { Context } from '../../host.ts';
import type { Selection } from './validate.ts';

/**
 * The task definition of the configured service; its secrets and their keys come with it.
 * @throws JamfMcpError NOT_FOUND where ECS has no such service …
 */
export async function ofTheService({ aws, ecs }: Pick<Settings, 'aws' | 'ecs'>, context: Context): Promise<Selection> {
  const api = await openEcs({ ...ecs, aws }, context);
  try {
    const { taskDefinition } = await api.describeService();
    return {
      roles: [],
      taskDefinitions: taskDefinition === undefined ? [] : [taskDefinition],
      secrets: [],
      all: false,
    };
  } finally {
    api.close();
  }
}
