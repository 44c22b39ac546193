/** KMS: the AWS managed key of Secrets Manager, as far as it can be described, and keys that are made here. */
import { requiredText, text } from './input.ts';
import { createCustomerKeys } from './kms-keys.ts';
import { ACCOUNT, AwsFault, type AwsService, type World } from './service.ts';

const KEY_ID = '11111111-2222-4333-8444-555555555555';

/** The key of secrets that name none. */
export const MANAGED_ALIAS = 'alias/aws/secretsmanager';

/**
 * The ARN of a key.
 * @param id - as a secret names its key: id, ARN or alias
 */
export function keyArnOf(region: string, id: string): string {
  const key = id.includes('alias/') ? KEY_ID : (id.split('/').at(-1) ?? id);
  return `arn:aws:kms:${region}:${ACCOUNT}:key/${key}`;
}

/** The policy of AWS's own key: whoever may read a secret of the account may decrypt it. */
const managedPolicy = (region: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Id: 'auto-secretsmanager-2',
    Statement: [
      {
        Sid: 'Allow access through AWS Secrets Manager for all principals in the account that are authorized to use AWS Secrets Manager',
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:CreateGrant', 'kms:DescribeKey'],
        Resource: '*',
        Condition: {
          StringEquals: { 'kms:CallerAccount': ACCOUNT, 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` },
        },
      },
    ],
  });

/** DescribeKey, GetKeyPolicy and ListAliases, and the calls for keys that are made here. */
export function createKms(world: World): AwsService {
  const created = new Date(world.clock.now() - 400 * 86_400_000);
  const arnOf = (region: string, resource: string) => `arn:aws:kms:${region}:${ACCOUNT}:${resource}`;
  const keys = createCustomerKeys(world);
  const isManaged = (id: string, region: string) =>
    [KEY_ID, MANAGED_ALIAS, arnOf(region, `key/${KEY_ID}`), arnOf(region, MANAGED_ALIAS)].includes(id);
  return {
    handlers: {
      ...keys.handlers,
      GetKeyPolicy(input, call) {
        const managed = isManaged(requiredText(input, 'KeyId'), call.region);
        if (managed) return { Policy: managedPolicy(call.region), PolicyName: 'default' };
        return keys.handlers.GetKeyPolicy?.(input, call);
      },
      DescribeKey(input, { region }) {
        const id = requiredText(input, 'KeyId');
        const made = keys.find(region, id);
        if (made) return { KeyMetadata: keys.view(made) };
        if (!isManaged(id, region)) {
          const what = id.includes('alias/')
            ? `Alias ${arnOf(region, id.slice(id.indexOf('alias/')))} is not found.`
            : `Key '${id.startsWith('arn:') ? id : arnOf(region, `key/${id}`)}' does not exist`;
          throw new AwsFault('NotFoundException', what);
        }
        return {
          KeyMetadata: {
            AWSAccountId: ACCOUNT,
            KeyId: KEY_ID,
            Arn: arnOf(region, `key/${KEY_ID}`),
            CreationDate: created,
            Enabled: true,
            Description: 'Default key that protects my Secrets Manager data when no other key is defined',
            KeyUsage: 'ENCRYPT_DECRYPT',
            KeyState: 'Enabled',
            Origin: 'AWS_KMS',
            KeyManager: 'AWS',
            CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
            KeySpec: 'SYMMETRIC_DEFAULT',
            EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
            MultiRegion: false,
          },
        };
      },
      ListAliases(input, { region }) {
        const id = text(input, 'KeyId');
        const own = {
          AliasName: MANAGED_ALIAS,
          AliasArn: arnOf(region, MANAGED_ALIAS),
          TargetKeyId: KEY_ID,
          CreationDate: created,
          LastUpdatedDate: created,
        };
        const managed = id === undefined || isManaged(id, region) ? [own] : [];
        return { Aliases: [...managed, ...keys.aliases(region, id)], Truncated: false };
      },
    },
  };
}
