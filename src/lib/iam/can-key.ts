/** The key behind a secret, and its policy. */
import type { LayerSource } from './can-layers.ts';
import type { Clients } from './live/clients.ts';

/** ARN of a key as DescribeSecret names it. */
export function keyArnOf(key: string, secretArn: string, _clients: Clients): Promise<string | null> {
  const [, partition = '', , region = '', account = ''] = secretArn.split(':');
  return Promise.resolve(key.startsWith('arn:') ? key : `arn:${partition}:kms:${region}:${account}:key/${key}`);
}

/** The policy of a key, as a layer. */
export function keyPolicy(
  keyArn: string,
  _clients: Clients,
  unread: { what: string; why: string }[],
): Promise<LayerSource[]> {
  unread.push({ what: 'the policy of the key', why: `that of ${keyArn} is not read` });
  return Promise.resolve([]);
}
