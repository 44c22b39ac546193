/**
 * The Jamf Pro client: client credentials in, JSON out. It keeps one token alive (token.ts), and says in words a person
 * can act on why Jamf did not answer as hoped.
 */
import type { Context } from '../host.ts';
import { sender } from '../http.ts';
import type { Secret } from '../redact.ts';
import { baseUrl, decode, JAMF, TOKEN_PATH, tokenFrom } from './answers.ts';
import { tokenKeeper, type CredentialSource, type JamfCredentials, type KeptToken, type Token } from './token.ts';

export { fixedCredentials, type CredentialSource, type JamfCredentials } from './token.ts';

/** HTTP methods of the Jamf Pro API. */
export type JamfMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** What a request may carry. */
export interface JamfRequestOptions {
  /** Query parameters; an array is repeated, `a=1&a=2`. */
  query?: Record<string, string | number | readonly string[]>;
  /** Sent as JSON. */
  body?: unknown;
  /** Ends this request in the place of the context's signal; other requests, and the renewal of the token, go on. */
  signal?: AbortSignal;
}

/** A client of one Jamf Pro server. */
export interface JamfClient {
  /** The server's base URL without a trailing slash; empty before a {@link CredentialSource} was read. */
  readonly url: string;
  /**
   * A JSON request with a cached token. A 401 brings one new token and one repetition; at most 5 requests run at a
   * time; a GET is repeated on 429, 503 and network errors, on the latter for half a minute at most. Where the pair is
   * being replaced just now and no token is at hand, it waits for the new pair, for half a minute at most as well.
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
  token?: KeptToken;
}

/**
 * Make a client; nothing is sent until it is used.
 * @param credentials - the pair, or where pairs come from that may be rotated while the client lives
 * @param context - host, clock and signal of every request
 */
export function jamfClient(
  credentials: JamfCredentials | CredentialSource,
  context: Context,
  options: JamfClientOptions = {},
): JamfClient {
  const send = sender(JAMF, context, { timeoutMs: options.timeoutMs });
  const tokens = tokenKeeper(credentials, requestToken, context, options.token);

  async function requestToken(pair: JamfCredentials): Promise<Token> {
    const url = baseUrl(pair.url);
    const init = {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: pair.clientId,
        client_secret: pair.clientSecret.reveal(),
      }),
    };
    let askedAt = 0;
    const now = () => {
      askedAt = context.clock.now();
      return init;
    };
    // A lost answer to a token request costs a token nobody uses, so unlike other POSTs it may be repeated. It goes
    // ahead of the requests that wait for their turn, because they cannot do without it.
    const answer = await send(`POST ${TOKEN_PATH}`, new URL(url + TOKEN_PATH), now, true, { first: true });
    const { value, scope, lifetimeMs } = tokenFrom(answer, pair);
    return { value, scope, url, expiresInMs: lifetimeMs, askedAt };
  }

  async function request<T>(
    method: JamfMethod,
    path: string,
    { query = {}, body, signal = context.signal }: JamfRequestOptions = {},
  ): Promise<T> {
    for (let round = 1; ; round += 1) {
      let token = await tokens.live(signal);
      const init = (): RequestInit => {
        // The turn may have been long in coming: meanwhile there may be a newer one.
        const newest = tokens.held();
        if (newest?.url === token.url) token = newest;
        return {
          method,
          headers: {
            accept: 'application/json',
            authorization: `Bearer ${token.value.reveal()}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        };
      };
      const url = withQuery(new URL(token.url + path), query);
      const answer = await send(`${method} ${path}`, url, init, method === 'GET', { signal });
      if (answer.status === 401 && round === 1) {
        tokens.refused(token);
        continue;
      }
      return decode(answer, method, path) as T;
    }
  }

  return {
    get url() {
      return tokens.url;
    },
    request,
    async authenticate() {
      const { expiresInMs, scope, value } = await tokens.renew();
      return { expiresInMs, scope, token: value };
    },
  };
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

function withQuery(url: URL, query: Record<string, string | number | readonly string[]>): URL {
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'object' ? value : [String(value)]) url.searchParams.append(name, one);
  }
  return url;
}
