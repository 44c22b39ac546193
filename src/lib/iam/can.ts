/** `iam can`: whether a principal may do one thing, by which statements, and what was near it where it may not. */
import type { Catalogue } from './catalogue.ts';
import { isOpen, refOf, type ReadLayers, type StatementRef } from './can-layers.ts';
import { conditionHolds, lookupIn } from './conditions.ts';
import { evaluate, standardContext, statementApplies, type Decision, type Reason, type Request } from './evaluate.ts';
import { JamfMcpError } from '../errors.ts';
import { nearest } from './nearest.ts';
import type { Simulation } from './online/simulate.ts';
import { hasVariables, type Condition, type Elements } from './policy.ts';
import { names } from './reach.ts';

/** An Allow that names the action and yet does not apply. */
export interface NearMiss extends StatementRef {
  /** Lower case, no full stop. */
  why: string;
}

/** What was asked, and what came of it. */
export interface Answer {
  action: string;
  resource: string;
  verdict: Decision['verdict'];
  /** Of a denial: the layer that denied or did not allow. */
  layer: Decision['layer'];
  /** The statements that allow, or those that deny; none where nothing allows. */
  because: StatementRef[];
  /** Where nothing allows: what would have, but for a resource or a condition. */
  nearly: NearMiss[];
  /** Condition keys that statements ask for and that the request does not carry, sorted. */
  absent: string[];
}

/** Result of `iam can`. */
export interface CanResult {
  /** ARN of a principal, or the name of a service. */
  principal: string;
  /** Of the request that was asked; where it needs others, the first denial of them. */
  verdict: Decision['verdict'];
  /** The request that was asked, then those that it needs, such as kms:Decrypt for a secret with a key of its own. */
  answers: Answer[];
  /** What was judged: by name, with its layer. */
  policies: { layer: Reason['layer']; name: string }[];
  /** What could not be read or does not count, and why. */
  unread: { what: string; why: string }[];
  /** What IAM's own simulator says; null where it was not asked, or could not be. */
  online: Simulation | null;
}

/** Judge one request. */
export function answer(request: Request, { layers, origins }: ReadLayers): Answer {
  const { verdict, layer, because, absent } = evaluate(request, layers);
  const { action, resource } = request;
  return {
    action,
    resource,
    verdict,
    layer,
    because: because.map((reason) => refOf(reason, origins)),
    nearly: verdict === 'implicit-deny' ? nearMisses(request, { layers, origins }, layer) : [],
    absent: [...absent],
  };
}

/** The verdict of several that are all needed: the first denial decides. */
export function verdictOf(answers: readonly Answer[]): Decision['verdict'] {
  return answers.find(({ verdict }) => verdict !== 'allow')?.verdict ?? 'allow';
}

/** Names of templates' statements that deployment still fills in: no request can be compared with those. */
export function openStatements({ policies }: ReadLayers): CanResult['unread'] {
  return policies
    .filter(({ policy }) => policy.statements.some(isOpen))
    .map(({ source, policy }) => ({
      what: policy.origin.name === '' ? source.name : `${source.name} (${policy.origin.name})`,
      why: 'it has values that the deployment fills in, which match nothing here',
    }));
}

function nearMisses(
  request: Request,
  { layers, origins }: Pick<ReadLayers, 'layers' | 'origins'>,
  layer: Decision['layer'],
): NearMiss[] {
  const inLayer: Readonly<Record<Reason['layer'], readonly Reason[]>> = {
    identity: [...pick('identity', layers.identity), ...pick('resource', layers.resource ? [layers.resource] : [])],
    resource: pick('resource', layers.resource ? [layers.resource] : []),
    boundary: pick('boundary', layers.boundary ? [layers.boundary] : []),
    session: pick('session', layers.session ?? []),
    scp: pick('scp', layers.scps?.flat() ?? []),
  };
  return inLayer[layer ?? 'identity'].flatMap((reason) => {
    const why = whyNot(reason, request);
    return why === null ? [] : [{ ...refOf(reason, origins), why }];
  });
}

const pick = (layer: Reason['layer'], policies: readonly Reason['policy'][]): Reason[] =>
  policies.flatMap((policy) => policy.statements.map((statement) => ({ layer, policy, statement })));

const ANY: Pick<Elements, 'not' | 'path' | 'range'> = { not: false, path: [], range: { start: 0, end: 0 } };

/** Why an Allow that names the action does not apply; null where it does, or is none. */
function whyNot({ policy, statement }: Reason, request: Request): string | null {
  if (statement.effect !== 'Allow' || !names(statement, request.action)) return null;
  const lookup = lookupIn({ ...standardContext(request), ...request.context });
  if (statementApplies(policy, statement, request, lookup)) return null;
  const unconditional = { ...statement, conditions: [] };
  if (statementApplies(policy, unconditional, request, lookup)) {
    const failing = statement.conditions.filter((one) => !conditionHolds(one, lookup, hasVariables(policy)));
    const missing = (key: string) => (lookup(key) === undefined ? ', which the request does not carry' : '');
    return failing.map((one) => `it wants ${conditionText(one)}${missing(one.key.text)}`).join('; ');
  }
  const anywhere = { ...ANY, values: [{ text: '*', holes: [], path: [], range: ANY.range }] };
  return statementApplies(policy, { ...unconditional, resources: anywhere }, request, lookup)
    ? 'its resources do not take this one in'
    : 'it does not name this principal';
}

/** A condition, as people write it: `kms:ViaService StringEquals secretsmanager.us-east-1.amazonaws.com`. */
export function conditionText({ operatorText, key, values }: Condition): string {
  return `${key.text} ${operatorText} ${values.map(({ text }) => text).join(' or ')}`;
}

/** What is asked, in the form that a request has it. */
export interface Asked {
  /** In AWS's spelling. */
  action: string;
  /** ARN; `*` for an action without resources. */
  resource: string;
  /** Why the action may be none of AWS's; null where it is known. */
  doubt: string | null;
}

/**
 * Look an action up, and bring the resource into the form that it takes.
 * @param resource - null: not named
 * @throws JamfMcpError INPUT_INVALID or INPUT_MISSING where the two do not fit; an action that is not known is taken as
 *   it is, since the data are of one day
 */
export function askedFor(action: string, resource: string | null, catalogue: Catalogue): Asked {
  if (!/^[\w-]+:\w+$/.test(action)) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `"${action}" is no action: it has a service, a colon and a name, and no wildcard`,
      'name one action, such as secretsmanager:GetSecretValue',
    );
  }
  const [prefix = '', name = ''] = action.split(':');
  const service = catalogue.service(prefix);
  const found = service?.action(name) ?? null;
  if (found === null) {
    const names = service?.actions.map((one) => one.name.split(':')[1] ?? '') ?? [];
    const near = nearest(name, names);
    const meant = near === null ? '' : `; is ${prefix}:${near} meant?`;
    return {
      action,
      resource: resource ?? '*',
      doubt: `no action ${action} is known (data of ${catalogue.date})${meant}`,
    };
  }
  if (found.resources.length === 0) return { action: found.name, resource: '*', doubt: null };
  if (resource === null) {
    throw new JamfMcpError(
      'INPUT_MISSING',
      `${found.name} is done to a resource, and none was named`,
      `name its ARN as third argument (${found.resources.map(({ type }) => type.name).join(', ')})`,
    );
  }
  if (resource === '*' || /[*?]/.test(resource)) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `"${resource}" is a pattern, and the answer may differ for each resource that it matches`,
      'name one resource by its whole ARN',
    );
  }
  return { action: found.name, resource, doubt: null };
}
