/** Actions and services: their form, and whether they exist. */
import type { Rule } from '../finding.ts';
import { isGlob } from '../glob.ts';
import type { Policy, Text } from '../policy.ts';
import { serviceOfPolicy } from './attached.ts';
import { quoted, type Check, type CheckContext } from './check.ts';

const ACTION_FORM: Rule = {
  id: 'action-form',
  code: 'INVALID_ACTION',
  kind: 'error',
  severity: 'high',
  title: 'an action that is not service:name',
  why: 'AWS refuses the whole policy.',
  fix: 'Write service:action, such as secretsmanager:GetSecretValue.',
};
const UNKNOWN_SERVICE: Rule = {
  id: 'unknown-service',
  code: 'INVALID_SERVICE_IN_ACTION',
  kind: 'warning',
  severity: 'medium',
  title: 'a service that is not known',
  why: 'An action of a service that does not exist allows and denies nothing.',
  fix: 'Correct the prefix of the service: https://docs.aws.amazon.com/service-authorization/latest/reference/',
};
const UNKNOWN_ACTION: Rule = {
  id: 'unknown-action',
  code: 'INVALID_ACTION',
  kind: 'warning',
  severity: 'medium',
  title: 'an action that is not known',
  why: 'An action that does not exist allows and denies nothing, so what was meant is missing.',
  fix: 'Correct the name: actions are named in the Service Authorization Reference, not always as the API is.',
};
const NO_ACTION_MATCHES: Rule = {
  ...UNKNOWN_ACTION,
  id: 'action-matches-nothing',
  title: 'a pattern that matches no known action',
};
const SEVERAL_IN_ONE: Rule = {
  id: 'several-actions-in-one',
  code: 'INVALID_ACTION',
  kind: 'warning',
  severity: 'high',
  title: 'several actions in one string',
  why: 'A string is one action: with a comma or a blank in it, it matches nothing.',
  fix: 'Make it a list with one string for each action.',
};
const WILDCARD_SERVICE: Rule = {
  id: 'wildcard-in-service',
  code: 'WILDCARD_IN_SERVICE_NAME',
  kind: 'suggestion',
  severity: 'medium',
  title: 'a wildcard in the name of a service',
  why: 'It takes in services that do not exist yet.',
  fix: 'Name the services.',
};
const FOREIGN_ACTION: Rule = {
  id: 'action-of-another-service',
  code: 'UNSUPPORTED_ACTION_IN_POLICY',
  kind: 'warning',
  severity: 'medium',
  title: 'an action that this kind of policy cannot grant',
  why: 'The policy of a resource decides about the actions of its own service alone.',
  fix: 'Remove the action, or put it into a policy where it belongs.',
};
const TRUST_ACTION: Rule = {
  ...FOREIGN_ACTION,
  id: 'trust-policy-action',
  kind: 'error',
  severity: 'high',
  why: 'A trust policy says who may assume the role; IAM refuses other actions in it.',
  fix: 'Use sts:AssumeRole, sts:AssumeRoleWithWebIdentity, sts:AssumeRoleWithSAML, sts:TagSession, sts:SetSourceIdentity or sts:SetContext.',
};
const TRUST_MISMATCH: Rule = {
  id: 'action-for-other-principal',
  code: 'MISMATCHED_ACTION_FOR_PRINCIPAL',
  kind: 'error',
  severity: 'high',
  title: 'an action that these principals cannot call',
  why: 'Roles, users and services call sts:AssumeRole; identity providers call AssumeRoleWithWebIdentity or AssumeRoleWithSAML.',
  fix: 'Use the action that goes with the principal.',
};

/** Rules of this file. */
export const NAME_RULES: readonly Rule[] = [
  ACTION_FORM,
  UNKNOWN_SERVICE,
  UNKNOWN_ACTION,
  NO_ACTION_MATCHES,
  SEVERAL_IN_ONE,
  WILDCARD_SERVICE,
  FOREIGN_ACTION,
  TRUST_ACTION,
  TRUST_MISMATCH,
];

/** What a trust policy may name. */
const TRUST_ACTIONS: ReadonlySet<string> = new Set([
  'sts:assumerole',
  'sts:assumerolewithwebidentity',
  'sts:assumerolewithsaml',
  'sts:tagsession',
  'sts:setsourceidentity',
  'sts:setcontext',
  'sts:*',
]);

/** Every action of every statement. */
export const checkNames: Check = (policy, context) => {
  const reported = new Set<string>();
  for (const statement of policy.statements) {
    if (statement.actions === null) continue;
    for (const action of statement.actions.values) {
      if (action.holes.length > 0) continue;
      const wellFormed = checkForm(action, context);
      if (!wellFormed || action.text === '*') continue;
      checkKnown(action, context);
      if (!statement.actions.not) checkPlace(action, policy, reported, context);
    }
    if (policy.type === 'trust' && statement.principals !== null) {
      const federated = statement.principals.values.every(({ kind }) => kind === 'Federated');
      const assumes = statement.actions.values.filter(({ text }) => /^sts:AssumeRole/i.test(text));
      for (const action of assumes) {
        const needsProvider = !/^sts:AssumeRole$/i.test(action.text);
        if (!isGlob(action.text) && needsProvider !== federated && statement.principals.values.length > 0) {
          context.report(
            TRUST_MISMATCH,
            action,
            `${quoted(action)} with ${federated ? 'an identity provider' : 'a principal that is no identity provider'}`,
          );
        }
      }
    }
  }
};

function checkForm(action: Text, context: CheckContext): boolean {
  const { text } = action;
  if (/^\*+$/.test(text)) return true;
  const parts = text.split(':');
  if (parts.length === 1) {
    context.report(ACTION_FORM, action, `${quoted(action) || 'an empty string'} names no service`);
    return false;
  }
  if (text.includes(',') || (parts.length > 2 && /\s/.test(text))) {
    context.report(
      parts.length > 2 ? { ...SEVERAL_IN_ONE, kind: 'error' } : SEVERAL_IN_ONE,
      action,
      `${quoted(action)} is one action to AWS`,
    );
    return false;
  }
  if (parts.length > 2) {
    context.report(ACTION_FORM, action, `${quoted(action)} has more than one colon`);
    return false;
  }
  if (!/^[A-Za-z0-9*?._-]+$/.test(parts[0] ?? '')) {
    context.report(ACTION_FORM, action, `${quoted(parts[0] ?? '') || 'nothing'} before the colon is no service`);
    return false;
  }
  return true;
}

function checkKnown(action: Text, context: CheckContext): void {
  const { catalogue } = context;
  const colon = action.text.indexOf(':');
  const prefix = action.text.slice(0, colon);
  const name = action.text.slice(colon + 1);
  const asOf = `(data of ${catalogue.date})`;
  if (isGlob(prefix)) {
    context.report(WILDCARD_SERVICE, action, `${quoted(prefix)} stands for every service of such a name`);
    return;
  }
  const service = catalogue.service(prefix);
  if (!service) {
    const meant = context.nearest(prefix, catalogue.services);
    context.report(
      UNKNOWN_SERVICE,
      action,
      `no service ${quoted(prefix)} is known ${asOf}${meant === null ? '' : `: ${meant} may be meant`}`,
    );
    return;
  }
  if (service.actions.length === 0 || catalogue.actions(action.text).length > 0) return;
  if (isGlob(name)) {
    context.report(NO_ACTION_MATCHES, action, `${quoted(action)} matches no known action ${asOf}`);
    return;
  }
  const candidates = service.actions.map((known) => known.name.slice(colon + 1));
  const called = OTHER_NAMES[`${service.prefix}:${name}`.toLowerCase()];
  const meant = called ?? context.nearest(name, candidates) ?? likely(name, candidates);
  const fix = meant === null ? undefined : `Write ${service.prefix}:${meant}, if that is meant.`;
  context.report(
    UNKNOWN_ACTION,
    action,
    `no action ${quoted(action)} is known ${asOf}${meant === null ? '' : `: ${service.prefix}:${meant} may be meant`}`,
    fix === undefined ? {} : { fix },
  );
}

/** Calls of which the action has another name: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  's3:listbuckets': 'ListAllMyBuckets',
  's3:listobjects': 'ListBucket',
  's3:listobjectsv2': 'ListBucket',
  's3:headbucket': 'ListBucket',
  's3:headobject': 'GetObject',
  's3:copyobject': 'PutObject',
  's3:deleteobjects': 'DeleteObject',
  's3:createmultipartupload': 'PutObject',
  's3:uploadpart': 'PutObject',
  's3:completemultipartupload': 'PutObject',
  'lambda:invoke': 'InvokeFunction',
};

/** The one name with the same first and last word. */
function likely(name: string, candidates: readonly string[]): string | null {
  const words = (text: string) => text.match(/[A-Z][a-z0-9]*/g) ?? [];
  const [first, ...rest] = words(name);
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return null;
  const found = candidates.filter((candidate) => {
    const parts = words(candidate);
    return parts[0] === first && parts.at(-1) === last;
  });
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** Whether an action belongs into a policy of this type; told once for each service. */
function checkPlace(action: Text, policy: Policy, reported: Set<string>, context: CheckContext): void {
  const prefix = action.text.slice(0, action.text.indexOf(':')).toLowerCase();
  if (policy.type === 'trust') {
    if (!TRUST_ACTIONS.has(action.text.toLowerCase()) && !/^sts:assumerole.*\*/i.test(action.text)) {
      context.report(TRUST_ACTION, action, `${quoted(action)} in a trust policy`);
    }
    return;
  }
  const service = serviceOfPolicy(policy);
  if (service !== null && prefix !== service && !isGlob(prefix) && !reported.has(prefix)) {
    reported.add(prefix);
    context.report(FOREIGN_ACTION, action, `${quoted(action)} in a policy of ${service}`);
  }
}
