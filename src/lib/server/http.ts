/** The HTTP face of the server: loopback only, and only for those who mean it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv4, type AddressInfo } from 'node:net';
import { JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { redact } from '../redact.ts';
import { drained } from './drain.ts';

/** Where MCP requests go. */
export const MCP_PATH = '/mcp';

/** Tells a supervisor that the server listens. */
const HEALTH_PATH = '/healthz';

/**
 * Requests under way at one time; one more is answered 503. Those of five seconds at 50 a second find room, should they
 * all have to wait for a pair that is being replaced; one that waits takes about 40 KB.
 */
const MOST_REQUESTS = 256;

/** How long a client may take to send a request, in ms. */
const REQUEST_MS = 30_000;

/** What a listener needs. */
export interface HttpOptions {
  /** A loopback address or `localhost`. */
  host: string;
  /** 0 for any free one. */
  port: number;
  /** Answers a POST to {@link MCP_PATH}. */
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

/** A listening server. */
export interface HttpListener {
  /** Of the MCP endpoint: `http://127.0.0.1:3000/mcp`. */
  url: string;
  /** Take no more requests, let those under way finish within the time of {@link drained}, then hang up. */
  close(): Promise<void>;
}

/**
 * Listen.
 * @throws JamfMcpError INPUT_INVALID where the host is not loopback (there is no authentication) or the port is taken
 */
export async function listen({ host, port, answer }: HttpOptions, context: Context): Promise<HttpListener> {
  const address = host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1');
  if (!isLoopback(address)) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `refusing to listen on ${host}: the HTTP server has no authentication yet, so it serves this machine only`,
      'use --host 127.0.0.1, and a tunnel (ssh -L) to reach it from elsewhere',
    );
  }
  let open = 0;
  let closing = false;
  const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    open += 1;
    const started = context.clock.now();
    response.once('close', () => {
      open -= 1;
      const took = `${String(context.clock.now() - started)} ms`;
      context.host.notify({
        kind: 'debug',
        text: `http ${request.method ?? ''}: ${String(response.statusCode)}, ${took}`,
      });
      // Once closing, a connection that has become idle need not wait for its keep-alive to end.
      if (closing)
        setImmediate(() => {
          server.closeIdleConnections();
        });
    });
    route(request, response, open > MOST_REQUESTS, answer).catch((error: unknown) => {
      context.host.notify({ kind: 'warning', text: `http: ${redact(messageOf(error))}` });
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'Internal error');
    });
  });
  await started(server, address, port);
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${String(bound.port)}${MCP_PATH}`,
    async close() {
      closing = true;
      const closed = new Promise<'closed'>((resolve) =>
        server.close(() => {
          resolve('closed');
        }),
      );
      if (!(await drained(closed, context))) server.closeAllConnections();
      await closed;
    },
  };
}

/** Whether an IP address is one of this machine's own. */
function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}

/** Names by which a client on this machine may address the server; ports are not looked at, a tunnel may change them. */
function isLocalName(hostname: string): boolean {
  return hostname === 'localhost' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
}

/**
 * Whether `Host` names this machine: a page whose own name was pointed at 127.0.0.1 (DNS rebinding) sends that name.
 * @param header - the header, with or without a port
 */
export function allowedHost(header: string | undefined): boolean {
  const url = header === undefined || /[/@?#\\]/.test(header) ? null : URL.parse(`http://${header}`);
  return url !== null && isLocalName(url.hostname);
}

/**
 * Whether `Origin` is absent (no browser) or a page of this machine. A server MUST answer 403 to others
 * (MCP specification, transports, security warning).
 */
export function allowedOrigin(header: string | undefined): boolean {
  if (header === undefined) return true;
  const url = URL.parse(header);
  return url !== null && /^https?:$/.test(url.protocol) && isLocalName(url.hostname);
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  busy: boolean,
  answer: HttpOptions['answer'],
): Promise<void> {
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  const path = (request.url ?? '').replace(/\?.*$/, '');
  const refusal = REFUSALS.find(({ when }) => when({ request, path, busy }));
  if (refusal) refuse(response, refusal.status, refusal.message, refusal.headers);
  else if (path === HEALTH_PATH) send(response, 200, { status: 'ok' });
  else await answer(request, response);
}

/** When a request is refused, and how; first match wins. */
const REFUSALS: readonly {
  when: (asked: { request: IncomingMessage; path: string; busy: boolean }) => boolean;
  status: number;
  message: string;
  headers?: Record<string, string>;
}[] = [
  {
    when: ({ request }) => !allowedHost(request.headers.host),
    status: 403,
    message: 'Forbidden: Host is not this machine',
  },
  {
    when: ({ request }) => !allowedOrigin(request.headers.origin),
    status: 403,
    message: 'Forbidden: Origin is not this machine',
  },
  { when: ({ path }) => path !== HEALTH_PATH && path !== MCP_PATH, status: 404, message: 'Not found' },
  {
    when: ({ request, path }) => path === HEALTH_PATH && request.method !== 'GET',
    status: 405,
    message: 'Method not allowed',
    headers: { allow: 'GET' },
  },
  {
    // No stream of the server's own to GET and no session to DELETE: the specification's answer is 405.
    when: ({ request, path }) => path === MCP_PATH && request.method !== 'POST',
    status: 405,
    message: 'Method not allowed',
    headers: { allow: 'POST' },
  },
  { when: ({ busy }) => busy, status: 503, message: 'Too many requests at a time', headers: { 'retry-after': '1' } },
];

/** JSON-RPC's shape of an error that belongs to no request. */
function refuse(response: ServerResponse, status: number, message: string, headers: Record<string, string> = {}): void {
  // The body of a refused request is not read, so the connection cannot be used again.
  send(
    response,
    status,
    { jsonrpc: '2.0', error: { code: -32000, message }, id: null },
    { ...headers, connection: 'close' },
  );
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

async function started(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, resolve);
    });
  } catch (error) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `cannot listen on ${host} port ${String(port)}: ${messageOf(error)}`,
      'pass another --port; 0 takes any free one',
      { cause: error },
    );
  }
}
