import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { gapsOf } from '../../src/lib/audit/sources/lookup-cache.ts';
import { lookupEvents } from '../../src/lib/audit/sources/lookup-events.ts';
import type { SourceReport } from '../../src/lib/audit/sources/source.ts';
import { withSandbox } from '../support/sandbox.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { ACCOUNT, record, type Json } from '../support/trail.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('audit: what LookupEvents has told is kept', () => {
  const sandbox = withSandbox();
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-lookup-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const now = () => sandbox().clock.now();
  const plant = (agoMs: number, members: Json = {}) => {
    const planted = record({ eventTime: `${new Date(now() - agoMs).toISOString().slice(0, 19)}Z`, ...members });
    sandbox().trail.plant(planted as never);
    return String(planted.eventID);
  };
  const evenly = (count: number, apartMs: number) =>
    Array.from({ length: count }, (_, index) => plant(MINUTE + index * apartMs));

  interface Run {
    ids: string[];
    report: SourceReport;
    calls: number;
    throttled: number;
    warnings: string[];
  }

  async function look(sinceMs = 7 * DAY, account: string = ACCOUNT, cache: string | undefined = folder): Promise<Run> {
    const before = sandbox().calls.length;
    const ids: string[] = [];
    const context = contextIn(sandbox());
    const window = { since: now() - sinceMs, until: now() };
    const { report } = await lookupEvents({ aws: {}, region: 'us-east-1', account, window, cache }).read((access) => {
      ids.push(access.eventId);
    }, context);
    const calls = sandbox()
      .calls.slice(before)
      .filter(({ operation }) => operation === 'LookupEvents');
    return {
      ids: ids.sort(),
      report,
      calls: calls.length,
      throttled: calls.filter(({ outcome }) => outcome.includes('Throttling')).length,
      warnings: context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : [])),
    };
  }

  const files = async () => {
    const names = await readdir(folder, { recursive: true });
    return names.filter((name) => name.endsWith('.jsonl.gz')).map((name) => join(folder, name));
  };

  it('reads 10,000 events without a throttled call, and the second time only the new tail', async function () {
    this.timeout(60_000);
    const planted = evenly(10_000, 60_000);
    const first = await look();
    assert.deepEqual(first.ids, planted.sort());
    assert.deepEqual([first.throttled, first.report.cached, first.report.complete], [0, 0, true]);
    assert.ok(first.calls >= 200 && first.calls <= 203, String(first.calls));
    const later = [plant(-30_000), plant(-90_000)];
    sandbox().clock.advance(2 * MINUTE);
    const second = await look();
    assert.deepEqual(second.ids, [...planted, ...later].sort());
    assert.ok(second.calls <= 3, `${String(second.calls)} calls the second time`);
    assert.equal(second.throttled, 0);
    assert.ok(Number(second.report.cached) > 9_800);
  });

  it('says beforehand how long it will take, where it is long, and what is faster', async function () {
    this.timeout(60_000);
    evenly(16_000, 30_000);
    const { warnings } = await look();
    assert.equal(warnings.length, 1);
    const [, events] =
      /about ([\d,]+) events, 3 minutes more; .*audit s3.*--source athena/.exec(warnings[0] ?? '') ?? [];
    const told = Number(events?.replaceAll(',', ''));
    assert.ok(told > 15_000 && told < 21_500, warnings[0]);
  });

  it('asks again for what may still come, and finds what came late', async () => {
    plant(3 * HOUR);
    await look(DAY);
    const late = [plant(10 * MINUTE), plant(25 * MINUTE)];
    const { ids, calls } = await look(DAY);
    for (const id of late) assert.ok(ids.includes(id));
    assert.equal(calls, 1);
  });

  it('fills the gap before, between and after what is there', async () => {
    const old = plant(5 * DAY);
    const middle = plant(30 * HOUR);
    await look(DAY);
    const wide = await look(6 * DAY);
    assert.deepEqual(wide.ids, [old, middle].sort());
    const [one] = (await files()).sort();
    await rm(one ?? '');
    const again = await look(6 * DAY);
    assert.deepEqual(again.ids, [old, middle].sort());
    assert.equal(again.report.calls, 2);
    assert.equal((await look(6 * DAY)).report.calls, 1);
  });

  it('leaves out what is there of the time before the window', async () => {
    plant(DAY + 20 * MINUTE);
    const inside = plant(DAY - 20 * MINUTE);
    await look(2 * DAY);
    const { ids, calls } = await look(DAY);
    assert.deepEqual([ids, calls], [[inside], 1]);
  });

  for (const [how, spoil] of [
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -9)],
    ['with a bit turned', (bytes: Buffer) => bytes.map((byte, at) => (at === 20 ? byte ^ 1 : byte))],
    ['replaced', () => Buffer.from('not gzip')],
  ] as const) {
    it(`drops a file that is ${how}, and reads its hours again`, async () => {
      const planted = evenly(120, 20 * MINUTE);
      const first = await look();
      const all = await files();
      assert.ok(all.length >= 2);
      const [spoilt = ''] = all;
      await writeFile(spoilt, spoil(await readFile(spoilt)));
      const second = await look();
      assert.deepEqual(second.ids, planted.sort());
      assert.ok(Number(second.report.cached) > 0 && second.calls < first.calls + 1);
      assert.deepEqual((await files()).sort(), all.sort());
    });
  }

  it('keeps what it has read of a run that breaks off', async () => {
    const planted = evenly(300, 30 * MINUTE);
    for (let nth = 4; nth < 12; nth += 1)
      sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth, fault: { kind: 'throttle' } });
    const first = await look();
    assert.deepEqual([first.report.complete, first.report.events], [false, 150]);
    sandbox().clock.advance(MINUTE);
    const second = await look();
    assert.deepEqual(second.ids, planted.sort());
    assert.ok(Number(second.report.cached) >= 90, String(second.report.cached));
    const left = await readdir(folder, { recursive: true });
    assert.deepEqual(
      left.filter((name) => name.endsWith('.partial')),
      [],
    );
  });

  it('is for its owner alone, and has no value of a secret in it', async () => {
    const value = 'SECRET-VALUE-EXAMPLE-0123456789';
    plant(5 * HOUR, { eventName: 'PutSecretValue', requestParameters: { secretId: 'x', secretString: value } });
    await look();
    for (const file of await files()) {
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.ok(
        !gunzipSync(await readFile(file))
          .toString()
          .includes(value),
      );
    }
    assert.equal((await stat(join(folder, ACCOUNT))).mode & 0o777, 0o700);
    assert.equal((await look()).report.cached, 1);
  });

  it('keeps apart accounts, and keeps nothing for an emulator or where it cannot write', async () => {
    plant(5 * HOUR);
    await look();
    assert.equal((await look(7 * DAY, '444455556666')).report.cached, 0);
    const before = await files();
    await look(7 * DAY, '000000000000');
    assert.deepEqual(await files(), before);
    await writeFile(join(folder, 'file'), '');
    const { report } = await look(7 * DAY, ACCOUNT, join(folder, 'file', 'below'));
    assert.deepEqual([report.complete, report.events], [true, 1]);
  });

  it('tells the gaps, newest first', () => {
    const spans = [
      { since: 10, until: 20 },
      { since: 40, until: 50 },
    ];
    assert.deepEqual(gapsOf({ since: 0, until: 60 }, spans), [
      { since: 50, until: 60 },
      { since: 20, until: 40 },
      { since: 0, until: 10 },
    ]);
    assert.deepEqual(gapsOf({ since: 12, until: 45 }, spans), [{ since: 20, until: 40 }]);
    assert.deepEqual(gapsOf({ since: 0, until: 9 }, []), [{ since: 0, until: 9 }]);
  });
});
