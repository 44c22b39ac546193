/** Credentials of a role in another account, for reading its event history. */
import type { CloudTrailClientConfig } from '@aws-sdk/client-cloudtrail';
import { call, clientConfig, type AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';

/** An account of `audit.accounts` in jamf-mcp.yaml. */
export interface AccountRole {
  account: string;
  /** Name or ARN of the role. */
  role: string;
}

const ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/.+$/;
const NAME = /^[\w+=,.@/-]+$/;

/**
 * ARN of the role.
 * @param partition - of the caller: `aws`
 * @throws JamfMcpError CONFIG_INVALID where the ARN is of another account, or it is no role
 */
export function roleArn({ account, role }: AccountRole, partition: string): string {
  const [arn, , owner] = ARN.exec(role) ?? [];
  if (arn !== undefined && owner === account) return arn;
  if (arn === undefined && NAME.test(role)) return `arn:${partition}:iam::${account}:role/${role.replace(/^\//, '')}`;
  throw new JamfMcpError(
    'CONFIG_INVALID',
    `audit.accounts: ${role} is not a role of the account ${account}`,
    'name the role, or give its ARN: arn:aws:iam::ACCOUNT:role/NAME',
  );
}

/**
 * Credentials that are had when they are first needed, shared by all Regions, and renewed before they expire (the SDK asks
 * again then).
 * @param arn - of the role
 */
export function assumed(arn: string, aws: AwsSettings, context: Context): CloudTrailClientConfig['credentials'] {
  let current: Promise<SessionCredentials> | null = null;
  let expires = 0;
  return async () => {
    if (current === null || context.clock.now() > expires - RENEWED_MS) {
      expires = Infinity;
      current = assume(arn, aws, context);
      current.then(
        ({ expiration }) => {
          expires = expiration.getTime();
        },
        () => {
          expires = 0;
        },
      );
    }
    return await current;
  };
}

/** The SDK asks for new ones five minutes before the old ones expire. */
const RENEWED_MS = 6 * 60_000;

interface SessionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}

async function assume(arn: string, aws: AwsSettings, context: Context): Promise<SessionCredentials> {
  const { STSClient, AssumeRoleCommand } = await import('@aws-sdk/client-sts');
  const client = new STSClient(clientConfig(aws));
  try {
    const { Credentials: given } = await call(context, 'AssumeRole', `the role ${arn}`, (options) =>
      client.send(new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: 'jamf-mcp-audit' }), options),
    );
    if (!given?.AccessKeyId || !given.SecretAccessKey || !given.SessionToken || !given.Expiration) {
      throw new JamfMcpError('REMOTE_FAILED', `the role ${arn}: AssumeRole gave no credentials`, null);
    }
    return {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      sessionToken: given.SessionToken,
      expiration: given.Expiration,
    };
  } finally {
    client.destroy();
  }
}
