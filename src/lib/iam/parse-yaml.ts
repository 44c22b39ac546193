/** Reads YAML into the tree of tree.ts. A module of its own, so that the library is loaded only where it is needed. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Document as YamlDocument,
  type Node as YamlNode,
} from 'yaml';
import { problem, type Problem } from './finding.ts';
import { BYTE_ORDER_MARK, DUPLICATE_KEY, SYNTAX, TOO_DEEP, TOO_LARGE } from './rules/syntax.ts';
import { DEEPEST } from './parse-json.ts';
import { scalar, type Node, type Path, type Range } from './tree.ts';

/** Most values that are read, those that aliases repeat included. */
const MOST_VALUES = 200_000;

/**
 * Read a YAML text.
 * @returns the tree, or null where there is none, and what was wrong. A value with a tag such as `!Sub` becomes what it
 *   is short for: an object with the one key `Fn::Sub`
 */
export function parseYaml(text: string): { root: Node | null; problems: Problem[] } {
  const problems: Problem[] = [];
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  if (start === 1) {
    problems.push(problem(BYTE_ORDER_MARK, { path: [], range: { start: 0, end: 1 } }, 'the file starts with U+FEFF'));
  }
  const deep = deepest(text);
  if (deep !== null) {
    const message = `nested deeper than ${String(DEEPEST)} levels`;
    return { root: null, problems: [...problems, problem(TOO_DEEP, { path: [], range: deep }, message)] };
  }
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent', uniqueKeys: true, merge: false });
  for (const error of document.errors.slice(0, 10)) {
    const range = { start: error.pos[0], end: Math.max(error.pos[0] + 1, error.pos[1]) };
    const rule = error.code === 'DUPLICATE_KEY' ? DUPLICATE_KEY : SYNTAX;
    const message =
      rule === DUPLICATE_KEY ? 'the name before this is given twice' : (error.message.split('\n')[0] ?? '');
    problems.push(problem(rule, { path: [], range }, message.charAt(0).toLowerCase() + message.slice(1)));
  }
  const reading: Reading = { document, text, problems, values: 0 };
  const root = document.contents === null ? null : convert(document.contents, [], reading);
  return { root, problems };
}

interface Reading {
  document: YamlDocument.Parsed;
  text: string;
  problems: Problem[];
  values: number;
}

/** Recursion is bounded: {@link deepest} let nothing deeper through, and an alias counts as a level. */
function convert(given: unknown, path: Path, reading: Reading, depth = 0): Node | null {
  const node = isAlias(given) ? given.resolve(reading.document) : given;
  const range = rangeOf(isAlias(given) ? given : (node as YamlNode | null), reading.text);
  reading.values += 1;
  if (reading.values > MOST_VALUES || depth > DEEPEST) {
    if (!reading.problems.some(({ rule }) => rule === TOO_LARGE)) {
      reading.problems.push(problem(TOO_LARGE, { path, range }, 'aliases make the file larger than any policy'));
    }
    return null;
  }
  const tag = (node as YamlNode | null)?.tag;
  const made = untagged(node, path, range, reading, depth);
  return made !== null && tag?.startsWith('!') && !tag.startsWith('!!') ? longForm(tag.slice(1), made) : made;
}

function untagged(node: unknown, path: Path, range: Range, reading: Reading, depth: number): Node | null {
  if (isMap(node)) {
    const entries = node.items.flatMap(({ key, value }) => {
      const name = isScalar(key) ? (key.source ?? String(key.value)) : '';
      const keyRange = rangeOf(key as YamlNode, reading.text);
      const made = convert(value, [...path, name], reading, depth + 1) ?? scalar('null', 'null', keyRange);
      return [{ key: name, keyRange, value: made }];
    });
    return { kind: 'object', range, entries };
  }
  if (isSeq(node)) {
    const items = node.items.flatMap((item, index) => convert(item, [...path, index], reading, depth + 1) ?? []);
    return { kind: 'array', range, items };
  }
  if (!isScalar(node)) return null;
  const { value } = node;
  if (typeof value === 'string') return scalar('string', value, range);
  if (typeof value === 'boolean') return scalar('boolean', String(value), range);
  // 2012-10-17 is a date in older YAML, a string in this one; a number keeps its digits.
  if (typeof value === 'number' || typeof value === 'bigint')
    return scalar('number', node.source ?? String(value), range);
  return value === null ? scalar('null', 'null', range) : scalar('string', node.source ?? '', range);
}

/** `!GetAtt a.b` is short for `Fn::GetAtt: a.b`: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html */
function longForm(name: string, value: Node): Node {
  const key = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
  return { kind: 'object', range: value.range, entries: [{ key, keyRange: value.range, value }] };
}

function rangeOf(node: YamlNode | null | undefined, text: string): Range {
  const [start, end] = node?.range ?? [0, 0];
  // A block's range reaches to where the next thing starts.
  return { start, end: start + text.slice(start, end).trimEnd().length };
}

/** Where nesting goes beyond the limit, counted without reading: the library would recurse. */
function deepest(text: string): Range | null {
  const BRACKETS = /[[{\]}]/g;
  let depth = 0;
  for (let match = BRACKETS.exec(text); match; match = BRACKETS.exec(text)) {
    depth = Math.max(0, depth + ('[{'.includes(match[0]) ? 1 : -1));
    if (depth > DEEPEST) return { start: match.index, end: match.index + 1 };
  }
  const block = /^ {1000}|(?:[-?:][ \t]+){100}/m.exec(text);
  return block ? { start: block.index, end: block.index + 1 } : null;
}
