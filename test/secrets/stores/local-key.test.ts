import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity } from 'age-encryption';
import { KEY_FORMS, type KeyForm } from '../../../src/lib/config/settings.ts';
import { JamfMcpError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/redact.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { AWSCURRENT } from '../../../src/lib/secrets/store.ts';
import type { Keychain } from '../../../src/lib/secrets/stores/keychain.ts';
import type { LocalOptions } from '../../../src/lib/secrets/stores/local-access.ts';
import { acceptLocalStore, verifyLocalStore } from '../../../src/lib/secrets/stores/local-verify.ts';
import { localStore } from '../../../src/lib/secrets/stores/local.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { countSteps, runWriter } from '../../support/local-runs.ts';
import { fields, plain, rejectsWith } from '../contract.ts';

const NAME = 'one';
const PASSPHRASE = 'EXAMPLE-passphrase';
const FILES: Record<KeyForm, string> = { keychain: 'key.keychain', passphrase: 'key.wrapped', file: 'key.txt' };

describe('the key of the local store', () => {
  let parent: string;
  let folder: string;
  let context: TestContext;
  let entries: Map<string, string>;
  const keychain: Keychain = {
    get: (account) => Promise.resolve(entries.get(account) ?? null),
    set: (account, value) => Promise.resolve(void entries.set(account, value)),
    remove: (account) => Promise.resolve(void entries.delete(account)),
  };
  const broken: Keychain = {
    get: () =>
      Promise.reject(new JamfMcpError('CREDENTIALS_MISSING', 'the keychain of this machine cannot be used: no bus')),
    set: () => broken.get('').then(),
    remove: () => broken.get('').then(),
  };
  const options = (localKey: KeyForm | null, more: Partial<LocalOptions> = {}): LocalOptions => ({
    folder,
    user: 'tester',
    localKey,
    keychain: () => Promise.resolve(keychain),
    ...more,
  });
  const given = { passphrase: new Secret(PASSPHRASE) };
  const open = (localKey: KeyForm | null, more: Partial<LocalOptions> = {}) =>
    localStore({ ...options(localKey, more), schema: schemaOf('jamf') }, context);
  const create = (store = open(null)) =>
    store.create({
      name: NAME,
      description: '',
      tags: {},
      fields: fields({ A: 'EXAMPLE-first' }),
      token: randomUUID(),
    });
  const read = async (store = open(null)) => plain((await store.read(NAME, { stage: AWSCURRENT })).fields);
  const put = (store: ReturnType<typeof open>, value: string) =>
    store.put(NAME, fields({ A: value }), { token: randomUUID(), stages: [AWSCURRENT] });
  const keyFiles = async () => (await readdir(folder)).filter((file) => file.startsWith('key.'));
  const warnings = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
  const found = async (localKey: KeyForm | null = null) =>
    (await verifyLocalStore(options(localKey, given), { head: null }, context)).findings.map(({ id }) => id);

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-key-'));
    folder = join(parent, 'store');
    context = testContext();
    entries = new Map();
  });
  afterEach(() => rm(parent, { recursive: true }));

  describe('in the keychain', () => {
    it('goes there without being asked where the keychain works, and nowhere else', async () => {
      await create();
      assert.deepEqual(await keyFiles(), ['key.keychain']);
      assert.deepEqual(warnings(), []);
      const [account = '', head] = [...entries.keys()];
      assert.match(account, /^local store [\w-]{36}$/, 'the probe is gone');
      assert.equal(head, `${account} log head`);
      const everything = await Promise.all(
        (await readdir(folder)).map((file) => readFile(join(folder, file), 'latin1')),
      );
      assert.ok(!everything.join().includes('AGE-SECRET-KEY-'));
      assert.equal((await readFile(join(folder, 'key.keychain'), 'utf8')).trim(), account);
      assert.deepEqual(await read(), { A: 'EXAMPLE-first' });
    });

    it('is told when the entry is gone, and no other key is put in its place', async () => {
      await create();
      entries.clear();
      assert.match((await rejectsWith('CREDENTIALS_MISSING', read())).message, /no entry "local store /);
      await rejectsWith('CREDENTIALS_MISSING', create());
      assert.deepEqual(await keyFiles(), ['key.keychain']);
    });

    it('comes with the head of the log: a folder put back whole is refused, and told by audit verify', async () => {
      await create();
      await cp(folder, join(parent, 'backup'), { recursive: true });
      await put(open(null), 'EXAMPLE-second');
      const { log } = await verifyLocalStore(options(null), { head: null }, context);
      assert.equal(log.anchor, 'keychain');
      assert.ok([...entries.values()].includes(log.head ?? ''));
      await rm(folder, { recursive: true });
      await cp(join(parent, 'backup'), folder, { recursive: true });
      assert.match((await rejectsWith('STORE_TAMPERED', read())).message, /has 1 lines, and the keychain knows of 2/);
      assert.deepEqual(await found(), ['history-replaced:access.log']);
      for (const file of ['access.log', 'access.state', 'access.seed']) await rm(join(folder, file));
      assert.match((await rejectsWith('STORE_TAMPERED', read())).message, /the keychain holds its head/);
    });

    it('begins a new head when a person accepts a folder that was put back', async () => {
      await create();
      await cp(folder, join(parent, 'backup'), { recursive: true });
      await read();
      await rm(folder, { recursive: true });
      await cp(join(parent, 'backup'), folder, { recursive: true });
      const verified = await verifyLocalStore(options(null), { head: null }, context);
      context.answer(true);
      await acceptLocalStore(options(null), verified, context);
      assert.deepEqual(await read(), { A: 'EXAMPLE-first' });
      assert.deepEqual(await found(), []);
    });

    it('gives no value where its head cannot be kept', async () => {
      await create();
      const reading = open(null, {
        keychain: () => Promise.resolve({ ...keychain, set: () => Promise.reject(new Error('locked')) }),
      });
      await assert.rejects(read(reading), /locked/);
      assert.deepEqual(await read(), { A: 'EXAMPLE-first' });
      assert.deepEqual(await found(), []);
    });
  });

  describe('where there is no keychain', () => {
    const noKeychain = { keychain: () => Promise.resolve(broken) };

    it('is a file with a plain warning', async () => {
      await create(open(null, noKeychain));
      assert.deepEqual(await keyFiles(), ['key.txt']);
      assert.match(
        warnings().join(),
        /^the key of the local store is an ordinary file, and who reads it reads the secrets/,
      );
    });

    it('is nothing weaker where the keychain was chosen', async () => {
      await rejectsWith('CREDENTIALS_MISSING', create(open('keychain', noKeychain)));
      assert.ok(!existsSync(folder));
    });

    it('stays where it is, with a warning, and the write is made', async () => {
      await create(open('file'));
      await put(open('keychain', noKeychain), 'EXAMPLE-second');
      assert.deepEqual(await keyFiles(), ['key.txt']);
      assert.match(
        warnings().join(),
        /stays where it is \(file\): the keychain of this machine cannot be used: no bus/,
      );
      assert.deepEqual(await read(), { A: 'EXAMPLE-second' });
    });
  });

  describe('behind a passphrase', () => {
    it('asks for a new one twice, for the known one once, and not where it is given', async () => {
      context.answer(new Secret(PASSPHRASE), new Secret(PASSPHRASE));
      await create(open('passphrase'));
      assert.deepEqual(await keyFiles(), ['key.wrapped']);
      assert.deepEqual(
        context.questions.map(({ kind, text }) => `${kind}: ${text}`),
        ['secret: new passphrase for the local store:', 'secret: the same passphrase again:'],
      );
      const [first] = context.questions;
      assert.match(String(first && 'check' in first && first.check?.('too short')), /less than 12 characters/);
      const wrapped = await readFile(join(folder, 'key.wrapped'), 'latin1');
      assert.match(wrapped, /^age-encryption\.org\/v1\n-> scrypt \S+ 16\n/);

      context.answer(new Secret(PASSPHRASE));
      const store = open('passphrase');
      await read(store);
      await read(store);
      assert.equal(context.questions.length, 3);
      await read(open('passphrase', given));
      assert.equal(context.questions.length, 3);
      assert.equal(entries.size, 0);
    });

    it('asks for both again where the two differ: either may have been the slip', async () => {
      const [slip, meant] = [new Secret('EXAMPLE-a-slip-of-the-pen'), new Secret(PASSPHRASE)];
      context.answer(slip, meant, meant, meant);
      await create(open('passphrase'));
      assert.equal(context.questions.length, 4);
      assert.match(warnings().join(), /^the two are not the same/);
      await read(open('passphrase', given));
    });

    it('is missed under its own name', async () => {
      await create(open('passphrase', given));
      await rm(join(folder, 'key.wrapped'));
      const { message } = await rejectsWith('CREDENTIALS_MISSING', read(open('passphrase', given)));
      assert.match(message, /no key: there is none of key\.keychain, key\.wrapped, key\.txt in /);
    });

    it('opens for no other, and says so; and is needed', async () => {
      await create(open('passphrase', given));
      const wrong = await rejectsWith(
        'CREDENTIALS_REFUSED',
        read(open(null, { passphrase: new Secret('EXAMPLE-another-one') })),
      );
      assert.match(wrong.message, /the passphrase does not open .*key\.wrapped$/);
      await rejectsWith('INPUT_MISSING', read(open(null)));
    });

    it('takes none that is too short, and leaves nothing behind', async () => {
      await rejectsWith('INPUT_INVALID', create(open('passphrase', { passphrase: new Secret('short') })));
      assert.deepEqual(await readdir(folder), []);
    });
  });

  describe('on the move', () => {
    for (const from of KEY_FORMS) {
      for (const to of KEY_FORMS.filter((form) => form !== from)) {
        it(`goes from ${from} to ${to} at the first write, and not before`, async () => {
          await create(open(from, given));
          assert.deepEqual(await read(open(to, given)), { A: 'EXAMPLE-first' });
          assert.deepEqual(await keyFiles(), [FILES[from]]);
          await put(open(to, given), 'EXAMPLE-second');
          assert.deepEqual(await keyFiles(), [FILES[to]]);
          assert.deepEqual(await read(open(null, given)), { A: 'EXAMPLE-second' });
          assert.equal(entries.size, to === 'keychain' ? 2 : 0);
          assert.deepEqual(await found(), []);
          assert.match(warnings().join(), new RegExp(`the key of the local store was moved: from ${from} to ${to}`));
          const log = await readFile(join(folder, 'access.log'), 'utf8');
          assert.equal(log.match(/"action":"MoveKey"/g)?.length, 1);
          await put(open(to, given), 'EXAMPLE-third');
          assert.equal((await readFile(join(folder, 'access.log'), 'utf8')).match(/"action":"MoveKey"/g)?.length, 1);
        });
      }
    }

    it('stays in its old place where the new one does not give it back, or gives another', async () => {
      await create(open('file'));
      const another = await generateX25519Identity();
      for (const [code, answer] of [
        ['CREDENTIALS_MISSING', null],
        ['CONFLICT', another],
      ] as const) {
        const forgetful: Keychain = {
          ...keychain,
          get: async (account) => {
            const kept = await keychain.get(account);
            return kept?.startsWith('AGE-SECRET-KEY') ? answer : kept;
          },
        };
        const store = open('keychain', { keychain: () => Promise.resolve(forgetful) });
        await rejectsWith(code, put(store, 'EXAMPLE-lost'));
        assert.deepEqual(await keyFiles(), ['key.txt']);
        assert.equal(entries.size, 0);
        assert.deepEqual(await read(), { A: 'EXAMPLE-first' });
        assert.deepEqual(await found(), []);
      }
    });

    it('survives a kill at every step', async function () {
      this.timeout(240_000);
      await create(open('file'));
      await cp(folder, join(parent, 'original'), { recursive: true });
      const steps = await countSteps({ folder, name: NAME, work: 'move' });
      const forms: string[] = [];
      for (let dieAt = 1; dieAt <= steps; dieAt += 1) {
        folder = join(parent, `step-${String(dieAt)}`);
        await cp(join(parent, 'original'), folder, { recursive: true });
        const { signal } = await runWriter({ folder, name: NAME, dieAt, work: 'move' });
        assert.equal(signal, 'SIGKILL');
        forms.push((await keyFiles()).filter((file) => !file.endsWith('.tmp')).join('+'));
        assert.deepEqual(await found(), [], `step ${String(dieAt)}`);
        assert.ok('A' in (await read(open(null, given))) || 'N' in (await read(open(null, given))));
      }
      assert.deepEqual([...new Set(forms)], ['key.txt', 'key.txt+key.wrapped', 'key.wrapped'], 'never none');
      folder = join(parent, `step-${String(forms.indexOf('key.txt+key.wrapped') + 1)}`);
      await put(open('passphrase', given), 'EXAMPLE-finished');
      assert.deepEqual(await keyFiles(), ['key.wrapped'], 'the next write finishes it');
    });
  });

  describe('in a file', () => {
    const key = () => join(folder, 'key.txt');

    it('that was damaged is named, before anything else is judged by it, and not repeated', async () => {
      await create(open('file'));
      const text = await readFile(key(), 'utf8');
      const [whole = ''] = /AGE-SECRET-KEY-\w+/.exec(text) ?? [];
      const damaged = whole.slice(0, -6) + (whole.endsWith('QQQQQQ') ? 'PPPPPP' : 'QQQQQQ');
      await writeFile(key(), text.replace(whole, damaged));
      for (const work of [() => read(open('file')), () => found('file')]) {
        const { message, hint } = await rejectsWith('CREDENTIALS_REFUSED', work());
        assert.match(message, /key\.txt holds no age identity: what looks like one is damaged$/);
        assert.match(hint ?? '', /backup/);
      }
    });

    for (const [mode, what, path] of [
      [0o666, /key\.txt is open to others \(mode 0666\)/, key],
      [0o640, /key\.txt is open to others \(mode 0640\)/, key],
      [0o777, /everybody can write in .* \(mode 0777\)/, () => folder],
    ] as const) {
      it(`is not used where it lies open: ${mode.toString(8)}`, async function () {
        if (platform() === 'win32') this.skip();
        await create(open('file'));
        await chmod(path(), mode);
        const { message, hint } = await rejectsWith('CREDENTIALS_REFUSED', read(open('file')));
        assert.match(message, what);
        assert.match(hint ?? '', /^chmod [67]00 /);
        await chmod(path(), mode & 0o700);
        await read(open('file'));
      });
    }

    it('says once that it is elsewhere than chosen, at a read too, and once that it cannot move', async () => {
      await create(open('file'));
      const store = open('passphrase');
      await read(store);
      await read(store);
      assert.equal(warnings().length, 2, 'its own, and one more');
      assert.match(warnings()[1] ?? '', /is where it was \(file\); the next change moves it: passphrase was chosen/);
      for (const value of ['EXAMPLE-second', 'EXAMPLE-third']) await put(store, value);
      assert.equal(warnings().length, 3);
      assert.match(warnings()[2] ?? '', /stays where it is \(file\): /);
    });
  });

  it('that is in the folder is not taken from a weaker place beside it', async () => {
    await create();
    await writeFile(join(folder, 'key.txt'), 'AGE-SECRET-KEY-1EXAMPLE');
    assert.deepEqual(await read(), { A: 'EXAMPLE-first' });
  });
});
