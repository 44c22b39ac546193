/** What the detectors of things never seen before have in common. */
import type { AuditedAccess } from '../access.ts';
import { distinct, type Distinct } from './distinct.ts';
import { numbersOf, type About, type Detector, type Severity } from './detector.ts';
import { gathering, type Deeds } from './gather.ts';
import { historyOf, isNewIn, MINIMUM_DAYS, type NEW_ASPECTS } from './history.ts';
import { circumstances, isChange, isRead, times } from './words.ts';

/** One of them. */
export interface FirstSeen {
  id: string;
  aspect: (typeof NEW_ASPECTS)[number];
  finds: string;
  logic: string;
  technique: string;
  falsePositives: string;
  /** What was new of an access: `network 192.0.2.0/24`; null where it goes without saying. */
  what(access: AuditedAccess): string | null;
  title(identity: string, what: Distinct): string;
  fix: string;
}

const THRESHOLDS = {
  historyDays: {
    default: MINIMUM_DAYS,
    means: 'days that the baseline has to be learnt from before anything is called new',
  },
};

/** A read or a change that nothing explains is worse than one by somebody who is known, and than a look. */
function severityOf({ unexplained, done }: Deeds & { done: boolean }): Severity {
  if (unexplained > 0) return done ? 'high' : 'medium';
  return done ? 'medium' : 'low';
}

/** Make the detector. */
export function firstSeen(made: FirstSeen): Detector {
  const { id, aspect } = made;
  const about: About = {
    finds: made.finds,
    severity: 'high for a read or a change that nothing explains, medium for one by a known caller, else medium or low',
    technique: made.technique,
    logic: `${made.logic}. Against the baseline: silent without one, and told so. Refusals, and accesses of tasks, rotations and AWS itself are left out`,
    falsePositives: made.falsePositives,
    thresholds: THRESHOLDS,
  };
  const detector = gathering<{ what: Distinct; done: boolean }>({
    id,
    about,
    concerns: (access, facts) => isNewIn(access, aspect, historyOf(facts)),
    own: (budget) => ({ what: distinct(budget), done: false }),
    note(deeds, access) {
      deeds.what.add(made.what(access));
      if (isRead(access) || isChange(access)) deeds.done = true;
    },
    tell: (deeds) => ({
      severity: severityOf(deeds),
      title: made.title(deeds.key, deeds.what),
      why: `${circumstances(deeds)}, ${times(deeds.count)}: the baseline does not have it`,
      fix: made.fix,
    }),
  });
  return {
    id,
    about,
    start(facts, budget) {
      const { historyDays } = numbersOf(id, THRESHOLDS, facts);
      const { days } = historyOf(facts);
      if (facts.baseline !== null && days >= historyDays) return detector.start(facts, budget);
      const quiet =
        facts.baseline === null
          ? 'there is no baseline: `jamf-mcp audit baseline learn --since 30d` makes one'
          : `the baseline was learnt from ${String(Math.floor(days))} days, and ${String(historyDays)} are needed`;
      return { see: () => undefined, findings: () => [], quiet: () => quiet };
    },
  };
}
