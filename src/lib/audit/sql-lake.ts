/**
 * The audit as a query for an event data store of CloudTrail Lake. Its dialect is Trino's, the table is the id of the
 * store, and `eventJson` has the record as a trail would deliver it
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-limitations.html).
 */
import { JamfMcpError } from '../errors.ts';
import { CONTEXT_CALLS, list, literal, needleOf } from './sql.ts';
import type { Window } from './window.ts';

/** What to ask. */
export interface LakeSqlRequest {
  /** Id or ARN of the event data store. */
  store: string;
  accounts: readonly string[];
  /** Null for all that the store has. */
  regions: readonly string[] | null;
  /** Name or ARN; null for every secret. */
  secret: string | null;
  window: Window;
}

const ARN = /^arn:aws[a-z-]*:cloudtrail:[a-z0-9-]+:\d{12}:eventdatastore\/(.+)$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9-]{2,127}$/;

/**
 * The id of an event data store.
 * @param store - its id or ARN
 * @throws JamfMcpError INPUT_INVALID for what is neither
 */
export function storeId(store: string): string {
  const id = ARN.exec(store)?.[1] ?? store;
  if (ID.test(id)) return id;
  throw new JamfMcpError(
    'INPUT_INVALID',
    'the event data store is neither an id nor an ARN',
    'pass --event-data-store with what `aws cloudtrail list-event-data-stores` prints',
  );
}

/**
 * Write the query. Nothing is asked of AWS.
 * @returns the accesses, oldest first, each a row of one column: the record
 * @throws JamfMcpError INPUT_INVALID for what is no store or secret
 */
export function lakeSql({ store, accounts, regions, secret, window }: LakeSqlRequest): string {
  // Some writers of JSON put a backslash before each slash.
  const names =
    secret === null
      ? ''
      : ` AND (eventname = 'BatchGetSecretValue' OR strpos(replace(eventjson, '\\/', '/'), ${literal(needleOf(secret))}) > 0)`;
  const concerns = [
    `(eventsource = 'secretsmanager.amazonaws.com'${names})`,
    `(eventsource = 'kms.amazonaws.com' AND strpos(eventjson, 'SecretARN') > 0${names})`,
    ...CONTEXT_CALLS,
  ];
  return [
    'SELECT eventjson',
    `FROM ${storeId(store)}`,
    // Without the time a query scans, and is charged for, all that the store keeps.
    `WHERE eventtime BETWEEN ${literal(moment(window.since))} AND ${literal(moment(window.until))}`,
    `  AND recipientaccountid IN (${list(accounts)})`,
    ...(regions === null ? [] : [`  AND awsregion IN (${list(regions)})`]),
    '  AND (',
    concerns.map((one) => `    ${one}`).join('\n    OR\n'),
    '  )',
    'ORDER BY eventtime, eventid',
  ].join('\n');
}

/** `2026-11-22 10:00:00`, UTC, as CloudTrail Lake takes times. */
const moment = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
