/** Reads keys: what they are, and who may use them. */
import type { AwsSettings } from '../../aws.ts';
import type { Context } from '../../host.ts';
import type { KeyFact } from '../join-facts.ts';
import { listed } from '../rules/check.ts';
import type { Source } from '../source.ts';
import { everyPage, orDenied, orMissing, policyText, withClients, type Clients } from './clients.ts';
import { regionOf } from './form.ts';

/**
 * Read the policy of a key.
 * @param keyArn - of the key, not of an alias
 * @returns null where KMS knows no such key
 * @throws JamfMcpError ACCESS_DENIED …
 */
export const readKeyPolicy = (keyArn: string, aws: AwsSettings, context: Context): Promise<Source | null> =>
  withClients(aws, context, (clients) => keyPolicyFrom(clients, keyArn));

/** {@link readKeyPolicy} with clients that are open. */
export async function keyPolicyFrom(clients: Clients, keyArn: string): Promise<Source | null> {
  const { sdk, client } = await clients.kms(regionOf(keyArn));
  const answer = await orMissing(
    clients.ask('GetKeyPolicy', `key ${keyArn}`, (options) =>
      client.send(new sdk.GetKeyPolicyCommand({ KeyId: keyArn, PolicyName: 'default' }), options),
    ),
  );
  if (answer?.Policy === undefined) return null;
  const [, , , region = '', account = '', rest = ''] = keyArn.split(':');
  return { name: `aws/${account}/kms/${region}/${rest}/policy.json`, text: policyText(answer.Policy) };
}

/** A key that may not be looked up: an ARN or an id tells which it is, an alias does not. */
function takenAtItsWord(named: string, secretArn: string): KeyFact | undefined {
  if (named.includes('alias/')) return undefined;
  const [, partition = '', , region = '', account = ''] = secretArn.split(':');
  const arn = named.startsWith('arn:') ? named : `arn:${partition}:kms:${region}:${account}:key/${named}`;
  return { arn, awsManaged: false, enabled: true, aliases: [] };
}

/**
 * Look up a key, its aliases, its policy and its grants.
 * @param named - id, ARN or alias
 * @param secretArn - of the secret that it belongs to
 * @param unread - takes what may not be read, and whom grants let decrypt: they are not judged
 * @returns null: KMS knows no such key; undefined: nobody can tell which it is
 */
export async function keyOf(
  clients: Clients,
  named: string,
  secretArn: string,
  unread: Set<string>,
): Promise<KeyFact | null | undefined> {
  const { sdk, client } = await clients.kms(regionOf(named) ?? regionOf(secretArn));
  const denials = new Set<string>();
  const about = `key ${named}`;
  const answer = await orDenied(
    orMissing(
      clients.ask('DescribeKey', about, (options) =>
        client.send(new sdk.DescribeKeyCommand({ KeyId: named }), options),
      ),
    ),
    ({ message }) => {
      denials.add(`a key, and whether it can be used: ${message}`);
    },
  );
  for (const denial of denials) unread.add(denial);
  const key = answer?.KeyMetadata;
  if (!key?.Arn) return denials.size > 0 ? takenAtItsWord(named, secretArn) : null;
  const arn = key.Arn;
  const awsManaged = key.KeyManager === 'AWS';
  const fact = { arn, awsManaged, enabled: key.KeyState === undefined || key.KeyState === 'Enabled' };
  if (awsManaged) return { ...fact, aliases: [], policy: null };
  const [aliases, grantees, read] = await Promise.all([
    orDenied(aliasesFrom(clients, arn), ({ message }) =>
      unread.add(`the aliases of a key, which a condition may name: ${message}`),
    ),
    orDenied(granteesFrom(clients, arn), ({ message }) =>
      unread.add(`the grants of a key, which may let somebody decrypt as well: ${message}`),
    ),
    orDenied(
      keyPolicyFrom(clients, arn).then((policy) => ({ policy })),
      ({ message }) => unread.add(`the policy of a key, which has to let the role in: ${message}`),
    ),
  ]);
  if (grantees && grantees.length > 0) {
    unread.add(`the grants of the key ${arn}: by them ${listed(grantees)} may decrypt, whatever policies allow`);
  }
  return { ...fact, aliases: aliases ?? [], grantees: grantees ?? [], ...(read ?? {}) };
}

async function aliasesFrom(clients: Clients, arn: string): Promise<string[]> {
  const { sdk, client } = await clients.kms(regionOf(arn));
  const aliases = await everyPage(async (Marker) => {
    const page = await clients.ask('ListAliases', `key ${arn}`, (options) =>
      client.send(new sdk.ListAliasesCommand({ KeyId: arn, Marker }), options),
    );
    return { items: page.Aliases, next: page.Truncated ? page.NextMarker : undefined };
  });
  return aliases.flatMap(({ AliasName }) => AliasName ?? []);
}

/** Whom grants let decrypt: https://docs.aws.amazon.com/kms/latest/developerguide/grants.html */
async function granteesFrom(clients: Clients, arn: string): Promise<string[]> {
  const { sdk, client } = await clients.kms(regionOf(arn));
  const grants = await everyPage(async (Marker) => {
    const page = await clients.ask('ListGrants', `key ${arn}`, (options) =>
      client.send(new sdk.ListGrantsCommand({ KeyId: arn, Marker, Limit: 100 }), options),
    );
    return { items: page.Grants, next: page.Truncated ? page.NextMarker : undefined };
  });
  const decrypting = grants.filter(({ Operations = [] }) => Operations.includes('Decrypt'));
  return [...new Set(decrypting.flatMap(({ GranteePrincipal }) => GranteePrincipal ?? []))].sort();
}
