/** IAM: the reads that a least-privilege check makes, over a small fixed set of roles, users and policies. */
import { requiredText, integer, text } from './input.ts';
import { page } from './paging.ts';
import { LEGACY_CI_PRINCIPAL, OPERATOR_ROLE } from './principals.ts';
import { EXECUTION_ROLE, TASK_ROLE } from './roles.ts';
import { ACCOUNT, AwsFault, secretArn, type AwsCall, type AwsService, type World } from './service.ts';

type Input = Record<string, unknown>;

/** A role of the account. */
export interface SandboxRole {
  name: string;
  path?: string;
  id: string;
  trust: unknown;
  /** Inline policies by name. */
  inline: Readonly<Record<string, unknown>>;
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

/** IAM's reads; every change is unknown to it. */
export function createIam(world: World, roles: readonly SandboxRole[]): AwsService {
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
    CreateDate: created,
    AssumeRolePolicyDocument: document(role.trust),
    MaxSessionDuration: 3600,
  });
  return {
    handlers: {
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
