/**
 * A secret as one document, and the rules of versions and staging labels as pure functions over it: for every store
 * whose back end does not know labels by itself. The rules are those of AWS Secrets Manager (rotation.md §2c).
 */
import { JamfMcpError } from '../errors.ts';
import {
  checkLabels,
  checkMove,
  checkName,
  checkTags,
  checkToken,
  checkWindow,
  encodeFields,
  mergeTags,
  storedFields,
  type StoredField,
} from './rules.ts';
import { fieldsOf, schemaBy, type SchemaChoice } from './schema.ts';
import {
  AWSCURRENT,
  AWSPREVIOUS,
  type Fields,
  type SecretInfo,
  type SecretStore,
  type SecretVersion,
  type VersionInfo,
  type VersionRef,
} from './store.ts';

/** One version as it is kept: plain values, in order. */
export interface StoredVersion {
  id: string;
  createdAt: string;
  /** Who stored it; absent where that is not known. */
  createdBy?: string | null;
  stages: readonly string[];
  fields: readonly StoredField[];
}

/** Number of the form of {@link SecretDocument}; a file of another form was written by a later version. */
export const FORMAT = 1;

/** A whole secret as it is kept. Times are ISO 8601, UTC. */
export interface SecretDocument {
  /** {@link FORMAT} */
  format: number;
  name: string;
  description: string;
  createdAt: string;
  changedAt: string;
  deletionAt: string | null;
  tags: Readonly<Record<string, string>>;
  /** Oldest first. */
  versions: readonly StoredVersion[];
}

/** Versions without a label that are kept, as on AWS; none younger than a day is dropped (rotation.md §2c Versions). */
const MOST_UNLABELLED = 100;
const DAY_MS = 86_400_000;

/** What a secret is created from: the parameter of {@link SecretStore.create}. */
type NewSecret = Parameters<SecretStore['create']>[0];

/**
 * A new secret, its first version carrying AWSCURRENT.
 * @param now - milliseconds since 1970
 * @param by - who creates it, where that is known
 * @throws JamfMcpError INPUT_INVALID for a name, token, tag or size that no store takes, and for a KMS key
 */
export function createDocument(secret: NewSecret, now: number, by: string | null = null): SecretDocument {
  checkName(secret.name);
  checkToken(secret.token);
  checkTags(secret.tags);
  encodeFields(secret.fields);
  if (secret.kmsKeyId !== undefined) {
    throw new JamfMcpError('INPUT_INVALID', 'only the store aws encrypts with a KMS key', 'leave the KMS key out');
  }
  const createdAt = new Date(now).toISOString();
  return {
    format: FORMAT,
    name: secret.name,
    description: secret.description,
    createdAt,
    changedAt: createdAt,
    deletionAt: null,
    tags: { ...secret.tags },
    versions: [
      { id: secret.token, createdAt, createdBy: by, stages: [AWSCURRENT], fields: storedFields(secret.fields) },
    ],
  };
}

/**
 * {@link createDocument} where something may be there already.
 * @param existing - what has that name, or null
 * @param where - the store, for the error
 * @param by - who creates it, where that is known
 * @returns a new document, or the existing one if it was created by this very call (same token, same value)
 * @throws JamfMcpError SECRET_EXISTS, SECRET_DELETED
 */
export function createUnless(
  existing: SecretDocument | null,
  secret: NewSecret,
  now: number,
  where: string,
  by: string | null = null,
): SecretDocument {
  if (!existing) return createDocument(secret, now, by);
  refuseDeleted(existing);
  const version = existing.versions.find(({ id }) => id === secret.token);
  if (version && sameStored(version, secret.fields)) return existing;
  throw secretExists(secret.name, where);
}

/**
 * Add a version that takes the given labels from wherever they are.
 * @param by - who stores it, where that is known
 * @returns the new document, or the very same one where token and value have been stored before
 * @throws JamfMcpError CONFLICT where the token was used for another value; SECRET_DELETED
 */
export function putVersion(
  document: SecretDocument,
  fields: Fields,
  options: { token: string; stages: readonly string[] },
  now: number,
  by: string | null = null,
): SecretDocument {
  refuseDeleted(document);
  checkToken(options.token);
  checkLabels(options.stages);
  encodeFields(fields);
  const used = document.versions.find((version) => version.id === options.token);
  if (used && sameStored(used, fields)) return document;
  if (used) {
    throw new JamfMcpError(
      'CONFLICT',
      `secret ${document.name}: version ${options.token} already holds another value`,
      'repeat the command: it takes a new version id',
    );
  }
  const createdAt = new Date(now).toISOString();
  const added: StoredVersion = {
    id: options.token,
    createdAt,
    createdBy: by,
    stages: [],
    fields: storedFields(fields),
  };
  let versions: readonly StoredVersion[] = [...document.versions, added];
  for (const label of options.stages) versions = place(versions, label, added.id);
  return { ...document, changedAt: createdAt, versions: withoutOldest(versions, now) };
}

/**
 * Move a label as a compare-and-swap; a label that is already where it is to go stays there.
 * @returns the new document, or the very same one where nothing had to move
 * @throws JamfMcpError CONFLICT, VERSION_NOT_FOUND, SECRET_DELETED, INPUT_INVALID (AWSCURRENT is never taken off)
 */
export function moveLabelIn(
  document: SecretDocument,
  label: string,
  from: string | null,
  to: string | null,
  now: number,
): SecretDocument {
  refuseDeleted(document);
  checkMove(label, to);
  const holder = document.versions.find((version) => version.stages.includes(label))?.id ?? null;
  if (holder === to) return document;
  const unknown =
    from === to
      ? undefined
      : [to, from].find((id) => id !== null && !document.versions.some((version) => version.id === id));
  if (unknown) throw versionNotFound(document.name, { versionId: unknown });
  if (holder !== from) throw labelConflict(document.name, label, from, holder);
  const changedAt = new Date(now).toISOString();
  return { ...document, changedAt, versions: withoutOldest(place(document.versions, label, to), now) };
}

/**
 * The document while the secret lives or can still be restored.
 * @returns null once its deletion window has ended: it is then gone for every method
 */
export function stillThere(document: SecretDocument | null, now: number): SecretDocument | null {
  return document?.deletionAt && Date.parse(document.deletionAt) <= now ? null : document;
}

/**
 * Schedule the secret for deletion; one that is scheduled already keeps its date.
 * @param windowDays - 7 to 30, or 0: the document returned is then past its end, and to be thrown away
 * @throws JamfMcpError INPUT_INVALID
 */
export function removeIn(
  document: SecretDocument,
  windowDays: number,
  now: number,
): SecretDocument & { deletionAt: string } {
  checkWindow(windowDays);
  if (document.deletionAt !== null && windowDays > 0) return document as SecretDocument & { deletionAt: string };
  return { ...document, deletionAt: new Date(now + windowDays * DAY_MS).toISOString() };
}

/** Call a scheduled deletion off. @returns the very same document where none is scheduled */
export function restoreIn(document: SecretDocument): SecretDocument {
  return document.deletionAt === null ? document : { ...document, deletionAt: null };
}

/**
 * Set tags, or with null take them off.
 * @throws JamfMcpError INPUT_INVALID, SECRET_DELETED
 */
export function tagIn(document: SecretDocument, change: Readonly<Record<string, string | null>>): SecretDocument {
  refuseDeleted(document);
  const tags = mergeTags(document.tags, change);
  checkTags(tags);
  return { ...document, tags };
}

/** Every version without its value, newest first. */
export function versionsOf(document: SecretDocument): VersionInfo[] {
  return document.versions
    .map(({ id, stages, createdAt, createdBy }) => ({
      versionId: id,
      stages: [...stages],
      createdAt,
      createdBy: createdBy ?? null,
    }))
    .reverse();
}

/** What is known of the secret without its values. */
export function infoOf(document: SecretDocument, arn: string): SecretInfo {
  return {
    name: document.name,
    arn,
    description: document.description,
    createdAt: document.createdAt,
    changedAt: document.changedAt,
    deletionAt: document.deletionAt,
    rotation: { enabled: false, everyDays: null, lastRotatedAt: null, nextRotationAt: null },
    tags: document.tags,
    stages: Object.fromEntries(
      document.versions
        .filter((version) => version.stages.length > 0)
        .map((version) => [version.id, [...version.stages]]),
    ),
    kmsKeyId: null,
    replicas: [],
  };
}

/**
 * One version with its values.
 * @throws JamfMcpError VERSION_NOT_FOUND, SECRET_DELETED
 */
export function versionOf(document: SecretDocument, arn: string, ref: VersionRef, choice: SchemaChoice): SecretVersion {
  refuseDeleted(document);
  const version = document.versions.find((candidate) =>
    'stage' in ref ? candidate.stages.includes(ref.stage) : candidate.id === ref.versionId,
  );
  if (!version) throw versionNotFound(document.name, ref);
  const schema = schemaBy(choice, document.tags);
  return {
    name: document.name,
    arn,
    versionId: version.id,
    stages: [...version.stages],
    createdAt: version.createdAt,
    schema,
    fields: fieldsOf(schema, version.fields),
  };
}

/** SECRET_NOT_FOUND, in the words that every store uses. */
export function secretNotFound(name: string, where: string, cause?: unknown): JamfMcpError {
  return new JamfMcpError(
    'SECRET_NOT_FOUND',
    `there is no secret ${name} in ${where}`,
    'check --env, --secret, --store and --region; `jamf-mcp secrets init` creates it',
    { cause },
  );
}

/** SECRET_EXISTS, in the words that every store uses. */
export function secretExists(name: string, where: string, cause?: unknown): JamfMcpError {
  return new JamfMcpError(
    'SECRET_EXISTS',
    `secret ${name} already exists (${where}); nothing was changed`,
    'to change its fields, repeat the command with --update',
    { cause },
  );
}

/** VERSION_NOT_FOUND, in the words that every store uses. */
export function versionNotFound(name: string, ref: VersionRef, cause?: unknown): JamfMcpError {
  return new JamfMcpError(
    'VERSION_NOT_FOUND',
    'stage' in ref
      ? `secret ${name} has no version with the staging label ${ref.stage}`
      : `secret ${name} has no version ${ref.versionId} with a value`,
    '`jamf-mcp secrets history` tells the versions that there are, and their labels',
    { cause },
  );
}

/** SECRET_DELETED, in the words that every store uses. */
export function secretDeleted(name: string, deletionAt: string | null, cause?: unknown): JamfMcpError {
  return new JamfMcpError(
    'SECRET_DELETED',
    `secret ${name} is scheduled for deletion${deletionAt ? ` on ${deletionAt.slice(0, 10)}` : ''}: until it is taken back, nothing can be read or changed`,
    `take it back with \`jamf-mcp secrets restore --secret ${name}\``,
    { cause },
  );
}

/** CONFLICT of a label that is not where it was thought to be. */
export function labelConflict(
  name: string,
  label: string,
  from: string | null,
  holder: string | null,
  cause?: unknown,
): JamfMcpError {
  return new JamfMcpError(
    'CONFLICT',
    `secret ${name} was changed by somebody else: ${label} is on ${holder ?? 'no version'}, not on ${from ?? 'none'}`,
    'look at it with `jamf-mcp secrets show`, then repeat the command',
    { cause },
  );
}

function refuseDeleted(document: SecretDocument): void {
  if (document.deletionAt !== null) throw secretDeleted(document.name, document.deletionAt);
}

/** Put a label on one version (null: on none), off all others; AWSPREVIOUS follows AWSCURRENT. */
function place(versions: readonly StoredVersion[], label: string, to: string | null): readonly StoredVersion[] {
  const left = versions.find((version) => version.stages.includes(label))?.id;
  const moved = versions.map((version) => {
    const others = version.stages.filter((stage) => stage !== label);
    return { ...version, stages: version.id === to ? [...others, label] : others };
  });
  return label === AWSCURRENT && left !== undefined && left !== to ? place(moved, AWSPREVIOUS, left) : moved;
}

function withoutOldest(versions: readonly StoredVersion[], now: number): readonly StoredVersion[] {
  const droppable = versions.filter((version) => version.stages.length === 0).slice(0, -MOST_UNLABELLED);
  const dropped = droppable.filter((version) => now - Date.parse(version.createdAt) > DAY_MS);
  return versions.filter((version) => !dropped.includes(version));
}

/** Same value means the same text to AWS, so the order counts; whether it is a number not every store can keep. */
const sameStored = (version: StoredVersion, fields: Fields) =>
  JSON.stringify(texts(version.fields)) === JSON.stringify(texts(storedFields(fields)));

const texts = (fields: readonly StoredField[]) => fields.map(([name, value]) => [name, value]);
