import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { JamfMcpError } from '../../../src/lib/errors.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { azureStore } from '../../../src/lib/secrets/stores/azure.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith, type SecretStore } from '../../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { setEnvironment } from '../../support/env.ts';
import { keyVault, VAULT_TOKEN, VAULT_URL, type KeyVault } from '../../support/keyvault.ts';
import { startRelay } from '../../support/relay.ts';
import { assertInvariants, fields, plain, rejectsWith, storeContract } from '../contract.ts';

const A = { JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-a' };
const B = { JAMF_URL: 'https://example.jamfcloud.com', JAMF_CLIENT_SECRET: 'EXAMPLE-b' };
const NAME = 'jamf-mcp-server/production';
const KEY = 'jamf-mcp-server--production';
const INDEX = `${KEY}---labels`;

const storeAt = ({ httpClient, credential }: Pick<KeyVault, 'httpClient' | 'credential'>, context: TestContext) =>
  azureStore(
    {
      azure: { vault: VAULT_URL },
      schema: schemaOf('jamf'),
      credential,
      // The SDK's own pauses are on the wall clock.
      client: { httpClient, retryOptions: { maxRetries: 0 } },
    },
    context,
  );

describe('store contract: azure, on an emulated Key Vault', () => {
  storeContract(() => {
    const context = testContext();
    const vault = keyVault(() => context.clock.now());
    return Promise.resolve({
      store: storeAt(vault, context),
      advance: (ms) => {
        context.clock.advance(ms);
      },
    });
  });
});

describe('the store on Key Vault', () => {
  let context: TestContext;
  let vault: KeyVault;
  let store: SecretStore;
  beforeEach(() => {
    context = testContext();
    vault = keyVault(() => context.clock.now());
    store = storeAt(vault, context);
  });

  const create = (by = store) =>
    by.create({ name: NAME, description: '', tags: {}, fields: fields(A), token: randomUUID() });
  const put = async (raw: Record<string, string>, ...stages: string[]) =>
    (await store.put(NAME, fields(raw), { token: randomUUID(), stages })).versionId;
  const current = async (by = store) => plain((await by.read(NAME, { stage: AWSCURRENT })).fields);
  const warnings = () => context.events.filter(({ kind }) => kind === 'warning');

  it('keeps each version as one of Key Vault, its labels in its tags', async () => {
    const { versionId: first } = await create();
    const second = await put(B, AWSPENDING, 'release-1');
    await store.moveLabel(NAME, AWSCURRENT, first, second);
    const versions = vault.secrets.get(KEY)?.versions ?? [];
    assert.deepEqual(
      versions.map(({ value, tags }) => [JSON.parse(value) as unknown, tags]),
      [
        [A, { 'jamf-mcp-id': first, 'jamf-mcp-labels': AWSPREVIOUS }],
        [B, { 'jamf-mcp-id': second, 'jamf-mcp-labels': `${AWSPENDING},release-1,${AWSCURRENT}` }],
      ],
    );
    const index =
      vault.secrets
        .get(INDEX)
        ?.versions.map(({ value }) => value)
        .join() ?? '';
    assert.match(index, /AWSCURRENT/);
    assert.doesNotMatch(index, /EXAMPLE-/);
  });

  it('cuts what is longer than Key Vault takes, and joins it again', async () => {
    await create();
    const long = { ...A, CERTIFICATE: 'ü漢🔑'.repeat(6_500) };
    await put(long, AWSCURRENT);
    assert.deepEqual(await current(), long);
    const versions = vault.secrets.get(KEY)?.versions ?? [];
    assert.equal(versions.length, 4);
    assert.equal((await store.versions(NAME)).length, 2, 'parts are no versions');
  });

  it('reads what others wrote, and takes it over with the first change', async () => {
    const write = (value: string) =>
      vault.httpClient.sendRequest({
        url: `${VAULT_URL}/secrets/${KEY}?api-version=7.6`,
        method: 'PUT',
        body: JSON.stringify({ value }),
        headers: { get: () => `Bearer ${VAULT_TOKEN}` },
      } as unknown as Parameters<typeof vault.httpClient.sendRequest>[0]);
    await write(JSON.stringify(A));
    context.clock.advance(1000);
    await write(JSON.stringify(B));
    assert.deepEqual(await current(), B);
    assert.deepEqual(plain((await store.read(NAME, { stage: AWSPREVIOUS })).fields), A);
    await rejectsWith('SECRET_EXISTS', create());
    const [, old] = await store.versions(NAME);
    const third = await put({ N: '3' }, AWSCURRENT);
    await store.moveLabel(NAME, AWSCURRENT, third, old?.versionId ?? '');
    assert.deepEqual(await current(), A);
    await write('EXAMPLE-not-json');
    const [newest] = await store.versions(NAME);
    const error = await rejectsWith('SECRET_MALFORMED', store.read(NAME, { versionId: newest?.versionId ?? '' }));
    assert.doesNotMatch(error.message, /EXAMPLE/);
  });

  describe('with several writers', () => {
    it('of two that read the same index the first one counts, whoever looks', async () => {
      const { versionId: first } = await create();
      const [a, b] = [await put({ N: 'a' }, 'a'), await put({ N: 'b' }, 'b')];
      const rival = storeAt(vault, context);
      let started: Promise<unknown> | undefined;
      // The rival reads and writes its index after this store has read, and before it has written.
      vault.before = async (call) => {
        if (call !== `PUT secrets/${INDEX}` || started) return undefined;
        started = rival.moveLabel(NAME, AWSCURRENT, first, b);
        await started;
        return undefined;
      };
      await rejectsWith('CONFLICT', store.moveLabel(NAME, AWSCURRENT, first, a));
      await started;
      for (const each of [store, rival, storeAt(vault, context)]) {
        assert.equal(versionWith(await each.describe(NAME), AWSCURRENT), b);
      }
      assert.equal(
        vault.secrets.get(INDEX)?.versions.length,
        5,
        'the one that came second is there, and counts for nothing',
      );
    });

    it('of two changes that do not disagree none is lost', async () => {
      await create();
      const rival = storeAt(vault, context);
      let started: Promise<unknown> | undefined;
      vault.before = async (call) => {
        if (call !== `PUT secrets/${INDEX}` || started) return undefined;
        started = rival.tag(NAME, { rival: '1' });
        await started;
        return undefined;
      };
      await store.tag(NAME, { own: '1' });
      assert.deepEqual((await store.describe(NAME)).tags, { rival: '1', own: '1' });
    });

    it('of promotions by 6 processes at once exactly one wins', async () => {
      const { versionId: first } = await create();
      const stores = Array.from({ length: 6 }, () => storeAt(vault, context));
      const ids: string[] = [];
      for (const n of stores.keys()) ids.push(await put({ N: String(n) }, `candidate-${String(n)}`));
      const moves = await Promise.allSettled(
        stores.map((each, n) => each.moveLabel(NAME, AWSCURRENT, first, ids[n] ?? '')),
      );
      const won = moves.flatMap((move, n) => (move.status === 'fulfilled' ? [ids[n]] : []));
      assert.deepEqual(won, [versionWith(await store.describe(NAME), AWSCURRENT)]);
      for (const move of moves) {
        if (move.status === 'rejected') assert.equal((move.reason as JamfMcpError).code, 'CONFLICT');
      }
      await assertInvariants(store, NAME);
    });

    it('waits for the end of the second before it believes that it was first', async () => {
      await create();
      assert.ok(context.clock.slept.includes(2000));
    });
  });

  it('killed at any call: the old or the new state, and the same again finishes it', async () => {
    const CHANGES: Record<string, (by: SecretStore, ids: string[]) => Promise<unknown>> = {
      put: (by) => by.put(NAME, fields({ N: '3' }), { token: randomUUID(), stages: [AWSCURRENT] }),
      'move a label': (by, [first = '', second = '']) => by.moveLabel(NAME, AWSCURRENT, first, second),
      'delete with a window': (by) => by.remove(NAME, 7),
      'delete at once': (by) => by.remove(NAME, 0),
    };
    const state = async () =>
      JSON.stringify(
        (await store.list('')).map(({ stages, deletionAt }) => [Object.values(stages).flat().sort(), deletionAt]),
      );
    for (const [title, change] of Object.entries(CHANGES)) {
      for (let at = 0; ; at += 1) {
        vault.secrets.clear();
        const ids = [(await create()).versionId, await put(B, AWSPENDING)];
        const old = await state();
        const dying = testContext({ start: context.clock.now() });
        let count = -1;
        vault.before = () => {
          count += 1;
          if (count < at) return undefined;
          dying.abort();
          throw new DOMException('aborted', 'AbortError');
        };
        await change(storeAt(vault, dying), ids).catch((error: unknown) => {
          assert.ok(error instanceof JamfMcpError && error.code === 'INTERRUPTED', String(error));
        });
        vault.before = () => undefined;
        if (count < at) break;
        const seen = await state();
        await change(store, ids).catch((error: unknown) => {
          if (!(error instanceof JamfMcpError && title === 'delete at once')) throw error;
          assert.equal(error.code, 'SECRET_NOT_FOUND');
        });
        const done = await state();
        assert.ok(seen === old || seen === done, `${title}, call ${String(at)}: ${seen} between ${old} and ${done}`);
        assert.notEqual(done, old);
        await assertInvariants(store, NAME);
      }
    }
  });

  describe('the end of a secret', () => {
    it('says when Key Vault keeps it for less than was asked', async () => {
      vault.retentionDays = 7;
      await create();
      const { deletionAt } = await store.remove(NAME, 30);
      assert.equal(Date.parse(deletionAt), Math.floor(Date.parse(deletionAt) / 1000) * 1000);
      assert.ok(Date.parse(deletionAt) <= context.clock.now() + 7 * 86_400_000);
      assert.equal((await store.describe(NAME)).deletionAt, deletionAt);
      assert.equal(warnings().length, 1);
    });

    it('says what is left where purging is not allowed, and it can be restored', async () => {
      vault.purgeProtected = true;
      await create();
      const error = await rejectsWith('PARTIAL', store.remove(NAME, 0));
      assert.match(error.message, /keeps it until 2027-02-/);
      await rejectsWith('SECRET_DELETED', current());
      await store.restore(NAME);
      assert.deepEqual(await current(), A);
    });

    it('is created anew when its window has ended', async () => {
      await create();
      await store.remove(NAME, 7);
      context.clock.advance(8 * 86_400_000);
      await create();
      assert.deepEqual(await current(), A);
      assert.equal(vault.secrets.get(KEY)?.versions.length, 1);
    });

    it('purges what is past its window as soon as somebody looks at the list', async () => {
      await create();
      await store.remove(NAME, 7);
      context.clock.advance(8 * 86_400_000);
      assert.deepEqual(await store.list(''), []);
      assert.equal(vault.secrets.size, 0);
    });
  });

  describe('what it tells', () => {
    const CASES: [number, JamfMcpError['code'], RegExp][] = [
      [401, 'CREDENTIALS_REFUSED', /az login/],
      [403, 'ACCESS_DENIED', /Key Vault Secrets Officer/],
      [429, 'THROTTLED', /wait/],
      [500, 'REMOTE_FAILED', /diagnostic log/],
    ];
    for (const [status, code, hint] of CASES) {
      it(`${String(status)} as ${code}`, async () => {
        vault.before = () => status;
        const error = await rejectsWith(code, store.describe(NAME));
        assert.match(error.message, new RegExp(`${INDEX} in example.vault.azure.net failed`));
        assert.match(error.hint ?? '', hint);
      });
    }

    it('Ctrl-C', async () => {
      vault.before = () => {
        context.abort();
        throw new DOMException('aborted', 'AbortError');
      };
      await rejectsWith('INTERRUPTED', store.describe(NAME));
    });

    it('a vault that is not named, or not over https', async () => {
      const open = (at?: string) => azureStore({ azure: { vault: at }, schema: schemaOf('jamf') }, context);
      await rejectsWith('INPUT_MISSING', () => open());
      for (const at of ['http://example.vault.azure.net', 'example'])
        await rejectsWith('INPUT_INVALID', () => open(at));
    });

    it('a name that Key Vault cannot hold', async () => {
      await rejectsWith('INPUT_INVALID', store.describe('x'.repeat(120)));
      await rejectsWith('INPUT_INVALID', store.describe('X'.repeat(30)));
      await rejectsWith('SECRET_NOT_FOUND', store.describe('x'.repeat(110)));
    });

    it('calls without bodies, and nothing of a value or a token', async () => {
      await create();
      await current();
      const told = JSON.stringify(context.events);
      assert.match(told, new RegExp(`azure setSecret ${KEY}: ok, \\d+ ms`));
      assert.doesNotMatch(told, /EXAMPLE/);
    });
  });

  it('signs in with DefaultAzureCredential, and says as whom', async () => {
    const claims = Buffer.from(JSON.stringify({ upn: 'operator@example.com' })).toString('base64url');
    const token = `eyJhbGciOiJub25lIn0.${claims}.EXAMPLE`;
    const endpoint = await startRelay(null);
    endpoint.decide = () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        access_token: token,
        expires_on: String(Math.floor(Date.now() / 1000) + 3600),
        resource: 'https://vault.azure.net',
        token_type: 'Bearer',
      }),
    });
    // What App Service gives a managed identity.
    const restore = setEnvironment({
      IDENTITY_ENDPOINT: `${endpoint.url}/msi/token`,
      IDENTITY_HEADER: 'EXAMPLE-header',
    });
    try {
      const { httpClient } = vault;
      const managed = azureStore(
        { azure: { vault: VAULT_URL }, schema: schemaOf('jamf'), client: { httpClient } },
        context,
      );
      assert.deepEqual(await managed.whereabouts(), {
        account: 'example.vault.azure.net',
        region: null,
        principal: 'operator@example.com',
      });
      assert.match(endpoint.calls[0] ?? '', /^GET \/msi\/token\?.*vault\.azure\.net/);
    } finally {
      restore();
      await endpoint.close();
    }
  });
});
