/** What a rotation that stopped half-way tells: the state of the secret, and the command that goes on. */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Failure } from './steps.ts';

/** How far a rotation has come. */
export type Phase = 'untouched' | 'asked' | 'minted' | 'staged' | 'promoted' | 'verified';

/** What the text is made of. */
export interface Scene {
  phase: Phase;
  /** The version that was current when the rotation began. */
  currentId: string;
  /** The version that was to be. */
  versionId: string;
  /** The issuer's way out, see `Issuer.recovery`. */
  recovery: string;
  /** The command line that goes on. */
  command: string;
  /** JSON-safe, for `--json`. */
  details: unknown;
}

/** What each phase leaves behind; `lost`: repeating the command alone may not be enough. */
const LEFT: Record<Phase, ((scene: Scene) => { state: string; lost?: boolean }) | null> = {
  untouched: null,
  asked: ({ currentId }) => ({
    state: `whether a new value was made is unknown; if so, the one in AWSCURRENT (version ${currentId}) obtains no more tokens`,
    lost: true,
  }),
  minted: ({ currentId }) => ({
    state: `a new value was made but could not be stored, and is lost; the one in AWSCURRENT (version ${currentId}) obtains no more tokens`,
    lost: true,
  }),
  staged: ({ versionId }) => ({
    state: `the new value is stored as AWSPENDING (version ${versionId}), the one before it obtains no more tokens`,
  }),
  promoted: ({ versionId }) => ({
    state: `the new value is AWSCURRENT (version ${versionId}), but running tasks may still hold the one before it`,
  }),
  verified: ({ versionId }) => ({
    state: `the new value is AWSCURRENT (version ${versionId}) and in use, only AWSPENDING is still on it`,
  }),
};

const IN_DOUBT: readonly string[] = ['UNREACHABLE', 'TIMED_OUT', 'REMOTE_FAILED', 'THROTTLED'];

/** Whether an error leaves open that its call took effect. */
export const isInDoubt = (error: unknown): boolean => error instanceof JamfMcpError && IN_DOUBT.includes(error.code);

/**
 * Make the error of a rotation that stopped.
 * @param failure - the step that stopped, and what it threw
 * @returns INTERRUPTED for Ctrl-C, PARTIAL where something was changed, else the error as it is
 */
export function stoppedError({ step, error, begun }: Failure, scene: Scene): unknown {
  const interrupted = isInterruption(error);
  if (!interrupted && (!begun || step === 'preflight')) return error;
  const left = scene.phase === 'asked' && !isInDoubt(error) ? undefined : LEFT[scene.phase]?.(scene);
  if (!left)
    return interrupted
      ? new JamfMcpError('INTERRUPTED', 'interrupted; nothing was changed', null, { cause: error })
      : error;
  const options = { cause: error, details: scene.details };
  const goOn = left.lost ? scene.recovery : `go on with: ${scene.command}`;
  if (interrupted)
    return new JamfMcpError('INTERRUPTED', `interrupted at the step ${step}: ${left.state}`, goOn, options);
  const fix = left.lost ? '' : fixOf(error);
  return new JamfMcpError('PARTIAL', `${step} failed: ${messageOf(error)}; ${left.state}`, fix + goOn, options);
}

/** The way to repeat the command is told anyway: of the error's own hint only what comes before that is. */
function fixOf(error: unknown): string {
  const hint = error instanceof JamfMcpError ? (error.hint ?? '') : '';
  const fix = hint.replace(/(?:[,;]? ?then )?repeat the command\b.*$/, '');
  return fix === '' ? '' : `${fix}; then `;
}
