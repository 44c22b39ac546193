/**
 * The Jamf Pro client: client credentials in, JSON out. It keeps one token, refreshes it before it ends, and says in
 * words a person can act on why Jamf did not answer as hoped.
 */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import type { Secret } from '../redact.ts';
import { baseUrl, decode, isTlsError, networkError, seconds, TOKEN_PATH, tokenFrom, type Answer } from './answers.ts';

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
   * @returns its lifetime in ms and the scope text, such as `api-role:2`
   * @throws JamfMcpError as {@link JamfClient.request}
   */
  authenticate(): Promise<{ expiresInMs: number; scope: string }>;
}

/** Jamf asks for no more than 5 connections at a time (developer.jamf.com, scalability best practices). */
const MOST_AT_A_TIME = 5;

/** One request and its answer, in ms. */
const REQUEST_TIMEOUT_MS = 15_000;

/** A token is renewed when this share of its life is over: admins set lifetimes from a minute to hours. */
const REFRESH_AT = 0.75;

/** A server that does not answer is asked no longer than this altogether, in ms. */
const SILENCE_MS = 30_000;

/** Times a repeatable request is tried, and the first pause between, in ms; it doubles. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 500;

/** A server that asks for a longer pause than this has given us our answer. */
const LONGEST_PAUSE_MS = 60_000;

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
 * @param options - `timeoutMs` of one request, 15 s unless given
 */
export function jamfClient(
  credentials: JamfCredentials | (() => Promise<JamfCredentials>),
  context: Context,
  options: { timeoutMs?: number } = {},
): JamfClient {
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  const read = typeof credentials === 'function' ? credentials : () => Promise.resolve(credentials);
  const slot = limiter(MOST_AT_A_TIME);
  let known = typeof credentials === 'function' ? null : credentials;
  let token: Token | null = null;
  let refreshing: Promise<Token> | null = null;

  async function exchange(label: string, url: URL, init: RequestInit, limitMs: number): Promise<Answer> {
    const started = context.clock.now();
    const tell = (outcome: string) => {
      context.host.notify({
        kind: 'debug',
        text: `jamf ${label}: ${outcome}, ${String(context.clock.now() - started)} ms`,
      });
    };
    try {
      const signal = AbortSignal.any([context.signal, AbortSignal.timeout(limitMs)]);
      const response = await fetch(url, { ...init, redirect: 'manual', signal });
      const text = await response.text();
      tell(String(response.status));
      return { status: response.status, headers: response.headers, text };
    } catch (error) {
      const failure = networkError(error, label, url, limitMs);
      tell(`failed with ${failure.code}`);
      throw failure;
    }
  }

  async function exchangePatiently(label: string, url: URL, init: RequestInit, repeatable: boolean): Promise<Answer> {
    let silence = 0;
    for (let attempt = 1; ; attempt += 1) {
      let answer: Answer | null = null;
      let begun = context.clock.now();
      try {
        answer = await slot(() => {
          begun = context.clock.now();
          return exchange(label, url, init, Math.min(timeoutMs, Math.ceil(SILENCE_MS - silence)));
        });
        if (answer.status !== 429 && answer.status !== 503) return answer;
      } catch (error) {
        silence += context.clock.now() - begun;
        const left = SILENCE_MS - silence - FIRST_PAUSE_MS * 2 ** (attempt - 1);
        if (!repeatable || !isPassing(error)) throw error;
        if (attempt === ATTEMPTS || left <= 0) throw inAll(error, attempt, silence);
        context.host.notify({ kind: 'progress', text: `${error.message}; asking again` });
      }
      const pause = pauseMs(attempt, answer?.headers.get('retry-after') ?? null, context.clock.now());
      if (!answer) silence += pause;
      if (answer && (!repeatable || attempt === ATTEMPTS || pause > LONGEST_PAUSE_MS)) return answer;
      await interruptible(label, context.clock.sleep(pause, context.signal));
    }
  }

  async function requestToken(pair: JamfCredentials): Promise<Token> {
    const url = new URL(baseUrl(pair.url) + TOKEN_PATH);
    const askedAt = context.clock.now();
    // A lost answer to a token request costs a token nobody uses, so unlike other POSTs it may be repeated.
    const answer = await exchangePatiently(
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
      const answer = await exchangePatiently(label, url, init, method === 'GET');
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
      const { expiresInMs, scope } = await refresh();
      return { expiresInMs, scope };
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

const isPassing = (error: unknown): error is JamfMcpError =>
  error instanceof JamfMcpError && ((error.code === 'UNREACHABLE' && !isTlsError(error)) || error.code === 'TIMED_OUT');

/** The error of the last attempt, with what came before it. */
function inAll({ code, message, hint, cause }: JamfMcpError, attempts: number, ms: number): JamfMcpError {
  const text = attempts === 1 ? message : `${message}; asked ${String(attempts)} times, ${seconds(ms)} in all`;
  return new JamfMcpError(code, text, hint, { cause });
}

const isRefusal = (error: unknown) => error instanceof JamfMcpError && error.code === 'CREDENTIALS_REFUSED';

const samePair = (a: JamfCredentials, b: JamfCredentials) =>
  a.url === b.url && a.clientId === b.clientId && a.clientSecret.reveal() === b.clientSecret.reveal();

/** The pause before the next attempt: Retry-After (seconds or a date) where given, else doubling with full jitter above a half. */
function pauseMs(attempt: number, retryAfter: string | null, now: number): number {
  const backoff = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
  if (retryAfter === null) return backoff;
  const asked = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now;
  return Number.isNaN(asked) ? backoff : Math.max(asked, backoff);
}

async function interruptible(label: string, wait: Promise<void>): Promise<void> {
  try {
    await wait;
  } catch (error) {
    throw new JamfMcpError('INTERRUPTED', `interrupted before jamf ${label} was repeated`, null, { cause: error });
  }
}

function withQuery(url: URL, query: Record<string, string | number | readonly string[]>): URL {
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === 'object' ? value : [String(value)]) url.searchParams.append(name, one);
  }
  return url;
}

/** Run at most `most` tasks at a time; the others wait their turn. */
function limiter(most: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
