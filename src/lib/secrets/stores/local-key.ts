/**
 * The key of the local store: an age X25519 identity, in the operating system's keychain, in a file behind a
 * passphrase, or in a plain file in the form that `age-keygen` writes. Which of them follows from what is in the folder.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact, Secret } from '../../redact.ts';
import type { KeyForm } from '../../config/settings.ts';
import { createFile, readIfThere, removeFile, replaceFile } from './files.ts';
import { probeKeychain, type Keychain } from './keychain.ts';

/** What it takes to reach a key in any of its forms. */
export interface KeyPlace {
  folder: string;
  /** The form that the settings choose; null: the keychain where it works, else a file. */
  form: KeyForm | null;
  /** Asks for it where it is needed and unknown. */
  passphrase: (purpose: 'open' | 'choose') => Promise<Secret>;
  keychain: () => Promise<Keychain>;
}

/** A key, and where the head of the access log can be kept out of the folder's reach. */
export interface StoreKey {
  form: KeyForm;
  identity: Secret;
  /** Null where the key is not in a keychain. */
  anchor: { read(): Promise<string | null>; write(head: string): Promise<void>; clear(): Promise<void> } | null;
}

/** The file whose presence tells the form; the strongest comes first, so that a weaker one beside it is not believed. */
const FILES: readonly (readonly [KeyForm, string])[] = [
  ['keychain', 'key.keychain'],
  ['passphrase', 'key.wrapped'],
  ['file', 'key.txt'],
];

/** Names of the files, one of which has the key or leads to it. */
export const KEY_FILES: readonly string[] = FILES.map(([, file]) => file);

const fileFor = (form: KeyForm) => FILES.find(([name]) => name === form)?.[1] ?? '';

/** Rounds of scrypt, as a power of two: 0.6 s and 64 MiB for every guess (hardening.md §1 age-encryption). */
const WORK_FACTOR = 16;

/**
 * Read the key, in whatever form it is.
 * @returns null where there is none
 * @throws JamfMcpError CREDENTIALS_REFUSED where a file holds no key or the passphrase is wrong, CREDENTIALS_MISSING
 *   where the keychain has it no more, and what asking for the passphrase and the keychain throw
 */
export async function readKey(place: KeyPlace): Promise<StoreKey | null> {
  for (const [form, file] of FILES) {
    const content = await readIfThere(join(place.folder, file));
    if (!content) continue;
    await refuseOpen(form, join(place.folder, file), place.folder);
    return await openKey(form, content, join(place.folder, file), place);
  }
  return null;
}

/**
 * A key that others can read is theirs too, and in a folder where all can write, another can be put in its place: as
 * ssh does, nothing is done with it.
 * @throws JamfMcpError CREDENTIALS_REFUSED
 */
async function refuseOpen(form: KeyForm, path: string, folder: string): Promise<void> {
  // Windows keeps who may do what elsewhere, and makes up a mode.
  if (platform() === 'win32') return;
  const refuse = (what: string, mode: string, place: string) => {
    throw new JamfMcpError(
      'CREDENTIALS_REFUSED',
      `${what}: nothing is done with the key of the local store`,
      `chmod ${mode} ${place}, and have what may have been read replaced by its issuer`,
    );
  };
  const { mode } = await stat(path);
  if (form === 'file' && (mode & OTHERS) !== 0) refuse(`${path} is open to others (mode ${octal(mode)})`, '600', path);
  const { mode: around } = await stat(folder);
  if ((around & WRITE_FOR_ALL) !== 0) refuse(`everybody can write in ${folder} (mode ${octal(around)})`, '700', folder);
}

const OTHERS = 0o077;
const WRITE_FOR_ALL = 0o002;
const octal = (mode: number) => (mode & 0o7777).toString(8).padStart(4, '0');

async function openKey(form: KeyForm, content: Buffer, path: string, place: KeyPlace): Promise<StoreKey> {
  switch (form) {
    case 'file':
      return { form, identity: await identityIn(content.toString(), path), anchor: null };
    case 'passphrase':
      return { form, identity: await identityIn(await unwrap(content, path, place), path), anchor: null };
    case 'keychain': {
      const keychain = await place.keychain();
      const account = accountIn(content.toString(), path);
      const kept = await keychain.get(account);
      if (kept === null) {
        throw new JamfMcpError(
          'CREDENTIALS_MISSING',
          `the keychain of this machine has no entry "${account}", which is the key of the local store`,
          'it was made on another machine or account, or deleted: put the entry back',
        );
      }
      const head = `${account} log head`;
      return {
        form,
        identity: await identityIn(kept, `the keychain's entry "${account}"`),
        anchor: {
          read: () => keychain.get(head),
          write: (text) => keychain.set(head, text),
          clear: () => keychain.remove(head),
        },
      };
    }
  }
}

/**
 * Make the key of a new store, and say plainly what it is worth.
 * @param place - its folder is created with mode 0700
 * @returns the key: that of another process, if it was faster
 * @throws JamfMcpError CREDENTIALS_MISSING where the keychain was chosen and cannot be used
 */
export async function createKey(place: KeyPlace, context: Context): Promise<StoreKey> {
  const { generateX25519Identity } = await import('age-encryption');
  const identity = new Secret(await generateX25519Identity());
  const form = place.form ?? (await bestForm(place, context));
  if (place.form === 'keychain') await probeKeychain(await place.keychain());
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  const wrapped = await wrap(form, identity, place, context);
  if (!(await createFile(join(place.folder, fileFor(form)), wrapped.content))) await wrapped.undo();
  else if (form === 'file') warnOfFile(join(place.folder, fileFor(form)), context);
  const key = await readKey(place);
  if (key) return key;
  throw new JamfMcpError('CREDENTIALS_MISSING', 'the key of the local store was removed while it was made');
}

/** The keychain where it works; a file where it does not. */
async function bestForm(place: KeyPlace, context: Context): Promise<KeyForm> {
  try {
    await probeKeychain(await place.keychain());
    return 'keychain';
  } catch (error) {
    if (isInterruption(error)) throw error;
    context.host.notify({ kind: 'debug', text: `local key: ${redact(messageOf(error))}` });
    return 'file';
  }
}

function warnOfFile(path: string, context: Context): void {
  context.host.notify({
    kind: 'warning',
    text: `the key of the local store is an ordinary file, and who reads it reads the secrets: ${path}`,
  });
}

/**
 * Find out whether the key is to go elsewhere, and get ready for it: what has to be asked is asked here.
 * @returns null where it is where the settings want it
 * @throws what asking and the keychain throw: then it cannot go there
 */
export async function planMove(key: StoreKey, place: KeyPlace): Promise<KeyForm | null> {
  const { form } = place;
  if (form === null || (form === key.form && (await othersThan(form, place)).length === 0)) return null;
  if (form === 'keychain') await probeKeychain(await place.keychain());
  if (form === 'passphrase' && key.form !== 'passphrase') await place.passphrase('choose');
  return form;
}

/**
 * Put the key into another form: written, read back and compared before any other form is removed, so that a crash
 * leaves one that works.
 * @param beforeCommit - last chance to throw, before each change
 * @returns the key as it was read back
 */
export async function moveKey(
  key: StoreKey,
  form: KeyForm,
  place: KeyPlace,
  beforeCommit: () => Promise<void>,
  context: Context,
): Promise<StoreKey> {
  const path = join(place.folder, fileFor(form));
  const wrapped = key.form === form ? null : await wrap(form, key.identity, place, context);
  if (wrapped) await replaceFile(path, wrapped.content, context, beforeCommit);
  const moved = await comeBack(key, form, path, place).catch(async (error: unknown) => {
    if (wrapped) await removeFile(path, beforeCommit).then(wrapped.undo);
    throw error;
  });
  for (const [other, file] of await othersThan(form, place)) {
    const old = await readIfThere(join(place.folder, file));
    await removeFile(join(place.folder, file), beforeCommit);
    if (old && other === 'keychain') await forget(accountIn(old.toString(), file), place);
  }
  if (form === 'file') warnOfFile(path, context);
  return moved;
}

/** The key from its new place, if it is the same. */
async function comeBack(key: StoreKey, form: KeyForm, path: string, place: KeyPlace): Promise<StoreKey> {
  const content = await readIfThere(path);
  const moved = content && (await openKey(form, content, path, place));
  if (moved?.identity.reveal() === key.identity.reveal()) return moved;
  throw new JamfMcpError(
    'CONFLICT',
    `the key of the local store did not come back from its new place (${form}) as it went there`,
    'it is still in the old place: choose another `localKey` in jamf-mcp.yaml',
  );
}

async function othersThan(form: KeyForm, { folder }: KeyPlace): Promise<(readonly [KeyForm, string])[]> {
  const others = await Promise.all(
    FILES.map(async (row) => (row[0] !== form && (await readIfThere(join(folder, row[1]))) ? row : null)),
  );
  return others.filter((row) => row !== null);
}

async function forget(account: string, place: KeyPlace): Promise<void> {
  const keychain = await place.keychain();
  await keychain.remove(account);
  await keychain.remove(`${account} log head`);
}

/** The content of a form's file; `undo` takes back what was put elsewhere. */
async function wrap(
  form: KeyForm,
  identity: Secret,
  place: KeyPlace,
  context: Context,
): Promise<{ content: Uint8Array; undo: () => Promise<void> }> {
  const nothing = () => Promise.resolve();
  switch (form) {
    case 'file':
      return { content: Buffer.from(await keyText(identity, context)), undo: nothing };
    case 'passphrase': {
      const { Encrypter } = await import('age-encryption');
      const encrypter = new Encrypter();
      encrypter.setScryptWorkFactor(WORK_FACTOR);
      encrypter.setPassphrase((await place.passphrase('choose')).reveal());
      return { content: await encrypter.encrypt(await keyText(identity, context)), undo: nothing };
    }
    case 'keychain': {
      const account = `local store ${randomUUID()}`;
      await (await place.keychain()).set(account, identity.reveal());
      return { content: Buffer.from(`${account}\n`), undo: () => forget(account, place) };
    }
  }
}

async function unwrap(content: Buffer, path: string, place: KeyPlace): Promise<string> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  decrypter.addPassphrase((await place.passphrase('open')).reveal());
  try {
    return await decrypter.decrypt(content, 'text');
  } catch (cause) {
    throw new JamfMcpError(
      'CREDENTIALS_REFUSED',
      `the passphrase does not open ${path}`,
      'type it again, or correct JAMF_MCP_PASSPHRASE; where the file was changed, put it back from a backup',
      { cause },
    );
  }
}

async function keyText(identity: Secret, context: Context): Promise<string> {
  const { identityToRecipient } = await import('age-encryption');
  const created = new Date(context.clock.now()).toISOString();
  const recipient = await identityToRecipient(identity.reveal());
  return `# created: ${created}\n# public key: ${recipient}\n${identity.reveal()}\n`;
}

async function identityIn(text: string, where: string): Promise<Secret> {
  const identity = /^AGE-SECRET-KEY-\w+$/m.exec(text)?.[0];
  if (identity !== undefined) {
    const secret = new Secret(identity);
    const { Decrypter } = await import('age-encryption');
    try {
      new Decrypter().addIdentity(identity);
      return secret;
    } catch {
      // An error that would tell about the key is not handed on: its checksum is wrong.
    }
  }
  throw new JamfMcpError(
    'CREDENTIALS_REFUSED',
    `${where} holds no age identity${identity === undefined ? '' : ': what looks like one is damaged'}`,
    'put the key of this store back from a backup: without it, nothing in the store can be read',
  );
}

function accountIn(text: string, path: string): string {
  const account = /^local store [\w-]+$/m.exec(text)?.[0];
  if (account !== undefined) return account;
  throw new JamfMcpError(
    'CREDENTIALS_REFUSED',
    `${path} names no entry of the keychain`,
    'put the file back from a backup',
  );
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

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Lock up what the store keeps for itself, with a key derived from its own: unlike age, it says who wrote it, and it
 * costs no elliptic curve at each access.
 * @param purpose - what it is: a text of one purpose does not open as another
 */
export function lockUp(text: string, key: Secret, purpose: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', ownKey(key, purpose), iv);
  return Buffer.concat([iv, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

/** What {@link lockUp} locked up; null where it was changed, or made with another key or for another purpose. */
export function openUp(data: Buffer, key: Secret, purpose: string): string | null {
  if (data.length < IV_BYTES + TAG_BYTES) return null;
  const decipher = createDecipheriv('aes-256-gcm', ownKey(key, purpose), data.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(data.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(data.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString();
  } catch {
    return null;
  }
}

const ownKey = (key: Secret, purpose: string) =>
  Buffer.from(hkdfSync('sha256', key.reveal(), '', `jamf-mcp local store: ${purpose}`, 32));
