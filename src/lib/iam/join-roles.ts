/** A role's policies, read: what decides, and in which document each statement stands. */
import type { Layers } from './evaluate.ts';
import type { LivePolicy, LiveRole } from './live/role.ts';
import { readDocument } from './parse.ts';
import type { Policy } from './policy.ts';
import type { Document } from './source.ts';

/** A role with its policies as documents. */
export interface RoleDocuments {
  role: LiveRole;
  documents: readonly { live: LivePolicy; document: Document }[];
  layers: Layers;
  /** Whom it trusts; null where that could not be read. */
  trust: Policy | null;
}

/** Read the policies of a role or user. */
export async function documentsOf(role: LiveRole): Promise<RoleDocuments> {
  const documents = await Promise.all(
    role.policies.map(async (live) => ({
      live,
      document: await readDocument(live.source, { type: live.kind === 'trust' ? 'trust' : 'identity' }),
    })),
  );
  const of = (...kinds: LivePolicy['kind'][]): Policy[] =>
    documents.filter(({ live }) => kinds.includes(live.kind)).flatMap(({ document }) => document.policies);
  const boundaries = of('boundary');
  return {
    role,
    documents,
    // A boundary that cannot be read as a policy allows nothing.
    layers: {
      identity: of('inline', 'managed'),
      ...(role.policies.some(({ kind }) => kind === 'boundary') ? { boundary: boundaries[0] ?? null } : {}),
    },
    trust: of('trust')[0] ?? null,
  };
}

/** The policies of a role, as `evaluate` takes them; the one of the resource is not among them. */
export const layersOf = async (role: LiveRole): Promise<Layers> => (await documentsOf(role)).layers;
