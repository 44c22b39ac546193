/** `secrets reveal`, and the gate that everything passes that lets values out: a reason, a confirmation, a record. */
import { PRODUCTION } from '../config/settings.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { userVersion } from './claim.ts';
import { recordBreakGlass } from './breakglass.ts';
import { fieldCalled } from './schema.ts';
import type { SecretStore, SecretVersion } from './store.ts';
import { orNull } from './write.ts';

/** Longest reason, in characters: one sentence and the number of a ticket. */
const LONGEST_REASON = 500;

/** What {@link release} needs to know. */
export interface ReleaseRequest {
  /** Opened with the reason, so that the store's own log carries it. */
  store: SecretStore;
  secret: string;
  environment: string;
  /** Staging label of the version to read. */
  stage: string;
  /** The fields asked for; empty for all. */
  fields: readonly string[];
  /** `reveal`, `export dotenv` … */
  action: string;
  reason: string | undefined;
  user: string | null;
  /** Folder of the break-glass log. */
  folder: string;
}

/** A version that may be shown, and where that was recorded. */
export interface Released {
  version: SecretVersion;
  /** The reason as it was recorded. */
  reason: string;
  log: string;
}

/**
 * Read values that are to be shown: never before a reason was given, a person confirmed it where the environment is
 * production, and both were recorded in the break-glass log.
 * @throws JamfMcpError INPUT_MISSING or INPUT_INVALID for the reason, CONFIRMATION_REQUIRED, DECLINED, what the store throws
 */
export async function release(request: ReleaseRequest, context: Context): Promise<Released> {
  const { store, secret, environment, action, fields } = request;
  const reason = checkReason(request.reason);
  const what = fields.length > 0 ? fields.join(', ') : 'every value';
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  // Nobody is asked to type the name of a secret that is not there, or signs a reason for it.
  if (environment === PRODUCTION) await orNull(store.describe(secret), 'ACCESS_DENIED');
  const confirmed =
    environment !== PRODUCTION ||
    (await context.host.ask({
      kind: 'confirm-name',
      text: `${action}: show ${what} of secret ${secret}`,
      name: secret,
    }));
  if (!confirmed) throw new JamfMcpError('DECLINED', 'declined; nothing was read');
  context.signal.throwIfAborted();
  const at = new Date(context.clock.now()).toISOString();
  const entry = { at, secret, store: store.kind, environment, action, fields, reason, user: request.user };
  const log = await recordBreakGlass(request.folder, entry, context);
  return { version: userVersion(await store.read(secret, { stage: request.stage })), reason, log };
}

/** @throws JamfMcpError INPUT_MISSING, INPUT_INVALID */
function checkReason(given: string | undefined): string {
  const reason = (given ?? '').trim().replace(/\s+/g, ' ');
  const hint = 'say what for with --reason, such as --reason "INC-4711: vendor needs the client id checked"';
  if (reason === '') throw new JamfMcpError('INPUT_MISSING', 'showing values takes a reason', hint);
  if (reason.length > LONGEST_REASON || /\p{Cc}/u.test(reason))
    throw new JamfMcpError(
      'INPUT_INVALID',
      `a reason is one line of at most ${String(LONGEST_REASON)} characters`,
      hint,
    );
  return reason;
}

/** What `secrets reveal` gives: the values themselves. */
export interface RevealResult {
  secret: { name: string; arn: string; store: string; environment: string };
  versionId: string;
  /** Field names and their values in plain text. */
  values: Record<string, string>;
  reason: string;
  /** The break-glass log that has the record. */
  log: string;
}

/**
 * The values of one field or of all.
 * @param request - `field`: null for all; may be spelt as the schema allows
 * @throws JamfMcpError as {@link release}; NOT_FOUND where the secret has no such field
 */
export async function revealSecret(
  request: Omit<ReleaseRequest, 'fields' | 'action'> & { field: string | null },
  context: Context,
): Promise<RevealResult> {
  const { field } = request;
  const { version, reason, log } = await release(
    { ...request, fields: field === null ? [] : [field], action: 'reveal' },
    context,
  );
  const name =
    field === null || version.fields.has(field) ? field : (fieldCalled(version.schema, field)?.name ?? field);
  if (name !== null && !version.fields.has(name)) {
    throw new JamfMcpError(
      'NOT_FOUND',
      `secret ${version.name} has no field ${name}`,
      `it has ${[...version.fields.keys()].join(', ') || 'none'}`,
    );
  }
  const shown = [...version.fields].filter(([candidate]) => name === null || candidate === name);
  return {
    secret: { name: version.name, arn: version.arn, store: request.store.kind, environment: request.environment },
    versionId: version.versionId,
    values: Object.fromEntries(shown.map(([candidate, value]) => [candidate, value.reveal()])),
    reason,
    log,
  };
}
