/** Policy variables: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html */
import type { Rule } from '../finding.ts';
import { hasVariables, type Policy, type Text } from '../policy.ts';
import { quoted, type Check, type CheckContext } from './check.ts';

const FORM: Rule = {
  id: 'variable-form',
  code: 'MISSING_BRACE_IN_VARIABLE',
  kind: 'error',
  severity: 'high',
  title: 'a variable that is not one',
  why: 'It is not replaced, so the value is compared as it stands and matches nothing.',
  fix: "Write ${key}, or ${key, 'default'}, without blanks inside the braces but the one behind the comma.",
};
const OLD_LANGUAGE: Rule = {
  id: 'variable-in-old-version',
  code: 'VARIABLE_UNSUPPORTED_IN_VERSION',
  kind: 'error',
  severity: 'high',
  title: 'a variable in the language of 2008',
  why: 'There ${…} is plain text, which matches nothing.',
  fix: 'Write "Version": "2012-10-17".',
};
const ELEMENT: Rule = {
  id: 'variable-in-element',
  code: 'VARIABLE_UNSUPPORTED_IN_ELEMENT',
  kind: 'error',
  severity: 'high',
  title: 'a variable where there are none',
  why: 'Variables are replaced in Resource and in conditions alone.',
  fix: 'Write the value out.',
};
const OPERATOR: Rule = {
  id: 'variable-for-operator',
  code: 'INVALID_VARIABLE_FOR_OPERATOR',
  kind: 'error',
  severity: 'high',
  title: 'a variable in a comparison that takes none',
  why: 'Variables are replaced for the operators of strings and ARNs alone.',
  fix: 'Write the value out, or compare strings.',
};

/** Rules of this file. */
export const VARIABLE_RULES: readonly Rule[] = [FORM, OLD_LANGUAGE, ELEMENT, OPERATOR];

/** Every text in which a variable may be. */
export const checkVariables: Check = (policy, context) => {
  for (const { actions, principals, resources, conditions } of policy.statements) {
    for (const value of [
      ...(actions?.values ?? []),
      ...(principals?.values ?? []).map((principal) => principal.value),
    ]) {
      if (value.text.includes('${')) context.report(ELEMENT, value, `${quoted(value)} holds a variable`);
    }
    for (const value of resources?.values ?? []) checkText(value, policy, context);
    for (const { operator, values } of conditions) {
      for (const value of values) {
        const text = operator === null || operator.family === 'String' || operator.family === 'Arn';
        if (!text && value.text.includes('${'))
          context.report(OPERATOR, value, `${operator.name} cannot compare ${quoted(value)}`);
        else checkText(value, policy, context);
      }
    }
  }
};

/** What is wrong between the braces, and Access Analyzer's code for it. */
const FAULTS: readonly (readonly [inside: RegExp, code: string, what: string])[] = [
  [/^\s*$/, 'EMPTY_VARIABLE', 'is empty'],
  [/^[^,']*,\s*(?:[^'\s].*|'[^']*)$/, 'MISSING_QUOTE_IN_VARIABLE', 'has a default without its quotes'],
  [/^\s|\s$|^[^,]*\s[^,]*(?:,|$)/, 'UNSUPPORTED_SPACE_IN_VARIABLE', 'has a blank in it'],
];

function checkText(value: Text, policy: Policy, context: CheckContext): void {
  const { text } = value;
  const start = text.indexOf('${');
  if (start === -1) return;
  if (!hasVariables(policy)) {
    context.report(OLD_LANGUAGE, value, `${quoted(value)} is plain text in this language`);
    return;
  }
  for (let at = start; at !== -1; at = text.indexOf('${', at + 2)) {
    const end = text.indexOf('}', at);
    if (end === -1) {
      context.report(FORM, value, `${quoted(text.slice(at))} has no closing brace`);
      return;
    }
    const inside = text.slice(at + 2, end);
    const fault = FAULTS.find(([pattern]) => pattern.test(inside));
    if (fault) {
      context.report({ ...FORM, code: fault[1] }, value, `${quoted(text.slice(at, end + 1))} ${fault[2]}`);
      return;
    }
  }
}
