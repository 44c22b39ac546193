/**
 * A bearer token that outlives the secret it was obtained with: what a run keeps in its claim, so that the run after a
 * crash can make a value again. Whoever reads it there can read the secret itself as well.
 */
import { Secret } from '../../redact.ts';
import type { Fields } from '../../secrets/store.ts';

/** A token, and what it said of its holder. */
export interface KeptToken {
  value: Secret;
  scope: string;
  /** Milliseconds since 1970. */
  endsAt: number;
}

/** A token has to live for this long to be worth a try, in ms: a request and its answer. */
const LEAST_LIFE_MS = 5_000;

/** The token as fields of a claim. */
export const keepToken = ({ value, scope, endsAt }: KeptToken): [string, Secret][] => [
  ['token', value],
  ['endsAt', new Secret(new Date(endsAt).toISOString(), { public: true })],
  ...keepScope(scope),
];

/** What a token said of its holder, without the token. */
export const keepScope = (scope: string): [string, Secret][] => [['scope', new Secret(scope, { public: true })]];

/**
 * The token in a claim.
 * @param now - milliseconds since 1970
 * @returns null where there is none, or where it has ended
 */
export function keptToken(kept: Fields | null, now: number): KeptToken | null {
  const value = kept?.get('token');
  const endsAt = Date.parse(kept?.get('endsAt')?.reveal() ?? '');
  if (!value || !(endsAt > now + LEAST_LIFE_MS)) return null;
  return { value, endsAt, scope: keptScope(kept) ?? '' };
}

/** What the token said of its holder; null where nothing was kept. */
export const keptScope = (kept: Fields | null): string | null => kept?.get('scope')?.reveal() ?? null;
