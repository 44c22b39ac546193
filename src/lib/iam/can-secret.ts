/** What requests for a secret carry, and the key behind it. */
import { readKey, type LiveKey } from './can-key.ts';
import type { Request } from './evaluate.ts';
import type { Clients } from './live/clients.ts';
import { tagsOf } from './live/form.ts';
import { tagContext } from './secret-context.ts';
import { describedSecret, noSecret } from './live/read.ts';

/** A secret, as far as rights depend on it. */
export interface LiveSecret {
  name: string;
  arn: string;
  /** The key with which it is encrypted; null: AWS's own, which needs no right. */
  key: LiveKey | null;
  tags: ReadonlyMap<string, string>;
}

/** The key that Secrets Manager takes where none is named. */
const MANAGED_KEY = /(?:^|:)alias\/aws\/secretsmanager$/;

/**
 * Read what rights depend on.
 * @param secretId - name or ARN
 * @param unread - takes what of the key is not read
 * @throws JamfMcpError SECRET_NOT_FOUND, ACCESS_DENIED …
 */
export async function describeSecret(
  clients: Clients,
  secretId: string,
  unread: { what: string; why: string }[],
): Promise<LiveSecret> {
  const answer = await describedSecret(clients, secretId);
  if (!answer?.ARN) throw noSecret(secretId);
  const { ARN: arn, Name: name = secretId, KmsKeyId: named, Tags } = answer;
  const own = named === undefined || MANAGED_KEY.test(named) ? null : await readKey(clients, named, arn, unread);
  return {
    name,
    arn,
    key: own?.managed ? null : own,
    tags: tagsOf(Tags),
  };
}

/** The condition keys that every request for a secret carries: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html */
export function secretContext({ arn, tags }: LiveSecret): Request['context'] {
  return {
    'secretsmanager:SecretId': arn,
    'aws:RequestedRegion': arn.split(':')[3] ?? '',
    'aws:SecureTransport': 'true',
    ...tagContext(tags),
  };
}
