/** Signed digest chains with their log files, as CloudTrail delivers them; keys and contents are made here. */
import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

export const HOUR = 3_600_000;

/** A key pair as CloudTrail has one for each Region and time. */
export interface SigningKey {
  fingerprint: string;
  privateKey: KeyObject;
  /** DER of PKCS#1. */
  value: Buffer;
}

export function signingKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const value = publicKey.export({ format: 'der', type: 'pkcs1' });
  return { privateKey, value, fingerprint: createHash('md5').update(value).digest('hex') };
}

/** What `aws cloudtrail list-public-keys` prints of keys. */
export const listedKeys = (...keys: SigningKey[]): string =>
  JSON.stringify({
    PublicKeyList: keys.map(({ fingerprint, value }) => ({
      Value: value.toString('base64'),
      ValidityStartTime: 1_700_000_000,
      ValidityEndTime: 1_900_000_000,
      Fingerprint: fingerprint,
    })),
  });

/** An object of a bucket. */
export interface StoredObject {
  content: Buffer;
  metadata: Record<string, string>;
}

/** A bucket: key to object. */
export type Objects = Map<string, StoredObject>;

/** What a chain is made of. */
export interface ChainOptions {
  key: SigningKey;
  bucket?: string;
  /** The bucket of each digest, counted from 0, where the trail was given another. */
  bucketOf?: (index: number) => string;
  prefix?: string;
  organization?: string;
  account?: string;
  region?: string;
  home?: string;
  trail?: string;
  /** End of the first digest; milliseconds since 1970. */
  start?: number;
  hours?: number;
  logsEach?: number;
  /** Chains begin anew after this many digests, and that many hours later. */
  breakAfter?: { digests: number; hours: number };
  /** When these digests were made, for those of late log files. */
  backfilledAt?: number;
}

/** A chain, oldest first. */
export interface Chain {
  bucket: string;
  digests: string[];
  logs: string[];
}

export const START = Date.UTC(2026, 10, 20, 1, 0, 30);

/** Add a chain and its log files to a bucket. */
export function addChain(objects: Objects, options: ChainOptions): Chain {
  const {
    key,
    bucket: first = 'trail-bucket',
    bucketOf = () => first,
    prefix,
    organization,
    account = '111122223333',
    region = 'us-east-1',
    home = 'us-east-1',
    trail = 'management',
    start = START,
    hours = 6,
    logsEach = 2,
    breakAfter,
    backfilledAt,
  } = options;
  const base = [prefix, 'AWSLogs', organization, account].filter((part) => part !== undefined).join('/');
  const chain: Chain = { bucket: first, digests: [], logs: [] };
  let previous: { bucket: string; key: string; hash: string; signature: string } | null = null;
  for (let index = 0; index < hours; index += 1) {
    const bucket = bucketOf(index);
    const late = breakAfter && index >= breakAfter.digests ? breakAfter.hours : 0;
    if (index === breakAfter?.digests) previous = null;
    const endMs = start + (index + late) * HOUR;
    const logFiles = Array.from({ length: logsEach }, (_, number) => {
      const at = endMs - HOUR + (number + 1) * Math.floor(HOUR / (logsEach + 1));
      const unique = hashOf(Buffer.from(`${trail}${String(backfilledAt)}${region}${String(index)}.${String(number)}`));
      const name = `${account}_CloudTrail_${region}_${stamp(at).slice(0, 13)}Z_${unique.slice(0, 16)}.json.gz`;
      const s3Object = `${base}/CloudTrail/${region}/${day(at)}/${name}`;
      const content = Buffer.from(
        JSON.stringify({ Records: [{ eventID: `${region}-${String(index)}-${String(number)}` }] }),
      );
      objects.set(s3Object, { content: gzipSync(content), metadata: {} });
      chain.logs.push(s3Object);
      const time = iso(at);
      const hashes = { hashValue: hashOf(content), hashAlgorithm: 'SHA-256' };
      return { s3Bucket: bucket, s3Object, ...hashes, newestEventTime: time, oldestEventTime: time };
    });
    const mark = backfilledAt === undefined ? '' : '_backfill';
    const name = `${account}_CloudTrail-Digest_${region}_${trail}_${home}_${stamp(endMs)}${mark}.json.gz`;
    const own = `${base}/CloudTrail-Digest/${region}/${day(endMs)}/${name}`;
    const content: Buffer = Buffer.from(
      JSON.stringify({
        awsAccountId: account,
        digestStartTime: iso(endMs - HOUR),
        digestEndTime: iso(endMs),
        digestS3Bucket: bucket,
        digestS3Object: own,
        digestPublicKeyFingerprint: key.fingerprint,
        digestSignatureAlgorithm: 'SHA256withRSA',
        newestEventTime: logFiles.at(-1)?.newestEventTime ?? null,
        oldestEventTime: logFiles[0]?.oldestEventTime ?? null,
        previousDigestS3Bucket: previous?.bucket ?? null,
        previousDigestS3Object: previous?.key ?? null,
        previousDigestHashValue: previous?.hash ?? null,
        previousDigestHashAlgorithm: previous && 'SHA-256',
        previousDigestSignature: previous?.signature ?? null,
        logFiles,
      }),
    );
    const signature = sign(content, key);
    objects.set(own, {
      content: gzipSync(content),
      metadata: {
        signature,
        'signature-algorithm': 'SHA256withRSA',
        ...(backfilledAt === undefined ? {} : { 'backfill-generation-timestamp': iso(backfilledAt) }),
      },
    });
    previous = { bucket, key: own, hash: hashOf(content), signature };
    chain.digests.push(own);
  }
  return chain;
}

/** The signature of a digest's content: over its end, its place, its hash, and the signature before it. */
export function sign(content: Buffer, { privateKey }: SigningKey): string {
  const digest = JSON.parse(content.toString()) as Record<string, string | null>;
  const place = `${String(digest.digestS3Bucket)}/${String(digest.digestS3Object)}`;
  const before = digest.previousDigestSignature ?? 'null';
  const text = [digest.digestEndTime, place, hashOf(content), before].join('\n');
  return createSign('RSA-SHA256').update(text).sign(privateKey, 'hex');
}

/** Change what is in an object, as somebody would who can write to the bucket: its metadata stay. */
export function edit(objects: Objects, key: string, change: (text: string) => string): void {
  const object = objects.get(key);
  if (!object) throw new Error(`there is no ${key}`);
  const before = gunzipSync(object.content).toString();
  const after = change(before);
  if (after === before) throw new Error(`nothing of ${key} was changed`);
  objects.set(key, { ...object, content: gzipSync(after) });
}

/** Write a bucket to a folder, as `aws s3 sync` does: of the metadata nothing is left, but for those of `keep`. */
export async function writeObjects(objects: Objects, folder: string, keep: readonly string[] = []): Promise<void> {
  for (const [key, { content, metadata }] of objects) {
    const path = join(folder, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    if (keep.includes(key)) await writeFile(`${path}.metadata.json`, JSON.stringify({ Metadata: metadata }));
  }
}

export const hashOf = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const iso = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
/** `20261120T010030Z` */
const stamp = (ms: number) => iso(ms).replaceAll(/[-:]/g, '');
const day = (ms: number) => iso(ms).slice(0, 10).replaceAll('-', '/');
