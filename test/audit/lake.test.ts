import assert from 'node:assert/strict';
import { lakeSource, type LakeQuery } from '../../src/lib/audit/sources/lake.ts';
import { lakeSql, storeId } from '../../src/lib/audit/sql-lake.ts';
import type { RecordedAccess } from '../../src/lib/audit/event.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { EVENT_DATA_STORE } from '../../src/lib/sandbox/lake.ts';
import { askedRecords, otherRecords, readAs } from '../support/asked-trail.ts';
import { failsWith } from '../support/failure.ts';
import { withSandbox } from '../support/sandbox.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { grammars, type Grammar } from '../support/sql-grammar.ts';
import { ACCOUNT, ARN, NAME, record, type Json } from '../support/trail.ts';

const DAY = 86_400_000;

describe('audit: CloudTrail Lake', () => {
  const sandbox = withSandbox();
  const now = () => sandbox().clock.now();
  const plant = (records: readonly Json[]) => {
    for (const one of records) sandbox().trail.plant(one as never);
  };
  const queryWith = (more: Partial<LakeQuery> = {}): LakeQuery => ({
    aws: { region: 'us-east-1' },
    store: undefined,
    accounts: [ACCOUNT],
    regions: ['us-east-1'],
    secret: NAME,
    window: { since: now() - 7 * DAY, until: now() },
    ...more,
  });
  const read = async (more: Partial<LakeQuery> = {}, context: SandboxContext = contextIn(sandbox())) => {
    context.answer(true);
    const found: RecordedAccess[] = [];
    const result = await lakeSource(queryWith(more)).read((access) => {
      found.push(access);
    }, context);
    return { ...result, found, ids: found.map(({ eventId }) => eventId), context };
  };
  const operations = () => sandbox().calls.map(({ operation }) => operation);

  it('finds what concerns the secret, by whatever place, and reads each as from a file', async () => {
    const asked = askedRecords(now() - 3 * DAY);
    plant([...otherRecords(now() - 3 * DAY), ...asked, ...askedRecords(now() - 8 * DAY)]);
    const { found, report, skipped, context } = await read();
    assert.deepEqual(found, readAs(asked));
    assert.deepEqual([report.kind, report.events, report.complete, report.place], ['lake', 7, true, 'sandbox']);
    assert.deepEqual(
      skipped.map(({ where }) => where),
      ['CloudTrail Lake in sandbox'],
    );
    assert.match(
      context.questions[0]?.text ?? '',
      /^CloudTrail Lake will scan the event data store sandbox from 2026-11-15T12:00Z to 2026-11-22T12:0\dZ\. It charges by the byte/,
    );
    // Each call of Lake has a second to itself.
    const at = sandbox().calls.flatMap(({ service, at: time }) => (service === 'cloudtrail' ? [time] : []));
    assert.ok(at.every((time, index) => index === 0 || time - (at[index - 1] ?? 0) >= 1_000));
  });

  it('asks for every secret, Region or account that is named', async () => {
    plant(otherRecords(now() - DAY));
    const ids = async (more: Partial<LakeQuery>) => (await read(more)).ids.length;
    assert.deepEqual(
      [
        await ids({}),
        await ids({ regions: null }),
        await ids({ accounts: ['999900001111'] }),
        await ids({ secret: null }),
      ],
      [0, 1, 1, 1],
    );
  });

  it('does nothing unless it may, because nobody knows what it costs', async () => {
    const context = contextIn(sandbox());
    context.answer(false);
    const sink = () => assert.fail('nothing is read');
    await assert.rejects(lakeSource(queryWith()).read(sink, context), failsWith('DECLINED', /nothing was scanned/));
    assert.ok(!operations().includes('StartQuery'));
  });

  it('takes the only store there is; says so where there is none or where one has to be named', async () => {
    const { cloudtrail } = sandbox().aws;
    const list = (names: readonly string[]) => {
      if (!cloudtrail) throw new Error('no CloudTrail');
      cloudtrail.handlers.ListEventDataStores = ({ NextToken }) => {
        const at = Number(NextToken ?? 0);
        const arn = names[at];
        return {
          EventDataStores: arn === undefined ? [] : [{ EventDataStoreArn: arn }],
          NextToken: at + 1 < names.length ? String(at + 1) : undefined,
        };
      };
    };
    const arn = (id: string) => `arn:aws:cloudtrail:us-east-1:000000000000:eventdatastore/${id}`;
    list([arn('first-example'), arn('second-example')]);
    await assert.rejects(
      read(),
      failsWith('INPUT_MISSING', /2 event data stores: first-example, second-example/, /--event-data-store/),
    );
    assert.equal((await read({ store: arn(EVENT_DATA_STORE) })).report.complete, true);
    list([]);
    await assert.rejects(read(), failsWith('NOT_FOUND', /no event data store/, /--source athena/));
    await assert.rejects(read({ store: 'other-example' }), failsWith('NOT_FOUND', /no event data store other-example/));
    await assert.rejects(read({ store: 'x; SELECT 1' }), failsWith('INPUT_INVALID', /neither an id nor an ARN/));
  });

  it('tells what the store does not have', async () => {
    const { cloudtrail } = sandbox().aws;
    if (!cloudtrail) throw new Error('no CloudTrail');
    const real = cloudtrail.handlers.GetEventDataStore;
    cloudtrail.handlers.GetEventDataStore = (...given) => ({
      ...(real?.(...given) as object),
      Status: 'STOPPED_INGESTION',
      MultiRegionEnabled: false,
      RetentionPeriod: 30,
    });
    const window = { since: now() - 40 * DAY, until: now() - 20 * DAY };
    const { skipped } = await read({
      window,
      regions: ['us-east-1', 'eu-west-1'],
      accounts: [ACCOUNT, '999900001111'],
    });
    assert.deepEqual(
      skipped.map(({ where, why }) => `${where}: ${why.split(':')[0] ?? ''}`),
      [
        'event data store sandbox: it keeps 30 days',
        'event data store sandbox: it has the events of its own Region alone',
        'event data store sandbox: it has the events of its own account alone',
        'event data store sandbox: it takes no new events',
      ],
    );
  });

  it('reads every page of a result; keeps those it had where a later one fails', async () => {
    const records = Array.from({ length: 2_100 }, (_, index) =>
      record({ eventTime: `${new Date(now() - DAY + index * 1_000).toISOString().slice(0, 19)}Z` }),
    );
    plant(records.toReversed());
    const { ids } = await read();
    assert.deepEqual(
      ids,
      records.map(({ eventID }) => eventID),
    );
    const fault = { kind: 'error', code: 'InvalidNextTokenException', message: 'gone' } as const;
    sandbox().inject({ operation: 'cloudtrail:GetQueryResults', nth: 2, fault });
    const { report, skipped } = await read();
    assert.deepEqual([report.events, report.complete], [1_000, false]);
    assert.match(skipped.at(-1)?.why ?? '', /^broke off after 1 pages, the newer accesses are missing: .*gone/);
  });

  it('cancels the query on Ctrl-C; tells what a query failed of', async () => {
    const context = contextIn(sandbox());
    const sleep: SandboxContext['clock']['sleep'] = async (...given) => {
      if (operations().includes('DescribeQuery')) context.abort();
      await context.clock.sleep(...given);
    };
    const interrupted = { ...context, clock: { ...context.clock, sleep } };
    await assert.rejects(read({}, interrupted), failsWith('INTERRUPTED', /CloudTrail Lake query \S+ was stopped$/));
    assert.equal(operations().at(-1), 'CancelQuery');

    const { cloudtrail } = sandbox().aws;
    if (!cloudtrail) throw new Error('no CloudTrail');
    const ended = async (QueryStatus: string) => {
      cloudtrail.handlers.DescribeQuery = () => ({ QueryStatus, ErrorMessage: 'so it\nis' });
      const before = operations().filter((operation) => operation === 'CancelQuery').length;
      await assert.rejects(read(), failsWith('REMOTE_FAILED', QUERY_ENDS[QueryStatus] ?? /never/));
      // It has ended: there is nothing to cancel.
      assert.equal(operations().filter((operation) => operation === 'CancelQuery').length, before);
    };
    for (const status of Object.keys(QUERY_ENDS)) await ended(status);
  });

  const QUERY_ENDS: Readonly<Record<string, RegExp>> = {
    FAILED: /failed: so it is$/,
    CANCELLED: /was cancelled: so it is$/,
    TIMED_OUT: /took too long: so it is$/,
  };
});

describe('audit: the query for CloudTrail Lake', function () {
  this.timeout(60_000);
  let trino: Grammar;
  before(async () => {
    ({ trino } = await grammars());
  });
  const WINDOW = { since: Date.parse('2026-11-15T10:00:00Z'), until: Date.parse('2026-11-22T10:00:00Z') };
  const sqlOf = (secret: string | null, regions: string[] | null = ['us-east-1']) =>
    lakeSql({ store: EVENT_DATA_STORE, accounts: [ACCOUNT], regions, secret, window: WINDOW });

  it('is in the grammar but for the name of the store, and bounded by time, accounts and Regions', () => {
    for (const sql of [sqlOf(NAME), sqlOf(ARN), sqlOf(null), sqlOf(NAME, null)]) {
      assert.match(sql, new RegExp(`^FROM ${EVENT_DATA_STORE}$`, 'm'));
      assert.match(sql, /^WHERE eventtime BETWEEN '2026-11-15 10:00:00' AND '2026-11-22 10:00:00'$/m);
      assert.match(sql, /^ {2}AND recipientaccountid IN \('111122223333'\)$/m);
      assert.deepEqual(trino(sql.replace(EVENT_DATA_STORE, 'store')), []);
    }
    assert.match(sqlOf(NAME), /^ {2}AND awsregion IN \('us-east-1'\)$/m);
    assert.ok(!sqlOf(NAME, null).includes('awsregion'));
  });

  it('lets no name out of its literal', () => {
    for (const secret of ["x') OR 1=1 --", "' OR 'a'='a"]) {
      let sql = '';
      try {
        sql = sqlOf(secret);
      } catch (error) {
        assert.ok(error instanceof JamfMcpError && error.code === 'INPUT_INVALID');
        continue;
      }
      const without = (text: string) => text.replace(/'(?:[^']|'')*'/g, "''");
      assert.equal(without(sql), without(sqlOf('plain')));
    }
  });

  it('takes the id of a store, or its ARN', () => {
    assert.equal(storeId(`arn:aws:cloudtrail:eu-west-1:${ACCOUNT}:eventdatastore/abc-1`), 'abc-1');
    for (const bad of [
      '',
      'x y',
      'a.b',
      '-a',
      `arn:aws:s3:::bucket`,
      `arn:aws:cloudtrail:us-east-1:1:eventdatastore/x'`,
    ])
      assert.throws(() => storeId(bad), failsWith('INPUT_INVALID', /event data store/));
  });
});
