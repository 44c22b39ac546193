/** Doing something again while it fails in a way that may pass. */
import { isInterruption, JamfMcpError } from '../errors.ts';
import type { Clock, Host } from '../host.ts';
import type { Fields } from '../secrets/store.ts';
import type { Issuer } from './issuer.ts';

/** How {@link again} repeats. */
export interface Patience {
  context: { clock: Clock; signal: AbortSignal; host: Host };
  /** Time from the first attempt to the last, in ms. */
  withinMs: number;
  /** In ms; doubles, with jitter. */
  firstPauseMs: number;
  /** Whether an error may pass. */
  when: (error: unknown) => boolean;
  /** What is being waited for. */
  waiting: string;
}

/**
 * Do something, and do it again while it fails in a way that may pass.
 * @throws the last error
 */
export async function again<T>(
  work: () => Promise<T>,
  { context, withinMs, firstPauseMs, when, waiting }: Patience,
): Promise<T> {
  const until = context.clock.now() + withinMs;
  for (let pause = firstPauseMs; ; pause *= 2) {
    try {
      return await work();
    } catch (error) {
      const ms = pause * (0.75 + Math.random() / 4);
      if (isInterruption(error) || !when(error) || context.clock.now() + ms > until) throw error;
      context.host.notify({ kind: 'progress', text: waiting });
      await context.clock.sleep(ms, context.signal);
    }
  }
}

/** How long a value that was just made may still be refused, and the first pause, in ms; Jamf Cloud has many nodes. */
export const KNOWN_WITHIN_MS = 30_000;
const FIRST_PAUSE_MS = 1_000;

/**
 * Test a value, again and again while it is refused, for half a minute.
 * @returns what the issuer found, one line
 * @throws JamfMcpError as {@link Issuer.test}
 */
export function testPatiently(issuer: Issuer, fields: Fields, context: Patience['context']): Promise<string> {
  return again(() => issuer.test(fields), {
    context,
    withinMs: KNOWN_WITHIN_MS,
    firstPauseMs: FIRST_PAUSE_MS,
    when: isRefused,
    waiting: `${issuer.title} does not accept the new value yet: it may take half a minute to be known everywhere`,
  });
}

/**
 * Ask whether a value is accepted until the answer is the one that is hoped for, for half a minute at most.
 * @returns the last answer; null where nobody can be asked
 */
export async function acceptsPatiently(
  issuer: Issuer,
  fields: Fields,
  hoped: boolean,
  context: Patience['context'],
): Promise<boolean | null> {
  if (!issuer.accepts) return null;
  const told = hoped
    ? `${issuer.title} does not accept the value yet`
    : `${issuer.title} still accepts the value before`;
  try {
    return await again(
      async () => {
        const answer = await issuer.accepts?.(fields);
        if (answer !== hoped) throw new Unhoped();
        return hoped;
      },
      {
        context,
        withinMs: KNOWN_WITHIN_MS,
        firstPauseMs: FIRST_PAUSE_MS,
        when: (error) => error instanceof Unhoped,
        waiting: `${told}: it may take half a minute to be known everywhere`,
      },
    );
  } catch (error) {
    if (error instanceof Unhoped) return !hoped;
    throw error;
  }
}

/** The other answer than the one that is waited for. */
class Unhoped extends Error {}

/** Whether an issuer refused a credential. */
export const isRefused = (error: unknown) => error instanceof JamfMcpError && error.code === 'CREDENTIALS_REFUSED';
