/**
 * What JSON and YAML are read into: a tree in which everything knows where it stands. Both keys of a duplicate stay, in
 * the order of the file. What CloudFormation fills in at deployment is a hole: see {@link HOLE}.
 */

/** A stretch of the text: UTF-16 offsets, the end exclusive. */
export interface Range {
  start: number;
  end: number;
}

/** The way from the root of the file: names of elements and indices of lists. */
export type Path = readonly (string | number)[];

/** A name and its value. */
export interface Entry {
  key: string;
  keyRange: Range;
  value: Node;
}

/** An object. */
export interface ObjectNode {
  kind: 'object';
  range: Range;
  entries: Entry[];
}

/** A list. */
export interface ArrayNode {
  kind: 'array';
  range: Range;
  items: Node[];
}

/** A string, number, boolean or null. `text` is how the value reads as a string; each {@link HOLE} in it is named in `holes`. */
export interface ScalarNode {
  kind: 'string' | 'number' | 'boolean' | 'null';
  range: Range;
  text: string;
  holes: readonly string[];
}

/** Anything in the tree. */
export type Node = ObjectNode | ArrayNode | ScalarNode;

/**
 * Stands in a text for what nobody knows before deployment, such as the value of `Ref`: one character of the private
 * use area, which no policy may hold.
 */
export const HOLE = '\uE000';

const NONE: readonly string[] = [];

/** A scalar without holes. */
export function scalar(kind: ScalarNode['kind'], text: string, range: Range): ScalarNode {
  return { kind, text, range, holes: NONE };
}

/** The first entry of that name. */
export function entryOf(node: ObjectNode, key: string): Entry | null {
  for (const entry of node.entries) if (entry.key === key) return entry;
  return null;
}

/** Whether it is one of the four scalars. */
export function isScalar(node: Node): node is ScalarNode {
  return node.kind !== 'object' && node.kind !== 'array';
}

/** The members of a list, or the one value that stands in the place of a list. */
export function itemsOf(node: Node): readonly Node[] {
  return node.kind === 'array' ? node.items : [node];
}

/** A text as people write it: each hole as `${name}`. */
export function shown(text: string, holes: readonly string[]): string {
  let next = 0;
  return holes.length === 0 ? text : text.replaceAll(HOLE, () => `\${${holes[next++] ?? '?'}}`);
}

/**
 * A path as it is written in findings: `Statement[1].Condition.StringEquals["aws:ViaAWSService"]`.
 * The root is the empty string.
 */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${String(step)}]`;
      if (!/^[A-Za-z_][\w-]*$/.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}
