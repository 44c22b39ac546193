/** Signing in to Vault or OpenBao: from what this machine has to a token, kept until shortly before it ends. */
import { readFile } from 'node:fs/promises';
import { clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { Secret } from '../../redact.ts';
import type { VaultSettings } from '../../config/settings.ts';
import type { VaultClient } from './vault-client.ts';

/** How to sign in. `mount`: where the method is mounted in Vault. */
type VaultAuth =
  | { method: 'token'; token: Secret }
  /** `vault login` has written the token there. */
  | { method: 'token'; file: string }
  | { method: 'approle'; mount: string; roleId: string; secretId: Secret }
  /** `tokenFile`: the service account's token; it is read anew for each login, because the kubelet renews it. */
  | { method: 'kubernetes'; mount: string; role: string; tokenFile: string }
  /** `serverId`: what Vault expects in `X-Vault-AWS-IAM-Server-ID`, where it does. */
  | { method: 'aws'; mount: string; role: string; serverId: string | null; aws: AwsSettings };

/** Where Kubernetes puts the token of a pod's service account. */
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Which login the settings come to.
 * @throws JamfMcpError CREDENTIALS_MISSING where the login lacks what it needs, or there is none at all
 */
function chooseAuth(settings: VaultSettings, aws: AwsSettings): VaultAuth {
  const { token, tokenFile, roleId, secretId, role, serverId = null } = settings;
  const missing = (what: string, hint: string) =>
    new JamfMcpError('CREDENTIALS_MISSING', `the login to Vault lacks ${what}`, hint);
  const mount = (method: string) => settings.authMount ?? method;
  const method = settings.auth ?? (token ? 'token' : roleId !== undefined && secretId ? 'approle' : 'token');
  switch (method) {
    case 'token':
      if (token) return { method, token };
      if (tokenFile !== undefined) return { method, file: tokenFile };
      throw missing('a token', NO_TOKEN);
    case 'approle':
      if (roleId !== undefined && secretId) return { method, mount: mount(method), roleId, secretId };
      throw missing('a role id or a secret id', 'set VAULT_ROLE_ID and VAULT_SECRET_ID');
    case 'kubernetes':
    case 'aws':
      if (role === undefined) throw missing('a role', 'set VAULT_ROLE, or vault.role in jamf-mcp.yaml');
      return method === 'aws'
        ? { method, mount: mount(method), role, serverId, aws }
        : { method, mount: mount(method), role, tokenFile: settings.serviceAccountFile ?? SERVICE_ACCOUNT_TOKEN };
  }
}

const NO_TOKEN =
  'set VAULT_TOKEN or BAO_TOKEN, sign in with `vault login`, or choose a login with vault.auth in jamf-mcp.yaml';

/** A token is renewed when this share of its life is over. */
const REFRESH_AT = 0.8;

/**
 * A function that gives a token that is still good.
 * @param settings - what there is to sign in with
 * @param aws - what the login aws signs with
 * @throws (the function) JamfMcpError CREDENTIALS_MISSING, CREDENTIALS_REFUSED, and what the client throws
 */
export function tokenSource(
  settings: VaultSettings,
  aws: AwsSettings,
  client: VaultClient,
  context: Context,
): () => Promise<Secret> {
  let held: { token: Secret; until: number } | undefined;
  let login: Promise<Secret> | undefined;

  const signIn = async (how: Exclude<VaultAuth, { method: 'token' }>): Promise<Secret> => {
    const body = await proofOf(how);
    const path = `auth/${how.mount.split('/').map(encodeURIComponent).join('/')}/login`;
    const answer = await client
      .send({ method: 'POST', path, body, capability: 'update', token: null })
      .catch((cause: unknown) => {
        if (!(cause instanceof JamfMcpError && /answers 40[01]|refuses/.test(cause.message))) throw cause;
        throw new JamfMcpError(
          'CREDENTIALS_REFUSED',
          cause.message,
          `the login ${how.method} was refused: check its role and what it signs in with`,
          { cause },
        );
      });
    const { client_token: token, lease_duration: seconds } = answer?.auth ?? {};
    if (token === undefined) {
      throw new JamfMcpError(
        'REMOTE_FAILED',
        `vault answers a login at ${path} without a token`,
        'check that the auth method is mounted there',
      );
    }
    const lifeMs = Number(seconds ?? 0) * 1000;
    const until = lifeMs === 0 ? Infinity : context.clock.now() + lifeMs * REFRESH_AT;
    held = { token: new Secret(token), until };
    return held.token;
  };

  return async () => {
    if (held && context.clock.now() < held.until) return held.token;
    const auth = chooseAuth(settings, aws);
    if (auth.method !== 'token') {
      login ??= signIn(auth).finally(() => {
        login = undefined;
      });
      return await login;
    }
    const token =
      'token' in auth ? auth.token : await readToken(auth.file, 'there is nothing to sign in to Vault with', NO_TOKEN);
    held = { token, until: Infinity };
    return token;
  };
}

/** A token from a file of somebody else's. */
async function readToken(file: string, what: string, hint: string): Promise<Secret> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (text !== '') return new Secret(text);
  } catch (cause) {
    throw new JamfMcpError('CREDENTIALS_MISSING', `${what}: ${messageOf(cause)}`, hint, { cause });
  }
  throw new JamfMcpError('CREDENTIALS_MISSING', `${what}: ${file} is empty`, hint);
}

/** What a login sends. */
async function proofOf(auth: Exclude<VaultAuth, { method: 'token' }>): Promise<Record<string, string>> {
  switch (auth.method) {
    case 'approle':
      return { role_id: auth.roleId, secret_id: auth.secretId.reveal() };
    case 'kubernetes':
      return {
        role: auth.role,
        jwt: (await readToken(auth.tokenFile, 'the service account token cannot be read', NO_POD)).reveal(),
      };
    case 'aws':
      return { role: auth.role, ...(await signedCallerIdentity(auth)) };
  }
}

const NO_POD = 'the login kubernetes works inside a pod; elsewhere choose another with vault.auth';

/** The headers that Vault takes (allowed_sts_header_values): anything else is not to be signed, nor sent. */
const HEADERS = /^(authorization|content-(length|type)|host|x-amz-(content-sha256|date|security-token)|x-vault-.*)$/;

/**
 * A GetCallerIdentity request, signed but not sent: Vault sends it to STS and so learns who we are.
 * https://developer.hashicorp.com/vault/docs/auth/aws
 */
async function signedCallerIdentity(auth: {
  serverId: string | null;
  aws: AwsSettings;
}): Promise<Record<string, string>> {
  const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient({ ...clientConfig(auth.aws), maxAttempts: 1 });
  const signing = 'httpSigningMiddleware';
  client.middlewareStack.addRelativeTo(
    <Args, Output>(next: (args: Args & Build) => Promise<Output>) =>
      (args: Args & Build) => {
        const { headers } = args.request as SignedRequest;
        for (const name of Object.keys(headers)) {
          if (!HEADERS.test(name.toLowerCase())) Reflect.deleteProperty(headers, name);
        }
        if (auth.serverId !== null) headers['x-vault-aws-iam-server-id'] = auth.serverId;
        return next(args);
      },
    { relation: 'before', toMiddleware: signing, name: 'onlyWhatVaultTakes' },
  );
  let signed: SignedRequest | undefined;
  const stop = new Error('signed, not to be sent');
  client.middlewareStack.addRelativeTo(
    () => (args: Build) => {
      signed = args.request as SignedRequest;
      return Promise.reject(stop);
    },
    { relation: 'after', toMiddleware: signing, name: 'signedNotSent' },
  );
  try {
    await client.send(new GetCallerIdentityCommand({}));
  } catch (cause) {
    if (!signed) {
      throw new JamfMcpError(
        'CREDENTIALS_MISSING',
        `the login aws found no AWS credentials to sign with: ${messageOf(cause)}`,
        'sign in to AWS (aws sso login), set AWS_PROFILE, and name the Region with AWS_REGION',
        { cause },
      );
    }
  } finally {
    client.destroy();
  }
  if (!signed) throw new JamfMcpError('BUG', 'a request that was to be signed has been sent');
  const { protocol, hostname, port, path, headers, body } = signed;
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    iam_http_request_method: 'POST',
    iam_request_url: base64(`${protocol}//${hostname}${port === undefined ? '' : `:${String(port)}`}${path}`),
    iam_request_body: base64(String(body)),
    iam_request_headers: base64(JSON.stringify(headers)),
  };
}

/** What is used of the SDK's request, and what carries it. */
interface SignedRequest {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  headers: Record<string, string>;
  body: unknown;
}

interface Build {
  request: unknown;
}
