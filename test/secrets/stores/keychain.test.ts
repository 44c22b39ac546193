import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/lib/host.ts';
import { systemKeychain } from '../../../src/lib/secrets/stores/keychain.ts';
import type { ShowResult } from '../../../src/lib/secrets/show.ts';
import { runCli } from '../../support/cli.ts';
import { hasKeychain, startKeychain, type KeychainSession } from '../../support/keychain.ts';
import { testContext } from '../../support/context.ts';
import { rejectsWith } from '../contract.ts';

const FIELDS = JSON.stringify({
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: 'client',
  JAMF_CLIENT_SECRET: 'EXAMPLE-in-the-keychain',
  AUTH0_DOMAIN: 'example.auth0.com',
  AUTH0_CLIENT_ID: 'client',
  AUTH0_CLIENT_SECRET: 'EXAMPLE-auth0',
  AUTH0_AUDIENCE: 'https://mcp.example.com',
  REQUIRED_SCOPES: 'openid profile',
});

describe('the keychain of the system', () => {
  if (!hasKeychain()) {
    it('needs gnome-keyring, dbus and libsecret-tools (Debian packages)');
    return;
  }
  let parent: string;
  let session: KeychainSession;
  let env: Record<string, string>;

  const secretTool = (...args: string[]) =>
    spawnSync('secret-tool', args, { env: { ...env, PATH: process.env.PATH }, encoding: 'utf8' });

  before(async () => {
    parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-keychain-'));
    const home = join(parent, 'home');
    await mkdir(home, { mode: 0o700 });
    session = await startKeychain(home);
    env = { ...session.environment, XDG_DATA_HOME: join(parent, 'data'), JAMF_MCP_STORE: 'local' };
  });
  after(async () => {
    await session.close();
    await rm(parent, { recursive: true });
  });

  const run = (args: string[], more: Record<string, string | undefined> = {}) =>
    runCli(args, { env: { ...env, JAMF_MCP_LOCAL_KEY: undefined, ...more }, input: FIELDS });

  it('keeps the key of the local store: another process reads with it, and the disk has none', async () => {
    const created = await run(['secrets', 'init', '--from-file', '-', '--no-verify']);
    assert.equal(created.code, 0, created.stderr);
    assert.doesNotMatch(created.stderr, /warning/);
    const folder = join(parent, 'data', 'jamf-mcp');
    assert.deepEqual(
      (await readdir(folder)).filter((file) => file.startsWith('key.')),
      ['key.keychain'],
    );
    const shown = await run(['secrets', 'show', '--json']);
    assert.equal(shown.code, 0, shown.stderr);
    assert.equal((JSON.parse(shown.stdout) as ShowResult).fields.length, 8);

    const account = (await readFile(join(folder, 'key.keychain'), 'utf8')).trim();
    const found = secretTool('lookup', 'service', 'jamf-mcp', 'username', account);
    assert.match(found.stdout, /^AGE-SECRET-KEY-1/, 'another program finds it in the same keychain');
    const head = secretTool('lookup', 'service', 'jamf-mcp', 'username', `${account} log head`).stdout;
    const verified = await run(['audit', 'verify', '--json']);
    assert.equal(verified.code, 0, verified.stdout + verified.stderr);
    const { log } = JSON.parse(verified.stdout) as { log: { head: string; anchor: string } };
    assert.deepEqual([log.head, log.anchor], [head, 'keychain']);
  });

  it('loses the key when the settings want it elsewhere', async () => {
    const folder = join(parent, 'data', 'jamf-mcp');
    const account = (await readFile(join(folder, 'key.keychain'), 'utf8')).trim();
    const changed = await runCli(['secrets', 'init', '--update', '--yes', '--no-verify', '--from-file', '-'], {
      env: { ...env, JAMF_MCP_LOCAL_KEY: 'passphrase', JAMF_MCP_PASSPHRASE: 'EXAMPLE-passphrase' },
      input: JSON.stringify({ JAMF_CLIENT_SECRET: 'EXAMPLE-another' }),
    });
    assert.equal(changed.code, 0, changed.stderr);
    assert.match(changed.stderr, /was moved: from keychain to passphrase/);
    assert.equal(secretTool('lookup', 'service', 'jamf-mcp', 'username', account).stdout, '');
    const verified = await run(['audit', 'verify'], { JAMF_MCP_PASSPHRASE: 'EXAMPLE-passphrase' });
    assert.equal(verified.code, 0, verified.stderr);
  });
});

describe('without a keychain', () => {
  if (process.platform !== 'linux' || process.env.DBUS_SESSION_BUS_ADDRESS) {
    it('needs Linux without a session bus');
    return;
  }

  it('is told in one line why, and what to do', async () => {
    const keychain = await systemKeychain({ ...testContext(), clock: systemClock });
    const error = await rejectsWith('CREDENTIALS_MISSING', keychain.get('anything'));
    assert.match(error.message, /^the keychain of this machine cannot be used: .*DBUS_SESSION_BUS_ADDRESS/);
    assert.match(error.hint ?? '', /localKey: passphrase/);
  });
});
