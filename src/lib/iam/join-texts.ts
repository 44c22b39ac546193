/**
 * What ECS says where a right is missing: the reasons with which tasks stop, as facts of AWS's documentation and of
 * error reports have them (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html).
 * `TASK-ID` stands for the id of the task.
 */

const INIT =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed:';

const refused = (user: string, action: string, resource: string): string =>
  `User: ${user} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;

/**
 * The execution role may not read a secret.
 * @param named - as the task definition names it
 */
export const secretDenied = (user: string, named: string, arn: string): string =>
  `${INIT} unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret ${named} from secrets manager: AccessDeniedException: ${refused(user, 'secretsmanager:GetSecretValue', arn)}`;

/** It may read the secret, but not decrypt it. */
export const keyDenied = (named: string): string =>
  `${INIT} unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret ${named} from secrets manager: AccessDeniedException: Access to KMS is not allowed`;

/** There is no such secret, or no version with that label. */
export const secretMissing = (named: string): string =>
  `${INIT} unable to retrieve secret from asm: service call has been retried 1 time(s): ResourceNotFoundException: The task can't retrieve the secret with ARN '${named}' from AWS Secrets Manager. Check whether the secret exists in the specified Region`;

/** The secret is scheduled for deletion. */
export const secretDeleted = (named: string): string =>
  `${INIT} unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret ${named} from secrets manager: InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion.`;

/** The execution role may not read a parameter. */
export const parameterDenied = (user: string, arn: string): string =>
  `${INIT} unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: ${refused(user, 'ssm:GetParameters', arn)}`;

/** It may not sign in to the registry. */
export const registryDenied = (user: string): string =>
  `${INIT} unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: ${refused(user, 'ecr:GetAuthorizationToken', '*')}`;

/** It may not pull the image. */
export const pullDenied = (user: string, action: string, repository: string): string =>
  `CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref: pulling from host failed with status code 403 Forbidden: ${refused(user, action, repository)}`;

/** It may not open the log. */
export const logDenied = (user: string, action: string, resource: string): string =>
  `ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: ${refused(user, action, resource)}: exit status 1`;

/** It may not fetch a file with variables. */
export const fileDenied = (arn: string): string =>
  `ResourceInitializationError: failed to download env files: file download command: non empty error stream: service call has been retried 1 time(s): AccessDenied: ${arn}`;

/** The task role may not mount a file system. */
export const mountDenied = (): string =>
  'ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: mount.nfs4: access denied by server';

/** Whom the role trusts: ECS tasks are not among them. */
export const roleUnassumable = (arn: string): string =>
  `ECS was unable to assume the role '${arn}' that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role.`;
