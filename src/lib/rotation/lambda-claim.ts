/**
 * How the invocations of a rotation function keep out of each other's way: before a value is made, a claim is stored, whose
 * version id follows from the rotation and a number. Of two that store the same number one is refused; one whose time is
 * over is followed by the next number.
 */
import { JamfMcpError } from '../errors.ts';
import type { Fields, SecretStore, SecretVersion } from '../secrets/store.ts';
import { claimIdOf, claimIn, type Claim } from './claim.ts';

/**
 * The version id of a claim.
 * @param rotationId - version id of what the rotation will store
 * @param attempt - 0 for the first one
 */
export const attemptId = (rotationId: string, attempt: number): string =>
  claimIdOf(attempt === 0 ? rotationId : `${rotationId}:${String(attempt)}`);

/**
 * A version that may not be there.
 * @returns null where the secret has no such version, or it has no value yet
 */
export async function readIfThere(store: SecretStore, name: string, versionId: string): Promise<SecretVersion | null> {
  try {
    return await store.read(name, { versionId });
  } catch (error) {
    if (error instanceof JamfMcpError && error.code === 'VERSION_NOT_FOUND') return null;
    throw error;
  }
}

/**
 * The newest claim of a rotation.
 * @param first - its first one, where that was read already
 * @returns the claim, its number, and the fields that stand beside it; number -1 and null where there is none
 */
export async function newestClaim(
  store: SecretStore,
  name: string,
  rotationId: string,
  first: SecretVersion | null = null,
): Promise<{ attempt: number; claim: Claim | null; fields: Fields | null }> {
  let claim: Claim | null = null;
  let fields: Fields | null = null;
  for (let attempt = 0; ; attempt += 1) {
    const known = attempt === 0 ? first : null;
    const version = known ?? (await readIfThere(store, name, attemptId(rotationId, attempt)));
    if (!version) return { attempt: attempt - 1, claim, fields };
    claim = claimIn(version.fields) ?? claim;
    ({ fields } = version);
  }
}

/**
 * The claim of whatever AWSPENDING is on: that version's own where it is one, else that of the rotation it came of.
 * @returns null where there is none to be found
 */
export async function claimBehind(store: SecretStore, name: string, pendingId: string): Promise<Claim | null> {
  const version = await readIfThere(store, name, pendingId);
  return (version && claimIn(version.fields)) ?? (await newestClaim(store, name, pendingId)).claim;
}
