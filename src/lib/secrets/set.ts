/** `secrets set` and `secrets unset`: change some fields of a secret and leave all others as they are. */
import { JamfMcpError } from '../errors.ts';
import { nearest } from '../format/nearest.ts';
import type { Context } from '../host.ts';
import { Secret } from '../redact.ts';
import { secretDeleted } from './document.ts';
import { generateValue, type Recipe } from './generate.ts';
import { sameValue } from './rules.ts';
import { checkField, isSecretField, unstorable, type FieldSpec, type SecretSchema } from './schema.ts';
import { runStep, type ChangeStep } from './steps.ts';
import {
  AWSPENDING,
  AWSPREVIOUS,
  versionWith,
  type Fields,
  type SecretInfo,
  type SecretStore,
  type SecretVersion,
} from './store.ts';
import { currentOf, dropDraft, DRAFT, orNull, replaceCurrent } from './write.ts';

/** What both commands work on. */
interface ChangeRequest {
  store: SecretStore;
  secret: string;
  environment: string;
  /** Counts for a secret that has no value yet; otherwise its own does. */
  schema: SecretSchema;
  /** Names of the fields to change. */
  names: readonly string[];
  dryRun: boolean;
}

/** What `setFields` works on. */
export interface SetRequest extends ChangeRequest {
  /** The value of the one field, from a file or stdin, with the line break that ends it; null where there is none. */
  given: string | null;
  /** Make the values here; null where they are given or asked for. */
  generate: Recipe | null;
}

/** What came of it. */
export interface ChangeResult {
  secret: { name: string; arn: string; store: string; environment: string };
  /** The version that is current now; null only in a dry run for a secret that never had a value. */
  versionId: string | null;
  /** The version that was current before. */
  previousVersionId: string | null;
  /** Names of all fields that the secret has now, or would have. */
  fields: string[];
  /** Names of the fields that were added, changed or removed, or would be. */
  changedFields: string[];
  changed: boolean;
  dryRun: boolean;
  steps: ChangeStep[];
}

/**
 * Set fields: the values come from a file, are made here, or are asked for one after the other.
 * @throws JamfMcpError INPUT_INVALID, INPUT_MISSING, SECRET_NOT_FOUND, SECRET_DELETED, DECLINED; CONFLICT where somebody
 *   else changed one of these very fields meanwhile, or the secret twice; what the store throws
 */
export async function setFields(request: SetRequest, context: Context): Promise<ChangeResult> {
  checkNames(request.names);
  if (request.given !== null && request.names.length > 1) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `a file gives the value of one field, and ${String(request.names.length)} are named`,
      'repeat the command for each field; `jamf-mcp secrets init --update --from-file FILE` takes a file of many fields',
    );
  }
  const target = await lookUp(request);
  const values = new Map<string, Secret>();
  for (const name of request.names)
    values.set(name, await valueOf(name, { ...request, schema: schemaFound(request, target) }, context));
  return change(request, target, (before) => new Map([...before, ...values]), context);
}

/**
 * Take fields away; one that the version before had and the current one has not is away already.
 * @throws JamfMcpError as {@link setFields}; NOT_FOUND for a field that neither has: it is a slip of the pen
 */
export async function unsetFields(request: ChangeRequest, context: Context): Promise<ChangeResult> {
  checkNames(request.names);
  const target = await lookUp(request);
  await refuseUnknown(request, target);
  const without = (before: Fields): Fields => new Map([...before].filter(([name]) => !request.names.includes(name)));
  return change(request, target, without, context);
}

const schemaFound = ({ schema }: ChangeRequest, { before }: Target): SecretSchema => before?.schema ?? schema;

/** The secret as it was found. */
interface Target {
  info: SecretInfo;
  before: SecretVersion | null;
}

async function lookUp({ store, secret }: ChangeRequest): Promise<Target> {
  const info = await store.describe(secret);
  if (info.deletionAt !== null) throw secretDeleted(info.name, info.deletionAt);
  return { info, before: await currentOf(store, info.name) };
}

/** Nothing is changed where one name is wrong. The version before is read only for what the current one has not. */
async function refuseUnknown({ store, names }: ChangeRequest, { info, before }: Target): Promise<void> {
  const absent = names.filter((name) => !before?.fields.has(name));
  if (absent.length === 0) return;
  const reading = store.read(info.name, { stage: AWSPREVIOUS });
  const earlier = await orNull(reading, 'VERSION_NOT_FOUND', 'SECRET_MALFORMED');
  const [unknown] = absent.filter((name) => !earlier?.fields.has(name));
  if (unknown === undefined) return;
  const [near] = nearest(unknown, [...(before?.fields.keys() ?? [])], 1);
  throw new JamfMcpError(
    'NOT_FOUND',
    `secret ${info.name} has no field ${unknown}; nothing was changed`,
    `${near === undefined ? '' : `did you mean ${near}? `}\`jamf-mcp secrets show\` lists its fields`,
  );
}

/** `FIELD=value` is what people type at first: it is not repeated, since it holds a secret. */
function checkNames(names: readonly string[]): void {
  if (names.some((name) => name.includes('='))) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      'an argument has a = in it: values are never taken from arguments, where every user of the machine can read them',
      'name the field alone; its value is asked for, or comes with --from-file FILE (- for stdin) or --generate',
    );
  }
  if (names.length > 0 && names.every((name) => /^(?!__proto__$)[\w.-]{1,128}$/.test(name))) return;
  throw new JamfMcpError(
    names.length === 0 ? 'INPUT_MISSING' : 'INPUT_INVALID',
    names.length === 0 ? 'no field is named' : 'the name of a field is 1 to 128 letters, digits and . _ -',
    'name fields such as JAMF_CLIENT_SECRET; `jamf-mcp secrets show` lists those that there are',
  );
}

async function valueOf(name: string, { schema, given, generate }: SetRequest, context: Context): Promise<Secret> {
  const spec = schema.fields.find((field) => field.name === name);
  const wrap = (value: string) => new Secret(value, { public: !isSecretField(schema, name) });
  if (generate) {
    refuseMadeUp(spec);
    return wrap(checked(name, spec, generateValue(generate)));
  }
  if (given !== null) return wrap(checked(name, spec, given.replace(/\r?\n$/, '')));
  const check = (answer: string): true | string => {
    const outcome = checkValue(spec, answer);
    return 'why' in outcome ? `${name} ${outcome.why}` : true;
  };
  const question = {
    text: `${name}${spec ? ` (${spec.describe})` : ''}:`,
    flag: '--from-file FILE or --generate',
    check,
  };
  const answer =
    spec && !spec.secret
      ? await context.host.ask({ kind: 'text', ...question })
      : (await context.host.ask({ kind: 'secret', ...question })).reveal();
  return wrap(checked(name, spec, answer));
}

/** Somebody else decides what such a field is: a value made up here would only lock the server out. */
function refuseMadeUp(spec: FieldSpec | undefined): void {
  if (!spec || (spec.secret && (spec.issuer === null || spec.issuer === 'generate'))) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    spec.issuer === null || spec.issuer === 'generate'
      ? `${spec.name} is not a secret that could be generated: it is the ${spec.describe}`
      : `${spec.name} is issued by ${spec.issuer}: a value made up here would not be accepted there`,
    spec.issuer === 'jamf' ? 'a new one is made with `jamf-mcp rotate`' : 'leave --generate out and type the value',
  );
}

function checkValue(spec: FieldSpec | undefined, value: string): { value: string } | { why: string } {
  if (value === '') return { why: 'would be empty: `jamf-mcp secrets unset` takes a field away' };
  if (spec) return checkField(spec, value);
  const why = unstorable(value);
  return why === null ? { value } : { why };
}

function checked(name: string, spec: FieldSpec | undefined, value: string): string {
  const outcome = checkValue(spec, value);
  if ('value' in outcome) return outcome.value;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `${name} ${outcome.why}`,
    spec && !spec.secret ? `it has to look like ${spec.example}` : null,
  );
}

/** Show, ask, write; nothing is written where nothing differs. */
async function change(
  request: ChangeRequest,
  { info, before }: Target,
  apply: (before: Fields) => Fields,
  context: Context,
): Promise<ChangeResult> {
  const { store, environment } = request;
  const old: Fields = before?.fields ?? new Map<string, Secret>();
  const next = apply(old);
  const sorts = sortsOf(old, next);
  const what = Object.entries(sorts)
    .filter(([, names]) => names.length > 0)
    .map(([verb, names]) => `${verb} ${names.join(', ')}`)
    .join('; ');
  const changedFields = Object.values(sorts).flat();
  const result: ChangeResult = {
    secret: { name: info.name, arn: info.arn, store: store.kind, environment },
    versionId: before?.versionId ?? null,
    previousVersionId: before?.versionId ?? null,
    fields: [...next.keys()],
    changedFields,
    changed: false,
    dryRun: request.dryRun,
    steps: [
      changedFields.length > 0
        ? { name: 'store', state: 'planned', text: `add a version to secret ${info.name}: ${what}` }
        : { name: 'store', state: 'skipped', text: `secret ${info.name} is like that already` },
    ],
  };
  warn(schemaFound(request, { info, before }), info, sorts, context);
  if (request.dryRun) return result;
  if (changedFields.length === 0) {
    await dropRemains(store, info, before, context);
    return result;
  }
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  if (!(await context.host.ask({ kind: 'confirm', text: `secret ${info.name}: ${what}?`, name: info.name }))) {
    throw new JamfMcpError('DECLINED', 'declined; nothing was changed');
  }
  await runStep(result.steps, 'store', context, async () => {
    const written = await merge(request, { info, before }, apply, context);
    Object.assign(result, written, { changed: true });
  });
  return result;
}

/** The names of the fields that differ, by what happens to them. */
function sortsOf(before: Fields, after: Fields): Record<'add' | 'change' | 'remove', string[]> {
  const names = [...after.keys()];
  return {
    add: names.filter((name) => !before.has(name)),
    change: [...after]
      .filter(([name, value]) => before.has(name) && !sameValue(before.get(name), value))
      .map(([name]) => name),
    remove: [...before.keys()].filter((name) => !after.has(name)),
  };
}

function warn(schema: SecretSchema, info: SecretInfo, sorts: ReturnType<typeof sortsOf>, { host }: Context): void {
  const tell = (text: string) => {
    host.notify({ kind: 'warning', text });
  };
  const pending = versionWith(info, AWSPENDING);
  if (Object.values(sorts).flat().length === 0) return;
  if (pending !== null && !info.stages[pending]?.includes('AWSCURRENT')) {
    tell(
      `a rotation is under way (AWSPENDING is on ${pending}): it stops before its value becomes current, and \`jamf-mcp rotate resume\` then goes on beside this change`,
    );
  }
  const required = schema.fields.filter((field) => !field.optional && field.default === undefined);
  const needed = sorts.remove.filter((name) => required.some((field) => field.name === name));
  if (needed.length > 0) {
    tell(`the schema ${schema.name} requires ${needed.join(', ')}: what reads the secret may not start without`);
  }
  const unknown = sorts.add.filter((name) => !schema.fields.some((field) => field.name === name));
  if (unknown.length > 0)
    tell(`the schema ${schema.name} has no ${unknown.join(', ')}: stored as a secret field of your own`);
}

/**
 * Write, and where somebody else was faster, once more on top of what they wrote; never over it.
 * @throws JamfMcpError CONFLICT
 */
async function merge(
  { store, names }: ChangeRequest,
  { info, before }: Target,
  apply: (before: Fields) => Fields,
  context: Context,
): Promise<{ versionId: string; previousVersionId: string | null; fields: string[] }> {
  const write = async (from: SecretVersion | null) => {
    const fields = apply(from?.fields ?? new Map<string, Secret>());
    const { versionId } = await replaceCurrent(store, info.name, fields, from?.versionId ?? null, context);
    return { versionId, previousVersionId: from?.versionId ?? null, fields: [...fields.keys()] };
  };
  try {
    return await write(before);
  } catch (error) {
    if (!(error instanceof JamfMcpError && error.code === 'CONFLICT')) throw error;
    const fresh = await currentOf(store, info.name);
    const touched = names.filter((name) => before?.fields.get(name)?.reveal() !== fresh?.fields.get(name)?.reveal());
    if (fresh === null || touched.length > 0) {
      throw new JamfMcpError(
        'CONFLICT',
        `secret ${info.name}: somebody else changed ${touched.join(', ')} meanwhile (version ${fresh?.versionId ?? 'none'}); theirs stays`,
        'compare with `jamf-mcp secrets diff`, then repeat the command if it is still meant',
        { cause: error },
      );
    }
    context.host.notify({
      kind: 'progress',
      text: `somebody else changed other fields meanwhile: adding the change to their version ${fresh.versionId}`,
    });
    return write(fresh);
  }
}

/** What a run that was killed between its last two calls has left: the draft label on the version that is current. */
async function dropRemains(
  store: SecretStore,
  info: SecretInfo,
  before: SecretVersion | null,
  context: Context,
): Promise<void> {
  if (before && info.stages[before.versionId]?.includes(DRAFT)) {
    await dropDraft(store, info.name, before.versionId, context);
  }
}
