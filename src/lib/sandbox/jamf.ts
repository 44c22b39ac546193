/**
 * Jamf Pro in the sandbox: API clients whose secret dies when a new one is made, roles and privileges, and an inventory.
 * Shapes follow the schema of Jamf Pro 11.7.1; behaviour follows facts/rotation.md §2a and facts/serve.md §5.
 */
import { createJamfClients, type ApiIntegration, type ApiRole, type JamfSettings } from './jamf-clients.ts';
import { createInventory, type Computer } from './jamf-inventory.ts';
import { JamfFault, type Route } from './jamf-http.ts';
import type { PlainRequest, PlainResponse, World } from './service.ts';

/** The version that it says it is: the first with computers-inventory v3. */
const JAMF_PRO_VERSION = '11.25.0-t1760000000000';

const TOKEN_PATH = '/api/oauth/token';
const SCHEMA_PATH = '/api/schema';

/** The Jamf Pro of one sandbox. */
export interface Jamf {
  handle(request: PlainRequest): PlainResponse;
  /** The pair that the integration `jamf-mcp-server` is given at the start. */
  readonly client: { clientId: string; clientSecret: string };
  /** A disabled integration with a secret that would be right. */
  readonly disabledClient: { clientId: string; clientSecret: string };
  readonly settings: JamfSettings;
  /** Live state; a test may change it as an administrator could. */
  readonly integrations: ApiIntegration[];
  readonly roles: ApiRole[];
  /** The computers, made when first asked for. */
  readonly computers: () => readonly Computer[];
}

/** What the role of the MCP server may do: read the inventory, and rotate its own client. */
const ROLE_PRIVILEGES = [
  'Read Computers',
  'Read API Integrations',
  'Create API Integrations',
  'Update API Integrations',
  'Read API Roles',
];

/** @param settings - to start with a server that has several nodes, or is older */
export function createJamf(world: World, settings: Partial<JamfSettings> = {}): Jamf {
  const current: JamfSettings = { nodeLagMs: 0, hideLifetimes: false, inventoryVersions: [1, 2, 3], ...settings };
  const clients = createJamfClients(world, current);
  const inventory = createInventory(world);
  const { integrations, roles } = clients;

  roles.push(
    { id: '1', displayName: 'Inventory Reader', privileges: ['Read Computers'] },
    { id: '2', displayName: 'Jamf MCP Server', privileges: [...ROLE_PRIVILEGES] },
  );
  const add = (displayName: string, role: string, enabled: boolean) => {
    const integration: ApiIntegration = {
      id: integrations.length + 1,
      displayName,
      authorizationScopes: [role],
      enabled,
      accessTokenLifetimeSeconds: 600,
      clientId: world.random.uuid(),
      credential: null,
    };
    integrations.push(integration);
    const pair = clients.mint(integration);
    // Made long ago: every node knows it.
    if (integration.credential) integration.credential.madeAt = -Infinity;
    return pair;
  };
  const client = add('jamf-mcp-server', 'Jamf MCP Server', true);
  const disabledClient = add('retired dashboard', 'Inventory Reader', false);

  const routes: Route[] = [
    ...clients.routes,
    ...inventory.routes(current),
    {
      method: 'GET',
      path: '/v1/jamf-pro-version',
      privilege: null,
      summary: 'Return information about the Jamf Pro including the current version',
      handle: () => ({ status: 200, body: { version: JAMF_PRO_VERSION } }),
    },
  ];
  const table = routes.map((route) => ({
    ...route,
    pattern: new RegExp(`^/api${route.path.replace('{id}', '([^/]+)')}$`),
  }));

  function answer(request: PlainRequest): PlainResponse {
    if (request.path === TOKEN_PATH && request.method === 'POST') return clients.token(request);
    if (request.path === SCHEMA_PATH && request.method === 'GET') return { status: 200, body: schemaOf(routes) };
    const here = table.filter(({ pattern }) => pattern.test(request.path));
    if (here.length === 0) throw new JamfFault(404, 'NOT_FOUND', `nothing at ${request.path}`);
    const session = clients.authenticate(request);
    const route = here.find(({ method }) => method === request.method);
    if (!route) throw new JamfFault(405, 'METHOD_NOT_ALLOWED', `${request.method} is not allowed here`);
    if (route.privilege !== null && !session.privileges.includes(route.privilege)) {
      throw new JamfFault(403, 'INVALID_PRIVILEGE', 'Forbidden');
    }
    return route.handle({ ...request, session, id: decoded(route.pattern.exec(request.path)?.[1] ?? '') });
  }

  return {
    client,
    disabledClient,
    settings: current,
    integrations,
    roles,
    computers: inventory.computers,
    handle(request) {
      try {
        return answer(request);
      } catch (error) {
        if (error instanceof JamfFault)
          return { status: error.status, body: { httpStatus: error.status, errors: error.errors } };
        throw error;
      }
    },
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new JamfFault(400, 'INVALID_ID', 'the id is not percent-encoded properly', 'id');
  }
}

/** An OpenAPI document of what is served, as the real server offers one of itself at the same place, without a token. */
function schemaOf(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, privilege, summary } of routes) {
    (paths[path] ??= {})[method.toLowerCase()] = {
      summary,
      ...(path.includes('{id}')
        ? { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] }
        : {}),
      responses: { default: { description: 'see the Jamf Pro API reference' } },
      ...(privilege === null ? {} : { 'x-required-privileges': [privilege] }),
    };
  }
  return {
    openapi: '3.0.1',
    info: { title: 'Sandbox of the Jamf Pro API', version: JAMF_PRO_VERSION },
    servers: [{ url: '/api' }],
    security: [{ Bearer: [] }],
    paths,
    components: { securitySchemes: { Bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
  };
}
