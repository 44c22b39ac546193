/** The role of the rotation function: exactly the rights that it uses, each on the one thing it is for. */

/** A statement of a policy. */
export interface Statement {
  Sid: string;
  Effect: 'Allow';
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

/** A policy document. */
export interface PolicyDocument {
  Version: '2012-10-17';
  Statement: Statement[];
}

/** A secret, and the customer's key that encrypts it; null for the key of AWS, which needs no right. */
export interface EncryptedSecret {
  arn: string;
  kmsKeyId: string | null;
}

/** What the function works with. */
export interface Reach {
  secret: EncryptedSecret;
  /** The secret with the client that mints. */
  rotator: EncryptedSecret | null;
  /** ARN of the ECS service. */
  service: string | null;
  /** ARN of the log group, without `:*`. */
  logGroup: string;
  /** ARN of the dead-letter queue. */
  queue: string;
}

/** Who may take the role: Lambda. */
export const TRUST: unknown = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

/** The policy of the role. */
export function policyFor({ secret, rotator, service, logGroup, queue }: Reach): PolicyDocument {
  const rights: (Statement | null)[] = [
    {
      Sid: 'RotateTheSecret',
      Effect: 'Allow',
      Action: [
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
        'secretsmanager:PutSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
      ],
      Resource: secret.arn,
    },
    keyRight('UseTheKey', secret, ['kms:Decrypt', 'kms:GenerateDataKey']),
    rotator && {
      Sid: 'ReadTheRotatorClient',
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: rotator.arn,
    },
    rotator && keyRight('UseTheKeyOfTheRotatorClient', rotator, ['kms:Decrypt']),
    service === null
      ? null
      : { Sid: 'RedeployTheService', Effect: 'Allow', Action: 'ecs:UpdateService', Resource: service },
    {
      Sid: 'WriteTheLog',
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: `${logGroup}:*`,
    },
    { Sid: 'KeepWhatFailed', Effect: 'Allow', Action: 'sqs:SendMessage', Resource: queue },
  ];
  return { Version: '2012-10-17', Statement: rights.filter((right) => right !== null) };
}

/**
 * A right on a customer's key, through Secrets Manager and for the one secret only. A key that is known by an alias is
 * named by a condition: aliases mean nothing in a policy's Resource.
 */
function keyRight(Sid: string, { arn, kmsKeyId }: EncryptedSecret, Action: string[]): Statement | null {
  if (kmsKeyId === null || /(^|[:/])alias\/aws\/secretsmanager$/.test(kmsKeyId)) return null;
  const [, partition = 'aws', , region = '', account = ''] = arn.split(':');
  const suffix = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  const alias = /alias\/.+$/.exec(kmsKeyId)?.[0];
  const keys = `arn:${partition}:kms:${region}:${account}:key`;
  const key = kmsKeyId.startsWith('arn:') ? kmsKeyId : `${keys}/${kmsKeyId}`;
  return {
    Sid,
    Effect: 'Allow',
    Action,
    Resource: alias === undefined ? key : `${keys}/*`,
    Condition: {
      StringEquals: {
        'kms:ViaService': `secretsmanager.${region}.${suffix}`,
        'kms:EncryptionContext:SecretARN': arn,
      },
      ...(alias === undefined ? {} : { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': alias } }),
    },
  };
}
