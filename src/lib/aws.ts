/**
 * What every AWS client of this program shares: how it is configured, how it is watched, and how its errors are told.
 * Region, credentials and endpoints come from the ordinary AWS chain; nothing here reads the environment itself.
 */
import { isInterruption, JamfMcpError, messageOf, type ErrorCode } from './errors.ts';
import type { Context } from './host.ts';
import { redact } from './redact.ts';

/** Which account and Region: both unset means whatever the ordinary AWS chain finds. */
export interface AwsSettings {
  profile?: string | undefined;
  region?: string | undefined;
  /** Why values are read: goes into the user agent, so that CloudTrail carries it. */
  reason?: string | undefined;
}

/** Who is calling, as STS sees it. */
export interface AwsIdentity {
  account: string;
  arn: string;
  region: string;
}

/** Attempts an SDK client makes before an error reaches us: throttling is not an error until this budget is spent. */
const MAX_ATTEMPTS = 6;

const nothing = () => {
  // The SDK warns on the console of credentials that it finds twice; what it did is in the target line.
};

const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * The configuration that every SDK client is built with.
 * @param aws - profile and Region, where the user named them
 * @returns constructor options for any `@aws-sdk/client-*`
 */
export function clientConfig(aws: AwsSettings) {
  return {
    ...(aws.profile ? { profile: aws.profile } : {}),
    ...(aws.region ? { region: aws.region } : {}),
    maxAttempts: MAX_ATTEMPTS,
    logger: SILENT,
    customUserAgent: [['jamf-mcp', '0'], ...(aws.reason ? [['reason', agentText(aws.reason)]] : [])] as [
      string,
      string,
    ][],
    // Without the last of these the SDK only warns, and a call that is never answered never ends.
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
  };
}

/** What a user agent may hold of a text, at a length that leaves room for the SDK's own words. */
export const agentText = (text: string) =>
  text
    .normalize('NFKD')
    .replace(/[^\w.-]+/g, '_')
    .slice(0, 128);

/**
 * Make one API call: cancellable, told to the host as a debug event without bodies, its error made one of ours.
 * @param context - host and signal
 * @param operation - the API operation, such as `GetSecretValue`
 * @param about - what the call concerns, for the error text, such as `secret jamf-mcp-server/production`
 * @param send - sends the command with the options given: `(options) => client.send(new GetSecretValueCommand(…), options)`
 * @returns the SDK's output
 * @throws JamfMcpError as {@link awsError} gives it
 */
export async function call<
  Output extends { $metadata: { requestId?: string | undefined; attempts?: number | undefined } },
>(
  context: Context,
  operation: string,
  about: string,
  send: (options: { abortSignal: AbortSignal }) => Promise<Output>,
): Promise<Output> {
  const started = context.clock.now();
  const tell = (outcome: string) => {
    context.host.notify({
      kind: 'debug',
      text: `aws ${operation}: ${outcome}, ${String(context.clock.now() - started)} ms`,
    });
  };
  try {
    const output = await send({ abortSignal: context.signal });
    tell(`ok, request ${output.$metadata.requestId ?? '-'}, attempts ${String(output.$metadata.attempts ?? 1)}`);
    return output;
  } catch (error) {
    tell(`failed with ${error instanceof Error ? error.name : 'an unknown error'}`);
    throw awsError(error, operation, about);
  }
}

/** How an AWS error name becomes one of our codes, with the next step. First match wins. */
const ERRORS: readonly { match: RegExp; code: ErrorCode; hint: string }[] = [
  {
    match:
      /CredentialsProviderError|NoCredentials|Could not load credentials|Could not resolve credentials|CredentialsError/,
    code: 'CREDENTIALS_MISSING',
    hint: 'sign in (aws sso login) or correct the profile (--profile, AWS_PROFILE); with no account: `jamf-mcp sandbox`, or `--store local`',
  },
  {
    match: /Region is missing/,
    code: 'CREDENTIALS_MISSING',
    hint: 'pass --region or set AWS_REGION (`region:` in jamf-mcp.yaml); with no account: `jamf-mcp sandbox`, or `--store local`',
  },
  {
    match: /Region not accepted|Invalid region/i,
    code: 'INPUT_INVALID',
    hint: 'name a Region such as us-east-1 with --region, AWS_REGION or `region:` in jamf-mcp.yaml',
  },
  {
    match: /ExpiredToken|TokenRefreshRequired|SSOTokenProviderFailure/,
    code: 'CREDENTIALS_REFUSED',
    hint: 'the session has expired: sign in again (aws sso login), then repeat the command',
  },
  {
    match:
      /UnrecognizedClient|InvalidClientTokenId|SignatureDoesNotMatch|InvalidSignature|InvalidAccessKeyId|MissingAuthenticationToken|IncompleteSignature/,
    code: 'CREDENTIALS_REFUSED',
    hint: 'AWS does not accept these credentials: check with `aws sts get-caller-identity`',
  },
  {
    match: /AccessDenied|UnauthorizedOperation|NotAuthorized/,
    code: 'ACCESS_DENIED',
    hint: 'have a policy allow that action on that resource for this principal, or use another one (--profile)',
  },
  {
    match: /Throttling|TooManyRequests|RequestLimitExceeded|LimitExceeded/,
    code: 'THROTTLED',
    hint: 'AWS throttled every attempt: wait a minute, then repeat the command',
  },
  {
    match: /TimeoutError|RequestTimeout/,
    code: 'TIMED_OUT',
    hint: 'check the network, a proxy or VPN, and AWS_ENDPOINT_URL, then repeat the command',
  },
  {
    match:
      /ENOTFOUND|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|EPIPE|NetworkingError|UnknownEndpoint|socket hang up/,
    code: 'UNREACHABLE',
    hint: 'check the Region, the network, and AWS_ENDPOINT_URL where it is set',
  },
];

/**
 * Make an SDK error one of ours. What is particular to one service (a missing secret, a missing cluster) is matched by
 * its caller on {@link JamfMcpError.cause} `.name`.
 * @param error - what the SDK threw
 * @param operation - the API operation
 * @param about - what the call concerned
 * @returns an error whose message ends with AWS's own text, redacted, never cut
 */
export function awsError(error: unknown, operation: string, about: string): JamfMcpError {
  if (error instanceof JamfMcpError) return error;
  if (isInterruption(error))
    return new JamfMcpError('INTERRUPTED', `interrupted during ${operation}`, null, { cause: error });
  const name = error instanceof Error ? error.name : '';
  const system = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = messageOf(error) || system;
  const known =
    ERRORS.find(({ match }) => match.test(name) || match.test(system)) ?? ERRORS.find(({ match }) => match.test(text));
  return new JamfMcpError(
    known?.code ?? 'REMOTE_FAILED',
    `${about}: ${operation} failed: ${redact(oneLine(text || name))}`,
    known?.hint ?? null,
    { cause: error },
  );
}

/** AWS's name for an error, through our wrapper: `ResourceNotFoundException`, or an empty string. */
export function awsErrorName(error: unknown): string {
  const cause = error instanceof JamfMcpError ? error.cause : error;
  return cause instanceof Error ? cause.name : '';
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

/**
 * Ask STS who is calling: needed before a change, and a cheap proof that the credentials work.
 * @throws JamfMcpError CREDENTIALS_MISSING, CREDENTIALS_REFUSED, UNREACHABLE …
 */
export async function identity(aws: AwsSettings, context: Context): Promise<AwsIdentity> {
  const { STSClient, GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
  const client = new STSClient(clientConfig(aws));
  try {
    const region = await client.config.region().catch((error: unknown) => {
      throw awsError(error, 'GetCallerIdentity', 'AWS');
    });
    const caller = await call(context, 'GetCallerIdentity', 'AWS', (options) =>
      client.send(new GetCallerIdentityCommand({}), options),
    );
    return { account: caller.Account ?? '', arn: caller.Arn ?? '', region };
  } finally {
    client.destroy();
  }
}
