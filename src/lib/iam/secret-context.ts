/** Condition keys that requests for secrets carry, and those for the keys that encrypt them. */

/** The tags of a secret, as keys of a request: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html */
export const tagContext = (tags: Iterable<readonly [name: string, value: string]>): Record<string, string> =>
  Object.fromEntries(
    [...tags].flatMap(([name, value]) => [
      [`aws:ResourceTag/${name}`, value],
      [`secretsmanager:ResourceTag/${name}`, value],
    ]),
  );

/** What Secrets Manager tells KMS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html */
export const throughSecretsManager = (
  { partition, region }: { partition: string; region: string },
  secretArn: string,
): Record<'kms:ViaService' | 'kms:EncryptionContext:SecretARN', string> => ({
  'kms:ViaService': `secretsmanager.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`,
  'kms:EncryptionContext:SecretARN': secretArn,
});
