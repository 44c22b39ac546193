import { gathering } from './gather.ts';
import { circumstances, times } from './words.ts';

const THRESHOLDS = { shortWindowDays: { default: 7, means: 'recovery window, in days, that counts as short' } };

export const deletion = gathering({
  id: 'deletion',
  about: {
    finds: 'a secret deleted',
    severity:
      'high by force or with a short window where nothing explains it, else medium; low for a known caller, medium by force',
    technique: 'T1485',
    logic:
      'DeleteSecret that succeeded: by force (nothing brings the secret back), with a short recovery window, or otherwise. An infrastructure tool that deletes what it made counts as known',
    falsePositives: 'a secret that is needed no more',
    thresholds: THRESHOLDS,
  },
  concerns: ({ action, outcome }) => action === 'DeleteSecret' && outcome === 'success',
  own: () => ({ forced: 0, forcedByHand: 0, shortest: Infinity }),
  note(deeds, { details, explanation }) {
    if (details.force === true) {
      deeds.forced += 1;
      if (explanation?.kind !== 'infrastructure') deeds.forcedByHand += 1;
    } else if (typeof details.recoveryWindowDays === 'number') {
      deeds.shortest = Math.min(deeds.shortest, details.recoveryWindowDays);
    }
  },
  tell(deeds, _facts, { shortWindowDays }) {
    const isShort = deeds.shortest <= shortWindowDays;
    const how = [
      deeds.forced > 0 ? `${String(deeds.forced)} by force, which nothing brings back` : '',
      isShort ? `a recovery window of ${String(deeds.shortest)} days` : '',
    ].filter((text) => text !== '');
    return {
      severity:
        deeds.unexplained > 0
          ? how.length > 0
            ? 'high'
            : 'medium'
          : deeds.forcedByHand > 0 && !deeds.allSelf
            ? 'medium'
            : 'low',
      title: `${deeds.key} deleted ${deeds.secrets.size === 1 ? 'a secret' : 'secrets'}`,
      why: `${circumstances(deeds)}, ${times(deeds.count)}${how.length > 0 ? `: ${how.join('; ')}` : ', with a recovery window'}`,
      fix: 'where it is still needed, `jamf-mcp secrets restore` within the window; deny ForceDeleteWithoutRecovery (secretsmanager:ForceDeleteWithoutRecovery) in a service control policy',
    };
  },
});
