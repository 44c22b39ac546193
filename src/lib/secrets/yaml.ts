/** Reads and writes YAML. A module of its own, so that the library is loaded only where it is needed. */
import { isAlias, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { JamfMcpError } from '../errors.ts';
import { invalid, type Entry } from './formats.ts';

export { stringify } from 'yaml';

/**
 * Read names and values. JSON is YAML, and this reader knows the line of everything and the digits of a number.
 * @param file - what the text is called in an error
 * @throws JamfMcpError INPUT_INVALID with `file:line`
 */
export function readYaml(text: string, file: string): Entry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => `${file}:${String(lines.linePos(offset).line)}`;
  const [broken] = document.errors;
  if (broken)
    throw invalid(at(broken.pos[0]), broken.code === 'DUPLICATE_KEY' ? 'gives a name a second time' : 'is not YAML');

  const entries: Entry[] = [];
  const visit = (given: unknown, path: readonly string[], start: number): void => {
    const node = isAlias(given) ? given.resolve(document) : given;
    const name = path.join('_');
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        if (!isScalar(key)) throw invalid(at(start), `has a name that is no text in ${name || 'it'}`);
        visit(value, [...path, key.source ?? String(key.value)], key.range?.[0] ?? start);
      }
    } else if (isScalar(node) && path.length > 0) {
      entries.push({
        name,
        value: textOf(node.value, node.source, () => invalid(at(start), `has no value for ${name}`)),
        where: at(start),
      });
    } else if (node === null && path.length > 0) {
      entries.push({ name, value: '', where: at(start) });
    } else {
      throw invalid(
        at(start),
        path.length > 0 ? `has a list, which no field can hold: ${name}` : 'is not a table of names and values',
      );
    }
  };
  visit(document.contents, [], 0);
  return entries;
}

/** A scalar as it was written; an empty one is empty, an explicit null is none. */
function textOf(value: unknown, source: string | undefined, missing: () => JamfMcpError): string {
  if (typeof value === 'string') return value;
  if (value === null && source !== undefined && source !== '') throw missing();
  return source ?? '';
}
