/** KMS: the AWS managed key of Secrets Manager, as far as it can be described. */
import { requiredText } from './input.ts';
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

/** DescribeKey and ListAliases for `alias/aws/secretsmanager`. */
export function createKms(world: World): AwsService {
  const created = new Date(world.clock.now() - 400 * 86_400_000);
  const arnOf = (region: string, resource: string) => `arn:aws:kms:${region}:${ACCOUNT}:${resource}`;
  return {
    handlers: {
      DescribeKey(input, { region }) {
        const id = requiredText(input, 'KeyId');
        const names = [KEY_ID, MANAGED_ALIAS, arnOf(region, `key/${KEY_ID}`), arnOf(region, MANAGED_ALIAS)];
        if (!names.includes(id)) {
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
      ListAliases: (_input, { region }) => ({
        Aliases: [
          {
            AliasName: MANAGED_ALIAS,
            AliasArn: arnOf(region, MANAGED_ALIAS),
            TargetKeyId: KEY_ID,
            CreationDate: created,
            LastUpdatedDate: created,
          },
        ],
        Truncated: false,
      }),
    },
  };
}
