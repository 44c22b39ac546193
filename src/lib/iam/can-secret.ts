/** What requests for a secret carry, and the key behind it. */
import { keyArnOf } from './can-key.ts';
import type { Request } from './evaluate.ts';
import { orMissing, type Clients } from './live/clients.ts';
import { regionOf, tagsOf } from './live/form.ts';
import { noSecret } from './live/read.ts';

/** A secret, as far as rights depend on it. */
export interface LiveSecret {
  name: string;
  arn: string;
  /** ARN of the key with which it is encrypted; null: AWS's own, which needs no right. */
  keyArn: string | null;
  tags: ReadonlyMap<string, string>;
}

/** The key that Secrets Manager takes where none is named. */
const MANAGED_KEY = /(?:^|:)alias\/aws\/secretsmanager$/;

/**
 * Read what rights depend on.
 * @param secretId - name or ARN
 * @throws JamfMcpError SECRET_NOT_FOUND, ACCESS_DENIED …
 */
export async function describeSecret(clients: Clients, secretId: string): Promise<LiveSecret> {
  const { sdk, client } = await clients.secrets(regionOf(secretId));
  const answer = await orMissing(
    clients.ask('DescribeSecret', `secret ${secretId}`, (options) =>
      client.send(new sdk.DescribeSecretCommand({ SecretId: secretId }), options),
    ),
  );
  if (!answer?.ARN) throw noSecret(secretId);
  const { ARN: arn, Name: name = secretId, KmsKeyId: key, Tags } = answer;
  return {
    name,
    arn,
    keyArn: key === undefined || MANAGED_KEY.test(key) ? null : keyArnOf(key, arn),
    tags: tagsOf(Tags),
  };
}

/** The condition keys that every request for a secret carries: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html */
export function secretContext({ arn, tags }: LiveSecret): Request['context'] {
  const byTag = (prefix: string) => [...tags].map(([name, value]): [string, string] => [`${prefix}/${name}`, value]);
  return {
    'secretsmanager:SecretId': arn,
    'aws:RequestedRegion': arn.split(':')[3] ?? '',
    'aws:SecureTransport': 'true',
    ...Object.fromEntries([...byTag('aws:ResourceTag'), ...byTag('secretsmanager:ResourceTag')]),
  };
}
