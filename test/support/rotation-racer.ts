/**
 * A process that rotates the secret of a sandbox each time it is given a line. When it has read the secret it says so and
 * waits for another line, so that two of them begin from the same version; then it tells what came of it in a line of JSON.
 * Argument: the name that it goes by. AWS variables lead to the sandbox.
 */
import { createInterface } from 'node:readline';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { systemClock, type Answer, type Context, type Host, type Question } from '../../src/lib/host.ts';
import type { SecretStore } from '../../src/lib/secrets/store.ts';
import { memoryRecorder, runsIn, storeOf } from './rotation.ts';
import type { TestContext } from './context.ts';

const [user = ''] = process.argv.slice(2);
const host: Host = {
  notify: () => undefined,
  ask: <Q extends Question>() => Promise.resolve<unknown>(true) as Promise<Answer<Q>>,
};
const context = { host, clock: systemClock, signal: new AbortController().signal, answer: () => undefined };
const { rotate } = runsIn(context as unknown as TestContext, { rotator: null, memory: memoryRecorder() });

process.stdout.write('ready\n');
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const line = async () => (await lines.next()).done !== true;

/** The store of the sandbox, whose first read waits for the other process. */
function openStore(held: Context): Promise<SecretStore> {
  const store = storeOf(held);
  let waited = false;
  const read: SecretStore['read'] = async (name, ref) => {
    const version = await store.read(name, ref);
    if (!waited) {
      waited = true;
      process.stdout.write('read\n');
      await line();
    }
    return version;
  };
  return Promise.resolve({ ...store, read });
}

while (await line()) {
  const told = await rotate({
    ecs: null,
    openStore,
    runner: { user, host: 'race', pid: process.pid },
    isRunning: () => null,
  }).then(
    ({ outcome, versionId }) => ({ outcome, versionId }),
    (error: unknown) =>
      error instanceof JamfMcpError
        ? { code: error.code, message: error.message }
        : { code: 'BUG', message: String(error) },
  );
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
