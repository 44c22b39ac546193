import type { AuditedAccess } from '../access.ts';
import { distinct } from './distinct.ts';
import type { Detector } from './detector.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, isAccountedFor, textOf, times } from './words.ts';

/** Secrets whose key is remembered. */
const MOST = 10_000;

const accountIn = (arn: string | null): string | null => /^arn:[^:]*:[^:]+:[^:]*:([^:]+):/.exec(arn ?? '')?.[1] ?? null;

const id = 'secret-key-changed';
const about = {
  finds: 'a secret that is encrypted under another KMS key than before',
  severity: 'high for a key of another account, or where nothing explains it, else low',
  technique: 'T1486',
  logic:
    'UpdateSecret with a kmsKeyId that is not the one the secret was seen with. Under a key that others hold, they can read the secret, or keep it from you',
  falsePositives: 'a move from aws/secretsmanager to a key of your own',
};

export const secretKeyChanged: Detector = {
  id,
  about,
  start(facts, budget) {
    const keys = new Map<string, string>();
    const isChanged = (access: AuditedAccess): boolean => {
      const key = textOf(access, 'kmsKeyId');
      return key !== null && access.action === 'UpdateSecret' && keys.get(access.secret ?? '') !== key;
    };
    const isForeign = (access: AuditedAccess): boolean => {
      const [owner, holder] = [accountIn(access.secret), accountIn(textOf(access, 'kmsKeyId'))];
      return owner !== null && holder !== null && owner !== holder;
    };
    const watch = gathering({
      id,
      about,
      concerns: (access) => access.outcome === 'success' && !isAccountedFor(access) && isChanged(access),
      own: (room) => ({ to: distinct(room), foreign: 0 }),
      note(deeds, access) {
        deeds.to.add(textOf(access, 'kmsKeyId'));
        if (isForeign(access)) deeds.foreign += 1;
      },
      tell: (deeds) => ({
        severity: deeds.foreign > 0 ? 'high' : graded(deeds, 'high', 'low'),
        title: `${deeds.key} put a secret under another KMS key${deeds.foreign > 0 ? ' of another account' : ''}`,
        why: `${circumstances(deeds)}, ${times(deeds.count)}: now ${deeds.to.few()}`,
        fix: 'where nobody meant it, set the former key again (UpdateSecret with its kmsKeyId), and look at who may use the new one',
      }),
    }).start(facts, budget);
    return {
      see(access) {
        watch.see(access);
        const key = textOf(access, 'kmsKeyId');
        if (key === null || access.secret === null || access.outcome !== 'success') return;
        if (keys.size < MOST || keys.has(access.secret)) keys.set(access.secret, key);
      },
      findings: () => watch.findings(),
    };
  },
};
