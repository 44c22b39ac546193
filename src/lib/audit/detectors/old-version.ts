import type { AuditedAccess } from '../access.ts';
import type { Facts } from '../explain.ts';
import { distinct } from './distinct.ts';
import type { Detector } from './detector.ts';
import { gathering } from './gather.ts';
import { ownVersions } from './own-versions.ts';
import { circumstances, graded, isAccountedFor, isRead, textOf, times } from './words.ts';

const OLD_STAGES = new Set(['AWSPREVIOUS', 'AWSPENDING']);

/** Secrets whose versions are remembered, and old versions of one. */
const MOST = 10_000;
const MOST_OLD = 50;

interface Versions {
  current: string | null;
  old: string[];
}

/** Which version was current when, as the records tell. */
function versionsSeen(): { see(access: AuditedAccess): void; isOld(access: AuditedAccess): boolean } {
  const secrets = new Map<string, Versions>();
  return {
    see(access) {
      const { action, outcome, secret } = access;
      if (outcome !== 'success' || secret === null) return;
      const made = madeCurrent(action, access);
      if (made === null) return;
      const known: Versions = secrets.get(secret) ?? { current: null, old: [] };
      const before = known.current ?? textOf(access, 'removeFrom')?.toLowerCase() ?? null;
      if (before !== null && before !== made) known.old = [...known.old, before].slice(-MOST_OLD);
      known.old = known.old.filter((version) => version !== made);
      known.current = made;
      if (secrets.size >= MOST && !secrets.has(secret)) return;
      secrets.set(secret, known);
    },
    isOld(access) {
      const version = textOf(access, 'versionId')?.toLowerCase();
      return version !== undefined && secrets.get(access.secret ?? '')?.old.includes(version) === true;
    },
  };
}

/** The version that a call has made the current one; null where it has not. */
function madeCurrent(action: string, access: AuditedAccess): string | null {
  const { stages } = access.details;
  if (action === 'CreateSecret' || (action === 'PutSecretValue' && isForCurrent(stages))) {
    return textOf(access, 'token')?.toLowerCase() ?? null;
  }
  if (action !== 'UpdateSecretVersionStage' || textOf(access, 'versionStage') !== 'AWSCURRENT') return null;
  return textOf(access, 'moveTo')?.toLowerCase() ?? null;
}

const isForCurrent = (stages: unknown) => !Array.isArray(stages) || stages.includes('AWSCURRENT');

const gathered = (facts: Facts) => {
  const versions = versionsSeen();
  const own = ownVersions(facts);
  return {
    see(access: AuditedAccess) {
      own.see(access);
      versions.see(access);
    },
    /** The label or the version that was read though it is not the current one. */
    oldOf(access: AuditedAccess): string | null {
      if (!isRead(access) || isAccountedFor(access) || access.explanation?.kind === 'infrastructure') return null;
      const stage = textOf(access, 'versionStage');
      if (stage !== null && OLD_STAGES.has(stage)) return stage;
      return versions.isOld(access) && !own.isOwn(access) ? 'a version that had been replaced' : null;
    },
  };
};

const id = 'old-version-read';
const about = {
  finds: 'a version read that is not the current one: AWSPREVIOUS, AWSPENDING, or one that had been replaced',
  severity: 'medium where nothing explains it, else low',
  technique: 'T1555.006',
  logic:
    'the label asked for, or a version id that PutSecretValue or UpdateSecretVersionStage had replaced before, within what was audited. What a rotation or its function reads is left out, as is the version that the same identity wrote',
  falsePositives:
    'a person who compares versions; a client that tries the previous value while a rotation is under way',
};

export const oldVersion: Detector = {
  id,
  about,
  start(facts, budget) {
    const seen = gathered(facts);
    const watch = gathering({
      id,
      about,
      concerns: (access) => seen.oldOf(access) !== null,
      own: (room) => ({ what: distinct(room) }),
      note: ({ what }, access) => what.add(seen.oldOf(access)),
      tell: (deeds) => ({
        severity: graded(deeds, 'medium', 'low'),
        title: `${deeds.key} read a value that is not the current one`,
        why: `${circumstances(deeds)}, ${times(deeds.count)}: ${deeds.what.few()}`,
        fix: 'programs read AWSCURRENT; where a person did it, ask why; an old value that still works should be revoked where it was issued',
      }),
    }).start(facts, budget);
    return {
      see(access) {
        seen.see(access);
        watch.see(access);
      },
      findings: () => watch.findings(),
    };
  },
};
