/**
 * The step prove: a one-off task is given AWSPENDING, so that what would keep new tasks from starting is known while
 * nothing has been made. AWSPENDING is then on the claim, which has every field of the secret; or on the draft, where
 * the value is known before the issuer is told of it. Either way a failure leaves all as it was.
 */
import { PROOF_LIMIT_MS } from '../ecs/prove.ts';
import { JamfMcpError } from '../errors.ts';
import { AWSPENDING } from '../secrets/store.ts';
import { deployerOf } from './rollout.ts';
import type { Step } from './steps.ts';
import type { Work } from './work.ts';

/**
 * The step, where the claim asks for it.
 * @param skip - why it has nothing to do any more
 * @returns a list of one, or none
 */
export function proofSteps(work: Work, skip: string | undefined): Step[] {
  const { input, context, arn } = work;
  const { proof } = work.claim;
  if (!proof) return [];
  const name = `${proof.cluster}/${proof.service}`;
  return [
    {
      name: 'prove',
      text: `start one task as ${name} does, and see that ECS gives it AWSPENDING`,
      changes: true,
      skip,
      run: async () => {
        const { fields } = work.claim;
        const { proved, absent, text, left } = await deployerOf(input).proveInjection(
          { ...proof, aws: input.aws },
          { secretArn: arn, fields, stage: AWSPENDING },
          context,
          { limitMs: Math.min(input.limitMs, PROOF_LIMIT_MS) },
        );
        if (!proved || absent.length > 0) throw notInjected(name, absent);
        return left.length === 0 ? text : `${text}; left behind: ${left.join('; ')}`;
      },
    },
  ];
}

function notInjected(service: string, absent: readonly string[]): JamfMcpError {
  return new JamfMcpError(
    'INPUT_INVALID',
    `the task definition of ${service} does not give its tasks ${absent.join(', ')} of AWSCURRENT: a new value would not reach them`,
    'name each under secrets of the container definition (valueFrom SECRET_ARN:FIELD::), or leave --prove-injection out',
  );
}
