/** Proves a generated policy: every need is allowed, and nothing that is near to one. */
import { arnMatches, arnParts } from '../arn.ts';
import type { Catalogue } from '../catalogue.ts';
import { evaluate, type Request } from '../evaluate.ts';
import { globMatches, isGlob } from '../glob.ts';
import type { Need } from '../need.ts';
import { readJson } from '../parse.ts';
import type { Policy } from '../policy.ts';
import { bindingKeys, type PolicyDocument } from './policy.ts';

/** What came of it. */
export interface Proof {
  /** Needs that are allowed. */
  allowed: number;
  /** Requests that differ from a need in one thing (another secret, key, stage, account, action), and are denied. */
  denied: number;
  /** Needs that are not allowed, and near misses that are: empty, or the policy is wrong. */
  refused: Need[];
  passed: Request[];
}

/** A value that fits a pattern. */
const instance = (pattern: string): string => (pattern === '*' ? '*' : pattern.replaceAll(/[*?]/g, 'x'));

/** The request that a need is about; the caller is some role of the account. */
export function requestOf({ action, resource, context }: Need, account: string): Request {
  return {
    caller: { arn: `arn:aws:iam::${account}:role/any`, account },
    action,
    resource: instance(resource),
    context: Object.fromEntries(
      Object.entries(context).map(([key, value]) => [key, typeof value === 'string' ? instance(value) : value]),
    ),
  };
}

/** The normal form of a document that was generated. */
export function policyFrom(document: PolicyDocument): Policy | null {
  return readJson({ name: 'policy', text: JSON.stringify(document) }, { type: 'identity' }).policies[0] ?? null;
}

/** Try every need, and what is near to it, on the policy. */
export function prove(document: PolicyDocument, needs: readonly Need[], account: string, catalogue: Catalogue): Proof {
  const policy = policyFrom(document);
  const layers = { identity: policy === null ? [] : [policy] };
  const allows = (request: Request) => evaluate(request, layers).verdict === 'allow';
  const refused = needs.filter((need) => !allows(requestOf(need, account)));
  const misses = needs
    .flatMap((need) => nearMisses(need, account, catalogue))
    .filter((request) => !needs.some((need) => asksFor(need, request, catalogue)));
  const passed = misses.filter(allows);
  return { allowed: needs.length - refused.length, denied: misses.length - passed.length, refused, passed };
}

/** Whether a request is one that a need is about. */
function asksFor(need: Need, { action, resource, context }: Request, catalogue: Catalogue): boolean {
  if (need.action.toLowerCase() !== action.toLowerCase()) return false;
  if (resource !== need.resource && !arnMatches(need.resource, resource) && !takesNone(action, catalogue)) return false;
  return bindingKeys(need, catalogue).every((key) => {
    const wanted = [need.context[key] ?? []].flat();
    const given = [context[key] ?? []].flat();
    return given.length > 0 && given.every((value) => wanted.some((pattern) => globMatches(pattern, value)));
  });
}

const takesNone = (action: string, catalogue: Catalogue): boolean =>
  catalogue.actions(action)[0]?.resources.length === 0;

/** Requests that differ from a need in one thing. */
export function nearMisses(need: Need, account: string, catalogue: Catalogue): Request[] {
  const request = requestOf(need, account);
  const service = catalogue.service(need.action.slice(0, need.action.indexOf(':')));
  const resources = takesNone(need.action, catalogue) ? [] : othersOf(need.resource);
  return [
    ...resources.map((resource) => ({ ...request, resource })),
    ...bindingKeys(need, catalogue).flatMap((key) => {
      const { [key]: value = '', ...rest } = request.context;
      const other = typeof value === 'string' ? otherValue(value) : value.map(otherValue);
      return [
        { ...request, context: rest },
        { ...request, context: { ...rest, [key]: other } },
      ];
    }),
    ...(service?.actions ?? []).map(({ name }) => ({ ...request, action: name })),
  ];
}

/** Another value of the same kind: another secret where it is an ARN. */
const otherValue = (value: string): string => othersOf(value)[0] ?? `${value}x`;

/** Resources that are not the one that is meant: by its name, what goes on after it, its account, its Region. */
function othersOf(pattern: string): string[] {
  const parts = arnParts(pattern);
  if (parts === null || pattern === '*') return [];
  const [partition, service, region, account, rest] = parts;
  const make = (inRegion: string, of: string, name: string) =>
    `arn:${partition}:${service}:${inRegion}:${of}:${instance(name)}`;
  const elsewhere = [
    ...(region === '' || isGlob(region)
      ? []
      : [make(region === 'eu-west-1' ? 'eu-west-2' : 'eu-west-1', account, rest)]),
    ...(account === '' || isGlob(account)
      ? []
      : [
          make(
            region,
            account.replace(/.$/, (d) => (d === '9' ? '8' : '9')),
            rest,
          ),
        ]),
  ];
  const stem = rest.replace(/[*?].*$/s, '');
  const names = [
    // The same beginning, going on: db/pw is not db/pw-prod.
    rest.replace(/(?:-\?{6}|-[A-Za-z0-9]{6})?$/, '-other-AbCdEf'),
    // Another first part: the name after its kind, or all of it.
    stem.replace(/^([A-Za-z-]+[:/])?(.*)$/s, '$1other$2') + rest.slice(stem.length),
    // The last character that is written out.
    stem.replace(/[^:/-](?=[:/-]*$)/, (last) => (last === 'q' ? 'z' : 'q')) + rest.slice(stem.length),
  ];
  return [...elsewhere.reverse(), ...names.map((name) => make(region, account, name))].filter(
    (other) => !arnMatches(pattern, other),
  );
}
