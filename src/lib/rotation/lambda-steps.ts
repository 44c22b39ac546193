/**
 * The four steps of a rotation function (facts/rotation.md §2c): the same issuers and the same rules as `rotate`, in the
 * order in which Secrets Manager asks for them. Each may come again, late, twice at a time, or after a crash.
 */
import { JamfMcpError, type ErrorCode } from '../errors.ts';
import type { Context } from '../host.ts';
import { Secret } from '../redact.ts';
import { CLAIM_LABEL, withoutClaim } from '../secrets/claim.ts';
import {
  AWSCURRENT,
  AWSPENDING,
  versionWith,
  type Fields,
  type SecretInfo,
  type SecretStore,
  type SecretVersion,
} from '../secrets/store.ts';
import { claimFields, LEASE_MS, runnerText, type Claim } from './claim.ts';
import { isInDoubt } from './failure.ts';
import type { Issuer } from './issuer.ts';
import { attemptId, newestClaim, readIfThere } from './lambda-claim.ts';
import { again, isRefused, testPatiently } from './patience.ts';

/** What Secrets Manager calls a rotation function with. */
export interface RotationEvent {
  Step: string;
  SecretId: string;
  ClientRequestToken: string;
  RotationToken?: string | undefined;
}

/** What a step works with. */
export interface StepWork {
  store: SecretStore;
  /** Makes the issuer of this invocation. */
  issuer: () => Promise<Issuer>;
  context: Context;
  /** Who this is, in a claim: the invocation, and the function. */
  by: { user: string; host: string; pid: number };
}

/** One step at work. */
interface Running extends StepWork {
  secret: string;
  /** The rotation, and the version that it stores. */
  token: string;
  rotationToken: Secret | null;
  info: SecretInfo;
}

/** How long an invocation waits for the end of another, in ms. */
const WAIT_MS = 60_000;
const LOOK_AGAIN_MS = 2_000;

/** How long a version that was just written may stay invisible (aws/aws-sdk-js-v3#7701), and the first pause, in ms. */
const VISIBLE_WITHIN_MS = 10_000;
const FIRST_PAUSE_MS = 200;

/** Minting again while the first answer is in doubt, in ms. */
const MINT_WITHIN_MS = 15_000;

const STEPS: Readonly<Record<string, (work: Running) => Promise<string>>> = {
  createSecret,
  setSecret,
  testSecret,
  finishSecret,
};

/**
 * Do one step.
 * @returns what was done, one line
 * @throws JamfMcpError INPUT_INVALID for what is no step, CONFLICT where the labels do not allow it, and what store and
 *   issuer throw: Secrets Manager then tries again, and in the end gives the rotation up
 */
export async function rotationStep(event: RotationEvent, work: StepWork): Promise<string> {
  const { Step, SecretId: secret, ClientRequestToken: token, RotationToken } = event;
  const step = Object.hasOwn(STEPS, Step) ? STEPS[Step] : undefined;
  if (!step) throw new JamfMcpError('INPUT_INVALID', `there is no step ${Step} in a rotation`);
  const rotationToken = RotationToken === undefined ? null : new Secret(RotationToken);
  const info = await labelled(work, secret, token);
  const labels = info.stages[token] ?? [];
  if (labels.includes(AWSCURRENT)) return `version ${token} is AWSCURRENT already`;
  if (!labels.includes(AWSPENDING)) {
    throw new JamfMcpError('CONFLICT', `version ${token} of ${secret} is not AWSPENDING: this rotation is over`);
  }
  return await step({ ...work, secret, token, rotationToken, info });
}

/** The secret, once it knows the version. */
async function labelled({ store, context }: StepWork, secret: string, token: string): Promise<SecretInfo> {
  const look = async () => {
    const info = await store.describe(secret);
    if (!info.rotation.enabled) throw new JamfMcpError('CONFLICT', `secret ${secret} has no rotation enabled`);
    if (info.stages[token]) return info;
    throw new JamfMcpError('VERSION_NOT_FOUND', `secret ${secret} has no label on version ${token}`);
  };
  return await untilVisible(look, context, `waiting until ${secret} tells the labels of version ${token}`);
}

const untilVisible = <T>(work: () => Promise<T>, context: Context, waiting: string): Promise<T> =>
  again(work, {
    context,
    withinMs: VISIBLE_WITHIN_MS,
    firstPauseMs: FIRST_PAUSE_MS,
    when: (error) => hasCode(error, 'VERSION_NOT_FOUND'),
    waiting,
  });

const hasCode = (error: unknown, ...codes: ErrorCode[]) => error instanceof JamfMcpError && codes.includes(error.code);

/** Make a new value and store it, unless it is stored. */
async function createSecret(work: Running): Promise<string> {
  const { store, secret, token, context } = work;
  if (await readIfThere(store, secret, token)) return `version ${token} holds a value already`;
  const issuer = await work.issuer();
  const claimed = await claim(work, issuer);
  if (!claimed) return `version ${token} holds the value that another invocation made`;
  const { fields, until } = claimed;
  const made = issuer.draft ? await issuer.draft(fields) : await mintPatiently(issuer, fields, context);
  await again(() => put(work, token, new Map([...fields, ...made]), [AWSPENDING, CLAIM_LABEL]), {
    context,
    withinMs: Math.max(0, until - context.clock.now()),
    firstPauseMs: FIRST_PAUSE_MS,
    when: (error) => !hasCode(error, 'CONFLICT', 'ACCESS_DENIED'),
    waiting: 'the new value could not be stored yet: trying again, because it exists nowhere else',
  });
  return `${issuer.title} made a new value, stored as AWSPENDING in version ${token}`;
}

const mintPatiently = (issuer: Issuer, fields: Fields, context: Context) =>
  again(() => issuer.mint(fields), {
    context,
    withinMs: MINT_WITHIN_MS,
    firstPauseMs: FIRST_PAUSE_MS,
    when: isInDoubt,
    waiting: `${issuer.title} did not answer: asking for a new value again`,
  });

const put = ({ store, secret, rotationToken }: Running, token: string, fields: Fields, stages: readonly string[]) =>
  store.put(secret, fields, { token, stages, ...(rotationToken ? { rotationToken } : {}) });

/**
 * Get the rotation for this invocation alone, having proved that a value can be made.
 * @returns the fields to lay the new ones over, and until when they may be stored; null where the value was stored meanwhile
 * @throws JamfMcpError CONFLICT where another invocation is at it for too long
 */
async function claim(work: Running, issuer: Issuer): Promise<{ fields: Fields; until: number } | null> {
  const { store, secret, token, context, by } = work;
  const { clock } = context;
  const deadline = clock.now() + WAIT_MS;
  for (;;) {
    const { attempt, claim: before } = await newestClaim(store, secret, token);
    const left = before ? Date.parse(before.since) + LEASE_MS - clock.now() : 0;
    if (before && left > 0) {
      const text = `another invocation, ${runnerText(before.by)}, is making the new value of ${secret}`;
      if (clock.now() + LOOK_AGAIN_MS > deadline) throw new JamfMcpError('CONFLICT', text);
      context.host.notify({ kind: 'progress', text });
      await clock.sleep(LOOK_AGAIN_MS, context.signal);
    } else {
      const current = await store.read(secret, { stage: AWSCURRENT });
      const fields = withoutClaim(current.fields);
      const { text, strategy, keep } = await issuer.prove(fields, before?.keep ?? null);
      context.host.notify({ kind: 'progress', text });
      const now = clock.now();
      const mine: Claim = {
        kind: 'rotation',
        rotationId: token,
        by,
        since: new Date(now).toISOString(),
        reason: null,
        issuer: issuer.name,
        mode: null,
        fields: issuer.replaces,
        strategy,
        ecs: null,
        proof: null,
        base: current.versionId,
        target: null,
        follows: [],
        windowFrom: null,
        keep,
      };
      try {
        await put(work, attemptId(token, attempt + 1), claimFields(fields, mine), [CLAIM_LABEL]);
        return { fields, until: now + LEASE_MS };
      } catch (error) {
        if (!hasCode(error, 'CONFLICT')) throw error;
        context.host.notify({ kind: 'progress', text: 'another invocation was quicker' });
      }
    }
    if (await readIfThere(store, secret, token)) return null;
  }
}

/** Make a drafted value accepted; one that the issuer made itself is accepted from the start. */
async function setSecret(work: Running): Promise<string> {
  const { store, secret, context } = work;
  const { fields } = await staged(work);
  const issuer = await work.issuer();
  if (!issuer.draft) return `${issuer.title} made the value itself: it is set`;
  if ((await issuer.accepts?.(fields)) === true) return `${issuer.title} accepts the value already`;
  const current = await store.read(secret, { stage: AWSCURRENT });
  await issuer.prove(withoutClaim(current.fields), (await newestClaim(store, secret, work.token)).claim?.keep ?? null);
  await mintPatiently(issuer, fields, context);
  return `${issuer.title} was told the new value`;
}

/** Log in with the value; where none is staged, as when a schedule is only set, prove that one could be made. */
async function testSecret(work: Running): Promise<string> {
  const { store, secret, token, context } = work;
  const { claim: made } = await newestClaim(store, secret, token);
  const issuer = await work.issuer();
  const current = withoutClaim((await store.read(secret, { stage: AWSCURRENT })).fields);
  const version = made ? await stagedOrNull(work) : null;
  if (!version || !made) {
    const { text } = await issuer.prove(current, null);
    return `nothing is staged; a rotation can begin: ${text}`;
  }
  await prepareComparison(issuer, current, made.keep, context);
  try {
    return await testPatiently(issuer, version.fields, context);
  } catch (error) {
    if (!isRefused(error) || issuer.draft) throw error;
    // Refused for good, and a version cannot be written twice: only another rotation can help, and the label is in its way.
    await store.moveLabel(secret, AWSPENDING, token, null);
    throw new JamfMcpError(
      'CREDENTIALS_REFUSED',
      `${issuer.title} refuses the staged value of ${secret}: AWSPENDING was taken off version ${token}, so that the next rotation can begin`,
      null,
      { cause: error },
    );
  }
}

/** What the value before may do is compared where it can be asked: with one integration it may be refused by now. */
async function prepareComparison(issuer: Issuer, current: Fields, keep: Fields, context: Context): Promise<void> {
  try {
    await issuer.prove(current, keep);
  } catch (error) {
    if (!hasCode(error, 'CREDENTIALS_REFUSED', 'ACCESS_DENIED', 'INPUT_INVALID', 'NOT_FOUND')) throw error;
    const text = `what the value before may do cannot be asked any more (${issuer.title}): rights are not compared`;
    context.host.notify({ kind: 'warning', text });
  }
}

/** Make the staged value the current one, unless the secret was changed meanwhile, or the value is refused. */
async function finishSecret(work: Running): Promise<string> {
  const { store, secret, token, info } = work;
  const { fields } = await staged(work);
  const currentId = versionWith(info, AWSCURRENT);
  const { claim: made } = await newestClaim(store, secret, token);
  if (made && made.base !== currentId) {
    throw new JamfMcpError(
      'CONFLICT',
      `secret ${secret} was changed since the new value was made: AWSCURRENT is version ${String(currentId)}, not ${made.base}`,
      'rotate it by hand: `jamf-mcp rotate resume`',
    );
  }
  const issuer = await work.issuer();
  if ((await issuer.accepts?.(fields)) === false) {
    throw new JamfMcpError('CREDENTIALS_REFUSED', `${issuer.title} refuses the staged value: it is not promoted`);
  }
  await store.moveLabel(secret, AWSCURRENT, currentId, token);
  return `AWSCURRENT is version ${token}`;
}

/** The staged version, waited for while it may be invisible; null where it has no value. */
async function stagedOrNull({ store, secret, token, context }: Running): Promise<SecretVersion | null> {
  try {
    return await untilVisible(
      () => store.read(secret, { versionId: token }),
      context,
      `waiting until version ${token} can be read`,
    );
  } catch (error) {
    if (hasCode(error, 'VERSION_NOT_FOUND')) return null;
    throw error;
  }
}

async function staged(work: Running): Promise<SecretVersion> {
  const version = await stagedOrNull(work);
  if (version) return version;
  throw new JamfMcpError(
    'VERSION_NOT_FOUND',
    `version ${work.token} of ${work.secret} holds no value: createSecret has to come first`,
  );
}
