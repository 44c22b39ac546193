/**
 * HTTP to a JSON service as every client here speaks it: timed, a few requests at a time, repeated where that helps,
 * cancellable, told to the host without bodies, and its failures in words that a person can act on.
 */
import { isInterruption, JamfMcpError, messageOf, type ErrorCode } from './errors.ts';
import type { Context } from './host.ts';
import { limiter, type Turn } from './limiter.ts';
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
 * @param init - what to send; a function is called when its turn has come, for each attempt
 * @param turn - how it waits for its turn; its signal, where there is one, ends the request in the place of the context's
 * @returns the answer, whatever its status
 * @throws JamfMcpError UNREACHABLE, TIMED_OUT, INTERRUPTED
 */
export type Send = (
  label: string,
  url: URL,
  init: RequestInit | (() => RequestInit),
  repeatable: boolean,
  turn?: Turn,
) => Promise<Answer>;

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

  async function exchange(
    label: string,
    url: URL,
    init: RequestInit,
    { signal, limitMs }: { signal: AbortSignal; limitMs: number },
  ): Promise<Answer> {
    const started = context.clock.now();
    const tell = (outcome: string) => {
      const took = String(context.clock.now() - started);
      context.host.notify({ kind: 'debug', text: `${service.name} ${label}: ${outcome}, ${took} ms` });
    };
    const limit = limited(signal, limitMs);
    try {
      const response = await fetch(url, { ...init, redirect: 'manual', signal: limit.signal });
      const text = await response.text();
      tell(String(response.status));
      return { status: response.status, headers: response.headers, text };
    } catch (error) {
      const failure = networkError(error, { service, label, url, timeoutMs: limitMs });
      tell(`failed with ${failure.code}`);
      throw failure;
    } finally {
      limit.over();
    }
  }

  return async (label, url, init, repeatable, turn = {}) => {
    const signal = turn.signal ?? context.signal;
    const interrupted = (when: string, cause: unknown) =>
      new JamfMcpError('INTERRUPTED', `interrupted before ${service.name} ${label} was ${when}`, null, { cause });
    let silence = 0;
    for (let attempt = 1; ; attempt += 1) {
      let answer: Answer | null = null;
      let begun = context.clock.now();
      try {
        const asked = silence;
        answer = await slot(
          () => {
            begun = context.clock.now();
            const limitMs = Math.min(timeoutMs, Math.ceil(SILENCE_MS - asked));
            return exchange(label, url, typeof init === 'function' ? init() : init, { signal, limitMs });
          },
          { ...turn, signal },
        );
        if (answer.status !== 429 && answer.status !== 503) return answer;
      } catch (error) {
        if (isInterruption(error) && !(error instanceof JamfMcpError)) throw interrupted('sent', error);
        silence += context.clock.now() - begun;
        const left = SILENCE_MS - silence - FIRST_PAUSE_MS * 2 ** (attempt - 1);
        if (!repeatable || !isPassing(error)) throw error;
        if (attempt === ATTEMPTS || left <= 0) throw inAll(error, attempt, silence);
        context.host.notify({ kind: 'progress', text: `${error.message}; asking again` });
      }
      const pause = pauseMs(attempt, answer?.headers ?? null, context.clock.now());
      if (!answer) silence += pause;
      if (answer && (!repeatable || attempt === ATTEMPTS || pause > LONGEST_PAUSE_MS)) return answer;
      await context.clock.sleep(pause, signal).catch((cause: unknown) => {
        throw interrupted('repeated', cause);
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

/** What a range of statuses means, and what to do about it. */
export interface Meaning {
  from: number;
  to: number;
  code: ErrorCode;
  hint: string;
}

/**
 * Say what an answer other than success means.
 * @param label - method and path
 * @param reason - the service's own words, redacted, with `: ` before; empty where it gives none
 * @param meanings - first match wins; REMOTE_FAILED where none does
 */
export function statusError(
  { name }: Service,
  label: string,
  { status, reason }: { status: number; reason: string },
  meanings: readonly Meaning[],
): JamfMcpError {
  const known = meanings.find(({ from, to }) => status >= from && status <= to);
  const text = `${name} ${label} answered ${String(status)}${reason}`;
  return new JamfMcpError(known?.code ?? 'REMOTE_FAILED', text, known?.hint ?? null);
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

/** A signal that aborts with another one, or when the time is over; `over` takes timer and listener away again. */
function limited(signal: AbortSignal, ms: number): { signal: AbortSignal; over(): void } {
  const own = new AbortController();
  const stop = () => {
    own.abort(signal.reason);
  };
  const timer = setTimeout(() => {
    own.abort(new DOMException('the time is over', 'TimeoutError'));
  }, ms);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    signal: own.signal,
    over() {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    },
  };
}
