/** A store in memory, for tests of everything that needs one. */
import {
  createUnless,
  infoOf,
  moveLabelIn,
  putVersion,
  removeIn,
  restoreIn,
  secretNotFound,
  stillThere,
  tagIn,
  versionOf,
  versionsOf,
  type SecretDocument,
} from '../../src/lib/secrets/document.ts';
import { schemaOf, type SchemaChoice } from '../../src/lib/secrets/schema.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';

/** The store, and what a test may look at or set. */
export interface MemoryStore extends SecretStore {
  /** Name to document: the state itself. */
  readonly documents: Map<string, SecretDocument>;
  /** Name to resource policy. */
  readonly policies: Map<string, string>;
  /** Every call of a method, in order: `put jamf-mcp-server/production`. */
  readonly calls: string[];
  /** Called before each method does its work; throw here to inject a fault. */
  before: (method: string, name: string) => void | Promise<void>;
  /** Called after each method has done its work, which stays done; throw here to lose its answer. */
  after: (method: string, name: string) => void | Promise<void>;
  /** Mark a secret as AWS does when it is deleted with a recovery window. */
  scheduleDeletion(name: string, at?: string): void;
}

/**
 * An empty store.
 * @param options - `now`: milliseconds since 1970, default a fixed time; `kind`: what it calls itself, default `aws`
 */
export function memoryStore(
  options: { now?: () => number; kind?: SecretStore['kind'] } & Partial<SchemaChoice> = {},
): MemoryStore {
  const now = options.now ?? (() => Date.parse('2026-11-22T00:00:00Z'));
  const choice = { schema: schemaOf('jamf'), ...options };
  const documents = new Map<string, SecretDocument>();
  const policies = new Map<string, string>();
  const calls: string[] = [];
  const arnOf = (name: string) => `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}-EXMPLE`;
  const find = (name: string): SecretDocument => {
    const named = documents.get(name) ?? [...documents.values()].find((candidate) => arnOf(candidate.name) === name);
    const document = stillThere(named ?? null, now());
    if (!document) throw secretNotFound(name, 'memory');
    return document;
  };
  /** Change a document, or let it go where its deletion window has ended with the change. */
  const change = (name: string, work: (document: SecretDocument) => SecretDocument): void => {
    const document = work(find(name));
    if (stillThere(document, now())) documents.set(document.name, document);
    else documents.delete(document.name);
  };
  /** Record the call, give the test its say, then work; a throw becomes a rejection. */
  const enter = async <T>(method: string, name: string, work: () => T): Promise<T> => {
    calls.push(`${method} ${name}`);
    await store.before(method, name);
    const result = work();
    await store.after(method, name);
    return result;
  };

  const store: MemoryStore = {
    kind: options.kind ?? 'aws',
    documents,
    policies,
    calls,
    before: () => undefined,
    after: () => undefined,
    scheduleDeletion(name, at = '2026-12-22T00:00:00.000Z') {
      documents.set(name, { ...find(name), deletionAt: at });
    },
    whereabouts: () =>
      Promise.resolve({
        account: '000000000000',
        region: 'us-east-1',
        principal: 'arn:aws:iam::000000000000:user/operator',
      }),
    describe: (name) => enter('describe', name, () => infoOf(find(name), arnOf(find(name).name))),
    list: (prefix) =>
      enter('list', prefix, () =>
        [...documents.values()]
          .filter((document) => document.name.startsWith(prefix) && stillThere(document, now()))
          .map((document) => infoOf(document, arnOf(document.name))),
      ),
    read: (name, ref) => enter('read', name, () => versionOf(find(name), arnOf(find(name).name), ref, choice)),
    create: (secret) =>
      enter('create', secret.name, () => {
        documents.set(
          secret.name,
          createUnless(stillThere(documents.get(secret.name) ?? null, now()), secret, now(), 'memory'),
        );
        return { arn: arnOf(secret.name), versionId: secret.token };
      }),
    put: (name, fields, put) =>
      enter('put', name, () => {
        change(name, (document) => putVersion(document, fields, put, now()));
        return { versionId: put.token };
      }),
    moveLabel: (name, label, from, to) =>
      enter('moveLabel', name, () => {
        change(name, (document) => moveLabelIn(document, label, from, to, now()));
      }),
    versions: (name) => enter('versions', name, () => versionsOf(find(name))),
    remove: (name, windowDays) =>
      enter('remove', name, () => {
        let deletionAt = '';
        change(name, (document) => {
          const removed = removeIn(document, windowDays, now());
          ({ deletionAt } = removed);
          return removed;
        });
        return { deletionAt };
      }),
    restore: (name) =>
      enter('restore', name, () => {
        change(name, restoreIn);
      }),
    tag: (name, tags) =>
      enter('tag', name, () => {
        change(name, (document) => tagIn(document, tags));
      }),
    ...((options.kind ?? 'aws') === 'aws' && {
      policy: (name) => enter('policy', name, () => policies.get(find(name).name) ?? null),
      setPolicy: (name, text) =>
        enter('setPolicy', name, () => {
          policies.set(find(name).name, text);
        }),
    }),
  };
  return store;
}
