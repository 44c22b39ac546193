/** A report in a file: whole or not at all, for its owner only. */
import { randomUUID } from 'node:crypto';
import { link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { JamfMcpError } from '../../errors.ts';
import { errorCode, orTell } from '../../file-errors.ts';
import type { Context } from '../../host.ts';
import type { Out } from './index.ts';

/**
 * Write to a file; until the report is complete it has another name, beside it.
 * @throws JamfMcpError USAGE for `-`; DECLINED where the file is there and is not to be overwritten; INPUT_INVALID where it cannot be
 *   written; CONFLICT from `commit` where somebody else has made it meanwhile
 */
export async function fileOut(path: string, context: Context): Promise<Out> {
  if (path === '-') {
    throw new JamfMcpError('USAGE', '- is not the name of a file', 'leave -o out: the report goes to standard output');
  }
  const told = { what: `cannot write ${path}`, hint: 'name another file with -o' };
  const refused = { ...told, code: 'INPUT_INVALID' } as const;
  const present = await orTell(refused, () => mayWrite(path, context));
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = await orTell(refused, () => open(temporary, 'wx', 0o600));
  let bytes = 0;
  const discard = async () => {
    await file.close();
    await rm(temporary, { force: true });
  };
  return {
    write: (text) =>
      orTell(told, async () => {
        const data = Buffer.from(text);
        await file.writeFile(data);
        bytes += data.length;
      }),
    commit: () =>
      orTell(told, async () => {
        await file.sync();
        await file.close();
        if (present) await rename(temporary, path);
        else await appear(temporary, path);
        return bytes;
      }),
    discard,
  };
}

/** Whether there is a file, once it is clear that it may be written. */
async function mayWrite(path: string, context: Context): Promise<boolean> {
  const found = await stat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (found === null) {
    await refuseNowhere(path);
    return false;
  }
  // A pipe or a device cannot be replaced.
  if (!found.isFile()) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${path} is no regular file`,
      'name a file with -o, or leave -o out and pipe',
    );
  }
  if (await context.host.ask({ kind: 'confirm', text: `${path} is there already: overwrite it?` })) return true;
  throw new JamfMcpError('DECLINED', `declined; ${path} was left as it is, and nothing was read`);
}

/** @throws JamfMcpError where the file would be in a folder that there is not, before anything is read for it */
async function refuseNowhere(path: string): Promise<void> {
  const folder = dirname(path);
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `cannot write ${path}: there is no folder ${folder}`,
      'name another file with -o',
    );
  }
}

async function appear(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    throw new JamfMcpError('CONFLICT', `${path} was written by somebody else meanwhile; it was left as it is`);
  }
  await rm(temporary, { force: true });
}
