/**
 * A process that writes to a local store, and can be made to die at any step.
 * Arguments: folder, name, number of versions to put, and the step (counted from 1) after which to kill itself, or 0.
 */
import { randomUUID } from 'node:crypto';
import { systemClock, type Host } from '../../src/lib/host.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';

const [folder = '', name = '', count = '1', dieAt = '0'] = process.argv.slice(2);
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
  { folder, schema, user: null },
  { host, clock: systemClock, signal: new AbortController().signal },
);
for (let n = 0; n < Number(count); n += 1) {
  const { versionId } = await store.put(name, fieldsFrom(schema, { N: `${String(process.pid)}-${String(n)}` }), {
    token: randomUUID(),
    stages: ['AWSCURRENT'],
  });
  process.stdout.write(`${versionId}\n`);
}
process.stdout.write(`steps ${String(steps)}\n`);
