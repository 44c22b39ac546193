/** The key of the local store: an age X25519 identity in a file of its own, in the form that `age-keygen` writes. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { Secret } from '../../redact.ts';
import { createFile, readIfThere } from './files.ts';

/**
 * Read the key.
 * @param path - the key file
 * @returns the identity, or null where there is no file
 * @throws JamfMcpError CREDENTIALS_REFUSED where the file holds no age identity
 */
export async function readKey(path: string): Promise<Secret | null> {
  const text = (await readIfThere(path))?.toString();
  if (text === undefined) return null;
  const identity = /^AGE-SECRET-KEY-\w+$/m.exec(text)?.[0];
  if (identity) return new Secret(identity);
  throw new JamfMcpError(
    'CREDENTIALS_REFUSED',
    `${path} holds no age identity`,
    'put the key file of this store back from a backup',
  );
}

/**
 * Make the key of a new store, and say plainly what it is worth.
 * @param path - the key file, created with mode 0600 in a folder of mode 0700
 * @returns the identity: that of another process, if it was faster
 */
export async function createKey(path: string, context: Context): Promise<Secret> {
  const { generateX25519Identity, identityToRecipient } = await import('age-encryption');
  const identity = new Secret(await generateX25519Identity());
  const created = new Date(context.clock.now()).toISOString();
  const text = `# created: ${created}\n# public key: ${await identityToRecipient(identity.reveal())}\n${identity.reveal()}\n`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (!(await createFile(path, Buffer.from(text)))) return (await readKey(path)) ?? identity;
  context.host.notify({
    kind: 'warning',
    text: `the key of the local store is an ordinary file, and who reads it reads the secrets: ${path}`,
  });
  return identity;
}

/** Encrypt a text for the key's own recipient. */
export async function seal(text: string, key: Secret): Promise<Uint8Array> {
  const { Encrypter, identityToRecipient } = await import('age-encryption');
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(key.reveal()));
  return await encrypter.encrypt(text);
}

/**
 * Decrypt.
 * @param path - the file, for the error
 * @throws JamfMcpError SECRET_MALFORMED where the key is another one or the file was changed: age does not tell which
 */
export async function unseal(data: Uint8Array, key: Secret, path: string): Promise<string> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addIdentity(key.reveal());
  try {
    return await decrypter.decrypt(data, 'text');
  } catch (cause) {
    throw new JamfMcpError(
      'SECRET_MALFORMED',
      `${path} cannot be decrypted: it was made with another key, or changed`,
      'put the file, or the key beside it, back from a backup',
      { cause },
    );
  }
}
