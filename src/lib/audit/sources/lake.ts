/**
 * CloudTrail Lake as a source, for accounts that have an event data store: new customers get none since 2026-05-31
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-lake-service-availability-change.html).
 */
import type { CloudTrailClient, DescribeQueryResponse } from '@aws-sdk/client-cloudtrail';
import { awsErrorName, call, clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact } from '../../redact.ts';
import { lakeSql, storeId, type LakeSqlRequest } from '../sql-lake.ts';
import { DAY } from '../window.ts';
import { lateNote } from './lookup-events.ts';
import { pace, type Pace } from './pace.ts';
import { bytesText, permitted, QueryEnded, readPages, starting, untilEnded } from './remote-query.ts';
import type { Sink, Skipped, Source, SourceResult } from './source.ts';

/** What to ask. */
export interface LakeQuery extends Omit<LakeSqlRequest, 'store'> {
  /** With the Region of the store. */
  aws: AwsSettings;
  /** Id or ARN; the only one that there is without. */
  store: string | undefined;
}

/** Rows a page; GetQueryResults gives no more. */
const PAGE_SIZE = 1_000;

/** The calls of Lake allow one a second (facts/audit.md §5). */
const CALLS_PER_SECOND = 1;

/** The accesses that an event data store has, oldest first. */
export const lakeSource = (query: LakeQuery): Source => ({
  newestFirst: false,
  read: (sink, context) => readLake(query, sink, context),
});

/** One connection to CloudTrail. */
interface Lake {
  client: CloudTrailClient;
  paced: Pace;
}

async function readLake(query: LakeQuery, sink: Sink, context: Context): Promise<SourceResult> {
  const { CloudTrailClient } = await import('@aws-sdk/client-cloudtrail');
  const { aws, window, accounts, regions } = query;
  const lake: Lake = {
    client: new CloudTrailClient(clientConfig(aws)),
    paced: pace(CALLS_PER_SECOND, context),
  };
  try {
    const store = query.store ?? (await onlyStore(lake, context));
    const statement = lakeSql({ ...query, store });
    const { name, notes } = await aboutStore(lake, store, query, context);
    await permitted(
      `CloudTrail Lake will scan the event data store ${name} from ${minute(window.since)} to ${minute(window.until)}. It charges by the byte, and does not tell how many beforehand. Run it?`,
      context,
    );
    const { id, scanned } = await run(lake, statement, context);
    context.host.notify({ kind: 'progress', text: `CloudTrail Lake scanned ${bytesText(scanned)}` });
    const { events, skipped, complete } = await readRows(lake, id, sink, context);
    return {
      report: {
        kind: 'lake',
        region: regions?.length === 1 ? (regions[0] ?? null) : null,
        account: accounts.length === 1 ? (accounts[0] ?? null) : null,
        events,
        complete,
        place: name,
        scanned,
      },
      skipped: [...lateNote(window, context.clock.now(), `CloudTrail Lake in ${name}`), ...notes, ...skipped],
    };
  } finally {
    lake.client.destroy();
  }
}

/** `2026-11-22T10:00Z` */
const minute = (ms: number) => `${new Date(ms).toISOString().slice(0, 16)}Z`;

/** @throws JamfMcpError NOT_FOUND where there is none, INPUT_MISSING where there are several */
async function onlyStore({ client, paced }: Lake, context: Context): Promise<string> {
  const { ListEventDataStoresCommand } = await import('@aws-sdk/client-cloudtrail');
  const arns: string[] = [];
  let token: string | undefined;
  do {
    const command = new ListEventDataStoresCommand({ NextToken: token });
    const page = await paced(() =>
      call(context, 'ListEventDataStores', 'CloudTrail Lake', (options) => client.send(command, options)),
    );
    arns.push(
      ...(page.EventDataStores ?? []).flatMap(({ EventDataStoreArn: arn }) => (arn === undefined ? [] : [arn])),
    );
    token = page.NextToken;
  } while (token !== undefined);
  const [arn] = arns;
  if (arn === undefined) {
    throw new JamfMcpError(
      'NOT_FOUND',
      'there is no event data store of CloudTrail Lake in this Region',
      'pass --region, or ask the bucket of a trail instead: audit s3://BUCKET --source athena',
    );
  }
  if (arns.length === 1) return arn;
  throw new JamfMcpError(
    'INPUT_MISSING',
    `there are ${String(arns.length)} event data stores: ${arns.map(storeId).join(', ')}`,
    'pass --event-data-store ID (audit.lake.eventDataStore in jamf-mcp.yaml)',
  );
}

/** Its name, and what it does not have. */
async function aboutStore(
  { client, paced }: Lake,
  store: string,
  { aws, window, accounts, regions }: LakeQuery,
  context: Context,
): Promise<{ name: string; notes: Skipped[] }> {
  const { GetEventDataStoreCommand } = await import('@aws-sdk/client-cloudtrail');
  const command = new GetEventDataStoreCommand({ EventDataStore: store });
  const told = await paced(() =>
    call(context, 'GetEventDataStore', `event data store ${store}`, (options) => client.send(command, options)),
  ).catch((error: unknown) => {
    if (awsErrorName(error) !== 'EventDataStoreNotFoundException') throw error;
    throw new JamfMcpError(
      'NOT_FOUND',
      `there is no event data store ${store} in this Region`,
      'check its id and --region: `aws cloudtrail list-event-data-stores`',
      { cause: error },
    );
  });
  const { Name = storeId(store), RetentionPeriod: days, MultiRegionEnabled: multi, OrganizationEnabled: all } = told;
  const now = context.clock.now();
  const where = `event data store ${Name}`;
  const others = regions?.filter((region) => region !== aws.region) ?? [];
  const notes = [
    days !== undefined &&
      window.since < now - days * DAY &&
      `it keeps ${String(days)} days: what is older is not there`,
    multi === false && (regions === null || others.length > 0) && 'it has the events of its own Region alone',
    all === false && accounts.length > 1 && 'it has the events of its own account alone',
    told.Status === 'STOPPED_INGESTION' && 'it takes no new events: what was later than that is not there',
  ];
  return { name: Name, notes: notes.filter((why) => why !== false).map((why) => ({ where, why })) };
}

/** @returns the id of the query, and the bytes that it has scanned */
async function run({ client, paced }: Lake, statement: string, context: Context) {
  const { StartQueryCommand, DescribeQueryCommand, CancelQueryCommand } = await import('@aws-sdk/client-cloudtrail');
  const start = new StartQueryCommand({ QueryStatement: statement });
  const { QueryId: id = '' } = await paced(() =>
    call(starting(context), 'StartQuery', 'CloudTrail Lake', (options) => client.send(start, options)),
  );
  const name = `CloudTrail Lake query ${id}`;
  return await untilEnded(
    {
      name,
      byHand: `aws cloudtrail cancel-query --query-id ${id}`,
      async poll(patient) {
        const command = new DescribeQueryCommand({ QueryId: id });
        const told = await paced(() =>
          call(patient, 'DescribeQuery', name, (options) => client.send(command, options)),
        );
        return outcome(told, id, patient);
      },
      stop: (brief) =>
        call(brief, 'CancelQuery', name, (options) => client.send(new CancelQueryCommand({ QueryId: id }), options)),
    },
    context,
  );
}

function outcome(
  { QueryStatus: status = 'QUEUED', QueryStatistics, ErrorMessage = '' }: DescribeQueryResponse,
  id: string,
  { host }: Context,
) {
  const scanned = QueryStatistics?.BytesScanned ?? 0;
  if (status === 'FINISHED') return { id, scanned };
  if (status === 'QUEUED' || status === 'RUNNING') {
    host.notify({ kind: 'progress', text: `CloudTrail Lake query ${id}: ${status.toLowerCase()}` });
    return null;
  }
  const why = redact(ErrorMessage.replace(/\s+/g, ' ').trim());
  throw new QueryEnded(
    new JamfMcpError(
      'REMOTE_FAILED',
      `CloudTrail Lake query ${id} ${ENDS[status] ?? 'failed'}: ${why || 'no reason is told'}`,
      status === 'TIMED_OUT' ? 'name a shorter time (--since) or fewer Regions' : null,
    ),
  );
}

const ENDS: Readonly<Record<string, string>> = { CANCELLED: 'was cancelled', TIMED_OUT: 'took too long' };

/** All pages; rows that cannot be read are told. */
async function readRows({ client, paced }: Lake, id: string, sink: Sink, context: Context) {
  const { GetQueryResultsCommand } = await import('@aws-sdk/client-cloudtrail');
  const where = `CloudTrail Lake query ${id}`;
  let broken = 0;
  const read = await readPages(
    where,
    async (token) => {
      const command = new GetQueryResultsCommand({ QueryId: id, MaxQueryResults: PAGE_SIZE, NextToken: token });
      const page = await paced(() =>
        call(context, 'GetQueryResults', where, (options) => client.send(command, options)),
      );
      const records = (page.QueryResultRows ?? []).map(recordOf);
      broken += records.filter((record) => record === undefined).length;
      return { records, next: page.NextToken };
    },
    sink,
    context,
  );
  if (broken === 0) return read;
  const skipped = [...read.skipped, { where: `${String(broken)} rows`, why: 'their eventJson is not JSON' }];
  return { ...read, complete: false, skipped };
}

/** A row is a list of objects of one member each; names of columns come back in either case. */
function recordOf(row: readonly Readonly<Record<string, string>>[]): unknown {
  const cell = Object.entries(Object.assign({}, ...row) as Record<string, string>);
  const text = cell.find(([name]) => name.toLowerCase() === 'eventjson')?.[1] ?? '';
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
