/**
 * A process that runs `secrets set` on a local store, and kills itself after a step of the store.
 * Arguments: folder, name of the secret, value, and the step (counted from 1) after which to die, or 0.
 */
import { systemClock, type Answer, type Host, type Question } from '../../src/lib/host.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { setFields } from '../../src/lib/secrets/set.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';

const [folder = '', secret = '', given = '', dieAt = '0'] = process.argv.slice(2);
let steps = 0;
const host: Host = {
  notify: (event) => {
    if (event.kind !== 'debug') return;
    steps += 1;
    if (steps === Number(dieAt)) process.kill(process.pid, 'SIGKILL');
  },
  ask: <Q extends Question>() => Promise.resolve<unknown>(true) as Promise<Answer<Q>>,
};
const context = { host, clock: systemClock, signal: new AbortController().signal };
const schema = schemaOf('jamf');
const store = localStore({ folder, schema, user: null, localKey: 'file' }, context);
const { changed } = await setFields(
  {
    store,
    secret,
    environment: 'production',
    schema,
    names: ['AUTH0_CLIENT_SECRET'],
    given,
    generate: null,
    dryRun: false,
  },
  context,
);
process.stdout.write(`${String(changed)} ${String(steps)}\n`);
