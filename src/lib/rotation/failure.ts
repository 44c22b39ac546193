/** What a rotation that stopped half-way tells: the state of the secret, and the command that goes on. */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { claimIdOf, type Claim } from './claim.ts';
import type { Failure } from './steps.ts';
import type { More, Work } from './work.ts';

/** How far a rotation has come. */
export type Phase = 'untouched' | 'claimed' | 'asked' | 'minted' | 'staged' | 'promoted' | 'verified' | 'reverted';

/** What each phase leaves behind; `lost`: going on may not be enough. */
const LEFT: Record<Phase, ((work: Work) => { state: string; lost?: boolean }) | null> = {
  untouched: null,
  claimed: ({ claim }) => ({
    state: `the secret is claimed (AWSPENDING on version ${claimIdOf(claim.rotationId)}), no new value was made`,
  }),
  asked: (work) => ({
    state: isSingle(work)
      ? `whether a new value was made is unknown; if so, the one in AWSCURRENT (version ${work.claim.base}) obtains no more tokens`
      : 'whether a new value was made is unknown; the one in AWSCURRENT stays valid',
    lost: isSingle(work),
  }),
  minted: (work) => ({
    state: isSingle(work)
      ? `a new value was made but could not be stored, and is lost; the one in AWSCURRENT (version ${work.claim.base}) obtains no more tokens`
      : 'a new value was made but could not be stored, and is lost; the one in AWSCURRENT stays valid',
    lost: isSingle(work),
  }),
  staged: (work) => ({
    state: `the new value is stored as AWSPENDING (version ${work.claim.rotationId})${isSingle(work) && !work.issuer.draft ? ', the one before it obtains no more tokens' : ''}`,
  }),
  promoted: ({ claim }) => ({
    state: `the new value is AWSCURRENT (version ${claim.rotationId}), but running tasks may still hold the one before it`,
  }),
  verified: ({ claim }) => ({
    state: `the new value is AWSCURRENT (version ${claim.rotationId}) and in use, only the end is left: AWSPENDING is still on it`,
  }),
  reverted: ({ claim }) => ({
    state: `the value before is AWSCURRENT again (version ${claim.target ?? claim.base}), but running tasks may still hold the other one`,
  }),
};

const isSingle = ({ claim }: Work) => claim.strategy === 'single';

const IN_DOUBT: readonly string[] = ['UNREACHABLE', 'TIMED_OUT', 'REMOTE_FAILED', 'THROTTLED'];

/** Whether an error leaves open that its call took effect. */
export const isInDoubt = (error: unknown): boolean => error instanceof JamfMcpError && IN_DOUBT.includes(error.code);

/** Whether the issuer knows nothing of it: what is claimed, and a draft that is stored, is then withdrawn. */
export const isUntouched = ({ phase, doubt, mintedAt }: Work) =>
  phase === 'claimed' || (phase === 'asked' && !doubt) || (phase === 'staged' && mintedAt === null);

/**
 * Make the error of a rotation that stopped.
 * @param failure - the step that stopped, and what it threw
 * @param details - JSON-safe, for `--json`
 * @returns INTERRUPTED for Ctrl-C, PARTIAL where something was changed, else the error as it is
 */
export function stoppedError({ step, error, begun }: Failure, work: Work, details: unknown): unknown {
  const interrupted = isInterruption(error);
  const left = LEFT[work.phase]?.(work);
  if (!left || (!interrupted && (!begun || step === 'preflight' || (step === 'claim' && work.follows !== null)))) {
    return interrupted
      ? new JamfMcpError('INTERRUPTED', 'interrupted; nothing was changed', null, { cause: error })
      : error;
  }
  const options = { cause: error, details };
  const resume = `go on with: ${work.input.command('resume', longer(work))}`;
  const goOn = left.lost ? `${resume}; where that is refused: ${work.issuer.recovery}` : resume;
  if (interrupted)
    return new JamfMcpError('INTERRUPTED', `interrupted at the step ${step}: ${left.state}`, goOn, options);
  const fix = left.lost ? '' : fixOf(error);
  return new JamfMcpError('PARTIAL', `${step} failed: ${messageOf(error)}; ${left.state}`, fix + goOn, options);
}

/** The flags of a rotation like the one that a claim stands for. */
export function anew({ ecs, fields, issuer }: Claim): More {
  return {
    only: issuer === 'jamf' ? undefined : fields,
    ask: issuer === 'ask',
    generate: issuer === 'generate',
    'force-deploy': ecs !== null,
    cluster: ecs?.cluster,
    service: ecs?.service,
  };
}

/** Twice the time, in whole minutes, where that was too short for a deployment. */
const longer = ({ deployment, input }: Pick<Work, 'deployment' | 'input'>): More =>
  deployment?.state === 'timed-out' ? { timeout: `${String(Math.ceil((input.limitMs * 2) / 60_000))}m` } : {};

/** The error of a rotation whose claim was withdrawn: it says that nothing came of it. */
export function withdrawnError(error: unknown): unknown {
  if (!(error instanceof JamfMcpError) || error.message.includes('nothing was changed')) return error;
  const { code, message, hint, details } = error;
  return new JamfMcpError(code, `${message}; nothing was changed`, hint, { cause: error, details });
}

/** The way to repeat the command is told anyway: of the error's own hint only what comes before that is. */
function fixOf(error: unknown): string {
  const hint = error instanceof JamfMcpError ? (error.hint ?? '') : '';
  const fix = hint.replace(/(?:[,;]? ?then )?repeat the command\b.*$/, '');
  return fix === '' ? '' : `${fix}; then `;
}

/**
 * The error of a rotation that did not take effect: everything is as it was.
 * @param why - why it went back
 * @param fix - what would help; null where that is not known
 */
export function rolledBackError(
  why: string,
  fix: string | null,
  { claim, input, deployment }: Work,
  details: unknown,
): JamfMcpError {
  const tasks = claim.ecs ? ', and every running task has it' : '';
  return new JamfMcpError(
    'REMOTE_FAILED',
    `${why}; everything was put back: version ${claim.base} is AWSCURRENT again${tasks}`,
    `${fix === null ? '' : `${fix}; then `}rotate anew: ${input.command('rotate', { ...anew(claim), ...longer({ deployment, input }) })}`,
    { details },
  );
}
