/** Secrets Manager: values, labels and the life of a secret. Rules and texts: rotation.md §2c and §3. */
import { flag, missing, objects, requiredText, text, texts } from './input.ts';
import type { RotationNotice } from './cloudtrail-record-aws.ts';
import { keyArnOf, MANAGED_ALIAS } from './kms.ts';
import type { PolicyRequest } from './policy.ts';
import { rotationHandlers, type FindRotationFunction, type RotationFunction } from './secretsmanager-rotation.ts';
import { describeSecret, listHandlers } from './secretsmanager-lists.ts';
import { policyHandlers, randomPassword } from './secretsmanager-policy.ts';
import {
  addVersion,
  attach,
  createVault,
  moveLabel,
  sameValue,
  selectVersion,
  versionWith,
  type SecretValue,
  type StoredSecret,
  type Vault,
  type Version,
} from './secretsmanager-versions.ts';
import {
  AwsFault,
  TASK_SOURCE_IP,
  type AwsCall,
  type AwsHandlers,
  type AwsService,
  type ReadSecretAsService,
  type World,
} from './service.ts';

type Input = Record<string, unknown>;

/** Secrets Manager with what tests may look at and script. */
export interface SecretsManager extends AwsService {
  vault: Vault;
  /** Rotation functions by ARN that tests bring along, beside those that Lambda has. */
  functions: Map<string, RotationFunction>;
  /** GetSecretValue by an AWS service on behalf of a role, recorded in CloudTrail. */
  readAsService: ReadSecretAsService;
}

/** What the parts of this service share. */
export interface SecretsWorld {
  world: World;
  vault: Vault;
  /** A secret that a request names; @throws ResourceNotFoundException, or InvalidRequestException where it is marked for deletion */
  live: (call: AwsCall) => StoredSecret;
  /** The same, also where it is marked for deletion. */
  any: (call: AwsCall) => StoredSecret;
}

const DAY_MS = 86_400_000;

/**
 * Secrets Manager with no secrets.
 * @param lambda - finds the functions that Lambda has
 * @param tell - takes what CloudTrail records of rotations
 * @param admit - refuses what a role may not read, where a service of AWS reads under that role; throws AwsFault
 */
export function createSecretsManager(
  world: World,
  lambda: FindRotationFunction = () => undefined,
  tell: (notice: RotationNotice) => void = () => undefined,
  admit: (call: AwsCall, resource: string, needs: PolicyRequest[]) => void = () => undefined,
): SecretsManager {
  const vault = createVault(world.clock);
  const any = (call: AwsCall) => {
    const secret = vault.find(call.region, requiredText(call.input, 'SecretId'));
    if (!secret) throw new AwsFault('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    return secret;
  };
  const live = (call: AwsCall) => {
    const secret = any(call);
    if (secret.purgeAt !== null) throw markedForDeletion();
    return secret;
  };
  const parts: SecretsWorld = { world, vault, any, live };
  const functions = new Map<string, RotationFunction>();
  const getValue = (call: AwsCall) => getSecretValue(parts, call);
  const resourceOf = ({ input, region }: AwsCall): string => {
    const id = input.SecretId ?? input.Name;
    if (typeof id !== 'string') return '*';
    return vault.find(region, id)?.arn ?? id;
  };
  const needsOf = ({ operation, input, region }: AwsCall): PolicyRequest[] => {
    const secret = typeof input.SecretId === 'string' ? vault.find(region, input.SecretId) : null;
    const action = KEY_USES[operation];
    if (!secret?.kmsKeyId || secret.kmsKeyId === MANAGED_ALIAS || action === undefined) return [];
    const id = secret.kmsKeyId;
    const context = {
      'kms:ViaService': `secretsmanager.${region}.amazonaws.com`,
      'kms:EncryptionContext:SecretARN': secret.arn,
      ...(id.includes('alias/') ? { 'kms:ResourceAliases': [id.slice(id.indexOf('alias/'))] } : {}),
    };
    return [{ action, resource: keyArnOf(region, id), context }];
  };
  return {
    vault,
    functions,
    handlers: {
      ...valueHandlers(parts),
      ...lifeHandlers(parts),
      ...listHandlers(parts, getValue),
      ...policyHandlers(parts),
      ...rotationHandlers(parts, (arn, secretArn) => functions.get(arn) ?? lambda(arn, secretArn), tell),
      GetSecretValue: (_input, call) => getValue(call),
      DescribeSecret: (_input, call) => describeSecret(any(call), call.region),
      GetRandomPassword: (input) => ({ RandomPassword: randomPassword(input, world.random) }),
    },
    resource: resourceOf,
    needs: needsOf,
    readAsService(reading) {
      const call: AwsCall = {
        service: 'secretsmanager',
        operation: 'GetSecretValue',
        input: {
          SecretId: reading.arnOrName,
          ...(reading.versionId === undefined ? {} : { VersionId: reading.versionId }),
          ...(reading.stage === undefined ? {} : { VersionStage: reading.stage }),
        },
        principal: reading.principal,
        region: /^arn:aws:secretsmanager:([^:]+):/.exec(reading.arnOrName)?.[1] ?? world.region,
        requestId: world.random.uuid(),
        sourceIp: TASK_SOURCE_IP,
        userAgent: reading.userAgent,
      };
      try {
        admit(call, resourceOf(call), needsOf(call));
        const output = getValue(call);
        world.record(call, { output });
        return {
          value: fieldOf(output.SecretString ?? output.SecretBinary ?? '', reading.jsonKey),
          arn: output.ARN,
          versionId: output.VersionId,
        };
      } catch (error) {
        if (error instanceof AwsFault) world.record(call, { fault: error });
        throw error;
      }
    },
  };
}

/** What a caller needs of a customer's key for a call. */
const KEY_USES: Readonly<Record<string, string>> = {
  GetSecretValue: 'kms:Decrypt',
  PutSecretValue: 'kms:GenerateDataKey',
};

/** One field of a JSON value, or the whole value; null where it has no such field. */
function fieldOf(value: string, key: string | undefined): string | null {
  if (key === undefined) return value;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return null;
  }
  if (parsed === null || typeof parsed !== 'object' || !Object.hasOwn(parsed, key)) return null;
  const field = (parsed as Input)[key];
  return typeof field === 'string' ? field : JSON.stringify(field);
}

function getSecretValue({ live, world }: SecretsWorld, call: AwsCall) {
  const secret = live(call);
  const version = selectVersion(
    secret,
    text(call.input, 'VersionId', { min: 32, max: 64 }),
    text(call.input, 'VersionStage', { min: 1, max: 256 }),
  );
  // AWS keeps only the day of the last access.
  const today = Math.floor(world.clock.now() / DAY_MS) * DAY_MS;
  secret.accessedAt = today;
  version.accessedAt = today;
  return {
    ARN: secret.arn,
    Name: secret.name,
    VersionId: version.id,
    ...('text' in version.value ? { SecretString: version.value.text } : { SecretBinary: version.value.base64 }),
    VersionStages: [...version.stages],
    CreatedDate: new Date(version.createdAt),
  } as {
    ARN: string;
    Name: string;
    VersionId: string;
    SecretString?: string;
    SecretBinary?: string;
    VersionStages: string[];
    CreatedDate: Date;
  };
}

/** Create, put, update, and the movement of labels. */
function valueHandlers({ world, vault, live }: SecretsWorld): AwsHandlers {
  const tokenOf = (input: Input) => text(input, 'ClientRequestToken', { min: 32, max: 64 }) ?? world.random.uuid();
  return {
    CreateSecret(input, call) {
      const name = requiredText(input, 'Name', { min: 1, max: 512 });
      if (!/^[A-Za-z0-9/_+=.@!-]+$/.test(name)) {
        throw new AwsFault(
          'ValidationException',
          'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
        );
      }
      const token = tokenOf(input);
      const value = valueOf(input);
      const tags = tagsOf(input);
      const settings = settingsOf(input);
      if (input.AddReplicaRegions !== undefined)
        throw new AwsFault('InvalidParameterException', 'The sandbox has no replication.');
      const existing = vault.find(call.region, name);
      if (existing) return createdBefore(existing, token, value);
      const secret = vault.create(call.region, name);
      Object.assign(secret, settings);
      for (const [key, tag] of tags) secret.tags.set(key, tag);
      if (!value) return { ARN: secret.arn, Name: name };
      return answer(secret, addVersion(secret, token, value, ['AWSCURRENT'], world.clock.now()));
    },
    PutSecretValue(input, call) {
      const secret = live(call);
      const token = tokenOf(input);
      const value = valueOf(input);
      if (!value)
        throw new AwsFault('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
      const labels = texts(input, 'VersionStages', 20, { min: 1, max: 256 }) ?? ['AWSCURRENT'];
      if (labels.length === 0)
        throw new AwsFault('InvalidParameterException', 'You must specify at least one staging label.');
      const existing = secret.versions.get(token);
      if (existing?.value === null) {
        existing.value = value;
        for (const label of labels) attach(secret, label, existing);
        secret.changedAt = world.clock.now();
        if (!versionWith(secret, 'AWSCURRENT')) moveLabel(secret, 'AWSCURRENT', { from: undefined, to: existing.id });
        return { ...answer(secret, existing), VersionStages: [...existing.stages] };
      }
      if (existing && !sameValue(existing.value, value)) throw tokenUsed(token, secret);
      const version = existing ?? addVersion(secret, token, value, labels, world.clock.now());
      return { ...answer(secret, version), VersionStages: [...version.stages] };
    },
    UpdateSecret(input, call) {
      const secret = live(call);
      const token = tokenOf(input);
      const value = valueOf(input);
      const settings = settingsOf(input);
      if (value && secret.versions.has(token)) throw tokenUsed(token, secret);
      Object.assign(secret, settings, { changedAt: world.clock.now() });
      if (!value) return { ARN: secret.arn, Name: secret.name };
      return answer(secret, addVersion(secret, token, value, ['AWSCURRENT'], world.clock.now()));
    },
    UpdateSecretVersionStage(input, call) {
      const secret = live(call);
      moveLabel(secret, requiredText(input, 'VersionStage', { min: 1, max: 256 }), {
        from: text(input, 'RemoveFromVersionId', { min: 32, max: 64 }),
        to: text(input, 'MoveToVersionId', { min: 32, max: 64 }),
      });
      secret.changedAt = world.clock.now();
      return { ARN: secret.arn, Name: secret.name };
    },
  };
}

const answer = (secret: StoredSecret, version: Version) => ({
  ARN: secret.arn,
  Name: secret.name,
  VersionId: version.id,
});

/** CreateSecret again: the same token and value are the same request, anything else meets a taken name. */
function createdBefore(existing: StoredSecret, token: string, value: SecretValue | null) {
  if (existing.purgeAt !== null) {
    throw new AwsFault(
      'InvalidRequestException',
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  const version = existing.versions.get(token);
  if (version && value && sameValue(version.value, value)) return answer(existing, version);
  throw new AwsFault(
    'ResourceExistsException',
    `The operation failed because the secret ${existing.name} already exists.`,
  );
}

const tokenUsed = (token: string, { arn }: StoredSecret) =>
  new AwsFault(
    'ResourceExistsException',
    `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${arn}.`,
  );

const markedForDeletion = () =>
  new AwsFault(
    'InvalidRequestException',
    "You can't perform this operation on the secret because it was marked for deletion.",
  );

/** Description and key, where the request has them. */
function settingsOf(input: Input): Partial<Pick<StoredSecret, 'description' | 'kmsKeyId'>> {
  const description = text(input, 'Description', { max: 2048 });
  const kmsKeyId = text(input, 'KmsKeyId', { max: 2048 });
  return { ...(description === undefined ? {} : { description }), ...(kmsKeyId === undefined ? {} : { kmsKeyId }) };
}

/** Most bytes of a value (rotation.md §2c "Size/names"). */
const MOST_BYTES = 65_536;

function valueOf(input: Input): SecretValue | null {
  const string = text(input, 'SecretString', { min: 1, sensitive: true });
  const binary = text(input, 'SecretBinary', { min: 1, sensitive: true });
  if (string !== undefined && binary !== undefined) {
    throw new AwsFault(
      'InvalidParameterException',
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  const bytes = string === undefined ? Buffer.byteLength(binary ?? '', 'base64') : Buffer.byteLength(string);
  if (bytes > MOST_BYTES) {
    const member = string === undefined ? 'secretBinary' : 'secretString';
    throw new AwsFault(
      'ValidationException',
      `1 validation error detected: Value at '${member}' failed to satisfy constraint: Member must have length less than or equal to ${String(MOST_BYTES)}`,
    );
  }
  if (string !== undefined) return { text: string };
  return binary === undefined ? null : { base64: binary };
}

/** The tags of a request: at most 50, keys of 1 to 128 characters, values of at most 256, no key twice, none of AWS's. */
function tagsOf(input: Input): Map<string, string> {
  const tags = new Map<string, string>();
  for (const tag of objects(input, 'Tags', 50) ?? []) {
    const key = requiredText(tag, 'Key', { min: 1, max: 128 });
    if (/^aws:/i.test(key))
      throw new AwsFault('InvalidParameterException', 'You can\'t use tag keys that start with "aws:".');
    if (tags.has(key))
      throw new AwsFault('InvalidParameterException', `You can't use the tag key ${key} more than once.`);
    tags.set(key, text(tag, 'Value', { max: 256 }) ?? '');
  }
  return tags;
}

/** Delete, restore, tags. */
function lifeHandlers({ world, vault, any, live }: SecretsWorld): AwsHandlers {
  return {
    DeleteSecret(input, call) {
      const force = flag(input, 'ForceDeleteWithoutRecovery');
      const days = input.RecoveryWindowInDays;
      if (force && days !== undefined) {
        throw new AwsFault(
          'InvalidParameterException',
          "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        );
      }
      if (days !== undefined && !(typeof days === 'number' && days >= 7 && days <= 30)) {
        throw new AwsFault(
          'InvalidParameterException',
          'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).',
        );
      }
      if (force) {
        const id = requiredText(input, 'SecretId');
        const secret = vault.find(call.region, id);
        if (secret) vault.remove(call.region, secret.name);
        // By AWS's own text no error where nothing has that name.
        return { ARN: secret?.arn ?? id, Name: secret?.name ?? id, DeletionDate: new Date(world.clock.now()) };
      }
      const secret = live(call);
      secret.purgeAt = world.clock.now() + (typeof days === 'number' ? days : 30) * DAY_MS;
      return { ARN: secret.arn, Name: secret.name, DeletionDate: new Date(secret.purgeAt) };
    },
    RestoreSecret(_input, call) {
      const secret = any(call);
      secret.purgeAt = null;
      return { ARN: secret.arn, Name: secret.name };
    },
    TagResource(input, call) {
      const secret = live(call);
      if (input.Tags === undefined) throw missing('Tags');
      const tags = new Map([...secret.tags, ...tagsOf(input)]);
      if (tags.size > 50) throw new AwsFault('LimitExceededException', "You can't have more than 50 tags on a secret.");
      secret.tags = tags;
      return undefined;
    },
    UntagResource(input, call) {
      const secret = live(call);
      const keys = texts(input, 'TagKeys', 50, { min: 1, max: 128 });
      if (!keys) throw missing('TagKeys');
      for (const key of keys) secret.tags.delete(key);
      return undefined;
    },
  };
}
