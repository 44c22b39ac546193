import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { JamfCredentials } from '../../src/lib/jamf/client.ts';
import { credentialsFromEnvironment, credentialsFromStore } from '../../src/lib/server/credentials.ts';
import { Secret } from '../../src/lib/redact.ts';
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

const open = (store: MemoryStore) => () => Promise.resolve(store);

async function storeWith(fields: Record<string, string>): Promise<MemoryStore> {
  const store = memoryStore();
  await store.create({ name: SECRET, description: '', tags: {}, fields: wrapped(fields), token: versionId('v1') });
  return store;
}

const stage = (store: MemoryStore, version: string, fields: Record<string, string>, label: string) =>
  store.put(SECRET, wrapped(fields), { token: versionId(version), stages: [label] });

const shown = ({ clientSecret }: JamfCredentials) => clientSecret.reveal();

describe('credentials of the server', () => {
  it('come from the environment when all three are there', () => {
    const { credentials } = credentialsFromEnvironment(pair('env'));
    assert.ok(credentials);
    assert.deepEqual([credentials.url, credentials.clientId], ['https://example.jamfcloud.com', 'EXAMPLE-id']);
    assert.equal(shown(credentials), 'EXAMPLE-secret-env');
    assert.ok(!JSON.stringify(credentials).includes('EXAMPLE-secret-env'));
  });

  it('do not come from half an environment, and an empty value is none', () => {
    const found = credentialsFromEnvironment({ ...pair('env'), JAMF_CLIENT_ID: '', JAMF_CLIENT_SECRET: undefined });
    assert.deepEqual(found, { credentials: null, found: ['JAMF_URL'] });
    assert.deepEqual(credentialsFromEnvironment({}), { credentials: null, found: [] });
  });

  it('come from the version labelled AWSCURRENT', async () => {
    const store = await storeWith(pair('current'));
    await stage(store, 'v2', pair('pending'), 'AWSPENDING');
    assert.equal(shown(await credentialsFromStore(open(store), SECRET)()), 'EXAMPLE-secret-current');
  });

  it('follow a rotation: pending once the current pair was refused, then the new current one', async () => {
    const store = await storeWith(pair('old'));
    const read = credentialsFromStore(open(store), SECRET);
    assert.equal(shown(await read()), 'EXAMPLE-secret-old');
    assert.equal(shown(await read()), 'EXAMPLE-secret-old', 'nothing else there');
    await stage(store, 'v2', pair('new'), 'AWSPENDING');
    assert.equal(shown(await read()), 'EXAMPLE-secret-new', 'minted and staged, not yet promoted');
    await store.moveLabel(SECRET, 'AWSCURRENT', versionId('v1'), versionId('v2'));
    await store.moveLabel(SECRET, 'AWSPENDING', versionId('v2'), null);
    assert.equal(shown(await read()), 'EXAMPLE-secret-new', 'promoted');
    await stage(store, 'v3', pair('newer'), 'AWSCURRENT');
    assert.equal(shown(await read()), 'EXAMPLE-secret-newer');
  });

  it('go back to the current pair when the pending one is refused as well', async () => {
    const store = await storeWith(pair('current'));
    await stage(store, 'v2', pair('pending'), 'AWSPENDING');
    const read = credentialsFromStore(open(store), SECRET);
    const given = [await read(), await read(), await read(), await read()].map(shown);
    assert.deepEqual(
      given,
      ['current', 'pending', 'current', 'pending'].map((name) => `EXAMPLE-secret-${name}`),
    );
  });

  it('skip a pending version that is no Jamf client', async () => {
    const store = await storeWith(pair('current'));
    await stage(store, 'v2', { OTHER: 'EXAMPLE-other' }, 'AWSPENDING');
    const read = credentialsFromStore(open(store), SECRET);
    await read();
    assert.equal(shown(await read()), 'EXAMPLE-secret-current');
  });

  it('name the fields that a secret lacks', async () => {
    const store = await storeWith({ JAMF_URL: 'https://example.jamfcloud.com' });
    await assert.rejects(credentialsFromStore(open(store), SECRET), (error: unknown) => {
      assert.ok(error instanceof JamfMcpError);
      assert.equal(error.code, 'SECRET_MALFORMED');
      assert.match(error.message, /lacks JAMF_CLIENT_ID, JAMF_CLIENT_SECRET$/);
      return true;
    });
  });

  it('pass on what the store fails with', async () => {
    const failure = new JamfMcpError('CREDENTIALS_MISSING', 'no AWS credentials');
    await assert.rejects(
      credentialsFromStore(() => Promise.reject(failure), SECRET),
      failure,
    );

    const store = await storeWith(pair('current'));
    const read = credentialsFromStore(open(store), SECRET);
    await read();
    store.before = () => {
      throw new JamfMcpError('THROTTLED', 'too many requests');
    };
    await assert.rejects(read, { code: 'THROTTLED' });
  });
});
