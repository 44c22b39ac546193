/** Whom a resource policy lets in: the grants of its Allow statements, and whether a condition holds them together. */

/** One principal that an Allow statement names. */
export interface Grant {
  /** ARN, account, `*`; a service or a provider with its kind. */
  who: string;
  /** `public`: anybody; `foreign`: of another account; `limited`: anybody, as far as a condition goes; `own`: the rest. */
  reach: 'public' | 'foreign' | 'limited' | 'own';
  /** The conditions that restrict it: `aws:PrincipalOrgID o-…`. */
  only: string;
}

/** Keys that keep strangers out where they are compared with something of one's own. Lower case. */
const FENCES = new Set([
  'aws:principalorgid',
  'aws:principalorgpaths',
  'aws:principalaccount',
  'aws:principalarn',
  'aws:sourceaccount',
  'aws:sourceorgid',
  'aws:sourceorgpaths',
  'aws:sourcearn',
  'aws:sourcevpc',
  'aws:sourcevpce',
  'aws:sourceip',
  'aws:vpcsourceip',
  'aws:userid',
  'kms:calleraccount',
]);

/** Operators that hold only when the key is there and equal; `IfExists`, `ForAllValues` and negations let the absent key pass. */
const HOLDS = /^(?:ForAnyValue:)?(?:StringEquals|StringEqualsIgnoreCase|StringLike|ArnEquals|ArnLike|IpAddress)$/i;

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
const textsOf = (value: unknown): string[] => listOf(value).filter((item) => typeof item === 'string');
const member = (object: Json, name: string): unknown =>
  Object.entries(object).find(([key]) => key.toLowerCase() === name)?.[1];

/**
 * Read a policy.
 * @param text - JSON, as PutResourcePolicy and PutKeyPolicy get it
 * @param owner - account of the secret or key; null where unknown: then no account is foreign
 * @returns the grants, or null for what is no policy
 */
export function grantsOf(text: string, owner: string | null): Grant[] | null {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(policy)) return null;
  return listOf(member(policy, 'statement')).flatMap((statement) =>
    isObject(statement) && member(statement, 'effect') === 'Allow' ? statementGrants(statement, owner) : [],
  );
}

function statementGrants(statement: Json, owner: string | null): Grant[] {
  const fences = fencesOf(member(statement, 'condition'));
  const only = fences.map(({ key, values }) => `${key} ${values.join(', ')}`).join(' and ');
  if (member(statement, 'notprincipal') !== undefined) return [everybody('everybody but a few', fences, owner, only)];
  return principalsOf(member(statement, 'principal')).map((who) =>
    who === '*' || /^arn:[^:]*:iam::\*:/.test(who) ? everybody(who, fences, owner, only) : named(who, owner, only),
  );
}

/** `*`, ARNs and accounts as they are; services and providers with their kind. */
function principalsOf(principal: unknown): string[] {
  if (principal === '*') return ['*'];
  if (!isObject(principal)) return [];
  return Object.entries(principal).flatMap(([kind, value]) =>
    textsOf(value).map((who) => (kind === 'AWS' ? who : `${kind} ${who}`)),
  );
}

const named = (who: string, owner: string | null, only: string): Grant => {
  const account = accountIn(who);
  return { who, reach: account !== null && owner !== null && account !== owner ? 'foreign' : 'own', only };
};

function everybody(who: string, fences: readonly Fence[], owner: string | null, only: string): Grant {
  if (fences.length === 0) return { who, reach: 'public', only };
  const accounts = fences
    .filter(({ key }) => /account$|principalarn$/.test(key))
    .map(({ values }) => values.map(accountIn).filter((account) => account !== null));
  const foreign = accounts.some((list) => list.length > 0 && owner !== null && list.some((one) => one !== owner));
  return { who, reach: foreign ? 'foreign' : 'limited', only };
}

const accountIn = (text: string): string | null =>
  /^(?:arn:[^:]*:[^:]*:[^:]*:)?(\d{12})(?::|$)/.exec(text)?.[1] ?? null;

interface Fence {
  key: string;
  values: string[];
}

/** The conditions that keep strangers out: all of them have to hold, so one is enough. */
function fencesOf(condition: unknown): Fence[] {
  if (!isObject(condition)) return [];
  return Object.entries(condition).flatMap(([operator, keys]) =>
    HOLDS.test(operator) && isObject(keys)
      ? Object.entries(keys)
          .map(([key, value]) => ({ key: key.toLowerCase(), values: textsOf(value) }))
          .filter(({ key, values }) => FENCES.has(key) && values.length > 0 && values.every(isNarrow))
      : [],
  );
}

/** Whether a value is one that not everybody has: several values are joined by "or". */
const isNarrow = (value: string) =>
  !/^\*+$/.test(value) &&
  !value.endsWith('/0') &&
  !/^arn:[^:]*:[^:]*:[^:]*:\*:\*$/.test(value) &&
  !/^arn:[*:]*$/.test(value) &&
  !/^o-\*$/.test(value);
