import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { accessFrom, type RecordedAccess } from '../../src/lib/audit/event.ts';
import { filesSource, type FilesQuery } from '../../src/lib/audit/sources/files/index.ts';
import { readRecords } from '../../src/lib/audit/sources/files/records.ts';
import { scan } from '../../src/lib/audit/sources/files/scan.ts';
import { testContext } from '../support/context.ts';
import { record, type Json } from '../support/trail.ts';

const MB = 1 << 20;

const trail = (...records: readonly Json[]) => JSON.stringify({ Records: records });
const other = (members: Json = {}) =>
  record({ eventSource: 'ec2.amazonaws.com', eventName: 'DescribeInstances', requestParameters: null, ...members });

describe('audit: files', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'audit-files-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const put = async (name: string, content: string | Buffer): Promise<string> => {
    const path = join(folder, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
    return path;
  };

  async function read(query: Partial<FilesQuery> = {}) {
    const accesses: RecordedAccess[] = [];
    const { report, skipped } = await filesSource({ paths: [folder], window: null, ...query }).read(
      (access) => accesses.push(access),
      testContext(),
    );
    return {
      ids: accesses.map(({ eventId }) => eventId).toSorted(),
      report,
      skipped: skipped.map(({ where, why }) => `${where.replace(folder, '')}: ${why}`),
    };
  }

  it('reads every form, packed or not, whatever the name says, in folders in folders', async () => {
    await put('a/b/one.json.gz', gzipSync(trail(record({ eventID: '1' }), other())));
    await put('a/two.json', gzipSync(trail(record({ eventID: '2' }))));
    await put('a/three.json.gz', trail(record({ eventID: '3' })));
    await put(
      'four.jsonl',
      [record({ eventID: '4' }), other(), record({ eventID: '5' })].map((one) => JSON.stringify(one)).join('\n'),
    );
    await put('five.ndjson', JSON.stringify([record({ eventID: '6' })]));
    const event = {
      EventId: '7',
      EventSource: 'secretsmanager.amazonaws.com',
      CloudTrailEvent: JSON.stringify(record({ eventID: '7' })),
    };
    await put('lookup.json', JSON.stringify({ Events: [event] }, null, 2));
    await put('notes.txt', 'nothing to read here');
    await put('x_CloudTrail-Digest_y.json.gz', gzipSync('{"logFiles":[]}'));
    const { ids, report, skipped } = await read();
    assert.deepEqual(ids, ['1', '2', '3', '4', '5', '6', '7']);
    assert.deepEqual(skipped, []);
    const { files, records, events, complete } = report;
    assert.deepEqual({ files, records, events, complete }, { files: 6, records: 9, events: 7, complete: true });
  });

  it('keeps what guards a secret, and a key used on its behalf, and nothing else', async () => {
    const kms = {
      eventSource: 'kms.amazonaws.com',
      eventName: 'Decrypt',
      requestParameters: {
        encryptionContext: { SecretARN: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:a-AbCdEf' },
      },
    };
    await put(
      'a.json',
      trail(
        record({ ...kms, eventID: 'key' }),
        record({ eventSource: 'cloudtrail.amazonaws.com', eventName: 'StopLogging', eventID: 'trail' }),
        record({ eventSource: 'cloudtrail.amazonaws.com', eventName: 'LookupEvents', requestParameters: null }),
        other({ userAgent: 'says "eventSource":"secretsmanager.amazonaws.com" of itself' }),
      ),
    );
    assert.deepEqual((await read()).ids, ['key', 'trail']);
  });

  it('goes on after what cannot be read, and names it', async () => {
    const whole = gzipSync(
      trail(...Array.from({ length: 200 }, (_, index) => record({ eventID: `cut-${String(index)}` }))),
    );
    await put('bad/cut.json.gz', whole.subarray(0, whole.length - 200));
    await put('bad/empty.json', '');
    await put('bad/html.json', '<html>');
    await put('bad/nul.json', trail(record({ eventID: 'nul' })).replace(/\]\}$/, '\0]}'));
    await put(
      'bad/broken.json',
      `{"Records":[{"eventSource":"secretsmanager.amazonaws.com",,},${JSON.stringify(record({ eventID: 'after' }))}]}`,
    );
    await put('good.json', trail(record({ eventID: 'good' })));
    await symlink(join(folder, 'nowhere'), join(folder, 'bad', 'link.json'));
    const { ids, report, skipped } = await read();
    assert.ok(
      ['after', 'good', 'nul'].every((id) => ids.includes(id)),
      ids.join(),
    );
    assert.ok(ids.includes('cut-0'), 'what comes before the cut is not lost');
    assert.equal(report.complete, false);
    assert.deepEqual(skipped.toSorted(), [
      '/bad/broken.json: a record is not JSON',
      '/bad/cut.json.gz: its gzip data end too soon: the rest is missing',
      '/bad/empty.json: it is empty',
      '/bad/html.json: not all of it is JSON, or a list of records',
      '/bad/link.json: it is gone',
      '/bad/nul.json: not all of it is JSON, or a list of records',
    ]);
  });

  it('picks the same of records, wherever its chunks end', async () => {
    const made = fc.constantFrom<Json>(
      {},
      { eventSource: 'ec2.amazonaws.com', userAgent: 'secretsmanager' },
      { eventSource: 'ec2.amazonaws.com', eventName: 'StopLogging', requestParameters: null },
      { eventSource: 'kms.amazonaws.com', eventName: 'Decrypt', requestParameters: null },
      { eventSource: 'kms.amazonaws.com', eventName: 'DisableKey', requestParameters: null },
      { eventSource: 'cloudtrail.amazonaws.com', requestParameters: { eventSource: 'x', eventName: 'StopLogging' } },
      {
        requestParameters: { eventSource: 'ec2.amazonaws.com' },
        eventSource: 'ecs.amazonaws.com',
        eventName: 'RunTask',
      },
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(made, { maxLength: 12 }), sizes, async (members, chunks) => {
        const all = members.map((one) => record(one));
        const bytes = Buffer.from(trail(...all));
        async function* stream() {
          for (let from = 0, turn = 0; from < bytes.length; turn += 1) {
            const to = from + (chunks[turn % chunks.length] ?? 1);
            yield await Promise.resolve(bytes.subarray(from, to));
            from = to;
          }
        }
        const lines: string[] = [];
        const { records } = await scan(
          { name: 'stream', path: Buffer.alloc(0), stream: stream(), window: null },
          (batch) => {
            lines.push(...batch.accesses.map(({ line }) => line));
            return Promise.resolve();
          },
        );
        const wanted = all.map((one) => accessFrom(one)).filter((one) => one !== null);
        assert.deepEqual([records, lines], [all.length, wanted.map((one) => JSON.stringify(one))]);
      }),
      { numRuns: 200 },
    );
  });

  it('reads all members of a packed file', async () => {
    await put(
      'two.json.gz',
      Buffer.concat([gzipSync('{"Records":[]}\n'), gzipSync(trail(record({ eventID: 'second' })))]),
    );
    assert.deepEqual((await read()).ids, ['second']);
  });

  it('stops unpacking at a limit, and says so', async () => {
    const bomb = await put('bomb.json.gz', gzipSync(Buffer.alloc(80 * MB, ' ')));
    const report = await scan({ name: 'bomb', path: Buffer.from(bomb), window: null, most: 70 * MB }, () =>
      Promise.resolve(),
    );
    assert.equal(report.problems.length, 1);
    assert.match(report.problems[0] ?? '', /^it unpacks to more than [\d.]+ GiB: the rest is not looked at$/);
  });

  it('reads a single line of any length, in little memory', async () => {
    const line = `{"Records":[${Array.from({ length: 60_000 }, (_, index) => JSON.stringify(other({ eventID: `o${String(index)}` }))).join()},${JSON.stringify(record({ eventID: 'last' }))}]}`;
    assert.ok(line.length > 30 * MB);
    await put('line.json', line);
    const { ids, report } = await read();
    assert.deepEqual([ids, report.records, report.complete], [['last'], 60_001, true]);
  });

  it('gives the memory of what it has read back at once, and leaves that of others alone', async () => {
    const piece =
      trail(other({ eventID: 'o', filler: 'x'.repeat(1000) })).repeat(1000) +
      trail(record({ eventID: 'n' })).repeat(200);
    const whole = Buffer.from(piece.repeat(40));
    for (const [name, content] of [
      ['plain.json', whole],
      ['packed.json.gz', gzipSync(whole, { level: 1 })],
    ] as const) {
      const path = Buffer.from(await put(name, content));
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      await scan({ name, path, window: null, needles: ['"n"'] }, () => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
        return Promise.resolve();
      });
      assert.ok(most < 24 * MB, `${name}: ${String(Math.round(most / MB))} MB at once`);
    }
    const lent = Buffer.from(trail(record({ eventID: 'lent' })).padEnd(MB));
    async function* twice() {
      for (const chunk of [lent, lent]) yield await Promise.resolve(chunk);
    }
    assert.equal(
      (await scan({ name: 's', path: lent, stream: twice(), window: null }, () => Promise.resolve())).records,
      2,
    );
    assert.equal(lent.length, MB);
  });

  it('reads files whose names are no text', async () => {
    const name = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe]), Buffer.from('.json')]);
    await writeFile(name, trail(record({ eventID: 'named' })));
    assert.deepEqual((await read()).ids, ['named']);
  });

  it('follows no link to a folder, and tells it', async () => {
    await put('elsewhere/one.json', trail(record({ eventID: '1' })));
    await put('here/two.json', trail(record({ eventID: '2' })));
    await symlink(join(folder, 'elsewhere'), join(folder, 'here', 'link'));
    await symlink(join(folder, 'here'), join(folder, 'here', 'round'));
    await symlink(join(folder, 'elsewhere', 'one.json'), join(folder, 'here', 'one.json'));
    const { ids, report, skipped } = await read({ paths: [join(folder, 'here')] });
    assert.deepEqual([ids, report.complete], [['1', '2'], false]);
    assert.deepEqual(skipped, [
      '/here/link: it is a link to a folder, which is not followed: name the folder too',
      '/here/round: it is a link to a folder, which is not followed: name the folder too',
    ]);
  });

  it('waits for no pipe that lies among the files', async () => {
    await put('one.json', trail(record({ eventID: '1' })));
    const [pipe, packed] = [join(folder, 'pipe.json'), join(folder, 'pipe.json.gz')];
    for (const path of [pipe, packed]) execFileSync('mkfifo', [path]);
    const { ids, report, skipped } = await read();
    assert.deepEqual([ids, report.complete], [['1'], false]);
    assert.deepEqual(skipped.toSorted(), ['/pipe.json.gz: it is no regular file', '/pipe.json: it is no regular file']);
    assert.deepEqual((await read({ paths: [pipe] })).report.events, 0);
  });

  it('tells of a file that is not there any more', async () => {
    const paths = await Promise.all(
      Array.from({ length: 40 }, (_, index) => put(`${String(index + 10)}.json`, trail(record()))),
    );
    await unlink(paths.at(-1) ?? '');
    const { report, skipped } = await read({ paths: [folder, ...paths.slice(-1)] });
    assert.deepEqual([report.files, skipped], [39, ['/49.json: it is not there']]);
  });

  it('takes the window into account, in the records and in the paths', async () => {
    const window = { since: Date.parse('2026-11-20T00:00:00Z'), until: Date.parse('2026-11-21T23:59:59Z') };
    const at = (eventID: string, eventTime: string | null) => record({ eventID, eventTime });
    await put('2026/11/01/old.json', '{"never":"opened"');
    await put('2026/11/22/late.json', trail(at('in', '2026-11-21T23:59:59Z'), at('after', '2026-11-22T00:00:00Z')));
    await put('2026/11/20/on.json', trail(at('before', '2026-11-19T23:59:59Z'), at('timeless', null)));
    const { ids, report } = await read({ window });
    assert.deepEqual([ids, report.files, report.complete], [['in', 'timeless'], 2, true]);
  });

  it('reads a stream, packed or not', async () => {
    async function* chunks(bytes: Buffer) {
      for (let from = 0; from < bytes.length; from += 7) yield await Promise.resolve(bytes.subarray(from, from + 7));
    }
    for (const bytes of [
      Buffer.from(trail(record({ eventID: 'piped' }))),
      gzipSync(trail(record({ eventID: 'piped' }))),
    ]) {
      const { ids, skipped } = await read({ paths: [], streams: [{ name: 'stdin', stream: chunks(bytes) }] });
      assert.deepEqual([ids, skipped], [['piped'], []]);
    }
    assert.deepEqual(
      (await read({ paths: [], streams: [{ name: 'stdin', stream: chunks(Buffer.alloc(0)) }] })).skipped,
      ['stdin: it is empty'],
    );
  });

  describe('whatever they concern', () => {
    const ROLE = 'arn:aws:iam::111122223333:role/app';
    const byRole = (eventID: string, members: Json = {}) =>
      other({
        eventID,
        userIdentity: { type: 'AssumedRole', sessionContext: { sessionIssuer: { arn: ROLE } } },
        ...members,
      });
    const window = { since: Date.parse('2026-11-21T00:00:00Z'), until: Date.parse('2026-11-21T23:59:59Z') };

    async function ids(needles: readonly string[], onRecord: () => Promise<void> = () => Promise.resolve()) {
      const found: unknown[] = [];
      const { records, problems } = await readRecords(
        [folder],
        { needles, window },
        async (one) => {
          found.push((one as Json).eventID);
          await onRecord();
        },
        testContext(),
      );
      return { ids: found.toSorted(), records, problems };
    }

    it('hands on the records that have a needle, decoded, one after the other', async () => {
      await put('a.json.gz', gzipSync(trail(byRole('1'), other(), byRole('2', { eventTime: '2026-11-20T00:00:00Z' }))));
      const event = { EventId: '3', CloudTrailEvent: JSON.stringify(byRole('3', { eventTime: null })) };
      await put('b.json', JSON.stringify({ Events: [event] }));
      await put('c.jsonl', Array.from({ length: 1_200 }, () => JSON.stringify(byRole('4'))).join('\n'));
      let now = 0;
      const { ids: found, ...read } = await ids([ROLE, 'never'], async () => {
        now += 1;
        assert.equal(now, 1, 'the one before is done');
        await Promise.resolve();
        now -= 1;
      });
      assert.deepEqual([[...new Set(found)], found.length], [['1', '3', '4'], 1_202]);
      assert.deepEqual(read, { records: 1_204, problems: [] });
      assert.deepEqual((await ids(['nobody'])).ids, []);
    });

    it('names what it could not look at, and the file of a record that is none', async () => {
      await put('cut.json', `{"Records":[${JSON.stringify(byRole('whole'))},{"arn":"${ROLE}",,},{`);
      const { ids: found, problems } = await ids([ROLE]);
      assert.deepEqual(found, ['whole']);
      assert.deepEqual(problems.map(({ where, why }) => `${where.replace(folder, '')}: ${why}`).toSorted(), [
        '/cut.json: a record is not JSON',
        '/cut.json: it ends in the middle: the rest is missing',
      ]);
    });

    it('fails with what the taker throws', async () => {
      await put('a.json', trail(byRole('1')));
      await assert.rejects(
        ids([ROLE], () => Promise.reject(new Error('the taker gave up'))),
        /the taker gave up/,
      );
    });
  });

  it('ends when it is interrupted', async () => {
    for (let index = 0; index < 20; index += 1) await put(`${String(index)}.json`, trail(record()));
    const stop = new AbortController();
    const context = { ...testContext(), signal: stop.signal };
    const reading = filesSource({ paths: [folder], window: null }).read(() => {
      stop.abort(new Error('stopped'));
    }, context);
    await assert.rejects(reading, /stopped/);
  });
});
