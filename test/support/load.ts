/** An MCP client that calls a server so many times a second, whatever becomes of the calls, and counts what became of them. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { resultText } from './mcp.ts';

/** A call that failed. */
export interface FailedCall {
  /** Ms after the load began. */
  atMs: number;
  /** What the caller got to see. */
  text: string;
}

/** What became of the calls. */
export interface LoadReport {
  calls: number;
  failures: FailedCall[];
  /** Calls a second that were begun indeed. */
  perSecond: number;
  /** How long calls took, in ms, from the moment at which each was due: what a slow server keeps waiting counts. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** A load that runs. */
export interface Load {
  /** Calls that have been answered so far. */
  answered(): number;
  /** Begin no more calls, wait for those under way, and report. */
  stop(): Promise<LoadReport>;
}

/** Calls under way at most: a client has so many connections, and on a slow machine the rest is late, which counts, but is not too much for a server. */
const AT_ONCE = 100;

/**
 * Call at a steady rate: a call is begun when it is due, whether those before it have ended or not.
 * @param call - one call; what it throws is a failure
 */
export function startLoad(call: () => Promise<void>, perSecond: number): Load {
  const began = performance.now();
  const durations: number[] = [];
  const failures: FailedCall[] = [];
  const underWay = new Set<Promise<void>>();
  let begun = 0;

  const one = async (due: number) => {
    try {
      await call();
    } catch (error) {
      failures.push({ atMs: Math.round(due - began), text: failureText(error) });
    }
    durations.push(performance.now() - due);
  };
  const timer = setInterval(() => {
    for (;;) {
      const due = began + (begun * 1000) / perSecond;
      if (due > performance.now() || underWay.size >= AT_ONCE) return;
      begun += 1;
      const running = one(due);
      underWay.add(running);
      void running.then(() => underWay.delete(running));
    }
  }, 1000 / perSecond);

  return {
    answered: () => durations.length - failures.length,
    async stop() {
      clearInterval(timer);
      const seconds = (performance.now() - began) / 1000;
      await Promise.all(underWay);
      return {
        calls: begun,
        failures,
        perSecond: begun / seconds,
        p50Ms: percentile(durations, 0.5),
        p99Ms: percentile(durations, 0.99),
        maxMs: percentile(durations, 1),
      };
    },
  };
}

/** The value that this share of the values does not exceed; NaN of none. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil(sorted.length * share) - 1, 0)] ?? Number.NaN;
}

/** One line of a report. */
export function reportText({ calls, failures, perSecond, p50Ms, p99Ms, maxMs }: LoadReport): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return `${String(calls)} calls (${perSecond.toFixed(0)}/s), ${String(failures.length)} failed, p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, max ${ms(maxMs)}`;
}

/** An error with what is behind it: fetch says no more than that it failed. */
function failureText(error: unknown): string {
  const texts: string[] = [];
  for (let one: unknown = error; one instanceof Error; one = one.cause) texts.push(one.message);
  return texts.length > 0 ? texts.join(': ') : String(error);
}

/**
 * Connect to a server's MCP endpoint.
 * @returns a call of `find_computers` that throws the text of a result that is an error, or finds nothing
 */
export async function computerCaller(url: string): Promise<{ call(): Promise<void>; close(): Promise<void> }> {
  const client = new Client({ name: 'load', version: '0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return {
    async call() {
      const result = await client.callTool({ name: 'find_computers', arguments: { limit: 1 } });
      if (result.isError) throw new Error(resultText(result));
      if ((result.structuredContent as { returned: number }).returned !== 1) throw new Error('nothing was found');
    },
    close: () => client.close(),
  };
}
