import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { VaultSettings } from '../../../src/lib/config/settings.ts';
import { JamfMcpError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/redact.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { vaultStore } from '../../../src/lib/secrets/stores/vault.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith, type SecretStore } from '../../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao, type OpenBao } from '../../support/openbao.ts';
import { startRelay, type Relay } from '../../support/relay.ts';
import { assertInvariants, fields, plain, rejectsWith, storeContract } from '../contract.ts';

const A = { JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-a' };
const B = { JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-b' };

describe('store contract: vault, on OpenBao', () => {
  if (!hasOpenBao()) {
    it(NEEDS_OPENBAO);
    return;
  }
  storeContract(async () => {
    const server = await startOpenBao();
    const context = testContext();
    const vault = { address: server.address, token: new Secret(server.token) };
    return {
      store: vaultStore({ vault, aws: {}, schema: schemaOf('jamf') }, context),
      advance: (ms) => {
        context.clock.advance(ms);
      },
      close: () => server.close(),
    };
  });
});

describe('the store on OpenBao', () => {
  if (!hasOpenBao()) {
    it(NEEDS_OPENBAO);
    return;
  }
  let server: OpenBao;
  let relay: Relay;
  let context: TestContext;
  let name: string;
  before(async () => {
    server = await startOpenBao();
    relay = await startRelay(server.address);
  });
  after(async () => {
    await relay.close();
    await server.close();
  });
  beforeEach(() => {
    context = testContext();
    relay.decide = () => undefined;
    relay.calls.length = 0;
    name = `team/${randomUUID()}`;
  });

  /** Another process, as far as the server can tell. */
  const open = (vault: VaultSettings = {}, other: TestContext = context): SecretStore =>
    vaultStore(
      { vault: { address: relay.url, token: new Secret(server.token), ...vault }, aws: {}, schema: schemaOf('jamf') },
      other,
    );
  const create = (store: SecretStore, of = name, token: string = randomUUID()) =>
    store.create({ name: of, description: '', tags: {}, fields: fields(A), token });
  const put = async (store: SecretStore, raw: Record<string, string>, ...stages: string[]) =>
    (await store.put(name, fields(raw), { token: randomUUID(), stages })).versionId;
  const current = async (store: SecretStore) => plain((await store.read(name, { stage: AWSCURRENT })).fields);
  const raw = async (version = '') =>
    (await server.api<{ data: { data: unknown } }>('GET', `secret/data/${name}${version}`)).data.data;
  const metadata = async () =>
    (
      await server.api<{ data: { custom_metadata: Record<string, string>; max_versions: number } }>(
        'GET',
        `secret/metadata/${name}`,
      )
    ).data;
  /** A token that may do what the rules say: path to capabilities. */
  const tokenWith = async (rules: Record<string, string[]>) => {
    const policy = Object.entries(rules)
      .map(([path, capabilities]) => `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }`)
      .join('\n');
    const id = randomUUID();
    await server.api('POST', `sys/policies/acl/${id}`, { policy });
    const { auth } = await server.api<{ auth: { client_token: string } }>('POST', 'auth/token/create', {
      policies: [id],
    });
    return new Secret(auth.client_token);
  };

  it("shows each version and where its labels are to Vault's own tools", async () => {
    const store = open();
    await create(store);
    await put(store, B, AWSPENDING, 'release/1');
    assert.deepEqual(await raw('?version=1'), A);
    assert.deepEqual(await raw('?version=2'), B);
    assert.deepEqual((await metadata()).custom_metadata, { AWSCURRENT: '1', AWSPENDING: '2', 'release/1': '2' });
    const { stages } = await store.describe(name);
    const [first = '', second = ''] = Object.keys(stages);
    await store.moveLabel(name, AWSCURRENT, first, second);
    await store.moveLabel(name, AWSPENDING, second, null);
    const after = await metadata();
    assert.deepEqual(after.custom_metadata, { AWSCURRENT: '2', AWSPREVIOUS: '1', 'release/1': '2' });
    assert.equal(after.max_versions, 1000);
  });

  it('keeps what others wrote into the custom metadata', async () => {
    const store = open();
    await create(store);
    await server.api(
      'PATCH',
      `secret/metadata/${name}`,
      { custom_metadata: { owner: 'mdm' } },
      { 'content-type': 'application/merge-patch+json' },
    );
    await put(store, B, AWSCURRENT);
    assert.deepEqual((await metadata()).custom_metadata, { AWSCURRENT: '2', AWSPREVIOUS: '1', owner: 'mdm' });
  });

  it('reads what others wrote, and takes it over with the first change', async () => {
    const store = open();
    await server.api('POST', `secret/data/${name}`, { data: { ID: '1' } });
    await server.api('POST', `secret/data/${name}`, { data: { ID: 2 } });
    const response = await fetch(`${server.address}/v1/secret/data/${name}`, {
      method: 'POST',
      headers: { 'x-vault-token': server.token },
      body: '{"data":{"ID":1234567890123,"ON":true}}',
    });
    assert.ok(response.ok);
    assert.deepEqual((await store.describe(name)).stages, { '2': [AWSPREVIOUS], '3': [AWSCURRENT] });
    assert.deepEqual(await current(store), { ID: '1234567890123', ON: 'true' });
    assert.deepEqual(plain((await store.read(name, { versionId: '1' })).fields), { ID: '1' });
    assert.deepEqual(
      (await store.list('team/')).filter((info) => info.name === name).map((info) => info.stages),
      [{ '2': [AWSPREVIOUS], '3': [AWSCURRENT] }],
    );
    await rejectsWith('SECRET_EXISTS', create(store));
    const fourth = await put(store, A, AWSPENDING);
    await store.moveLabel(name, AWSCURRENT, '3', fourth);
    assert.deepEqual((await store.describe(name)).stages, { '3': [AWSPREVIOUS], [fourth]: [AWSPENDING, AWSCURRENT] });
    await store.moveLabel(name, AWSCURRENT, fourth, '1');
    assert.deepEqual(await current(store), { ID: '1' });
  });

  it('lists a version that others add later, and lets a label go there', async () => {
    context = testContext({ start: Date.now() + 60_000 });
    const store = open();
    const { versionId } = await create(store);
    await server.api('POST', `secret/data/${name}`, { data: { FROM: 'the web page' } });
    assert.deepEqual(await current(store), A, 'a version of others is not current by itself');
    assert.deepEqual(
      (await store.versions(name)).map((version) => [version.versionId, version.stages]).sort(),
      [
        ['2', []],
        [versionId, [AWSCURRENT]],
      ].sort(),
    );
    await store.moveLabel(name, AWSCURRENT, versionId, '2');
    assert.deepEqual(await current(store), { FROM: 'the web page' });
    await server.api('POST', `secret/delete/${name}`, { versions: [1] });
    assert.deepEqual(
      (await store.versions(name)).map((version) => version.versionId),
      ['2'],
    );
    await rejectsWith('VERSION_NOT_FOUND', store.read(name, { stage: AWSPREVIOUS }));
  });

  it('refuses a value of others that is no set of fields, and shows none of it', async () => {
    await server.api('POST', `secret/data/${name}`, { data: { NESTED: { a: 'EXAMPLE-nested' } } });
    assert.match((await rejectsWith('SECRET_MALFORMED', open().read(name, { stage: AWSCURRENT }))).message, /NESTED/);
  });

  it('of promotions by 6 processes at once exactly one wins, and the metadata tells which', async () => {
    const stores = Array.from({ length: 6 }, () => open());
    const [store = open()] = stores;
    const { versionId: first } = await create(store);
    const ids = await Promise.all(stores.map((each, n) => put(each, { N: String(n) }, `candidate-${String(n)}`)));
    const moves = await Promise.allSettled(
      stores.map((each, n) => each.moveLabel(name, AWSCURRENT, first, ids[n] ?? '')),
    );
    const won = moves.flatMap((move, n) => (move.status === 'fulfilled' ? [ids[n]] : []));
    const info = await store.describe(name);
    assert.deepEqual(won, [versionWith(info, AWSCURRENT)]);
    for (const move of moves) {
      if (move.status === 'rejected') assert.equal((move.reason as JamfMcpError).code, 'CONFLICT');
    }
    await assertInvariants(store, name);
    const { fields: value } = await store.read(name, { stage: AWSCURRENT });
    assert.deepEqual(await raw(`?version=${(await metadata()).custom_metadata.AWSCURRENT ?? ''}`), plain(value));
  });

  it('shows the labels of the later change, whichever is shown first', async () => {
    const store = open();
    const { versionId: first } = await create(store);
    const second = await put(store, B, AWSPENDING);
    let overtaken: Promise<void> | undefined;
    relay.decide = async (call) => {
      if (!call.startsWith('PATCH') || overtaken) return undefined;
      overtaken = open().moveLabel(name, AWSCURRENT, second, first);
      await overtaken;
      return undefined;
    };
    await store.moveLabel(name, AWSCURRENT, first, second);
    assert.equal(versionWith(await store.describe(name), AWSCURRENT), first);
    assert.deepEqual((await metadata()).custom_metadata, { AWSCURRENT: '1', AWSPREVIOUS: '2', AWSPENDING: '2' });
  });

  it('of creations by 4 processes at once exactly one wins', async () => {
    const made = await Promise.allSettled([open(), open(), open(), open()].map((store) => create(store)));
    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.equal((await open().versions(name)).length, 1, 'the values of those that lost are destroyed');
  });

  it('holds on where a mount asks for check-and-set always', async () => {
    await server.api('POST', 'sys/mounts/strict', { type: 'kv', options: { version: '2' } });
    for (let tries = 0; tries < 100; tries += 1) {
      const set = await server.api('POST', 'strict/config', { cas_required: true }).then(
        () => true,
        () => false,
      );
      if (set) break;
    }
    const stores = [open({ mount: 'strict' }), open({ mount: 'strict' })];
    const [store = open()] = stores;
    await create(store);
    await Promise.all(stores.flatMap((each) => [put(each, A, AWSPENDING), put(each, B, AWSPENDING)]));
    assert.equal((await store.versions(name)).length, 5);
  });

  describe('killed at any call', () => {
    /** What a user does, in the state before it. */
    const CHANGES: Record<string, (store: SecretStore, ids: { first: string; second: string }) => Promise<unknown>> = {
      create: (store) => create(store, `${name}/new`),
      put: (store) => put(store, { N: '3' }, AWSCURRENT),
      'move a label': (store, { first, second }) => store.moveLabel(name, AWSCURRENT, first, second),
      'delete with a window': (store) => store.remove(name, 7),
      tag: (store) => store.tag(name, { one: '1' }),
    };
    const state = async (store: SecretStore) => {
      const secrets = await store.list(name);
      return Promise.all(
        secrets.map(async ({ name: each, stages, tags, deletionAt }) => ({
          each: each.slice(name.length),
          labels: Object.values(stages).flat().sort(),
          tags,
          deleted: deletionAt !== null,
          value: deletionAt === null ? plain((await store.read(each, { stage: AWSCURRENT })).fields) : null,
        })),
      );
    };

    for (const [title, change] of Object.entries(CHANGES)) {
      it(`${title}: the old or the new state, and the same again finishes it`, async () => {
        for (let at = 0; ; at += 1) {
          name = `team/${randomUUID()}`;
          const ids = { first: (await create(open())).versionId, second: await put(open(), B, AWSPENDING) };
          const old = await state(open());
          const dying = testContext();
          let count = -1;
          relay.decide = (call) => {
            count += 1;
            if (count !== at) return undefined;
            dying.abort();
            return call.startsWith('GET') ? 'cut before' : 'cut after';
          };
          const outcome = await change(open({}, dying), ids).catch((error: unknown) => error);
          relay.decide = () => undefined;
          if (count < at) {
            assert.ok(at >= 3, `only ${String(at)} calls`);
            return;
          }
          const seen = await state(open());
          // Put and create take a new version id each time: what was done already is then refused or comes twice.
          const again = await change(open(), ids).catch((error: unknown) => error);
          const done = await state(open());
          if (again instanceof JamfMcpError) assert.equal(again.code, 'SECRET_EXISTS', `${title} ${String(at)}`);
          const isOld = JSON.stringify(seen) === JSON.stringify(old);
          const isNew = JSON.stringify(seen) === JSON.stringify(done);
          assert.ok(isOld || isNew, `${title}, call ${String(at)}: ${JSON.stringify(seen)} after ${String(outcome)}`);
          assert.notDeepEqual(done, old);
          await assertInvariants(open(), name);
        }
      });
    }

    it('put: a lost answer is no second version', async () => {
      const store = open();
      await create(store);
      let lost = 0;
      relay.decide = (call) => {
        if (!call.startsWith('POST') || !call.includes('~labels') || lost > 0) return undefined;
        lost += 1;
        return 'cut after';
      };
      const id = await put(store, B, AWSCURRENT);
      assert.equal(lost, 1);
      assert.equal(versionWith(await store.describe(name), AWSCURRENT), id);
      assert.equal((await store.versions(name)).length, 2);
    });

    it('put: where every answer is lost, the value that is current by then is not destroyed', async () => {
      const store = open();
      await create(store);
      relay.decide = (call) => (call.startsWith('POST') && call.includes('~labels') ? 'cut after' : undefined);
      await rejectsWith('UNREACHABLE', put(store, B, AWSCURRENT));
      relay.decide = () => undefined;
      assert.deepEqual(await current(open()), B);
      await assertInvariants(open(), name);
    });

    it('delete at once: the same again finishes it', async () => {
      const store = open();
      await create(store);
      const dying = testContext();
      relay.decide = (call) => {
        if (!call.startsWith('DELETE') || call.includes('~labels')) return undefined;
        dying.abort();
        return 'cut after';
      };
      await rejectsWith('INTERRUPTED', open({}, dying).remove(name, 0));
      relay.decide = () => undefined;
      await store.remove(name, 0);
      await rejectsWith('SECRET_NOT_FOUND', store.describe(name));
    });
  });

  it('destroys what is past its deletion window as soon as somebody looks at the list', async () => {
    const store = open();
    await create(store);
    await store.remove(name, 7);
    await assert.rejects(raw(), /404/, 'Vault itself gives the value to nobody meanwhile');
    context.clock.advance(8 * 86_400_000);
    assert.deepEqual(await store.list(name), []);
    await assert.rejects(server.api('GET', `secret/metadata/${name}`), /404/);
    await assert.rejects(server.api('GET', `secret/metadata/${name}~labels`), /404/);
  });

  it('is created anew when its deletion window has ended', async () => {
    const store = open();
    await create(store);
    await put(store, B, AWSCURRENT);
    await store.remove(name, 7);
    context.clock.advance(8 * 86_400_000);
    await create(store);
    assert.deepEqual(await current(store), A);
    assert.equal((await store.versions(name)).length, 1);
  });

  describe('what it tells', () => {
    it('names the path and the capability that a policy lacks', async () => {
      await create(open());
      const token = await tokenWith({ [`secret/data/${name}~labels`]: ['read'] });
      const reading = await rejectsWith('ACCESS_DENIED', open({ token }).read(name, { stage: AWSCURRENT }));
      assert.equal(
        reading.message,
        `vault refuses read on secret/data/${name}: 1 error occurred: * permission denied`.replace(
          '1 error occurred: * ',
          '',
        ),
      );
      assert.equal(reading.hint, `the token's policy needs: path "secret/data/${name}" { capabilities = ["read"] }`);
      const writing = await rejectsWith(
        'ACCESS_DENIED',
        open({ token }).put(name, fields(B), { token: randomUUID(), stages: [AWSCURRENT] }),
      );
      assert.match(writing.hint ?? '', /path "secret\/data\/.*" \{ capabilities = \["create", "update"\] \}/);
      await rejectsWith('ACCESS_DENIED', open({ token }).list('team/'));
    });

    it('works with the least that the documentation asks for', async () => {
      const token = await tokenWith({
        'secret/data/team/*': ['create', 'read', 'update'],
        'secret/metadata/team/*': ['list', 'read', 'patch', 'delete'],
        'secret/delete/team/*': ['update'],
        'secret/undelete/team/*': ['update'],
        'secret/destroy/team/*': ['update'],
      });
      const store = open({ token });
      await create(store);
      await put(store, B, AWSCURRENT);
      await store.remove(name, 7);
      await store.restore(name);
      assert.deepEqual(await current(store), B);
      assert.equal((await store.list(name)).length, 1);
      await store.remove(name, 0);
      assert.deepEqual(
        context.events.filter(({ kind }) => kind === 'warning'),
        [],
      );
    });

    it('stores without the right to patch, and says what is not shown', async () => {
      const token = await tokenWith({
        'secret/data/*': ['create', 'read', 'update'],
        'secret/metadata/*': ['read'],
      });
      const store = open({ token });
      await create(store);
      assert.deepEqual(await current(store), A);
      assert.match(JSON.stringify(context.events.filter(({ kind }) => kind === 'warning')), /refuses patch on secret/);
    });

    it('a token that is not known', async () => {
      const token = new Secret('EXAMPLE-unknown-token');
      const error = await rejectsWith('CREDENTIALS_REFUSED', open({ token }).describe(name));
      assert.match(error.message, /does not know the token/);
    });

    it('a mount that is not there, an engine that keeps no versions, and a namespace that is not there', async () => {
      const missing = await rejectsWith('NOT_FOUND', open({ mount: 'absent' }).describe(name));
      assert.match(missing.message, /no handler for route/);
      await server.api('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } });
      const old = await rejectsWith('NOT_FOUND', create(open({ mount: 'old' })));
      assert.match(old.message, /old of vault at .* is not KV version 2/);
      await assert.rejects(server.api('GET', `old/data/${name}`), /404/, 'nothing was stored');
      const space = await rejectsWith('NOT_FOUND', open({ namespace: 'absent' }).describe(name));
      assert.match(space.message, /in namespace absent: namespace not found/);
    });

    it('keeps namespaces apart', async () => {
      await server.api('POST', 'sys/namespaces/mdm', {});
      await server.api(
        'POST',
        'sys/mounts/secret',
        { type: 'kv', options: { version: '2' } },
        { 'x-vault-namespace': 'mdm' },
      );
      const store = open({ namespace: 'mdm' });
      await create(store);
      assert.deepEqual(await current(store), A);
      assert.equal((await store.whereabouts()).region, 'mdm');
      await rejectsWith('SECRET_NOT_FOUND', open().describe(name));
    });

    it('who changes what where', async () => {
      assert.deepEqual(await open().whereabouts(), { account: relay.url, region: null, principal: 'token' });
    });

    it('a sealed server, at once', async () => {
      const sealed = await startOpenBao();
      try {
        await sealed.api('POST', 'sys/seal');
        const error = await rejectsWith('REMOTE_FAILED', open({ address: sealed.address }).describe(name));
        assert.match(error.message, /is sealed$/);
        assert.deepEqual(context.clock.slept, []);
      } finally {
        await sealed.close();
      }
    });

    it('calls without bodies, and nothing of a value or a token anywhere', async () => {
      const store = open();
      await create(store);
      await current(store);
      const told = JSON.stringify(context.events);
      assert.match(told, new RegExp(`vault POST secret/data/${name}: 200, \\d+ ms`));
      assert.doesNotMatch(told, /EXAMPLE/);
    });
  });

  describe('signing in', () => {
    const policy = { 'secret/*': ['create', 'read', 'update', 'patch', 'list', 'delete'] };
    const rules = Object.entries(policy)
      .map(([path, capabilities]) => `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }`)
      .join('\n');
    before(async () => {
      await server.api('POST', 'sys/policies/acl/all-secrets', { policy: rules });
    });

    it('by AppRole, and again when the token has ended', async () => {
      await server.api('POST', 'sys/auth/approle', { type: 'approle' });
      await server.api('POST', 'auth/approle/role/jamf', { token_policies: 'all-secrets', token_ttl: '10m' });
      const { data: role } = await server.api<{ data: { role_id: string } }>('GET', 'auth/approle/role/jamf/role-id');
      const { data } = await server.api<{ data: { secret_id: string } }>('POST', 'auth/approle/role/jamf/secret-id');
      const login = { token: undefined, roleId: role.role_id, secretId: new Secret(data.secret_id) };
      const store = open(login);
      await create(store);
      assert.deepEqual(await current(store), A);
      const logins = () => relay.calls.filter((call) => call.includes('auth/approle/login')).length;
      assert.equal(logins(), 1);
      context.clock.advance(9 * 60_000);
      await current(store);
      assert.equal(logins(), 2);
      assert.equal((await store.whereabouts()).principal, 'approle');
      const wrong = await rejectsWith(
        'CREDENTIALS_REFUSED',
        open({ ...login, secretId: new Secret('EXAMPLE-wrong') }).describe(name),
      );
      assert.match(wrong.message, /invalid/);
    });

    it('by the token that `vault login` left', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-token-'));
      const tokenFile = join(folder, '.vault-token');
      const store = open({ token: undefined, tokenFile });
      const nothing = await rejectsWith('CREDENTIALS_MISSING', store.describe(name));
      assert.match(nothing.hint ?? '', /VAULT_TOKEN or BAO_TOKEN/);
      await writeFile(tokenFile, `${server.token}\n`);
      await create(store);
      await rm(folder, { recursive: true });
      assert.deepEqual(await current(store), A);
    });

    it('as a pod of Kubernetes', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-pod-'));
      const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const account = { namespace: 'mdm', serviceaccount: { name: 'jamf-mcp', uid: '0000' } };
      const jwt = [
        base64({ alg: 'RS256', kid: 'EXAMPLE' }),
        base64({
          iss: 'kubernetes',
          sub: 'system:serviceaccount:mdm:jamf-mcp',
          exp: 4_000_000_000,
          nbf: 1,
          iat: 1,
          'kubernetes.io': account,
        }),
        Buffer.from('EXAMPLE-signature').toString('base64url'),
      ].join('.');
      const cluster = await startRelay(null);
      cluster.decide = () => ({
        status: 201,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          status: {
            authenticated: true,
            user: { username: 'system:serviceaccount:mdm:jamf-mcp', uid: '0000', groups: ['system:serviceaccounts'] },
          },
        }),
      });
      try {
        await writeFile(join(folder, 'token'), jwt);
        await server.api('POST', 'sys/auth/cluster', { type: 'kubernetes' });
        await server.api('POST', 'auth/cluster/config', {
          kubernetes_host: cluster.url,
          kubernetes_ca_cert: rootCertificates[0],
          disable_local_ca_jwt: true,
          disable_iss_validation: true,
          token_reviewer_jwt: jwt,
        });
        await server.api('POST', 'auth/cluster/role/jamf', {
          bound_service_account_names: 'jamf-mcp',
          bound_service_account_namespaces: 'mdm',
          token_policies: 'all-secrets',
        });
        const login: VaultSettings = {
          token: undefined,
          auth: 'kubernetes',
          authMount: 'cluster',
          role: 'jamf',
          serviceAccountFile: join(folder, 'token'),
        };
        await create(open(login));
        assert.equal(cluster.requests.length, 1);
        assert.match((await open(login).whereabouts()).principal ?? '', /jamf-mcp/);
        const elsewhere = open({ ...login, serviceAccountFile: join(folder, 'absent') });
        assert.match((await rejectsWith('CREDENTIALS_MISSING', elsewhere.describe(name))).hint ?? '', /inside a pod/);
        await rejectsWith('CREDENTIALS_REFUSED', open({ ...login, role: 'other' }).describe(name));
        await rejectsWith('CREDENTIALS_MISSING', open({ ...login, role: undefined }).describe(name));
      } finally {
        await cluster.close();
        await rm(folder, { recursive: true });
      }
    });
  });
});
