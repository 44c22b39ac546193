/**
 * Make a text that a stranger may have written (a user agent, a device name) safe to print on a terminal: control bytes
 * (C0, DEL, C1), and the Unicode characters that turn or hide text, become visible escapes.
 * @param text - any text
 * @returns the text with `\x1b`, `\u202e` … in the place of what a terminal would act on
 */
export function terminalSafe(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Nearly every text: it has nothing to be escaped, and this is seen in a tenth of the time. */
export const PLAIN = /^[\x20-\x7e]*$/;

/** Control bytes, bidirectional overrides and isolates, zero-width characters, line separators: https://www.unicode.org/reports/tr36/ */
export const UNSAFE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;
