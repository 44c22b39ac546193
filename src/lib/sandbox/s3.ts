/**
 * S3 with one bucket, in which the sandbox's trail lies as CloudTrail delivers it: a file for each account, Region and five
 * minutes (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-find-log-files.html). Only what reading
 * takes: ListObjectsV2 and GetObject.
 */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { TrailRecord } from './cloudtrail-record.ts';
import type { Delivered } from './cloudtrail.ts';
import { text } from './input.ts';
import { AwsFault, type AwsService } from './service.ts';

/** Name of the bucket. */
export const TRAIL_BUCKET = 'sandbox-trail';

/** How long CloudTrail gathers what it writes into one file. */
const PERIOD_MS = 5 * 60_000;

/** Most keys a page. */
const PAGE_SIZE = 1_000;

interface File {
  records: TrailRecord[];
  /** When it was delivered, milliseconds since 1970. */
  at: number;
}

/**
 * S3.
 * @param delivered - what CloudTrail has delivered by now
 */
export function createS3(delivered: () => readonly Delivered[]): AwsService {
  // A file grows until its five minutes are over.
  const packed = new Map<string, { count: number; bytes: Uint8Array }>();
  const bytesOf = (key: string, { records }: File): Uint8Array => {
    const known = packed.get(key);
    if (known?.count === records.length) return known.bytes;
    const bytes = gzipSync(JSON.stringify({ Records: records }));
    packed.set(key, { count: records.length, bytes });
    return bytes;
  };
  const filesIn = (bucket: unknown): Map<string, File> => {
    if (bucket === TRAIL_BUCKET) return filesOf(delivered());
    throw new AwsFault('NoSuchBucket', 'The specified bucket does not exist', 404);
  };

  return {
    dataEvents: true,
    handlers: {
      GetObject(input) {
        const key = text(input, 'Key') ?? '';
        const file = filesIn(input.Bucket).get(key);
        if (!file) throw new AwsFault('NoSuchKey', 'The specified key does not exist.', 404);
        return bytesOf(key, file);
      },
      ListObjectsV2(input) {
        const files = filesIn(input.Bucket);
        const prefix = text(input, 'prefix') ?? '';
        const delimiter = text(input, 'delimiter') ?? '';
        const token = text(input, 'continuation-token');
        const after = token === undefined ? (text(input, 'start-after') ?? '') : decoded(token);
        const size = Math.min(PAGE_SIZE, Number(text(input, 'max-keys') ?? PAGE_SIZE));
        const entries = new Map<string, string>();
        const keys = [...files.keys()].filter((key) => key.startsWith(prefix)).sort();
        for (const key of keys) {
          const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
          const name = end < 0 ? key : key.slice(0, end + delimiter.length);
          if (name <= after) continue;
          const file = files.get(key);
          if (end >= 0) entries.set(name, `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`);
          else if (file) entries.set(name, contents(key, file, bytesOf(key, file).length));
        }
        const page = [...entries].slice(0, size);
        const more = entries.size > page.length;
        const last = page.at(-1)?.[0] ?? '';
        return [
          '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
          `<Name>${TRAIL_BUCKET}</Name><KeyCount>${String(page.length)}</KeyCount><MaxKeys>${String(size)}</MaxKeys>`,
          `<IsTruncated>${String(more)}</IsTruncated>`,
          more ? `<NextContinuationToken>${Buffer.from(last).toString('base64url')}</NextContinuationToken>` : '',
          ...page.map(([, xml]) => xml),
          '</ListBucketResult>',
        ].join('');
      },
    },
  };
}

const decoded = (token: string) => Buffer.from(token, 'base64url').toString();

const contents = (key: string, { at }: File, size: number) =>
  `<Contents><Key>${key}</Key><LastModified>${new Date(at).toISOString()}</LastModified><Size>${String(size)}</Size><StorageClass>STANDARD</StorageClass></Contents>`;

/** Every file there is, by its key. */
function filesOf(delivered: readonly Delivered[]): Map<string, File> {
  const files = new Map<string, File>();
  for (const { record, at } of delivered) {
    const end = (Math.floor(at / PERIOD_MS) + 1) * PERIOD_MS;
    const key = keyOf(record, new Date(end).toISOString());
    const file = files.get(key);
    if (file) file.records.push(record);
    else files.set(key, { records: [record], at: end });
  }
  return files;
}

function keyOf({ recipientAccountId: account, awsRegion: region }: TrailRecord, iso: string): string {
  const day = iso.slice(0, 10);
  const time = `${day.replaceAll('-', '')}T${iso.slice(11, 16).replace(':', '')}Z`;
  const unique = createHash('sha256').update(`${account}/${region}/${time}`).digest('hex').slice(0, 16);
  return `AWSLogs/${account}/CloudTrail/${region}/${day.replaceAll('-', '/')}/${account}_CloudTrail_${region}_${time}_${unique}.json.gz`;
}
