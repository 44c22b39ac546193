/**
 * HTTP to a JSON service as every client here speaks it: timed, a few requests at a time, repeated where that helps,
 * cancellable, told to the host without bodies, and its failures in words that a person can act on.
 */
import { isInterruption, JamfMcpError, messageOf } from './errors.ts';
import type { Context } from './host.ts';
import { redact } from './redact.ts';

/** An answer, its body read to the end. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** Whom requests go to. */
export interface Service {
  /** As it stands before each request that is told: `jamf`. */
  name: string;
  /** What says where it is, for hints: `JAMF_URL`. */
  setting: string;
}

/** How requests are sent. */
export interface SendOptions {
  /** One request and its answer, in ms; 15 s unless given. */
  timeoutMs?: number | undefined;
  /** Requests on the way at a time; 5 unless given. */
  most?: number;
}

/**
 * Send one request.
 * @param label - method and path, for messages: `GET /api/v1/auth`
 * @param repeatable - whether doing it twice does no harm: then it is repeated on 429, 503 and network errors, on the
 *   latter for half a minute at most
 * @returns the answer, whatever its status
 * @throws JamfMcpError UNREACHABLE, TIMED_OUT, INTERRUPTED
 */
export type Send = (label: string, url: URL, init: RequestInit, repeatable: boolean) => Promise<Answer>;

/** One request and its answer, in ms. */
const REQUEST_TIMEOUT_MS = 15_000;

/** Jamf asks for no more than 5 connections at a time (developer.jamf.com, scalability best practices). */
const MOST_AT_A_TIME = 5;

/** A server that does not answer is asked no longer than this altogether, in ms. */
const SILENCE_MS = 30_000;

/** Times a repeatable request is tried, and the first pause between, in ms; it doubles. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 500;

/** A server that asks for a longer pause than this has given us our answer. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Make the function that sends; nothing is sent until it is used.
 * @param context - host, clock and signal of every request
 */
export function sender(service: Service, context: Context, options: SendOptions = {}): Send {
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  const slot = limiter(options.most ?? MOST_AT_A_TIME);

  async function exchange(label: string, url: URL, init: RequestInit, limitMs: number): Promise<Answer> {
    const started = context.clock.now();
    const tell = (outcome: string) => {
      const took = String(context.clock.now() - started);
      context.host.notify({ kind: 'debug', text: `${service.name} ${label}: ${outcome}, ${took} ms` });
    };
    try {
      const signal = AbortSignal.any([context.signal, AbortSignal.timeout(limitMs)]);
      const response = await fetch(url, { ...init, redirect: 'manual', signal });
      const text = await response.text();
      tell(String(response.status));
      return { status: response.status, headers: response.headers, text };
    } catch (error) {
      const failure = networkError(error, { service, label, url, timeoutMs: limitMs });
      tell(`failed with ${failure.code}`);
      throw failure;
    }
  }

  return async (label, url, init, repeatable) => {
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
      const pause = pauseMs(attempt, answer?.headers ?? null, context.clock.now());
      if (!answer) silence += pause;
      if (answer && (!repeatable || attempt === ATTEMPTS || pause > LONGEST_PAUSE_MS)) return answer;
      await context.clock.sleep(pause, context.signal).catch((cause: unknown) => {
        throw new JamfMcpError('INTERRUPTED', `interrupted before ${service.name} ${label} was repeated`, null, {
          cause,
        });
      });
    }
  };
}

/** What a text says as JSON; undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const authority = (setting: string) =>
  `check ${setting}; where a proxy or an authority of your own signs, name its certificate in NODE_EXTRA_CA_CERTS=FILE`;

/** Why no TLS connection came about, by the code of Node or OpenSSL; first match wins. */
const TLS: readonly { match: RegExp; why: string; hint: (setting: string) => string }[] = [
  {
    match: /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL)$|^EPROTO$/,
    why: 'the server does not speak TLS on that port',
    hint: (setting) => `check the port in ${setting}: https is 443 unless another is given`,
  },
  { match: /^DEPTH_ZERO_SELF_SIGNED_CERT$/, why: 'its certificate is signed by itself alone', hint: authority },
  {
    match: /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT.*)|CERT_UNTRUSTED)$/,
    why: 'its certificate is of an authority that is not known here',
    hint: authority,
  },
  {
    match: /^CERT_HAS_EXPIRED$/,
    why: 'its certificate has expired',
    hint: () => 'check the clock of this machine; if that is right, the certificate has to be renewed on the server',
  },
  {
    match: /^CERT_NOT_YET_VALID$/,
    why: 'its certificate is not valid yet',
    hint: () => 'check the clock of this machine',
  },
  {
    match: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    why: 'its certificate is for another host name',
    hint: (setting) => `write ${setting} with the host name that the certificate is for`,
  },
  { match: /CERT|ERR_TLS|ERR_SSL/, why: 'no TLS connection came about', hint: authority },
];

/** The system's own error behind what fetch threw. */
function systemError(error: unknown): { code: string; cause: unknown } {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return { code: cause instanceof Error && 'code' in cause ? String(cause.code) : '', cause };
}

/**
 * Whether it is TLS that failed: that does not pass by asking again.
 * @param error - as {@link networkError} made it
 */
export function isTlsError(error: JamfMcpError): boolean {
  const { code } = systemError(error.cause);
  return TLS.some(({ match }) => match.test(code));
}

/** `30 s`, `0.02 s`: two digits say enough. */
export const seconds = (ms: number): string => `${String(Number((ms / 1000).toPrecision(2)))} s`;

/** The request that failed. */
interface Asked {
  service: Service;
  label: string;
  url: URL;
  timeoutMs: number;
}

/**
 * Say why no answer came.
 * @param error - what fetch threw
 * @returns TIMED_OUT, INTERRUPTED or UNREACHABLE, the system's own reason in it
 */
export function networkError(error: unknown, { service, label, url, timeoutMs }: Asked): JamfMcpError {
  const what = `${service.name} ${label}`;
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new JamfMcpError(
      'TIMED_OUT',
      `${what}: no answer from ${url.host} within ${seconds(timeoutMs)}`,
      `check the network, a proxy or VPN, and ${service.setting}, then repeat the command`,
      { cause: error },
    );
  }
  if (isInterruption(error))
    return new JamfMcpError('INTERRUPTED', `interrupted during ${what}`, null, { cause: error });
  const { code, cause } = systemError(error);
  const tls = TLS.find(({ match }) => match.test(code));
  if (tls) {
    const text = `${what}: cannot reach ${url.host}: ${tls.why} (${code})`;
    return new JamfMcpError('UNREACHABLE', text, tls.hint(service.setting), { cause: error });
  }
  const hint = `check ${service.setting}, the network, and a proxy or VPN`;
  const text = redact([code, messageOf(cause)].filter((part) => part !== '').join(': '));
  return new JamfMcpError('UNREACHABLE', `${what}: cannot reach ${url.host} (${text})`, hint, { cause: error });
}

const isPassing = (error: unknown): error is JamfMcpError =>
  error instanceof JamfMcpError && ((error.code === 'UNREACHABLE' && !isTlsError(error)) || error.code === 'TIMED_OUT');

/** The error of the last attempt, with what came before it. */
function inAll({ code, message, hint, cause }: JamfMcpError, attempts: number, ms: number): JamfMcpError {
  const text = attempts === 1 ? message : `${message}; asked ${String(attempts)} times, ${seconds(ms)} in all`;
  return new JamfMcpError(code, text, hint, { cause });
}

/**
 * The pause before the next attempt: what the server asks for, else doubling with full jitter above a half. Servers ask
 * with Retry-After (seconds or a date), or as Auth0 with the second at which there is room again
 * (auth0.com/docs/troubleshoot/customer-support/operational-policies/rate-limit-policy).
 */
function pauseMs(attempt: number, headers: Headers | null, now: number): number {
  const backoff = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
  const after = headers?.get('retry-after') ?? null;
  const reset = headers?.get('x-ratelimit-reset') ?? null;
  const asked =
    after === null
      ? Number(reset ?? NaN) * 1000 - now
      : /^\d+$/.test(after.trim())
        ? Number(after) * 1000
        : Date.parse(after) - now;
  return Number.isNaN(asked) ? backoff : Math.max(asked, backoff);
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
