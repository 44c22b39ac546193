/**
 * Filters in RSQL, the query language of the Jamf Pro API. A value never leaves its quotes, whoever wrote it.
 * Grammar: https://github.com/jirutka/rsql-parser#grammar-and-semantic; what Jamf takes of it (`==`, `*`, comparisons
 * that ignore case): https://developer.jamf.com/jamf-pro/docs/filtering-with-rsql
 */

/**
 * A value as a quoted argument.
 * @param value - any text
 * @returns the text between double quotes, with backslashes and double quotes escaped by a backslash
 */
export function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * A field equals a value.
 * @param field - a field name of the API's own list, never a stranger's text
 * @param value - `*` in it stands for any text
 */
export function equals(field: string, value: string): string {
  return `${field}==${quote(value)}`;
}

/**
 * A field contains a value.
 * @param field - as in {@link equals}
 * @param value - as in {@link equals}
 */
export function contains(field: string, value: string): string {
  return equals(field, `*${value}*`.replace(/\*{2,}/g, '*'));
}

/** At least one of the terms holds. */
export function anyOf(terms: readonly string[]): string {
  return terms.length === 1 ? terms.join('') : `(${terms.join(',')})`;
}

/** Every term holds; no term, no filter. */
export function allOf(terms: readonly string[]): string {
  return terms.join(';');
}
