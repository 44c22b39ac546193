/** `secrets exec`: from a secret to the environment of a child process. Starting it is the face's work. */
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { Secret } from '../redact.ts';
import { userVersion } from './claim.ts';
import { databaseUrl } from './exec-database.ts';
import { isSecretField, type SecretSchema } from './schema.ts';
import type { Fields, SecretStore } from './store.ts';

/** Which fields become variables, and what these are called. */
export interface EnvironmentOptions {
  /** Names of the only fields to take; undefined takes all. */
  only?: readonly string[] | undefined;
  /** Put before the name of each field that `map` does not name. */
  prefix?: string | undefined;
  /** Name of a variable to the field that it takes its value from, instead of the variable of the field's own name. */
  map?: Readonly<Record<string, string>> | undefined;
  /** Add a field {@link DATABASE_URL}, composed from the database fields. */
  databaseUrl?: boolean | undefined;
  /** Leave of the outer environment only what a program needs to run at all. */
  pristine?: boolean | undefined;
}

/** What {@link composeEnvironment} makes. */
export interface ChildEnvironment {
  /** The child's whole environment. */
  env: Record<string, string>;
  /** The variables that come from the secret, in the order of its fields. */
  variables: string[];
  /** The secret values among them; public fields are none. */
  secrets: Secret[];
}

/** The field that `databaseUrl` adds. */
export const DATABASE_URL = 'DATABASE_URL';

/** Keys that are this program's own and no business of a child: what opens the local store, what mints. */
const OWN_KEYS = new Set([
  'JAMF_MCP_PASSPHRASE',
  ...['JAMF_MCP_ROTATOR', 'JAMF_MCP_AUTH0_ROTATOR'].flatMap((name) => [`${name}_CLIENT_ID`, `${name}_CLIENT_SECRET`]),
]);

/** What is left of the outer environment with `pristine`: finding programs, the home, the terminal, language and time zone. */
const MINIMUM =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|NO_COLOR|TMPDIR|TMP|TEMP|TZ|LANG|LC_\w+|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA)$/i;

/**
 * Variables that make programs, the dynamic linker or a shell load code. A secret that holds one by accident or by
 * somebody's hand would run code as whoever starts the child, so that such a name has to be asked for with `map`.
 */
const STEERING =
  /^(PATH|HOME|SHELL|IFS|ENV|BASH_ENV|PS4|LD_\w+|DYLD_\w+|GCONV_PATH|NODE_OPTIONS|NODE_PATH|PYTHON(PATH|HOME|STARTUP)|PERL5(LIB|OPT)|RUBY(LIB|OPT)|JAVA_TOOL_OPTIONS|GIT_SSH_COMMAND)$/i;

/**
 * The environment of the child.
 * @param secret - name, fields and schema of the secret that was read
 * @param options - what is taken and how it is called
 * @param outer - the environment to add to; variables of the same name are replaced, this program's own keys left out
 * @throws JamfMcpError NOT_FOUND where a field that the schema or the options name is missing or empty; INPUT_INVALID
 *   for a name that no variable can have, that two fields would have, or that would make programs load code
 */
export function composeEnvironment(
  secret: { name: string; fields: Fields; schema: SecretSchema },
  options: EnvironmentOptions,
  outer: Readonly<Record<string, string | undefined>>,
): ChildEnvironment {
  const fields = options.databaseUrl ? withDatabaseUrl(secret) : secret.fields;
  const map = Object.entries(options.map ?? {});
  const renamed = new Set(map.map(([, field]) => field));
  const composed = options.databaseUrl ? [DATABASE_URL] : [];
  // What was asked for by its own flag is not left out by another.
  const taken = options.only ? [...new Set([...options.only, ...composed])] : [...fields.keys()];
  requirePresent(secret, fields, options, [...taken, ...renamed]);

  const wanted = [
    ...taken.filter((field) => !renamed.has(field)).map((field) => [`${options.prefix ?? ''}${field}`, field] as const),
    ...map,
  ];
  const chosen = new Map(map);
  const env = new Map<string, string>();
  const secrets: Secret[] = [];
  for (const [variable, field] of wanted) {
    checkVariable(variable, field, env, chosen.has(variable));
    const value = fields.get(field) ?? new Secret('');
    if (value.reveal().includes('\0')) throw invalid(`${field} holds a NUL character, which no variable can`);
    env.set(variable, value.reveal());
    if (isSecretField(secret.schema, field)) secrets.push(value);
  }
  const kept = Object.entries(outer).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined &&
      (!options.pristine || MINIMUM.test(entry[0])) &&
      !OWN_KEYS.has(entry[0]) &&
      !env.has(entry[0]),
  );
  return { env: Object.fromEntries([...kept, ...env]), variables: [...env.keys()], secrets };
}

function withDatabaseUrl({ name, fields }: { name: string; fields: Fields }): Fields {
  if (!fields.has(DATABASE_URL)) return new Map([...fields, [DATABASE_URL, new Secret(databaseUrl(name, fields))]]);
  throw new JamfMcpError(
    'INPUT_INVALID',
    `secret ${name} has a field ${DATABASE_URL} of its own`,
    'leave --database-url away: the field is given to the child as it is',
  );
}

/** A child never runs without its secrets: what is missing is told all at once, before it starts. */
function requirePresent(
  secret: { name: string; fields: Fields; schema: SecretSchema },
  fields: Fields,
  options: EnvironmentOptions,
  named: readonly string[],
): void {
  const expected = options.only ? [] : secret.schema.fields.filter((field) => isNeeded(field)).map(({ name }) => name);
  const missing = [...new Set([...expected, ...named])].filter((field) => !fields.get(field)?.reveal());
  if (missing.length === 0) return;
  throw new JamfMcpError(
    'NOT_FOUND',
    `secret ${secret.name} lacks ${missing.join(', ')}; nothing was started`,
    `add what is missing to the secret, or take only the fields that the child needs with --only`,
    { details: { missing } },
  );
}

const isNeeded = (field: SecretSchema['fields'][number]) => field.default === undefined && !field.optional;

function checkVariable(variable: string, field: string, taken: ReadonlyMap<string, string>, asked: boolean): void {
  // POSIX.1-2017, XBD 8.1: letters, digits and underscores, no digit first.
  if (!/^[A-Za-z_]\w*$/.test(variable)) {
    throw invalid(
      `${variable} can be no variable: letters, digits and _ only, no digit first`,
      `call it otherwise with --map NAME=${field}, or take only other fields with --only`,
    );
  }
  if (taken.has(variable)) {
    throw invalid(
      `two fields would be called ${variable}`,
      `call one of them otherwise with --map NAME=${field}, or leave it away with --only`,
    );
  }
  if (!asked && STEERING.test(variable)) {
    throw invalid(
      `the secret has a field ${variable}, which would make programs load code`,
      `if it is meant, pass --map ${variable}=${field}; otherwise take only other fields with --only`,
    );
  }
}

const invalid = (what: string, hint: string | null = null) => new JamfMcpError('INPUT_INVALID', what, hint);

/** A secret that was read, ready for a child. */
export interface PreparedChild extends ChildEnvironment {
  /** The version that the values are of. */
  versionId: string;
}

/**
 * Read the secret and compose the child's environment.
 * @param request - `stage`: label of the version; the rest as for {@link composeEnvironment}
 * @throws JamfMcpError as the store and {@link composeEnvironment} do
 */
export async function prepareChild(
  request: {
    store: SecretStore;
    secret: string;
    stage: string;
    options: EnvironmentOptions;
    outer: Readonly<Record<string, string | undefined>>;
  },
  context: Context,
): Promise<PreparedChild> {
  const { store, secret, stage, options, outer } = request;
  const { fields, schema, versionId } = userVersion(await store.read(secret, { stage }));
  const child = composeEnvironment({ name: secret, fields, schema }, options, outer);
  context.host.notify({ kind: 'debug', text: `version ${versionId} for the child: ${child.variables.join(', ')}` });
  return { ...child, versionId };
}
