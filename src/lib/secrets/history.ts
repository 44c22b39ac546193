/** `secrets history`: the versions of a secret, and what each of them changed. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { CLAIM_FIELD, withoutClaim } from './claim.ts';
import { compareFields, type FieldChange } from './compare.ts';
import type { SecretStore, SecretVersion, VersionInfo } from './store.ts';

/** Versions that are read at a time. */
const AT_ONCE = 5;

/** One version and what it changed. Times are ISO 8601, UTC. */
export interface HistoryEntry {
  versionId: string;
  stages: readonly string[];
  createdAt: string | null;
  /** Who stored it; null where the store does not keep that: on AWS, `jamf-mcp audit` tells. */
  createdBy: string | null;
  /** How many fields it has; null where it cannot be read as fields. */
  fieldCount: number | null;
  /** What differs from the version before; null for the first one, and where either cannot be read. */
  changes: FieldChange[] | null;
  /** Why there are no fields or changes; null where there are. */
  note: string | null;
}

/** What `secrets history` gives. */
export interface HistoryResult {
  secret: { name: string; arn: string; store: string; environment: string };
  /** Newest first. */
  versions: HistoryEntry[];
  /** How many older versions the store still has beside these. */
  older: number;
}

/**
 * Read the newest versions and compare each with the one before it.
 * @param request - `limit`: how many versions to tell; each is read once, and what the last is compared with
 * @throws JamfMcpError SECRET_NOT_FOUND, SECRET_DELETED, ACCESS_DENIED …
 */
export async function secretHistory(
  request: { store: SecretStore; secret: string; environment: string; limit: number },
  context: Context,
): Promise<HistoryResult> {
  const { store, secret, limit } = request;
  if (!Number.isInteger(limit) || limit < 1) {
    throw new JamfMcpError('INPUT_INVALID', 'the number of versions to tell has to be 1 or more', 'correct --limit');
  }
  const [info, versions] = await Promise.all([store.describe(secret), store.versions(secret)]);
  const told = versions.slice(0, limit + 1);
  const read: Readable[] = [];
  while (read.length < told.length) {
    context.signal.throwIfAborted();
    const next = told.slice(read.length, read.length + AT_ONCE);
    read.push(...(await Promise.all(next.map(({ versionId }) => readable(store, info.name, versionId)))));
    // What a claim stands before is compared with the version behind it.
    const following = versions[told.length];
    if (read.length === told.length && isClaim(read.at(-1)) && following) told.push(following);
  }
  const behind = (n: number) => read.slice(n + 1).find((one) => !isClaim(one));
  return {
    secret: { name: info.name, arn: info.arn, store: store.kind, environment: request.environment },
    versions: told.slice(0, limit).map((version, n) => entryOf(info.name, version, read[n], behind(n))),
    older: Math.max(0, versions.length - limit),
  };
}

/** The fields of a version, or why it has none that can be told. */
type Readable = Pick<SecretVersion, 'fields' | 'schema'> | { why: string };

async function readable(store: SecretStore, name: string, versionId: string): Promise<Readable> {
  try {
    return await store.read(name, { versionId });
  } catch (error) {
    if (!(error instanceof JamfMcpError)) throw error;
    // A rotation by AWS announces a version before it has a value.
    if (error.code === 'VERSION_NOT_FOUND') return { why: 'it has no value' };
    if (error.code === 'SECRET_MALFORMED') return { why: error.message };
    throw error;
  }
}

const isClaim = (one: Readable | undefined) => one !== undefined && 'fields' in one && one.fields.has(CLAIM_FIELD);

const CLAIM_NOTE = 'the claim of a rotation: fields as they were when it began';

function entryOf(
  name: string,
  { versionId, stages, createdAt, createdBy }: VersionInfo,
  here: Readable | undefined,
  before: Readable | undefined,
): HistoryEntry {
  const entry = { versionId, stages, createdAt, createdBy };
  if (!here || 'why' in here) return { ...entry, fieldCount: null, changes: null, note: here?.why ?? null };
  const fieldCount = withoutClaim(here.fields).size;
  if (isClaim(here)) return { ...entry, fieldCount, changes: null, note: CLAIM_NOTE };
  if (!before) return { ...entry, fieldCount, changes: null, note: 'the oldest version there is' };
  if ('why' in before) return { ...entry, fieldCount, changes: null, note: 'the version before it cannot be compared' };
  return { ...entry, fieldCount, changes: compareFields(name, here.schema, before.fields, here.fields), note: null };
}
