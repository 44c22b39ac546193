/**
 * What a run keeps in its claim, so that the run after a crash can go on: which strategy it had, what the credential in
 * use could do, and where the new value kills the old one, a bearer token that outlives it. Whoever reads the token
 * there can read the secret itself as well.
 */
import { Secret } from '../../redact.ts';
import type { Fields } from '../../secrets/store.ts';
import type { Strategy } from '../issuer.ts';

/** A token, and what it said of its holder. */
export interface KeptToken {
  value: Secret;
  scope: string;
  /** Milliseconds since 1970. */
  endsAt: number;
}

/** What is kept. */
export interface Kept {
  strategy: Strategy;
  /** What the token of the credential in use said of its holder; null where it was refused. */
  scope: string | null;
  /** Absent where the old credential, or a rotator, can be asked again. */
  token: KeptToken | null;
}

/** A token has to live for this long to be worth a try, in ms: a request and its answer. */
const LEAST_LIFE_MS = 5_000;

const NAME = 'session';

/** As one field: its parts are words that must not be taken for secrets each by itself. */
export function keep({ strategy, scope, token }: Kept): Fields {
  const session = token && { value: token.value.reveal(), scope: token.scope, endsAt: token.endsAt };
  return new Map([[NAME, new Secret(JSON.stringify({ strategy, scope, token: session }))]]);
}

/**
 * Read it out of a claim.
 * @param now - milliseconds since 1970; a token that has ended is left out
 * @returns null where nothing was kept
 */
export function keptIn(fields: Fields | null, now: number): Kept | null {
  const text = fields?.get(NAME)?.reveal();
  if (text === undefined) return null;
  // Our own writing: see keep().
  const { strategy, scope, token } = JSON.parse(text) as Omit<Kept, 'token'> & {
    token: { value: string; scope: string; endsAt: number } | null;
  };
  const alive = token !== null && token.endsAt > now + LEAST_LIFE_MS;
  return { strategy, scope, token: alive ? { ...token, value: new Secret(token.value) } : null };
}
