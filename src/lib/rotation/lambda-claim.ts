/**
 * How the invocations of a rotation function keep out of each other's way: before a value is made, a claim is stored as a
 * version of its own, whose id follows from the rotation and a number. Of two that store the same claim one is refused,
 * and one whose time is over is followed by the next number.
 */
import { createHash } from 'node:crypto';
import { JamfMcpError } from '../errors.ts';
import { Secret } from '../redact.ts';
import type { Fields, SecretStore, SecretVersion } from '../secrets/store.ts';

/** The label that moves along with a rotation from write to write; it decides nothing. */
export const ROTATION_LABEL = 'JAMFMCPROTATION';

/** The field in which a claim is kept, beside the current ones. */
export const CLAIM_FIELD = 'JAMF_MCP_ROTATION';

/** What a claim says. */
export interface Claim {
  rotationId: string;
  /** Who rotates: the invocation of the function. */
  by: string;
  /** ISO 8601, UTC. */
  since: string;
  /** Nobody else makes a value before this, in ms since 1970. */
  until: number;
  issuer: string;
  strategy: string;
  /** The version that the new value is laid over: it has to be AWSCURRENT still when the new one is promoted. */
  base: string;
  /** The service that the rotation itself redeploys; null where it redeploys none. */
  ecs: { cluster: string; service: string } | null;
  /** What the issuer wants kept for whoever goes on. */
  keep: Fields;
}

/**
 * The version id of a claim, in the shape of a UUID.
 * @param rotationId - version id of what the rotation will store
 * @param attempt - 0 for the first claim
 */
export function claimId(rotationId: string, attempt = 0): string {
  const seed = attempt === 0 ? `${rotationId}:claim` : `${rotationId}:claim:${String(attempt)}`;
  const hex = createHash('sha256').update(seed).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** The fields of a claim's version. */
export function claimFields(current: Fields, { keep, ...claim }: Claim): Fields {
  const kept = Object.fromEntries([...keep].map(([name, value]) => [name, value.reveal()]));
  return new Map([...withoutClaim(current), [CLAIM_FIELD, new Secret(JSON.stringify({ ...claim, keep: kept }))]]);
}

/** The fields of a version, without what is only the rotation's. */
export function withoutClaim(fields: Fields): Map<string, Secret> {
  const rest = new Map(fields);
  rest.delete(CLAIM_FIELD);
  return rest;
}

/** What a version claims; null where it claims nothing that can be read. */
export function claimOf({ fields }: SecretVersion): Claim | null {
  const text = fields.get(CLAIM_FIELD)?.reveal();
  if (text === undefined) return null;
  try {
    const { keep, ...claim } = JSON.parse(text) as Omit<Claim, 'keep'> & { keep?: Record<string, string> };
    return { ...claim, keep: new Map(Object.entries(keep ?? {}).map(([name, value]) => [name, new Secret(value)])) };
  } catch {
    return null;
  }
}

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
 * @returns the claim and its number; number -1 and null where there is none
 */
export async function newestClaim(
  store: SecretStore,
  name: string,
  rotationId: string,
): Promise<{ attempt: number; claim: Claim | null }> {
  let found: Claim | null = null;
  for (let attempt = 0; ; attempt += 1) {
    const version = await readIfThere(store, name, claimId(rotationId, attempt));
    if (!version) return { attempt: attempt - 1, claim: found };
    found = claimOf(version) ?? found;
  }
}
