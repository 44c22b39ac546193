/**
 * Unpacks the first member of a gzip file (https://www.rfc-editor.org/rfc/rfc1952), and counts what comes after it.
 * CloudTrail's hashes are over that member alone, whereas what reads a log file goes on to the members behind it.
 */
import { once } from 'node:events';
import { createInflateRaw, crc32 } from 'node:zlib';
import type { InflateRaw } from 'node:zlib';
import { errorCode } from '../../file-errors.ts';

/** What was in a file. */
export interface Unpacked {
  /** Bytes of content. */
  size: number;
  /** Bytes after the member that are not part of it. */
  trailing: number;
  /** Why it could not be unpacked to its end, or null. */
  problem: string | null;
}

const TOO_SOON = 'its gzip data end too soon';
const BROKEN = 'its gzip data are broken';

/** Length of the fixed part of a header, and of the trailer: CRC-32 and size. */
const FIXED = 10;
const TRAILER = 8;
/** A header with a name and a comment may be longer; CloudTrail writes none. */
const LONGEST_HEADER = 64 << 10;

/** A file that turns out to be no gzip, or a broken one: told, never thrown further. */
class Malformed extends Error {}

/**
 * Unpack a file, or hand on what is not packed as it is.
 * @param chunks - the file; what reading it throws is thrown
 * @param most - bytes that it may unpack to
 * @param take - gets the content
 */
export async function unpackMember(
  chunks: AsyncIterable<Uint8Array>,
  most: number,
  take: (content: Buffer) => void,
): Promise<Unpacked> {
  let size = 0;
  let crc = 0;
  const counted = (content: Buffer) => {
    size += content.length;
    if (size > most) throw new Malformed(`it unpacks to more than ${String(most >> 20)} MiB`);
    crc = crc32(content, crc);
    take(content);
  };
  const source = chunks[Symbol.asyncIterator]();
  try {
    const { head, packed } = await beginning(source);
    if (!packed) {
      if (head.length > 0) counted(head);
      for (let next = await source.next(); next.done !== true; next = await source.next())
        counted(bufferOf(next.value));
      return { size, trailing: 0, problem: size === 0 ? 'it is empty' : null };
    }
    const tail = await inflate(await afterHeader(head, source), source, counted);
    if (tail.first.length < TRAILER) throw new Malformed(TOO_SOON);
    if (tail.first.readUInt32LE(0) !== crc || tail.first.readUInt32LE(4) !== size % 2 ** 32)
      throw new Malformed(BROKEN);
    return { size, trailing: tail.length - TRAILER, problem: null };
  } catch (error) {
    if (error instanceof Malformed) return { size, trailing: 0, problem: error.message };
    throw error;
  } finally {
    await source.return?.();
  }
}

type Source = AsyncIterator<Uint8Array>;

async function beginning(source: Source): Promise<{ head: Buffer; packed: boolean }> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < FIXED) {
    const next = await source.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const packed = head[0] === 0x1f && head[1] === 0x8b;
  if (packed && head.length < FIXED) throw new Malformed(TOO_SOON);
  return { head, packed };
}

/** What comes after the header in the bytes read so far, with more read where it is longer than they are. */
async function afterHeader(begun: Buffer, source: Source): Promise<Buffer> {
  let head = begun;
  for (;;) {
    const length = headerLength(head);
    if (length !== null) return head.subarray(length);
    const next = await source.next();
    if (next.done === true || head.length > LONGEST_HEADER) throw new Malformed(TOO_SOON);
    head = Buffer.concat([head, next.value]);
  }
}

/** Null where more of it has to be read. */
function headerLength(head: Buffer): number | null {
  const [, , method, flags = 0] = head;
  if (method !== 8) throw new Malformed(BROKEN);
  let at = FIXED;
  if (flags & 4) {
    if (head.length < at + 2) return null;
    at += 2 + head.readUInt16LE(at);
  }
  for (const text of [8, 16]) {
    if (!(flags & text)) continue;
    const end = head.indexOf(0, at);
    if (end < 0) return null;
    at = end + 1;
  }
  if (flags & 2) at += 2;
  return at <= head.length ? at : null;
}

/**
 * Feed the deflated data until they say that they end.
 * @returns what comes after them: its beginning, and its length
 */
async function inflate(
  begun: Buffer,
  source: Source,
  take: (content: Buffer) => void,
): Promise<{ first: Buffer; length: number }> {
  const engine = createInflateRaw({ chunkSize: 256 << 10 });
  const failure: { error: unknown }[] = [];
  engine.on('error', (error) => {
    failure.push({ error });
  });
  engine.on('data', (content: Buffer) => {
    if (failure.length > 0) return;
    try {
      take(content);
    } catch (error) {
      failure.push({ error });
    }
  });
  const rethrow = () => {
    const [first] = failure;
    if (first) throw asMalformed(first.error);
  };
  try {
    let fed = 0;
    let chunk: Buffer | null = begun;
    while (chunk !== null) {
      fed += chunk.length;
      await step(engine, chunk);
      rethrow();
      // It took less than it was given: what is left belongs to the trailer, and to what follows.
      if (engine.bytesWritten < fed) {
        const left = chunk.subarray(chunk.length - (fed - engine.bytesWritten));
        if (!engine.readableEnded) await once(engine, 'end');
        rethrow();
        return await tailOf(left, source);
      }
      const next = await source.next();
      chunk = next.done === true ? null : bufferOf(next.value);
    }
    throw new Malformed(TOO_SOON);
  } finally {
    engine.destroy();
  }
}

const step = (engine: InflateRaw, chunk: Buffer) =>
  new Promise<void>((resolve) => {
    if (engine.destroyed) {
      resolve();
      return;
    }
    engine.once('close', resolve);
    engine.write(chunk, () => {
      engine.off('close', resolve);
      resolve();
    });
  });

function asMalformed(error: unknown): unknown {
  if (error instanceof Malformed) return error;
  return errorCode(error).startsWith('Z_') ? new Malformed(BROKEN) : error;
}

async function tailOf(begun: Buffer, source: Source): Promise<{ first: Buffer; length: number }> {
  let first = begun.subarray(0, TRAILER);
  let length = begun.length;
  for (let next = await source.next(); next.done !== true; next = await source.next()) {
    if (first.length < TRAILER) first = Buffer.concat([first, next.value]).subarray(0, TRAILER);
    length += next.value.length;
  }
  return { first, length };
}

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
