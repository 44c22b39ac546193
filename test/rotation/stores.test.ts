import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../src/lib/redact.ts';
import type { RotateResult } from '../../src/lib/rotation/rotate.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';
import { azureStore } from '../../src/lib/secrets/stores/azure.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';
import { vaultStore } from '../../src/lib/secrets/stores/vault.ts';
import type { TestContext } from '../support/context.ts';
import { keyVault, VAULT_URL } from '../support/keyvault.ts';
import { hasOpenBao, NEEDS_OPENBAO, startOpenBao } from '../support/openbao.ts';
import { assertSound, failureOf, FIRST, rotationWorld, type Kind, type World } from '../support/rotation-world.ts';

type Open = (context: TestContext) => SecretStore;

/** The same rotations on any store. @param make - a fresh back end, and how it is opened */
function rotationsOn(make: () => Promise<{ open: Open; close: () => Promise<void> }>): void {
  let close: () => Promise<void>;
  let open: Open;
  beforeEach(async () => {
    ({ open, close } = await make());
  });
  afterEach(() => close());
  const world = (kind: Kind) => rotationWorld(kind, { open });

  /** Killed at a call, then resumed. */
  async function killed(it: World, call: string, act: () => Promise<RotateResult>): Promise<void> {
    it.fault = { call, when: 'after', error: 'BUG', killed: true };
    await act().catch(() => undefined);
    it.fault = null;
    await it.resume();
    await assertSound(it, call);
  }

  it('rotates, is undone, and rotates again', async () => {
    const it = await world('alternate');
    const first = await it.rotate();
    await assertSound(it);
    assert.equal(first.previousVersionId, FIRST);
    assert.equal((await it.undo()).versionId, FIRST);
    await assertSound(it);
    const second = await it.rotate();
    assert.notEqual(second.versionId, first.versionId);
    await assertSound(it);
  });

  it('puts everything back where a deployment fails', async () => {
    const it = await world('drafted');
    it.deployments = ['failed'];
    assert.match((await failureOf(it.rotate())).message, /everything was put back/);
    await assertSound(it);
  });

  for (const call of ['put 1', 'moveLabel 1', 'mint 1', 'put 2', 'moveLabel 2', 'record 1']) {
    it(`goes on after it was killed at ${call}`, async () => {
      const it = await world('single');
      await killed(it, call, () => it.rotate());
      if (it.records.length === 0) await it.rotate();
      await assertSound(it);
      assert.ok(it.records.length > 0);
    });
  }

  it('goes on with an undo that was killed', async () => {
    const it = await world('alternate');
    await it.rotate();
    await killed(it, 'moveLabel 2', () => it.undo());
  });

  it('refuses a second one while the first stands, and gives it up when asked', async () => {
    const it = await world('alternate');
    it.fault = { call: 'put 2', when: 'after', error: 'BUG', killed: true };
    await it.rotate().catch(() => undefined);
    it.fault = null;
    const error = await failureOf(it.rotate({ isRunning: () => null }));
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.message, /by tester@bench \(process 4711\) is under way/);
    await it.abort();
    await assertSound(it);
  });
}

const schema = schemaOf('jamf');

describe('rotations on the local store', () => {
  rotationsOn(async () => {
    const parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-rotate-'));
    const folder = join(parent, 'store');
    return {
      open: (context) => localStore({ folder, schema, user: 'tester', localKey: 'file' }, context),
      close: () => rm(parent, { recursive: true }),
    };
  });
});

describe('rotations on an emulated Key Vault', () => {
  rotationsOn(() => {
    let now = () => 0;
    const { httpClient, credential } = keyVault(() => now());
    return Promise.resolve({
      open: (context) => {
        now = () => context.clock.now();
        const client = { httpClient, retryOptions: { maxRetries: 0 } };
        return azureStore({ azure: { vault: VAULT_URL }, schema, credential, client }, context);
      },
      close: () => Promise.resolve(),
    });
  });
});

describe('rotations on OpenBao', () => {
  if (!hasOpenBao()) {
    it(NEEDS_OPENBAO);
    return;
  }
  rotationsOn(async () => {
    const server = await startOpenBao();
    const vault = { address: server.address, token: new Secret(server.token) };
    return { open: (context) => vaultStore({ vault, aws: {}, schema }, context), close: () => server.close() };
  });
});
