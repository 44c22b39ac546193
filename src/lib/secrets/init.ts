/** `secrets init`: create a secret from fields that were checked and tried, or bring an existing one up to date. */
import { randomUUID } from 'node:crypto';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { secretDeleted, secretExists } from './document.ts';
import { sameValue } from './rules.ts';
import { afterStoring, GO_ON, samePolicy } from './resource-policy.ts';
import { checkField, checkFields, fieldsFrom, problemError, type FieldSpec, type SecretSchema } from './schema.ts';
import { runStep } from './steps.ts';
import type { SecretInfo, SecretStore, SecretVersion } from './store.ts';
import { verifyJamf, type JamfProof } from './verify.ts';
import { currentOf, orNull, replaceCurrent } from './write.ts';

/** Requirements row 25. */
const DESCRIPTION = 'Credentials for Jamf MCP Server';

/** For a secret that is there, and was perhaps created by a run that did not come to its policy. */
const AFTER_CRASH = `if an earlier run stopped before its resource policy, ${GO_ON}`;

/** What `initSecret` works on. */
export interface InitRequest {
  store: SecretStore;
  secret: string;
  environment: string;
  schema: SecretSchema;
  /** Values already known (from a file); what is missing is asked for. */
  given: Readonly<Record<string, string>>;
  /** Change an existing secret; without it an existing one is an error. */
  update: boolean;
  /** Try the Jamf client before anything is stored. */
  verify: boolean;
  /** Further tags for a new secret. */
  tags?: Readonly<Record<string, string>>;
  /** KMS key to encrypt a new secret with, AWS only; null for the store's own key. */
  kmsKeyId?: string | null;
  /** JSON text of a resource policy for the secret, AWS only, as `checkPolicy` lets it through; null for none. */
  resourcePolicy?: string | null;
  dryRun: boolean;
}

/** One thing that `secrets init` does. */
export interface InitStep {
  name: 'verify' | 'store' | 'policy';
  state: 'planned' | 'done' | 'skipped';
  text: string;
}

/** What came of it. */
export interface InitResult {
  /** `arn` is null only in a dry run for a secret that is not there yet. */
  secret: { name: string; arn: string | null; store: string; environment: string };
  /** The version that is current now; null only in a dry run for a new secret. */
  versionId: string | null;
  /** Names of all fields that the secret has. */
  fields: string[];
  /** Names of the fields whose values are new. */
  changedFields: string[];
  changed: boolean;
  dryRun: boolean;
  /** What Jamf said; null where it was not asked. */
  verified: JamfProof | null;
  steps: InitStep[];
}

/**
 * Create the secret, or with `update` merge the given fields into it, then put its resource policy where one is given.
 * With `update`, a policy and no fields, the fields are left alone.
 *
 * Everything that can fail without harm comes first: the values are checked, the secret is looked for, the Jamf client
 * is tried; the writes come last, and who repeats the command after a crash between them is told of --update.
 * @throws JamfMcpError INPUT_MISSING, INPUT_INVALID (all fields at once), SECRET_EXISTS, SECRET_DELETED, DECLINED,
 *   CONFLICT (somebody else changed the secret meanwhile), what {@link verifyJamf} and the store throw
 */
export async function initSecret(request: InitRequest, context: Context): Promise<InitResult> {
  const { store, secret: name, schema, environment } = request;
  refuseInvalid(schema, request.given);
  refuseKey(request);
  refusePolicy(request);
  const existing = await lookUp(request);
  const before = existing ? await currentOf(store, existing.name) : null;
  const policy = await policyFor(request, existing);
  const policyOnly = before !== null && policy !== 'none' && Object.keys(request.given).length === 0;
  const values = policyOnly ? {} : await valuesFor(request, before, context);
  const fields = policyOnly ? before.fields : fieldsFrom(schema, values, before?.fields);
  const changedFields = [...fields]
    .filter(([field, value]) => !sameValue(before?.fields.get(field), value))
    .map(([field]) => field);

  const result: InitResult = {
    secret: { name: existing?.name ?? name, arn: existing?.arn ?? null, store: store.kind, environment },
    versionId: before?.versionId ?? null,
    fields: [...fields.keys()],
    changedFields,
    changed: false,
    dryRun: request.dryRun,
    verified: null,
    steps: [...plan(request, existing, changedFields), ...(policy === 'none' ? [] : [policyStep(policy)])],
  };
  const changes = [...changedFields, ...(policy === 'new' ? ['the resource policy'] : [])];
  if (request.dryRun || changes.length === 0) return result;

  result.verified = await runStep(result.steps, 'verify', context, () => verifyJamf(values, context));
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  if (
    existing &&
    !(await context.host.ask({
      kind: 'confirm',
      text: `change ${changes.join(', ')} of secret ${existing.name}?`,
    }))
  ) {
    throw new JamfMcpError('DECLINED', 'declined; nothing was changed');
  }
  await runStep(result.steps, 'store', context, async () => {
    if (existing) {
      result.versionId = (
        await replaceCurrent(store, existing.name, fields, before?.versionId ?? null, context)
      ).versionId;
    } else {
      const tags = { ...request.tags, environment, 'managed-by': 'jamf-mcp' };
      const kms = request.kmsKeyId ? { kmsKeyId: request.kmsKeyId } : {};
      const created = await store.create({ name, description: DESCRIPTION, tags, fields, token: randomUUID(), ...kms });
      result.versionId = created.versionId;
      result.secret.arn = created.arn;
    }
    result.changed = true;
  });
  const setPolicy = () =>
    runStep(result.steps, 'policy', context, async () => {
      await store.setPolicy?.(result.secret.name, request.resourcePolicy ?? '');
      result.changed = true;
    });
  await (result.changed ? afterStoring(result.secret.name, setPolicy) : setPolicy());
  return result;
}

/** Every value that the secret is to have: what it has, what is given, and what is asked for. */
async function valuesFor(
  request: InitRequest,
  before: SecretVersion | null,
  context: Context,
): Promise<Record<string, string>> {
  const { schema, given } = request;
  const old = new Map([...(before?.fields ?? [])].map(([field, value]) => [field, value.reveal()]));
  const answers = await askFor(request, old, context);
  const { values, problems } = checkFields(schema, { ...Object.fromEntries(old), ...given, ...answers });
  if (problems.length > 0) throw problemError(schema, problems);
  return values;
}

function refusePolicy({ store, resourcePolicy }: InitRequest): void {
  if (!resourcePolicy || store.setPolicy) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `the store ${store.kind} has no resource policies`,
    'leave --resource-policy out, or use --store aws',
  );
}

/** Whether a policy is to be set: one that cannot be read is set again. */
async function policyFor(
  { store, resourcePolicy }: InitRequest,
  existing: SecretInfo | null,
): Promise<'none' | 'new' | 'same'> {
  if (!resourcePolicy) return 'none';
  const present = existing && store.policy ? await orNull(store.policy(existing.name), 'ACCESS_DENIED') : null;
  return samePolicy(present, resourcePolicy) ? 'same' : 'new';
}

const policyStep = (policy: 'new' | 'same'): InitStep => ({
  name: 'policy',
  state: policy === 'new' ? 'planned' : 'skipped',
  text: policy === 'new' ? 'set the resource policy' : 'the secret already has this resource policy',
});

/** A key is chosen at the creation, where there are keys. */
function refuseKey({ store, update, kmsKeyId }: InitRequest): void {
  if (!kmsKeyId || (store.kind === 'aws' && !update)) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    update ? '--kms-key is for a new secret, not for --update' : `the store ${store.kind} has no KMS keys`,
    update
      ? 'change it with: aws secretsmanager update-secret --kms-key-id'
      : 'leave --kms-key out, or use --store aws',
  );
}

/** Before anything is asked for or contacted: what is given has to be right; what is missing is told with it. */
function refuseInvalid(schema: SecretSchema, given: Readonly<Record<string, string>>): void {
  const { problems } = checkFields(schema, given);
  if (problems.some(({ kind }) => kind === 'invalid')) throw problemError(schema, problems);
}

/** The secret if it is there and may be changed, null if there is none. */
async function lookUp({ store, secret, update, resourcePolicy }: InitRequest): Promise<SecretInfo | null> {
  const info = await orNull(store.describe(secret), 'SECRET_NOT_FOUND');
  if (info?.deletionAt) throw secretDeleted(info.name, info.deletionAt);
  if (info && !update) {
    const told = secretExists(info.name, info.arn);
    if (!resourcePolicy) throw told;
    throw new JamfMcpError(told.code, told.message, `${told.hint ?? ''}; ${AFTER_CRASH}`);
  }
  return info;
}

/**
 * Ask for what is missing; for an update without any given field, offer every field with its present value.
 * @returns the new values: a kept one is not among them
 * @throws JamfMcpError INPUT_MISSING with the names of all that is missing, where nobody can be asked
 */
async function askFor(
  { schema, given }: InitRequest,
  old: ReadonlyMap<string, string>,
  context: Context,
): Promise<Record<string, string>> {
  const nothingGiven = Object.keys(given).length === 0;
  const { problems } = checkFields(schema, { ...Object.fromEntries(old), ...given });
  const lacking = new Set(problems.map(({ field }) => field));
  const wanted = schema.fields.filter((field) => nothingGiven || lacking.has(field.name));
  const answers: Record<string, string> = {};
  if (!nothingGiven && lacking.size === 0) return answers;
  for (const field of wanted) {
    try {
      const answer = await askField(field, old.get(field.name), context);
      if (answer !== '') answers[field.name] = answer;
    } catch (error) {
      if (!(error instanceof JamfMcpError && error.code === 'INPUT_MISSING')) throw error;
      const names = lacking.size > 0 ? [...lacking] : wanted.map(({ name }) => name);
      throw new JamfMcpError(
        'INPUT_MISSING',
        `${lacking.size > 0 ? 'fields are missing' : 'no fields were given'}, and there is nobody to ask: ${names.join(', ')}`,
        'give them with --from-file FILE (dotenv or JSON), or --from-file - for stdin',
        { cause: error, details: { problems } },
      );
    }
  }
  return answers;
}

async function askField(field: FieldSpec, old: string | undefined, context: Context): Promise<string> {
  const check = (answer: string): true | string => {
    if (answer.trim() === '')
      return old !== undefined || field.default !== undefined ? true : `${field.name} is needed`;
    const checked = checkField(field, answer);
    return 'why' in checked ? `${field.name} ${checked.why}` : true;
  };
  const text = `${field.name} (${field.describe})`;
  if (field.secret) {
    const kept = old === undefined ? '' : ', empty to keep the present one';
    return (await context.host.ask({ kind: 'secret', text: `${text}${kept}:`, flag: '--from-file', check })).reveal();
  }
  const suggested = old ?? field.default;
  return context.host.ask({
    kind: 'text',
    text: `${text}:`,
    flag: '--from-file',
    check,
    ...(suggested === undefined ? {} : { default: suggested }),
  });
}

/** The steps: what a dry run shows is what is run. */
function plan(request: InitRequest, existing: SecretInfo | null, changedFields: readonly string[]): InitStep[] {
  const nothing = changedFields.length === 0;
  const [verb, what] = existing
    ? ['add a version to', `with new ${changedFields.join(', ')}`]
    : ['create', `with ${String(changedFields.length)} fields`];
  return [
    {
      name: 'verify',
      state: request.verify && !nothing ? 'planned' : 'skipped',
      text: request.verify
        ? 'obtain a token from Jamf and ask whose it is'
        : 'the Jamf client is not tried (--no-verify)',
    },
    {
      name: 'store',
      state: nothing ? 'skipped' : 'planned',
      text: nothing
        ? 'every field already has this value'
        : `${verb} secret ${existing?.name ?? request.secret} ${what}`,
    },
  ];
}
