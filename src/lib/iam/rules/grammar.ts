/** The form of a policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
import type { Rule } from '../finding.ts';
import type { Policy, PolicyType } from '../policy.ts';
import { itemsOf } from '../tree.ts';
import { quoted, type Check, type CheckContext } from './check.ts';
import { CONDITION_FORM_RULES } from './grammar-condition.ts';
import {
  checkElements,
  described,
  ELEMENT_RULES,
  error,
  expectScalar,
  find,
  POLICY_ELEMENTS,
  WRONG_TYPE,
} from './grammar-elements.ts';
import { checkStatement, STATEMENT_RULES } from './grammar-statement.ts';

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
const CHARACTER = error(
  'invalid-character',
  null,
  'a character that policies may not hold',
  'Use plain characters: typographic quotes and dashes come from text editors and web pages.',
);

/** Rules of the form. */
export const GRAMMAR_RULES: readonly Rule[] = [
  ...ELEMENT_RULES,
  MISSING_VERSION,
  OLD_VERSION,
  INVALID_VERSION,
  MISSING_STATEMENT,
  INVALID_SID,
  DUPLICATE_SID,
  DUPLICATE_SID_ELSEWHERE,
  CHARACTER,
  ...STATEMENT_RULES,
  ...CONDITION_FORM_RULES,
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
