/**
 * An Auth0 tenant in the sandbox: client-credentials tokens, and the Management API as far as a client secret is rotated
 * with it. Behaviour follows facts/rotation.md §2b; error bodies are those of auth0.com/docs/api.
 */
import { createSign, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { PlainRequest, PlainResponse, World } from './service.ts';

/** An application of the tenant. */
export interface Auth0Client {
  clientId: string;
  name: string;
  description: string;
  clientSecret: string;
  /** Still accepted until then, while the new one is not; milliseconds since 1970. */
  previous: { secret: string; until: number } | null;
  authentication: 'client_secret_post' | 'private_key_jwt' | 'none';
  /** What it may do at the token endpoint. */
  grantTypes: string[];
  /** Scopes by audience: its client grants. {@link MANAGEMENT} stands for the tenant's own Management API. */
  grants: Record<string, readonly string[]>;
}

/** What may be changed while the sandbox runs. */
export interface Auth0Settings {
  /** How long a new secret is not effective yet and the old one still is: up to 30,000 ms on the real service. */
  secretDelayMs: number;
  /** Lifetime of tokens; 86,400 s on the real service. */
  tokenLifetimeSeconds: number;
}

/** The tenant of one sandbox. */
export interface Auth0 {
  handle(request: PlainRequest): Promise<PlainResponse>;
  /** The pair that the MCP server's application has at the start. It may rotate its own secret. */
  readonly client: { clientId: string; clientSecret: string };
  /** A separate application that may read and change applications. */
  readonly rotator: { clientId: string; clientSecret: string };
  readonly settings: Auth0Settings;
  /** Live state; a test may change it as an administrator could. */
  readonly clients: Auth0Client[];
}

/** The API whose tokens the MCP server accepts, and its scopes (REQUIRED_SCOPES, requirements row 10). */
export const API = { audience: 'https://jamf-mcp.example.com/', scopes: ['read:jamf', 'write:jamf'] } as const;

/** Key of {@link Auth0Client.grants} for the Management API, whatever port the tenant listens on. */
export const MANAGEMENT = 'management';

/** What PATCH may change (auth0.com/docs/api/management/v2/clients/patch-clients-by-id, the part that is kept here). */
const CHANGEABLE = ['name', 'description', 'client_secret'];

interface Token {
  audience: string;
  scopes: readonly string[];
  expiresAt: number;
}

interface SigningKey {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** An error of the Management API. */
class ManagementFault extends Error {
  readonly status: number;
  readonly error: string;
  readonly errorCode: string | undefined;

  constructor(status: number, error: string, message: string, errorCode?: string) {
    super(message);
    this.status = status;
    this.error = error;
    this.errorCode = errorCode;
  }
}

const makeKeys = promisify(generateKeyPair);

let keys: Promise<SigningKey> | null = null;
/** The one thing that no seed decides. It takes a while to make: when first needed, and once for all sandboxes here. */
const signingKey = () => (keys ??= makeKeys('rsa', { modulusLength: 2048 }));

/** @param settings - to start with something else than a prompt tenant */
export function createAuth0(world: World, settings: Partial<Auth0Settings> = {}): Auth0 {
  const { clock, random } = world;
  const current: Auth0Settings = { secretDelayMs: 0, tokenLifetimeSeconds: 86_400, ...settings };
  const clients: Auth0Client[] = [];
  const tokens = new Map<string, Token>();
  const keyId = random.text(21);

  const newSecret = () => `${random.text(57)}EXAMPLE`;
  const add = (name: string, grants: Auth0Client['grants']) => {
    const client: Auth0Client = {
      clientId: random.text(32),
      name,
      description: '',
      clientSecret: newSecret(),
      previous: null,
      authentication: 'client_secret_post',
      grantTypes: ['client_credentials'],
      grants,
    };
    clients.push(client);
    return { clientId: client.clientId, clientSecret: client.clientSecret };
  };
  const client = add('jamf-mcp-server', {
    [API.audience]: API.scopes,
    [MANAGEMENT]: ['read:clients', 'update:client_keys'],
  });
  const rotator = add('secret rotator', {
    [MANAGEMENT]: ['read:clients', 'read:client_keys', 'update:clients', 'update:client_keys'],
  });

  const isManagement = (audience: string, origin: string) =>
    audience.replace(/^https:/, 'http:') === `${origin}/api/v2/`;

  const accepts = ({ clientSecret, previous }: Auth0Client, secret: string | undefined) =>
    previous && clock.now() < previous.until ? secret === previous.secret : secret === clientSecret;

  async function token(request: PlainRequest, origin: string): Promise<PlainResponse> {
    const asked = parametersOf(request);
    const refuse = (status: number, error: string, description: string): PlainResponse => ({
      status,
      body: { error, error_description: description },
    });
    if (!asked) return refuse(400, 'invalid_request', 'the body is neither JSON nor a form');
    const { grant_type: grant, client_id: clientId, client_secret: secret, audience, scope } = asked;
    if (grant === undefined) return refuse(400, 'invalid_request', 'Missing required parameter: grant_type');
    if (grant !== 'client_credentials')
      return refuse(403, 'unsupported_grant_type', `Unsupported grant type: ${grant}`);
    const known = clients.find((candidate) => candidate.clientId === clientId);
    if (known?.authentication !== 'client_secret_post' || !accepts(known, secret)) {
      return refuse(401, 'access_denied', 'Unauthorized');
    }
    if (!known.grantTypes.includes(grant))
      return refuse(403, 'unauthorized_client', `Grant type '${grant}' not allowed for the client.`);
    if (audience === undefined) {
      return refuse(
        403,
        'access_denied',
        'No audience parameter was provided, and no default audience has been configured',
      );
    }
    const api = isManagement(audience, origin) ? MANAGEMENT : audience;
    if (api !== MANAGEMENT && api !== API.audience)
      return refuse(403, 'access_denied', `Service not found: ${audience}`);
    const granted = known.grants[api];
    if (!granted) {
      return refuse(
        403,
        'access_denied',
        `Client "${known.clientId}" is not authorized to access resource server "${audience}". You need to create a "client-grant" associated to this API.`,
      );
    }
    const scopes = scope === undefined ? granted : granted.filter((name) => scope.split(' ').includes(name));
    const issued = Math.floor(clock.now() / 1000);
    const lifetime = current.tokenLifetimeSeconds;
    const value = await signed({
      iss: `${origin}/`,
      sub: `${known.clientId}@clients`,
      aud: audience,
      iat: issued,
      exp: issued + lifetime,
      scope: scopes.join(' '),
      gty: 'client-credentials',
      azp: known.clientId,
      jti: random.uuid(),
    });
    tokens.set(value, { audience: api, scopes, expiresAt: clock.now() + lifetime * 1000 });
    return {
      status: 200,
      headers: { 'cache-control': 'no-store' },
      body: { access_token: value, scope: scopes.join(' '), expires_in: lifetime, token_type: 'Bearer' },
    };
  }

  async function signed(claims: Record<string, unknown>): Promise<string> {
    const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const content = `${encoded({ alg: 'RS256', typ: 'JWT', kid: keyId })}.${encoded(claims)}`;
    const { privateKey } = await signingKey();
    return `${content}.${createSign('RSA-SHA256').update(content).sign(privateKey, 'base64url')}`;
  }

  /** @throws ManagementFault 401 for a token that is none, 403 where it has none of the scopes */
  function authorise(request: PlainRequest, anyOf: readonly string[]): readonly string[] {
    const header = request.headers.authorization;
    if (header === undefined) throw new ManagementFault(401, 'Unauthorized', 'Missing authentication');
    const value = /^Bearer (\S+)$/i.exec(header)?.[1];
    if (value === undefined) throw new ManagementFault(400, 'Bad Request', 'Bad HTTP authentication header format');
    const held = tokens.get(value);
    if (!held) throw new ManagementFault(401, 'Unauthorized', 'Invalid token', 'invalid_token');
    if (held.expiresAt <= clock.now()) {
      throw new ManagementFault(
        401,
        'Unauthorized',
        'Expired token received for JSON Web Token validation',
        'invalid_token',
      );
    }
    if (held.audience !== MANAGEMENT) {
      throw new ManagementFault(401, 'Unauthorized', 'Bad audience', 'invalid_token');
    }
    if (!anyOf.some((scope) => held.scopes.includes(scope))) {
      throw new ManagementFault(
        403,
        'Forbidden',
        `Insufficient scope, expected any of: ${anyOf.join(',')}`,
        'insufficient_scope',
      );
    }
    return held.scopes;
  }

  function find(id: string): Auth0Client {
    const found = clients.find((candidate) => candidate.clientId === id);
    if (!found) throw new ManagementFault(404, 'Not Found', 'The client does not exist', 'inexistent_client');
    return found;
  }

  function replaceSecret(changed: Auth0Client, secret: string): void {
    if (changed.authentication === 'private_key_jwt') {
      throw new ManagementFault(
        400,
        'Bad Request',
        'Cannot rotate the secret of a client that authenticates with private_key_jwt',
        'operation_not_supported',
      );
    }
    if (secret === changed.clientSecret) return;
    const { previous } = changed;
    const effective = previous && clock.now() < previous.until ? previous.secret : changed.clientSecret;
    const until = clock.now() + current.secretDelayMs;
    changed.previous = current.secretDelayMs > 0 && secret !== effective ? { secret: effective, until } : null;
    changed.clientSecret = secret;
  }

  const shown = (found: Auth0Client, scopes: readonly string[]) => ({
    tenant: 'sandbox',
    client_id: found.clientId,
    name: found.name,
    description: found.description,
    app_type: 'non_interactive',
    grant_types: found.grantTypes,
    token_endpoint_auth_method: found.authentication === 'private_key_jwt' ? null : found.authentication,
    ...(found.authentication === 'private_key_jwt'
      ? { client_authentication_methods: { private_key_jwt: { credentials: [{ id: 'cred_EXAMPLE' }] } } }
      : {}),
    jwt_configuration: { alg: 'RS256', lifetime_in_seconds: 36_000, secret_encoded: false },
    ...(scopes.some((scope) => /^(read|update):client_keys$/.test(scope)) && found.authentication !== 'private_key_jwt'
      ? { client_secret: found.clientSecret }
      : {}),
  });

  function read(request: PlainRequest, id: string): PlainResponse {
    const scopes = authorise(request, ['read:clients', 'read:client_keys']);
    const visible = scopes.filter((scope) => scope !== 'update:client_keys');
    return { status: 200, body: chosen(shown(find(id), visible), request.query) };
  }

  function rotate(request: PlainRequest, id: string): PlainResponse {
    const scopes = authorise(request, ['update:client_keys']);
    const found = find(id);
    replaceSecret(found, newSecret());
    return { status: 200, body: shown(found, scopes) };
  }

  function patch(request: PlainRequest, id: string): PlainResponse {
    const scopes = authorise(request, ['update:clients', 'update:client_keys']);
    const found = find(id);
    const body = parametersOf(request);
    const invalid = (why: string) =>
      new ManagementFault(400, 'Bad Request', `Payload validation error: '${why}'.`, 'invalid_body');
    if (!body) throw invalid('Expected type object');
    const stray = Object.keys(body).find((name) => !CHANGEABLE.includes(name));
    if (stray !== undefined) throw invalid(`Additional properties not allowed: ${stray}`);
    const { name, description, client_secret: secret } = body;
    if (secret !== undefined) {
      authorise(request, ['update:client_keys']);
      if (secret === '') throw invalid('String is too short (0 chars), minimum 1 on property client_secret');
      replaceSecret(found, secret);
    }
    if (name !== undefined || description !== undefined) authorise(request, ['update:clients']);
    found.name = name ?? found.name;
    found.description = description ?? found.description;
    return { status: 200, body: shown(found, scopes) };
  }

  async function answer(request: PlainRequest, origin: string): Promise<PlainResponse> {
    const { method, path } = request;
    if (method === 'POST' && path === '/oauth/token') return token(request, origin);
    if (method === 'GET' && path === '/.well-known/openid-configuration')
      return { status: 200, body: discovery(origin) };
    if (method === 'GET' && path === '/.well-known/jwks.json') {
      const { publicKey } = await signingKey();
      const { kty, n, e } = publicKey.export({ format: 'jwk' });
      return { status: 200, body: { keys: [{ kty, n, e, use: 'sig', alg: 'RS256', kid: keyId }] } };
    }
    const [, id = '', action] = /^\/api\/v2\/clients\/([^/]+)(\/rotate-secret)?$/.exec(path) ?? [];
    if (id !== '') {
      if (method === 'GET' && action === undefined) return read(request, decodeURIComponent(id));
      if (method === 'PATCH' && action === undefined) return patch(request, decodeURIComponent(id));
      if (method === 'POST' && action !== undefined) return rotate(request, decodeURIComponent(id));
    }
    throw new ManagementFault(404, 'Not Found', 'Not Found');
  }

  return {
    client,
    rotator,
    settings: current,
    clients,
    async handle(request) {
      try {
        return await answer(request, `http://${request.headers.host ?? '127.0.0.1'}`);
      } catch (error) {
        const fault = error instanceof URIError ? new ManagementFault(400, 'Bad Request', error.message) : error;
        if (!(fault instanceof ManagementFault)) throw fault;
        const { status, error: name, message, errorCode } = fault;
        return { status, body: { statusCode: status, error: name, message, errorCode } };
      }
    },
  };
}

/** `fields` and `include_fields`, which is true unless it is said to be false. */
function chosen(body: Readonly<Record<string, unknown>>, query: URLSearchParams): Record<string, unknown> {
  const fields = query.get('fields')?.split(',');
  const included = query.get('include_fields') !== 'false';
  return Object.fromEntries(Object.entries(body).filter(([name]) => !fields || fields.includes(name) === included));
}

/** The texts in a JSON object or a form; null for any other body. Members that are no text are refused like a wrong body. */
function parametersOf({ headers, body }: PlainRequest): Record<string, string> | null {
  const type = headers['content-type'] ?? '';
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return Object.fromEntries(new URLSearchParams(body));
  if (!/^application\/json\b/i.test(type)) return null;
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
    const entries = Object.entries(parsed);
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
      ? Object.fromEntries(entries)
      : null;
  } catch {
    return null;
  }
}

const discovery = (origin: string) => ({
  issuer: `${origin}/`,
  token_endpoint: `${origin}/oauth/token`,
  jwks_uri: `${origin}/.well-known/jwks.json`,
  grant_types_supported: ['client_credentials'],
  token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
  scopes_supported: [...API.scopes],
  response_types_supported: ['code', 'token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256'],
});
