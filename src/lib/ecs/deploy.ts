/** `deploy`: new tasks for the service, so that they read the secret as it is now; followed, and proved. */
import { identity } from '../aws.ts';
import { isInterruption, JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import type { EcsTarget } from './api.ts';
import {
  forceDeployment,
  inspectService,
  watchDeployment,
  type FinishedDeployment,
  type ServiceOutlook,
  type StartedDeployment,
} from './deployments.ts';
import { deploymentError } from './failure.ts';
import { proveTasksWithin, type TaskProof } from './tasks.ts';
import { whoDeployed } from './trail.ts';

/** What {@link deployService} works on. */
export interface DeployRequest {
  target: EcsTarget;
  /** How long to wait for it, in ms. */
  limitMs: number;
  /** False: ask for the deployment and leave it to itself. */
  wait: boolean;
  dryRun: boolean;
  /** The command that looks at it later, with the flags that name this service. */
  status: string;
}

/** One step of a deployment. */
export interface DeployStep {
  name: 'check' | 'deploy' | 'watch' | 'verify';
  state: 'planned' | 'done' | 'skipped' | 'failed';
  text: string;
  /** ISO 8601, UTC; null for a step that did not run. */
  startedAt: string | null;
  durationMs: number | null;
}

/** What came of it; of a failure, this is in the error's details. */
export interface DeployResult {
  service: { cluster: string; name: string; account: string | null; region: string | null; taskDefinition: string };
  outcome: 'planned' | 'started' | FinishedDeployment['state'];
  /** Null where nothing was started. */
  deployment: FinishedDeployment | (StartedDeployment & { state: 'in-progress'; finishedAt: null }) | null;
  /** The deployment that was under way before, if there was one. */
  replaced: { id: string; startedAt: string | null; by: string | null } | null;
  /** Which tasks run after it; null where that was not waited for. */
  tasks: TaskProof | null;
  steps: DeployStep[];
}

/** What each step does, in the imperative; `--dry-run` shows this very list. */
const STEPS: readonly { name: DeployStep['name']; text: string }[] = [
  { name: 'check', text: 'look at the service, and who deploys it' },
  { name: 'deploy', text: 'force a new deployment with the task definition that the service has' },
  { name: 'watch', text: 'follow it by its id until it is over' },
  { name: 'verify', text: 'check that every running task was started by it' },
];

/**
 * Force a new deployment of a service, follow it and prove it.
 *
 * Ctrl-C leaves the deployment to ECS, which ends it as it would have ended anyway.
 * @throws JamfMcpError NOT_FOUND; INPUT_INVALID for a service that something other than ECS deploys, before any change;
 *   DECLINED; REMOTE_FAILED where it failed or was rolled back; CONFLICT where another took its place; PARTIAL where the
 *   time was up first; INTERRUPTED
 */
export async function deployService(request: DeployRequest, context: Context): Promise<DeployResult> {
  const { target, limitMs, wait, dryRun, status } = request;
  const result: DeployResult = {
    service: { cluster: target.cluster, name: target.service, account: null, region: null, taskDefinition: '' },
    outcome: 'planned',
    deployment: null,
    replaced: null,
    tasks: null,
    steps: STEPS.map((step) => ({ ...step, state: 'planned', startedAt: null, durationMs: null })),
  };
  const next = {
    superseded: `follow the other one with \`${status} --wait\`: its tasks read the secret as it is now, too`,
    'timed-out': `go on waiting with \`${status} --wait\`; what was seen so far: \`${status}\``,
    failed: `\`${status}\` tells what is left running; mend the cause, then repeat the command`,
    'rolled-back': `\`${status}\` tells what is left running; mend the cause, then repeat the command`,
  };
  const run = <Found>(name: DeployStep['name'], work: () => Promise<[Found, string]>) =>
    runStep(result.steps, name, work, context);

  const outlook = await run('check', async () => {
    const seen = await inspectService(target, context);
    result.service.taskDefinition = seen.taskDefinition;
    return [seen, checked(target, seen)];
  });
  if (dryRun) return result;

  await confirm(target, outlook, result, context);
  const started = await run('deploy', async () => {
    const deployment = await forceDeployment(target, context);
    result.deployment = { ...deployment, state: 'in-progress', finishedAt: null };
    result.outcome = 'started';
    return [deployment, `deployment ${deployment.id} is under way`];
  });
  if (!wait) {
    for (const step of result.steps) if (step.state === 'planned') step.state = 'skipped';
    return result;
  }

  try {
    const ended = await run('watch', async () => {
      const over = await watchDeployment(target, started, context, { limitMs });
      result.deployment = over;
      result.outcome = over.state;
      if (over.state !== 'steady')
        throw deploymentError(target, { ...over, state: over.state }, { next, details: result });
      return [over, `steady, ${String(over.running)} of ${String(over.desired)} tasks running`];
    });
    await run('verify', async () => {
      const proof = await proveTasksWithin(target, ended, context);
      result.tasks = proof;
      if (proof.old.length > 0 || proof.running < ended.desired)
        throw unproved(target, ended, proof, next['timed-out'], result);
      return [proof, proved(proof)];
    });
  } catch (error) {
    throw isInterruption(error) ? left(started, status, result, error) : error;
  }
  return result;
}

async function runStep<Found>(
  steps: readonly DeployStep[],
  name: DeployStep['name'],
  work: () => Promise<[Found, string]>,
  { host, clock }: Context,
): Promise<Found> {
  const step = steps.find((candidate) => candidate.name === name);
  const begun = clock.now();
  const tell = (state: 'started' | 'done' | 'failed', text: string) => {
    const durationMs = clock.now() - begun;
    if (step && state !== 'started')
      Object.assign(step, { state, text, durationMs, startedAt: new Date(begun).toISOString() });
    host.notify({ kind: 'step', name, state, text, ...(state === 'started' ? {} : { durationMs }) });
  };
  tell('started', step?.text ?? name);
  try {
    const [found, text] = await work();
    tell('done', text);
    return found;
  } catch (error) {
    tell('failed', step?.text ?? name);
    throw error;
  }
}

function checked({ cluster, service }: EcsTarget, { desired, running, breaker, underway }: ServiceOutlook): string {
  const counts =
    desired === 0
      ? 'is scaled to zero: no task will run, and the next one to start reads the secret as it is then'
      : `runs ${String(running)} of ${String(desired)} tasks`;
  const guard = breaker
    ? `; the circuit breaker trips at ${String(breaker.threshold)} failed tasks${breaker.rollback ? ' and rolls back' : ''}`
    : '; no circuit breaker, so a failing deployment goes on until the time is up';
  return `${cluster}/${service} ${counts}${desired === 0 ? '' : guard}${underway === null ? '' : `; deployment ${underway} is under way`}`;
}

/** Say what will be touched, whose deployment would be replaced, and have it confirmed. */
async function confirm(
  target: EcsTarget,
  { running, desired, underway, underwaySince }: ServiceOutlook,
  result: DeployResult,
  context: Context,
): Promise<void> {
  const caller = await identity(target.aws, context);
  Object.assign(result.service, { account: caller.account, region: caller.region });
  const where = { account: caller.account, region: caller.region, principal: caller.arn };
  context.host.notify({ kind: 'target', store: 'ecs', ...where });
  const name = `${target.cluster}/${target.service}`;
  let text = `redeploy ${name}, which runs ${String(running)} of ${String(desired)} tasks?`;
  if (underway !== null) {
    const by = underwaySince === null ? null : await whoDeployed(target, { startedAt: underwaySince }, context);
    result.replaced = { id: underway, startedAt: underwaySince, by };
    const since = underwaySince === null ? '' : ` since ${underwaySince}`;
    const who = by === null ? 'CloudTrail does not tell by whom (yet)' : by === caller.arn ? 'by yourself' : `by ${by}`;
    const told = `${name} is being deployed${since}, ${who}: ${underway}`;
    context.host.notify({ kind: 'warning', text: told });
    text = `put a new deployment of ${name} in the place of ${underway}, which is still under way?`;
  }
  const sure = await context.host.ask({ kind: 'confirm', text, name: target.service });
  if (!sure) throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed');
}

const proved = ({ running }: TaskProof) =>
  running === 0
    ? 'the service is scaled to zero: no task runs'
    : `all ${String(running)} running tasks read the secret after it began`;

function unproved(
  target: EcsTarget,
  { id, desired }: FinishedDeployment,
  { running, old }: TaskProof,
  next: string,
  details: DeployResult,
): JamfMcpError {
  const what =
    old.length > 0
      ? `${String(old.length)} of ${String(running)} running tasks were not started by it: ${old.join(', ')}`
      : `only ${String(running)} of ${String(desired)} tasks run`;
  const text = `deployment ${id} of ${target.cluster}/${target.service} is steady, but ${what}`;
  return new JamfMcpError('PARTIAL', text, next, { details });
}

function left(started: StartedDeployment, status: string, details: DeployResult, cause: unknown): JamfMcpError {
  return new JamfMcpError(
    'INTERRUPTED',
    `interrupted: deployment ${started.id} goes on without us`,
    `look at it with \`${status}\`, or go on waiting with \`${status} --wait\``,
    { cause, details },
  );
}
