/**
 * The normal form of a policy: what rules, evaluation and generation work on. It is as complete as the document allows:
 * what has the wrong shape is left out here, and the grammar rules report it from the tree.
 */
import { parseOperator, type Operator } from './operators.ts';
import {
  entryOf,
  isScalar,
  itemsOf,
  type Entry,
  type Node,
  type ObjectNode,
  type Path,
  type Range,
  type ScalarNode,
} from './tree.ts';

/** What a policy is attached to; boundaries and session policies are identity policies. `kms` is a key policy. */
export const POLICY_TYPES = ['identity', 'resource', 'trust', 'kms', 'scp'] as const;
export type PolicyType = (typeof POLICY_TYPES)[number];

/** A string of the policy, with its place; each `HOLE` in the text is named in `holes`. */
export interface Text {
  text: string;
  holes: readonly string[];
  readonly path: Path;
  range: Range;
}

/** Actions or resources. */
export interface Elements {
  /** NotAction or NotResource. */
  not: boolean;
  values: readonly Text[];
  path: Path;
  /** Of the value: the string or the list. */
  range: Range;
}

/** Whom a statement names. */
export interface Principal {
  /** `AWS`, `Service`, `Federated`, `CanonicalUser`; `*` for `"Principal": "*"`; else as written. */
  kind: string;
  value: Text;
}

/** The principals of a statement. */
export interface Principals {
  /** NotPrincipal. */
  not: boolean;
  values: readonly Principal[];
  path: Path;
  range: Range;
}

/** One key of a condition block. All conditions of a statement must hold, and one value of each. */
export interface Condition {
  /** As written. */
  operatorText: string;
  /** Null where there is no such operator. */
  operator: Operator | null;
  /** Place and text of the key. */
  key: Text;
  values: readonly Text[];
  /** Of the value or the list of values. */
  range: Range;
  path: Path;
}

/** One statement. */
export interface Statement {
  index: number;
  node: ObjectNode;
  path: Path;
  range: Range;
  sid: Text | null;
  /** Null where it is missing or neither Allow nor Deny. */
  effect: 'Allow' | 'Deny' | null;
  principals: Principals | null;
  actions: Elements | null;
  resources: Elements | null;
  conditions: readonly Condition[];
}

/** What else is known of a policy. */
export interface Origin {
  /** What people call it: the logical id of a template's resource, the name of a role's inline policy; empty for a file of its own. */
  name: string;
  /** Type of the thing that it is attached to, such as `AWS::SecretsManager::ResourcePolicy`; empty where unknown. */
  attachedTo: string;
  /** Inside a template: intrinsics are holes. */
  template: boolean;
}

/** A policy. */
export interface Policy {
  type: PolicyType;
  /** As written; null where absent: the language of 2008 applies. */
  version: Text | null;
  statements: readonly Statement[];
  node: ObjectNode;
  path: Path;
  range: Range;
  origin: Origin;
}

/** Longest action or ARN there can be; what is longer is not in the normal form, and the grammar rules report it. */
export const LONGEST = 2_048;

/** Whether `${…}` is a variable in this policy: only since the language of 2012. */
export function hasVariables(policy: Policy): boolean {
  return policy.version?.text === '2012-10-17';
}

/**
 * Make the normal form.
 * @param node - the policy's own object
 * @param path - its path from the root of the file
 * @param type - null: told from its elements
 */
export function policyFrom(node: ObjectNode, path: Path, type: PolicyType | null, origin: Origin): Policy {
  const version = entryOf(node, 'Version');
  const statement = entryOf(node, 'Statement');
  const statements: Statement[] = [];
  if (statement) {
    const base = [...path, 'Statement'];
    const list = statement.value.kind === 'array';
    for (const [index, item] of itemsOf(statement.value).entries()) {
      if (item.kind === 'object') statements.push(statementFrom(item, list ? [...base, index] : base, index));
    }
  }
  return {
    type: type ?? typeOf(statements),
    version: version ? textFrom(version.value, [...path, 'Version']) : null,
    statements,
    node,
    path,
    range: node.range,
    origin,
  };
}

/** A policy with principals is attached to something: to a role where it lets it be assumed, to a key where it is about keys alone. */
function typeOf(statements: readonly Statement[]): PolicyType {
  if (!statements.some(({ principals }) => principals !== null)) return 'identity';
  const actions = statements.flatMap((statement) => statement.actions?.values ?? []);
  const all = (pattern: RegExp) => actions.length > 0 && actions.every(({ text }) => pattern.test(text));
  if (all(/^kms:/i)) return 'kms';
  return all(/^sts:/i) && statements.every(({ resources }) => resources === null) ? 'trust' : 'resource';
}

function statementFrom(node: ObjectNode, path: Path, index: number): Statement {
  const found = new Map<string, Entry>();
  for (const entry of node.entries) if (!found.has(entry.key)) found.set(entry.key, entry);
  const elements = (name: string): Elements | null => {
    const entry = found.get(name) ?? found.get(`Not${name}`);
    if (!entry) return null;
    const at = [...path, entry.key];
    const values = textsFrom(entry.value, at).filter(({ text }) => text.length <= LONGEST);
    return { not: entry.key !== name, values, path: at, range: entry.value.range };
  };
  const effect = found.get('Effect')?.value;
  const effectText = effect && isScalar(effect) ? effect.text : null;
  const sid = found.get('Sid');
  return {
    index,
    node,
    path,
    range: node.range,
    sid: sid ? textFrom(sid.value, [...path, 'Sid']) : null,
    effect: effectText === 'Allow' || effectText === 'Deny' ? effectText : null,
    principals: principalsFrom(found.get('Principal') ?? found.get('NotPrincipal'), path),
    actions: elements('Action'),
    resources: elements('Resource'),
    conditions: conditionsFrom(found.get('Condition'), path),
  };
}

function principalsFrom(entry: Entry | undefined, parent: Path): Principals | null {
  if (!entry) return null;
  const path = [...parent, entry.key];
  const values: Principal[] = [];
  if (entry.value.kind === 'object') {
    for (const { key, value } of entry.value.entries) {
      for (const text of textsFrom(value, [...path, key])) values.push({ kind: key, value: text });
    }
  } else {
    for (const value of textsFrom(entry.value, path)) values.push({ kind: value.text === '*' ? '*' : '', value });
  }
  return { not: entry.key === 'NotPrincipal', values, path, range: entry.value.range };
}

function conditionsFrom(entry: Entry | undefined, parent: Path): Condition[] {
  const conditions: Condition[] = [];
  if (entry?.value.kind !== 'object') return conditions;
  for (const { key: operatorText, value: block } of entry.value.entries) {
    if (block.kind !== 'object') continue;
    const operator = parseOperator(operatorText);
    for (const { key, keyRange, value } of block.entries) {
      const path = [...parent, 'Condition', operatorText, key];
      conditions.push({
        operatorText,
        operator,
        key: { text: key, holes: [], path, range: keyRange },
        values: textsFrom(value, path),
        range: value.range,
        path,
      });
    }
  }
  return conditions;
}

/** The texts of a value or of a list of values; what is neither text, number nor boolean is left out. */
function textsFrom(node: Node, path: Path): Text[] {
  if (node.kind !== 'array') {
    const text = textFrom(node, path);
    return text === null ? [] : [text];
  }
  const texts: Text[] = [];
  for (let index = 0; index < node.items.length; index += 1) {
    const item = node.items[index];
    if (item && isScalar(item) && item.kind !== 'null') texts.push(new Member(item, path, index));
  }
  return texts;
}

function textFrom(node: Node, path: Path): Text | null {
  if (!isScalar(node) || node.kind === 'null') return null;
  return { text: node.text, holes: node.holes, path, range: node.range };
}

/** A text in a list. There are thousands of them in a large policy and few are reported, so each makes its path when asked. */
class Member implements Text {
  readonly text: string;
  readonly holes: readonly string[];
  readonly range: Range;
  readonly #list: Path;
  readonly #index: number;

  constructor({ text, holes, range }: ScalarNode, list: Path, index: number) {
    this.text = text;
    this.holes = holes;
    this.range = range;
    this.#list = list;
    this.#index = index;
  }

  get path(): Path {
    return [...this.#list, this.#index];
  }
}
