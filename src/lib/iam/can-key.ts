/** The key behind a secret, and its policy. */
import type { LayerSource } from './can-layers.ts';
import type { Clients } from './live/clients.ts';
import { unusableText } from './join-facts.ts';
import { keyOf } from './live/keys.ts';

/** A key, as far as rights depend on it. */
export interface LiveKey {
  /** As it was named, where nobody can tell its ARN. */
  arn: string;
  /** Its aliases, such as `alias/app`. */
  aliases: readonly string[];
  /** AWS's own: it needs no right. */
  managed: boolean;
  /** Its policy, as a layer; none where it was not read. */
  policy: LayerSource[];
  /** What of it may not be read: the whole key, so that nobody can tell which it is, or its policy. */
  unread: 'key' | 'policy' | null;
}

/**
 * Read a key.
 * @param named - id, ARN or alias
 * @param near - an ARN in the same Region and account, where its name does not say
 * @param unread - takes what is not read
 */
export async function readKey(
  clients: Clients,
  named: string,
  near: string,
  unread: { what: string; why: string }[],
): Promise<LiveKey> {
  const untold = new Set<string>();
  const key = await keyOf(clients, named, near, untold);
  for (const why of untold) unread.push({ what: 'the key', why });
  const unusable = key === undefined ? null : unusableText(named, key);
  if (unusable !== null) unread.push({ what: 'the key', why: `${unusable}: nobody can decrypt with it` });
  return {
    arn: key?.arn ?? named,
    aliases: key?.aliases ?? [],
    managed: key?.awsManaged ?? false,
    policy: key?.policy ? [{ layer: 'resource', source: key.policy, type: 'kms' }] : [],
    unread: key === undefined ? 'key' : key?.policy === undefined && key !== null ? 'policy' : null,
  };
}
