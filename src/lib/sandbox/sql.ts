/**
 * As much of Trino's SELECT as the sandbox's Athena and CloudTrail Lake are asked: columns and members of rows, calls of
 * functions, AND, OR, NOT, comparisons, IN, BETWEEN, IS NULL, and an order. What is beyond that is refused as a mistake of syntax.
 */

/** A value: what is absent is null, as in SQL. */
type Value = string | number | boolean | null | readonly Value[] | { readonly [member: string]: Value };

/** A row by its columns, whose names are in small letters. */
export type SqlRow = Readonly<Record<string, Value>>;

/** A statement that was understood. */
export interface Select {
  /** As it stands after FROM. */
  table: string;
  columns: readonly { name: string; of: (row: SqlRow) => Value }[];
  /** The conditions that all have to hold, with the columns that each goes by. */
  conditions: readonly { holds: (row: SqlRow) => boolean; columns: ReadonlySet<string> }[];
  order: readonly ((row: SqlRow) => Value)[];
}

/** A statement that is none. */
export class SqlMistake extends Error {}

type Expression = (row: SqlRow) => Value;

interface Token {
  kind: 'word' | 'quoted' | 'text' | 'number' | 'sign';
  text: string;
  at: number;
}

// An id of an event data store is a word with hyphens; no statement here subtracts.
const TOKEN =
  /\s+|--[^\n]*|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*")|(?<word>[A-Za-z0-9_]*[A-Za-z_][A-Za-z0-9_-]*)|(?<number>\d+)|(?<sign><=|>=|<>|!=|[=<>(),.])/gy;

/**
 * Read a statement.
 * @throws SqlMistake where it is none, or more than is understood here
 */
export function parseSelect(sql: string): Select {
  const tokens = tokensOf(sql);
  let position = 0;
  let mentioned = new Set<string>();

  const fail = (): never => {
    const token = tokens[position];
    throw new SqlMistake(
      token ? `line 1:${String(token.at + 1)}: mismatched input '${token.text}'` : 'mismatched input <EOF>',
    );
  };
  const isWord = (word: string, ahead = 0) => {
    const token = tokens[position + ahead];
    return token?.kind === 'word' && token.text.toUpperCase() === word;
  };
  const isSign = (sign: string) => tokens[position]?.kind === 'sign' && tokens[position]?.text === sign;
  const taken = (matches: boolean) => {
    if (matches) position += 1;
    return matches;
  };
  const word = (text: string) => {
    if (!taken(isWord(text))) fail();
  };
  const sign = (text: string) => {
    if (!taken(isSign(text))) fail();
  };
  const list = <Item>(item: () => Item): Item[] => {
    const items = [item()];
    while (taken(isSign(','))) items.push(item());
    return items;
  };
  const name = (): string => {
    const token = tokens[position];
    if (token?.kind !== 'word' && token?.kind !== 'quoted') return fail();
    position += 1;
    return token.kind === 'quoted' ? token.text.slice(1, -1) : token.text.toLowerCase();
  };

  const primary = (): Expression => {
    const token = tokens[position];
    if (taken(isSign('('))) {
      const inner = anyOf();
      sign(')');
      return inner;
    }
    if (token?.kind === 'text' || token?.kind === 'number') {
      position += 1;
      const value = token.kind === 'number' ? Number(token.text) : token.text.slice(1, -1).replaceAll("''", "'");
      return () => value;
    }
    const called = name();
    if (!taken(isSign('('))) {
      mentioned.add(called);
      return (row) => row[called] ?? null;
    }
    const compute = Object.hasOwn(FUNCTIONS, called) ? FUNCTIONS[called] : undefined;
    if (!compute) throw new SqlMistake(`line 1:${String((token?.at ?? 0) + 1)}: Function '${called}' not registered`);
    const given = list(anyOf);
    sign(')');
    return (row) => compute(given.map((one) => one(row)));
  };
  const member = (): Expression => {
    let of = primary();
    while (taken(isSign('.'))) {
      const [whole, key] = [of, name()];
      of = (row) => memberOf(whole(row), key);
    }
    return of;
  };
  const comparison = (): Expression => {
    if (taken(isWord('NOT'))) {
      const inner = comparison();
      return (row) => inner(row) !== true;
    }
    const left = member();
    if (taken(isWord('IS'))) {
      const negated = taken(isWord('NOT'));
      word('NULL');
      return (row) => (left(row) === null) !== negated;
    }
    if (taken(isWord('IN'))) {
      sign('(');
      const among = list(member);
      sign(')');
      return (row) => among.some((one) => compared(left(row), one(row)) === 0);
    }
    if (taken(isWord('BETWEEN'))) {
      const from = member();
      word('AND');
      const to = member();
      return (row) => (compared(left(row), from(row)) ?? -1) >= 0 && (compared(left(row), to(row)) ?? 1) <= 0;
    }
    const operator = tokens[position]?.kind === 'sign' ? OPERATORS[tokens[position]?.text ?? ''] : undefined;
    if (!operator) return left;
    position += 1;
    const right = member();
    return (row) => {
      const difference = compared(left(row), right(row));
      return difference !== null && operator(difference);
    };
  };
  const allOf = (): Expression => {
    const parts = [comparison()];
    while (taken(isWord('AND'))) parts.push(comparison());
    return parts.length === 1 ? (parts[0] ?? fail()) : (row) => parts.every((part) => part(row) === true);
  };
  const anyOf = (): Expression => {
    const parts = [allOf()];
    while (taken(isWord('OR'))) parts.push(allOf());
    return parts.length === 1 ? (parts[0] ?? fail()) : (row) => parts.some((part) => part(row) === true);
  };

  word('SELECT');
  const columns = list(() => {
    const begun = position;
    const of = member();
    const last = tokens[position - 1]?.text.toLowerCase() ?? '';
    return { name: taken(isWord('AS')) ? name() : position - begun === 1 ? last : `_col${String(begun)}`, of };
  });
  word('FROM');
  let table = name();
  while (taken(isSign('.'))) table += `.${name()}`;
  const conditions: { holds: (row: SqlRow) => boolean; columns: ReadonlySet<string> }[] = [];
  if (taken(isWord('WHERE'))) {
    do {
      mentioned = new Set();
      const holds = comparison();
      conditions.push({ holds: (row) => holds(row) === true, columns: mentioned });
    } while (taken(isWord('AND')));
    // An OR out here would open every bound before it.
    if (isWord('OR')) throw new SqlMistake('the sandbox takes OR between brackets only');
  }
  let order: Expression[] = [];
  if (taken(isWord('ORDER'))) {
    word('BY');
    order = list(member);
  }
  if (position < tokens.length) fail();
  return { table, columns, conditions, order };
}

/**
 * Answer a statement.
 * @returns the rows that meet every condition, in its order, a value for each of its columns
 */
export function select({ columns, conditions, order }: Select, rows: readonly SqlRow[]): (string | null)[][] {
  return rows
    .filter((row) => conditions.every(({ holds }) => holds(row)))
    .map((row) => ({ row, keys: order.map((key) => key(row)) }))
    .sort((a, b) => a.keys.reduce<number>((before, key, at) => before || (compared(key, b.keys[at] ?? null) ?? 0), 0))
    .map(({ row }) => columns.map(({ of }) => written(of(row))));
}

const written = (value: Value): string | null =>
  value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value);

function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (const match of sql.matchAll(TOKEN)) {
    at = match.index + match[0].length;
    const groups: Readonly<Record<string, string | undefined>> = match.groups ?? {};
    const [kind] = Object.entries(groups).find(([, text]) => text !== undefined) ?? [];
    if (kind) tokens.push({ kind: kind as Token['kind'], text: match[0], at: match.index });
  }
  if (at < sql.length) throw new SqlMistake(`line 1:${String(at + 1)}: mismatched input '${sql.charAt(at)}'`);
  return tokens;
}

/** The difference of two texts or two numbers; null where either is null, or they are not alike. */
function compared(a: Value, b: Value): number | null {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a !== 'string' || typeof b !== 'string') return null;
  return a < b ? -1 : a > b ? 1 : 0;
}

const OPERATORS: Readonly<Record<string, (difference: number) => boolean>> = {
  '=': (difference) => difference === 0,
  '<>': (difference) => difference !== 0,
  '!=': (difference) => difference !== 0,
  '<': (difference) => difference < 0,
  '>': (difference) => difference > 0,
  '<=': (difference) => difference <= 0,
  '>=': (difference) => difference >= 0,
};

const memberOf = (value: Value, key: string): Value =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, key)
    ? ((value as SqlRow)[key] ?? null)
    : null;

/** Null where any argument is, as in Trino, but for concat_ws, which leaves nulls out. */
const FUNCTIONS: Readonly<Record<string, (given: readonly Value[]) => Value>> = {
  strpos: texts(([text = '', part = '']) => text.indexOf(part) + 1),
  replace: texts(([text = '', part = '', by = '']) => text.replaceAll(part, () => by)),
  lower: texts(([text = '']) => text.toLowerCase()),
  concat_ws: ([separator = null, ...parts]) =>
    typeof separator === 'string'
      ? parts
          .filter((part) => part !== null)
          .map(String)
          .join(separator)
      : null,
  element_at: ([whole = null, key = null]) =>
    Array.isArray(whole) && typeof key === 'number' ? ((whole as Value[])[key - 1] ?? null) : null,
};

function texts(compute: (given: readonly string[]) => Value): (given: readonly Value[]) => Value {
  return (given) => (given.every((one) => typeof one === 'string') ? compute(given) : null);
}
