/** The errors for deployments that did not become steady: what happened, why, and what to do next. */
import { JamfMcpError, type ErrorCode } from '../errors.ts';
import type { FinishedDeployment } from './deployments.ts';
import { shortly } from './reason.ts';
import type { StoppedTask } from './tasks.ts';

type Ending = Exclude<FinishedDeployment['state'], 'steady'>;

/** How each ending is told, and what can be done where no task says more. */
const ENDINGS: Readonly<Record<Ending, { code: ErrorCode; said: string; next: string }>> = {
  failed: {
    code: 'REMOTE_FAILED',
    said: 'failed',
    next: 'look at what it says with `jamf-mcp deploy status`, mend it, then repeat the command',
  },
  'rolled-back': {
    code: 'REMOTE_FAILED',
    said: 'failed, and ECS put the tasks before it back (they too read the secret as it is now)',
    next: 'look at what it says with `jamf-mcp deploy status`, mend it, then repeat the command',
  },
  superseded: {
    code: 'CONFLICT',
    said: 'was pushed aside',
    next: 'follow the other one with `jamf-mcp deploy status --wait`: its tasks read the secret as it is now, too',
  },
  // It goes on alone, so that what is left to do is to look, not to repeat.
  'timed-out': {
    code: 'PARTIAL',
    said: 'goes on, but was not waited for any longer',
    next: 'go on waiting with `jamf-mcp deploy status --wait`, or allow more with --timeout',
  },
};

/**
 * The error for a deployment that ended other than steady.
 * @param where - cluster and service
 * @param options - `again`: the command that goes on, in the place of the one here; `details`: for `--json`
 * @returns REMOTE_FAILED; CONFLICT where another deployment took its place; PARTIAL where it still goes on
 */
export function deploymentError(
  where: { cluster: string; service: string },
  { id, state, reason, stopped }: FinishedDeployment & { state: Ending },
  options: { next?: Partial<Record<Ending, string>>; details?: unknown } = {},
): JamfMcpError {
  const { code, said, next } = ENDINGS[state];
  const last = stopped.at(-1);
  const why = last ? `; its tasks stop with: ${shortly(last.reason)}` : '';
  const text = (reason ?? 'ECS gives no reason').replace(/\.$/, '');
  return new JamfMcpError(
    code,
    `deployment ${id} of ${where.cluster}/${where.service} ${said}: ${text}${why}`,
    fixFor(last) ?? options.next?.[state] ?? next,
    { details: options.details },
  );
}

function fixFor(last: StoppedTask | undefined): string | null {
  if (!last?.why) return null;
  const { cause, fix } = last.why;
  return shortly(last.reason) === cause ? fix : `${cause}: ${fix}`;
}
