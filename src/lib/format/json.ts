import { UNSAFE } from './escape.ts';

/**
 * Pretty JSON that is safe to print on a terminal: JSON itself escapes the C0 bytes, but leaves those that other
 * terminals act on (C1, direction marks) as they are. What reads the JSON gets the same value.
 * @param value - JSON-like
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSAFE, (character) =>
    character === '\n' ? character : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}
