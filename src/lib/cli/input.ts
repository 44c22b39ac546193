/** Reading what a flag names. */
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { JamfMcpError, messageOf } from '../errors.ts';

/** Nobody has that many fields; a mistyped path to a disk image should not fill the memory. */
const LARGEST = 1_048_576;

/**
 * Read a text file, or stdin.
 * @param path - a file, or `-`
 * @returns the text, and what to call it in an error: the path, or `stdin`
 * @param limit - bytes that are read at most (1 MiB), what to say where there are more, and where they are no UTF-8
 * @throws JamfMcpError INPUT_INVALID where it cannot be read or is larger
 */
export async function readText(
  path: string,
  limit: { bytes: number; hint: string; encoding?: string } = {
    bytes: LARGEST,
    hint: 'name a dotenv or JSON file with the fields',
  },
): Promise<[text: string, name: string]> {
  const name = path === '-' ? 'stdin' : path;
  let content: string | null;
  try {
    content = await readWithin(path === '-' ? process.stdin : createReadStream(path), limit.bytes);
  } catch (cause) {
    if (cause instanceof TypeError && 'code' in cause && cause.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      const hint = limit.encoding ?? 'encode it as text first, such as base64';
      throw new JamfMcpError('INPUT_INVALID', `${name} is not UTF-8 text`, hint, { cause });
    }
    throw new JamfMcpError(
      'INPUT_INVALID',
      `cannot read ${name}: ${messageOf(cause)}`,
      'check the path and its permissions',
      { cause },
    );
  }
  if (content !== null) return [content, name];
  throw new JamfMcpError('INPUT_INVALID', `${name} is larger than ${String(limit.bytes / LARGEST)} MiB`, limit.hint);
}

/** A stream's text, or null as soon as it turns out too large: /dev/zero has no end to wait for. */
async function readWithin(stream: Readable, largest: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largest) return null;
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
}
