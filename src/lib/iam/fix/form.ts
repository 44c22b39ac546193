/** Repairs of the form: what AWS refuses although it is plain what was written. */
import { POLICY_ELEMENTS, STATEMENT_ELEMENTS } from '../rules/grammar-elements.ts';
import type { Policy } from '../policy.ts';
import { entryOf, isScalar, type Node } from '../tree.ts';
import { addFirstEntry, nodeAt, removeEntry, removeItem, rename, replaceScalar, scalarAt } from './edit.ts';
import { ownerOf, rawItem, rawStatement, type Repair } from './site.ts';

const LANGUAGE = '2012-10-17';

const byteOrderMark: Repair = ({ problem }) => ({
  edits: [{ range: problem.at.range, text: '' }],
  what: 'take the byte-order mark away',
});

/** By the start of what the reader says. */
const SYNTAX: readonly (readonly [message: string, repair: Repair])[] = [
  [
    'a comma before the closing bracket',
    ({ problem }) => ({ edits: [{ range: problem.at.range, text: '' }], what: 'take the comma away' }),
  ],
  [
    'a comma is missing before this',
    ({ file, problem }) => {
      const at = file.slice(0, problem.at.range.start).trimEnd().length;
      return { edits: [{ range: { start: at, end: at }, text: ',' }], what: 'put the comma in' };
    },
  ],
  [
    'strings stand in double quotes',
    ({ file, problem }) => {
      const written = file.slice(problem.at.range.start, problem.at.range.end);
      // One whose end was only guessed stays.
      const inside = /^['“”„‘’«`]([^'“”„‘’«»`"\\\n\r]*)['“”"’»`]$/.exec(written)?.[1];
      if (inside === undefined) return 'where the string ends cannot be told';
      return { edits: [{ range: problem.at.range, text: `"${inside}"` }], what: 'write plain double quotes' };
    },
  ],
  ['JSON has no comments', () => 'a comment would be lost: take it out, or keep the policy in YAML'],
];

const syntax: Repair = (site) => {
  if (site.format !== 'json') return null;
  return SYNTAX.find(([message]) => site.problem.message.startsWith(message))?.[1](site) ?? null;
};

const duplicateKey: Repair = ({ file, root, problem }) => {
  const found = ownerOf(root, problem.at.range);
  if (!found) return null;
  const first = entryOf(found.node, found.entry.key);
  if (!first || first === found.entry || canonical(first.value) !== canonical(found.entry.value)) {
    return 'the two have different values';
  }
  return { edits: [removeEntry(file, found.node, found.entry)], what: `take the second ${found.entry.key} away` };
};

const elementCase: Repair = ({ file, root, problem }) => {
  const found = ownerOf(root, problem.at.range);
  if (!found) return null;
  const { node, entry } = found;
  const known = entryOf(node, 'Statement') ? POLICY_ELEMENTS : STATEMENT_ELEMENTS;
  const proper = known.find((name) => name.toLowerCase() === entry.key.toLowerCase());
  if (proper === undefined || entryOf(node, proper)) return null;
  return { edits: [rename(file, entry, proper)], what: `write ${proper}` };
};

const version: Repair = (site) => {
  const { file, root, policy } = site;
  const node = policy && nodeAt(root, policy.range);
  if (policy === null || node?.kind !== 'object') return null;
  if (hasVariable(policy.node)) return '${…} would become a variable, which it is not now';
  const given = entryOf(node, 'Version');
  const edit = given
    ? isScalar(given.value)
      ? replaceScalar(file, given.value, LANGUAGE)
      : null
    : addFirstEntry(file, node, 'Version', LANGUAGE);
  return { edits: [edit], what: `write Version ${LANGUAGE}` };
};

/** Whether any text below a node holds what would be a variable. */
function hasVariable(node: Node): boolean {
  if (isScalar(node)) return node.text.includes('${');
  return (node.kind === 'array' ? node.items : node.entries.map(({ value }) => value)).some(hasVariable);
}

const effect: Repair = ({ file, root, problem }) => {
  const node = nodeAt(root, problem.at.range);
  if (!node || !isScalar(node)) return null;
  const proper = ['Allow', 'Deny'].find((name) => name.toLowerCase() === node.text.trim().toLowerCase());
  return proper === undefined ? null : { edits: [replaceScalar(file, node, proper)], what: `write ${proper}` };
};

const sidCharacters: Repair = (site) => {
  const { file, root, policy, problem } = site;
  const node = scalarAt(root, problem.at.range);
  const name = node?.text.replaceAll(/[^A-Za-z0-9]/g, '') ?? '';
  if (!node || name === '' || taken(policy, name)) return 'no Sid of its own is left of it';
  return { edits: [replaceScalar(file, node, name)], what: `write Sid ${name}` };
};

const sidTwice: Repair = ({ file, root, policy, problem }) => {
  const node = scalarAt(root, problem.at.range);
  if (!node) return null;
  let number = 2;
  while (taken(policy, `${node.text}${String(number)}`)) number += 1;
  const name = `${node.text}${String(number)}`;
  return { edits: [replaceScalar(file, node, name)], what: `write Sid ${name}` };
};

const taken = (policy: Policy | null, name: string): boolean =>
  policy?.statements.some(({ sid }) => sid?.text === name) ?? false;

const nullIfExists: Repair = ({ file, root, problem }) => {
  const found = ownerOf(root, problem.at.range);
  return found && !entryOf(found.node, 'Null')
    ? { edits: [rename(file, found.entry, 'Null')], what: 'write Null' }
    : null;
};

const trustResource: Repair = (site) => {
  const node = rawStatement(site);
  const entry = node?.entries.find(({ keyRange }) => keyRange.start === site.problem.at.range.start);
  if (!node || entry?.key !== 'Resource') return null;
  if (canonical(entry.value) !== '"*"') return 'a trust policy is about its own role, and this names something';
  return { edits: [removeEntry(site.file, node, entry)], what: 'take Resource away' };
};

/** The same text twice in one list; what a wildcard covers may be what was really meant, so that stays. */
const sameTwice =
  (element: 'actions' | 'resources'): Repair =>
  ({ file, root, statement, problem }) => {
    const list = statement?.[element];
    if (!list) return null;
    const seen = new Set<string>();
    for (const { text, range } of [problem.at, ...problem.also].flatMap(
      ({ range: at }) => list.values.find((value) => value.range.start === at.start) ?? [],
    )) {
      const key = element === 'actions' ? text.toLowerCase() : text;
      const found = seen.has(key) ? rawItem(root, list.range, range) : null;
      seen.add(key);
      if (found) return { edits: [removeItem(file, found.list, found.item)], what: 'take the second one away' };
    }
    return 'the narrower one may be what is meant, or the broader one';
  };

const sameStatement: Repair = ({ file, root, policy, statement, problem }) => {
  const [other] = problem.also;
  const list = policy && nodeAt(root, policy.range);
  const all = list?.kind === 'object' ? entryOf(list, 'Statement')?.value : null;
  if (!statement || !other || all?.kind !== 'array') return null;
  const at = (start: number) => all.items.find(({ range }) => range.start === start);
  const [one, two] = [at(statement.range.start), at(other.range.start)];
  if (!one || !two || canonical(one, 'Sid') !== canonical(two, 'Sid')) {
    return 'the narrower statement may be what is meant, or the broader one';
  }
  return { edits: [removeItem(file, all, one)], what: 'take the second statement away' };
};

/** A node as one text, whatever the order of its elements. */
function canonical(node: Node, but = ''): string {
  if (isScalar(node)) return JSON.stringify(node.text);
  if (node.kind === 'array') {
    const items = node.items.map((item) => canonical(item));
    return items.length === 1 ? (items[0] ?? '') : `[${items.join(',')}]`;
  }
  const entries = node.entries.filter(({ key }) => key !== but);
  return `{${entries
    .map(({ key, value }) => `${JSON.stringify(key)}:${canonical(value)}`)
    .sort()
    .join(',')}}`;
}

/** Repairs of this file, by rule. */
export const FORM_REPAIRS: Readonly<Record<string, Repair>> = {
  'byte-order-mark': byteOrderMark,
  syntax,
  'duplicate-key': duplicateKey,
  'unknown-element': elementCase,
  'missing-version': version,
  'old-version': version,
  'invalid-version': version,
  'invalid-effect': effect,
  'invalid-sid': sidCharacters,
  'duplicate-sid': sidTwice,
  'duplicate-sid-recommended': sidTwice,
  'null-if-exists': nullIfExists,
  'trust-policy-resource': trustResource,
  'redundant-action': sameTwice('actions'),
  'redundant-resource': sameTwice('resources'),
  'redundant-statement': sameStatement,
};
