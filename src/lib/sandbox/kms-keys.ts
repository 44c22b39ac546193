/** KMS: keys of the customer, their policies, grants and aliases, as far as who may read a secret hangs on them. */
import { integer, missing, objectOf, requiredText, text, texts } from './input.ts';
import { page } from './paging.ts';
import { ACCOUNT, AwsFault, type AwsHandlers, type World } from './service.ts';

interface CustomerKey {
  id: string;
  region: string;
  policy: string;
  description: string;
  state: 'Enabled' | 'Disabled';
  aliases: string[];
  /** As ListGrants gives them. */
  grants: Record<string, unknown>[];
  createdAt: number;
}

/** What the handlers of AWS's own key ask the others for. */
export interface CustomerKeys {
  handlers: AwsHandlers;
  /** By id, ARN, alias or the ARN of an alias; null: none of these. */
  find(region: string, named: string): CustomerKey | null;
  /** As DescribeKey gives it. */
  view(key: CustomerKey): unknown;
  /** As ListAliases gives them. */
  aliases(region: string, keyId: string | undefined): unknown[];
}

const arnOf = (region: string, resource: string) => `arn:aws:kms:${region}:${ACCOUNT}:${resource}`;

/** What CreateKey attaches where nothing is said: IAM decides. */
const DEFAULT_POLICY = JSON.stringify({
  Version: '2012-10-17',
  Id: 'key-default-1',
  Statement: [
    {
      Sid: 'Enable IAM User Permissions',
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` },
      Action: 'kms:*',
      Resource: '*',
    },
  ],
});

/** Keys that are made here. */
export function createCustomerKeys(world: World): CustomerKeys {
  const keys: CustomerKey[] = [];
  const find = (region: string, named: string): CustomerKey | null => {
    const short = named.replace(/^arn:[^:]*:kms:[^:]*:\d*:/, '').replace(/^key\//, '');
    return keys.find((key) => key.region === region && (key.id === short || key.aliases.includes(short))) ?? null;
  };
  const keyOf = (input: Record<string, unknown>, region: string, name = 'KeyId'): CustomerKey => {
    const named = requiredText(input, name);
    const key = find(region, named);
    if (key) return key;
    const arn = named.startsWith('arn:') ? named : arnOf(region, `key/${named}`);
    throw new AwsFault('NotFoundException', `Key '${arn}' does not exist`);
  };
  const view = (key: CustomerKey) => ({
    AWSAccountId: ACCOUNT,
    KeyId: key.id,
    Arn: arnOf(key.region, `key/${key.id}`),
    CreationDate: new Date(key.createdAt),
    Enabled: key.state === 'Enabled',
    Description: key.description,
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeyState: key.state,
    Origin: 'AWS_KMS',
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
    KeySpec: 'SYMMETRIC_DEFAULT',
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    MultiRegion: false,
  });
  const withState =
    (state: CustomerKey['state']): AwsHandlers[string] =>
    (input, { region }) => {
      keyOf(input, region).state = state;
      return undefined;
    };
  return {
    find,
    view,
    aliases: (region, keyId) =>
      keys
        .filter((key) => key.region === region && (keyId === undefined || find(region, keyId) === key))
        .flatMap((key) =>
          key.aliases.map((AliasName) => ({
            AliasName,
            AliasArn: arnOf(region, AliasName),
            TargetKeyId: key.id,
            CreationDate: new Date(key.createdAt),
            LastUpdatedDate: new Date(key.createdAt),
          })),
        ),
    handlers: {
      CreateKey(input, { region }) {
        const key: CustomerKey = {
          id: world.random.uuid(),
          region,
          policy: policyFrom(text(input, 'Policy', { min: 1, max: 131_072 }) ?? DEFAULT_POLICY),
          description: text(input, 'Description', { max: 8192 }) ?? '',
          state: 'Enabled',
          aliases: [],
          grants: [],
          createdAt: world.clock.now(),
        };
        keys.push(key);
        return { KeyMetadata: view(key) };
      },
      CreateAlias(input, { region }) {
        const name = requiredText(input, 'AliasName', { min: 1, max: 256 });
        if (!/^alias\/(?!aws\/)[\w/-]+$/.test(name))
          throw new AwsFault('InvalidAliasNameException', 'Alias name is invalid');
        if (find(region, name))
          throw new AwsFault('AlreadyExistsException', `An alias with the name ${arnOf(region, name)} already exists`);
        keyOf(input, region, 'TargetKeyId').aliases.push(name);
        return undefined;
      },
      GetKeyPolicy(input, { region }) {
        policyName(input);
        return { Policy: keyOf(input, region).policy, PolicyName: 'default' };
      },
      PutKeyPolicy(input, { region }) {
        policyName(input);
        keyOf(input, region).policy = policyFrom(requiredText(input, 'Policy', { min: 1, max: 131_072 }));
        return undefined;
      },
      CreateGrant(input, { region }) {
        const key = keyOf(input, region);
        const GrantId = world.random.text(64, '0123456789abcdef');
        const operations = texts(input, 'Operations', 17);
        if (operations === undefined) throw missing('operations');
        key.grants.push({
          KeyId: arnOf(key.region, `key/${key.id}`),
          GrantId,
          Name: text(input, 'Name', { min: 1, max: 256 }),
          CreationDate: new Date(world.clock.now()),
          GranteePrincipal: requiredText(input, 'GranteePrincipal', { min: 1, max: 256 }),
          RetiringPrincipal: text(input, 'RetiringPrincipal', { min: 1, max: 256 }),
          IssuingAccount: `arn:aws:iam::${ACCOUNT}:root`,
          Operations: operations,
          Constraints: objectOf(input, 'Constraints'),
        });
        return { GrantId, GrantToken: GrantId };
      },
      ListGrants(input, { region }) {
        const key = keyOf(input, region);
        const { items, nextToken } = page(key.grants, {
          size: integer(input, 'Limit', { min: 1, max: 100 }) ?? 50,
          token: text(input, 'Marker'),
          binding: key.id,
        });
        return { Grants: items, NextMarker: nextToken, Truncated: nextToken !== undefined };
      },
      RevokeGrant(input, { region }) {
        const { grants } = keyOf(input, region);
        const id = requiredText(input, 'GrantId', { min: 1, max: 128 });
        const at = grants.findIndex(({ GrantId }) => GrantId === id);
        if (at < 0) throw new AwsFault('NotFoundException', `Grant ID ${id} not found`);
        grants.splice(at, 1);
        return undefined;
      },
      DisableKey: withState('Disabled'),
      EnableKey: withState('Enabled'),
    },
  };
}

/** A key has one policy, `default`. */
function policyName(input: Record<string, unknown>): void {
  const name = text(input, 'PolicyName', { min: 1, max: 128 }) ?? 'default';
  if (name !== 'default') throw new AwsFault('NotFoundException', `No such policy exists`);
}

function policyFrom(policy: string): string {
  try {
    const parsed: unknown = JSON.parse(policy);
    if (parsed !== null && typeof parsed === 'object' && 'Statement' in parsed) return policy;
  } catch {
    // Told below, as what parses and is no policy.
  }
  throw new AwsFault(
    'MalformedPolicyDocumentException',
    'Policy contains a statement with no principal or is not JSON',
  );
}
