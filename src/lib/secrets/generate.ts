/** Values made here, for fields that nobody else issues. */
import { randomInt } from 'node:crypto';
import { JamfMcpError } from '../errors.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';

/** The characters to choose from; `ascii`: every printable one but the space. */
const ALPHABETS = {
  alnum: LETTERS + DIGITS,
  hex: `${DIGITS}abcdef`,
  base64: `${LETTERS}${DIGITS}+/`,
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
  /** Characters, 16 to 4096; of `base64` a multiple of 4, so that it can be decoded. */
  length: number;
  alphabet: Alphabet;
}

/** For a field that says nothing else: 238 bits. */
export const DEFAULT_RECIPE: Recipe = { length: 40, alphabet: 'alnum' };

/** Why nothing can be made by a recipe; null where it can. */
export function recipeProblem({ length, alphabet }: Recipe): string | null {
  if (!Number.isInteger(length) || length < SHORTEST || length > LONGEST)
    return `a generated value has ${String(SHORTEST)} to ${String(LONGEST)} characters, not ${String(length)}`;
  return alphabet === 'base64' && length % 4 !== 0
    ? `base64 has a multiple of 4 characters, not ${String(length)}`
    : null;
}

/** Whether a value can have come of a recipe. */
export const madeBy = ({ length, alphabet }: Recipe, value: string): boolean =>
  value.length === length && Array.from(value).every((character) => ALPHABETS[alphabet].includes(character));

/**
 * Make a value, every character drawn alike from the system's source of randomness.
 * @throws JamfMcpError INPUT_INVALID for another length
 */
export function generateValue(recipe: Recipe): string {
  const problem = recipeProblem(recipe);
  if (problem !== null) throw new JamfMcpError('INPUT_INVALID', problem, 'correct --length');
  const characters = ALPHABETS[recipe.alphabet];
  return Array.from({ length: recipe.length }, () => characters[randomInt(characters.length)]).join('');
}
