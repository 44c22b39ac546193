/** The form of a policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
import type { Rule } from '../finding.ts';
import { nearest } from '../nearest.ts';
import { OPERATOR_NAMES, parseOperator } from '../operators.ts';
import { LONGEST, type Policy, type PolicyType } from '../policy.ts';
import { isScalar, itemsOf, type Entry, type Node, type ObjectNode, type Path } from '../tree.ts';
import { quoted, type Check, type CheckContext } from './check.ts';

const REFUSED = 'AWS refuses the whole policy.';

const error = (id: string, code: string | null, title: string, fix: string, why = REFUSED): Rule => ({
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
  'two elements differ in case alone',
  'Keep the one in the proper case.',
);
const WRONG_TYPE = error(
  'wrong-type',
  'DATA_TYPE_MISMATCH',
  'a value of the wrong kind',
  'Write the kind of value that the element takes.',
);
const MISSING_VERSION: Rule = {
  ...error('missing-version', 'MISSING_VERSION', 'the policy has no Version', 'Add "Version": "2012-10-17".'),
  why: 'Without it the language of 2008 applies, in which ${…} is plain text; IAM refuses an identity policy without it.',
};
const OLD_VERSION: Rule = {
  ...error('old-version', null, 'the policy is in the language of 2008', 'Write "2012-10-17".'),
  why: 'In it ${…} is plain text, and IAM refuses an identity policy in it.',
};
const INVALID_VERSION = error(
  'invalid-version',
  'INVALID_VERSION',
  'there is no such Version',
  'Write "2012-10-17": it is the name of the language, not a date of yours.',
);
const MISSING_STATEMENT = error(
  'missing-statement',
  'MISSING_STATEMENT',
  'the policy has no statement',
  'Add a Statement with Effect, Action and Resource.',
);
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
const INVALID_SID = error(
  'invalid-sid',
  'UNSUPPORTED_SID',
  'a Sid with characters that it may not have',
  'Use letters A–Z, a–z and digits only.',
);
const DUPLICATE_SID = error(
  'duplicate-sid',
  'UNIQUE_SIDS_REQUIRED',
  'two statements have the same Sid',
  'Give each statement a Sid of its own.',
);
const DUPLICATE_SID_ELSEWHERE: Rule = {
  ...DUPLICATE_SID,
  id: 'duplicate-sid-recommended',
  code: 'UNIQUE_SIDS_RECOMMENDED',
  kind: 'warning',
  severity: 'low',
  why: 'Services may take it, and nobody can tell the statements apart.',
};
const INVALID_OPERATOR = error(
  'invalid-operator',
  'INVALID_CONDITION_OPERATOR',
  'there is no such condition operator',
  'Correct the name of the operator.',
);
const NULL_IF_EXISTS = error(
  'null-if-exists',
  'NULL_WITH_IF_EXISTS',
  'IfExists does not go with Null',
  'Write Null without IfExists.',
);
const CHARACTER = error(
  'invalid-character',
  null,
  'a character that policies may not hold',
  'Use plain characters: typographic quotes and dashes come from text editors and web pages.',
);
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
const EMPTY_SUGGESTION: Rule = {
  id: 'empty-condition',
  code: 'EMPTY_ARRAY_CONDITION',
  kind: 'suggestion',
  severity: 'low',
  title: 'a condition without a value',
  why: 'No request can satisfy a condition that lists no value.',
  fix: 'Name the values, or remove the condition.',
};

/** Rules of this file. */
export const GRAMMAR_RULES: readonly Rule[] = [
  UNKNOWN_ELEMENT,
  OTHER_CASE,
  WRONG_TYPE,
  MISSING_VERSION,
  OLD_VERSION,
  INVALID_VERSION,
  MISSING_STATEMENT,
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
  INVALID_SID,
  DUPLICATE_SID,
  DUPLICATE_SID_ELSEWHERE,
  INVALID_OPERATOR,
  NULL_IF_EXISTS,
  CHARACTER,
  TOO_LONG,
  EMPTY_SUGGESTION,
];

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

/** IAM itself checks these; the policies of other services belong to them. */
const isIam = (type: PolicyType) => type === 'identity' || type === 'trust' || type === 'scp';

/** The elements of the policy and of its statements. */
export const checkGrammar: Check = (policy, context) => {
  checkElements(policy.node, policy.path, POLICY_ELEMENTS, context);
  checkVersion(policy, context);
  const id = find(policy.node, 'Id');
  if (id) expectScalar(id.value, [...policy.path, 'Id'], 'Id', context);
  const statement = find(policy.node, 'Statement');
  if (!statement || (statement.value.kind === 'array' && statement.value.items.length === 0)) {
    const at = statement ? { path: [...policy.path, 'Statement'], range: statement.value.range } : policy;
    context.report(MISSING_STATEMENT, at, statement ? 'Statement is an empty list' : 'Statement is missing');
    return;
  }
  const list = statement.value.kind === 'array';
  for (const [index, item] of itemsOf(statement.value).entries()) {
    const path = list ? [...policy.path, 'Statement', index] : [...policy.path, 'Statement'];
    if (item.kind === 'object') checkStatement(item, path, policy, context);
    else context.report(WRONG_TYPE, { path, range: item.range }, `a statement is an object, not ${described(item)}`);
  }
  checkSids(policy, context);
  checkCharacters(policy, context);
};

const find = (node: ObjectNode, key: string): Entry | undefined => node.entries.find((entry) => entry.key === key);

const described = (node: Node): string =>
  node.kind === 'array'
    ? 'a list'
    : node.kind === 'object'
      ? 'an object'
      : node.kind === 'null'
        ? 'null'
        : `a ${node.kind}`;

function checkElements(node: ObjectNode, path: Path, known: readonly string[], context: CheckContext): void {
  const lower = new Map<string, string>();
  for (const { key, keyRange } of node.entries) {
    const at = { path: [...path, key], range: keyRange };
    const twin = lower.get(key.toLowerCase());
    if (twin !== undefined && twin !== key)
      context.report(OTHER_CASE, at, `${quoted(twin)} and ${quoted(key)} differ in case alone`);
    lower.set(key.toLowerCase(), key);
    if (known.includes(key)) continue;
    const meant = known.find((name) => name.toLowerCase() === key.toLowerCase()) ?? nearest(key, known);
    context.report(
      UNKNOWN_ELEMENT,
      at,
      `there is no element ${quoted(key)} here${meant === null ? '' : `: ${meant} may be meant`}`,
    );
  }
}

function checkVersion(policy: Policy, context: CheckContext): void {
  const { version, type } = policy;
  const entry = find(policy.node, 'Version');
  const options = type === 'identity' ? {} : { severity: 'low' as const };
  if (!entry) {
    context.report(
      type === 'identity' ? MISSING_VERSION : { ...MISSING_VERSION, kind: 'warning' },
      policy,
      'Version is missing',
      options,
    );
  } else if (version?.text === '2008-10-17') {
    context.report(
      type === 'identity' ? OLD_VERSION : { ...OLD_VERSION, kind: 'warning' },
      version,
      'Version is 2008-10-17',
      options,
    );
  } else if (version?.text !== '2012-10-17') {
    const at = { path: [...policy.path, 'Version'], range: entry.value.range };
    context.report(
      INVALID_VERSION,
      at,
      `there is no version ${version ? quoted(version) : described(entry.value)} of the policy language`,
    );
  }
}

function checkStatement(node: ObjectNode, path: Path, policy: Policy, context: CheckContext): void {
  const at = { path, range: node.range };
  checkElements(node, path, STATEMENT_ELEMENTS, context);
  const sid = find(node, 'Sid');
  if (sid) expectScalar(sid.value, [...path, 'Sid'], 'Sid', context);
  const effect = find(node, 'Effect');
  if (!effect) context.report(MISSING_EFFECT, at, 'Effect is missing');
  else if (!isScalar(effect.value) || !['Allow', 'Deny'].includes(effect.value.text)) {
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

function checkCondition(node: Node, path: Path, context: CheckContext): void {
  if (node.kind !== 'object') {
    context.report(WRONG_TYPE, { path, range: node.range }, `Condition is an object, not ${described(node)}`);
    return;
  }
  for (const { key: operator, keyRange, value: block } of node.entries) {
    const at = [...path, operator];
    if (block.kind !== 'object') {
      context.report(
        WRONG_TYPE,
        { path: at, range: block.range },
        `${quoted(operator)} holds an object with condition keys, not ${described(block)}`,
      );
      continue;
    }
    if (block.entries.length === 0) {
      context.report(
        { ...EMPTY_SUGGESTION, code: 'EMPTY_OBJECT_CONDITION' },
        { path: at, range: block.range },
        `${quoted(operator)} holds no condition key`,
      );
      continue;
    }
    checkOperator(operator, { path: at, range: keyRange }, context);
    for (const { key, value } of block.entries) {
      const here = { path: [...at, key], range: value.range };
      if (value.kind === 'array' && value.items.length === 0) {
        context.report(EMPTY_SUGGESTION, here, `${quoted(key)} lists no value`);
      }
      const wrong = itemsOf(value).find((item) => !isScalar(item));
      if (wrong) context.report(WRONG_TYPE, here, `${quoted(key)} has values, not ${described(wrong)}`);
    }
  }
}

function checkOperator(
  text: string,
  at: { path: Path; range: { start: number; end: number } },
  context: CheckContext,
): void {
  const operator = parseOperator(text);
  if (operator === null) {
    const plain = text.replace(/^[^:]*:+/, '').replace(/ifexists$/i, '');
    const meant = nearest(plain, OPERATOR_NAMES);
    context.report(
      INVALID_OPERATOR,
      at,
      `there is no operator ${quoted(text)}${meant === null ? '' : `: ${meant} may be meant`}`,
    );
  } else if (operator.family === 'Null' && operator.ifExists) {
    context.report(NULL_IF_EXISTS, at, `${quoted(text)}: Null itself asks whether the key exists`);
  }
}

function checkSids(policy: Policy, context: CheckContext): void {
  const seen = new Set<string>();
  for (const { sid } of policy.statements) {
    if (sid === null || sid.text === '') continue;
    if (seen.has(sid.text))
      context.report(
        isIam(policy.type) ? DUPLICATE_SID : DUPLICATE_SID_ELSEWHERE,
        sid,
        `Sid ${quoted(sid)} is given twice`,
      );
    seen.add(sid.text);
    // The policies of other services follow their own rules: queues have __owner_statement.
    if (policy.type === 'identity' && sid.holes.length === 0 && !/^[A-Za-z0-9]*$/.test(sid.text)) {
      // IAM has been seen to take an underscore or a hyphen, against its own documentation.
      const rule: Rule = /^[\w-]*$/.test(sid.text) ? { ...INVALID_SID, kind: 'warning', severity: 'low' } : INVALID_SID;
      context.report(rule, sid, `Sid ${quoted(sid)} may have letters and digits only`);
    }
  }
}

/** Tab, line ends, and space to U+00FF: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const FORBIDDEN = /[^\t\n\r\u0020-\u00FF]/;

function checkCharacters(policy: Policy, context: CheckContext): void {
  // In a template the comments and names around the policy may hold anything, so only its own stretch is searched.
  const { start, end } = policy.range;
  const stretch = context.text.slice(start, end);
  const at = stretch.search(FORBIDDEN);
  if (at === -1 || policy.origin.template) return;
  const code = stretch.codePointAt(at) ?? 0;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  const range = { start: start + at, end: start + at + (code > 0xffff ? 2 : 1) };
  context.report(CHARACTER, { path: policy.path, range }, `the character ${name} at this place`);
}

function expectScalar(node: Node, path: Path, name: string, context: CheckContext): void {
  if (node.kind !== 'string')
    context.report(WRONG_TYPE, { path, range: node.range }, `${name} is a string, not ${described(node)}`);
}
