/**
 * What a query of Athena over a trail's bucket will scan. Athena cannot be asked without running it, so the files of the
 * partitions are listed: all of them, or of many partitions an even sample.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import { isInterruption, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { limiter } from '../../limiter.ts';
import type { AwsSettings } from '../../aws.ts';
import { DAY, type Window } from '../window.ts';
import { bytesText } from './remote-query.ts';
import { pages, parseS3Address, s3Client, subfolders } from './s3-list.ts';

/** Partitions that are listed at most, and how many at a time. */
const SAMPLED = 200;
const AT_A_TIME = 8;

/** Dollars for a terabyte in most Regions, and the least that a query counts (https://aws.amazon.com/athena/pricing/). */
const DOLLARS_PER_TB = 5;
const LEAST_BYTES = 10e6;

/** What will be scanned. */
export interface ScanEstimate {
  /** Packed, as they lie there: null where they could not be listed. */
  bytes: number | null;
  /** Why not. */
  why: string | null;
  /** Partitions that will be scanned, and how many of them were listed. */
  partitions: number;
  listed: number;
  /** Accounts whose records lie there and are not asked for. */
  others: readonly string[];
}

/**
 * Estimate.
 * @param location - where the folders of the accounts are: `s3://BUCKET/…/AWSLogs/`
 */
export async function estimateScan(
  query: {
    aws: AwsSettings;
    location: string;
    accounts: readonly string[];
    regions: readonly string[];
    window: Window;
  },
  context: Context,
): Promise<ScanEstimate> {
  const { accounts, regions, window } = query;
  const { bucket, prefix } = parseS3Address(query.location);
  const days = daysOf(window);
  const partitions = accounts.length * regions.length * days.length;
  const listed = Math.min(SAMPLED, partitions);
  const chosen = Array.from({ length: listed }, (_, index) => {
    // By the golden ratio: an even step might meet the same day of every Region.
    const at = listed === partitions ? index : Math.floor(((index * 0.618_033_988_75) % 1) * partitions);
    const day = days[at % days.length] ?? '';
    const place = Math.floor(at / days.length);
    const account = accounts[Math.floor(place / regions.length)] ?? '';
    return `${prefix}/${account}/CloudTrail/${regions[place % regions.length] ?? ''}/${day}/`;
  });
  const client = await s3Client(query.aws);
  const enough = new AbortController();
  const within = { ...context, signal: AbortSignal.any([context.signal, enough.signal]) };
  try {
    // First what is one call, for nothing else will do where that is refused.
    const lying = (await subfolders(client, bucket, `${prefix}/`, within)).filter((name) => /^\d{12}$/.test(name));
    const others = lying.filter((account) => !accounts.includes(account));
    const turn = limiter(AT_A_TIME);
    const sizes = await Promise.all(
      chosen.map((folder) => turn(() => sizeOf(client, bucket, folder, within), { signal: within.signal })),
    );
    const bytes = (sizes.reduce((sum, size) => sum + size, 0) * partitions) / listed;
    return { bytes, why: null, partitions, listed, others };
  } catch (error) {
    if (context.signal.aborted || isInterruption(error)) throw error;
    return { bytes: null, why: messageOf(error), partitions, listed, others: [] };
  } finally {
    enough.abort();
    client.destroy();
  }
}

/** The days that the query is bounded by: one more on either side. */
function daysOf({ since, until }: Window): string[] {
  const first = Math.floor((since - DAY) / DAY);
  const last = Math.floor((until + DAY) / DAY);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    new Date((first + index) * DAY).toISOString().slice(0, 10).replaceAll('-', '/'),
  );
}

async function sizeOf(client: S3Client, bucket: string, folder: string, context: Context): Promise<number> {
  let bytes = 0;
  for await (const { Contents = [] } of pages(client, { Bucket: bucket, Prefix: folder }, context)) {
    for (const { Size = 0 } of Contents) bytes += Size;
  }
  return bytes;
}

/** `about 1.2 GB, $0.01 at $5 a TB` */
export function costText({ bytes, listed, partitions }: Omit<ScanEstimate, 'why'>): string {
  if (bytes === null) return 'how many bytes is not known, as the bucket cannot be listed';
  const about = listed < partitions ? 'about ' : '';
  return `${about}${bytesText(bytes)}, ${dollars(bytes)} at $${String(DOLLARS_PER_TB)} a TB`;
}

/** What so many bytes cost. */
export function dollars(bytes: number): string {
  const price = (Math.max(bytes, LEAST_BYTES) / 1e12) * DOLLARS_PER_TB;
  return price < 0.01 ? 'less than $0.01' : `$${price.toFixed(2)}`;
}
