/**
 * Decides a request the way AWS does, over all the policies that apply to it:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import { arnMatches } from './arn.ts';
import { conditionsHold, lookupIn } from './conditions.ts';
import { globMatches } from './glob.ts';
import { hasVariables, type Policy, type Principals, type Statement } from './policy.ts';
import { expand, literal, type Lookup } from './variables.ts';

/** Who asks. */
export interface Caller {
  /** Of the user or role: `arn:aws:iam::111122223333:role/app`. */
  arn: string;
  account: string;
  /** `arn:aws:sts::111122223333:assumed-role/app/session`, where there is one. */
  sessionArn?: string | null;
  /** An AWS service that acts by itself, such as `ecs-tasks.amazonaws.com`. */
  service?: string | null;
  /** An identity provider's principal, such as `arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com`. */
  federated?: string | null;
}

/** A request. */
export interface Request {
  caller: Caller;
  /** `secretsmanager:GetSecretValue`. */
  action: string;
  /** An ARN, or `*` for an action without a resource. */
  resource: string;
  /** Account of the resource; null: the caller's own. */
  resourceAccount?: string | null;
  /** Condition keys that the request carries, without regard to case. */
  context: Readonly<Record<string, string | readonly string[]>>;
}

/** The policies that apply. A layer that is absent does not restrict; one that is an empty list allows nothing. */
export interface Layers {
  identity: readonly Policy[];
  /** Of the resource: a key policy, a trust policy. */
  resource?: Policy | null;
  boundary?: Policy | null;
  session?: readonly Policy[] | null;
  /** From the root of the organization to the account, one list a level: each level has to allow. */
  scps?: readonly (readonly Policy[])[] | null;
}

/** A statement that had a part in the decision. */
export interface Reason {
  layer: 'identity' | 'resource' | 'boundary' | 'session' | 'scp';
  policy: Policy;
  statement: Statement;
}

/** What comes of a request. */
export interface Decision {
  verdict: 'allow' | 'explicit-deny' | 'implicit-deny';
  /** Of a denial: the layer that denied or did not allow. */
  layer: Reason['layer'] | null;
  /** The statements that decided: those that grant, then those of the limits that let it through; or those that deny. */
  because: readonly Reason[];
  /** Condition keys that were asked for and that the request did not carry, sorted. */
  absent: readonly string[];
}

/** Decide a request. */
export function evaluate(request: Request, layers: Layers): Decision {
  const absent = new Set<string>();
  const context = lookupIn({ ...standardContext(request), ...request.context });
  const lookup: Lookup = (key) => {
    const values = context(key);
    if (values === undefined) absent.add(key);
    return values;
  };
  const found = applying(request, layers, lookup);
  const decided = (
    verdict: Decision['verdict'],
    layer: Reason['layer'] | null,
    because: readonly Reason[],
  ): Decision => ({
    verdict,
    layer,
    because,
    absent: [...absent].sort(),
  });

  const denials = found.filter(({ statement }) => statement.effect === 'Deny');
  const [denial] = denials;
  if (denial) return decided('explicit-deny', denial.layer, denials);

  const allows = (layer: Reason['layer']) => found.filter((reason) => reason.layer === layer);
  const scp = allows('scp');
  const levels = layers.scps ?? [];
  const silent = levels.some((level) => !level.some((policy) => scp.some((reason) => reason.policy === policy)));
  if (silent) return decided('implicit-deny', 'scp', []);

  const resource = allows('resource');
  const identity = allows('identity');
  const direct = directly(request, resource);
  const own = (request.resourceAccount ?? request.caller.account) === request.caller.account;
  const mustName = layers.resource?.type === 'kms' || layers.resource?.type === 'trust';
  // A service acts by itself: no identity policy speaks for it.
  if (request.caller.service ?? request.caller.federated) {
    return resource.length > 0 ? decided('allow', null, resource) : decided('implicit-deny', 'resource', []);
  }
  if (resource.length === 0 && (!own || mustName)) return decided('implicit-deny', 'resource', []);
  // In its own account, a resource policy that names the user, role or session is enough by itself.
  const grants = own && direct.length > 0 ? direct : identity;
  if (grants.length === 0) return decided('implicit-deny', 'identity', []);
  const limits: [Reason['layer'], boolean][] = [
    ['boundary', layers.boundary !== undefined && layers.boundary !== null],
    ['session', layers.session !== undefined && layers.session !== null],
  ];
  const bypassed = own && direct.some((reason) => namesSessionOrUser(request.caller, reason.statement.principals));
  for (const [layer, present] of limits) {
    if (present && !bypassed && allows(layer).length === 0) return decided('implicit-deny', layer, []);
  }
  const granted = own && direct.length > 0 ? direct : [...identity, ...resource];
  const through = bypassed ? [] : limits.flatMap(([layer]) => allows(layer));
  return decided('allow', null, [...granted, ...through, ...scp]);
}

/** What every request carries, as far as it follows from who asks for what. */
export function standardContext({ caller, resourceAccount }: Request): Record<string, string> {
  return {
    'aws:PrincipalArn': caller.arn,
    'aws:PrincipalAccount': caller.account,
    'aws:ResourceAccount': resourceAccount ?? caller.account,
    ...(caller.service ? { 'aws:PrincipalIsAWSService': 'true', 'aws:PrincipalServiceName': caller.service } : {}),
  };
}

/** The statements of all layers that apply to the request. */
function applying(request: Request, layers: Layers, lookup: Lookup): Reason[] {
  const reasons: Reason[] = [];
  const add = (layer: Reason['layer'], policies: readonly Policy[]) => {
    for (const policy of policies) {
      for (const statement of policy.statements) {
        if (statementApplies(policy, statement, request, lookup)) reasons.push({ layer, policy, statement });
      }
    }
  };
  add('scp', layers.scps?.flat() ?? []);
  add('resource', layers.resource ? [layers.resource] : []);
  add('identity', layers.identity);
  add('boundary', layers.boundary ? [layers.boundary] : []);
  add('session', layers.session ?? []);
  return reasons;
}

/** Whether a statement is about that request: principal, action, resource, conditions. */
export function statementApplies(policy: Policy, statement: Statement, request: Request, lookup: Lookup): boolean {
  const { principals, actions, resources, effect } = statement;
  if (effect === null || actions === null) return false;
  if (principals && principalMatch(request.caller, principals) === null) return false;
  const action = request.action.toLowerCase();
  if (actions.values.some(({ text }) => globMatches(text.toLowerCase(), action)) === actions.not) return false;
  const variables = hasVariables(policy);
  if (resources) {
    const matches = resources.values.some(({ text }) => {
      const pattern = variables ? expand(text, lookup) : text;
      return pattern !== null && arnMatches(pattern, request.resource === '*' ? '*' : literal(request.resource));
    });
    if (matches === resources.not) return false;
  } else if (policy.type === 'identity' || policy.type === 'scp') {
    return false;
  }
  return conditionsHold(statement.conditions, lookup, variables);
}

/** How precisely a statement names the caller; null where it does not. */
export type PrincipalMatch = 'anyone' | 'account' | 'role' | 'session' | 'user' | 'service' | 'federated';

/** How a statement's principals name the caller. */
export function principalMatch(caller: Caller, principals: Principals): PrincipalMatch | null {
  const matches = principals.values
    .map(({ kind, value }) => oneMatch(caller, kind, value.text))
    .filter((match) => match !== null);
  if (principals.not) return matches.length === 0 ? 'anyone' : null;
  return PRECISION.find((match) => matches.includes(match)) ?? null;
}

const PRECISION: readonly PrincipalMatch[] = ['session', 'user', 'role', 'service', 'federated', 'anyone', 'account'];

function oneMatch(caller: Caller, kind: string, text: string): PrincipalMatch | null {
  if (kind === 'Service') return caller.service === text ? 'service' : null;
  if (kind === 'Federated') return caller.federated === text ? 'federated' : null;
  if (text === '*') return kind === '*' || kind === 'AWS' ? 'anyone' : null;
  if (kind !== 'AWS' || (caller.service ?? caller.federated)) return null;
  if (text === caller.account || /^arn:[^:]*:iam::(\d{12}):root$/.exec(text)?.[1] === caller.account) return 'account';
  if (text === caller.sessionArn) return 'session';
  if (text === caller.arn) return text.includes(':user/') ? 'user' : 'role';
  return null;
}

/** The statements that grant to the caller itself, not to its account. */
function directly({ caller }: Request, reasons: readonly Reason[]): Reason[] {
  return reasons.filter(({ statement }) => {
    const match = statement.principals === null ? null : principalMatch(caller, statement.principals);
    return match !== null && match !== 'account';
  });
}

/** A grant to a user or to a session, unlike one to a role, is not limited by boundary and session policies. */
function namesSessionOrUser(caller: Caller, principals: Principals | null): boolean {
  const match = principals === null ? null : principalMatch(caller, principals);
  return match === 'session' || match === 'user';
}
