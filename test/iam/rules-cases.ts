/** Policies with one thing wrong, and the same put right. */
import type { PolicyType } from '../../src/lib/iam/policy.ts';

/** A statement or a document. */
export type Raw = Record<string, unknown>;

/** A secret without its suffix. */
export const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
/** Read one secret. */
export const read = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: `${SECRET}-??????`,
  ...rest,
});
/** Decrypt with one key. */
export const decrypt = (rest: Raw = {}): Raw => read({ Action: 'kms:Decrypt', Resource: KEY, ...rest });
/** Write the objects of one bucket. */
export const upload = (rest: Raw = {}): Raw =>
  read({ Action: 's3:PutObject', Resource: 'arn:aws:s3:::bucket/*', ...rest });
/** A Condition with one key. */
export const when = (operator: string, key: string, value: unknown): Raw => ({
  Condition: { [operator]: { [key]: value } },
});
/** Let one role assume it. */
export const trust = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::111122223333:role/deploy' },
  Action: 'sts:AssumeRole',
  ...rest,
});
/** In the policy of a secret. */
export const attached = (rest: Raw = {}): Raw =>
  read({ Principal: { AWS: 'arn:aws:iam::111122223333:role/app' }, Resource: '*', ...rest });
/** In a key policy. */
export const key = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::111122223333:role/admin' },
  Action: ['kms:PutKeyPolicy', 'kms:DescribeKey'],
  Resource: '*',
  ...rest,
});

/** One policy from statements; a string or an object with Version is the document itself. */
export const textOf = (given: Raw | Raw[] | string): string =>
  typeof given === 'string'
    ? given
    : JSON.stringify(
        !Array.isArray(given) && ('Version' in given || 'Statement' in given || 'Document' in given)
          ? given
          : { Version: '2012-10-17', Statement: given },
      );

/** A statement without one of its elements. */
export const without = (statement: Raw, name: string): Raw =>
  Object.fromEntries(Object.entries(statement).filter(([element]) => element !== name));

/** Let the workflows of GitHub assume it. */
const github = (rest: Raw): Raw =>
  trust({
    Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com' },
    Action: 'sts:AssumeRoleWithWebIdentity',
    ...rest,
  });
const subject = (operator: string, value: string): Raw =>
  when(operator, 'token.actions.githubusercontent.com:sub', value);

/** Let a service use it on behalf of one account. */
const service = (operator: string, key_: string, value: unknown): Raw =>
  attached({ Principal: { Service: 'logs.amazonaws.com' }, ...when(operator, key_, value) });

/** A rule, where it has to fire, and the same put right, where it must not. */
export type Case = [rule: string, type: PolicyType, bad: Raw | Raw[] | string, good: Raw | Raw[] | string];

/** Every rule of one policy. */
export const CASES: Case[] = [
  ['syntax', 'identity', '{"Version": "2012-10-17",}', read()],
  ['duplicate-key', 'identity', '{"Version": "2012-10-17", "Version": "2012-10-17"}', read()],
  ['byte-order-mark', 'identity', `\uFEFF${textOf(read())}`, read()],
  ['nested-too-deep', 'identity', '['.repeat(200), read()],
  ['file-too-large', 'identity', ' '.repeat(3_000_000), read()],
  ['no-policy', 'identity', '{"name": "package"}', read()],
  ['too-complex', 'identity', read({ Resource: Array.from({ length: 9_000 }, () => 'arn:aws:s3:::b/*') }), read()],
  ['value-too-long', 'identity', read({ Resource: [`${SECRET}-??????`, `${SECRET}${'x'.repeat(3_000)}`] }), read()],
  ['unknown-element', 'identity', read({ Ressource: '*' }), read()],
  ['duplicate-key-case', 'identity', read({ action: 'x' }), read()],
  ['wrong-type', 'identity', read({ Action: [['s3:GetObject']] }), read()],
  ['missing-version', 'identity', { Statement: read() }, read()],
  ['old-version', 'identity', { Version: '2008-10-17', Statement: read() }, read()],
  ['invalid-version', 'identity', { Version: '2026-11-22', Statement: read() }, read()],
  ['missing-statement', 'identity', { Version: '2012-10-17', Statement: [] }, read()],
  ['missing-effect', 'identity', without(read(), 'Effect'), read()],
  ['invalid-effect', 'identity', read({ Effect: 'allow' }), read()],
  ['missing-action', 'identity', without(read(), 'Action'), read()],
  ['missing-resource', 'identity', without(read(), 'Resource'), read()],
  ['empty-list', 'identity', read({ Action: [] }), read()],
  ['element-and-its-opposite', 'identity', read({ NotAction: 's3:*' }), read()],
  ['missing-principal', 'resource', read(), attached()],
  ['unsupported-principal', 'identity', attached(), read()],
  ['trust-policy-resource', 'trust', trust({ Resource: '*' }), trust()],
  [
    'trust-policy-not-principal',
    'trust',
    { ...without(trust(), 'Principal'), NotPrincipal: { AWS: '111122223333' } },
    trust(),
  ],
  ['invalid-sid', 'identity', read({ Sid: 'read secrets!' }), read({ Sid: 'ReadSecrets1' })],
  [
    'duplicate-sid',
    'identity',
    [read({ Sid: 'A' }), decrypt({ Sid: 'A' })],
    [read({ Sid: 'A' }), decrypt({ Sid: 'B' })],
  ],
  [
    'duplicate-sid-recommended',
    'resource',
    [attached({ Sid: 'A' }), attached({ Sid: 'A', Effect: 'Deny' })],
    attached({ Sid: '__owner_statement' }),
  ],
  [
    'invalid-operator',
    'identity',
    read(when('StringsEquals', 'aws:PrincipalTag/a', 'b')),
    read(when('StringEquals', 'aws:PrincipalTag/a', 'b')),
  ],
  [
    'null-if-exists',
    'identity',
    read(when('NullIfExists', 'aws:PrincipalTag/a', 'true')),
    read(when('Null', 'aws:PrincipalTag/a', 'true')),
  ],
  [
    'invalid-character',
    'identity',
    read(when('StringEquals', 'aws:PrincipalTag/a', '“b”')),
    read(when('StringEquals', 'aws:PrincipalTag/a', 'ü')),
  ],
  [
    'empty-condition',
    'identity',
    read(when('StringEquals', 'aws:PrincipalTag/a', [])),
    read(when('StringEquals', 'aws:PrincipalTag/a', 'b')),
  ],
  ['action-form', 'identity', read({ Action: 'GetSecretValue' }), read()],
  ['unknown-service', 'identity', read({ Action: 'docs:GetDocuments' }), read()],
  [
    'unknown-action',
    'identity',
    read({ Action: 's3:ListBuckets', Resource: '*' }),
    read({ Action: 's3:ListAllMyBuckets', Resource: '*' }),
  ],
  [
    'action-matches-nothing',
    'identity',
    read({ Action: 'secretsmanager:Fetch*' }),
    read({ Action: 'secretsmanager:GetS*' }),
  ],
  ['several-actions-in-one', 'identity', read({ Action: 's3:GetObject,PutObject' }), read()],
  ['wildcard-in-service', 'identity', read({ Action: 's*:GetObject' }), read()],
  ['action-of-another-service', 'kms', key({ Action: ['kms:PutKeyPolicy', 's3:GetObject'] }), key()],
  [
    'trust-policy-action',
    'trust',
    trust({ Action: ['sts:AssumeRole', 's3:GetObject'] }),
    trust({ Action: ['sts:AssumeRole', 'sts:TagSession'] }),
  ],
  ['action-for-other-principal', 'trust', trust({ Action: 'sts:AssumeRoleWithWebIdentity' }), trust()],
  ['resource-form', 'identity', read({ Resource: 'app/prod' }), read()],
  ['arn-fields', 'identity', upload({ Resource: 'arn:aws:s3::bucket' }), upload()],
  [
    'arn-partition',
    'identity',
    upload({ Resource: 'arn:amazon:s3:::bucket/*' }),
    upload({ Resource: 'arn:aws-cn:s3:::bucket/*' }),
  ],
  ['arn-region-not-allowed', 'identity', upload({ Resource: 'arn:aws:s3:us-east-1::bucket/*' }), upload()],
  [
    'arn-iam-resource',
    'identity',
    read({ Action: 'iam:GetRole', Resource: 'arn:aws:iam::111122223333:app' }),
    read({ Action: 'iam:GetRole', Resource: 'arn:aws:iam::111122223333:role/app' }),
  ],
  ['arn-unknown-service', 'identity', read({ Resource: SECRET.replace('secretsmanager', 'secretmanager') }), read()],
  ['arn-region', 'identity', read({ Resource: `${SECRET.replace('us-east-1', 'REGION')}-??????` }), read()],
  ['arn-account', 'identity', read({ Resource: `${SECRET.replace('111122223333', 'ACCOUNT')}-??????` }), read()],
  ['arn-shortened', 'identity', read({ Resource: 'arn:aws:secretsmanager:us-east-1' }), read()],
  [
    'resource-never-matches',
    'identity',
    read({ Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket' }),
    read({ Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/*' }),
  ],
  [
    'action-needs-all-resources',
    'identity',
    read({ Action: 'secretsmanager:ListSecrets' }),
    read({ Action: 'secretsmanager:ListSecrets', Resource: '*' }),
  ],
  ['pattern-partly-without-effect', 'identity', read({ Action: 'secretsmanager:List*' }), read()],
  ['resource-not-used', 'identity', read({ Resource: [`${SECRET}-??????`, 'arn:aws:s3:::bucket'] }), read()],
  [
    'condition-key-form',
    'identity',
    read(when('StringEquals', 'VersionStage', 'AWSCURRENT')),
    read(when('StringEquals', 'secretsmanager:VersionStage', 'AWSCURRENT')),
  ],
  [
    'unknown-global-key',
    'identity',
    read(when('StringEquals', 'aws:PrincipalOrg', 'o-1')),
    read(when('StringEquals', 'aws:PrincipalOrgID', 'o-1')),
  ],
  [
    'unknown-condition-key',
    'identity',
    read(when('StringEquals', 'secretsmanager:Stage', 'x')),
    read(when('StringEquals', 'secretsmanager:VersionStage', 'x')),
  ],
  [
    'condition-key-not-for-action',
    'identity',
    read({ Action: 'secretsmanager:DescribeSecret', ...when('StringEquals', 'secretsmanager:VersionStage', 'x') }),
    read(when('StringEquals', 'secretsmanager:VersionStage', 'x')),
  ],
  [
    'tag-key-not-for-action',
    'identity',
    read({
      Action: ['secretsmanager:GetSecretValue', 'secretsmanager:ListSecrets'],
      Resource: '*',
      ...when('StringEquals', 'aws:ResourceTag/a', 'b'),
    }),
    read({ Resource: '*', ...when('StringEquals', 'aws:ResourceTag/a', 'b') }),
  ],
  [
    'operator-type',
    'identity',
    read(when('StringEquals', 'aws:SecureTransport', 'true')),
    read(when('Bool', 'aws:SecureTransport', 'true')),
  ],
  [
    'string-operator-on-arn-key',
    'identity',
    read(when('StringLike', 'aws:PrincipalArn', 'arn:aws:iam::*:role/a')),
    read(when('ArnLike', 'aws:PrincipalArn', 'arn:aws:iam::*:role/a')),
  ],
  [
    'string-equals-on-arn-key',
    'identity',
    read(when('StringEquals', 'aws:PrincipalArn', 'arn:aws:iam::111122223333:role/a')),
    read(when('ArnEquals', 'aws:PrincipalArn', 'arn:aws:iam::111122223333:role/a')),
  ],
  [
    'value-type',
    'identity',
    read(when('NumericLessThan', 'aws:MultiFactorAuthAge', 'an hour')),
    read(when('NumericLessThan', 'aws:MultiFactorAuthAge', 3600)),
  ],
  [
    'invalid-date',
    'identity',
    read(when('DateLessThan', 'aws:CurrentTime', 'tomorrow')),
    read(when('DateLessThan', 'aws:CurrentTime', '2027-01-01T00:00:00Z')),
  ],
  [
    'missing-set-operator',
    'identity',
    read(when('StringEquals', 'aws:CalledVia', 'athena.amazonaws.com')),
    read(when('ForAnyValue:StringEquals', 'aws:CalledVia', 'athena.amazonaws.com')),
  ],
  [
    'set-operator-on-single-value',
    'identity',
    read(when('ForAllValues:StringEquals', 'aws:ResourceTag/a', 'b')),
    read(when('StringEquals', 'aws:ResourceTag/a', 'b')),
  ],
  [
    'for-all-values-without-guard',
    'identity',
    read(when('ForAllValues:StringEquals', 'aws:CalledVia', 'athena.amazonaws.com')),
    read({
      Condition: {
        'ForAllValues:StringEquals': { 'aws:CalledVia': 'athena.amazonaws.com' },
        Null: { 'aws:CalledVia': 'false' },
      },
    }),
  ],
  [
    'wildcard-without-like',
    'identity',
    read(when('StringEquals', 'aws:PrincipalTag/a', 'b*')),
    read(when('StringLike', 'aws:PrincipalTag/a', 'b*')),
  ],
  [
    'star-instead-of-null',
    'identity',
    read(when('StringLike', 'aws:PrincipalTag/a', '*')),
    read(when('Null', 'aws:PrincipalTag/a', 'false')),
  ],
  [
    'service-principal-form',
    'identity',
    decrypt(when('StringEquals', 'kms:ViaService', 'secretsmanager')),
    decrypt(when('StringEquals', 'kms:ViaService', 'secretsmanager.us-east-1.amazonaws.com')),
  ],
  [
    'private-address',
    'identity',
    read(when('IpAddress', 'aws:SourceIp', '10.0.0.0/8')),
    read(when('IpAddress', 'aws:VpcSourceIp', '10.0.0.0/8')),
  ],
  [
    'address-range',
    'identity',
    read(when('IpAddress', 'aws:SourceIp', '203.0.113.7/24')),
    read(when('IpAddress', 'aws:SourceIp', '203.0.113.0/24')),
  ],
  [
    'mfa-false-allowed',
    'identity',
    read(when('Bool', 'aws:MultiFactorAuthPresent', 'false')),
    read({ Effect: 'Deny', ...when('BoolIfExists', 'aws:MultiFactorAuthPresent', 'false') }),
  ],
  [
    'if-exists-in-allow',
    'identity',
    read(when('StringEqualsIfExists', 'aws:ResourceTag/a', 'b')),
    read(when('StringEquals', 'aws:ResourceTag/a', 'b')),
  ],
  [
    'several-booleans',
    'identity',
    read(when('Bool', 'aws:SecureTransport', ['true', 'false'])),
    read(when('Bool', 'aws:SecureTransport', 'true')),
  ],
  [
    'variable-form',
    'identity',
    upload({ Resource: 'arn:aws:s3:::bucket/${ aws:username }/*' }),
    upload({ Resource: "arn:aws:s3:::bucket/${aws:PrincipalTag/team, 'none'}/${*}" }),
  ],
  [
    'variable-in-old-version',
    'identity',
    { Version: '2008-10-17', Statement: upload({ Resource: 'arn:aws:s3:::bucket/${aws:username}/*' }) },
    upload({ Resource: 'arn:aws:s3:::bucket/${aws:username}/*' }),
  ],
  ['variable-in-element', 'identity', upload({ Action: 's3:${aws:PrincipalTag/action}' }), upload()],
  [
    'variable-for-operator',
    'identity',
    read(when('NumericLessThan', 'aws:MultiFactorAuthAge', '${aws:PrincipalTag/age}')),
    read(when('StringEquals', 'aws:ResourceTag/a', '${aws:PrincipalTag/a}')),
  ],
  ['redundant-action', 'identity', read({ Action: ['secretsmanager:Get*', 'secretsmanager:GetSecretValue'] }), read()],
  [
    'redundant-resource',
    'identity',
    upload({ Resource: ['arn:aws:s3:::bucket/*', 'arn:aws:s3:::bucket/a'] }),
    upload(),
  ],
  [
    'redundant-statement',
    'identity',
    [upload(), upload({ Resource: 'arn:aws:s3:::bucket/a' })],
    [upload(when('StringEquals', 'aws:PrincipalTag/a', 'b')), upload({ Resource: 'arn:aws:s3:::bucket/a' })],
  ],
  [
    'shadowed-statement',
    'identity',
    [upload(), upload({ Effect: 'Deny', Action: 's3:*', Resource: '*' })],
    [
      upload(),
      upload({ Effect: 'Deny', Action: 's3:*', Resource: '*', ...when('Bool', 'aws:SecureTransport', 'false') }),
    ],
  ],
  [
    'policy-size',
    'identity',
    upload({
      Resource: Array.from({ length: 200 }, (_, i) => `arn:aws:s3:::a-bucket-with-a-long-name-${String(i)}/x`),
    }),
    upload(),
  ],
  ['principal-form', 'resource', attached({ Principal: { AWS: 'alice' } }), attached()],
  ['principal-kind', 'resource', attached({ Principal: { User: 'alice' } }), attached()],
  ['principal-wildcard', 'resource', attached({ Principal: { AWS: 'arn:aws:iam::111122223333:role/*' } }), attached()],
  ['principal-deleted', 'trust', trust({ Principal: { AWS: 'AROAEXAMPLEEXAMPLE123' } }), trust()],
  [
    'allow-not-principal',
    'resource',
    { ...without(attached(), 'Principal'), NotPrincipal: { AWS: '111122223333' } },
    { ...without(attached(), 'Principal'), Effect: 'Deny', NotPrincipal: { AWS: '111122223333' } },
  ],
  [
    'public',
    'resource',
    attached({ Principal: '*' }),
    attached({ Principal: '*', ...when('StringEquals', 'aws:PrincipalOrgID', 'o-example') }),
  ],
  [
    'other-account',
    'resource',
    attached({ Principal: { AWS: '444455556666' }, Resource: `${SECRET}-??????` }),
    attached({ Resource: `${SECRET}-??????` }),
  ],
  [
    'trust-whole-account',
    'trust',
    trust({ Principal: { AWS: 'arn:aws:iam::111122223333:root' } }),
    trust({ Principal: { AWS: '111122223333' }, ...when('StringEquals', 'sts:ExternalId', 'x') }),
  ],
  [
    'confused-deputy',
    'resource',
    attached({ Principal: { Service: 'logs.amazonaws.com' } }),
    attached({
      Principal: { Service: 'logs.amazonaws.com' },
      ...when('StringEquals', 'aws:SourceAccount', '111122223333'),
    }),
  ],
  [
    'oidc-audience',
    'trust',
    trust({
      Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/gitlab.com' },
      Action: 'sts:AssumeRoleWithWebIdentity',
    }),
    trust({
      Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/gitlab.com' },
      Action: 'sts:AssumeRoleWithWebIdentity',
      ...when('StringEquals', 'gitlab.com:sub', 'project_path:a/b:ref_type:branch:ref:main'),
    }),
  ],
  [
    'key-delegates-to-iam',
    'kms',
    key({ Principal: { AWS: 'arn:aws:iam::111122223333:root' }, Action: 'kms:*' }),
    key(),
  ],
  ['key-without-administrator', 'kms', key({ Action: 'kms:Decrypt' }), key()],
  [
    'full-administrator',
    'identity',
    read({ Action: '*', Resource: '*' }),
    read({ Effect: 'Deny', Action: '*', Resource: '*' }),
  ],
  ['all-actions', 'identity', read({ Action: '*' }), read()],
  ['service-wildcard', 'identity', read({ Action: 'secretsmanager:*' }), read()],
  [
    'allow-not-action',
    'identity',
    { ...without(read(), 'Action'), NotAction: 'iam:*' },
    { ...without(read(), 'Action'), Effect: 'Deny', NotAction: 'iam:*' },
  ],
  [
    'allow-not-resource',
    'identity',
    { ...without(read(), 'Resource'), NotResource: `${SECRET}-??????` },
    { ...without(read(), 'Resource'), Effect: 'Deny', NotResource: `${SECRET}-??????` },
  ],
  [
    'all-resources',
    'identity',
    read({ Action: 'secretsmanager:DeleteSecret', Resource: '*' }),
    read({ Action: 'secretsmanager:ListSecrets', Resource: '*' }),
  ],
  [
    'effectively-all-resources',
    'identity',
    read({ Action: 'secretsmanager:DeleteSecret', Resource: 'arn:aws:secretsmanager:*:*:secret:*' }),
    read(),
  ],
  [
    'sensitive-read-unbound',
    'identity',
    read({ Resource: '*' }),
    read({ Resource: '*', ...when('StringEquals', 'aws:ResourceTag/app', 'x') }),
  ],
  [
    'policy-of-resource-can-be-changed',
    'identity',
    read({ Action: 'secretsmanager:PutResourcePolicy' }),
    read({ Action: ['secretsmanager:PutResourcePolicy', 'secretsmanager:GetSecretValue'] }),
  ],
  [
    'pass-role-unbound',
    'identity',
    read({ Action: 'iam:PassRole', Resource: '*' }),
    read({
      Action: 'iam:PassRole',
      Resource: '*',
      ...when('StringEquals', 'iam:PassedToService', 'ecs-tasks.amazonaws.com'),
    }),
  ],
  [
    'service-linked-role-unbound',
    'identity',
    read({ Action: 'iam:CreateServiceLinkedRole', Resource: '*' }),
    read({
      Action: 'iam:CreateServiceLinkedRole',
      Resource: '*',
      ...when('StringEquals', 'iam:AWSServiceName', 'ecs.amazonaws.com'),
    }),
  ],
  ['secret-without-suffix', 'identity', read({ Resource: SECRET }), read()],
  ['secret-pattern-too-broad', 'identity', read({ Resource: `${SECRET}*` }), read()],
  ['secret-pattern-dash-star', 'identity', read({ Resource: `${SECRET}-*` }), read()],
  [
    'decrypt-unbound',
    'identity',
    decrypt({ Resource: '*', ...when('StringEquals', 'kms:ViaService', 'secretsmanager.us-east-1.amazonaws.com') }),
    decrypt(),
  ],
  [
    'decrypt-not-via-service',
    'identity',
    decrypt(),
    decrypt(when('StringEquals', 'kms:ViaService', 'secretsmanager.us-east-1.amazonaws.com')),
  ],
  [
    'privilege-escalation',
    'identity',
    read({ Action: ['iam:PassRole', 'ecs:RegisterTaskDefinition', 'ecs:RunTask'], Resource: '*' }),
    [
      read({ Action: ['ecs:RegisterTaskDefinition', 'ecs:RunTask'], Resource: '*' }),
      read({ Action: 'iam:PassRole', Resource: 'arn:aws:iam::111122223333:role/app' }),
    ],
  ],
  ['empty-principal', 'resource', attached({ Principal: {} }), attached()],
  ['empty-sid', 'identity', read({ Sid: '' }), read({ Sid: 'Read' })],
  [
    'null-with-set-operator',
    'identity',
    read(when('ForAnyValue:Null', 'aws:TagKeys', 'true')),
    read(when('Null', 'aws:TagKeys', 'true')),
  ],
  [
    'mixed-value-types',
    'identity',
    read(when('StringEquals', 'aws:PrincipalTag/a', ['1', 2])),
    read(when('StringEquals', 'aws:PrincipalTag/a', ['1', '2'])),
  ],
  [
    'epoch-date',
    'identity',
    read(when('DateLessThan', 'aws:CurrentTime', '1798761600')),
    read(when('DateLessThan', 'aws:EpochTime', '1798761600')),
  ],
  [
    'several-bounds',
    'identity',
    read(when('NumericLessThan', 'aws:MultiFactorAuthAge', ['300', '3600'])),
    read(when('NumericEquals', 'aws:MultiFactorAuthAge', ['300', '3600'])),
  ],
  [
    'condition-region',
    'identity',
    read(when('StringEquals', 'aws:RequestedRegion', 'eu')),
    read(when('StringEquals', 'aws:RequestedRegion', 'eu-central-1')),
  ],
  [
    'vpc-form',
    'identity',
    read(when('StringEquals', 'aws:SourceVpc', 'my-network')),
    read(when('StringLike', 'aws:SourceVpc', ['vpc-12345678', 'vpc-1122*'])),
  ],
  ['arn-service-case', 'identity', read({ Resource: `${SECRET.replace('secretsm', 'SecretsM')}-??????` }), read()],
  [
    'arn-without-region',
    'identity',
    read({ Resource: `${SECRET.replace('us-east-1', '')}-??????` }),
    read({ Resource: `${SECRET.replace('us-east-1', '*')}-??????` }),
  ],
  [
    'arn-without-account',
    'identity',
    read({ Resource: `${SECRET.replace('111122223333', '')}-??????` }),
    read({ Action: 'ssm:GetDocument', Resource: 'arn:aws:ssm:us-east-1::document/AWS-RunShellScript' }),
  ],
  [
    'arn-account-not-allowed',
    'identity',
    upload({ Resource: 'arn:aws:s3::111122223333:bucket/*' }),
    upload({ Resource: 'arn:aws:s3:us-east-1:111122223333:accesspoint/a/object/*' }),
  ],
  [
    'denied-tag-key-not-for-action',
    'identity',
    read({
      Effect: 'Deny',
      Action: ['secretsmanager:GetSecretValue', 'secretsmanager:ListSecrets'],
      Resource: '*',
      ...when('StringEquals', 'aws:ResourceTag/a', 'b'),
    }),
    read({ Effect: 'Deny', Resource: '*', ...when('StringEquals', 'aws:ResourceTag/a', 'b') }),
  ],
  [
    'tag-key-with-not-action',
    'identity',
    { ...without(read(), 'Action'), NotAction: 'iam:*', ...when('StringEquals', 'aws:ResourceTag/a', 'b') },
    { ...without(read(), 'Action'), NotAction: 'iam:*', ...when('StringNotEquals', 'aws:ResourceTag/a', 'b') },
  ],
  [
    'tag-key-without-tag',
    'identity',
    read(when('StringEquals', 'aws:ResourceTag', 'b')),
    read(when('StringEquals', 'aws:ResourceTag/a', 'b')),
  ],
  [
    'retired-global-key',
    'identity',
    read(when('ArnLike', 'aws:ARN', 'arn:aws:iam::111122223333:role/a')),
    read(when('ArnLike', 'aws:PrincipalArn', 'arn:aws:iam::111122223333:role/a')),
  ],
  [
    'condition-key-without-its-pair',
    'identity',
    read(when('IpAddress', 'aws:VpcSourceIp', '10.0.0.0/8')),
    read({
      Condition: { IpAddress: { 'aws:VpcSourceIp': '10.0.0.0/8' }, StringEquals: { 'aws:SourceVpc': 'vpc-12345678' } },
    }),
  ],
  [
    'session-key-without-its-action',
    'trust',
    trust(when('StringEquals', 'sts:SourceIdentity', 'alice')),
    trust({ Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'], ...when('StringEquals', 'sts:SourceIdentity', 'a') }),
  ],
  [
    'provider-form',
    'trust',
    github({ Principal: { Federated: 'GitHub' }, ...subject('StringEquals', 'repo:a/b:ref:refs/heads/main') }),
    github(subject('StringEquals', 'repo:a/b:ref:refs/heads/main')),
  ],
  [
    'github-without-repository',
    'trust',
    github(when('StringEquals', 'token.actions.githubusercontent.com:aud', 'sts.amazonaws.com')),
    github(when('StringEquals', 'token.actions.githubusercontent.com:repository', 'a/b')),
  ],
  [
    'github-repository-too-broad',
    'trust',
    github(subject('StringLike', 'repo:a/b:*')),
    github({
      Condition: {
        StringLike: { 'token.actions.githubusercontent.com:sub': 'repo:a/b:*' },
        StringEquals: { 'token.actions.githubusercontent.com:ref': 'refs/heads/main' },
      },
    }),
  ],
  [
    'audience-with-set-operator',
    'trust',
    github(when('ForAnyValue:StringEquals', 'token.actions.githubusercontent.com:aud', 'sts.amazonaws.com')),
    github(when('StringEquals', 'token.actions.githubusercontent.com:aud', 'sts.amazonaws.com')),
  ],
  [
    'roles-anywhere-actions',
    'trust',
    trust({ Principal: { Service: 'rolesanywhere.amazonaws.com' } }),
    trust({
      Principal: { Service: 'rolesanywhere.amazonaws.com' },
      Action: ['sts:AssumeRole', 'sts:SetSourceIdentity', 'sts:TagSession'],
    }),
  ],
  [
    'session-of-named-role',
    'trust',
    trust({
      Principal: {
        AWS: ['arn:aws:iam::111122223333:role/path/deploy', 'arn:aws:sts::111122223333:assumed-role/deploy/one'],
      },
    }),
    trust({
      Principal: {
        AWS: ['arn:aws:iam::111122223333:role/deploy', 'arn:aws:sts::444455556666:assumed-role/deploy/one'],
      },
    }),
  ],
  [
    'provider-outside-trust-policy',
    'resource',
    attached({ Principal: { Federated: 'accounts.google.com' } }),
    attached(),
  ],
  [
    'key-not-of-services',
    'resource',
    service('StringEquals', 'aws:PrincipalOrgID', 'o-example123'),
    service('StringEquals', 'aws:SourceOrgID', 'o-example123'),
  ],
  [
    'weak-key-for-service',
    'resource',
    service('StringEquals', 'aws:Referer', '111122223333'),
    service('StringEquals', 'aws:SourceAccount', '111122223333'),
  ],
  [
    's3-prefix-denied',
    'identity',
    read({
      Effect: 'Deny',
      Action: 's3:ListBucket',
      Resource: 'arn:aws:s3:::bucket',
      ...when('StringLike', 's3:prefix', 'private/*'),
    }),
    read({
      Effect: 'Deny',
      Action: 's3:ListBucket',
      Resource: 'arn:aws:s3:::bucket',
      ...when('StringNotLike', 's3:prefix', 'public/*'),
    }),
  ],
  [
    'resource-of-another-service',
    'resource',
    attached({ Resource: 'arn:aws:s3:::bucket' }),
    attached({ Resource: `${SECRET}-AbCdEf` }),
  ],
  [
    'spoofable-key',
    'identity',
    upload(when('StringEquals', 'aws:UserAgent', 'our-program')),
    upload(when('StringEquals', 'aws:SourceVpce', 'vpce-12345678')),
  ],
  [
    'not-star-instead-of-null',
    'identity',
    read(when('StringNotLike', 'aws:PrincipalTag/a', '*')),
    read(when('Null', 'aws:PrincipalTag/a', 'true')),
  ],
];
