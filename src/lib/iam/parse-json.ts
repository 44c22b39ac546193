/**
 * Reads JSON as people write it: what is wrong is told with its place, and the rest is read all the same. Both keys of a
 * duplicate stay. Nothing recurses, and the number of errors is limited, so a hostile file costs no more than its length.
 */
import { problem, type Problem } from './finding.ts';
import { BYTE_ORDER_MARK, DUPLICATE_KEY, SYNTAX, TOO_DEEP } from './rules/syntax.ts';
import { scalar, type ArrayNode, type Node, type ObjectNode, type Path, type Range, type ScalarNode } from './tree.ts';

/** Deepest nesting that is read. */
export const DEEPEST = 100;

/** After that many errors the rest is noise. */
const MOST_ERRORS = 10;

/** An object or a list that is being read. */
interface Frame {
  node: ObjectNode | ArrayNode;
  /** What may come next. */
  next: 'item' | 'colon' | 'value' | 'comma';
  /** The key that waits for its value. */
  key: { text: string; range: Range } | null;
  keys: Set<string> | null;
  /** Offset of the comma before, or -1. */
  comma: number;
}

type Token =
  | { kind: 'punctuation'; text: string; range: Range }
  | { kind: 'scalar'; node: ScalarNode; range: Range }
  | { kind: 'end'; range: Range };

/**
 * Read a JSON text.
 * @returns the tree, or null where there is none, and what was wrong
 */
export function parseJson(text: string): { root: Node | null; problems: Problem[] } {
  const problems: Problem[] = [];
  const frames: Frame[] = [];
  let root: Node | null = null;
  let errors = 0;
  const path = (): Path =>
    frames.flatMap(({ node, key }): Path => (node.kind === 'array' ? [node.items.length] : key ? [key.text] : []));
  const fail = (range: Range, message: string): void => {
    errors += 1;
    problems.push(problem(SYNTAX, { path: path(), range }, message));
  };
  const scan = scanner(text, fail);
  if (text.startsWith('\uFEFF')) {
    problems.push(problem(BYTE_ORDER_MARK, { path: [], range: { start: 0, end: 1 } }, 'the file starts with U+FEFF'));
  }

  /** Put a value where the innermost frame waits for one. */
  const place = (node: Node): void => {
    const frame = frames.at(-1);
    if (!frame) {
      root ??= node;
      return;
    }
    if (frame.node.kind === 'array') frame.node.items.push(node);
    else if (frame.key) frame.node.entries.push({ key: frame.key.text, keyRange: frame.key.range, value: node });
    frame.key = null;
    frame.next = 'comma';
  };
  const keyRead = (frame: Frame, token: ScalarNode): void => {
    if (frame.keys?.has(token.text)) {
      problems.push(
        problem(
          DUPLICATE_KEY,
          { path: [...path(), token.text], range: token.range },
          `${JSON.stringify(token.text)} is given twice`,
        ),
      );
    }
    if (token.kind !== 'string') fail(token.range, 'a name must be a string in double quotes');
    frame.keys?.add(token.text);
    frame.key = { text: token.text, range: token.range };
    frame.next = 'colon';
  };

  for (;;) {
    const token = scan();
    const frame = frames.at(-1);
    if (token.kind === 'end') {
      if (frame) fail(token.range, `the file ends inside ${frame.node.kind === 'array' ? 'a list' : 'an object'}`);
      else if (root === null && errors === 0) fail(token.range, 'the file is empty');
      for (const { node } of frames) node.range.end = text.length;
      break;
    }
    if (errors >= MOST_ERRORS) break;
    if (!frame && root !== null) {
      fail(token.range, 'there is more after the end of the policy');
      break;
    }
    if (token.kind === 'scalar') {
      if (frame?.next === 'comma') fail(token.range, 'a comma is missing before this');
      if (frame?.node.kind === 'object' && frame.next !== 'value') {
        if (frame.next === 'colon') fail(token.range, 'a colon is missing before this');
        if (frame.next === 'colon') place(token.node);
        else keyRead(frame, token.node);
      } else {
        place(token.node);
      }
      continue;
    }
    switch (token.text) {
      case '{':
      case '[': {
        if (frame?.next === 'comma') fail(token.range, 'a comma is missing before this');
        if (frame?.node.kind === 'object' && frame.next !== 'value') {
          fail(
            token.range,
            frame.next === 'colon' ? 'a colon is missing before this' : 'a name is missing before this',
          );
          frame.key ??= { text: '', range: token.range };
        }
        if (frames.length >= DEEPEST) {
          problems.push(
            problem(
              TOO_DEEP,
              { path: path().slice(0, 8), range: token.range },
              `nested deeper than ${String(DEEPEST)} levels`,
            ),
          );
          return { root, problems };
        }
        const range = { ...token.range };
        const node: ObjectNode | ArrayNode =
          token.text === '{' ? { kind: 'object', range, entries: [] } : { kind: 'array', range, items: [] };
        if (frames.length === 0) root = node;
        frames.push({ node, next: 'item', key: null, keys: token.text === '{' ? new Set() : null, comma: -1 });
        break;
      }
      case '}':
      case ']': {
        const wanted = frame?.node.kind === 'array' ? ']' : '}';
        if (!frame || token.text !== wanted) {
          fail(token.range, frame ? `${wanted} was expected here` : 'nothing is open here');
          if (!frame) return { root, problems };
        }
        if (frame.key) fail(token.range, 'a value is missing before this');
        else if (frame.comma !== -1 && frame.next === 'item') {
          fail({ start: frame.comma, end: frame.comma + 1 }, 'a comma before the closing bracket');
        }
        frame.node.range.end = token.range.end;
        frames.pop();
        if (frames.length > 0) place(frame.node);
        break;
      }
      case ',':
        if (frame?.next !== 'comma') fail(token.range, 'a value is missing before this comma');
        if (frame) {
          frame.comma = token.range.start;
          frame.key = null;
          frame.next = 'item';
        }
        break;
      default:
        if (frame?.next === 'colon') frame.next = 'value';
        else fail(token.range, 'a colon does not belong here');
    }
  }
  // What was still open counts as what it had.
  for (let inner = frames.pop(); inner; inner = frames.pop()) {
    const outer = frames.at(-1);
    if (!outer) root = inner.node;
    else if (outer.node.kind === 'array') outer.node.items.push(inner.node);
    else if (outer.key) outer.node.entries.push({ key: outer.key.text, keyRange: outer.key.range, value: inner.node });
  }
  return { root, problems };
}

const SPACE = /[\t\n\r ]*/y;
const NUMBER = /[-+.\d][-+.\w]*/y;
const PROPER_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
const WORD = /[\p{L}_$][\p{L}\p{N}_$:-]*/uy;
const KEYWORDS: Readonly<Record<string, ScalarNode['kind']>> = { true: 'boolean', false: 'boolean', null: 'null' };
/** Quotes that editors and web pages put in the place of `"`, and what closes them. */
const OTHER_QUOTES: Readonly<Record<string, string>> = {
  "'": "'",
  '“': '”"“',
  '”': '”"',
  '„': '“”"',
  '‘': "’'",
  '’': '’',
  '«': '»',
  '`': '`',
};

/** Makes a function that gives one token after the other. */
function scanner(text: string, fail: (range: Range, message: string) => void): () => Token {
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  const sticky = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? '';
  };
  const lineEnd = (from: number) => {
    const end = text.indexOf('\n', from);
    return end === -1 ? text.length : end;
  };
  const take = (kind: ScalarNode['kind'], value: string, end: number): Token => {
    const range = { start: at, end };
    at = end;
    return { kind: 'scalar', node: scalar(kind, value, range), range };
  };

  const quoted = (): Token => {
    let end = text.indexOf('"', at + 1);
    while (end !== -1 && escaped(text, end, at)) end = text.indexOf('"', end + 1);
    const raw = end === -1 ? text.slice(at + 1) : text.slice(at + 1, end);
    if (!SPECIAL.test(raw)) {
      if (end === -1) {
        fail({ start: at, end: text.length }, 'this string is not closed');
        return take('string', raw, text.length);
      }
      return take('string', raw, end + 1);
    }
    const line = raw.search(/[\r\n]/);
    if (line !== -1 || end === -1) {
      const stop = line === -1 ? text.length : at + 1 + line;
      fail({ start: at, end: stop }, 'this string is not closed on its line');
      return take('string', text.slice(at + 1, stop).replace(/,\s*$/, ''), stop);
    }
    let value = raw;
    try {
      value = JSON.parse(`"${raw}"`) as string;
    } catch {
      fail({ start: at, end: end + 1 }, 'this string holds a control character or an escape that JSON does not have');
    }
    return take('string', value, end + 1);
  };

  /** Null: what stood there is skipped. */
  const otherwise = (first: string): Token | null => {
    const closing = OTHER_QUOTES[first];
    if (closing !== undefined) {
      const line = text.slice(at + 1, Math.min(lineEnd(at), at + 4_096));
      let offset = 0;
      while (offset < line.length && !closing.includes(line.charAt(offset))) offset += 1;
      if (offset === line.length) offset = -1;
      const end = offset === -1 ? at + 1 + line.length : at + 2 + offset;
      fail({ start: at, end }, `strings stand in double quotes ("), not in ${first}`);
      return take('string', offset === -1 ? line : line.slice(0, offset), end);
    }
    const number = sticky(NUMBER);
    if (number !== '') {
      if (!PROPER_NUMBER.test(number)) fail({ start: at, end: at + number.length }, 'this is not a number');
      return take('number', number, at + number.length);
    }
    const word = sticky(WORD);
    const kind = Object.hasOwn(KEYWORDS, word) ? KEYWORDS[word] : undefined;
    if (kind !== undefined) return take(kind, word, at + word.length);
    if (word !== '') {
      fail({ start: at, end: at + word.length }, 'this is neither a string in double quotes nor true, false or null');
      return take('string', word, at + word.length);
    }
    // Skip what is unknown up to where reading can go on, as one error.
    STRANGE.lastIndex = at;
    const end = at + Math.max(1, STRANGE.exec(text)?.[0].length ?? 1);
    fail({ start: at, end }, 'this character does not belong here');
    at = end;
    return null;
  };

  const scan = (): Token => {
    for (;;) {
      SPACE.lastIndex = at;
      SPACE.test(text);
      at = SPACE.lastIndex;
      if (at >= text.length) return { kind: 'end', range: { start: text.length, end: text.length } };
      const first = text.charAt(at);
      if (first === '"') return quoted();
      if ('{}[],:'.includes(first)) {
        at += 1;
        return { kind: 'punctuation', text: first, range: { start: at - 1, end: at } };
      }
      const comment = commentEnd(text, at, lineEnd);
      if (comment === -1) {
        const token = otherwise(first);
        if (token) return token;
        continue;
      }
      fail({ start: at, end: comment }, 'JSON has no comments');
      at = comment;
    }
  };
  return scan;
}

const SPECIAL = /[\\\u0000-\u001f]/;
const STRANGE = /[^\t\n\r "{}[\],:]*/y;

/** End of the comment that starts there; -1 where none does. */
function commentEnd(text: string, at: number, lineEnd: (from: number) => number): number {
  if (text.startsWith('//', at) || text.charAt(at) === '#') return lineEnd(at);
  if (!text.startsWith('/*', at)) return -1;
  const end = text.indexOf('*/', at + 2);
  return end === -1 ? text.length : end + 2;
}

/** Whether an odd number of backslashes stands before the quote. */
function escaped(text: string, quote: number, start: number): boolean {
  let count = 0;
  for (let at = quote - 1; at > start && text.charCodeAt(at) === 92; at -= 1) count += 1;
  return count % 2 === 1;
}
