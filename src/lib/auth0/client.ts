/**
 * Auth0: client credentials for tokens, and the Management API as far as a client secret is replaced with it
 * (facts/rotation.md §2b).
 */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { jsonOf, sender, statusError, type Answer, type Meaning, type Send, type Service } from '../http.ts';
import { isLoopback } from '../loopback.ts';
import { redact, Secret } from '../redact.ts';

/** What an application logs in with. */
export interface Auth0Credentials {
  /** Host name of the tenant; a port is for loopback only, which is spoken to without TLS. */
  domain: string;
  clientId: string;
  clientSecret: Secret;
}

/** A token as the tenant gives it. */
export interface Auth0Token {
  value: Secret;
  /** Separated by spaces; empty where none was granted. */
  scope: string;
  /** Milliseconds since 1970. */
  endsAt: number;
}

/** What became of a pair that was presented: a token, or the reason why it gets none although it may well be right. */
export type Presented = { token: Auth0Token } | { why: string };

/** An application, as far as its secret is concerned. */
export interface Auth0Application {
  name: string;
  /** How it authenticates: `client_secret_post`, `client_secret_basic`, `none`, `private_key_jwt` … */
  authentication: string;
}

/** How a client works. */
export interface Auth0Options {
  /** Of one request, in ms; 15 s unless given. */
  timeoutMs?: number | undefined;
}

/** Auth0, as requests to it are told. */
const AUTH0: Service = { name: 'auth0', setting: 'AUTH0_DOMAIN' };

const TOKEN_PATH = '/oauth/token';

/** The scope that reading, replacing and rotating a secret needs (auth0.com/docs/api/management/v2/clients/patch-clients-by-id). */
export const KEYS_SCOPE = 'update:client_keys';

/** The scopes, either of which lets an application be looked at. */
export const READ_SCOPES: readonly string[] = ['read:clients', 'read:client_keys'];

/** The Management API of a tenant, as an audience. */
export const managementAudience = (domain: string): string => `https://${domain}/api/v2/`;

/**
 * Where a tenant is.
 * @throws JamfMcpError INPUT_INVALID for what is no host name
 */
function originOf(domain: string): string {
  const url = URL.parse(`https://${domain}`);
  const loopback = isLoopback(url?.hostname ?? '');
  if (url?.host !== domain || (url.port !== '' && !loopback)) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `AUTH0_DOMAIN is no host name: ${redact(domain)}`,
      'give the domain of the tenant alone, such as example.eu.auth0.com',
    );
  }
  return `${loopback ? 'http' : 'https'}://${domain}`;
}

/** A client of one tenant's token endpoint. */
export interface Auth0Tokens {
  /**
   * Present a pair.
   * @param audience - of the API that the token is for
   * @throws JamfMcpError CREDENTIALS_REFUSED, INPUT_INVALID (no Auth0 tenant answers so), UNREACHABLE, TIMED_OUT,
   *   THROTTLED, REMOTE_FAILED, INTERRUPTED
   */
  present(credentials: Auth0Credentials, audience: string): Promise<Presented>;
}

/** Make it; nothing is sent until it is used. */
export function auth0Tokens(context: Context, { timeoutMs }: Auth0Options = {}): Auth0Tokens {
  const send = sender(AUTH0, context, { timeoutMs });
  return { present: (credentials, audience) => present(send, context, credentials, audience) };
}

async function present(
  send: Send,
  context: Context,
  { domain, clientId, clientSecret }: Auth0Credentials,
  audience: string,
): Promise<Presented> {
  const askedAt = context.clock.now();
  const body = {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret.reveal(),
    audience,
  };
  // A lost answer to a token request costs a token nobody uses, so unlike other POSTs it may be repeated.
  const answer = await send(
    `POST ${TOKEN_PATH}`,
    new URL(originOf(domain) + TOKEN_PATH),
    jsonRequest('POST', body),
    true,
  );
  const { status, text } = answer;
  const said = (jsonOf(text) ?? {}) as Record<string, unknown>;
  const reason = reasonIn(said);
  if (status === 200 && typeof said.access_token === 'string' && typeof said.expires_in === 'number') {
    return {
      token: {
        value: new Secret(said.access_token),
        scope: typeof said.scope === 'string' ? said.scope : '',
        endsAt: askedAt + said.expires_in * 1000,
      },
    };
  }
  if (status === 401) {
    throw new JamfMcpError(
      'CREDENTIALS_REFUSED',
      `${domain} refuses the application ${redact(clientId)} (401${reason})`,
      'check its client id and secret in the Auth0 dashboard under Applications',
    );
  }
  // The pair is looked at first, then what it asks for: auth0.com/docs/api/authentication/client-credential-flow/get-token
  if (status === 403 && typeof said.error === 'string') return { why: `403${reason}` };
  if (status < 400 || status === 404 || status === 405) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${domain} is no Auth0 tenant: POST ${TOKEN_PATH} answers ${String(status)} without a token`,
      'check AUTH0_DOMAIN: the domain of the tenant, such as example.eu.auth0.com',
    );
  }
  throw failure(answer, `POST ${TOKEN_PATH}`);
}

/** The Management API, with the token of an application that may use it. */
export interface Auth0Management {
  /** An application. Needs one of {@link READ_SCOPES}. */
  read(clientId: string): Promise<Auth0Application>;
  /** Put a secret in the place of the one an application has; the same again is no change. Needs {@link KEYS_SCOPE}. */
  setSecret(clientId: string, secret: Secret): Promise<void>;
  /** Let Auth0 make a secret in the place of the one there is. Needs {@link KEYS_SCOPE}. */
  rotateSecret(clientId: string): Promise<Secret>;
}

/**
 * Make it; nothing is sent until it is used. Its calls throw JamfMcpError CREDENTIALS_REFUSED, ACCESS_DENIED, NOT_FOUND,
 * INPUT_INVALID, UNREACHABLE, TIMED_OUT, THROTTLED, REMOTE_FAILED, INTERRUPTED; of `rotateSecret`, all that is in doubt
 * leaves open whether it took effect.
 */
export function auth0Management(
  domain: string,
  token: Secret,
  context: Context,
  { timeoutMs }: Auth0Options = {},
): Auth0Management {
  const send = sender(AUTH0, context, { timeoutMs });

  async function request(method: 'GET' | 'PATCH' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const init = jsonRequest(method, body, token);
    const label = `${method} ${path.replace(/\?.*/, '')}`;
    const answer = await send(label, new URL(originOf(domain) + path), init, method !== 'POST');
    if (answer.status < 200 || answer.status >= 300) throw failure(answer, label);
    return jsonOf(answer.text);
  }

  const pathOf = (clientId: string) => `/api/v2/clients/${encodeURIComponent(clientId)}`;

  return {
    async read(clientId) {
      // Named fields only: the whole object has the secret in it for whoever may read keys.
      const fields = 'name,token_endpoint_auth_method,client_authentication_methods';
      const found = (await request('GET', `${pathOf(clientId)}?fields=${fields}&include_fields=true`)) as {
        name?: unknown;
        token_endpoint_auth_method?: unknown;
        client_authentication_methods?: unknown;
      } | null;
      const methods = Object.keys(found?.client_authentication_methods ?? {});
      const method = found?.token_endpoint_auth_method;
      return {
        name: typeof found?.name === 'string' ? found.name : clientId,
        authentication: methods[0] ?? (typeof method === 'string' ? method : 'client_secret_post'),
      };
    },
    async setSecret(clientId, secret) {
      await request('PATCH', pathOf(clientId), { client_secret: secret.reveal() });
    },
    async rotateSecret(clientId) {
      const path = `${pathOf(clientId)}/rotate-secret`;
      const rotated = (await request('POST', path)) as { client_secret?: unknown } | undefined;
      if (typeof rotated?.client_secret === 'string' && rotated.client_secret !== '')
        return new Secret(rotated.client_secret);
      throw new JamfMcpError(
        'REMOTE_FAILED',
        `auth0 POST ${path} answered without a client secret`,
        'repeat the command',
      );
    },
  };
}

function jsonRequest(method: string, body: unknown, token?: Secret): RequestInit {
  return {
    method,
    headers: {
      accept: 'application/json',
      ...(token ? { authorization: `Bearer ${token.reveal()}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

/** What a status other than success means; first match wins. */
const STATUSES: readonly Meaning[] = [
  { from: 400, to: 400, code: 'INPUT_INVALID', hint: 'check what the message names, in the Auth0 dashboard' },
  {
    from: 401,
    to: 401,
    code: 'CREDENTIALS_REFUSED',
    hint: 'Auth0 refused a token it had issued: check that AUTH0_DOMAIN is the tenant itself, then repeat the command',
  },
  {
    from: 403,
    to: 403,
    code: 'ACCESS_DENIED',
    hint: 'grant the scope under Applications > APIs > Auth0 Management API > Machine to Machine Applications',
  },
  { from: 404, to: 404, code: 'NOT_FOUND', hint: 'check AUTH0_CLIENT_ID against Applications in the Auth0 dashboard' },
  { from: 429, to: 429, code: 'THROTTLED', hint: 'Auth0 asks for patience: wait a minute, then repeat the command' },
  { from: 500, to: 599, code: 'REMOTE_FAILED', hint: 'Auth0 has a problem of its own: try again later' },
];

const failure = ({ status, text }: Answer, label: string): JamfMcpError =>
  statusError(AUTH0, label, { status, reason: reasonIn((jsonOf(text) ?? {}) as Record<string, unknown>) }, STATUSES);

/** Auth0's own words for a failure, with `: ` before; redacted, one line. */
function reasonIn(said: Readonly<Record<string, unknown>>): string {
  const words = [said.errorCode ?? said.error, said.message ?? said.error_description];
  const text = words.filter((word) => typeof word === 'string' && word !== '').join(': ');
  return text === '' ? '' : `: ${redact(text.replace(/\s+/g, ' '))}`;
}
