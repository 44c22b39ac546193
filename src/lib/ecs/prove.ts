/**
 * Prove that ECS can give a version of the secret to a task, before that version becomes current: a one-off task is
 * started with the service's roles and network, whose secrets point at the staging label (`:KEY:AWSPENDING:`).
 */
import { randomBytes } from 'node:crypto';
import type { Service, Task } from '@aws-sdk/client-ecs';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';
import { idOf, openEcs, type EcsApi, type EcsTarget } from './api.ts';
import { isPassing } from './history.ts';
import { isMarked, proofDefinition, type ProofDefinition } from './proof-definition.ts';
import { condense } from './reason.ts';
import { stoppedTask } from './tasks.ts';

/** What {@link proveInjection} is to prove. */
export interface InjectionRequest {
  /** Full ARN of the secret. */
  secretArn: string;
  /** The fields that matter, such as those that a rotation changes; what of them the task is not given is told. */
  fields: readonly string[];
  /** Staging label of the version, such as AWSPENDING. */
  stage: string;
}

/** What was proved. */
export interface InjectionProof {
  /** False where the task definition gives no task anything that follows AWSCURRENT of this secret: nothing was run. */
  proved: boolean;
  taskArn: string | null;
  /** The copy; deregistered again. */
  taskDefinitionArn: string | null;
  /** The fields that the task was given; `*` for the whole value. */
  injected: readonly string[];
  /** Those of the fields asked for that the task definition does not name. */
  absent: readonly string[];
  /** One line for people. */
  text: string;
  /** What could not be removed again, each with the command that does. Empty where all is as before. */
  left: readonly string[];
}

/** How long a task may take to start, in ms, unless told otherwise. */
export const PROOF_LIMIT_MS = 5 * 60_000;

/** Pause between two looks at the task, in ms. */
const PAUSE_MS = 2_000;

/** A task that ECS has only just answered with may not be found yet, in ms. */
const APPEARS_WITHIN_MS = 30_000;

/**
 * Ends of a task that come after its secrets were resolved: the container was made, variables included, and then its
 * image had no `true`, or ended otherwise (ECS agent: a container is created when its asmsecret resource is).
 */
const AFTER_SECRETS = /CannotStartContainerError|CannotCreateContainerError|ContainerRuntimeError/;

/**
 * Start one task that is given the secret at a staging label, and see whether it starts. The task is stopped and its
 * task definition deregistered, however it ends, Ctrl-C included; what could not be removed is told and returned.
 * @param options - `limitMs`: how long the task may take to start, 5 minutes unless given
 * @throws JamfMcpError REMOTE_FAILED where the task could not start, with the reason of ECS, its cause and its fix;
 *   TIMED_OUT where it neither started nor failed; INPUT_INVALID for a service whose task sets have task definitions of their own;
 *   ACCESS_DENIED, NOT_FOUND …; INTERRUPTED
 */
export async function proveInjection(
  target: EcsTarget,
  request: InjectionRequest,
  context: Context,
  options: { limitMs?: number } = {},
): Promise<InjectionProof> {
  const ecs = await openEcs(target, context);
  // What was made is removed even where the user has asked to stop.
  const cleaner = await openEcs(target, { ...context, signal: new AbortController().signal });
  const mark = `jamf-mcp-proof/${randomBytes(8).toString('hex')}`;
  const made: Made = { family: null, definition: null, asked: false, task: null, mark };
  let failure: unknown = null;
  let left: string[] = [];
  let proof: Omit<InjectionProof, 'left'> | null = null;
  try {
    proof = await attempt(ecs, request, made, options.limitMs ?? PROOF_LIMIT_MS, context);
  } catch (error) {
    failure = error;
  } finally {
    left = await removeAll(cleaner, target, made, context);
    ecs.close();
    cleaner.close();
  }
  if (proof) return { ...proof, left };
  if (isInterruption(failure))
    throw new JamfMcpError('INTERRUPTED', 'interrupted', left[0] ?? null, { cause: failure });
  throw failure;
}

/** What has to be removed again. */
interface Made {
  /** Family of the copy, as soon as it was asked for. */
  family: string | null;
  definition: string | null;
  /** Whether a task was asked for. */
  asked: boolean;
  task: Task | null;
  /** On the copy and the task, so that both are found even where the answer that names them was lost. */
  mark: string;
}

async function attempt(
  ecs: EcsApi,
  { secretArn, fields, stage }: InjectionRequest,
  made: Made,
  limitMs: number,
  context: Context,
): Promise<Omit<InjectionProof, 'left'>> {
  const service = await ecs.describeService();
  if (service.taskDefinition === undefined) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `the service is deployed by ${service.deploymentController?.type ?? 'nobody'} and has no task definition of its own`,
      'leave the proof out: nothing was run',
    );
  }
  const original = await ecs.describeTaskDefinition(service.taskDefinition);
  const copy = proofDefinition(original, { secretArn, stage, mark: made.mark });
  const absent = missingFrom(copy, fields);
  if (!copy) {
    const text = `${idOf(original.taskDefinitionArn ?? '')} gives its tasks nothing that follows AWSCURRENT of this secret: there is nothing to prove`;
    return { proved: false, taskArn: null, taskDefinitionArn: null, injected: [], absent, text };
  }
  made.family = copy.definition.family ?? null;
  made.definition = await ecs.registerTaskDefinition(copy.definition);
  made.asked = true;
  made.task = await ecs.runTask({
    ...whereToRun(service),
    taskDefinition: made.definition,
    startedBy: made.mark,
    clientToken: randomBytes(16).toString('hex'),
  });
  const taskArn = made.task.taskArn ?? '';
  context.host.notify({ kind: 'progress', text: `task ${idOf(taskArn)} starts with ${stage}` });
  const how = await untilStarted(ecs, made, stage, limitMs, context);
  const given = copy.injected.includes('*') ? 'the whole value' : copy.injected.join(', ');
  const lacks = absent.length > 0 ? `; the task definition does not name ${absent.join(', ')}` : '';
  const text = `a task was given ${given} of ${stage} and ${how}${lacks}`;
  return { proved: true, taskArn, taskDefinitionArn: made.definition, injected: copy.injected, absent, text };
}

function missingFrom(copy: ProofDefinition | null, fields: readonly string[]): string[] {
  const injected = copy?.injected ?? [];
  return injected.includes('*') ? [] : fields.filter((field) => !injected.includes(field));
}

/** The service's own place: its subnets and security groups decide whether Secrets Manager can be reached. */
function whereToRun({ launchType, capacityProviderStrategy, platformVersion, networkConfiguration }: Service) {
  const providers = capacityProviderStrategy && capacityProviderStrategy.length > 0;
  return {
    networkConfiguration,
    platformVersion,
    ...(providers ? { capacityProviderStrategy } : { launchType }),
  };
}

/** Wait until the task runs, or is over. @returns how it went on after it had its secrets */
async function untilStarted(
  ecs: EcsApi,
  made: Made,
  stage: string,
  limitMs: number,
  context: Context,
): Promise<string> {
  const { clock, host, signal } = context;
  const begun = clock.now();
  const arn = made.task?.taskArn ?? '';
  let told = '';
  for (let task = made.task; ; task = await lookAt(ecs, arn, context)) {
    if (task) made.task = task;
    const { lastStatus = 'UNKNOWN' } = made.task ?? {};
    const over = task && outcomeOf(task, stage);
    if (over) return over;
    if (lastStatus !== told) host.notify({ kind: 'progress', text: `task ${idOf(arn)} is ${lastStatus}` });
    told = lastStatus;
    const elapsed = clock.now() - begun;
    if (!task && elapsed > APPEARS_WITHIN_MS) {
      throw new JamfMcpError('REMOTE_FAILED', `ECS started task ${idOf(arn)} and does not know it any more`, null);
    }
    if (elapsed >= limitMs) {
      throw new JamfMcpError(
        'TIMED_OUT',
        `the task that is to prove ${stage} neither started nor failed within ${String(Math.round(limitMs / 1000))} s: it is ${lastStatus}`,
        'its subnets may have no road to the registry or to Secrets Manager: look at routes, VPC endpoints and security groups',
      );
    }
    await clock.sleep(Math.min(PAUSE_MS, limitMs - elapsed), signal);
  }
}

async function lookAt(ecs: EcsApi, arn: string, context: Context): Promise<Task | null> {
  try {
    return (await ecs.describeTasks([arn]))[0] ?? null;
  } catch (error) {
    if (!isPassing(error)) throw error;
    context.host.notify({ kind: 'debug', text: `ecs: looking again after: ${messageOf(error)}` });
    return null;
  }
}

/**
 * @returns what the task did with its secrets; null while it has not got them
 * @throws JamfMcpError REMOTE_FAILED where it will never get them
 */
function outcomeOf(task: Task, stage: string): string | null {
  const { lastStatus = '', stopCode, startedAt, stoppedReason = '' } = task;
  if (stopCode === 'TaskFailedToStart') {
    const ended = stoppedTask({ ...task, lastStatus: 'STOPPED' });
    const reason = ended?.reason ?? stoppedReason;
    if (AFTER_SECRETS.test(reason)) return 'had it before its program was to start';
    throw new JamfMcpError(
      'REMOTE_FAILED',
      `a task could not be given ${stage}: ${condense(reason)}`,
      ended?.why
        ? `${ended.why.cause}: ${ended.why.fix}`
        : 'a deployment would fail for the same reason: mend it first',
      { details: { stopCode, reason } },
    );
  }
  // A task that never ran has no startedAt, though it goes through DEACTIVATING and the like as well.
  if (startedAt === undefined && lastStatus !== 'RUNNING') {
    if (lastStatus !== 'STOPPED') return null;
    const reason = stoppedTask(task)?.reason ?? stoppedReason;
    throw new JamfMcpError(
      'REMOTE_FAILED',
      `the task that is to prove ${stage} was stopped: ${condense(reason)}`,
      null,
    );
  }
  const code = task.containers?.find(({ exitCode }) => exitCode !== undefined)?.exitCode;
  return code === undefined ? 'runs' : `ended with exit code ${String(code)}`;
}

/** Remove the task and the definition. @returns what is left, each with the command that removes it */
async function removeAll(ecs: EcsApi, { cluster }: EcsTarget, made: Made, context: Context): Promise<string[]> {
  const left: string[] = [];
  const giveUp = (what: string, command: string, error: unknown) => {
    left.push(`${what}: ${command}`);
    const text = `${what} could not be removed: ${messageOf(error)}; remove it with \`${command}\``;
    context.host.notify({ kind: 'warning', text });
  };
  const remove = (what: string, command: string, work: () => Promise<void>) =>
    work().catch((error: unknown) => {
      giveUp(what, command, error);
    });
  const stop = (arn: string) =>
    remove(`task ${idOf(arn)}`, `aws ecs stop-task --cluster ${cluster} --task ${arn}`, () =>
      ecs.stopTask(arn, 'jamf-mcp: the proof is over'),
    );
  const { family, definition, task } = made;
  if (task) {
    if (task.desiredStatus !== 'STOPPED') await stop(task.taskArn ?? '');
  } else if (made.asked) {
    const find = `aws ecs list-tasks --cluster ${cluster} --started-by ${made.mark}`;
    await remove('a task that may have started', find, async () => {
      for (const arn of await ecs.listTaskArnsStartedBy(made.mark)) await stop(arn);
    });
  }
  if (family === null) return left;
  const deregister = (arn: string) =>
    remove(`task definition ${idOf(arn)}`, `aws ecs deregister-task-definition --task-definition ${arn}`, () =>
      ecs.deregisterTaskDefinition(arn),
    );
  if (definition !== null) await deregister(definition);
  try {
    for (const arn of await copiesOf(ecs, family, made)) await deregister(arn);
  } catch (error) {
    const command = `aws ecs list-task-definitions --family-prefix ${family}`;
    if (definition === null) giveUp('a task definition that may have been registered', command, error);
    else context.host.notify({ kind: 'debug', text: `ecs: copies cannot be looked for: ${messageOf(error)}` });
  }
  return left;
}

/** A call that was repeated because its answer was lost has registered more than one. */
async function copiesOf(ecs: EcsApi, family: string, { definition, mark }: Made): Promise<string[]> {
  const copies: string[] = [];
  for (const arn of await ecs.listTaskDefinitions(family)) {
    if (arn !== definition && isMarked(await ecs.describeTaskDefinition(arn), mark)) copies.push(arn);
  }
  return copies;
}
