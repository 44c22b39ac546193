/**
 * The sandbox's HTTP: one listener for all AWS services, one for each plain service, on loopback only.
 *
 * Signatures are not verified: the access key id says who calls. What AWS refuses before a service sees the call
 * (no credentials, unknown ones, a denied action) is refused here.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Faults } from './faults.ts';
import { authorise, type KeptRole, type Principals } from './principals.ts';
import {
  AwsFault,
  type AwsCall,
  type AwsService,
  type FaultRule,
  type PlainResponse,
  type PlainService,
  type Principal,
  type World,
} from './service.ts';
import { decode, encode, encodeFault, strayRequestId, type WireRequest } from './wire.ts';

/** One call that a server of the sandbox saw. */
export interface SeenCall {
  service: string;
  /** AWS operation, or method and path of a plain service. */
  operation: string;
  /** `ok`, an AWS error code, an HTTP status from 400 up, `timeout`, `reset-before` or `reset-after`. */
  outcome: string;
  /** Milliseconds since 1970. */
  at: number;
}

/** What every listener is built with. */
export interface ServerParts {
  world: World;
  faults: Faults;
  calls: SeenCall[];
}

/** A listener. */
export interface Listener {
  /** `127.0.0.1:port` */
  address: string;
  /** Stop, and cut the connections that are open. */
  close(): Promise<void>;
}

/** Secrets Manager takes 65,536 bytes of value; JSON and base64 may blow that up severalfold. */
const BODY_LIMIT_BYTES = 1_048_576;

/** What a request is answered with; null leaves it unanswered, `reset` cuts the connection. */
type Answer = { status: number; headers: Record<string, string>; body: string | Uint8Array } | 'reset' | null;

/** A request with its body read. */
interface Incoming {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: string;
  remoteAddress: string;
}

/**
 * Listen for AWS calls.
 * @param services - by the name that `eventSource` has: `secretsmanager`, `ecs` …
 * @param principals - the access keys there are
 * @param roles - the roles there are; those made in the sandbox are kept to their policies
 */
export function serveAws(
  parts: ServerParts,
  services: Readonly<Record<string, AwsService>>,
  principals: Principals,
  roles: readonly KeptRole[] = [],
): Promise<Listener> {
  return listen((incoming) => answerAws(parts, { services, principals, roles }, incoming));
}

interface Account {
  services: Readonly<Record<string, AwsService>>;
  principals: Principals;
  roles: readonly KeptRole[];
}

async function answerAws(
  { world, faults, calls }: ServerParts,
  { services, principals, roles }: Account,
  incoming: Incoming,
): Promise<Answer> {
  const requestId = world.random.uuid();
  let request: WireRequest | null;
  try {
    request = decode(incoming);
  } catch (error) {
    return encodeFault({ protocol: 'json', service: '' }, asFault(error), requestId);
  }
  if (!request) {
    return encodeFault(
      { protocol: 'json', service: '' },
      new AwsFault('UnknownOperationException', 'Unknown operation', 404),
      requestId,
    );
  }
  const { service, operation } = request;
  const seen = (outcome: string) => calls.push({ service, operation, outcome, at: world.clock.now() });

  const met = faults.meet(`${service}:${operation}`);
  const lost = connectionLoss(met, 'before');
  if (lost) {
    seen(lost.outcome);
    return lost.answer;
  }
  const scope = credentialScope(incoming.headers, world.region);
  let call: AwsCall | null = null;
  let output: unknown;
  let fault: AwsFault | null = null;
  try {
    const handler = handlerOf(services, request);
    const principal = identify(request, scope, incoming.headers, principals);
    call = {
      service,
      operation,
      input: request.input,
      principal,
      region: service === 'iam' ? 'us-east-1' : scope.region,
      requestId,
      sourceIp: incoming.remoteAddress,
      userAgent: incoming.headers['user-agent'] ?? '',
    };
    failIfInjected(request, met);
    const about = services[service];
    authorise(call, about?.resource?.(call) ?? '*', roles, about?.needs?.(call));
    output = await handler(call.input, call);
  } catch (error) {
    fault = asFault(error);
  }
  // CloudTrail knows only callers that AWS could identify.
  if (call && !services[service]?.dataEvents) world.record(call, fault ? { fault } : { output });
  const dropped = connectionLoss(met, 'after');
  seen(dropped?.outcome ?? fault?.code ?? 'ok');
  if (dropped) return dropped.answer;
  return fault ? encodeFault(request, fault, requestId) : encode(request, output, requestId);
}

/** @throws AwsFault where the service has no such operation */
function handlerOf(services: Readonly<Record<string, AwsService>>, { protocol, service, operation }: WireRequest) {
  const handlers = services[service]?.handlers;
  const handler = handlers && Object.hasOwn(handlers, operation) ? handlers[operation] : undefined;
  if (handler) return handler;
  throw protocol === 'query'
    ? new AwsFault('InvalidAction', `Could not find operation ${operation}`)
    : new AwsFault('UnknownOperationException', `Unknown operation ${operation}`);
}

/** @throws AwsFault where an injected fault is an answer of the service */
function failIfInjected({ protocol }: WireRequest, met: FaultRule['fault'] | null): void {
  if (met?.kind === 'error') throw new AwsFault(met.code, met.message, met.status ?? 400);
  if (met?.kind !== 'throttle') return;
  throw new AwsFault(protocol === 'query' ? 'Throttling' : 'ThrottlingException', 'Rate exceeded');
}

/** What the credential scope of a signature says; the sandbox's own Region where there is none. */
function credentialScope(
  headers: Readonly<Record<string, string>>,
  region: string,
): { accessKeyId: string | null; region: string } {
  const scope = /Credential=([^/,\s]+)\/\d{8}\/([^/,\s]+)\//.exec(headers.authorization ?? '');
  return { accessKeyId: scope?.[1] ?? null, region: scope?.[2] ?? region };
}

/** The status of a refusal differs by protocol: Query services answer 403. */
function identify(
  { protocol }: WireRequest,
  { accessKeyId }: { accessKeyId: string | null },
  headers: Readonly<Record<string, string>>,
  principals: Principals,
): Principal {
  if (accessKeyId === null) {
    throw protocol === 'query'
      ? new AwsFault('MissingAuthenticationToken', 'Request is missing Authentication Token', 403)
      : new AwsFault('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const principal = principals.find(accessKeyId, headers['x-amz-security-token']);
  if (principal) return principal;
  const message = 'The security token included in the request is invalid.';
  throw protocol === 'query'
    ? new AwsFault('InvalidClientTokenId', message, 403)
    : new AwsFault('UnrecognizedClientException', message);
}

/** Anything thrown, as AWS would answer it: what is no fault of AWS's is a bug of the sandbox and says so. */
function asFault(error: unknown): AwsFault {
  if (error instanceof AwsFault) return error;
  return new AwsFault(
    'InternalServiceError',
    error instanceof Error ? (error.stack ?? error.message) : String(error),
    500,
  );
}

/**
 * Listen for the calls of a plain service.
 * @param name - as it stands in `calls` and in fault rules: `jamf`
 */
export function servePlain(
  { world, faults, calls }: ServerParts,
  name: string,
  service: PlainService,
): Promise<Listener> {
  return listen(async (incoming) => {
    const operation = `${incoming.method} ${incoming.path}`;
    const seen = (outcome: string) => calls.push({ service: name, operation, outcome, at: world.clock.now() });
    const met = faults.meet(`${name}:${operation}`);
    const lost = connectionLoss(met, 'before');
    if (lost) {
      seen(lost.outcome);
      return lost.answer;
    }
    let response: PlainResponse;
    try {
      response = injected(met) ?? (await service.handle(incoming));
    } catch (error) {
      response = problem(500, 'INTERNAL', asFault(error).message);
    }
    const dropped = connectionLoss(met, 'after');
    seen(dropped?.outcome ?? (response.status < 400 ? 'ok' : String(response.status)));
    if (dropped) return dropped.answer;
    const { body } = response;
    return {
      status: response.status,
      headers:
        body === undefined ? (response.headers ?? {}) : { 'content-type': 'application/json', ...response.headers },
      body: body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
    };
  });
}

function injected(met: FaultRule['fault'] | null): PlainResponse | null {
  if (met?.kind === 'error') return problem(met.status ?? 500, met.code, met.message);
  if (met?.kind === 'throttle')
    return { ...problem(429, 'TOO_MANY_REQUESTS', 'Rate exceeded'), headers: { 'retry-after': '1' } };
  return null;
}

/** Jamf's error shape and Auth0's in one: each client reads the members it knows. */
const problem = (status: number, code: string, message: string): PlainResponse => ({
  status,
  body: {
    httpStatus: status,
    errors: [{ code, description: message, id: '0', field: null }],
    statusCode: status,
    error: code,
    message,
  },
});

/** Whether a fault takes the connection, before the call took effect or after. */
function connectionLoss(
  met: FaultRule['fault'] | null,
  when: 'before' | 'after',
): { outcome: string; answer: Answer } | null {
  if (met?.kind === 'timeout' && when === 'before') return { outcome: 'timeout', answer: null };
  if (met?.kind === 'reset' && met.when === when) return { outcome: `reset-${when}`, answer: 'reset' };
  return null;
}

/** Listen on a free loopback port. */
async function listen(answer: (incoming: Incoming) => Promise<Answer>): Promise<Listener> {
  const server: Server = createServer((request, response) => {
    respond(request, response, answer).catch((error: unknown) => {
      // Only a client that hung up in the middle of its request leads here.
      request.destroy(error instanceof Error ? error : undefined);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  // Longer than any client keeps an idle connection, so that none is cut while a request is on its way.
  server.keepAliveTimeout = 120_000;
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${String(port)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (incoming: Incoming) => Promise<Answer>,
): Promise<void> {
  // A page in a browser may reach a loopback port by a name that it made resolve to 127.0.0.1.
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? '')) {
    response.writeHead(421).end();
    return;
  }
  const body = await readBody(request);
  if (body === null) {
    response.writeHead(413, { connection: 'close', 'x-amzn-requestid': strayRequestId() }).end();
    return;
  }
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const answered = await answer({
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    ),
    body,
    remoteAddress: request.socket.remoteAddress ?? '127.0.0.1',
  });
  if (answered === null) return;
  if (answered === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  response
    .writeHead(answered.status, { ...answered.headers, 'content-length': Buffer.byteLength(answered.body) })
    .end(answered.body);
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_LIMIT_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
