/** IAM: the reads that a least-privilege check makes, and roles that are made here, beside a few that are there. */
import { accountHandlers, boundaryOf, lastUsedOf, shownRole, tagsOf, type SandboxUser } from './iam-account.ts';
import { noSuchEntity, paged, percentEncoded, policyFrom, type Input } from './iam-form.ts';
import {
  ADMINISTRATOR_POLICY,
  EXECUTION_POLICY,
  managedPolicies,
  policyHandlers,
  type ManagedPolicy,
} from './iam-policies.ts';
import { simulateHandlers } from './iam-simulate.ts';
import { usageHandlers } from './iam-usage.ts';
import { objects, requiredText, text } from './input.ts';
import { LEGACY_CI_PRINCIPAL, OPERATOR_ROLE } from './principals.ts';
import { EXECUTION_ROLE, TASK_ROLE } from './roles.ts';
import {
  ACCOUNT,
  AwsFault,
  secretArn,
  type AwsCall,
  type AwsHandlers,
  type AwsService,
  type World,
} from './service.ts';

/** A role of the account. */
export interface SandboxRole {
  name: string;
  path?: string;
  id: string;
  trust: unknown;
  /** Inline policies by name. */
  inline: Readonly<Record<string, unknown>>;
  /** Of a role that was made or changed here: its policies decide what its sessions may do. */
  enforced?: boolean;
  /** All its policies, those that are attached among them. */
  policies?: () => readonly unknown[];
  /** Of a role that was made here, milliseconds since 1970. */
  createdAt?: number;
  description?: string;
  tags?: Map<string, string>;
  /** ARNs of attached policies. */
  attached: readonly string[];
  /** ARN of the permissions boundary. */
  boundary?: string;
  /** When its credentials were last used, milliseconds since 1970. */
  lastUsedAt?: number;
}

/** The one user of the account: what the server keeps it to (`principals.ts`), as a policy. */
const USERS: readonly SandboxUser[] = [
  {
    name: LEGACY_CI_PRINCIPAL.userName,
    id: LEGACY_CI_PRINCIPAL.principalId,
    inline: {
      LegacySecrets: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 'secretsmanager:*',
            Resource: `arn:aws:secretsmanager:*:${ACCOUNT}:secret:legacy/*`,
          },
        ],
      },
    },
  },
];

const trust = (principal: Record<string, string>) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }],
});

/** The roles that the sandbox begins with. */
export function sandboxRoles(region: string): SandboxRole[] {
  const read = {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'ReadJamfSecret',
        Effect: 'Allow',
        Action: 'secretsmanager:GetSecretValue',
        Resource: secretArn(region, 'jamf-mcp-server/production'),
      },
    ],
  };
  const denySecrets = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Deny', Action: 'secretsmanager:*', Resource: '*' }],
  };
  const ecsTasks = trust({ Service: 'ecs-tasks.amazonaws.com' });
  return [
    {
      ...EXECUTION_ROLE,
      trust: ecsTasks,
      inline: { SecretsAccess: read },
      attached: [EXECUTION_POLICY],
    },
    { ...TASK_ROLE, trust: ecsTasks, inline: { SecretsAccess: read }, attached: [] },
    {
      name: 'reader',
      id: 'AROAREADER000EXAMPLE0',
      trust: trust({ AWS: `arn:aws:iam::${ACCOUNT}:root` }),
      inline: { NoSecrets: denySecrets },
      attached: [],
    },
    {
      ...OPERATOR_ROLE,
      trust: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Federated: `arn:aws:iam::${ACCOUNT}:saml-provider/AWSSSO_EXAMPLE` },
            Action: ['sts:AssumeRoleWithSAML', 'sts:TagSession'],
            Condition: { StringEquals: { 'SAML:aud': 'https://signin.aws.amazon.com/saml' } },
          },
        ],
      },
      inline: {},
      attached: [ADMINISTRATOR_POLICY],
    },
  ];
}

const RUNNING: ReadonlySet<string> = new Set([EXECUTION_ROLE.name, TASK_ROLE.name]);

/** IAM's reads, and the changes of roles and managed policies; every other change is unknown to it. */
export function createIam(world: World, roles: SandboxRole[]): AwsService {
  const created = new Date(world.clock.now() - 200 * 86_400_000);
  const policies = managedPolicies(world.clock.now());
  // The tasks of the service run under them.
  for (const role of roles) if (RUNNING.has(role.name)) role.lastUsedAt ??= world.clock.now();
  const roleOf = (input: Input) => {
    const name = requiredText(input, 'RoleName', { min: 1, max: 64 });
    const role = roles.find((candidate) => candidate.name === name);
    if (!role) throw noSuchEntity(`The role with name ${name} cannot be found.`);
    return role;
  };
  const shown = (role: SandboxRole) => ({
    ...shownRole(role, created),
    Description: role.description,
    MaxSessionDuration: 3600,
    Tags: tagsOf(role),
  });
  return {
    handlers: {
      ...roleChanges(world, roles, policies, { roleOf, shown }),
      ...policyHandlers(world, policies, roles),
      ...accountHandlers(roles, USERS, policies, created),
      ...usageHandlers(world, roles, (role) => documentsOf(role, policies)),
      ...simulateHandlers,
      GetUser(input, call) {
        const name = text(input, 'UserName', { min: 1, max: 128 }) ?? ownName(call);
        if (name !== LEGACY_CI_PRINCIPAL.userName) throw noSuchEntity(`The user with name ${name} cannot be found.`);
        return {
          User: {
            Path: '/',
            UserName: name,
            UserId: LEGACY_CI_PRINCIPAL.principalId,
            Arn: LEGACY_CI_PRINCIPAL.arn,
            CreateDate: created,
          },
        };
      },
      GetRole(input) {
        const role = roleOf(input);
        return { Role: { ...shown(role), PermissionsBoundary: boundaryOf(role), RoleLastUsed: lastUsedOf(role) } };
      },
      ListRoles(input) {
        const prefix = text(input, 'PathPrefix', { min: 1, max: 512 }) ?? '/';
        const found = roles.filter(({ path }) => (path ?? '/').startsWith(prefix)).map(shown);
        return paged('Roles', found, input, prefix);
      },
      GetRolePolicy(input) {
        const role = roleOf(input);
        const name = requiredText(input, 'PolicyName', { min: 1, max: 128 });
        if (!Object.hasOwn(role.inline, name)) throw noSuchEntity(`The role policy with name ${name} cannot be found.`);
        return { RoleName: role.name, PolicyName: name, PolicyDocument: percentEncoded(role.inline[name]) };
      },
      ListRolePolicies: (input) => paged('PolicyNames', Object.keys(roleOf(input).inline), input, roleOf(input).name),
      ListAttachedRolePolicies: (input) =>
        paged(
          'AttachedPolicies',
          roleOf(input).attached.map((PolicyArn) => ({ PolicyName: PolicyArn.split('/').at(-1), PolicyArn })),
          input,
          roleOf(input).name,
        ),
    },
  };
}

/** The policies of a role, attached ones in the version that is in force. */
function documentsOf(role: SandboxRole, policies: ReadonlyMap<string, ManagedPolicy>): unknown[] {
  const attached = role.attached.flatMap((arn) => {
    const policy = policies.get(arn);
    return (policy?.versions ?? []).filter(({ id }) => id === policy?.current).map(({ document }) => document);
  });
  return [...Object.values(role.inline), ...attached];
}

/** Making, changing and deleting roles, their inline policies and what is attached to them. */
function roleChanges(
  world: World,
  roles: SandboxRole[],
  policies: ReadonlyMap<string, ManagedPolicy>,
  { roleOf, shown }: { roleOf: (input: Input) => SandboxRole; shown: (role: SandboxRole) => unknown },
): AwsHandlers {
  const kept = (role: SandboxRole): SandboxRole => {
    role.enforced = true;
    role.policies = () => documentsOf(role, policies);
    return role;
  };
  const own = (input: Input) => {
    const role = roleOf(input);
    if (!role.path?.startsWith('/aws-reserved/')) return kept(role);
    const message = `Cannot perform the operation on the protected role '${role.name}' - this role is only modifiable by AWS`;
    throw new AwsFault('UnmodifiableEntity', message);
  };
  return {
    CreateRole(input) {
      const name = requiredText(input, 'RoleName', { min: 1, max: 64 });
      if (roles.some((role) => role.name === name)) {
        throw new AwsFault('EntityAlreadyExists', `Role with name ${name} already exists.`, 409);
      }
      const tags = (objects(input, 'Tags', 50) ?? []).map(({ Key, Value }): [string, string] => [
        String(Key),
        String(Value),
      ]);
      const role: SandboxRole = {
        name,
        id: `AROA${world.random.text(10, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}EXAMPLE`,
        trust: policyFrom(input, 'AssumeRolePolicyDocument'),
        inline: {},
        attached: [],
        createdAt: world.clock.now(),
        description: text(input, 'Description', { max: 1000 }) ?? '',
        tags: new Map(tags),
      };
      roles.push(kept(role));
      return { Role: shown(role) };
    },
    UpdateAssumeRolePolicy(input) {
      own(input).trust = policyFrom(input, 'PolicyDocument');
      return undefined;
    },
    PutRolePolicy(input) {
      const role = own(input);
      const name = requiredText(input, 'PolicyName', { min: 1, max: 128 });
      role.inline = { ...role.inline, [name]: policyFrom(input, 'PolicyDocument') };
      return undefined;
    },
    DeleteRolePolicy(input) {
      const role = own(input);
      const name = requiredText(input, 'PolicyName', { min: 1, max: 128 });
      if (!Object.hasOwn(role.inline, name)) throw noSuchEntity(`The role policy with name ${name} cannot be found.`);
      role.inline = Object.fromEntries(Object.entries(role.inline).filter(([other]) => other !== name));
      return undefined;
    },
    AttachRolePolicy(input) {
      const role = own(input);
      const arn = requiredText(input, 'PolicyArn', { min: 20, max: 2048 });
      if (!policies.has(arn)) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
      role.attached = [...new Set([...role.attached, arn])];
      return undefined;
    },
    DetachRolePolicy(input) {
      const role = own(input);
      const arn = requiredText(input, 'PolicyArn', { min: 20, max: 2048 });
      if (!role.attached.includes(arn)) throw noSuchEntity(`Policy ${arn} was not found.`);
      role.attached = role.attached.filter((other) => other !== arn);
      return undefined;
    },
    DeleteRole(input) {
      const role = own(input);
      if (Object.keys(role.inline).length + role.attached.length > 0) {
        throw new AwsFault('DeleteConflict', 'Cannot delete entity, must delete policies first.', 409);
      }
      roles.splice(roles.indexOf(role), 1);
      return undefined;
    },
  };
}

/** A call without a user name asks for the caller, who has to be a user. */
function ownName({ principal }: AwsCall): string {
  if (principal.type === 'IAMUser') return principal.userName;
  throw new AwsFault('ValidationError', 'Must specify userName when calling with non-User credentials');
}
