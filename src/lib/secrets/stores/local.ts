/**
 * The store on this machine: one age-encrypted file a secret, holding the whole document with its versions and labels,
 * and a log of every access that is written before the access. Facts: hardening.md §1.
 */
import { isInterruption, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { redact } from '../../redact.ts';
import {
  createUnless,
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
import type { SchemaChoice } from '../schema.ts';
import { orSkip, type SecretStore } from '../store.ts';
import { arnOf, fileOf, nameIn, nameOf, secretFiles, told, WHERE } from './local-folder.ts';
import type { Deed, Journal } from './local-journal.ts';
import { localAccess, type LocalOptions } from './local-access.ts';

/** What a change is called in the log. */
type What = Pick<Deed, 'action'> & Partial<Pick<Deed, 'versionId' | 'fields' | 'reason'>>;

/**
 * A folder as a store.
 * @param options - where, whose and which key; `schema`: which fields are secret
 * @param context - host for the warning about a new key and for its passphrase, clock and signal for waits
 */
export function localStore(options: LocalOptions & SchemaChoice, context: Context): SecretStore {
  const { folder, user, reason = null } = options;
  const access = localAccess(options, context);
  const now = () => context.clock.now();

  const find = async (journal: Journal, name: string): Promise<SecretDocument> => {
    const document = stillThere(await access.load(journal, fileOf(name)), now());
    if (document) return document;
    throw secretNotFound(name, WHERE);
  };

  /** Look at one document, alone. */
  const look = <T>(id: string, work: (document: SecretDocument, journal: Journal) => T | Promise<T>): Promise<T> =>
    told(folder, async () => {
      const name = nameOf(id);
      if (!(await access.hasKey())) throw secretNotFound(name, WHERE);
      await access.tellPlace();
      return await access.alone(async (journal) => work(await find(journal, name), journal));
    });

  /** Read, change and write one document, alone; null, or one past the end of its deletion window, removes its file. */
  const change = async (
    name: string,
    what: What,
    work: (document: SecretDocument | null) => SecretDocument | null,
  ): Promise<void> => {
    await access.moveKeyIfChosen();
    await access.alone(async (journal) => {
      const file = fileOf(name);
      const before = await access.load(journal, file);
      const after = stillThere(work(stillThere(before, now())), now());
      if (after === before) return;
      const deed = { secret: name, versionId: null, fields: null, reason, ...what };
      await journal.record(deed, { file, data: after && (await access.seal(journal, after)) });
    });
  };

  const changeExisting = (
    id: string,
    what: What,
    work: (document: SecretDocument) => SecretDocument | null,
  ): Promise<void> =>
    told(folder, async () => {
      const name = nameOf(id);
      if (!(await access.hasKey())) throw secretNotFound(name, WHERE);
      await change(name, what, (document) => {
        if (document) return work(document);
        throw secretNotFound(name, WHERE);
      });
    });

  /** A secret whose deletion window has ended goes from the disk as soon as somebody looks at the list. */
  const purge = async ({ name }: SecretDocument): Promise<void> => {
    try {
      await change(name, { action: 'DeleteSecret', reason: 'its deletion window has ended' }, (document) => document);
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

    whereabouts: () => Promise.resolve({ account: null, region: null, principal: user }),

    describe: (name) => look(name, (document) => infoOf(document, arnOf(document.name))),

    list: (prefix, skip) =>
      told(folder, async () => {
        if (!(await access.hasKey())) return [];
        const documents = await access.alone(async (journal) => {
          const files = (await secretFiles(folder)).filter((file) => nameIn(file).startsWith(prefix));
          const load = (file: string) => orSkip(nameIn(file), skip, () => access.load(journal, file));
          return (await Promise.all(files.map(load))).filter((found) => found !== null);
        });
        const there = documents.filter((document) => stillThere(document, now()));
        for (const document of documents) if (!there.includes(document)) await purge(document);
        return there.map((document) => infoOf(document, arnOf(document.name)));
      }),

    read: (id, ref) =>
      look(id, async (document, journal) => {
        const version = versionOf(document, arnOf(document.name), ref, options);
        await journal.record({
          action: 'GetSecretValue',
          secret: document.name,
          versionId: version.versionId,
          fields: [...version.fields.keys()],
          reason,
        });
        return version;
      }),

    create: (secret) =>
      told(folder, async () => {
        checkName(secret.name);
        fileOf(secret.name);
        await access.makeKey();
        const what = { action: 'CreateSecret', versionId: secret.token, fields: [...secret.fields.keys()] };
        await change(secret.name, what, (existing) => createUnless(existing, secret, now(), WHERE, user));
        return { arn: arnOf(secret.name), versionId: secret.token };
      }),

    put: async (id, fields, version) => {
      const what = { action: 'PutSecretValue', versionId: version.token, fields: [...fields.keys()] };
      await changeExisting(id, what, (document) => putVersion(document, fields, version, now(), user));
      return { versionId: version.token };
    },

    moveLabel: (id, label, from, to) =>
      changeExisting(
        id,
        { action: 'UpdateSecretVersionStage', versionId: to, reason: reason ?? `${label} from ${from ?? 'none'}` },
        (document) => moveLabelIn(document, label, from, to, now()),
      ),

    versions: (id) => look(id, versionsOf),

    remove: async (id, windowDays) => {
      let deletionAt = '';
      await changeExisting(id, { action: 'DeleteSecret' }, (document) => {
        const removed = removeIn(document, windowDays, now());
        ({ deletionAt } = removed);
        return removed;
      });
      return { deletionAt };
    },

    restore: (id) => changeExisting(id, { action: 'RestoreSecret' }, restoreIn),

    tag: (id, tags) => changeExisting(id, { action: 'TagResource' }, (document) => tagIn(document, tags)),
  };
}
