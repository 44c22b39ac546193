/** API integrations (“API clients”) of a Jamf Pro server: find the one behind a client id, mint its secret. */
import { JamfMcpError } from '../errors.ts';
import { Secret } from '../redact.ts';
import type { JamfClient } from './client.ts';

/** An API integration as Jamf Pro describes it (`ApiIntegrationResponse`). */
export interface ApiIntegration {
  id: number;
  displayName: string;
  enabled: boolean;
  /** Only CLIENT_CREDENTIALS has a secret that can be minted. */
  appType: 'CLIENT_CREDENTIALS' | 'NATIVE_APP_OAUTH' | 'NONE';
  clientId: string;
  /** Display names of its API roles. */
  authorizationScopes: readonly string[];
  /** Life of its tokens, in seconds, where an admin set one. */
  accessTokenLifetimeSeconds?: number;
}

/** The privilege that minting needs: Create, not Update (facts/rotation.md §2a). */
export const MINT_PRIVILEGE = 'Create API Integrations';

/** The privilege that changing an integration needs. */
export const UPDATE_PRIVILEGE = 'Update API Integrations';

const PAGE_SIZE = 100;

/**
 * Every API integration, all pages, by id. Needs the privilege “Read API Integrations”.
 * @throws JamfMcpError as {@link JamfClient.request}
 */
export async function listIntegrations(client: JamfClient): Promise<ApiIntegration[]> {
  const found: ApiIntegration[] = [];
  for (let page = 0; ; page += 1) {
    const answer = await client.request<{ totalCount: number; results: ApiIntegration[] }>(
      'GET',
      '/api/v1/api-integrations',
      {
        query: { page, 'page-size': PAGE_SIZE, sort: 'id:asc' },
      },
    );
    found.push(...answer.results);
    if (answer.results.length === 0 || found.length >= answer.totalCount) return found;
  }
}

/**
 * The integration that a client id belongs to; Jamf cannot filter by client id, so the list is searched.
 * @param url - of the server, for the error
 * @throws JamfMcpError NOT_FOUND
 */
export function integrationOf(integrations: readonly ApiIntegration[], clientId: string, url: string): ApiIntegration {
  const found = integrations.find((integration) => integration.clientId === clientId);
  if (found) return found;
  throw new JamfMcpError(
    'NOT_FOUND',
    `${url} has no API client with the client id ${clientId}`,
    'check JAMF_CLIENT_ID in the secret against Settings > API roles and clients in Jamf Pro',
  );
}

/** What an integration is made of; a PUT replaces all of it (`ApiIntegrationRequest`). */
export type ApiIntegrationRequest = Pick<
  ApiIntegration,
  'displayName' | 'authorizationScopes' | 'enabled' | 'accessTokenLifetimeSeconds'
>;

/**
 * Create an integration; it has no secret until one is minted. Needs the privilege “Create API Integrations”.
 * @throws JamfMcpError as {@link JamfClient.request}; UNREACHABLE, TIMED_OUT and REMOTE_FAILED leave open whether it
 *   took effect
 */
export function createIntegration(client: JamfClient, request: ApiIntegrationRequest): Promise<ApiIntegration> {
  return store(client, 'POST', '/api/v1/api-integrations', request);
}

/**
 * Replace what an integration is made of; its secret stays. Needs the privilege “Update API Integrations”.
 * @throws JamfMcpError as {@link JamfClient.request}
 */
export function updateIntegration(
  client: JamfClient,
  id: number,
  request: ApiIntegrationRequest,
): Promise<ApiIntegration> {
  return store(client, 'PUT', `/api/v1/api-integrations/${String(id)}`, request);
}

async function store(
  client: JamfClient,
  method: 'POST' | 'PUT',
  path: string,
  body: ApiIntegrationRequest,
): Promise<ApiIntegration> {
  const stored = await client.request<Partial<ApiIntegration> | undefined>(method, path, { body });
  if (stored?.displayName === body.displayName && Array.isArray(stored.authorizationScopes))
    return stored as ApiIntegration;
  const text = `jamf ${method} ${path} answered without the API client “${body.displayName}”`;
  throw new JamfMcpError('REMOTE_FAILED', text, 'repeat the command: it finds the client by its name');
}

/**
 * Mint a new client secret. **The secret before it stops obtaining tokens at once**; tokens it obtained live on until
 * they expire. The answer is the only time that Jamf shows the value.
 * @param id - of the integration
 * @returns the pair; the client id may differ from the one before, so store both
 * @throws JamfMcpError as {@link JamfClient.request}; UNREACHABLE and TIMED_OUT leave open whether it took effect
 */
export async function mintClientCredentials(
  client: JamfClient,
  id: number,
): Promise<{ clientId: string; clientSecret: Secret }> {
  const path = `/api/v1/api-integrations/${String(id)}/client-credentials`;
  const minted = await client.request<{ clientId?: unknown; clientSecret?: unknown } | undefined>('POST', path);
  if (typeof minted?.clientId !== 'string' || typeof minted.clientSecret !== 'string' || minted.clientSecret === '') {
    throw new JamfMcpError('REMOTE_FAILED', `jamf POST ${path} answered without a client secret`, 'repeat the command');
  }
  return { clientId: minted.clientId, clientSecret: new Secret(minted.clientSecret) };
}
