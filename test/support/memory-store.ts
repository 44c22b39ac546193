/** A store in memory, for tests of everything that needs one. */
import {
  createUnless,
  infoOf,
  moveLabelIn,
  putVersion,
  secretNotFound,
  versionOf,
  type SecretDocument,
} from '../../src/lib/secrets/document.ts';
import { schemaOf, type SecretSchema } from '../../src/lib/secrets/schema.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';

/** The store, and what a test may look at or set. */
export interface MemoryStore extends SecretStore {
  /** Name to document: the state itself. */
  readonly documents: Map<string, SecretDocument>;
  /** Every call of a method, in order: `put jamf-mcp-server/production`. */
  readonly calls: string[];
  /** Called before each method does its work; throw here to inject a fault. */
  before: (method: string, name: string) => void | Promise<void>;
  /** Mark a secret as AWS does when it is deleted with a recovery window. */
  scheduleDeletion(name: string, at?: string): void;
}

/**
 * An empty store.
 * @param options - `now`: milliseconds since 1970, default a fixed time; `kind`: what it calls itself, default `aws`
 */
export function memoryStore(
  options: { now?: () => number; schema?: SecretSchema; kind?: SecretStore['kind'] } = {},
): MemoryStore {
  const now = options.now ?? (() => Date.parse('2026-11-22T00:00:00Z'));
  const schema = options.schema ?? schemaOf('jamf');
  const documents = new Map<string, SecretDocument>();
  const calls: string[] = [];
  const arnOf = (name: string) => `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}-EXMPLE`;
  const find = (name: string): SecretDocument => {
    const document = documents.get(name) ?? [...documents.values()].find((candidate) => arnOf(candidate.name) === name);
    if (!document) throw secretNotFound(name, 'memory');
    return document;
  };
  /** Record the call, give the test its say, then work; a throw becomes a rejection. */
  const enter = async <T>(method: string, name: string, work: () => T): Promise<T> => {
    calls.push(`${method} ${name}`);
    await store.before(method, name);
    return work();
  };

  const store: MemoryStore = {
    kind: options.kind ?? 'aws',
    documents,
    calls,
    before: () => undefined,
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
          .filter((document) => document.name.startsWith(prefix))
          .map((document) => infoOf(document, arnOf(document.name))),
      ),
    read: (name, ref) => enter('read', name, () => versionOf(find(name), arnOf(find(name).name), ref, schema)),
    create: (secret) =>
      enter('create', secret.name, () => {
        documents.set(secret.name, createUnless(documents.get(secret.name) ?? null, secret, now(), 'memory'));
        return { arn: arnOf(secret.name), versionId: secret.token };
      }),
    put: (name, fields, put) =>
      enter('put', name, () => {
        const document = putVersion(find(name), fields, put, now());
        documents.set(document.name, document);
        return { versionId: put.token };
      }),
    moveLabel: (name, label, from, to) =>
      enter('moveLabel', name, () => {
        const document = moveLabelIn(find(name), label, from, to, now());
        documents.set(document.name, document);
      }),
  };
  return store;
}
