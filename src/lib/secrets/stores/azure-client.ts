/**
 * Calls to Azure Key Vault through its SDK, which is installed by who needs it: timed, cancellable, told to the host
 * without bodies, their errors made ours.
 */
import type { TokenCredential } from '@azure/identity';
import type { SecretClient, SecretClientOptions } from '@azure/keyvault-secrets';
import { isInterruption, JamfMcpError, messageOf, type ErrorCode } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact } from '../../redact.ts';

/** One request, in ms. The SDK repeats what may be repeated, and honours Retry-After. */
const REQUEST_TIMEOUT_MS = 30_000;

/** What the SDK's methods take. */
interface CallOptions {
  abortSignal: AbortSignal;
  requestOptions: { timeout: number };
}

/** A Key Vault, connected on first use. */
export interface AzureVault {
  /**
   * Make one call.
   * @param operation - its name, such as `getSecret`
   * @param about - the name of the secret in Key Vault, or what else it concerns
   * @returns what `work` returns; null where Key Vault says 404
   * @throws JamfMcpError CREDENTIALS_MISSING, CREDENTIALS_REFUSED, ACCESS_DENIED, CONFLICT (the name is deleted, or is
   *   being deleted), UNREACHABLE, TIMED_OUT, THROTTLED, REMOTE_FAILED, INTERRUPTED
   */
  readonly call: <T>(
    operation: string,
    about: string,
    work: (client: SecretClient, options: CallOptions) => Promise<T>,
  ) => Promise<T | null>;
  /** Who is calling, as the access token says; null where it does not say. */
  readonly principal: () => Promise<string | null>;
}

/**
 * Make one; nothing is loaded or sent until it is used.
 * @param url - `https://example.vault.azure.net`
 * @param options - `credential`: instead of DefaultAzureCredential; `client`: options of the SDK's client
 * @param context - host, clock and signal of every call
 */
export function azureVault(
  url: URL,
  options: { credential?: TokenCredential | undefined; client?: SecretClientOptions | undefined },
  context: Context,
): AzureVault {
  let connection: Promise<{ client: SecretClient; credential: TokenCredential }> | undefined;
  const connect = async () => {
    const { identity, secrets } = await loadSdk();
    const credential = options.credential ?? new identity.DefaultAzureCredential();
    return { client: new secrets.SecretClient(url.origin, credential, options.client), credential };
  };

  return {
    async call(operation, about, work) {
      const { client } = await (connection ??= connect());
      const started = context.clock.now();
      const tell = (outcome: string) => {
        const took = String(context.clock.now() - started);
        context.host.notify({ kind: 'debug', text: `azure ${operation} ${about}: ${outcome}, ${took} ms` });
      };
      try {
        const requestOptions = { timeout: REQUEST_TIMEOUT_MS };
        const result = await work(client, { abortSignal: context.signal, requestOptions });
        tell('ok');
        return result;
      } catch (error) {
        const { statusCode } = error as { statusCode?: number };
        tell(`failed with ${String(statusCode ?? (error instanceof Error ? error.name : 'an unknown error'))}`);
        if (statusCode === 404) return null;
        throw azureError(error, operation, about, url, context.signal);
      }
    },

    async principal() {
      const { credential } = await (connection ??= connect());
      // The audience is the cloud's own: vault.azure.net, vault.azure.cn …
      const audience = url.hostname.split('.').slice(1).join('.');
      const token = await credential
        .getToken(`https://${audience}/.default`, { abortSignal: context.signal })
        .catch((error: unknown) => {
          throw azureError(error, 'getToken', audience, url, context.signal);
        });
      return token && principalOf(token.token);
    },
  };
}

/** The claims that name somebody, the most telling first. */
function principalOf(token: string): string | null {
  let claims: Record<string, unknown>;
  try {
    claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
  } catch {
    return null;
  }
  const named = ['upn', 'unique_name', 'appid', 'oid'].map((name) => claims[name]);
  return named.find((value) => typeof value === 'string') ?? null;
}

async function loadSdk() {
  try {
    const [identity, secrets] = await Promise.all([import('@azure/identity'), import('@azure/keyvault-secrets')]);
    return { identity, secrets };
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause;
    throw new JamfMcpError(
      'NOT_FOUND',
      'the store azure needs packages that are not installed: @azure/identity and @azure/keyvault-secrets',
      'install them beside jamf-mcp: npm install @azure/identity @azure/keyvault-secrets (add --global where it is global)',
      { cause },
    );
  }
}

/** What an error of the SDK means; first match wins. */
const ERRORS: readonly { match: (error: AzureError) => boolean; code: ErrorCode; hint: string }[] = [
  {
    match: ({ name }) => /CredentialUnavailable|CredentialUnavailableError/.test(name),
    code: 'CREDENTIALS_MISSING',
    hint: 'sign in with `az login`, or give what DefaultAzureCredential looks for (AZURE_CLIENT_ID …, a managed identity)',
  },
  {
    match: ({ name, statusCode }) => /Authentication(Required)?Error$/.test(name) || statusCode === 401,
    code: 'CREDENTIALS_REFUSED',
    hint: 'sign in again with `az login`, and check the tenant',
  },
  {
    match: ({ statusCode }) => statusCode === 403,
    code: 'ACCESS_DENIED',
    hint: 'the role Key Vault Secrets Officer allows all of it, Key Vault Secrets User reading; the firewall of the vault counts too',
  },
  {
    match: ({ statusCode }) => statusCode === 409,
    code: 'CONFLICT',
    hint: 'a deleted name is free again when it has been purged: `jamf-mcp secrets delete --now`',
  },
  {
    match: ({ statusCode }) => statusCode === 429,
    code: 'THROTTLED',
    hint: 'wait a little, then repeat the command',
  },
  {
    match: ({ code }) => /^(REQUEST_SEND_ERROR|ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN)$/.test(code ?? ''),
    code: 'UNREACHABLE',
    hint: 'check azure.vault in jamf-mcp.yaml or AZURE_KEYVAULT_URL, and the network',
  },
  { match: () => true, code: 'REMOTE_FAILED', hint: 'the diagnostic log of the vault tells more' },
];

interface AzureError {
  name: string;
  code?: string;
  statusCode?: number;
}

function azureError(error: unknown, operation: string, about: string, url: URL, signal: AbortSignal): JamfMcpError {
  if (error instanceof JamfMcpError) return error;
  if (isInterruption(error)) {
    if (signal.aborted) return new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause: error });
    return new JamfMcpError(
      'TIMED_OUT',
      `${url.hostname} did not answer ${operation} within ${String(REQUEST_TIMEOUT_MS / 1000)} s`,
      'check the network, then repeat the command',
      { cause: error },
    );
  }
  const known = ERRORS.find(({ match }) => match(error as AzureError));
  const why = redact(messageOf(error).replace(/\s+/g, ' ').trim());
  return new JamfMcpError(
    known?.code ?? 'REMOTE_FAILED',
    `${operation} ${about} in ${url.hostname} failed: ${why}`,
    known?.hint ?? null,
    { cause: error },
  );
}
