/** An MCP client that talks to our server in memory, and what the server works on in a test. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Context } from '../../src/lib/host.ts';
import type { FindComputers } from '../../src/lib/jamf/computers.ts';
import { serverFactory } from '../../src/lib/server/sdk.ts';
import { TOOLS } from '../../src/lib/server/tools/index.ts';
import type { Tool, ToolDeps } from '../../src/lib/server/tools/tool.ts';
import { testContext } from './context.ts';

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

/** A context on whose clock no wait ever ends: what ends all the same did not wait for it. */
export function patientContext(): Context {
  const sleep = (_ms: number, signal?: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        reject(new Error('called off'));
      });
    });
  return { ...testContext(), clock: { now: () => 0, sleep } };
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
