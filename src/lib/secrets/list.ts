/** `secrets list`: which secrets there are. */
import type { Context } from '../host.ts';
import { dueDate, type Due } from './due.ts';
import type { SecretInfo, SecretStore } from './store.ts';

/** One secret of the list. Times are ISO 8601, UTC. */
export interface ListedSecret {
  name: string;
  arn: string;
  description: string | null;
  /** The `environment` tag that `secrets init` sets; null where there is none. */
  environment: string | null;
  /** Whether jamf-mcp created it. */
  managed: boolean;
  /** The staging labels in use. */
  stages: string[];
  rotation: SecretInfo['rotation'];
  /** When it is to be rotated next; null where no schedule is set. */
  due: Due | null;
  createdAt: string | null;
  changedAt: string | null;
  deletionAt: string | null;
}

/** What `secrets list` gives. */
export interface ListResult {
  store: string;
  prefix: string;
  secrets: ListedSecret[];
  /** The secrets that are there and could not be looked at. */
  skipped: { where: string; why: string }[];
}

/**
 * List the secrets whose names begin with a prefix, in the order of their names.
 * @param request - `prefix`: empty for all
 * @throws JamfMcpError ACCESS_DENIED, CREDENTIALS_MISSING, UNREACHABLE …
 */
export async function listSecrets(
  { store, prefix }: { store: SecretStore; prefix: string },
  context: Context,
): Promise<ListResult> {
  context.signal.throwIfAborted();
  const skipped: ListResult['skipped'] = [];
  const found = await store.list(prefix, (where, { message }) => skipped.push({ where, why: message }));
  const secrets = found.map((info) => ({
    name: info.name,
    arn: info.arn,
    description: info.description,
    environment: info.tags.environment ?? null,
    managed: info.tags['managed-by'] === 'jamf-mcp',
    stages: [...new Set(Object.values(info.stages).flat())].sort(),
    rotation: info.rotation,
    due: dueDate(info, context.clock.now()),
    createdAt: info.createdAt,
    changedAt: info.changedAt,
    deletionAt: info.deletionAt,
  }));
  const byName = (a: string, b: string) => (a < b ? -1 : 1);
  return {
    store: store.kind,
    prefix,
    secrets: secrets.sort((a, b) => byName(a.name, b.name)),
    skipped: skipped.sort((a, b) => byName(a.where, b.where)),
  };
}

/** The prefix under which a secret's siblings are: `jamf-mcp-server/` for `jamf-mcp-server/production`. */
export function familyOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1) || name;
}
