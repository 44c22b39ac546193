/**
 * The port behind which every store of secrets stands. Words are those of AWS Secrets Manager for every store:
 * a secret has versions, a version carries staging labels, a label sits on one version at a time.
 */
import { JamfMcpError, type ErrorCode } from '../errors.ts';
import type { Secret } from '../redact.ts';
import type { SecretSchema } from './schema.ts';

/** The stores there are. */
export const STORE_KINDS = ['aws', 'local', 'vault', 'azure'] as const;

/** One of {@link STORE_KINDS}. */
export type StoreKind = (typeof STORE_KINDS)[number];

/** The staging labels that have a meaning of their own; a store accepts others too (1 to 256 characters). */
export const AWSCURRENT = 'AWSCURRENT';
/** The version being prepared by a rotation. */
export const AWSPENDING = 'AWSPENDING';
/** The version that was current before; follows a move of AWSCURRENT by itself. */
export const AWSPREVIOUS = 'AWSPREVIOUS';

/** The fields of one version: name to value, in the order they were stored. */
export type Fields = ReadonlyMap<string, Secret>;

/** What is known of a secret without reading its value. */
export interface SecretInfo {
  name: string;
  /** The store's own full id: an ARN on AWS. */
  arn: string;
  description: string | null;
  /** ISO 8601, UTC. */
  createdAt: string | null;
  changedAt: string | null;
  /** When it is to be deleted for good; null while it lives. */
  deletionAt: string | null;
  /** The store's own rotation schedule; `enabled` only where the store itself rotates (a rotation function). */
  rotation: { enabled: boolean; everyDays: number | null; lastRotatedAt: string | null; nextRotationAt: string | null };
  tags: Readonly<Record<string, string>>;
  /** Version id to its staging labels; labelled versions only. */
  stages: Readonly<Record<string, readonly string[]>>;
  /** The KMS key that was chosen for it; null where the store's own key encrypts it, and outside AWS. */
  kmsKeyId: string | null;
  /** Its copies in other Regions, as {@link SecretStore.describe} knows them; a list has none. */
  replicas: readonly { region: string; status: string }[];
}

/** One version without its value. */
export interface VersionInfo {
  versionId: string;
  /** Empty for a version that no label is on. */
  stages: readonly string[];
  /** ISO 8601, UTC. */
  createdAt: string | null;
  /** Who stored it; null where the store does not keep that. */
  createdBy: string | null;
}

/** One version with its value. */
export interface SecretVersion {
  name: string;
  arn: string;
  versionId: string;
  stages: readonly string[];
  /** ISO 8601, UTC. */
  createdAt: string | null;
  /** What its fields were taken for. */
  schema: SecretSchema;
  fields: Fields;
}

/** Which version to read: always named, never "the default". */
export type VersionRef = { stage: string } | { versionId: string };

/** Told of one secret that a list has to do without, and why. */
export type Skip = (name: string, error: JamfMcpError) => void;

/** What can be wrong with one secret while the others are as they should be. */
const OF_ONE_SECRET: readonly ErrorCode[] = ['STORE_TAMPERED', 'SECRET_MALFORMED', 'ACCESS_DENIED'];

/**
 * Look at one secret of a list.
 * @returns null where `skip` was told of it
 * @throws what `work` throws, where it concerns more than this secret or there is no `skip`
 */
export async function orSkip<T>(name: string, skip: Skip | undefined, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!skip || !(error instanceof JamfMcpError) || !OF_ONE_SECRET.includes(error.code)) throw error;
    skip(name, error);
    return null;
  }
}

/**
 * A store of secrets.
 *
 * Every method throws JamfMcpError: SECRET_NOT_FOUND, SECRET_DELETED (scheduled for deletion), VERSION_NOT_FOUND,
 * ACCESS_DENIED, and what the road to the store can fail with (CREDENTIALS_MISSING, UNREACHABLE, THROTTLED …).
 */
export interface SecretStore {
  readonly kind: StoreKind;

  /** What a change will touch: account, Region and principal where the store has such. */
  whereabouts(): Promise<{ account: string | null; region: string | null; principal: string | null }>;

  /** What is known without reading a value; also of a secret that is scheduled for deletion (`deletionAt`). */
  describe(name: string): Promise<SecretInfo>;

  /**
   * Every secret whose name begins with the prefix, to the end of the list.
   * @param skip - told of each one that is there and cannot be looked at; without it the first of them is thrown
   */
  list(prefix: string, skip?: Skip): Promise<SecretInfo[]>;

  /**
   * Read one version.
   * @throws SECRET_MALFORMED where the value is not a JSON object of strings, numbers or booleans
   */
  read(name: string, ref: VersionRef): Promise<SecretVersion>;

  /**
   * Create a secret; its first version carries AWSCURRENT.
   * @param token - idempotency token and version id to be, 32 to 64 characters: the same call again changes nothing
   * @throws SECRET_EXISTS
   */
  create(secret: {
    name: string;
    description: string;
    tags: Readonly<Record<string, string>>;
    fields: Fields;
    token: string;
    /** The KMS key to encrypt with; AWS only, INPUT_INVALID in every other store. */
    kmsKeyId?: string;
  }): Promise<{ arn: string; versionId: string }>;

  /**
   * Add a version that carries the given labels; each label leaves the version that had it.
   * @param token - as in {@link create}; the same token with another value is refused
   * @param rotationToken - what AWS handed to a rotation function, to be handed back; other stores have no use for it
   * @throws CONFLICT where the token was used for another value
   */
  put(
    name: string,
    fields: Fields,
    options: { token: string; stages: readonly string[]; rotationToken?: Secret },
  ): Promise<{ versionId: string }>;

  /**
   * Move a label, as a compare-and-swap: `from` must hold it now (null: nothing holds it), `to` gets it
   * (null: it is taken off). Moving AWSCURRENT puts AWSPREVIOUS on the version it leaves. A label that is already
   * where it is to go is success, so that a repeated call after a lost answer is none the worse.
   * @throws CONFLICT where something other than `from` or `to` holds the label; INPUT_INVALID for taking AWSCURRENT off
   */
  moveLabel(name: string, label: string, from: string | null, to: string | null): Promise<void>;

  /** Every version that the store still has, newest first, unlabelled ones too; also of a secret scheduled for deletion. */
  versions(name: string): Promise<VersionInfo[]>;

  /**
   * Schedule the secret for deletion, or delete it at once. One that is scheduled already keeps its date, and that is
   * success; with 0 days it goes at once all the same.
   * @param windowDays - 7 to 30; 0 for at once, which nothing takes back
   * @returns when it goes for good, ISO 8601, UTC
   * @throws INPUT_INVALID for any other number of days
   */
  remove(name: string, windowDays: number): Promise<{ deletionAt: string }>;

  /** Call a scheduled deletion off; success where none is scheduled. */
  restore(name: string): Promise<void>;

  /**
   * Set the tags given and leave others alone.
   * @param tags - name to value; null takes the tag off, and one that is off already is off
   * @throws INPUT_INVALID for what no store takes: more than 50 tags, names past 128 or values past 256 characters
   */
  tag(name: string, tags: Readonly<Record<string, string | null>>): Promise<void>;

  /**
   * The resource policy of a secret. Absent where the store has none; so is {@link setPolicy}.
   * @returns its JSON text; null where the secret has none
   */
  policy?(name: string): Promise<string | null>;

  /**
   * Put a resource policy in the place of the one there is, unless it lets everybody in.
   * @param text - a JSON object of at most 20,480 characters
   * @throws INPUT_INVALID for a policy that is refused: public, or malformed
   */
  setPolicy?(name: string, text: string): Promise<void>;
}

/**
 * The version id that carries a label.
 * @param info - as {@link SecretStore.describe} gives it
 * @returns the version id, or null where nothing carries the label
 */
export function versionWith(info: SecretInfo, label: string): string | null {
  return Object.entries(info.stages).find(([, labels]) => labels.includes(label))?.[0] ?? null;
}
