/** An access as the audit's result holds it. */
import type { Access } from './event.ts';
import type { Explanation } from './explain.ts';

/** The normal form, with the one secret it is about and what explains it. */
export interface AuditedAccess extends Access {
  /** ARN, or the name where the ARN is unknown; null where the record names no secret. */
  secret: string | null;
  /** Friendly name of that secret. */
  secretName: string | null;
  /** Event that it is counted with, because both tell of one deed; null where it is counted by itself, if at all. */
  countedWith: string | null;
  /** Null where nothing explains it. */
  explanation: Explanation | null;
}

/** Calls that hand out the value of a secret. */
export const VALUE_READS: ReadonlySet<string> = new Set(['GetSecretValue', 'BatchGetSecretValue']);

/** Calls that only look at a secret, or at which secrets there are. */
export const LOOKS: ReadonlySet<string> = new Set([
  'DescribeSecret',
  'GetResourcePolicy',
  'ListSecretVersionIds',
  'ListSecrets',
  'GetRandomPassword',
  'ValidateResourcePolicy',
]);
