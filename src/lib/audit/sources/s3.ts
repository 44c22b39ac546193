/**
 * The bucket of a trail as a source, an organisation's trail included. Objects lie by the day of their delivery
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html):
 * `[prefix/]AWSLogs/[o-…/]<account>/CloudTrail/<region>/YYYY/MM/DD/<file>.json.gz`.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { awsErrorName, call, type AwsSettings } from '../../aws.ts';
import { isInterruption, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import type { Window } from '../window.ts';
import { isRecordFile } from './files/find.ts';
import { readTasks } from './files/index.ts';
import type { ScanTask } from './files/scan.ts';
import { listDays, parseS3Address, s3Client, trailFolders, type ListedObject, type S3Address } from './s3-list.ts';
import type { Skipped, Source } from './source.ts';

/** What to read. */
export interface S3Query {
  /** `s3://bucket/prefix`. */
  url: string;
  aws: AwsSettings;
  /** Null for whatever time. */
  window: Window | null;
}

/** Whether a path is one of S3. */
export const isS3 = (path: string): boolean => path.startsWith('s3://');

/** Objects fetched at the same time, before a worker has taken the first of them. */
const AHEAD = 8;
/** CloudTrail writes 50 MB at most; what is larger is none of its files. */
const MOST_BYTES = 256 * 1024 ** 2;

/** A bucket's records, in whatever order; what cannot be listed or fetched is told, and the report is not `complete`. */
export const s3Source = (query: S3Query): Source => ({
  newestFirst: false,
  async read(sink, context) {
    const client = await s3Client(query.aws);
    try {
      const { report, ...rest } = await readTasks(
        { kind: 's3', tasks: (skip) => ahead(tasksIn(query, client, skip, context)) },
        sink,
        context,
      );
      return { ...rest, report: { ...report, place: query.url } };
    } finally {
      client.destroy();
    }
  },
});

/** An object that is being fetched; null where it could not be. */
type Fetch = Promise<ScanTask | null>;

/** The fetches, of which some are under way before they are asked for. */
async function* ahead(fetches: AsyncIterable<() => Fetch>): AsyncGenerator<ScanTask> {
  const under: Fetch[] = [];
  const first = async () => await under.shift();
  for await (const begin of fetches) {
    const fetching = begin();
    // It is awaited when its turn comes, and may fail before.
    fetching.catch(() => undefined);
    under.push(fetching);
    if (under.length < AHEAD) continue;
    const task = await first();
    if (task) yield task;
  }
  while (under.length > 0) {
    const task = await first();
    if (task) yield task;
  }
}

async function* tasksIn(
  { url, window }: S3Query,
  client: S3Client,
  skip: (one: Skipped) => void,
  context: Context,
): AsyncGenerator<() => Fetch> {
  const address = parseS3Address(url);
  const { bucket } = address;
  let found = 0;
  let listed = 0;
  try {
    for await (const { key, size } of objectsIn(client, address, window, context)) {
      listed += 1;
      if (!isRecordFile(key)) continue;
      found += 1;
      const name = `s3://${bucket}/${key}`;
      if (size > MOST_BYTES) {
        skip({
          where: name,
          why: `it has ${String(Math.round(size / 1024 ** 2))} MB: no file of a trail is that large`,
        });
      } else yield () => fetched({ client, bucket, key, name, window }, skip, context);
    }
  } catch (error) {
    if (listed === 0 || isInterruption(error)) throw error;
    skip({ where: url, why: `not listed to its end: ${messageOf(error)}` });
  }
  if (found === 0) {
    const when = window === null ? '' : ' of those days';
    skip({
      where: url,
      why: `no file of a trail${when} is there: …/AWSLogs/ACCOUNT/CloudTrail/REGION/YEAR/MONTH/DAY/….json.gz`,
    });
  }
}

async function fetched(
  {
    client,
    bucket,
    key,
    name,
    window,
  }: { client: S3Client; bucket: string; key: string; name: string; window: Window | null },
  skip: (one: Skipped) => void,
  context: Context,
): Fetch {
  const { GetObjectCommand } = await import('@aws-sdk/client-s3');
  try {
    const { Body } = await call(context, 'GetObject', name, (options) =>
      client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), options),
    );
    const content = (await Body?.transformToByteArray()) ?? new Uint8Array();
    return { name, path: new Uint8Array(), content, window };
  } catch (error) {
    if (isInterruption(error)) throw error;
    skip({ where: name, why: WHY[awsErrorName(error)] ?? messageOf(error) });
    return null;
  }
}

const WHY: Readonly<Record<string, string>> = {
  NoSuchKey: 'it is gone',
  InvalidObjectState: 'it lies in an archive of S3 (Glacier), and has to be restored first',
};

/**
 * The files of a trail at and below a prefix, of all accounts and Regions that lie there, of the days of the window and one
 * on either side; or the one object that was named.
 */
async function* objectsIn(
  client: S3Client,
  address: S3Address,
  window: Window | null,
  context: Context,
): AsyncGenerator<ListedObject> {
  const { bucket, prefix } = address;
  if (isRecordFile(prefix)) {
    yield { key: prefix, size: 0 };
    return;
  }
  for (const folder of await trailFolders(client, address, KIND, context)) {
    for await (const object of listDays(client, bucket, folder, KIND, window, context)) {
      // A prefix may end below the Region, at a month or a day.
      if (object.key.startsWith(prefix)) yield object;
    }
  }
}

const KIND = 'CloudTrail';
