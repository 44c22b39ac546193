/**
 * A folder with the files of a trail, as `aws s3 sync` writes it, or all in one place, packed or unpacked. What S3 keeps
 * beside a digest is lost there; `NAME.metadata.json` beside the file may hold what `aws s3api head-object` prints.
 */
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { JamfMcpError, messageOf } from '../../errors.ts';
import { errorCode, fileError } from '../../file-errors.ts';
import { filesBelow } from '../sources/files/find.ts';
import type { Skipped } from '../sources/source.ts';
import { DAY, type Window } from '../window.ts';
import { endsWithin, type Archive, type ArchiveFile, type OpenFile, type Place } from './archive.ts';
import type { ObjectName } from './digest.ts';
import { baseName, digestName, logName, unpackedName } from './names.ts';

/** Where each file of one account and Region lies, by its name without `.gz`: one folder, or several where it has copies. */
type Index = Map<string, Entry | Entry[]>;

type Skip = (skipped: Skipped) => void;

interface Entry {
  folder: string;
  packed: boolean;
}

interface Files {
  account: string;
  region: string;
  digests: Index;
  logs: Index;
}

const RECORDS = /\.(?:json|jsonl|ndjson)(?:\.gz)?$/i;
const SIDECAR = '.metadata.json';
const MOST_NAMED = 20;

/**
 * The files of a folder and of all that is in it. Their names are held in memory: some 100 bytes each.
 * @param skip - told of folders that cannot be looked into
 * @throws JamfMcpError where the folder itself cannot be read
 */
export async function folderArchive(folder: string, skip: Skip): Promise<Archive> {
  const places = new Map<string, Files>();
  const strangers: Archive['strangers'] = { count: 0, examples: [] };
  const keep = (kind: 'digests' | 'logs', path: string, { account, region }: { account: string; region: string }) => {
    const id = `${region}\n${account}`;
    const files: Files = places.get(id) ?? { account, region, digests: new Map(), logs: new Map() };
    places.set(id, files);
    add(files[kind], path);
  };
  let names = 0;
  for await (const path of filesBelow(folder, skip)) {
    names += 1;
    const base = baseName(path);
    const [digest, log] = [digestName(base), logName(base)];
    if (digest) keep('digests', path, digest);
    else if (log) keep('logs', path, log);
    else if (RECORDS.test(base) && !base.endsWith(SIDECAR)) {
      strangers.count += 1;
      if (strangers.examples.length < MOST_NAMED) strangers.examples.push(path);
    }
  }
  if (names === 0)
    throw new JamfMcpError('NOT_FOUND', `there are no files in ${folder}`, 'name the folder that holds AWSLogs');
  return {
    keepsMetadata: false,
    strangers,
    async *places(window) {
      for (const id of [...places.keys()].sort()) {
        const files = places.get(id);
        if (files) yield placeOf(files, window, skip);
      }
    },
  };
}

function add(index: Index, path: string): void {
  const base = baseName(path);
  const name = unpackedName(base);
  const entry = { folder: path.slice(0, path.length - base.length), packed: name !== base };
  const there = index.get(name);
  if (there === undefined) index.set(name, entry);
  else if (Array.isArray(there)) there.push(entry);
  else index.set(name, [there, entry]);
}

const placeOf = ({ account, region, digests, logs }: Files, window: Window | null, skip: Skip): Place => ({
  account,
  region,
  digests: [...filesOf(digests, skip)].filter(({ base }) => endsWithin(digestName(base)?.endMs ?? NaN, window)),
  find(object) {
    const name = unpackedName(baseName(object.key));
    const index = digestName(baseName(object.key)) ? digests : logs;
    const there = [...entriesOf(index, name, skip)].filter((file) => file.isAt(object));
    return there.find((file) => file.name.includes(`/${object.bucket}/`)) ?? there[0] ?? null;
  },
  async *logs() {
    for (const file of filesOf(logs, skip)) {
      const at = logName(file.base)?.atMs ?? NaN;
      if (window === null || (at >= window.since - DAY && at <= window.until + DAY)) yield file;
    }
  },
});

function* filesOf(index: Index, skip: Skip): Generator<ArchiveFile> {
  for (const name of index.keys()) yield* entriesOf(index, name, skip);
}

function* entriesOf(index: Index, name: string, skip: Skip): Generator<ArchiveFile> {
  const there = index.get(name) ?? [];
  for (const { folder, packed } of Array.isArray(there) ? there : [there]) {
    yield fileAt(folder, packed ? `${name}.gz` : name, skip);
  }
}

function fileAt(folder: string, base: string, skip: Skip): ArchiveFile {
  const name = join(folder, base);
  return {
    name,
    base,
    bucket: null,
    isAt: (object) => isPlaced(name, object),
    open: () => openFile(name, skip),
  };
}

/**
 * Whether a path ends as the key does. All of the key need not be there: what counts is its name, and from `AWSLogs` on
 * its folders, where the path has them.
 */
function isPlaced(path: string, { key }: ObjectName): boolean {
  const [here, there] = [path, key].map((text) => unpackedName(text).split('/'));
  if (!here || !there) return false;
  const from = here.lastIndexOf('AWSLogs');
  const tail = from < 0 ? here.slice(-1) : here.slice(from);
  return tail.length <= there.length && tail.every((part, at) => part === there[there.length - tail.length + at]);
}

async function openFile(path: string, skip: Skip): Promise<OpenFile | null> {
  try {
    // To open a pipe would wait for whoever writes to it.
    if (!(await stat(path)).isFile()) throw new JamfMcpError('INPUT_INVALID', 'it is no regular file');
    const file = await open(path);
    return {
      chunks: file.createReadStream({ highWaterMark: 256 << 10 }) as AsyncIterable<Buffer>,
      metadata: digestName(baseName(path)) ? await sidecar(`${path}${SIDECAR}`, skip) : null,
    };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw fileError(error) ?? error;
  }
}

/** What was saved of the object's metadata beside a digest; null where nothing was, or where it cannot be read. */
async function sidecar(file: string, skip: Skip): Promise<OpenFile['metadata']> {
  try {
    const { Metadata } = JSON.parse(await readFile(file, 'utf8')) as { Metadata?: Record<string, unknown> };
    return Object.fromEntries(
      Object.entries(Metadata ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is not what aws s3api head-object prints' : messageOf(error);
    if (errorCode(error) !== 'ENOENT') skip({ where: file, why });
    return null;
  }
}
