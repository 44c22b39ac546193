/** The settings that one invocation runs with: what `jamf-mcp.yaml`, the environment and the flags come to. */
import type { AwsSettings } from '../aws.ts';
import type { SecretSchema } from '../secrets/schema.ts';
import type { StoreKind } from '../secrets/store.ts';

/** Environment names that need the severe confirmation for a dangerous change. */
export const PRODUCTION = 'production';

/** Settings of one invocation, for one environment. */
export interface Settings {
  /** `production` unless named otherwise. */
  environment: string;
  store: StoreKind;
  /** Name of the secret; `jamf-mcp-server/<environment>` unless named otherwise. */
  secret: string;
  /** Name of the schema of the secret's fields. */
  schema: string;
  /** Schemas of jamf-mcp.yaml, which `schema` may name beside those that come along. */
  schemas: readonly SecretSchema[];
  aws: AwsSettings;
  ecs: { cluster: string; service: string };
  audit: {
    /** ARNs (with `*`) of principals that are expected to read the secret. */
    knownPrincipals: readonly string[];
  };
  /** Folder of the local store. */
  localStore: string;
  /** The person at the machine, as the operating system calls them; told before a change to the local store. */
  user?: string | null;
  /** Why this invocation reads values, where it was asked: told to the store, whose own log then carries it. */
  reason?: string;
}
