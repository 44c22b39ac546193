/** The part of a rotation that brings the new value to the tasks that run. */
import type { EcsTarget } from '../ecs/api.ts';
import {
  forceDeployment,
  givenOf,
  inspectService,
  watchDeployment,
  type FinishedDeployment,
  type ServiceOutlook,
  type StartedDeployment,
} from '../ecs/deployments.ts';
import { deploymentError } from '../ecs/failure.ts';
import type { proveInjection } from '../ecs/prove.ts';
import { proveTasksWithin, type TaskProof } from '../ecs/tasks.ts';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import type { Step } from './steps.ts';
import type { RunInput, Work } from './work.ts';

/** How services are redeployed. */
export interface Deployer {
  inspect(target: EcsTarget, context: Context): Promise<ServiceOutlook>;
  /** Which fields of a secret the tasks are given; `*` for all. */
  given: typeof givenOf;
  force(target: EcsTarget, context: Context): Promise<StartedDeployment>;
  watch(
    target: EcsTarget,
    deployment: StartedDeployment,
    context: Context,
    options: { limitMs: number },
  ): Promise<FinishedDeployment>;
  /** Waits for the tasks before it to go. */
  prove(target: EcsTarget, deployment: FinishedDeployment, context: Context): Promise<TaskProof>;
  proveInjection: typeof proveInjection;
}

const ecsDeployer: Deployer = {
  inspect: inspectService,
  given: givenOf,
  force: forceDeployment,
  watch: watchDeployment,
  prove: proveTasksWithin,
  proveInjection: async (...args) => (await import('../ecs/prove.ts')).proveInjection(...args),
};

/** How the services of a run are redeployed. */
export const deployerOf = ({ deployer = ecsDeployer }: RunInput): Deployer => deployer;

/** The words in which the steps speak of what they roll out. */
interface Wording {
  deploy: string;
  verify: string;
  /** Which value a task that was not replaced holds. */
  stale: string;
  /** Which value the new tasks have. */
  fresh: string;
  /** Until when they keep it where nothing is redeployed. */
  idle: string;
}

/** Rolling out a new value, and rolling out the one before again. */
export const WORDING: Record<'forward' | 'back', Wording> = {
  forward: {
    deploy: 'deploy',
    verify: 'verify',
    stale: 'the old secret',
    fresh: 'the new secret',
    idle: 'they are redeployed',
  },
  back: {
    deploy: 'redeploy',
    verify: 'reverify',
    stale: 'the new secret',
    fresh: 'the secret before',
    idle: 'they are redeployed, as the rule of a schedule does',
  },
};

/** What helps a rotation whose deployment ended otherwise, where no task says more: the command that goes on is told anyway. */
const NEXT = {
  failed: 'look at what it says with `jamf-mcp deploy status`, and mend it',
  'rolled-back': 'look at what it says with `jamf-mcp deploy status`, and mend it',
  superseded: 'let the other one end (`jamf-mcp deploy status --wait`)',
  'timed-out': 'give it longer',
};

/**
 * The steps deploy and verify for the service of a rotation.
 * @param wording - {@link WORDING}
 * @returns the steps, and a look at the service for the preflight: what was found, one line each
 */
export function rollOut(
  work: Work,
  wording: Wording,
): { inspect: () => Promise<string[]>; deploy: Step; verify: Step } {
  const { input, context } = work;
  const deployer = deployerOf(input);
  const target = work.claim.ecs && { ...work.claim.ecs, aws: input.aws };
  const name = target ? `${target.cluster}/${target.service}` : '';
  const skip = target
    ? undefined
    : `this run redeploys no service: running tasks keep ${wording.stale} until ${wording.idle}`;
  let steady: FinishedDeployment | null = null;

  return {
    async inspect() {
      const seen = target ?? (work.claim.proof && { ...work.claim.proof, aws: input.aws });
      if (!seen) return [];
      const { desired, running, underway, taskDefinition } = await deployer.inspect(seen, context);
      if (underway && target) {
        const text = `${name} is in the middle of the deployment ${underway}: the one of this rotation will take its place`;
        context.host.notify({ kind: 'warning', text });
      }
      if (target) await lookAtDefinition(work, target, taskDefinition);
      return [`${seen.cluster}/${seen.service} runs ${String(running)} of ${String(desired)} tasks`];
    },
    deploy: {
      name: wording.deploy,
      text: `force a new deployment of ${name}, and wait until it is steady`,
      changes: true,
      skip,
      run: async () => {
        if (!target) return '';
        const started = await deployer.force(target, context);
        context.host.notify({ kind: 'progress', text: `deployment ${started.id} of ${name} is under way` });
        const ended = await deployer.watch(target, started, context, { limitMs: input.limitMs });
        work.deployment = ended;
        if (ended.state !== 'steady') throw deploymentError(target, { ...ended, state: ended.state }, { next: NEXT });
        steady = ended;
        return `deployment ${ended.id} is steady, ${String(ended.running)} of ${String(ended.desired)} tasks running`;
      },
    },
    verify: {
      name: wording.verify,
      text: 'check that every running task was started by that deployment',
      changes: false,
      skip,
      run: async () => {
        if (!target || !steady) return '';
        const { running, old } = await deployer.prove(target, steady, context);
        if (old.length > 0 || running < steady.desired) throw unprovedError(old, running, steady.desired, wording);
        const known = absentOf(work)?.length === 0;
        if (known) work.inUseAt = context.clock.now();
        if (work.phase === 'promoted') work.phase = 'verified';
        return running === 0
          ? `the service is scaled to zero: no task holds ${wording.stale}`
          : `all ${String(running)} running tasks started ${known ? `with ${wording.fresh}` : `after ${wording.fresh} was current, ${unseenText(work)}`}`;
      },
    },
  };
}

/** Find out what the tasks are given of the secret, and warn of what they are not. */
async function lookAtDefinition(work: Work, target: EcsTarget, taskDefinition: string): Promise<void> {
  const { input, store, arn, context } = work;
  const { host } = context;
  try {
    // A task definition can name secrets of Secrets Manager alone.
    work.given =
      store.kind === 'aws' ? await deployerOf(input).given(target, { taskDefinition, secretArn: arn }, context) : [];
  } catch (error) {
    if (isInterruption(error)) throw error;
    host.notify({ kind: 'debug', text: `the task definition could not be read: ${messageOf(error)}` });
  }
  const absent = absentOf(work) ?? [];
  if (absent.length === 0) return;
  const where = store.kind === 'aws' ? `AWSCURRENT of ${input.secret}` : `a secret in the store ${store.kind}`;
  const text = `the task definition of ${target.cluster}/${target.service} does not give its tasks ${absent.join(', ')} of ${where}: a new deployment brings them the new value only if they read it themselves`;
  host.notify({ kind: 'warning', text });
}

/** The fields that are rotated and that the tasks are not given; null where it is not known what they are given. */
function absentOf({ given, claim }: Work): string[] | null {
  if (given === null) return null;
  return given.includes('*') ? [] : claim.fields.filter((field) => !given.includes(field));
}

function unseenText(work: Work): string {
  const absent = absentOf(work);
  return absent
    ? `but their task definition does not give them ${absent.join(', ')} of it: whether they read it themselves is not known`
    : 'but what their task definition gives them is not known';
}

/** Whether a deployment ended in a way in which another attempt with the same value would end too. */
export const isVerdict = (deployment: FinishedDeployment | null) =>
  deployment !== null && ['failed', 'rolled-back', 'timed-out'].includes(deployment.state);

/**
 * Whether new tasks could be had right now. Where ECS cannot be asked, nobody knows what the tasks hold: labels and
 * issuer that go back without them could end the very value that they run on.
 * @returns null where they could; otherwise why not
 */
export async function whyNoRedeployment({ input, claim, context }: Work): Promise<string | null> {
  if (!claim.ecs) return null;
  try {
    await deployerOf(input).inspect({ ...claim.ecs, aws: input.aws }, context);
    return null;
  } catch (error) {
    if (isInterruption(error)) throw error;
    context.host.notify({ kind: 'debug', text: `the service cannot be redeployed: ${messageOf(error)}` });
    return 'nothing was put back, because the service cannot be redeployed right now';
  }
}

function unprovedError(old: readonly string[], running: number, desired: number, { stale }: Wording): JamfMcpError {
  const what =
    old.length > 0
      ? `${String(old.length)} of ${String(running)} running tasks may hold ${stale}: ${old.join(', ')}`
      : `only ${String(running)} of ${String(desired)} tasks run`;
  return new JamfMcpError('REMOTE_FAILED', what, null);
}
