/** Which field of a file goes into which secret: pure, so that a dry run shows what would happen. */
import { JamfMcpError } from '../errors.ts';
import { suspect, type Suspicion } from './credentials.ts';
import type { Entry } from './formats.ts';
import { fieldCalled, schemaOf, type FieldSpec, type SecretSchema, type ShortNames } from './schema.ts';

/** The group of credentials that no schema knows. */
const OTHER: SecretSchema = { name: 'other', prefix: '', fields: [] };

/** The order in which groups are offered a field; `jamf` has those of Auth0 too, and takes them where it is present. */
const GROUPS = ['database', 'aws', 's3', 'jamf', 'auth0'];

/**
 * The schemas that a split import makes secrets of: own ones first.
 * @param own - schemas of jamf-mcp.yaml
 */
export function splitSchemas(own: readonly SecretSchema[]): SecretSchema[] {
  return [
    ...own,
    ...GROUPS.filter((name) => !own.some((schema) => schema.name === name)).map((name) => schemaOf(name)),
  ];
}

/** What {@link planImport} decides on. */
export interface PlanRequest {
  entries: readonly Entry[];
  /** Name of the one secret, or with `split` none. */
  secret: string;
  schema: SecretSchema;
  /** One secret a group, `<prefix>/<environment>/<schema>`; null for one secret. */
  split: { prefix: string; environment: string; schemas: readonly SecretSchema[] } | null;
  /** Take these and no others; empty for what a schema knows and what looks like a credential. */
  only: readonly string[];
  /** Take everything, known or not: the source is a secret. */
  everything: boolean;
  /** The source holds settings of all kinds, as a dotenv file does: `URL` or `PORT` in it may be anything. */
  mixed: boolean;
}

/** One field on its way. */
export interface PlannedField {
  /** Its name in the secret. */
  name: string;
  /** Its name in the source. */
  from: string;
  value: string;
  where: string;
}

/** One secret that is to be made or changed. */
export interface PlannedSecret {
  secret: string;
  schema: SecretSchema;
  fields: PlannedField[];
}

/** A credential in plain text. */
export interface FoundCredential {
  field: string;
  /** `file:line`. */
  where: string;
  kind: Suspicion['kind'] | 'schema';
  why: string;
  /** Whether this import takes it. */
  imported: boolean;
}

/** The whole plan. */
export interface ImportPlan {
  secrets: PlannedSecret[];
  /** Every plain-text credential that the source has. */
  credentials: FoundCredential[];
  /** Names, as in the source, of what is not imported. */
  left: string[];
  /** What would be a field by its short name, were there not other things beside it; the field is then missing. */
  unsure: { from: string; field: string }[];
}

/**
 * Decide which entries are taken, under which names, and where they go.
 * @throws JamfMcpError INPUT_INVALID: nothing to import, a name of `only` that is not there, two values for one field
 */
export function planImport(request: PlanRequest): ImportPlan {
  const { entries, only, split, schema: single } = request;
  const filled = entries.filter(({ value }) => value.trim() !== '');
  const groups = split ? split.schemas.filter((schema) => isPresent(schema, filled)) : [single];
  const mixed = request.mixed && !filled.every(({ name }) => fieldCalled(single, name));
  const short: ShortNames = split ? 'never' : mixed ? 'of several words' : 'always';
  const targets = new Map<string, PlannedSecret>();
  const plan: ImportPlan = { secrets: [], credentials: [], left: [], unsure: [] };
  const unused = new Set(only);

  for (const entry of entries) {
    const { schema, field } = home(groups, entry, only.includes(entry.name) && !split ? 'always' : short);
    const suspicion = suspect(entry.name, entry.value);
    const wanted = only.filter((name) => name === entry.name || name === field?.name);
    for (const name of wanted) unused.delete(name);
    const chosen = only.length > 0 ? wanted.length > 0 : request.everything || field !== null || suspicion !== null;
    if (wanted.length > 0 && entry.value.trim() === '') throw empty(entry);
    const imported = chosen && entry.value.trim() !== '';
    const found = credentialOf(entry, field, suspicion, imported);
    if (found) plan.credentials.push(found);
    if (!imported) plan.left.push(entry.name);
    else {
      const target = targets.get(schema.name) ?? {
        secret: split ? `${split.prefix}/${split.environment}/${schema.name}` : request.secret,
        schema,
        fields: [],
      };
      targets.set(schema.name, target);
      addField(target, { name: field?.name ?? entry.name, from: entry.name, value: entry.value, where: entry.where });
    }
  }
  refuseUnused([...unused]);
  if (targets.size === 0) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `there is nothing to import: ${entries.length === 0 ? 'it holds no fields' : 'no field of the schema, and nothing that looks like a credential'}`,
      'name the fields with --only, or another schema with --schema',
    );
  }
  plan.secrets = [...targets.values()];
  if (mixed && only.length === 0) plan.unsure = unsureOf(single, filled, plan.secrets);
  return plan;
}

/** With several groups a field belongs to the first that knows its full name; with one it may be spelt short. */
function home(
  groups: readonly SecretSchema[],
  { name }: Entry,
  short: ShortNames,
): { schema: SecretSchema; field: FieldSpec | null } {
  for (const schema of groups) {
    const field = fieldCalled(schema, name, short);
    if (field) return { schema, field };
  }
  return { schema: (short === 'never' ? undefined : groups[0]) ?? OTHER, field: null };
}

/** The short names that were not taken for fields which nothing else gives. */
function unsureOf(
  schema: SecretSchema,
  entries: readonly Entry[],
  secrets: readonly PlannedSecret[],
): ImportPlan['unsure'] {
  const given = new Set(secrets.flatMap(({ fields }) => fields.map(({ name }) => name)));
  return entries.flatMap(({ name }) => {
    const field = fieldCalled(schema, name);
    return field && !given.has(field.name) ? [{ from: name, field: field.name }] : [];
  });
}

/** A group is made when there is something of its own: AWS_REGION alone, which has a default, makes no `aws`. */
function isPresent(schema: SecretSchema, entries: readonly Entry[]): boolean {
  return entries.some(({ name }) => {
    const field = fieldCalled(schema, name, 'never');
    return field !== null && field.default === undefined && field.name.startsWith(schema.prefix);
  });
}

function credentialOf(
  { name, value, where }: Entry,
  field: FieldSpec | null,
  suspicion: Suspicion | null,
  imported: boolean,
): FoundCredential | null {
  if (suspicion && (field === null || field.secret || suspicion.kind !== 'random'))
    return { field: name, where, ...suspicion, imported };
  if (field?.secret && value.trim() !== '')
    return { field: name, where, kind: 'schema', why: 'is secret by its schema', imported };
  return null;
}

function addField(target: PlannedSecret, field: PlannedField): void {
  const same = target.fields.find(({ name }) => name === field.name);
  if (!same) target.fields.push(field);
  else if (same.value !== field.value) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${same.where} and ${field.where} give ${field.name} two values: as ${same.from} and as ${field.from}`,
      'remove one of the two, or choose with --only',
    );
  }
}

const empty = ({ name, where }: Entry) =>
  new JamfMcpError(
    'INPUT_INVALID',
    `${where}: ${name}, which --only names, has no value`,
    'give it one, or leave it out',
  );

function refuseUnused(names: readonly string[]): void {
  if (names.length === 0) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `--only names what is not there: ${names.join(', ')}`,
    'give the names as the source has them, or as the schema has them',
  );
}
