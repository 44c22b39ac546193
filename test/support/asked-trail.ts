/** Records of every kind that an audit goes by, for sources that answer a query; and what they are to be read as. */
import { accessFrom, type RecordedAccess } from '../../src/lib/audit/event.ts';
import { NAME, ARN, record, session, type Json } from './trail.ts';

const SERVICE = { accountId: '111122223333', invokedBy: 'secretsmanager.amazonaws.com' };

/** Records that concern {@link NAME}, each by another place, at the times given, one a minute. */
export function askedRecords(at: number): Json[] {
  const time = (minutes: number) => ({ eventTime: `${new Date(at + minutes * 60_000).toISOString().slice(0, 19)}Z` });
  return [
    record({ ...time(0), userIdentity: session('reader', 'worker-1', '/app/'), vpcEndpointId: 'vpce-0example' }),
    record({
      ...time(1),
      errorCode: 'AccessDenied',
      errorMessage: `User: arn:aws:iam::111122223333:user/alice is not authorized to perform: secretsmanager:GetSecretValue on resource: ${NAME} because no identity-based policy allows the action`,
      requestParameters: null,
      userAgent: `it's "quoted", \u001b[2J and\nbroken`,
    }),
    record({
      ...time(2),
      eventName: 'RotationSucceeded',
      eventType: 'AwsServiceEvent',
      userIdentity: SERVICE,
      requestParameters: null,
      additionalEventData: { SecretId: ARN },
      readOnly: false,
    }),
    record({
      ...time(3),
      eventSource: 'kms.amazonaws.com',
      eventName: 'Decrypt',
      userIdentity: { ...session('reader', 'worker-1'), invokedBy: 'secretsmanager.amazonaws.com' },
      requestParameters: { encryptionContext: { SecretARN: ARN, SecretVersionId: 'v-1' } },
      resources: [
        { ARN: 'arn:aws:kms:us-east-1:111122223333:key/1', accountId: '111122223333', type: 'AWS::KMS::Key' },
      ],
    }),
    record({
      ...time(4),
      eventName: 'BatchGetSecretValue',
      requestParameters: { filters: [{ key: 'tag-key', values: ['!x'] }] },
      sessionCredentialFromConsole: 'true',
    }),
    record({
      ...time(5),
      eventSource: 'cloudtrail.amazonaws.com',
      eventName: 'StopLogging',
      requestParameters: { name: 'trail-1' },
    }),
    record({
      ...time(6),
      eventName: 'CreateSecret',
      requestParameters: { name: NAME, clientRequestToken: 'token-1' },
      responseElements: { arn: ARN },
      readOnly: false,
      sharedEventID: 'shared-1',
    }),
  ];
}

/** Records that a query for {@link NAME} is not to find. */
export function otherRecords(at: number): Json[] {
  const eventTime = `${new Date(at).toISOString().slice(0, 19)}Z`;
  return [
    record({ eventTime, requestParameters: { secretId: 'another/secret' } }),
    record({ eventTime, eventSource: 'kms.amazonaws.com', eventName: 'Decrypt', requestParameters: { keyId: NAME } }),
    record({ eventTime, eventSource: 's3.amazonaws.com', eventName: 'GetObject', requestParameters: { key: NAME } }),
    record({ eventTime, awsRegion: 'eu-west-1' }),
    record({ eventTime, recipientAccountId: '999900001111' }),
  ];
}

/** What records are read as, without a query between. */
export const readAs = (records: readonly Json[]): (RecordedAccess | null)[] => records.map(accessFrom);
