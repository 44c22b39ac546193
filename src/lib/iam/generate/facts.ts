/** Finds out what a generated policy is about: from the account, or from what was typed alone. */
import { identity, type AwsSettings } from '../../aws.ts';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { partitionOf } from '../arn.ts';
import { withClients } from '../live/clients.ts';
import { describedSecret } from '../live/read.ts';
import { ANY_SUFFIX, secretPattern, type Scope, type ScopeSecret } from './scope.ts';

/** What was typed. */
export interface ScopeWish extends Pick<
  Scope,
  'cluster' | 'service' | 'logGroup' | 'repositories' | 'tables' | 'buckets'
> {
  /** Twelve digits: nobody is asked; null: the account of the credentials, in which the secrets are looked up. */
  account: string | null;
  aws: AwsSettings;
  /** Names, `app/*`, or ARNs. */
  secrets: readonly string[];
  rotator: string | null;
  /** Key of the secrets, where it is not looked up or is to be another one. */
  kmsKey: string | null;
}

/** The scope, and what had to be supposed. */
export interface Scoped {
  scope: Scope;
  remarks: string[];
}

/**
 * Find the scope.
 * @throws JamfMcpError INPUT_INVALID, INPUT_MISSING; CREDENTIALS_MISSING … where no account was named
 */
export async function scopeOf(wish: ScopeWish, context: Context): Promise<Scoped> {
  const remarks: string[] = [];
  checkNames(wish);
  const place = await placeOf(wish, context);
  const { kmsKey, rotator, cluster, service, logGroup, repositories, tables, buckets } = wish;
  const find = async (name: string): Promise<ScopeSecret> => {
    const pattern = { arn: secretPattern(name, place), kmsKeyId: kmsKey };
    if (wish.account !== null || name.includes('*')) return pattern;
    const found = await describe(name, wish.aws, remarks, context);
    if (found === null) return pattern;
    const anew = found.arn.replace(/-[A-Za-z0-9]{6}$/, ANY_SUFFIX);
    return { arn: found.arn, anew, kmsKeyId: kmsKey ?? found.kmsKeyId };
  };
  const scope = {
    ...place,
    secrets: await Promise.all(wish.secrets.map(find)),
    rotator: rotator === null ? null : await find(rotator),
    ...{ cluster, service, logGroup, repositories, tables, buckets },
  };
  return { scope, remarks };
}

/** What names hold: those that policies are to tell apart, no variable and no character of a policy's own among them. */
const NAME = /^[\w+=.@/:#-]+$/;
/** With wildcards, and yet with something of a name. */
const PATTERN = /^(?=.*[\w])[\w+=.@/:#*?-]+$/;
const KEY = /^(?:arn:[\w-]+:kms:[\w-]+:\d{12}:(?:key|alias)\/)?[\w/-]+$/;

function checkNames({ secrets, rotator, kmsKey, cluster, service, logGroup, ...more }: ScopeWish): void {
  const checks: [flag: string, values: readonly (string | null)[], form: RegExp][] = [
    ['--secret', secrets, PATTERN],
    ['--rotator-secret', [rotator], NAME],
    ['--kms-key', [kmsKey], KEY],
    ['--cluster', [cluster], NAME],
    ['--service', [service], NAME],
    ['--log-group', [logGroup], PATTERN],
    ['--repository', more.repositories, PATTERN],
    ['--table', more.tables, PATTERN],
    ['--bucket', more.buckets, PATTERN],
  ];
  for (const [flag, values, form] of checks) {
    if (values.every((value) => value === null || form.test(value))) continue;
    // What is no name may be anything, a secret in the wrong place included: it is not repeated.
    throw new JamfMcpError('INPUT_INVALID', `the value of ${flag} is no name`, 'name the thing that the policy is for');
  }
}

async function placeOf(
  { account, aws }: ScopeWish,
  context: Context,
): Promise<Pick<Scope, 'partition' | 'region' | 'account'>> {
  if (account === null) {
    const caller = await identity(aws, context);
    return { partition: caller.arn.split(':')[1] ?? 'aws', region: caller.region, account: caller.account };
  }
  if (!/^\d{12}$/.test(account)) {
    throw new JamfMcpError('INPUT_INVALID', `--account ${account} is not an account id`, 'it has twelve digits');
  }
  if (aws.region === undefined) {
    throw new JamfMcpError(
      'INPUT_MISSING',
      'with --account nobody is asked, so the Region has to be named',
      'pass --region, such as --region us-east-1, or leave --account out',
    );
  }
  return { partition: partitionOf(aws.region), region: aws.region, account };
}

/** What the account knows of a secret; null, and a remark, where it does not know it or does not tell. */
async function describe(
  name: string,
  aws: AwsSettings,
  remarks: string[],
  context: Context,
): Promise<ScopeSecret | null> {
  try {
    const found = await withClients(aws, context, (clients) => describedSecret(clients, name));
    if (found?.ARN === undefined) {
      remarks.push(`there is no secret ${name} yet: it is named by a pattern that matches it alone`);
      return null;
    }
    return { arn: found.ARN, kmsKeyId: found.KmsKeyId ?? null };
  } catch (error) {
    if (!(error instanceof JamfMcpError) || error.code !== 'ACCESS_DENIED') throw error;
    remarks.push(`${messageOf(error)}: its key is not known, and its ARN is a pattern; name the key with --kms-key`);
    return null;
  }
}
