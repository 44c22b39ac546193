/** `secrets import`: fields of a file or of another secret become one version of a secret, or of one secret a group. */
import { randomUUID } from 'node:crypto';
import { JamfMcpError, messageOf } from '../errors.ts';
import { fileError } from '../file-errors.ts';
import type { Context } from '../host.ts';
import { guard } from '../redact.ts';
import { secretDeleted, secretExists } from './document.ts';
import type { Entry } from './formats.ts';
import { gitKnows } from './git.ts';
import { planImport, type FoundCredential, type ImportPlan, type PlannedSecret } from './import-plan.ts';
import { checkBackup, credentialsInComments, rewriteFile, safeText, type Rewritten } from './rewrite.ts';
import { sameValue } from './rules.ts';
import { checkFields, fieldsFrom, type SecretSchema } from './schema.ts';
import { runStep, type ChangeStep } from './steps.ts';
import { AWSCURRENT, type Fields, type SecretStore, type SecretVersion } from './store.ts';
import { DRAFT, dropDraft, replaceCurrent } from './write.ts';

/** What `importSecrets` works on. */
export interface ImportRequest {
  store: SecretStore;
  environment: string;
  /** The secret to make, where `split` is null. */
  secret: string;
  /** Of a secret that is not there yet; another has its own. */
  schema: SecretSchema;
  /** One secret a group under this prefix, for each of these schemas that the source has fields of. */
  split: { prefix: string; schemas: readonly SecretSchema[] } | null;
  /** What was read; `text` is that of a dotenv file, or null. */
  source: { name: string; entries: readonly Entry[]; text: string | null; secret: boolean };
  only: readonly string[];
  /** Further tags for new secrets. */
  tags?: Readonly<Record<string, string>>;
  /** Merge into secrets that exist; without it an existing one is an error. */
  update: boolean;
  /** Path of the dotenv file to make safe afterwards; null to leave it alone. */
  rewrite: string | null;
  dryRun: boolean;
}

/** One secret that was made or changed, or in a dry run would be. */
export interface ImportedSecret {
  /** `arn` is null only in a dry run for a secret that is not there yet. */
  secret: { name: string; arn: string | null; store: string; environment: string };
  versionId: string | null;
  /** Names of all fields that the secret has. */
  fields: string[];
  /** Names of the fields whose values are new. */
  changedFields: string[];
  changed: boolean;
  /** Name of its schema. */
  schema: string;
  /** Fields of the schema that neither the source nor the secret has. */
  missing: string[];
}

/** What came of an import; the first secret's own fields stand at the top, as for `secrets init`. */
export interface ImportResult extends ImportedSecret {
  source: string;
  secrets: ImportedSecret[];
  /** Every credential that the source held in plain text; values never. */
  credentials: FoundCredential[];
  /** Names, as in the source, of what was not imported. */
  left: string[];
  /** What became of the file; null where it was not to be touched. */
  rewritten: Rewritten | null;
  /** What git knows of the file: `tracked` or `history` mean that its history still holds the values. */
  git: 'tracked' | 'history' | 'no' | 'unknown' | null;
  dryRun: boolean;
  steps: ChangeStep[];
}

/** One secret, ready to be written. */
interface Ready {
  name: string;
  schema: SecretSchema;
  before: SecretVersion | null;
  /** Whether it is there, with or without a value. */
  exists: boolean;
  fields: Fields;
  result: ImportedSecret;
  step: ChangeStep;
}

/**
 * Import.
 *
 * Everything that can fail without harm comes first, for every secret: reading, checking, the file to rewrite. Then
 * each secret is written at once, and the file last, so that a credential is never nowhere.
 * @throws JamfMcpError INPUT_INVALID (with `file:line`), SECRET_EXISTS, SECRET_DELETED, DECLINED, CONFLICT, PARTIAL
 *   where some of several secrets were stored, what the store throws
 */
export async function importSecrets(request: ImportRequest, context: Context): Promise<ImportResult> {
  const { source, store, environment } = request;
  // Of one secret that may be there already, its own schema says what its fields are called.
  const found = request.split || !request.update ? null : await lookUp(request.secret, store, true);
  const plan = planImport({
    entries: source.entries,
    secret: request.secret,
    schema: found?.before?.schema ?? request.schema,
    split: request.split && { ...request.split, environment },
    only: request.only,
    everything: source.secret,
    mixed: source.text !== null,
  });
  for (const { from, field } of plan.unsure) {
    const text = `${from} is not taken for ${field}, since ${source.name} holds other things too: if it is that, call it ${field} there`;
    context.host.notify({ kind: 'warning', text });
  }
  for (const { field } of plan.credentials) guard(source.entries.find(({ name }) => name === field)?.value ?? '');
  if (source.text !== null) {
    for (const { name, where } of credentialsInComments(source.text, source.name))
      plan.credentials.push({ field: name, where, kind: 'name', why: 'is a credential in a comment', imported: false });
  }
  const checked = plan.secrets.map((planned) => ({ planned, ...lookedAt(planned, {}) }));
  const safe = await prepareRewrite(request, plan);

  const ready: Ready[] = [];
  for (const { planned } of checked) ready.push(await prepare(planned, found, request));
  const rewriting: ChangeStep = {
    name: 'rewrite',
    state: safe ? 'planned' : 'skipped',
    text: safe
      ? `keep ${String(safe.text.kept.length)} settings in ${request.rewrite ?? ''}, the original as ${request.rewrite ?? ''}.old`
      : 'the source is left as it is',
  };
  const [first] = ready;
  if (!first) throw new JamfMcpError('INPUT_INVALID', 'there is nothing to import');
  const result: ImportResult = {
    ...first.result,
    source: source.name,
    secrets: ready.map((one) => one.result),
    credentials: plan.credentials,
    left: plan.left,
    rewritten: null,
    git: safe?.git ?? null,
    dryRun: request.dryRun,
    steps: [...ready.map(({ step }) => step), rewriting],
  };
  if (request.dryRun) return result;

  await confirm(ready, request, safe?.git ?? null, context);
  await storeAll(ready, request, context);
  Object.assign(result, first.result);
  if (safe && request.rewrite !== null && source.text !== null) {
    result.rewritten = await runStep([rewriting], 'rewrite', context, () =>
      rewriteFile(request.rewrite ?? '', source.text ?? '', safe.text, context),
    ).catch((error: unknown) => {
      throw partlyDone(request.rewrite ?? '', ready, error);
    });
    if (safe.git !== 'no') {
      context.host.notify({
        kind: 'warning',
        text: `${safe.git === 'unknown' ? 'git could not be asked; if it ever tracked the file, its' : "git's"} history still holds the values: have each of them replaced by its issuer`,
      });
    }
  }
  return result;
}

/** What is left to do, where the values are stored and the file is not safe; what was refused before that stands for itself. */
function partlyDone(file: string, ready: readonly Ready[], cause: unknown): unknown {
  const told = fileError(cause, { what: `${file} cannot be made safe` });
  if (!told) return cause;
  return new JamfMcpError(
    'PARTIAL',
    `${ready.map(({ name }) => name).join(', ')} has the values, but ${told.message}: it still holds them in plain text`,
    'make its folder writable, then repeat the command with --update: it does what is left',
    { cause },
  );
}

/**
 * The fields of a secret as something to import.
 * @throws JamfMcpError what {@link SecretStore.read} throws
 */
export async function entriesOf(store: SecretStore, name: string): Promise<Entry[]> {
  const { fields } = await store.read(name, { stage: AWSCURRENT });
  return [...fields].map(([field, value]) => ({ name: field, value: value.reveal(), where: `secret ${name}` }));
}

/** Merge what is planned with what is there, and check it. */
function lookedAt(
  { schema, fields }: PlannedSecret,
  old: Readonly<Record<string, string>>,
): { values: Record<string, string>; missing: string[] } {
  const given = Object.fromEntries(fields.map(({ name, value }) => [name, value]));
  const known = fields.some(({ name }) => schema.fields.some((field) => field.name === name));
  const { values, problems } = checkFields(known ? schema : { ...schema, fields: [] }, { ...old, ...given });
  const wrong = problems.filter(({ kind, field }) => kind === 'invalid' && Object.hasOwn(given, field));
  if (wrong.length > 0) {
    const told = (name: string) => {
      const { from, where } = fields.find((field) => field.name === name) ?? { from: name, where: name };
      return `${where}: ${from === name ? name : `${from}, taken for ${name},`}`;
    };
    throw new JamfMcpError(
      'INPUT_INVALID',
      wrong.map(({ field, why }) => `${told(field)} ${why}`).join('; '),
      'correct it there, or import the others with --only',
    );
  }
  // A value of the secret that was wrong before is none of this import's business: it stays.
  const kept = problems.filter(({ kind }) => kind === 'invalid').map(({ field }) => [field, old[field] ?? ''] as const);
  return {
    values: { ...values, ...Object.fromEntries(kept) },
    missing: problems.filter(({ kind }) => kind === 'missing').map(({ field }) => field),
  };
}

/** Look the secret up, and put together what is to be written. */
async function prepare(planned: PlannedSecret, found: Found | null, request: ImportRequest): Promise<Ready> {
  const { store, environment, update } = request;
  const { before, exists, arn } = found ?? (await lookUp(planned.secret, store, update));
  const old = Object.fromEntries([...(before?.fields ?? [])].map(([name, value]) => [name, value.reveal()]));
  const { values, missing } = lookedAt(planned, old);
  const fields = fieldsFrom(planned.schema, values, before?.fields);
  const changedFields = [...fields]
    .filter(([field, value]) => !sameValue(before?.fields.get(field), value))
    .map(([field]) => field);
  const what = changedFields.length > 0 ? `with ${changedFields.join(', ')}` : 'has these values already';
  return {
    name: planned.secret,
    schema: planned.schema,
    before,
    exists,
    fields,
    result: {
      secret: { name: planned.secret, arn, store: store.kind, environment },
      versionId: before?.versionId ?? null,
      fields: [...fields.keys()],
      changedFields,
      changed: false,
      schema: planned.schema.name,
      missing,
    },
    step: {
      name: 'store',
      state: changedFields.length > 0 ? 'planned' : 'skipped',
      text: `${changedFields.length === 0 ? '' : exists ? 'add a version to ' : 'create '}${planned.secret} ${what}`,
    },
  };
}

/** A secret as it was found. */
interface Found {
  before: SecretVersion | null;
  /** Whether it is there, with or without a value. */
  exists: boolean;
  arn: string | null;
}

/** One call: a secret that may be changed is read, one that must not be there is only described. */
async function lookUp(name: string, store: SecretStore, update: boolean): Promise<Found> {
  try {
    if (update) {
      const before = await store.read(name, { stage: AWSCURRENT });
      return { before, exists: true, arn: before.arn };
    }
    const info = await store.describe(name);
    throw info.deletionAt ? secretDeleted(info.name, info.deletionAt) : secretExists(info.name, info.arn);
  } catch (error) {
    const code = error instanceof JamfMcpError ? error.code : null;
    if (code === 'SECRET_NOT_FOUND') return { before: null, exists: false, arn: null };
    // Created without a value, as the AWS CLI can.
    if (code === 'VERSION_NOT_FOUND') return { before: null, exists: true, arn: (await store.describe(name)).arn };
    throw error;
  }
}

/** The safe text and what git knows, before anything is stored. */
async function prepareRewrite(
  request: ImportRequest,
  plan: ImportPlan,
): Promise<{ text: { text: string; kept: string[] }; git: 'tracked' | 'history' | 'no' | 'unknown' } | null> {
  const { source, rewrite } = request;
  if (rewrite === null) return null;
  if (source.text === null) {
    throw new JamfMcpError('INPUT_INVALID', '--rewrite makes dotenv files safe, and the source is none');
  }
  const stays = new Set(
    plan.secrets.flatMap(({ schema }) => schema.fields.filter((field) => field.stays).map(({ name }) => name)),
  );
  const moved = plan.secrets.flatMap(({ fields }) =>
    fields.filter(({ name }) => !stays.has(name)).map(({ from }) => from),
  );
  const text = safeText(
    source.text,
    source.name,
    new Set(moved),
    new Set(plan.credentials.map(({ field }) => field)),
    headingOf(request, plan),
  );
  await checkBackup(rewrite, source.text);
  return { text, git: await gitKnows(rewrite) };
}

/** The lines at the head of the safe file: requirements rows 366 and 403. */
function headingOf({ environment, store, split }: ImportRequest, plan: ImportPlan): string[] {
  const names = plan.secrets.map(({ secret }) => secret);
  return [
    '# No credentials here: they are kept in',
    ...names.map((name) => `#   ${name} (${store.kind})`),
    `JAMF_MCP_ENV=${environment}`,
    `JAMF_MCP_STORE=${store.kind}`,
    ...(split ? [`SECRETS_NAME=${split.prefix}/${environment}`] : [`JAMF_MCP_SECRET=${names[0] ?? ''}`]),
  ];
}

/** Everything that needs a yes, before the first change. */
async function confirm(
  ready: readonly Ready[],
  { store, rewrite }: ImportRequest,
  git: ImportResult['git'],
  context: Context,
): Promise<void> {
  const ask = async (text: string, name?: string) => {
    if (await context.host.ask({ kind: 'confirm', text, ...(name === undefined ? {} : { name }) })) return;
    throw new JamfMcpError('DECLINED', 'declined; nothing was changed');
  };
  const writes = ready.filter(({ step }) => step.state === 'planned');
  if (writes.length > 0) context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  for (const { name, result } of writes.filter(({ exists }) => exists))
    await ask(`change ${result.changedFields.join(', ')} of secret ${name}?`, name);
  if (git === 'tracked' || git === 'unknown') {
    await ask(
      git === 'tracked'
        ? `git tracks ${rewrite ?? ''}: its history will still hold the values. Make the file safe nevertheless?`
        : `git could not be asked whether it tracks ${rewrite ?? ''}. Make the file safe nevertheless?`,
    );
  }
}

/** Write each secret, at most one version each. */
async function storeAll(
  ready: readonly Ready[],
  { store, environment, tags }: ImportRequest,
  context: Context,
): Promise<void> {
  const done: string[] = [];
  for (const one of ready) {
    if (one.step.state !== 'planned') {
      // An earlier run was killed after the values had become current.
      if (one.before?.stages.includes(DRAFT)) await dropDraft(store, one.name, one.before.versionId, context);
      continue;
    }
    try {
      await runStep([one.step], 'store', context, async () => {
        if (one.exists) {
          const from = one.before?.versionId ?? null;
          one.result.versionId = (await replaceCurrent(store, one.name, one.fields, from, context)).versionId;
        } else {
          const created = await store.create({
            name: one.name,
            description: `Credentials: ${one.schema.name}, ${environment}`,
            tags: { ...tags, environment, 'managed-by': 'jamf-mcp', schema: one.schema.name },
            fields: one.fields,
            token: randomUUID(),
          });
          one.result.versionId = created.versionId;
          one.result.secret.arn = created.arn;
        }
        one.result.changed = true;
      });
      done.push(one.name);
    } catch (error) {
      if (done.length === 0) throw error;
      const left = ready.map(({ name }) => name).filter((name) => !done.includes(name));
      throw new JamfMcpError(
        'PARTIAL',
        `stored ${done.join(', ')}, but not ${left.join(', ')}: ${messageOf(error)}`,
        'repeat the command with --update: it stores what is left',
        { cause: error, details: { stored: done, left } },
      );
    }
  }
}
