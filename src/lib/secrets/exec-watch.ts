/** `secrets exec --watch`: looks whether the secret has a new version, and restarts or signals the child. */
import { messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import type { PreparedChild } from './exec.ts';
import { versionWith, type SecretStore } from './store.ts';

/** A child process that runs. */
export interface RunningChild {
  /** Its exit code, or 128 + n where signal n ended it. Rejects where it could not be started. */
  readonly ended: Promise<number>;
  /** Hand it a signal. */
  signal(name: string): void;
}

/** What happens to the child when the secret has a new version. */
export type OnChange = { kind: 'restart' } | { kind: 'signal'; signal: string };

/** What {@link superviseChild} works with. Times are in ms. */
export interface Supervision {
  store: SecretStore;
  secret: string;
  /** Label of the version that is followed. */
  stage: string;
  intervalMs: number;
  /** How long a child that is restarted may take to end before it is killed. */
  stopWithinMs: number;
  onChange: OnChange;
  /** Read the secret anew and compose the environment. */
  prepare(): Promise<PreparedChild>;
  start(child: PreparedChild): RunningChild;
  /** How many signals that ask for an end came from outside so far. */
  askedToEnd(): number;
}

/**
 * Run a child, and look at every interval which version carries the label. Values are read only once the version is
 * another one, and before the old child is stopped: if they cannot be read, it stays. The label moves back too: any
 * change counts.
 * @returns the exit code of the child that ran last
 * @throws JamfMcpError what `prepare` and `describe` throw before the first child is started, and where a child cannot
 *   be started; later failures are warnings, since the child has what it needs
 */
export async function superviseChild(options: Supervision, context: Context): Promise<number> {
  const { store, secret, stage, onChange } = options;
  const versionNow = async () => versionWith(await store.describe(secret), stage);
  // Whoever may read the value but not describe the secret would never see a change: told before anything runs.
  await versionNow();
  const first = await options.prepare();
  let child = options.start(first);
  let version = first.versionId;
  let failure = '';

  /** Tell a failure once, not at every interval. */
  const warn = (error: unknown) => {
    const text = `the child keeps running with version ${version}: ${messageOf(error)}`;
    if (text !== failure) context.host.notify({ kind: 'warning', text });
    failure = text;
  };
  /** While the child runs; null as soon as it has ended. */
  const meanwhile = <T>(work: Promise<T>): Promise<T | null> => Promise.race([child.ended.then(() => null), work]);
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      const result = await meanwhile(work());
      failure = '';
      return result;
    } catch (error) {
      warn(error);
      return null;
    }
  };

  for (;;) {
    if (await endsWithin(child, options.intervalMs, context)) return child.ended;
    const seen = await attempt(versionNow);
    if (seen === null || seen === version) continue;
    if (onChange.kind === 'signal') {
      version = seen;
      context.host.notify({ kind: 'progress', text: `version ${seen} of the secret: ${onChange.signal} to the child` });
      child.signal(onChange.signal);
      continue;
    }
    const next = await attempt(() => options.prepare());
    if (next === null || next.versionId === version) continue;
    context.host.notify({ kind: 'progress', text: `version ${next.versionId} of the secret: the child is restarted` });
    const asked = options.askedToEnd();
    const code = await stop(child, options.stopWithinMs, context);
    if (options.askedToEnd() > asked) return code;
    version = next.versionId;
    child = options.start(next);
  }
}

async function stop(child: RunningChild, withinMs: number, context: Context): Promise<number> {
  child.signal('SIGTERM');
  if (!(await endsWithin(child, withinMs, context))) {
    context.host.notify({ kind: 'warning', text: 'the child did not end in time and is killed' });
    child.signal('SIGKILL');
  }
  return child.ended;
}

/** Whether the child ends within a time. */
async function endsWithin(child: RunningChild, ms: number, context: Context): Promise<boolean> {
  const enough = new AbortController();
  const late = context.clock.sleep(ms, enough.signal).then(() => false);
  try {
    return await Promise.race([child.ended.then(() => true), late]);
  } finally {
    enough.abort();
  }
}
