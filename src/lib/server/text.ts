/** Text of strangers on its way to a language model. */

/** Longest text of one field: names are shorter; what is longer was written for another purpose. */
const LONGEST = 300;

/**
 * Take out of a text what a reader does not see but a terminal or a model does: control bytes, line breaks, characters
 * that turn or hide text, Unicode tags (invisible letters), private-use characters and lone surrogates.
 * @param text - written by a device, a user or a remote server
 * @param longest - characters that stay; the rest is cut, with `…` in its place
 * @returns one line of visible text
 */
export function visible(text: string, longest = LONGEST): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cf}\p{Co}\p{Cs}\ufffd]/gu, '')
    .trim();
  return line.length > longest ? `${line.slice(0, longest).toWellFormed().replace('\ufffd', '')}…` : line;
}

/** {@link visible} for every text of a flat record. */
export function visibleFields<T extends object>(record: T): T {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]: [string, unknown]) => [
      key,
      typeof value === 'string' ? visible(value) : value,
    ]),
  ) as T;
}
