/** An MCP client that talks to our server in memory, and what the server works on in a test. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Context } from '../../src/lib/host.ts';
import type { FindComputers } from '../../src/lib/jamf/computers.ts';
import type { SecretInfo, SecretStore, SecretVersion } from '../../src/lib/secrets/store.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { serverFactory } from '../../src/lib/server/sdk.ts';
import { TOOLS } from '../../src/lib/server/tools/index.ts';
import type { Tool, ToolDeps } from '../../src/lib/server/tools/tool.ts';

export const SECRET = 'jamf-mcp-server/production';

/** Dependencies that fail unless a test gives its own. */
export function testDeps(overrides: Partial<ToolDeps> = {}): ToolDeps {
  const unused = (): Promise<never> => Promise.reject(new Error('not expected to be called'));
  return { findComputers: unused, store: unused, secret: SECRET, ...overrides };
}

/** A search that always finds the same. */
export function finds(found: Awaited<ReturnType<FindComputers>>): FindComputers {
  return () => Promise.resolve(found);
}

/** Connect a client to a server of ours, both in this process. */
export async function connectClient(deps: ToolDeps, context: Context, tools: readonly Tool[] = TOOLS): Promise<Client> {
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
  await serverFactory(tools, deps, '0.0.0-test', context)().connect(serverSide);
  const client = new Client({ name: 'test', version: '0' });
  await client.connect(clientSide);
  return client;
}

/** The text of a tool result. */
export function resultText(result: Awaited<ReturnType<Client['callTool']>>): string {
  return (result.content as { text: string }[]).map(({ text }) => text).join('\n');
}

/** Versions of one secret: label to its version id and fields. */
export type Versions = Record<string, { versionId: string; fields: Record<string, string> }>;

/** A store that can only be looked at; `versions` may be changed between reads, `reads` tells which labels were read. */
export function readableStore(
  versions: Versions,
  info: Partial<SecretInfo> = {},
): { store: () => Promise<SecretStore>; reads: string[] } {
  const reads: string[] = [];
  const refuse = (): Promise<never> => Promise.reject(new Error('a read-only tool must not change the store'));
  const store: SecretStore = {
    kind: 'local',
    whereabouts: () => Promise.resolve({ account: null, region: null, principal: null }),
    describe: (name) =>
      Promise.resolve({
        name,
        arn: `local:${name}`,
        description: null,
        createdAt: '2026-01-01T00:00:00.000Z',
        changedAt: '2026-11-01T00:00:00.000Z',
        deletionAt: null,
        rotation: { enabled: false, everyDays: null, lastRotatedAt: null, nextRotationAt: null },
        tags: {},
        stages: Object.fromEntries(Object.entries(versions).map(([label, { versionId }]) => [versionId, [label]])),
        ...info,
      }),
    list: () => Promise.resolve([]),
    read: (name, ref) => {
      const label = 'stage' in ref ? ref.stage : 'a version id';
      reads.push(label);
      const version = versions[label];
      if (!version) return Promise.reject(new JamfMcpError('VERSION_NOT_FOUND', `no version carries ${label}`));
      const found: SecretVersion = {
        name,
        arn: `local:${name}`,
        versionId: version.versionId,
        stages: [label],
        createdAt: null,
        fields: new Map(Object.entries(version.fields).map(([field, value]) => [field, new Secret(value)])),
      };
      return Promise.resolve(found);
    },
    create: refuse,
    put: refuse,
    moveLabel: refuse,
  };
  return { store: () => Promise.resolve(store), reads };
}
