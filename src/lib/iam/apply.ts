/** `iam apply`: puts a policy on a role, after the difference was shown, judged and agreed to. */
import { identity, type AwsSettings } from '../aws.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { judgeChange, type Change } from './apply-judge.ts';
import { targetOf, type Target } from './apply-target.ts';
import { loadCatalogue } from './catalogue.ts';
import { patchOf } from './fix/patch.ts';
import { indented, withClients, type Clients } from './live/clients.ts';
import { roleFrom } from './live/read.ts';
import type { LiveRole } from './live/role.ts';
import type { Source } from './source.ts';

/** What is to be put where. */
export interface ApplyWish {
  /** The file with the policy; there has to be one. */
  sources: readonly Source[];
  /** Name or ARN. */
  role: string;
  /** Name of an inline policy, or ARN of a managed one that is attached; null: the one inline policy that there is. */
  policy: string | null;
  /** Task definition that the role has to go on serving; null: none is looked at. */
  taskDefinition: string | null;
  aws: AwsSettings;
  dryRun: boolean;
}

/** Result of `iam apply`. */
export interface ApplyResult extends Change {
  role: string;
  account: string;
  policy: { kind: 'inline' | 'managed'; name: string; created: boolean };
  /** Unified, of the policy as AWS has it and as it is to be; empty where they are equal. */
  patch: string;
  /** What is called. */
  steps: string[];
  outcome: 'applied' | 'planned' | 'unchanged';
}

/**
 * Put a policy on a role.
 * @returns what changed; on a dry run, what would
 * @throws JamfMcpError INPUT_INVALID for a policy that AWS refuses, that grants too much, or that takes a right away that
 *   the task needs; DECLINED; CONFLICT where the policy was changed meanwhile; NOT_FOUND, ACCESS_DENIED …
 */
export const applyPolicy = (wish: ApplyWish, context: Context): Promise<ApplyResult> =>
  withClients(wish.aws, context, (clients) => applyWith(clients, wish, context));

async function applyWith(clients: Clients, wish: ApplyWish, context: Context): Promise<ApplyResult> {
  const { sources, taskDefinition, dryRun } = wish;
  const [source, ...more] = sources;
  if (source === undefined || more.length > 0) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${String(sources.length)} files with policies, and one is put`,
      'name a file',
    );
  }
  const catalogue = await loadCatalogue();
  const [caller, role] = await Promise.all([identity(wish.aws, context), roleFrom(clients, wish.role)]);
  const target = await targetOf(clients, role, wish.policy);
  const wanted = await judgeChange({ clients, role, target, source, taskDefinition }, catalogue);
  const { kind, name, before } = target;
  const result: ApplyResult = {
    ...wanted.change,
    role: role.name,
    account: role.account,
    policy: { kind, name, created: before === null },
    patch: patchOf(target.address, before === null ? '' : `${before}\n`, `${wanted.text}\n`),
    steps: target.steps,
    outcome: 'planned',
  };
  if (result.patch === '') return { ...result, steps: [], outcome: 'unchanged' };
  if (dryRun) return result;
  const { account, region, arn: principal } = caller;
  context.host.notify({ kind: 'target', store: 'iam', account, region, principal });
  tell(result, context);
  await agree(result, target, context);
  await unchangedSince(clients, wish, target);
  await target.put(wanted.text);
  await arrived(clients, wish, target, wanted.text, context);
  return { ...result, outcome: 'applied' };
}

/** Warnings about what a policy may allow more: one a resource, of these at most. */
const MOST_TOLD = 8;

/** The difference, and what comes with it, before anybody is asked. */
function tell({ patch, gains }: ApplyResult, { host }: Context): void {
  for (const text of patch.trimEnd().split('\n')) host.notify({ kind: 'detail', text });
  const byResource = [...Map.groupBy(gains, ({ resource }) => resource)];
  for (const [resource, found] of byResource.slice(0, MOST_TOLD)) {
    const actions = found.map(({ action }) => action).join(', ');
    host.notify({ kind: 'warning', text: `not shown to be allowed now: on ${resource}: ${actions}` });
  }
  const more = byResource.length - MOST_TOLD;
  if (more > 0) host.notify({ kind: 'warning', text: `and on ${String(more)} more resources` });
}

/** Whoever allows more than before types the role's name. */
async function agree({ role, gains, losses }: ApplyResult, target: Target, context: Context): Promise<void> {
  const counted = (count: number) => `${String(count)} ${count === 1 ? 'right' : 'rights'}`;
  const less = losses.length === 0 ? '' : `, ${counted(losses.length)} less`;
  const more = gains.length === 0 ? 'nothing more' : `${counted(gains.length)} more`;
  const text = `${target.text} of the role ${role}: it is then allowed ${more}${less}`;
  const question =
    gains.length === 0
      ? ({ kind: 'confirm', text, name: role } as const)
      : ({ kind: 'confirm-name', text, name: role } as const);
  if (!(await context.host.ask(question))) throw new JamfMcpError('DECLINED', 'nothing was changed', null);
}

/** What was shown has to be what is replaced. */
async function unchangedSince(clients: Clients, wish: ApplyWish, target: Target): Promise<void> {
  if ((await textNow(clients, wish, target)) === target.before) return;
  throw new JamfMcpError(
    'CONFLICT',
    `the policy ${target.name} was changed while you were asked: nothing was put`,
    'run the command again to see the difference as it is now',
  );
}

/** IAM answers what was before for some seconds. */
const ARRIVES_WITHIN_MS = 30_000;
const PAUSE_MS = 1_000;

async function arrived(
  clients: Clients,
  wish: ApplyWish,
  target: Target,
  text: string,
  context: Context,
): Promise<void> {
  const end = context.clock.now() + ARRIVES_WITHIN_MS;
  while ((await textNow(clients, wish, target)) !== text) {
    if (context.clock.now() >= end) {
      throw new JamfMcpError(
        'TIMED_OUT',
        `IAM took the policy ${target.name} but does not show it after ${String(ARRIVES_WITHIN_MS / 1_000)} s`,
        'run the command again: it says what the difference is now',
      );
    }
    await context.clock.sleep(PAUSE_MS, context.signal);
  }
}

async function textNow(clients: Clients, wish: ApplyWish, target: Target): Promise<string | null> {
  const role: LiveRole = await roleFrom(clients, wish.role);
  const found = role.policies.find(({ kind, name }) => kind === target.kind && name === target.name);
  return found ? indented(found.source.text) : null;
}
