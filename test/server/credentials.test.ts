import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import type { JamfCredentials } from '../../src/lib/jamf/client.ts';
import { credentialsFromEnvironment, credentialsFromStore } from '../../src/lib/server/credentials.ts';
import { readableStore, SECRET, type Versions } from '../support/mcp.ts';

const pair = (name: string) => ({
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: 'EXAMPLE-id',
  JAMF_CLIENT_SECRET: `EXAMPLE-secret-${name}`,
});

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
    const { store, reads } = readableStore({
      AWSCURRENT: { versionId: 'v1', fields: pair('current') },
      AWSPENDING: { versionId: 'v2', fields: pair('pending') },
    });
    assert.equal(shown(await credentialsFromStore(store, SECRET)()), 'EXAMPLE-secret-current');
    assert.deepEqual(reads, ['AWSCURRENT']);
  });

  it('follow a rotation: pending once the current pair was refused, then the new current one', async () => {
    const versions: Versions = { AWSCURRENT: { versionId: 'v1', fields: pair('old') } };
    const read = credentialsFromStore(readableStore(versions).store, SECRET);
    assert.equal(shown(await read()), 'EXAMPLE-secret-old');
    assert.equal(shown(await read()), 'EXAMPLE-secret-old', 'nothing else there');
    versions.AWSPENDING = { versionId: 'v2', fields: pair('new') };
    assert.equal(shown(await read()), 'EXAMPLE-secret-new', 'minted and staged, not yet promoted');
    versions.AWSCURRENT = versions.AWSPENDING;
    delete versions.AWSPENDING;
    assert.equal(shown(await read()), 'EXAMPLE-secret-new', 'promoted');
    versions.AWSCURRENT = { versionId: 'v3', fields: pair('newer') };
    assert.equal(shown(await read()), 'EXAMPLE-secret-newer');
  });

  it('go back to the current pair when the pending one is refused as well', async () => {
    const read = credentialsFromStore(
      readableStore({
        AWSCURRENT: { versionId: 'v1', fields: pair('current') },
        AWSPENDING: { versionId: 'v2', fields: pair('pending') },
      }).store,
      SECRET,
    );
    const given = [await read(), await read(), await read(), await read()].map(shown);
    assert.deepEqual(given, ['current', 'pending', 'current', 'pending'].map((name) => `EXAMPLE-secret-${name}`));
  });

  it('skip a pending version that is no Jamf client', async () => {
    const read = credentialsFromStore(
      readableStore({
        AWSCURRENT: { versionId: 'v1', fields: pair('current') },
        AWSPENDING: { versionId: 'v2', fields: { OTHER: 'x' } },
      }).store,
      SECRET,
    );
    await read();
    assert.equal(shown(await read()), 'EXAMPLE-secret-current');
  });

  it('name the fields that a secret lacks', async () => {
    const read = credentialsFromStore(
      readableStore({ AWSCURRENT: { versionId: 'v1', fields: { JAMF_URL: 'https://example.jamfcloud.com' } } }).store,
      SECRET,
    );
    await assert.rejects(read, (error: unknown) => {
      assert.ok(error instanceof JamfMcpError);
      assert.equal(error.code, 'SECRET_MALFORMED');
      assert.match(error.message, /lacks JAMF_CLIENT_ID, JAMF_CLIENT_SECRET$/);
      return true;
    });
  });

  it('pass on what the store fails with', async () => {
    const failure = new JamfMcpError('CREDENTIALS_MISSING', 'no AWS credentials');
    await assert.rejects(credentialsFromStore(() => Promise.reject(failure), SECRET), failure);
  });
});
