/**
 * The wire between processes that are only thought of and the servers that they call. Each piece of work that is run
 * here stands for a process of its own: its requests are noted, one of them may meet a fault, and where the fault is
 * that the process is killed, that request is never answered and the process makes no other.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import http, { IncomingMessage, type ClientRequest, type RequestOptions } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { STSClient } from '@aws-sdk/client-sts';
import type { FaultRule } from '../../src/lib/sandbox/service.ts';

/** What can happen to a call; `after`: the server did what it was asked to. */
export const FAULTS = [
  'killed before',
  'killed after',
  'timed out before',
  'timed out after',
  'throttled',
  'server error',
  'cut before',
  'cut after',
] as const;

/** One of {@link FAULTS}. */
export type Fault = (typeof FAULTS)[number];

/** A fault that a server, or what stands before it, is told to make. */
export type ServerFault = Exclude<FaultRule['fault'], { kind: 'timeout' }>;

/** Which call meets what. */
export interface Trap {
  /** `jamf:POST /api/oauth/token 2`: the second one of that name. */
  call: string;
  fault: Fault;
  /** Whether every later call to that service meets it too: it is out until the process has ended. */
  lasting: boolean;
}

/** How a process ended. */
export type Outcome<T> = { kind: 'done'; result: T } | { kind: 'failed'; error: unknown } | { kind: 'killed' };

/** A process, as the wire sees it. */
interface Process {
  readonly trap: Trap | null;
  /** The name of every call, in order. */
  readonly calls: string[];
  /** How often the trap was met. */
  met: number;
  dead: boolean;
  /** Told when it is killed. */
  killed: () => void;
  /** Its AWS client waits before it tries again. */
  pausing: boolean;
}

/** How the wire reaches what is around it. */
export interface WireOptions {
  /** Let time pass. */
  advance: (ms: number) => void;
  /** Let the server meet a fault at the next call of that name. @param name - `secretsmanager:PutSecretValue` */
  spoil: (name: string, fault: ServerFault) => void;
  /** The name of a request of fetch, such as `jamf:POST /api/oauth/token`. */
  nameOf: (method: string, url: URL) => string;
}

/** What a process came to, and what the wire saw of it. */
export interface Passed<T> {
  outcome: Outcome<T>;
  /** Every call, numbered: `jamf:POST /api/oauth/token 2`. */
  calls: string[];
  /** How often the trap was met. */
  met: number;
}

/** The wire. */
export interface Wire {
  /** Run work as a process of its own. */
  run<T>(trap: Trap | null, work: () => Promise<T>): Promise<Passed<T>>;
  /**
   * Let a call pass that goes through no server.
   * @param name - as it stands in {@link Trap.call}, without its number
   * @param error - what it throws when it times out, or meets a fault of its server
   */
  pass<T>(name: string, send: () => Promise<T>, error: (fault: Fault) => Error): Promise<T>;
  /** From now on another server's time and faults. */
  lead(options: WireOptions): void;
  /** Take it out again. */
  close(): void;
}

/** One request and its answer, in ms: how long a client of AWS waits (aws.ts), and any other (http.ts). */
const AWS_PATIENCE_MS = 30_000;
const PATIENCE_MS = 15_000;

/** The faults of a server; the others are made here. */
const SERVER_FAULTS: Partial<Record<Fault, ServerFault>> = {
  throttled: { kind: 'throttle' },
  'server error': { kind: 'error', code: 'InternalServerError', message: 'try again', status: 500 },
  'cut before': { kind: 'reset', when: 'before' },
  'cut after': { kind: 'reset', when: 'after' },
};

/** A request as the HTTP handler of an AWS client gets it. */
interface AwsRequest {
  headers: Record<string, string>;
  body?: unknown;
}
interface HttpHandler {
  handle: (this: HttpHandler, request: AwsRequest, options: unknown) => Promise<unknown>;
}

/** What differs from one kind of call to another. */
interface Way<T> {
  send: () => Promise<T>;
  timedOut: () => Error;
  patienceMs: number;
  /** Meet a fault of the server. */
  spoiled: (fault: ServerFault) => Promise<T>;
}

const never = <T>() =>
  new Promise<T>(() => {
    // What was killed is answered nothing.
  });

/** Put the wire in: between this process's own calls nothing changes, only those of {@link Wire.run} go through it. */
export function layWire(): Wire {
  const here = new AsyncLocalStorage<Process>();
  let around: WireOptions = { advance: () => undefined, spoil: () => undefined, nameOf: (method) => method };

  async function pass<T>(name: string, way: Way<T>): Promise<T> {
    const process = here.getStore();
    if (!process) return way.send();
    if (process.dead) return never();
    process.pausing = false;
    process.calls.push(name);
    const fault = faultAt(process, name);
    if (fault === null) {
      const answer = await way.send();
      return isDead(process) ? never() : answer;
    }
    process.met += 1;
    if (fault.endsWith('after')) {
      const sent = SERVER_FAULTS[fault] ? null : await way.send();
      await discard(sent);
    }
    if (fault.startsWith('killed')) {
      process.dead = true;
      process.killed();
      return never();
    }
    const { [fault]: made } = SERVER_FAULTS;
    try {
      if (made) return await way.spoiled(made);
      around.advance(way.patienceMs);
      throw way.timedOut();
    } finally {
      process.pausing = true;
    }
  }

  const original = { fetch: globalThis.fetch, setTimeout: globalThis.setTimeout };
  const { request: plainRequest } = http;
  const handler = Object.getPrototypeOf(
    new STSClient({ region: 'us-east-1' }).config.requestHandler,
  ) as unknown as HttpHandler;
  const { handle } = handler;

  handler.handle = function (request, options) {
    const name = awsName(request);
    return pass(name, {
      send: () => handle.call(this, request, options),
      timedOut: () => Object.assign(new Error('the request timed out'), { name: 'TimeoutError' }),
      patienceMs: AWS_PATIENCE_MS,
      spoiled: (fault) => {
        around.spoil(name, fault);
        return handle.call(this, request, options);
      },
    });
  };
  const plainly = <T>(method: string | undefined, url: URL, send: () => Promise<T>): Promise<T> => {
    const name = around.nameOf(method ?? 'GET', url);
    return pass(name, {
      send,
      timedOut: () => new DOMException('the time is over', 'TimeoutError'),
      patienceMs: PATIENCE_MS,
      spoiled: (fault) => {
        around.spoil(name, fault);
        return send();
      },
    });
  };
  globalThis.fetch = (input, init) =>
    plainly(init?.method, new URL(input instanceof Request ? input.url : input), () => original.fetch(input, init));

  /** Requests without fetch, as the client of Vault makes them; those of AWS clients come with options alone. */
  const request = (url: URL, options: RequestOptions, answered: (incoming: IncomingMessage) => void) => {
    const standIn = new EventEmitter();
    const end = (body?: string) => {
      const send = () =>
        new Promise<IncomingMessage>((resolve, reject) => {
          plainRequest(url, options, resolve).on('error', reject).end(body);
        });
      plainly(options.method, url, send).then(answered, (error: unknown) => standIn.emit('error', error));
    };
    return Object.assign(standIn, { end });
  };
  http.request = ((...args: Parameters<typeof request>): ClientRequest =>
    here.getStore() && args[0] instanceof URL
      ? (request(...args) as unknown as ClientRequest)
      : plainRequest(...args)) as typeof http.request;
  syncBuiltinESMExports();

  // Between two attempts an AWS client waits on a timer of its own, for seconds: that is the sandbox's time here.
  globalThis.setTimeout = ((task: () => void, ms = 0, ...rest: []) => {
    const process = here.getStore();
    if (!process?.pausing) return original.setTimeout(task, ms, ...rest);
    around.advance(ms);
    return original.setTimeout(task, 0, ...rest);
  }) as typeof globalThis.setTimeout;

  return {
    async run(trap, work) {
      let killed: () => void = () => undefined;
      const death = new Promise<Outcome<never>>((resolve) => {
        killed = () => {
          resolve({ kind: 'killed' });
        };
      });
      const process: Process = { trap, calls: [], met: 0, dead: false, killed, pausing: false };
      const ended = here.run(process, work).then(
        (result) => ({ kind: 'done' as const, result }),
        (error: unknown) => ({ kind: 'failed' as const, error }),
      );
      const outcome = await Promise.race([death, ended]);
      return { outcome, calls: numbered(process.calls), met: process.met };
    },
    pass: (name, send, error) =>
      pass(name, {
        send,
        timedOut: () => error('timed out before'),
        patienceMs: PATIENCE_MS,
        async spoiled(fault) {
          if (fault.kind === 'reset' && fault.when === 'after') await send();
          throw error(fault.kind === 'throttle' ? 'throttled' : fault.kind === 'error' ? 'server error' : 'cut before');
        },
      }),
    lead(options) {
      around = options;
    },
    close() {
      handler.handle = handle;
      http.request = plainRequest;
      syncBuiltinESMExports();
      Object.assign(globalThis, original);
    },
  };
}

/** Asked anew: what ran beside this call may have been killed meanwhile. */
const isDead = ({ dead }: Process): boolean => dead;

function faultAt({ trap, calls }: Process, name: string): Fault | null {
  if (!trap) return null;
  const [, of = '', nth = ''] = /^(.*) (\d+)$/.exec(trap.call) ?? [];
  const seen = calls.filter((call) => call === of).length;
  if (seen === Number(nth) && name === of) return trap.fault;
  return trap.lasting && seen >= Number(nth) && serviceOf(name) === serviceOf(of) ? trap.fault : null;
}

const serviceOf = (name: string) => name.slice(0, name.indexOf(':'));

function numbered(calls: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return calls.map((call) => {
    const nth = (seen.get(call) ?? 0) + 1;
    seen.set(call, nth);
    return `${call} ${String(nth)}`;
  });
}

/** Nobody reads this answer: its connection is free again. */
async function discard(answer: unknown): Promise<void> {
  if (answer instanceof Response) await answer.arrayBuffer();
  if (answer instanceof IncomingMessage) answer.resume();
  const { response } = (answer ?? {}) as { response?: { body?: { resume?: () => void } } };
  response?.body?.resume?.();
}

/** `ecs:DescribeServices`, of JSON and of Query protocol. */
function awsName({ headers, body }: AwsRequest): string {
  const target = Object.entries(headers).find(([header]) => header.toLowerCase() === 'x-amz-target')?.[1];
  if (target === undefined) return `sts:${new URLSearchParams(String(body)).get('Action') ?? 'unknown'}`;
  const [service = '', operation = ''] = target.split('.');
  return `${service.startsWith('AmazonEC2ContainerService') ? 'ecs' : service}:${operation}`;
}
