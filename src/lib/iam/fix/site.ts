/** What a repair gets to see, and what it gives back. */
import type { Catalogue } from '../catalogue.ts';
import type { Problem } from '../finding.ts';
import type { Need } from '../need.ts';
import type { Condition, Policy, Statement } from '../policy.ts';
import { entryOf, isScalar, type ArrayNode, type Entry, type Node, type ObjectNode, type Range } from '../tree.ts';
import { addEntry, nodeAt, removeEntry, rename, replaceScalar, type Edit, type Value } from './edit.ts';

/** One finding in its file. */
export interface Site {
  /** Text of the file. */
  file: string;
  format: 'json' | 'yaml';
  /** As it is written: functions of templates not replaced. */
  root: Node;
  /** Null for what is wrong with the file itself. */
  policy: Policy | null;
  /** The statement that the finding is in. */
  statement: Statement | null;
  problem: Problem;
  /** What is known to be needed; null where nobody said. */
  needs: readonly Need[] | null;
  /** The account that the policies are in; null where nobody said. */
  account: string | null;
  catalogue: Catalogue;
}

/** A way to put one finding right. */
export interface Proposal {
  edits: readonly (Edit | null)[];
  /** What it does, lower case, no full stop. */
  what: string;
  /**
   * Whether one of several meanings is taken. Then it is only made where what is needed is known, because nothing else
   * can tell that it is the right one.
   */
  guess?: boolean;
}

/** Puts one finding right; a string says why that is left to a person; null: there is no such repair for this one. */
export type Repair = (site: Site) => Proposal | string | null;

/** The object that holds an element with that name at that place. */
export function ownerOf(root: Node, keyRange: Range): { node: ObjectNode; entry: Entry } | null {
  const open: Node[] = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.range.start > keyRange.start || node.range.end < keyRange.end) continue;
    if (node.kind === 'array') open.push(...node.items);
    if (node.kind !== 'object') continue;
    for (const entry of node.entries) {
      if (entry.keyRange.start === keyRange.start && entry.keyRange.end === keyRange.end) return { node, entry };
      open.push(entry.value);
    }
  }
  return null;
}

/** The statement as it is written. */
export function rawStatement({ root, statement }: Site): ObjectNode | null {
  const node = statement && nodeAt(root, statement.range);
  return node?.kind === 'object' ? node : null;
}

/** The list as it is written that holds what stands at `item`, and that member of it. */
export function rawItem(root: Node, list: Range, item: Range): { list: ArrayNode; item: Node } | null {
  const node = nodeAt(root, list);
  if (node?.kind !== 'array') return null;
  const found = node.items.find(({ range }) => range.start === item.start && range.end === item.end);
  return found ? { list: node, item: found } : null;
}

/** The condition that the finding is in. */
export function conditionAt({ statement, problem }: Site): Condition | null {
  const { start, end } = problem.at.range;
  return (
    statement?.conditions.find(
      ({ key, range }) => key.range.start <= start && Math.max(range.end, key.range.end) >= end,
    ) ?? null
  );
}

/** A node as a value to be written; null where a function of a template is in it. */
export function valueOf(node: Node): Value | null {
  if (isScalar(node)) return node.text;
  if (node.kind === 'object') return null;
  const items = node.items.map(valueOf);
  return items.every((item) => item !== null) ? items : null;
}

/**
 * Compare a condition's key by another operator: the operator is renamed where it has this key alone, else the key moves.
 * @param value - in the place of its values; null: they stay
 */
export function changeOperator(
  site: Site,
  condition: Condition,
  operator: string,
  value: string | null = null,
): Edit[] | null {
  const statement = rawStatement(site);
  const block = statement && entryOf(statement, 'Condition');
  if (block?.value.kind !== 'object') return null;
  const from = entryOf(block.value, condition.operatorText);
  if (from?.value.kind !== 'object') return null;
  const key = from.value.entries.find(({ keyRange }) => keyRange.start === condition.key.range.start);
  if (!key) return null;
  const { file } = site;
  const to = block.value.entries.find((entry) => entry.key.toLowerCase() === operator.toLowerCase());
  if (!to && from.value.entries.length === 1) {
    return [
      rename(file, from, operator),
      ...(value === null
        ? []
        : [
            isScalar(key.value)
              ? replaceScalar(file, key.value, value)
              : { range: key.value.range, text: JSON.stringify(value) },
          ]),
    ];
  }
  const moved = value ?? valueOf(key.value);
  if (moved === null || (to && (to.value.kind !== 'object' || entryOf(to.value, key.key)))) return null;
  const removed =
    from.value.entries.length === 1 ? removeEntry(file, block.value, from) : removeEntry(file, from.value, key);
  const added =
    to?.value.kind === 'object'
      ? addEntry(file, to.value, key.key, moved)
      : addEntry(file, block.value, operator, { [key.key]: moved });
  return removed && added ? [removed, added] : null;
}

/** Demand something more of a statement's requests; null where it cannot be written there. */
export function addCondition(site: Site, operator: string, key: string, value: Value): Edit | null {
  const statement = rawStatement(site);
  if (!statement) return null;
  const condition = entryOf(statement, 'Condition');
  if (!condition) return addEntry(site.file, statement, 'Condition', { [operator]: { [key]: value } });
  if (condition.value.kind !== 'object') return null;
  const block = condition.value.entries.find((entry) => entry.key.toLowerCase() === operator.toLowerCase());
  if (!block) return addEntry(site.file, condition.value, operator, { [key]: value });
  if (block.value.kind !== 'object') return null;
  return block.value.entries.some((entry) => entry.key.toLowerCase() === key.toLowerCase())
    ? null
    : addEntry(site.file, block.value, key, value);
}

/** What stands for the six characters at the end of a secret's ARN. */
export const SUFFIX = '-??????';

/** An ARN of a secret with its six characters, as a pattern that outlives the secret. */
export const forSecret = (arn: string): string =>
  /^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:.*-[A-Za-z0-9]{6}$/.test(arn) ? `${arn.slice(0, -7)}${SUFFIX}` : arn;
