/** What is behind `openSecrets`. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { settingsFrom } from '../config/environment.ts';
import { JamfMcpError, messageOf } from '../errors.ts';
import type { Clock, Context } from '../host.ts';
import { AWSCURRENT, type SecretStore } from '../secrets/store.ts';
import { makeCache } from './cache.ts';
import type { LocalFile, OpenSecretsOptions, Secrets, SecretsEvent } from './secrets.ts';

/**
 * Secrets for an application.
 * @param options - the application's
 * @param world - environment and clock; `store`: instead of the one that the options name
 * @throws JamfMcpError INPUT_INVALID for an option that cannot be
 */
export function makeSecrets(
  options: OpenSecretsOptions,
  world: { env: NodeJS.ProcessEnv; clock: Clock; store?: SecretStore },
): Secrets {
  const { env, clock } = world;
  const { ttlMs = 300_000, staleMs = 3_600_000, maxEntries = 10, stage = AWSCURRENT } = options;
  requireKnown(options);
  requireNumber('ttlMs', ttlMs, 0, Number.MAX_SAFE_INTEGER);
  requireNumber('staleMs', staleMs, 0, Number.MAX_SAFE_INTEGER);
  requireNumber('maxEntries', maxEntries, 1, 10);
  const named = options.environmentVariable === undefined ? undefined : env[options.environmentVariable];
  const environment = options.environment ?? (named?.trim() ? named.trim() : 'production');
  if (environment.trim() === '')
    throw new JamfMcpError('INPUT_INVALID', 'environment is empty', 'name one, or leave it out');
  const called = (name = options.name ?? 'jamf-mcp-server/{environment}') =>
    name.replaceAll('{environment}', environment);
  const log = (event: SecretsEvent) => options.log?.(event);

  const closing = new AbortController();
  const context: Context = {
    clock,
    signal: closing.signal,
    host: {
      notify: (event) => {
        if (event.kind === 'warning') log({ event: 'warning', name: null, text: event.text });
      },
      ask: (question) =>
        Promise.reject(
          new JamfMcpError('INPUT_MISSING', `there is nobody to ask: ${question.text}`, 'set it in the environment'),
        ),
    },
  };

  let opened: Promise<SecretStore> | null = null;
  const store = () =>
    (opened ??= world.store ? Promise.resolve(world.store) : openStoreFor(options, environment, env, context));
  const local = isLocal(options.local, env) ? options.local : null;

  const versions = new Map<string, string>();
  const noteVersion = (name: string, versionId: string) => {
    const previousVersionId = versions.get(name);
    versions.set(name, versionId);
    if (previousVersionId === undefined || previousVersionId === versionId) return;
    log({ event: 'changed', name, versionId, text: `secret ${name} has a new version` });
    // A mistake in it is the application's own: it must not look like a secret that cannot be read.
    queueMicrotask(() => options.onRefresh?.({ name, versionId, previousVersionId }));
  };

  const load = async (name: string): Promise<Readonly<Record<string, string>>> => {
    try {
      closing.signal.throwIfAborted();
      if (local) {
        const fields = await readLocal(local.file);
        log({ event: 'read', name, text: `read ${local.file} in the place of secret ${name}` });
        return Object.freeze(fields);
      }
      const version = await (await store()).read(name, { stage });
      log({ event: 'read', name, versionId: version.versionId, text: `read secret ${name}` });
      noteVersion(name, version.versionId);
      return Object.freeze(Object.fromEntries([...version.fields].map(([field, value]) => [field, value.reveal()])));
    } catch (thrown) {
      const error = closing.signal.aborted ? closed() : told(thrown, name, options.store ?? 'aws');
      log({ event: 'failed', name, text: error.message });
      throw error;
    }
  };

  const cache = makeCache<Readonly<Record<string, string>>>({
    ttlMs,
    staleMs,
    maxEntries,
    clock,
    load,
    mayPass: (error) => error instanceof JamfMcpError && PASSING.includes(error.code),
    onStale: (name, error) => {
      log({ event: 'stale', name, text: `giving the last value of secret ${name}: ${messageOf(error)}` });
    },
  });

  const whileOpen = <T>(work: () => Promise<T>): Promise<T> =>
    closing.signal.aborted ? Promise.reject(closed()) : work();
  const get = (name?: string) => whileOpen(() => cache.get(called(name)));
  const close = () => {
    closing.abort();
    cache.clear();
    return Promise.resolve();
  };
  return {
    environment,
    get,
    async field(name, field) {
      const fields = await get(name);
      const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
      if (value !== undefined) return value;
      throw new JamfMcpError(
        'NOT_FOUND',
        `Secret '${called(name)}' has no field '${field}'`,
        'add it with `jamf-mcp secrets set`',
      );
    },
    refresh: (name) => whileOpen(() => cache.refresh(called(name))),
    clear() {
      cache.clear();
      log({ event: 'cleared', name: null, text: 'forgot every secret' });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What may be over in a moment; a refusal will not. */
const PASSING: readonly JamfMcpError['code'][] = ['UNREACHABLE', 'TIMED_OUT', 'THROTTLED', 'REMOTE_FAILED'];

const PLACES = {
  aws: 'Secrets Manager',
  local: 'the local store',
  vault: 'Vault',
  azure: 'Key Vault',
} as const satisfies Record<NonNullable<OpenSecretsOptions['store']>, string>;

async function openStoreFor(
  options: OpenSecretsOptions,
  environment: string,
  env: NodeJS.ProcessEnv,
  context: Context,
): Promise<SecretStore> {
  const { openStore } = await import('../secrets/open.ts');
  const choices = { env: environment, store: options.store ?? 'aws', profile: options.profile, region: options.region };
  const settings = settingsFrom(choices, env, [], { home: homedir(), user: null });
  return openStore({ ...settings, localStore: options.folder ?? settings.localStore }, context);
}

function isLocal(local: LocalFile | undefined, env: NodeJS.ProcessEnv): local is LocalFile {
  if (local === undefined) return false;
  const { when = 'USE_LOCAL_CREDENTIALS' } = local;
  return typeof when === 'boolean' ? when : /^(true|1|yes)$/i.test(env[when]?.trim() ?? '');
}

async function readLocal(file: string): Promise<Record<string, string>> {
  const { parseFields } = await import('../secrets/dotenv.ts');
  try {
    return parseFields(await readFile(file, 'utf8'), file);
  } catch (cause) {
    if (cause instanceof JamfMcpError) throw cause;
    const text = `the file for local credentials cannot be read: ${messageOf(cause)}`;
    throw new JamfMcpError('INPUT_INVALID', text, 'correct its path or its permissions', { cause });
  }
}

/** An error as an application gets it. */
function told(thrown: unknown, name: string, store: keyof typeof PLACES): JamfMcpError {
  if (!(thrown instanceof JamfMcpError)) return new JamfMcpError('BUG', messageOf(thrown), null, { cause: thrown });
  if (thrown.code !== 'SECRET_NOT_FOUND') return thrown;
  const message = `Secret '${name}' not found in ${PLACES[store]}`;
  return new JamfMcpError(
    'SECRET_NOT_FOUND',
    message,
    'check the name, the environment and the Region; `jamf-mcp secrets list` shows what there is',
    { cause: thrown },
  );
}

const closed = () => new JamfMcpError('INTERRUPTED', 'these secrets are closed', 'open them anew with openSecrets');

/** Every option there is: a slip of the pen in JavaScript would otherwise be a default in silence. */
const OPTIONS: Readonly<Record<keyof OpenSecretsOptions, true>> = {
  environment: true,
  environmentVariable: true,
  name: true,
  store: true,
  region: true,
  profile: true,
  folder: true,
  stage: true,
  local: true,
  ttlMs: true,
  staleMs: true,
  maxEntries: true,
  onRefresh: true,
  log: true,
};

function requireKnown(options: OpenSecretsOptions): void {
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(OPTIONS, name));
  if (unknown.length > 0)
    throw new JamfMcpError(
      'INPUT_INVALID',
      `there is no option ${unknown.join(', ')}`,
      `options: ${Object.keys(OPTIONS).join(', ')}`,
    );
  if (options.store === undefined || Object.hasOwn(PLACES, options.store)) return;
  throw new JamfMcpError('INPUT_INVALID', 'there is no such store', `stores: ${Object.keys(PLACES).join(', ')}`);
}

function requireNumber(option: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `${option} has to be a whole number from ${String(least)} to ${String(most)}`,
  );
}
