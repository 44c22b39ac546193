/**
 * Who wrote which version of a secret. Whoever reads the very version that they wrote learns nothing: that is how
 * Terraform reads, and no user agent has to be believed for it. Versions are named by ids that AWS vouches for.
 */
import type { AuditedAccess } from '../access.ts';
import type { Facts } from '../explain.ts';
import { identityOf } from '../principal.ts';
import { textOf } from './words.ts';

/** Versions that are remembered; of more the oldest are forgotten, and reads of them are judged like any other. */
const MOST = 50_000;

/** Calls whose token becomes the id of a version. */
const WRITES = new Set(['CreateSecret', 'PutSecretValue', 'UpdateSecret']);

/** The versions that were written so far. */
export interface OwnVersions {
  /** Learn from an access; the same one may be shown again. */
  see(access: AuditedAccess): void;
  /** Whether a read names a version, and the same identity wrote it. */
  isOwn(access: AuditedAccess): boolean;
}

const known = new WeakMap<Facts, OwnVersions>();

/** Those of one audit; every detector gets the same. */
export function ownVersions(facts: Facts): OwnVersions {
  const made = known.get(facts) ?? make();
  known.set(facts, made);
  return made;
}

function make(): OwnVersions {
  const written = new Set<string>();
  let last: AuditedAccess | null = null;
  const keyOf = ({ principal, secret }: AuditedAccess, version: string) =>
    `${identityOf(principal)}\n${secret ?? ''}\n${version.toLowerCase()}`;
  return {
    see(access) {
      if (access === last || !WRITES.has(access.action) || access.outcome !== 'success') return;
      last = access;
      const version = textOf(access, 'token');
      if (version === null || access.secret === null) return;
      written.add(keyOf(access, version));
      if (written.size <= MOST) return;
      for (const oldest of written) {
        written.delete(oldest);
        break;
      }
    },
    isOwn(access) {
      const version = textOf(access, 'versionId');
      return version !== null && access.secret !== null && written.has(keyOf(access, version));
    },
  };
}
