/** Where digests and log files lie: a folder, or a bucket. The verification knows nothing of either. */
import type { Window } from '../window.ts';
import type { ObjectName } from './digest.ts';

/** A file of an archive. */
export interface ArchiveFile {
  /** How messages call it: its path, or `s3://bucket/key`. */
  name: string;
  /** The last part of its path. */
  base: string;
  /** Of S3; null on a disk. */
  bucket: string | null;
  /** Whether it lies where CloudTrail would have put that object, as far as its path tells. */
  isAt(object: ObjectName): boolean;
  /**
   * Begin to read it.
   * @returns null where it is not there
   * @throws what the file system or S3 fails with otherwise
   */
  open(): Promise<OpenFile | null>;
}

/** A file that is being read. */
export interface OpenFile {
  chunks: AsyncIterable<Uint8Array>;
  /** What S3 keeps beside the content; null where that is not known. Names in lower case. */
  metadata: Readonly<Record<string, string>> | null;
}

/** The files of one account and Region. */
export interface Place {
  account: string;
  region: string;
  /** Those that the window asks for, in whatever order. */
  digests: ArchiveFile[];
  /**
   * Find what a digest tells of.
   * @param digest - what it says of itself
   * @param file - where it was found
   * @returns null where the object is known not to be there
   */
  find(object: ObjectName, digest: ObjectName, file: ArchiveFile): ArchiveFile | null;
  /** Every log file that was delivered in the window, by its name. */
  logs(): AsyncIterable<ArchiveFile>;
}

/** An archive. */
export interface Archive {
  /** Whether the metadata of objects are kept with them, so that a digest without a signature was tampered with. */
  keepsMetadata: boolean;
  /** @param window - null for whatever time */
  places(window: Window | null): AsyncIterable<Place>;
  /** Names of other files that look like records: nothing vouches for them, and `audit` would read them. */
  strangers: { count: number; examples: string[] };
}

/** A digest belongs to a window when it ends in it, or within the hour after: it tells of the hour before its end. */
export const endsWithin = (endMs: number, window: Window | null): boolean =>
  window === null || (endMs >= window.since && endMs <= window.until + 3_600_000);
