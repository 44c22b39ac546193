/** Where the secrets of the crash matrix are kept. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JamfMcpError, type ErrorCode } from '../../src/lib/errors.ts';
import type { Context } from '../../src/lib/host.ts';
import { Secret } from '../../src/lib/redact.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { awsStore } from '../../src/lib/secrets/stores/aws.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';
import { vaultStore } from '../../src/lib/secrets/stores/vault.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';
import { startRelay, type Verdict } from './relay.ts';
import { SECRET } from './rotation.ts';
import type { Fault, ServerFault, Wire } from './wire.ts';

/** A kind of store. */
export interface Place {
  kind: SecretStore['kind'];
  /** A fresh place for one secret. */
  begin(): Promise<{
    name: string;
    /** @param wire - for a process; null: nothing happens to these calls */
    open: (context: Context, wire: Wire | null) => SecretStore;
    close: () => Promise<void>;
  }>;
  /** The name of a request to it; null for one that goes elsewhere. */
  nameOf?: (method: string, url: URL, secret: string) => string | null;
  /** Let it meet a fault at the next request. */
  spoil?: (fault: ServerFault) => void;
  close(): Promise<void>;
}

const schema = schemaOf('jamf');
const nothing = () => Promise.resolve();

/** Secrets Manager of the sandbox. */
export const ON_AWS: Place = {
  kind: 'aws',
  begin: () =>
    Promise.resolve({
      name: SECRET,
      open: (context) => awsStore({ aws: {}, schema }, context),
      close: nothing,
    }),
  close: nothing,
};

/** How a store that is no server fails in the ways of one: a disk of a network, say. */
const CODES: Partial<Record<Fault, ErrorCode>> = { throttled: 'THROTTLED', 'server error': 'REMOTE_FAILED' };

function portError(fault: Fault): Error {
  const code = CODES[fault] ?? (fault.startsWith('timed out') ? 'TIMED_OUT' : 'UNREACHABLE');
  return new JamfMcpError(code, 'as the test wanted');
}

/** The local store, in a folder of its own; faults are met at its port. */
export const ON_DISK: Place = {
  kind: 'local',
  async begin() {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-matrix-store-'));
    return {
      name: SECRET,
      open(context, wire) {
        const store = localStore({ folder: join(folder, 'store'), schema, user: 'tester', localKey: 'file' }, context);
        if (!wire) return store;
        const through = <T>(method: string, work: () => Promise<T>) => wire.pass(`local:${method}`, work, portError);
        return {
          ...store,
          describe: (name) => through('describe', () => store.describe(name)),
          read: (name, ref) => through('read', () => store.read(name, ref)),
          put: (name, fields, options) => through('put', () => store.put(name, fields, options)),
          moveLabel: (name, label, from, to) => through('moveLabel', () => store.moveLabel(name, label, from, to)),
        };
      },
      close: () => rm(folder, { recursive: true }),
    };
  },
  close: nothing,
};

/** A server that speaks Vault's protocol, behind a relay that makes the faults. @param server - its address and root token */
export async function onVault(server: { address: string; token: string }): Promise<Place> {
  const relay = await startRelay(server.address);
  const { origin } = new URL(relay.url);
  return {
    kind: 'vault',
    begin() {
      const vault = { address: relay.url, token: new Secret(server.token) };
      return Promise.resolve({
        name: `${SECRET}-${randomUUID()}`,
        open: (context) => vaultStore({ vault, aws: {}, schema }, context),
        close: nothing,
      });
    },
    nameOf: (method, url, secret) =>
      url.origin === origin
        ? `vault:${method} ${url.pathname.replace(encodeURIComponent(secret), 'SECRET').replace(secret, 'SECRET')}`
        : null,
    spoil(fault) {
      const verdict: Verdict =
        fault.kind === 'reset'
          ? fault.when === 'before'
            ? 'cut before'
            : 'cut after'
          : { status: fault.kind === 'throttle' ? 429 : 500, body: '{"errors":["as the test wanted"]}' };
      relay.decide = () => {
        relay.decide = () => undefined;
        return verdict;
      };
    },
    close: () => relay.close(),
  };
}
