/** Secrets Manager: descriptions, lists with filters and pages, and reads of many secrets at once. */
import { flag, integer, objects, requiredText, text, texts } from './input.ts';
import { page } from './paging.ts';
import { nextRotationAt } from './secretsmanager-rotation.ts';
import type { SecretsWorld } from './secretsmanager.ts';
import type { StoredSecret } from './secretsmanager-versions.ts';
import { AwsFault, type AwsCall, type AwsHandlers } from './service.ts';

type Input = Record<string, unknown>;

/** ListSecrets, ListSecretVersionIds and BatchGetSecretValue. */
export function listHandlers({ world, vault, any }: SecretsWorld, getValue: (call: AwsCall) => unknown): AwsHandlers {
  const matching = (call: AwsCall, filters: readonly Input[]) =>
    vault.all(call.region).filter((secret) => filters.every((filter) => passes(secret, filter, call.region)));
  return {
    ListSecrets(input, call) {
      const filters = objects(input, 'Filters', 10) ?? [];
      const planned = flag(input, 'IncludePlannedDeletion');
      const order = { by: text(input, 'SortBy') ?? 'created-date', direction: text(input, 'SortOrder') ?? 'desc' };
      const secrets = sorted(
        matching(call, filters).filter(({ purgeAt }) => planned || purgeAt === null),
        order,
      );
      const cut = page(secrets, {
        size: integer(input, 'MaxResults', { min: 1, max: 100 }) ?? 100,
        token: text(input, 'NextToken', { min: 1, max: 4096 }),
        binding: [call.region, filters, planned, order],
      });
      return { SecretList: cut.items.map((secret) => listEntry(secret, call.region)), NextToken: cut.nextToken };
    },
    ListSecretVersionIds(input, call) {
      return versionList(any(call), input);
    },
    BatchGetSecretValue(input, call) {
      const ids = texts(input, 'SecretIdList', 20, { min: 1, max: 2048 });
      const filters = objects(input, 'Filters', 10);
      const size = integer(input, 'MaxResults', { min: 1, max: 20 });
      if ((ids === undefined) === (filters === undefined)) {
        throw new AwsFault(
          'InvalidParameterException',
          "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
        );
      }
      if (ids && size !== undefined) {
        throw new AwsFault(
          'InvalidParameterException',
          "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
        );
      }
      const wanted =
        ids ??
        matching(call, filters ?? [])
          .filter(({ purgeAt }) => purgeAt === null)
          .map(({ arn }) => arn);
      const cut = page(wanted, {
        size: size ?? 20,
        token: text(input, 'NextToken', { min: 1, max: 4096 }),
        binding: [call.region, ids, filters],
      });
      const values: unknown[] = [];
      const errors: unknown[] = [];
      for (const id of cut.items) {
        // AWS writes a GetSecretValue event for each secret beside the one of the batch (audit.md §3, "BatchGet double counting").
        const one: AwsCall = {
          ...call,
          operation: 'GetSecretValue',
          input: { SecretId: id },
          requestId: world.random.uuid(),
        };
        try {
          const output = getValue(one);
          values.push(output);
          world.record(one, { output });
        } catch (error) {
          if (!(error instanceof AwsFault)) throw error;
          errors.push({ SecretId: id, ErrorCode: error.code, Message: error.message });
          world.record(one, { fault: error });
        }
      }
      return { SecretValues: values, Errors: errors, NextToken: cut.nextToken };
    },
  };
}

/** A secret as DescribeSecret tells it: labelled versions only. */
export function describeSecret(secret: StoredSecret, region: string) {
  const labelled = [...secret.versions.values()].filter(({ stages }) => stages.size > 0);
  return {
    ...common(secret, region),
    VersionIdsToStages:
      labelled.length > 0 ? Object.fromEntries(labelled.map(({ id, stages }) => [id, [...stages]])) : undefined,
  };
}

const listEntry = (secret: StoredSecret, region: string) => {
  const { VersionIdsToStages, ...rest } = describeSecret(secret, region);
  return { ...rest, SecretVersionsToStages: VersionIdsToStages };
};

function common(secret: StoredSecret, region: string) {
  const { rotation } = secret;
  const date = (ms: number | null) => (ms === null ? undefined : new Date(ms));
  return {
    ARN: secret.arn,
    Name: secret.name,
    Description: secret.description ?? undefined,
    KmsKeyId: secret.kmsKeyId ?? undefined,
    RotationEnabled: rotation.functionArn === null ? undefined : rotation.enabled,
    RotationLambdaARN: rotation.functionArn ?? undefined,
    RotationRules: rotation.rules ?? undefined,
    LastRotatedDate: date(rotation.rotatedAt),
    LastChangedDate: date(secret.changedAt),
    LastAccessedDate: date(secret.accessedAt),
    DeletedDate: date(secret.purgeAt),
    NextRotationDate: date(nextRotationAt(secret)),
    Tags: [...secret.tags].map(([Key, Value]) => ({ Key, Value })),
    CreatedDate: new Date(secret.createdAt),
    PrimaryRegion: region,
  };
}

/** The texts that a filter key looks at. */
const FILTERS: Readonly<Record<string, (secret: StoredSecret, region: string) => string[]>> = {
  name: ({ name }) => [name],
  description: ({ description }) => [description ?? ''],
  'tag-key': ({ tags }) => [...tags.keys()],
  'tag-value': ({ tags }) => [...tags.values()],
  'primary-region': (_secret, region) => [region],
  'owning-service': () => [],
  all: ({ name, description, tags }) => [name, description ?? '', ...tags.keys(), ...tags.values()],
};

/** Prefix match, `!` for its opposite; values are alternatives; `description` and `all` ignore case, `all` looks at words. */
function passes(secret: StoredSecret, filter: Input, region: string): boolean {
  const key = requiredText(filter, 'Key');
  const read = FILTERS[key];
  if (!read) {
    throw new AwsFault(
      'ValidationException',
      `1 validation error detected: Value '${key}' at 'filters.1.member.key' failed to satisfy constraint: Member must satisfy enum value set: [${Object.keys(FILTERS).join(', ')}]`,
    );
  }
  const fold =
    key === 'description' || key === 'all' ? (value: string) => value.toLowerCase() : (value: string) => value;
  const found = read(secret, region)
    .map(fold)
    .flatMap((value) => (key === 'all' ? [value, ...value.split(/[^a-z0-9]+/)] : [value]));
  const has = (wanted: string) => {
    const parts = key === 'all' ? wanted.split(/\s+/) : [wanted];
    return parts.every((part) => found.some((value) => value.startsWith(fold(part))));
  };
  return (texts(filter, 'Values', 10, { max: 512 }) ?? []).some((value) =>
    value.startsWith('!') ? !has(value.slice(1)) : has(value),
  );
}

/** What `SortBy` sorts on. */
const ORDERS: Readonly<Record<string, (secret: StoredSecret) => number | string>> = {
  'created-date': ({ createdAt }) => createdAt,
  'last-accessed-date': ({ accessedAt }) => accessedAt ?? 0,
  'last-changed-date': ({ changedAt }) => changedAt,
  name: ({ name }) => name,
};

function sorted(secrets: StoredSecret[], order: { by: string; direction: string }): StoredSecret[] {
  const key = ORDERS[order.by];
  if (!key || !['asc', 'desc'].includes(order.direction)) {
    throw new AwsFault('InvalidParameterException', 'SortBy and SortOrder have to be one of their values.');
  }
  const up = secrets.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  return order.direction === 'asc' ? up : up.reverse();
}

function versionList(secret: StoredSecret, input: Input) {
  const deprecated = flag(input, 'IncludeDeprecated');
  const versions = [...secret.versions.values()].filter(({ stages }) => deprecated || stages.size > 0).reverse();
  const cut = page(versions, {
    size: integer(input, 'MaxResults', { min: 1, max: 100 }) ?? 100,
    token: text(input, 'NextToken', { min: 1, max: 4096 }),
    binding: [secret.arn, deprecated],
  });
  return {
    Versions: cut.items.map((version) => ({
      VersionId: version.id,
      ...(version.stages.size > 0 ? { VersionStages: [...version.stages] } : {}),
      ...(version.accessedAt === null ? {} : { LastAccessedDate: new Date(version.accessedAt) }),
      CreatedDate: new Date(version.createdAt),
      KmsKeyIds: [secret.kmsKeyId ?? 'DefaultEncryptionKey'],
    })),
    NextToken: cut.nextToken,
    ARN: secret.arn,
    Name: secret.name,
  };
}
