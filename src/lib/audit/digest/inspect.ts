/** Whether one digest is as CloudTrail signed it. */
import { unpackMember } from './member.ts';
import type { ArchiveFile, OpenFile } from './archive.ts';
import type { NamedDigest } from './chain.ts';
import { ALGORITHM, isSignedBy, parseDigest, type Digest } from './digest.ts';
import type { Stretch } from './keys.ts';
import type { Told } from './told.ts';

/** The digest after the one that is looked at, where its link led there. */
export interface Newer {
  state: 'proved' | 'unproved' | 'invalid';
  digest: Digest;
}

/** What a digest turned out to be; `digest` where its content can be made use of. */
export type Inspected =
  | { state: 'missing' | 'skipped'; digest: null }
  | { state: 'invalid'; digest: Digest | null }
  | { state: 'proved' | 'unproved'; digest: Digest };

/** A digest names a few dozen log files an hour; one of an organisation's account, some thousands. */
const MOST_DIGEST = 64 << 20;

const HOUR = 3_600_000;

/**
 * Inspect a digest, and tell what is wrong with it.
 * @param newer - the one after it
 * @param era - when the keys of this chain were in use
 */
export async function inspectDigest(
  { file, name }: NamedDigest,
  newer: Newer | null,
  era: Stretch,
  told: Told,
): Promise<Inspected> {
  told.context.signal.throwIfAborted();
  let metadata: OpenFile['metadata'];
  let parsed: Digest | string;
  try {
    const opened = await file.open();
    if (opened === null) return { state: 'missing', digest: null };
    metadata = opened.metadata;
    parsed = await readDigest(opened, file, told);
  } catch (error) {
    told.skipUnread(file.name, error);
    return { state: 'skipped', digest: null };
  }
  if (typeof parsed === 'string') {
    told.find('digest-unreadable', file.name, `digest ${file.name}: ${parsed}`);
    return { state: 'invalid', digest: null };
  }
  if (!file.isAt(parsed)) {
    told.find('digest-moved', file.name, `digest ${file.name} belongs at s3://${parsed.bucket}/${parsed.key}`);
    return { state: 'invalid', digest: null };
  }
  const since = name.backfill ? backfilledAt(metadata, name.endMs, told.context.clock.now()) : era;
  const proof = await proofOf(parsed, { file, metadata, newer, region: name.region, era: since }, told);
  return { state: proof, digest: parsed };
}

async function readDigest(opened: OpenFile, file: ArchiveFile, told: Told): Promise<Digest | string> {
  const content: Buffer[] = [];
  const { problem, trailing } = await unpackMember(opened.chunks, MOST_DIGEST, (chunk) => content.push(chunk));
  if (problem !== null) return problem;
  if (trailing > 0) told.find('trailing-bytes', file.name, `digest ${file.name} has ${bytes(trailing)} after its end`);
  return parseDigest(Buffer.concat(content));
}

/**
 * When a digest was made that belongs to an earlier hour: an hour either side of what its metadata say; without them,
 * any time since.
 */
function backfilledAt(metadata: OpenFile['metadata'], endMs: number, now: number): Stretch {
  const at = Date.parse(metadata?.['backfill-generation-timestamp'] ?? '');
  return Number.isNaN(at) ? { since: endMs, until: now } : { since: at - HOUR, until: at + HOUR };
}

interface Evidence {
  file: ArchiveFile;
  metadata: OpenFile['metadata'];
  newer: Newer | null;
  region: string;
  era: Stretch;
}

async function proofOf(
  digest: Digest,
  { file, metadata, newer, region, era }: Evidence,
  told: Told,
): Promise<'proved' | 'unproved' | 'invalid'> {
  const link = newer?.digest.previous ?? null;
  // Without a key of its own it is still what a proved digest has the hash of.
  const hash = newer?.state === 'proved' ? (link?.hash ?? null) : null;
  const hashed = hash === null ? null : hash.toLowerCase() === digest.hash;
  const key = await told.keys.find(region, digest.fingerprint, era);
  if (key === null || key === 'unknown') {
    if (hashed === true) return 'proved';
    if (key === 'unknown') return 'unproved';
    told.find(
      'key-unknown',
      file.name,
      `digest ${file.name} is signed with a key that is not known: ${digest.fingerprint}`,
    );
    return 'invalid';
  }
  const own = signatureIn(metadata);
  const chained = link?.signature ?? null;
  const proved = [own, chained].some((signature) => signature !== null && isSignedBy(digest, signature, key));
  if (proved && hashed === false) {
    told.find(
      'digest-replaced',
      file.name,
      `digest ${file.name} is signed, and not the one that the digest after it tells of`,
    );
    return 'invalid';
  }
  if (proved) {
    const missing = own === null && (metadata !== null || told.keepsMetadata);
    const wrong = own !== null && !isSignedBy(digest, own, key);
    if (missing || wrong) {
      const what = missing
        ? 'has no signature in its metadata'
        : 'has another signature in its metadata than CloudTrail gave it';
      told.find('digest-metadata', file.name, `digest ${file.name} ${what}`);
    }
    return 'proved';
  }
  if (own === null && chained === null) {
    if (!told.keepsMetadata) return 'unproved';
    told.find('digest-unsigned', file.name, `digest ${file.name} has no signature in its metadata`);
    return 'invalid';
  }
  // What a digest says that was changed itself is no evidence against another.
  if (own === null && newer?.state === 'invalid') return 'unproved';
  told.find('digest-changed', file.name, `digest ${file.name} does not agree with its signature`);
  return 'invalid';
}

/** Null where there is none, or one of another kind. */
function signatureIn(metadata: OpenFile['metadata']): string | null {
  if (metadata?.['signature-algorithm'] !== ALGORITHM) return null;
  return metadata.signature ?? null;
}

const bytes = (count: number) => `${String(count)} byte${count === 1 ? '' : 's'}`;
