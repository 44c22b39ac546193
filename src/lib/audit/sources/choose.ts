/** Where an audit reads, of all that it can: what was said, what was named, and what reaches far enough back. */
import { JamfMcpError } from '../../errors.ts';
import type { AuditSettings } from '../../config/settings.ts';
import type { AwsIdentity, AwsSettings } from '../../aws.ts';
import type { StoreKind } from '../../secrets/store.ts';
import type { Window } from '../window.ts';
import { athenaSource } from './athena.ts';
import type { FilesQuery } from './files/index.ts';
import { lakeSource } from './lake.ts';
import { isReached } from './lookup-events.ts';
import { isS3 } from './s3.ts';
import type { Source } from './source.ts';

/** What can be said. */
export type SourceKind = 'auto' | 'lookup' | 'athena' | 'lake' | 's3' | 'files';

/** What was said of sources that are asked a query; where nothing was, `audit:` of jamf-mcp.yaml counts. */
export interface QueryWords {
  /** Accounts whose records are looked for; those of the credentials, of the secret and of `audit.accounts` without. */
  accounts?: readonly string[] | undefined;
  /** Of Athena. */
  workgroup?: string | undefined;
  /** `s3://BUCKET/PREFIX` for what Athena finds. */
  outputLocation?: string | undefined;
  /** Of CloudTrail Lake: id or ARN. */
  eventDataStore?: string | undefined;
}

type Files = Omit<FilesQuery, 'window'>;

/** Where an audit reads. */
export type Road =
  | { kind: 'files'; files: Files }
  /** What the store itself keeps: CloudTrail's event history, or the log of the local store. */
  | { kind: 'own' }
  | { kind: 'athena'; url: string }
  | { kind: 'lake' };

/** What it is chosen by. */
export interface Choice {
  source: SourceKind;
  files: Files | undefined;
  store: StoreKind;
  settings: Pick<AuditSettings, 'trail' | 'lake'>;
  query: QueryWords;
  /** Null where files are read for whatever time they hold. */
  window: Window | null;
  /** Milliseconds since 1970. */
  now: number;
}

/**
 * Choose.
 * @throws JamfMcpError USAGE where what was said and what was named do not go together
 */
export function roadOf(choice: Choice): Road {
  if (choice.source !== 'auto' && choice.store !== 'aws' && choice.source !== 'files' && choice.source !== 's3') {
    throw usage(
      `--source ${choice.source} has the records of AWS, and the ${choice.store} store is not there`,
      'pass --store aws, or leave out --source',
    );
  }
  return ROADS[choice.source](choice);
}

const ROADS: Readonly<Record<SourceKind, (choice: Choice) => Road>> = {
  auto: (choice) => (choice.files ? { kind: 'files', files: choice.files } : furthest(choice)),
  lookup({ files }) {
    if (files) throw usage('the event history is no file', 'leave out the paths, or --source');
    return { kind: 'own' };
  },
  files({ files }) {
    if (!files) throw usage('no file is named', 'name files, folders or patterns of CloudTrail records');
    if (files.paths.some(isS3)) throw usage('s3://… is no file on the disk', 'pass --source s3, or leave it out');
    return { kind: 'files', files };
  },
  s3: ({ files, settings }) => ({ kind: 'files', files: { paths: bucketsOf('s3', files, settings) } }),
  athena({ files, settings }) {
    const [url = '', ...more] = bucketsOf('athena', files, settings);
    if (more.length > 0) throw usage('Athena asks one trail at a time', 'name one s3://BUCKET/PREFIX');
    return { kind: 'athena', url };
  },
  lake({ files }) {
    if (files) throw usage('an event data store is no file', 'leave out the paths, or --source');
    return { kind: 'lake' };
  },
};

/** What was named, all of it in S3; else the trail of the settings. */
function bucketsOf(source: SourceKind, files: Files | undefined, settings: Choice['settings']): readonly string[] {
  if (!files) return [trailOf(settings)];
  if (files.paths.length > 0 && files.paths.every(isS3) && !files.streams?.length) return files.paths;
  throw usage(`--source ${source} reads the bucket of a trail`, 'name it as s3://BUCKET/PREFIX');
}

/**
 * The trail of the settings.
 * @throws JamfMcpError USAGE where they have none
 */
export function trailOf({ trail }: Pick<AuditSettings, 'trail'>): string {
  if (trail !== undefined) return trail;
  throw usage('no trail is named', 'name its bucket, s3://BUCKET/PREFIX, here or as audit.trail in jamf-mcp.yaml');
}

/** The event history where it reaches, because it is free; else what is known to keep more. */
function furthest({ store, settings, query, window, now }: Choice): Road {
  if (store !== 'aws' || window === null || isReached(window, now)) return { kind: 'own' };
  if (settings.trail !== undefined) return { kind: 'athena', url: settings.trail };
  if ((query.eventDataStore ?? settings.lake.eventDataStore) !== undefined) return { kind: 'lake' };
  return { kind: 'own' };
}

const usage = (what: string, hint: string) => new JamfMcpError('USAGE', what, hint);

/**
 * The accounts whose records are read.
 * @param owner - account in the ARN of the secret
 */
export function accountsOf(
  road: Road,
  { accounts }: QueryWords,
  caller: AwsIdentity,
  settings: Pick<AuditSettings, 'accounts'>,
  owner: string | null,
): string[] {
  const asked = road.kind === 'own' ? undefined : accounts;
  const own = [caller.account, ...settings.accounts.map(({ account }) => account)];
  return [...new Set(asked ?? [...own, ...(road.kind === 'own' || owner === null ? [] : [owner])])];
}

/** What is asked of a source that takes a query. */
export interface RemoteQuery {
  /** With the Region in which it is asked. */
  aws: AwsSettings;
  accounts: readonly string[];
  /** Null for all there are, where the source can tell. */
  regions: { asked: readonly string[]; all: boolean };
  secret: string | null;
  window: Window;
  words: QueryWords;
  settings: Pick<AuditSettings, 'athena' | 'lake'>;
}

/** Table of Athena where nothing names another. */
export const TABLE = 'default.jamf_mcp_cloudtrail';

/**
 * The source at the end of a road that leads to a query.
 * @throws JamfMcpError INPUT_INVALID for what cannot be asked
 */
export function remoteSource(
  road: Extract<Road, { kind: 'athena' | 'lake' }>,
  { aws, accounts, regions, secret, window, words, settings }: RemoteQuery,
): Source {
  const { athena, lake } = settings;
  const asked = { aws, accounts, secret, window };
  if (road.kind === 'lake') {
    const store = words.eventDataStore ?? lake.eventDataStore;
    return lakeSource({ ...asked, regions: regions.all ? null : regions.asked, store });
  }
  return athenaSource({
    ...asked,
    url: road.url,
    regions: regions.asked,
    table: athena.table ?? TABLE,
    workgroup: words.workgroup ?? athena.workgroup,
    outputLocation: words.outputLocation ?? athena.outputLocation,
  });
}
