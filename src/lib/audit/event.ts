/**
 * The normal form of an access, made of one CloudTrail record. Total over garbage: whatever the record holds, nothing
 * throws, and what cannot be read is null.
 */
import { createHash } from 'node:crypto';
import { parseDenial, type Denial } from './denial.ts';
import { parseSecretId, type Mention, type WrittenBy } from './secret-id.ts';

/** Whether a call did what it asked for, was refused for lack of permission, or failed for another reason. */
export type Outcome = 'success' | 'denied' | 'failed';

/** Who made a call. Everything that the record does not tell is null. */
export interface Principal {
  /** `arn:aws:sts::…:assumed-role/<role>/<session>`, `arn:aws:iam::…:user/<name>`; the service's name for AWS itself. */
  arn: string | null;
  /** CloudTrail's `userIdentity.type`; `AWSService` where AWS acted by itself. */
  type: string | null;
  account: string | null;
  /** Session name of an assumed role: an ECS task's id, a person's name with SSO. The one who assumes the role chooses it. */
  session: string | null;
  /** ARN of the assumed role, the same for all its sessions. */
  role: string | null;
  /** `AKIA…` keys live until deleted, `ASIA…` keys expire; null where no key is told. */
  credential: 'long-term' | 'temporary' | null;
  accessKeyId: string | null;
}

/** One read or change of a secret. */
export interface Access {
  /** CloudTrail's eventID; where missing, a digest of the record's plain texts. */
  eventId: string;
  /** ISO 8601, UTC; null where the record tells none. */
  time: string | null;
  /** CloudTrail's eventName, known to us or not. */
  action: string;
  /** CloudTrail's eventSource without `.amazonaws.com`: `secretsmanager`, or `kms` for a key used on a secret's behalf. */
  service: string;
  /** CloudTrail's eventType; `AwsServiceEvent` for what AWS did by itself. */
  type: string | null;
  outcome: Outcome;
  error: { code: string; message: string | null } | null;
  /** What the refusal text tells; null where the call was not refused. */
  denial: Denial | null;
  principal: Principal;
  sourceIp: string | null;
  /** Written by the caller: for display, never for judgement. */
  userAgent: string | null;
  region: string | null;
  /**
   * Whether it is no access of its own: it concerns what guards a secret (a trail, a key, a service), or tells of an
   * access another time. Detectors see it; nobody counts it.
   */
  context: boolean;
  /** CloudTrail's requestID. */
  requestId: string | null;
  /** The VPC endpoint that the call came through; null for one over the internet, or by AWS itself. */
  vpcEndpointId: string | null;
  /** Whether the session was opened with a second factor; null where the record does not tell. */
  mfa: boolean | null;
  /** Whether a person in the AWS console made it. */
  console: boolean;
  /** The AWS service on whose behalf the caller acted. */
  invokedBy: string | null;
  /** Account that the record was delivered to. */
  recipient: string | null;
  /** The same call in the record of another account. */
  sharedEventId: string | null;
  /** What was asked for, as far as detectors go by it; see {@link DETAILS}. Never a value. */
  details: Readonly<Record<string, Detail>>;
}

/** A parameter of a call. */
export type Detail = string | number | boolean | readonly string[];

/** An access as one record tells it. */
export interface RecordedAccess extends Access {
  /** Every secret that the record names; empty where it names none. */
  secrets: readonly Mention[];
}

type Json = Record<string, unknown>;

const SECRETS_MANAGER = 'secretsmanager.amazonaws.com';
const KMS = 'kms.amazonaws.com';

/** Every place where a record names a secret but one (a refusal's text), and who wrote the name there. */
const PLACES: readonly { writtenBy: WrittenBy; path: readonly [string, string, ...string[]] }[] = [
  { writtenBy: 'aws', path: ['responseElements', 'arn'] },
  { writtenBy: 'aws', path: ['responseElements', 'aRN'] },
  { writtenBy: 'aws', path: ['responseElements', 'ARN'] },
  { writtenBy: 'aws', path: ['additionalEventData', 'SecretId'] },
  { writtenBy: 'aws', path: ['additionalEventData', 'ARN'] },
  { writtenBy: 'aws', path: ['additionalEventData', 'Name'] },
  { writtenBy: 'aws', path: ['serviceEventDetails', 'secretId'] },
  { writtenBy: 'aws', path: ['requestParameters', 'encryptionContext', 'SecretARN'] },
  { writtenBy: 'caller', path: ['requestParameters', 'secretId'] },
  { writtenBy: 'caller', path: ['requestParameters', 'secretIdList'] },
  { writtenBy: 'caller', path: ['requestParameters', 'name'] },
];

/** The parameters that are kept, by the name they get. Values (`secretString`, `secretBinary`, `rotationToken`) are not among them. */
const DETAILS: Readonly<Record<string, readonly [string, string, ...string[]]>> = {
  versionId: ['requestParameters', 'versionId'],
  /** Id of the version that a write makes. */
  token: ['requestParameters', 'clientRequestToken'],
  versionStage: ['requestParameters', 'versionStage'],
  moveTo: ['requestParameters', 'moveToVersionId'],
  removeFrom: ['requestParameters', 'removeFromVersionId'],
  force: ['requestParameters', 'forceDeleteWithoutRecovery'],
  recoveryWindowDays: ['requestParameters', 'recoveryWindowInDays'],
  kmsKeyId: ['requestParameters', 'kmsKeyId'],
  keyId: ['requestParameters', 'keyId'],
  keyPolicy: ['requestParameters', 'policy'],
  pendingWindowDays: ['requestParameters', 'pendingWindowInDays'],
  grantee: ['requestParameters', 'granteePrincipal'],
  operations: ['requestParameters', 'operations'],
  policy: ['requestParameters', 'resourcePolicy'],
  blockPublicPolicy: ['requestParameters', 'blockPublicPolicy'],
  replicaRegions: ['requestParameters', 'addReplicaRegions'],
  rotationFunction: ['requestParameters', 'rotationLambdaARN'],
  rotateAfterDays: ['requestParameters', 'rotationRules', 'automaticallyAfterDays'],
  stages: ['requestParameters', 'versionStages'],
  filters: ['requestParameters', 'filters'],
  trail: ['requestParameters', 'name'],
  multiRegion: ['requestParameters', 'isMultiRegionTrail'],
  selectors: ['requestParameters', 'eventSelectors'],
  advancedSelectors: ['requestParameters', 'advancedEventSelectors'],
  cluster: ['requestParameters', 'cluster'],
  service: ['requestParameters', 'service'],
  forceDeployment: ['requestParameters', 'forceNewDeployment'],
  deletionDate: ['responseElements', 'deletionDate'],
  reason: ['additionalEventData', 'Reason'],
};

/** The same by the member of the record that they are in: most have one of three, and then two are not gone through. */
const DETAILS_IN = Map.groupBy(
  Object.entries(DETAILS).map(([name, [root, ...path]]) => ({ name, root, path })),
  ({ root }) => root,
);

/** Details that are kept as JSON where they are no text: what they say lies deeper than one line tells. */
const AS_JSON: ReadonlySet<string> = new Set(['policy', 'keyPolicy', 'selectors', 'advancedSelectors']);

/** What is kept of other services: what opens, narrows or switches off that which guards a secret. */
export const CONTEXT: Readonly<Record<string, ReadonlySet<string>>> = {
  'cloudtrail.amazonaws.com': new Set([
    'StopLogging',
    'StartLogging',
    'DeleteTrail',
    'UpdateTrail',
    'PutEventSelectors',
    'DeleteEventDataStore',
    'StopEventDataStoreIngestion',
  ]),
  'kms.amazonaws.com': new Set([
    'DisableKey',
    'EnableKey',
    'ScheduleKeyDeletion',
    'CancelKeyDeletion',
    'CreateGrant',
    'PutKeyPolicy',
  ]),
  'ecs.amazonaws.com': new Set(['UpdateService', 'RunTask', 'CreateService']),
};

const CONTEXT_SOURCES = Object.keys(CONTEXT);

/** Whether a text has the name of a service in it whose calls may be context ({@link Access.context}). */
export const isContextSource = (text: string): boolean => CONTEXT_SOURCES.some((source) => text.includes(source));

const CONTEXT_CALLS = Object.values(CONTEXT).flatMap((calls) => [...calls]);

/** Whether a text has the name of a call in it that may be context. */
export const isContextCall = (text: string): boolean => CONTEXT_CALLS.some((call) => text.includes(call));

/**
 * Make the normal form.
 * @param record - one CloudTrail record, decoded: one element of `Records`, or of a LookupEvents `CloudTrailEvent`
 * @returns the access, or null where the record is none (not an object, or of a call that concerns no secret)
 */
export function accessFrom(record: unknown): RecordedAccess | null {
  if (!isObject(record)) return null;
  const source = text(record.eventSource);
  if (source === null) return null;
  const access =
    source === SECRETS_MANAGER ||
    (source === KMS && text(at(record, ['requestParameters', 'encryptionContext', 'SecretARN'])) !== null);
  const context =
    !access && Object.hasOwn(CONTEXT, source) && CONTEXT[source]?.has(text(record.eventName) ?? '') === true;
  if (!access && !context) return null;
  const region = text(record.awsRegion);
  const principal = principalOf(record);
  const errorCode = text(record.errorCode);
  const message = text(record.errorMessage);
  const outcome = outcomeOf(errorCode);
  const denial = outcome === 'denied' ? parseDenial(message ?? '') : null;
  return {
    eventId: text(record.eventID) ?? `digest:${digest(record)}`,
    time: timeOf(record.eventTime),
    action: text(record.eventName) ?? 'unknown',
    service: source.replace('.amazonaws.com', ''),
    type: text(record.eventType),
    outcome,
    error: errorCode === null ? null : { code: errorCode, message },
    denial,
    secrets: context
      ? []
      : mentionsIn(record, denial, { account: principal.account ?? text(record.recipientAccountId), region }),
    principal,
    sourceIp: text(record.sourceIPAddress),
    userAgent: text(record.userAgent),
    region,
    context,
    requestId: text(record.requestID),
    vpcEndpointId: text(record.vpcEndpointId),
    mfa: mfaOf(at(record, ['userIdentity', 'sessionContext', 'attributes', 'mfaAuthenticated'])),
    console: record.sessionCredentialFromConsole === true || record.sessionCredentialFromConsole === 'true',
    invokedBy: text(at(record, ['userIdentity', 'invokedBy'])),
    recipient: text(record.recipientAccountId),
    sharedEventId: text(record.sharedEventID),
    details: detailsOf(record),
  };
}

/** CloudTrail writes the texts `true` and `false`. */
const mfaOf = (value: unknown): boolean | null =>
  value === 'true' || value === true ? true : value === 'false' || value === false ? false : null;

/** Longest text kept of a parameter, and most entries of a list: a resource policy has 20,480 characters at most. */
const LONGEST = 20_480;
const MOST = 100;

function detailsOf(record: Json): Record<string, Detail> {
  const details: Record<string, Detail> = {};
  for (const [root, wanted] of DETAILS_IN) {
    const inner = record[root];
    if (!isObject(inner)) continue;
    for (const { name, path } of wanted) {
      const found = at(inner, path);
      if (found === undefined) continue;
      const detail = AS_JSON.has(name) ? jsonOf(found) : detailOf(found);
      if (detail !== null) details[name] = detail;
    }
  }
  const key = keyOf(record.resources);
  if (key !== null) details.key = key;
  const decrypted = detailOf(at(record, ['requestParameters', 'encryptionContext', 'SecretVersionId']));
  if (decrypted !== null) details.versionId = decrypted;
  return details;
}

function detailOf(value: unknown): Detail | null {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') return value === '' ? null : value.slice(0, LONGEST);
  if (!Array.isArray(value)) return null;
  return value.slice(0, MOST).map((item) => (typeof item === 'string' ? item : shallow(item)).slice(0, LONGEST));
}

/** ARN of the key that a call of KMS was about: the request may name it by an alias, or not at all. */
function keyOf(resources: unknown): string | null {
  if (!Array.isArray(resources)) return null;
  const key: unknown = resources.slice(0, MOST).find((one) => at(one, ['type']) === 'AWS::KMS::Key');
  return text(at(key, ['ARN']));
}

/** Nothing where it is nested deeper than can be written out. */
function jsonOf(value: unknown): string | null {
  if (typeof value === 'string') return value === '' ? null : value.slice(0, LONGEST);
  try {
    return isObject(value) || Array.isArray(value) ? JSON.stringify(value).slice(0, LONGEST) : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** An entry of a list in one line: `tag-key: !x`. Deeper than that nothing is kept. */
function shallow(item: unknown): string {
  if (!isObject(item)) return typeof item === 'number' || typeof item === 'boolean' ? String(item) : '';
  const texts = Object.values(item).map((part) => strings(part).join(', '));
  return texts.filter((part) => part !== '').join(': ');
}

/** Every secret the record names, each once; one known by name only lives where the call was made. */
function mentionsIn(
  record: Json,
  denial: Denial | null,
  here: { account: string | null; region: string | null },
): Mention[] {
  // Whoever calls KMS by himself writes what he likes into the encryption context.
  const forged = record.eventSource === KMS && at(record, ['userIdentity', 'invokedBy']) !== SECRETS_MANAGER;
  const written = PLACES.flatMap(({ writtenBy, path }) =>
    strings(at(record, path)).map((id) => ({ id, writtenBy: forged ? ('caller' as const) : writtenBy })),
  );
  // A refused call may carry no parameters at all: then the refusal's text is the only place.
  if (written.length === 0 && denial) written.push({ id: denial.resource, writtenBy: 'caller' });
  const mentions: Mention[] = [];
  for (const { id, writtenBy } of written) {
    const parsed = parseSecretId(id, writtenBy);
    if (!parsed) continue;
    const mention = { ...parsed, account: parsed.account ?? here.account, region: parsed.region ?? here.region };
    if (!mentions.some((seen) => isSame(seen, mention))) mentions.push(mention);
  }
  return mentions;
}

/** Whether two mentions in one record are one secret: the full ARN that AWS wrote comes first and settles the rest. */
const isSame = (first: Mention, second: Mention) =>
  first.region === second.region &&
  first.account === second.account &&
  (first.name === second.name || first.name === second.otherName) &&
  (first.suffix === second.suffix || second.suffix === null || second.otherName === first.name);

function principalOf(record: Json): Principal {
  const identity = isObject(record.userIdentity) ? record.userIdentity : {};
  const invokedBy = text(identity.invokedBy);
  const byAws = record.eventType === 'AwsServiceEvent' || identity.type === 'AWSService';
  const arn = text(identity.arn) ?? (byAws ? invokedBy : null);
  const role = text(at(identity, ['sessionContext', 'sessionIssuer', 'arn'])) ?? roleOfSession(arn);
  const accessKeyId = text(identity.accessKeyId);
  return {
    arn,
    type: text(identity.type) ?? (byAws ? 'AWSService' : null),
    account: text(identity.accountId) ?? text(record.recipientAccountId),
    session: role === null ? null : (SESSION.exec(arn ?? '')?.[3] ?? text(identity.principalId)?.split(':')[1] ?? null),
    role,
    credential: credentialOf(identity, accessKeyId),
    accessKeyId,
  };
}

const SESSION = /^arn:([^:]*):sts::([^:]*:assumed-role\/[^/]+)\/(.+)$/s;

/** An assumed-role ARN has lost the path of its role: right where the role has none. */
function roleOfSession(arn: string | null): string | null {
  const [, partition, role] = SESSION.exec(arn ?? '') ?? [];
  return partition === undefined || role === undefined
    ? null
    : `arn:${partition}:iam::${role.replace(':assumed-role/', ':role/')}`;
}

/**
 * The prefix of a key id tells its kind
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids); where it is
 * hidden, an IAM user or root without a session has signed with a key of its own.
 */
function credentialOf(identity: Json, accessKeyId: string | null): Principal['credential'] {
  if (accessKeyId?.startsWith('AKIA')) return 'long-term';
  if (accessKeyId?.startsWith('ASIA') || isObject(identity.sessionContext)) return 'temporary';
  return identity.type === 'IAMUser' || identity.type === 'Root' ? 'long-term' : null;
}

/** Codes of a refusal: `AccessDenied` and `AccessDeniedException` of the services, `VpceAccessDenied` of an endpoint's policy. */
const DENIED = /AccessDenied|UnauthorizedOperation|NotAuthorized/i;

const outcomeOf = (errorCode: string | null): Outcome =>
  errorCode === null ? 'success' : DENIED.test(errorCode) ? 'denied' : 'failed';

/** CloudTrail writes `2026-11-22T10:00:00Z`; exports write `2026-11-22 10:00:00.000000000`, also UTC. */
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/;

function timeOf(value: unknown): string | null {
  const [, day, clock, fraction, zone] = TIME.exec(text(value) ?? '') ?? [];
  if (day === undefined || clock === undefined) return null;
  const ms = Date.parse(`${day}T${clock}.${(fraction ?? '').padEnd(3, '0').slice(0, 3)}${zone ?? 'Z'}`);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

const strings = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).map(text).filter((item) => item !== null);

function at(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const key of path) {
    if (!isObject(inner) || !Object.hasOwn(inner, key)) return undefined;
    inner = inner[key];
  }
  return inner;
}

/** Of the plain texts in the record only: the rest may be nested deeper than anything can be written out. */
const digest = (record: Json) =>
  createHash('sha256')
    .update(
      JSON.stringify(
        Object.entries(record)
          .filter(([, value]) => typeof value === 'string')
          .sort(),
      ),
    )
    .digest('hex')
    .slice(0, 32);
