/** Reads every role and user of an account at once, with one call for some hundreds of them. */
import type {
  AttachedPolicy,
  GetAccountAuthorizationDetailsResponse,
  GroupDetail,
  ManagedPolicyDetail,
} from '@aws-sdk/client-iam';
import type { AwsSettings } from '../../aws.ts';
import type { Context } from '../../host.ts';
import { everyPage, policyText, withClients, type Clients } from './clients.ts';
import { accountOf, boundaryOf, livePolicy, liveRole, liveUser, managedPolicy } from './form.ts';
import type { LivePolicy, LiveRole } from './role.ts';

/** The principals of an account. */
export interface LiveAccount {
  roles: LiveRole[];
  users: LiveRole[];
}

/**
 * Read all roles.
 * @throws JamfMcpError ACCESS_DENIED where iam:GetAccountAuthorizationDetails is not allowed …
 */
export const readRoles = async (aws: AwsSettings, context: Context): Promise<LiveRole[]> =>
  (await readAccount(aws, context)).roles;

/**
 * Read all roles and users; the policies of a user's groups are among its own.
 * @throws JamfMcpError ACCESS_DENIED where iam:GetAccountAuthorizationDetails is not allowed …
 */
export const readAccount = (aws: AwsSettings, context: Context): Promise<LiveAccount> =>
  withClients(aws, context, accountFrom);

interface Inline {
  PolicyName?: string | undefined;
  PolicyDocument?: string | undefined;
}

/** {@link readAccount} with clients that are open. */
export async function accountFrom(clients: Clients): Promise<LiveAccount> {
  const { sdk, client } = await clients.iam();
  const pages = await everyPage<GetAccountAuthorizationDetailsResponse>(async (Marker) => {
    const page = await clients.ask('GetAccountAuthorizationDetails', 'the account', (options) =>
      client.send(new sdk.GetAccountAuthorizationDetailsCommand({ Marker }), options),
    );
    return { items: [page], next: page.IsTruncated ? page.Marker : undefined };
  });
  const groups = new Map(
    pages.flatMap(({ GroupDetailList = [] }) => GroupDetailList).map((group) => [group.GroupName ?? '', group]),
  );
  const roles = pages.flatMap(({ RoleDetailList = [] }) => RoleDetailList);
  const users = pages.flatMap(({ UserDetailList = [] }) => UserDetailList);
  const managed = await managedTexts(
    clients,
    pages.flatMap(({ Policies = [] }) => Policies),
    [
      ...[...roles, ...users].flatMap(boundaryOf),
      ...[...roles, ...users, ...groups.values()].flatMap(({ AttachedManagedPolicies: attached = [] }) =>
        attached.map(({ PolicyArn = '' }) => PolicyArn),
      ),
    ],
  );
  return {
    roles: roles.map((role) => {
      const folder = `aws/${accountOf(role.Arn)}/iam/role/${role.RoleName ?? ''}`;
      return liveRole(role, [
        livePolicy('trust', 'trust', folder, policyText(role.AssumeRolePolicyDocument)),
        ...inlineOf(role.RolePolicyList, folder),
        ...managedOf(role.AttachedManagedPolicies, managed, folder),
        ...boundaryOf(role).map((arn) => livePolicy('boundary', arn, folder, managed.get(arn) ?? '')),
      ]);
    }),
    users: users.map((user) => {
      const folder = `aws/${accountOf(user.Arn)}/iam/user/${user.UserName ?? ''}`;
      return liveUser(user, [
        ...inlineOf(user.UserPolicyList, folder),
        ...managedOf(user.AttachedManagedPolicies, managed, folder),
        ...(user.GroupList ?? []).flatMap((name) => ofGroup(groups.get(name), managed)),
        ...boundaryOf(user).map((arn) => livePolicy('boundary', arn, folder, managed.get(arn) ?? '')),
      ]);
    }),
  };
}

const inlineOf = (policies: readonly Inline[] | undefined, folder: string): LivePolicy[] =>
  (policies ?? []).map(({ PolicyName = '', PolicyDocument }) =>
    livePolicy('inline', PolicyName, folder, policyText(PolicyDocument)),
  );

const managedOf = (
  attached: readonly AttachedPolicy[] | undefined,
  known: ReadonlyMap<string, string>,
  folder: string,
): LivePolicy[] =>
  (attached ?? []).map(({ PolicyArn = '' }) => livePolicy('managed', PolicyArn, folder, known.get(PolicyArn) ?? ''));

/** Texts of managed policies by ARN; one that is attached and not in the answer is read by itself. */
async function managedTexts(
  clients: Clients,
  told: readonly ManagedPolicyDetail[],
  attached: readonly string[],
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const { Arn = '', PolicyVersionList = [] } of told) {
    const current = PolicyVersionList.find(({ IsDefaultVersion }) => IsDefaultVersion);
    if (current?.Document !== undefined) texts.set(Arn, policyText(current.Document));
  }
  for (const arn of new Set(attached)) {
    if (!texts.has(arn)) texts.set(arn, (await managedPolicy(clients, 'managed', arn, '')).source.text);
  }
  return texts;
}

function ofGroup(group: GroupDetail | undefined, known: ReadonlyMap<string, string>): LivePolicy[] {
  const folder = `aws/${accountOf(group?.Arn)}/iam/group/${group?.GroupName ?? ''}`;
  return [...inlineOf(group?.GroupPolicyList, folder), ...managedOf(group?.AttachedManagedPolicies, known, folder)];
}
