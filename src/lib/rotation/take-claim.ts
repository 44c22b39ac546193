/** The step claim: from its end on nobody else begins, and nothing that matters to anybody was changed. */
import { JamfMcpError } from '../errors.ts';
import { CLAIM_LABEL } from '../secrets/claim.ts';
import { AWSCURRENT, AWSPENDING } from '../secrets/store.ts';
import { claimFields, claimIdOf, claimIn, rotationIdFor, runnerText } from './claim.ts';
import { isInDoubt } from './failure.ts';
import { look, readIfThere } from './plan.ts';
import { attemptId } from './lambda-claim.ts';
import { otherError, overtakenError } from './refusal.ts';
import type { Step } from './steps.ts';
import type { Work } from './work.ts';

/** What the step does. */
const CLAIM_TEXT = 'claim the secret: AWSPENDING on a version that says who rotates it, so that nobody else begins';

/** Rotations from one version that were given up or put back, at most; one that came to its end begins another version. */
const MOST_ATTEMPTS = 100;

/** After this long, such as at a prompt, what was read is looked at once more, in ms. */
const FRESH_MS = 5_000;

/**
 * From this age on a claim that does not hold AWSPENDING never will without that look, in ms: {@link FRESH_MS}, and what
 * the clocks of two machines may differ.
 */
const OVER_AFTER_MS = 60_000;
const LOOK_AGAIN_MS = 2_000;

/**
 * Store the claim and take AWSPENDING for it.
 * @returns what was done, one line
 * @throws JamfMcpError CONFLICT where somebody else was quicker; what the store and the recorder throw
 */
async function takeClaim(work: Work): Promise<string> {
  const { input, store, lock, context } = work;
  await input.recorder(context).prepare();
  const claimId = await storeClaim(work);
  // From here on an answer that is lost may have been a success.
  work.phase = 'claimed';
  try {
    await store.moveLabel(input.secret, AWSPENDING, lock, claimId);
  } catch (error) {
    if (!isInDoubt(error)) work.phase = 'untouched';
    throw error;
  }
  const isFirst = work.claim.rotationId === rotationIdFor(work.claim.base, 0);
  if (!isFirst || context.clock.now() - work.begunAt > FRESH_MS) await requireCurrent(work);
  return `AWSPENDING is on version ${claimId}, which says who rotates it`;
}

/** What the step does where a run goes on with what another one had claimed. */
const FOLLOW_TEXT = 'claim what the earlier run left, so that nobody else goes on with it';

/**
 * Go on under the claim of a run that stopped: of two that do so at once, one gets the next number.
 * @throws JamfMcpError CONFLICT where somebody else was quicker
 */
async function followClaim({ input, store, claim, old, follows, context }: Work): Promise<string> {
  const token = attemptId(claim.rotationId, (follows ?? 0) + 1);
  const own = { ...claim, by: input.runner, since: new Date(context.clock.now()).toISOString() };
  try {
    await store.put(input.secret, claimFields(old, own), { token, stages: [CLAIM_LABEL] });
    return `version ${token} says who goes on`;
  } catch (error) {
    if (!(error instanceof JamfMcpError) || error.code !== 'CONFLICT') throw error;
    const standing = await look(store, input.secret, context);
    throw 'claim' in standing
      ? otherError(input, standing, context)
      : overtakenError(input, standing.current.versionId, error);
  }
}

/** The step claim, of a run that begins and of one that goes on. */
export const claimStep = (work: Work): Step =>
  work.follows === null
    ? { name: 'claim', text: CLAIM_TEXT, changes: true, run: () => takeClaim(work) }
    : { name: 'claim', text: FOLLOW_TEXT, changes: true, run: () => followClaim(work) };

/** The number of the rotation is the first that no other from the same version has. */
async function storeClaim(work: Work): Promise<string> {
  const { input, store, old } = work;
  for (let attempt = 0; ; attempt += 1) {
    work.claim = { ...work.claim, rotationId: rotationIdFor(work.claim.base, attempt) };
    const token = claimIdOf(work.claim.rotationId);
    try {
      await store.put(input.secret, claimFields(old, work.claim), { token, stages: [CLAIM_LABEL] });
      return token;
    } catch (error) {
      if (!(error instanceof JamfMcpError) || error.code !== 'CONFLICT' || attempt === MOST_ATTEMPTS) throw error;
      await untilOver(work, token, error);
    }
  }
}

/**
 * Wait until the rotation that has a number can be no other than one that was given up or put back.
 * @throws the error, where it turns out to be under way, or to have ended: whoever called looks whose it is
 */
async function untilOver(
  { input, store, lock, claim, context: { clock, host, signal }, context }: Work,
  token: string,
  error: JamfMcpError,
): Promise<void> {
  const version = await readIfThere(store, input.secret, token, context);
  const other = version && claimIn(version.fields);
  for (;;) {
    const standing = await look(store, input.secret, context);
    const holder = standing.kind === 'free' ? standing.lock : standing.holder;
    if (holder !== lock || standing.current.versionId !== claim.base) throw error;
    const left = other ? Date.parse(other.since) + OVER_AFTER_MS - clock.now() : 0;
    if (!other || left <= 0 || input.isRunning(other.by) === false) return;
    const text = `${runnerText(other.by)} began a rotation from the same version a moment ago: waiting for what becomes of it`;
    host.notify({ kind: 'progress', text });
    await clock.sleep(Math.min(left, LOOK_AGAIN_MS), signal);
  }
}

/** Somebody may have changed the secret in the meantime: minting from what was read then would take theirs away. */
async function requireCurrent({ input, store, claim }: Work): Promise<void> {
  const { versionId } = await store.read(input.secret, { stage: AWSCURRENT });
  if (versionId !== claim.base) throw overtakenError(input, versionId, null);
}
