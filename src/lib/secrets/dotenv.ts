/** Reading fields from a text: a dotenv file, or a JSON object. */
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
  const clean = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  return clean.trimStart().startsWith('{') ? parseJson(clean, file) : parseDotenv(clean, file);
}

function parseJson(text: string, file: string): Record<string, string> {
  try {
    JSON.parse(text);
  } catch (error) {
    // Only the place is taken from the message: V8 quotes the text around it.
    const line = /\(line (\d+)/.exec(messageOf(error))?.[1];
    throw invalid(line ? `${file}:${line}` : file, 'is not JSON', 'correct the text; a dotenv file will do as well');
  }
  try {
    return Object.fromEntries(decodeFields(text, file));
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

function parseDotenv(text: string, file: string): Record<string, string> {
  const values = new Map<string, string>();
  for (let at = 0; at < text.length; at += 1) {
    const blank = matchAt(BLANK, text, at);
    const found = blank ?? matchAt(ASSIGNMENT, text, at);
    const where = `${file}:${String(text.slice(0, at).split('\n').length)}`;
    if (!found) throw invalid(where, 'is not NAME=value');
    const [statement, name, quoted, bare] = found;
    if (name !== undefined) {
      if (values.has(name)) throw invalid(where, `gives ${name} a second time`);
      if (quoted === undefined) refuseAmbiguous(where, name, bare ?? '');
      values.set(name, parse(statement)[name] ?? '');
    }
    at += statement.length;
  }
  return Object.fromEntries(values);
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
