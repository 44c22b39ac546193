import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFile, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity } from 'age-encryption';
import fc from 'fast-check';
import { firstHead, follow, sign, walk, type LogEntry } from '../../../src/lib/secrets/stores/access-log.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { AWSCURRENT } from '../../../src/lib/secrets/store.ts';
import { seal, readKey } from '../../../src/lib/secrets/stores/local-key.ts';
import { acceptLocalStore, verifyLocalStore } from '../../../src/lib/secrets/stores/local-verify.ts';
import { localStore } from '../../../src/lib/secrets/stores/local.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { fields, plain, rejectsWith } from '../contract.ts';

const entry = (n: number): LogEntry => ({
  time: new Date(n).toISOString(),
  user: 'tester',
  host: 'here',
  action: 'GetSecretValue',
  secret: `secret-${String(n)}`,
  versionId: null,
  fields: ['A', 'B'],
  reason: null,
  change: null,
});

const SEED = 'ab'.repeat(32);

function logOf(count: number): string[] {
  let head = firstHead(SEED);
  return Array.from({ length: count }, (_, n) => {
    const signed = sign(head, entry(n));
    ({ head } = signed);
    return signed.line.trimEnd();
  });
}

describe('the chain of the access log', () => {
  const rules = (lines: readonly string[]) =>
    walk(lines, SEED).problems.map(({ rule, line }) => `${rule} ${String(line)}`);

  it('holds as it was written, and ends where it ends', () => {
    const { bodies, problems, head } = walk(logOf(100), SEED);
    assert.deepEqual(problems, []);
    assert.equal(bodies.length, 100);
    assert.equal(head.count, 100);
    assert.deepEqual(bodies[41]?.body, { seq: 42, previous: bodies[40]?.mac, ...entry(41) });
  });

  it('tells where a line was edited, deleted, repeated or moved, and believes the others', () => {
    const good = logOf(100);
    const edited = good.with(40, (good[40] ?? '').replace('secret-40', 'secret-41'));
    assert.deepEqual(rules(edited), ['line-edited 41']);
    assert.equal(walk(edited, SEED).bodies.length, 99);
    const spelt = good.with(40, (good[40] ?? '').replace('{"seq"', '{ "seq"'));
    assert.deepEqual(rules(spelt), ['line-edited 41'], 'to the byte, not to the sense');
    assert.deepEqual(rules(good.toSpliced(40, 1)), ['lines-deleted 41']);
    assert.match(walk(good.toSpliced(40, 10), SEED).problems[0]?.why ?? '', /the lines numbered 41 to 50 are missing/);
    assert.deepEqual(rules(good.toSpliced(40, 0, good[10] ?? '')), ['line-moved 41']);
    assert.deepEqual(rules(good.toSpliced(40, 0, 'nonsense')).slice(0, 1), ['line-edited 41']);
    assert.equal(walk(good.slice(0, 90), SEED).head.count, 90, 'a cut end is for the state to tell');
    assert.deepEqual(rules(['{"body":{"seq":9e15},"mac":""}', ...good]).slice(0, 1), ['line-edited 1']);
  });

  it('tells two histories that were put together', () => {
    const good = logOf(10);
    let head = firstHead(SEED);
    const other: string[] = [];
    for (let n = 0; n < 10; n += 1) {
      const signed = sign(head, entry(n + 1000));
      ({ head } = signed);
      other.push(signed.line.trimEnd());
    }
    assert.deepEqual(rules([...good.slice(0, 5), ...other.slice(5)]), ['chain-broken 6']);
  });

  it('has a key that does not give the keys before it', () => {
    const [first = '', second = ''] = logOf(2);
    const after = follow(firstHead(SEED), first);
    assert.ok(after);
    assert.ok(follow(after.head, second));
    assert.equal(follow({ ...firstHead(SEED), key: after.head.key }, first), null, 'a later key makes no earlier line');
    assert.ok(!first.includes(after.head.key));
  });

  it('notices any change of any byte', () => {
    const text = logOf(8).join('\n');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 127 }), (at, by) => {
        const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ by) + text.slice(at + 1);
        const walked = walk(changed.split('\n'), SEED);
        assert.ok(walked.problems.length > 0 || walked.head.count !== 8);
      }),
      { numRuns: 500 },
    );
  });
});

describe('audit verify of the local store', () => {
  let parent: string;
  let folder: string;
  let context: TestContext;
  const at = (file: string) => join(folder, file);
  const options = () => ({ folder, user: 'tester', localKey: 'file' as const });
  const open = (reason?: string) =>
    localStore({ ...options(), schema: schemaOf('jamf'), ...(reason ? { reason } : {}) }, context);
  const verify = (head: string | null = null) => verifyLocalStore(options(), { head }, context);
  const found = async (head: string | null = null) => (await verify(head)).findings.map(({ id }) => id);
  const create = (name: string) =>
    open().create({ name, description: '', tags: {}, fields: fields({ A: `EXAMPLE-${name}` }), token: randomUUID() });
  const put = (name: string, value: string) =>
    open().put(name, fields({ A: value }), { token: randomUUID(), stages: [AWSCURRENT] });
  const read = async (name: string) => plain((await open().read(name, { stage: AWSCURRENT })).fields);
  const lines = async () => (await readFile(at('access.log'), 'utf8')).split('\n').slice(0, -1);
  const write = (all: readonly string[]) => writeFile(at('access.log'), all.map((line) => `${line}\n`).join(''));

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'jamf-mcp-verify-'));
    folder = join(parent, 'store');
    context = testContext();
    await create('one');
    await create('two');
    context.clock.advance(60_000);
    await put('one', 'EXAMPLE-second');
    await read('one');
    await read('two');
  });
  afterEach(() => rm(parent, { recursive: true }));

  it('finds nothing where nothing is wrong, and changes nothing', async () => {
    const before = await Promise.all((await readdir(folder)).map((file) => readFile(at(file))));
    const verified = await verify();
    assert.deepEqual(verified.findings, []);
    assert.deepEqual(verified.notes, []);
    assert.equal(verified.log.lines, 5);
    assert.equal(verified.log.anchor, 'none');
    assert.equal(verified.files, 2);
    assert.deepEqual(await Promise.all((await readdir(folder)).map((file) => readFile(at(file)))), before);
  });

  it('has who, when, what, which version, which fields and why, and never a value', async () => {
    await open('ticket EXAMPLE-4711').read('one', { stage: AWSCURRENT });
    const { versionId } = await put('one', 'EXAMPLE-third');
    const [reading = '', writing = ''] = (await lines()).slice(-2);
    const body = (line: string) => (JSON.parse(line) as { body: Record<string, unknown> }).body;
    assert.deepEqual(Object.keys(body(reading)), [
      'seq',
      'previous',
      'time',
      'user',
      'host',
      'action',
      'secret',
      'versionId',
      'fields',
      'reason',
      'change',
    ]);
    const { action, user, time, secret, fields: names, reason, change } = body(reading);
    assert.deepEqual(
      { action, user, time, secret, names, reason, change },
      {
        action: 'GetSecretValue',
        user: 'tester',
        time: '2026-11-22T00:01:00.000Z',
        secret: 'one',
        names: ['A'],
        reason: 'ticket EXAMPLE-4711',
        change: null,
      },
    );
    assert.equal(body(writing).versionId, versionId);
    assert.doesNotMatch((await lines()).join('\n'), /EXAMPLE-(one|two|second|third)/);
  });

  it('logs no look at what holds no value, and no change that is none', async () => {
    await open().describe('one');
    await open().list('');
    await open().versions('one');
    await open().moveLabel('one', 'absent', null, null);
    await rejectsWith('VERSION_NOT_FOUND', open().read('one', { stage: 'AWSPENDING' }));
    assert.equal((await lines()).length, 5);
  });

  it('gives no value and changes nothing where the line cannot be written', async () => {
    const log = await readFile(at('access.log'));
    const secret = await readFile(at('one.age'));
    await rm(at('access.log'));
    await rejectsWith('STORE_TAMPERED', read('one'));
    await rejectsWith('STORE_TAMPERED', put('one', 'x'));
    await writeFile(at('access.log'), log);
    context.host.notify = (event) => {
      if (event.kind === 'debug' && event.text.endsWith('line written')) throw new Error('the disk is full');
    };
    await assert.rejects(read('one'), /the disk is full/);
    await assert.rejects(put('one', 'x'), /the disk is full/);
    assert.deepEqual(await readFile(at('one.age')), secret);
  });

  for (const [title, change, expected] of [
    ['an edited line', (all) => all.with(2, (all[2] ?? '').replace('tester', 'nobody')), ['line-edited:access.log:3']],
    ['a deleted line', (all) => all.toSpliced(1, 1), ['lines-deleted:access.log:2']],
    ['a cut end', (all) => all.slice(0, 3), ['log-truncated:access.log:4']],
    ['an emptied log', () => [], ['log-truncated:access.log:1']],
    [
      'two lines exchanged',
      (all) => [...all.slice(0, 3), all[4] ?? '', all[3] ?? ''],
      ['lines-deleted:access.log:4', 'line-moved:access.log:5'],
    ],
    ['a line of one’s own', (all) => [...all, all[4] ?? ''], ['line-moved:access.log:6']],
  ] satisfies [string, (all: string[]) => string[], string[]][]) {
    it(`names ${title}`, async () => {
      await write(change(await lines()));
      assert.deepEqual(await found(), expected);
      // What an access looks at is the end of the log.
      const seen = !title.startsWith('an edited') && !title.startsWith('a deleted');
      if (seen) await rejectsWith('STORE_TAMPERED', read('two'));
    });
  }

  it('is needed for what an access does not look at: the middle of the log', async () => {
    const all = await lines();
    await write(all.with(2, (all[2] ?? '').replace('tester', 'nobody')));
    assert.deepEqual(await read('two'), { A: 'EXAMPLE-two' });
    assert.deepEqual(await found(), ['line-edited:access.log:3']);
  });

  it('names each file that is not what was written', async () => {
    const old = await readFile(at('one.age'));
    await put('one', 'EXAMPLE-third');
    const two = await readFile(at('two.age'));
    const key = await readKey({
      folder,
      form: null,
      passphrase: () => Promise.reject(new Error('none')),
      keychain: () => Promise.reject(new Error('none')),
    });
    assert.ok(key);

    await writeFile(at('one.age'), old);
    const [finding] = (await verify()).findings;
    assert.equal(finding?.id, 'file-rolled-back:one.age');
    assert.match(finding.title, /the file of one is an older copy, the one of 2026-11-22T00:01:00\.000Z \(line 3\)/);
    await copyFile(at('two.age'), at('one.age'));
    assert.deepEqual(await found(), ['file-moved:one.age']);
    await writeFile(at('one.age'), await seal('{}', key.identity));
    assert.deepEqual(await found(), ['file-changed:one.age'], 'age binds no sender: the log does');
    await rm(at('one.age'));
    await writeFile(at('three.age'), two);
    assert.deepEqual(await found(), ['file-missing:one.age', 'file-moved:three.age']);
    await writeFile(at('three.age'), 'x');
    assert.deepEqual(await found(), ['file-missing:one.age', 'file-unknown:three.age']);
  });

  it('names a state or seed that is gone or changed', async () => {
    for (const [file, missing, changed] of [
      ['access.state', 'state-missing:access.state', 'state-changed:access.state'],
      ['access.seed', 'seed-missing:access.seed', 'seed-missing:access.seed'],
    ] as const) {
      const good = await readFile(at(file));
      await rm(at(file));
      assert.deepEqual(await found(), [missing]);
      if (file === 'access.state') {
        assert.match(
          (await rejectsWith('STORE_TAMPERED', read('one'))).message,
          /access\.state is missing, and the access log/,
        );
      }
      await writeFile(at(file), good.with(20, (good[20] ?? 0) ^ 1));
      assert.deepEqual(await found(), [changed]);
      await writeFile(at(file), good);
    }
    for (const file of ['access.state', 'access.seed', 'access.log']) await rm(at(file));
    assert.deepEqual(await found(), ['log-missing:access.log'], 'the files know that there was a log');
    await rejectsWith('STORE_TAMPERED', read('one'));
  });

  it('tells a folder that was put back whole only by a head that was kept elsewhere', async () => {
    await cp(folder, join(parent, 'backup'), { recursive: true });
    await read('one');
    const { head } = (await verify()).log;
    assert.ok(head);
    assert.deepEqual(await found(head), []);
    await rm(folder, { recursive: true });
    await cp(join(parent, 'backup'), folder, { recursive: true });
    assert.deepEqual(await found(), [], 'everything in it holds');
    assert.deepEqual(await found(head), ['history-replaced:access.log']);
    await read('two');
    assert.deepEqual(await found(head), ['history-replaced:access.log:6'], 'as long as it was, and not the same');
    await read('two');
    assert.deepEqual(await found((await verify()).log.head), []);
    await rejectsWith('INPUT_INVALID', verify('nonsense'));
  });

  it('takes a store in that is older than logs, once, and watches it from then on', async () => {
    for (const file of ['access.state', 'access.seed', 'access.log']) await rm(at(file));
    const key = await readKey({
      folder,
      form: null,
      passphrase: () => Promise.reject(new Error('none')),
      keychain: () => Promise.reject(new Error('none')),
    });
    assert.ok(key);
    const old = {
      format: 1,
      name: 'one',
      description: '',
      createdAt: '2026-01-01T00:00:00.000Z',
      changedAt: '2026-01-01T00:00:00.000Z',
      deletionAt: null,
      tags: {},
      versions: [
        {
          id: randomUUID(),
          createdAt: '2026-01-01T00:00:00.000Z',
          stages: [AWSCURRENT],
          fields: [['A', 'EXAMPLE-old']],
        },
      ],
    };
    await writeFile(at('one.age'), await seal(JSON.stringify(old), key.identity));
    await rm(at('two.age'));
    const verified = await verify();
    assert.deepEqual(verified.findings, []);
    assert.match(verified.notes.join(), /no access log yet/);
    assert.deepEqual(await read('one'), { A: 'EXAMPLE-old' });
    assert.deepEqual(
      (await lines()).map((line) => /"action":"(\w+)"/.exec(line)?.[1]),
      ['AdoptFile', 'GetSecretValue'],
    );
    await put('one', 'EXAMPLE-new');
    assert.deepEqual(await found(), []);
    await writeFile(at('one.age'), await seal(JSON.stringify(old), key.identity));
    assert.deepEqual(await found(), ['file-changed:one.age']);
  });

  it('begins anew when a person accepts what is there, and keeps the log aside', async () => {
    await write((await lines()).slice(0, 3));
    await rm(at('two.age'));
    await rejectsWith('STORE_TAMPERED', read('one'));
    const verified = await verify();
    assert.equal(verified.findings.length, 2);
    await rejectsWith('CONFIRMATION_REQUIRED', acceptLocalStore(options(), verified, context));
    context.answer(false);
    await rejectsWith('DECLINED', acceptLocalStore(options(), verified, context));
    await rejectsWith('STORE_TAMPERED', read('one'));
    context.answer(true);
    const kept = await acceptLocalStore(options(), verified, context);
    assert.deepEqual(kept.files, []);
    assert.equal((await readFile(at(kept.log ?? ''), 'utf8')).split('\n').length, 4);
    assert.deepEqual(await found(), []);
    assert.deepEqual(await read('one'), { A: 'EXAMPLE-second' });
    assert.match(
      (await lines()).join('\n'),
      /"AdoptFile".*\n.*"AcceptStore".*accepted with 2 findings.*\n.*"GetSecretValue"/,
    );
  });

  for (const [what, damage] of [
    ['is another secret', () => copyFile(at('two.age'), at('one.age'))],
    ['was cut short', () => truncate(at('one.age'), 100)],
    ['is a folder', () => rm(at('one.age')).then(() => mkdir(at('one.age')))],
  ] as const) {
    it(`puts a file aside that ${what}, by name, so that its secret can be made anew`, async () => {
      await damage();
      assert.deepEqual((await found()).length, 1);
      await rejectsWith(what === 'is a folder' ? 'REMOTE_FAILED' : 'STORE_TAMPERED', read('one'));
      context.answer(true);
      const { files } = await acceptLocalStore(options(), await verify(), context);
      assert.deepEqual(files, ['one.age.2026-11-22T000100.000Z']);
      assert.ok((await readdir(folder)).includes(files[0] ?? ''));
      assert.match(context.questions.at(-1)?.text ?? '', /put aside, and lost unless .* backup: one$/);
      assert.deepEqual(await found(), []);
      assert.deepEqual(await read('two'), { A: 'EXAMPLE-two' });
      await create('one');
      assert.deepEqual(await read('one'), { A: 'EXAMPLE-one' });
    });
  }

  it('gives nothing up where the key is that of another store', async () => {
    const before = (await readdir(folder)).sort();
    await writeFile(at('key.txt'), await generateX25519Identity());
    context.answer(true);
    const refused = await rejectsWith('CREDENTIALS_REFUSED', acceptLocalStore(options(), await verify(), context));
    assert.match(refused.message, /^nothing in .* opens with the key that is there/);
    assert.deepEqual((await readdir(folder)).sort(), before);
  });

  it('names a folder in the place of the log', async () => {
    await rm(at('access.log'));
    await mkdir(at('access.log'));
    assert.deepEqual((await found())[0], 'log-missing:access.log');
    assert.match((await verify()).findings[0]?.title ?? '', /access\.log is a folder/);
  });

  it('takes half a line off that a crash left at the end, and goes on', async () => {
    await appendFile(at('access.log'), '{"body":{"seq":6,');
    const verified = await verify();
    assert.deepEqual(verified.findings, []);
    assert.match(verified.notes.join(), /ends with half a line/);
    await read('one');
    assert.equal((await lines()).length, 6);
    const after = await verify();
    assert.deepEqual([after.findings, after.notes, after.log.lines], [[], [], 6]);
  });

  it('is told of a folder without a store', async () => {
    folder = join(parent, 'nowhere');
    await rejectsWith('NOT_FOUND', verify());
  });
});
