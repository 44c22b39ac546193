/**
 * The Jamf Pro client: client credentials in, JSON out. It keeps one token, refreshes it before it ends, and says in
 * words a person can act on why Jamf did not answer as hoped.
 */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { sender } from '../http.ts';
import type { Secret } from '../redact.ts';
import { baseUrl, decode, JAMF, TOKEN_PATH, tokenFrom } from './answers.ts';

/** What a client logs in with. */
export interface JamfCredentials {
  /** `https://example.jamfcloud.com`; http is accepted on loopback only. */
  url: string;
  clientId: string;
  clientSecret: Secret;
}

/** HTTP methods of the Jamf Pro API. */
export type JamfMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** What a request may carry. */
export interface JamfRequestOptions {
  /** Query parameters; an array is repeated, `a=1&a=2`. */
  query?: Record<string, string | number | readonly string[]>;
  /** Sent as JSON. */
  body?: unknown;
}

/** A client of one Jamf Pro server. */
export interface JamfClient {
  /** The server's base URL without a trailing slash; empty until credentials that come from a function were read. */
  readonly url: string;
  /**
   * A JSON request with a cached token. A 401 brings one new token and one repetition; at most 5 requests run at a
   * time; a GET is repeated on 429, 503 and network errors, on the latter for half a minute at most.
   * @param path - below the base URL, such as `/api/v1/auth`
   * @returns the decoded answer; undefined where it has no body
   * @throws JamfMcpError CREDENTIALS_REFUSED, ACCESS_DENIED, NOT_FOUND, UNREACHABLE, TIMED_OUT, THROTTLED,
   *   REMOTE_FAILED, INPUT_INVALID (the URL is no Jamf Pro server), INTERRUPTED
   */
  request<T>(method: JamfMethod, path: string, options?: JamfRequestOptions): Promise<T>;
  /**
   * Obtain a token now, whatever is cached: the proof that the pair is accepted.
   * @returns its lifetime in ms, the scope text, such as `api-role:2`, and the token itself
   * @throws JamfMcpError as {@link JamfClient.request}
   */
  authenticate(): Promise<{ expiresInMs: number; scope: string; token: Secret }>;
}

/** How a client works. */
export interface JamfClientOptions {
  /** Of one request, in ms; 15 s unless given. */
  timeoutMs?: number | undefined;
  /** A token obtained before, used until it ends (ms since 1970): it lives on where the pair is refused by now. */
  token?: { value: Secret; scope: string; endsAt: number };
}

/** A token is renewed when this share of its life is over: admins set lifetimes from a minute to hours. */
const REFRESH_AT = 0.75;

interface Token {
  value: Secret;
  scope: string;
  expiresInMs: number;
  refreshAt: number;
  endsAt: number;
}

/**
 * Make a client; nothing is sent until it is used.
 * @param credentials - the pair, or a function that reads it; the function is called again when Jamf refuses the pair,
 *   because it may have been rotated meanwhile
 * @param context - host, clock and signal of every request
 */
export function jamfClient(
  credentials: JamfCredentials | (() => Promise<JamfCredentials>),
  context: Context,
  options: JamfClientOptions = {},
): JamfClient {
  const read = typeof credentials === 'function' ? credentials : () => Promise.resolve(credentials);
  const send = sender(JAMF, context, { timeoutMs: options.timeoutMs });
  let known = typeof credentials === 'function' ? null : credentials;
  let token: Token | null = options.token
    ? { ...options.token, expiresInMs: 0, refreshAt: options.token.endsAt }
    : null;
  let refreshing: Promise<Token> | null = null;

  async function requestToken(pair: JamfCredentials): Promise<Token> {
    const url = new URL(baseUrl(pair.url) + TOKEN_PATH);
    const askedAt = context.clock.now();
    // A lost answer to a token request costs a token nobody uses, so unlike other POSTs it may be repeated.
    const answer = await send(
      `POST ${TOKEN_PATH}`,
      url,
      {
        method: 'POST',
        headers: { accept: 'application/json' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: pair.clientId,
          client_secret: pair.clientSecret.reveal(),
        }),
      },
      true,
    );
    const { value, scope, lifetimeMs } = tokenFrom(answer, pair);
    return {
      value,
      scope,
      expiresInMs: lifetimeMs,
      refreshAt: askedAt + lifetimeMs * REFRESH_AT,
      endsAt: askedAt + lifetimeMs,
    };
  }

  async function newToken(): Promise<Token> {
    const pair = known ?? (known = await read());
    try {
      return await requestToken(pair);
    } catch (error) {
      if (typeof credentials !== 'function' || !isRefusal(error)) throw error;
      const reread = await read();
      if (samePair(reread, pair)) throw error;
      context.host.notify({
        kind: 'debug',
        text: 'jamf: the client was refused, going on with the pair that is stored now',
      });
      known = reread;
      return await requestToken(reread);
    }
  }

  function refresh(): Promise<Token> {
    refreshing ??= newToken()
      .then((fresh) => (token = fresh))
      .finally(() => {
        refreshing = null;
      });
    return refreshing;
  }

  async function liveToken(): Promise<Token> {
    const now = context.clock.now();
    if (token && now < token.refreshAt) return token;
    const old = token;
    try {
      return await refresh();
    } catch (error) {
      if (!old || now >= old.endsAt || isInterruption(error)) throw error;
      context.host.notify({
        kind: 'debug',
        text: `jamf: no new token (${messageOf(error)}), the one at hand still lives`,
      });
      return old;
    }
  }

  async function request<T>(
    method: JamfMethod,
    path: string,
    { query = {}, body }: JamfRequestOptions = {},
  ): Promise<T> {
    const label = `${method} ${path}`;
    for (let round = 1; ; round += 1) {
      const used = await liveToken();
      const url = withQuery(new URL(client.url + path), query);
      const init: RequestInit = {
        method,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${used.value.reveal()}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      };
      const answer = await send(label, url, init, method === 'GET');
      if (answer.status === 401 && round === 1) {
        if (token === used) token = null;
        continue;
      }
      return decode(answer, method, path) as T;
    }
  }

  const client: JamfClient = {
    get url() {
      return known ? baseUrl(known.url) : '';
    },
    request,
    async authenticate() {
      const { expiresInMs, scope, value } = await refresh();
      return { expiresInMs, scope, token: value };
    },
  };
  return client;
}

/** What `GET /v1/auth` says of the caller. */
export interface JamfIdentity {
  /** The account's name, where Jamf gives one. */
  account: string | null;
  /** Every privilege held on any site, sorted, each once. */
  privileges: readonly string[];
}

interface AuthorizationAnswer {
  account?: {
    username?: string;
    privileges?: readonly string[];
    privilegesBySite?: Record<string, readonly string[]>;
  } | null;
}

/**
 * Ask Jamf who the client is and what it may do.
 * @throws JamfMcpError as {@link JamfClient.request}
 */
export async function whoAmI(client: JamfClient): Promise<JamfIdentity> {
  const { account } = await client.request<AuthorizationAnswer>('GET', '/api/v1/auth');
  const held = [...(account?.privileges ?? []), ...Object.values(account?.privilegesBySite ?? {}).flat()];
  return { account: account?.username ?? null, privileges: [...new Set(held)].sort() };
}

const isRefusal = (error: unknown) => error instanceof JamfMcpError && error.code === 'CREDENTIALS_REFUSED';

const samePair = (a: JamfCredentials, b: JamfCredentials) =>
  a.url === b.url && a.clientId === b.clientId && a.clientSecret.reveal() === b.clientSecret.reveal();

function withQuery(url: URL, query: Record<string, string | number | readonly string[]>): URL {
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'object' ? value : [String(value)]) url.searchParams.append(name, one);
  }
  return url;
}
