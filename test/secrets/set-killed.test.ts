/** `secrets set` on the local store, killed with SIGKILL after each step that the store tells. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { setFields } from '../../src/lib/secrets/set.ts';
import { AWSCURRENT, type SecretStore } from '../../src/lib/secrets/store.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';
import { testContext } from '../support/context.ts';
import { assertInvariants, fields, plain } from './contract.ts';

const NAME = 'jamf-mcp-server/production';
const SETTER = new URL('../support/local-setter.ts', import.meta.url).pathname;
const BEFORE = { JAMF_URL: 'https://example.jamfcloud.com', AUTH0_CLIENT_SECRET: 'EXAMPLE-old', MINE: 'EXAMPLE-mine' };

const run = promisify(execFile);

describe('secrets set, killed', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-set-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = () =>
    localStore({ folder, schema: schemaOf('jamf'), user: null, localKey: 'file' }, testContext({ start: Date.now() }));
  const set = async (value: string, dieAt: number) => {
    const ended = await run(process.execPath, [SETTER, folder, NAME, value, String(dieAt)]).then(
      ({ stdout }) => ({ stdout, signal: null }),
      (error: unknown) => ({ stdout: '', signal: (error as { signal: string | null }).signal }),
    );
    return { ...ended, steps: Number(ended.stdout.split(' ')[1]) };
  };

  /** The same command once more, with nothing in its way. */
  const again = (store: SecretStore, given: string) => {
    const context = testContext();
    context.answer(true);
    const names = ['AUTH0_CLIENT_SECRET'];
    const schema = schemaOf('jamf');
    const fixed = { secret: NAME, environment: 'production', generate: null, dryRun: false };
    return setFields({ ...fixed, store, schema, names, given }, context);
  };

  it('has the old value or the new one, and every other field, after each step', async () => {
    const token = randomUUID();
    await open().create({ name: NAME, description: '', tags: {}, fields: fields(BEFORE), token });
    const { steps } = await set('EXAMPLE-value-0', 0);
    assert.ok(steps >= 10, String(steps));
    for (let dieAt = 1; dieAt <= steps; dieAt += 1) {
      const value = `EXAMPLE-value-${String(dieAt)}`;
      const { signal } = await set(value, dieAt);
      assert.equal(signal, 'SIGKILL');
      const store = open();
      const current = plain((await store.read(NAME, { stage: AWSCURRENT })).fields);
      const possible = [`EXAMPLE-value-${String(dieAt - 1)}`, value];
      assert.ok(possible.includes(current.AUTH0_CLIENT_SECRET ?? ''), `after step ${String(dieAt)}`);
      assert.deepEqual({ ...current, AUTH0_CLIENT_SECRET: 0 }, { ...BEFORE, AUTH0_CLIENT_SECRET: 0 });
      await assertInvariants(store, NAME);
      await again(store, value);
      const after = await open().read(NAME, { stage: AWSCURRENT });
      assert.deepEqual([plain(after.fields).AUTH0_CLIENT_SECRET, after.stages], [value, [AWSCURRENT]]);
    }
  });
});
