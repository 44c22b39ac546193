import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import type { AuditResult } from '../../src/lib/audit/audit.ts';
import { CSV_COLUMNS } from '../../src/lib/audit/reports/csv.ts';
import { openReport, REPORT_FORMATS, reported, type Out } from '../../src/lib/audit/reports/index.ts';
import { Secret } from '../../src/lib/redact.ts';
import { findingOf, HOSTILE, hostileAccess, reportOf, resultOf } from '../support/reports.ts';
import { ARN, audited, NAME, user } from '../support/trail.ts';

const hostile = () => {
  const accesses = [hostileAccess(), hostileAccess({}, { kind: 'known-caller', ref: HOSTILE, why: HOSTILE })];
  return resultOf(accesses, {
    secret: { name: HOSTILE, arn: null, store: 'aws' },
    findings: [findingOf(accesses)],
    skipped: [{ where: HOSTILE, why: HOSTILE }],
    sources: [{ kind: HOSTILE, region: HOSTILE, account: HOSTILE, events: 1, complete: false }],
  });
};

const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

interface SarifRun {
  tool: { driver: { rules: { id: string; properties: { tags: string[] } }[] } };
  invocations: { toolExecutionNotifications: { message: { text: string } }[] }[];
  results: {
    ruleId: string;
    level: string;
    message: { text: string };
    locations: { physicalLocation: { artifactLocation: { uri: string } } }[];
    relatedLocations?: unknown[];
    partialFingerprints: Record<string, string>;
  }[];
}

const sarifOf = async (result: AuditResult) => {
  const [run] = (JSON.parse(await reportOf('sarif', result)) as { runs: SarifRun[] }).runs;
  assert.ok(run);
  return run;
};

describe('audit: reports', () => {
  for (const format of REPORT_FORMATS) {
    it(`${format}: lets nobody write what a terminal acts on`, async () => {
      const text = await reportOf(format, hostile());
      assert.doesNotMatch(text.replaceAll('\r\n', '\n'), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
      // It is there, as text.
      assert.match(text, /alert\(1\)/);
    });

    it(`${format}: holds no secret value that somebody has put into a record`, async () => {
      const value = 'EXAMPLE-planted-value-5d1e';
      assert.ok(new Secret(value));
      const access = audited({ userAgent: `x ${value}`, requestParameters: { secretId: ARN, versionStage: value } });
      const text = await reportOf(
        format,
        resultOf([access], {
          findings: [findingOf([access], { why: value })],
          skipped: [{ where: value, why: value }],
        }),
      );
      assert.ok(text.length > 0);
      assert.ok(!text.includes(value));
    });

    it(`${format}: can tell of nothing`, async () => {
      const text = await reportOf(format, resultOf([]));
      assert.doesNotMatch(text, /NaN|undefined|Infinity|Invalid/);
    });

    it(`${format}: takes accesses of any time, and of none`, async () => {
      const accesses = ['0001-01-01T00:00:00Z', '1969-12-31T23:00:00Z', '9999-12-31T23:59:59Z', null].map((eventTime) =>
        audited({ eventTime }),
      );
      const text = await reportOf(format, resultOf(accesses, { window: { since: null, until: null } }));
      assert.doesNotMatch(text, /NaN|undefined|Infinity|Invalid/);
    });
  }

  it('gives the result as --json does', async () => {
    const result = resultOf([audited()]);
    assert.deepEqual(JSON.parse(await reportOf('json', result)), JSON.parse(JSON.stringify(result)));
  });

  it('gives every access as a line of NDJSON, listed or not, then the findings, then the rest', async () => {
    const accesses = [audited(), hostileAccess()];
    const result = resultOf(accesses.slice(0, 1), { total: 2, findings: [findingOf(accesses)] });
    const found = lines(await reportOf('ndjson', result, accesses));
    assert.deepEqual(
      found.map((line) => Object.keys(line)),
      [['access'], ['access'], ['finding'], ['audit']],
    );
    assert.deepEqual(found[1]?.access, JSON.parse(JSON.stringify(accesses[1])));
    const audit = found[3]?.audit as Partial<AuditResult>;
    assert.deepEqual([audit.total, audit.accesses, audit.findings], [2, undefined, undefined]);
  });

  it('gives every access as a row of CSV, under the same columns', async () => {
    const text = await reportOf(
      'csv',
      resultOf([audited({ userAgent: '=1+1' }, { kind: 'rotation', ref: 'r1', why: 'w, w' }), hostileAccess()]),
    );
    const [header, row, bad, ...rest] = text.split('\r\n');
    assert.deepEqual(rest, ['']);
    assert.equal(header, CSV_COLUMNS.map(({ name }) => `"${name}"`).join(','));
    assert.match(row ?? '', /^"2026-11-21T10:00:00.000Z","GetSecretValue","success",true,"rotation","r1","w, w",/);
    assert.match(row ?? '', /,"'=1\+1",/);
    assert.doesNotMatch(bad ?? '', /(?:^|[,;|])"?[=+\-@]/);
    const empty = await reportOf('csv', resultOf([]));
    assert.equal(empty, `${header}\r\n`, 'the columns, where there is no row');
  });

  it('has every column and every format told in docs/audit-reports.md', async () => {
    const told = await readFile(new URL('../../docs/audit-reports.md', import.meta.url), 'utf8');
    const rows = [...told.matchAll(/^\| `([a-z_]+)` +\| (.+?) +\|/gm)].map(
      ([, name, means]) => `${name ?? ''}: ${means ?? ''}`,
    );
    assert.deepEqual(
      rows.slice(REPORT_FORMATS.length),
      CSV_COLUMNS.map(({ name, means }) => `${name}: ${means}`),
    );
    assert.deepEqual(
      rows.slice(0, REPORT_FORMATS.length).map((row) => row.split(':')[0]),
      [...REPORT_FORMATS],
    );
  });

  it('tells SARIF where, by which rule, and keeps fingerprints', async () => {
    const accesses = [audited()];
    const found = (more: readonly AuditedAccess[]) =>
      resultOf([...accesses, ...more], {
        findings: [
          findingOf([...accesses, ...more], { id: 'denied-access:a', severity: 'medium' }),
          findingOf(accesses, { id: 'local-store:gap', severity: 'critical' }),
        ],
        skipped: [{ where: 'one.json', why: 'it is not there' }],
      });
    const run = await sarifOf(found([]));
    assert.deepEqual(
      run.results.map(({ ruleId, level }) => [ruleId, level]),
      [
        ['denied-access', 'warning'],
        ['local-store', 'error'],
      ],
    );
    assert.equal(decodeURIComponent(run.results[0]?.locations[0]?.physicalLocation.artifactLocation.uri ?? ''), ARN);
    assert.equal(run.results[0]?.relatedLocations?.length, 1);
    assert.deepEqual(run.tool.driver.rules[0]?.properties.tags, ['security', 'audit', 'T1555.006']);
    assert.equal(run.invocations[0]?.toolExecutionNotifications[0]?.message.text, 'one.json: it is not there');
    const later = await sarifOf(found([audited({ eventTime: '2026-11-22T01:00:00Z' })]));
    assert.deepEqual(
      later.results.map(({ partialFingerprints }) => partialFingerprints),
      run.results.map(({ partialFingerprints }) => partialFingerprints),
    );
    assert.equal(new Set(run.results.map((one) => one.partialFingerprints.primaryLocationLineHash)).size, 2);
    // Of two results of one rule at one place each keeps its own, whichever comes first.
    const two = ['a', 'b'].map((name) => findingOf(accesses, { id: `denied-access:${name}` }));
    const prints = async (findings: typeof two) =>
      (await sarifOf(resultOf(accesses, { findings }))).results.map(({ partialFingerprints }) => partialFingerprints);
    assert.deepEqual(await prints(two), (await prints(two.toReversed())).toReversed());
  });

  it('tells what was suppressed, as such, and by whose reason', async () => {
    const one = { id: 'long-term-key:x', severity: 'medium', title: HOSTILE, count: 1 } as const;
    const result = resultOf([], { suppressed: [{ ...one, reason: 'known [for](long)', until: '2026-12-31' }] });
    const [found] = (await sarifOf(result)).results as unknown as { suppressions: unknown[]; ruleId: string }[];
    assert.deepEqual(
      [found?.ruleId, found?.suppressions],
      [
        'long-term-key',
        [{ kind: 'external', status: 'accepted', justification: 'known [for] (long) (until 2026-12-31)' }],
      ],
    );
    const html = await reportOf('html', result);
    assert.match(html, /Set aside by a suppression[^]*known \[for\]\(long\)[^]*2026-12-31/);
    assert.doesNotMatch(html, /<script/);
  });

  it('lets nobody make a link in a SARIF message', async () => {
    const run = await sarifOf(hostile());
    assert.match(run.results[0]?.message.text ?? '', /\[click\] \(https/);
    for (const { message } of run.results) assert.doesNotMatch(message.text, /\]\(/);
  });

  it('places a SARIF result of all secrets at the one that it is about, or at none', async () => {
    const other = { ...audited(), secret: ARN.replace('production', 'staging') };
    const uris = async (finding: ReturnType<typeof findingOf>) => {
      const run = await sarifOf(resultOf([audited(), other], { secret: null, findings: [finding] }));
      return run.results.map((one) =>
        decodeURIComponent(one.locations[0]?.physicalLocation.artifactLocation.uri ?? ''),
      );
    };
    assert.deepEqual(await uris(findingOf([], { id: `rotation-failed:${ARN}` })), [ARN]);
    assert.deepEqual(await uris(findingOf([other])), [other.secret]);
    assert.deepEqual(await uris(findingOf([], { id: 'harvest:arn:aws:iam::1:user/x' })), ['all secrets']);
  });

  it('makes nothing in HTML of what a stranger wrote but text', async () => {
    const text = await reportOf('html', hostile());
    assert.doesNotMatch(text, /<script|<img|onerror=alert\(1\)>|onload="x"/);
    assert.match(text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
    assert.equal(text.match(/<style>/g)?.length, 1);
    const tags = text.match(/<[a-z][^>]*>/g) ?? [];
    for (const tag of tags)
      assert.doesNotMatch(
        tag.replaceAll(/ (?:title|data-label|aria-label|datetime)="[^"]*"/g, ''),
        / (?:style|src|on[a-z]+)=|javascript:|<link/,
      );
    // Addresses that a click leads to are ours: within the page, or to the techniques.
    for (const [, address] of text.matchAll(/href="([^"]*)"/g))
      assert.match(address ?? '', /^(?:#[a-z]+|https:\/\/attack\.mitre\.org\/techniques\/T1555\/006\/)$/);
    const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const [, id] of text.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.includes(id));
    for (const [, names] of text.matchAll(/aria-(?:labelledby|describedby)="([^"]+)"/g))
      for (const id of names?.split(' ') ?? []) assert.ok(ids.includes(id), id);
  });

  it('begins the HTML with the reads that nothing explains, of all there were', async () => {
    const start = { kind: 'task-start', ref: 'task' } as const;
    const reads = Array.from({ length: 1_204 }, (_, index) => audited({}, index < 1_201 ? start : null));
    const others = [audited({ eventName: 'PutSecretValue' }, start), audited({ errorCode: 'AccessDenied' })];
    const headline = (text: string) =>
      /<p class="headline[^>]*>([^]*?)<\/p>/.exec(text)?.[1]?.replaceAll(/<[^>]+>/g, '');
    const text = await reportOf('html', resultOf([...reads, ...others]));
    assert.equal(headline(text), '3 of 1,204 reads unexplained');
    assert.match(text, /<p>And <b class="bad">1<\/b> of 2 other accesses: /);
    const onlyOthers = await reportOf('html', resultOf([...reads.slice(0, 5), ...others]));
    assert.match(onlyOthers, /<p class="headline good">/, 'the headline is of reads');
    assert.match(onlyOthers, /<p>And <b class="bad">1<\/b> of 2 other/);
    assert.match(text, /<p class="headline bad">/);
    assert.match(await reportOf('html', resultOf(reads.slice(0, 5))), /<p class="headline good">/);
    assert.equal(headline(await reportOf('html', resultOf(others))), '1 of 2 accesses unexplained');
    assert.equal(headline(await reportOf('html', resultOf([]))), 'No accesses');
  });

  it('has in the HTML all that an auditor asks for', async () => {
    const accesses = [audited(), audited({ eventName: 'DescribeSecret' }, { kind: 'self', ref: 'x' })];
    const stopped = { ...audited({ eventName: 'StopLogging', eventID: 'stop-1' }), context: true };
    const result = resultOf(accesses, {
      asked: ['role/ci'],
      findings: [findingOf(accesses, { id: 'harvest:x' }), findingOf([stopped], { id: 'trail-off:x', count: 250 })],
      skipped: [{ where: 'eu-west-1', why: 'no permission' }],
      sources: [{ kind: 'lookup-events', region: 'us-east-1', account: '111122223333', events: 2, complete: false }],
    });
    const text = await reportOf('html', result, [...accesses, stopped]);
    for (const part of [
      /<h2 id="timeline">/,
      /aria-labelledby="readers-chart-title/,
      /aria-labelledby="hours-chart-title/,
      /<table class="matrix"/,
      /This report is partial\./,
      /eu-west-1<\/th><td[^>]*>no permission/,
      /before 15 Nov 2026 00:00 UTC/,
      /only these were asked for: role\/ci/,
      /<p>Only what was done by role\/ci\.<\/p>/,
      // Evidence that no list of accesses has, and what is not named.
      /stop-1<\/small>/,
      /249 further events of the same kind are not named here/,
      /known who, not what for/,
    ])
      assert.match(text, part);
    assert.ok(text.includes(NAME));
  });

  it('bounds the HTML, however many principals and secrets there are', async () => {
    const accesses = Array.from({ length: 3_000 }, (_, index) => ({
      ...audited({ userIdentity: user(`user-${String(index)}`) }),
      secret: `secret-${String(index % 700)}`,
    }));
    const text = await reportOf('html', resultOf(accesses, { secret: null }));
    assert.equal(text.match(/<th scope="col" class="column"/g)?.length, 12);
    const [matrix = ''] = /<table class="matrix"[^]*?<\/table>/.exec(text) ?? [];
    assert.equal(matrix.match(/<tr><th scope="row"/g)?.length, 13);
    assert.ok(text.length < 1_000_000, String(text.length));
    // Nobody is lost in "others".
    const sums = [...matrix.matchAll(/<td class="total">([\d,]+)/g)].map(([, sum]) => Number(sum?.replace(',', '')));
    assert.equal(
      sums.reduce((all, sum) => all + sum, 0),
      3_000,
    );
  });

  it('is well-formed, whatever a record holds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.dictionary(
            fc.constantFrom('userIdentity', 'eventName', 'eventTime', 'errorCode', 'sourceIPAddress', 'userAgent'),
            fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constant(HOSTILE)),
            { noNullPrototype: true },
          ),
          { maxLength: 4 },
        ),
        async (records) => {
          const accesses = records.map((members) => audited(members));
          const result = resultOf(accesses, { findings: [findingOf(accesses)] });
          for (const line of lines(await reportOf('ndjson', result))) assert.equal(Object.keys(line).length, 1);
          for (const line of lines(await reportOf('ocsf', result)))
            assert.ok([6003, 2004].includes(Number(line.class_uid)));
          assert.ok(JSON.parse(await reportOf('sarif', result)));
          const html = await reportOf('html', result);
          for (const name of [
            'table',
            'tr',
            'td',
            'th',
            'section',
            'article',
            'svg',
            'g',
            'text',
            'small',
            'span',
            'details',
          ])
            assert.equal(
              html.match(new RegExp(`<${name}[ >]`, 'g'))?.length,
              html.match(new RegExp(`</${name}>`, 'g'))?.length,
              name,
            );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('writes in large pieces, waits for each, and gives up with what the place says', async () => {
    const written: number[] = [];
    let discarded = 0;
    const out = (most: number): Out => ({
      async write(text) {
        await new Promise((resolve) => setImmediate(resolve));
        if (written.length >= most) throw new Error('the disk is full');
        written.push(text.length);
      },
      commit: () => Promise.resolve(7),
      discard: () => {
        discarded += 1;
        return Promise.resolve();
      },
    });
    const accesses = Array.from({ length: 500 }, () => audited());
    const run = async (most: number) => {
      const report = await openReport('ndjson', { version: '1', now: 0 });
      return await reported(report, out(most), async ({ emit }) => {
        for (const access of accesses) await emit?.(access);
        return resultOf([]);
      });
    };
    assert.equal((await run(Infinity)).bytes, 7);
    assert.ok(written.length < 20 && Math.min(...written.slice(0, -1)) >= 65_536);
    assert.equal(discarded, 0);
    written.length = 0;
    await assert.rejects(run(1), /the disk is full/);
    assert.equal(discarded, 1);
  });
});
