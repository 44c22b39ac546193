/**
 * What a secret consists of: its fields, which of them are secret, what they look like, and who issues them.
 * A schema is a table; everything else here reads it.
 */
import { JamfMcpError } from '../errors.ts';
import { Secret } from '../redact.ts';
import type { Fields } from './store.ts';

/**
 * What a value has to look like.
 * `origin`: scheme, host and port of a server; `url`: an identifier that is kept to the letter; `host`: a host name;
 * `scopes`: words separated by one space; `text` and `secret`: one line.
 */
export type FieldType = 'origin' | 'url' | 'host' | 'text' | 'scopes' | 'secret';

/** One field of a secret. */
export interface FieldSpec {
  name: string;
  /** Whether the value is masked everywhere. */
  secret: boolean;
  type: FieldType;
  /** Who issues the value and can issue another: `jamf`, `auth0`; null where a person decides. */
  issuer: string | null;
  /** What it is, for a prompt: lower case, no full stop. */
  describe: string;
  example: string;
  /** Taken where nothing is given. */
  default?: string;
}

/** The fields of one kind of secret. */
export interface SecretSchema {
  name: string;
  fields: readonly FieldSpec[];
}

/** The eight fields of the Jamf MCP server: requirements rows 3 to 10, 26, 27. */
const JAMF: SecretSchema = {
  name: 'jamf',
  fields: [
    {
      name: 'JAMF_URL',
      secret: false,
      type: 'origin',
      issuer: null,
      describe: 'URL of the Jamf Pro server',
      example: 'https://example.jamfcloud.com',
    },
    {
      name: 'JAMF_CLIENT_ID',
      secret: false,
      type: 'text',
      issuer: 'jamf',
      describe: 'client id of the Jamf API client',
      example: '00000000-0000-4000-8000-000000000000',
    },
    {
      name: 'JAMF_CLIENT_SECRET',
      secret: true,
      type: 'secret',
      issuer: 'jamf',
      describe: 'client secret of the Jamf API client',
      example: 'EXAMPLE-jamf-client-secret',
    },
    {
      name: 'AUTH0_DOMAIN',
      secret: false,
      type: 'host',
      issuer: null,
      describe: 'host name of the Auth0 tenant',
      example: 'example.eu.auth0.com',
    },
    {
      name: 'AUTH0_CLIENT_ID',
      secret: false,
      type: 'text',
      issuer: 'auth0',
      describe: 'client id of the Auth0 application',
      example: 'EXAMPLEauth0clientid',
    },
    {
      name: 'AUTH0_CLIENT_SECRET',
      secret: true,
      type: 'secret',
      issuer: 'auth0',
      describe: 'client secret of the Auth0 application',
      example: 'EXAMPLE-auth0-client-secret',
    },
    {
      name: 'AUTH0_AUDIENCE',
      secret: false,
      type: 'url',
      issuer: null,
      describe: 'audience of the access tokens, the https URL of the MCP server',
      example: 'https://mcp.example.com',
    },
    {
      name: 'REQUIRED_SCOPES',
      secret: false,
      type: 'scopes',
      issuer: null,
      describe: 'scopes that a token must carry, separated by spaces',
      example: 'read:jamf write:jamf',
      default: 'read:jamf write:jamf',
    },
  ],
};

const SCHEMAS: readonly SecretSchema[] = [JAMF];

/**
 * The schema of that name.
 * @param name - `jamf`
 * @throws JamfMcpError CONFIG_INVALID where there is none
 */
export function schemaOf(name: string): SecretSchema {
  const schema = SCHEMAS.find((candidate) => candidate.name === name);
  if (schema) return schema;
  const known = SCHEMAS.map((candidate) => candidate.name).join(', ');
  throw new JamfMcpError('CONFIG_INVALID', `there is no schema ${name}`, `schemas: ${known}`);
}

/** Whether a field is masked: those that the schema calls secret, and all that it does not know. */
export function isSecretField(schema: SecretSchema, name: string): boolean {
  return schema.fields.find((field) => field.name === name)?.secret ?? true;
}

/**
 * Wrap plain values.
 * @param schema - decides which are secret
 * @param raw - field names and values
 * @returns fields in the schema's order, unknown ones after them in the order given
 */
export function fieldsFrom(schema: SecretSchema, raw: Readonly<Record<string, string>>): Fields {
  const known = schema.fields.map((field) => field.name);
  const names = [
    ...known.filter((name) => Object.hasOwn(raw, name)),
    ...Object.keys(raw).filter((name) => !known.includes(name)),
  ];
  return new Map(names.map((name) => [name, new Secret(raw[name] ?? '', { public: !isSecretField(schema, name) })]));
}

/** One field that is missing or wrong; `why` completes the sentence "FIELD …" and never carries the value. */
export interface FieldProblem {
  field: string;
  kind: 'missing' | 'invalid';
  why: string;
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
    if (value === undefined) {
      problems.push({ field: field.name, kind: 'missing', why: 'is missing' });
      continue;
    }
    const checked = checkField(field, value);
    if ('why' in checked) problems.push({ field: field.name, kind: 'invalid', why: checked.why });
    else values[field.name] = checked.value;
  }
  for (const [name, value] of Object.entries(raw)) {
    if (!schema.fields.some((field) => field.name === name)) values[name] = value;
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

/** Whether a host name, as `URL.hostname` spells it, is this machine. */
function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}
