import type { Detector } from './detector.ts';
import { distinct } from './distinct.ts';
import { gathering } from './gather.ts';
import { minute, nameOf, textOf, times } from './words.ts';

/** Secrets whose last end is remembered. */
const MOST = 10_000;

const id = 'rotation-failed';
const about = {
  finds: 'a rotation that failed',
  severity: 'high where none has succeeded since, else medium; low for a test',
  technique: 'T1531',
  logic: "AWS's own RotationFailed and TestRotationFailed, by secret, with the reason where the record has one",
  falsePositives: 'none as to the fact; Secrets Manager tries again by itself',
};

export const rotationFailed: Detector = {
  id,
  about,
  start(facts, budget) {
    const succeeded = new Map<string, string>();
    const watch = gathering({
      id,
      about,
      concerns: ({ action, type }) =>
        type === 'AwsServiceEvent' && (action === 'RotationFailed' || action === 'TestRotationFailed'),
      by: ({ secret }) => secret ?? 'a secret that is not named',
      own: (room) => ({ reasons: distinct(room), real: 0 }),
      note(deeds, access) {
        deeds.reasons.add(textOf(access, 'reason'));
        if (access.action === 'RotationFailed') deeds.real += 1;
      },
      tell(deeds) {
        const since = succeeded.get(deeds.key) ?? null;
        const isMended = since !== null && (deeds.last === null || since >= deeds.last);
        const reasons = deeds.reasons.few();
        return {
          severity: deeds.real === 0 ? 'low' : isMended ? 'medium' : 'high',
          title: `the rotation of ${nameOf(deeds.key)} failed ${times(deeds.count)}`,
          why: `last at ${minute(deeds.last)}${reasons && `: ${reasons}`}; ${isMended ? `one succeeded at ${minute(since)}` : 'none has succeeded since'}`,
          fix: 'read the log of the rotation function, then `jamf-mcp rotate schedule status`; AWSPENDING may hold a value that is not in force',
        };
      },
    }).start(facts, budget);
    return {
      see(access) {
        const { action, secret, time, type } = access;
        if (action === 'RotationSucceeded' && type === 'AwsServiceEvent' && secret !== null && time !== null) {
          if (succeeded.size < MOST || succeeded.has(secret)) succeeded.set(secret, time);
        }
        watch.see(access);
      },
      findings: () => watch.findings(),
    };
  },
};
