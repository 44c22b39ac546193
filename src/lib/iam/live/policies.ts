/** The resource policies of secrets, and the policies of the keys that they are encrypted with. */
import type { JamfMcpError } from '../../errors.ts';
import type { PolicyType } from '../policy.ts';
import { unusableText } from '../join-facts.ts';
import type { Source } from '../source.ts';
import { everyPage, orDenied, type Clients } from './clients.ts';
import { describedSecret, noSecret, secretPolicyFrom } from './read.ts';
import { keyOf } from './keys.ts';

/** A policy, and what it is attached to. */
interface Found {
  source: Source;
  type: PolicyType;
}

/** A secret and its key, as DescribeSecret and ListSecrets tell them. */
interface SecretAndKey {
  arn: string;
  key: string | null;
}

/**
 * Read the policies of some secrets, or of all.
 * @param unread - takes what may not be read, where all were asked for
 * @throws JamfMcpError SECRET_NOT_FOUND; ACCESS_DENIED where a secret was named that may not be read
 */
export async function policiesOfSecrets(
  clients: Clients,
  { secrets, all }: { secrets: readonly string[]; all: boolean },
  unread: Set<string>,
): Promise<Found[]> {
  const known = [
    ...(await Promise.all(secrets.map((name) => describe(clients, name)))),
    ...(all ? await everySecret(clients) : []),
  ];
  const found: Found[] = [];
  const keys = new Set<string>();
  const tell = ({ message }: JamfMcpError) => {
    unread.add(message);
  };
  for (const { arn, key } of new Map(known.map((secret) => [secret.arn, secret])).values()) {
    const reading = secretPolicyFrom(clients, arn);
    const policy = all ? await orDenied(reading, tell) : await reading;
    if (policy) found.push({ source: policy, type: 'resource' });
    if (key === null || keys.has(key)) continue;
    keys.add(key);
    const fact = await keyOf(clients, key, arn, unread);
    const unusable = fact === undefined ? null : unusableText(key, fact);
    if (unusable !== null) unread.add(`whether anybody can read ${arn}: ${unusable}`);
    if (fact?.policy) found.push({ source: fact.policy, type: 'kms' });
  }
  return found;
}

async function describe(clients: Clients, name: string): Promise<SecretAndKey> {
  const answer = await describedSecret(clients, name);
  if (!answer) throw noSecret(name);
  return { arn: answer.ARN ?? name, key: answer.KmsKeyId ?? null };
}

async function everySecret(clients: Clients): Promise<SecretAndKey[]> {
  const { sdk, client } = await clients.secrets(null);
  const secrets = await everyPage(async (NextToken) => {
    const page = await clients.ask('ListSecrets', 'the secrets', (options) =>
      client.send(new sdk.ListSecretsCommand({ NextToken, MaxResults: 100 }), options),
    );
    return { items: page.SecretList, next: page.NextToken };
  });
  return secrets.map(({ ARN = '', KmsKeyId }) => ({ arn: ARN, key: KmsKeyId ?? null }));
}
