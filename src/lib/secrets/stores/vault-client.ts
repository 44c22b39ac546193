/**
 * HTTP to HashiCorp Vault or OpenBao, which speak the same API below /v1 (https://openbao.org/api-docs/): timed,
 * repeated where that helps, cancellable, told to the host without bodies, its errors made ours. It stands on
 * `node:https` because `fetch` cannot be given the certificate of a private authority.
 */
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact, type Secret } from '../../redact.ts';
import { keepNumbers } from '../rules.ts';

/** What every request needs to know of the server. */
export interface VaultServer {
  /** `https://vault.example.com:8200`; http on loopback only. */
  address: string;
  namespace?: string | undefined;
  /** File with the certificates of a private authority, PEM. */
  caFile?: string | undefined;
}

/** One request. */
export interface VaultRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below /v1, each segment encoded already, such as `secret/data/a`. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  /** What a policy has to allow, for the error: `read`, or `create, update` … */
  capability: string;
  token: Secret | null;
}

/** The parts of an answer that are used; numbers are kept as the text they were written as. */
export interface VaultAnswer {
  data?: Record<string, unknown> | null;
  auth?: { client_token?: string; lease_duration?: string } | null;
  /** The whole answer as it came. */
  text?: string;
}

/** One request and its answer, in ms, and the most that is read of it: Vault itself takes 32 MiB. */
const REQUEST_TIMEOUT_MS = 30_000;
const LARGEST_ANSWER = 32 * 1024 * 1024;

/** Times a request is tried, the first pause between, in ms (it doubles), and the longest that a server may ask for. */
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;

/** A standby node sends to the active one: https://developer.hashicorp.com/vault/docs/concepts/ha */
const MOST_REDIRECTS = 2;

/** Passing troubles: too many requests, not yet consistent, a gateway or a node on its way. */
const PASSING = new Set([412, 429, 472, 473, 502, 503, 504]);
const PASSING_CODES = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN']);

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends requests to one server. */
export interface VaultClient {
  /**
   * @returns the answer, an empty one for 204; null for a 404 about which there is nothing more to say
   * @throws JamfMcpError ACCESS_DENIED, CREDENTIALS_REFUSED, CREDENTIALS_MISSING, NOT_FOUND (no such mount or
   *   namespace), UNREACHABLE, TIMED_OUT, THROTTLED, REMOTE_FAILED, INTERRUPTED; CONFLICT for a check-and-set that
   *   did not match; INPUT_INVALID for an address that is none
   */
  send(request: VaultRequest): Promise<VaultAnswer | null>;
}

/**
 * Make a client; nothing is sent until it is used.
 * @param context - host, clock and signal of every request
 */
export function vaultClient(server: VaultServer, context: Context): VaultClient {
  let authority: Promise<string | undefined> | undefined;
  /** Lets the other nodes of a cluster wait for what this process has written; other servers ignore it. */
  let seen: string | undefined;

  const exchange = async (request: VaultRequest, url: URL): Promise<Answer> => {
    const started = context.clock.now();
    const tell = (outcome: string) => {
      const took = String(context.clock.now() - started);
      context.host.notify({ kind: 'debug', text: `vault ${request.method} ${request.path}: ${outcome}, ${took} ms` });
    };
    const headers: Record<string, string> = { accept: 'application/json', 'x-vault-request': 'true' };
    if (request.token) headers['x-vault-token'] = request.token.reveal();
    if (server.namespace) headers['x-vault-namespace'] = server.namespace;
    if (seen !== undefined) {
      headers['x-vault-index'] = seen;
      headers['x-vault-inconsistent'] = 'forward-active-node';
    }
    if (request.body !== undefined) {
      headers['content-type'] = request.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    }
    try {
      const ca = await (authority ??= readAuthority(server.caFile));
      const answer = await roundTrip(url, request, headers, ca, context.signal);
      const index = answer.headers['x-vault-index'];
      if (typeof index === 'string') seen = index;
      tell(String(answer.status));
      return answer;
    } catch (error) {
      const failure = networkError(error, server.address);
      tell(`failed with ${failure.code}`);
      throw failure;
    }
  };

  const patiently = async (request: VaultRequest): Promise<Answer> => {
    let url = new URL(`${baseUrl(server.address)}/v1/${request.path}`);
    let redirects = 0;
    for (let attempt = 1; ; attempt += 1) {
      let answer: Answer | undefined;
      try {
        answer = await exchange(request, url);
        const target = redirectOf(answer, url);
        if (target && redirects < MOST_REDIRECTS) {
          redirects += 1;
          url = target;
          continue;
        }
        if (!PASSING.has(answer.status) || isSealed(answer)) return answer;
      } catch (error) {
        if (attempt === ATTEMPTS || !isPassing(error)) throw error;
      }
      const asked = Number(answer?.headers['retry-after'] ?? 0) * 1000;
      if (answer && (attempt === ATTEMPTS || asked > LONGEST_PAUSE_MS)) return answer;
      const pause = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
      await context.clock.sleep(Math.max(pause, asked || 0), context.signal).catch((cause: unknown) => {
        throw new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause });
      });
    }
  };

  return {
    async send(request) {
      const answer = await patiently(request);
      if (answer.status >= 200 && answer.status < 300) return answer.text === '' ? {} : parse(answer, server);
      const why = reasons(answer);
      if (answer.status === 404 && why === '') return null;
      throw statusError(answer, why, request, server);
    },
  };
}

/**
 * The address without a slash at its end.
 * @throws JamfMcpError INPUT_INVALID unless it is https, or http on loopback: a token must not travel in the clear
 */
function baseUrl(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  const loopback = url && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url && !url.username && (url.protocol === 'https:' || (url.protocol === 'http:' && loopback))) {
    return (url.origin + url.pathname).replace(/\/+$/, '');
  }
  throw new JamfMcpError(
    'INPUT_INVALID',
    'the address of Vault is not an https URL (http is for loopback only)',
    'correct VAULT_ADDR, BAO_ADDR or vault.address in jamf-mcp.yaml, such as https://vault.example.com:8200',
  );
}

/** One request on the wire. */
function roundTrip(
  url: URL,
  request: VaultRequest,
  headers: Record<string, string>,
  ca: string | undefined,
  cancel: AbortSignal,
): Promise<Answer> {
  const signal = AbortSignal.any([cancel, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
  return new Promise((resolve, reject) => {
    // Node gives an abort the name AbortError whatever its reason was: a time limit is none.
    const fail = (error: unknown) => {
      reject((signal.aborted ? signal.reason : error) as Error);
    };
    const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const options = { method: request.method, headers, signal, ...(ca === undefined ? {} : { ca }) };
    const outgoing = start(url, options, (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > LARGEST_ANSWER) incoming.destroy(new Error('the answer is larger than Vault ever sends'));
        else chunks.push(chunk);
      });
      incoming.on('error', fail);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text });
      });
    });
    outgoing.on('error', fail);
    outgoing.end(request.body === undefined ? undefined : JSON.stringify(request.body));
  });
}

async function readAuthority(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `the certificates for Vault cannot be read: ${messageOf(cause)}`,
      'correct VAULT_CACERT or BAO_CACERT',
      { cause },
    );
  }
}

/** Where to go instead; never from https to http, which would show the token. */
function redirectOf({ status, headers }: Answer, from: URL): URL | null {
  const { location } = headers;
  if (![301, 302, 307, 308].includes(status) || location === undefined || !URL.canParse(location, from.href))
    return null;
  const target = new URL(location, from.href);
  return from.protocol === 'https:' && target.protocol !== 'https:' ? null : target;
}

const isPassing = (error: unknown) =>
  error instanceof JamfMcpError &&
  ['UNREACHABLE', 'TIMED_OUT'].includes(error.code) &&
  PASSING_CODES.has(codeOf(error.cause));

const isSealed = (answer: Answer) => answer.status === 503 && /sealed/i.test(answer.text);

/** What Vault says of an error: one line, without secrets. */
function reasons({ text }: Answer): string {
  let errors: unknown;
  try {
    ({ errors } = JSON.parse(text) as { errors?: unknown });
  } catch {
    return redact(text.replace(/\s+/g, ' ').trim().slice(0, 200));
  }
  const said = (Array.isArray(errors) ? errors.join('; ') : '').replace(/\s+/g, ' ').trim();
  return redact(said.replace(/^\d+ errors? occurred: (\* )?/, ''));
}

function parse({ text }: Answer, server: VaultServer): VaultAnswer {
  try {
    return { ...(JSON.parse(text, keepNumbers) as VaultAnswer), text };
  } catch (cause) {
    throw new JamfMcpError(
      'REMOTE_FAILED',
      `${server.address} answers with something that is not JSON: it is no Vault`,
      'check VAULT_ADDR, BAO_ADDR or vault.address in jamf-mcp.yaml',
      { cause },
    );
  }
}

/** What became of a request that was answered with an error. */
function statusError(answer: Answer, why: string, request: VaultRequest, server: VaultServer): JamfMcpError {
  const { status } = answer;
  const path = decodeURIComponent(request.path.replace(/\?.*/, ''));
  const within = server.namespace ? ` in namespace ${server.namespace}` : '';
  const said = `vault answers ${String(status)} to ${request.method} ${path}${within}${why ? `: ${why}` : ''}`;
  const error = (code: JamfMcpError['code'], message: string, hint: string) => new JamfMcpError(code, message, hint);
  if (status === 403 && /(invalid|bad|expired) token/i.test(why)) {
    return error('CREDENTIALS_REFUSED', said, 'the token has expired or is not known: sign in again');
  }
  if (status === 403) {
    const needed = request.capability
      .split(', ')
      .map((each) => JSON.stringify(each))
      .join(', ');
    return error(
      'ACCESS_DENIED',
      `vault refuses ${request.capability} on ${path}${within}: ${why || 'permission denied'}`,
      `the token's policy needs: path "${path}" { capabilities = [${needed}] }`,
    );
  }
  if ((status === 400 || status === 401) && /missing client token/i.test(why)) {
    return error('CREDENTIALS_MISSING', said, 'set VAULT_TOKEN or BAO_TOKEN, or sign in with `vault login`');
  }
  if (status === 400 && /check-and-set/i.test(why)) return error('CONFLICT', said, 'repeat the command');
  if (status === 404) {
    return error(
      'NOT_FOUND',
      said,
      'check vault.mount (default secret) and vault.namespace in jamf-mcp.yaml: there has to be a KV version 2 engine',
    );
  }
  if (isSealed(answer)) {
    return error('REMOTE_FAILED', `vault at ${server.address} is sealed`, 'unseal it, then repeat the command');
  }
  if (status === 429) return error('THROTTLED', said, 'a quota is used up: wait, or ask for a higher one');
  if (status === 400 && /HTTP request to an HTTPS server/i.test(why)) {
    return error('INPUT_INVALID', `vault at ${server.address} speaks https`, 'begin its address with https://');
  }
  return error('REMOTE_FAILED', said, 'the audit log of the server tells more');
}

const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Why there was no answer. */
function networkError(error: unknown, address: string): JamfMcpError {
  if (error instanceof JamfMcpError) return error;
  const code = codeOf(error);
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new JamfMcpError(
      'TIMED_OUT',
      `vault at ${address} did not answer within ${String(REQUEST_TIMEOUT_MS / 1000)} s`,
      'check the address and the network',
      { cause: error },
    );
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause: error });
  }
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code);
  return new JamfMcpError(
    'UNREACHABLE',
    `vault at ${address} cannot be reached: ${redact(messageOf(error) || code)}`,
    certificate
      ? 'name the certificate of its authority with VAULT_CACERT or BAO_CACERT'
      : code === 'EPROTO'
        ? 'does it speak https? On loopback the address may begin with http://'
        : 'check VAULT_ADDR, BAO_ADDR or vault.address in jamf-mcp.yaml, and the network',
    { cause: error },
  );
}
