import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import { numbersOf, type About, type Detector } from './detector.ts';
import { budgetOf } from './distinct.ts';
import { foundOf, gatherings } from './gather.ts';
import { circumstances, isAccountedFor, isChange, isRead, MINUTE_MS, momentOf, plural, spell } from './words.ts';

const THRESHOLDS = {
  denials: { default: 3, means: 'refusals before the success' },
  minutes: { default: 60, means: 'how soon the success follows' },
};

const about: About & { thresholds: typeof THRESHOLDS } = {
  finds: 'refusals, and then a success: somebody tries doors until one opens',
  severity: 'high where three or more different things were refused, else medium; low for a known caller',
  technique: 'T1555.006',
  logic:
    'refusals of one identity within the window, followed by a value read or something changed by the same identity that has no cause of its own. Different secrets and actions refused tell probing from a role that was mended',
  falsePositives: 'a role whose policy was put right between two tries',
  thresholds: THRESHOLDS,
};

/** Refusals that are remembered of one identity, and accesses after which old ones are dropped. */
const MOST = 50;
const SWEEP = 1_024;

export const probing: Detector = {
  id: 'probing',
  about,
  start(facts, budget = budgetOf()) {
    const { denials, minutes } = numbersOf('probing', THRESHOLDS, facts);
    const span = minutes * MINUTE_MS;
    const refused = new Map<string, { at: number; access: AuditedAccess | null; door: string }[]>();
    const found = gatherings(budget, () => ({ doors: new Set<string>(), refusals: 0 }));
    let seen = 0;

    function refuse(access: AuditedAccess, at: number): void {
      const identity = identityOf(access.principal);
      const list = refused.get(identity) ?? [];
      refused.set(identity, list);
      list.push({ at, access, door: `${access.action} ${access.secret ?? ''}` });
      if (list.length > MOST) list.shift();
      seen += 1;
      if (seen % SWEEP > 0) return;
      for (const [key, tries] of refused) if ((tries.at(-1)?.at ?? 0) < at - span) refused.delete(key);
    }

    return {
      see(access) {
        if (access.context) return;
        const at = momentOf(access);
        if (access.outcome === 'denied') {
          refuse(access, at);
          return;
        }
        if (refused.size === 0 || !(isRead(access) || isChange(access)) || isAccountedFor(access)) return;
        const identity = identityOf(access.principal);
        const before = refused.get(identity)?.filter((one) => one.at >= at - span) ?? [];
        if (before.length < denials) return;
        for (const one of before) {
          if (!one.access) continue;
          const deeds = found.add(identity, one.access);
          if (deeds.doors.size < MOST) deeds.doors.add(one.door);
          deeds.refusals += 1;
          one.access = null;
        }
        found.add(identity, access);
      },
      findings: () =>
        found.all().map((deeds) => {
          const { doors, refusals, unexplained } = deeds;
          return foundOf(probing, deeds, {
            severity: unexplained === 0 ? 'low' : doors.size >= 3 ? 'high' : 'medium',
            title: `${deeds.key} was refused, tried on, and got in`,
            why: `${plural(refusals, 'refusal')} of ${plural(doors.size, 'different call')}, then ${deeds.count - refusals === 1 ? 'a success' : `${String(deeds.count - refusals)} successes`}: ${circumstances(deeds)}, ${spell(deeds)}`,
            fix: 'look at what opened the door (a policy changed in between, another role assumed); where nobody meant it to, take it back and rotate what was read',
          });
        }),
    };
  },
};
