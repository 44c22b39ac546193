/** IAM: managed policies with their versions, AWS's own for task execution and those that are made here. */
import { integer, requiredText, text } from './input.ts';
import { noSuchEntity, paged, percentEncoded, policyFrom, type Input } from './iam-form.ts';
import { ACCOUNT, AwsFault, type AwsHandlers, type World } from './service.ts';

/** A managed policy. */
export interface ManagedPolicy {
  arn: string;
  name: string;
  path: string;
  id: string;
  description?: string;
  createdAt: number;
  updatedAt: number;
  /** Newest first. */
  versions: { id: string; document: unknown; createdAt: number }[];
  /** Which of them is in force. */
  current: string;
}

/** Most versions that a policy keeps: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html */
const MOST_VERSIONS = 5;

/** The policy of AWS that execution roles have. */
export const EXECUTION_POLICY = 'arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy';

/** The policy of AWS that administrators have. */
export const ADMINISTRATOR_POLICY = 'arn:aws:iam::aws:policy/AdministratorAccess';

/** The managed policies there are at the start, by ARN. */
export function managedPolicies(now: number): Map<string, ManagedPolicy> {
  const createdAt = now - 200 * 86_400_000;
  const document = {
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
  };
  const policy: ManagedPolicy = {
    arn: EXECUTION_POLICY,
    name: 'AmazonECSTaskExecutionRolePolicy',
    path: '/service-role/',
    id: 'ANPAEXECUTION0EXAMPLE',
    createdAt,
    updatedAt: createdAt,
    versions: [{ id: 'v1', document, createdAt }],
    current: 'v1',
  };
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const administrator: ManagedPolicy = {
    ...policy,
    arn: ADMINISTRATOR_POLICY,
    name: 'AdministratorAccess',
    path: '/',
    id: 'ANPAADMINISTRATOREXAMPLE',
    versions: [{ id: 'v1', document: everything, createdAt }],
  };
  return new Map([policy, administrator].map((one) => [one.arn, one]));
}

/** What is attached where, as far as managed policies have to know. */
interface Attachments {
  attached: readonly string[];
}

/** GetPolicy, GetPolicyVersion, ListPolicyVersions, and the changes of policies that are made here. */
export function policyHandlers(
  world: World,
  policies: Map<string, ManagedPolicy>,
  roles: readonly Attachments[],
): AwsHandlers {
  const policyOf = (input: Input): ManagedPolicy => {
    const arn = requiredText(input, 'PolicyArn', { min: 20, max: 2048 });
    const policy = policies.get(arn);
    if (policy) return policy;
    throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
  };
  const own = (input: Input): ManagedPolicy => {
    const policy = policyOf(input);
    if (policy.arn.includes('::aws:')) throw new AwsFault('AccessDenied', 'Cannot modify an AWS managed policy.', 403);
    return policy;
  };
  const versionOf = (policy: ManagedPolicy, input: Input) => {
    const id = requiredText(input, 'VersionId');
    const version = policy.versions.find((candidate) => candidate.id === id);
    if (version) return version;
    throw noSuchEntity(`Policy ${policy.arn} version ${id} does not exist or is not attachable.`);
  };
  const shownVersion = (policy: ManagedPolicy, version: ManagedPolicy['versions'][number]) => ({
    VersionId: version.id,
    IsDefaultVersion: version.id === policy.current,
    CreateDate: new Date(version.createdAt),
  });
  return {
    // Only this one tells the description.
    GetPolicy(input) {
      const policy = policyOf(input);
      return { Policy: { ...shownPolicy(policy, roles), Description: policy.description } };
    },
    GetPolicyVersion(input) {
      const policy = policyOf(input);
      const version = versionOf(policy, input);
      return { PolicyVersion: { Document: percentEncoded(version.document), ...shownVersion(policy, version) } };
    },
    ListPolicyVersions(input) {
      const policy = policyOf(input);
      const versions = policy.versions.map((version) => shownVersion(policy, version));
      return paged('Versions', versions, input, policy.arn);
    },
    CreatePolicy(input) {
      const name = requiredText(input, 'PolicyName', { min: 1, max: 128 });
      const path = text(input, 'Path', { min: 1, max: 512 }) ?? '/';
      const arn = `arn:aws:iam::${ACCOUNT}:policy${path}${name}`;
      if (policies.has(arn)) throw new AwsFault('EntityAlreadyExists', `A policy called ${name} already exists.`, 409);
      const at = world.clock.now();
      const policy: ManagedPolicy = {
        arn,
        name,
        path,
        id: `ANPA${world.random.text(10, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}EXAMPLE`,
        description: text(input, 'Description', { max: 1000 }),
        createdAt: at,
        updatedAt: at,
        versions: [{ id: 'v1', document: policyFrom(input, 'PolicyDocument'), createdAt: at }],
        current: 'v1',
      };
      policies.set(arn, policy);
      return { Policy: shownPolicy(policy, roles) };
    },
    CreatePolicyVersion(input) {
      const policy = own(input);
      const document = policyFrom(input, 'PolicyDocument');
      if (policy.versions.length >= MOST_VERSIONS) {
        throw new AwsFault(
          'LimitExceeded',
          `A managed policy can have up to ${String(MOST_VERSIONS)} versions. Before you create a new version, you must delete an existing version.`,
          409,
        );
      }
      const newest = Math.max(...policy.versions.map(({ id }) => Number(id.slice(1))));
      const version = { id: `v${String(newest + 1)}`, document, createdAt: world.clock.now() };
      policy.versions.unshift(version);
      policy.updatedAt = version.createdAt;
      // A form has texts alone.
      if (text(input, 'SetAsDefault') === 'true') policy.current = version.id;
      return { PolicyVersion: shownVersion(policy, version) };
    },
    SetDefaultPolicyVersion(input) {
      const policy = own(input);
      policy.current = versionOf(policy, input).id;
      return undefined;
    },
    DeletePolicyVersion(input) {
      const policy = own(input);
      const version = versionOf(policy, input);
      if (version.id === policy.current) {
        throw new AwsFault('DeleteConflict', 'Cannot delete the default version of a policy.', 409);
      }
      policy.versions.splice(policy.versions.indexOf(version), 1);
      return undefined;
    },
    DeletePolicy(input) {
      const policy = own(input);
      if (roles.some(({ attached }) => attached.includes(policy.arn))) {
        throw new AwsFault('DeleteConflict', 'Cannot delete a policy attached to entities.', 409);
      }
      if (policy.versions.length > 1) {
        throw new AwsFault(
          'DeleteConflict',
          "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
          409,
        );
      }
      policies.delete(policy.arn);
      return undefined;
    },
    ListPolicies(input) {
      const scope = text(input, 'Scope') ?? 'All';
      const prefix = text(input, 'PathPrefix', { min: 1, max: 512 }) ?? '/';
      const attachedOnly = text(input, 'OnlyAttached') === 'true';
      const found = [...policies.values()].filter(
        ({ arn, path }) =>
          (scope === 'All' || (scope === 'AWS') === arn.includes('::aws:')) &&
          path.startsWith(prefix) &&
          (!attachedOnly || roles.some(({ attached }) => attached.includes(arn))),
      );
      const limit = integer(input, 'MaxItems', { min: 1, max: 1000 });
      return paged(
        'Policies',
        found.map((policy) => shownPolicy(policy, roles)),
        limit === undefined ? input : { ...input, MaxItems: limit },
        [scope, prefix, attachedOnly],
      );
    },
  };
}

/** As GetPolicy gives it. */
export function shownPolicy(policy: ManagedPolicy, roles: readonly Attachments[]) {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.current,
    AttachmentCount: roles.filter(({ attached }) => attached.includes(policy.arn)).length,
    PermissionsBoundaryUsageCount: 0,
    IsAttachable: true,
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
  };
}
