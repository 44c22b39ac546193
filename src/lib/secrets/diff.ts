/** `secrets diff`: what differs between two versions of a secret. */
import type { Context } from '../host.ts';
import { userVersion } from './claim.ts';
import { compareFields, versionCalled, type FieldChange } from './compare.ts';
import type { SecretStore, SecretVersion } from './store.ts';

/** One of the two versions. */
export interface DiffSide {
  versionId: string;
  stages: readonly string[];
  /** ISO 8601, UTC. */
  createdAt: string | null;
}

/** What `secrets diff` gives. */
export interface DiffResult {
  secret: { name: string; arn: string; store: string; environment: string };
  from: DiffSide;
  to: DiffSide;
  /** The fields that differ. */
  fields: FieldChange[];
  /** How many fields are the same in both. */
  same: number;
  different: boolean;
}

/**
 * Compare two versions.
 * @param request - `from`, `to`: staging labels or version ids
 * @throws JamfMcpError SECRET_NOT_FOUND, VERSION_NOT_FOUND, SECRET_DELETED, SECRET_MALFORMED, ACCESS_DENIED …
 */
export async function diffSecret(
  request: {
    store: SecretStore;
    secret: string;
    environment: string;
    from: string;
    to: string;
  },
  context: Context,
): Promise<DiffResult> {
  const { store } = request;
  context.signal.throwIfAborted();
  const info = await store.describe(request.secret);
  const read = async (text: string) => userVersion(await store.read(info.name, await versionCalled(store, info, text)));
  const [from, to] = await Promise.all([read(request.from), read(request.to)]);
  const fields = compareFields(info.name, to.schema, from.fields, to.fields);
  return {
    secret: { name: info.name, arn: info.arn, store: store.kind, environment: request.environment },
    from: sideOf(from),
    to: sideOf(to),
    fields,
    same: to.fields.size - fields.filter(({ change }) => change !== 'removed').length,
    different: fields.length > 0,
  };
}

const sideOf = ({ versionId, stages, createdAt }: SecretVersion): DiffSide => ({ versionId, stages, createdAt });
