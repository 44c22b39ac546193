import { PLAIN, UNSAFE } from './escape.ts';

/**
 * Pretty JSON that is safe to print on a terminal: JSON itself escapes the C0 bytes, but leaves those that other
 * terminals act on (C1, direction marks) as they are. What reads the JSON gets the same value.
 * @param value - JSON-like
 */
export const jsonText = (value: unknown): string => safe(JSON.stringify(value, null, 2));

/** The same on one line, with its line break: for files of one value a line. */
export const jsonLine = (value: unknown): string => `${safe(JSON.stringify(value))}\n`;

const safe = (json: string) =>
  PLAIN.test(json)
    ? json
    : json.replace(UNSAFE, (character) =>
        character === '\n' ? character : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
      );
