/** The form of a statement. */
import type { Rule } from '../finding.ts';
import { LONGEST, type Policy } from '../policy.ts';
import { isScalar, itemsOf, type ObjectNode, type Path } from '../tree.ts';
import { quoted, type CheckContext } from './check.ts';
import { checkCondition } from './grammar-condition.ts';
import {
  checkElements,
  described,
  error,
  expectScalar,
  find,
  STATEMENT_ELEMENTS,
  WRONG_TYPE,
} from './grammar-elements.ts';

const MISSING_EFFECT = error(
  'missing-effect',
  'MISSING_EFFECT',
  'the statement has no Effect',
  'Add "Effect": "Allow" or "Deny".',
);
const INVALID_EFFECT = error(
  'invalid-effect',
  'INVALID_EFFECT',
  'Effect is neither Allow nor Deny',
  'Write Allow or Deny; case counts.',
);
const MISSING_ACTION = error('missing-action', 'MISSING_ACTION', 'the statement has no Action', 'Name the actions.');
const MISSING_RESOURCE = error(
  'missing-resource',
  'MISSING_RESOURCE',
  'the statement has no Resource',
  'Name the resources, or "*" where the actions take none.',
);
const EMPTY: Rule = error(
  'empty-list',
  'EMPTY_ARRAY_ACTION',
  'a list without a member',
  'Fill the list, or remove the statement.',
);
const BOTH = error(
  'element-and-its-opposite',
  'UNSUPPORTED_ELEMENT_COMBINATION',
  'an element and its opposite in one statement',
  'Keep one of the two.',
);
const MISSING_PRINCIPAL = error(
  'missing-principal',
  'MISSING_PRINCIPAL',
  'the statement names no principal',
  'Add a Principal: a resource policy has to say whom it is about.',
);
const UNSUPPORTED_PRINCIPAL = error(
  'unsupported-principal',
  'UNSUPPORTED_PRINCIPAL',
  'a principal in a policy that is attached to one',
  'Remove it; if this is the policy of a resource, validate it with --type resource.',
);
const TRUST_RESOURCE = error(
  'trust-policy-resource',
  'ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE',
  'a trust policy with a Resource',
  'Remove Resource: a trust policy is about the role that it belongs to.',
);
const TRUST_NOT_PRINCIPAL = error(
  'trust-policy-not-principal',
  'ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL',
  'a trust policy with NotPrincipal and Allow',
  'Name the principals that may assume the role.',
);
const EMPTY_PRINCIPAL: Rule = {
  id: 'empty-principal',
  code: 'EMPTY_OBJECT_PRINCIPAL',
  kind: 'suggestion',
  severity: 'low',
  title: 'a statement about nobody',
  why: 'It names no principal, so it allows and denies nothing.',
  fix: 'Name the principals, or remove the statement.',
};
const EMPTY_SID: Rule = {
  id: 'empty-sid',
  code: 'EMPTY_SID_VALUE',
  kind: 'suggestion',
  severity: 'info',
  title: 'an empty Sid',
  why: 'It names nothing, and two statements cannot both have it.',
  fix: 'Write a name, or leave Sid out.',
};
const TOO_LONG: Rule = {
  ...error(
    'value-too-long',
    null,
    'an action or a resource longer than there are any',
    'Write the action or the ARN; neither has more than 2,048 characters.',
  ),
  kind: 'warning',
  why: 'It matches nothing, and the other rules did not look at it.',
};

const EFFECTS: ReadonlySet<string> = new Set(['Allow', 'Deny']);

/** Rules of this file. */
export const STATEMENT_RULES: readonly Rule[] = [
  MISSING_EFFECT,
  INVALID_EFFECT,
  MISSING_ACTION,
  MISSING_RESOURCE,
  EMPTY,
  BOTH,
  MISSING_PRINCIPAL,
  UNSUPPORTED_PRINCIPAL,
  TRUST_RESOURCE,
  TRUST_NOT_PRINCIPAL,
  EMPTY_PRINCIPAL,
  EMPTY_SID,
  TOO_LONG,
];

/** The elements of a statement. */
export function checkStatement(node: ObjectNode, path: Path, policy: Policy, context: CheckContext): void {
  const at = { path, range: node.range };
  checkElements(node, path, STATEMENT_ELEMENTS, context);
  const sid = find(node, 'Sid');
  if (sid) {
    expectScalar(sid.value, [...path, 'Sid'], 'Sid', context);
    if (sid.value.kind === 'string' && sid.value.text === '')
      context.report(EMPTY_SID, { path: [...path, 'Sid'], range: sid.value.range }, 'Sid is an empty string');
  }
  const effect = find(node, 'Effect');
  if (!effect) context.report(MISSING_EFFECT, at, 'Effect is missing');
  else if (!isScalar(effect.value) || (effect.value.holes.length === 0 && !EFFECTS.has(effect.value.text))) {
    const given = isScalar(effect.value) ? quoted(effect.value.text) : described(effect.value);
    context.report(INVALID_EFFECT, { path: [...path, 'Effect'], range: effect.value.range }, `Effect is ${given}`);
  }
  for (const name of ['Action', 'Resource', 'Principal']) checkPair(node, path, name, context);
  const has = (name: string) => find(node, name) ?? find(node, `Not${name}`);
  if (!has('Action')) context.report(MISSING_ACTION, at, 'neither Action nor NotAction');
  const resource = has('Resource');
  if (policy.type === 'trust') {
    if (resource)
      context.report(
        TRUST_RESOURCE,
        { path: [...path, resource.key], range: resource.keyRange },
        `${resource.key} in a trust policy`,
      );
  } else if (!resource && policy.type !== 'kms') {
    context.report(MISSING_RESOURCE, at, 'neither Resource nor NotResource');
  }
  checkPrincipal(node, path, policy, context);
  const condition = find(node, 'Condition');
  if (condition) checkCondition(condition.value, [...path, 'Condition'], context);
}

/** An element, its opposite, and what is in the two. */
function checkPair(node: ObjectNode, path: Path, name: string, context: CheckContext): void {
  const both = [find(node, name), find(node, `Not${name}`)].filter((entry) => entry !== undefined);
  const [, opposite] = both;
  if (opposite)
    context.report(
      BOTH,
      { path: [...path, opposite.key], range: opposite.keyRange },
      `${name} and Not${name} in one statement`,
    );
  for (const { key, value } of both) {
    const at = [...path, key];
    if (name === 'Principal') {
      if (value.kind === 'array')
        context.report(WRONG_TYPE, { path: at, range: value.range }, `${key} is an object or "*", not a list`);
      else if (value.kind === 'object') checkNobody(value, at, context);
      continue;
    }
    for (const [index, item] of itemsOf(value).entries()) {
      if (!isScalar(item) || item.text.length <= LONGEST) continue;
      const here = value.kind === 'array' ? [...at, index] : at;
      context.report(
        TOO_LONG,
        { path: here, range: item.range },
        `${key} has a value of ${String(item.text.length)} characters`,
      );
    }
    if (value.kind === 'object')
      context.report(WRONG_TYPE, { path: at, range: value.range }, `${key} is a string or a list, not an object`);
    else if (value.kind === 'array') {
      if (value.items.length === 0)
        context.report(
          { ...EMPTY, code: `EMPTY_ARRAY_${name.toUpperCase()}` },
          { path: at, range: value.range },
          `${key} is an empty list`,
        );
      for (const [index, item] of value.items.entries()) {
        // IAM takes a null among the resources, and then no resource is meant.
        if (item.kind !== 'string' && !(item.kind === 'null' && name === 'Resource')) {
          context.report(
            WRONG_TYPE,
            { path: [...at, index], range: item.range },
            `${key} lists strings, not ${described(item)}`,
          );
        }
      }
    } else if (value.kind !== 'string') {
      context.report(
        WRONG_TYPE,
        { path: at, range: value.range },
        `${key} is a string or a list, not ${described(value)}`,
      );
    }
  }
}

/** A Principal that lists nobody, whole or of one kind. */
function checkNobody(node: ObjectNode, path: Path, context: CheckContext): void {
  if (node.entries.length === 0) context.report(EMPTY_PRINCIPAL, { path, range: node.range }, 'nobody is named');
  for (const { key, value } of node.entries) {
    if (value.kind !== 'array' || value.items.length > 0) continue;
    context.report(
      { ...EMPTY_PRINCIPAL, code: 'EMPTY_ARRAY_PRINCIPAL' },
      { path: [...path, key], range: value.range },
      `${quoted(key)} is an empty list`,
    );
  }
}

function checkPrincipal(node: ObjectNode, path: Path, { type }: Policy, context: CheckContext): void {
  const entry = find(node, 'Principal') ?? find(node, 'NotPrincipal');
  if (!entry) {
    if (type !== 'identity' && type !== 'scp')
      context.report(MISSING_PRINCIPAL, { path, range: node.range }, 'neither Principal nor NotPrincipal');
    return;
  }
  const at = { path: [...path, entry.key], range: entry.keyRange };
  if (type === 'identity') context.report(UNSUPPORTED_PRINCIPAL, at, `${entry.key} in an identity policy`);
  if (type === 'scp')
    context.report(
      { ...UNSUPPORTED_PRINCIPAL, code: 'SCP_SYNTAX_ERROR_PRINCIPAL' },
      at,
      `${entry.key} in a service control policy`,
    );
  const effect = find(node, 'Effect')?.value;
  if (type === 'trust' && entry.key === 'NotPrincipal' && effect && isScalar(effect) && effect.text === 'Allow') {
    context.report(TRUST_NOT_PRINCIPAL, at, 'NotPrincipal with Allow lets everyone else assume the role');
  }
}
