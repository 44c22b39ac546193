/** For whom policies are generated, and what each of them needs. */
import type { Need } from '../need.ts';
import { arnIn, keyNamed, keyNeeds, needsOn, type Because, type Scope } from './scope.ts';

/** For whom. */
export const PURPOSES = ['execution-role', 'task-role', 'reader', 'rotation', 'operator', 'auditor'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** One of them. */
export interface Preset {
  /** In a sentence: `the execution role, with which ECS starts the task`. */
  title: string;
  /** Whose role it is: the service that assumes it; null where people or pipelines do, by a trust of their own. */
  service: 'ecs-tasks' | 'lambda' | null;
  /** What it needs; null: what the rotation function of this program is installed with. */
  needs: ((scope: Scope) => Need[]) | null;
}

/** The calls on a secret that `jamf-mcp secrets` and `jamf-mcp rotate` make. */
const READS = ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue', 'secretsmanager:ListSecretVersionIds'];
const WRITES = [
  'secretsmanager:CreateSecret',
  'secretsmanager:DeleteSecret',
  'secretsmanager:GetResourcePolicy',
  'secretsmanager:PutSecretValue',
  'secretsmanager:RestoreSecret',
  'secretsmanager:TagResource',
  'secretsmanager:UntagResource',
  'secretsmanager:UpdateSecretVersionStage',
];

/** What ECS tells where a task cannot get its secrets. */
const NO_SECRET =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed';
const NO_IMAGE = 'CannotPullContainerError: pull image manifest has been retried';
const NO_LOG = 'ResourceInitializationError: failed to validate logger args';

/** Everybody there is. */
export const PRESETS: Readonly<Record<Purpose, Preset>> = {
  'execution-role': {
    title: 'the execution role, with which ECS starts the task',
    service: 'ecs-tasks',
    needs: (scope) => [...injection(scope), ...images(scope), ...logs(scope)],
  },
  'task-role': {
    title: 'the task role, with which the program in the task calls AWS',
    service: 'ecs-tasks',
    needs: (scope) => [...current(scope), ...tables(scope), ...buckets(scope)],
  },
  reader: {
    title: 'a program that reads secrets and lists their names',
    service: null,
    needs: (scope) => [
      ...onSecrets(scope, READS.slice(0, 2), ['kms:Decrypt'], { why: 'reading the secret' }),
      ...needsOn('*', ['secretsmanager:ListSecrets'], {
        why: 'listing the names of secrets, which cannot be narrowed',
      }),
    ],
  },
  rotation: { title: 'the rotation function that rotate schedule installs', service: 'lambda', needs: null },
  operator: {
    title: 'whoever manages, rotates and deploys the secret with jamf-mcp',
    service: null,
    needs: (scope) => [
      ...onSecrets(madeAnew(scope), [...READS, ...WRITES], ['kms:Decrypt', 'kms:GenerateDataKey'], {
        why: 'the secrets and rotate commands',
      }),
      ...rotator(scope),
      ...needsOn('*', ['secretsmanager:ListSecrets'], { why: 'secrets list' }),
      ...needsOn(serviceArn(scope), ['ecs:UpdateService'], { why: 'deploy, and rotate after the new value' }),
      ...watching(scope),
      ...trail('deploy status and audit'),
    ],
  },
  auditor: {
    title: 'whoever runs audit and iam, and changes nothing',
    service: null,
    needs: (scope) => [
      ...onSecrets(scope, ['secretsmanager:DescribeSecret', 'secretsmanager:GetResourcePolicy'], [], {
        why: 'what the secret is, and who may read it',
      }),
      ...trail('audit'),
      ...needsOn('*', ['cloudtrail:ListPublicKeys'], { why: 'audit verify' }),
      ...trailFiles(scope),
      ...watching(scope),
      ...keyPolicies(scope),
      ...needsOn(iam(scope, 'role/*'), ROLE_READS, { why: 'iam validate: the policies of roles' }),
      ...needsOn(iam(scope, 'policy/*'), POLICY_READS, { why: 'iam validate: managed policies of the account' }),
      ...needsOn(`arn:${scope.partition}:iam::aws:policy/*`, POLICY_READS, {
        why: 'iam validate: the managed policies of AWS',
      }),
      ...needsOn('*', ['iam:GetAccountAuthorizationDetails', 'secretsmanager:ListSecrets'], {
        why: 'iam validate --all, iam who-can',
      }),
      ...needsOn('*', ['iam:GetServiceLastAccessedDetails'], { why: 'iam validate: which services a role has used' }),
      ...needsOn('*', ONLINE, { why: 'iam validate and iam can with --online' }),
    ],
  },
};

const ROLE_READS = [
  'iam:GenerateServiceLastAccessedDetails',
  'iam:GetRole',
  'iam:GetRolePolicy',
  'iam:ListAttachedRolePolicies',
  'iam:ListRolePolicies',
];
const POLICY_READS = ['iam:GetPolicy', 'iam:GetPolicyVersion'];

const ONLINE = [
  'access-analyzer:CheckNoNewAccess',
  'access-analyzer:CheckNoPublicAccess',
  'access-analyzer:ValidatePolicy',
  'iam:SimulateCustomPolicy',
];

const iam = ({ partition, account }: Scope, rest: string) => `arn:${partition}:iam::${account}:${rest}`;
const serviceArn = (scope: Scope) => arnIn(scope, 'ecs', `service/${scope.cluster}/${scope.service}`);
const clusterArn = (scope: Scope) => arnIn(scope, 'ecs', `cluster/${scope.cluster}`);

/** Whoever creates and deletes a secret needs the rights on what it is created as, and that has a suffix of its own. */
const madeAnew = (scope: Scope): Scope => ({
  ...scope,
  secrets: scope.secrets.map((secret) => ({ ...secret, arn: secret.anew ?? secret.arn })),
});

/** Actions on each of the secrets, and on their keys. */
const onSecrets = (scope: Scope, actions: readonly string[], keyActions: readonly string[], because: Because) =>
  scope.secrets.flatMap((secret) => [
    ...needsOn(secret.arn, actions, because),
    ...keyNeeds(secret, keyActions, because, scope),
  ]);

/** What ECS does before a container starts: it names no version, so no condition can ask for one. */
const injection = (scope: Scope) =>
  onSecrets(scope, ['secretsmanager:GetSecretValue'], ['kms:Decrypt'], {
    why: 'ECS reads the secret for the containers',
    without: NO_SECRET,
  });

/** What the server does when it reads the value itself: always by its staging label. */
const current = (scope: Scope) =>
  scope.secrets.flatMap((secret) => [
    ...needsOn(
      secret.arn,
      ['secretsmanager:GetSecretValue'],
      { why: 'the server reads the current value' },
      { 'secretsmanager:VersionStage': 'AWSCURRENT' },
    ),
    ...keyNeeds(secret, ['kms:Decrypt'], { why: 'the server reads the current value' }, scope),
  ]);

const rotator = (scope: Scope) =>
  scope.rotator === null
    ? []
    : onSecrets({ ...scope, secrets: [scope.rotator] }, ['secretsmanager:GetSecretValue'], ['kms:Decrypt'], {
        why: 'rotate reads the client that mints',
      });

const IMAGE_READS = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];

const images = (scope: Scope): Need[] => {
  const because = { why: 'ECS pulls the image', without: NO_IMAGE };
  if (scope.repositories.length === 0) return [];
  return [
    ...scope.repositories.flatMap((name) => needsOn(arnIn(scope, 'ecr', `repository/${name}`), IMAGE_READS, because)),
    ...needsOn('*', ['ecr:GetAuthorizationToken'], because),
  ];
};

const logs = (scope: Scope): Need[] =>
  scope.logGroup === null
    ? []
    : needsOn(
        arnIn(scope, 'logs', `log-group:${scope.logGroup}:log-stream:*`),
        ['logs:CreateLogStream', 'logs:PutLogEvents'],
        { why: 'ECS writes the log of the containers', without: NO_LOG },
      );

const TABLE_ACTIONS = ['DeleteItem', 'GetItem', 'PutItem', 'Query', 'Scan', 'UpdateItem'].map(
  (name) => `dynamodb:${name}`,
);

const tables = (scope: Scope): Need[] =>
  scope.tables.flatMap((name) =>
    needsOn(arnIn(scope, 'dynamodb', `table/${name}`), TABLE_ACTIONS, { why: `the server works on the table ${name}` }),
  );

/** The ARN of a bucket names no account: a bucket of that name may be anybody's. */
const buckets = (scope: Scope): Need[] =>
  scope.buckets.flatMap((name) => {
    const because = { why: `the server works on the bucket ${name}` };
    const own = { 's3:ResourceAccount': scope.account };
    const arn = `arn:${scope.partition}:s3:::${name}`;
    return [
      ...needsOn(`${arn}/*`, ['s3:DeleteObject', 's3:GetObject', 's3:PutObject'], because, own),
      ...needsOn(arn, ['s3:ListBucket'], because, own),
    ];
  });

/** Looking at the service, its deployments and its tasks. */
const watching = (scope: Scope): Need[] => {
  const because = { why: 'deploy status, the watch after a rotation, and the explanations of audit' };
  const { cluster, service } = scope;
  const inCluster = { 'ecs:cluster': clusterArn(scope) };
  return [
    ...needsOn(
      serviceArn(scope),
      ['ecs:DescribeServiceDeployments', 'ecs:DescribeServices', 'ecs:ListServiceDeployments'],
      because,
    ),
    ...needsOn(
      arnIn(scope, 'ecs', `service-deployment/${cluster}/${service}/*`),
      ['ecs:DescribeServiceDeployments'],
      because,
    ),
    ...needsOn(arnIn(scope, 'ecs', `task/${cluster}/*`), ['ecs:DescribeTasks'], because),
    // What it is asked for is container instances: those of the cluster, which only the condition names.
    ...needsOn('*', ['ecs:ListTasks'], because, inCluster),
    ...needsOn('*', ['ecs:DescribeTaskDefinition'], because),
  ];
};

const trail = (why: string): Need[] => needsOn('*', ['cloudtrail:LookupEvents'], { why });

/** The bucket of a trail, for reading. */
const trailFiles = (scope: Scope): Need[] =>
  scope.buckets.flatMap((name) => {
    const arn = `arn:${scope.partition}:s3:::${name}`;
    const because = { why: 'audit s3://…: the files of a trail' };
    return [...needsOn(`${arn}/*`, ['s3:GetObject'], because), ...needsOn(arn, ['s3:ListBucket'], because)];
  });

/** What the keys of the customer are, and whom their policies and grants let in. */
const keyPolicies = (scope: Scope): Need[] => {
  const because = { why: 'iam validate, iam can and iam who-can: who may use the key' };
  const keys = scope.secrets.flatMap(({ kmsKeyId }) => keyNamed(kmsKeyId, scope) ?? []);
  if (keys.length === 0) return [];
  return [
    ...keys.flatMap(({ resource, context }) => needsOn(resource, KEY_READS, because, context)),
    ...needsOn('*', ['kms:ListAliases'], because),
  ];
};

const KEY_READS = ['kms:DescribeKey', 'kms:GetKeyPolicy', 'kms:ListGrants'];
