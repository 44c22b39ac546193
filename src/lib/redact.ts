import { pbkdf2Sync } from 'node:crypto';
import { inspect } from 'node:util';

/**
 * A secret value that cannot be printed by accident: every way to turn it into text gives `***`, and
 * {@link Secret.reveal} is the only way out. Making one registers its value with {@link redact},
 * so that a text of somebody else's (an AWS error, a debug line) cannot carry it either.
 */
export class Secret<T extends string = string> {
  readonly #value: T;

  readonly #public: boolean;
  readonly #literal: boolean;

  /**
   * @param value - the value to guard
   * @param options - `public`: a field that is stored beside secrets but is none (a URL, a client id): it is wrapped
   *   all the same, but not removed from other texts; `literal`: a number, true or false, which JSON writes without quotes
   */
  constructor(value: T, options: { public?: boolean; literal?: boolean } = {}) {
    this.#value = value;
    this.#public = options.public ?? false;
    this.#literal = options.literal ?? false;
    if (!this.#public) guard(value);
  }

  /** The value itself. Every call site is a place where a secret leaves its wrapper: keep them few. */
  reveal(): T {
    return this.#value;
  }

  /** Whether this is a field that is stored beside secrets but is none. */
  get isPublic(): boolean {
    return this.#public;
  }

  /** Whether JSON writes it without quotes. */
  get isLiteral(): boolean {
    return this.#literal;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}

/** What stands in the place of a secret value, whatever its length. */
export const MASK = '***';

/** Below this many characters a value would blank out ordinary words, and is no secret worth the name. */
const SHORTEST_GUARDED = 6;

/** A long-lived server sees new tokens for ever; the oldest forms are dropped past this number. */
const MOST_GUARDED = 4096;

const guarded = new Set<string>();

/** A value that begins another would leave the other's rest standing: the longer goes first. Made on demand. */
let longestFirst: readonly string[] | null = null;

/**
 * Remember a value that must never be printed, in each form in which it may turn up in a text.
 * @param value - the value; shorter than 6 characters is ignored
 */
export function guard(value: string): void {
  if (value.length < SHORTEST_GUARDED) return;
  for (const form of formsOf(value)) {
    guarded.delete(form);
    guarded.add(form);
  }
  longestFirst = null;
  for (const oldest of guarded) {
    if (guarded.size <= MOST_GUARDED) break;
    guarded.delete(oldest);
  }
}

/**
 * Each form in which a value may turn up in a text: as it is, inside JSON, percent-encoded, base64.
 * @param value - the value
 */
export function formsOf(value: string): string[] {
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value.toWellFormed()),
    Buffer.from(value).toString('base64').replace(/=+$/, ''),
  ];
}

/** Credentials by shape: bearer tokens, JWTs, and the value half of a credential pair in a query or header. */
const SHAPES: readonly [RegExp, string][] = [
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, MASK],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${MASK}`],
  [
    /\b(client_secret|access_token|refresh_token|password|X-Amz-Signature|X-Amz-Security-Token)(=|":\s*")[^&\s"]+/gi,
    `$1$2${MASK}`,
  ],
];

/**
 * Remove every known secret value, and what has the shape of a credential, from a text.
 * @param text - a text of any origin
 * @returns the text with `***` in their places
 */
export function redact(text: string): string {
  let clean = text;
  longestFirst ??= [...guarded].sort((a, b) => b.length - a.length);
  for (const value of longestFirst) {
    if (clean.includes(value)) clean = clean.replaceAll(value, MASK);
  }
  for (const [shape, mask] of SHAPES) clean = clean.replace(shape, mask);
  return clean;
}

/**
 * {@link redact} over every string inside a JSON-like value: the last net under `--json`.
 * @param value - plain objects, arrays, strings, numbers; a {@link Secret} becomes `***`
 * @returns a copy with the same shape
 */
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (value instanceof Secret) return MASK;
  if (Array.isArray(value)) return value.map(redactDeep);
  if (value !== null && typeof value === 'object') {
    const plain = 'toJSON' in value && typeof value.toJSON === 'function' ? (value.toJSON as () => unknown)() : value;
    if (plain === null || typeof plain !== 'object') return redactDeep(plain);
    return Object.fromEntries(Object.entries(plain).map(([key, inner]) => [key, redactDeep(inner)]));
  }
  return value;
}

/** Rounds of PBKDF2 for a secret value: about a millisecond, and as much for each guess at it. */
const ROUNDS = 10_000;

/**
 * A short mark by which two values of one field can be told apart without showing them.
 *
 * 32 bits of PBKDF2-SHA-256, salted with secret and field: enough to see that a value changed, too little and too slow
 * to confirm a guess worth making. A public value is shown beside its mark: nothing has to be slow for it.
 * @param value - the value
 * @param salt - what the value belongs to, such as `<secret name>/<field>`
 * @returns 8 hexadecimal digits
 */
export function fingerprint(value: Secret, salt: string): string {
  const rounds = value.isPublic ? 1 : ROUNDS;
  return pbkdf2Sync(value.reveal(), `jamf-mcp:${salt}`, rounds, 4, 'sha256').toString('hex');
}
