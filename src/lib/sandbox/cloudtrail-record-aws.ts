/**
 * CloudTrail's records of what AWS does by itself: the key that is used on behalf of a secret, and rotations. Shapes:
 * audit.md §1 and §3 (rows 6 and 10), from records of live accounts and AWS's own samples.
 */
import { seconds, userIdentity, type TrailRecord } from './cloudtrail-record.ts';
import { keyArnOf, MANAGED_ALIAS } from './kms.ts';
import type { Vault } from './secretsmanager-versions.ts';
import { ACCOUNT, type AwsCall, type SandboxRandom } from './service.ts';

const SERVICE = 'secretsmanager.amazonaws.com';

/** When, and what the made-up ids are drawn from. */
interface Moment {
  /** Milliseconds since 1970. */
  at: number;
  random: SandboxRandom;
}

/** A step of a rotation that Secrets Manager tells of. */
export type RotationStep = `${'' | 'Test'}Rotation${'Started' | 'Succeeded' | 'Failed'}`;

/** What Secrets Manager tells of a rotation. */
export interface RotationNotice {
  step: RotationStep;
  secretArn: string;
  /** The same for every step of one rotation. */
  rotation: string;
}

/** The record of a step of a rotation: of the service itself, with the secret in `additionalEventData` alone. */
export function rotationRecord({ step, secretArn, rotation }: RotationNotice, moment: Moment): TrailRecord {
  return {
    ...common(secretArn.split(':')[3] ?? '', moment),
    userIdentity: { accountId: ACCOUNT, invokedBy: SERVICE },
    eventSource: SERVICE,
    eventName: step,
    requestParameters: null,
    additionalEventData: { SecretId: secretArn },
    requestID: `Rotation-${secretArn}-${rotation}`,
    readOnly: false,
    eventType: 'AwsServiceEvent',
  };
}

/** Which call of KMS Secrets Manager makes for which of its own, where a value is read or written. */
const KEY_USES: Readonly<Record<string, 'Decrypt' | 'GenerateDataKey'>> = {
  GetSecretValue: 'Decrypt',
  CreateSecret: 'GenerateDataKey',
  PutSecretValue: 'GenerateDataKey',
  UpdateSecret: 'GenerateDataKey',
};

/**
 * The record of the key that a call has used: made by Secrets Manager in the caller's name, with the ARN of the secret
 * and the version as its encryption context, and an id of its own.
 * @param output - what the call was answered with
 * @returns null for a call that neither reads nor writes a value
 */
export function keyUseRecord(call: AwsCall, output: unknown, vault: Vault, moment: Moment): TrailRecord | null {
  const use = call.service === 'secretsmanager' ? KEY_USES[call.operation] : undefined;
  const { ARN, VersionId } = (output ?? {}) as { ARN?: unknown; VersionId?: unknown };
  if (use === undefined || typeof ARN !== 'string' || typeof VersionId !== 'string') return null;
  const key = vault.find(call.region, ARN)?.kmsKeyId ?? MANAGED_ALIAS;
  const encryptionContext = { SecretARN: ARN, SecretVersionId: VersionId };
  return {
    ...common(call.region, moment),
    userIdentity: forwarded(call, moment),
    eventSource: 'kms.amazonaws.com',
    eventName: use,
    requestParameters:
      use === 'Decrypt'
        ? { encryptionAlgorithm: 'SYMMETRIC_DEFAULT', encryptionContext }
        : { keyId: key, keySpec: 'AES_256', encryptionContext },
    requestID: moment.random.uuid(),
    readOnly: true,
    resources: [{ accountId: ACCOUNT, type: 'AWS::KMS::Key', ARN: keyArnOf(call.region, key) }],
    eventType: 'AwsApiCall',
    // The endpoint of the service, whatever way its caller came.
    vpcEndpointId: 'vpce-0a1b2c3d4e5f60718',
  };
}

/** The caller, by a session that Secrets Manager has opened in their name. */
function forwarded({ principal }: AwsCall, { at, random }: Moment): Record<string, unknown> {
  const identity = userIdentity(principal);
  const session = {
    sessionIssuer: {},
    webIdFederationData: {},
    attributes: { creationDate: seconds(at), mfaAuthenticated: 'false' },
  };
  return {
    sessionContext: session,
    ...identity,
    accessKeyId: `ASIA${random.text(9, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}EXAMPLE`,
    invokedBy: SERVICE,
  };
}

const common = (awsRegion: string, { at, random }: Moment) => ({
  eventVersion: '1.11',
  eventTime: seconds(at),
  awsRegion,
  sourceIPAddress: SERVICE,
  userAgent: SERVICE,
  responseElements: null,
  eventID: random.uuid(),
  managementEvent: true,
  recipientAccountId: ACCOUNT,
  eventCategory: 'Management',
});
