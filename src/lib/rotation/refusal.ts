/** Why a secret is left alone: somebody else is at work on it. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { FUNCTION, isAtWork, runnerText, sinceText, type Runner } from './claim.ts';
import { HOW_FAR, type Claimed, type Standing } from './plan.ts';
import type { RunInput } from './work.ts';

/** CONFLICT: somebody else rotates this secret. */
export function otherError(input: RunInput, { claim, kind }: Claimed, context: Context): JamfMcpError {
  const { by, since, rotationId, issuer, fields, strategy } = claim;
  const what = claim.kind === 'undo' ? 'an undo' : 'a rotation';
  const now = context.clock.now();
  const running = isAtWork(claim, input.isRunning, now);
  return new JamfMcpError(
    'CONFLICT',
    `${what} of ${input.secret} by ${runnerText(by)} is under way ${sinceText(since, now)} (${strategy}, ${fields.join(', ')}): ${HOW_FAR[kind]}`,
    hintOf(input, by, running),
    {
      details: { holder: { kind: claim.kind, state: kind, rotationId, by, since, issuer, fields, strategy, running } },
    },
  );
}

function hintOf({ command }: RunInput, by: Runner, running: boolean | null): string {
  if (running === true) return `wait until it has ended; where it stands: ${command('status')}`;
  if (running === false) return `its process is gone: go on with: ${command('resume')}`;
  const gone = by.pid === FUNCTION ? 'if Secrets Manager has given it up' : 'if that process is gone';
  return `wait until it has ended; ${gone}, go on with: ${command('resume')}`;
}

/** CONFLICT: AWSPENDING is on a version that nothing of ours put it on. */
export function foreignError(input: RunInput, { holder, why }: Extract<Standing, { kind: 'foreign' }>): JamfMcpError {
  return new JamfMcpError(
    'CONFLICT',
    `AWSPENDING of ${input.secret} is on version ${holder}, which no rotation of this program put there (${why}): a rotation function of AWS is at work, or stopped`,
    `wait until it has ended; if it never will, take the label off: ${input.command('abort')}`,
    { details: { holder: { kind: 'foreign', versionId: holder, why } } },
  );
}

/** CONFLICT: another rotation has come to its end since this one began. */
export function overtakenError(input: RunInput, currentId: string, cause: unknown): JamfMcpError {
  return new JamfMcpError(
    'CONFLICT',
    `another rotation of ${input.secret} has ended since this one began: version ${currentId} is AWSCURRENT now; nothing was changed`,
    `where it is to be rotated once more: ${input.command('rotate')}`,
    { cause },
  );
}
