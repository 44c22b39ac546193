import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import type { Context } from '../../src/lib/host.ts';
import { serverFactory, serveStreams } from '../../src/lib/server/sdk.ts';
import { TOOLS } from '../../src/lib/server/tools/index.ts';
import type { ToolDeps } from '../../src/lib/server/tools/tool.ts';
import { testContext } from '../support/context.ts';
import { patientContext, testDeps } from '../support/mcp.ts';

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '0' } },
};
const CALL = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'find_computers', arguments: {} } };

function serve<C extends Context>(deps: Partial<ToolDeps>, context: C) {
  const input = new PassThrough();
  const output = new PassThrough();
  const chunks: Buffer[] = [];
  output.on('data', (chunk: Buffer) => chunks.push(chunk));
  const server = serverFactory(TOOLS, testDeps(deps), '0.0.0-test', context)();
  return {
    context,
    input,
    output,
    done: serveStreams(server, { input, output }, context),
    say: (...messages: unknown[]) => input.write(messages.map((message) => `${JSON.stringify(message)}\n`).join('')),
    answers: () => {
      const lines = Buffer.concat(chunks).toString().split('\n').filter(Boolean);
      return lines.map((line) => JSON.parse(line) as { id: number; result: Record<string, unknown> });
    },
  };
}

describe('the server over streams', () => {
  it('answers what came before the end of its input, then ends', async () => {
    const gate = Promise.withResolvers<{ totalCount: number; computers: [] }>();
    const { done, say, input, answers } = serve({ findComputers: () => gate.promise }, patientContext());
    say(INITIALIZE, CALL);
    input.end();
    setImmediate(() => {
      gate.resolve({ totalCount: 5, computers: [] });
    });
    await done;
    assert.deepEqual(
      answers().map(({ id }) => id),
      [1, 2],
    );
    assert.deepEqual(answers()[0]?.result.serverInfo, { name: 'jamf-mcp', title: 'jamf-mcp', version: '0.0.0-test' });
    assert.equal((answers()[1]?.result.structuredContent as { totalCount: number }).totalCount, 5);
  });

  it('does not wait for ever for a call that never ends', async () => {
    const { done, say, input, answers, context } = serve(
      { findComputers: () => new Promise(() => undefined) },
      testContext(),
    );
    say(INITIALIZE, CALL);
    input.end();
    await done;
    assert.deepEqual(context.clock.slept, [5_000]);
    assert.deepEqual(
      answers().map(({ id }) => id),
      [1],
    );
  });

  it('does not wait for a call that was cancelled', async () => {
    const { done, say, input } = serve({ findComputers: () => new Promise(() => undefined) }, patientContext());
    say(INITIALIZE, CALL, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 2 } });
    input.end();
    await done;
  });

  it('ends at once when the signal aborts', async () => {
    const { done, say, context } = serve({ findComputers: () => new Promise(() => undefined) }, testContext());
    say(INITIALIZE, CALL);
    context.abort();
    await done;
    assert.deepEqual(context.clock.slept, []);
  });

  it('ends when the client has gone away', async () => {
    const { done, say, output } = serve({}, testContext());
    say(INITIALIZE);
    output.destroy(new Error('EPIPE'));
    await done;
  });

  it('goes on after a line that is no message', async () => {
    const { done, say, input, answers, context } = serve({}, testContext());
    input.write('not json\n{"jsonrpc":"2.0"}\n');
    say(INITIALIZE);
    input.end();
    await done;
    assert.deepEqual(
      answers().map(({ id }) => id),
      [1],
    );
    assert.ok(context.events.some((event) => event.kind === 'debug' && event.text.startsWith('mcp: ')));
  });
});
