/** The part of a rotation that brings the new value to the tasks that run. */
import type { EcsTarget } from '../ecs/api.ts';
import { shortly } from '../ecs/reason.ts';
import { forceDeployment, inspectService, watchDeployment, type FinishedDeployment } from '../ecs/deployments.ts';
import { proveTasks, type StoppedTask } from '../ecs/tasks.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import type { Phase } from './failure.ts';
import type { Step } from './steps.ts';

/** What {@link rollOut} needs. */
export interface RolloutOptions {
  /** In ms. */
  limitMs: number;
  context: Context;
  /** Told of the deployment when it is over, however it ended, and of the proof. */
  work: { deployment: FinishedDeployment | null; phase: Phase };
}

/** How long old tasks may still show up after the deployment is steady, and the pause between two looks, in ms. */
const PROVED_WITHIN_MS = 60_000;
const PAUSE_MS = 2_000;

/**
 * The steps deploy and verify for one service.
 * @param target - null: both are skipped
 * @returns the steps, and a look at the service for the preflight: what was found, one line each
 */
export function rollOut(
  target: EcsTarget | null,
  { limitMs, context, work }: RolloutOptions,
): { inspect: () => Promise<string[]>; deploy: Step; verify: Step } {
  const name = target ? `${target.cluster}/${target.service}` : '';
  const skip = target
    ? undefined
    : 'without --force-deploy running tasks keep the old secret until they are redeployed';
  let steady: FinishedDeployment | null = null;

  return {
    async inspect() {
      if (!target) return [];
      const { desired, running, underway } = await inspectService(target, context);
      if (underway) {
        const text = `${name} is in the middle of the deployment ${underway}: the one of this rotation will take its place`;
        context.host.notify({ kind: 'warning', text });
      }
      return [`${name} runs ${String(running)} of ${String(desired)} tasks`];
    },
    deploy: {
      name: 'deploy',
      text: `force a new deployment of ${name}, and wait until it is steady`,
      changes: true,
      skip,
      run: async () => {
        if (!target) return '';
        const started = await forceDeployment(target, context);
        context.host.notify({ kind: 'progress', text: `deployment ${started.id} of ${name} is under way` });
        const ended = await watchDeployment(target, started, context, { limitMs });
        work.deployment = ended;
        if (ended.state !== 'steady') throw deploymentError(ended);
        steady = ended;
        return `deployment ${ended.id} is steady, ${String(ended.running)} of ${String(ended.desired)} tasks running`;
      },
    },
    verify: {
      name: 'verify',
      text: 'check that every running task was started by that deployment, after the promotion',
      changes: false,
      skip,
      run: async () => {
        if (!target || !steady) return '';
        const until = context.clock.now() + PROVED_WITHIN_MS;
        for (;;) {
          const { running, old } = await proveTasks(target, steady, context);
          if (old.length === 0 && running >= steady.desired) {
            work.phase = 'verified';
            return running === 0
              ? 'the service is scaled to zero: no task holds the old secret'
              : `all ${String(running)} running tasks started with the new secret`;
          }
          if (context.clock.now() + PAUSE_MS > until) throw unprovedError(old, running, steady.desired);
          await context.clock.sleep(PAUSE_MS, context.signal);
        }
      },
    },
  };
}

const ENDED: Record<Exclude<FinishedDeployment['state'], 'steady'>, string> = {
  failed: 'failed',
  'rolled-back': 'failed, and ECS put the tasks before it back',
  superseded: 'was pushed aside',
  'timed-out': 'was given up',
};

function deploymentError({ id, state, reason, stopped }: FinishedDeployment): JamfMcpError {
  const last = stopped.at(-1);
  const ended = state === 'steady' ? '' : ENDED[state];
  const why = last ? `; its tasks stop with: ${shortly(last.reason)}` : '';
  return new JamfMcpError(
    'REMOTE_FAILED',
    `deployment ${id} ${ended}: ${(reason ?? 'no reason given').replace(/\.$/, '')}${why}`,
    hintFor(state, last),
  );
}

function hintFor(state: FinishedDeployment['state'], last: StoppedTask | undefined): string | null {
  if (last?.why) return shortly(last.reason) === last.why.cause ? last.why.fix : `${last.why.cause}: ${last.why.fix}`;
  return state === 'timed-out' ? 'give it longer with --timeout' : null;
}

function unprovedError(old: readonly string[], running: number, desired: number): JamfMcpError {
  const what =
    old.length > 0
      ? `${String(old.length)} of ${String(running)} running tasks may hold the old secret: ${old.join(', ')}`
      : `only ${String(running)} of ${String(desired)} tasks run`;
  return new JamfMcpError('REMOTE_FAILED', what, null);
}
