/** Reads from the account what a judgement of rights needs: roles, the policies of secrets and keys, task definitions. */
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import type { DescribeSecretResponse } from '@aws-sdk/client-secrets-manager';
import { awsErrorName, type AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import type { Source } from '../source.ts';
import { everyPage, orMissing, policyText, withClients, type Clients } from './clients.ts';
import { accountOf, boundaryOf, livePolicy, liveRole, managedPolicy, regionOf } from './form.ts';
import type { LivePolicy, LiveRole } from './role.ts';

export { readAccount, readRoles } from './account.ts';

/**
 * Read a role with all of its policies.
 * @param name - name or ARN
 * @throws JamfMcpError NOT_FOUND, ACCESS_DENIED …
 */
export const readRole = (name: string, aws: AwsSettings, context: Context): Promise<LiveRole> =>
  withClients(aws, context, (clients) => roleFrom(clients, name));

/** {@link readRole} with clients that are open. */
export async function roleFrom(clients: Clients, name: string): Promise<LiveRole> {
  const { sdk, client } = await clients.iam();
  const RoleName = name.slice(name.lastIndexOf('/') + 1);
  const about = `role ${RoleName}`;
  const answer = await orMissing(
    clients.ask('GetRole', about, (options) => client.send(new sdk.GetRoleCommand({ RoleName }), options)),
  );
  if (!answer?.Role) {
    throw new JamfMcpError('NOT_FOUND', `there is no role ${RoleName}`, 'see the names with `aws iam list-roles`');
  }
  const [inline, attached] = await Promise.all([
    everyPage(async (Marker) => {
      const page = await clients.ask('ListRolePolicies', about, (options) =>
        client.send(new sdk.ListRolePoliciesCommand({ RoleName, Marker }), options),
      );
      return { items: page.PolicyNames, next: page.IsTruncated ? page.Marker : undefined };
    }),
    everyPage(async (Marker) => {
      const page = await clients.ask('ListAttachedRolePolicies', about, (options) =>
        client.send(new sdk.ListAttachedRolePoliciesCommand({ RoleName, Marker }), options),
      );
      return { items: page.AttachedPolicies, next: page.IsTruncated ? page.Marker : undefined };
    }),
  ]);
  const folder = `aws/${accountOf(answer.Role.Arn)}/iam/role/${RoleName}`;
  const policies = await Promise.all([
    ...inline.map(async (PolicyName): Promise<LivePolicy> => {
      const { PolicyDocument } = await clients.ask('GetRolePolicy', about, (options) =>
        client.send(new sdk.GetRolePolicyCommand({ RoleName, PolicyName }), options),
      );
      return livePolicy('inline', PolicyName, folder, policyText(PolicyDocument));
    }),
    ...attached.map(({ PolicyArn = '' }) => managedPolicy(clients, 'managed', PolicyArn, folder)),
    ...boundaryOf(answer.Role).map((arn) => managedPolicy(clients, 'boundary', arn, folder)),
  ]);
  return liveRole(answer.Role, [
    livePolicy('trust', 'trust', folder, policyText(answer.Role.AssumeRolePolicyDocument)),
    ...policies,
  ]);
}

/**
 * Read the resource policy of a secret.
 * @param secretId - name or ARN
 * @returns null where it has none
 * @throws JamfMcpError SECRET_NOT_FOUND, ACCESS_DENIED …
 */
export const readSecretPolicy = (secretId: string, aws: AwsSettings, context: Context): Promise<Source | null> =>
  withClients(aws, context, (clients) => secretPolicyFrom(clients, secretId));

/** {@link readSecretPolicy} with clients that are open. */
export async function secretPolicyFrom(clients: Clients, secretId: string): Promise<Source | null> {
  const { sdk, client } = await clients.secrets(regionOf(secretId));
  const answer = await orMissing(
    clients.ask('GetResourcePolicy', `secret ${secretId}`, (options) =>
      client.send(new sdk.GetResourcePolicyCommand({ SecretId: secretId }), options),
    ),
  );
  if (!answer) throw noSecret(secretId);
  if (answer.ResourcePolicy === undefined) return null;
  const [, , , region = '', account = ''] = answer.ARN?.split(':') ?? [];
  return {
    name: `aws/${account}/secretsmanager/${region}/${answer.Name ?? secretId}/policy.json`,
    text: policyText(answer.ResourcePolicy),
  };
}

/** What the account tells of a secret, but for its value; null: there is none. */
export async function describedSecret(clients: Clients, secretId: string): Promise<DescribeSecretResponse | null> {
  const { sdk, client } = await clients.secrets(regionOf(secretId));
  return orMissing(
    clients.ask('DescribeSecret', `secret ${secretId}`, (options) =>
      client.send(new sdk.DescribeSecretCommand({ SecretId: secretId }), options),
    ),
  );
}

/** There is no such secret. */
export const noSecret = (secretId: string): JamfMcpError =>
  new JamfMcpError('SECRET_NOT_FOUND', `there is no secret ${secretId}`, 'see the names with `jamf-mcp secrets list`');

/** A task definition, read. */
export interface LiveTaskDefinition {
  definition: TaskDefinition;
  /** The same as text: its address ends with family and revision. */
  source: Source;
}

/**
 * Read a task definition.
 * @param familyOrArn - `family`, `family:revision` or an ARN; without a revision it is the newest active one
 * @throws JamfMcpError NOT_FOUND, ACCESS_DENIED …
 */
export const readTaskDefinition = (
  familyOrArn: string,
  aws: AwsSettings,
  context: Context,
): Promise<LiveTaskDefinition> => withClients(aws, context, (clients) => taskDefinitionFrom(clients, familyOrArn));

/** {@link readTaskDefinition} with clients that are open. */
export async function taskDefinitionFrom(clients: Clients, familyOrArn: string): Promise<LiveTaskDefinition> {
  const { sdk, client } = await clients.ecs();
  const answer = await clients
    .ask('DescribeTaskDefinition', `task definition ${familyOrArn}`, (options) =>
      client.send(new sdk.DescribeTaskDefinitionCommand({ taskDefinition: familyOrArn }), options),
    )
    .catch((error: unknown) => {
      // ECS has no name of its own for it: "Unable to describe task definition."
      if (awsErrorName(error) === 'ClientException') return null;
      throw error;
    });
  const definition = answer?.taskDefinition;
  if (!definition) {
    throw new JamfMcpError(
      'NOT_FOUND',
      `there is no task definition ${familyOrArn}`,
      'see the names with `aws ecs list-task-definitions`',
    );
  }
  const { family = '', revision = 0, taskDefinitionArn } = definition;
  const address = `aws/${accountOf(taskDefinitionArn)}/ecs/${regionOf(taskDefinitionArn ?? '') ?? ''}/task-definition/${family}/${String(revision)}.json`;
  return { definition, source: { name: address, text: JSON.stringify(definition, null, 2) } };
}
