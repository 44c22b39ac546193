/**
 * Lists what a trail has delivered to a bucket, for whoever reads log files or digests there:
 * `[prefix/]AWSLogs/[o-organisation/]account/KIND/region/YYYY/MM/DD/…`, where KIND is `CloudTrail` or
 * `CloudTrail-Digest` (facts/audit.md §5). One call lists 1,000 keys, and keys come in the order of their bytes.
 */
import type { ListObjectsV2CommandInput, S3Client } from '@aws-sdk/client-s3';
import { call, clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { DAY, type Window } from '../window.ts';

/** Where to look. */
export interface S3Address {
  bucket: string;
  /** Empty, or without a slash at its end. */
  prefix: string;
}

/** The files of one kind, account and Region in a bucket. */
export interface TrailFolder {
  /** `prefix/AWSLogs/…/account/`, with the slash. */
  base: string;
  account: string;
  region: string;
}

/** What a trail delivers. */
export type TrailKind = (typeof KINDS)[number];

const KINDS = ['CloudTrail', 'CloudTrail-Digest'] as const;

/** Folders above `AWSLogs` that are looked into: a trail's prefix may be of several parts. */
const DEEPEST_PREFIX = 4;

/** @throws JamfMcpError INPUT_INVALID for what is not `s3://bucket[/prefix]` */
export function parseS3Address(text: string): S3Address {
  const [, bucket, prefix = ''] = /^s3:\/\/([a-z\d][a-z\d.-]{1,61}[a-z\d])(?:\/(.*))?$/.exec(text) ?? [];
  if (bucket !== undefined) return { bucket, prefix: prefix.replace(/\/+$/, '') };
  throw new JamfMcpError('INPUT_INVALID', `${text} names no bucket`, 'write s3://BUCKET or s3://BUCKET/PREFIX');
}

/**
 * A client for buckets: it goes on to the Region of the bucket where that is another.
 * @returns a client that its user has to `destroy()`
 */
export async function s3Client(aws: AwsSettings): Promise<S3Client> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  return new S3Client({ ...clientConfig(aws), followRegionRedirects: true });
}

/**
 * Find where the files of a kind are, at and below a prefix. That may end anywhere: one that leads to the other kind
 * means this one of the same account, and one that leads to a day means the whole Region.
 * @throws JamfMcpError NOT_FOUND where there is no such bucket, ACCESS_DENIED …
 */
export async function trailFolders(
  client: S3Client,
  { bucket, prefix }: S3Address,
  kind: TrailKind,
  context: Context,
): Promise<TrailFolder[]> {
  const found: TrailFolder[] = [];
  const add = (base: string, region: string) => {
    const account = base.split('/').at(-2) ?? '';
    found.push({ base, account, region });
  };
  const look = async (folder: string, above: number): Promise<void> => {
    const parts = folder.split('/').slice(0, -1);
    const at = parts.lastIndexOf('AWSLogs');
    const below = at < 0 ? [] : parts.slice(at + 1);
    const place = below.indexOf(kind);
    if (place >= 0) {
      const base = `${parts.slice(0, at + 1 + place).join('/')}/`;
      const region = below[place + 1];
      if (region !== undefined) add(base, region);
      else for (const name of await subfolders(client, bucket, folder, context)) add(base, name);
      return;
    }
    if (at < 0 && above > DEEPEST_PREFIX) return;
    const names = await subfolders(client, bucket, folder, context);
    const wanted =
      at < 0 ? (names.includes('AWSLogs') ? ['AWSLogs'] : names) : names.filter((name) => isStep(name, kind));
    for (const name of wanted) await look(`${folder}${name}/`, above + 1);
  };
  await look(prefix === '' ? '' : `${ofKind(prefix, kind)}/`, 0);
  return found;
}

function ofKind(prefix: string, kind: TrailKind): string {
  const parts = prefix.split('/');
  const at = parts.lastIndexOf('AWSLogs');
  const other = (part: string, index: number) => at >= 0 && index > at && KINDS.some((one) => one === part);
  return parts.map((part, index) => (other(part, index) ? kind : part)).join('/');
}

/** What lies between `AWSLogs` and the Regions: an organisation, an account, the kind. */
const isStep = (name: string, kind: TrailKind) => name === kind || /^o-[a-z\d]+$/.test(name) || /^\d+$/.test(name);

/** Names of the folders right below a prefix, which ends with a slash or is empty. */
export async function subfolders(
  client: S3Client,
  bucket: string,
  prefix: string,
  context: Context,
): Promise<string[]> {
  const names: string[] = [];
  for await (const page of pages(client, { Bucket: bucket, Prefix: prefix, Delimiter: '/' }, context)) {
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) names.push(Prefix.slice(prefix.length, -1));
  }
  return names;
}

/** An object that was listed. */
export interface ListedObject {
  key: string;
  /** Bytes, packed. */
  size: number;
}

/**
 * List the files of a folder by the days in their keys, oldest first. The day is that of the delivery, which may be the
 * one after the events': a day on either side of the window is listed too.
 * @param window - null for every day
 */
export async function* listDays(
  client: S3Client,
  bucket: string,
  { base, region }: TrailFolder,
  kind: TrailKind,
  window: Window | null,
  context: Context,
): AsyncGenerator<ListedObject> {
  const folder = `${base}${kind}/${region}/`;
  const first = window && dayOf(window.since - DAY);
  const last = window && dayOf(window.until + DAY);
  const from = first === null ? {} : { StartAfter: `${folder}${first}` };
  for await (const page of pages(client, { Bucket: bucket, Prefix: folder, ...from }, context)) {
    for (const { Key = '', Size = 0 } of page.Contents ?? []) {
      if (last !== null && Key.slice(folder.length, folder.length + last.length) > last) return;
      yield { key: Key, size: Size };
    }
  }
}

/** `2026/11/22`, in UTC */
const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10).replaceAll('-', '/');

/** The pages of a listing, to its end. */
export async function* pages(client: S3Client, input: ListObjectsV2CommandInput, context: Context) {
  const { ListObjectsV2Command } = await import('@aws-sdk/client-s3');
  let token: string | undefined;
  do {
    const asked = { ...input, ContinuationToken: token };
    const page = await call(context, 'ListObjectsV2', `bucket ${String(input.Bucket)}`, (options) =>
      client.send(new ListObjectsV2Command(asked), options),
    ).catch((error: unknown) => {
      throw bucketError(error, String(input.Bucket));
    });
    yield page;
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

function bucketError(error: unknown, bucket: string): unknown {
  const name = error instanceof JamfMcpError && error.cause instanceof Error ? error.cause.name : '';
  if (name !== 'NoSuchBucket') return error;
  return new JamfMcpError('NOT_FOUND', `there is no bucket ${bucket}`, 'check its name, and the account (--profile)', {
    cause: error,
  });
}
