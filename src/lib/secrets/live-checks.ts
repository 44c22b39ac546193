/** Tries credentials where they are used: each check asks one service, changes nothing, and says what it learnt. */
import { createHash, createHmac } from 'node:crypto';
import { awsError, call, clientConfig, type AwsSettings } from '../aws.ts';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { isLoopback } from '../loopback.ts';
import { redact } from '../redact.ts';
import { verifyJamf } from './verify.ts';

/** Longest that one service may take, in ms. */
const TIMEOUT_MS = 10_000;

/** What a check is handed beside the fields. */
export interface LiveSettings {
  aws: AwsSettings;
  /** Where S3 is to be found instead of on AWS (AWS_ENDPOINT_URL_S3); null on AWS. */
  s3Endpoint: string | null;
}

/** Plain values by the names of the check's schema; a field with a default is always there. */
type Values = Readonly<Record<string, string>>;

/** What a check says: `skip` where it cannot tell. */
type Verdict = { pass: string } | { fail: string } | { skip: string };

/** One check. */
export interface LiveCheck {
  name: string;
  /** Schema whose names the fields go by. */
  schema: string;
  /** Fields that it cannot do without. */
  needs: readonly string[];
  /**
   * @returns a sentence without its subject, lower case, never with a value
   * @throws JamfMcpError or the error of the network: then it failed
   */
  run(values: Values, settings: LiveSettings, context: Context): Promise<Verdict>;
}

/** Every check there is. */
export const LIVE_CHECKS: readonly LiveCheck[] = [
  {
    name: 'jamf',
    schema: 'jamf',
    needs: ['JAMF_URL', 'JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'],
    async run(values, _settings, context) {
      const { url, account, privileges } = await verifyJamf(values, context);
      return {
        pass: `${url} gives a token to ${account ?? 'the client'}, with ${String(privileges.length)} privileges`,
      };
    },
  },
  {
    name: 'oidc',
    schema: 'auth0',
    needs: ['AUTH0_DOMAIN'],
    async run({ AUTH0_DOMAIN = '' }, _settings, context) {
      const { issuer } = await discover(AUTH0_DOMAIN, context);
      return { pass: `${issuer} describes itself, with its keys and where it issues tokens` };
    },
  },
  {
    name: 'auth0-client',
    schema: 'auth0',
    needs: ['AUTH0_DOMAIN', 'AUTH0_CLIENT_ID', 'AUTH0_CLIENT_SECRET', 'AUTH0_AUDIENCE'],
    run: tryAuth0Client,
  },
  {
    name: 'database',
    schema: 'database',
    needs: ['DB_HOST', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'],
    run: selectOne,
  },
  {
    name: 'aws',
    schema: 'aws',
    needs: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    async run(values, _settings, context) {
      const { STSClient, GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
      const client = new STSClient({
        ...clientConfig({ region: values.AWS_REGION }),
        credentials: storedKeys(values),
      });
      try {
        const caller = await call(context, 'GetCallerIdentity', 'the stored key', (options) =>
          client.send(new GetCallerIdentityCommand({}), options),
        );
        return { pass: `the key is that of ${caller.Arn ?? 'an unknown principal'}` };
      } finally {
        client.destroy();
      }
    },
  },
  { name: 's3', schema: 's3', needs: ['S3_BUCKET'], run: headBucket },
];

interface Discovery {
  issuer: string;
  token_endpoint: string;
  jwks_uri: string;
}

/** OpenID Connect Discovery 1.0 §4: the document has to be the issuer's own, and its end points on TLS. */
async function discover(domain: string, context: Context): Promise<Discovery> {
  const origin = originOf(domain);
  const { status, body } = await exchange(`${origin}/.well-known/openid-configuration`, {}, context);
  if (status !== 200) throw failed(`${origin} has no OpenID configuration: it answers ${String(status)}`);
  const found = body as Partial<Discovery> | null;
  if (found?.issuer !== `${origin}/` && found?.issuer !== origin) throw failed(`${origin} calls itself another issuer`);
  const { issuer, token_endpoint: token, jwks_uri: jwks } = found;
  if (typeof token !== 'string' || typeof jwks !== 'string')
    throw failed(`${origin} does not say where its keys are and where it issues tokens`);
  if (new URL(token).origin !== origin)
    throw failed(`${origin} issues tokens at ${new URL(token).origin}, which a client secret is not sent to`);
  return { issuer, token_endpoint: token, jwks_uri: jwks };
}

/** The client credentials grant: https://auth0.com/docs/api/authentication/client-credential-flow/get-token */
async function tryAuth0Client(values: Values, _settings: LiveSettings, context: Context): Promise<Verdict> {
  const { AUTH0_DOMAIN = '', AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET, AUTH0_AUDIENCE } = values;
  const { token_endpoint: endpoint } = await discover(AUTH0_DOMAIN, context);
  const { status, body } = await exchange(
    endpoint,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'client_credentials',
        client_id: AUTH0_CLIENT_ID,
        client_secret: AUTH0_CLIENT_SECRET,
        audience: AUTH0_AUDIENCE,
      }),
    },
    context,
  );
  const { access_token: token, error } = (body ?? {}) as { access_token?: unknown; error?: unknown };
  if (status === 200 && typeof token === 'string')
    return { pass: `${AUTH0_DOMAIN} gives the client a token for the audience` };
  const code = typeof error === 'string' ? error : 'no reason given';
  // The client is who it says, and may not use this grant: an application that only signs people in.
  if (error === 'unauthorized_client')
    return { skip: `the application may not obtain tokens for itself (${code}), so its secret cannot be tried` };
  return { fail: `${AUTH0_DOMAIN} refuses the client (${String(status)} ${redact(code)})` };
}

/** Requirements rows 422 and 427. Outside of this machine the connection is encrypted unless the secret says otherwise. */
async function selectOne(values: Values, _settings: LiveSettings, context: Context): Promise<Verdict> {
  const { DB_HOST = '', DB_PORT = '', DB_NAME, DB_USER, DB_PASSWORD, DB_SSLMODE } = values;
  const host = DB_HOST.replace(/^\[(.*)\]$/, '$1');
  const mode = DB_SSLMODE ?? (isLoopback(DB_HOST) || isLoopback(`[${host}]`) ? 'disable' : 'verify-full');
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host,
    port: Number(DB_PORT),
    database: DB_NAME,
    user: DB_USER,
    password: DB_PASSWORD,
    ssl: mode === 'disable' ? false : { rejectUnauthorized: mode !== 'require' },
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    application_name: 'jamf-mcp',
  });
  // Without a listener an error after the answer would end the process.
  client.on('error', (error) => {
    context.host.notify({ kind: 'debug', text: `database: ${redact(error.message)}` });
  });
  const stop = () => void client.end();
  context.signal.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    const { rows } = await client.query<{ one: number }>('SELECT 1 AS one');
    if (rows[0]?.one !== 1) return { fail: `${host}:${DB_PORT} answers SELECT 1 with something else` };
    const how =
      mode === 'disable' ? 'not encrypted' : mode === 'require' ? 'encrypted, certificate not checked' : 'encrypted';
    return { pass: `${host}:${DB_PORT} answers SELECT 1 (${how})` };
  } catch (error) {
    context.signal.throwIfAborted();
    return { fail: `${host}:${DB_PORT} refuses: ${databaseReason(error)}` };
  } finally {
    context.signal.removeEventListener('abort', stop);
    await client.end();
  }
}

function databaseReason(error: unknown): string {
  const text =
    redact(messageOf(error)) || (error instanceof Error && 'code' in error ? String(error.code) : 'no reason given');
  return /self.signed|unable to (get|verify)|certificate/i.test(text)
    ? `${text} (give its authority with NODE_EXTRA_CA_CERTS, or DB_SSLMODE=require to encrypt without checking)`
    : text;
}

/** HeadBucket: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html. With the stored key, or the user's own. */
async function headBucket(values: Values, settings: LiveSettings, context: Context): Promise<Verdict> {
  const { S3_BUCKET: bucket = '', AWS_ACCESS_KEY_ID } = values;
  if (!/^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/.test(bucket)) return { fail: 'the name is none that a bucket can have' };
  const { STSClient } = await import('@aws-sdk/client-sts');
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const chain = new STSClient(clientConfig({ ...settings.aws, region: values.AWS_REGION ?? settings.aws.region }));
  const [region, credentials] = await Promise.all([
    chain.config.region(),
    AWS_ACCESS_KEY_ID === undefined ? chain.config.credentials() : storedKeys(values),
  ]).catch((error: unknown) => {
    throw awsError(error, 'HeadBucket', 'S3');
  });
  const suffix = region.startsWith('cn-') ? '.cn' : '';
  const url = new URL(`${settings.s3Endpoint ?? `https://s3.${region}.amazonaws.com${suffix}`}/${bucket}`);
  const signer = new SignatureV4({ service: 's3', region, credentials, sha256: Sha256, uriEscapePath: false });
  const { headers } = await signer.sign({
    method: 'HEAD',
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: {},
    headers: { host: url.host, 'x-amz-content-sha256': createHash('sha256').digest('hex') },
  });
  const { status } = await exchange(url.href, { method: 'HEAD', headers, redirect: 'manual' }, context);
  const whose = AWS_ACCESS_KEY_ID === undefined ? 'your own credentials' : 'the stored key';
  if (status === 200) return { pass: `the bucket is there, and ${whose} may list it` };
  const why: Record<number, string> = {
    301: 'is in another Region',
    400: 'is in another Region, or the key is refused',
    403: `is not for ${whose}`,
    404: 'does not exist',
  };
  return { fail: `the bucket ${why[status] ?? `cannot be asked about: S3 answers ${String(status)}`}` };
}

const storedKeys = ({ AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN }: Values) => ({
  accessKeyId: AWS_ACCESS_KEY_ID,
  secretAccessKey: AWS_SECRET_ACCESS_KEY,
  ...(AWS_SESSION_TOKEN === undefined ? {} : { sessionToken: AWS_SESSION_TOKEN }),
});

/** Node's SHA-256 in the form that the signer asks for. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    throw new Error('a hash is used once');
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}

const originOf = (domain: string) =>
  `${isLoopback(new URL(`https://${domain}`).hostname) ? 'http' : 'https'}://${domain}`;

/** One request; the body decoded where it is JSON, or null. */
async function exchange(url: string, init: RequestInit, context: Context): Promise<{ status: number; body: unknown }> {
  const { host } = new URL(url);
  try {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const response = await fetch(url, { redirect: 'error', ...init, signal });
    const text = await response.text();
    return { status: response.status, body: parsed(text) };
  } catch (error) {
    if (context.signal.aborted || isInterruption(error))
      throw new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause: error });
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw failed(`${host} cannot be reached: ${redact(messageOf(cause)) || 'no reason given'}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the status says enough
  }
}

const failed = (why: string) => new JamfMcpError('REMOTE_FAILED', why);
