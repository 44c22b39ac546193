/**
 * RSQL filters and sort criteria as the Jamf Pro API takes them.
 * Grammar: https://github.com/jirutka/rsql-parser#grammar-and-semantic; `*` as a wildcard and comparisons that ignore
 * case: https://developer.jamf.com/jamf-pro/docs/filtering-with-rsql
 */

/** A filter or sort text that the API answers with 400. */
export class RsqlError extends Error {}

/** Says whether a record passes. */
export type Predicate = (record: unknown) => boolean;

type Compare = (actual: string, wanted: string) => boolean;

const equal: Compare = (actual, wanted) => wildcard(wanted).test(actual);
const ordered =
  (holds: (order: number) => boolean): Compare =>
  (actual, wanted) =>
    actual !== '' && holds(orderOf(actual, wanted));

/** Every operator with its other spelling. */
const OPERATORS: Record<string, Compare> = {
  '==': equal,
  '!=': (actual, wanted) => !equal(actual, wanted),
  '<': ordered((order) => order < 0),
  '=lt=': ordered((order) => order < 0),
  '<=': ordered((order) => order <= 0),
  '=le=': ordered((order) => order <= 0),
  '>': ordered((order) => order > 0),
  '=gt=': ordered((order) => order > 0),
  '>=': ordered((order) => order >= 0),
  '=ge=': ordered((order) => order >= 0),
};

/** Operators on lists: whether a match lets a record in. */
const LIST_OPERATORS: Record<string, boolean> = { '=in=': true, '=out=': false };

/** The pieces of a filter text, longest first where one begins another. */
const TOKENS = {
  space: /\s+/y,
  or: /,|or(?=[\s(])/y,
  and: /;|and(?=[\s(])/y,
  open: /\(/y,
  close: /\)/y,
  operator: /=[a-z]*=|!=|<=|>=|<|>/y,
  quoted: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/y,
  word: /[^\s"'();,=!~<>]+/y,
} as const;

/**
 * Compile a filter.
 * @param text - the `filter` parameter; empty lets every record pass
 * @param fields - the fields that the endpoint allows
 * @returns the predicate
 * @throws RsqlError for a text that does not parse, an unknown field or operator
 */
export function compileFilter(text: string, fields: readonly string[]): Predicate {
  if (text.trim() === '') return () => true;
  let at = 0;

  const take = (kind: keyof typeof TOKENS): string | null => {
    const pattern = TOKENS[kind];
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return null;
    at += match[0].length;
    return match[0];
  };
  const expected = (what: string) => new RsqlError(`${what} expected at position ${String(at)} of the filter`);

  function chain(separator: 'or' | 'and', part: () => Predicate, join: (parts: Predicate[]) => Predicate): Predicate {
    const parts = [part()];
    for (;;) {
      const before = at;
      take('space');
      if (take(separator) === null) {
        at = before;
        return parts.length === 1 && parts[0] ? parts[0] : join(parts);
      }
      parts.push(part());
    }
  }
  const either = (): Predicate => chain('or', both, (parts) => (record) => parts.some((part) => part(record)));
  const both = (): Predicate => chain('and', term, (parts) => (record) => parts.every((part) => part(record)));

  function term(): Predicate {
    take('space');
    if (take('open') !== null) {
      const inner = either();
      take('space');
      if (take('close') === null) throw expected('a closing parenthesis');
      return inner;
    }
    const field = take('word');
    if (field === null) throw expected('a field name');
    if (!fields.includes(field)) throw new RsqlError(`${field} cannot be filtered by`);
    take('space');
    const operator = take('operator');
    if (operator === null) throw expected('an operator');
    take('space');
    const admits = LIST_OPERATORS[operator];
    if (admits !== undefined) {
      const wanted = list();
      return (record) => wanted.some((value) => equal(valueOf(record, field), value)) === admits;
    }
    const compare = OPERATORS[operator];
    if (!compare) throw new RsqlError(`${operator} is no operator`);
    const wanted = argument();
    return (record) => compare(valueOf(record, field), wanted);
  }

  function list(): string[] {
    if (take('open') === null) throw expected('an opening parenthesis');
    const values: string[] = [];
    do {
      take('space');
      values.push(argument());
      take('space');
    } while (take('or') !== null);
    if (take('close') === null) throw expected('a closing parenthesis');
    return values;
  }

  function argument(): string {
    const quoted = take('quoted');
    if (quoted !== null) return quoted.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
    const word = take('word');
    if (word === null) throw expected('a value');
    return word;
  }

  const predicate = either();
  take('space');
  if (at < text.length) throw expected('the end');
  return predicate;
}

/**
 * Compile sort criteria.
 * @param text - the `sort` parameter: `general.name:asc,id:desc`; the direction may be left out
 * @param fields - the fields that the endpoint allows
 * @param fallback - used for an empty text
 * @returns a comparison for `Array.sort`
 * @throws RsqlError for an unknown field or direction
 */
export function compileSort(
  text: string,
  fields: readonly string[],
  fallback: string,
): (a: unknown, b: unknown) => number {
  const criteria = (text.trim() === '' ? fallback : text).split(',').map((criterion) => {
    const [field = '', direction = 'asc'] = criterion.trim().split(':');
    if (!fields.includes(field)) throw new RsqlError(`${field} cannot be sorted by`);
    if (!/^(asc|desc)$/i.test(direction)) throw new RsqlError(`${direction} is no sort direction`);
    return { field, sign: direction.toLowerCase() === 'asc' ? 1 : -1 };
  });
  return (a, b) => {
    for (const { field, sign } of criteria) {
      const order = orderOf(valueOf(a, field), valueOf(b, field));
      if (order !== 0) return sign * order;
    }
    return 0;
  };
}

/** The value at a dotted path, as text; empty where there is none. */
function valueOf(record: unknown, path: string): string {
  let value: unknown = record;
  for (const member of path.split('.')) {
    if (typeof value !== 'object' || value === null) return '';
    value = (value as Record<string, unknown>)[member];
  }
  return typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : '';
}

/** Numbers by size, everything else by its letters whatever their case, as the database below Jamf Pro compares. */
function orderOf(a: string, b: string): number {
  const numbers = [a, b].map((text) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : NaN));
  const [left = NaN, right = NaN] = numbers;
  if (!Number.isNaN(left) && !Number.isNaN(right)) return Math.sign(left - right);
  const [first, second] = [a.toLowerCase(), b.toLowerCase()];
  return first < second ? -1 : first > second ? 1 : 0;
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`, 'is');
}
