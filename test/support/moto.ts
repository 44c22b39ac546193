/** moto, an emulator of AWS written by others, where Python has it: `pip install 'moto[server]'`. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.ts';

/** Whether moto can be started; in CI it has to be. */
export function hasMoto(): boolean {
  return Boolean(process.env.CI) || spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;
}

/**
 * Starts a server with an empty account on a free port.
 * @param settings - its own variables, such as `MOTO_ECS_SERVICE_RUNNING`
 */
export async function startMoto(
  settings: Record<string, string> = {},
): Promise<{ environment: Record<string, string>; close(): Promise<void> }> {
  const port = await freePort();
  const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    env: { ...process.env, ...settings },
  });
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${String(port)}`;
  for (let attempt = 0; ; attempt += 1) {
    const answers = await fetch(`${url}/moto-api/data.json`).then(
      (response) => response.ok,
      () => false,
    );
    if (answers) break;
    if (attempt === 300 || child.exitCode !== null) throw new Error('moto_server does not start');
    await delay(100);
  }
  return {
    environment: {
      AWS_ENDPOINT_URL: url,
      AWS_ACCESS_KEY_ID: 'AKIAMOTO00000EXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'moto-secret-key-EXAMPLE',
      AWS_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    async close() {
      child.kill();
      await ended;
    },
  };
}
