/**
 * A store over a back end that keeps versions of values by itself, but no staging labels and no version ids of ours.
 *
 * Each secret has an index beside its values: the document without values, each version with the back end's own id of
 * it. The index is replaced whole, and only by whoever read the one before it, so that all labels move at once or not
 * at all. A value is written before the index names it: a crash between the two leaves a version without a label,
 * which harms nobody. A secret that others wrote has no index: its newest version counts as current.
 */
import { isInterruption, JamfMcpError, messageOf, type ErrorCode } from '../../errors.ts';
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
  versionNotFound,
  versionOf,
  versionsOf,
  type SecretDocument,
} from '../document.ts';
import { checkWindow } from '../rules.ts';
import { fieldsOf, type SchemaChoice } from '../schema.ts';
import { orSkip, type SecretStore } from '../store.ts';
import {
  adopted,
  byAge,
  documentOf,
  indexOf,
  inOrder,
  unnamed,
  type Backend,
  type Held,
  type Index,
} from './backend.ts';

/** How often a change is tried while others change the same secret, and the longest pause between, in ms. */
const ATTEMPTS = 40;
const LONGEST_PAUSE_MS = 1_000;
const FIRST_PAUSE_MS = 25;

/** Secrets of a list that are looked at together. */
const AT_A_TIME = 8;

/** Errors that leave open whether the call took effect. */
const IN_DOUBT: readonly ErrorCode[] = ['UNREACHABLE', 'TIMED_OUT', 'REMOTE_FAILED'];

const isInDoubt = (error: unknown) => error instanceof JamfMcpError && IN_DOUBT.includes(error.code);

/**
 * Make a store of a back end.
 * @param choice - which fields are secret
 * @param context - host for warnings, clock and signal for waits
 */
export function indexedStore(backend: Backend, choice: SchemaChoice, context: Context): SecretStore {
  /** Writers of this process take turns; the comparison in `save` is for those of others. */
  const turns = new Map<string, Promise<unknown>>();
  const now = () => context.clock.now();
  const warn = (text: string) => {
    context.host.notify({ kind: 'warning', text });
  };

  const look = async (name: string): Promise<Held | null> =>
    (await backend.load(name)) ?? adopted(name, await backend.natives(name));

  /** What a name holds, if it is there for anyone to see; version ids of the back end are taken for versions too. */
  const find = async (name: string, ids: readonly (string | null)[] = []): Promise<Index> => {
    const held = await look(name);
    if (!held || !stillThere(documentOf(held.index), now())) throw secretNotFound(name, backend.where);
    return await withNatives(held.index, ids);
  };

  const withNatives = async (index: Index, ids: readonly (string | null)[]): Promise<Index> => {
    const unknown = ids.filter((id) => id !== null && !index.versions.some((version) => version.id === id));
    if (unknown.length === 0) return index;
    const foreign = unnamed(index, await backend.natives(index.name)).filter(({ id }) => unknown.includes(id));
    return foreign.length === 0 ? index : { ...index, versions: byAge([...index.versions, ...foreign]) };
  };

  /** Whatever goes wrong in it, the change itself is made. */
  const afterwards = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (isInterruption(error)) throw error;
      warn(`${what}: ${redact(messageOf(error))}`);
    }
  };

  /**
   * Read, change and replace an index.
   * @param ids - version ids the change is about
   * @param work - pure, for it is done again when somebody else was faster; gets null where there is no such secret
   */
  const change = (
    name: string,
    ids: readonly (string | null)[],
    work: (document: SecretDocument | null) => SecretDocument,
    token?: { id: string; names: readonly string[] },
  ): Promise<void> => {
    /** The value that was written for this change; an attempt that lost keeps it. */
    let written: string | undefined;
    /** Whether an index that names it was sent: until there is an answer, it may be the index. */
    let sent = false;

    const attempt = async (): Promise<boolean> => {
      const held = await look(name);
      const there = held && stillThere(documentOf(held.index), now()) ? held : null;
      if (held && !there) await backend.erase(name);
      const before = there && (await withNatives(there.index, ids));
      const document = before && (await withValue(before, token));
      const after = work(document);
      const refs = new Map(before?.versions.map(({ id, ref }) => [id, ref]));
      if (after === document) {
        // An answer may have been lost, and this very change been made: then the index names the value.
        if (written !== undefined && ![...refs.values()].includes(written)) await backend.forget(name, [written]);
        return true;
      }
      const added = after.versions.find(({ id }) => !refs.has(id));
      if (added) refs.set(added.id, (written ??= await backend.write(name, added.fields, added.id)));
      const index = indexOf(after, refs);
      sent = true;
      if (!(await backend.save(name, index, there?.mark ?? null))) {
        sent = false;
        return false;
      }
      const kept = new Set(index.versions.map(({ ref }) => ref));
      const dropped = [...refs.values()].filter((ref) => !kept.has(ref));
      await afterwards(`old versions of ${name} could not be destroyed`, async () => {
        if (dropped.length > 0) await backend.forget(name, dropped);
      });
      await afterwards(`the labels of ${name} are not shown by the store itself`, () =>
        backend.mirror(name, there?.index ?? null, index),
      );
      return true;
    };

    const patiently = async (): Promise<void> => {
      try {
        for (let tries = 0; tries < ATTEMPTS; tries += 1) {
          if (await attempt()) return;
          const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
          await context.clock.sleep(pause * (0.5 + Math.random() / 2), context.signal);
        }
      } catch (error) {
        const orphan = written;
        const named = sent && isInDoubt(error);
        if (orphan !== undefined && !named && error instanceof JamfMcpError && error.code !== 'INTERRUPTED') {
          await afterwards(`a version of ${name} that nothing names is left`, () => backend.forget(name, [orphan]));
        }
        throw error;
      }
      throw new JamfMcpError(
        'CONFLICT',
        `secret ${name} is being changed by others all the time; nothing was changed`,
        'repeat the command',
      );
    };

    const turn = (turns.get(name) ?? Promise.resolve()).then(patiently);
    const settled = turn.catch(() => undefined);
    turns.set(name, settled);
    void settled.then(() => {
      if (turns.get(name) === settled) turns.delete(name);
    });
    return turn;
  };

  /** The document with the one value that a repeated call has to be compared with. */
  const withValue = async (index: Index, token?: { id: string; names: readonly string[] }): Promise<SecretDocument> => {
    const document = documentOf(index);
    const used = index.versions.find(({ id }) => id === token?.id);
    if (!used || !token) return document;
    const fields = inOrder((await backend.read(index.name, used.ref)) ?? [], token.names);
    const versions = document.versions.map((version) => (version.id === used.id ? { ...version, fields } : version));
    return { ...document, versions };
  };

  const changeExisting = (
    name: string,
    ids: readonly (string | null)[],
    work: (document: SecretDocument) => SecretDocument,
    token?: { id: string; names: readonly string[] },
  ): Promise<void> =>
    change(
      name,
      ids,
      (document) => {
        if (document) return work(document);
        throw secretNotFound(name, backend.where);
      },
      token,
    );

  return {
    kind: backend.kind,

    whereabouts: () => backend.whereabouts(),

    async describe(id) {
      const index = await find(backend.nameOf(id));
      return infoOf(documentOf(index), backend.arnOf(index.name));
    },

    async list(prefix, skip) {
      const names = (await backend.names(prefix)).sort();
      const found = await inGroups(names, async (name) => {
        const held = await orSkip(name, skip, () => look(name));
        if (!held) return null;
        const document = stillThere(documentOf(held.index), now());
        if (document) return infoOf(document, backend.arnOf(name));
        await afterwards(`the deletion of ${name} is due, but it could not be destroyed`, () => backend.erase(name));
        return null;
      });
      return found.filter((info) => info !== null);
    },

    async read(id, ref) {
      const index = await find(backend.nameOf(id), 'versionId' in ref ? [ref.versionId] : []);
      const version = versionOf(documentOf(index), backend.arnOf(index.name), ref, choice);
      const native = index.versions.find((candidate) => candidate.id === version.versionId)?.ref ?? '';
      const value = await backend.read(index.name, native);
      if (!value) throw versionNotFound(index.name, ref);
      return { ...version, fields: fieldsOf(version.schema, value) };
    },

    async create(secret) {
      const name = backend.nameOf(secret.name);
      // Checked whole before anything is asked of the back end.
      createUnless(null, secret, now(), backend.where);
      const token = { id: secret.token, names: [...secret.fields.keys()] };
      await change(name, [], (existing) => createUnless(existing, secret, now(), backend.where), token);
      return { arn: backend.arnOf(name), versionId: secret.token };
    },

    async put(id, fields, version) {
      const name = backend.nameOf(id);
      const token = { id: version.token, names: [...fields.keys()] };
      await changeExisting(name, [], (document) => putVersion(document, fields, version, now()), token);
      return { versionId: version.token };
    },

    async moveLabel(id, label, from, to) {
      await changeExisting(backend.nameOf(id), [from, to], (document) => moveLabelIn(document, label, from, to, now()));
    },

    async versions(id) {
      const index = await find(backend.nameOf(id));
      if (index.deletionAt !== null) return versionsOf(documentOf(index));
      const natives = await backend.natives(index.name);
      const there = new Set(natives.map(({ ref }) => ref));
      const versions = byAge([...index.versions.filter(({ ref }) => there.has(ref)), ...unnamed(index, natives)]);
      return versionsOf(documentOf({ ...index, versions }));
    },

    async remove(id, windowDays) {
      checkWindow(windowDays);
      const name = backend.nameOf(id);
      if (windowDays === 0) {
        await find(name);
        await backend.erase(name);
        return { deletionAt: new Date(now()).toISOString() };
      }
      let refs: string[] = [];
      let deletionAt = '';
      const schedule = (latest: string | null) =>
        changeExisting(name, [], (document) => {
          const removed = removeIn(document, windowDays, now());
          deletionAt = latest !== null && latest < removed.deletionAt ? latest : removed.deletionAt;
          return deletionAt === removed.deletionAt ? removed : { ...removed, deletionAt };
        });
      await schedule(null);
      refs = (await find(name)).versions.map(({ ref }) => ref);
      const latest = await backend.hide(name, refs);
      if (latest !== null && latest < deletionAt) {
        warn(`the store itself destroys what is deleted on ${latest.slice(0, 10)}, sooner than was asked for`);
        await schedule(latest);
      }
      return { deletionAt };
    },

    async restore(id) {
      const index = await find(backend.nameOf(id));
      if (index.deletionAt === null) return;
      await backend.unhide(
        index.name,
        index.versions.map(({ ref }) => ref),
      );
      await changeExisting(index.name, [], restoreIn);
    },

    async tag(id, tags) {
      await changeExisting(backend.nameOf(id), [], (document) => tagIn(document, tags));
    },
  };
}

async function inGroups<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += AT_A_TIME) {
    results.push(...(await Promise.all(items.slice(from, from + AT_A_TIME).map(work))));
  }
  return results;
}
