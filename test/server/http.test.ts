import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Context } from '../../src/lib/host.ts';
import { allowedHost, allowedOrigin, listen, type HttpListener } from '../../src/lib/server/http.ts';
import { answerHttp, serverFactory } from '../../src/lib/server/sdk.ts';
import { TOOLS } from '../../src/lib/server/tools/index.ts';
import type { ToolDeps } from '../../src/lib/server/tools/tool.ts';
import { testContext } from '../support/context.ts';
import { finds, patientContext, resultText, testDeps } from '../support/mcp.ts';

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const CALL = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'find_computers', arguments: {} } };

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: unknown;
}

/** A raw request: fetch would not let a test write Host. */
function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  const { method = 'POST', headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      {
        method,
        agent: false,
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text === '' ? null : JSON.parse(text),
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

describe('the HTTP server', () => {
  let listener: HttpListener | undefined;

  async function start(deps: Partial<ToolDeps> = {}, context: Context = testContext()): Promise<string> {
    const make = serverFactory(TOOLS, testDeps(deps), '0.0.0-test', context);
    listener = await listen(
      { host: '127.0.0.1', port: 0, answer: (request, response) => answerHttp(make(), request, response) },
      context,
    );
    return listener.url;
  }

  afterEach(async () => {
    await listener?.close();
    listener = undefined;
  });

  it('serves the client of the SDK, without a session', async () => {
    const url = await start({ findComputers: finds({ totalCount: 7, computers: [] }) });
    const client = new Client({ name: 'test', version: '0' });
    const transport = new StreamableHTTPClientTransport(new URL(url));
    await client.connect(transport);
    assert.equal(transport.sessionId, undefined);
    assert.equal((await client.listTools()).tools.length, 2);
    const result = await client.callTool({ name: 'find_computers', arguments: {} });
    assert.equal((result.structuredContent as { totalCount: number }).totalCount, 7);
    await client.close();
  });

  it('answers many clients at a time', async () => {
    const url = await start();
    const replies = await Promise.all(Array.from({ length: 40 }, () => ask(url, { body: JSON.stringify(LIST) })));
    assert.deepEqual(
      replies.map(({ status }) => status),
      replies.map(() => 200),
    );
  });

  it('answers 503 to more than 256 requests at a time', async () => {
    const release: (() => void)[] = [];
    const url = await start({
      findComputers: () =>
        new Promise((resolve) => {
          release.push(() => {
            resolve({ totalCount: 0, computers: [] });
          });
        }),
    });
    const held = Array.from({ length: 256 }, () => ask(url, { body: JSON.stringify(CALL) }));
    while (release.length < held.length) await new Promise((resolve) => setImmediate(resolve));
    const extra = await ask(url, { body: JSON.stringify(LIST) });
    assert.equal(extra.status, 503);
    assert.equal(extra.headers['retry-after'], '1');
    for (const go of release) go();
    assert.ok((await Promise.all(held)).every(({ status }) => status === 200));
    assert.equal((await ask(url, { body: JSON.stringify(LIST) })).status, 200);
  });

  it('tells that it is up', async () => {
    const url = await start();
    const reply = await ask(url.replace('/mcp', '/healthz'), { method: 'GET' });
    assert.deepEqual([reply.status, reply.body], [200, { status: 'ok' }]);
  });

  it('answers 405 to GET and DELETE, which a server without sessions and streams does not have', async () => {
    const url = await start();
    for (const method of ['GET', 'DELETE', 'PUT', 'OPTIONS']) {
      const { status, headers } = await ask(url, { method });
      assert.deepEqual([method, status, headers.allow], [method, 405, 'POST']);
    }
    const health = await ask(url.replace('/mcp', '/healthz'));
    assert.deepEqual([health.status, health.headers.allow], [405, 'GET']);
  });

  it('answers every refusal in JSON', async () => {
    const url = await start();
    const replies = {
      'not found': await ask(url.replace('/mcp', '/elsewhere'), { method: 'GET' }),
      'wrong type': await ask(url, { headers: { 'content-type': 'text/plain' }, body: '{}' }),
      'not acceptable': await ask(url, { headers: { accept: 'text/html' }, body: JSON.stringify(LIST) }),
      'no JSON': await ask(url, { body: '{' }),
      'no message': await ask(url, { body: '{"hello":1}' }),
      'unknown protocol version': await ask(url, {
        headers: { 'mcp-protocol-version': '1999-01-01' },
        body: JSON.stringify(LIST),
      }),
    };
    const statuses = Object.fromEntries(Object.entries(replies).map(([name, { status }]) => [name, status]));
    assert.deepEqual(statuses, {
      'not found': 404,
      'wrong type': 415,
      'not acceptable': 406,
      'no JSON': 400,
      'no message': 400,
      'unknown protocol version': 400,
    });
    for (const [name, { headers, body }] of Object.entries(replies)) {
      assert.equal(headers['content-type'], 'application/json', name);
      assert.equal(typeof (body as { error: { message: string } }).error.message, 'string', name);
      assert.equal(headers['cache-control'], 'no-store', name);
    }
  });

  it('refuses a body of more than 4 MiB, announced or not', async () => {
    const url = await start();
    const large = JSON.stringify({ ...LIST, params: { padding: 'x'.repeat(4 * 1024 * 1024) } });
    assert.equal((await ask(url, { body: large })).status, 413);
    assert.equal((await ask(url, { headers: { 'transfer-encoding': 'chunked' }, body: large })).status, 413);
    assert.equal((await ask(url, { body: JSON.stringify(LIST) })).status, 200);
  });

  it('answers 403 to another Host, or a page of another Origin', async () => {
    const url = await start();
    const port = new URL(url).port;
    const cases: [Record<string, string>, number][] = [
      [{ host: `127.0.0.1:${port}` }, 200],
      [{ host: 'localhost' }, 200],
      [{ host: `evil.example:${port}` }, 403],
      [{ host: `127.0.0.1.evil.example:${port}` }, 403],
      [{ host: `evil.example@127.0.0.1:${port}` }, 403],
      [{ origin: 'http://localhost:6274' }, 200],
      [{ origin: 'https://evil.example' }, 403],
      [{ origin: 'null' }, 403],
      [{ origin: 'http://localhost.evil.example' }, 403],
      [{ origin: '' }, 403],
    ];
    for (const [headers, status] of cases) {
      const reply = await ask(url, { headers, body: JSON.stringify(LIST) });
      assert.equal(reply.status, status, JSON.stringify(headers));
      const health = await ask(url.replace('/mcp', '/healthz'), { method: 'GET', headers });
      assert.equal(health.status, status, JSON.stringify(headers));
    }
  });

  it('looks at the host name of Host and Origin, whatever the port', () => {
    for (const host of ['localhost:1', '127.0.0.1', '127.1.2.3:80', '[::1]:3000', '[::1]']) {
      assert.equal(allowedHost(host), true, host);
      assert.equal(allowedOrigin(`http://${host}`), true, host);
    }
    for (const host of [
      '10.0.0.1',
      '[::2]',
      '0.0.0.0',
      'localhost/x',
      'localhost?x',
      'localhost#x',
      'a\\b',
      ':',
      ' ',
    ]) {
      assert.equal(allowedHost(host), false, host);
    }
    assert.equal(allowedHost(undefined), false);
    assert.equal(allowedOrigin(undefined), true);
    for (const origin of ['file://localhost', 'chrome-extension://localhost', 'localhost', 'http://']) {
      assert.equal(allowedOrigin(origin), false, origin);
    }
  });

  it('refuses to listen beyond this machine', async () => {
    const answer = () => Promise.resolve();
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '192.168.1.1', '[::]', 'example.com', '127.evil.example', '']) {
      await assert.rejects(listen({ host, port: 0, answer }, testContext()), { code: 'INPUT_INVALID' }, host);
    }
  });

  it('says which port is taken', async () => {
    const url = await start();
    const port = Number(new URL(url).port);
    await assert.rejects(listen({ host: 'localhost', port, answer: () => Promise.resolve() }, testContext()), {
      code: 'INPUT_INVALID',
      message: new RegExp(`cannot listen on 127.0.0.1 port ${String(port)}`),
    });
  });

  it('lets a call under way finish before it closes', async () => {
    const gate = Promise.withResolvers<undefined>();
    const entered = Promise.withResolvers<undefined>();
    const url = await start(
      {
        findComputers: async () => {
          entered.resolve(undefined);
          await gate.promise;
          return { totalCount: 1, computers: [] };
        },
      },
      patientContext(),
    );
    const reply = ask(url, { headers: { connection: 'keep-alive' }, body: JSON.stringify(CALL) });
    await entered.promise;
    const closed = listener?.close();
    await assert.rejects(ask(url, { body: JSON.stringify(LIST) }), /ECONNREFUSED/);
    gate.resolve(undefined);
    assert.equal((await reply).status, 200);
    await closed;
    listener = undefined;
  });

  it('hangs up on a call that does not end in time, and aborts its work', async () => {
    // The clock of the test context lets the time for the last calls pass at once.
    const work: { signal?: AbortSignal } = {};
    const context = testContext();
    const make = serverFactory(
      TOOLS.map((tool) => ({
        ...tool,
        run: (_input: unknown, _deps: unknown, { signal }: Context) => {
          work.signal = signal;
          return new Promise<never>(() => undefined);
        },
      })),
      testDeps(),
      '0.0.0-test',
      context,
    );
    const stuck = await listen(
      { host: '127.0.0.1', port: 0, answer: (request, response) => answerHttp(make(), request, response) },
      context,
    );
    const reply = assert.rejects(ask(stuck.url, { body: JSON.stringify(CALL) }), /socket hang up|ECONNRESET/);
    while (!work.signal) await new Promise((resolve) => setImmediate(resolve));
    await stuck.close();
    await reply;
    assert.equal(work.signal.aborted, true);
  });

  it('answers 500 without details when its own work fails', async () => {
    const context = testContext();
    const broken = await listen(
      { host: '127.0.0.1', port: 0, answer: () => Promise.reject(new Error('inner detail')) },
      context,
    );
    const reply = await ask(broken.url, { body: JSON.stringify(LIST) });
    assert.equal(reply.status, 500);
    assert.ok(!JSON.stringify(reply.body).includes('inner detail'));
    assert.ok(context.events.some((event) => event.kind === 'warning' && event.text.includes('inner detail')));
    await broken.close();
  });

  it('gives tool errors as results', async () => {
    const url = await start();
    const client = new Client({ name: 'test', version: '0' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    const result = await client.callTool({ name: 'secret_status', arguments: {} });
    assert.equal(result.isError, true);
    assert.match(resultText(result), /not expected to be called/);
    await client.close();
  });
});
