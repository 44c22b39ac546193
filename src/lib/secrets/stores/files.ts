/** Files that survive a crash: written whole or not at all, by one writer at a time. */
import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { JamfMcpError } from '../../errors.ts';
import { errorCode } from '../../file-errors.ts';
import type { Context } from '../../host.ts';

export { errorCode } from '../../file-errors.ts';

/** A lock that has not changed hands for this long while somebody watched it belongs to nobody (a crash), in ms. */
const STALE_MS = 10_000;
/** How long to wait for a lock that does change hands, and between two looks, in ms. */
const LONGEST_WAIT_MS = 60_000;
const LOOK_EVERY_MS = 50;

/**
 * Replace a file: the old content or the new one, whatever happens meanwhile.
 * @param path - the file; a temporary one beside it is removed when something fails
 * @param data - the whole new content
 * @param context - host: told of each step as a debug event
 * @param beforeCommit - last chance to throw, with nothing changed yet
 */
export async function replaceFile(
  path: string,
  data: Uint8Array,
  context: Context,
  beforeCommit: () => Promise<void>,
): Promise<void> {
  const temporary = temporaryName(path);
  const tell = teller(path, context);
  try {
    await writeNew(temporary, data);
    tell('temporary file written');
    await beforeCommit();
    await rename(temporary, path);
    tell('file replaced');
    await syncFolder(dirname(path));
    tell('folder synced');
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Remove a file for good; one that is gone already is gone.
 * @param beforeCommit - last chance to throw, with nothing changed yet
 */
export async function removeFile(path: string, beforeCommit: () => Promise<void>): Promise<void> {
  await beforeCommit();
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/**
 * Add a line to the end of a file, and see to it that it outlives a power failure.
 * @param line - with its newline
 */
export async function appendLine(path: string, line: string, context: Context): Promise<void> {
  const file = await open(path, 'a', 0o600);
  let first: boolean;
  try {
    first = (await file.stat()).size === 0;
    await file.writeFile(line);
    await file.sync();
  } finally {
    await file.close();
  }
  if (first) await syncFolder(dirname(path));
  teller(path, context)('line written');
}

/**
 * Create a file that must not be there yet, with all of its content at once.
 * @returns false where it is there already; it is then untouched
 */
export async function createFile(path: string, data: Uint8Array): Promise<boolean> {
  const temporary = temporaryName(path);
  try {
    await writeNew(temporary, data);
    await link(temporary, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Work alone on a file, across processes. The lock is a file that only one can create. One that was left behind by a
 * crash is taken over after {@link STALE_MS}; its owner, should it still live (a suspended laptop), finds out by
 * `stillMine` and changes nothing.
 * @param path - the lock file
 * @param context - clock and signal for the wait, host
 * @param work - gets `stillMine`, to be called right before the change
 * @throws JamfMcpError TIMED_OUT after a minute; CONFLICT from `stillMine`
 */
export async function withLock<T>(
  path: string,
  context: Context,
  work: (stillMine: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const token = randomUUID();
  const tell = teller(path, context);
  await takeLock(path, token, context);
  tell('lock taken');
  try {
    return await work(async () => {
      if ((await readLock(path)) === token) return;
      throw new JamfMcpError(
        'CONFLICT',
        'another process took the store over meanwhile; nothing was changed',
        'repeat the command',
      );
    });
  } finally {
    if ((await readLock(path)) === token) await rm(path, { force: true });
    tell('lock released');
  }
}

async function takeLock(path: string, token: string, context: Context): Promise<void> {
  const started = context.clock.now();
  let seen = { content: await readLock(path), since: started };
  while (!(await tryCreate(path, token))) {
    const now = context.clock.now();
    const content = await readLock(path);
    if (content !== seen.content) seen = { content, since: now };
    if (now - seen.since >= STALE_MS) await breakLock(path, seen.content);
    else if (now - started >= LONGEST_WAIT_MS) {
      throw new JamfMcpError(
        'TIMED_OUT',
        `waited ${String(LONGEST_WAIT_MS / 1000)} s for other processes to finish with the local store`,
        `if no jamf-mcp is running, remove ${path}`,
      );
    } else {
      if (now === started)
        context.host.notify({ kind: 'progress', text: 'waiting for another process to finish with the local store' });
      await context.clock.sleep(LOOK_EVERY_MS * (0.5 + Math.random()), context.signal);
    }
  }
}

/** Remove a dead lock; one that somebody else took in that very moment is put back. */
async function breakLock(path: string, dead: string | null): Promise<void> {
  const aside = temporaryName(path);
  try {
    await rename(path, aside);
    if ((await readLock(aside)) !== dead) await link(aside, path);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(errorCode(error))) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function tryCreate(path: string, token: string): Promise<boolean> {
  try {
    await writeNew(path, Buffer.from(token));
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function readLock(path: string): Promise<string | null> {
  return await readIfThere(path).then((content) => content?.toString() ?? null);
}

/** A file's content, or null where there is none. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** What is left of a write that was killed has this name. */
export const isTemporary = (name: string, path: string) => name.startsWith(`${path}.`) && name.endsWith('.tmp');

const temporaryName = (path: string) => `${path}.${randomUUID()}.tmp`;

async function writeNew(path: string, data: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Make a rename outlive a power failure; where a folder cannot be opened (Windows) the file system sees to it itself. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch((error: unknown) => {
    if (['EISDIR', 'EPERM', 'EACCES'].includes(errorCode(error))) return null;
    throw error;
  });
  try {
    await folder?.sync();
  } finally {
    await folder?.close();
  }
}

const teller = (path: string, context: Context) => (what: string) => {
  context.host.notify({ kind: 'debug', text: `local ${path.split(/[\\/]/).at(-1) ?? path}: ${what}` });
};
