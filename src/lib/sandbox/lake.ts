/** CloudTrail Lake over the sandbox's trail: one event data store, which has every record. */
import type { Delivered } from './cloudtrail.ts';
import { integer, requiredText, text } from './input.ts';
import { page } from './paging.ts';
import { remoteQuery, type QueryState, type RemoteQuery } from './remote-queries.ts';
import { ACCOUNT, AwsFault, type AwsHandlers, type World } from './service.ts';
import { parseSelect, select, SqlMistake, type Select, type SqlRow } from './sql.ts';

/** Id of the event data store. */
export const EVENT_DATA_STORE = 'a1b2c3d4-0000-4000-8000-00000example';

/** Days that it keeps. */
const RETENTION_DAYS = 366;

/** Most rows a page. */
const PAGE_SIZE = 1_000;

const STATES: Readonly<Record<QueryState, string>> = {
  queued: 'QUEUED',
  running: 'RUNNING',
  done: 'FINISHED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
};

interface Answer {
  columns: string[];
  rows: (string | null)[][];
  scanned: number;
}

/**
 * The calls of CloudTrail Lake.
 * @param delivered - what CloudTrail has delivered by now
 */
export function lakeHandlers(
  { clock, random, region }: Omit<World, 'record'>,
  delivered: () => readonly Delivered[],
): AwsHandlers {
  const queries = new Map<string, RemoteQuery<Answer>>();
  const arn = `arn:aws:cloudtrail:${region}:${ACCOUNT}:eventdatastore/${EVENT_DATA_STORE}`;
  const found = (input: Record<string, unknown>) => {
    const id = requiredText(input, 'QueryId');
    const query = queries.get(id);
    if (query) return query;
    throw new AwsFault('QueryIdNotFoundException', `Query ${id} was not found.`);
  };
  return {
    ListEventDataStores: (_input, call) => ({
      EventDataStores: call.region === region ? [{ EventDataStoreArn: arn, Name: 'sandbox' }] : [],
    }),
    GetEventDataStore(input, call) {
      const store = requiredText(input, 'EventDataStore');
      if (call.region !== region || (store !== arn && store !== EVENT_DATA_STORE))
        throw new AwsFault('EventDataStoreNotFoundException', `The event data store ${store} was not found.`);
      return {
        EventDataStoreArn: arn,
        Name: 'sandbox',
        Status: 'ENABLED',
        MultiRegionEnabled: true,
        OrganizationEnabled: false,
        RetentionPeriod: RETENTION_DAYS,
      };
    },
    StartQuery(input) {
      const query = understood(requiredText(input, 'QueryStatement', { min: 1, max: 10_000 }));
      const running = remoteQuery(clock, random, () => answer(query, delivered()));
      queries.set(running.id, running);
      return { QueryId: running.id };
    },
    DescribeQuery(input) {
      const query = found(input);
      return {
        QueryId: query.id,
        QueryStatus: STATES[query.state()],
        ErrorMessage: query.why() ?? undefined,
        QueryStatistics: {
          EventsMatched: query.result()?.rows.length ?? 0,
          BytesScanned: query.result()?.scanned ?? 0,
        },
      };
    },
    CancelQuery(input) {
      const query = found(input);
      const state = query.state();
      if (state !== 'queued' && state !== 'running')
        throw new AwsFault('InactiveQueryException', `Query ${query.id} is not running.`);
      query.cancel();
      return { QueryId: query.id, QueryStatus: 'CANCELLED' };
    },
    GetQueryResults(input) {
      const query = found(input);
      const state = query.state();
      const result = query.result();
      const size = integer(input, 'MaxQueryResults', { min: 1, max: PAGE_SIZE }) ?? PAGE_SIZE;
      const { items, nextToken } = page(result?.rows ?? [], {
        size,
        token: text(input, 'NextToken'),
        binding: query.id,
      });
      return {
        QueryStatus: STATES[state],
        QueryStatistics: {
          ResultsCount: items.length,
          TotalResultsCount: result?.rows.length ?? 0,
          BytesScanned: result?.scanned ?? 0,
        },
        QueryResultRows: items.map((row) => row.map((value, at) => ({ [result?.columns[at] ?? '']: value ?? '' }))),
        NextToken: nextToken,
      };
    },
  };
}

function understood(statement: string): Select {
  try {
    const query = parseSelect(statement);
    if (query.table === EVENT_DATA_STORE) return query;
  } catch (error) {
    if (error instanceof SqlMistake) throw new AwsFault('InvalidQueryStatementException', error.message);
    throw error;
  }
  throw new AwsFault('EventDataStoreNotFoundException', 'The event data store in the statement was not found.');
}

/** Only what the conditions on the time leave is read, and counts as scanned. */
function answer(query: Select, delivered: readonly Delivered[]): Answer {
  const rows = delivered.map(rowOf);
  const bounds = query.conditions.filter(({ columns }) => columns.size === 1 && columns.has('eventtime'));
  const read = rows.filter((row) => bounds.every(({ holds }) => holds(row)));
  const scanned = read.reduce((sum, row) => sum + JSON.stringify(row).length, 0);
  return { columns: query.columns.map(({ name }) => name), rows: select(query, read), scanned };
}

function rowOf({ record }: Delivered): SqlRow {
  const texts = Object.entries(record).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name.toLowerCase(), value] as const] : [],
  );
  return {
    ...Object.fromEntries(texts),
    eventtime: record.eventTime.replace('T', ' ').replace('Z', ''),
    eventjson: JSON.stringify(record),
  };
}
