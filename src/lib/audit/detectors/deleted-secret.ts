import type { AuditedAccess } from '../access.ts';
import { VALUE_READS } from '../access.ts';
import type { Detector } from './detector.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, times } from './words.ts';

/** How Secrets Manager words it (InvalidRequestException, GetSecretValue). */
const DELETED = /(?:marked|scheduled) for deletion/i;

/** Names of deleted secrets that are remembered. */
const MOST = 10_000;

const id = 'deleted-secret-read';
const about = {
  finds: 'somebody wants the value of a secret that is deleted',
  severity: 'medium where nothing explains the caller, else low',
  technique: 'T1555.006',
  logic:
    'a value read that failed because the secret is marked for deletion, or because it is not there any more after a DeleteSecret within what was audited',
  falsePositives: 'a service that was not told of the deletion: then restore the secret before its window ends',
};

export const deletedSecret: Detector = {
  id,
  about,
  start(facts, budget) {
    const deleted = new Set<string>();
    const wants = ({ action, outcome, error, secretName }: AuditedAccess): boolean =>
      outcome === 'failed' &&
      VALUE_READS.has(action) &&
      (DELETED.test(error?.message ?? '') ||
        (error?.code === 'ResourceNotFoundException' && secretName !== null && deleted.has(secretName)));
    const watch = gathering({
      id,
      about,
      concerns: wants,
      tell: (deeds) => ({
        severity: graded(deeds, 'medium', 'low'),
        title: `${deeds.key} wants a deleted secret`,
        why: `${circumstances(deeds)}, ${times(deeds.count)}: it is deleted, or marked for deletion`,
        fix: 'where it is still needed, `jamf-mcp secrets restore` brings it back within its window; where it is not, stop what asks for it',
      }),
    }).start(facts, budget);
    return {
      see(access) {
        const { action, outcome, secretName } = access;
        if (outcome === 'success' && secretName !== null) {
          if (action === 'DeleteSecret' && deleted.size < MOST) deleted.add(secretName);
          else if (action === 'RestoreSecret' || action === 'CreateSecret') deleted.delete(secretName);
        }
        watch.see(access);
      },
      findings: () => watch.findings(),
    };
  },
};
