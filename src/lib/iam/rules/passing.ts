/** Rights to hand roles to services, without saying which: Access Analyzer's two families of six. */
import type { Rule } from '../finding.ts';
import { globMatches, isGlob } from '../glob.ts';
import type { Statement, Text } from '../policy.ts';
import { breadthOf, grants, hasDemand, names } from '../reach.ts';
import type { Place } from '../finding.ts';
import { quoted, type Check } from './check.ts';

interface Family {
  action: string;
  code: string;
  /** With this key demanded, it is bound. */
  key: RegExp;
  rule: Rule;
  message: string;
}

const FAMILIES: readonly Family[] = [
  {
    action: 'iam:PassRole',
    code: 'PASS_ROLE_WITH',
    key: /^iam:PassedToService$/i,
    message: 'any role may be passed',
    rule: {
      id: 'pass-role-unbound',
      code: 'PASS_ROLE_WITH_STAR_IN_RESOURCE',
      kind: 'security',
      severity: 'high',
      title: 'iam:PassRole on every role',
      why: 'Whoever may pass an administrator role to a service acts with its rights.',
      fix: 'Name the roles in Resource, and the service in a condition on iam:PassedToService.',
    },
  },
  {
    action: 'iam:CreateServiceLinkedRole',
    code: 'CREATE_SLR_WITH',
    key: /^iam:AWSServiceName$/i,
    message: 'the role of any service may be created',
    rule: {
      id: 'service-linked-role-unbound',
      code: 'CREATE_SLR_WITH_STAR_IN_RESOURCE',
      kind: 'warning',
      severity: 'low',
      title: 'iam:CreateServiceLinkedRole for every service',
      why: 'It lets roles come to be that nobody planned.',
      fix: 'Name the role in Resource, or the service in a condition on iam:AWSServiceName.',
    },
  },
];

/** Rules of this file. */
export const PASSING_RULES: readonly Rule[] = FAMILIES.map(({ rule }) => rule);

/** Allow statements that reach the action on all resources. */
export const checkPassing: Check = (policy, context) => {
  if (policy.type !== 'identity') return;
  for (const statement of policy.statements) {
    if (statement.effect !== 'Allow' || statement.resources === null || statement.actions === null) continue;
    for (const family of FAMILIES) {
      const { actions, resources } = statement;
      if (!names(statement, family.action) || namesService(statement, family.key)) continue;
      const wide = resources.not ? null : resources.values.find(({ text }) => /^\*+$/.test(text));
      const everyRole = wide ?? (resources.not ? null : resources.values.find(({ text }) => isEveryRole(text)));
      if (!resources.not && !everyRole) continue;
      if (!grants(policy, statement, family.action)) continue;
      const code = `${family.code}_${variant(statement, family.action)}`;
      const at: Place = actions.not ? actions : (namedBy(statement, family.action) ?? actions);
      const other: Place = everyRole ?? resources;
      const rule = wide || resources.not ? { ...family.rule, code } : { ...family.rule, code: null };
      context.report(rule, at, `${family.message}: ${quoted(everyRole ?? 'NotResource')}`, { also: [other] });
    }
  }
};

/** Whether a condition names the service; `*example.amazonaws.com` names any whose name ends so. */
const namesService = (statement: Statement, key: RegExp): boolean =>
  hasDemand(
    {
      ...statement,
      conditions: statement.conditions.filter(({ values }) => !values.some(({ text }) => text.startsWith('*'))),
    },
    key,
  );

const isEveryRole = (text: string): boolean => /:role\/?\*|:iam:[^:]*:[^:]*:\*/.test(text) && breadthOf(text) === 'all';

function namedBy({ actions }: Statement, action: string): Text | undefined {
  const values = actions?.values ?? [];
  return (
    values.find(({ text }) => text.toLowerCase() === action.toLowerCase()) ??
    values.find((value) => matches(value, action))
  );
}

const matches = ({ text }: Text, action: string): boolean => globMatches(text.toLowerCase(), action.toLowerCase());

/** The part of the code that says how it came to be so broad. */
function variant(statement: Statement, action: string): string {
  const not = statement.resources?.not ?? false;
  if (statement.actions?.not) return not ? 'NOT_ACTION_AND_NOT_RESOURCE' : 'STAR_IN_RESOURCE_AND_NOT_ACTION';
  const star = isGlob(namedBy(statement, action)?.text ?? '');
  if (not) return star ? 'STAR_IN_ACTION_AND_NOT_RESOURCE' : 'NOT_RESOURCE';
  return star ? 'STAR_IN_ACTION_AND_RESOURCE' : 'STAR_IN_RESOURCE';
}
