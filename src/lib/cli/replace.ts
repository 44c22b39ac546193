/** Replacing the texts of files that a person keeps: whole or not at all, and never over a change that came in between. */
import { randomUUID } from 'node:crypto';
import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { JamfMcpError } from '../errors.ts';

/** A file with its text. */
interface Named {
  /** A path, or `stdin`. */
  name: string;
  text: string;
}

/**
 * Replace the texts of files. A file's mode stays, and a link stays one.
 * @param files - with their new texts
 * @param before - the same files, and perhaps others, as they were read
 * @returns the names of those that were written
 * @throws JamfMcpError INPUT_INVALID where one is standard input, was changed since it was read or cannot be written;
 *   those before it are written by then
 */
export async function replaceTexts(files: readonly Named[], before: readonly Named[]): Promise<string[]> {
  const read = new Map(before.map(({ name, text }) => [name, text]));
  for (const { name, text } of files) await replace(name, read.get(name) ?? '', text);
  return files.map(({ name }) => name);
}

async function replace(name: string, before: string, text: string): Promise<void> {
  if (name === 'stdin') {
    throw new JamfMcpError(
      'INPUT_INVALID',
      'standard input cannot be changed where it is',
      'use --dry-run: it prints the patch',
    );
  }
  let temporary: string | null = null;
  try {
    const path = await realpath(name);
    const mode = (await stat(path)).mode & 0o777;
    temporary = `${path}.${randomUUID()}.tmp`;
    const file = await open(temporary, 'wx', mode);
    try {
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if ((await readFile(path, 'utf8')) !== before) {
      throw new JamfMcpError('INPUT_INVALID', `${name} was changed since it was read`, 'run it again');
    }
    await rename(temporary, path);
  } catch (error) {
    if (error instanceof JamfMcpError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${name} cannot be written: ${reason}`,
      'use --dry-run: it prints the patch',
    );
  } finally {
    if (temporary !== null) await rm(temporary, { force: true });
  }
}
