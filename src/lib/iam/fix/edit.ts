/** Edits of a file's text at the places that the tree knows; everything else stays as it is, byte for byte. */
import {
  itemsOf,
  type ArrayNode,
  type Entry,
  type Node,
  type ObjectNode,
  type Range,
  type ScalarNode,
} from '../tree.ts';

/** Put `text` where the range is. An empty range is a place between two characters. */
export interface Edit {
  range: Range;
  text: string;
}

/** What is to be written into a file. */
export type Value = string | readonly Value[] | { readonly [key: string]: Value };

/** Make the edits of a text. They must not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { range, text: put } of [...edits].sort((a, b) => a.range.start - b.range.start)) {
    parts.push(text.slice(at, range.start), put);
    at = range.end;
  }
  return [...parts, text.slice(at)].join('');
}

/** Where an offset of the edited text was before; the start of the edit where it is inside one. */
export function offsetBefore(offset: number, edits: readonly Edit[]): number {
  let shift = 0;
  for (const { range, text } of [...edits].sort((a, b) => a.range.start - b.range.start)) {
    const start = range.start + shift;
    if (offset < start) break;
    if (offset < start + text.length) return range.start;
    shift += text.length - (range.end - range.start);
  }
  return offset - shift;
}

/** Whether two edits touch the same place. */
export function overlap(a: Edit, b: Edit): boolean {
  return a.range.start <= b.range.end && b.range.start <= a.range.end;
}

/** Another text in the place of a scalar, in its own quotes. */
export function replaceScalar(file: string, { range }: ScalarNode | { range: Range }, text: string): Edit {
  const old = file.slice(range.start, range.end);
  // Bare in YAML: what the old one held of braces, the new one may hold too.
  const bare = old.includes('${') ? /^[A-Za-z][\w:/.@=+?*${}-]*$/ : /^[A-Za-z][\w:/.@=+?*-]*$/;
  if (!/^["']/.test(old) && bare.test(text) && !text.endsWith(':')) return { range, text };
  if (old.startsWith("'") && !/[\n\r]/.test(text)) return { range, text: `'${text.replaceAll("'", "''")}'` };
  return { range, text: JSON.stringify(text) };
}

/** Some texts in the place of a text or a list, on lines of their own where the list's members were. */
export function replaceValue(file: string, node: Node, texts: readonly string[]): Edit {
  const [only] = texts;
  const first = node.kind === 'array' ? node.items[0] : undefined;
  if (first && !isFlow(file, node)) {
    const lead = file.slice(lineStart(file, first.range.start), first.range.start);
    return {
      range: node.range,
      text: texts
        .map(plain)
        .join(`${newlineOf(file)}${lead.replace(/[^ -]/g, ' ')}`)
        .replace(/^/, '- '),
    };
  }
  if (texts.length === 1 && only !== undefined) return replaceScalar(file, node, only);
  const lead = first ? file.slice(lineStart(file, first.range.start), first.range.start) : 'x';
  const quoted = texts.map((text) => JSON.stringify(text));
  if (!/^[ \t]*$/.test(lead)) return { range: node.range, text: `[${quoted.join(', ')}]` };
  const newline = newlineOf(file);
  const close = /\n([ \t]*)\]$/.exec(file.slice(node.range.start, node.range.end))?.[1];
  return {
    range: node.range,
    text: `[${newline}${quoted.map((text) => `${lead}${text}`).join(`,${newline}`)}${close === undefined ? '' : `${newline}${close}`}]`,
  };
}

/** Another name for an element, in the quotes of the old one. */
export function rename(file: string, { keyRange }: Entry, name: string): Edit {
  return replaceScalar(file, { range: keyRange }, name);
}

/** Take a member out of a list that has others; null where it cannot be cut out cleanly. */
export function removeItem(file: string, list: ArrayNode, item: Node): Edit | null {
  return cut(
    file,
    list,
    list.items.map(({ range }) => range),
    list.items.indexOf(item),
  );
}

/** Take an element out of an object that has others; null where it cannot be cut out cleanly. */
export function removeEntry(file: string, node: ObjectNode, entry: Entry): Edit | null {
  return cut(
    file,
    node,
    node.entries.map(({ keyRange, value }) => ({
      start: keyRange.start,
      end: Math.max(keyRange.end, value.range.end),
    })),
    node.entries.indexOf(entry),
  );
}

function cut(file: string, parent: Node, members: readonly Range[], index: number): Edit | null {
  const [before, member, after] = [members[index - 1], members[index], members[index + 1]];
  if (!member || (!before && !after)) return null;
  if (isFlow(file, parent)) {
    const range = after ? { start: member.start, end: after.start } : { start: before?.end ?? 0, end: member.end };
    // What stands between two members is a comma and white space; anything else is somebody's.
    const kept = after ? file.slice(member.end, after.start) : file.slice(before?.end ?? 0, member.start);
    return /^\s*,\s*$/.test(kept) ? { range, text: '' } : null;
  }
  // A block's members have lines of their own; the first one of a map in a list shares its line with the dash.
  const start = lineStart(file, member.start);
  const lead = file.slice(start, member.start);
  const end = lineEnd(file, member.end);
  if (parent.kind === 'array' ? /^\s*-\s*$/.test(lead) : /^\s*$/.test(lead)) {
    return { range: { start, end: Math.min(file.length, end + 1) }, text: '' };
  }
  return after && /^\s*-\s+$/.test(lead) ? { range: { start: member.start, end: after.start }, text: '' } : null;
}

/** Add an element behind the last one; null where there is none to go by. */
export function addEntry(file: string, node: ObjectNode, key: string, value: Value): Edit | null {
  const last = node.entries.at(-1);
  if (!last) {
    return isFlow(file, node) ? { range: node.range, text: `{ ${JSON.stringify(key)}: ${oneLine(value)} }` } : null;
  }
  return addBehind(file, node, last.keyRange.start, lastEnd(last), (style) => style.entry(key, value));
}

/** Add an element before the first one. */
export function addFirstEntry(file: string, node: ObjectNode, key: string, value: Value): Edit | null {
  const first = node.entries[0];
  if (!first) return null;
  const at = { start: first.keyRange.start, end: first.keyRange.start };
  const lead = file.slice(lineStart(file, at.start), at.start);
  if (!isFlow(file, node)) {
    const indent = ' '.repeat(lead.length);
    return { range: at, text: `${blockStyle(file, indent).entry(key, value)}${newlineOf(file)}${indent}` };
  }
  const own = /^[ \t]*$/.test(lead) && file.slice(node.range.start, at.start).includes('\n');
  const separator = own ? `${newlineOf(file)}${lead}` : ' ';
  return { range: at, text: `${JSON.stringify(key)}: ${oneLine(value)},${separator}` };
}

/** Add a member behind another one of its list. */
export function addItem(file: string, list: ArrayNode, behind: Node, value: Value): Edit | null {
  return addBehind(file, list, behind.range.start, behind.range.end, (style) => style.item(value));
}

const lastEnd = ({ keyRange, value }: Entry): number => Math.max(keyRange.end, value.range.end);

/** How new text is written at a place. */
interface Style {
  entry: (key: string, value: Value) => string;
  item: (value: Value) => string;
}

function addBehind(
  file: string,
  parent: Node,
  memberStart: number,
  memberEnd: number,
  write: (style: Style) => string,
): Edit {
  const newline = newlineOf(file);
  const lead = file.slice(lineStart(file, memberStart), memberStart);
  if (!isFlow(file, parent)) {
    // Behind what else stands on the line, such as a comment.
    const end = lineEnd(file, memberEnd);
    const at = file.charAt(end - 1) === '\r' ? end - 1 : end;
    const indent = parent.kind === 'array' ? lead.replace(/-\s*$/, '') : lead.replaceAll(/[^ ]/g, ' ');
    return { range: { start: at, end: at }, text: `${newline}${indent}${write(blockStyle(file, indent))}` };
  }
  const at = { start: memberEnd, end: memberEnd };
  const lines = /^[ \t]*$/.test(lead) && file.slice(parent.range.start, memberStart).includes('\n');
  if (!lines) return { range: at, text: `, ${write(FLOW)}` };
  // One level deeper, as the file's first indented line is.
  const unit = /\n([ ]{1,8}|\t)(?=\S)/.exec(file)?.[1] ?? '  ';
  const pretty = (value: Value) => JSON.stringify(value, null, unit).replaceAll('\n', `${newline}${lead}`);
  const style: Style = { entry: (key, value) => `${JSON.stringify(key)}: ${pretty(value)}`, item: pretty };
  return { range: at, text: `,${newline}${lead}${write(style)}` };
}

const FLOW: Style = { entry: (key, value) => `${JSON.stringify(key)}: ${oneLine(value)}`, item: oneLine };

/** JSON on one line, with the blanks that people write. */
function oneLine(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(oneLine).join(', ')}]`;
  const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${oneLine(inner)}`);
  return `{ ${members.join(', ')} }`;
}

function blockStyle(file: string, indent: string): Style {
  const newline = newlineOf(file);
  const entry = (key: string, value: Value, at: string): string => {
    if (typeof value === 'string') return `${plain(key)}: ${plain(value)}`;
    const inside = `${at}  `;
    const members = Array.isArray(value)
      ? (value as readonly Value[]).map((member) => `- ${block(member, `${inside}  `)}`)
      : Object.entries(value).map(([name, member]) => entry(name, member, inside));
    return [`${plain(key)}:`, ...members.map((member) => `${inside}${member}`)].join(newline);
  };
  const block = (value: Value, at: string): string => {
    if (typeof value === 'string') return plain(value);
    if (Array.isArray(value)) return oneLine(value);
    return Object.entries(value)
      .map(([key, member]) => entry(key, member, at))
      .join(`${newline}${at}`);
  };
  return {
    entry: (key, value) => entry(key, value, indent),
    item: (value) => `- ${block(value, `${indent}  `)}`,
  };
}

/** As YAML, bare where that reads as the same string. */
function plain(text: string): string {
  return /^[A-Za-z][\w./+@=-]*(?::[\w./+@=-]+)*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);
}

/** JSON, or YAML in brackets. */
export function isFlow(file: string, { range }: Node): boolean {
  return '{['.includes(file.charAt(range.start) || ' ');
}

const newlineOf = (file: string): string => (/\r?\n/.exec(file)?.[0] === '\r\n' ? '\r\n' : '\n');

const lineStart = (file: string, at: number): number => file.lastIndexOf('\n', at - 1) + 1;

function lineEnd(file: string, at: number): number {
  const end = file.indexOf('\n', at);
  return end === -1 ? file.length : end;
}

/**
 * The node with exactly that range; the string inside it where it is `Fn::Sub` of one.
 * @param root - of the file, functions of templates not replaced
 */
export function nodeAt(root: Node, range: Range): Node | null {
  let node: Node | undefined = root;
  while (node && !(node.range.start === range.start && node.range.end === range.end)) {
    const members: readonly Node[] =
      node.kind === 'object' ? node.entries.map(({ value }) => value) : node.kind === 'array' ? node.items : [];
    node = members.find((member) => member.range.start <= range.start && member.range.end >= range.end);
  }
  return node ?? null;
}

/** The scalar that holds a text of the policy: itself, or the template of its `Fn::Sub`; null where another function makes it. */
export function scalarAt(root: Node, range: Range): ScalarNode | null {
  let node = nodeAt(root, range);
  if (node?.kind === 'object') {
    const [only] = node.entries;
    if (node.entries.length !== 1 || only?.key !== 'Fn::Sub') return null;
    node = itemsOf(only.value)[0] ?? null;
  }
  return node && node.kind !== 'object' && node.kind !== 'array' ? node : null;
}
