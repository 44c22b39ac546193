/**
 * Calls signed with a key that never expires, and calls of root. Roles give out keys that end by themselves.
 * False positives: none as to the fact; an IAM user without roles at hand (a machine outside AWS) may have no other way yet.
 */
import { VALUE_READS, type AuditedAccess } from '../access.ts';
import { circumstances, fewOf, perIdentity, times } from './detector.ts';

const isRoot = ({ principal }: AuditedAccess) => principal.type === 'Root';

const hasRead = ({ action, outcome, explanation }: AuditedAccess) =>
  outcome === 'success' && explanation === null && VALUE_READS.has(action);

export const longTermKey = perIdentity(
  'long-term-key',
  (access) => access.principal.credential === 'long-term' || isRoot(access),
  ({ identity, accesses, count }) => {
    const root = accesses.some(isRoot);
    const keys = fewOf(accesses.map(({ principal }) => principal.accessKeyId));
    return {
      severity: root ? 'critical' : accesses.some(hasRead) ? 'high' : 'medium',
      title: root ? `root was used: ${identity}` : `${identity} uses a long-term access key`,
      why: `${circumstances(accesses)}, ${times(count)}${keys && ` with ${keys}`}: ${root ? 'root can do everything and nothing limits it' : 'it is valid until somebody deletes it, wherever it leaks'}`,
      fix: root
        ? 'delete the keys of root, and use a role'
        : 'replace the key by a role (OIDC for a pipeline, IAM Identity Center for a person), then delete the key',
      technique: 'T1078.004',
    };
  },
);
