/** The real keychain of Linux: gnome-keyring on a D-Bus session of its own (Debian: gnome-keyring, dbus, libsecret-tools). */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const TOOLS = ['dbus-run-session', 'gnome-keyring-daemon', 'secret-tool'];

/** Whether there is one to start; in CI there has to be. */
export function hasKeychain(): boolean {
  if (process.platform !== 'linux') return false;
  return Boolean(process.env.CI) || TOOLS.every((tool) => spawnSync('which', [tool]).status === 0);
}

/** A session with an unlocked keychain in it. */
export interface KeychainSession {
  /** Environment by which a process reaches the keychain. */
  environment: Record<string, string>;
  close(): Promise<void>;
}

/**
 * Start a session. Its home is its own, so that nothing of the developer's keychain is touched.
 * @param home - folder for the keychain's files
 */
export async function startKeychain(home: string): Promise<KeychainSession> {
  const script =
    'echo EXAMPLE | gnome-keyring-daemon --unlock --components=secrets >/dev/null && echo "$DBUS_SESSION_BUS_ADDRESS" && cat >/dev/null';
  const own = { PATH: process.env.PATH ?? '', HOME: home, XDG_DATA_HOME: home, XDG_RUNTIME_DIR: home };
  const child = spawn('dbus-run-session', ['--', 'sh', '-c', script], { env: own, stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  const address = await new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => {
      reject(new Error('no keychain: are gnome-keyring, dbus and libsecret-tools installed?'));
    });
    child.stdout.once('data', (chunk: Buffer) => {
      resolve(chunk.toString().trim());
    });
  });
  return {
    environment: { DBUS_SESSION_BUS_ADDRESS: address },
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
