/** Runs a list of steps to its end, back where it must, and makes the result of it. */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { CLAIM_LABEL } from '../secrets/claim.ts';
import { AWSPENDING, type SecretStore, type SecretVersion } from '../secrets/store.ts';
import { backSteps, calls, forwardOnly, whyNoWayBack } from './back.ts';
import { claimIdOf } from './claim.ts';
import { isUntouched, rolledBackError, stoppedError, withdrawnError } from './failure.ts';
import type { Hold } from './hold.ts';
import { whyNoRedeployment } from './rollout.ts';
import { consequence, stepsOf, windowOf } from './steps-of.ts';
import { runSteps, type Failure, type Step, type StepResult } from './steps.ts';
import { wordsOf } from './words.ts';
import type { RotateResult, RunInput, Work } from './work.ts';

/**
 * Go forward from where the work stands.
 * @returns what was done, or what stopped it before anything was changed (`failure`)
 * @throws JamfMcpError as {@link rotate}
 */
export async function runForward(work: Work, hold: Hold): Promise<RotateResult | Failure> {
  const options = { dryRun: work.input.dryRun, beforeChange: () => confirm(work), hold };
  const { steps, failure } = await runSteps(stepsOf(work), options);
  if (!failure) return resultOf(work, steps, work.input.dryRun ? 'planned' : work.outcome);
  if (work.phase === 'untouched' && !isInterruption(failure.error)) return failure;
  if (!calls(failure, work)) throw await stopped(failure, work, steps);

  const why = (await whyNoWayBack(work)) ?? (await whyNoRedeployment(work));
  if (why !== null) throw await stopped(forwardOnly(failure, why), work, steps);
  work.context.host.notify({
    kind: 'warning',
    text: `${messageOf(failure.error)}: going back to version ${work.claim.base}`,
  });
  const { base, rotationId } = work.claim;
  const back = backSteps(work, { from: rotationId, to: base, holder: () => rotationId, outcome: 'rolled-back' });
  const done = steps.slice(0, steps.findIndex(({ state }) => state === 'failed') + 1);
  const failed = work.deployment;
  const ended = await runSteps(back, { ...options, beforeChange: () => Promise.resolve() });
  const all = [...done, ...ended.steps];
  if (ended.failure) throw await stopped(ended.failure, work, all);
  const { error } = failure;
  const then = { ...work, deployment: failed };
  const fix = error instanceof JamfMcpError ? error.hint : null;
  throw rolledBackError(messageOf(error), fix, then, resultOf(then, all, 'rolled-back'));
}

/**
 * Go back, where an earlier run had begun that or somebody asks for it.
 * @param list - as {@link backSteps} makes it, with what comes before
 */
export async function runBack(
  work: Work,
  list: readonly Step[],
  { hold, outcome, what }: { hold: Hold; outcome: RotateResult['outcome']; what: string },
): Promise<RotateResult> {
  const { dryRun } = work.input;
  const { steps, failure } = await runSteps(list, { dryRun, beforeChange: () => work.confirm(what), hold });
  if (failure) throw await stopped(failure, work, steps);
  return resultOf(work, steps, dryRun ? 'planned' : outcome);
}

/** The error of a run that stopped; a claim that nothing came of is withdrawn. */
async function stopped(failure: Failure, work: Work, steps: readonly StepResult[]): Promise<unknown> {
  const { input, store, claim, context } = work;
  let error = failure.error;
  const fresh = work.entry === 'begin' && claim.follows.length === 0 && claim.kind === 'rotation';
  if (fresh && isUntouched(work) && !isInterruption(failure.error)) {
    try {
      const claimId = claimIdOf(claim.rotationId);
      const holder = work.phase === 'staged' ? claim.rotationId : claimId;
      await store.moveLabel(input.secret, AWSPENDING, holder, null);
      work.phase = 'untouched';
      error = withdrawnError(error);
      await store.moveLabel(input.secret, CLAIM_LABEL, claimId, null);
    } catch (thrown) {
      context.host.notify({ kind: 'warning', text: `the claim could not be withdrawn: ${messageOf(thrown)}` });
    }
  }
  return stoppedError({ ...failure, error }, work, resultOf(work, steps, 'unfinished'));
}

function confirm(work: Work): Promise<void> {
  const { input, issuer, outcome } = work;
  return work.confirm(
    outcome === 'rotated'
      ? `rotate ${input.secret}: ${wordsOf(issuer).change}${issuer.accepts ? `; ${consequence(work)}` : ''}`
      : `finish the rotation of ${input.secret} that an earlier run began`,
  );
}

/** What a run comes to. */
export function resultOf(work: Work, steps: readonly StepResult[], outcome: RotateResult['outcome']): RotateResult {
  const { input, store, issuer, claim, phase } = work;
  const stored = ['staged', 'promoted', 'verified', 'reverted'].includes(phase);
  const after = claim.target ?? claim.rotationId;
  return {
    rotationId: stored ? claim.rotationId : null,
    strategy: claim.strategy,
    secret: { name: input.secret, arn: work.arn, store: store.kind, environment: input.environment },
    rotated: claim.fields.map((field) => ({ field, issuer: issuer.name })),
    versionId: stored ? after : null,
    previousVersionId: claim.base,
    steps: [...steps],
    deployment: work.deployment,
    outcome,
    windowMs: outcome === 'planned' ? null : windowOf(work),
    before: work.before,
    record: work.record,
    next: nextOf(work, outcome),
  };
}

/** What a run that came to its end leaves to do. */
function nextOf({ input, claim, before, deployment }: Work, outcome: RotateResult['outcome']): RotateResult['next'] {
  const forward = outcome === 'rotated' || outcome === 'resumed';
  if (!forward && outcome !== 'undone' && outcome !== 'rolled-back') return [];
  const stale = forward ? 'before, which is refused' : 'that was undone';
  const kept = before === 'refused' || !forward ? `the value ${stale}` : 'the value before';
  return [
    ...(deployment
      ? []
      : [{ command: input.command('deploy'), why: `running tasks keep ${kept}, until they are redeployed` }]),
    ...(forward && before === 'accepted' && claim.strategy === 'alternate'
      ? [
          {
            command: input.command('rotate'),
            why: 'only where the value before has leaked: rotating once more ends it',
          },
        ]
      : []),
  ];
}

/** There was nothing to do: the secret stands as it is. */
export function nothingToDo(input: RunInput, store: SecretStore, current: SecretVersion): RotateResult {
  return {
    rotationId: null,
    strategy: 'single',
    secret: { name: input.secret, arn: current.arn, store: store.kind, environment: input.environment },
    rotated: [],
    versionId: current.versionId,
    previousVersionId: null,
    steps: [],
    deployment: null,
    outcome: 'nothing',
    windowMs: null,
    before: 'unknown',
    record: null,
    next: [],
  };
}
