/**
 * Accesses by somebody whom neither the service, nor the settings, nor the running of this audit explains.
 * False positives: a pipeline or a colleague that nobody has told the settings about.
 */
import { LOOKS, VALUE_READS } from '../access.ts';
import { isServiceRole } from '../explain.ts';
import { circumstances, perIdentity, times } from './detector.ts';

export const unknownPrincipal = perIdentity(
  'unknown-principal',
  ({ explanation, outcome, principal }, facts) =>
    explanation === null && outcome !== 'denied' && !isServiceRole(principal.role, facts),
  ({ identity, accesses, count }) => {
    const done = accesses.filter(({ outcome }) => outcome === 'success');
    const read = done.some(({ action }) => VALUE_READS.has(action));
    const changed = done.some(({ action }) => !VALUE_READS.has(action) && !LOOKS.has(action));
    const deed = read
      ? 'read the value'
      : changed
        ? 'changed it'
        : done.length > 0
          ? 'looked at it'
          : 'tried and failed';
    return {
      severity: read || changed ? 'high' : 'medium',
      title: `${identity} is not known here and ${deed}`,
      why: `${circumstances(accesses)}, ${times(count)}; no task, no setting and not you explain it`,
      fix: 'where it is expected, add its ARN to audit.knownPrincipals in jamf-mcp.yaml; where it is not, rotate (`jamf-mcp rotate --force-deploy`) and take its permission away',
      technique: read ? 'T1555.006' : changed ? 'T1098' : 'T1526',
    };
  },
);
