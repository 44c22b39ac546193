/** A loopback server between a client and another server, where a test can look on, answer itself, or cut the line. */
import { once } from 'node:events';
import { createServer } from 'node:http';

/** What a test does with a request: answer it itself, cut the line before or after the server has it, or nothing. */
export type Verdict =
  { status: number; body?: string; headers?: Record<string, string> } | 'cut before' | 'cut after' | undefined;

export interface Relay {
  url: string;
  /** Every request in order: `POST /v1/secret/data/name`. */
  readonly calls: string[];
  /** Every request's headers and body, in the same order. */
  readonly requests: { headers: Record<string, unknown>; body: string }[];
  /** Nothing is sent on before it has decided. */
  decide: (call: string) => Verdict | Promise<Verdict>;
  close(): Promise<void>;
}

/** @param target - where requests go that the test leaves alone; null: it answers all of them */
export async function startRelay(target: string | null): Promise<Relay> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString();
      const call = `${request.method ?? ''} ${request.url ?? ''}`;
      relay.calls.push(call);
      relay.requests.push({ headers: request.headers, body });
      const verdict = await relay.decide(call);
      if (verdict === 'cut before') {
        request.socket.destroy();
        return;
      }
      if (typeof verdict === 'object') {
        response.writeHead(verdict.status, verdict.headers).end(verdict.body ?? '');
        return;
      }
      if (target === null) throw new Error(`nobody answers ${call}`);
      const own = ['host', 'connection', 'content-length'];
      const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !own.includes(name)));
      const answer = await fetch(target + (request.url ?? ''), {
        method: request.method ?? 'GET',
        headers: headers as Record<string, string>,
        ...(body === '' ? {} : { body }),
      });
      const text = await answer.text();
      if (verdict === 'cut after') request.socket.destroy();
      else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    })().catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const relay: Relay = {
    url: `http://127.0.0.1:${String(address.port)}`,
    calls: [],
    requests: [],
    decide: () => undefined,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return relay;
}
