/** A bucket with the files of a trail, and the signatures of digests in the metadata of their objects. */
import type { S3Client } from '@aws-sdk/client-s3';
import { awsErrorName, call, type AwsSettings } from '../../aws.ts';
import type { Context } from '../../host.ts';
import {
  listDays,
  parseS3Address,
  s3Client,
  trailFolders,
  type S3Address,
  type TrailFolder,
} from '../sources/s3-list.ts';
import { DAY, type Window } from '../window.ts';
import { endsWithin, type Archive, type ArchiveFile, type OpenFile, type Place } from './archive.ts';
import { baseName, digestName, logName } from './names.ts';

/**
 * The files of a bucket, which may be a copy of another, under the same keys.
 * @param where - `s3://bucket[/prefix]`
 * @throws JamfMcpError INPUT_INVALID for another address
 */
export async function bucketArchive(where: string, aws: AwsSettings, context: Context): Promise<Archive> {
  const { bucket, prefix } = parseS3Address(where);
  return {
    keepsMetadata: true,
    strangers: { count: 0, examples: [] },
    async *places(window) {
      const client = await s3Client(aws);
      try {
        for (const folder of await placesOf(client, { bucket, prefix }, context)) {
          yield await placeOf({ client, bucket, context }, folder, window);
        }
      } finally {
        client.destroy();
      }
    },
  };
}

/** Every account and Region that has digests, or log files without any. */
async function placesOf(client: S3Client, address: S3Address, context: Context): Promise<TrailFolder[]> {
  const found = new Map<string, TrailFolder>();
  for (const kind of ['CloudTrail-Digest', 'CloudTrail'] as const) {
    for (const folder of await trailFolders(client, address, kind, context)) {
      found.set(`${folder.base}${folder.region}`, folder);
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, folder]) => folder);
}

interface Bucket {
  client: S3Client;
  bucket: string;
  context: Context;
}

async function placeOf(bucket: Bucket, folder: TrailFolder, window: Window | null): Promise<Place> {
  const { account, region } = folder;
  const digests: ArchiveFile[] = [];
  const list = (kind: 'CloudTrail' | 'CloudTrail-Digest') =>
    listDays(bucket.client, bucket.bucket, folder, kind, window, bucket.context);
  for await (const { key } of list('CloudTrail-Digest')) {
    if (endsWithin(digestName(baseName(key))?.endMs ?? NaN, window)) digests.push(objectAt(bucket, key));
  }
  return {
    account,
    region,
    digests,
    // Where a digest tells of another bucket than it is in, this one is a copy of that, and has all that it should have.
    find: (object, digest, file) =>
      objectAt(
        { ...bucket, bucket: object.bucket === digest.bucket ? (file.bucket ?? object.bucket) : object.bucket },
        object.key,
      ),
    async *logs() {
      for await (const { key } of list('CloudTrail')) {
        const at = logName(baseName(key))?.atMs;
        if (at === undefined) continue;
        if (window === null || (at >= window.since - DAY && at <= window.until + DAY)) yield objectAt(bucket, key);
      }
    },
  };
}

const objectAt = (bucket: Bucket, key: string): ArchiveFile => ({
  name: `s3://${bucket.bucket}/${key}`,
  base: baseName(key),
  bucket: bucket.bucket,
  isAt: (object) => object.key === key,
  open: () => openObject(bucket, key),
});

async function openObject({ client, bucket, context }: Bucket, key: string): Promise<OpenFile | null> {
  const { GetObjectCommand } = await import('@aws-sdk/client-s3');
  try {
    const { Body, Metadata } = await call(context, 'GetObject', `s3://${bucket}/${key}`, (options) =>
      client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), options),
    );
    return { chunks: (Body ?? []) as AsyncIterable<Uint8Array>, metadata: Metadata ?? {} };
  } catch (error) {
    if (['NoSuchKey', 'NotFound'].includes(awsErrorName(error))) return null;
    throw error;
  }
}
