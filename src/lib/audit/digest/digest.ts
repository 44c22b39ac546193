/**
 * CloudTrail's digest files: what is in one, and what its signature is over
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html,
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html).
 */
import { createHash, verify, type KeyObject } from 'node:crypto';

/** An object of S3. */
export interface ObjectName {
  bucket: string;
  key: string;
}

/** What a digest says of a log file. */
export interface ListedLog extends ObjectName {
  /** SHA-256 of its uncompressed content, in hexadecimal. */
  hash: string;
}

/** A digest file. */
export interface Digest extends ObjectName {
  /** As it is written there: the signature is over these characters. */
  end: string;
  startMs: number;
  endMs: number;
  fingerprint: string;
  /** The digest before; null in the first one of a chain. */
  previous: (ObjectName & { hash: string | null; signature: string | null }) | null;
  logs: ListedLog[];
  /** SHA-256 of the digest itself. */
  hash: string;
}

/** The one algorithm that CloudTrail signs with. */
export const ALGORITHM = 'SHA256withRSA';
const HASH = 'SHA-256';

/**
 * Read a digest.
 * @param content - uncompressed
 * @returns the digest, or why it is none: lower case, one line
 */
export function parseDigest(content: Buffer): Digest | string {
  let json: unknown;
  try {
    json = JSON.parse(content.toString('utf8'));
  } catch {
    return 'it is not JSON';
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json)) return 'it is not a JSON object';
  const body = json as Record<string, unknown>;
  const absent: string[] = [];
  const text = (name: string) => {
    const value = body[name];
    if (typeof value === 'string' && value !== '') return value;
    absent.push(name);
    return '';
  };
  const optional = (name: string) => {
    const value = body[name] ?? null;
    if (value === null || typeof value === 'string') return value;
    absent.push(name);
    return null;
  };
  const time = (name: string) => {
    const at = Date.parse(text(name));
    if (Number.isNaN(at) && !absent.includes(name)) absent.push(name);
    return at;
  };
  if (!('previousDigestSignature' in body)) absent.push('previousDigestSignature');
  const [bucket, key] = [optional('previousDigestS3Bucket'), optional('previousDigestS3Object')];
  const digest: Digest = {
    bucket: text('digestS3Bucket'),
    key: text('digestS3Object'),
    end: text('digestEndTime'),
    startMs: time('digestStartTime'),
    endMs: time('digestEndTime'),
    fingerprint: text('digestPublicKeyFingerprint'),
    previous:
      bucket === null || key === null
        ? null
        : { bucket, key, hash: optional('previousDigestHashValue'), signature: optional('previousDigestSignature') },
    logs: [],
    hash: createHash('sha256').update(content).digest('hex'),
  };
  const logs = listedLogs(body.logFiles);
  if (logs === null) absent.push('logFiles');
  if (absent.length > 0) return `it is no digest: ${[...new Set(absent)].join(', ')} cannot be read`;
  return { ...digest, logs: logs ?? [] };
}

/** None at all is what an hour without events has, which some writers leave out; null for what is no list of log files. */
function listedLogs(value: unknown): ListedLog[] | null {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return null;
  const logs: ListedLog[] = [];
  for (const entry of value as unknown[]) {
    if (entry === null || typeof entry !== 'object') return null;
    const { s3Bucket, s3Object, hashValue, hashAlgorithm = HASH } = entry as Record<string, unknown>;
    if (typeof s3Bucket !== 'string' || typeof s3Object !== 'string' || typeof hashValue !== 'string') return null;
    if (hashAlgorithm !== HASH) return null;
    logs.push({ bucket: s3Bucket, key: s3Object, hash: hashValue.toLowerCase() });
  }
  return logs;
}

/**
 * What CloudTrail signs of a digest.
 * @returns four lines; the signature of the digest before is the word `null` in the first one of a chain
 */
export const stringToSign = ({ end, bucket, key, hash, previous }: Digest): string =>
  `${end}\n${bucket}/${key}\n${hash}\n${previous?.signature ?? 'null'}`;

/**
 * Whether a signature is CloudTrail's of that digest: RSA, PKCS#1 v1.5, SHA-256.
 * @param signature - hexadecimal
 */
export function isSignedBy(digest: Digest, signature: string, key: KeyObject): boolean {
  if (!/^(?:[0-9a-f]{2})+$/i.test(signature)) return false;
  return verify('RSA-SHA256', Buffer.from(stringToSign(digest)), key, Buffer.from(signature, 'hex'));
}
