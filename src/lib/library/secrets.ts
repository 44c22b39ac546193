/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `jamf-mcp/secrets`: an application reads its secrets with it. The types of this file are published as they are, so
 * that it declares everything it exports itself.
 */
import { JamfMcpError } from '../errors.ts';
import { systemClock } from '../host.ts';
import { makeSecrets } from './reader.ts';

/** Why reading failed; stable, safe to branch on. */
export type SecretsErrorCode =
  | 'SECRET_NOT_FOUND'
  | 'SECRET_DELETED'
  | 'SECRET_MALFORMED'
  | 'VERSION_NOT_FOUND'
  | 'NOT_FOUND'
  | 'ACCESS_DENIED'
  | 'CREDENTIALS_MISSING'
  | 'CREDENTIALS_REFUSED'
  | 'UNREACHABLE'
  | 'TIMED_OUT'
  | 'THROTTLED'
  | 'REMOTE_FAILED'
  | 'INPUT_INVALID'
  | 'INPUT_MISSING'
  | 'CONFIG_INVALID'
  | 'INTERRUPTED'
  | 'BUG';

/** What is thrown: an Error with a code. No message ever holds a value. */
export interface SecretsError extends Error {
  readonly code: SecretsErrorCode;
  /** What to do next: one line, or null. */
  readonly hint: string | null;
}

/** What happened, for a log: names of secrets, never values. */
export interface SecretsEvent {
  /** `read`: from the store or the local file; `stale`: an old value was given because reading failed. */
  readonly event: 'read' | 'changed' | 'stale' | 'failed' | 'cleared' | 'warning';
  /** Name of the secret; null where it concerns none in particular. */
  readonly name: string | null;
  /** The version that was read. */
  readonly versionId?: string;
  /** One line for people. */
  readonly text: string;
}

/** A secret has another version than it had when it was read last. */
export interface SecretsChange {
  readonly name: string;
  readonly versionId: string;
  readonly previousVersionId: string;
}

/** Instead of the store, a file with the fields: for a developer's machine. */
export interface LocalFile {
  /** Path of a dotenv file or a JSON object. It stands for every secret. */
  readonly file: string;
  /**
   * Whether it is used: true or false, or the name of an environment variable that says `true`, `1` or `yes`.
   * Default `USE_LOCAL_CREDENTIALS`.
   */
  readonly when?: boolean | string | undefined;
}

/** How secrets are read. Everything has a default. */
export interface OpenSecretsOptions {
  /** Name of the environment. Default: what `environmentVariable` says, else `production`. */
  readonly environment?: string | undefined;
  /** Environment variable that names the environment, such as `NBA_MCP_ENV`. */
  readonly environmentVariable?: string | undefined;
  /** Secret that `get()` reads without a name. Default `jamf-mcp-server/{environment}`. */
  readonly name?: string | undefined;
  /** Where secrets are kept. Default `aws`. */
  readonly store?: 'aws' | 'local' | 'vault' | 'azure' | undefined;
  /** AWS Region. Default: the ordinary AWS chain. */
  readonly region?: string | undefined;
  /** AWS profile. Default: the ordinary AWS chain. */
  readonly profile?: string | undefined;
  /** Folder of the store `local`. Default: that of the command line. */
  readonly folder?: string | undefined;
  /** Staging label of the version to read. Default `AWSCURRENT`. */
  readonly stage?: string | undefined;
  /** A file instead of the store. */
  readonly local?: LocalFile | undefined;
  /** For how many ms a value is given without asking the store again. Default 300,000; 0 asks each time. */
  readonly ttlMs?: number | undefined;
  /** For how many ms after that an old value is given while the store cannot be reached. Default 3,600,000; 0: not at all. */
  readonly staleMs?: number | undefined;
  /** The most secrets that are kept in memory. Default 10, and no more than 10. */
  readonly maxEntries?: number | undefined;
  /** Told when a read finds another version. */
  readonly onRefresh?: ((change: SecretsChange) => void) | undefined;
  /** Told what happens. */
  readonly log?: ((event: SecretsEvent) => void) | undefined;
}

/** Reads secrets. In every name `{environment}` stands for the environment. */
export interface Secrets extends AsyncDisposable {
  /** The environment that was settled on. */
  readonly environment: string;
  /**
   * The fields of a secret: the same frozen object until it is read anew.
   * @param name - default: the option `name`
   * @throws SecretsError; `SECRET_NOT_FOUND` with the message `Secret '<name>' not found in Secrets Manager`
   */
  get(name?: string): Promise<Readonly<Record<string, string>>>;
  /**
   * One field of a secret.
   * @throws SecretsError; `NOT_FOUND` where the secret has no such field
   */
  field(name: string, field: string): Promise<string>;
  /** Read a secret anew, as after a rotation or when a credential was refused. @throws SecretsError */
  refresh(name?: string): Promise<Readonly<Record<string, string>>>;
  /** Forget everything: the next `get` reads. */
  clear(): void;
  /** Forget everything and end what is under way; nothing can be read any more. */
  close(): Promise<void>;
}

/** Whether an error is one of these. */
export function isSecretsError(error: unknown): error is SecretsError {
  return error instanceof JamfMcpError;
}

/**
 * Open secrets for reading. Nothing is contacted before the first `get`.
 * @param options - see {@link OpenSecretsOptions}
 * @throws SecretsError `INPUT_INVALID` for an option that cannot be
 */
export function openSecrets(options: OpenSecretsOptions = {}): Secrets {
  return makeSecrets(options, { env: process.env, clock: systemClock });
}
