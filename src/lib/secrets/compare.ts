/** Which version is meant, and what differs between two of them: fingerprints, never secret values. */
import { fingerprint, MASK } from '../redact.ts';
import { withoutClaim } from './claim.ts';
import { checkLabels, sameValue } from './rules.ts';
import { isSecretField, type SecretSchema } from './schema.ts';
import { versionWith, type Fields, type SecretInfo, type SecretStore, type VersionRef } from './store.ts';

/** One side of a field that differs. */
export interface FieldSide {
  /** The value where it is public, `***` where it is secret. */
  value: string;
  /** 8 hexadecimal digits, those that `secrets show` gives. */
  fingerprint: string;
}

/** One field that differs. */
export interface FieldChange {
  name: string;
  secret: boolean;
  change: 'added' | 'removed' | 'changed';
  /** Null for a field that was added. */
  from: FieldSide | null;
  /** Null for a field that was removed. */
  to: FieldSide | null;
}

/**
 * What differs between two versions of one secret, in the order of the newer, then what it has no more.
 * @param name - of the secret; salts the fingerprints
 */
export function compareFields(name: string, schema: SecretSchema, older: Fields, newer: Fields): FieldChange[] {
  const [from, to] = [withoutClaim(older), withoutClaim(newer)];
  const side = (fields: Fields, field: string): FieldSide | null => {
    const value = fields.get(field);
    if (value === undefined) return null;
    return {
      value: isSecretField(schema, field) ? MASK : value.reveal(),
      fingerprint: fingerprint(value, `${name}/${field}`),
    };
  };
  const names = [...to.keys(), ...[...from.keys()].filter((field) => !to.has(field))];
  return names.flatMap((field) => {
    const value = to.get(field);
    if (value && sameValue(from.get(field), value)) return [];
    const change = value === undefined ? 'removed' : from.has(field) ? 'changed' : 'added';
    return [
      { name: field, secret: isSecretField(schema, field), change, from: side(from, field), to: side(to, field) },
    ];
  });
}

/**
 * Find out whether a person named a staging label or a version id.
 * @param info - of the secret, as the store describes it
 * @param text - a label or an id; a label where it is both
 * @returns how to read it; what is neither is taken for what it looks like, so that the store's error names it
 * @throws JamfMcpError INPUT_INVALID for what can be neither
 */
export async function versionCalled(store: SecretStore, info: SecretInfo, text: string): Promise<VersionRef> {
  checkLabels([text]);
  if (versionWith(info, text) !== null) return { stage: text };
  if (Object.hasOwn(info.stages, text)) return { versionId: text };
  const all = await store.versions(info.name);
  return looksLikeId(text) || all.some(({ versionId }) => versionId === text) ? { versionId: text } : { stage: text };
}

/** As versions are called here and on AWS. */
const looksLikeId = (text: string) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
