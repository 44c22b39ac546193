/** The key of a data folder: what this program records there is signed with it, so that a later change is found. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { createFile, readIfThere } from './stores/files.ts';

const KEY = 'breakglass.key';

/** Name of the break-glass log in the data folder. */
export const BREAK_GLASS_LOG = 'breakglass.jsonl';

/**
 * The key of this data folder, made on first use.
 * @param folder - must be there
 */
export async function signingKey(folder: string): Promise<KeyObject> {
  const path = join(folder, KEY);
  // The log is there before the key is: a key without a log is what somebody leaves who removes the log.
  if (!(await readIfThere(path))) await createFile(join(folder, BREAK_GLASS_LOG), Buffer.alloc(0));
  const { privateKey } = generateKeyPairSync('ed25519');
  const stored = await readIfThere(path);
  if (stored) return createPrivateKey(stored);
  await createFile(path, Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  return createPrivateKey((await readIfThere(path)) ?? '');
}

/**
 * What checks the signatures of a data folder.
 * @returns null where the key is gone or damaged
 */
export async function verifyingKey(folder: string): Promise<KeyObject | null> {
  const stored = await readIfThere(join(folder, KEY));
  if (!stored) return null;
  try {
    return createPublicKey(createPrivateKey(stored));
  } catch {
    return null; // then nothing can be checked, which is told of each record
  }
}

/** Whether a data folder has a key, sound or not. */
export const hasKey = async (folder: string): Promise<boolean> => (await readIfThere(join(folder, KEY))) !== null;
