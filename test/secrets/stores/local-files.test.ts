import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { localStore } from '../../../src/lib/secrets/stores/local.ts';
import { AWSCURRENT } from '../../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { assertInvariants, fields, plain, rejectsWith } from '../contract.ts';

const NAME = 'jamf-mcp-server/Dev.1';
const FILE = 'jamf-mcp-server%2f%44ev%2e1.age';
const WRITER = new URL('../../support/local-writer.ts', import.meta.url).pathname;

/** Run the writer to its end; gives what it printed, and the signal that ended it. */
async function writer(
  folder: string,
  count: number,
  dieAt: number,
): Promise<{ lines: string[]; signal: string | null; pid: number | undefined }> {
  const child = spawn(process.execPath, [WRITER, folder, NAME, String(count), String(dieAt)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { lines: out.split('\n').filter(Boolean), signal, pid: child.pid };
}

describe('the files of the local store', () => {
  let parent: string;
  let folder: string;
  let context: TestContext;
  const open = (at = folder) => localStore({ folder: at, schema: schemaOf('jamf'), user: 'tester' }, context);
  const secret = (name = NAME) => ({
    name,
    description: '',
    tags: {},
    fields: fields({ A: 'EXAMPLE-first' }),
    token: randomUUID(),
  });
  const put = (value: string, store = open()) =>
    store.put(NAME, fields({ A: value }), { token: randomUUID(), stages: [AWSCURRENT] });
  const current = async () => plain((await open().read(NAME, { stage: AWSCURRENT })).fields);

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-store-'));
    folder = join(parent, 'store');
    context = testContext();
  });
  afterEach(() => rm(parent, { recursive: true }));

  it('are for their owner only, and hold nothing that can be read', async () => {
    await open().create(secret());
    assert.deepEqual((await readdir(folder)).sort(), [FILE, 'key.txt']);
    for (const [path, mode] of [
      [folder, 0o700],
      [join(folder, FILE), 0o600],
      [join(folder, 'key.txt'), 0o600],
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

    await copyFile(join(folder, 'other.age'), path);
    assert.match((await rejectsWith('SECRET_MALFORMED', current())).message, /something else than its name says/);

    const changed = Buffer.from(good);
    changed.writeUInt8((changed.at(-1) ?? 0) ^ 1, changed.length - 1);
    for (const bad of [changed, good.subarray(0, -1), good.subarray(0, 40), Buffer.from('')]) {
      await writeFile(path, bad);
      assert.match((await rejectsWith('SECRET_MALFORMED', current())).message, /cannot be decrypted/);
    }

    const elsewhere = join(parent, 'elsewhere');
    await open(elsewhere).create(secret());
    await copyFile(join(elsewhere, FILE), path);
    await rejectsWith('SECRET_MALFORMED', current());
    await rejectsWith('SECRET_MALFORMED', put('x'));
    assert.deepEqual(
      await readFile(path),
      await readFile(join(elsewhere, FILE)),
      'what cannot be read is not overwritten',
    );
  });

  it('are worth nothing without the key, and no new key is put over them', async () => {
    await open().create(secret());
    await rm(join(folder, 'key.txt'));
    await rejectsWith('CREDENTIALS_MISSING', current());
    await rejectsWith('CREDENTIALS_MISSING', open().create(secret('second')));
    assert.ok(!existsSync(join(folder, 'key.txt')));
    await writeFile(join(folder, 'key.txt'), 'something else');
    await rejectsWith('CREDENTIALS_REFUSED', current());
  });

  it('are told as what they are when the disk refuses', async () => {
    await writeFile(folder, 'a file where a folder should be');
    assert.match((await rejectsWith('REMOTE_FAILED', open().create(secret()))).message, /cannot be used: /);
    await rejectsWith('REMOTE_FAILED', open().list(''));
  });

  it('survive a kill at every step of a write', async function () {
    this.timeout(120_000);
    await open().create(secret());
    const { lines } = await writer(folder, 1, 0);
    const steps = Number(lines.at(-1)?.split(' ')[1]);
    assert.ok(steps >= 5, `a write has ${String(steps)} steps`);
    const outcomes: string[] = [];
    for (let dieAt = 1; dieAt <= steps; dieAt += 1) {
      const old = await current();
      const { signal, pid } = await writer(folder, 1, dieAt);
      assert.equal(signal, 'SIGKILL');
      const now = await current();
      const isOld = JSON.stringify(now) === JSON.stringify(old);
      if (!isOld) assert.deepEqual(now, { N: `${String(pid)}-0` });
      outcomes.push(isOld ? 'old' : 'new');
      await assertInvariants(open(), '');
      await put(`after step ${String(dieAt)}`);
      assert.deepEqual(await current(), { A: `after step ${String(dieAt)}` });
      assert.deepEqual((await readdir(folder)).sort(), [FILE, 'key.txt'], `remains of step ${String(dieAt)}`);
    }
    assert.deepEqual(outcomes, ['old', 'old', 'new', 'new', 'new'], 'the rename is what counts');
  });

  it('keep every version that 4 processes write at once', async function () {
    this.timeout(120_000);
    await open().create(secret());
    const runs = await Promise.all(Array.from({ length: 4 }, () => writer(folder, 5, 0)));
    const ids = runs.flatMap(({ lines }) => lines.slice(0, -1));
    assert.equal(new Set(ids).size, 20);
    for (const versionId of ids) assert.ok((await open().read(NAME, { versionId })).fields.has('N'));
    await assertInvariants(open(), '');
  });

  it('take over the lock of a dead process, after waiting for it', async () => {
    await open().create(secret());
    await writeFile(join(folder, `${FILE}.lock`), 'dead');
    await put('EXAMPLE-next');
    const waited = context.clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited >= 10_000 && waited < 11_000, String(waited));
    assert.ok(
      context.events.some((event) => event.kind === 'progress' && event.text.includes('waiting for another process')),
    );
    assert.deepEqual(await current(), { A: 'EXAMPLE-next' });
    assert.deepEqual((await readdir(folder)).sort(), [FILE, 'key.txt']);
  });

  it('never take a lock that changes hands, and say what to do after a minute', async () => {
    await open().create(secret());
    const lock = join(folder, `${FILE}.lock`);
    const sleep = context.clock.sleep.bind(context.clock);
    context.clock.sleep = async (ms, signal) => {
      writeFileSync(lock, randomUUID());
      await sleep(ms, signal);
    };
    writeFileSync(lock, 'busy');
    assert.match((await rejectsWith('TIMED_OUT', put('x'))).hint ?? '', /remove .*\.lock/);
    assert.deepEqual(await current(), { A: 'EXAMPLE-first' });
    assert.ok(existsSync(lock), 'it is still that of the other');
  });

  it('are not written by one whose lock was taken over', async () => {
    await open().create(secret());
    const notify = context.host.notify.bind(context.host);
    context.host.notify = (event) => {
      notify(event);
      if (event.kind === 'debug' && event.text.endsWith('temporary file written')) {
        writeFileSync(join(folder, `${FILE}.lock`), 'somebody else');
      }
    };
    await rejectsWith('CONFLICT', put('EXAMPLE-late'));
    assert.deepEqual(await current(), { A: 'EXAMPLE-first' });
    assert.equal(await readFile(join(folder, `${FILE}.lock`), 'utf8'), 'somebody else');
  });

  it('stop waiting when the person interrupts', async () => {
    await open().create(secret());
    await writeFile(join(folder, `${FILE}.lock`), 'busy');
    const waiting = put('x');
    context.abort();
    await rejectsWith('INTERRUPTED', waiting);
    assert.deepEqual(await current(), { A: 'EXAMPLE-first' });
  });
});
