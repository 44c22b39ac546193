/** Reading the policy files that arguments name: files, folders, standard input. */
import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { JamfMcpError } from '../errors.ts';
import { readText } from './input.ts';

/** Policies have 128 KiB at most, templates 1 MB; what is larger still is no text of a person's. */
const LIMIT = { bytes: 16 * 1_048_576, hint: 'name the file with the policy itself', encoding: 'save it as UTF-8' };

/** What a file in a folder has to hold to be taken for one with a policy: typographic quotes are a finding, no way out. */
const POLICY = /["'\u2018-\u201F]Statement["'\u2018-\u201F]|^\s*-?\s*Statement\s*:/m;

/**
 * Read policy files.
 * @param paths - files, folders (every .json, .yaml and .yml in them that holds statements, whatever its encoding), `-`
 *   for standard input
 * @returns names relative to the working directory where they are inside it, and texts
 * @throws JamfMcpError INPUT_INVALID where one cannot be read, INPUT_MISSING where a folder has none
 */
export async function readPolicies(paths: readonly string[]): Promise<{ name: string; text: string }[]> {
  const sources: { name: string; text: string }[] = [];
  for (const path of paths) {
    const folder = path !== '-' && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
    sources.push(...(folder ? await readFolder(path) : [await readOne(path)]));
  }
  return sources;
}

async function readOne(path: string): Promise<{ name: string; text: string }> {
  const [text, name] = readPlain(path) ?? (await readText(path, LIMIT));
  return { name: path === '-' ? name : nameOf(path), text };
}

/** As seen from the working directory where it is inside that. */
function nameOf(path: string): string {
  const inside = relative('', path);
  return inside.startsWith('..') ? path : inside;
}

/** An ordinary file at once: a stream for each of thousands costs more than judging them. Null: leave it to the stream. */
function readPlain(
  path: string,
  otherwise: (bytes: Buffer) => string | null = () => null,
): [text: string, name: string] | null {
  if (path === '-') return null;
  try {
    const found = statSync(path);
    if (!found.isFile() || found.size > LIMIT.bytes) return null;
    const bytes = readFileSync(path);
    const text = isUtf8(bytes) ? bytes.toString('utf8') : (utf16(bytes) ?? otherwise(bytes));
    return text === null ? null : [text, path];
  } catch {
    // The stream meets the same trouble, and tells it.
    return null;
  }
}

/** What PowerShell writes: its byte-order mark stays, and is a finding. Null where there is none. */
function utf16(bytes: Buffer): string | null {
  const encoding = { fffe: 'utf-16le', feff: 'utf-16be' }[bytes.toString('hex', 0, 2)];
  return encoding === undefined ? null : new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
}

/** A file of a folder, which nobody named: null for a pipe or a device, and for what is larger than any policy. */
async function readListed(path: string): Promise<{ name: string; text: string } | null> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size > LIMIT.bytes) return null;
  // What is no text has characters that the reader reports; one such file does not hide the others.
  const plain = readPlain(path, (bytes) => bytes.toString('utf8'));
  return plain === null ? readOne(path) : { name: nameOf(path), text: plain[0] };
}

async function readFolder(folder: string): Promise<{ name: string; text: string }[]> {
  const found = await Array.fromAsync(
    glob('**/*.{json,yaml,yml}', { cwd: folder, exclude: (name) => /(?:^|[\\/])(?:node_modules|\.git)$/.test(name) }),
  );
  const sources = await Promise.all(found.sort().map((path) => readListed(join(folder, path))));
  const policies = sources.filter((source) => source !== null).filter(({ text }) => POLICY.test(text));
  if (policies.length > 0) return policies;
  throw new JamfMcpError(
    'INPUT_MISSING',
    `no policy in the folder ${folder}`,
    'name a file, or a folder with .json or .yaml policies',
  );
}
