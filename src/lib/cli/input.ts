/** Reading what a flag names. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { JamfMcpError, messageOf } from '../errors.ts';

/** Nobody has that many fields; a mistyped path to a disk image should not fill the memory. */
const LARGEST = 1_048_576;

/**
 * Read a text file, or stdin.
 * @param path - a file, or `-`
 * @returns the text, and what to call it in an error: the path, or `stdin`
 * @throws JamfMcpError INPUT_INVALID where it cannot be read or is larger than 1 MiB
 */
export async function readText(path: string): Promise<[text: string, name: string]> {
  const name = path === '-' ? 'stdin' : path;
  let content: string;
  try {
    content = path === '-' ? await text(process.stdin) : await readFile(path, 'utf8');
  } catch (cause) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `cannot read ${name}: ${messageOf(cause)}`,
      'check the path and its permissions',
      { cause },
    );
  }
  if (content.length <= LARGEST) return [content, name];
  throw new JamfMcpError('INPUT_INVALID', `${name} is larger than 1 MiB`, 'name a dotenv or JSON file with the fields');
}
