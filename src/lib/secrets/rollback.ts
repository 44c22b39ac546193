/** `secrets rollback`: make an older version current again, by moving labels and nothing else. */
import { PRODUCTION } from '../config/settings.ts';
import { JamfMcpError, isInterruption } from '../errors.ts';
import type { Context } from '../host.ts';
import { compareFields, versionCalled, type FieldChange } from './compare.ts';
import { secretDeleted, versionNotFound } from './document.ts';
import { runStep, type ChangeStep } from './steps.ts';
import {
  AWSCURRENT,
  AWSPENDING,
  AWSPREVIOUS,
  versionWith,
  type Fields,
  type SecretInfo,
  type SecretStore,
} from './store.ts';
import { verifyJamf, type JamfProof } from './verify.ts';
import { orNull } from './write.ts';

/**
 * Marks the version that was rolled back from. AWSPREVIOUS moves on to that very version: without the mark, the same
 * command again, after a crash or by habit, would undo what it did.
 */
const ROLLED_BACK = 'JAMFMCPROLLEDBACK';

/** What `rollbackSecret` works on. */
export interface RollbackRequest {
  store: SecretStore;
  secret: string;
  environment: string;
  /** Staging label or id of the version to go back to. */
  to: string;
  /** Go back even where Jamf refuses the old client secret or cannot be asked. */
  force: boolean;
  dryRun: boolean;
}

/** What came of it. */
export interface RollbackResult {
  secret: { name: string; arn: string; store: string; environment: string };
  /** The version that is current now; in a dry run, the one that would be. */
  versionId: string;
  /** The version that was current before. */
  previousVersionId: string;
  /** What the change of versions changes. */
  fields: FieldChange[];
  /** What Jamf said of the version; null where it was not asked or did not accept it. */
  verified: JamfProof | null;
  changed: boolean;
  dryRun: boolean;
  steps: ChangeStep[];
}

/**
 * Make an older version current: AWSCURRENT by compare-and-swap, AWSPREVIOUS follows by itself.
 *
 * Whether Jamf still takes the old client secret is tried first: it refuses a client secret from the moment a new one
 * is made (rotation.md §2a), and then going back would only stop the server.
 * @throws JamfMcpError VERSION_NOT_FOUND, SECRET_DELETED, DECLINED; CONFLICT where a rotation is under way, where Jamf
 *   refuses the old client secret, or where somebody else changed the secret meanwhile; what Jamf and the store throw
 */
export async function rollbackSecret(request: RollbackRequest, context: Context): Promise<RollbackResult> {
  const { store, environment, dryRun } = request;
  const info = await store.describe(request.secret);
  if (info.deletionAt !== null) throw secretDeleted(info.name, info.deletionAt);
  const current = versionWith(info, AWSCURRENT);
  if (current === null) throw versionNotFound(info.name, { stage: AWSCURRENT });
  const target = await targetOf(request, info);
  const idle = nothingToDo(request, info, current, target);
  if (idle === null) refuseRotation(info, current, target);

  const [before, after] = await Promise.all([current, target].map((versionId) => store.read(info.name, { versionId })));
  const fields =
    before && after && idle === null ? compareFields(info.name, after.schema, before.fields, after.fields) : [];
  const ask = after?.schema.name === 'jamf' && fields.some(({ name }) => JAMF_CLIENT.includes(name));
  const verifying: ChangeStep = ask
    ? { name: 'verify', state: 'planned', text: `ask Jamf whether it still accepts the client of version ${target}` }
    : { name: 'verify', state: 'skipped', text: 'the Jamf client is not changed by it' };
  const result: RollbackResult = {
    secret: { name: info.name, arn: info.arn, store: store.kind, environment },
    versionId: idle === null ? target : current,
    previousVersionId: current,
    fields,
    verified: null,
    changed: false,
    dryRun,
    steps: [
      verifying,
      idle === null
        ? { name: 'move', state: 'planned', text: `move AWSCURRENT from version ${current} to ${target}` }
        : { name: 'move', state: 'skipped', text: idle },
    ],
  };
  if (idle !== null) return result;
  result.verified = after
    ? await runStep(result.steps, 'verify', context, () =>
        tryClient(
          request,
          target,
          after.fields,
          (why) => Object.assign(verifying, { state: 'skipped', text: why }),
          context,
        ),
      )
    : null;
  if (dryRun) return result;

  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  const what = `roll secret ${info.name} back from version ${current} to ${target}`;
  const sure = await (environment === PRODUCTION
    ? context.host.ask({ kind: 'confirm-name', text: what, name: info.name })
    : context.host.ask({ kind: 'confirm', text: `${what}?`, name: info.name }));
  if (!sure) throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed');
  await runStep(result.steps, 'move', context, () => move(store, info, current, target));
  result.changed = true;
  return result;
}

/** The fields that log in to Jamf. */
const JAMF_CLIENT: readonly string[] = ['JAMF_URL', 'JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'];

async function targetOf({ store, to }: RollbackRequest, info: SecretInfo): Promise<string> {
  const ref = await versionCalled(store, info, to);
  const target = 'versionId' in ref ? ref.versionId : versionWith(info, ref.stage);
  if (target === null) throw versionNotFound(info.name, ref);
  return target;
}

/** Why there is nothing to do, or null. */
function nothingToDo({ to }: RollbackRequest, info: SecretInfo, current: string, target: string): string | null {
  if (target === current) return `version ${target} is current already`;
  if (to !== AWSPREVIOUS || !info.stages[target]?.includes(ROLLED_BACK)) return null;
  return `it was rolled back from version ${target} already; --to ${target} would go forward to it again`;
}

/** AWSPENDING on a third version: its rotation would go on from fields that are not current any more. */
function refuseRotation(info: SecretInfo, current: string, target: string): void {
  const pending = versionWith(info, AWSPENDING);
  if (pending === null || pending === current || pending === target) return;
  throw new JamfMcpError(
    'CONFLICT',
    `secret ${info.name} is being rotated (AWSPENDING is on version ${pending}); nothing was changed`,
    'finish the rotation with `jamf-mcp rotate resume`, then roll back if it is still needed',
  );
}

/** @returns what Jamf said; null where it did not accept the client and the user insists */
async function tryClient(
  { force }: RollbackRequest,
  target: string,
  fields: Fields,
  skip: (why: string) => void,
  context: Context,
): Promise<JamfProof | null> {
  const values = Object.fromEntries([...fields].map(([name, value]) => [name, value.reveal()]));
  try {
    return await verifyJamf(values, context);
  } catch (error) {
    if (isInterruption(error) || !(error instanceof JamfMcpError)) throw error;
    const dead = error.code === 'CREDENTIALS_REFUSED';
    const told = dead
      ? new JamfMcpError(
          'CONFLICT',
          `Jamf does not accept the client secret of version ${target} any more: going back to it would stop the server`,
          'what is needed is a new one: `jamf-mcp rotate` (--force goes back all the same)',
          { cause: error },
        )
      : new JamfMcpError(
          error.code,
          `${error.message}; nothing was changed`,
          `${error.hint ?? 'try again'}; or go back without asking Jamf, with --force`,
          { cause: error },
        );
    if (!force) throw told;
    context.host.notify({ kind: 'warning', text: told.message.replace('; nothing was changed', '') });
    skip(`${dead ? 'Jamf refuses the client' : 'Jamf could not be asked'}; it is gone back to all the same (--force)`);
    return null;
  }
}

/** Each call can be the last one before a crash: the next run goes on from whatever the labels say. */
async function move(store: SecretStore, info: SecretInfo, current: string, target: string): Promise<void> {
  const { name } = info;
  const marked = versionWith(info, ROLLED_BACK);
  await store.moveLabel(name, ROLLED_BACK, marked, current);
  // Left on a version that is not current, AWSPENDING would say that a rotation is under way.
  if (versionWith(info, AWSPENDING) === current) await store.moveLabel(name, AWSPENDING, current, null);
  try {
    await store.moveLabel(name, AWSCURRENT, current, target);
  } catch (error) {
    const lost = error instanceof JamfMcpError && error.code === 'CONFLICT';
    if (lost && marked !== current) await orNull(store.moveLabel(name, ROLLED_BACK, current, marked), 'CONFLICT');
    throw error;
  }
}
