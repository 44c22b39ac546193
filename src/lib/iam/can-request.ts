/** Requests that come with others. */
import type { LiveKey } from './can-key.ts';
import type { Caller, Request } from './evaluate.ts';
import { throughSecretsManager } from './secret-context.ts';

/** The condition keys that every request for a key carries: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html */
export const keyContext = ({ account }: Caller, aliases: readonly string[]): Request['context'] => ({
  'kms:CallerAccount': account,
  ...(aliases.length === 0 ? {} : { 'kms:ResourceAliases': aliases }),
});

/** Actions that decrypt the value of a secret: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html */
export const READS = /^secretsmanager:(?:GetSecretValue|BatchGetSecretValue|PutSecretValue|UpdateSecret)$/i;

/**
 * The request for the key that Secrets Manager makes in the name of whoever reads a secret.
 * @param request - for the secret
 * @param key - with which it is encrypted
 */
export function decryptOf(
  request: Request,
  secret: { arn: string },
  { arn: keyArn, aliases, unread }: LiveKey,
): Request {
  const [, partition = '', , region = ''] = secret.arn.split(':');
  const tags = Object.fromEntries(
    Object.entries(request.context).filter(([key]) => /^aws:Principal|^aws:username$/.test(key)),
  );
  return {
    ...request,
    action: 'kms:Decrypt',
    resource: keyArn,
    // Where the policy of the key is not known, the side of whoever reads is judged.
    resourceAccount: unread === 'policy' ? null : (keyArn.split(':')[4] ?? null),
    context: {
      ...tags,
      'aws:RequestedRegion': region,
      'aws:SecureTransport': 'true',
      'aws:ViaAWSService': 'true',
      ...throughSecretsManager({ partition, region }, secret.arn),
      ...keyContext(request.caller, aliases),
      'kms:EncryptionContextKeys': ['SecretARN', 'SecretVersionId'],
      'kms:EncryptionAlgorithm': 'SYMMETRIC_DEFAULT',
    },
  };
}
