import assert from 'node:assert/strict';
import { athenaSource, type AthenaQuery } from '../../src/lib/audit/sources/athena.ts';
import { costText, dollars, estimateScan } from '../../src/lib/audit/sources/athena-cost.ts';
import { recordOf } from '../../src/lib/audit/sources/athena-rows.ts';
import type { RecordedAccess } from '../../src/lib/audit/event.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { askedRecords, otherRecords, readAs } from '../support/asked-trail.ts';
import { withS3 } from '../support/s3.ts';
import { failsWith } from '../support/failure.ts';
import { withSandbox } from '../support/sandbox.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { ACCOUNT, NAME, record, type Json } from '../support/trail.ts';

const DAY = 86_400_000;
const BUCKET = 'trail-example';
const ROOT = `AWSLogs/${ACCOUNT}/CloudTrail/us-east-1`;

describe('audit: Athena', () => {
  const s3 = withS3();
  const sandbox = withSandbox();
  beforeEach(() => {
    // The sandbox led every AWS variable to itself; afterwards they are put back.
    process.env.AWS_ENDPOINT_URL_S3 = s3().url;
    const file = (size: number) => ({ content: Buffer.alloc(size), metadata: {} });
    s3().denied.clear();
    s3().buckets.set(
      BUCKET,
      new Map([
        [`${ROOT}/2026/11/20/a.json.gz`, file(3_000_000)],
        [`${ROOT}/2026/11/21/b.json.gz`, file(1_000_000)],
        [`${ROOT}/2026/01/01/old.json.gz`, file(500_000)],
        [`AWSLogs/${ACCOUNT}/CloudTrail/eu-west-1/2026/11/21/c.json.gz`, file(700_000)],
        [`AWSLogs/444455556666/CloudTrail/us-east-1/2026/11/21/d.json.gz`, file(9_000_000)],
      ]),
    );
  });

  const now = () => sandbox().clock.now();
  const plant = (records: readonly Json[]) => {
    for (const one of records) sandbox().trail.plant(one as never);
  };
  const queryWith = (more: Partial<AthenaQuery> = {}): AthenaQuery => ({
    aws: { region: 'us-east-1' },
    url: `s3://${BUCKET}`,
    accounts: [ACCOUNT],
    regions: ['us-east-1'],
    table: 'default.jamf_mcp_cloudtrail',
    secret: NAME,
    window: { since: now() - 7 * DAY, until: now() },
    workgroup: undefined,
    outputLocation: undefined,
    ...more,
  });
  /** Read, and say yes when asked. */
  const read = async (more: Partial<AthenaQuery> = {}, context: SandboxContext = contextIn(sandbox())) => {
    context.answer(true);
    const found: RecordedAccess[] = [];
    const result = await athenaSource(queryWith(more)).read((access) => {
      found.push(access);
    }, context);
    return { ...result, found, ids: found.map(({ eventId }) => eventId), context };
  };
  const operations = () =>
    sandbox().calls.flatMap(({ service, operation }) => (service === 'athena' ? [operation] : []));

  it('finds what concerns the secret, by whatever place, and reads each as from a file', async () => {
    const asked = askedRecords(now() - 3 * DAY);
    plant([...otherRecords(now() - 3 * DAY), ...asked, ...askedRecords(now() - 8 * DAY)]);
    const { found, report, skipped } = await read();
    assert.deepEqual(found, readAs(asked));
    assert.equal(found.length, 7);
    assert.deepEqual(
      { ...report, scanned: 0 },
      {
        kind: 'athena',
        region: 'us-east-1',
        account: ACCOUNT,
        events: 7,
        complete: true,
        place: `s3://${BUCKET}/AWSLogs/`,
        scanned: 0,
      },
    );
    // It is charged for the partitions that it was bounded by alone.
    const narrow = await read({ window: { since: now() - DAY, until: now() } });
    assert.ok((report.scanned ?? 0) > 5_000);
    assert.ok(
      (narrow.report.scanned ?? 0) < 1_000 && (report.scanned ?? 0) < JSON.stringify(sandbox().trail.records).length,
    );
    assert.deepEqual(
      skipped.map(({ where }) => where),
      [`Athena over s3://${BUCKET}/AWSLogs/`, 'account 444455556666'],
    );
  });

  it('asks for every secret, or several accounts and Regions, as they are named', async () => {
    plant(otherRecords(now() - DAY));
    const ids = async (more: Partial<AthenaQuery>) => (await read(more)).ids.length;
    assert.deepEqual(
      [
        await ids({}),
        await ids({ regions: ['us-east-1', 'eu-west-1'] }),
        await ids({ accounts: [ACCOUNT, '999900001111'] }),
        await ids({ secret: null }),
      ],
      [0, 1, 1, 1],
    );
  });

  it('makes the table once, and finds it afterwards, for other Regions, too', async () => {
    await read();
    await read({ regions: ['us-east-1', 'ap-south-1'] });
    const [create = '', first = '', second = '', ...more] = sandbox().athena.statements;
    assert.match(create, /^CREATE EXTERNAL TABLE IF NOT EXISTS default\.jamf_mcp_cloudtrail \(/);
    assert.match(first, /^SELECT/);
    assert.match(second, /^SELECT[^]*region IN \('us-east-1', 'ap-south-1'\)/);
    assert.deepEqual(more, []);
  });

  it('refuses a table of that name that is another, before it asks or scans', async () => {
    await read();
    const started = sandbox().athena.statements.length;
    await assert.rejects(
      read({ url: `s3://${BUCKET}/elsewhere` }),
      failsWith(
        'CONFLICT',
        /jamf_mcp_cloudtrail is there, and is another: its files are s3:\/\/trail-example\/AWSLogs/,
        /audit\.athena\.table/,
      ),
    );
    assert.equal(sandbox().athena.statements.length, started);
    const { handlers } = sandbox().athena;
    const real = handlers.GetTableMetadata;
    const changed = async (
      change: (table: { Columns: unknown[]; PartitionKeys: unknown[]; Parameters: Json }) => void,
    ) => {
      handlers.GetTableMetadata = (...given) => {
        const output = structuredClone(real?.(...given)) as { TableMetadata: Parameters<typeof change>[0] };
        change(output.TableMetadata);
        return output;
      };
      let text = '';
      await read().catch((error: unknown) => {
        text = error instanceof JamfMcpError ? `${error.code}: ${error.message}` : String(error);
      });
      return text;
    };
    assert.match(
      await changed((table) => {
        table.Parameters['projection.region.type'] = 'enum';
      }),
      /^CONFLICT: .* its projection knows only some values of region$/,
    );
    assert.match(
      await changed((table) => {
        table.PartitionKeys.pop();
      }),
      /its partitions are account, region$/,
    );
    assert.match(await changed((table) => void table.Columns.pop()), /it has no column resources$/);
    // Where all is as it was made, nothing is refused.
    assert.equal(await changed(() => undefined), '');
  });

  it('tells what it will scan and what that costs, and does nothing unless it may', async () => {
    const context = contextIn(sandbox());
    context.answer(false);
    const source = athenaSource(queryWith());
    const sink = () => assert.fail('nothing is read');
    await assert.rejects(source.read(sink, context), failsWith('DECLINED', /nothing was scanned/));
    assert.deepEqual(
      context.questions.map(({ kind, text }) => [kind, text]),
      [
        [
          'confirm',
          'Athena will scan 10 days of s3://trail-example/AWSLogs/: 4.0 MB, less than $0.01 at $5 a TB. It makes the table default.jamf_mcp_cloudtrail first. Run it?',
        ],
      ],
    );
    await assert.rejects(
      source.read(sink, contextIn(sandbox())),
      failsWith('CONFIRMATION_REQUIRED', /Athena will scan/),
    );
    assert.deepEqual(operations(), ['GetTableMetadata', 'GetTableMetadata']);
  });

  it('samples where there are many partitions, and says about how much; asks all the same where it cannot list', async () => {
    const context = contextIn(sandbox());
    const wide = {
      aws: { region: 'us-east-1' },
      location: `s3://${BUCKET}/AWSLogs/`,
      accounts: [ACCOUNT],
      regions: ['us-east-1', 'eu-west-1', 'ap-south-1'],
      window: { since: now() - 300 * DAY, until: now() },
    };
    const files = s3().buckets.get(BUCKET);
    for (let day = 0; day < 310; day += 1) {
      const folder = new Date(now() - day * DAY).toISOString().slice(0, 10).replaceAll('-', '/');
      files?.set(`${ROOT}/${folder}/x.json.gz`, { content: Buffer.alloc(10_000), metadata: {} });
    }
    const listed = s3().calls.length;
    const estimate = await estimateScan(wide, context);
    assert.equal(estimate.partitions, 909);
    assert.equal(estimate.listed, 200);
    assert.ok(s3().calls.length - listed <= 202);
    // 302 days of 10 kB in one Region, 4.7 MB in the others.
    assert.ok((estimate.bytes ?? 0) > 2e6 && (estimate.bytes ?? 0) < 30e6, String(estimate.bytes));
    assert.match(costText(estimate), /^about .* MB, less than \$0\.01 at \$5 a TB$/);
    assert.deepEqual(estimate.others, ['444455556666']);
    assert.deepEqual([dollars(1), dollars(1e12), dollars(2.5e12)], ['less than $0.01', '$5.00', '$12.50']);

    const { context: asked } = await read({ url: 's3://no-such-bucket' });
    assert.match(asked.questions[0]?.text ?? '', /: how many bytes is not known, as the bucket cannot be listed\. It/);
    const told = asked.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
    assert.deepEqual(told, ['there is no bucket no-such-bucket']);
  });

  it('reads every page of a result, each row once, in order of time', async () => {
    const records = Array.from({ length: 2_300 }, (_, index) =>
      record({ eventTime: `${new Date(now() - DAY + index * 1_000).toISOString().slice(0, 19)}Z` }),
    );
    plant(records.toReversed());
    const { ids, report } = await read();
    assert.deepEqual(
      ids,
      records.map(({ eventID }) => eventID),
    );
    assert.equal(report.events, 2_300);
    assert.equal(operations().filter((operation) => operation === 'GetQueryResults').length, 3);
  });

  it('keeps the pages that it had where a later one fails, and tells that it is partial; throws where the first does', async () => {
    plant(Array.from({ length: 1_500 }, () => record({ eventTime: '2026-11-21T10:00:00Z' })));
    const fault = { kind: 'error', code: 'InvalidRequestException', message: 'gone' } as const;
    sandbox().inject({ operation: 'athena:GetQueryResults', nth: 2, fault });
    const { report, skipped } = await read();
    // The first row of the first page has the names.
    assert.deepEqual([report.events, report.complete], [999, false]);
    assert.match(skipped.at(-1)?.why ?? '', /^broke off after 1 pages, the newer accesses are missing: .*gone/);
    sandbox().inject({ operation: 'athena:GetQueryResults', fault });
    await assert.rejects(read(), failsWith('REMOTE_FAILED', /gone/));
  });

  it('stops the query on Ctrl-C, so that nothing more is scanned; where it cannot, it says how to', async () => {
    const interrupted = () => {
      const context = contextIn(sandbox());
      const sleep: SandboxContext['clock']['sleep'] = async (...given) => {
        if (sandbox().athena.statements.at(-1)?.startsWith('SELECT')) context.abort();
        await context.clock.sleep(...given);
      };
      return { ...context, clock: { ...context.clock, sleep } };
    };
    const first = interrupted();
    await assert.rejects(read({}, first), failsWith('INTERRUPTED', /^interrupted; Athena query \S+ was stopped$/));
    assert.equal(operations().at(-1), 'StopQueryExecution');

    const message = 'not now';
    sandbox().inject({
      operation: 'athena:StopQueryExecution',
      nth: 'every',
      fault: { kind: 'error', code: 'InvalidRequestException', message },
    });
    const second = interrupted();
    const told =
      /goes on, and could not be stopped: .*not now; stop it with `aws athena stop-query-execution --query-execution-id \S+`$/;
    await assert.rejects(read({}, second), failsWith('INTERRUPTED', told));
    assert.ok(second.events.some((event) => event.kind === 'warning' && told.test(event.text)));
  });

  it('stops a query that was being started when Ctrl-C came', async () => {
    await read();
    const context = contextIn(sandbox());
    const { handlers } = sandbox().athena;
    const real = handlers.StartQueryExecution;
    handlers.StartQueryExecution = (...given) => {
      context.abort();
      return real?.(...given);
    };
    await assert.rejects(read({}, context), failsWith('INTERRUPTED', /Athena query \S+ was stopped$/));
    assert.equal(operations().at(-1), 'StopQueryExecution');
  });

  it('stops a query that it can no longer ask about', async () => {
    sandbox().inject({
      operation: 'athena:GetQueryExecution',
      nth: 'every',
      fault: { kind: 'error', code: 'AccessDeniedException', message: 'no more', status: 400 },
    });
    await assert.rejects(read(), failsWith('ACCESS_DENIED', /GetQueryExecution failed: no more/));
    assert.equal(operations().at(-1), 'StopQueryExecution');
  });

  it('tells why Athena did not answer, and what to do', async () => {
    await assert.rejects(
      read({ workgroup: 'bare' }),
      failsWith('USAGE', /no place for its results/, /--output-location s3:/),
    );
    const { report } = await read({ workgroup: 'bare', outputLocation: 's3://results-example/audit' });
    assert.equal(report.complete, true);
    await assert.rejects(read({ workgroup: 'none' }), failsWith('REMOTE_FAILED', /WorkGroup none is not found/));
    await assert.rejects(
      read({ table: 'nowhere.trail' }),
      failsWith('REMOTE_FAILED', /^Athena query \S+ failed: .*Database does not exist: nowhere/),
    );
    // A query that was stopped by somebody else is not stopped again.
    const stopped = operations().filter((operation) => operation === 'StopQueryExecution').length;
    const { handlers } = sandbox().athena;
    const real = handlers.StartQueryExecution;
    handlers.StartQueryExecution = async (input, call) => {
      const output = (await real?.(input, call)) as { QueryExecutionId: string };
      await handlers.StopQueryExecution?.(output, call);
      return output;
    };
    await assert.rejects(read(), failsWith('REMOTE_FAILED', /was cancelled: no reason is told$/));
    assert.equal(operations().filter((operation) => operation === 'StopQueryExecution').length, stopped);
  });

  it('lets no name of a secret out of its literal: the statement that is run finds nothing else', async () => {
    plant(otherRecords(now() - DAY));
    const before = (await read()).ids;
    for (const secret of ["x') OR 1=1 --", "' OR 'a' = 'a", "x'); DROP TABLE default.jamf_mcp_cloudtrail; --", "\\'"]) {
      const { ids } = await read({ secret }).catch((error: unknown) => {
        assert.ok(error instanceof JamfMcpError && error.code === 'INPUT_INVALID', String(error));
        return { ids: [] };
      });
      assert.deepEqual(ids, before);
    }
    assert.ok(sandbox().athena.statements.every((statement) => /^(CREATE EXTERNAL|SELECT)/.test(statement)));
  });

  it('reads on where a column that should be JSON is not, and says so', () => {
    const { record: made, broken } = recordOf({
      eventname: 'GetSecretValue',
      requestparameters: '{"secretId":',
      responseelements: 'null',
      mfa: 'true',
    });
    assert.deepEqual(broken, ['requestparameters']);
    assert.deepEqual(made, {
      eventName: 'GetSecretValue',
      responseElements: null,
      userIdentity: { sessionContext: { attributes: { mfaAuthenticated: 'true' } } },
    });
  });
});
