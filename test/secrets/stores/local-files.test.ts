import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity } from 'age-encryption';
import { JamfMcpError } from '../../../src/lib/errors.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { verifyLocalStore } from '../../../src/lib/secrets/stores/local-verify.ts';
import { localStore } from '../../../src/lib/secrets/stores/local.ts';
import { AWSCURRENT } from '../../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { countSteps, runWriter, type WriterRun } from '../../support/local-runs.ts';
import { assertInvariants, fields, plain, rejectsWith } from '../contract.ts';

const NAME = 'jamf-mcp-server/Dev.1';
const FILE = 'jamf-mcp-server%2f%44ev%2e1.age';
const LOG_FILES = ['access.log', 'access.seed', 'access.state'];
const ALL = [...LOG_FILES, FILE, 'key.txt'];

async function ignore(code: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof JamfMcpError && error.code === code)) throw error;
  });
}

describe('the files of the local store', () => {
  let parent: string;
  let folder: string;
  let context: TestContext;
  const open = (at = folder) =>
    localStore({ folder: at, schema: schemaOf('jamf'), user: 'tester', localKey: 'file' }, context);
  const secret = (name = NAME) => ({
    name,
    description: '',
    tags: {},
    fields: fields({ A: 'EXAMPLE-first' }),
    token: randomUUID(),
  });
  const put = (value: string, store = open()) =>
    store.put(NAME, fields({ A: value }), { token: randomUUID(), stages: [AWSCURRENT] });
  const findings = async () =>
    (await verifyLocalStore({ folder, user: 'tester', localKey: 'file' }, { head: null }, context)).findings;
  const current = async () => plain((await open().read(NAME, { stage: AWSCURRENT })).fields);

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-store-'));
    folder = join(parent, 'store');
    context = testContext();
  });
  afterEach(() => rm(parent, { recursive: true }));

  it('are for their owner only, and hold nothing that can be read', async () => {
    await open().create(secret());
    assert.deepEqual((await readdir(folder)).sort(), ALL);
    for (const [path, mode] of [
      [folder, 0o700],
      [join(folder, FILE), 0o600],
      ...['key.txt', ...LOG_FILES].map((file) => [join(folder, file), 0o600] as const),
    ] as const) {
      assert.equal((await stat(path)).mode & 0o777, mode, path);
    }
    const text = (await readFile(join(folder, FILE))).toString('latin1');
    assert.match(text, /^age-encryption\.org\/v1\n/);
    assert.doesNotMatch(text, /EXAMPLE|jamf-mcp-server|AWSCURRENT/);
  });

  it('begin with a plain warning about the key, once', async () => {
    await open().create(secret());
    await open().create(secret('second'));
    const warnings = context.events.filter(({ kind }) => kind === 'warning');
    assert.equal(warnings.length, 1);
    assert.match(JSON.stringify(warnings), /ordinary file.*key\.txt/);
    const [, identity = ''] = /^(AGE-SECRET-KEY-\w+)$/m.exec(await readFile(join(folder, 'key.txt'), 'utf8')) ?? [];
    assert.ok(identity.length > 60);
    assert.ok(!JSON.stringify(context.events).includes(identity));
  });

  it('are not made by reading', async () => {
    assert.deepEqual(await open().list(''), []);
    await rejectsWith('SECRET_NOT_FOUND', open().read(NAME, { stage: AWSCURRENT }));
    await rejectsWith('SECRET_NOT_FOUND', put('x'));
    await rejectsWith('INPUT_INVALID', open().create(secret('a b')));
    assert.ok(!existsSync(folder));
  });

  it('tell where they are by principal only', async () => {
    assert.deepEqual(await open().whereabouts(), { account: null, region: null, principal: 'tester' });
    assert.equal((await open().create(secret())).arn, `local:${NAME}`);
  });

  it('are refused when they were changed, moved or belong to another key', async () => {
    await open().create(secret());
    await open().create(secret('other'));
    const path = join(folder, FILE);
    const good = await readFile(path);

    const refused = async () => (await rejectsWith('STORE_TAMPERED', current())).message;
    await copyFile(join(folder, 'other.age'), path);
    assert.match(await refused(), /is the file of another secret, other$/);

    const changed = Buffer.from(good);
    changed.writeUInt8((changed.at(-1) ?? 0) ^ 1, changed.length - 1);
    for (const bad of [changed, good.subarray(0, -1), good.subarray(0, 40), Buffer.from('')]) {
      await writeFile(path, bad);
      assert.match(await refused(), /was changed by something else$/);
    }
    await rm(path);
    assert.match(await refused(), /is gone, and nothing in the access log removed it$/);

    const elsewhere = join(parent, 'elsewhere');
    await open(elsewhere).create(secret());
    await copyFile(join(elsewhere, FILE), path);
    assert.match(await refused(), /was changed by something else$/);
    await rejectsWith('STORE_TAMPERED', put('x'));
    assert.deepEqual(
      await readFile(path),
      await readFile(join(elsewhere, FILE)),
      'what is not ours is not overwritten',
    );
    await copyFile(join(elsewhere, FILE), join(folder, 'third.age'));
    await rejectsWith('STORE_TAMPERED', open().read('third', { stage: AWSCURRENT }));
  });

  it('do not keep the others from a list when one was changed', async () => {
    for (const name of [NAME, 'other', 'third']) await open().create(secret(name));
    await writeFile(join(folder, 'other.age'), 'EXAMPLE: nothing that opens');
    const skipped: [string, string][] = [];
    const found = await open().list('', (name, error) => skipped.push([name, error.code]));
    assert.deepEqual(found.map(({ name }) => name).sort(), [NAME, 'third']);
    assert.deepEqual(skipped, [['other', 'STORE_TAMPERED']]);
    await rejectsWith('STORE_TAMPERED', open().list(''));
    await rm(join(folder, 'key.txt'));
    await rejectsWith(
      'CREDENTIALS_MISSING',
      open().list('', () => assert.fail('that concerns all of them')),
    );
  });

  it('are refused when an older copy is put back, and the copy is named', async () => {
    await open().create(secret());
    const path = join(folder, FILE);
    const old = await readFile(path);
    context.clock.advance(60_000);
    await put('EXAMPLE-newer');
    await writeFile(path, old);
    assert.match(
      (await rejectsWith('STORE_TAMPERED', current())).message,
      /is an older copy: the one of 2026-11-22T00:00:00\.000Z \(line 1 of the access log\)$/,
    );
  });

  it('are worth nothing without the key, and no new key is put over them', async () => {
    await open().create(secret());
    await rm(join(folder, 'key.txt'));
    await rejectsWith('CREDENTIALS_MISSING', current());
    await rejectsWith('CREDENTIALS_MISSING', open().create(secret('second')));
    assert.ok(!existsSync(join(folder, 'key.txt')));
    await writeFile(join(folder, 'key.txt'), 'something else', { mode: 0o600 });
    await rejectsWith('CREDENTIALS_REFUSED', current());
    await writeFile(join(folder, 'key.txt'), await generateX25519Identity());
    assert.match((await rejectsWith('STORE_TAMPERED', current())).message, /access\.state does not open/);
  });

  it('are told as what they are when the disk refuses', async () => {
    await writeFile(folder, 'a file where a folder should be');
    assert.match((await rejectsWith('REMOTE_FAILED', open().create(secret()))).message, /cannot be used: /);
    await rejectsWith('REMOTE_FAILED', open().list(''));
  });

  it('survive a kill at every step of a write', async function () {
    this.timeout(120_000);
    await open().create(secret());
    const steps = await countSteps({ folder, name: NAME });
    const outcomes: string[] = [];
    for (let dieAt = 1; dieAt <= steps; dieAt += 1) {
      const old = await current();
      const { signal, pid } = await runWriter({ folder, name: NAME, dieAt });
      assert.equal(signal, 'SIGKILL');
      assert.deepEqual(await findings(), [], `right after a kill at step ${String(dieAt)}`);
      const now = await current();
      const isOld = JSON.stringify(now) === JSON.stringify(old);
      if (!isOld) assert.deepEqual(now, { N: `${String(pid)}-0` });
      outcomes.push(isOld ? 'old' : 'new');
      await assertInvariants(open(), '');
      await put(`after step ${String(dieAt)}`);
      assert.deepEqual(await current(), { A: `after step ${String(dieAt)}` });
      assert.deepEqual(await findings(), []);
      assert.deepEqual((await readdir(folder)).sort(), ALL, `remains of step ${String(dieAt)}`);
    }
    // lock, line, temporary file; renamed; folder, then the same three for the state, and the lock
    assert.deepEqual(outcomes, [...Array<string>(3).fill('old'), ...Array<string>(6).fill('new')]);
    const log = await readFile(join(folder, 'access.log'), 'utf8');
    assert.equal(log.match(/"action":"ChangeNotDone"/g)?.length, 2, 'after the line, and after the temporary file');
  });

  it('survive a kill at every step of a first write, of a read and of a removal', async function () {
    this.timeout(240_000);
    const create = () => open().create(secret());
    const works: [WriterRun['work'], prepare: () => Promise<unknown>, after: () => Promise<unknown>][] = [
      ['create', () => Promise.resolve(), () => ignore('SECRET_EXISTS', create())],
      ['read', create, current],
      ['remove', create, () => ignore('SECRET_NOT_FOUND', current())],
    ];
    for (const [work, prepare, after] of works) {
      await prepare();
      const steps = await countSteps({ folder, name: NAME, work });
      for (let dieAt = 1; dieAt <= steps; dieAt += 1) {
        folder = join(parent, `${String(work)}-${String(dieAt)}`);
        await prepare();
        const { signal } = await runWriter({ folder, name: NAME, dieAt, work });
        assert.equal(signal, 'SIGKILL');
        if (existsSync(folder)) assert.deepEqual(await findings(), [], `${String(work)}, step ${String(dieAt)}`);
        await after();
        assert.deepEqual(await findings(), [], `${String(work)}, after step ${String(dieAt)}`);
      }
      folder = join(parent, `${String(work)}-next`);
    }
  });

  it('keep every version that 4 processes write at once', async function () {
    this.timeout(120_000);
    await open().create(secret());
    await open().create(secret('other'));
    const runs = await Promise.all(
      Array.from({ length: 4 }, (_, n) => runWriter({ folder, name: n < 2 ? NAME : 'other', count: 5 })),
    );
    const ids = runs.flatMap(({ lines }) => lines.slice(0, -1));
    assert.equal(new Set(ids).size, 20);
    for (const [n, { lines }] of runs.entries()) {
      for (const versionId of lines.slice(0, -1)) {
        assert.ok((await open().read(n < 2 ? NAME : 'other', { versionId })).fields.has('N'));
      }
    }
    await assertInvariants(open(), '');
    assert.deepEqual(await findings(), []);
    assert.equal((await readFile(join(folder, 'access.log'), 'utf8')).split('\n').length - 1, 2 + 20 + 20);
  });

  it('take over the lock of a dead process, after waiting for it', async () => {
    await open().create(secret());
    await writeFile(join(folder, 'store.lock'), 'dead');
    await put('EXAMPLE-next');
    const waited = context.clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited >= 10_000 && waited < 11_000, String(waited));
    assert.ok(
      context.events.some((event) => event.kind === 'progress' && event.text.includes('waiting for another process')),
    );
    assert.deepEqual(await current(), { A: 'EXAMPLE-next' });
    assert.deepEqual((await readdir(folder)).sort(), ALL);
  });

  it('never take a lock that changes hands, and say what to do after a minute', async () => {
    await open().create(secret());
    const lock = join(folder, 'store.lock');
    const sleep = context.clock.sleep.bind(context.clock);
    context.clock.sleep = async (ms, signal) => {
      writeFileSync(lock, randomUUID());
      await sleep(ms, signal);
    };
    writeFileSync(lock, 'busy');
    assert.match((await rejectsWith('TIMED_OUT', put('x'))).hint ?? '', /remove .*\.lock/);
    assert.ok(existsSync(lock), 'it is still that of the other');
    context = testContext();
    assert.deepEqual(await current(), { A: 'EXAMPLE-first' });
  });

  it('are not written by one whose lock was taken over', async () => {
    await open().create(secret());
    const notify = context.host.notify.bind(context.host);
    context.host.notify = (event) => {
      notify(event);
      if (event.kind === 'debug' && event.text.endsWith('temporary file written')) {
        writeFileSync(join(folder, 'store.lock'), 'somebody else');
      }
    };
    await rejectsWith('CONFLICT', put('EXAMPLE-late'));
    assert.equal(await readFile(join(folder, 'store.lock'), 'utf8'), 'somebody else');
    context = testContext();
    assert.deepEqual(await current(), { A: 'EXAMPLE-first' });
    assert.deepEqual(await findings(), []);
  });

  it('stop waiting when the person interrupts', async () => {
    await open().create(secret());
    await writeFile(join(folder, 'store.lock'), 'busy');
    const waiting = put('x');
    context.abort();
    await rejectsWith('INTERRUPTED', waiting);
    context = testContext();
    assert.deepEqual(await current(), { A: 'EXAMPLE-first' });
  });
});
