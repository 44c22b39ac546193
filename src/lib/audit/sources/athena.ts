/**
 * Athena over the bucket of a trail as a source: the road past one machine. It runs what `audit sql` prints: makes the table
 * where it is not there, tells what the query will scan and asks, waits, and reads the result page by page
 * (https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html).
 */
import type { AthenaClient, GetQueryExecutionOutput, ResultSet, TableMetadata } from '@aws-sdk/client-athena';
import { awsErrorName, call, clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact } from '../../redact.ts';
import { auditSql, COLUMN_NAMES, locationTemplate, type SqlRequest, type SqlResult } from '../sql.ts';
import { costText, dollars, estimateScan } from './athena-cost.ts';
import { recordOf, type Row } from './athena-rows.ts';
import { lateNote } from './lookup-events.ts';
import { bytesText, permitted, QueryEnded, readPages, starting, untilEnded } from './remote-query.ts';
import type { Sink, Source, SourceResult } from './source.ts';

/** What to ask, and with what. */
export interface AthenaQuery extends Omit<SqlRequest, 'organization'> {
  aws: AwsSettings;
  /** Athena's own default, `primary`, without. */
  workgroup: string | undefined;
  /** `s3://BUCKET/PREFIX` for results; that of the workgroup without. */
  outputLocation: string | undefined;
}

/** Rows a page; Athena gives no more. */
const PAGE_SIZE = 1_000;

/**
 * The accesses that Athena finds, oldest first.
 * @throws JamfMcpError as {@link auditSql} does
 */
export function athenaSource(query: AthenaQuery): Source {
  const sql = auditSql({ ...query, organization: null });
  return { newestFirst: false, read: (sink, context) => readAthena(query, sql, sink, context) };
}

/** One connection to Athena. */
interface Athena {
  client: AthenaClient;
  query: AthenaQuery;
  sql: SqlResult;
}

async function readAthena(query: AthenaQuery, sql: SqlResult, sink: Sink, context: Context): Promise<SourceResult> {
  const { AthenaClient } = await import('@aws-sdk/client-athena');
  const athena: Athena = { client: new AthenaClient(clientConfig(query.aws)), query, sql };
  const place = `Athena over ${sql.location}`;
  try {
    const isThere = await hasTable(athena, context);
    const estimate = await estimateScan({ ...query, location: sql.location }, context);
    if (estimate.why !== null) context.host.notify({ kind: 'warning', text: estimate.why });
    const { database, name } = sql.table;
    const making = isThere ? '' : ` It makes the table ${database}.${name} first.`;
    const text = `Athena will scan ${String(sql.days)} days of ${sql.location}: ${costText(estimate)}.${making} Run it?`;
    await permitted(text, context);
    if (!isThere) await run(athena, sql.create, context);
    const { id, scanned } = await run(athena, sql.query, context);
    context.host.notify({
      kind: 'progress',
      text: `Athena scanned ${bytesText(scanned)}: ${dollars(scanned)}`,
    });
    const { events, skipped, complete } = await readRows(athena, id, sink, context);
    return {
      report: {
        kind: 'athena',
        region: only(query.regions),
        account: only(query.accounts),
        events,
        complete,
        place: sql.location,
        scanned,
      },
      skipped: [
        ...lateNote(query.window, context.clock.now(), place),
        ...estimate.others.map((account) => ({
          where: `account ${account}`,
          why: 'its records lie in the bucket, too, and were not asked for: pass --account for each that matters',
        })),
        ...skipped,
      ],
    };
  } finally {
    athena.client.destroy();
  }
}

const only = (names: readonly string[]) => (names.length === 1 ? (names[0] ?? null) : null);

/**
 * Whether the table is there.
 * @throws JamfMcpError CONFLICT where one of that name is another
 */
async function hasTable({ client, query, sql }: Athena, context: Context): Promise<boolean> {
  const { GetTableMetadataCommand } = await import('@aws-sdk/client-athena');
  const { database, name } = sql.table;
  const command = new GetTableMetadataCommand({
    CatalogName: CATALOG,
    DatabaseName: database,
    TableName: name,
    ...(query.workgroup === undefined ? {} : { WorkGroup: query.workgroup }),
  });
  try {
    const { TableMetadata: table } = await call(context, 'GetTableMetadata', `table ${query.table}`, (options) =>
      client.send(command, options),
    );
    const wrong = table ? differenceOf(table, sql) : null;
    if (wrong === null) return table !== undefined;
    throw new JamfMcpError(
      'CONFLICT',
      `the table ${query.table} is there, and is another: ${wrong}`,
      `name another one (audit.athena.table in jamf-mcp.yaml), or drop it, if nobody else needs it: it holds no data`,
    );
  } catch (error) {
    if (awsErrorName(error) === 'MetadataException') return false;
    throw error;
  }
}

const CATALOG = 'AwsDataCatalog';

/** What keeps a table from being asked; null where nothing does. Enumerated partitions of an earlier table may be too few. */
function differenceOf({ Columns = [], PartitionKeys = [], Parameters = {} }: TableMetadata, sql: SqlResult) {
  const template = Parameters['storage.location.template']?.replace(/\/$/, '');
  if (template !== locationTemplate(sql.location)) return `its files are ${template ?? 'projected nowhere'}`;
  const keys = PartitionKeys.map(({ Name }) => Name).join(', ');
  if (keys !== 'account, region, timestamp') return `its partitions are ${keys || 'none'}`;
  const listed = ['account', 'region'].find((key) => Parameters[`projection.${key}.type`] !== 'injected');
  if (listed !== undefined) return `its projection knows only some values of ${listed}`;
  const missing = COLUMN_NAMES.filter((name) => !Columns.some(({ Name }) => Name === name));
  return missing.length === 0 ? null : `it has no column ${missing.join(', ')}`;
}

/** @returns the id of the execution, and the bytes that it has scanned */
async function run(
  { client, query, sql }: Athena,
  statement: string,
  context: Context,
): Promise<{ id: string; scanned: number }> {
  const { StartQueryExecutionCommand, GetQueryExecutionCommand, StopQueryExecutionCommand } =
    await import('@aws-sdk/client-athena');
  const { workgroup, outputLocation } = query;
  const start = new StartQueryExecutionCommand({
    QueryString: statement,
    QueryExecutionContext: { Catalog: CATALOG, Database: sql.table.database },
    ...(workgroup === undefined ? {} : { WorkGroup: workgroup }),
    ...(outputLocation === undefined
      ? {}
      : {
          ResultConfiguration: {
            OutputLocation: outputLocation,
            // What it writes there are records of an audit.
            EncryptionConfiguration: { EncryptionOption: 'SSE_S3' },
          },
        }),
  });
  const { QueryExecutionId: id = '' } = await call(starting(context), 'StartQueryExecution', 'Athena', (options) =>
    client.send(start, options),
  ).catch((error: unknown) => {
    throw startError(error);
  });
  const about = `Athena query ${id}`;
  return await untilEnded(
    {
      name: about,
      byHand: `aws athena stop-query-execution --query-execution-id ${id}`,
      async poll(patient) {
        const command = new GetQueryExecutionCommand({ QueryExecutionId: id });
        const output = await call(patient, 'GetQueryExecution', about, (options) => client.send(command, options));
        return outcome(output, id, patient);
      },
      stop: (brief) =>
        call(brief, 'StopQueryExecution', about, (options) =>
          client.send(new StopQueryExecutionCommand({ QueryExecutionId: id }), options),
        ),
    },
    context,
  );
}

function outcome({ QueryExecution }: GetQueryExecutionOutput, id: string, { host }: Context) {
  const { State = 'UNKNOWN', StateChangeReason = '' } = QueryExecution?.Status ?? {};
  const scanned = QueryExecution?.Statistics?.DataScannedInBytes ?? 0;
  if (State === 'SUCCEEDED') return { id, scanned };
  if (State === 'FAILED' || State === 'CANCELLED') {
    const why = redact(StateChangeReason.replace(/\s+/g, ' ').trim());
    throw new QueryEnded(
      new JamfMcpError(
        'REMOTE_FAILED',
        `Athena query ${id} ${State === 'FAILED' ? 'failed' : 'was cancelled'}: ${why || 'no reason is told'}`,
        HINTS.find(([pattern]) => pattern.test(why))?.[1] ?? null,
      ),
    );
  }
  host.notify({ kind: 'progress', text: `Athena query ${id}: ${State.toLowerCase()}, ${bytesText(scanned)} scanned` });
  return null;
}

/** What to do about the reasons that Athena has for failing. */
const HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/bytes scanned limit|exceeded.*limit/i, 'name a shorter time or fewer Regions, or raise the limit of the workgroup'],
  [
    /access denied|not authorized|Forbidden/i,
    'have a policy allow s3:GetObject and s3:ListBucket on the bucket, and glue:GetTable',
  ],
  [
    /TABLE_NOT_FOUND|SCHEMA_NOT_FOUND|Database .* not found/i,
    'name a table of a database that is there: audit.athena.table',
  ],
  [/EXHAUSTED|INTERNAL|timeout/i, 'repeat the command; with a shorter time it scans less'],
];

function startError(error: unknown): unknown {
  if (!(error instanceof JamfMcpError) || !/output location/i.test(error.message)) return error;
  return new JamfMcpError(
    'USAGE',
    'Athena has no place for its results: the workgroup names none',
    'pass --output-location s3://BUCKET/PREFIX, or a --workgroup that has one (audit.athena in jamf-mcp.yaml)',
    { cause: error },
  );
}

/** All pages; columns that cannot be read are told. */
async function readRows({ client }: Athena, id: string, sink: Sink, context: Context) {
  const { GetQueryResultsCommand } = await import('@aws-sdk/client-athena');
  const where = `Athena query ${id}`;
  const broken = new Map<string, number>();
  const records = function* (set: ResultSet | undefined, first: boolean) {
    for (const row of rowsOf(set, first)) {
      const made = recordOf(row);
      for (const column of made.broken) broken.set(column, (broken.get(column) ?? 0) + 1);
      yield made.record;
    }
  };
  const read = await readPages(
    where,
    async (token) => {
      const input = { QueryExecutionId: id, MaxResults: PAGE_SIZE, NextToken: token };
      const page = await call(context, 'GetQueryResults', where, (options) =>
        client.send(new GetQueryResultsCommand(input), options),
      );
      return { records: records(page.ResultSet, token === undefined), next: page.NextToken };
    },
    sink,
    context,
  );
  const unread = [...broken].map(([column, count]) => ({
    where: `${String(count)} rows`,
    why: `their ${column} is not JSON, so a secret that is named only there is not found`,
  }));
  return { ...read, skipped: [...read.skipped, ...unread] };
}

/** Rows by the names of their columns; the first row of the first page has the names. */
function* rowsOf(set: ResultSet | undefined, withNames: boolean): Generator<Row> {
  const names = set?.ResultSetMetadata?.ColumnInfo?.map(({ Name = '' }) => Name) ?? [];
  for (const { Data = [] } of (set?.Rows ?? []).slice(withNames ? 1 : 0)) {
    yield Object.fromEntries(names.map((name, index) => [name, Data[index]?.VarCharValue]));
  }
}
