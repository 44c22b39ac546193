/** API integrations (clients), API roles, secrets and tokens of the sandbox's Jamf Pro. */
import {
  JamfFault,
  jsonBody,
  pageOf,
  textListMember,
  textMember,
  type Route,
  type RouteRequest,
  type Session,
} from './jamf-http.ts';
import type { PlainRequest, PlainResponse, World } from './service.ts';

/** An API role: what its privileges are decides each request anew. */
export interface ApiRole {
  id: string;
  displayName: string;
  privileges: string[];
}

/** An API integration, "API client" in Jamf's web pages. */
export interface ApiIntegration {
  id: number;
  displayName: string;
  authorizationScopes: string[];
  enabled: boolean;
  accessTokenLifetimeSeconds: number;
  clientId: string;
  /** The one secret there is; null before the first is made. */
  credential: Credential | null;
}

interface Credential {
  secret: string;
  /** The roles it was made with: a role added later needs a new secret (learn.jamf.com, "Rotating a Client Secret"). */
  roleIds: string[];
  madeAt: number;
  /** The node that made it; the others learn of it later. */
  node: string;
}

/** A token as the server keeps it: it outlives the secret, the client's being disabled, and the client. */
interface Token {
  clientId: string;
  name: string;
  roleIds: string[];
  expiresAt: number;
}

/** What may be changed while the sandbox runs. */
export interface JamfSettings {
  /** How long a new secret is unknown to a caller without the cookie of the node that made it, in ms. */
  nodeLagMs: number;
  /** Whether lists leave out accessTokenLifetimeSeconds, which the schema does not require. */
  hideLifetimes: boolean;
  /** Versions of computers-inventory that are served; without 3 it is a Jamf Pro older than 11.25. */
  inventoryVersions: number[];
}

/** Clients, roles and tokens. */
export interface JamfClients {
  routes: readonly Route[];
  integrations: ApiIntegration[];
  roles: ApiRole[];
  /** The answer of `POST /api/oauth/token`. */
  token(request: PlainRequest): PlainResponse;
  /** Whose token a request carries. @throws JamfFault 401 */
  authenticate(request: PlainRequest): Session;
  /** Make a new secret for an integration, as the API does. */
  mint(integration: ApiIntegration): { clientId: string; clientSecret: string };
}

/** Some of Jamf Pro's privileges; the list of `/v1/api-role-privileges`. */
const PRIVILEGES = [
  ...['API Integrations', 'API Roles', 'Computers', 'Mobile Devices', 'Scripts', 'Smart Computer Groups'].flatMap(
    (object) => ['Create', 'Read', 'Update', 'Delete'].map((verb) => `${verb} ${object}`),
  ),
  'Flush MDM Commands',
  'Send Computer Remote Lock Command',
  'Send Computer Remote Wipe Command',
  'View Disk Encryption Recovery Key',
  'View Local Admin Password',
].sort();

/** Lifetime of a token where a client names none. Jamf's own examples show 59-60 s answers (facts/serve.md §5). */
const DEFAULT_LIFETIME_S = 60;

/** The cookie that holds a session on one node (developer.jamf.com, "Sticky Sessions for Jamf Cloud"). */
const NODE_COOKIE = 'jpro-ingress';

const LIST_FIELDS = { filter: ['id', 'displayName'], sort: ['id', 'displayName'], order: 'id:asc' };

/** @param settings - read at each request */
export function createJamfClients(world: World, settings: JamfSettings): JamfClients {
  const { clock, random } = world;
  const roles: ApiRole[] = [];
  const integrations: ApiIntegration[] = [];
  const tokens = new Map<string, Token>();
  const shown = shownBy(settings);
  const nextId = (rows: readonly { id: string | number }[]) => 1 + Math.max(0, ...rows.map((row) => Number(row.id)));

  function mint(integration: ApiIntegration): { clientId: string; clientSecret: string } {
    const secret = `${random.text(57)}EXAMPLE`;
    const roleIds = roles
      .filter((role) => integration.authorizationScopes.includes(role.displayName))
      .map((role) => role.id);
    integration.credential = { secret, roleIds, madeAt: clock.now(), node: random.text(32, '0123456789abcdef') };
    return { clientId: integration.clientId, clientSecret: secret };
  }

  function token(request: PlainRequest): PlainResponse {
    const form = new URLSearchParams(request.body);
    const refuse = (status: number, error: string): PlainResponse => ({ status, body: { error } });
    if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '')) {
      return refuse(400, 'invalid_request');
    }
    if (form.get('grant_type') !== 'client_credentials') return refuse(400, 'unsupported_grant_type');
    const integration = integrations.find(({ clientId }) => clientId === form.get('client_id'));
    const credential = integration?.credential;
    if (!integration?.enabled || credential?.secret !== form.get('client_secret')) return refuse(401, 'invalid_client');
    const sticky = new RegExp(`${NODE_COOKIE}=${credential.node}(;|$)`).test(request.headers.cookie ?? '');
    if (!sticky && clock.now() < credential.madeAt + settings.nodeLagMs) return refuse(401, 'invalid_client');

    const lifetime = integration.accessTokenLifetimeSeconds;
    const scope = credential.roleIds.map((id) => `api-role:${id}`).join(' ');
    const issued = Math.floor(clock.now() / 1000);
    const { clientId, displayName: name } = integration;
    const value = [
      encoded({ alg: 'HS256', typ: 'JWT' }),
      encoded({
        sub: clientId,
        aud: clientId,
        iss: 'jamf-pro',
        'authentication-type': 'CLIENT_CREDENTIALS',
        scope,
        iat: issued,
        exp: issued + lifetime,
        jti: random.uuid(),
      }),
      random.text(43),
    ].join('.');
    tokens.set(value, { clientId, name, roleIds: credential.roleIds, expiresAt: clock.now() + lifetime * 1000 });
    // 599 for a client of 600 s (learn.jamf.com 11.16.0, "Generating a Client Secret").
    return { status: 200, body: { access_token: value, scope, token_type: 'Bearer', expires_in: lifetime - 1 } };
  }

  const bearer = (request: PlainRequest) => /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';

  function authenticate(request: PlainRequest): Session {
    const held = tokens.get(bearer(request));
    if (!held || held.expiresAt <= clock.now()) throw new JamfFault(401, 'INVALID_TOKEN', 'Unauthorized');
    const privileges = roles.filter((role) => held.roleIds.includes(role.id)).flatMap((role) => role.privileges);
    return { clientId: held.clientId, name: held.name, privileges: [...new Set(privileges)].sort() };
  }

  const find = <Row extends { id: string | number }>(rows: readonly Row[], id: string): Row => {
    const row = rows.find((candidate) => String(candidate.id) === id);
    if (!row) throw new JamfFault(404, 'INVALID_ID', `no object with the id ${id}`, 'id');
    return row;
  };

  function refuseDuplicate(
    rows: readonly { id: string | number; displayName: string }[],
    name: string,
    id: string,
  ): void {
    if (rows.some((row) => row.displayName === name && String(row.id) !== id)) {
      throw new JamfFault(400, 'DUPLICATE_FIELD', `displayName ${name} is taken`, 'displayName');
    }
  }

  /** A request replaces the whole object: what it leaves out falls back to the default (facts of rotation, 2a). */
  function integrationFrom(
    request: RouteRequest,
  ): Pick<ApiIntegration, 'displayName' | 'authorizationScopes' | 'enabled' | 'accessTokenLifetimeSeconds'> {
    const body = jsonBody(request);
    const displayName = textMember(body, 'displayName');
    refuseDuplicate(integrations, displayName, request.id);
    const authorizationScopes = textListMember(body, 'authorizationScopes');
    const unknown = authorizationScopes.find((scope) => !roles.some((role) => role.displayName === scope));
    if (unknown !== undefined)
      throw new JamfFault(400, 'INVALID_FIELD', `no API role ${unknown}`, 'authorizationScopes');
    const lifetime = body.accessTokenLifetimeSeconds ?? DEFAULT_LIFETIME_S;
    if (typeof lifetime !== 'number' || !Number.isInteger(lifetime) || lifetime < 1) {
      throw new JamfFault(400, 'INVALID_FIELD', 'must be a positive integer', 'accessTokenLifetimeSeconds');
    }
    return { displayName, authorizationScopes, enabled: body.enabled === true, accessTokenLifetimeSeconds: lifetime };
  }

  function roleFrom(request: RouteRequest): Omit<ApiRole, 'id'> {
    const body = jsonBody(request);
    const displayName = textMember(body, 'displayName');
    refuseDuplicate(roles, displayName, request.id);
    const privileges = textListMember(body, 'privileges');
    const unknown = privileges.find((privilege) => !PRIVILEGES.includes(privilege));
    if (unknown !== undefined) throw new JamfFault(400, 'INVALID_FIELD', `no privilege ${unknown}`, 'privileges');
    return { displayName, privileges };
  }

  const ok = (body: unknown): PlainResponse => ({ status: 200, body });
  const gone: PlainResponse = { status: 204 };

  const routes: Route[] = [
    {
      method: 'GET',
      path: '/v1/auth',
      privilege: null,
      summary: 'Get all the authorization details associated with the current API token',
      handle: ({ session }) => ok(authorization(session)),
    },
    {
      method: 'POST',
      path: '/v1/auth/invalidate-token',
      privilege: null,
      summary: 'Invalidate current token',
      handle(request) {
        tokens.delete(bearer(request));
        return gone;
      },
    },
    {
      method: 'GET',
      path: '/v1/api-integrations',
      privilege: 'Read API Integrations',
      summary: 'Get the current API Integrations',
      handle: ({ query }) => ok(pageOf(integrations.map(shown), query, LIST_FIELDS)),
    },
    {
      method: 'POST',
      path: '/v1/api-integrations',
      privilege: 'Create API Integrations',
      summary: 'Create API integration object',
      handle(request) {
        const integration: ApiIntegration = {
          id: nextId(integrations),
          clientId: random.uuid(),
          credential: null,
          ...integrationFrom(request),
        };
        integrations.push(integration);
        return { status: 201, body: shown(integration) };
      },
    },
    {
      method: 'GET',
      path: '/v1/api-integrations/{id}',
      privilege: 'Read API Integrations',
      summary: 'Get specified API integration object',
      handle: ({ id }) => ok(shown(find(integrations, id))),
    },
    {
      method: 'PUT',
      path: '/v1/api-integrations/{id}',
      privilege: 'Update API Integrations',
      summary: 'Update specified API integration object',
      handle(request) {
        const integration = find(integrations, request.id);
        Object.assign(integration, integrationFrom(request));
        return ok(shown(integration));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/api-integrations/{id}',
      privilege: 'Delete API Integrations',
      summary: 'Remove specified API integration',
      handle({ id }) {
        integrations.splice(integrations.indexOf(find(integrations, id)), 1);
        return gone;
      },
    },
    {
      method: 'POST',
      path: '/v1/api-integrations/{id}/client-credentials',
      privilege: 'Create API Integrations',
      summary: 'Create client credentials for specified API integration',
      handle({ id }) {
        const integration = find(integrations, id);
        const body = mint(integration);
        const node = integration.credential?.node ?? '';
        return { status: 200, body, headers: { 'set-cookie': `${NODE_COOKIE}=${node}; Path=/; HttpOnly` } };
      },
    },
    {
      method: 'GET',
      path: '/v1/api-roles',
      privilege: 'Read API Roles',
      summary: 'Get the current Jamf API Roles',
      handle: ({ query }) => ok(pageOf(roles, query, LIST_FIELDS)),
    },
    {
      method: 'POST',
      path: '/v1/api-roles',
      privilege: 'Create API Roles',
      summary: 'Create a new API role',
      handle(request) {
        const role = { id: String(nextId(roles)), ...roleFrom(request) };
        roles.push(role);
        return ok(role);
      },
    },
    {
      method: 'GET',
      path: '/v1/api-roles/{id}',
      privilege: 'Read API Roles',
      summary: 'Get the specific Jamf API Role',
      handle: ({ id }) => ok(find(roles, id)),
    },
    {
      method: 'PUT',
      path: '/v1/api-roles/{id}',
      privilege: 'Update API Roles',
      summary: 'Update API Integrations Role',
      handle(request) {
        const role = find(roles, request.id);
        const before = role.displayName;
        Object.assign(role, roleFrom(request));
        for (const integration of integrations) {
          integration.authorizationScopes = integration.authorizationScopes.map((scope) =>
            scope === before ? role.displayName : scope,
          );
        }
        return ok(role);
      },
    },
    {
      method: 'DELETE',
      path: '/v1/api-roles/{id}',
      privilege: 'Delete API Roles',
      summary: 'Delete API Integrations Role',
      handle({ id }) {
        const role = find(roles, id);
        if (integrations.some((integration) => integration.authorizationScopes.includes(role.displayName))) {
          throw new JamfFault(409, 'HAS_DEPENDENCIES', 'the role is used by an API integration', 'id');
        }
        roles.splice(roles.indexOf(role), 1);
        return gone;
      },
    },
    {
      method: 'GET',
      path: '/v1/api-role-privileges',
      privilege: 'Read API Roles',
      summary: 'Get the current Jamf API Role Privileges',
      handle: () => ok({ privileges: PRIVILEGES }),
    },
  ];

  return { routes, integrations, roles, token, authenticate, mint };
}

const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');

const shownBy =
  (settings: JamfSettings) =>
  ({ credential, accessTokenLifetimeSeconds, ...integration }: ApiIntegration) => ({
    ...integration,
    ...(settings.hideLifetimes ? {} : { accessTokenLifetimeSeconds }),
    appType: credential ? 'CLIENT_CREDENTIALS' : 'NONE',
  });

/** components/schemas/AuthorizationV1; `-1` stands for the whole server, not one of its sites. */
const authorization = ({ name, privileges }: Session) => ({
  account: {
    id: '-1',
    username: name,
    realName: null,
    email: null,
    preferences: {
      language: 'en',
      dateFormat: 'MM/dd/yyyy',
      region: 'Europe',
      timezone: 'Etc/GMT',
      disableRelativeDates: false,
    },
    multiSiteAdmin: false,
    accessLevel: 'FullAccess',
    privilegeSet: 'CUSTOM',
    privilegesBySite: { '-1': privileges },
    groupIds: [],
    currentSiteId: '-1',
  },
  accountGroups: [],
  sites: [],
  authenticationType: 'CLIENT_CREDENTIALS',
});
