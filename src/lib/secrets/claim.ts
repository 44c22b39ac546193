/** What a rotation leaves in a secret while it runs, so that the other verbs can tell it from a user's own. */
import type { Fields, SecretVersion } from './store.ts';

/** The field that a claim has beside a copy of the fields that were current: which rotation, whose, since when. */
export const CLAIM_FIELD = 'JAMF_MCP_ROTATION';

/**
 * Every write of a version needs a label, or it becomes current: a claim is written with this one. It means nothing by
 * itself, AWSPENDING alone says that a rotation is under way.
 */
export const CLAIM_LABEL = 'JAMFMCPROTATION';

/** The fields of a version that are the user's. */
export function withoutClaim(fields: Fields): Fields {
  return fields.has(CLAIM_FIELD) ? new Map([...fields].filter(([name]) => name !== CLAIM_FIELD)) : fields;
}

/** A version as the user's own fields: of a claim, those that it is a copy of. */
export function userVersion(version: SecretVersion): SecretVersion {
  return version.fields.has(CLAIM_FIELD) ? { ...version, fields: withoutClaim(version.fields) } : version;
}
