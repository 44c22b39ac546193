/** The steps of a change to a secret: what a dry run shows is what is run. */
import type { Context } from '../host.ts';

/** One step; `text` says what it does, or why it has nothing to do. */
export interface ChangeStep {
  name: string;
  state: 'planned' | 'done' | 'skipped';
  text: string;
}

/**
 * Run a planned step, telling the host of it. The work may say of its step that it was skipped after all, and why.
 * @param steps - the whole list; the step of that name is marked as done
 * @returns what the work returned, or null for a step that is not planned
 */
export async function runStep<Step extends ChangeStep, T>(
  steps: readonly Step[],
  name: Step['name'],
  context: Context,
  work: () => Promise<T>,
): Promise<T | null> {
  const step = steps.find((candidate) => candidate.name === name);
  if (step?.state !== 'planned') return null;
  context.signal.throwIfAborted();
  const started = context.clock.now();
  context.host.notify({ kind: 'step', ...step, state: 'started' });
  const outcome = await work();
  const { state } = step as ChangeStep;
  step.state = state === 'skipped' ? state : 'done';
  context.host.notify({ kind: 'step', ...step, state: step.state, durationMs: context.clock.now() - started });
  return outcome;
}
