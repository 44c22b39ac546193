import { LOOKS, VALUE_READS } from '../access.ts';
import { isServiceRole } from '../explain.ts';
import { historyOf, isNew, MINIMUM_DAYS } from './history.ts';
import { gathering } from './gather.ts';
import { circumstances, times } from './words.ts';

export const unknownPrincipal = gathering({
  id: 'unknown-principal',
  about: {
    finds: 'accesses that nothing explains: no task, no setting, no baseline, not whoever runs the audit',
    severity: 'high where a value was read or something changed, else medium',
    technique: 'T1555.006 for a read, T1098 for a change, T1526 for a look',
    logic:
      'every unexplained access that was not refused, by identity. Where there is a baseline long enough, the new-… detectors say more exactly what is new, and this one tells only what they do not',
    falsePositives: 'a pipeline or a colleague that nobody has told the settings about',
  },
  concerns: (access, facts) =>
    access.explanation === null &&
    access.outcome !== 'denied' &&
    !isServiceRole(access.principal.role, facts) &&
    !isToldAsNew(access, facts),
  own: () => ({ read: false, changed: false, done: false }),
  note(deeds, { outcome, action }) {
    if (outcome !== 'success') return;
    deeds.done = true;
    if (VALUE_READS.has(action)) deeds.read = true;
    else if (!LOOKS.has(action)) deeds.changed = true;
  },
  tell(deeds) {
    const { read, changed, done } = deeds;
    const deed = read ? 'read the value' : changed ? 'changed it' : done ? 'looked at it' : 'tried and failed';
    return {
      severity: read || changed ? 'high' : 'medium',
      title: `${deeds.key} is not known here and ${deed}`,
      why: `${circumstances(deeds)}, ${times(deeds.count)}; no task, no setting and not you explain it`,
      fix: 'where it is expected, add its ARN to audit.knownPrincipals in jamf-mcp.yaml; where it is not, rotate (`jamf-mcp rotate --force-deploy`) and take its permission away',
      technique: read ? 'T1555.006' : changed ? 'T1098' : 'T1526',
    };
  },
});

function isToldAsNew(access: Parameters<typeof isNew>[0], facts: Parameters<typeof historyOf>[0]): boolean {
  const history = historyOf(facts);
  return history.days >= MINIMUM_DAYS && isNew(access, history);
}
