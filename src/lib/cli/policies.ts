/** Reading the policy files that arguments name: files, folders, standard input. */
import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { JamfMcpError } from '../errors.ts';
import { readText } from './input.ts';

/** Policies have 128 KiB at most, templates 1 MB; what is larger still is no text of a person's. */
const LIMIT = { bytes: 16 * 1_048_576, hint: 'name the file with the policy itself' };

/** What a file in a folder has to hold to be taken for one with a policy. */
const POLICY = /"Statement"|^\s*-?\s*Statement\s*:/m;

/**
 * Read policy files.
 * @param paths - files, folders (every .json, .yaml and .yml in them that holds statements), `-` for standard input
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
  const inside = relative('', path);
  return { name: path === '-' ? name : inside.startsWith('..') ? path : inside, text };
}

/** An ordinary file at once: a stream for each of thousands costs more than judging them. Null: leave it to the stream. */
function readPlain(path: string): [text: string, name: string] | null {
  if (path === '-') return null;
  try {
    const found = statSync(path);
    if (!found.isFile() || found.size > LIMIT.bytes) return null;
    const bytes = readFileSync(path);
    return isUtf8(bytes) ? [bytes.toString('utf8'), path] : null;
  } catch {
    // The stream meets the same trouble, and tells it.
    return null;
  }
}

async function readFolder(folder: string): Promise<{ name: string; text: string }[]> {
  const found = await Array.fromAsync(
    glob('**/*.{json,yaml,yml}', { cwd: folder, exclude: (name) => /(?:^|[\\/])(?:node_modules|\.git)$/.test(name) }),
  );
  const sources = await Promise.all(found.sort().map((path) => readOne(join(folder, path))));
  const policies = sources.filter(({ text }) => POLICY.test(text));
  if (policies.length > 0) return policies;
  throw new JamfMcpError(
    'INPUT_MISSING',
    `no policy in the folder ${folder}`,
    'name a file, or a folder with .json or .yaml policies',
  );
}
