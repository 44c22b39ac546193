import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { JamfCredentials } from '../../src/lib/jamf/client.ts';
import { credentialsFromEnvironment, credentialsFromStore } from '../../src/lib/server/credentials.ts';
import { Secret } from '../../src/lib/redact.ts';
import { fakeClock } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { SECRET } from '../support/mcp.ts';

const pair = (name: string) => ({
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: 'EXAMPLE-id',
  JAMF_CLIENT_SECRET: `EXAMPLE-secret-${name}`,
});

const versionId = (name: string) => name.repeat(16);

const wrapped = (fields: Record<string, string>) =>
  new Map(Object.entries(fields).map(([name, value]) => [name, new Secret(value)]));

async function storeWith(fields: Record<string, string>): Promise<MemoryStore> {
  const store = memoryStore();
  await store.create({ name: SECRET, description: '', tags: {}, fields: wrapped(fields), token: versionId('v1') });
  return store;
}

const stage = (store: MemoryStore, version: string, fields: Record<string, string>, label: string) =>
  store.put(SECRET, wrapped(fields), { token: versionId(version), stages: [label] });

const shown = ({ clientSecret }: JamfCredentials) => clientSecret.reveal().replace('EXAMPLE-secret-', '');

describe('credentials of the server', () => {
  const clock = fakeClock();
  const source = (store: MemoryStore) => credentialsFromStore(() => Promise.resolve(store), SECRET, clock);
  const others = async (store: MemoryStore) => {
    const { pairs, settling } = await source(store).others();
    return { pairs: pairs.map(shown), settling };
  };
  /** When the versions of a store were made, by the clock of the server. */
  const madeAgo = (store: MemoryStore, ms: Record<string, number>) => {
    const read = store.read.bind(store);
    store.read = async (name, ref) => {
      const version = await read(name, ref);
      const ago = Object.entries(ms).find(([id]) => version.versionId === versionId(id))?.[1] ?? 86_400_000;
      return { ...version, createdAt: new Date(clock.now() - ago).toISOString() };
    };
    return store;
  };

  it('come from the environment when all three are there', async () => {
    const { credentials } = credentialsFromEnvironment(pair('env'));
    assert.ok(credentials);
    const found = await credentials.current();
    assert.deepEqual([found.url, found.clientId, shown(found)], ['https://example.jamfcloud.com', 'EXAMPLE-id', 'env']);
    assert.ok(!JSON.stringify(found).includes('EXAMPLE-secret-env'));
    assert.deepEqual(await credentials.others(), { pairs: [], settling: false }, 'nothing else is tried');
    assert.match(credentials.remedy, /restart the server/);
  });

  it('do not come from half an environment, and an empty value is none', () => {
    const found = credentialsFromEnvironment({ ...pair('env'), JAMF_CLIENT_ID: '', JAMF_CLIENT_SECRET: undefined });
    assert.deepEqual(found, { credentials: null, found: ['JAMF_URL'] });
    assert.deepEqual(credentialsFromEnvironment({}), { credentials: null, found: [] });
  });

  it('come from the version labelled AWSCURRENT', async () => {
    const store = await storeWith(pair('current'));
    await stage(store, 'v2', pair('pending'), 'AWSPENDING');
    assert.equal(shown(await source(store).current()), 'current');
  });

  it('offer what a rotation has staged beside the pair in use, then the new one in use', async () => {
    const store = madeAgo(await storeWith(pair('old')), { v2: 10_000 });
    assert.deepEqual(await others(store), { pairs: ['old'], settling: false }, 'no rotation: nothing to wait for');
    await stage(store, 'v2', pair('new'), 'AWSPENDING');
    assert.deepEqual(await others(store), { pairs: ['old', 'new'], settling: true }, 'staged');
    await store.moveLabel(SECRET, 'AWSCURRENT', versionId('v1'), versionId('v2'));
    assert.deepEqual(await others(store), { pairs: ['new', 'new', 'old'], settling: true }, 'promoted, to be ended');
    await store.moveLabel(SECRET, 'AWSPENDING', versionId('v2'), null);
    assert.deepEqual(await others(store), { pairs: ['new', 'old'], settling: true }, 'ended, not on every node yet');
  });

  it('wait for what a claim announces: it has the fields of the pair in use, and one more', async () => {
    const store = madeAgo(await storeWith(pair('old')), { v2: 1_000 });
    await stage(store, 'v2', { ...pair('old'), JAMF_MCP_ROTATION: '{"rotationId":"EXAMPLE"}' }, 'AWSPENDING');
    assert.deepEqual(await others(store), { pairs: ['old', 'old'], settling: true });
  });

  it('do not wait for a rotation that is stuck, nor go back to a pair that was replaced long ago', async () => {
    const store = madeAgo(await storeWith(pair('old')), { v1: 9e8, v2: 8e8, v3: 7_200_000 });
    await stage(store, 'v2', pair('current'), 'AWSCURRENT');
    await stage(store, 'v3', pair('stuck'), 'AWSPENDING');
    assert.deepEqual(await others(store), { pairs: ['current', 'stuck'], settling: false });
  });

  it('skip what is no Jamf client, and what a policy does not let be read', async () => {
    const store = await storeWith(pair('current'));
    await stage(store, 'v2', { OTHER: 'EXAMPLE-other' }, 'AWSPENDING');
    assert.deepEqual((await others(store)).pairs, ['current']);
    const read = store.read.bind(store);
    for (const code of ['ACCESS_DENIED', 'SECRET_MALFORMED'] as const) {
      store.read = (name, ref) => {
        if ('stage' in ref && ref.stage !== 'AWSCURRENT') throw new JamfMcpError(code, 'not for you');
        return read(name, ref);
      };
      assert.deepEqual(await others(store), { pairs: ['current'], settling: false }, code);
    }
  });

  it('name the fields that a secret lacks', async () => {
    const store = await storeWith({ JAMF_URL: 'https://example.jamfcloud.com' });
    await assert.rejects(source(store).current(), (error: unknown) => {
      assert.ok(error instanceof JamfMcpError);
      assert.equal(error.code, 'SECRET_MALFORMED');
      assert.match(error.message, /lacks JAMF_CLIENT_ID, JAMF_CLIENT_SECRET$/);
      return true;
    });
  });

  it('pass on what the store fails with', async () => {
    const failure = new JamfMcpError('CREDENTIALS_MISSING', 'no AWS credentials');
    const none = credentialsFromStore(() => Promise.reject(failure), SECRET, clock);
    await assert.rejects(none.current(), failure);
    await assert.rejects(none.others(), failure);
    const store = await storeWith(pair('current'));
    store.before = () => {
      throw new JamfMcpError('THROTTLED', 'too many requests');
    };
    await assert.rejects(source(store).others(), { code: 'THROTTLED' });
  });
});
