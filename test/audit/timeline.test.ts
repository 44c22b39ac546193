import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { accessFrom, type RecordedAccess } from '../../src/lib/audit/event.ts';
import { parseSecretId } from '../../src/lib/audit/secret-id.ts';
import { runsIn, sortRun } from '../../src/lib/audit/spill.ts';
import { withTimeline, type SettledAccess, type TimelineOptions } from '../../src/lib/audit/timeline.ts';
import { record, type Json } from '../support/trail.ts';

const PREFIX = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:';

const access = (members: Json): RecordedAccess => {
  const made = accessFrom(record(members));
  assert.ok(made);
  return made;
};

/** What a timeline makes of accesses. */
function through(
  accesses: readonly RecordedAccess[],
  { newestFirst = false, ...options }: Partial<TimelineOptions> & { newestFirst?: boolean } = {},
): Promise<{ accesses: SettledAccess[]; nameless: Record<string, number>; arn: string | null }> {
  return withTimeline({ asked: null, ...options }, async (lines) => {
    const sink = lines.sink(newestFirst);
    for (const one of accesses) sink(one);
    const closed = lines.close();
    const batches = await Array.fromAsync(closed.batches());
    assert.deepEqual(await Array.fromAsync(closed.batches()), batches, 'a second pass sees the same');
    return { accesses: batches.flat(), nameless: Object.fromEntries(closed.nameless), arn: closed.arn };
  });
}

/** The ids under which accesses to `asked` are found among reads that typed `ids`, after AWS has written `full`. */
async function found(
  asked: string | null,
  ids: readonly string[],
  full: readonly string[] = [],
): Promise<(string | null)[]> {
  const { accesses } = await through(
    [
      ...ids.map((secretId) => access({ requestParameters: { secretId } })),
      ...full.map((arn) => access({ eventName: 'PutSecretValue', requestParameters: null, responseElements: { arn } })),
    ],
    { asked: asked === null ? null : parseSecretId(asked, 'caller') },
  );
  return accesses.filter(({ action }) => action === 'GetSecretValue').map(({ secret }) => secret);
}

describe('audit: timeline', () => {
  it('tells a partial ARN from a full one by what AWS wrote, even if it wrote it later', async () => {
    const typed = [`${PREFIX}app-backup`];
    const full = [`${PREFIX}app-AbCdEf`, `${PREFIX}app-backup-ZyXwVu`];
    assert.deepEqual(await found('app', typed), typed, 'unsettled: rather one too many');
    assert.deepEqual(await found('app', typed, full), []);
    assert.deepEqual(await found('app-backup', typed, full), [`${PREFIX}app-backup-ZyXwVu`]);
  });

  it('learns nothing from what callers type', async () => {
    assert.deepEqual(await found('app', ['app', `${PREFIX}app-AbCdEf`]), ['app', `${PREFIX}app-AbCdEf`]);
  });

  it('gives a name its ARN where AWS wrote it once, and not where there were two', async () => {
    assert.deepEqual(await found('app', ['app'], [`${PREFIX}app-AbCdEf`]), [`${PREFIX}app-AbCdEf`]);
    assert.deepEqual(await found('app', ['app'], [`${PREFIX}app-AbCdEf`, `${PREFIX}app-ZyXwVu`]), ['app']);
  });

  it('counts calls that name no secret, but for those that never do', async () => {
    const nameless = (eventName: string) => access({ eventName, requestParameters: null });
    const { accesses, nameless: counted } = await through(
      ['GetSecretValue', 'GetSecretValue', 'DeleteSecret', 'ListSecrets'].map(nameless),
      { asked: parseSecretId('app', 'caller') },
    );
    assert.deepEqual([accesses, counted], [[], { GetSecretValue: 2, DeleteSecret: 1 }]);
  });

  it('keeps what guards the secret, whichever is asked for', async () => {
    const stopped = access({ eventSource: 'cloudtrail.amazonaws.com', eventName: 'StopLogging' });
    const { accesses } = await through([stopped], { asked: parseSecretId('app', 'caller') });
    assert.deepEqual(
      accesses.map(({ action, context, secret }) => [action, context, secret]),
      [['StopLogging', true, null]],
    );
  });

  it('lets the order of the source settle what shares a second', async () => {
    const same = ['a', 'b', 'c'].map((eventID) => access({ eventID }));
    const ids = async (newestFirst: boolean) =>
      (await through(same, { newestFirst })).accesses.map(({ eventId }) => eventId);
    assert.deepEqual(
      [await ids(false), await ids(true)],
      [
        ['a', 'b', 'c'],
        ['c', 'b', 'a'],
      ],
    );
  });

  it('gives the same order, each access once, in memory or on the disk, and leaves nothing there', async () => {
    const { TMPDIR } = process.env;
    const folder = mkdtempSync(join(tmpdir(), 'audit-timeline-'));
    process.env.TMPDIR = folder;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ second: fc.nat(5), id: fc.nat(30) }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20_000 }),
        async (made, memory) => {
          // One event has one time: what is drawn twice is the same record twice.
          const accesses = made.map(({ id }) =>
            access({ eventID: `e${String(id)}`, eventTime: id === 7 ? null : `2026-11-21T10:00:0${String(id % 6)}Z` }),
          );
          const whole = (await through(accesses)).accesses;
          const spilled = (await through(accesses, { memory })).accesses;
          assert.deepEqual(spilled, whole);
          assert.deepEqual(
            whole.map(({ eventId }) => eventId).toSorted(),
            [...new Set(accesses.map(({ eventId }) => eventId))].toSorted(),
          );
          assert.deepEqual(
            whole.map(({ time }) => time ?? ''),
            whole.map(({ time }) => time ?? '').toSorted(),
          );
        },
      ),
      { numRuns: 60 },
    );
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    assert.deepEqual(readdirSync(folder), []);
    rmdirSync(folder);
  });

  it('merges more runs than it opens at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'audit-runs-'));
    const runs = runsIn(folder, 3);
    const entries = Array.from({ length: 200 }, (_, order) => ({
      at: (order * 77) % 13,
      order,
      line: `"ä\\n ${String(order)}"`,
    }));
    for (let from = 0; from < entries.length; from += 10) runs.add(sortRun(entries.slice(from, from + 10)));
    const merged = async () => (await Array.fromAsync(runs.merged())).flat();
    assert.deepEqual([await merged(), await merged()], [sortRun([...entries]), sortRun([...entries])]);
    assert.ok(runs.size <= 3 && readdirSync(folder).length === runs.size, 'what was merged is gone');
    rmSync(folder, { recursive: true });
  });

  it('ends when it is interrupted, while it is gone through', async () => {
    const stop = new AbortController();
    const going = withTimeline({ asked: null, memory: 1, signal: stop.signal }, async (lines) => {
      const sink = lines.sink(false);
      for (let count = 0; count < 1_000; count += 1) sink(access({}));
      for await (const batch of lines.close().batches()) if (batch.length > 0) stop.abort(new Error('stopped'));
    });
    await assert.rejects(going, /stopped/);
  });
});
