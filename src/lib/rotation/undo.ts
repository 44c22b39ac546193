/** `rotate undo`: the version before the last rotation is current again, in the issuer and in every task too. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { withoutClaim } from '../secrets/claim.ts';
import { AWSPREVIOUS, versionWith, type Fields, type SecretVersion } from '../secrets/store.ts';
import { backSteps, whyNoWayBack } from './back.ts';
import { beginRun, newClaim, workOf, type Run } from './begin.ts';
import { claimIdOf, isAtWork, type Claim } from './claim.ts';
import { claimOf, type Claimed } from './plan.ts';
import { anew } from './failure.ts';
import { foreignError, otherError } from './refusal.ts';
import { goOn, issuerOf } from './resume.ts';
import { runBack } from './run.ts';
import { rollOut, WORDING } from './rollout.ts';
import { settled } from './settled.ts';
import { claimStep } from './take-claim.ts';
import type { Step } from './steps.ts';
import type { RotateResult, RunInput, Work } from './work.ts';

/**
 * Undo the last rotation, where the value before is still accepted or can be made so; one that is not finished, too.
 * @throws JamfMcpError CONFLICT where it cannot be undone, or another one is under way; else as {@link rotate}
 */
export async function undo(input: RunInput, context: Context): Promise<RotateResult> {
  const run = await beginRun(input, context);
  const standing = await settled(input, run);
  switch (standing.kind) {
    case 'free':
      return begin(input, run, standing.current, standing.lock);
    case 'foreign':
      throw foreignError(input, standing);
    case 'claimed':
    case 'staged':
      throw isAtWork(standing.claim, input.isRunning, run.hold.context.clock.now()) === true
        ? otherError(input, standing, run.hold.context)
        : new JamfMcpError(
            'CONFLICT',
            `the rotation of ${input.secret} that is under way has not made its value current: there is nothing to undo`,
            `give it up with: ${input.command('abort')}; or finish it: ${input.command('resume')}`,
          );
    case 'promoted':
    case 'reverted':
    case 'undoing':
      if (isAtWork(standing.claim, input.isRunning, run.hold.context.clock.now()) === true)
        throw otherError(input, standing, run.hold.context);
      return standing.kind === 'promoted' ? undoUnfinished(input, run, standing) : goOn(input, run, standing, true);
  }
}

async function begin(input: RunInput, run: Run, current: SecretVersion, lock: string | null): Promise<RotateResult> {
  const { context } = run.hold;
  const made = await claimOf(run.store, current, context, 0);
  if (!made) {
    throw new JamfMcpError(
      'CONFLICT',
      `version ${current.versionId} of ${input.secret} did not come of a rotation, so there is none to undo`,
      await rollbackHint(input, run),
    );
  }
  const { base, issuer, mode, fields, strategy, ecs } = made.claim;
  const fresh = newClaim(input, context, {
    base: current.versionId,
    choice: { issuer, mode, fields, strategy },
    ecs: input.ecs ?? ecs,
  });
  const claim: Claim = { ...fresh, kind: 'undo', target: base };
  const { keep: kept } = made.claim;
  const work: Work = { ...(await undoWork(input, run, current, claim)), old: made.old, kept, lock };
  return back(work, run, { from: current.versionId, to: base, fresh: true });
}

/** How an older version is made current where no rotation tells which. */
async function rollbackHint({ secret, command }: RunInput, { store }: Run): Promise<string> {
  const before = versionWith(await store.describe(secret), AWSPREVIOUS);
  return before === null
    ? 'there is no version before it; `jamf-mcp secrets history` lists what there is'
    : `make the version before it current with: ${command('rollback', { to: before })}`;
}

/** Go on with an undo that stopped. */
export async function goOnUndoing(
  input: RunInput,
  run: Run,
  { claim, current, attempt }: Extract<Claimed, { kind: 'undoing' }>,
): Promise<RotateResult> {
  const to = claim.target ?? claim.base;
  const { fields } = await run.store.read(input.secret, { versionId: to });
  const done = current.versionId === to;
  const ecs = input.noDeploy ? null : (input.ecs ?? claim.ecs);
  const work: Work = {
    ...(await undoWork(input, run, current, { ...claim, ecs })),
    old: withoutClaim(fields),
    kept: claim.keep,
    follows: attempt,
    entry: 'back',
    phase: done ? 'reverted' : 'claimed',
  };
  return back(work, run, { from: done ? to : claim.base, to, fresh: false });
}

/** A rotation whose value is current and whose end is still to come goes back under its own claim. */
async function undoUnfinished(
  input: RunInput,
  run: Run,
  { claim, current, old, attempt }: Extract<Claimed, { old: Fields }>,
): Promise<RotateResult> {
  const ecs = input.noDeploy ? null : (input.ecs ?? claim.ecs);
  const work: Work = {
    ...(await undoWork(input, run, current, { ...claim, ecs })),
    old,
    kept: claim.keep,
    follows: attempt,
    entry: 'back',
    phase: 'promoted',
  };
  return back(work, run, { from: claim.rotationId, to: claim.base, fresh: false });
}

async function back(
  work: Work,
  run: Run,
  { from, to, fresh }: { from: string; to: string; fresh: boolean },
): Promise<RotateResult> {
  const { input, claim } = work;
  const rollout = rollOut(work, WORDING.back);
  const preflight: Step = {
    name: 'preflight',
    text: `${work.issuer.accepts ? `check that ${work.issuer.title} still accepts the value before` : 'check that the value before is still there'}${claim.ecs ? ', and that the service can be redeployed' : ''}`,
    changes: false,
    run: async () => {
      const why = await whyNoWayBack(work);
      if (why !== null) {
        throw new JamfMcpError(
          'CONFLICT',
          `the rotation of ${input.secret} cannot be undone: ${why}; nothing was changed`,
          fresh
            ? `make a new value instead: ${input.command('rotate', anew(claim))}`
            : `go on with: ${input.command('resume')}`,
        );
      }
      return [`the value of version ${to} can be used again`, ...(await rollout.inspect())].join('; ');
    },
  };
  // The number of an undo is known when it is claimed.
  const holder = () => (claim.kind === 'undo' ? claimIdOf(work.claim.rotationId) : claim.rotationId);
  const list = [preflight, claimStep(work), ...backSteps(work, { from, to, holder, outcome: 'undone' })];
  const what = `undo the rotation of ${input.secret}: version ${to} is AWSCURRENT again`;
  return runBack(work, list, { hold: run.hold, outcome: 'undone', what });
}

async function undoWork(input: RunInput, run: Run, current: SecretVersion, claim: Claim): Promise<Work> {
  return workOf(input, run, { current, issuer: await issuerOf(input, claim, run.hold.context), claim });
}
