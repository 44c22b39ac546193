/**
 * Athena over the sandbox's trail: tables as CREATE EXTERNAL TABLE makes them, and SELECT over them, which is answered from
 * the records that CloudTrail has delivered. Whatever bucket a table lies over, those are its records.
 */
import type { Delivered } from './cloudtrail.ts';
import { integer, objectOf, requiredText, text } from './input.ts';
import { page } from './paging.ts';
import { remoteQuery, type QueryState, type RemoteQuery } from './remote-queries.ts';
import { AwsFault, type AwsService, type World } from './service.ts';
import { parseSelect, select, SqlMistake, type Select, type SqlRow } from './sql.ts';

/** Athena with what tests may look at. */
export interface Athena extends AwsService {
  /** Every statement that was started, oldest first. */
  statements: readonly string[];
}

interface Table {
  columns: { Name: string; Type: string }[];
  partitions: { Name: string; Type: string }[];
  parameters: Record<string, string>;
}

interface Answer {
  columns: string[];
  rows: (string | null)[][];
  scanned: number;
}

/** Workgroups, and whether they have a place for results. */
const WORKGROUPS: Readonly<Record<string, boolean>> = { primary: true, bare: false };

/** Most rows a page. */
const PAGE_SIZE = 1_000;

const STATES: Readonly<Record<QueryState, string>> = {
  queued: 'QUEUED',
  running: 'RUNNING',
  done: 'SUCCEEDED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
};

/**
 * Athena.
 * @param delivered - what CloudTrail has delivered by now
 */
export function createAthena({ clock, random }: World, delivered: () => readonly Delivered[]): Athena {
  const tables = new Map<string, Table>();
  const queries = new Map<string, { query: RemoteQuery<Answer>; statement: string; workgroup: string }>();
  const statements: string[] = [];
  const found = (input: Record<string, unknown>) => {
    const id = requiredText(input, 'QueryExecutionId');
    const one = queries.get(id);
    if (one) return one;
    throw invalid(`QueryExecution ${id} was not found`);
  };

  return {
    statements,
    handlers: {
      StartQueryExecution(input) {
        const statement = requiredText(input, 'QueryString', { min: 1, max: 262_144 });
        const workgroup = text(input, 'WorkGroup') ?? 'primary';
        if (!Object.hasOwn(WORKGROUPS, workgroup)) throw invalid(`WorkGroup ${workgroup} is not found.`);
        const place = text(objectOf(input, 'ResultConfiguration') ?? {}, 'OutputLocation');
        if (place === undefined && WORKGROUPS[workgroup] !== true) {
          throw invalid(
            'No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.',
          );
        }
        const compute = statementOf(statement, tables, delivered);
        const query = remoteQuery(clock, random, compute);
        queries.set(query.id, { query, statement, workgroup });
        statements.push(statement);
        return { QueryExecutionId: query.id };
      },
      GetQueryExecution(input) {
        const { query, statement, workgroup } = found(input);
        const state = query.state();
        return {
          QueryExecution: {
            QueryExecutionId: query.id,
            Query: statement,
            WorkGroup: workgroup,
            Status: {
              State: STATES[state],
              StateChangeReason: query.why() ?? undefined,
              SubmissionDateTime: new Date(query.submitted),
              CompletionDateTime: query.ended === null ? undefined : new Date(query.ended),
            },
            Statistics: { DataScannedInBytes: query.result()?.scanned ?? 0 },
          },
        };
      },
      StopQueryExecution(input) {
        found(input).query.cancel();
        return {};
      },
      GetQueryResults(input) {
        const { query } = found(input);
        const state = query.state();
        const answer = query.result();
        if (!answer) throw invalid(`Query has not yet finished. Current state: ${STATES[state]}`);
        const size = integer(input, 'MaxResults', { min: 1, max: PAGE_SIZE }) ?? PAGE_SIZE;
        // The names of the columns are the first row.
        const rows = answer.columns.length === 0 ? [] : [answer.columns, ...answer.rows];
        const { items, nextToken } = page(rows, { size, token: text(input, 'NextToken'), binding: query.id });
        return {
          ResultSet: {
            ResultSetMetadata: { ColumnInfo: answer.columns.map((Name) => ({ Name, Type: 'varchar' })) },
            Rows: items.map((row) => ({ Data: row.map((value) => (value === null ? {} : { VarCharValue: value })) })),
          },
          NextToken: nextToken,
        };
      },
      GetTableMetadata(input) {
        const name = `${requiredText(input, 'DatabaseName')}.${requiredText(input, 'TableName')}`;
        const table = tables.get(name);
        if (!table) throw new AwsFault('MetadataException', `EntityNotFoundException: Table ${name} not found.`);
        return {
          TableMetadata: {
            Name: requiredText(input, 'TableName'),
            TableType: 'EXTERNAL_TABLE',
            Columns: table.columns,
            PartitionKeys: table.partitions,
            Parameters: table.parameters,
          },
        };
      },
    },
  };
}

const invalid = (message: string) => new AwsFault('InvalidRequestException', message);

/** What a statement will do. What is no statement is refused at once, as Athena does. */
function statementOf(
  statement: string,
  tables: Map<string, Table>,
  delivered: () => readonly Delivered[],
): () => Answer {
  const create = /^CREATE EXTERNAL TABLE IF NOT EXISTS ([a-z0-9_]+\.[a-z0-9_]+) \(\n/i.exec(statement);
  if (create) {
    const [head, name = ''] = create;
    const table = tableOf(statement.slice(head.length));
    return () => {
      if (!name.startsWith('default.'))
        throw new Error(
          `FAILED: SemanticException [Error 10072]: Database does not exist: ${name.split('.')[0] ?? ''}`,
        );
      if (!tables.has(name)) tables.set(name, table);
      return { columns: [], rows: [], scanned: 0 };
    };
  }
  let query: Select;
  try {
    query = parseSelect(statement);
  } catch (error) {
    if (error instanceof SqlMistake) throw invalid(error.message);
    throw error;
  }
  return () => {
    const table = tables.get(query.table);
    if (!table) throw new Error(`TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.${query.table}' does not exist`);
    return answer(query, table, delivered());
  };
}

const COLUMN = /^\s*`?(\w+)`?\s+(.+?),?$/;

function tableOf(rest: string): Table {
  const [columns = ''] = rest.split('\n)');
  const pairs = [...rest.matchAll(/'([\w.]+)' = '([^']*)'/g)].map(([, name = '', value = '']) => [name, value]);
  const partitions = /PARTITIONED BY \(([^)]*)\)/.exec(rest)?.[1]?.split(',') ?? [];
  const named = (line: string) => {
    const [, Name = '', Type = ''] = COLUMN.exec(line) ?? [];
    return { Name, Type: Type.toLowerCase() };
  };
  return {
    columns: columns.split('\n').map(named),
    partitions: partitions.map(named),
    parameters: Object.fromEntries(pairs) as Record<string, string>,
  };
}

/** Only the partitions that the conditions leave are read, and count as scanned. */
function answer(query: Select, { columns, partitions, parameters }: Table, delivered: readonly Delivered[]): Answer {
  const keys = partitions.map(({ Name }) => Name);
  const bounds = query.conditions.filter(
    ({ columns: used }) => used.size > 0 && [...used].every((one) => keys.includes(one)),
  );
  const open = keys.find(
    (key) => parameters[`projection.${key}.type`] === 'injected' && !bounds.some(({ columns: used }) => used.has(key)),
  );
  if (open !== undefined) {
    throw new Error(
      `CONSTRAINT_VIOLATION: For the injected projected partition column ${open}, the WHERE clause must contain only static equality conditions, and at least one such condition must be present.`,
    );
  }
  const known = new Set([...columns, ...partitions].map(({ Name }) => Name));
  const strange = query.conditions.flatMap(({ columns: used }) => [...used]).find((one) => !known.has(one));
  if (strange !== undefined) throw new Error(`COLUMN_NOT_FOUND: line 1:1: Column '${strange}' cannot be resolved`);
  const read = delivered.map(rowOf).filter((row) => bounds.every(({ holds }) => holds(row)));
  const scanned = read.reduce((sum, row) => sum + JSON.stringify(row).length, 0);
  return { columns: query.columns.map(({ name }) => name), rows: select(query, read), scanned };
}

/** What has no fixed shape is a text, as CloudTrail's input format gives it; names are in small letters throughout. */
const AS_TEXT: ReadonlySet<string> = new Set([
  'requestparameters',
  'responseelements',
  'additionaleventdata',
  'serviceeventdetails',
]);

function rowOf({ record, at }: Delivered): SqlRow {
  const columns = Object.entries(record).map(([name, value]) => {
    const column = name.toLowerCase();
    const kept: unknown = AS_TEXT.has(column) && value !== null ? JSON.stringify(value) : small(value);
    return [column, typeof kept === 'boolean' ? String(kept) : kept];
  });
  return {
    ...(Object.fromEntries(columns) as SqlRow),
    account: record.recipientAccountId,
    region: record.awsRegion,
    timestamp: new Date(at).toISOString().slice(0, 10).replaceAll('-', '/'),
  };
}

function small(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(small);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name.toLowerCase(), small(inner)]));
}
