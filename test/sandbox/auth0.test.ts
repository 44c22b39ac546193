import assert from 'node:assert/strict';
import { createPublicKey, createVerify, type JsonWebKey } from 'node:crypto';
import { API, createAuth0 } from '../../src/lib/sandbox/auth0.ts';
import { manualClock } from '../../src/lib/sandbox/clock.ts';
import { seededRandom } from '../../src/lib/sandbox/random.ts';
import type { World } from '../../src/lib/sandbox/service.ts';

const HOST = '127.0.0.1:4321';
const MANAGEMENT_AUDIENCE = `https://${HOST}/api/v2/`;

type Body = Record<string, unknown>;

function setup(settings: Parameters<typeof createAuth0>[1] = {}) {
  const clock = manualClock();
  const world: World = { clock, random: seededRandom(1), region: 'us-east-1', record: () => undefined };
  const auth0 = createAuth0(world, settings);
  const send = async (
    method: string,
    path: string,
    options: { headers?: Record<string, string>; body?: string } = {},
  ) => {
    const url = new URL(path, 'http://sandbox');
    const answer = await auth0.handle({
      method,
      path: url.pathname,
      query: url.searchParams,
      headers: { host: HOST, ...options.headers },
      body: options.body ?? '',
    });
    return { status: answer.status, body: answer.body as Body };
  };
  const ask = (parameters: Record<string, string>, form = false) =>
    send('POST', '/oauth/token', {
      headers: { 'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json' },
      body: form ? new URLSearchParams(parameters).toString() : JSON.stringify(parameters),
    });
  const askAs = (
    pair: { clientId: string; clientSecret: string },
    audience: string,
    extra: Record<string, string> = {},
  ) =>
    ask({
      grant_type: 'client_credentials',
      client_id: pair.clientId,
      client_secret: pair.clientSecret,
      audience,
      ...extra,
    });
  const manage = async (
    method: string,
    path: string,
    options: { as?: { clientId: string; clientSecret: string }; body?: unknown } = {},
  ) => {
    const { body } = await askAs(options.as ?? auth0.rotator, MANAGEMENT_AUDIENCE);
    return send(method, path, {
      headers: { authorization: `Bearer ${String(body.access_token)}`, 'content-type': 'application/json' },
      body: options.body === undefined ? '' : JSON.stringify(options.body),
    });
  };
  return { clock, auth0, send, ask, askAs, manage, path: `/api/v2/clients/${auth0.client.clientId}` };
}

describe('sandbox auth0: tokens', () => {
  it('signs tokens that its own JWKS verifies, from JSON and from a form', async () => {
    const { auth0, ask, send, clock } = setup();
    const parameters = {
      grant_type: 'client_credentials',
      client_id: auth0.client.clientId,
      client_secret: auth0.client.clientSecret,
      audience: API.audience,
    };
    for (const form of [false, true]) {
      const { status, body } = await ask(parameters, form);
      assert.equal(status, 200);
      assert.equal(body.expires_in, 86_400);
      assert.equal(body.token_type, 'Bearer');
      assert.equal(body.scope, 'read:jamf write:jamf');
      const [header = '', payload = '', signature = ''] = String(body.access_token).split('.');
      const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Body;
      const claims = decode(payload);
      assert.equal(claims.aud, API.audience);
      assert.equal(claims.sub, `${auth0.client.clientId}@clients`);
      assert.equal(claims.exp, Math.floor(clock.now() / 1000) + 86_400);

      const discovery = (await send('GET', '/.well-known/openid-configuration')).body;
      assert.equal(discovery.issuer, claims.iss);
      const { keys } = (await send('GET', new URL(String(discovery.jwks_uri)).pathname)).body as {
        keys: (JsonWebKey & { kid: string })[];
      };
      const key = keys.find(({ kid }) => kid === decode(header).kid);
      assert.ok(key);
      assert.equal(key.d, undefined, 'a private key in the JWKS');
      const verifier = createVerify('RSA-SHA256').update(`${header}.${payload}`);
      assert.ok(verifier.verify(createPublicKey({ key, format: 'jwk' }), signature, 'base64url'));
    }
  });

  it('gives only scopes that are granted and asked for', async () => {
    const { auth0, askAs } = setup();
    const { body } = await askAs(auth0.client, API.audience, { scope: 'read:jamf delete:jamf' });
    assert.equal(body.scope, 'read:jamf');
  });

  it('refuses in the words of Auth0', async () => {
    const { auth0, askAs, ask } = setup();
    assert.deepEqual(await askAs({ ...auth0.client, clientSecret: 'wrong' }, API.audience), {
      status: 401,
      body: { error: 'access_denied', error_description: 'Unauthorized' },
    });
    assert.deepEqual(await askAs(auth0.client, 'https://other.example/'), {
      status: 403,
      body: { error: 'access_denied', error_description: 'Service not found: https://other.example/' },
    });
    const ungranted = await askAs(auth0.rotator, API.audience);
    assert.equal(ungranted.status, 403);
    assert.match(
      String(ungranted.body.error_description),
      /is not authorized to access resource server .*client-grant/,
    );
    assert.equal((await ask({ grant_type: 'password' })).body.error, 'unsupported_grant_type');
    assert.equal((await ask({})).status, 400);
    const { grant_type, client_id, client_secret } = {
      grant_type: 'client_credentials',
      client_id: auth0.client.clientId,
      client_secret: auth0.client.clientSecret,
    };
    assert.match(
      String((await ask({ grant_type, client_id, client_secret })).body.error_description),
      /No audience parameter/,
    );
  });
});

describe('sandbox auth0: the Management API', () => {
  it('rotates a secret: the old one is dead, the new one in the answer is not base64', async () => {
    const { auth0, askAs, manage, path } = setup();
    const old = { ...auth0.client };
    const { status, body } = await manage('POST', `${path}/rotate-secret`);
    assert.equal(status, 200);
    assert.equal(body.client_id, old.clientId);
    assert.notEqual(body.client_secret, old.clientSecret);
    assert.equal((await askAs(old, API.audience)).status, 401);
    assert.equal(
      (await askAs({ clientId: old.clientId, clientSecret: String(body.client_secret) }, API.audience)).status,
      200,
    );
  });

  it('may take a while until the new secret is effective', async () => {
    const { auth0, askAs, manage, path, clock } = setup({ secretDelayMs: 30_000 });
    const old = { ...auth0.client };
    const { body } = await manage('POST', `${path}/rotate-secret`);
    const renewed = { clientId: old.clientId, clientSecret: String(body.client_secret) };
    assert.equal((await askAs(renewed, API.audience)).status, 401);
    assert.equal((await askAs(old, API.audience)).status, 200);
    clock.advance(30_000);
    assert.equal((await askAs(renewed, API.audience)).status, 200);
    assert.equal((await askAs(old, API.audience)).status, 401);
  });

  it('takes a secret of one’s own by PATCH', async () => {
    const { auth0, askAs, manage, path } = setup();
    const { status, body } = await manage('PATCH', path, { body: { client_secret: 'chosen-secret-EXAMPLE' } });
    assert.equal(status, 200);
    assert.equal(body.client_secret, 'chosen-secret-EXAMPLE');
    assert.equal((await askAs({ ...auth0.client, clientSecret: 'chosen-secret-EXAMPLE' }, API.audience)).status, 200);
    assert.equal((await askAs(auth0.client, API.audience)).status, 401);
  });

  it('is not confused by the same PATCH again, nor by the way back, before the new secret is effective', async () => {
    const { auth0, askAs, manage, path, clock } = setup({ secretDelayMs: 30_000 });
    const next = { ...auth0.client, clientSecret: 'chosen-secret-EXAMPLE' };
    const works = async () => [
      (await askAs(auth0.client, API.audience)).status === 200,
      (await askAs(next, API.audience)).status === 200,
    ];
    await manage('PATCH', path, { body: { client_secret: next.clientSecret } });
    clock.advance(20_000);
    await manage('PATCH', path, { body: { client_secret: next.clientSecret } });
    assert.deepEqual(await works(), [true, false]);
    clock.advance(10_000);
    assert.deepEqual(await works(), [false, true]);
    await manage('PATCH', path, { body: { client_secret: auth0.client.clientSecret } });
    await manage('PATCH', path, { body: { client_secret: next.clientSecret } });
    assert.deepEqual(await works(), [false, true]);
  });

  it('gives the fields that are asked for, and tells how an application authenticates', async () => {
    const { auth0, manage, path } = setup();
    const only = `${path}?fields=name,client_secret&include_fields=true`;
    assert.deepEqual(Object.keys((await manage('GET', only)).body), ['name', 'client_secret']);
    assert.ok(!('client_secret' in (await manage('GET', `${path}?fields=client_secret&include_fields=false`)).body));
    const [own] = auth0.clients;
    assert.ok(own);
    own.authentication = 'private_key_jwt';
    const { body } = await manage('GET', path);
    assert.equal(body.token_endpoint_auth_method, null);
    assert.deepEqual(Object.keys(body.client_authentication_methods as object), ['private_key_jwt']);
  });

  it('refuses a grant that the application does not have, to the right secret only', async () => {
    const { auth0, askAs } = setup();
    const [own] = auth0.clients;
    assert.ok(own);
    own.grantTypes = ['authorization_code'];
    assert.equal((await askAs(auth0.client, API.audience)).body.error, 'unauthorized_client');
    assert.equal((await askAs({ ...auth0.client, clientSecret: 'wrong' }, API.audience)).status, 401);
  });

  it('shows a secret to a token with read:client_keys only', async () => {
    const { auth0, manage, path } = setup();
    assert.equal((await manage('GET', path)).body.client_secret, auth0.client.clientSecret);
    const { status, body } = await manage('GET', path, { as: auth0.client });
    assert.equal(status, 200);
    assert.equal(body.name, 'jamf-mcp-server');
    assert.ok(!('client_secret' in body));
  });

  it('enforces scopes, audience and expiry', async () => {
    const { auth0, askAs, manage, send, path, clock } = setup();
    assert.deepEqual(await manage('PATCH', path, { as: auth0.client, body: { name: 'x' } }), {
      status: 403,
      body: {
        statusCode: 403,
        error: 'Forbidden',
        message: 'Insufficient scope, expected any of: update:clients',
        errorCode: 'insufficient_scope',
      },
    });
    assert.equal((await manage('POST', `${path}/rotate-secret`, { as: auth0.client })).status, 200);
    assert.equal((await send('GET', path)).status, 401);
    assert.equal((await send('GET', path, { headers: { authorization: 'Basic x' } })).status, 400);
    const rotator = await askAs(auth0.rotator, MANAGEMENT_AUDIENCE);
    const authorization = `Bearer ${String(rotator.body.access_token)}`;
    assert.equal((await send('GET', path, { headers: { authorization } })).status, 200);
    clock.advance(86_400_000);
    assert.match(String((await send('GET', path, { headers: { authorization } })).body.message), /^Expired token/);
    assert.equal(
      (await send('GET', path, { headers: { authorization: 'Bearer made-up' } })).body.message,
      'Invalid token',
    );
  });

  it('does not take the token of another API', async () => {
    const { auth0, askAs, send, path } = setup();
    const { body } = await askAs(auth0.client, API.audience);
    const answer = await send('GET', path, { headers: { authorization: `Bearer ${String(body.access_token)}` } });
    assert.equal(answer.status, 401);
  });

  it('refuses unknown clients, stray members, and clients that use a private key', async () => {
    const { auth0, manage, path } = setup();
    const unknown = await manage('POST', '/api/v2/clients/nobody/rotate-secret');
    assert.equal(unknown.status, 404);
    assert.equal(unknown.body.errorCode, 'inexistent_client');
    const stray = await manage('PATCH', path, { body: { secret: 'x' } });
    assert.equal(stray.status, 400);
    assert.match(String(stray.body.message), /Additional properties not allowed: secret/);
    assert.equal((await manage('PATCH', path, { body: { client_secret: '' } })).status, 400);
    assert.equal((await manage('GET', '/api/v2/clients/%E0')).status, 400);
    assert.equal((await manage('GET', '/api/v2/users')).status, 404);
    const [own] = auth0.clients;
    assert.ok(own);
    own.authentication = 'private_key_jwt';
    assert.equal((await manage('POST', `${path}/rotate-secret`)).status, 400);
  });
});
