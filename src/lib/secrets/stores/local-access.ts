/** How the local store and its verification come to the files: with the key, alone, and through the journal. */
import { join } from 'node:path';
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact, type Secret } from '../../redact.ts';
import type { KeyForm } from '../../config/settings.ts';
import { FORMAT, type SecretDocument } from '../document.ts';
import { OWN_ACTIONS } from './access-log.ts';
import { errorCode, readIfThere, withLock } from './files.ts';
import { systemKeychain, type Keychain } from './keychain.ts';
import { fileOf, FILES, secretFiles, tampered, WHERE } from './local-folder.ts';
import { openJournal, type Journal } from './local-journal.ts';
import {
  createKey,
  KEY_FILES,
  moveKey,
  planMove,
  readKey,
  seal,
  unseal,
  type KeyPlace,
  type StoreKey,
} from './local-key.ts';

/** Where a local store is, whose it is, and where its key is. */
export interface LocalOptions {
  /** Created with mode 0700 at the first write. */
  folder: string;
  /** The person at the machine, where known. */
  user: string | null;
  /** Where the key is to be; null: the keychain where it works, else a file, and an existing key stays where it is. */
  localKey: KeyForm | null;
  /** For a key behind a passphrase; asked for where it is not given. */
  passphrase?: Secret | null;
  /** Why this invocation reads values: the log carries it. */
  reason?: string | null;
  /** Another keychain than the system's. */
  keychain?: (context: Context) => Promise<Keychain>;
}

/** A document as it lies in its file. */
interface LocalDocument extends SecretDocument {
  /** The log under which it was written; absent in a file that is older than logs. */
  log?: string;
}

/** Ways to the files of one store. */
export interface LocalAccess {
  /** Whether there is a key, and so a store. @throws JamfMcpError CREDENTIALS_MISSING where there are secrets without one */
  hasKey(): Promise<boolean>;
  /** Read the key again. @throws as {@link hasKey} */
  key(): Promise<StoreKey | null>;
  /** Make the key of a store that has nothing yet. */
  makeKey(): Promise<void>;
  /** Tell, once, where the key is elsewhere than the settings want it: a read does not move it. */
  tellPlace(): Promise<void>;
  /** Put the key where the settings want it. */
  moveKeyIfChosen(): Promise<void>;
  /** Work alone on the folder, across processes. There has to be a key. */
  locked<T>(work: (key: StoreKey, stillMine: () => Promise<void>) => Promise<T>): Promise<T>;
  /**
   * {@link LocalAccess.locked} with the journal at hand.
   * @param accepted - a log that begins takes files in that were written under an earlier one
   */
  alone<T>(work: (journal: Journal) => Promise<T>, accepted?: boolean): Promise<T>;
  /**
   * @param accepted - as in {@link LocalAccess.alone}
   * @throws JamfMcpError SECRET_MALFORMED for the first file that is not of this store under its name; STORE_TAMPERED
   *   for one that was written under a log, unless accepted
   */
  checkFiles(key: StoreKey, accepted: boolean): Promise<void>;
  /** The files that are not of this store under their name: changed, exchanged, of another key, or no files at all. */
  unsound(key: StoreKey): Promise<string[]>;
  /** The document in a file; null where there is no file. */
  load(journal: Journal, file: string): Promise<SecretDocument | null>;
  seal(journal: Journal, document: SecretDocument): Promise<Uint8Array>;
}

/** Shortest passphrase: a guess costs 0.6 s, so what matters is that there is something to guess. */
const SHORTEST_PASSPHRASE = 12;

/** Ways to the files of the store that the options name; nothing is opened yet. */
export function localAccess(options: LocalOptions, context: Context): LocalAccess {
  const { folder } = options;
  const place = keyPlace(options, context);
  let known: StoreKey | null = null;
  /** Whether the key could not go where it was to go: that is found out once. */
  let stays = false;
  /** What was said of the key's place: once is enough for all accesses of a run. */
  const said = new Set<string>();
  const once = (text: string) => {
    if (!said.has(text)) context.host.notify({ kind: 'warning', text });
    said.add(text);
  };
  /** The turns of this process queue here; the lock file is for other processes. */
  let queue: Promise<unknown> = Promise.resolve();

  const key = async (): Promise<StoreKey | null> => {
    known ??= await readKey(place);
    if (known || (await secretFiles(folder)).length === 0) return known;
    throw new JamfMcpError(
      'CREDENTIALS_MISSING',
      `${WHERE} has secrets, but no key: there is none of ${KEY_FILES.join(', ')} in ${folder}`,
      'put the key file back from a backup',
    );
  };

  const locked = <T>(work: (key: StoreKey, stillMine: () => Promise<void>) => Promise<T>): Promise<T> => {
    const turn = queue.then(async () => {
      const own = await key();
      if (!own) throw new JamfMcpError('CREDENTIALS_MISSING', `${WHERE} in ${folder} has no key`);
      return await withLock(join(folder, FILES.lock), context, (stillMine) => work(own, stillMine));
    });
    queue = turn.catch(() => undefined);
    return turn;
  };

  const openDocument = async (file: string, data: Buffer, own: StoreKey): Promise<LocalDocument> => {
    const path = join(folder, file);
    const document = JSON.parse(await unseal(data, own.identity, path)) as LocalDocument;
    // age binds no name to a file: without this, one secret's file could be put in the place of another's.
    if (document.format === FORMAT && fileOf(document.name) === file) return document;
    throw new JamfMcpError(
      'SECRET_MALFORMED',
      `${path} holds something else than its name says`,
      'put the file back from a backup, or use the version of jamf-mcp that wrote it',
    );
  };

  const checkOld = (own: StoreKey, accepted: boolean) => async (file: string, data: Buffer) => {
    const { log } = await openDocument(file, data, own);
    if (!accepted && log !== undefined)
      throw tampered(`the access log is gone from ${folder}: ${file} was written under one`);
  };

  const alone: LocalAccess['alone'] = (work, accepted = false) =>
    locked(async (own, stillMine) => {
      const journal = { folder, key: own, user: options.user, checkOld: checkOld(own, accepted) };
      return await work(await openJournal(journal, stillMine, context));
    });

  return {
    key,
    hasKey: async () => (await key()) !== null,

    async makeKey() {
      known = (await key()) ?? (await createKey(place, context));
    },

    async tellPlace() {
      const form = (await key())?.form;
      const { localKey } = options;
      if (form === undefined || localKey === null || form === localKey) return;
      once(`the key of the local store is where it was (${form}); the next change moves it: ${localKey} was chosen`);
    },

    async moveKeyIfChosen() {
      const own = await key();
      if (stays) return;
      const form =
        own &&
        (await planMove(own, place).catch((error: unknown) => {
          if (isInterruption(error)) throw error;
          stays = true;
          once(`the key of the local store stays where it is (${own.form}): ${redact(messageOf(error))}`);
          return null;
        }));
      if (!form) return;
      const told = `from ${own.form} to ${form}`;
      await alone((journal) =>
        journal.record({ action: OWN_ACTIONS.moveKey, secret: null, versionId: null, fields: null, reason: told }),
      );
      known = await locked((present, stillMine) => moveKey(present, form, place, stillMine, context));
      context.host.notify({ kind: 'warning', text: `the key of the local store was moved: ${told}` });
    },

    locked,
    alone,

    async checkFiles(own, accepted) {
      for (const file of await secretFiles(folder)) {
        const data = await readIfThere(join(folder, file));
        if (data) await checkOld(own, accepted)(file, data);
      }
    },

    async unsound(own) {
      const found: string[] = [];
      for (const file of await secretFiles(folder)) {
        try {
          const data = await readIfThere(join(folder, file));
          if (data) await checkOld(own, true)(file, data);
        } catch (error) {
          const ofThisFile =
            errorCode(error) === 'EISDIR' || (error instanceof JamfMcpError && error.code === 'SECRET_MALFORMED');
          if (!ofThisFile) throw error;
          found.push(file);
        }
      }
      return found;
    },

    async load(journal, file) {
      const data = await journal.read(file);
      const own = data && (await key());
      return own && (await openDocument(file, data, own));
    },

    async seal(journal, document) {
      const own = await key();
      if (!own) throw new JamfMcpError('CREDENTIALS_MISSING', `${WHERE} in ${folder} has no key`);
      const local: LocalDocument = { ...document, log: journal.id };
      return await seal(JSON.stringify(local), own.identity);
    },
  };
}

function keyPlace(options: LocalOptions, context: Context): KeyPlace {
  let passphrase = options.passphrase ?? null;
  let keychain: Promise<Keychain> | null = null;
  return {
    folder: options.folder,
    form: options.localKey,
    keychain: () => (keychain ??= (options.keychain ?? systemKeychain)(context)),
    async passphrase(purpose) {
      passphrase ??= await askPassphrase(purpose, context);
      if (purpose === 'open' || passphrase.reveal().length >= SHORTEST_PASSPHRASE) return passphrase;
      throw new JamfMcpError('INPUT_INVALID', tooShort, 'set a longer JAMF_MCP_PASSPHRASE');
    },
  };
}

const tooShort = `the passphrase of the local store has less than ${String(SHORTEST_PASSPHRASE)} characters`;

async function askPassphrase(purpose: 'open' | 'choose', context: Context): Promise<Secret> {
  const ask = (text: string, check?: (answer: string) => true | string) =>
    context.host.ask({ kind: 'secret', text, flag: 'JAMF_MCP_PASSPHRASE', ...(check ? { check } : {}) });
  if (purpose === 'open') return await ask('passphrase of the local store:');
  for (;;) {
    const chosen = await ask('new passphrase for the local store:', (answer) =>
      answer.length >= SHORTEST_PASSPHRASE ? true : tooShort,
    );
    const again = await ask('the same passphrase again:');
    if (again.reveal() === chosen.reveal()) return chosen;
    // Either of the two may have been the slip.
    context.host.notify({ kind: 'warning', text: 'the two are not the same: both are asked for again' });
  }
}
