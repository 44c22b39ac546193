/** Which key a secret is encrypted with, as far as the secret tells. */
import type { KeyFact } from '../join-facts.ts';
import type { Clients } from './clients.ts';

/** A key that may not be looked up: an ARN or an id tells which it is, an alias does not. */
function takenAtItsWord(named: string, secretArn: string): KeyFact | undefined {
  if (named.includes('alias/')) return undefined;
  const [, partition = '', , region = '', account = ''] = secretArn.split(':');
  const arn = named.startsWith('arn:') ? named : `arn:${partition}:kms:${region}:${account}:key/${named}`;
  return { arn, awsManaged: false, enabled: true, aliases: [] };
}

/**
 * What is known of a key.
 * @param named - id, ARN or alias
 * @param secretArn - of the secret that it belongs to
 * @param unread - takes what is not read
 * @returns undefined: nobody can tell which it is
 */
export function keyOf(
  _clients: Clients,
  named: string,
  secretArn: string,
  unread: Set<string>,
): Promise<KeyFact | null | undefined> {
  unread.add(`the key ${named} itself: its policy has to let the role in as well`);
  return Promise.resolve(takenAtItsWord(named, secretArn));
}
