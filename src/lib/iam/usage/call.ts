/** One CloudTrail record as a use of rights: which action, on what, under which conditions. Total over garbage. */
import { accessFrom } from '../../audit/event.ts';
import { arnOf } from '../../audit/secret-id.ts';
import { partitionOf, typeIntersects } from '../arn.ts';
import type { Action, Catalogue, ResourceType } from '../catalogue.ts';
import { secretPattern } from '../generate/scope.ts';
import type { Need } from '../need.ts';

/** A role whose use is looked for. */
export interface UsedRole {
  name: string;
  account: string;
}

/** A call that a role made. */
export interface RoleCall {
  /** ISO 8601, UTC; null where the record tells none. */
  time: string | null;
  /** `secretsmanager:GetSecretValue`; the event's own name where the catalogue has no such action. */
  action: string;
  /** Refused for lack of a right: that is no use of one. */
  denied: boolean;
  /** What it needed; empty where the action is unknown, or needs no right. */
  uses: Pick<Need, 'action' | 'resource' | 'context'>[];
  /** False where the catalogue does not know the action. */
  known: boolean;
  /** Whether a resource is broader than what was used, because the record does not name it. */
  broad: boolean;
}

type Json = Record<string, unknown>;

const objectOf = (value: unknown): Json => (value !== null && typeof value === 'object' ? (value as Json) : {});
const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** Sources of events whose names differ from the service's prefix in policies. */
export const PREFIXES: Readonly<Record<string, string>> = {
  email: 'ses',
  monitoring: 'cloudwatch',
  tagging: 'tag',
  'models-v2-lex': 'lex',
};

/** Events whose names differ from the action's. */
const ACTIONS: Readonly<Record<string, string>> = {
  's3:CompleteMultipartUpload': 's3:PutObject',
  's3:CreateMultipartUpload': 's3:PutObject',
  's3:DeleteObjects': 's3:DeleteObject',
  's3:HeadBucket': 's3:ListBucket',
  's3:HeadObject': 's3:GetObject',
  's3:ListObjects': 's3:ListBucket',
  's3:ListObjectsV2': 's3:ListBucket',
  's3:UploadPart': 's3:PutObject',
  'lambda:Invoke': 'lambda:InvokeFunction',
};

/** Calls for which AWS asks no right: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
const FREE = new Set(['sts:GetCallerIdentity', 'sts:GetSessionToken']);

const DENIED = /AccessDenied|Unauthorized|NotAuthorized|Forbidden/i;

/** @returns null where the record is not of that role */
export function callOf(record: unknown, role: UsedRole, catalogue: Catalogue): RoleCall | null {
  const event = objectOf(record);
  if (!isOf(objectOf(event.userIdentity), role)) return null;
  const source = textOf(event.eventSource)?.replace(/\.amazonaws\.com(?:\.cn)?$/, '') ?? '';
  // Some services write the version of their API behind the name: GetFunction20150331v2.
  const name = (textOf(event.eventName) ?? '').replace(/\d{8}(?:v\d+)?$/, '');
  const prefix = PREFIXES[source] ?? source;
  const asked = ACTIONS[`${prefix}:${name}`] ?? `${prefix}:${name}`;
  const action = catalogue.service(prefix)?.action(asked.slice(prefix.length + 1)) ?? null;
  const call = {
    time: textOf(event.eventTime),
    action: action?.name ?? asked,
    denied: DENIED.test(textOf(event.errorCode) ?? ''),
    known: action !== null || FREE.has(asked),
    broad: false,
  };
  if (action === null || FREE.has(asked)) return { ...call, uses: [] };
  const resources = resourcesOf(event, action);
  const context = contextOf(event, action.name);
  // What is read in one go needs the right to read each besides.
  const each = action.name === 'secretsmanager:BatchGetSecretValue' ? secretsOf(event) : [];
  return {
    ...call,
    uses: [
      ...resources.map((resource) => ({ action: action.name, resource, context })),
      ...each.map((resource) => ({ action: 'secretsmanager:GetSecretValue', resource, context: {} })),
    ],
    broad: resources.some((resource) => action.resources.length > 0 && resource.includes('*')),
  };
}

/** A session of the role, by what AWS writes of it. */
function isOf(identity: Json, { name, account }: UsedRole): boolean {
  const issuer = textOf(objectOf(objectOf(identity.sessionContext).sessionIssuer).arn);
  const arn = issuer ?? textOf(identity.arn) ?? '';
  const [, , , of, rest = ''] = /^arn:([^:]+):(iam|sts)::([^:]*):(.+)$/s.exec(arn) ?? [];
  if (of !== account) return false;
  return rest.startsWith('role/') ? rest.split('/').at(-1) === name : rest.startsWith(`assumed-role/${name}/`);
}

/** The resources that a call was about. */
function resourcesOf(event: Json, action: Action): string[] {
  if (action.resources.length === 0) return ['*'];
  if (action.prefix === 'secretsmanager') {
    const mentions = accessFrom(event)?.secrets ?? [];
    const asked = textOf(objectOf(event.requestParameters).secretId);
    if (mentions.length > 0 || asked !== null) return secretsOf(event);
  }
  const required = action.resources.filter((one) => one.required);
  const types = (required.length > 0 ? required : action.resources).map(({ type }) => type);
  const named = arnsIn(event);
  const parameters = objectOf(event.requestParameters);
  const place = placeOf(event);
  const found = types.map((type) => {
    const arns = named.filter((arn) => typeIntersects(type.pattern, arn));
    return arns.length > 0 ? arns : [filled(type, parameters, place)];
  });
  // Of required types each is needed; of the others, the one that is told most precisely.
  if (required.length > 0) return [...new Set(found.flat())];
  const stars = (arns: string[]) => Math.min(...arns.map((arn) => arn.split('*').length));
  return found.sort((a, b) => stars(a) - stars(b))[0] ?? ['*'];
}

interface Place {
  partition: string;
  region: string;
  account: string;
}

function placeOf(event: Json): Place {
  const region = textOf(event.awsRegion) ?? '*';
  return { partition: partitionOf(region), region, account: textOf(event.recipientAccountId) ?? '*' };
}

/**
 * The secrets that a record names; by a pattern where it does not tell the whole ARN. What no secret can be called was
 * refused for it, whoever wrote it, and is the use of no right.
 */
function secretsOf(event: Json): string[] {
  const place = placeOf(event);
  const named = (accessFrom(event)?.secrets ?? []).filter(({ name }) => /^[\w/+=.@-]+$/.test(name));
  return named.map((mention) => {
    const account = mention.account ?? place.account;
    const region = mention.region ?? place.region;
    const id = { ...mention, partition: mention.partition ?? place.partition, account, region };
    // A name that a caller wrote may end in what looks like the suffix; then both readings are the same text.
    return (mention.suffix === null ? null : arnOf(id)) ?? secretPattern(mention.name, { ...place, account, region });
  });
}

/** ARNs that the record names: those that AWS lists, and those that the caller passed. */
function arnsIn({ resources, requestParameters }: Json): string[] {
  const found = new Set<string>();
  const visit = (value: unknown, depth: number) => {
    if (typeof value === 'string' && /^arn:[^:*]+:[^:*]+:/.test(value) && !/[*?]/.test(value)) found.add(value);
    else if (depth > 0 && value !== null && typeof value === 'object') {
      for (const inner of Object.values(value)) visit(inner, depth - 1);
    }
  };
  for (const resource of Array.isArray(resources) ? resources : []) visit(objectOf(resource).ARN, 0);
  visit(requestParameters, 3);
  return [...found];
}

/** The ARN of a type, its variables taken from parameters of the same name: `TableName` from `tableName`. */
function filled({ arn }: ResourceType, parameters: Json, place: Place): string {
  const byName = new Map(
    Object.entries(parameters).flatMap(([key, value]) =>
      typeof value === 'string' ? [[stem(key), value.slice(value.lastIndexOf('/') + 1)]] : [],
    ),
  );
  const fixed: Readonly<Record<string, string>> = {
    Partition: place.partition,
    Region: place.region,
    Account: place.account,
  };
  return arn.replaceAll(/\$\{([^}]{1,64})\}/g, (_, variable: string) => {
    const value = fixed[variable] ?? byName.get(stem(variable)) ?? '*';
    return /[?:]/.test(value) ? '*' : value;
  });
}

/** What names have in common: `ClusterName` and `cluster`, `RoleNameWithPath` and `roleName`. */
const stem = (name: string) =>
  name
    .toLowerCase()
    .replace(/withpath$/, '')
    .replace(/(?:name|id|identifier)$/, '');

/** The condition keys that hold for the next call as well: not the version of a secret, which changes. */
function contextOf(event: Json, action: string): Record<string, string> {
  const parameters = objectOf(event.requestParameters);
  const context: Record<string, string> = {};
  const add = (key: string, value: string | null) => {
    if (value !== null && !/[*?]/.test(value)) context[key] = value;
  };
  if (action === 'secretsmanager:GetSecretValue' && parameters.versionId === undefined) {
    add('secretsmanager:VersionStage', textOf(parameters.versionStage));
  }
  if (action.startsWith('kms:')) {
    const via = /^([a-z0-9-]+)\.amazonaws\.com$/.exec(textOf(objectOf(event.userIdentity).invokedBy) ?? '')?.[1];
    const region = textOf(event.awsRegion);
    if (via !== undefined && region !== null) add('kms:ViaService', `${via}.${region}.amazonaws.com`);
    add('kms:EncryptionContext:SecretARN', textOf(objectOf(parameters.encryptionContext).SecretARN));
  }
  return context;
}
