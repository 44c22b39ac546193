import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JamfMcpError } from '../../src/lib/errors.ts';
import { type ErrorCode } from '../../src/lib/errors.ts';
import { isTlsError, networkError } from '../../src/lib/http.ts';
import { baseUrl, JAMF } from '../../src/lib/jamf/answers.ts';
import { jamfClient, whoAmI, type CredentialSource, type JamfCredentials } from '../../src/lib/jamf/client.ts';
import { integrationOf, listIntegrations, mintClientCredentials } from '../../src/lib/jamf/integrations.ts';
import { Secret } from '../../src/lib/redact.ts';
import { testContext, type TestContext } from '../support/context.ts';

interface Reply {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Cut the connection instead of answering. */
  cut?: boolean;
}

interface Seen {
  method: string;
  path: string;
  body: string;
  authorization: string;
}

/** A server that is told what to answer; tokens are numbered. */
interface Script {
  url: string;
  seen: Seen[];
  /** Asked for each request; undefined for the usual answer. */
  answer: (request: Seen, nth: number) => Reply | undefined | Promise<Reply | undefined>;
  tokens: number;
  lifetimeSeconds: number;
}

const SECRET = 'EXAMPLE-jamf-client-secret';

describe('the Jamf client', () => {
  let server: Server;
  let script: Script;
  let context: TestContext;

  beforeEach(async () => {
    context = testContext();
    script = { url: '', seen: [], answer: () => undefined, tokens: 0, lifetimeSeconds: 600 };
    server = createServer((request, response) => {
      void (async () => {
        const seen: Seen = {
          method: request.method ?? '',
          path: request.url ?? '',
          body: await textOf(request),
          authorization: request.headers.authorization ?? '',
        };
        script.seen.push(seen);
        const reply = (await script.answer(seen, script.seen.length)) ?? usual(seen);
        if (reply.cut) {
          request.socket.destroy();
          return;
        }
        response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
        response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {}));
      })();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    script.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  function usual({ path }: Seen): Reply {
    if (path !== '/api/oauth/token') return { body: { ok: true } };
    script.tokens += 1;
    return {
      body: {
        access_token: `EXAMPLE-token-${String(script.tokens)}`,
        expires_in: script.lifetimeSeconds,
        scope: 'api-role:2',
        token_type: 'Bearer',
      },
    };
  }

  const pair = (): JamfCredentials => ({
    url: script.url,
    clientId: 'EXAMPLE-client',
    clientSecret: new Secret(SECRET),
  });
  const paths = () => script.seen.map(({ method, path }) => `${method} ${path}`);

  it('logs in with a form, and sends the token', async () => {
    await jamfClient(pair(), context).request('GET', '/api/v1/auth', { query: { page: 0, section: ['A', 'B'] } });
    assert.deepEqual(paths(), ['POST /api/oauth/token', 'GET /api/v1/auth?page=0&section=A&section=B']);
    assert.equal(
      script.seen[0]?.body,
      `grant_type=client_credentials&client_id=EXAMPLE-client&client_secret=${SECRET}`,
    );
    assert.equal(script.seen[1]?.authorization, 'Bearer EXAMPLE-token-1');
  });

  it('keeps the token for two thirds of its life, and renews it beside the work before three quarters are over', async () => {
    const client = jamfClient(pair(), context);
    await client.request('GET', '/a');
    context.clock.advance(389_000);
    await client.request('GET', '/b');
    assert.equal(script.tokens, 1);
    context.clock.advance(62_000);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    script.answer = ({ path }) => (path === '/api/oauth/token' ? promise : undefined);
    await client.request('GET', '/c');
    assert.equal(script.seen.at(-1)?.authorization, 'Bearer EXAMPLE-token-1', 'nobody waits for the new one');
    resolve(undefined);
    while (script.seen.at(-1)?.authorization !== 'Bearer EXAMPLE-token-2') await client.request('GET', '/d');
    assert.equal(script.tokens, 2);
  });

  it('goes on with a live token where no new one can be had', async () => {
    const client = jamfClient(pair(), context);
    await client.request('GET', '/a');
    context.clock.advance(500_000);
    script.answer = ({ path }) => (path === '/api/oauth/token' ? { status: 401, body: {} } : undefined);
    await client.request('GET', '/b');
    assert.equal(script.seen.at(-1)?.authorization, 'Bearer EXAMPLE-token-1');
    context.clock.advance(100_000);
    await assert.rejects(client.request('GET', '/c'), { code: 'CREDENTIALS_REFUSED' });
  });

  it('refreshes once for many requests at a time', async () => {
    const client = jamfClient(pair(), context);
    await Promise.all(Array.from({ length: 20 }, (_, n) => client.request('GET', `/${String(n)}`)));
    assert.equal(script.tokens, 1);
    assert.equal(script.seen.length, 21);
  });

  it('has at most 5 requests on the way at a time', async () => {
    let now = 0;
    let most = 0;
    script.answer = async ({ path }) => {
      if (path === '/api/oauth/token') return undefined;
      most = Math.max(most, (now += 1));
      await new Promise((resolve) => setTimeout(resolve, 5));
      now -= 1;
      return undefined;
    };
    const client = jamfClient(pair(), context);
    await Promise.all(Array.from({ length: 17 }, (_, n) => client.request('GET', `/${String(n)}`)));
    assert.equal(most, 5);
  });

  it('takes a new token after a 401, once', async () => {
    script.answer = ({ authorization }) => (authorization === 'Bearer EXAMPLE-token-1' ? { status: 401 } : undefined);
    const client = jamfClient(pair(), context);
    assert.deepEqual(await client.request('POST', '/a', { body: { n: 1 } }), { ok: true });
    assert.equal(script.tokens, 2);
    script.answer = ({ authorization }) => (authorization === '' ? undefined : { status: 401 });
    await assert.rejects(client.request('GET', '/b'), { code: 'CREDENTIALS_REFUSED' });
    assert.equal(script.tokens, 3);
  });

  it('asks for other credentials where the pair is refused, and goes on with one that is accepted', async () => {
    const old = { ...pair(), clientSecret: new Secret('EXAMPLE-old-secret') };
    let asked = 0;
    const source: CredentialSource = {
      current: () => Promise.resolve(old),
      others() {
        asked += 1;
        return Promise.resolve({ pairs: [old, pair()], settling: false });
      },
      remedy: 'look at the store',
    };
    script.answer = ({ body }) =>
      body.includes('EXAMPLE-old-secret') ? { status: 401, body: { error: 'invalid_client' } } : undefined;
    const client = jamfClient(source, context);
    assert.equal(client.url, '');
    await client.request('GET', '/a');
    assert.equal(asked, 1);
    assert.equal(client.url, script.url);
    script.answer = ({ path }) => (path === '/api/oauth/token' ? { status: 401 } : undefined);
    const before = script.seen.length;
    await assert.rejects(client.authenticate(), { code: 'CREDENTIALS_REFUSED', hint: 'look at the store' });
    assert.equal(script.seen.length, before + 2, 'no pair is tried twice');
    assert.equal(asked, 2);
  });

  it('lets a token request go ahead of the requests that wait', async () => {
    const client = jamfClient(pair(), context);
    await client.request('GET', '/first');
    const gates: (() => void)[] = [];
    script.answer = ({ path }) =>
      path.startsWith('/slow')
        ? new Promise((resolve) => {
            gates.push(() => {
              resolve(undefined);
            });
          })
        : undefined;
    const slow = Array.from({ length: 12 }, (_, n) => client.request('GET', `/slow/${String(n)}`));
    while (gates.length < 5) await new Promise((go) => setImmediate(go));
    const token = client.authenticate();
    gates.shift()?.();
    await token;
    assert.equal(paths()[2 + 5], 'POST /api/oauth/token', 'seven others waited before it');
    const open = setInterval(() => gates.shift()?.(), 1);
    await Promise.all(slow);
    clearInterval(open);
    const sent = script.seen.slice(2 + 7).map(({ authorization }) => authorization);
    assert.deepEqual(new Set(sent), new Set(['Bearer EXAMPLE-token-2']), 'what waited is sent with the newest token');
  });

  it('ends one request by its own signal, whether it waits for its turn or for the answer', async () => {
    const client = jamfClient(pair(), context);
    await client.request('GET', '/first');
    script.answer = ({ path }) => (path === '/held' ? new Promise(() => undefined) : undefined);
    const gone = Array.from({ length: 7 }, () => new AbortController());
    const held = gone.map(({ signal }) => client.request('GET', '/held', { signal }));
    const ends = held.map((request) => assert.rejects(request, { code: 'INTERRUPTED' }));
    while (paths().filter((path) => path.includes('/held')).length < 5) await new Promise((go) => setImmediate(go));
    for (const one of gone.reverse()) one.abort();
    await Promise.all(ends);
    assert.equal(paths().filter((path) => path.includes('/held')).length, 5);
    assert.deepEqual(await client.request('GET', '/after'), { ok: true });
  });

  it('repeats a GET on 429, 503 and a lost connection, as late as Retry-After asks', async () => {
    const replies: Reply[] = [{ status: 429, headers: { 'retry-after': '7' } }, { cut: true }, { status: 503 }];
    script.answer = ({ path }) => (path === '/a' ? replies.shift() : undefined);
    assert.deepEqual(await jamfClient(pair(), context).request('GET', '/a'), { ok: true });
    assert.equal(context.clock.slept[0], 7_000);
    assert.equal(context.clock.slept.length, 3);
  });

  it('does not repeat a POST that may have taken effect', async () => {
    script.answer = ({ path }) => (path === '/a' ? { cut: true } : undefined);
    await assert.rejects(jamfClient(pair(), context).request('POST', '/a'), { code: 'UNREACHABLE' });
    script.answer = ({ path }) => (path === '/b' ? { status: 503 } : undefined);
    await assert.rejects(jamfClient(pair(), context).request('POST', '/b'), { code: 'REMOTE_FAILED' });
    assert.deepEqual(
      paths().filter((path) => path.startsWith('POST /a') || path.startsWith('POST /b')),
      ['POST /api/oauth/token', 'POST /a', 'POST /api/oauth/token', 'POST /b'],
    );
  });

  it('goes on with a token that it is given, until that ends', async () => {
    const token = { value: new Secret('EXAMPLE-kept-token'), scope: '', endsAt: context.clock.now() + 60_000 };
    script.answer = ({ path }) => (path === '/api/oauth/token' ? { status: 401, body: {} } : undefined);
    const client = jamfClient(pair(), context, { token });
    context.clock.advance(59_000);
    await client.request('GET', '/a');
    assert.deepEqual(paths(), ['GET /a']);
    assert.equal(script.seen[0]?.authorization, 'Bearer EXAMPLE-kept-token');
    context.clock.advance(1_000);
    await assert.rejects(client.request('GET', '/b'), { code: 'CREDENTIALS_REFUSED' });
    assert.deepEqual(paths().slice(1), ['POST /api/oauth/token']);
  });

  it('waits for the second at which there is room again, as Auth0 tells it', async () => {
    const reset = String(context.clock.now() / 1000 + 9);
    const replies: Reply[] = [{ status: 429, headers: { 'x-ratelimit-reset': reset } }];
    script.answer = ({ path }) => (path === '/a' ? replies.shift() : undefined);
    await jamfClient(pair(), context).request('GET', '/a');
    assert.deepEqual(context.clock.slept, [9_000]);
  });

  it('gives up on a server that asks for more than a minute', async () => {
    script.answer = ({ path }) => (path === '/a' ? { status: 429, headers: { 'retry-after': '3600' } } : undefined);
    await assert.rejects(jamfClient(pair(), context).request('GET', '/a'), { code: 'THROTTLED' });
    assert.deepEqual(context.clock.slept, []);
  });

  it('gives up on a server that does not answer', async () => {
    script.answer = () => new Promise(() => undefined);
    await assert.rejects(jamfClient(pair(), context, { timeoutMs: 20 }).request('GET', '/a'), (error: JamfMcpError) => {
      assert.equal(error.code, 'TIMED_OUT');
      assert.match(
        error.message,
        /no answer from 127\.0\.0\.1:\d+ within 0\.02 s; asked 4 times, [23]\.?\d* s in all$/,
      );
      return true;
    });
    const told = context.events.flatMap((event) => (event.kind === 'progress' ? [event.text] : []));
    assert.equal(told.length, 3, 'each repetition is told');
    assert.match(told[0] ?? '', /no answer .*; asking again$/);
  });

  it('asks a server that does not answer for half a minute at most', async () => {
    script.answer = () => {
      // Nothing is answered, and by the clock that the client goes by, almost half a minute passes.
      setImmediate(() => {
        context.clock.advance(script.seen.length === 1 ? 29_480 : 200);
      });
      return new Promise(() => undefined);
    };
    await assert.rejects(jamfClient(pair(), context, { timeoutMs: 300 }).authenticate(), /asked 2 times, 30 s in all$/);
    assert.equal(script.seen.length, 2);
    assert.ok(context.clock.slept.every((ms) => ms < 1_000));
  });

  it('stops when it is interrupted', async () => {
    script.answer = () => {
      context.abort();
      return new Promise(() => undefined);
    };
    await assert.rejects(jamfClient(pair(), context).request('GET', '/a'), { code: 'INTERRUPTED' });
  });

  const TOKEN_ANSWERS: readonly [string, Reply, ErrorCode, RegExp][] = [
    [
      'a refused client',
      { status: 401, body: { error: 'invalid_client' } },
      'CREDENTIALS_REFUSED',
      /refuses the API client EXAMPLE-client \(401: invalid_client\)/,
    ],
    [
      'a refused client, in the other form',
      { status: 400, body: { error: 'invalid_client' } },
      'CREDENTIALS_REFUSED',
      /400/,
    ],
    [
      'a web page',
      { body: '<html>Sign in</html>', headers: { 'content-type': 'text/html' } },
      'INPUT_INVALID',
      /is not a Jamf Pro server/,
    ],
    ['JSON without a token', { body: { hello: 'world' } }, 'INPUT_INVALID', /is not a Jamf Pro server/],
    ['404', { status: 404 }, 'INPUT_INVALID', /is not a Jamf Pro server/],
    [
      'a redirect',
      { status: 302, headers: { location: 'https://example.com/login' } },
      'INPUT_INVALID',
      /redirects to https:\/\/example\.com\/login/,
    ],
    ['500', { status: 500 }, 'REMOTE_FAILED', /answered 500/],
  ];
  for (const [what, reply, code, text] of TOKEN_ANSWERS) {
    it(`tells what is wrong where the token endpoint answers with ${what}`, async () => {
      script.answer = () => reply;
      await assert.rejects(jamfClient(pair(), context).authenticate(), (error: JamfMcpError) => {
        assert.equal(error.code, code);
        assert.match(error.message, text);
        assert.ok(error.hint);
        return true;
      });
    });
  }

  it('names the privilege that is missing', async () => {
    script.answer = ({ path }) =>
      path.startsWith('/api/v1/api-integrations')
        ? { status: 403, body: { httpStatus: 403, errors: [{ code: 'INVALID_PRIVILEGE', description: 'Forbidden' }] } }
        : undefined;
    const client = jamfClient(pair(), context);
    await assert.rejects(mintClientCredentials(client, 2), (error: JamfMcpError) => {
      assert.equal(error.code, 'ACCESS_DENIED');
      assert.match(error.message, /403: Forbidden, .*“Create API Integrations”/);
      return true;
    });
    await assert.rejects(listIntegrations(client), /“Read API Integrations”/);
  });

  it('tells an unreachable host, and how often it was asked', async () => {
    const nobody = { ...pair(), url: 'http://127.0.0.1:1' };
    await assert.rejects(jamfClient(nobody, context).authenticate(), (error: JamfMcpError) => {
      assert.equal(error.code, 'UNREACHABLE');
      assert.match(error.message, /cannot reach 127\.0\.0\.1:1 .*; asked 4 times, /);
      return true;
    });
  });

  it('tells at once that a server does not speak TLS', async () => {
    const plain = { ...pair(), url: script.url.replace('http:', 'https:') };
    await assert.rejects(jamfClient(plain, context).authenticate(), (error: JamfMcpError) => {
      assert.equal(error.code, 'UNREACHABLE');
      assert.match(error.message, /: the server does not speak TLS on that port \(ERR_SSL_[A-Z_]+\)$/);
      assert.match(error.hint ?? '', /port/);
      return true;
    });
    assert.deepEqual(context.clock.slept, [], 'asking again would not help');
  });

  for (const [code, text, hint] of [
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /signed by itself alone/, /NODE_EXTRA_CA_CERTS/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /an authority that is not known here/, /NODE_EXTRA_CA_CERTS/],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /an authority that is not known here/, /NODE_EXTRA_CA_CERTS/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /an authority that is not known here/, /NODE_EXTRA_CA_CERTS/],
    ['CERT_HAS_EXPIRED', /has expired/, /clock/],
    ['CERT_NOT_YET_VALID', /not valid yet/, /clock/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /for another host name/, /host name that the certificate is for/],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', /no TLS connection/, /JAMF_URL/],
  ] as const) {
    it(`tells ${code} in words`, () => {
      const cause = Object.assign(new Error('40C7:error:0A00:ssl routines:\n../deps/openssl'), { code });
      const asked = { service: JAMF, label: 'GET /a', url: new URL('https://a.example'), timeoutMs: 1 };
      const error = networkError(new TypeError('fetch failed', { cause }), asked);
      assert.match(error.message, text);
      assert.match(error.message, new RegExp(`\\(${code}\\)$`));
      assert.doesNotMatch(error.message, /openssl|\n/);
      assert.match(error.hint ?? '', hint);
      assert.ok(isTlsError(error));
    });
  }

  it('never tells a secret or a token, neither in errors nor to the host', async () => {
    script.answer = ({ path }) =>
      path === '/api/oauth/token'
        ? undefined
        : { status: 400, body: { errors: [{ description: `bad ${SECRET} EXAMPLE-token-1` }] } };
    const error: unknown = await jamfClient(pair(), context)
      .request('GET', '/a')
      .catch((thrown: unknown) => thrown);
    const told = JSON.stringify([error, String(error), context.events]);
    assert.doesNotMatch(told, /EXAMPLE-jamf-client-secret|EXAMPLE-token-1/);
    const texts = context.events.map((event) => (event.kind === 'debug' ? event.text : ''));
    assert.match(texts[0] ?? '', /^jamf POST \/api\/oauth\/token: 200, \d+ ms$/);
  });

  it('finds an integration on whatever page it stands', async () => {
    const all = Array.from({ length: 250 }, (_, n) => ({
      id: n + 1,
      clientId: `client-${String(n + 1)}`,
      displayName: 'x',
      enabled: true,
      appType: 'CLIENT_CREDENTIALS',
      authorizationScopes: [],
    }));
    script.answer = ({ path }) => {
      const query = new URL(path, script.url).searchParams;
      const page = Number(query.get('page'));
      if (!path.startsWith('/api/v1/api-integrations')) return undefined;
      return { body: { totalCount: all.length, results: all.slice(page * 100, page * 100 + 100) } };
    };
    const found = await listIntegrations(jamfClient(pair(), context));
    assert.equal(integrationOf(found, 'client-249', script.url).id, 249);
    assert.throws(() => integrationOf(found, 'client-0', script.url), { code: 'NOT_FOUND' });
  });

  it('collects privileges of all sites, each once', async () => {
    script.answer = ({ path }) =>
      path === '/api/v1/auth'
        ? {
            body: {
              account: {
                username: 'mcp',
                privilegesBySite: { '-1': ['Read Computers'], '1': ['Read Computers', 'Read Sites'] },
              },
            },
          }
        : undefined;
    assert.deepEqual(await whoAmI(jamfClient(pair(), context)), {
      account: 'mcp',
      privileges: ['Read Computers', 'Read Sites'],
    });
  });
});

describe('a Jamf URL', () => {
  it('loses its trailing slash and nothing else', () => {
    assert.equal(baseUrl(' https://example.jamfcloud.com/ '), 'https://example.jamfcloud.com');
    assert.equal(baseUrl('https://jamf.example.com:8443'), 'https://jamf.example.com:8443');
    assert.equal(baseUrl('http://127.0.0.1:8080'), 'http://127.0.0.1:8080');
  });
  for (const url of [
    'example.jamfcloud.com',
    'ftp://example.com',
    'http://example.com',
    'https://user:EXAMPLE@example.com',
    'http://127.0.0.1.example.com',
  ]) {
    it(`is refused: ${url}`, () => {
      assert.throws(
        () => baseUrl(url),
        (error: JamfMcpError) => {
          assert.equal(error.code, 'INPUT_INVALID');
          assert.doesNotMatch(error.message, /EXAMPLE/);
          return true;
        },
      );
    });
  }
});

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
