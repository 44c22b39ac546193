/** Where a rotation stands: read from the staging labels, which are the only record there is. */
import { isInterruption, JamfMcpError } from '../errors.ts';
import type { Clock, Context } from '../host.ts';
import { secretDeleted } from '../secrets/document.ts';
import {
  AWSCURRENT,
  AWSPENDING,
  AWSPREVIOUS,
  versionWith,
  type Fields,
  type SecretInfo,
  type SecretStore,
  type SecretVersion,
} from '../secrets/store.ts';
import type { Issuer } from './issuer.ts';

/** What the labels say is left to do. */
export type RotationState = {
  info: SecretInfo;
  /** Version that AWSCURRENT is on. */
  currentId: string;
} & (
  | {
      /** Nothing was begun, or what was begun is of no use: `discard` is the version to take AWSPENDING off first. */
      kind: 'fresh';
      current: SecretVersion;
      discard: { versionId: string; why: string } | null;
    }
  /** A new value is staged and accepted: go on with testing it. */
  | { kind: 'staged'; pending: SecretVersion }
  /** The new value is current: go on with the deployment. */
  | { kind: 'promoted'; previousId: string | null }
);

/**
 * Read the labels, and decide. Changes nothing.
 * @param issuer - asked whether a staged value is accepted
 * @throws JamfMcpError SECRET_NOT_FOUND, SECRET_DELETED, CONFLICT (the store rotates this secret by itself), …
 */
export async function readState(
  store: SecretStore,
  name: string,
  issuer: Issuer,
  context: Context,
): Promise<RotationState> {
  const info = await store.describe(name);
  if (info.deletionAt !== null) throw secretDeleted(name, info.deletionAt);
  if (info.rotation.enabled) {
    throw new JamfMcpError(
      'CONFLICT',
      `secret ${name} has a rotation function on AWS; two rotations of one secret would undo each other; nothing was changed`,
      `let it do its work with \`aws secretsmanager rotate-secret --secret-id ${name}\`, or take it off with cancel-rotate-secret`,
    );
  }
  const pendingId = versionWith(info, AWSPENDING);
  const currentId = versionWith(info, AWSCURRENT);
  if (pendingId !== null && pendingId === currentId) {
    return { kind: 'promoted', info, currentId, previousId: versionWith(info, AWSPREVIOUS) };
  }
  const found = pendingId === null ? null : await readPending(store, name, pendingId, issuer, context);
  if (found && 'pending' in found && currentId !== null)
    return { kind: 'staged', info, currentId, pending: found.pending };
  const current = await store.read(name, { stage: AWSCURRENT });
  return {
    kind: 'fresh',
    info,
    currentId: current.versionId,
    current,
    discard: found && 'why' in found ? found : null,
  };
}

async function readPending(
  store: SecretStore,
  name: string,
  versionId: string,
  issuer: Issuer,
  context: Context,
): Promise<{ pending: SecretVersion } | { versionId: string; why: string }> {
  try {
    const pending = await store.read(name, { versionId });
    context.host.notify({
      kind: 'progress',
      text: `version ${versionId} is staged as AWSPENDING: asking ${issuer.title} whether it is accepted`,
    });
    await testPatiently(issuer, pending.fields, context);
    return { pending };
  } catch (error) {
    const why = error instanceof JamfMcpError ? UNUSABLE[error.code] : undefined;
    if (why === undefined) throw error;
    return { versionId, why: why.replace('ISSUER', issuer.title) };
  }
}

/** The errors that say that a staged version is of no use; any other may be over the next time. */
const UNUSABLE: Partial<Record<JamfMcpError['code'], string>> = {
  VERSION_NOT_FOUND: 'it holds no value',
  SECRET_MALFORMED: 'its value is not complete',
  CREDENTIALS_REFUSED: 'ISSUER refuses it',
};

/** How long a value that was just made may still be refused, and the first pause, in ms; Jamf Cloud has many nodes. */
const ACCEPTED_WITHIN_MS = 30_000;
const FIRST_PAUSE_MS = 1_000;

/**
 * Test a value, again and again while it is refused, for half a minute.
 * @returns what the issuer found, one line
 * @throws JamfMcpError as {@link Issuer.test}
 */
export function testPatiently(issuer: Issuer, fields: Fields, context: Context): Promise<string> {
  return again(() => issuer.test(fields), {
    context,
    withinMs: ACCEPTED_WITHIN_MS,
    firstPauseMs: FIRST_PAUSE_MS,
    when: (error) => error instanceof JamfMcpError && error.code === 'CREDENTIALS_REFUSED',
    waiting: `${issuer.title} does not accept the new value yet: it may take half a minute to be known everywhere`,
  });
}

/** How {@link again} repeats. */
export interface Patience {
  context: { clock: Clock; signal: AbortSignal; host: Context['host'] };
  /** Time from the first attempt to the last, in ms. */
  withinMs: number;
  /** In ms; doubles, with jitter. */
  firstPauseMs: number;
  /** Whether an error may pass. */
  when: (error: unknown) => boolean;
  /** What is being waited for. */
  waiting: string;
}

/**
 * Do something, and do it again while it fails in a way that may pass.
 * @throws the last error
 */
export async function again<T>(
  work: () => Promise<T>,
  { context, withinMs, firstPauseMs, when, waiting }: Patience,
): Promise<T> {
  const until = context.clock.now() + withinMs;
  for (let pause = firstPauseMs; ; pause *= 2) {
    try {
      return await work();
    } catch (error) {
      const ms = pause * (0.75 + Math.random() / 4);
      if (isInterruption(error) || !when(error) || context.clock.now() + ms > until) throw error;
      context.host.notify({ kind: 'progress', text: waiting });
      await context.clock.sleep(ms, context.signal);
    }
  }
}
