/** The folder of the local store: what its files are called, and what a failure of the file system means there. */
import { readdir } from 'node:fs/promises';
import { isInterruption, JamfMcpError } from '../../errors.ts';
import { errorCode, fileError } from '../../file-errors.ts';

/** What a store is called in messages. */
export const WHERE = 'the local store';

/** Every file of a secret ends so; none of the others does. */
const SUFFIX = '.age';

/** The other files. A secret's file has no other dot than that of its suffix, so no secret can be called like one of these. */
export const FILES = { lock: 'store.lock', log: 'access.log', state: 'access.state', seed: 'access.seed' } as const;

/** Longest file name that leaves room for the names of temporary files (255 bytes on most file systems). */
const LONGEST_FILE_NAME = 200;

/**
 * A name as a file name: reversible, and safe where the file system does not tell A from a.
 * @throws JamfMcpError INPUT_INVALID for one that is too long
 */
export function fileOf(name: string): string {
  const encoded = name.replace(
    /[^a-z0-9_-]/gu,
    (character) => `%${Buffer.from(character).toString('hex').match(/../g)?.join('%') ?? ''}`,
  );
  if (encoded.length <= LONGEST_FILE_NAME) return encoded + SUFFIX;
  throw new JamfMcpError(
    'INPUT_INVALID',
    'the name of the secret is too long for the local store',
    'choose a shorter one with --secret',
  );
}

/** The name of the secret whose file this is; the file's own name where no secret is called so. */
export function nameIn(file: string): string {
  try {
    return decodeURIComponent(file.slice(0, -SUFFIX.length));
  } catch {
    return file;
  }
}

/** The full id of a secret of this store. */
export const arnOf = (name: string): string => `local:${name}`;

/** The name, from a name or a full id. */
export const nameOf = (id: string): string => id.replace(/^local:/, '');

/** Everything in the folder; nothing where there is none. */
export async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The files of secrets, in order. */
export const secretFiles = async (folder: string): Promise<string[]> =>
  (await filesIn(folder)).filter((file) => file.endsWith(SUFFIX)).sort();

/** Tell a failure of the file system as what it means for the store. */
export async function told<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isInterruption(cause)) throw new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause });
    const what = `the local store in ${folder} cannot be used`;
    const hint = 'check the folder and the disk; `localStore:` in jamf-mcp.yaml names another folder';
    throw fileError(cause, { what, hint }) ?? cause;
  }
}

/** What is here is not what jamf-mcp has written. */
export function tampered(what: string, cause?: unknown): JamfMcpError {
  return new JamfMcpError(
    'STORE_TAMPERED',
    what,
    '`jamf-mcp audit verify --store local` tells all that is wrong; put the files back, or accept them with --accept',
    { cause },
  );
}
