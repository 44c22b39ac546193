/**
 * Going back: the labels first, then the issuer where it has to be told, then new tasks. A circuit breaker alone cannot
 * do that: the tasks it puts back read the new value again (facts/rotation.md §2d).
 */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { AWSCURRENT } from '../secrets/store.ts';
import { endSteps } from './steps-of.ts';
import { isVerdict, rollOut, WORDING } from './rollout.ts';
import type { Failure, Step } from './steps.ts';
import type { RotationRecord } from './record.ts';
import { wordsOf } from './words.ts';
import type { Work } from './work.ts';

/**
 * Whether the version before can be made current again.
 * @returns null where it can; otherwise why not
 */
export async function whyNoWayBack({ issuer, old }: Work): Promise<string | null> {
  if (issuer.revert) return null;
  if (!issuer.accepts) return `whether ${issuer.title} still accepts the value before cannot be asked`;
  try {
    return (await issuer.accepts(old)) ? null : `${issuer.title} refuses the value before, so there is no way back`;
  } catch (error) {
    if (isInterruption(error)) throw error;
    return `whether ${issuer.title} still accepts the value before is not known (${messageOf(error)})`;
  }
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
  const { input, store, issuer, old } = work;
  const rollout = rollOut(work, WORDING.back);
  const words = wordsOf(issuer);
  return [
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
    ...(issuer.revert
      ? [
          {
            name: 'revert',
            text: words.revert('the value before'),
            changes: true,
            run: async () => {
              await issuer.revert?.(old);
              return words.reverted('the value before');
            },
          },
        ]
      : []),
    rollout.deploy,
    rollout.verify,
    ...endSteps(work, outcome, holder),
  ];
}
