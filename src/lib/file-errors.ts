/** What a refusal of the file system means: the one place that turns it into an error for people. */
import { JamfMcpError, messageOf, type ErrorCode } from './errors.ts';

/** The system's name of an error: `ENOENT` …, or an empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What the system says, in words; what is not here is told as it says it. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'it is not permitted',
  EROFS: 'it is on a file system that can only be read',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a file is where a folder should be',
  ENOENT: 'it does not exist',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
};

const DENIED: readonly string[] = ['EACCES', 'EPERM', 'EROFS'];

/** What is told of a refusal. */
export interface FileTold {
  /** What could not be done; by default the system's call and the path. */
  what?: string;
  hint?: string;
  /** By default ACCESS_DENIED where it was denied, and REMOTE_FAILED otherwise. */
  code?: ErrorCode;
}

/**
 * An error for people, of an error of the file system.
 * @returns null for any other error
 */
export function fileError(cause: unknown, told: FileTold = {}): JamfMcpError | null {
  if (!(cause instanceof Error) || !('syscall' in cause) || errorCode(cause) === '') return null;
  const code = errorCode(cause);
  const path = 'path' in cause && typeof cause.path === 'string' ? cause.path : null;
  const { what = `cannot ${String(cause.syscall)} ${path ?? 'a file'}` } = told;
  const where = path === null || what.includes(path) ? '' : ` (${path})`;
  const words = WORDS[code] ?? messageOf(cause).replace(/^[A-Z\d]+: |, [a-z]+ '.*$/g, '');
  return new JamfMcpError(
    told.code ?? (DENIED.includes(code) ? 'ACCESS_DENIED' : 'REMOTE_FAILED'),
    `${what}: ${words}${where}`,
    told.hint ?? 'check that it is there, who owns it, and whether the disk is full',
    { cause },
  );
}

/** Do something with files, and tell a refusal as {@link fileError} does. */
export async function orTell<T>(told: FileTold, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw fileError(cause, told) ?? cause;
  }
}
