/** A policy as AWS takes it: JSON, whatever it was written in. */
import type { Policy } from '../policy.ts';
import type { Source } from '../source.ts';
import { HOLE, isScalar, type Node } from '../tree.ts';

/**
 * The text of a policy.
 * @returns null where deployment fills in a part of it: AWS would judge something else
 */
export function policyText({ node, range }: Policy, source: Source): string | null {
  if (hasHoles(node)) return null;
  const text = source.text.slice(range.start, range.end);
  return text.startsWith('{') && parses(text) ? text : JSON.stringify(valueOf(node), null, 2);
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function hasHoles(node: Node): boolean {
  if (isScalar(node)) return node.text.includes(HOLE);
  return node.kind === 'array' ? node.items.some(hasHoles) : node.entries.some(({ value }) => hasHoles(value));
}

function valueOf(node: Node): unknown {
  if (node.kind === 'array') return node.items.map(valueOf);
  if (node.kind === 'object') return Object.fromEntries(node.entries.map(({ key, value }) => [key, valueOf(value)]));
  if (node.kind === 'null') return null;
  if (node.kind === 'boolean') return node.text === 'true';
  return node.kind === 'number' ? Number(node.text) : node.text;
}
