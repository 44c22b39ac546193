/** The settings that one invocation runs with: what `jamf-mcp.yaml`, the environment and the flags come to. */
import type { AwsSettings } from '../aws.ts';
import type { Secret } from '../redact.ts';
import type { SecretSchema } from '../secrets/schema.ts';
import type { StoreKind } from '../secrets/store.ts';

/** Environment names that need the severe confirmation for a dangerous change. */
export const PRODUCTION = 'production';

/** Where the key of the local store can be. */
export const KEY_FORMS = ['keychain', 'passphrase', 'file'] as const;

/** One of {@link KEY_FORMS}. */
export type KeyForm = (typeof KEY_FORMS)[number];

/** Settings of one invocation, for one environment. */
export interface Settings {
  /** `production` unless named otherwise. */
  environment: string;
  store: StoreKind;
  /** Name of the secret; `jamf-mcp-server/<environment>` unless named otherwise. */
  secret: string;
  /** Name of the schema of the secret's fields. */
  schema: string;
  /** Whether `schema` was named for this very run: then no tag of a secret says otherwise. */
  schemaNamed?: boolean;
  /** Schemas of jamf-mcp.yaml, which `schema` may name beside those that come along. */
  schemas: readonly SecretSchema[];
  aws: AwsSettings;
  ecs: { cluster: string; service: string };
  /** How the secret is rotated. */
  rotation?: {
    /** Display names of two Jamf API clients that take turns; null: `X` and `X (alternate)`. */
    alternate: readonly [string, string] | null;
  };
  audit: {
    /** ARNs (with `*`) of principals that are expected to read the secret. */
    knownPrincipals: readonly string[];
  };
  /** Folder of the local store. */
  localStore: string;
  /** Where the key of the local store is to be; null: the keychain where it works, else a file. */
  localKey?: KeyForm | null;
  /** Of a local store whose key is behind one; asked for where it is needed and not given. */
  passphrase?: Secret | null;
  /** How Vault or OpenBao is reached, as far as it is known. */
  vault: VaultSettings;
  /** Which Key Vault, as far as it is known. */
  azure: { vault?: string | undefined };
  /** The person at the machine, as the operating system calls them; told before a change to the local store. */
  user?: string | null;
  /** Why this invocation reads values, where it was asked: told to the store, whose own log then carries it. */
  reason?: string;
}

/** How Vault or OpenBao is reached: what `vault:` of jamf-mcp.yaml says, and over it its own environment variables. */
export interface VaultSettings {
  address?: string | undefined;
  namespace?: string | undefined;
  /** Where the KV engine is mounted. */
  mount?: string | undefined;
  /** File with the certificates of a private authority, PEM. */
  caFile?: string | undefined;
  /** The login; undefined: what there is something to sign in with for. */
  auth?: 'token' | 'approle' | 'kubernetes' | 'aws' | undefined;
  /** Where the auth method is mounted. */
  authMount?: string | undefined;
  /** Role of the logins kubernetes and aws. */
  role?: string | undefined;
  /** What the login aws is told to send in `X-Vault-AWS-IAM-Server-ID`. */
  serverId?: string | undefined;
  token?: Secret | undefined;
  /** Where `vault login` keeps its token. */
  tokenFile?: string | undefined;
  /** Token of a pod's service account; where Kubernetes puts it unless said otherwise. */
  serviceAccountFile?: string | undefined;
  roleId?: string | undefined;
  secretId?: Secret | undefined;
}
