/**
 * What a back end offers to a store that keeps an index beside the values (indexed.ts), and the index itself: the
 * document of a secret with the back end's own ids in the place of the values.
 */
import { FORMAT, type SecretDocument, type StoredVersion } from '../document.ts';
import type { StoredField } from '../rules.ts';
import { AWSCURRENT, AWSPREVIOUS, type SecretStore, type StoreKind } from '../store.ts';

/** A version in the index: where its value is, instead of the value. */
export type IndexedVersion = Omit<StoredVersion, 'fields'> & { ref: string };

/** What is kept beside the values. */
export type Index = Omit<SecretDocument, 'versions'> & { versions: readonly IndexedVersion[] };

/** The index as it was read. */
export interface Held {
  index: Index;
  /** What {@link Backend.save} compares with; null where there is no index. */
  mark: string | null;
}

/** A version as the back end itself knows it. */
export interface NativeVersion {
  /** The back end's id of it. */
  ref: string;
  /** ISO 8601, UTC. */
  createdAt: string;
}

/** What a back end has to offer. Names have been checked by {@link Backend.nameOf}. */
export interface Backend {
  readonly kind: StoreKind;
  /** Which back end, for errors: `vault at https://…`. */
  readonly where: string;
  whereabouts(): Promise<Awaited<ReturnType<SecretStore['whereabouts']>>>;
  /** The store's own full id of a name. */
  arnOf(name: string): string;
  /**
   * The name, from a name or a full id.
   * @throws JamfMcpError INPUT_INVALID for a name that the back end cannot hold
   */
  nameOf(id: string): string;
  /** Every name with a prefix that has an index or a value. */
  names(prefix: string): Promise<string[]>;
  /** The index of a name, or null. */
  load(name: string): Promise<Held | null>;
  /**
   * Replace the index that was read with that mark.
   * @returns false where somebody else has replaced it meanwhile; nothing has changed then
   */
  save(name: string, index: Index, mark: string | null): Promise<boolean>;
  /** Show labels where people and other tools look. The index stays the truth. */
  mirror(name: string, before: Index | null, after: Index): Promise<void>;
  /** Versions whose value can be read, oldest first. */
  natives(name: string): Promise<NativeVersion[]>;
  /** Keep a value as a new version. @returns the back end's id of it */
  write(name: string, fields: StoredVersion['fields'], id: string): Promise<string>;
  /** A value, or null where it is gone. */
  read(name: string, ref: string): Promise<StoredField[] | null>;
  /** Destroy values that no index names any more. */
  forget(name: string, refs: readonly string[]): Promise<void>;
  /**
   * Make the values of a secret that is scheduled for deletion unreadable.
   * @returns when the back end destroys them by itself, ISO 8601; null where it never does
   */
  hide(name: string, refs: readonly string[]): Promise<string | null>;
  /** Undo {@link Backend.hide}; success where nothing is hidden. */
  unhide(name: string, refs: readonly string[]): Promise<void>;
  /** Destroy values and index for good. */
  erase(name: string): Promise<void>;
}

/** The document of an index: the rules work on documents; values are put in only where a rule compares them. */
export const documentOf = (index: Index): SecretDocument => ({
  ...index,
  versions: index.versions.map(({ id, createdAt, createdBy, stages }) => ({
    id,
    createdAt,
    ...(createdBy === undefined ? {} : { createdBy }),
    stages,
    fields: [],
  })),
});

/**
 * The index of a document.
 * @param refs - version id to the back end's id of its value
 */
export const indexOf = (document: SecretDocument, refs: ReadonlyMap<string, string>): Index => ({
  ...document,
  versions: document.versions.map(({ id, createdAt, stages }) => ({ id, ref: refs.get(id) ?? '', createdAt, stages })),
});

/** What others wrote, as if it had been put version by version. */
export function adopted(name: string, natives: readonly NativeVersion[]): Held | null {
  const [newest, previous] = natives.toReversed();
  const [oldest] = natives;
  if (!newest || !oldest) return null;
  const stagesOf = (version: NativeVersion) =>
    version === newest ? [AWSCURRENT] : version === previous ? [AWSPREVIOUS] : [];
  const index: Index = {
    format: FORMAT,
    name,
    description: '',
    createdAt: oldest.createdAt,
    changedAt: newest.createdAt,
    deletionAt: null,
    tags: {},
    versions: natives.map((version) => ({
      id: version.ref,
      ref: version.ref,
      createdAt: version.createdAt,
      stages: stagesOf(version),
    })),
  };
  return { index, mark: null };
}

/** Versions that the back end has and the index does not name: others wrote them. */
export function unnamed(index: Index, natives: readonly NativeVersion[]): IndexedVersion[] {
  const named = new Set(index.versions.map(({ ref }) => ref));
  return natives
    .filter(({ ref }) => !named.has(ref))
    .map(({ ref, createdAt }) => ({ id: ref, ref, createdAt, stages: [] }));
}

/** Oldest first. */
export const byAge = (versions: IndexedVersion[]) =>
  versions.sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));

/** Fields in the order of the names, which the back end may not keep. */
export function inOrder(fields: readonly StoredField[], names: readonly string[]): StoredField[] {
  const place = (name: string) => (names.includes(name) ? names.indexOf(name) : names.length);
  return fields.toSorted(([a], [b]) => place(a) - place(b));
}
