/** `secrets delete` and `secrets restore`. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { checkWindow } from './rules.ts';
import { runStep, type ChangeStep } from './steps.ts';
import { AWSCURRENT, versionWith, type SecretStore } from './store.ts';
import { orNull } from './write.ts';

/** What both commands work on. */
interface LifeRequest {
  store: SecretStore;
  secret: string;
  environment: string;
  dryRun: boolean;
}

/** What came of a deletion. */
export interface DeleteResult {
  /** `arn` is null where there is no such secret. */
  secret: { name: string; arn: string | null; store: string; environment: string };
  /** When it goes, or went, for good (ISO 8601, UTC); null in a dry run, and where there is no such secret. */
  deletionAt: string | null;
  /** Whether `secrets restore` can still bring it back. */
  restorable: boolean;
  changed: boolean;
  dryRun: boolean;
  steps: ChangeStep[];
}

/**
 * Delete a secret with everything in it: after a number of days in which it can be restored, or at once.
 *
 * A secret that is scheduled already keeps its date. Deleting at once what is not there is success, so that a run that
 * was killed can be repeated; otherwise a name that is not there is an error.
 * @param request - `windowDays`: 7 to 30, or 0 for at once
 * @throws JamfMcpError INPUT_INVALID, SECRET_NOT_FOUND, DECLINED, CONFIRMATION_REQUIRED, what the store throws
 */
export async function deleteSecret(
  request: LifeRequest & { windowDays: number },
  context: Context,
): Promise<DeleteResult> {
  const { store, secret, environment, windowDays, dryRun } = request;
  checkWindow(windowDays);
  const atOnce = windowDays === 0;
  const info = atOnce ? await orNull(store.describe(secret), 'SECRET_NOT_FOUND') : await store.describe(secret);
  const name = info?.name ?? secret;
  const scheduled = info?.deletionAt ?? null;
  const what = atOnce
    ? `delete secret ${name} and all its versions at once, which nothing takes back`
    : `delete secret ${name}; it can be restored for ${String(windowDays)} days`;
  const why = info === null ? `there is no secret ${name}` : `secret ${name} is scheduled for deletion already`;
  const nothing = info === null || (scheduled !== null && !atOnce);
  const result: DeleteResult = {
    secret: { name, arn: info?.arn ?? null, store: store.kind, environment },
    deletionAt: scheduled,
    restorable: info !== null && !atOnce,
    changed: false,
    dryRun,
    steps: [{ name: 'delete', state: nothing ? 'skipped' : 'planned', text: nothing ? why : what }],
  };
  if (dryRun || nothing) return result;
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  if (!(await context.host.ask({ kind: 'confirm-name', text: what, name }))) {
    throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed');
  }
  await runStep(result.steps, 'delete', context, async () => {
    result.deletionAt = (await store.remove(name, windowDays)).deletionAt;
    result.changed = true;
  });
  return result;
}

/** What came of a restoration. */
export interface RestoreResult {
  secret: { name: string; arn: string; store: string; environment: string };
  /** The version that is current. */
  versionId: string | null;
  /** When it would have gone for good; null where nothing was scheduled. */
  deletionAt: string | null;
  changed: boolean;
  dryRun: boolean;
  steps: ChangeStep[];
}

/**
 * Call a scheduled deletion off; a secret that is not scheduled is left as it is.
 * @throws JamfMcpError SECRET_NOT_FOUND where it is gone for good, what the store throws
 */
export async function restoreSecret(
  { store, secret, environment, dryRun }: LifeRequest,
  context: Context,
): Promise<RestoreResult> {
  const info = await store.describe(secret);
  const result: RestoreResult = {
    secret: { name: info.name, arn: info.arn, store: store.kind, environment },
    versionId: versionWith(info, AWSCURRENT),
    deletionAt: info.deletionAt,
    changed: false,
    dryRun,
    steps: [
      info.deletionAt === null
        ? { name: 'restore', state: 'skipped', text: `secret ${info.name} is not scheduled for deletion` }
        : { name: 'restore', state: 'planned', text: `call the deletion of secret ${info.name} off` },
    ],
  };
  if (dryRun || info.deletionAt === null) return result;
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  await runStep(result.steps, 'restore', context, async () => {
    await store.restore(info.name);
    result.changed = true;
  });
  return result;
}
