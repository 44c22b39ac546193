/** Asks `iam who-can` of an account. */
import type { AwsSettings } from '../aws.ts';
import type { Context } from '../host.ts';
import { ORGANIZATION } from './can-live.ts';
import { describeSecret, secretContext } from './can-secret.ts';
import { accountFrom } from './live/account.ts';
import { orDenied, withClients } from './live/clients.ts';
import { secretPolicyFrom } from './live/read.ts';
import { whoCan, type WhoCanResult } from './who-can.ts';

/**
 * Find every principal of the account that may read a secret.
 * @param secretId - name or ARN
 * @throws JamfMcpError SECRET_NOT_FOUND; ACCESS_DENIED where the account's principals cannot be read
 */
export function whoCanLive(secretId: string, aws: AwsSettings, context: Context): Promise<WhoCanResult> {
  return withClients(aws, context, async (clients) => {
    const unread: WhoCanResult['unread'] = [{ ...ORGANIZATION }, { ...ROOT }];
    const secret = await describeSecret(clients, secretId, unread);
    const policy = await orDenied(secretPolicyFrom(clients, secret.arn), ({ message }) => {
      unread.push({ what: 'the policy of the secret', why: message });
    });
    const found = await whoCan({
      secret: { name: secret.name, arn: secret.arn },
      key: secret.key,
      context: secretContext(secret),
      account: await accountFrom(clients),
      secretPolicy: policy ? [{ layer: 'resource', source: policy, type: 'resource' }] : [],
    });
    return { ...found, unread };
  });
}

const ROOT = {
  what: 'the root user of the account',
  why: 'no policy of an identity limits it, and whoever may change a policy can come to read as well',
} as const;
