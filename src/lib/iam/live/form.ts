/** What the account answers, brought into the form of `role.ts`. */
import type { AttachedPermissionsBoundary, RoleDetail, UserDetail } from '@aws-sdk/client-iam';
import { policyText, type Clients } from './clients.ts';
import type { LivePolicy, LiveRole } from './role.ts';

/** Put a role together. */
export const liveRole = (
  role: Pick<RoleDetail, 'RoleName' | 'Arn' | 'CreateDate' | 'RoleLastUsed' | 'Tags'>,
  policies: LivePolicy[],
): LiveRole => livePrincipal(role, role.RoleName, role.RoleLastUsed?.LastUsedDate, policies);

/** Put a user together: IAM does not tell when it was last used. */
export const liveUser = (
  user: Pick<UserDetail, 'UserName' | 'Arn' | 'CreateDate' | 'Tags'>,
  policies: LivePolicy[],
): LiveRole => livePrincipal(user, user.UserName, undefined, policies);

const livePrincipal = (
  { Arn, CreateDate, Tags }: Pick<RoleDetail, 'Arn' | 'CreateDate' | 'Tags'>,
  name: string | undefined,
  lastUsed: Date | undefined,
  policies: LivePolicy[],
): LiveRole => ({
  name: name ?? '',
  arn: Arn ?? '',
  account: accountOf(Arn),
  policies,
  lastUsed: lastUsed?.toISOString() ?? null,
  createdAt: CreateDate?.toISOString() ?? null,
  tags: tagsOf(Tags),
});

interface Named {
  Key?: string | undefined;
  Value?: string | undefined;
}

/** Tags by name. */
export const tagsOf = (tags: readonly Named[] | undefined): Map<string, string> =>
  new Map((tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value]));

/** Put a policy together: AWS's own policies have one address wherever they are attached, as have those of the account. */
export function livePolicy(kind: LivePolicy['kind'], name: string, folder: string, text: string): LivePolicy {
  const arn = /^arn:[^:]+:iam::(aws|\d{12}):policy\/(?:.*\/)?([^/]+)$/.exec(name);
  const address = arn ? `aws/${arn[1] ?? ''}/iam/policy/${arn[2] ?? ''}.json` : `${folder}/${name}.json`;
  return { source: { name: address, text }, kind, name };
}

/** ARN of the permissions boundary, if there is one. */
export const boundaryOf = (principal: { PermissionsBoundary?: AttachedPermissionsBoundary | undefined }): string[] =>
  principal.PermissionsBoundary?.PermissionsBoundaryArn === undefined
    ? []
    : [principal.PermissionsBoundary.PermissionsBoundaryArn];

/** The account in an ARN; empty where there is none. */
export const accountOf = (arn: string | undefined): string => arn?.split(':')[4] ?? '';

/** Read the version of a managed policy that is in force. */
export async function managedPolicy(
  clients: Clients,
  kind: 'managed' | 'boundary',
  arn: string,
  folder: string,
): Promise<LivePolicy> {
  const { sdk, client } = await clients.iam();
  const about = `policy ${arn}`;
  const { Policy } = await clients.ask('GetPolicy', about, (options) =>
    client.send(new sdk.GetPolicyCommand({ PolicyArn: arn }), options),
  );
  const { PolicyVersion } = await clients.ask('GetPolicyVersion', about, (options) =>
    client.send(
      new sdk.GetPolicyVersionCommand({ PolicyArn: arn, VersionId: Policy?.DefaultVersionId ?? 'v1' }),
      options,
    ),
  );
  return livePolicy(kind, arn, folder, policyText(PolicyVersion?.Document));
}

/** The Region in an ARN; null where it is a name, or an ARN without one. */
export const regionOf = (arn: string): string | null => /^arn:[^:]*:[^:]*:([^:]+):/.exec(arn)?.[1] ?? null;
