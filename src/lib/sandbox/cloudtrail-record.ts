/** CloudTrail's record of one call: shape and traps as in audit.md §1 to §3, from records of live accounts. */
import { ACCOUNT, type AwsCall, type AwsFault, type Principal } from './service.ts';

/** A CloudTrail record as its JSON has it. */
export interface TrailRecord {
  eventVersion: string;
  userIdentity: Record<string, unknown>;
  /** ISO 8601, UTC, whole seconds. */
  eventTime: string;
  eventSource: string;
  eventName: string;
  awsRegion: string;
  sourceIPAddress: string;
  userAgent: string;
  errorCode?: string;
  errorMessage?: string;
  requestParameters: Record<string, unknown> | null;
  responseElements: Record<string, unknown> | null;
  /** Of service events: what they are about. */
  additionalEventData?: Record<string, unknown>;
  requestID: string;
  eventID: string;
  readOnly: boolean;
  resources?: { accountId: string; type: string; ARN: string }[];
  eventType: string;
  managementEvent: boolean;
  recipientAccountId: string;
  vpcEndpointId?: string;
  eventCategory: string;
}

/** Members whose values AWS keeps out of CloudTrail (marked sensitive in its service models). */
const SENSITIVE =
  /^(secretString|secretBinary|rotationToken|secretAccessKey|sessionToken|randomPassword|secretValues)$/i;

/** Calls that read, by their names; AssumeRole counts as one for CloudTrail. */
const READS = /^(Get|BatchGet|Describe|List|Lookup|Validate|AssumeRole)/;

/** Reads whose answer is recorded all the same, less what is sensitive: it ties a new access key to who asked for it. */
const ANSWERED = new Set(['AssumeRole']);

/** Most characters of a user agent that are kept. */
const USER_AGENT_CHARACTERS = 1024;

/**
 * The record of a call.
 * @param at - milliseconds since 1970
 * @param eventID - a UUID
 */
export function trailRecord(
  call: AwsCall,
  outcome: { output?: unknown; fault?: AwsFault },
  at: number,
  eventID: string,
): TrailRecord {
  const readOnly = READS.test(call.operation);
  const { fault } = outcome;
  const denied = fault?.code === 'AccessDeniedException';
  return {
    eventVersion: '1.11',
    userIdentity: userIdentity(call.principal),
    eventTime: seconds(at),
    eventSource: `${call.service}.amazonaws.com`,
    eventName: call.operation,
    awsRegion: call.region,
    sourceIPAddress: call.sourceIp,
    userAgent: call.userAgent.slice(0, USER_AGENT_CHARACTERS),
    // The service answers AccessDeniedException, its record says AccessDenied.
    ...(fault ? { errorCode: denied ? 'AccessDenied' : fault.code, errorMessage: fault.message } : {}),
    // A denied call never reached the part of the service that knows its parameters: the id is in the message only.
    requestParameters: denied ? null : parameters(call.input),
    responseElements:
      fault || (readOnly && !ANSWERED.has(call.operation)) ? null : parameters(responseOf(call, outcome.output)),
    requestID: call.requestId,
    eventID,
    readOnly,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: ACCOUNT,
    eventCategory: 'Management',
  };
}

/** Who called, with the session behind an assumed role. */
export function userIdentity(principal: Principal): Record<string, unknown> {
  const base = {
    type: principal.type,
    principalId: principal.principalId,
    arn: principal.arn,
    accountId: ACCOUNT,
    accessKeyId: principal.accessKeyId,
  };
  if (principal.type === 'IAMUser') return { ...base, userName: principal.userName };
  return {
    ...base,
    sessionContext: {
      sessionIssuer: {
        type: 'Role',
        principalId: principal.principalId.split(':')[0],
        arn: `arn:aws:iam::${ACCOUNT}:role${principal.rolePath ?? '/'}${principal.userName}`,
        accountId: ACCOUNT,
        userName: principal.userName,
      },
      attributes: { creationDate: seconds(principal.sessionStarted ?? 0), mfaAuthenticated: 'false' },
    },
  };
}

/** The user name that LookupEvents tells and looks up: of a session, its session name. */
export function userNameOf(identity: Record<string, unknown>): string | undefined {
  const { userName, arn } = identity;
  if (typeof userName === 'string') return userName;
  return typeof arn === 'string' && arn.includes(':assumed-role/') ? arn.split('/').at(-1) : undefined;
}

/** Secrets Manager logs no more of an answer than what it concerned. */
function responseOf(call: AwsCall, output: unknown): unknown {
  if (call.service !== 'secretsmanager' || output === null || typeof output !== 'object' || !('ARN' in output))
    return output;
  const { ARN, Name, DeletionDate } = output as { ARN: unknown; Name?: unknown; DeletionDate?: unknown };
  return { arn: ARN, ...(DeletionDate === undefined ? {} : { name: Name, deletionDate: DeletionDate }) };
}

function parameters(value: unknown): Record<string, unknown> | null {
  const logged = camel(value);
  return logged !== null && typeof logged === 'object' && Object.keys(logged).length > 0
    ? (logged as Record<string, unknown>)
    : null;
}

/** Lower camel case throughout, without what is sensitive, dates in CloudTrail's own spelling. */
function camel(value: unknown): unknown {
  if (value instanceof Date) return spelled(value);
  if (Array.isArray(value)) return value.map(camel);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inner]) => inner !== undefined && !SENSITIVE.test(name))
      .map(([name, inner]) => [
        /^[A-Z]+$/.test(name) ? name.toLowerCase() : name.charAt(0).toLowerCase() + name.slice(1),
        camel(inner),
      ]),
  );
}

/** `Jul 10, 2023, 12:07:59 PM` */
const spelled = (date: Date) =>
  date
    .toLocaleString('en-US', {
      month: 'short',
      day: 'numeric',
      year: 'numeric',
      hour: 'numeric',
      minute: '2-digit',
      second: '2-digit',
      timeZone: 'UTC',
    })
    .replace(/\u202f/g, ' ');

/** ISO 8601 with whole seconds. */
export const seconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
