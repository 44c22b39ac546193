/** `rotate schedule remove`: the rotation first, then what did it. */
import { PRODUCTION } from '../../config/settings.ts';
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretInfo } from '../../secrets/store.ts';
import { EVERY_TAG } from '../../secrets/due.ts';
import { holdable } from '../hold.ts';
import { runSteps, type Step, type StepResult } from '../steps.ts';
import { openClients } from './clients.ts';
import { partsOf } from './parts.ts';
import { planInForce, type StatusInput } from './status.ts';

/** What to remove. */
export interface RemoveInput extends StatusInput {
  dryRun: boolean;
  /** The command line that goes on. */
  command: string;
}

/** What was removed. */
export interface RemoveResult {
  secret: { name: string; arn: string; store: string; environment: string };
  steps: StepResult[];
  /** Parts that were there and are gone. */
  removed: string[];
  outcome: 'removed' | 'nothing' | 'planned';
}

/**
 * Take a schedule away, whatever is left of it; what cannot be removed is passed over and named in the end.
 * @throws JamfMcpError PARTIAL, naming what is left, with the {@link RemoveResult} so far as `details`; DECLINED …
 */
export async function removeSchedule(input: RemoveInput, context: Context): Promise<RemoveResult> {
  const { store, secret, environment, dryRun, command } = input;
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  const info = await store.describe(secret);
  const clients = store.kind === 'aws' ? openClients(input.aws, context) : null;
  const removed: string[] = [];
  const left: { name: string; error: unknown }[] = [];
  try {
    const parts = clients ? partsOf(await planInForce(input, info, clients), clients, context, true).reverse() : [];
    const own = parts.filter(({ name }) => name !== 'permissions'); // they go with the function
    const steps = own.map(({ name, remove }): Step => ({
      name,
      text: name === 'rotation' ? `no longer rotate ${secret}` : `remove the ${name}`,
      changes: true,
      run: async () => {
        try {
          if (!(await remove())) return `there was no ${name}`;
          removed.push(name);
          return name === 'rotation' ? `${secret} is no longer rotated` : `${name} removed`;
        } catch (error) {
          // The rotation goes first and alone: without its function it would only fail.
          if (name === 'rotation' || isInterruption(error)) throw error;
          left.push({ name, error });
          return `${name} could not be removed: ${messageOf(error)}`;
        }
      },
    }));
    if (info.tags[EVERY_TAG] !== undefined) {
      steps.push({
        name: 'due date',
        text: `take the tag ${EVERY_TAG} off ${secret}`,
        changes: true,
        run: async () => {
          await store.tag(secret, { [EVERY_TAG]: null });
          removed.push('due date');
          return 'no date is kept any more';
        },
      });
    }
    const { steps: results, failure } = await runSteps(steps, {
      dryRun,
      beforeChange: () => confirm(input, context),
      hold: holdable(context, { held: '', free: `ended; the same command goes on: ${command}`, limitMs: 0 }),
    });
    const result: RemoveResult = {
      secret: { name: info.name, arn: info.arn, store: store.kind, environment },
      steps: results,
      removed,
      outcome: dryRun ? 'planned' : removed.length > 0 ? 'removed' : 'nothing',
    };
    if (failure) throw failure.error;
    if (left.length > 0) throw leftError(left, command, result);
    warnOfPending(info, removed, context);
    return result;
  } finally {
    clients?.close();
  }
}

function leftError(left: readonly { name: string; error: unknown }[], command: string, details: unknown): JamfMcpError {
  const [first] = left;
  return new JamfMcpError(
    'PARTIAL',
    `nothing rotates the secret any more, but left are: ${left.map(({ name }) => name).join(', ')} (${messageOf(first?.error)})`,
    `go on with: ${command}`,
    { cause: first?.error, details },
  );
}

/** Cancelling a rotation that runs leaves its version staged (facts/rotation.md §2c). */
function warnOfPending(info: SecretInfo, removed: readonly string[], context: Context): void {
  const pendingId = versionWith(info, AWSPENDING);
  if (!removed.includes('rotation') || pendingId === null || pendingId === versionWith(info, AWSCURRENT)) return;
  const text = `a rotation had begun: version ${pendingId} of ${info.name} is still AWSPENDING; look with \`jamf-mcp rotate status\``;
  context.host.notify({ kind: 'warning', text });
}

async function confirm({ secret, environment, store }: RemoveInput, context: Context): Promise<void> {
  const what = `take the rotation schedule of ${secret} away`;
  const severe = store.kind === 'aws' && environment === PRODUCTION;
  const sure = await (severe
    ? context.host.ask({ kind: 'confirm-name', text: what, name: secret })
    : context.host.ask({ kind: 'confirm', text: `${what}?`, name: secret }));
  if (!sure) throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed', null);
}
