/** The key behind a secret, and its policy. */
import type { LayerSource } from './can-layers.ts';

/** ARN of a key as DescribeSecret names it. */
export function keyArnOf(key: string, secretArn: string): string {
  const [, partition = '', , region = '', account = ''] = secretArn.split(':');
  return key.startsWith('arn:') ? key : `arn:${partition}:kms:${region}:${account}:key/${key}`;
}

/** The policy of a key, as a layer. */
export function keyPolicy(keyArn: string, unread: { what: string; why: string }[]): LayerSource[] {
  unread.push({ what: 'the policy of the key', why: `that of ${keyArn} is not read` });
  return [];
}
