/**
 * Keeps the token of a Jamf client alive through rotations of its secret: renewed before it ends while the old one goes
 * on being used, by one renewal at a time, with whichever pair Jamf accepts.
 */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { seconds } from '../http.ts';
import type { Secret } from '../redact.ts';
import { baseUrl } from './answers.ts';

/** What a client logs in with. */
export interface JamfCredentials {
  /** `https://example.jamfcloud.com`; http is accepted on loopback only. */
  url: string;
  clientId: string;
  clientSecret: Secret;
}

/** Where a client that outlives rotations has its credentials from. */
export interface CredentialSource {
  /**
   * The pair that is in use.
   * @throws JamfMcpError as the place they are kept in does
   */
  current(): Promise<JamfCredentials>;
  /**
   * What else may be accepted, asked for when Jamf has refused the pair in use.
   * @returns the pairs, best first, those that were tried among them or not; and whether one of them is so new that it
   *   may be accepted in a moment though it is refused now
   * @throws JamfMcpError as {@link CredentialSource.current}
   */
  others(): Promise<{ pairs: readonly JamfCredentials[]; settling: boolean }>;
  /** What to do where Jamf refuses them all: one line. */
  readonly remedy: string;
}

/** A token. */
export interface Token {
  value: Secret;
  /** Ids of the client's roles, `api-role:2`. */
  scope: string;
  /** Base URL of the server that gave it. */
  url: string;
  /** Its whole life, in ms. */
  expiresInMs: number;
  /** When it was asked for, in ms since 1970: its life began no earlier. */
  askedAt: number;
}

/** A token that was obtained before. */
export interface KeptToken {
  value: Secret;
  scope: string;
  /** Ms since 1970. */
  endsAt: number;
}

/** Holds the token of one client. */
export interface TokenKeeper {
  /** The base URL of the pair in use; empty before one was read. */
  readonly url: string;
  /**
   * A token that is alive. Where it is due for renewal, that goes on meanwhile.
   * @param signal - ends the wait of this caller, not the renewal that others wait for too
   * @throws JamfMcpError CREDENTIALS_REFUSED, what {@link CredentialSource.current} and the token endpoint fail with,
   *   INTERRUPTED
   */
  live(signal: AbortSignal): Promise<Token>;
  /** The newest token, whatever became of it; null where there is none. */
  held(): Token | null;
  /** Told that Jamf refused a token although its time is not over: it is not given again. */
  refused(token: Token): void;
  /** Obtain a token now, whatever is at hand. @throws JamfMcpError as {@link TokenKeeper.live} */
  renew(): Promise<Token>;
}

/**
 * A token is renewed when this share of its life is over, and up to {@link JITTER} more, so that many servers do not
 * ask at the same moment. Admins set lifetimes from a minute to hours (facts/serve.md §5): what is left is for trying
 * again while Jamf, or a rotation, is in between.
 */
const RENEW_AT = 0.65;
const JITTER = 0.1;

/** A token is not sent any more when less than this is left of it: a share of its life, this many ms at most. */
const SPARE = 0.05;
const MOST_SPARE_MS = 2_000;

/** Pauses between attempts to renew, in ms: doubling from the first; never more than a quarter of what the token has left. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** How long a call without a live token waits for a pair that is being replaced, in ms: MCP clients wait 60 s. */
const PATIENCE_MS = 30_000;
const LONGEST_PATIENT_PAUSE_MS = 4_000;

/** The credentials are read again after this time, though nothing was refused; the same as AWS's caching clients, in ms. */
const REREAD_MS = 3_600_000;
/** And not sooner than this after the last time, though a token was refused, in ms. */
const REREAD_PAUSE_MS = 10_000;

/** A refusal is given again for this time without asking Jamf, in ms: bad logins are not to be hammered. */
const REFUSAL_MS = 1_000;

/** What passes by itself. */
const PASSING: readonly JamfMcpError['code'][] = ['UNREACHABLE', 'TIMED_OUT', 'THROTTLED', 'REMOTE_FAILED'];

const hasCode = (error: unknown, ...codes: readonly JamfMcpError['code'][]): error is JamfMcpError =>
  error instanceof JamfMcpError && codes.includes(error.code);

/** Credentials that nothing replaces while the program runs: a refusal is an answer. */
export function fixedCredentials(pair: JamfCredentials, remedy: string): CredentialSource {
  return {
    current: () => Promise.resolve(pair),
    others: () => Promise.resolve({ pairs: [], settling: false }),
    remedy,
  };
}

/** Whether two pairs are the same. */
const samePair = (a: JamfCredentials, b: JamfCredentials): boolean =>
  a.url === b.url && a.clientId === b.clientId && a.clientSecret.reveal() === b.clientSecret.reveal();

/**
 * Keep a token; nothing is sent until one is asked for.
 * @param source - one pair, or where pairs come from that may be rotated meanwhile
 * @param ask - obtains a token with a pair; CREDENTIALS_REFUSED where Jamf does not accept it
 * @param context - its signal ends renewals
 * @param kept - a token to use until it ends, of the server of a single pair
 */
export function tokenKeeper(
  source: JamfCredentials | CredentialSource,
  ask: (pair: JamfCredentials) => Promise<Token>,
  context: Context,
  kept: KeptToken | null = null,
): TokenKeeper {
  const { clock, host } = context;
  const lasting = 'current' in source ? source : null;
  /** The pair to log in with, and the last one that Jamf accepted; not the same where a new one is not accepted yet. */
  let preferred = 'current' in source ? null : source;
  let accepted: JamfCredentials | null = null;
  let readAt = -Infinity;
  let rereadAfter = Infinity;

  let token: Token | null = null;
  /** When the token at hand is to be renewed, when it is sent for the last time, and when it ends. */
  let renewAt = 0;
  let lastUse = 0;
  let endsAt = 0;
  let failures = 0;
  let settling = false;
  let refusal: { error: JamfMcpError; until: number } | null = null;

  const renew = single(renewal);
  const renewPatiently = single(patience);
  const reread = single(look);
  const trouble = teller(lasting ? 'warning' : 'debug', host);
  const absence = teller('warning', host);

  if (kept && preferred) {
    const { value, scope } = kept;
    token = { value, scope, url: baseUrl(preferred.url), expiresInMs: 0, askedAt: clock.now() };
    renewAt = lastUse = endsAt = kept.endsAt;
  }

  async function renewal(): Promise<Token> {
    try {
      const fresh = await obtain();
      const { askedAt, expiresInMs } = fresh;
      token = fresh;
      failures = 0;
      refusal = null;
      endsAt = askedAt + expiresInMs;
      lastUse = endsAt - Math.min(expiresInMs * SPARE, MOST_SPARE_MS);
      renewAt = askedAt + expiresInMs * (RENEW_AT + JITTER * Math.random());
      trouble.over('Jamf gives tokens again');
      if (lasting && clock.now() >= Math.min(readAt + REREAD_MS, rereadAfter)) void reread();
      return fresh;
    } catch (error) {
      if (!settling && hasCode(error, 'CREDENTIALS_REFUSED')) refusal = { error, until: clock.now() + REFUSAL_MS };
      throw error;
    }
  }

  /** A token with the pair in use, or with any other that is accepted. */
  async function obtain(): Promise<Token> {
    settling = false;
    const pair = (preferred ??= await current());
    try {
      return await login(pair);
    } catch (error) {
      if (!lasting || !hasCode(error, 'CREDENTIALS_REFUSED')) throw error;
      return await another(lasting, pair, error);
    }
  }

  async function login(pair: JamfCredentials): Promise<Token> {
    const fresh = await ask(pair);
    accepted = pair;
    return fresh;
  }

  async function another(from: CredentialSource, refused: JamfCredentials, why: JamfMcpError): Promise<Token> {
    const tried = [refused];
    const attempt = async (pair: JamfCredentials): Promise<Token | null> => {
      if (tried.some((one) => samePair(one, pair))) return null;
      tried.push(pair);
      try {
        return await login(pair);
      } catch (error) {
        if (!hasCode(error, 'CREDENTIALS_REFUSED')) throw error;
        return null;
      }
    };
    // One that was read anew and is not accepted yet has not made the one before it useless: it is tried again later.
    const before = accepted && (await attempt(accepted));
    if (before) return before;
    let pairs: readonly JamfCredentials[];
    try {
      ({ pairs, settling } = await from.others());
      readAt = clock.now();
      rereadAfter = Infinity;
    } catch (error) {
      if (isInterruption(error)) throw error;
      settling = hasCode(error, ...PASSING);
      const text = `${why.message}; whether it was rotated cannot be told: ${messageOf(error)}`;
      throw new JamfMcpError(why.code, text, error instanceof JamfMcpError ? error.hint : from.remedy, {
        cause: error,
      });
    }
    for (const pair of pairs) {
      const fresh = await attempt(pair);
      if (!fresh) continue;
      host.notify({ kind: 'debug', text: 'jamf: the pair in use was refused, going on with another that is stored' });
      preferred = pair;
      return fresh;
    }
    throw new JamfMcpError(why.code, why.message, from.remedy, { cause: why });
  }

  async function current(): Promise<JamfCredentials> {
    if (!lasting) throw new JamfMcpError('BUG', 'a fixed pair was lost');
    const pair = await lasting.current();
    readAt = clock.now();
    rereadAfter = Infinity;
    return pair;
  }

  /** Read the credentials again beside the work: no call waits for it, and none fails with it. */
  async function look(): Promise<void> {
    try {
      const pair = await current();
      absence.over('the Jamf credentials can be read again');
      if (preferred && samePair(pair, preferred)) return;
      preferred = pair;
      renewAt = 0;
    } catch (error) {
      // Not again before the next renewal.
      if (!isInterruption(error)) {
        absence.tell(`the Jamf credentials cannot be read again (${messageOf(error)}); going on with those at hand`);
      }
    }
  }

  async function patience(): Promise<Token> {
    let waited = 0;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PATIENT_PAUSE_MS)) {
      try {
        return await renew();
      } catch (error) {
        const wait = pause * (0.5 + Math.random() / 2);
        if (!settling || waited + wait > PATIENCE_MS) throw error;
        waited += wait;
        host.notify({ kind: 'progress', text: `${messageOf(error)}; it is being rotated: trying again` });
        await clock.sleep(wait, context.signal);
      }
    }
  }

  async function renewBeside(): Promise<void> {
    try {
      await renew();
    } catch (error) {
      if (isInterruption(error)) return;
      const left = Math.max(endsAt - clock.now(), 0);
      failures += 1;
      renewAt = clock.now() + Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS, left / 4);
      trouble.tell(`no new token from Jamf (${messageOf(error)}); the one at hand lives for another ${seconds(left)}`);
    }
  }

  return {
    get url() {
      return preferred ? baseUrl(preferred.url) : '';
    },
    async live(signal) {
      const now = clock.now();
      if (token && now < lastUse) {
        if (now >= renewAt && !renew.running()) void renewBeside();
        return token;
      }
      // Not where the clock was put back since.
      if (refusal && now < refusal.until && now >= refusal.until - REFUSAL_MS) throw refusal.error;
      return await unless(signal, renewPatiently());
    },
    held: () => token,
    refused(one) {
      if (token === one) token = null;
      rereadAfter = Math.min(rereadAfter, readAt + REREAD_PAUSE_MS);
    },
    renew,
  };
}

/** Let all who ask while it runs share one run of a function. */
function single<T>(work: () => Promise<T>): { (): Promise<T>; running(): boolean } {
  let flight: Promise<T> | null = null;
  const run = () =>
    (flight ??= work().finally(() => {
      flight = null;
    }));
  return Object.assign(run, { running: () => flight !== null });
}

/** Tells that something is amiss once, and once that it is over. */
function teller(
  kind: 'warning' | 'debug',
  host: Context['host'],
): { tell(text: string): void; over(text: string): void } {
  let told = false;
  return {
    tell(text) {
      if (!told) host.notify({ kind, text });
      told = true;
    },
    over(text) {
      if (told) host.notify({ kind: kind === 'warning' ? 'progress' : kind, text });
      told = false;
    },
  };
}

/** Wait for work of others no longer than the signal allows; the work goes on. */
async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const gone = Promise.withResolvers<never>();
  const leave = () => {
    gone.reject(new JamfMcpError('INTERRUPTED', 'interrupted while waiting for a token of Jamf', null));
  };
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([work, gone.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
