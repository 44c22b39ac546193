/**
 * The store on this machine: one age-encrypted file a secret, holding the whole document with its versions and labels.
 * Facts: hardening.md §1.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact, type Secret } from '../../redact.ts';
import {
  createUnless,
  FORMAT,
  infoOf,
  moveLabelIn,
  putVersion,
  removeIn,
  restoreIn,
  secretNotFound,
  stillThere,
  tagIn,
  versionOf,
  versionsOf,
  type SecretDocument,
} from '../document.ts';
import { checkName } from '../rules.ts';
import type { SecretSchema } from '../schema.ts';
import type { SecretStore } from '../store.ts';
import { errorCode, isTemporary, readIfThere, removeFile, replaceFile, withLock } from './files.ts';
import { createKey, readKey, seal, unseal } from './local-key.ts';

const WHERE = 'the local store';
const SUFFIX = '.age';

/** Longest file name that leaves room for the names of temporary files (255 bytes on most file systems). */
const LONGEST_FILE_NAME = 200;

/**
 * A folder as a store.
 * @param options - `folder`: created with mode 0700 at the first write; `schema`: which fields are secret; `user`: the
 *   person at the machine, where known
 * @param context - host for the warning about a new key, clock and signal for waits
 */
export function localStore(
  options: { folder: string; schema: SecretSchema; user: string | null },
  context: Context,
): SecretStore {
  const { folder, schema } = options;
  const keyFile = join(folder, 'key.txt');
  let key: Secret | null = null;
  /** The writers of this process queue here; the lock file is for other processes. */
  let queue: Promise<unknown> = Promise.resolve();

  const existingKey = async (): Promise<Secret> => {
    key ??= await readKey(keyFile);
    if (key) return key;
    throw new JamfMcpError(
      'CREDENTIALS_MISSING',
      `${WHERE} has secrets, but no key: ${keyFile} is missing`,
      'put the key file back from a backup',
    );
  };

  const load = async (file: string): Promise<SecretDocument | null> => {
    const data = await readIfThere(join(folder, file));
    if (!data) return null;
    const document = JSON.parse(await unseal(data, await existingKey(), join(folder, file))) as SecretDocument;
    // age binds no name to a file: without this, one secret's file could be put in the place of another's.
    if (document.format === FORMAT && fileOf(document.name) === file) return document;
    throw new JamfMcpError(
      'SECRET_MALFORMED',
      `${join(folder, file)} holds something else than its name says`,
      'put the file back from a backup, or use the version of jamf-mcp that wrote it',
    );
  };

  const find = async (id: string): Promise<SecretDocument> => {
    const name = nameOf(id);
    const document = stillThere(await load(fileOf(name)), context.clock.now());
    if (document) return document;
    throw secretNotFound(name, WHERE);
  };

  /** Read, change and write one document, alone; null, or one past the end of its deletion window, removes its file. */
  const change = (file: string, work: (document: SecretDocument | null) => SecretDocument | null): Promise<void> => {
    const turn = queue.then(() =>
      withLock(join(folder, `${file}.lock`), context, async (stillMine) => {
        const before = await load(file);
        const after = stillThere(work(stillThere(before, context.clock.now())), context.clock.now());
        if (after === before) return;
        await removeRemains(folder, file);
        if (after === null) {
          await removeFile(join(folder, file), stillMine);
          return;
        }
        const data = await seal(JSON.stringify(after), await existingKey());
        await replaceFile(join(folder, file), data, context, stillMine);
      }),
    );
    queue = turn.catch(() => undefined);
    return turn;
  };

  const changeExisting = async (id: string, work: (document: SecretDocument) => SecretDocument): Promise<void> => {
    const { name } = await find(id);
    await change(fileOf(name), (document) => {
      if (document) return work(document);
      throw secretNotFound(name, WHERE);
    });
  };

  /** A secret whose deletion window has ended goes from the disk as soon as somebody looks at the list. */
  const purge = async ({ name }: SecretDocument): Promise<void> => {
    try {
      await change(fileOf(name), (document) => document);
    } catch (error) {
      if (isInterruption(error)) throw error;
      context.host.notify({
        kind: 'warning',
        text: `the deletion of ${name} is due, but its file could not be removed: ${redact(messageOf(error))}`,
      });
    }
  };

  return {
    kind: 'local',

    whereabouts: () => Promise.resolve({ account: null, region: null, principal: options.user }),

    describe: (name) =>
      told(folder, async () => {
        const document = await find(name);
        return infoOf(document, arnOf(document.name));
      }),

    list: (prefix) =>
      told(folder, async () => {
        const files = (await filesIn(folder)).filter((file) => file.endsWith(SUFFIX));
        const wanted = files.filter((file) => decodeURIComponent(file.slice(0, -SUFFIX.length)).startsWith(prefix));
        const documents = (await Promise.all(wanted.sort().map(load))).filter((document) => document !== null);
        const there = documents.filter((document) => stillThere(document, context.clock.now()));
        for (const document of documents) if (!there.includes(document)) await purge(document);
        return there.map((document) => infoOf(document, arnOf(document.name)));
      }),

    read: (name, ref) =>
      told(folder, async () => {
        const document = await find(name);
        return versionOf(document, arnOf(document.name), ref, schema);
      }),

    create: (secret) =>
      told(folder, async () => {
        checkName(secret.name);
        const file = fileOf(secret.name);
        key ??= await readKey(keyFile);
        if (!key && !(await hasSecrets(folder))) key = await createKey(keyFile, context);
        await change(file, (existing) => createUnless(existing, secret, context.clock.now(), WHERE, options.user));
        return { arn: arnOf(secret.name), versionId: secret.token };
      }),

    put: (name, fields, version) =>
      told(folder, async () => {
        await changeExisting(name, (document) =>
          putVersion(document, fields, version, context.clock.now(), options.user),
        );
        return { versionId: version.token };
      }),

    moveLabel: (name, label, from, to) =>
      told(folder, () =>
        changeExisting(name, (document) => moveLabelIn(document, label, from, to, context.clock.now())),
      ),

    versions: (name) => told(folder, async () => versionsOf(await find(name))),

    remove: (name, windowDays) =>
      told(folder, async () => {
        let deletionAt = '';
        await changeExisting(name, (document) => {
          const removed = removeIn(document, windowDays, context.clock.now());
          ({ deletionAt } = removed);
          return removed;
        });
        return { deletionAt };
      }),

    restore: (name) => told(folder, () => changeExisting(name, restoreIn)),

    tag: (name, tags) => told(folder, () => changeExisting(name, (document) => tagIn(document, tags))),
  };
}

/** Tell a failure of the file system as what it means for the store. */
async function told<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isInterruption(cause)) throw new JamfMcpError('INTERRUPTED', 'interrupted', null, { cause });
    const code = errorCode(cause);
    if (cause instanceof JamfMcpError || code === '') throw cause;
    const denied = ['EACCES', 'EPERM', 'EROFS'].includes(code);
    throw new JamfMcpError(
      denied ? 'ACCESS_DENIED' : 'REMOTE_FAILED',
      `the local store in ${folder} cannot be used: ${messageOf(cause)}`,
      'check the folder and the disk; `localStore:` in jamf-mcp.yaml names another folder',
      { cause },
    );
  }
}

const arnOf = (name: string) => `local:${name}`;

/** The name, from a name or an ARN of ours. */
const nameOf = (id: string) => id.replace(/^local:/, '');

/** A name as a file name: reversible, and safe where the file system does not tell A from a. */
function fileOf(name: string): string {
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

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

const hasSecrets = async (folder: string) => (await filesIn(folder)).some((file) => file.endsWith(SUFFIX));

/** Temporary files of writes that were killed; nobody else writes while the lock is held. */
async function removeRemains(folder: string, file: string): Promise<void> {
  const remains = (await filesIn(folder)).filter((name) => isTemporary(name, file));
  await Promise.all(remains.map((name) => rm(join(folder, name), { force: true })));
}
