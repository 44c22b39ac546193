import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import type { Detector } from './detector.ts';
import { gathering } from './gather.ts';
import { circumstances, DAY_MS, graded, HOUR_MS, isAccountedFor, momentOf, textOf, times } from './words.ts';

/** Secrets whose rotations and makers are remembered. */
const MOST = 10_000;

/** The first value belongs to the making of a secret. */
const FIRST_VALUE_MS = HOUR_MS / 4;

/** A failed rotation is mended by hand sooner than that. */
const MENDED_MS = DAY_MS;

const STARTS = new Set(['RotationStarted', 'TestRotationStarted']);
const ENDS = new Set([
  'RotationSucceeded',
  'RotationFailed',
  'RotationAbandoned',
  'TestRotationSucceeded',
  'TestRotationFailed',
]);

interface State {
  /** A rotation under way since. */
  rotating: number | null;
  failed: number | null;
  made: { at: number; by: string } | null;
}

/** Whether a call puts another value, or another version, into force. UpdateSecret may change the description alone. */
function changes(access: AuditedAccess): boolean {
  const { action, outcome, details } = access;
  if (outcome !== 'success') return false;
  if (action === 'PutSecretValue') return !Array.isArray(details.stages) || details.stages.includes('AWSCURRENT');
  if (action === 'UpdateSecretVersionStage') return textOf(access, 'versionStage') === 'AWSCURRENT';
  return action === 'UpdateSecret' && textOf(access, 'kmsKeyId') === null;
}

const id = 'value-changed';
const about = {
  finds: 'a value changed outside of a rotation',
  severity: 'high after a rotation that failed, medium where nothing explains it, else low',
  technique: 'T1531',
  logic:
    'PutSecretValue for AWSCURRENT, UpdateSecret, or AWSCURRENT moved, while no rotation of the secret was under way by the records of AWS, and not caused by a rotation of ours. The first value by whoever made the secret is left out, as is what an infrastructure tool does to its own secrets',
  falsePositives: 'a value set by hand on purpose; UpdateSecret that only changed the description',
};

export const valueChanged: Detector = {
  id,
  about,
  start(facts, budget) {
    const states = new Map<string, State>();

    function learn({ action, outcome, secret, principal }: AuditedAccess, at: number): void {
      if (secret === null || outcome !== 'success') return;
      const isStart = STARTS.has(action);
      if (!isStart && !ENDS.has(action) && action !== 'CreateSecret') return;
      const state = states.get(secret) ?? { rotating: null, failed: null, made: null };
      if (states.size >= MOST && !states.has(secret)) return;
      states.set(secret, state);
      if (action === 'CreateSecret') state.made = { at, by: identityOf(principal) };
      else state.rotating = isStart ? at : null;
      if (action === 'RotationFailed') state.failed = at;
      else if (action === 'RotationSucceeded') state.failed = null;
    }

    function isOutside(access: AuditedAccess): boolean {
      if (!changes(access) || isAccountedFor(access) || access.explanation?.kind === 'infrastructure') return false;
      const state = states.get(access.secret ?? '');
      if (!state) return true;
      const at = momentOf(access);
      if (state.rotating !== null && at - state.rotating < DAY_MS) return false;
      return !(state.made?.by === identityOf(access.principal) && at - state.made.at <= FIRST_VALUE_MS);
    }

    const watch = gathering({
      id,
      about,
      concerns: isOutside,
      own: () => ({ afterFailure: 0 }),
      note(deeds, access) {
        const failed = states.get(access.secret ?? '')?.failed ?? null;
        if (failed !== null && momentOf(access) - failed <= MENDED_MS) deeds.afterFailure += 1;
      },
      tell: (deeds) => ({
        severity: graded(deeds, deeds.afterFailure > 0 ? 'high' : 'medium', 'low'),
        title: `${deeds.key} changed a value outside of a rotation`,
        why: `${circumstances(deeds)}, ${times(deeds.count)}: no rotation was under way${deeds.afterFailure > 0 ? ', and one had failed within the day before' : ''}`,
        fix: 'make sure that the value is the one its issuer gave (`jamf-mcp secrets verify`); where nobody meant it, `jamf-mcp rotate --force-deploy`',
      }),
    }).start(facts, budget);
    return {
      see(access) {
        learn(access, momentOf(access));
        watch.see(access);
      },
      findings: () => watch.findings(),
    };
  },
};
