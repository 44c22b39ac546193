/** IAM: the reads that a least-privilege check makes, and roles that are made here, beside a few that are there. */
import { integer, objects, requiredText, text } from './input.ts';
import { page } from './paging.ts';
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

type Input = Record<string, unknown>;

/** A role of the account. */
export interface SandboxRole {
  name: string;
  path?: string;
  id: string;
  trust: unknown;
  /** Inline policies by name. */
  inline: Readonly<Record<string, unknown>>;
  /** Of a role that was made here: its policies decide what its sessions may do. */
  enforced?: boolean;
  /** Of a role that was made here, milliseconds since 1970. */
  createdAt?: number;
  description?: string;
  tags?: Map<string, string>;
  /** ARNs of attached policies. */
  attached: readonly string[];
}

const trust = (principal: Record<string, string>) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }],
});

const EXECUTION_POLICY = 'arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy';

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
    { ...EXECUTION_ROLE, trust: ecsTasks, inline: { SecretsAccess: read }, attached: [EXECUTION_POLICY] },
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
      trust: trust({ Federated: `arn:aws:iam::${ACCOUNT}:saml-provider/AWSSSO_EXAMPLE` }),
      inline: {},
      attached: [],
    },
  ];
}

/** AWS's own policy for task execution roles, in its current version. */
const MANAGED = {
  arn: EXECUTION_POLICY,
  name: 'AmazonECSTaskExecutionRolePolicy',
  path: '/service-role/',
  id: 'ANPAEXECUTION0EXAMPLE',
  version: 'v1',
  document: {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: [
          'ecr:GetAuthorizationToken',
          'ecr:BatchCheckLayerAvailability',
          'ecr:GetDownloadUrlForLayer',
          'ecr:BatchGetImage',
          'logs:CreateLogStream',
          'logs:PutLogEvents',
        ],
        Resource: '*',
      },
    ],
  },
};

/** IAM's reads, and the changes of roles that are made here; every other change is unknown to it. */
export function createIam(world: World, roles: SandboxRole[]): AwsService {
  const created = new Date(world.clock.now() - 200 * 86_400_000);
  const roleOf = (input: Input) => {
    const name = requiredText(input, 'RoleName', { min: 1, max: 64 });
    const role = roles.find((candidate) => candidate.name === name);
    if (!role) throw noSuchEntity(`The role with name ${name} cannot be found.`);
    return role;
  };
  const managed = (input: Input) => {
    const arn = requiredText(input, 'PolicyArn', { min: 20, max: 2048 });
    if (arn !== MANAGED.arn) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    return MANAGED;
  };
  const shown = (role: SandboxRole) => ({
    Path: role.path ?? '/',
    RoleName: role.name,
    RoleId: role.id,
    Arn: `arn:aws:iam::${ACCOUNT}:role${role.path ?? '/'}${role.name}`,
    CreateDate: role.createdAt === undefined ? created : new Date(role.createdAt),
    AssumeRolePolicyDocument: document(role.trust),
    Description: role.description,
    MaxSessionDuration: 3600,
    Tags: role.tags && [...role.tags].map(([Key, Value]) => ({ Key, Value })),
  });
  return {
    handlers: {
      ...roleChanges(world, roles, { roleOf, shown }),
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
      GetRole: (input) => ({ Role: shown(roleOf(input)) }),
      ListRoles(input) {
        const prefix = text(input, 'PathPrefix', { min: 1, max: 512 }) ?? '/';
        const found = roles.filter(({ path }) => (path ?? '/').startsWith(prefix)).map(shown);
        return paged('Roles', found, input, prefix);
      },
      GetRolePolicy(input) {
        const role = roleOf(input);
        const name = requiredText(input, 'PolicyName', { min: 1, max: 128 });
        if (!Object.hasOwn(role.inline, name)) throw noSuchEntity(`The role policy with name ${name} cannot be found.`);
        return { RoleName: role.name, PolicyName: name, PolicyDocument: document(role.inline[name]) };
      },
      ListRolePolicies: (input) => paged('PolicyNames', Object.keys(roleOf(input).inline), input, roleOf(input).name),
      ListAttachedRolePolicies: (input) =>
        paged(
          'AttachedPolicies',
          roleOf(input).attached.map((PolicyArn) => ({ PolicyName: PolicyArn.split('/').at(-1), PolicyArn })),
          input,
          roleOf(input).name,
        ),
      GetPolicy(input) {
        const policy = managed(input);
        return {
          Policy: {
            PolicyName: policy.name,
            PolicyId: policy.id,
            Arn: policy.arn,
            Path: policy.path,
            DefaultVersionId: policy.version,
            AttachmentCount: 1,
            IsAttachable: true,
            CreateDate: created,
            UpdateDate: created,
          },
        };
      },
      GetPolicyVersion(input) {
        const policy = managed(input);
        const version = requiredText(input, 'VersionId');
        if (version !== policy.version)
          throw noSuchEntity(`Policy ${policy.arn} version ${version} does not exist or is not attachable.`);
        return {
          PolicyVersion: {
            Document: document(policy.document),
            VersionId: version,
            IsDefaultVersion: true,
            CreateDate: created,
          },
        };
      },
    },
  };
}

/** Making, changing and deleting roles with inline policies; the roles there are at the start stay as they are. */
function roleChanges(
  world: World,
  roles: SandboxRole[],
  { roleOf, shown }: { roleOf: (input: Input) => SandboxRole; shown: (role: SandboxRole) => unknown },
): AwsHandlers {
  const own = (input: Input) => {
    const role = roleOf(input);
    if (role.enforced) return role;
    throw new AwsFault('UnmodifiableEntity', `The sandbox does not change the role ${role.name}.`);
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
        enforced: true,
        createdAt: world.clock.now(),
        description: text(input, 'Description', { max: 1000 }) ?? '',
        tags: new Map(tags),
      };
      roles.push(role);
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
    DeleteRole(input) {
      const role = own(input);
      if (Object.keys(role.inline).length > 0) {
        throw new AwsFault('DeleteConflict', 'Cannot delete entity, must delete policies first.', 409);
      }
      roles.splice(roles.indexOf(role), 1);
      return undefined;
    },
  };
}

function policyFrom(input: Input, name: string): unknown {
  try {
    const parsed: unknown = JSON.parse(requiredText(input, name, { min: 1, max: 131_072 }));
    if (parsed !== null && typeof parsed === 'object' && 'Statement' in parsed) return parsed;
  } catch (error) {
    if (error instanceof AwsFault) throw error;
  }
  throw new AwsFault('MalformedPolicyDocument', 'This policy contains invalid Json');
}

/** A call without a user name asks for the caller, who has to be a user. */
function ownName({ principal }: AwsCall): string {
  if (principal.type === 'IAMUser') return principal.userName;
  throw new AwsFault('ValidationError', 'Must specify userName when calling with non-User credentials');
}

/** IAM pages by `Marker` and `IsTruncated`. */
function paged(name: string, items: readonly unknown[], input: Input, binding: unknown) {
  const cut = page(items, {
    size: integer(input, 'MaxItems', { min: 1, max: 1000 }) ?? 100,
    token: text(input, 'Marker'),
    binding: [name, binding],
  });
  return { [name]: cut.items, IsTruncated: cut.nextToken !== undefined, Marker: cut.nextToken };
}

/** IAM answers policy documents percent-encoded (RFC 3986). */
const document = (policy: unknown) =>
  encodeURIComponent(JSON.stringify(policy)).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const noSuchEntity = (message: string) => new AwsFault('NoSuchEntity', message, 404);
