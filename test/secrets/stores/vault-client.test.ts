/** What needs no real server: a server that answers what the test says. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VaultSettings } from '../../../src/lib/config/settings.ts';
import { Secret } from '../../../src/lib/redact.ts';
import { startSandbox } from '../../../src/lib/sandbox/index.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { vaultStore } from '../../../src/lib/secrets/stores/vault.ts';
import { AWSCURRENT } from '../../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { setEnvironment } from '../../support/env.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao } from '../../support/openbao.ts';
import { startRelay, type Relay, type Verdict } from '../../support/relay.ts';
import { rejectsWith } from '../contract.ts';

const NAME = 'jamf-mcp-server/production';
const TOKEN = 'EXAMPLE-vault-token';

describe('the client of Vault', () => {
  let relay: Relay;
  let context: TestContext;
  before(async () => {
    relay = await startRelay(null);
  });
  after(() => relay.close());
  beforeEach(() => {
    context = testContext();
    relay.calls.length = 0;
    relay.requests.length = 0;
  });

  const open = (vault: VaultSettings = {}) =>
    vaultStore(
      { vault: { address: relay.url, token: new Secret(TOKEN), ...vault }, aws: {}, schema: schemaOf('jamf') },
      context,
    );
  const json = (status: number, body: unknown, headers = {}): Verdict => ({
    status,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
  /** Answers in turn; the last one stays. */
  const script = (...verdicts: Verdict[]) => {
    let at = 0;
    relay.decide = () => verdicts[Math.min(at++, verdicts.length - 1)];
  };
  const nothing = json(404, { errors: [] });

  it('waits as long as the server asks, and no longer than a minute', async () => {
    script(json(429, { errors: ['too many'] }, { 'retry-after': '7' }), nothing);
    await rejectsWith('SECRET_NOT_FOUND', open().describe(NAME));
    assert.deepEqual(context.clock.slept, [7000]);
    script(json(429, { errors: ['too many'] }, { 'retry-after': '61' }));
    await rejectsWith('THROTTLED', open().describe(NAME));
    assert.deepEqual(context.clock.slept, [7000]);
  });

  it('tries six times, each pause up to twice as long, and then tells', async () => {
    script(json(503, { errors: ['standby without an active node'] }));
    const error = await rejectsWith('REMOTE_FAILED', open().describe(NAME));
    assert.match(error.message, /503.*standby without an active node$/);
    assert.equal(relay.calls.length, 6);
    for (const [n, ms] of context.clock.slept.entries())
      assert.ok(ms >= 125 * 2 ** n && ms <= 250 * 2 ** n, String(ms));
    relay.calls.length = 0;
    script('cut before');
    assert.match((await rejectsWith('UNREACHABLE', open().describe(NAME))).message, /cannot be reached: /);
    assert.equal(relay.calls.length, 6);
  });

  it('follows a standby to the active node, with the token, and not for ever', async () => {
    const active = await startRelay(null);
    active.decide = () => nothing;
    try {
      relay.decide = (call) => ({ status: 307, headers: { location: `${active.url}${call.split(' ')[1] ?? ''}` } });
      await rejectsWith('SECRET_NOT_FOUND', open().describe(NAME));
      assert.equal(active.requests[0]?.headers['x-vault-token'], TOKEN);
      relay.decide = (call) => ({ status: 307, headers: { location: `${relay.url}${call.split(' ')[1] ?? ''}` } });
      relay.calls.length = 0;
      await rejectsWith('REMOTE_FAILED', open().describe(NAME));
      assert.equal(relay.calls.length, 3);
    } finally {
      await active.close();
    }
  });

  it('sends back the state it has seen, so that no node answers from before it', async () => {
    script(json(404, { errors: [] }, { 'x-vault-index': 'EXAMPLE-state' }), nothing);
    await rejectsWith('SECRET_NOT_FOUND', open({ namespace: 'mdm' }).describe(NAME));
    assert.deepEqual(
      relay.requests.map(({ headers }) => [headers['x-vault-index'], headers['x-vault-namespace']]),
      [
        [undefined, 'mdm'],
        ['EXAMPLE-state', 'mdm'],
      ],
    );
  });

  it('stops at Ctrl-C, in a request and in a wait', async () => {
    relay.decide = () => {
      context.abort();
      return 'cut before';
    };
    await rejectsWith('INTERRUPTED', open().describe(NAME));
    context = testContext();
    script(json(503, { errors: ['busy'] }));
    const { clock } = context;
    clock.sleep = () => {
      context.abort();
      return Promise.reject(new DOMException('aborted', 'AbortError'));
    };
    await rejectsWith('INTERRUPTED', open().describe(NAME));
  });

  it('removes a token that a server repeats, and keeps an error to one line', async () => {
    script(json(500, { errors: [`1 error occurred:\n\t* it broke on ${TOKEN}\n\n`] }));
    const error = await rejectsWith('REMOTE_FAILED', open().describe(NAME));
    assert.match(error.message, /500 to GET secret\/data\/jamf-mcp-server\/production~labels: it broke on \*\*\*$/);
    script({ status: 500, body: `<html>${TOKEN}</html>` });
    assert.match((await rejectsWith('REMOTE_FAILED', open().describe(NAME))).message, /<html>\*\*\*<\/html>/);
  });

  it('tells a server that is something else', async () => {
    script({ status: 200, body: '<html>' });
    assert.match((await rejectsWith('REMOTE_FAILED', open().describe(NAME))).message, /is no Vault$/);
  });

  it('takes https, and http on loopback only; a token never goes in the clear', async () => {
    for (const address of [
      'http://vault.example.com',
      'vault.example.com',
      'ftp://127.0.0.1',
      'https://a:b@vault.example',
    ]) {
      await rejectsWith('INPUT_INVALID', open({ address }).describe(NAME));
    }
    assert.deepEqual(relay.calls, []);
    await rejectsWith('INPUT_MISSING', () => open({ address: undefined }));
    await rejectsWith('CREDENTIALS_MISSING', open({ token: undefined }).describe(NAME));
    await rejectsWith('CREDENTIALS_MISSING', open({ auth: 'approle' }).describe(NAME));
  });

  it('refuses a name that would be another path', async () => {
    for (const name of ['a/../b', './a', '/a', 'a/', 'a//b']) await rejectsWith('INPUT_INVALID', open().describe(name));
    assert.deepEqual(relay.calls, []);
  });

  it('signs in to Vault with a signed GetCallerIdentity that STS accepts', async () => {
    const sandbox = await startSandbox();
    const restore = setEnvironment(sandbox.environment);
    const accounts: string[] = [];
    const allowed =
      /^(x-amz-(algorithm|content-sha256|credential|date|security-token|signature|signedheaders|user-agent))$/i;
    try {
      // What Vault does with a login: https://developer.hashicorp.com/vault/docs/auth/aws
      let accepted: Promise<void> = Promise.resolve();
      relay.decide = (call) => {
        if (!call.endsWith('/auth/cloud/login')) return nothing;
        const login = JSON.parse(relay.requests.at(-1)?.body ?? '') as Record<string, string>;
        const text = (name: string) => Buffer.from(login[name] ?? '', 'base64').toString();
        const headers = JSON.parse(text('iam_request_headers')) as Record<string, string>;
        for (const name of Object.keys(headers)) assert.ok(!/^x-amz-/i.test(name) || allowed.test(name), name);
        assert.equal(headers['x-vault-aws-iam-server-id'], 'vault.example.com');
        assert.match(headers.authorization ?? '', /SignedHeaders=[^,]*x-vault-aws-iam-server-id/);
        assert.equal(login.role, 'jamf');
        const others = Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'host'));
        accepted = fetch(text('iam_request_url'), { method: 'POST', headers: others, body: text('iam_request_body') })
          .then((answer) => answer.text())
          .then((answer) => {
            accounts.push(/<Account>(\d+)<\/Account>/.exec(answer)?.[1] ?? answer);
          });
        return json(200, { auth: { client_token: 'EXAMPLE-login-token', lease_duration: 600 } });
      };
      const vault = {
        token: undefined,
        auth: 'aws' as const,
        authMount: 'cloud',
        role: 'jamf',
        serverId: 'vault.example.com',
      };
      await rejectsWith('SECRET_NOT_FOUND', open(vault).describe(NAME));
      await accepted;
      assert.match(accounts.join(), /^\d{12}$/);
      assert.equal(relay.requests.at(-1)?.headers['x-vault-token'], 'EXAMPLE-login-token');
      assert.equal(sandbox.calls.filter(({ operation }) => operation === 'GetCallerIdentity').length, 1);
    } finally {
      restore();
      await sandbox.close();
    }
  });
});

describe('the client of Vault, over TLS', () => {
  if (!hasOpenBao()) {
    it(NEEDS_OPENBAO);
    return;
  }

  it('trusts the authority it is given, and says which variable names it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-tls-'));
    const server = await startOpenBao({ certificates: folder });
    try {
      const caFile = join(folder, 'vault-ca.pem');
      assert.match(await readFile(caFile, 'utf8'), /BEGIN CERTIFICATE/);
      const open = (vault: VaultSettings) =>
        vaultStore(
          { vault: { token: new Secret(server.token), ...vault }, aws: {}, schema: schemaOf('jamf') },
          testContext(),
        );
      const read = (vault: VaultSettings) => open(vault).read(NAME, { stage: AWSCURRENT });
      const { address } = server;
      await rejectsWith('SECRET_NOT_FOUND', read({ address, caFile }));
      assert.match((await rejectsWith('UNREACHABLE', read({ address }))).hint ?? '', /VAULT_CACERT/);
      const plain = await rejectsWith('INPUT_INVALID', read({ address: address.replace('https', 'http') }));
      assert.match(plain.hint ?? '', /https:\/\//);
      await rejectsWith('INPUT_INVALID', read({ address, caFile: join(folder, 'absent') }));
    } finally {
      await server.close();
      await rm(folder, { recursive: true });
    }
  });

  it('never goes on by http with a token that came by https', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-tls-'));
    // Only its certificates are wanted; they go when it does.
    const server = await startOpenBao({ certificates: folder });
    const inTheClear = await startRelay(null);
    const [key, cert] = await Promise.all(['key', 'cert'].map((name) => readFile(join(folder, `vault-${name}.pem`))));
    const standby = createServer({ key, cert }, (_request, response) => {
      response.writeHead(307, { location: `${inTheClear.url}/v1/x` }).end();
    }).listen(0, '127.0.0.1');
    await once(standby, 'listening');
    try {
      const { port } = standby.address() as AddressInfo;
      const vault = {
        address: `https://127.0.0.1:${String(port)}`,
        caFile: join(folder, 'vault-ca.pem'),
        token: new Secret(TOKEN),
      };
      const store = vaultStore({ vault, aws: {}, schema: schemaOf('jamf') }, testContext());
      await rejectsWith('REMOTE_FAILED', store.describe(NAME));
      assert.deepEqual(inTheClear.calls, []);
    } finally {
      standby.close();
      standby.closeAllConnections();
      await inTheClear.close();
      await server.close();
      await rm(folder, { recursive: true });
    }
  });
});
