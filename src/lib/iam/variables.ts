/** Policy variables: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */

/** What a request says of a condition key: its values, or undefined where it does not carry the key. */
export type Lookup = (key: string) => readonly string[] | undefined;

const FORM = /\$\{([^}]{0,512})\}/g;
const WITH_DEFAULT = /^\s*([^,\s]+)\s*,\s*'([^']*)'\s*$/;

/** `${*}`, `${?}` and `${$}` are the characters themselves. */
const ESCAPES: ReadonlySet<string> = new Set(['*', '?', '$']);

/** Stand for `*` and `?` that are meant literally, inside a pattern. */
const LITERAL_STAR = '\uE001';
const LITERAL_ANY = '\uE002';

/**
 * Put the request's values in the place of variables. A value's own `*` and `?` are literal.
 * @returns a pattern for {@link literal} texts; null where a variable has no value, or several: then nothing matches
 */
export function expand(text: string, lookup: Lookup): string | null {
  if (!text.includes('${')) return text;
  const missing: string[] = [];
  const expanded = text.replaceAll(FORM, (_, inner: string) => {
    if (ESCAPES.has(inner)) return literal(inner);
    const [, key = inner.trim(), fallback] = WITH_DEFAULT.exec(inner) ?? [];
    const values = lookup(key);
    const value = values === undefined ? fallback : values.length === 1 ? values[0] : undefined;
    if (value === undefined) missing.push(key);
    return literal(value ?? '');
  });
  return missing.length > 0 ? null : expanded;
}

/** Write a text so that an expanded pattern's literal characters are compared with it. */
export function literal(text: string): string {
  return text.replaceAll('*', LITERAL_STAR).replaceAll('?', LITERAL_ANY);
}

/** The pattern as broad as it can be: each variable may be anything. */
export function loosened(text: string): string {
  return text.includes('${')
    ? text.replaceAll(FORM, (_, inner: string) =>
        inner === '*' || inner === '?' ? literal(inner) : inner === '$' ? '$' : '*',
      )
    : text;
}
