/**
 * A process that works on a local store, and can be made to die at any step.
 * Arguments: folder, name, how often, the step (counted from 1) after which to kill itself, or 0, and what to do.
 */
import { randomUUID } from 'node:crypto';
import { systemClock, type Host } from '../../src/lib/host.ts';
import { Secret } from '../../src/lib/redact.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';

const [folder = '', name = '', count = '1', dieAt = '0', work = 'put'] = process.argv.slice(2);
let steps = 0;
const host: Host = {
  notify: (event) => {
    if (event.kind !== 'debug') return;
    steps += 1;
    if (steps === Number(dieAt)) process.kill(process.pid, 'SIGKILL');
  },
  ask: () => Promise.reject(new Error('nobody to ask')),
};
const schema = schemaOf('jamf');
const store = localStore(
  {
    folder,
    schema,
    user: null,
    localKey: work === 'move' ? 'passphrase' : 'file',
    passphrase: new Secret('EXAMPLE-passphrase'),
  },
  { host, clock: systemClock, signal: new AbortController().signal },
);
const fields = (n: number) => fieldsFrom(schema, { N: `${String(process.pid)}-${String(n)}` });
const works: Record<string, (n: number) => Promise<{ versionId: string } | { deletionAt: string }>> = {
  put: (n) => store.put(name, fields(n), { token: randomUUID(), stages: ['AWSCURRENT'] }),
  create: (n) => store.create({ name, description: '', tags: {}, fields: fields(n), token: randomUUID() }),
  read: () => store.read(name, { stage: 'AWSCURRENT' }),
  move: (n) => works.put?.(n) ?? Promise.reject(new Error('no put')),
  remove: () => store.remove(name, 0),
};
for (let n = 0; n < Number(count); n += 1) {
  const done = await works[work]?.(n);
  process.stdout.write(`${done && 'versionId' in done ? done.versionId : 'removed'}\n`);
}
process.stdout.write(`steps ${String(steps)}\n`);
