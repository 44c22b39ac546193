import { identityOf } from '../principal.ts';
import type { AuditedAccess } from '../access.ts';
import type { Detector } from './detector.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, HOUR_MS, isAccountedFor, isRead, momentOf, times } from './words.ts';

/** Restored secrets that are remembered. */
const MOST = 10_000;

const id = 'restore';
const about = {
  finds: 'a deleted secret brought back',
  severity:
    'high where the same identity reads it within the hour and nothing explains that, else medium; low for a known caller',
  technique: 'T1555.006',
  logic: 'RestoreSecret that succeeded, and value reads of that secret by the same identity within an hour after',
  falsePositives: 'a deletion taken back on purpose',
};

export const restore: Detector = {
  id,
  about,
  start(facts, budget) {
    const restored = new Map<string, number>();
    const keyOf = ({ principal, secret }: AuditedAccess) => `${identityOf(principal)}\n${secret ?? ''}`;
    const isFollowed = (access: AuditedAccess) =>
      restored.size > 0 &&
      isRead(access) &&
      !isAccountedFor(access) &&
      momentOf(access) - (restored.get(keyOf(access)) ?? Number.NEGATIVE_INFINITY) <= HOUR_MS;
    return gathering({
      id,
      about,
      concerns: (access) =>
        (access.action === 'RestoreSecret' && access.outcome === 'success' && !isAccountedFor(access)) ||
        isFollowed(access),
      own: () => ({ reads: 0 }),
      note(deeds, access) {
        if (access.action !== 'RestoreSecret') deeds.reads += 1;
        else if (restored.size < MOST) restored.set(keyOf(access), momentOf(access));
      },
      tell: (deeds) => ({
        severity: graded(deeds, deeds.reads > 0 ? 'high' : 'medium', 'low'),
        title: `${deeds.key} brought a deleted secret back${deeds.reads > 0 ? ' and read it' : ''}`,
        why: `${circumstances(deeds)}, ${times(deeds.count)}`,
        fix: 'find out why it was wanted; delete it again where nobody needs it, and revoke the value where it was issued',
      }),
    }).start(facts, budget);
  },
};
