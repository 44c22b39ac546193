/** Writing a new current version without losing what somebody else wrote meanwhile. */
import { randomUUID } from 'node:crypto';
import { JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { redact } from '../redact.ts';
import { AWSCURRENT, type Fields, type SecretStore, type SecretVersion } from './store.ts';

/** Carried by a version between being stored and becoming current; what a crash leaves behind is taken over by the next write. */
export const DRAFT = 'JAMFMCPDRAFT';

/**
 * Make fields the current version of a secret, as a compare-and-swap on the version they were made from.
 *
 * PutSecretValue alone moves AWSCURRENT whoever has it; so the version is stored as a draft, and the label is moved on
 * the condition that it is still where it was read. If the process dies in between, the current version is the old one.
 * @param from - the version that was read; null where the secret had none
 * @param context - host: warned where the draft's label could not be taken off, which harms nothing
 * @returns the new version's id
 * @throws JamfMcpError CONFLICT where another version has become current; it stays so
 */
export async function replaceCurrent(
  store: SecretStore,
  name: string,
  fields: Fields,
  from: string | null,
  context: Context,
): Promise<{ versionId: string }> {
  const { versionId } = await store.put(name, fields, { token: randomUUID(), stages: [DRAFT] });
  try {
    await store.moveLabel(name, AWSCURRENT, from, versionId);
  } finally {
    await dropDraft(store, name, versionId, context);
  }
  return { versionId };
}

/** Take the draft label off, unless another writer's draft has it by now. Never throws: the write itself is decided. */
export async function dropDraft(store: SecretStore, name: string, versionId: string, context: Context): Promise<void> {
  try {
    await store.moveLabel(name, DRAFT, versionId, null);
  } catch (error) {
    if (error instanceof JamfMcpError && error.code === 'CONFLICT') return;
    const why = redact(messageOf(error));
    context.host.notify({
      kind: 'warning',
      text: `the label ${DRAFT} stays on version ${versionId} until the next write: ${why}`,
    });
  }
}

/**
 * What a call gives, or null where it fails with one of these codes.
 * @throws everything else
 */
export async function orNull<T>(work: Promise<T>, ...codes: JamfMcpError['code'][]): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof JamfMcpError && codes.includes(error.code)) return null;
    throw error;
  }
}

/** The current version; null for a secret that was created without a value, as the AWS CLI can. */
export const currentOf = (store: SecretStore, name: string): Promise<SecretVersion | null> =>
  orNull(store.read(name, { stage: AWSCURRENT }), 'VERSION_NOT_FOUND');
