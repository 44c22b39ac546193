import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import fc from 'fast-check';
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import type { AuditResult } from '../../src/lib/audit/audit.ts';
import { DETECTORS, inOrder } from '../../src/lib/audit/detectors/index.ts';
import { drawAudit, drawWritten } from '../../src/lib/audit/report.ts';
import { ACCOUNT, ARN, audited, facts, groupsOf, NAME, session, user } from '../support/trail.ts';

const ink = new Chalk({ level: 0 });

function result(accesses: readonly AuditedAccess[], more: Partial<AuditResult> = {}): AuditResult {
  const watches = DETECTORS.map((detector) => detector.start(facts()));
  for (const access of accesses) for (const watch of watches) watch.see(access);
  return {
    secret: { name: NAME, arn: ARN, store: 'aws' },
    window: { since: '2026-11-15T00:00:00.000Z', until: '2026-11-22T00:00:01.000Z' },
    sources: [
      { kind: 'lookup-events', region: 'us-east-1', account: ACCOUNT, events: accesses.length, complete: true },
    ],
    accesses: [...accesses],
    total: accesses.length,
    principals: groupsOf(accesses),
    findings: inOrder(watches.flatMap((watch) => watch.findings())),
    unexplained: accesses.filter(({ explanation }) => explanation === null).length,
    asked: [],
    suppressed: [],
    skipped: [],
    ...more,
  };
}

const start = { kind: 'task-start', ref: 'task' } as const;
const week = [
  ...[1, 2, 3].map((day) =>
    audited(
      { userIdentity: session('ecsTaskExecutionRole', 'x'), eventTime: `2026-11-1${String(day)}T10:00:00Z` },
      start,
    ),
  ),
  audited({ userIdentity: user('legacy-ci'), errorCode: 'AccessDenied', eventTime: '2026-11-21T23:14:00Z' }),
];

describe('audit: report', () => {
  it('starts with what is unexplained, and groups by principal', () => {
    const [headline, about, window, blank, header, ...rows] = drawAudit(result(week), { ink, width: 120 }).split('\n');
    assert.equal(headline, '1 of 4 accesses unexplained');
    assert.equal(about, `${NAME} in us-east-1 of ${ACCOUNT}`);
    assert.equal(window, '2026-11-15 00:00 to 2026-11-22 00:00 UTC');
    assert.equal(blank, '');
    assert.match(header ?? '', /^principal +accesses +first +last +outcome +explanation$/);
    assert.match(rows[0] ?? '', /^user\/legacy-ci +1 +2026-11-21 23:14 +2026-11-21 23:14 +1 denied +1 unexplained$/);
    assert.match(
      rows[1] ?? '',
      /^role\/ecsTaskExecutionRole +3 +2026-11-11 10:00 +2026-11-13 10:00 +3 ok +3 task-start$/,
    );
  });

  it('tells the accounts of principals apart where files hold several, and of none where they hold one', () => {
    const of = (account: string) =>
      audited({ userIdentity: { ...user('ci'), arn: `arn:aws:iam::${account}:user/ci`, accountId: account } });
    const sources = [{ kind: 'files' as const, region: null, account: null, events: 1, complete: true, files: 1 }];
    const rows = (...accounts: string[]) =>
      drawAudit(result(accounts.map(of), { sources }), { ink, width: 120 })
        .split('\n')
        .filter((line) => line.startsWith('user/ci'))
        .map((line) => line.split('  ')[0]);
    assert.deepEqual(rows('111122223333', '444455556666').toSorted(), [
      'user/ci of 111122223333',
      'user/ci of 444455556666',
    ]);
    assert.deepEqual(rows('111122223333'), ['user/ci']);
  });

  it('names no beginning where there is none', () => {
    const window = { since: null, until: '2026-11-22T00:00:01.000Z' };
    const [, , line] = drawAudit(result(week, { window }), { ink, width: 80 }).split('\n');
    assert.equal(line, 'all to 2026-11-22 00:00 UTC');
  });

  it('says that nothing was read, which is not that there was nothing', () => {
    const sources = [{ kind: 'files' as const, region: null, account: null, events: 0, complete: false, files: 0 }];
    const drawn = (files: number) =>
      drawAudit(result([], { sources: sources.map((source) => ({ ...source, files })) }), { ink, width: 80 });
    assert.match(drawn(0), /^nothing was read\n/);
    assert.match(drawn(1), /^no accesses: /);
  });

  it('names the principals that were asked for', () => {
    const asked = ['role/ci', 'user/\u001b[2Jalice'];
    const lines = drawAudit(result(week, { asked }), { ink, width: 80 }).split('\n');
    assert.equal(lines[2], 'by role/ci, user/\\x1b[2Jalice alone');
    assert.match(drawAudit(result([], { asked }), { ink, width: 80 }), /^no accesses by them: /);
  });

  it('names a few places, and counts many', () => {
    const source = (region: string | null, account: string | null, kind = 'lookup-events') =>
      ({ kind, region, account, events: 0, complete: true }) as const;
    const where = (...sources: AuditResult['sources']) =>
      drawAudit(result(week, { sources }), { ink, width: 80 }).split('\n')[1];
    const regions = ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-north-1'];
    const here = regions.map((region) => source(region, ACCOUNT));
    assert.equal(where(...here.slice(0, 1)), `${NAME} in us-east-1 of ${ACCOUNT}`);
    assert.equal(where(...here), `${NAME} in 4 Regions of ${ACCOUNT}`);
    const there = regions.map((region) => source(region, '444455556666'));
    assert.equal(where(...here, ...there), `${NAME} in 4 Regions of 2 accounts`);
    assert.equal(
      where(...['1', '2', '3', '4'].map((account) => source('us-east-1', account))),
      `${NAME} in us-east-1 of 4 accounts`,
    );
    const files = [2, 3].map((count) => ({ ...source(null, null, 'files'), files: count }));
    assert.equal(where(...files), `${NAME} in 5 files`);
    const athena = { ...source(null, ACCOUNT, 'athena'), place: 's3://trail/AWSLogs/' };
    assert.equal(where(athena), `${NAME} in s3://trail/AWSLogs/`);
  });

  it('tells what is suppressed, by whose word and until when', () => {
    const one = (id: string, reason: string) =>
      ({ id, severity: 'high', title: `somebody did ${id}`, count: 2, reason, until: '2026-12-31' }) as const;
    const suppressed = [
      ...Array.from({ length: 7 }, (_, index) => one(`thing ${String(index + 1)}`, 'OPS-1: \u202emigration')),
      one('another thing', 'OPS-2'),
    ];
    const report = result(week, { suppressed });
    const drawn = drawAudit(report, { ink, width: 80 });
    const section = drawn.split('\n\n').find((part) => part.startsWith('suppressed\n'));
    assert.deepEqual(
      section?.split('\n').map((line) => line.trim().replace(/ +/g, ' ')),
      [
        'suppressed',
        '7 findings until 2026-12-31: OPS-1: \\u202emigration',
        ...[1, 2, 3, 4, 5].map((number) => `high: somebody did thing ${String(number)}`),
        'and 2 more',
        '1 finding until 2026-12-31: OPS-2',
        'high: somebody did another thing',
      ],
    );
    const written = drawWritten(report, { file: 'audit.html', bytes: 900 }, { ink, width: 80 });
    assert.match(written, /\n\d+ findings?, 8 suppressed\nwrote audit\.html \(900 bytes\)/);
  });

  for (const width of [80, 120]) {
    it(`fits ${String(width)} columns`, () => {
      const drawn = drawAudit(
        result(week, { skipped: [{ where: 'CloudTrail LookupEvents in us-east-1', why: 'late '.repeat(40).trim() }] }),
        { ink, width },
      );
      for (const line of drawn.split('\n')) assert.ok(line.length <= width, line);
      assert.match(drawn, /high +arn:aws:iam::111122223333:user\/legacy-ci was refused once/);
      assert.match(drawn, /not looked at/);
    });
  }

  it('says so when there is nothing', () => {
    const drawn = drawAudit(result([]), { ink, width: 80 });
    assert.match(drawn, /^no accesses: none in that time, or no secret of that name\n/);
    assert.doesNotMatch(drawn, /principal|findings|not looked at/);
  });

  it('lets nobody draw on the terminal', () => {
    const hostile = '\u001b[2J\u001b]0;owned\u0007\r\n\u009b31m\u202e<script>';
    const accesses = [
      audited({
        userAgent: hostile,
        eventName: hostile,
        awsRegion: hostile,
        sourceIPAddress: hostile,
        errorCode: `AccessDenied${hostile}`,
        errorMessage: `User: x is not authorized to perform: a:b on resource: c with an explicit deny in a ${hostile} policy`,
        userIdentity: { type: hostile, arn: hostile, accountId: hostile, accessKeyId: `AKIA${hostile}` },
      }),
    ];
    const drawn = drawAudit(
      result(accesses, {
        secret: { name: hostile, arn: null, store: 'aws' },
        skipped: [{ where: hostile, why: hostile }],
        sources: [{ kind: 'x', region: hostile, account: hostile, events: 1, complete: true }],
      }),
      { ink, width: 100 },
    );
    assert.doesNotMatch(drawn, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    assert.match(drawn, /\\x1b\[2J/);
  });

  it('draws whatever a record holds', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.dictionary(
            fc.constantFrom('userIdentity', 'eventName', 'eventTime', 'errorCode', 'sourceIPAddress'),
            fc.jsonValue(),
            { noNullPrototype: true },
          ),
          { maxLength: 5 },
        ),
        fc.integer({ min: 40, max: 200 }),
        (records, width) => {
          assert.match(
            drawAudit(result(records.map((members) => audited(members))), { ink, width }),
            /unexplained|no accesses/,
          );
        },
      ),
    );
  });
});
