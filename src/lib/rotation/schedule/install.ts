/** `rotate schedule`: installs what rotates a secret on AWS, or stores a due date where the store rotates nothing. */
import type { AwsSettings } from '../../aws.ts';
import { PRODUCTION } from '../../config/settings.ts';
import { openEcs, type EcsTarget } from '../../ecs/api.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { secretDeleted } from '../../secrets/document.ts';
import type { SecretInfo, SecretStore } from '../../secrets/store.ts';
import { dueDate, dueText, EVERY_TAG, type Due } from '../../secrets/due.ts';
import { holdable } from '../hold.ts';
import type { Choice } from '../lambda.ts';
import { runSteps, type Step, type StepResult } from '../steps.ts';
import { openClients } from './clients.ts';
import type { Part } from './part.ts';
import { OTHER_FUNCTION } from './parts-function.ts';
import { partsOf } from './parts.ts';
import { arnsOf, planFor, zipDigest, type Plan } from './plan.ts';
import type { EncryptedSecret } from './role.ts';
import type { Rules } from './rules.ts';

/** What to install. */
export interface ScheduleInput {
  store: SecretStore;
  secret: string;
  environment: string;
  aws: AwsSettings;
  rules: Rules;
  /** What is made anew. */
  choice: Choice;
  /** Name of the secret with the client that mints; null: the rotated client mints for itself. */
  rotator: string | null;
  /** The service to redeploy after a rotation; null: none. */
  ecs: EcsTarget | null;
  /** The zip of the function. */
  zip: Uint8Array;
  dryRun: boolean;
  /** The command line that goes on where this one stops. */
  command: string;
}

/** What was installed, or would be. */
export interface ScheduleResult {
  secret: { name: string; arn: string; store: string; environment: string };
  /** `every 90 days` */
  schedule: string;
  steps: StepResult[];
  /** ARNs of what was installed, by part; null where the store rotates nothing. */
  installed: {
    function: string;
    role: string;
    queue: string;
    logGroup: string;
    rule: string | null;
    code: string;
  } | null;
  due: Due | null;
  outcome: 'scheduled' | 'planned';
}

/**
 * Install a schedule, or bring the one that is there up to date.
 * @returns what was done; on a dry run, what would be
 * @throws JamfMcpError SECRET_NOT_FOUND, INPUT_INVALID, DECLINED; PARTIAL where some parts are installed and one failed,
 *   with the {@link ScheduleResult} so far as `details`
 */
export async function installSchedule(input: ScheduleInput, context: Context): Promise<ScheduleResult> {
  const { store, secret } = input;
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  const info = await store.describe(secret);
  if (info.deletionAt !== null) throw secretDeleted(secret, info.deletionAt);
  return await (store.kind === 'aws' ? onAws(input, info, context) : byDate(input, info, context));
}

async function onAws(input: ScheduleInput, info: SecretInfo, context: Context): Promise<ScheduleResult> {
  if (input.choice.issuer === 'ask') {
    throw new JamfMcpError(
      'USAGE',
      `${input.choice.fields.join(', ')}: a person brings the value, and a rotation function can ask nobody`,
      'rotate it by hand with `jamf-mcp rotate --only FIELD`, or schedule a field that is issued or generated',
    );
  }
  const clients = openClients(input.aws, context);
  try {
    const plan = await planOf(input, info, context);
    const parts = partsOf(plan, clients, context);
    await warnOfAnother(parts, info, context);
    const steps = parts.map(({ name, text, install }) => ({ name, text, changes: true, run: install }));
    const done = await run(input, info, steps, context);
    const arns = arnsOf(plan);
    const { function: fn, role, queue, logGroup } = arns;
    return {
      ...done,
      installed: {
        ...{ function: fn, role, queue, logGroup },
        rule: plan.service ? arns.rule : null,
        code: zipDigest(plan.zip),
      },
    };
  } finally {
    clients.close();
  }
}

/** Look up everything that the plan names. */
async function planOf(input: ScheduleInput, info: SecretInfo, context: Context): Promise<Plan> {
  const { store, rotator, ecs, environment, aws, rules, choice, zip } = input;
  return planFor({
    environment,
    aws,
    rules,
    choice,
    zip,
    secret: encrypted(info),
    rotator: rotator === null ? null : encrypted(await store.describe(rotator)),
    service: ecs && { ...ecs, arn: await serviceArn(ecs, context) },
  });
}

const encrypted = ({ name, arn, kmsKeyId }: SecretInfo): EncryptedSecret & { name: string } => ({
  name,
  arn,
  kmsKeyId,
});

/** @throws JamfMcpError NOT_FOUND for a service that is not there */
async function serviceArn(ecs: EcsTarget, context: Context): Promise<string> {
  const api = await openEcs(ecs, context);
  try {
    const { serviceArn: arn } = await api.describeService();
    if (arn !== undefined) return arn;
    throw new JamfMcpError('REMOTE_FAILED', `ECS tells no ARN of ${ecs.cluster}/${ecs.service}`, null);
  } finally {
    api.close();
  }
}

/** A secret that is rotated by somebody else's function gets ours: that has to be said before it is confirmed. */
async function warnOfAnother(parts: readonly Part[], { name }: SecretInfo, context: Context): Promise<void> {
  const drift = await parts.find((part) => part.name === 'rotation')?.look();
  const other = drift?.find((text) => text.startsWith(OTHER_FUNCTION));
  if (other === undefined) return;
  const text = `${name} is rotated already, and ${other}; this function takes its place`;
  context.host.notify({ kind: 'warning', text });
}

/** Vault, Azure and the local store rotate nothing by themselves: they keep a date that everybody is reminded of. */
async function byDate(input: ScheduleInput, info: SecretInfo, context: Context): Promise<ScheduleResult> {
  const { store, rules, secret } = input;
  const { every } = rules;
  if (every === null || rules.rules.Duration !== undefined) {
    throw new JamfMcpError(
      'USAGE',
      `the store ${store.kind} rotates nothing by itself: it keeps how often, not a time of the day`,
      'pass --every alone, such as --every 90d',
    );
  }
  const step: Step = {
    name: 'due date',
    text: `keep ${rules.text} as a tag of ${secret}: status and serve remind of it`,
    changes: true,
    run: async () => {
      await store.tag(secret, { [EVERY_TAG]: every });
      return `${secret} is to be rotated ${rules.text}`;
    },
  };
  const done = await run(input, info, [step], context);
  return { ...done, installed: null };
}

async function run(
  input: ScheduleInput,
  info: SecretInfo,
  steps: readonly Step[],
  context: Context,
): Promise<Omit<ScheduleResult, 'installed'>> {
  const { store, secret, environment, rules, dryRun, command } = input;
  const hold = holdable(context, { held: '', free: `ended; the same command goes on: ${command}`, limitMs: 0 });
  const { steps: results, failure } = await runSteps(steps, {
    dryRun,
    beforeChange: () => confirm(input, context),
    hold,
  });
  const result = {
    secret: { name: info.name, arn: info.arn, store: store.kind, environment },
    schedule: rules.text,
    steps: results,
    due: null,
    outcome: dryRun ? ('planned' as const) : ('scheduled' as const),
  };
  if (failure) throw partial(failure, results, command, result);
  if (dryRun) return result;
  const due = dueDate(await store.describe(secret), context.clock.now());
  if (due) context.host.notify({ kind: 'progress', text: `${secret}: ${dueText(due)}` });
  return { ...result, due };
}

/** What stopped, and that the same command goes on; as it is where nothing was changed yet. */
export function partial(
  { step, error }: { step: string; error: unknown },
  results: readonly StepResult[],
  command: string,
  details: unknown,
): unknown {
  const done = results.filter(({ state }) => state === 'done').map(({ name }) => name);
  if (done.length === 0 || (error instanceof JamfMcpError && error.code === 'INTERRUPTED')) return error;
  const why = error instanceof Error ? error.message : String(error);
  const hint = error instanceof JamfMcpError && error.hint !== null ? `${error.hint}; then: ` : 'go on with: ';
  return new JamfMcpError('PARTIAL', `${step} failed: ${why}; done: ${done.join(', ')}`, `${hint}${command}`, {
    cause: error,
    details,
  });
}

async function confirm({ secret, environment, rules, ecs, store }: ScheduleInput, context: Context): Promise<void> {
  const redeploy = ecs ? ` and redeploy ${ecs.cluster}/${ecs.service} after each rotation` : '';
  const what =
    store.kind === 'aws'
      ? `let Secrets Manager rotate ${secret} ${rules.text}${redeploy}`
      : `keep that ${secret} is to be rotated ${rules.text}`;
  const severe = store.kind === 'aws' && environment === PRODUCTION;
  const sure = await (severe
    ? context.host.ask({ kind: 'confirm-name', text: what, name: secret })
    : context.host.ask({ kind: 'confirm', text: `${what}?`, name: secret }));
  if (!sure) throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed', null);
}
