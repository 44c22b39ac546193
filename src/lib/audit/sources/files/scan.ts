/**
 * Reads one file of CloudTrail records: unpacks it, cuts the records out, and makes the normal form of those that concern
 * a secret. Most records are told apart by a search for bytes and never parsed. Runs in a worker thread.
 */
import { createReadStream } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, gunzipSync } from 'node:zlib';
import { messageOf } from '../../../errors.ts';
import type { Window } from '../../window.ts';
import { pickAccesses, pickTexts, type Batch } from './pick.ts';
import { splitter } from './splitter.ts';

/** What to read. */
export interface ScanTask {
  /** How messages call it. */
  name: string;
  /** The path, as the file system has it: its bytes need not be UTF-8. */
  path: Uint8Array;
  /** The content, where it was fetched from elsewhere. */
  content?: Uint8Array;
  /** The content, where it comes from elsewhere while it is read; cannot be handed to another thread. */
  stream?: AsyncIterable<Uint8Array>;
  /** Null for whatever time. */
  window: Window | null;
  /** Bytes that it may unpack to; {@link MOST_UNPACKED} unless said otherwise. */
  most?: number;
  /** What to pick instead of accesses: the records that have one of these in them, as {@link Batch.texts}. */
  needles?: readonly string[];
}

/** What was in it. */
export interface ScanReport {
  /** Records cut out, whatever they concern. */
  records: number;
  /** Bytes on the disk. */
  bytes: number;
  /** Bytes unpacked. */
  unpacked: number;
  /** Why some of it, or all, was not looked at: lower case, one line each. */
  problems: string[];
}

/** Takes what is found in batches; the scan goes on when the promise is fulfilled. */
export type TakeBatch = (batch: Batch) => Promise<void>;

/** What one file may unpack to: CloudTrail writes 50 MB packed at most (facts/audit.md §5), and text packs to a fortieth. */
export const MOST_UNPACKED = 2 * 1024 ** 3;
/** Files of this size are unpacked in one piece, and become no more than that: faster than in chunks. */
const SMALL = 4 << 20;
const SMALL_UNPACKED = 64 << 20;
const CHUNK = 1 << 18;
/** Records handed on at once. */
const BATCH = 200;

/**
 * Scan a file. Whatever it holds, this does not throw: what cannot be read is told in the report.
 * @param take - gets what is found
 */
export async function scan(task: ScanTask, take: TakeBatch): Promise<ScanReport> {
  const { most = MOST_UNPACKED } = task;
  const report: ScanReport = { records: 0, bytes: 0, unpacked: 0, problems: [] };
  const problem = (why: string) => {
    if (!report.problems.includes(why)) report.problems.push(why);
  };
  let batch: Batch = { accesses: [], texts: [] };
  const pick = task.needles ? pickTexts(task.needles) : pickAccesses(task.window, problem);
  let chunk: Buffer = Buffer.alloc(0);
  const cutter = splitter({
    record(bytes) {
      report.records += 1;
      pick(bytes, chunk, batch);
    },
    problem,
  });
  const flush = async (least: number) => {
    if (batch.accesses.length + batch.texts.length < least) return;
    const full = batch;
    batch = { accesses: [], texts: [] };
    await take(full);
  };
  try {
    for await (chunk of unpacked(task, report)) {
      report.unpacked += chunk.length;
      if (report.unpacked > most) {
        problem(`it unpacks to more than ${String(most / 1024 ** 3)} GiB: the rest is not looked at`);
        break;
      }
      cutter.push(chunk);
      await flush(BATCH);
    }
    if (report.unpacked <= most) cutter.end();
  } catch (error) {
    problem(whyUnread(error));
  }
  if (report.unpacked === 0 && report.problems.length === 0) problem('it is empty');
  await flush(1);
  return report;
}

/** Give memory back: left to the collector, that of thirty files would lie there. What is small shares Node's pool. */
function free({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

/** What an error of the file system or of the unpacking means. */
function whyUnread(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return WHY[code] ?? messageOf(error);
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'it is gone',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  EISDIR: 'it is a folder',
  Z_BUF_ERROR: 'its gzip data end too soon: the rest is missing',
  Z_DATA_ERROR: 'its gzip data are broken: what comes after is not looked at',
};

/** The content, unpacked where it is packed, whatever its name says. */
async function* unpacked({ path, content, stream }: ScanTask, report: ScanReport): AsyncGenerator<Buffer> {
  const { size, head, whole, rest } = stream
    ? await beginningOf(stream)
    : content
      ? inHand(content)
      : await lookInto(bufferOf(path));
  report.bytes = size;
  const isPacked = head[0] === GZIP[0] && head[1] === GZIP[1];
  const quick = whole && (isPacked ? unpackSmall(whole) : whole);
  if (quick) {
    // In pieces, so that what is found in one is handed on before the next.
    for (let from = 0; from < quick.length; from += CHUNK) yield quick.subarray(from, from + CHUNK);
    if (isPacked) free(quick);
    return;
  }
  const raw = whole
    ? Readable.from([whole])
    : rest
      ? Readable.from(rest)
      : createReadStream(bufferOf(path), { highWaterMark: CHUNK });
  // An error of either stream reaches whoever reads the last one.
  const plain: Readable = isPacked ? pipeline(raw, createGunzip({ chunkSize: CHUNK }), ignore) : raw;
  // What comes from elsewhere belongs to whoever made it.
  const own = isPacked || !rest;
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    yield chunk;
    // A part of a buffer may be followed by the next.
    if (own && chunk.length === chunk.buffer.byteLength) free(chunk);
  }
}

/** https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1 */
const GZIP = [0x1f, 0x8b];
/** Header and end of a member. */
const GZIP_LEAST = 18;
const MIN_CHUNK = 1 << 14;

interface Content {
  size: number;
  /** The first bytes. */
  head: Buffer;
  /** All of it, where it is small or in hand. */
  whole: Buffer | null;
  /** What it is to be read from, where that is no file. */
  rest?: AsyncIterable<Buffer>;
}

/** The beginning of a stream, and the stream with it. */
async function beginningOf(stream: AsyncIterable<Uint8Array>): Promise<Content> {
  const source = stream[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await source.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* rest() {
    yield head;
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield bufferOf(next.value);
  }
  return { size: head.length, head, whole: null, rest: rest() };
}

const inHand = (content: Uint8Array): Content => {
  const whole = bufferOf(content);
  return { size: whole.length, head: whole.subarray(0, 2), whole };
};

/** A named pipe would else be waited for until somebody writes to it; Windows has neither. */
const AT_ONCE = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);

async function lookInto(path: Buffer): Promise<Content> {
  const file = await open(path, AT_ONCE);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('it is no regular file');
    if (stat.size <= SMALL) return inHand(await file.readFile());
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return { size: stat.size, head: buffer, whole: null };
  } finally {
    await file.close();
  }
}

/** Null where it is more than is unpacked in one piece, or broken: then the stream gives what can be had of it. */
function unpackSmall(packed: Buffer): Buffer | null {
  try {
    // The end of a member tells how long it is unpacked (RFC 1952): one piece of memory instead of many.
    const told = packed.length < GZIP_LEAST ? 0 : packed.readUInt32LE(packed.length - 4);
    if (told > SMALL_UNPACKED) return null;
    const chunkSize = Math.max(MIN_CHUNK, told + 1);
    return gunzipSync(packed, { chunkSize, maxOutputLength: SMALL_UNPACKED });
  } catch {
    return null;
  }
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const ignore = () => undefined;
