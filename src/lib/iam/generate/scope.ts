/** What a generated policy is about: the account, and the ARNs of what is named in it. */
import { JamfMcpError } from '../../errors.ts';
import type { Need } from '../need.ts';
import { throughSecretsManager } from '../secret-context.ts';

/** A secret, and the customer's key that encrypts it. */
export interface ScopeSecret {
  /** ARN, or a pattern of ARNs where only the name is known. */
  arn: string;
  /** The same with any suffix: a secret that is made anew has another. Absent where `arn` is a pattern, or was typed. */
  anew?: string;
  /** ARN, id or alias; null for the key of AWS, which needs no right. */
  kmsKeyId: string | null;
}

/** What the policies of one installation are about. */
export interface Scope {
  partition: string;
  region: string;
  account: string;
  secrets: readonly ScopeSecret[];
  /** The secret with the client that mints; null: the rotated client mints for itself. */
  rotator: ScopeSecret | null;
  cluster: string;
  service: string;
  /** Name of the log group of the tasks; null: they write none. */
  logGroup: string | null;
  /** Names of ECR repositories; none where images are public. */
  repositories: readonly string[];
  /** Names of DynamoDB tables and S3 buckets, which may hold `*`. */
  tables: readonly string[];
  buckets: readonly string[];
}

/** Make an ARN in the scope's account and Region. */
export const arnIn = ({ partition, region, account }: Scope, service: string, rest: string): string =>
  `arn:${partition}:${service}:${region}:${account}:${rest}`;

/** A hyphen and six characters: what Secrets Manager makes of a name an ARN with. */
export const ANY_SUFFIX = '-??????';

/**
 * The ARN of a secret of which the name is known: it matches that secret alone, and its re-creations.
 * @param name - a name; `app/*` for all below it; or an ARN, which stays as it is
 * @throws JamfMcpError INPUT_INVALID for a star that takes in other secrets
 */
export function secretPattern(name: string, scope: Pick<Scope, 'partition' | 'region' | 'account'>): string {
  if (name.startsWith('arn:')) return name;
  const whole = !/[*?]/.test(name);
  if (!whole && !/^[^*?]+\/\*$/.test(name)) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${name} also takes in secrets whose names only begin like this`,
      'name the secret itself, or all below a slash: app/*',
    );
  }
  const { partition, region, account } = scope;
  return `arn:${partition}:secretsmanager:${region}:${account}:secret:${name}${whole ? ANY_SUFFIX : ''}`;
}

/** What needs a right, and what is seen without it. */
export interface Because {
  why: string;
  without?: string | null;
}

/** Make needs of some actions on one resource. */
export function needsOn(
  resource: string,
  actions: readonly string[],
  { why, without = null }: Because,
  context: Need['context'] = {},
): Need[] {
  return actions.map((action) => ({ action, resource, context, why, without }));
}

/**
 * How a policy names the customer's key of a secret. One that is known by an alias is named by a condition: aliases
 * mean nothing in a policy's Resource.
 * @returns null for the key of AWS
 */
export function keyNamed(kmsKeyId: string | null, scope: Scope): { resource: string; context: Need['context'] } | null {
  if (kmsKeyId === null || /(^|[:/])alias\/aws\/secretsmanager$/.test(kmsKeyId)) return null;
  const alias = /alias\/.+$/.exec(kmsKeyId)?.[0];
  if (alias !== undefined) {
    return { resource: arnIn(scope, 'kms', 'key/*'), context: { 'kms:ResourceAliases': [alias] } };
  }
  return { resource: kmsKeyId.startsWith('arn:') ? kmsKeyId : arnIn(scope, 'kms', `key/${kmsKeyId}`), context: {} };
}

/** Rights on the customer's key of a secret, through Secrets Manager and for this secret alone; none for the key of AWS. */
export function keyNeeds(
  { arn, kmsKeyId }: ScopeSecret,
  actions: readonly string[],
  because: Because,
  scope: Scope,
): Need[] {
  const key = keyNamed(kmsKeyId, scope);
  if (key === null) return [];
  return needsOn(key.resource, actions, because, { ...throughSecretsManager(scope, arn), ...key.context });
}
