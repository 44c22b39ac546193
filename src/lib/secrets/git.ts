/** Asks git whether it has a file. */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * Whether git tracks a file, or did: then its history holds what the file held.
 * @returns `unknown` where there is a repository but git cannot be asked
 */
export async function gitKnows(path: string): Promise<'tracked' | 'history' | 'no' | 'unknown'> {
  const folder = dirname(resolve(path));
  if (!(await isInRepository(folder))) return 'no';
  const name = basename(path);
  const listed = await git(folder, ['ls-files', '--error-unmatch', '--', name]);
  if (listed.code === 0) return 'tracked';
  if (listed.code !== 1) return 'unknown';
  const logged = await git(folder, ['log', '--all', '-1', '--format=%h', '--', name]);
  return logged.code === 0 && logged.output.trim() !== '' ? 'history' : 'no';
}

async function isInRepository(folder: string): Promise<boolean> {
  const here = await access(join(folder, '.git')).then(
    () => true,
    () => false,
  );
  const parent = dirname(folder);
  return here || (parent !== folder && (await isInRepository(parent)));
}

/** Code 1 is git's no; null stands for a git that could not be run. */
function git(folder: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((done) => {
    execFile('git', ['-C', folder, ...args], (error, output) => {
      done({ code: error ? (typeof error.code === 'number' ? error.code : null) : 0, output });
    });
  });
}
