import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { manualClock } from '../../src/lib/sandbox/clock.ts';
import { createJamf } from '../../src/lib/sandbox/jamf.ts';
import { seededRandom } from '../../src/lib/sandbox/random.ts';
import { corpusFile } from '../support/corpus.ts';

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  [keyword: string]: unknown;
}
interface Operation {
  'x-required-privileges'?: string[];
}
interface OpenApi {
  components: { schemas: Record<string, Schema> };
  paths: Record<string, Record<string, Operation>>;
}

const file = corpusFile('jamf/jamf-pro-11.7.1-swagger.json');

/** Of the sandbox, what 11.7.1 does not have: it came later. */
const NEWER = /^\/v[23]\/computers-inventory/;

(file === null ? describe.skip : describe)('sandbox jamf: against the schema of Jamf Pro 11.7.1', () => {
  let openApi: OpenApi;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  before(() => {
    openApi = JSON.parse(readFileSync(file ?? '', 'utf8')) as OpenApi;
    const schemas = Object.entries(openApi.components.schemas).map(([name, schema]) => [name, closed(schema)]);
    ajv.addSchema({ $id: 'jamf', components: { schemas: Object.fromEntries(schemas) as Record<string, Schema> } });
  });

  const jamf = createJamf({
    clock: manualClock(),
    random: seededRandom(1),
    region: 'us-east-1',
    record: () => undefined,
  });
  jamf.roles[1]?.privileges.push('Create API Roles', 'Update API Roles', 'Delete API Roles', 'Delete API Integrations');
  const send = (method: string, path: string, headers: Record<string, string>, body = '') => {
    const url = new URL(path, 'http://127.0.0.1');
    return jamf.handle({ method, path: url.pathname, query: url.searchParams, headers, body });
  };
  const form = {
    grant_type: 'client_credentials',
    client_id: jamf.client.clientId,
    client_secret: jamf.client.clientSecret,
  };
  const token = send(
    'POST',
    '/api/oauth/token',
    { 'content-type': 'application/x-www-form-urlencoded' },
    new URLSearchParams(form).toString(),
  );
  const authorization = `Bearer ${(token.body as { access_token: string }).access_token}`;

  const assertShape = (schema: string, method: string, path: string, status: number, body?: unknown) => {
    const answer = send(method, path, { authorization }, body === undefined ? '' : JSON.stringify(body));
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    const validate = ajv.compile({ $ref: `jamf#/components/schemas/${schema}` });
    // As JSON, for that is what a client gets.
    assert.ok(
      validate(JSON.parse(JSON.stringify(answer.body))),
      `${method} ${path}: ${ajv.errorsText(validate.errors)}`,
    );
  };

  it('answers in its shapes, with no member that it does not know', () => {
    const request = { displayName: 'new', authorizationScopes: ['Inventory Reader'], enabled: true };
    const role = { displayName: 'new', privileges: ['Read Computers'] };
    const sections = 'section=' + (openApi.components.schemas.ComputerSection?.enum as string[]).join('&section=');
    assertShape('AuthorizationV1', 'GET', '/api/v1/auth', 200);
    assertShape('ApiIntegrationSearchResult', 'GET', '/api/v1/api-integrations', 200);
    assertShape('ApiIntegrationResponse', 'POST', '/api/v1/api-integrations', 201, request);
    assertShape('ApiIntegrationResponse', 'GET', '/api/v1/api-integrations/3', 200);
    assertShape('ApiIntegrationResponse', 'PUT', '/api/v1/api-integrations/3', 200, request);
    assertShape('OAuthClientCredentials', 'POST', '/api/v1/api-integrations/3/client-credentials', 200);
    assertShape('ApiRoleResult', 'GET', '/api/v1/api-roles', 200);
    assertShape('ApiRole', 'POST', '/api/v1/api-roles', 200, role);
    assertShape('ApiRolePrivileges', 'GET', '/api/v1/api-role-privileges', 200);
    assertShape('JamfProVersion', 'GET', '/api/v1/jamf-pro-version', 200);
    assertShape('ComputerInventorySearchResults', 'GET', `/api/v1/computers-inventory?page-size=2000&${sections}`, 200);
    assertShape('ComputerInventory', 'GET', '/api/v1/computers-inventory-detail/1', 200);
    assertShape('ApiError', 'GET', '/api/v1/computers-inventory-detail/0', 404);
    assertShape('ApiError', 'GET', '/api/v1/computers-inventory?filter=x', 400);
    assertShape('ApiError', 'POST', '/api/v1/api-roles', 400, {});
  });

  it('has the same paths and demands the same privileges', () => {
    const { paths } = send('GET', '/api/schema', {}).body as { paths: OpenApi['paths'] };
    const served = Object.entries(paths).filter(([path]) => !NEWER.test(path));
    assert.ok(served.length >= 10);
    for (const [path, operations] of served) {
      for (const [method, operation] of Object.entries(operations)) {
        const real = openApi.paths[path]?.[method];
        assert.ok(real, `${method} ${path} is not in Jamf Pro 11.7.1`);
        assert.deepEqual(
          operation['x-required-privileges'] ?? [],
          real['x-required-privileges'] ?? [],
          `${method} ${path}`,
        );
      }
    }
  });
});

/** References point below one document; no member goes unnamed; any may be null, as the server answers empty ones. */
function closed(schema: Schema): Schema {
  const own = JSON.parse(JSON.stringify(schema), (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const inner = value as Schema;
    if (typeof inner.$ref === 'string') return { $ref: inner.$ref.replace(/^#/, 'jamf#') };
    if (!inner.properties || inner.type !== 'object') return inner;
    const members = Object.entries(inner.properties).map(([name, member]) => [
      name,
      { anyOf: [member, { type: 'null' }] },
    ]);
    return { ...inner, properties: Object.fromEntries(members) as Record<string, Schema>, additionalProperties: false };
  }) as Schema;
  return own;
}
