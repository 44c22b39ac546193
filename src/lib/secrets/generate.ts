/** Values made here, for fields that nobody else issues. */
import { randomInt } from 'node:crypto';
import { JamfMcpError } from '../errors.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';

/** The characters to choose from; `ascii`: every printable one but the space. */
const ALPHABETS = {
  alnum: LETTERS + DIGITS,
  hex: `${DIGITS}abcdef`,
  base64url: `${LETTERS}${DIGITS}-_`,
  ascii: String.fromCodePoint(...Array.from({ length: 94 }, (_, n) => 0x21 + n)),
} as const;

/** Name of an alphabet. */
export type Alphabet = keyof typeof ALPHABETS;

/** The names of the alphabets, for a flag. */
export const ALPHABET_NAMES = Object.keys(ALPHABETS) as Alphabet[];

/** Fewer characters can be guessed (16 hex digits are 64 bits); more than a field holds is a slip of the finger. */
const SHORTEST = 16;
const LONGEST = 4096;

/** What to make. */
export interface Recipe {
  /** Characters, 16 to 4096. */
  length: number;
  alphabet: Alphabet;
}

/**
 * Make a value, every character drawn alike from the system's source of randomness.
 * @throws JamfMcpError INPUT_INVALID for another length
 */
export function generateValue({ length, alphabet }: Recipe): string {
  if (!Number.isInteger(length) || length < SHORTEST || length > LONGEST) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `a generated value has ${String(SHORTEST)} to ${String(LONGEST)} characters, not ${String(length)}`,
      'correct --length',
    );
  }
  const characters = ALPHABETS[alphabet];
  return Array.from({ length }, () => characters[randomInt(characters.length)]).join('');
}
