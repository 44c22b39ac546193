/** IAM: the account in one answer, GetAccountAuthorizationDetails. */
import { texts } from './input.ts';
import { paged, percentEncoded } from './iam-form.ts';
import type { SandboxRole } from './iam.ts';
import { shownPolicy, type ManagedPolicy } from './iam-policies.ts';
import { ACCOUNT, type AwsHandlers } from './service.ts';

/** A user of the account, as the answer has it. */
export interface SandboxUser {
  name: string;
  id: string;
  /** Inline policies by name. */
  inline: Readonly<Record<string, unknown>>;
}

/**
 * The handler.
 * @param created - when all that was there at the start was made
 */
export function accountHandlers(
  roles: readonly SandboxRole[],
  users: readonly SandboxUser[],
  policies: ReadonlyMap<string, ManagedPolicy>,
  created: Date,
): AwsHandlers {
  const inlineOf = (inline: Readonly<Record<string, unknown>>) =>
    Object.entries(inline).map(([PolicyName, document]) => ({ PolicyName, PolicyDocument: percentEncoded(document) }));
  const attachedOf = (attached: readonly string[]) =>
    attached.map((PolicyArn) => ({ PolicyName: PolicyArn.split('/').at(-1), PolicyArn }));
  const userOf = (user: SandboxUser) => ({
    Path: '/',
    UserName: user.name,
    UserId: user.id,
    Arn: `arn:aws:iam::${ACCOUNT}:user/${user.name}`,
    CreateDate: created,
    UserPolicyList: inlineOf(user.inline),
    GroupList: [],
    AttachedManagedPolicies: [],
    Tags: [],
  });
  const roleOf = (role: SandboxRole) => ({
    ...shownRole(role, created),
    InstanceProfileList: [],
    RolePolicyList: inlineOf(role.inline),
    AttachedManagedPolicies: attachedOf(role.attached),
    PermissionsBoundary: boundaryOf(role),
    RoleLastUsed: lastUsedOf(role),
    Tags: tagsOf(role) ?? [],
  });
  const policyOf = (policy: ManagedPolicy) => ({
    ...shownPolicy(policy, roles),
    PolicyVersionList: policy.versions.map(({ id, document, createdAt }) => ({
      Document: percentEncoded(document),
      VersionId: id,
      IsDefaultVersion: id === policy.current,
      CreateDate: new Date(createdAt),
    })),
  });
  return {
    GetAccountAuthorizationDetails(input) {
      const filter = texts(input, 'Filter', 5) ?? [];
      const wanted = (kind: string) => filter.length === 0 || filter.includes(kind);
      const used = new Set(roles.flatMap(({ attached, boundary = '' }) => [...attached, boundary]));
      const items: [list: string, item: unknown][] = [
        ...(wanted('User') ? users : []).map((user): [string, unknown] => ['UserDetailList', userOf(user)]),
        ...(wanted('Role') ? roles : []).map((role): [string, unknown] => ['RoleDetailList', roleOf(role)]),
        ...[...policies.values()]
          .filter(({ arn }) =>
            arn.includes('::aws:') ? used.has(arn) && wanted('AWSManagedPolicy') : wanted('LocalManagedPolicy'),
          )
          .map((policy): [string, unknown] => ['Policies', policyOf(policy)]),
      ];
      // One page holds things of all kinds.
      const { all, ...rest } = paged('all', items, input, filter);
      const lists = Object.groupBy(all as [string, unknown][], ([list]) => list);
      const listOf = (name: string) => (lists[name] ?? []).map(([, item]) => item);
      return {
        UserDetailList: listOf('UserDetailList'),
        GroupDetailList: [],
        RoleDetailList: listOf('RoleDetailList'),
        Policies: listOf('Policies'),
        ...rest,
      };
    },
  };
}

/**
 * A role, as every answer has it.
 * @param created - when it was made, where it was there at the start
 */
export const shownRole = (role: SandboxRole, created: Date) => ({
  Path: role.path ?? '/',
  RoleName: role.name,
  RoleId: role.id,
  Arn: roleArn(role),
  CreateDate: role.createdAt === undefined ? created : new Date(role.createdAt),
  AssumeRolePolicyDocument: percentEncoded(role.trust),
});

/** As IAM tells the tags of a role. */
export const tagsOf = ({ tags }: SandboxRole) => tags && [...tags].map(([Key, Value]) => ({ Key, Value }));

/** The ARN of a role of the account. */
export const roleArn = ({ name, path }: Pick<SandboxRole, 'name' | 'path'>): string =>
  `arn:aws:iam::${ACCOUNT}:role${path ?? '/'}${name}`;

/** As IAM tells a permissions boundary. */
export const boundaryOf = ({ boundary }: SandboxRole) =>
  boundary === undefined
    ? undefined
    : { PermissionsBoundaryType: 'PermissionsBoundaryPolicy', PermissionsBoundaryArn: boundary };

/** As IAM tells when a role was last used; an empty structure where it was not. */
export const lastUsedOf = ({ lastUsedAt }: SandboxRole) =>
  lastUsedAt === undefined ? {} : { LastUsedDate: new Date(lastUsedAt), Region: 'us-east-1' };
