/** Finds the files that an audit is to read: the ones named, and what is in the folders named. */
import { glob, lstat, opendir, stat } from 'node:fs/promises';
import { isInterruption, messageOf } from '../../../errors.ts';
import type { Window } from '../../window.ts';
import { DAY } from '../../window.ts';
import type { Skipped } from '../source.ts';

/** A file to read. */
export interface FoundFile {
  /** As the file system has it. */
  path: Buffer;
  /** How messages call it: bytes that are not UTF-8 are replaced. */
  name: string;
}

const RECORDS = /\.(?:json|jsonl|ndjson)(?:\.gz)?$/i;
/** Digests lie beside the records and hold none. */
const DIGEST = /_CloudTrail-(?:Digest|Insight)_/;

/** Whether a path may be that of a file of records. */
export const isRecordFile = (path: string): boolean => RECORDS.test(path) && !DIGEST.test(path);

/**
 * Find files.
 * @param paths - files, folders (with all that is in them), or patterns with `*`, as typed
 * @param window - leaves out what its path says was delivered on another day; null for none
 * @param skip - told of what cannot be looked at
 */
export async function* findFiles(
  paths: readonly string[],
  window: Window | null,
  skip: (skipped: Skipped) => void,
): AsyncGenerator<FoundFile> {
  for (const typed of paths) {
    let none = true;
    const tell = (one: Skipped) => {
      none = false;
      skip(one);
    };
    for (const path of await named(typed)) {
      for await (const file of under(Buffer.from(path), tell)) {
        none = false;
        if (isWithin(file.name, window)) yield file;
      }
    }
    if (none)
      skip({ where: typed, why: 'no file of records is there (.json, .jsonl, .ndjson, packed with gzip or not)' });
  }
}

async function named(typed: string): Promise<string[]> {
  if (!typed.includes('*') || (await exists(typed))) return [typed];
  return (await Array.fromAsync(glob(typed))).sort();
}

const exists = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );

async function* under(path: Buffer, skip: (skipped: Skipped) => void): AsyncGenerator<FoundFile> {
  const name = path.toString();
  try {
    if (!(await stat(path)).isDirectory()) {
      yield { path, name };
      return;
    }
  } catch (error) {
    skip({ where: name, why: whyNot(error) });
    return;
  }
  yield* inFolder(path, holdsRecords, skip);
}

/** Whether a file of that name is one of records. */
const holdsRecords = (name: string): boolean => RECORDS.test(name) && !DIGEST.test(name);

/**
 * Every file in a folder and in the folders in it, whatever its name, in the order of the names.
 * @param skip - told of what cannot be looked at
 */
export async function* filesBelow(folder: string, skip: (skipped: Skipped) => void): AsyncGenerator<string> {
  for await (const { name } of inFolder(Buffer.from(folder), () => true, skip)) yield name;
}

/** What is in a folder, in the order of the names; links to folders are told, not followed, so that there is an end. */
async function* inFolder(
  folder: Buffer,
  wanted: (name: string) => boolean,
  skip: (skipped: Skipped) => void,
): AsyncGenerator<FoundFile> {
  const entries: { name: Buffer; folder: boolean; link: boolean }[] = [];
  try {
    // The types know only names that are text.
    const listing = (await opendir(folder, { encoding: 'buffer' as BufferEncoding })) as unknown as AsyncIterable<{
      name: Buffer;
      isDirectory(): boolean;
      isSymbolicLink(): boolean;
    }>;
    for await (const entry of listing)
      entries.push({ name: entry.name, folder: entry.isDirectory(), link: entry.isSymbolicLink() });
  } catch (error) {
    if (isInterruption(error)) throw error;
    skip({ where: folder.toString(), why: whyNot(error) });
  }
  entries.sort((a, b) => Buffer.compare(a.name, b.name));
  for (const { name, folder: isFolder, link } of entries) {
    const path = Buffer.concat([folder, Buffer.from('/'), name]);
    if (isFolder) yield* inFolder(path, wanted, skip);
    else if (link && (await leadsToFolder(path))) {
      skip({ where: path.toString(), why: 'it is a link to a folder, which is not followed: name the folder too' });
    } else if (wanted(name.toString())) yield { path, name: path.toString() };
  }
}

const leadsToFolder = (path: Buffer) =>
  stat(path).then(
    (target) => target.isDirectory(),
    () => false,
  );

/** The day of delivery in the path of a trail's file (facts/audit.md §5), which may be one after the events'. */
const DELIVERED = /\/(\d{4})\/(\d\d)\/(\d\d)\/[^/]*$/;

function isWithin(name: string, window: Window | null): boolean {
  const [, year, month, day] = DELIVERED.exec(name) ?? [];
  if (window === null || year === undefined) return true;
  const delivered = Date.parse(`${year}-${String(month)}-${String(day)}T00:00:00Z`);
  return Number.isNaN(delivered) || (delivered >= window.since - 2 * DAY && delivered <= window.until + DAY);
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  ELOOP: 'it is a link to itself',
};

function whyNot(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return WHY[code] ?? messageOf(error);
}
