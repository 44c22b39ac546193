/**
 * Finds the policies in a file: the file is one, or a CloudFormation template, or what a call of the AWS CLI printed.
 * What a template leaves to the deployment stays open as holes.
 */
import { parseJson } from './parse-json.ts';
import { policyFrom, type Origin, type Policy, type PolicyType } from './policy.ts';
import {
  entryOf,
  HOLE,
  isScalar,
  itemsOf,
  scalar,
  type ArrayNode,
  type Entry,
  type Node,
  type ObjectNode,
  type Path,
  type Range,
  type ScalarNode,
} from './tree.ts';

/** What a property's name tells of the policy in it; `null`: tell it from its statements. */
const BY_PROPERTY: Readonly<Record<string, PolicyType>> = {
  AssumeRolePolicyDocument: 'trust',
  KeyPolicy: 'kms',
  ResourcePolicy: 'resource',
  RepositoryPolicyText: 'resource',
  BucketPolicy: 'resource',
};

const BY_TYPE: readonly [RegExp, PolicyType][] = [
  [/^AWS::IAM::/, 'identity'],
  [/^AWS::KMS::/, 'kms'],
  [/^AWS::Organizations::Policy$/, 'scp'],
  [/^AWS::(S3|SQS|SNS|SecretsManager|ECR|Lambda|EC2::VPCEndpoint)/, 'resource'],
];

/**
 * Every policy of a tree.
 * @param root - of the file
 * @param type - what they are; null: told one by one
 */
export function findPolicies(root: Node, type: PolicyType | null): Policy[] {
  if (root.kind !== 'object') return [];
  const resources = entryOf(root, 'Resources')?.value;
  if (resources?.kind === 'object' && !entryOf(root, 'Statement')) return fromTemplate(resources, type);
  if (entryOf(root, 'Statement') ?? entryOf(root, 'Version')) {
    return [policyFrom(root, [], type, { name: '', attachedTo: '', template: false })];
  }
  const found: Policy[] = [];
  walk(root, [], false, (node, path) => {
    const property = lastName(path);
    found.push(
      policyFrom(node, path, type ?? BY_PROPERTY[property] ?? null, {
        name: nameNear(path),
        attachedTo: '',
        template: false,
      }),
    );
  });
  return found;
}

function fromTemplate(resources: ObjectNode, type: PolicyType | null): Policy[] {
  const found: Policy[] = [];
  for (const { key, value } of resources.entries) {
    if (value.kind !== 'object') continue;
    const given = entryOf(value, 'Type')?.value;
    const attachedTo = given && isScalar(given) ? given.text : '';
    walk(value, ['Resources', key], true, (node, path) => {
      const origin: Origin = { name: key, attachedTo, template: true };
      const told = BY_PROPERTY[lastName(path)] ?? BY_TYPE.find(([pattern]) => pattern.test(attachedTo))?.[1] ?? null;
      found.push(policyFrom(resolve(node) as ObjectNode, path, type ?? told, origin));
    });
  }
  return found;
}

/** The property's name: a function around its value does not count. */
const lastName = (path: Path): string =>
  path.findLast((step): step is string => typeof step === 'string' && !step.startsWith('Fn::')) ?? '';

const nameNear = (path: Path): string => path.map(String).join('.');

/** Visit every policy below a node; nothing inside a policy is one. The readers bound the depth. */
function walk(node: Node, path: Path, template: boolean, visit: (node: ObjectNode, path: Path) => void): void {
  if (node.kind === 'object') {
    if (isPolicy(node)) {
      visit(node, path);
      return;
    }
    for (const { key, value } of node.entries) walk(value, [...path, key], template, visit);
  } else if (node.kind === 'array') {
    for (const [index, item] of node.items.entries()) walk(item, [...path, index], template, visit);
  } else if (node.kind === 'string' && node.text.includes('"Statement"')) {
    const inner = parseJson(node.text).root;
    if (inner?.kind !== 'object' || !isPolicy(inner)) return;
    const open = template && path.includes('Fn::Sub');
    visit(moved(inner, node.range, open) as ObjectNode, path);
  }
}

/** Statements tell a policy from everything else that has a `Statement`, such as a rule of a firewall. */
function isPolicy(node: ObjectNode): boolean {
  const statement = entryOf(node, 'Statement');
  if (!statement) return false;
  if (entryOf(node, 'Version')) return true;
  return itemsOf(statement.value).some(
    (item) => item.kind === 'object' && item.entries.some(({ key }) => /^(?:Effect|(?:Not)?Action)$/.test(key)),
  );
}

/**
 * A policy inside a string has the string's place.
 * @param open - inside Fn::Sub, where `${…}` is filled in at deployment
 */
function moved(node: Node, range: Range, open: boolean): Node {
  if (node.kind === 'object') {
    const entries = node.entries.map(({ key, value }) => ({ key, keyRange: range, value: moved(value, range, open) }));
    return { kind: 'object', range, entries };
  }
  if (node.kind === 'array') return { kind: 'array', range, items: node.items.map((item) => moved(item, range, open)) };
  return open && node.kind === 'string' ? substituted(node.text, undefined, range) : { ...node, range };
}

const NO_VALUE = 'AWS::NoValue';

/** Replace the functions of a template by what is known of their values. */
function resolve(node: Node): Node {
  if (node.kind === 'array') return resolveList(node);
  if (node.kind !== 'object') return node;
  const [only] = node.entries;
  if (only && node.entries.length === 1 && (only.key === 'Ref' || only.key.startsWith('Fn::'))) {
    return called(only, node.range) ?? unknown(`${only.key} ${written(only.value)}`, node.range);
  }
  const entries = node.entries.flatMap(({ key, keyRange, value }) => {
    const resolved = resolve(value);
    return isNoValue(resolved) ? [] : [{ key, keyRange, value: resolved }];
  });
  return { kind: 'object', range: node.range, entries };
}

/** Both branches of a condition may come to be, so a list has them both. */
function resolveList(node: ArrayNode): ArrayNode {
  const items = node.items.flatMap((item) => {
    const branches = branchesOf(item);
    return (branches ?? [item]).map(resolve).filter((value) => !isNoValue(value));
  });
  return { kind: 'array', range: node.range, items };
}

function branchesOf(node: Node): readonly Node[] | null {
  if (node.kind !== 'object' || node.entries.length !== 1) return null;
  const [only] = node.entries;
  return only?.key === 'Fn::If' && only.value.kind === 'array' ? only.value.items.slice(1) : null;
}

const isNoValue = (node: Node): boolean =>
  isScalar(node) && node.text === HOLE && node.holes.length === 1 && node.holes[0] === NO_VALUE;

/** An argument as one text: two functions are of the same value only where all of it is the same. */
function written(node: Node): string {
  if (node.kind === 'array') return `[${node.items.map(written).join(', ')}]`;
  if (node.kind === 'object')
    return `{${node.entries.map(({ key, value }) => `${key}: ${written(value)}`).join(', ')}}`;
  return node.text;
}

const unknown = (name: string, range: Range): ScalarNode => ({ kind: 'string', text: HOLE, holes: [name], range });

/** The value of a function, as far as it can be told. */
function called({ key, value: argument }: Entry, range: Range): Node | null {
  switch (key) {
    case 'Ref':
      return isScalar(argument) ? unknown(argument.text, range) : null;
    case 'Fn::GetAtt': {
      const parts = itemsOf(argument).map((item) => (isScalar(item) ? item.text : '?'));
      return unknown(parts.join('.'), range);
    }
    case 'Fn::Sub': {
      const [template, given] = itemsOf(argument);
      return template && isScalar(template) ? substituted(template.text, given, range) : null;
    }
    case 'Fn::Join':
      return joined(argument, range);
    case 'Fn::If': {
      const branch = (branchesOf({ kind: 'object', range, entries: [{ key, keyRange: range, value: argument }] }) ?? [])
        .map(resolve)
        .find((value) => !isNoValue(value));
      return branch && !isScalar(branch) ? branch : null;
    }
    default:
      return null;
  }
}

/** Names that the function is given values for stand for these, and not for what the template calls the same. */
function substituted(template: string, given: Node | undefined, range: Range): ScalarNode {
  const holes: string[] = [];
  const text = template.replaceAll(/\$\{([^}]{0,512})\}/g, (_, name: string) => {
    if (name.startsWith('!')) return `\${${name.slice(1)}}`;
    const own = given?.kind === 'object' ? entryOf(given, name.trim()) : null;
    const value = own ? resolve(own.value) : unknown(name.trim(), range);
    const known = isScalar(value) ? value : unknown(name.trim(), range);
    holes.push(...known.holes);
    return known.text;
  });
  return { kind: 'string', text, holes, range };
}

function joined(argument: Node, range: Range): ScalarNode | null {
  if (argument.kind !== 'array') return null;
  const [separator, list] = argument.items;
  if (!separator || !isScalar(separator) || list?.kind !== 'array') return null;
  const parts = resolveList(list).items;
  if (!parts.every(isScalar)) return null;
  const text = parts.map((part) => part.text).join(separator.text);
  return { ...scalar('string', text, range), holes: parts.flatMap((part) => part.holes) };
}
