/** `iam who-can`: every principal that may read a secret, and through which statements. */
import { conditionText } from './can.ts';
import { readLayers, refOf, type LayerSource, type ReadLayers, type StatementRef } from './can-layers.ts';
import type { LiveKey } from './can-key.ts';
import { decryptOf } from './can-request.ts';
import type { Request } from './evaluate.ts';
import type { LiveRole } from './live/role.ts';
import { layersOf, principalContext } from './can-principal.ts';
import type { Policy, Statement } from './policy.ts';
import { names } from './reach.ts';
import { possibility, type Possibility } from './who-can-judge.ts';

/** A role or user of the account that may read the secret. */
export interface Reader {
  arn: string;
  kind: 'role' | 'user';
  /** `maybe`: where the request carries what `depends` says. */
  may: 'yes' | 'maybe';
  /** The statements that allow it to read, then those that let it decrypt. */
  because: StatementRef[];
  /** What it depends on, lower case, no full stop. */
  depends: string[];
  /** Who may be that role, as its trust policy has it; none for a user. */
  trusted: string[];
  /** When it was last used, ISO 8601; null: not in 400 days, or unknown. */
  lastUsed: string | null;
}

/** A principal that is none of the account's and that the policy of the secret lets in. */
export interface Outsider {
  /** `*`, an account, an ARN, the name of a service. */
  principal: string;
  statement: StatementRef;
  /** What else has to be so, lower case, no full stop. */
  depends: string[];
}

/** Result of `iam who-can`. */
export interface WhoCanResult {
  secret: {
    name: string;
    arn: string;
    /** ARN of its key; null: AWS's own, which every reader of the account may use. */
    keyArn: string | null;
  };
  readers: Reader[];
  outsiders: Outsider[];
  /** How many principals of the account were judged. */
  principals: { roles: number; users: number };
  /** What could not be read or does not count, and why. */
  unread: { what: string; why: string }[];
}

/** What is judged. */
export interface Readable {
  secret: { name: string; arn: string };
  /** The key that encrypts it; null: AWS's own. */
  key: LiveKey | null;
  /** Condition keys that every request for the secret carries. */
  context: Request['context'];
  account: { roles: readonly LiveRole[]; users: readonly LiveRole[] };
  /** The policy of the secret; none where there is none, or it was not read. */
  secretPolicy: readonly LayerSource[];
}

/** Keys of which the context says all there is to say; of others a caller decides, or the way that the call takes. */
const KNOWN =
  /^(?:aws:(?:Principal(?:Arn|Account|IsAWSService|ServiceName|Type)|username|ResourceAccount|ResourceTag\/.+|RequestedRegion|SecureTransport)|secretsmanager:(?:SecretId|ResourceTag\/.+)|kms:(?:ViaService|CallerAccount|EncryptionContext:SecretARN|EncryptionContextKeys|EncryptionAlgorithm))$/i;

/**
 * Find the readers.
 * @returns readers that surely may before those that may be, each by ARN
 */
export async function whoCan(readable: Readable): Promise<Omit<WhoCanResult, 'unread'>> {
  const { secret, account } = readable;
  const read = cachedLayers();
  const secretLayers = await readLayers(readable.secretPolicy);
  const readers: Reader[] = [];
  const all = [
    ...account.roles.map((principal) => ({ principal, kind: 'role' as const })),
    ...account.users.map((principal) => ({ principal, kind: 'user' as const })),
  ];
  for (const { principal, kind } of all) {
    const reader = await readerOf(principal, kind, readable, read);
    if (reader) readers.push(reader);
  }
  const { name, arn } = secret;
  return {
    secret: { name, arn, keyArn: readable.key?.arn ?? null },
    readers: readers.sort((a, b) => b.may.localeCompare(a.may) || (a.arn < b.arn ? -1 : 1)),
    outsiders: outsidersOf(secretLayers, readable),
    principals: { roles: account.roles.length, users: account.users.length },
  };
}

async function readerOf(
  principal: LiveRole,
  kind: Reader['kind'],
  { secret, key, context, secretPolicy }: Readable,
  read: (sources: readonly LayerSource[]) => Promise<ReadLayers>,
): Promise<Reader | null> {
  const owner = secret.arn.split(':')[4] ?? null;
  const request: Request = {
    caller: { arn: principal.arn, account: principal.account },
    action: READ,
    resource: secret.arn,
    resourceAccount: owner,
    context: {
      ...context,
      ...principalContext(principal),
      'aws:PrincipalType': kind === 'role' ? 'AssumedRole' : 'User',
      ...(kind === 'user' ? { 'aws:username': principal.name } : {}),
    },
  };
  const tagged = (name: string) => principal.tags !== undefined && /^aws:PrincipalTag\//i.test(name);
  const aliased = (name: string) => key !== null && key.aliases.length > 0 && /^kms:ResourceAliases$/i.test(name);
  const known = (name: string) => KNOWN.test(name) || tagged(name) || aliased(name);
  const own = layersOf(principal);
  const layers = await read([...own, ...secretPolicy]);
  const judged: [Possibility, ReadLayers][] = [[possibility(request, layers.layers, known), layers]];
  if (key !== null && key.unread !== 'key') {
    const decrypt = await read([...own, ...key.policy]);
    judged.push([possibility(decryptOf(request, secret, key), decrypt.layers, known), decrypt]);
  }
  if (judged.some(([{ may }]) => may === 'no')) return null;
  const unknown = key === null ? [] : unreadText(key);
  return {
    arn: principal.arn,
    kind,
    may: unknown.length > 0 || judged.some(([{ may }]) => may === 'maybe') ? 'maybe' : 'yes',
    because: judged.flatMap(([{ decision }, { origins }]) => decision.because.map((reason) => refOf(reason, origins))),
    depends: [...new Set([...judged.flatMap(([{ depends }]) => depends.map(dependsText)), ...unknown])],
    trusted: kind === 'user' ? [] : await trustedOf(principal, read),
    lastUsed: principal.lastUsed,
  };
}

const READ = 'secretsmanager:GetSecretValue';

/** What has to be so of a key that could not be read. */
const unreadText = ({ arn, unread }: LiveKey): string[] =>
  unread === null
    ? []
    : [`${unread === 'key' ? 'the key' : 'the policy of'} ${arn}, which was not read, lets it decrypt`];

const dependsText = ({ denies, text }: Possibility['depends'][number]): string =>
  denies ? `a denial does not apply: ${text}` : text;

/** Policies are shared by many principals: each text is read once. */
function cachedLayers(): (sources: readonly LayerSource[]) => Promise<ReadLayers> {
  const known = new Map<string, Promise<ReadLayers>>();
  const one = (source: LayerSource): Promise<ReadLayers> => {
    const key = `${source.layer} ${source.source.name}\n${source.source.text}`;
    const read = known.get(key) ?? readLayers([source]);
    known.set(key, read);
    return read;
  };
  return async (sources) => {
    const all = await Promise.all(sources.map(one));
    return {
      layers: {
        identity: all.flatMap(({ layers }) => layers.identity),
        resource: all.find(({ layers }) => layers.resource)?.layers.resource ?? null,
        boundary: all.find(({ layers }) => layers.boundary)?.layers.boundary ?? null,
      },
      origins: new Map(all.flatMap(({ origins }) => [...origins])),
      policies: all.flatMap(({ policies }) => policies),
    };
  };
}

async function trustedOf(
  principal: LiveRole,
  read: (sources: readonly LayerSource[]) => Promise<ReadLayers>,
): Promise<string[]> {
  const trust = principal.policies.filter(({ kind }) => kind === 'trust');
  const { layers } = await read(trust.map(({ source }) => ({ layer: 'resource', source, type: 'trust' })));
  const allowed = (layers.resource?.statements ?? []).filter(({ effect }) => effect === 'Allow');
  return [...new Set(allowed.flatMap((statement) => principalsOf(statement)))].sort();
}

const principalsOf = ({ principals }: Statement): string[] => {
  if (principals === null) return [];
  const texts = principals.values.map(({ value }) => value.text);
  return principals.not ? [`everyone but ${texts.join(', ')}`] : texts;
};

/** Principals of other accounts, services and everyone: what they may besides is in policies of their own. */
function outsidersOf({ layers, origins }: ReadLayers, { secret, key }: Readable): Outsider[] {
  const { resource } = layers;
  if (!resource) return [];
  const account = secret.arn.split(':')[4] ?? '';
  const ours = (text: string) => text === account || text.split(':')[4] === account;
  return resource.statements.flatMap((statement) => {
    if (statement.effect !== 'Allow' || !names(statement, READ)) return [];
    const others = principalsOf(statement).filter((text) => !ours(text));
    const depends = statement.conditions.map((condition) => conditionText(condition));
    return others.map((principal) => ({
      principal,
      statement: refOf({ layer: 'resource', policy: resource, statement }, origins),
      depends: [...depends, ...keyText(principal, key?.arn ?? null), ...denialText(resource)],
    }));
  });
}

/** AWS's own key lets nobody in from another account: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html */
const keyText = (principal: string, keyArn: string | null): string[] => {
  if (principal.endsWith('.amazonaws.com')) return [];
  return keyArn === null
    ? ["the secret gets a key of its own: nobody outside the account may use AWS's"]
    : [`the policy of ${keyArn} lets it decrypt`];
};

const denialText = ({ statements }: Policy): string[] =>
  statements.some((statement) => statement.effect === 'Deny' && names(statement, READ))
    ? ['no denial of the same policy applies']
    : [];
