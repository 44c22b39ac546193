/** `rotate abort`: gives a rotation up before it took effect, where that leaves a secret that works. */
import { JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { withoutClaim } from '../secrets/claim.ts';
import { AWSPENDING, type Fields } from '../secrets/store.ts';
import { beginRun, workOf, type Run } from './begin.ts';
import { isAtWork } from './claim.ts';
import { revertSteps, whyNoWayBack } from './back.ts';
import { isInDoubt } from './failure.ts';
import type { Issuer } from './issuer.ts';
import { KNOWN_WITHIN_MS } from './patience.ts';
import type { Claimed, Standing } from './plan.ts';
import { otherError } from './refusal.ts';
import { issuerOf } from './resume.ts';
import { nothingToDo, runBack } from './run.ts';
import { endSteps } from './steps-of.ts';
import { settled } from './settled.ts';
import { claimStep } from './take-claim.ts';
import { runSteps, type Step } from './steps.ts';
import type { RotateResult, RunInput, Work } from './work.ts';

/**
 * Withdraw a claim or a staged value.
 * @returns outcome `withdrawn`, or `nothing` where none is under way
 * @throws JamfMcpError CONFLICT where that would leave a value that is not accepted, or the rotation took effect already,
 *   or its process still runs; DECLINED …
 */
export async function abort(input: RunInput, context: Context): Promise<RotateResult> {
  const run = await beginRun(input, context);
  const standing = await settled(input, run);
  if (standing.kind === 'free') return nothingToDo(input, run.store, standing.current);
  if (standing.kind === 'foreign') return takeLabelOff(input, run, standing);
  if (isAtWork(standing.claim, input.isRunning, run.hold.context.clock.now()) === true)
    throw otherError(input, standing, run.hold.context);
  refuseLate(input, standing);
  return withdraw(input, run, standing);
}

/** What took effect is not given up, but finished or undone. */
function refuseLate(input: RunInput, standing: Claimed): void {
  const moved = standing.kind === 'undoing' && standing.current.versionId !== standing.claim.base;
  if (standing.kind === 'promoted') {
    throw new JamfMcpError(
      'CONFLICT',
      `the new value of ${input.secret} is AWSCURRENT already (version ${standing.holder}): taking AWSPENDING off would hide that the roll-out is not finished`,
      `finish it with: ${input.command('resume')}; or go back, where the value before still works: ${input.command('undo')}`,
    );
  }
  if (standing.kind === 'reverted' || moved) {
    throw new JamfMcpError(
      'CONFLICT',
      `${input.secret} is going back to version ${standing.current.versionId}: running tasks may still hold the other value`,
      `finish that with: ${input.command('resume')}`,
    );
  }
}

async function withdraw(input: RunInput, run: Run, standing: Claimed): Promise<RotateResult> {
  const { context } = run.hold;
  const { claim, current, holder, kind } = standing;
  const issuer = await issuerOf(input, claim, context);
  const work: Work = {
    ...workOf(input, run, { current, issuer, claim }),
    fields: await otherValue(run, standing),
    follows: 'attempt' in standing ? standing.attempt : null,
    entry: 'back',
    kept: claim.keep,
    phase: kind === 'staged' ? 'staged' : 'claimed',
  };
  // Of a draft the issuer is told when it is stored, not before.
  const told = kind !== 'claimed' || !issuer.draft;
  const list: Step[] = [
    {
      name: 'preflight',
      text: `check that ${issuer.title} ${issuer.revert ? 'can be told to accept' : 'still accepts'} the value that is current`,
      changes: false,
      skip: endsNothing(issuer, told, claim.kind) ? 'nothing that it needs was ended' : undefined,
      run: () => (issuer.revert ? requireReverted(work, issuer) : requireAccepted(work, issuer)),
    },
    ...(work.follows === null ? [] : [claimStep(work)]),
    ...(told ? revertSteps(work, 'the value that is current') : []),
    ...endSteps(work, 'withdrawn', () => holder),
  ];
  const what = `give the rotation of ${input.secret} up: version ${current.versionId} stays AWSCURRENT`;
  return runBack(work, list, { hold: run.hold, outcome: 'withdrawn', what });
}

/** Whether the value that is current is as it was, whatever the run that stopped has done. */
function endsNothing(issuer: Issuer, told: boolean, kind: Claimed['claim']['kind']): boolean {
  if (!issuer.accepts || !told) return true;
  return kind === 'undo' && !issuer.revert;
}

/** The value that may be accepted in the place of the current one. */
async function otherValue({ store }: Run, standing: Claimed): Promise<Fields> {
  const { current, claim } = standing;
  if ('pending' in standing) return standing.pending.fields;
  if (claim.kind === 'rotation') return withoutClaim(current.fields);
  const { fields } = await store.read(current.name, { versionId: claim.target ?? claim.base });
  return withoutClaim(fields);
}

async function requireReverted(work: Work, issuer: Issuer): Promise<string> {
  const why = await whyNoWayBack(work);
  if (why === null) return `${issuer.title} can be told to accept the value that is current`;
  throw new JamfMcpError(
    'CONFLICT',
    `${why}: giving the rotation up would leave a secret that does not work; nothing was changed`,
    `finish it with: ${work.input.command('resume')}; where that is refused: ${issuer.recovery}`,
  );
}

/** A node of the issuer may not know yet that a value was ended: the answer counts when it had the time. */
async function requireAccepted({ input, claim, old, context }: Work, issuer: Issuer): Promise<string> {
  const until = Date.parse(claim.since) + KNOWN_WITHIN_MS;
  const ms = until - context.clock.now();
  if (ms > 0) {
    context.host.notify({
      kind: 'progress',
      text: `what ${issuer.title} did last may take half a minute to be known everywhere`,
    });
    await context.clock.sleep(ms, context.signal);
  }
  let accepted: boolean | undefined;
  try {
    accepted = await issuer.accepts?.(old);
  } catch (error) {
    if (!isInDoubt(error)) throw error;
    throw new JamfMcpError(
      'CONFLICT',
      `whether ${issuer.title} still accepts the value that is current is not known (${messageOf(error)}); nothing was changed`,
      `try again, or finish the rotation: ${input.command('resume')}`,
      { cause: error },
    );
  }
  if (accepted !== false) return `${issuer.title} still accepts the value that is current`;
  throw new JamfMcpError(
    'CONFLICT',
    `${issuer.title} refuses the value that is current: giving the rotation up would leave a secret that does not work; nothing was changed`,
    `finish it with: ${input.command('resume')}; where that is refused: ${issuer.recovery}`,
  );
}

/** AWSPENDING of somebody else, who is thought to have stopped; what is current is not touched. */
async function takeLabelOff(
  input: RunInput,
  { store, hold, confirm }: Run,
  { current, holder, why }: Extract<Standing, { kind: 'foreign' }>,
): Promise<RotateResult> {
  const step: Step = {
    name: 'clean',
    text: `take AWSPENDING off version ${holder}`,
    changes: true,
    run: async () => {
      await store.moveLabel(input.secret, AWSPENDING, holder, null);
      return `AWSPENDING taken off version ${holder}`;
    },
  };
  const what = `take AWSPENDING of ${input.secret} off version ${holder}, which no rotation of this program put there (${why})`;
  const { steps, failure } = await runSteps([step], {
    dryRun: input.dryRun,
    beforeChange: () => confirm(what),
    hold,
  });
  if (failure) throw failure.error;
  return { ...nothingToDo(input, store, current), steps, outcome: input.dryRun ? 'planned' : 'withdrawn' };
}
