/** Whether a change of a file's policies may be made. */
import type { Catalogue } from '../catalogue.ts';
import { evaluate } from '../evaluate.ts';
import { SEVERITIES, type Problem } from '../finding.ts';
import type { Need } from '../need.ts';
import { policyFrom, type Policy } from '../policy.ts';
import { POLICY_ELEMENTS, STATEMENT_ELEMENTS } from '../rules/grammar-elements.ts';
import type { Document } from '../source.ts';
import { entryOf, isScalar, pathText, type Node, type ObjectNode } from '../tree.ts';
import { gains, type Gain } from './access.ts';
import { forSecret } from './site.ts';

/** A file, and what is found in it. */
export interface State {
  document: Document;
  problems: readonly Problem[];
}

/** What else bears on it. */
export interface Circumstances {
  /** The other files of the same principal. */
  others: readonly Document[];
  needs: readonly Need[] | null;
  catalogue: Catalogue;
}

/**
 * Judge a change.
 * @param fixed - the findings that it is to put right
 * @returns null where it may be made; else why not, lower case, no full stop
 */
export function judge(
  before: State,
  after: State,
  fixed: readonly Problem[],
  circumstances: Circumstances,
): string | null {
  const old = before.document.policies;
  const now = after.document.policies;
  const paths = (policies: readonly Policy[]) => policies.map(({ path }) => pathText(path)).join('\n');
  if (paths(old) !== paths(now)) return 'the file would read as other policies';
  const { needs, catalogue, others } = circumstances;
  const elsewhere = others.flatMap(({ policies }) => policies);
  const served = (needs ?? []).filter((need) => serves([...elsewhere, ...old], need));
  const intended = old.map(meant);
  const refused = after.problems.some(({ rule }) => MISREAD.includes(rule.id));
  const missing = (needs ?? []).filter((need) => !serves([...elsewhere, ...intended], need));
  const won = missing.filter((need) => serves([...elsewhere, ...now], need));
  const single = (key: string) => catalogue.key(key)?.multivalued === false;
  for (const [index, policy] of now.entries()) {
    const was = intended[index];
    if (!was) continue;
    // What the case of a name hides now, a later repair may bring to light, so it is judged already here.
    const read = refused ? [policy, meant(policy)] : [policy];
    const more = read.flatMap((one) => gains([was], one, single)).find((gain) => !isNeeded(gain, won));
    if (more) return `it would allow ${more.action} on ${more.resource}, which the policy does not allow now`;
  }
  const lost = served.find((need) => !serves([...elsewhere, ...now], need));
  if (lost) return `${lost.action} on ${lost.resource} would be lost, which is needed: ${lost.why}`;
  return worse(before.problems, after.problems, fixed);
}

/** Rules about what is read otherwise than it is meant. */
const MISREAD = ['unknown-element', 'invalid-effect', 'duplicate-key-case'];

/**
 * The policy as it is meant where AWS refuses it for the case of an element or an effect alone: nobody has rights by it
 * yet, so what it says is what a repair is measured by.
 */
function meant({ node, path, type, origin }: Policy): Policy {
  return policyFrom(proper(node, POLICY_ELEMENTS), path, type, origin);
}

function proper(node: ObjectNode, elements: readonly string[]): ObjectNode {
  const entries = node.entries.map(({ key, keyRange, value }) => {
    const name = elements.find((one) => one.toLowerCase() === key.toLowerCase());
    const known = name !== undefined && !entryOf(node, name) ? name : key;
    return {
      key: known,
      keyRange,
      value: known === 'Statement' ? statements(value) : known === 'Effect' ? effect(value) : value,
    };
  });
  return { ...node, entries };
}

function statements(node: Node): Node {
  if (node.kind === 'array') return { ...node, items: node.items.map(statements) };
  return node.kind === 'object' ? proper(node, STATEMENT_ELEMENTS) : node;
}

function effect(node: Node): Node {
  if (!isScalar(node)) return node;
  const name = ['Allow', 'Deny'].find((one) => one.toLowerCase() === node.text.trim().toLowerCase());
  return name === undefined ? node : { ...node, text: name };
}

/** Something that was meant and never worked, such as the ARN of a secret without its suffix: it counts where a need missed it and has it now. */
function isNeeded({ statement, action, resource }: Gain, won: readonly Need[]): boolean {
  return (
    statement !== null &&
    won.some(
      (need) =>
        need.action.toLowerCase() === action.toLowerCase() &&
        (need.resource === resource || forSecret(need.resource) === resource),
    )
  );
}

/** Whether the identity policies among some allow what is needed. */
function serves(policies: readonly Policy[], { action, resource, context }: Need): boolean {
  // Whoever it is: the principal is not named in its own policies, and its account is that of what it needs.
  const account = /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(resource)?.[1] ?? '111122223333';
  const caller = { arn: `arn:aws:iam::${account}:role/principal`, account };
  const identity = policies.filter(({ type }) => type === 'identity');
  return evaluate({ caller, action, resource, context }, { identity }).verdict === 'allow';
}

/** Whether findings stay that were to go, or errors and worse ones come. */
function worse(before: readonly Problem[], after: readonly Problem[], fixed: readonly Problem[]): string | null {
  const count = (problems: readonly Problem[], rule: string) =>
    problems.filter((problem) => problem.rule.id === rule).length;
  // What AWS refused hid what it grants: that such findings show now is no fault of the repair.
  const form = fixed.some(({ rule }) => rule.kind === 'error');
  const worst = form ? -1 : Math.min(...fixed.map(({ severity }) => SEVERITIES.indexOf(severity)));
  for (const { rule } of fixed) {
    if (count(after, rule.id) >= count(before, rule.id)) return 'the finding would stay';
  }
  for (const { rule, severity } of after) {
    if (rule.kind !== 'error' && SEVERITIES.indexOf(severity) > worst) continue;
    if (count(after, rule.id) > count(before, rule.id)) return `another finding would come: ${rule.title}`;
  }
  return null;
}
