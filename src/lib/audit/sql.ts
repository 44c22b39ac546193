/**
 * The audit as a query for Athena over the bucket of a trail: the road past one machine. The table is projected, so that
 * nobody has to add partitions to it, and the query is bounded by them, so that it scans the days of the window alone
 * (https://docs.aws.amazon.com/athena/latest/ug/create-cloudtrail-table-partition-projection.html).
 */
import { JamfMcpError } from '../errors.ts';
import { CONTEXT } from './event.ts';
import { parseSecretId } from './secret-id.ts';
import { parseS3Address } from './sources/s3-list.ts';
import { DAY, type Window } from './window.ts';

/** What to ask. */
export interface SqlRequest {
  /** `s3://BUCKET[/PREFIX]` of the trail: what is before `AWSLogs`, or ends with it. */
  url: string;
  /** Id of the organisation whose trail it is: `o-…`; null for a trail of one account, or where `url` has it. */
  organization: string | null;
  accounts: readonly string[];
  regions: readonly string[];
  /** `DATABASE.TABLE`. */
  table: string;
  /** Name or ARN; null for every secret. */
  secret: string | null;
  window: Window;
}

/** The two statements. */
export interface SqlResult {
  table: { database: string; name: string };
  /** Where the folders of the accounts are: `s3://BUCKET/…/AWSLogs/`. */
  location: string;
  /** ISO 8601, UTC. */
  window: { since: string; until: string };
  accounts: readonly string[];
  regions: readonly string[];
  /** Days of delivery that are scanned: those of the window, and one on either side. */
  days: number;
  /** Makes the table where it is not there; Hive's dialect, as Athena takes it. */
  create: string;
  /** Finds the accesses, oldest first; Trino's dialect. */
  query: string;
}

const ORGANIZATION = /^o-[a-z0-9]{10,32}$/;
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,127}$/;
/** What neither ends a literal of Hive nor is a variable of the projection. */
const SAFE_PREFIX = /^[\w.=+@:,/-]*$/;

/** Types of the members of `userIdentity`, as Athena's own table of CloudTrail has them. */
const IDENTITY =
  'STRUCT<type: STRING, principalid: STRING, arn: STRING, accountid: STRING, invokedby: STRING, accesskeyid: STRING, ' +
  'username: STRING, sessioncontext: STRUCT<attributes: STRUCT<mfaauthenticated: STRING, creationdate: STRING>, ' +
  'sessionissuer: STRUCT<type: STRING, principalid: STRING, arn: STRING, accountid: STRING, username: STRING>>>';

const COLUMNS: readonly (readonly [name: string, type: string])[] = [
  ['eventversion', 'STRING'],
  ['useridentity', IDENTITY],
  ...[
    ...['eventtime', 'eventsource', 'eventname', 'awsregion', 'sourceipaddress', 'useragent', 'errorcode'],
    ...['errormessage', 'requestparameters', 'responseelements', 'additionaleventdata', 'requestid', 'eventid'],
    ...['eventtype', 'recipientaccountid', 'serviceeventdetails', 'sharedeventid', 'vpcendpointid'],
    ...['sessioncredentialfromconsole'],
  ].map((name) => [name, 'STRING'] as const),
  ['resources', 'ARRAY<STRUCT<arn: STRING, accountid: STRING, type: STRING>>'],
];

/** Names of the columns that the query goes by. */
export const COLUMN_NAMES: readonly string[] = COLUMNS.map(([name]) => name);

/** The columns in which the name of a secret may stand (facts/audit.md §3): texts, JSON where they are more than that. */
const NAMING = ['requestparameters', 'responseelements', 'additionaleventdata', 'serviceeventdetails', 'errormessage'];

/**
 * Write the statements. Nothing is asked of AWS.
 * @throws JamfMcpError INPUT_INVALID for what is no place in S3, account, table or secret; USAGE where no account is named
 */
export function auditSql(request: SqlRequest): SqlResult {
  const { organization, accounts, regions, secret, window } = request;
  const [database = '', name = '', ...more] = request.table.split('.');
  if (more.length > 0 || !IDENTIFIER.test(database) || !IDENTIFIER.test(name)) {
    throw invalid(`${request.table} is no table`, 'write --table DATABASE.TABLE, in small letters, digits and _');
  }
  if (accounts.length === 0) {
    throw new JamfMcpError('USAGE', 'no account is named', 'pass --account, several times for several');
  }
  for (const account of accounts) {
    if (!/^\d{12}$/.test(account)) throw invalid(`${account} is no account`, 'an account has twelve digits');
  }
  if (organization !== null && !ORGANIZATION.test(organization)) {
    throw invalid(`${organization} is no organisation`, 'an organisation is o- and ten letters and digits or more');
  }
  const location = locationOf(request.url, organization);
  const first = day(window.since - DAY);
  const last = day(window.until + DAY);
  return {
    table: { database, name },
    location,
    window: { since: new Date(window.since).toISOString(), until: new Date(window.until).toISOString() },
    accounts,
    regions,
    days: Math.round((Date.parse(dashed(last)) - Date.parse(dashed(first))) / DAY) + 1,
    create: createTable({ database, name, location }),
    query: select({ database, name, accounts, regions, first, last, window, secret }),
  };
}

const invalid = (what: string, hint: string) => new JamfMcpError('INPUT_INVALID', what, hint);

/** Where the folders of the accounts are, with the slash. */
function locationOf(url: string, organization: string | null): string {
  const { bucket, prefix } = parseS3Address(url);
  if (!SAFE_PREFIX.test(prefix)) {
    throw invalid(
      `the prefix ${prefix} has characters that a table of Athena cannot`,
      'a trail has letters, digits and . _ - / there',
    );
  }
  const parts = prefix.split('/').filter((part) => part !== '');
  const at = parts.indexOf('AWSLogs');
  const next = at < 0 ? undefined : parts[at + 1];
  if (at >= 0) parts.length = at;
  const owner = organization ?? (next !== undefined && ORGANIZATION.test(next) ? next : null);
  const below = owner === null ? ['AWSLogs'] : ['AWSLogs', owner];
  return `s3://${[bucket, ...parts, ...below].join('/')}/`;
}

/** Where the files of an account, Region and day are, as the projection of a table writes it. */
export const locationTemplate = (location: string): string =>
  `${location}\${account}/CloudTrail/\${region}/\${timestamp}`;

function createTable({ database, name, location }: Record<'database' | 'name' | 'location', string>): string {
  const properties: Readonly<Record<string, string>> = {
    'projection.enabled': 'true',
    // Injected: a query has to name its accounts and Regions, and so one table does for all of them
    // (https://docs.aws.amazon.com/athena/latest/ug/partition-projection-dynamic-id-partitioning.html).
    'projection.account.type': 'injected',
    'projection.region.type': 'injected',
    'projection.timestamp.type': 'date',
    'projection.timestamp.format': 'yyyy/MM/dd',
    'projection.timestamp.interval': '1',
    'projection.timestamp.interval.unit': 'DAYS',
    // CloudTrail began in 2013; a projection costs nothing for days that nobody asks for.
    'projection.timestamp.range': '2013/11/01,NOW',
    'storage.location.template': locationTemplate(location),
  };
  return [
    `CREATE EXTERNAL TABLE IF NOT EXISTS ${database}.${name} (`,
    COLUMNS.map(([column, type]) => `  ${column} ${type}`).join(',\n'),
    ')',
    'PARTITIONED BY (`account` STRING, `region` STRING, `timestamp` STRING)',
    "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'",
    "STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'",
    "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'",
    `LOCATION '${location}'`,
    'TBLPROPERTIES (',
    Object.entries(properties)
      .map(([property, value]) => `  '${property}' = '${value}'`)
      .join(',\n'),
    ')',
  ].join('\n');
}

function select({
  database,
  name,
  accounts,
  regions,
  first,
  last,
  window,
  secret,
}: Record<'database' | 'name' | 'first' | 'last', string> &
  Record<'accounts' | 'regions', readonly string[]> &
  Pick<SqlRequest, 'window' | 'secret'>): string {
  const concerns = [
    `(eventsource = 'secretsmanager.amazonaws.com'${named(secret)})`,
    `(eventsource = 'kms.amazonaws.com' AND strpos(requestparameters, 'SecretARN') > 0${named(secret)})`,
    ...CONTEXT_CALLS,
  ];
  return [
    'SELECT',
    [
      ...COLUMNS.filter(([, type]) => type === 'STRING').map(([column]) => column),
      ...['type', 'principalid', 'arn', 'accountid', 'invokedby', 'accesskeyid', 'username'].map(
        (member) => `useridentity.${member} AS identity_${member}`,
      ),
      'useridentity.sessioncontext.sessionissuer.arn AS issuer_arn',
      'useridentity.sessioncontext.attributes.mfaauthenticated AS mfa',
      'element_at(resources, 1).arn AS resource_arn',
      'element_at(resources, 1).type AS resource_type',
    ]
      .map((column) => `  ${column}`)
      .join(',\n'),
    `FROM ${database}.${name}`,
    // The partitions: without them Athena would scan, and charge for, the whole bucket.
    `WHERE account IN (${list(accounts)})`,
    `  AND region IN (${list(regions)})`,
    `  AND "timestamp" BETWEEN ${literal(first)} AND ${literal(last)}`,
    `  AND eventtime BETWEEN ${literal(second(window.since))} AND ${literal(second(window.until))}`,
    '  AND (',
    concerns.map((one) => `    ${one}`).join('\n    OR\n'),
    '  )',
    'ORDER BY eventtime, eventid',
  ].join('\n');
}

/** Whatever has the name in it, more than the audit will take, and whatever may have read any secret. */
function named(secret: string | null): string {
  if (secret === null) return '';
  const texts = NAMING.join(', ');
  return ` AND (eventname = 'BatchGetSecretValue' OR strpos(concat_ws(' ', ${texts}), ${literal(needleOf(secret))}) > 0)`;
}

/**
 * What every record that names a secret has in it.
 * @param secret - name or ARN
 * @throws JamfMcpError INPUT_INVALID where it is neither
 */
export function needleOf(secret: string): string {
  const id = parseSecretId(secret, 'caller');
  // Of the two ways to read an ARN the shorter name: it is in the other, and in records that only have the name.
  if (id) return id.name;
  throw invalid(
    `${secret || 'an empty text'} is not the name or ARN of a secret`,
    'pass --secret NAME, or --all-secrets',
  );
}

/** A literal of Trino: within quotes only the quote has a meaning, and two of them are one. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Literals, as they stand after IN. */
export const list = (texts: readonly string[]): string => texts.map(literal).join(', ');

/** What picks the calls that concern what guards a secret. */
export const CONTEXT_CALLS: readonly string[] = Object.entries(CONTEXT).map(
  ([source, names]) => `(eventsource = ${literal(source)} AND eventname IN (${list([...names])}))`,
);

/** `2026/11/22`, UTC. */
const day = (ms: number) => new Date(Math.max(0, ms)).toISOString().slice(0, 10).replaceAll('-', '/');
const dashed = (text: string) => text.replaceAll('/', '-');
/** `2026-11-22T10:00:00Z`, as CloudTrail writes times. */
const second = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Both statements, each ended, ready to be pasted. */
export const drawSql = ({ create, query, days, accounts, regions }: SqlResult): string =>
  [
    '-- Once: the table, for all accounts and Regions of the trail. It holds no data: DROP TABLE takes nothing away.',
    `${create};`,
    '',
    `-- The accesses. It scans ${counted(days, 'day')} of ${counted(accounts.length, 'account')} and ${counted(regions.length, 'Region')}; Athena charges by the bytes of those files.`,
    `${query};`,
  ].join('\n');

const counted = (count: number, what: string) => `${String(count)} ${what}${count === 1 ? '' : 's'}`;
