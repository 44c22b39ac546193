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

/** The ways in which Auth0 comes by a new client secret; the first is the default. */
export const AUTH0_MODES = ['patch', 'rotate-secret'] as const;

/** One of {@link AUTH0_MODES}. */
export type Auth0Mode = (typeof AUTH0_MODES)[number];

/** Severities of findings, worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;

/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

/** How the audit judges. */
export interface AuditSettings {
  /** ARNs (with `*`) of principals that are expected to read the secret. */
  knownPrincipals: readonly string[];
  /** Another severity for a detector, by its id; `off` switches it off. */
  severities: Readonly<Record<string, Severity | 'off'>>;
  /** Other numbers for a detector, by its id and the name of the number. */
  thresholds: Readonly<Record<string, Readonly<Record<string, number>>>>;
  suppressions: readonly Suppression[];
  /** Names or ARNs (with `*`) of secrets that nobody has a reason to touch. */
  decoys: readonly string[];
  /** Ids of the VPC endpoints that accesses are expected to come through; empty where they may come from anywhere. */
  vpcEndpoints: readonly string[];
  /** Accounts whose event histories are read, each with the role that is assumed there; empty for the caller's alone. */
  accounts: readonly { account: string; role: string }[];
  /** `s3://BUCKET/PREFIX` of the trail, for what the event history does not keep. */
  trail?: string | undefined;
  athena: {
    /** `DATABASE.TABLE` */
    table?: string | undefined;
    workgroup?: string | undefined;
    /** `s3://BUCKET/PREFIX` for what it finds. */
    outputLocation?: string | undefined;
  };
  /** CloudTrail Lake. */
  lake: {
    /** Id or ARN. */
    eventDataStore?: string | undefined;
  };
}

/** Findings that are not told, for a while and for a reason. What is left out of a suppression means any. */
export interface Suppression {
  /** Id of a finding, `<detector>:<identity>`, with `*`; the id of a detector alone means all that it finds. */
  finding: string;
  /** ARN of the principal, with `*`. */
  principal?: string | undefined;
  /** Name or ARN of the secret, with `*`. */
  secret?: string | undefined;
  reason: string;
  /** The last day on which it holds, `2026-12-31`, UTC. */
  until: string;
}

/** How the audit judges where nothing says otherwise. */
export const AUDIT_DEFAULTS: AuditSettings = {
  knownPrincipals: [],
  severities: {},
  thresholds: {},
  suppressions: [],
  decoys: [],
  vpcEndpoints: [],
  accounts: [],
  athena: {},
  lake: {},
};

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
    /** How Auth0 comes by a new client secret; null: `patch`. */
    auth0Mode?: Auth0Mode | null;
  };
  audit: AuditSettings;
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
