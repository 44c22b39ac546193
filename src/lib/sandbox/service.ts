import { createHash } from 'node:crypto';
import type { PolicyRequest } from './policy.ts';

/** What the loopback servers of the sandbox have in common. No service knows HTTP; the server knows no service. */

/** The account that everything in the sandbox belongs to. No real AWS account has this number. */
export const ACCOUNT = '000000000000';

/** Where the calls of ECS tasks come from: their subnet reaches Secrets Manager through an interface endpoint. */
export const TASK_SOURCE_IP = '10.0.10.25';

/** Who calls, as the signature of the request tells. */
export interface Principal {
  /** `arn:aws:iam::000000000000:user/operator`, or an assumed-role ARN. */
  arn: string;
  type: 'IAMUser' | 'AssumedRole';
  /** `AIDA…`, or `AROA…:session`. */
  principalId: string;
  accessKeyId: string;
  /** User name, or role name for an assumed role. */
  userName: string;
  /** Path of the role's own ARN, `/` where absent: `/aws-reserved/sso.amazonaws.com/`. */
  rolePath?: string;
  /** When the session of an assumed role began, milliseconds since 1970. */
  sessionStarted?: number;
}

/** One call to an AWS operation of the sandbox. */
export interface AwsCall {
  /** Endpoint prefix as CloudTrail spells it in `eventSource`: `secretsmanager`, `ecs`, `cloudtrail`, `sts`, `iam`, `lambda`. */
  service: string;
  operation: string;
  /** The request, decoded: AWS's own member names. */
  input: Record<string, unknown>;
  principal: Principal;
  region: string;
  requestId: string;
  sourceIp: string;
  userAgent: string;
}

/** An error as AWS answers it. */
export class AwsFault extends Error {
  readonly code: string;
  /** HTTP status: 400 for nearly all of AWS's JSON services, ResourceNotFoundException included. */
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = 'AwsFault';
    this.code = code;
    this.status = status;
  }
}

/**
 * Operation name to its implementation: takes the decoded input, returns the output (or a promise of it) with AWS's
 * member names; a time is a `Date`, or a number of seconds since 1970. Throws {@link AwsFault}.
 */
export type AwsHandlers = Record<string, (input: Record<string, unknown>, call: AwsCall) => unknown>;

/** One AWS service as the server dispatches to it. */
export interface AwsService {
  handlers: AwsHandlers;
  /** Whether its calls are data events, which a trail has only where it was told to: they are not recorded. */
  dataEvents?: true;
  /** What a call is about, as IAM names it in a denial; `*` where absent. */
  resource?(call: AwsCall): string;
  /** What else the caller has to be allowed for this call, such as the key behind a secret; nothing where absent. */
  needs?(call: AwsCall): PolicyRequest[];
}

/** What every service of the sandbox is built with. */
export interface World {
  /** The injected clock. */
  clock: SandboxClock;
  /** Deterministic from the seed. */
  random: SandboxRandom;
  region: string;
  /** Record a call in CloudTrail's shape; the server does it for every HTTP call, a service for what AWS does by itself (a task start that reads a secret). */
  record: (call: AwsCall, outcome: { output?: unknown; fault?: AwsFault }) => void;
}

/** Time inside the sandbox; tests move it by hand. */
export interface SandboxClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Run `task` once `ms` from now; the returned function calls it off. Never keeps the process alive. */
  after(ms: number, task: () => void): () => void;
}

/** Pseudo-random values from the seed. */
export interface SandboxRandom {
  /** 0 ≤ x < 1 */
  float(): number;
  /** 0 ≤ n < limit */
  integer(limit: number): number;
  /** `length` characters of the alphabet. */
  text(length: number, alphabet?: string): string;
  /** A version-4-shaped UUID. */
  uuid(): string;
}

/** A fault to inject: the n-th matching call (counted from 1, from now) meets it. */
export interface FaultRule {
  /** `secretsmanager:PutSecretValue`, `ecs:UpdateService`, `jamf:POST /api/oauth/token`, `auth0:…`; `*` at the end matches the rest. */
  operation: string;
  /** Which call meets it; default 1. `every` for all from now on. */
  nth?: number | 'every';
  fault:
    | { kind: 'error'; code: string; message: string; status?: number }
    /** Never answered. */
    | { kind: 'timeout' }
    | { kind: 'throttle' }
    /** The connection dies before the call took effect, or after. */
    | { kind: 'reset'; when: 'before' | 'after' };
}

/** A request to one of the plain JSON services (Jamf, Auth0), decoded by the server. */
export interface PlainRequest {
  method: string;
  /** Without the query, still percent-encoded: `/api/v1/auth`. */
  path: string;
  query: URLSearchParams;
  /** Names in lower case; repeated ones joined by `, `. */
  headers: Record<string, string>;
  body: string;
}

/** The answer of a plain JSON service. */
export interface PlainResponse {
  status: number;
  /** `content-type` is `application/json` unless set here. */
  headers?: Record<string, string>;
  /** A string is sent as it is, anything else as JSON; undefined sends no body. */
  body?: unknown;
}

/** A plain service: what the server hands its requests to. */
export interface PlainService {
  handle(request: PlainRequest): PlainResponse | Promise<PlainResponse>;
}

/** A reference to (a part of) a secret, as the `valueFrom` of a container definition splits into. */
export interface SecretReading {
  /** Full ARN, or a name. */
  arnOrName: string;
  /** One field of a JSON value; undefined for the whole text. */
  jsonKey?: string | undefined;
  stage?: string | undefined;
  versionId?: string | undefined;
  /** Who reads: an execution role session. */
  principal: Principal;
  userAgent: string;
}

/**
 * Read a secret as an AWS service does on behalf of a role: through GetSecretValue, recorded in CloudTrail.
 * Throws AwsFault as GetSecretValue does (a JSON key that is missing is left to the caller: `value` is then null).
 */
export type ReadSecretAsService = (reading: SecretReading) => { value: string | null; arn: string; versionId: string };

/**
 * The ARN of a secret. AWS's suffix is random; here it follows from the Region, the name and how often a secret of that
 * name was created before, so that a task definition can name a secret which is created later.
 * @param region - such as `us-east-1`
 * @param name - friendly name
 * @param generation - 0 for the first secret of that name, one more each time it is created again
 */
export function secretArn(region: string, name: string, generation = 0): string {
  const digest = createHash('sha256')
    .update(`${region}/${name}/${String(generation)}`)
    .digest();
  const suffix = Array.from(digest.subarray(0, 6), (byte) => ARN_ALPHABET.charAt(byte % ARN_ALPHABET.length)).join('');
  return `arn:aws:secretsmanager:${region}:${ACCOUNT}:secret:${name}-${suffix}`;
}

const ARN_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
