/**
 * The step machine: a change is a list of steps, and the list that `--dry-run` shows is the list that runs.
 * It knows nothing of what the steps do.
 */
import { JamfMcpError } from '../errors.ts';
import type { Hold } from './hold.ts';

/** One step of a change. */
export interface Step {
  name: string;
  /** What it does, in the imperative: `store it as AWSPENDING`. */
  text: string;
  /** False for a step that only looks: a dry run carries out those that stand before the first change. */
  changes: boolean;
  /** Why it has nothing to do; absent for a step that runs. */
  skip?: string | undefined;
  /** Ctrl-C waits until this step, and those right after it that say the same, are over. */
  held?: boolean;
  /** Do it, knowing what became of the steps before. @returns what was done or found, one line */
  run(before: readonly StepResult[]): Promise<string>;
}

/** What became of a step. */
export interface StepResult {
  name: string;
  state: 'done' | 'skipped' | 'failed' | 'planned';
  /** What was done or found, why it was skipped, or what would be done. */
  text: string;
  /** ISO 8601, UTC; null for a step that did not run. */
  startedAt: string | null;
  durationMs: number | null;
}

/** What became of a list of steps. */
export interface RunResult {
  steps: StepResult[];
  /** The step that failed and what it threw; those after it did not run and stand as `planned`. */
  failure: Failure | null;
}

/** Where a list stopped. */
export interface Failure {
  step: string;
  error: unknown;
  /** False where it was not begun: interrupted before it, or not confirmed. */
  begun: boolean;
}

/** How to run a list. */
export interface RunOptions {
  /** Stop before the first step that changes something. */
  dryRun: boolean;
  /** Awaited once, before the first step that changes something: the place to ask for confirmation. */
  beforeChange: () => Promise<void>;
  hold: Hold;
}

/**
 * Run steps in order, telling the host of each, until one fails or, on a dry run, would change something.
 * @returns one result a step, in order; a failure is a result, not an error
 */
export async function runSteps(steps: readonly Step[], { dryRun, beforeChange, hold }: RunOptions): Promise<RunResult> {
  const { host, signal, clock } = hold.context;
  const results: StepResult[] = [];
  let failure = null as Failure | null;
  let changing = false;

  const runOne = async (step: Step): Promise<StepResult> => {
    if (!step.held) hold.end();
    if (signal.aborted) throw new JamfMcpError('INTERRUPTED', `interrupted before the step ${step.name}`);
    if (step.changes && !changing) await beforeChange();
    changing ||= step.changes;
    if (step.held) hold.begin();
    const started = clock.now();
    const tell = (state: 'started' | 'done' | 'failed', text: string): StepResult => {
      const durationMs = clock.now() - started;
      host.notify({ kind: 'step', name: step.name, state, text, ...(state === 'started' ? {} : { durationMs }) });
      const ended = state === 'done' ? 'done' : 'failed';
      return { name: step.name, state: ended, text, startedAt: new Date(started).toISOString(), durationMs };
    };
    tell('started', step.text);
    try {
      return tell('done', await step.run(results));
    } catch (error) {
      failure = { step: step.name, error, begun: true };
      return tell('failed', step.text);
    }
  };

  for (const step of steps) {
    const ahead: boolean = failure !== null || (dryRun && (changing || step.changes));
    changing ||= ahead && step.changes;
    if (step.skip !== undefined) {
      results.push(idle(step, 'skipped', step.skip));
      if (!ahead) host.notify({ kind: 'step', name: step.name, state: 'skipped', text: step.skip });
    } else if (ahead) {
      results.push(idle(step, 'planned', step.text));
    } else {
      try {
        results.push(await runOne(step));
      } catch (error) {
        failure = { step: step.name, error, begun: false };
        results.push(idle(step, 'planned', step.text));
      }
    }
  }
  hold.end();
  return { steps: results, failure };
}

const idle = ({ name }: Step, state: 'skipped' | 'planned', text: string): StepResult => ({
  name,
  state,
  text,
  startedAt: null,
  durationMs: null,
});
