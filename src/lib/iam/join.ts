/**
 * What a task definition needs of its two roles. ECS itself acts under the execution role: it pulls the image, reads
 * what `secrets` names, opens the log. The program acts under the task role.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
 */
import type { ContainerDefinition, TaskDefinition } from '@aws-sdk/client-ecs';
import { parseValueFrom } from '../ecs/value-from.ts';
import type { KeyFact, SecretFact, TaskFacts } from './join-facts.ts';
import * as texts from './join-texts.ts';
import type { Need } from './need.ts';
import { tagContext, throughSecretsManager } from './secret-context.ts';
import type { Path } from './tree.ts';

export { layersOf } from './join-roles.ts';

/**
 * A need, and where in the task definition it comes from. `context` has what a policy may demand for good: what changes
 * with the next version of a secret is in `request` alone.
 */
export interface TaskNeed extends Need {
  at: Path;
  /** Every condition key of the request that is known. */
  request: Need['context'];
}

/** What each of the two roles needs. */
export interface TaskNeeds {
  execution: TaskNeed[];
  task: TaskNeed[];
}

/** What is known of the caller while needs are collected. */
interface Gathering {
  definition: TaskDefinition;
  facts: TaskFacts;
  /** Name of the execution role, for texts. */
  role: string;
  needs: TaskNeeds;
}

/**
 * What a task definition needs.
 * @param facts - see {@link TaskFacts}; a secret that is not in it is taken at its word
 */
export function needsOf(definition: TaskDefinition, facts: TaskFacts): TaskNeeds {
  const needs: TaskNeeds = { execution: [], task: [] };
  const role = roleName(definition.executionRoleArn);
  const gathering: Gathering = { definition, facts, role, needs };
  // On instances without an execution role, the instance's own role pulls images and writes logs.
  const acts = definition.executionRoleArn !== undefined || definition.requiresCompatibilities?.includes('FARGATE');
  for (const [index, container] of (definition.containerDefinitions ?? []).entries()) {
    const at = ['containerDefinitions', index];
    for (const [number, { name = '', valueFrom = '' }] of (container.secrets ?? []).entries()) {
      addReference(gathering, valueFrom, `container ${nameOf(container)}, ${name}`, [
        ...at,
        'secrets',
        number,
        'valueFrom',
      ]);
    }
    addRegistry(gathering, container, at, acts ?? false);
    addLog(gathering, container, at, acts ?? false);
    addEnvironment(gathering, container, at);
  }
  addVolumes(gathering);
  return needs;
}

const nameOf = ({ name = '' }: ContainerDefinition): string => name;

/** The name at the end of a role's ARN; of a role without an ARN, the text itself. */
export const roleName = (arn: string | undefined): string => arn?.slice(arn.lastIndexOf('/') + 1) ?? '';

/** A secret or a parameter that ECS reads under the execution role. */
function addReference(gathering: Gathering, valueFrom: string, why: string, at: Path): void {
  const reference = parseValueFrom(valueFrom);
  if (reference) {
    const { secretArn, stage, versionId } = reference;
    const request = {
      ...(stage === null ? {} : { 'secretsmanager:VersionStage': stage }),
      ...(versionId === null ? {} : { 'secretsmanager:VersionId': versionId }),
    };
    gathering.needs.execution.push(...secretNeeds(gathering, secretArn, request, why, at));
    return;
  }
  const parameter = parameterArn(valueFrom, gathering.facts);
  if (parameter === null) return;
  const without = texts.parameterDenied(who(gathering), parameter);
  gathering.needs.execution.push(
    plain(gathering, { action: 'ssm:GetParameters', resource: parameter, why, without, at }),
  );
}

/** A bare name is a parameter of Systems Manager in the task's own Region. */
function parameterArn(valueFrom: string, { partition, region, account }: TaskFacts): string | null {
  if (/^arn:[^:]+:ssm:/.test(valueFrom)) return valueFrom;
  if (valueFrom === '' || valueFrom.startsWith('arn:')) return null;
  return `arn:${partition}:ssm:${region}:${account}:parameter/${valueFrom.replace(/^\//, '')}`;
}

/** Reading a secret: the secret itself, and the key where it is not AWS's own. */
function secretNeeds(
  gathering: Gathering,
  named: string,
  request: Readonly<Record<string, string>>,
  why: string,
  at: Path,
  reader: 'ecs' | 'program' = 'ecs',
): TaskNeed[] {
  const { facts } = gathering;
  const secret = facts.secrets[named] ?? null;
  const arn = secret?.arn ?? arnOfSecret(named, facts);
  const needs: TaskNeed[] = [
    {
      action: 'secretsmanager:GetSecretValue',
      resource: arn,
      context: { ...standard(gathering, arn), ...request },
      request: { ...standard(gathering, arn), ...secretContext(secret, named), ...request },
      why,
      without: reader === 'ecs' ? texts.secretDenied(who(gathering), named, arn) : null,
      at,
    },
  ];
  const key = facts.keys[secret?.key ?? ''] ?? null;
  if (secret !== null && key !== null && !key.awsManaged) {
    needs.push({
      action: 'kms:Decrypt',
      resource: key.arn,
      context: { ...standard(gathering, key.arn), ...through(facts, secret) },
      request: { ...standard(gathering, key.arn), ...keyContext(facts, secret, key, request) },
      why: `${why}: the key of ${secret.name}`,
      without: reader === 'ecs' ? texts.keyDenied(named) : null,
      at,
    });
  }
  return needs;
}

/** A need whose request has nothing of its own. */
const plain = (
  gathering: Gathering,
  need: Pick<TaskNeed, 'action' | 'resource' | 'why' | 'without' | 'at'>,
  context: Readonly<Record<string, string>> = {},
): TaskNeed => {
  const request = { ...standard(gathering, need.resource), ...context };
  return { ...need, context: request, request };
};

/** What is known of a request whatever it asks for. Where the call comes from is not: that depends on the network. */
const standard = ({ facts }: Gathering, resource: string): Record<string, string> => ({
  'aws:SecureTransport': 'true',
  'aws:RequestedRegion': /^arn:[^:]*:[^:]*:([^:]+):/.exec(resource)?.[1] ?? facts.region,
  'aws:PrincipalType': 'AssumedRole',
  'aws:PrincipalIsAWSService': 'false',
  'aws:ViaAWSService': 'false',
});

function secretContext(secret: SecretFact | null, named: string): Record<string, string> {
  return {
    'secretsmanager:SecretId': named,
    ...tagContext(Object.entries(secret?.tags ?? {})),
  };
}

/** The same Region as the secret, which may be another than the task's. */
const through = ({ partition, region: own }: TaskFacts, { arn }: SecretFact) =>
  throughSecretsManager({ partition, region: arn.split(':')[3] ?? own }, arn);

function keyContext(
  facts: TaskFacts,
  secret: SecretFact,
  { aliases }: KeyFact,
  request: Readonly<Record<string, string>>,
): Record<string, string | readonly string[]> {
  const stage = request['secretsmanager:VersionStage'] ?? 'AWSCURRENT';
  const version =
    request['secretsmanager:VersionId'] ??
    Object.entries(secret.stages).find(([, labels]) => labels.includes(stage))?.[0];
  return {
    ...through(facts, secret),
    'aws:ViaAWSService': 'true',
    'kms:CallerAccount': facts.account,
    'kms:EncryptionAlgorithm': 'SYMMETRIC_DEFAULT',
    ...(version === undefined ? {} : { 'kms:EncryptionContext:SecretVersionId': version }),
    'kms:EncryptionContextKeys': ['SecretARN', 'SecretVersionId'],
    ...(aliases.length === 0 ? {} : { 'kms:ResourceAliases': aliases }),
  };
}

/** What a secret that nobody can look up is called: the ARN as it stands, or the one that its name makes. */
const arnOfSecret = (named: string, { partition, region, account }: TaskFacts): string =>
  named.startsWith('arn:') ? named : `arn:${partition}:secretsmanager:${region}:${account}:secret:${named}-??????`;

const ECR = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)\/([^:@]+)/;

function addRegistry(gathering: Gathering, container: ContainerDefinition, at: Path, acts: boolean): void {
  const { execution } = gathering.needs;
  const credentials = container.repositoryCredentials?.credentialsParameter;
  if (credentials !== undefined) {
    const why = `container ${nameOf(container)}, credentials of its image's registry`;
    execution.push(
      ...secretNeeds(gathering, credentials, {}, why, [...at, 'repositoryCredentials', 'credentialsParameter']),
    );
  }
  const [matched, account = '', region = '', repository = ''] = ECR.exec(container.image ?? '') ?? [];
  if (matched === undefined || !acts) return;
  const resource = `arn:${gathering.facts.partition}:ecr:${region}:${account}:repository/${repository}`;
  const why = `container ${nameOf(container)}, image ${repository}`;
  const place = [...at, 'image'];
  const signIn = 'ecr:GetAuthorizationToken';
  const there = { 'aws:RequestedRegion': region };
  execution.push(
    plain(
      gathering,
      { action: signIn, resource: '*', why, without: texts.registryDenied(who(gathering)), at: place },
      there,
    ),
  );
  for (const action of ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage']) {
    const without = texts.pullDenied(who(gathering), action, resource);
    execution.push(plain(gathering, { action, resource, why, without, at: place }));
  }
}

function addLog(gathering: Gathering, container: ContainerDefinition, at: Path, acts: boolean): void {
  const log = container.logConfiguration;
  for (const [number, { name = '', valueFrom = '' }] of (log?.secretOptions ?? []).entries()) {
    const why = `container ${nameOf(container)}, option ${name} of its log`;
    addReference(gathering, valueFrom, why, [...at, 'logConfiguration', 'secretOptions', number, 'valueFrom']);
  }
  const group = log?.options?.['awslogs-group'];
  if (log?.logDriver !== 'awslogs' || group === undefined || !acts) return;
  const { facts, needs } = gathering;
  const place = [...at, 'logConfiguration', 'options', 'awslogs-group'];
  const region = log.options?.['awslogs-region'] ?? facts.region;
  const base = `arn:${facts.partition}:logs:${region}:${facts.account}:log-group:${group}`;
  const prefix = log.options?.['awslogs-stream-prefix'];
  // Without a prefix a stream has the container's id. The last part of its name is the id of the task.
  const stream = prefix === undefined ? `${base}:log-stream:*` : `${base}:log-stream:${prefix}/${nameOf(container)}/*`;
  const add = (action: string, resource: string) => {
    const why = `container ${nameOf(container)}, log group ${group}`;
    const without = texts.logDenied(who(gathering), action, resource);
    needs.execution.push(plain(gathering, { action, resource, why, without, at: place }));
  };
  if (log.options?.['awslogs-create-group'] === 'true') add('logs:CreateLogGroup', `${base}:*`);
  add('logs:CreateLogStream', stream);
  add('logs:PutLogEvents', stream);
}

/** Files with variables are fetched by ECS; a secret's ARN in a variable is read by the program. */
function addEnvironment(gathering: Gathering, container: ContainerDefinition, at: Path): void {
  for (const [number, { value = '', type }] of (container.environmentFiles ?? []).entries()) {
    if (type !== 's3' || !value.startsWith('arn:')) continue;
    const place = [...at, 'environmentFiles', number, 'value'];
    const why = `container ${nameOf(container)}, file of variables`;
    const without = texts.fileDenied(value);
    const bucket = value.replace(/\/.*$/s, '');
    gathering.needs.execution.push(
      plain(gathering, { action: 's3:GetObject', resource: value, why, without, at: place }),
      plain(gathering, { action: 's3:GetBucketLocation', resource: bucket, why, without, at: place }),
    );
  }
  for (const [number, { name = '', value = '' }] of (container.environment ?? []).entries()) {
    const secret = parseValueFrom(value);
    if (!secret) continue;
    const why = `container ${nameOf(container)}, whose variable ${name} names the secret`;
    const place = [...at, 'environment', number, 'value'];
    gathering.needs.task.push(...secretNeeds(gathering, secret.secretArn, {}, why, place, 'program'));
  }
}

/** EFS with IAM authorization is mounted under the task role. */
function addVolumes(gathering: Gathering): void {
  const { definition, facts, needs } = gathering;
  for (const [index, { name = '', efsVolumeConfiguration: efs }] of (definition.volumes ?? []).entries()) {
    if (efs?.authorizationConfig?.iam !== 'ENABLED' || efs.fileSystemId === undefined) continue;
    const system = `arn:${facts.partition}:elasticfilesystem:${facts.region}:${facts.account}`;
    const point = efs.authorizationConfig.accessPointId;
    const context = {
      'elasticfilesystem:AccessedViaMountTarget': 'true',
      ...(point === undefined ? {} : { 'elasticfilesystem:AccessPointArn': `${system}:access-point/${point}` }),
    };
    const writes = (definition.containerDefinitions ?? []).some(({ mountPoints = [] }) =>
      mountPoints.some(({ sourceVolume, readOnly }) => sourceVolume === name && readOnly !== true),
    );
    const at = ['volumes', index, 'efsVolumeConfiguration', 'fileSystemId'];
    for (const action of ['ClientMount', ...(writes ? ['ClientWrite'] : [])]) {
      const resource = `${system}:file-system/${efs.fileSystemId}`;
      const without = action === 'ClientMount' ? texts.mountDenied() : null;
      const need = { action: `elasticfilesystem:${action}`, resource, why: `volume ${name}`, without, at };
      needs.task.push(plain(gathering, need, context));
    }
  }
}

const who = ({ facts, role }: Gathering): string =>
  `arn:${facts.partition}:sts::${facts.account}:assumed-role/${role}/TASK-ID`;
