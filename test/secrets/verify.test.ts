/** `secrets verify`: the schema, and each live check against a server that answers in every way. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Chalk } from 'chalk';
import { drawVerify } from '../../src/lib/secrets/report-verify.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { verifySecret, type VerifyCheck } from '../../src/lib/secrets/verify-secret.ts';
import { LEGACY_CI, OPERATOR } from '../../src/lib/sandbox/principals.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { setEnvironment } from '../support/env.ts';
import { memoryStore } from '../support/memory-store.ts';
import { startPostgres } from '../support/postgres.ts';
import { withSandbox } from '../support/sandbox.ts';
import { fields, rejectsWith } from './contract.ts';

const NAME = 'nba-mcp/production/it';

let context: TestContext;
let s3Endpoint: string | null;
beforeEach(() => {
  context = testContext();
  s3Endpoint = null;
});

async function verify(raw: Record<string, string>, schema: string, live = true) {
  const store = memoryStore({ schema: schemaOf(schema) });
  const token = '00000000-0000-4000-8000-000000000001';
  await store.create({ name: NAME, description: '', tags: {}, fields: fields(raw), token });
  const settings = { aws: { region: 'us-east-1' }, s3Endpoint };
  const result = await verifySecret(
    { store, secret: NAME, environment: 'production', stage: 'AWSCURRENT', live, settings },
    context,
  );
  assert.doesNotMatch(JSON.stringify([result, context.events]), /EXAMPLE-/, 'no value is told');
  return result;
}

const told = (checks: readonly VerifyCheck[]) => checks.map(({ check, state, why }) => `${check} ${state}: ${why}`);
const live = async (raw: Record<string, string>, schema: string) =>
  told((await verify(raw, schema)).checks.filter(({ check }) => check !== 'schema'));

/** A server for one test; gives its origin and what it was asked. */
async function answering(
  handle: (request: IncomingMessage, response: ServerResponse, origin: string) => void,
  work: (origin: string, seen: IncomingMessage[]) => Promise<void>,
): Promise<void> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    handle(request, response, origin);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const origin = `http://127.0.0.1:${String(typeof address === 'object' && address ? address.port : 0)}`;
  try {
    await work(origin, seen);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

describe('verifying against the schema', () => {
  it('names each field that is missing or wrong', async () => {
    const result = await verify(
      { DB_HOST: 'https://db', DB_PORT: '5432', DB_NAME: 'nba', DB_PASSWORD: ' EXAMPLE-x' },
      'database',
      false,
    );
    assert.deepEqual(told(result.checks), [
      'schema fail: has to be a host name or an address, without a port',
      'schema fail: is missing',
      'schema fail: begins or ends with white space',
      'database skipped: not tried (--no-live)',
    ]);
    assert.deepEqual(result.checks.map((check) => check.fields.join()).slice(0, 3), [
      'DB_HOST',
      'DB_USER',
      'DB_PASSWORD',
    ]);
    assert.deepEqual(result.summary, { pass: 0, fail: 3, skipped: 1 });
    const text = drawVerify(result, { ink: new Chalk({ level: 0 }), width: 100 });
    assert.match(text, /FAIL +schema +DB_USER +is missing/);
    assert.match(text, /0 passed, 3 failed, 1 skipped/);
  });

  it('tries nothing with what is missing or wrong', async () => {
    assert.deepEqual(await live({ JAMF_URL: 'https://example.jamfcloud.com', AUTH0_DOMAIN: 'x/y' }, 'jamf'), [
      'jamf skipped: cannot be tried without JAMF_CLIENT_ID, JAMF_CLIENT_SECRET',
      'oidc skipped: cannot be tried: AUTH0_DOMAIN has to be a host name alone, without https:// and without a path',
      'auth0-client skipped: cannot be tried: AUTH0_DOMAIN has to be a host name alone, without https:// and without a path',
    ]);
  });
});

describe('verifying with the sandbox', () => {
  const sandbox = withSandbox();

  it('passes what Jamf and Auth0 accept', async () => {
    const result = await verify(sandbox().fields, 'jamf');
    assert.deepEqual(
      result.checks.map(({ check, state }) => [check, state]),
      [
        ['schema', 'pass'],
        ['jamf', 'pass'],
        ['oidc', 'pass'],
        ['auth0-client', 'pass'],
      ],
    );
    assert.match(result.checks[1]?.why ?? '', /gives a token to .+, with \d+ privileges$/);
  });

  it('fails each that is refused, and no other', async () => {
    const { fields: right } = sandbox();
    assert.deepEqual(
      (await verify({ ...right, JAMF_CLIENT_SECRET: 'EXAMPLE-wrong' }, 'jamf')).checks.map(({ state }) => state),
      ['pass', 'fail', 'pass', 'pass'],
    );
    const wrong = await verify({ ...right, AUTH0_CLIENT_SECRET: 'EXAMPLE-wrong' }, 'jamf');
    assert.deepEqual(
      wrong.checks.map(({ state }) => state),
      ['pass', 'pass', 'pass', 'fail'],
    );
    assert.match(wrong.checks[3]?.why ?? '', /refuses the client \(40\d /);
    const audience = await verify({ ...right, AUTH0_AUDIENCE: 'https://other.example.com/' }, 'jamf');
    assert.equal(audience.checks[3]?.state, 'fail');
  });

  it('asks AWS who the stored key is, not who we are', async () => {
    const key = ({ accessKeyId, secretAccessKey, sessionToken }: typeof OPERATOR) => ({
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    });
    assert.match((await live(key(LEGACY_CI), 'aws')).join(), /^aws pass: the key is that of arn:aws:iam::\d+:user\//);
    assert.match((await live(key(OPERATOR), 'aws')).join(), /^aws pass: the key is that of arn:aws:sts::/);
    const unknown = { aws_access_key_id: 'AKIAUNKNOWN000000000', aws_secret_access_key: 'EXAMPLE-none' };
    assert.match((await live(unknown, 'prompts')).join(), /^aws fail: the stored key: GetCallerIdentity failed/);
  });
});

describe('verifying OpenID and Auth0', () => {
  const secret = {
    AUTH0_CLIENT_ID: 'id',
    AUTH0_CLIENT_SECRET: 'EXAMPLE-pw',
    AUTH0_AUDIENCE: 'https://mcp.example.com',
  };
  const reply = (response: ServerResponse, status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const cases: [string, (origin: string) => unknown, RegExp][] = [
    ['another issuer', () => ({ issuer: 'https://evil.example.com/' }), /oidc fail: .* calls itself another issuer/],
    [
      'no keys',
      (origin) => ({ issuer: `${origin}/`, token_endpoint: `${origin}/t` }),
      /oidc fail: .* does not say where its keys are/,
    ],
    [
      'a foreign token end point',
      (origin) => ({ issuer: origin, jwks_uri: 'x', token_endpoint: 'https://evil.example.com/t' }),
      /oidc fail: .* issues tokens at https:\/\/evil\.example\.com, which a client secret is not sent to/,
    ],
    ['no object', () => null, /oidc fail: .* calls itself another issuer/],
  ];
  for (const [name, document, message] of cases) {
    it(`does not believe ${name}, and sends no secret there`, () =>
      answering(
        (_request, response, origin) => {
          reply(response, 200, document(origin));
        },
        async (origin, seen) => {
          const checks = await live({ ...secret, AUTH0_DOMAIN: new URL(origin).host }, 'auth0');
          assert.match(checks[0] ?? '', message);
          assert.match(checks[1] ?? '', /^auth0-client fail/);
          assert.ok(seen.every(({ method }) => method === 'GET'));
        },
      ));
  }

  it('cannot tell for an application that obtains no tokens for itself, and knows a page from a tenant', async () => {
    await answering(
      (request, response, origin) => {
        if (request.method === 'POST') reply(response, 403, { error: 'unauthorized_client' });
        else
          reply(response, 200, {
            issuer: `${origin}/`,
            jwks_uri: `${origin}/k`,
            token_endpoint: `${origin}/oauth/token`,
          });
      },
      async (origin) => {
        const checks = await live({ ...secret, AUTH0_DOMAIN: new URL(origin).host }, 'auth0');
        assert.match(checks[1] ?? '', /^auth0-client skipped: the application may not obtain tokens for itself/);
      },
    );
    await answering(
      (_request, response) => {
        response.writeHead(404).end('<html>');
      },
      async (origin) => {
        assert.match(
          (await live({ AUTH0_DOMAIN: new URL(origin).host }, 'auth0'))[0] ?? '',
          /has no OpenID configuration: it answers 404/,
        );
      },
    );
    assert.match(
      (await live({ AUTH0_DOMAIN: '127.0.0.1:9' }, 'auth0'))[0] ?? '',
      /^oidc fail: 127\.0\.0\.1:9 cannot be reached/,
    );
  });
});

describe('verifying PostgreSQL', () => {
  const right = { DB_NAME: 'nba', DB_USER: 'nba', DB_PASSWORD: 'EXAMPLE-database' };
  const server = { user: 'nba', password: 'EXAMPLE-database', database: 'nba' };
  const tryWith = async (change: Record<string, string>, options: { answer?: string } = {}) => {
    const postgres = await startPostgres({ ...server, ...options });
    const raw = { DB_HOST: '127.0.0.1', DB_PORT: String(postgres.port), ...right, ...change };
    const checks = await live(raw, 'database').finally(() => postgres.close());
    return { told: checks.join().replaceAll(String(postgres.port), 'PORT'), seen: postgres.seen };
  };

  it('asks for SELECT 1, whatever names the fields go by', async () => {
    assert.deepEqual(await tryWith({}), {
      told: 'database pass: 127.0.0.1:PORT answers SELECT 1 (not encrypted)',
      seen: ['SELECT 1 AS one'],
    });
  });

  it('fails for a wrong password, database, answer, or no server', async () => {
    assert.match(
      (await tryWith({ DB_PASSWORD: 'EXAMPLE-wrong' })).told,
      /^database fail: .* refuses: password authentication failed for user "nba"$/,
    );
    assert.match((await tryWith({ DB_NAME: 'other' })).told, /refuses: database "other" does not exist$/);
    assert.match((await tryWith({}, { answer: '2' })).told, /^database fail: .* answers SELECT 1 with something else$/);
    assert.match(
      (await live({ DB_HOST: '127.0.0.1', DB_PORT: '9', ...right }, 'database')).join(),
      /^database fail: 127\.0\.0\.1:9 refuses: .*ECONNREFUSED/,
    );
  });

  it('does not send the password where encryption is asked for and there is none', async () => {
    for (const DB_SSLMODE of ['require', 'verify-full']) {
      const { told: text, seen } = await tryWith({ DB_SSLMODE });
      assert.match(text, /^database fail: .* refuses: The server does not support SSL connections$/);
      assert.deepEqual(seen, ['SSLRequest']);
    }
  });
});

describe('verifying an S3 bucket', () => {
  const key = { AWS_ACCESS_KEY_ID: 'AKIASTOREDKEY0EXAMPLE', AWS_SECRET_ACCESS_KEY: 'EXAMPLE-access' };
  const cases: [number, RegExp][] = [
    [200, /^s3 pass: the bucket is there, and the stored key may list it$/],
    [301, /^s3 fail: the bucket is in another Region$/],
    [403, /^s3 fail: the bucket is not for the stored key$/],
    [404, /^s3 fail: the bucket does not exist$/],
    [503, /^s3 fail: the bucket cannot be asked about: S3 answers 503$/],
  ];
  for (const [status, message] of cases) {
    it(`understands ${String(status)}`, () =>
      answering(
        (request, response) => {
          // The key is tried too, at the same server: STS refuses it.
          if (request.method === 'POST') response.writeHead(403).end('<ErrorResponse/>');
          else response.writeHead(status, status === 301 ? { location: 'https://evil.example.com/' } : {}).end();
        },
        async (origin, seen) => {
          s3Endpoint = origin;
          const restore = setEnvironment({ AWS_ENDPOINT_URL: undefined, AWS_ENDPOINT_URL_STS: origin });
          const checks = await live({ S3_BUCKET: 'nba-bucket', ...key }, 's3').finally(restore);
          assert.match(checks.find((text) => text.startsWith('s3')) ?? '', message);
          const asked = seen.filter(({ method }) => method !== 'POST');
          const [request] = asked;
          assert.deepEqual([asked.length, request?.method, request?.url], [1, 'HEAD', '/nba-bucket']);
          assert.match(
            request?.headers.authorization ?? '',
            /^AWS4-HMAC-SHA256 Credential=AKIASTOREDKEY0EXAMPLE\/\d{8}\/us-east-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[\da-f]{64}$/,
          );
        },
      ));
  }

  it('asks about no bucket that cannot be', async () => {
    assert.match((await live({ S3_BUCKET: '../x' }, 's3')).join(), /s3 fail: the name is none that a bucket can have/);
  });
});

it('verifying passes on what the store refuses', async () => {
  const request = { secret: 'nope', environment: 'x', schema: schemaOf('s3'), stage: 'AWSCURRENT', live: true };
  await rejectsWith(
    'SECRET_NOT_FOUND',
    verifySecret({ store: memoryStore(), ...request, settings: { aws: {}, s3Endpoint: null } }, context),
  );
});
