/** The dotenv format: read strictly, line by line, and written so that every reader of it reads the same. */
import { parse } from 'dotenv';
import { JamfMcpError, messageOf } from '../errors.ts';
import { decodeFields } from './rules.ts';

/**
 * Read names and values.
 * @param text - dotenv (`NAME=value`, quotes, several lines inside quotes, `export`, comments) or a JSON object of plain values
 * @param file - what the text is called in an error: a path, or `stdin`
 * @returns names and values in the order of the text, `\n` in double quotes made a line break as dotenv does
 * @throws JamfMcpError INPUT_INVALID with `file:line` and never with a value
 */
export function parseFields(text: string, file: string): Record<string, string> {
  if (normalText(text).trimStart().startsWith('{')) return parseJson(normalText(text), file);
  return Object.fromEntries(
    parseDotenv(text, file).flatMap(({ name, value }) => (name === null ? [] : [[name, value]])),
  );
}

/** A text without a byte order mark, its lines ended by `\n`. */
export const normalText = (text: string) => text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');

function parseJson(text: string, file: string): Record<string, string> {
  try {
    JSON.parse(text);
  } catch (error) {
    // Only the place is taken from the message: V8 quotes the text around it.
    const line = /\(line (\d+)/.exec(messageOf(error))?.[1];
    throw invalid(line ? `${file}:${line}` : file, 'is not JSON', 'correct the text; a dotenv file will do as well');
  }
  try {
    return Object.fromEntries(decodeFields(text, file).map(([name, value]) => [name, value]));
  } catch (error) {
    throw invalid(file, messageOf(error).slice(file.length + 1), 'each field takes a text, a number, true or false');
  }
}

const QUOTED = `'(?:\\\\'|[^'])*'|"(?:\\\\"|[^"])*"|\`(?:\\\\\`|[^\`])*\``;

/** What can stand at the beginning of a line, the first that fits; the dotenv package alone skips what it cannot read. */
const BLANK = /[ \t]*(?:#.*)?$/my;
const ASSIGNMENT = new RegExp(
  `[ \\t]*(?:export[ \\t]+)?([\\w.-]+)(?:[ \\t]*=|:[ \\t])[ \\t]*(?:(${QUOTED})[ \\t]*(?:#.*)?|([^\\n]*?)[ \\t]*(?:(?<=[\\s=])#.*)?)$`,
  'my',
);

/** One statement of a dotenv text, or one line that is none. */
export interface DotenvPiece {
  /** As it is written, without the line break at its end. */
  text: string;
  /** Number of its first line, from 1. */
  line: number;
  /** Null for an empty line or a comment. */
  name: string | null;
  value: string;
}

/**
 * Take a dotenv text apart.
 * @param file - what the text is called in an error
 * @returns its pieces in order: joined by line breaks they are the text
 * @throws JamfMcpError INPUT_INVALID with `file:line` and never with a value
 */
export function parseDotenv(given: string, file: string): DotenvPiece[] {
  const text = normalText(given);
  const pieces: DotenvPiece[] = [];
  const names = new Set<string>();
  let line = 1;
  for (let at = 0; at < text.length; at += 1) {
    const found = matchAt(BLANK, text, at) ?? matchAt(ASSIGNMENT, text, at);
    const where = `${file}:${String(line)}`;
    if (!found) throw invalid(where, 'is not NAME=value');
    const [statement, name = null, quoted, bare] = found;
    if (name !== null) {
      if (names.has(name)) throw invalid(where, `gives ${name} a second time`);
      if (quoted === undefined) refuseAmbiguous(where, name, bare ?? '');
      names.add(name);
    }
    pieces.push({ text: statement, line, name, value: name === null ? '' : valueIn(statement, name) });
    line += statement.split('\n').length;
    at += statement.length;
  }
  return pieces;
}

/**
 * Write fields as dotenv.
 * @returns a statement a line, each with the plainest quotes that keep its value; empty for no fields
 * @throws JamfMcpError INPUT_INVALID for what the format cannot hold: a value with all three quotes and a `#` …
 */
export function writeDotenv(fields: Iterable<readonly [name: string, value: string]>): string {
  const statements = [...fields].map(([name, value]) => {
    const escaped = value.replace(/\n/g, '\\n').replace(/\r/g, '\\r');
    // A backslash before the quote that ends a value would let the value run on into the next statement.
    const quoted = ([mark, text]: readonly [string, string]) =>
      text.endsWith('\\') || text.includes(`\\${mark}`) ? null : `${mark}${text}${mark}`;
    const forms = [
      /^[\w.,:/@%+=-]*$/.test(value) ? value : null,
      ...(
        [
          ["'", value],
          ['"', escaped],
          ['"', value],
          ['`', value],
        ] as const
      ).map(quoted),
      value,
    ];
    const statement = forms
      .filter((form) => form !== null)
      .map((form) => `${name}=${form}`)
      .find((candidate) => reads(`${candidate}\nA='a'\nB="b"\nC=\`c\``, name, value));
    if (statement !== undefined) return `${statement}\n`;
    throw new JamfMcpError(
      'INPUT_INVALID',
      `the dotenv format cannot hold the field ${name}: its name, or the quotes and backslashes in its value`,
      'choose another format, such as json',
    );
  });
  return statements.join('');
}

/** Whether the text gives that value, as we and as the dotenv package read it, whatever quotes follow it. */
function reads(text: string, name: string, value: string): boolean {
  try {
    const [piece, ...rest] = parseDotenv(text, '');
    return piece?.name === name && piece.value === value && rest.length === 3 && parse(text)[name] === value;
  } catch {
    return false; // what cannot be read is not what was to be written
  }
}

/** `__proto__` is no name to the package that reads the value: what it gives for it is not of the text. */
function valueIn(statement: string, name: string): string {
  const read = parse(statement);
  return Object.hasOwn(read, name) ? (read[name] ?? '') : '';
}

/** Bare values that dotenv would cut or take with their quotes: a credential must not be stored so. */
function refuseAmbiguous(where: string, name: string, bare: string): void {
  if (bare.includes('#')) throw invalid(where, `has a # in the value of ${name}, which begins a comment`);
  if (/^['"`]/.test(bare))
    throw invalid(where, `has a value of ${name} whose quotes are not closed, or are followed by more`);
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

const invalid = (where: string, what: string, hint = "write NAME='value' on a line, with quotes around # and spaces") =>
  new JamfMcpError('INPUT_INVALID', `${where} ${what}`, hint);
