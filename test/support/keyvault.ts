/**
 * The data plane of Azure Key Vault for secrets, as a transport of the SDK's own pipeline: what a client would send is
 * answered here, without a socket. Rules: https://learn.microsoft.com/rest/api/keyvault/secrets
 */
import { randomUUID } from 'node:crypto';
import type { SecretClientOptions } from '@azure/keyvault-secrets';

type HttpClient = NonNullable<SecretClientOptions['httpClient']>;
type Request = Parameters<HttpClient['sendRequest']>[0];
type Headers = Request['headers'];

/** Where it says it is. */
export const VAULT_URL = 'https://example.vault.azure.net';

/** What it lets in. */
export const VAULT_TOKEN = 'EXAMPLE-keyvault-access-token';

const PAGE = 25;
const LARGEST_VALUE = 25_000;
const DAY_S = 86_400;

interface Version {
  id: string;
  value: string;
  tags: Record<string, string>;
  contentType: string | undefined;
  enabled: boolean;
  created: number;
}

interface Stored {
  versions: Version[];
  /** Seconds since 1970; null while it lives. */
  deleted: number | null;
  /** Looks at the deleted secret that still say 404: deleting takes a while. */
  looksUntilDeleted: number;
}

/** The vault, and what a test may look at or set. */
export interface KeyVault {
  httpClient: HttpClient;
  credential: { getToken(): Promise<{ token: string; expiresOnTimestamp: number }> };
  /** Name in Key Vault to content. */
  readonly secrets: Map<string, Stored>;
  /** Every call in order: `PUT secrets/name`. */
  readonly calls: string[];
  /** Called before each call is answered; throw to make it fail as a network does, return a status to refuse it. */
  before: (call: string) => number | undefined | Promise<number | undefined>;
  /** Purging is refused, as with purge protection. */
  purgeProtected: boolean;
  /** Days that a deleted secret is kept. */
  retentionDays: number;
}

/** @param now - milliseconds since 1970 */
export function keyVault(now: () => number): KeyVault {
  const secrets = new Map<string, Stored>();
  const seconds = () => Math.floor(now() / 1000);
  const challenge = {
    'www-authenticate': `Bearer authorization="https://login.microsoftonline.com/${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}", resource="https://vault.azure.net"`,
  };

  const attributes = ({ created, enabled }: Version) => ({
    enabled,
    created,
    updated: created,
    recoveryLevel: 'Recoverable+Purgeable',
    recoverableDays: vault.retentionDays,
  });
  const bundle = (name: string, version: Version) => ({
    id: `${VAULT_URL}/secrets/${name}/${version.id}`,
    attributes: attributes(version),
    tags: version.tags,
    ...(version.contentType === undefined ? {} : { contentType: version.contentType }),
  });
  const deletedBundle = (name: string, stored: Stored) => ({
    ...bundle(name, last(stored)),
    recoveryId: `${VAULT_URL}/deletedsecrets/${name}`,
    deletedDate: stored.deleted,
    scheduledPurgeDate: (stored.deleted ?? 0) + vault.retentionDays * DAY_S,
  });
  const page = (items: unknown[], url: URL) => {
    const from = Number(url.searchParams.get('$skiptoken') ?? 0);
    const next = new URL(url);
    next.searchParams.set('$skiptoken', String(from + PAGE));
    return { value: items.slice(from, from + PAGE), nextLink: from + PAGE < items.length ? next.href : null };
  };
  const living = (name: string): Stored => {
    const stored = secrets.get(name);
    if (stored?.deleted !== null) throw new Refusal(404, 'SecretNotFound', `${name} was not found`);
    return stored;
  };
  const gone = (name: string): Stored => {
    const stored = secrets.get(name);
    const since = stored?.deleted ?? null;
    if (!stored || since === null) throw new Refusal(404, 'SecretNotFound', `deleted ${name} was not found`);
    if (stored.looksUntilDeleted > 0) {
      stored.looksUntilDeleted -= 1;
      throw new Refusal(404, 'SecretNotFound', `deleted ${name} was not found`);
    }
    return stored;
  };
  const checkTags = (tags: Record<string, string>) => {
    const entries = Object.entries(tags);
    if (entries.length > 15 || entries.some(([name, value]) => name.length > 256 || value.length > 256)) {
      throw new Refusal(400, 'BadParameter', 'too many tags, or too long ones');
    }
  };

  /** `METHOD kind[/:sub]` to its answer. */
  const routes: Record<string, (name: string, rest: string, body: Body, url: URL) => unknown> = {
    'PUT secrets': (name, _version, { value = '', tags = {}, contentType }) => {
      if (!/^[0-9a-z-]{1,127}$/.test(name)) throw new Refusal(400, 'BadParameter', `the name ${name} is invalid`);
      if (Buffer.byteLength(value) > LARGEST_VALUE) throw new Refusal(400, 'BadParameter', 'the value is too long');
      checkTags(tags);
      const stored = secrets.get(name) ?? { versions: [], deleted: null, looksUntilDeleted: 0 };
      if (stored.deleted !== null) {
        throw new Refusal(409, 'Conflict', `secret ${name} is currently in a deleted but recoverable state`);
      }
      const id = randomUUID().replaceAll('-', '');
      const version = { id, value, tags, contentType, enabled: true, created: seconds() };
      stored.versions.push(version);
      secrets.set(name, stored);
      return { ...bundle(name, version), value };
    },
    'GET secrets': (name, id, _body, url) => {
      if (name === '') {
        const all = [...secrets].filter(([, stored]) => stored.deleted === null);
        return page(
          all.map(([each, stored]) => ({ ...bundle(each, last(stored)), id: `${VAULT_URL}/secrets/${each}` })),
          url,
        );
      }
      const stored = living(name);
      // Key Vault promises no order.
      const sorted = stored.versions.toSorted((a, b) => a.id.localeCompare(b.id));
      if (id === 'versions')
        return page(
          sorted.map((version) => bundle(name, version)),
          url,
        );
      const version = id === '' ? last(stored) : stored.versions.find((each) => each.id === id);
      if (!version) throw new Refusal(404, 'SecretNotFound', `version ${id} of ${name} was not found`);
      if (!version.enabled) throw new Refusal(403, 'Forbidden', 'Operation get is not allowed on a disabled secret');
      return { ...bundle(name, version), value: version.value };
    },
    'PATCH secrets': (name, id, { tags, attributes: changed }) => {
      const version = living(name).versions.find((each) => each.id === id);
      if (!version) throw new Refusal(404, 'SecretNotFound', `version ${id} of ${name} was not found`);
      checkTags(tags ?? {});
      version.tags = tags ?? version.tags;
      version.enabled = changed?.enabled ?? version.enabled;
      return bundle(name, version);
    },
    'DELETE secrets': (name) => {
      const stored = living(name);
      Object.assign(stored, { deleted: seconds(), looksUntilDeleted: 2 });
      return deletedBundle(name, stored);
    },
    'GET deletedsecrets': (name) => deletedBundle(name, gone(name)),
    'DELETE deletedsecrets': (name) => {
      gone(name);
      if (vault.purgeProtected) throw new Refusal(403, 'Forbidden', 'Operation "purge" is not allowed on this vault');
      secrets.delete(name);
      return null;
    },
    'POST deletedsecrets': (name) => {
      const stored = gone(name);
      stored.deleted = null;
      return bundle(name, last(stored));
    },
  };

  const vault: KeyVault = {
    secrets,
    calls: [],
    before: () => undefined,
    purgeProtected: false,
    retentionDays: 90,
    credential: { getToken: () => Promise.resolve({ token: VAULT_TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    httpClient: {
      async sendRequest(request) {
        const url = new URL(request.url);
        const [kind = '', name = '', rest = ''] = url.pathname.slice(1).split('/');
        const call = `${request.method} ${[kind, name, rest].filter(Boolean).join('/')}`;
        if (request.headers.get('authorization') !== `Bearer ${VAULT_TOKEN}`) {
          // The client first asks without a body, and learns here where to get a token.
          return answer(request, 401, { error: { code: 'Unauthorized', message: 'a token is missing' } }, challenge);
        }
        if (!url.searchParams.has('api-version')) return answer(request, 400, { error: { code: 'NoVersion' } });
        vault.calls.push(call);
        const refused = await vault.before(call);
        if (refused !== undefined)
          return answer(request, refused, { error: { code: 'Refused', message: 'by the test' } });
        // Names are the same in capitals.
        const body = (typeof request.body === 'string' ? JSON.parse(request.body) : {}) as Body;
        try {
          const route = routes[`${request.method} ${kind}`];
          if (!route) throw new Refusal(404, 'NotFound', call);
          const result = route(name.toLowerCase(), rest, body, url);
          return await answer(request, result === null ? 204 : 200, result);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          return await answer(request, error.status, { error: { code: error.code, message: error.message } });
        }
      },
    },
  };
  return vault;
}

interface Body {
  value?: string;
  tags?: Record<string, string>;
  contentType?: string;
  attributes?: { enabled?: boolean };
}

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function last({ versions }: Stored): Version {
  const version = versions.at(-1);
  if (!version) throw new Error('a secret without a version');
  return version;
}

function answer(request: Request, status: number, body: unknown, extra: Record<string, string> = {}) {
  const text = body === null ? '' : JSON.stringify(body);
  return Promise.resolve({
    request,
    status,
    headers: headersOf({ 'content-type': 'application/json; charset=utf-8', ...extra }),
    bodyAsText: text,
  });
}

function headersOf(values: Record<string, string>): Headers {
  const map = new Map(Object.entries(values));
  return {
    get: (name) => map.get(name.toLowerCase()),
    set: (name, value) => {
      map.set(name.toLowerCase(), String(value));
    },
    has: (name) => map.has(name.toLowerCase()),
    delete: (name) => {
      map.delete(name.toLowerCase());
    },
    toJSON: () => Object.fromEntries(map),
    [Symbol.iterator]: () => map.entries(),
  };
}
