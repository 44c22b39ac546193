/** Goes on with a rotation that stopped, from wherever the labels and its claim say that it stands. */
import type { Context } from '../host.ts';
import { sameValue } from '../secrets/rules.ts';
import type { Fields } from '../secrets/store.ts';
import { backSteps } from './back.ts';
import { beginRun, newClaim, workOf, type Run } from './begin.ts';
import { isAtWork, type Claim } from './claim.ts';
import { rolledBackError } from './failure.ts';
import type { Issuer, IssuerChoice } from './issuer.ts';
import { acceptsPatiently } from './patience.ts';
import type { Claimed } from './plan.ts';
import { foreignError, otherError } from './refusal.ts';
import { nothingToDo, runBack, runForward } from './run.ts';
import { settled } from './settled.ts';
import { goOnUndoing } from './undo.ts';
import { claimStep } from './take-claim.ts';
import type { RotateResult, RunInput, Work } from './work.ts';

/**
 * Finish a rotation, or an undo, that stopped; all that it needs is in the claim.
 * @returns what was done; outcome `nothing` where there is none to finish
 * @throws JamfMcpError CONFLICT where its process still runs, or what is under way is not ours; else as {@link rotate}
 */
export async function resumeRotation(input: RunInput, context: Context): Promise<RotateResult> {
  const run = await beginRun(input, context);
  const standing = await settled(input, run);
  if (standing.kind === 'free') return nothingToDo(input, run.store, standing.current);
  if (standing.kind === 'foreign') throw foreignError(input, standing);
  if (isAtWork(standing.claim, input.isRunning, run.hold.context.clock.now()) === true)
    throw otherError(input, standing, run.hold.context);
  return goOn(input, run, standing);
}

/** The issuer that a claim names, as it was chosen then. */
export async function issuerOf(input: RunInput, claim: Claim, context: Context): Promise<Issuer> {
  return (await input.issuers(choiceOf(claim)))(context);
}

const choiceOf = ({ issuer, mode, fields, strategy }: Claim): IssuerChoice => ({ issuer, mode, fields, strategy });

/**
 * Go on with what a claim stands for.
 * @param undoing - going back is what was asked for, and no failure
 */
export async function goOn(input: RunInput, run: Run, standing: Claimed, undoing = false): Promise<RotateResult> {
  if (standing.kind === 'undoing') return goOnUndoing(input, run, standing);
  const { hold } = run;
  const issuer = await issuerOf(input, standing.claim, hold.context);
  const ecs = input.noDeploy ? null : (input.ecs ?? standing.claim.ecs);
  const taken: Taken = { input, run, issuer, standing, claim: { ...standing.claim, ecs } };
  if (standing.kind === 'reverted' && (await isWayBack(issuer, standing.old))) {
    const work = continued(taken, 'back', false);
    const to = standing.current.versionId;
    const outcome = undoing ? 'undone' : 'rolled-back';
    const list = [claimStep(work), ...backSteps(work, { from: to, to, holder: () => standing.holder, outcome })];
    const what = `finish going back to version ${to} of ${input.secret}`;
    const result = await runBack(work, list, { hold, outcome, what });
    if (undoing || input.dryRun) return result;
    throw rolledBackError('the rotation had failed, and was going back when it stopped', null, work, result);
  }
  const ended = await runForward(await forward(taken), hold);
  if ('error' in ended) throw ended.error;
  return ended;
}

/** What is taken up. */
interface Taken {
  input: RunInput;
  run: Run;
  issuer: Issuer;
  standing: Exclude<Claimed, { kind: 'undoing' }>;
  /** As it stands, with the deployment that is to be now. */
  claim: Claim;
}

async function isWayBack(issuer: Issuer, old: Fields): Promise<boolean> {
  return issuer.revert !== undefined || (await issuer.accepts?.(old)) !== false;
}

/** Where to go on going forward. */
async function forward(taken: Taken): Promise<Work> {
  const { issuer, standing, claim, run } = taken;
  if (standing.kind === 'claimed') return takenOver(taken, null, false);
  const drafted = issuer.draft !== undefined;
  // A draft is made accepted again; what the issuer itself made and refuses by now is of no use.
  const refused =
    !(drafted && standing.kind === 'staged') &&
    (await acceptsPatiently(issuer, standing.pending.fields, true, run.hold.context)) === false;
  if (refused && !drafted) return takenOver(taken, null, false);
  if (standing.kind === 'promoted') return continued(taken, 'promoted', refused);
  if (standing.current.versionId !== claim.base) {
    return takenOver(taken, difference(standing.old, standing.pending.fields), drafted);
  }
  return continued(taken, 'staged', drafted);
}

/** The fields that differ from those before, with their new values. */
const difference = (before: Fields, after: Fields): Fields =>
  new Map([...after].filter(([name, value]) => !sameValue(before.get(name), value)));

/** The same rotation, from a later step. */
function continued(
  { input, run, issuer, standing, claim }: Taken,
  entry: 'staged' | 'promoted' | 'back',
  mintAgain: boolean,
): Work {
  const work = workOf(input, run, { current: standing.current, issuer, claim });
  const pending = standing.kind === 'claimed' ? standing.current : standing.pending;
  const madeAt = claim.windowFrom ?? pending.createdAt;
  return {
    ...work,
    entry,
    kept: claim.keep,
    follows: 'attempt' in standing ? standing.attempt : null,
    mintAgain,
    old: standing.kind === 'claimed' ? work.old : standing.old,
    fields: pending.fields,
    phase: entry === 'back' ? 'reverted' : entry,
    mintedAt: madeAt === null ? null : Date.parse(madeAt),
  };
}

/**
 * A rotation of its own that takes the lock over from one that stopped: of two that do so at once, one wins.
 * @param carry - values that are made already and only have to be stored beside what is current now
 */
function takenOver({ input, run, issuer, standing, claim }: Taken, carry: Fields | null, mintAgain: boolean): Work {
  const { current, holder, kind } = standing;
  const { ecs, proof } = claim;
  const fresh = newClaim(input, run.hold.context, { base: current.versionId, choice: choiceOf(claim), ecs, proof });
  const windowFrom = kind === 'promoted' ? null : (claim.windowFrom ?? claim.since);
  const follows = [...claim.follows, claim.rotationId];
  const reason = input.reason ?? claim.reason;
  const work = workOf(input, run, {
    current,
    issuer,
    claim: { ...fresh, reason, follows, windowFrom, keep: claim.keep },
  });
  return {
    ...work,
    lock: holder,
    carry,
    kept: claim.keep,
    mintAgain,
    fields: new Map([...work.old, ...(carry ?? [])]),
    mintedAt: windowFrom === null ? null : Date.parse(windowFrom),
  };
}
