/** Elements by name, and the kinds of their values. */
import type { Rule } from '../finding.ts';
import { nearest } from '../nearest.ts';
import type { Entry, Node, ObjectNode, Path } from '../tree.ts';
import { quoted, REFUSED, type CheckContext } from './check.ts';

/** Make a rule about what AWS does not take. */
export const error = (id: string, code: string | null, title: string, fix: string, why = REFUSED): Rule => ({
  id,
  code,
  kind: 'error',
  severity: 'high',
  title,
  why,
  fix,
});

const UNKNOWN_ELEMENT = error(
  'unknown-element',
  'INVALID_POLICY_ELEMENT',
  'an element that policies do not have',
  'Remove it, or correct its name; case counts.',
);
const OTHER_CASE = error(
  'duplicate-key-case',
  'DUPLICATE_KEYS_WITH_DIFFERENT_CASE',
  'two elements or condition keys differ in case alone',
  'Keep one of them: elements in the proper case, condition keys in any.',
);
/** A value of the wrong kind. */
export const WRONG_TYPE = error(
  'wrong-type',
  'DATA_TYPE_MISMATCH',
  'a value of the wrong kind',
  'Write the kind of value that the element takes.',
);

/** Rules of this file. */
export const ELEMENT_RULES: readonly Rule[] = [UNKNOWN_ELEMENT, OTHER_CASE, WRONG_TYPE];

/** Elements of a policy. */
export const POLICY_ELEMENTS: readonly string[] = ['Version', 'Id', 'Statement'];
/** Elements of a statement. */
export const STATEMENT_ELEMENTS: readonly string[] = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
];

/** An element of an object, by its exact name. */
export const find = (node: ObjectNode, key: string): Entry | undefined =>
  node.entries.find((entry) => entry.key === key);

/** The kind of a node, inside a message. */
export const described = (node: Node): string =>
  node.kind === 'array'
    ? 'a list'
    : node.kind === 'object'
      ? 'an object'
      : node.kind === 'null'
        ? 'null'
        : `a ${node.kind}`;

/** Keys of an object that differ in case alone. */
export function checkTwins(node: ObjectNode, path: Path, context: CheckContext): void {
  const lower = new Map<string, string>();
  for (const { key, keyRange } of node.entries) {
    const twin = lower.get(key.toLowerCase());
    if (twin !== undefined && twin !== key)
      context.report(
        OTHER_CASE,
        { path: [...path, key], range: keyRange },
        `${quoted(twin)} and ${quoted(key)} differ in case alone`,
      );
    lower.set(key.toLowerCase(), key);
  }
}

/** The names of an object's elements. */
export function checkElements(node: ObjectNode, path: Path, known: readonly string[], context: CheckContext): void {
  checkTwins(node, path, context);
  for (const { key, keyRange } of node.entries) {
    if (known.includes(key)) continue;
    const at = { path: [...path, key], range: keyRange };
    const meant = known.find((name) => name.toLowerCase() === key.toLowerCase()) ?? nearest(key, known);
    context.report(
      UNKNOWN_ELEMENT,
      at,
      `there is no element ${quoted(key)} here${meant === null ? '' : `: ${meant} may be meant`}`,
    );
  }
}

/** Demand a string. */
export function expectScalar(node: Node, path: Path, name: string, context: CheckContext): void {
  if (node.kind !== 'string')
    context.report(WRONG_TYPE, { path, range: node.range }, `${name} is a string, not ${described(node)}`);
}
