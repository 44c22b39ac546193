/**
 * Going back: the issuer first, where it has to be told, and the proof that it accepts the value before; then the labels,
 * then new tasks. A circuit breaker alone cannot do that: the tasks it puts back read the new value again
 * (facts/rotation.md §2d).
 */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { AWSCURRENT } from '../secrets/store.ts';
import { endSteps } from './steps-of.ts';
import { acceptsPatiently, isRefused } from './patience.ts';
import { isVerdict, rollOut, WORDING } from './rollout.ts';
import type { Failure, Step } from './steps.ts';
import type { RotationRecord } from './record.ts';
import { wordsOf } from './words.ts';
import type { Work } from './work.ts';

/**
 * Whether the version before can be made current again.
 * @returns null where it can; otherwise why not
 */
export async function whyNoWayBack(work: Work): Promise<string | null> {
  const { issuer, old } = work;
  if (issuer.revert) return whyNotReverted(work);
  if (!issuer.accepts) return `whether ${issuer.title} still accepts the value before cannot be asked`;
  try {
    return (await issuer.accepts(old)) ? null : `${issuer.title} refuses the value before, so there is no way back`;
  } catch (error) {
    if (isInterruption(error)) throw error;
    return `whether ${issuer.title} still accepts the value before is not known (${messageOf(error)})`;
  }
}

/** What has to be told of the value before is told with the one that is accepted: the newer one, or that value already. */
async function whyNotReverted(work: Work): Promise<string | null> {
  const { issuer, old, fields, kept } = work;
  try {
    const { keep } = await issuer.prove(fields, kept).catch((error: unknown) => {
      if (!isRefused(error)) throw error;
      return issuer.prove(old, kept);
    });
    if (keep.size > 0) work.claim = { ...work.claim, keep };
    return null;
  } catch (error) {
    if (isInterruption(error)) throw error;
    return `${issuer.title} cannot be told to accept the value before again (${messageOf(error)})`;
  }
}

/**
 * The step that has the issuer accept the value before; none where it has not to be told.
 * @param which - of that value, in a sentence
 */
export function revertSteps(work: Work, which: string): Step[] {
  const { issuer, old, context } = work;
  const { title } = issuer;
  if (!issuer.revert) return [];
  const words = wordsOf(issuer);
  return [
    {
      name: 'revert',
      text: words.revert(which),
      changes: true,
      run: async () => {
        await issuer.revert?.(old, { newer: work.fields, kept: work.kept });
        if ((await acceptsPatiently(issuer, old, true, context)) !== false) return words.reverted(which);
        const text = `${title} was told to accept ${which} again, and refuses it`;
        throw new JamfMcpError('REMOTE_FAILED', text, `look at it in ${title}`);
      },
    },
  ];
}

/** Whether a rotation stopped in a way that going back is the answer to: the new tasks do not come up. */
export const calls = ({ step }: Failure, work: Work) =>
  step === WORDING.forward.deploy && work.phase === 'promoted' && isVerdict(work.deployment);

/** The error of a deployment that failed where only forward is left: it says so. */
export function forwardOnly({ error, ...failure }: Failure, why: string): Failure {
  const hint = error instanceof JamfMcpError ? error.hint : null;
  const told = new JamfMcpError('REMOTE_FAILED', `${messageOf(error)}; ${why}`, hint, { cause: error });
  return { ...failure, error: told };
}

/**
 * The steps back.
 * @param options - `from`: the version that is current; `to`: the one that is to be; `holder`: the one with AWSPENDING
 */
export function backSteps(
  work: Work,
  { from, to, holder, outcome }: { from: string; to: string; holder: () => string; outcome: RotationRecord['outcome'] },
): Step[] {
  const { input, store } = work;
  const rollout = rollOut(work, WORDING.back);
  return [
    ...revertSteps(work, 'the value before'),
    {
      name: 'back',
      text: `move AWSCURRENT back to version ${to}`,
      changes: true,
      skip: from === to ? 'an earlier run did this' : undefined,
      run: async () => {
        await store.moveLabel(input.secret, AWSCURRENT, from, to);
        work.phase = 'reverted';
        return `AWSCURRENT is version ${to} again`;
      },
    },
    rollout.deploy,
    rollout.verify,
    ...endSteps(work, outcome, holder),
  ];
}
