/**
 * A rotation: preflight → claim → mint → stage → test → promote → deploy → verify → before → record → clean. The list is
 * built from the staging labels and the claim, so a run after a crash goes on where they say.
 */
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { beginRun, newClaim, workOf, type Run } from './begin.ts';
import { isAtWork, runnerText, sinceText, type Claim } from './claim.ts';
import { glance, look, type Standing } from './plan.ts';
import { foreignError, otherError, overtakenError } from './refusal.ts';
import { goOn } from './resume.ts';
import { runForward } from './run.ts';
import { settled } from './settled.ts';
import type { Failure } from './steps.ts';
import type { RotateInput, RotateResult, Work } from './work.ts';

export type { RotateInput, RotateResult } from './work.ts';

/**
 * Rotate a secret. Where an earlier run stopped and its process is known to be gone, that one is finished instead.
 * @returns what was done; on a dry run, what would be
 * @throws JamfMcpError CONFLICT where another rotation is under way, naming it; PARTIAL where something was changed and
 *   something is left, with the {@link RotateResult} so far as `details`; REMOTE_FAILED where the deployment failed and
 *   everything was put back; INTERRUPTED; DECLINED; and before anything was changed whatever stood in the way
 */
export async function rotate(input: RotateInput, context: Context): Promise<RotateResult> {
  const run = await beginRun(input, context);
  const read = input.dryRun ? look : glance;
  const standing = await read(run.store, input.secret, run.hold.context);
  if (standing.kind !== 'free') return takeUp(input, run, standing);
  const ended = await begin(input, run, standing);
  if (!('error' in ended)) return ended;
  // What stood in the way may be another rotation, or one that stopped: the labels tell.
  const other = await lookAgain(run, input.secret, ended.error);
  if (other === null) throw ended.error;
  if (other.kind !== 'free') return takeUp(input, run, other);
  if (other.current.versionId === standing.current.versionId) throw ended.error;
  throw overtakenError(input, other.current.versionId, ended.error);
}

/** Errors that another rotation can lead to: of a value that it made, or a label that it moved. */
const CROSSED = ['CREDENTIALS_REFUSED', 'CONFLICT'];

async function lookAgain({ store, hold }: Run, name: string, error: unknown): Promise<Standing | null> {
  if (!(error instanceof JamfMcpError) || !CROSSED.includes(error.code)) return null;
  try {
    return await look(store, name, hold.context);
  } catch (thrown) {
    if (isInterruption(thrown)) throw thrown;
    hold.context.host.notify({ kind: 'debug', text: `the labels could not be read again: ${messageOf(thrown)}` });
    return null;
  }
}

/** Go on with a rotation that stopped, or say whose it is. */
async function takeUp(input: RotateInput, run: Run, seen: Exclude<Standing, { kind: 'free' }>): Promise<RotateResult> {
  const standing = await settled(input, run, seen);
  if (standing.kind === 'free') throw overtakenError(input, standing.current.versionId, null);
  if (standing.kind === 'foreign') throw foreignError(input, standing);
  const { clock } = run.hold.context;
  const dead = isAtWork(standing.claim, input.isRunning, clock.now()) === false;
  if (!dead || standing.claim.kind === 'undo' || !isAsked(input, standing.claim))
    throw otherError(input, standing, run.hold.context);
  const { by, since } = standing.claim;
  const text = `${runnerText(by)} began a rotation ${sinceText(since, clock.now())} and is gone: going on with that one`;
  run.hold.context.host.notify({ kind: 'warning', text });
  return goOn(input, run, standing);
}

/** Whether a rotation that stopped is the one that is asked for: the same fields, from the same issuer, the same way. */
function isAsked({ choice }: RotateInput, { issuer, fields, strategy }: Claim): boolean {
  // A second Jamf client brings its id along, which nobody has to ask for.
  const alone = issuer === 'jamf' ? fields.filter((name) => name !== 'JAMF_CLIENT_ID') : fields;
  const same = alone.length === choice.fields.length && alone.every((name) => choice.fields.includes(name));
  return same && choice.issuer === issuer && (choice.strategy ?? strategy) === strategy;
}

async function begin(
  input: RotateInput,
  run: Run,
  { current, lock }: Extract<Standing, { kind: 'free' }>,
): Promise<RotateResult | Failure> {
  const { choice, ecs, proof } = input;
  const { context } = run.hold;
  const issuer = (await input.issuers(choice))(context);
  const claim = newClaim(input, context, { base: current.versionId, choice, ecs, proof });
  const work: Work = { ...workOf(input, run, { current, issuer, claim }), lock, outcome: 'rotated' };
  return runForward(work, run.hold);
}
