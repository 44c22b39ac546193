/** The roles that the sandbox's account has, as both IAM and the sessions of ECS tasks know them. */

/** The role under which ECS starts tasks: it reads the secret. */
export const EXECUTION_ROLE = { name: 'ecsTaskExecutionRole', id: 'AROAEXECUTION0EXAMPLE' };

/** The role under which the tasks run. */
export const TASK_ROLE = { name: 'jamf-mcp-task-role', id: 'AROATASK00000EXAMPLE0' };
