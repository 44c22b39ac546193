/**
 * What a secret consists of: its fields, which of them are secret, what they look like, and who issues them.
 * A schema is a table; everything else here reads it.
 */
import { isIPv6 } from 'node:net';
import { JamfMcpError } from '../errors.ts';
import { isLoopback } from '../loopback.ts';
import { Secret } from '../redact.ts';
import type { Recipe } from './generate.ts';
import { sameValue, type StoredField } from './rules.ts';
import { SCHEMAS } from './schemas.ts';
import type { Fields } from './store.ts';

/**
 * What a value can have to look like.
 * `origin`: scheme, host and port of a server; `url`: an identifier that is kept to the letter; `host`: a host name;
 * `server`: a host name or address, also one without a domain; `port`: 1 to 65535; `scopes`: words separated by one
 * space; `text` and `secret`: one line.
 */
export const FIELD_TYPES = ['origin', 'url', 'host', 'server', 'port', 'text', 'scopes', 'secret'] as const;

/** One of {@link FIELD_TYPES}. */
export type FieldType = (typeof FIELD_TYPES)[number];

/** One field of a secret. */
export interface FieldSpec {
  name: string;
  /** Whether the value is masked everywhere. */
  secret: boolean;
  type: FieldType;
  /** Who issues the value and can issue another: `jamf`, `auth0`, `generate` (made here); null where a person decides. */
  issuer: string | null;
  /** How a value is made here; 40 letters and digits unless given. */
  generate?: Recipe;
  /** What it is, for a prompt: lower case, no full stop. */
  describe: string;
  example: string;
  /** Taken where nothing is given. */
  default?: string;
  /** Need not be there. */
  optional?: boolean;
  /** Other names that an imported file may have for it; see {@link fieldCalled}. */
  aliases?: readonly string[];
  /** Needed to reach the store at all, so that it stays in a file that `secrets import --rewrite` made safe. */
  stays?: boolean;
}

/** The fields of one kind of secret. */
export interface SecretSchema {
  name: string;
  /** What a field's name may be given without: `JAMF`. */
  prefix: string;
  fields: readonly FieldSpec[];
}

/**
 * The schema of that name.
 * @param name - `jamf`, `auth0`, `database`, `aws`, `s3`, `prompts`, or one of `own`
 * @param own - schemas of jamf-mcp.yaml; one with the name of a schema that comes along replaces it
 * @throws JamfMcpError CONFIG_INVALID where there is none
 */
export function schemaOf(name: string, own: readonly SecretSchema[] = []): SecretSchema {
  const all = allSchemas(own);
  const schema = all.find((candidate) => candidate.name === name);
  if (schema) return schema;
  const known = all.map((candidate) => candidate.name).join(', ');
  throw new JamfMcpError('CONFIG_INVALID', `there is no schema ${name}`, `schemas: ${known}`);
}

/**
 * The schema that settings name, looked for among their own and those that come along.
 * @throws JamfMcpError CONFIG_INVALID where there is none of that name
 */
export function schemaFor(settings: { schema: string; schemas: readonly SecretSchema[] }): SecretSchema {
  return schemaOf(settings.schema, settings.schemas);
}

/** How the schema of a stored secret is found. */
export interface SchemaChoice {
  /** What counts where the secret itself says nothing. */
  schema: SecretSchema;
  /** The schema that a tag of the secret names, null for a name that is none; absent where tags do not count. */
  tagged?: (name: string) => SecretSchema | null;
}

/** The tag of a secret that names its schema: `secrets import` sets it. */
export const SCHEMA_TAG = 'schema';

/**
 * The schema of a secret: that of its tag, else what the choice falls back on.
 * @param tags - of the secret
 */
export function schemaBy({ schema, tagged }: SchemaChoice, tags: Readonly<Record<string, string>>): SecretSchema {
  const name = tags[SCHEMA_TAG];
  return (name === undefined ? null : tagged?.(name)) ?? schema;
}

/** Whether names of fields are those that a schema asks for: all that it needs, and none that it does not know. */
export function fits(schema: SecretSchema, names: readonly string[]): boolean {
  const needed = schema.fields.filter((field) => field.default === undefined && !field.optional);
  return (
    needed.every(({ name }) => names.includes(name)) &&
    names.every((name) => schema.fields.some((field) => field.name === name))
  );
}

/** Every schema there is, own ones first; each name once. */
export function allSchemas(own: readonly SecretSchema[]): SecretSchema[] {
  return [...own, ...SCHEMAS.filter(({ name }) => !own.some((schema) => schema.name === name))];
}

/**
 * The field that a name stands for, however it is spelt: `client_id`, `jamf-client-id`, `jamf.clientId` and
 * `JAMF_CLIENT_ID` are one. Only letters and digits count, in either case; the schema's prefix may be left out, and a
 * field may have other names (requirements rows 121, 123, 365, 370).
 * @param short - when the prefix may be left out: always; of names of several words, since `URL` or `PORT` alone may be
 *   anything; or never
 * @returns null where the schema has no such field
 */
export function fieldCalled(schema: SecretSchema, name: string, short: ShortNames = 'always'): FieldSpec | null {
  const wanted = letters(name);
  const names = (field: FieldSpec) => [field.name, ...(field.aliases ?? [])].map(letters);
  const find = (letters: string) => schema.fields.find((field) => names(field).includes(letters)) ?? null;
  const full = find(wanted);
  const tooShort = short === 'never' || (short === 'of several words' && !/[^A-Za-z\d]|[a-z][A-Z]/.test(name));
  return full ?? (tooShort ? null : find(letters(schema.prefix) + wanted));
}

/** When a field's name may be given without the prefix of its schema. */
export type ShortNames = 'always' | 'of several words' | 'never';

const letters = (name: string) => name.replace(/[^a-z\d]/gi, '').toUpperCase();

/** Whether a field is masked: those that the schema calls secret, and all that it does not know. */
export function isSecretField(schema: SecretSchema, name: string): boolean {
  return schema.fields.find((field) => field.name === name)?.secret ?? true;
}

/**
 * Wrap new values. A port is kept as a number, as applications expect it of a database (requirements row 371).
 * @param schema - decides which are secret
 * @param raw - field names and values
 * @param before - fields of the version before: a value that is the same stays as it was written
 * @returns fields in the schema's order, unknown ones after them in the order given
 */
export function fieldsFrom(schema: SecretSchema, raw: Readonly<Record<string, string>>, before?: Fields): Fields {
  const ports = new Set(schema.fields.filter(({ type }) => type === 'port').map(({ name }) => name));
  const made = fieldsOf(
    schema,
    Object.entries(raw).map(([name, value]) => (ports.has(name) ? [name, value, true] : [name, value])),
  );
  return new Map(
    [...made].map(([name, value]) => {
      const old = before?.get(name);
      return [name, old && sameValue(old, value) ? old : value];
    }),
  );
}

/**
 * Wrap what a store holds.
 * @param schema - decides which are secret
 * @returns fields in the schema's order, unknown ones after them in the order given
 */
export function fieldsOf(schema: SecretSchema, stored: readonly StoredField[]): Fields {
  const known = schema.fields.map((field) => field.name);
  const place = (name: string) => (known.includes(name) ? known.indexOf(name) : known.length);
  return new Map(
    stored
      .toSorted(([a], [b]) => place(a) - place(b))
      .map(([name, value, literal = false]) => [
        name,
        new Secret(value, { public: !isSecretField(schema, name), literal }),
      ]),
  );
}

/** One field that is missing or wrong; `why` completes the sentence "FIELD …" and never carries the value. */
export interface FieldProblem {
  field: string;
  kind: 'missing' | 'invalid';
  why: string;
}

/**
 * Why a text cannot be kept: a store would give back something else, or what reads it would cut it off.
 * @returns null where it can
 */
export function unstorable(text: string): string | null {
  if (!text.isWellFormed()) return 'holds half a character (a lone surrogate), which no UTF-8 text can';
  return text.includes('\0') ? 'holds a NUL character, at which programs cut a text off' : null;
}

/** Longest value of one field, in characters: far above any credential, far below the 65,536 bytes of a whole secret. */
const LONGEST = 8192;

/**
 * Check values against a schema and bring them into their one form.
 * @param schema - which fields there must be
 * @param raw - names and values; an empty value counts as missing; unknown fields pass as they are
 * @returns the normal form of what is right, with defaults, and everything that is not
 */
export function checkFields(
  schema: SecretSchema,
  raw: Readonly<Record<string, string>>,
): { values: Record<string, string>; problems: FieldProblem[] } {
  const values: Record<string, string> = {};
  const problems: FieldProblem[] = [];
  for (const field of schema.fields) {
    const given = Object.hasOwn(raw, field.name) ? raw[field.name] : undefined;
    const value = given === undefined || given.trim() === '' ? field.default : given;
    if (value === undefined && field.optional) continue;
    if (value === undefined) {
      problems.push({ field: field.name, kind: 'missing', why: 'is missing' });
      continue;
    }
    const checked = checkField(field, value);
    if ('why' in checked) problems.push({ field: field.name, kind: 'invalid', why: checked.why });
    else values[field.name] = checked.value;
  }
  for (const [name, value] of Object.entries(raw)) {
    if (schema.fields.some((field) => field.name === name)) continue;
    const why = unstorable(value);
    if (why === null) values[name] = value;
    else problems.push({ field: name, kind: 'invalid', why });
  }
  return { values, problems };
}

/**
 * The values, or one error that names every field that is missing or wrong.
 * @throws JamfMcpError INPUT_MISSING where fields are only missing, INPUT_INVALID otherwise; `details.problems` has all
 */
export function requireFields(schema: SecretSchema, raw: Readonly<Record<string, string>>): Record<string, string> {
  const { values, problems } = checkFields(schema, raw);
  if (problems.length > 0) throw problemError(schema, problems);
  return values;
}

/** One error for all problems; the hint shows what the first of them should look like. */
export function problemError(schema: SecretSchema, problems: readonly FieldProblem[]): JamfMcpError {
  const missing = problems.filter(({ kind }) => kind === 'missing').map(({ field }) => field);
  const invalid = problems.filter(({ kind }) => kind === 'invalid').map(({ field, why }) => `${field} ${why}`);
  const parts = [...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []), ...invalid];
  const first = schema.fields.find(({ name }) => name === problems[0]?.field);
  return new JamfMcpError(
    invalid.length > 0 ? 'INPUT_INVALID' : 'INPUT_MISSING',
    `the fields are not complete and right: ${parts.join('; ')}`,
    first ? `give every field, such as ${first.name}=${first.example}, with --from-file FILE (- for stdin)` : null,
    { details: { problems } },
  );
}

/**
 * Check one value.
 * @returns the value in its normal form, or why it is wrong
 */
export function checkField(field: FieldSpec, given: string): { value: string } | { why: string } {
  const why = unstorable(given);
  if (why !== null) return { why };
  if (given.length > LONGEST) return { why: `is longer than ${String(LONGEST)} characters` };
  if (/[\u0000-\u001f\u007f]/.test(given)) return { why: 'has a line break or another control character in it' };
  return CHECKS[field.type](given);
}

const CHECKS: Record<FieldType, (given: string) => { value: string } | { why: string }> = {
  origin: (given) => {
    const url = webUrl(given.trim());
    return typeof url === 'string' ? { why: url } : { value: url.origin };
  },
  url: (given) => {
    const url = webUrl(given.trim());
    return typeof url === 'string' ? { why: url } : { value: given.trim() };
  },
  host: (given) => {
    const host = given.trim().toLowerCase();
    if (host.includes('/')) return { why: 'has to be a host name alone, without https:// and without a path' };
    const url = parseUrl(`https://${host}`);
    if (url?.username !== '' || !/^(\[[\da-f:.]+\]|[a-z\d]([a-z\d.-]*[a-z\d])?)(:\d+)?$/.test(host)) {
      return { why: 'has to be a host name' };
    }
    if (/:\d+$/.test(host) && !isLoopback(url.hostname)) return { why: 'may carry a port only on this machine' };
    if (!isLoopback(url.hostname) && !url.hostname.includes('.'))
      return { why: 'has to be a full host name with a domain' };
    return { value: host };
  },
  server: (given) => {
    const host = given.trim().toLowerCase();
    return isIPv6(host.replace(/^\[(.*)\]$/, '$1')) || /^[a-z\d]([a-z\d._-]*[a-z\d])?$/.test(host)
      ? { value: host }
      : { why: 'has to be a host name or an address, without a port' };
  },
  port: (given) => {
    const port = given.trim();
    return /^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535
      ? { value: port }
      : { why: 'has to be a port, a whole number from 1 to 65535' };
  },
  scopes: (given) => {
    const scopes = given.trim().split(/\s+/);
    // RFC 6749 §3.3: printable ASCII without space, quote and backslash.
    if (!scopes.every((scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)) || given.includes(',')) {
      return { why: 'has to be scopes separated by spaces' };
    }
    return { value: [...new Set(scopes)].join(' ') };
  },
  text: (given) => ({ value: given.trim() }),
  secret: (given) => (given === given.trim() ? { value: given } : { why: 'begins or ends with white space' }),
};

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

/** An https URL, or an http one on this machine; otherwise why it is neither. */
function webUrl(text: string): URL | string {
  const url = parseUrl(text);
  if (!url || !/^https?:\/\//i.test(text)) return 'has to be a URL that begins with https://';
  if (url.username !== '' || url.password !== '') return 'must not carry a user name or password';
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) return 'has to be https (http only on this machine)';
  return url;
}
