/** What a task definition refers to, as far as the account tells: what the join of needs and rights is made with. */
import type { Source } from './source.ts';

/** A secret that a task definition names. */
export interface SecretFact {
  /** Full, with the suffix. */
  arn: string;
  name: string;
  /** The key as the secret names it: an ARN, an id or an alias; null: the key `aws/secretsmanager`. */
  key: string | null;
  /** Staging labels by version id. */
  stages: Readonly<Record<string, readonly string[]>>;
  tags: Readonly<Record<string, string>>;
  /** Whether it is scheduled for deletion. */
  deleted: boolean;
  /** Its resource policy; null: it has none; undefined: it could not be read. */
  policy?: Source | null;
}

/** A key that a secret is encrypted with. */
export interface KeyFact {
  arn: string;
  /** AWS's own key: its policy lets whoever may read the secret decrypt it. */
  awsManaged: boolean;
  enabled: boolean;
  /** `alias/app` */
  aliases: readonly string[];
  /** ARNs and names of services that a grant lets decrypt, whatever policies allow; none also where they were not read. */
  grantees?: readonly string[];
  /** null: KMS does not know it; undefined: it could not be read. */
  policy?: Source | null;
}

/**
 * Why nobody can use a key, whatever policies allow.
 * @param named - as the secret names it
 * @param key - null: KMS does not know it
 * @returns lower case, no full stop; null where it can be used
 */
export const unusableText = (named: string, key: KeyFact | null): string | null => {
  if (key === null) return `the key ${named} is not there`;
  return key.enabled ? null : `the key ${key.arn} is disabled, or about to be deleted`;
};

/** What is known of the things around a task definition. */
export interface TaskFacts {
  partition: string;
  region: string;
  account: string;
  /** By the ARN or name in the task definition, without key, stage and version; null: there is no such secret; what is absent could not be read. */
  secrets: Readonly<Record<string, SecretFact | null>>;
  /** By how a secret names it. */
  keys: Readonly<Record<string, KeyFact | null>>;
  /** What could not be read, and what follows from that, one sentence each, lower case. */
  unread: readonly string[];
}

/** Facts of nothing: what is known of a task definition in a file. */
export function noFacts(region: string, account: string, partition = 'aws'): TaskFacts {
  return { partition, region, account, secrets: {}, keys: {}, unread: [] };
}
