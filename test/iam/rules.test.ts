/** Each rule where it has to fire, and the same policy put right, where it must not. */
import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readJson } from '../../src/lib/iam/parse.ts';
import type { PolicyType } from '../../src/lib/iam/policy.ts';
import { JOIN_RULES } from '../../src/lib/iam/join-rules.ts';
import { ONLINE_RULES } from '../../src/lib/iam/online/rules.ts';
import { ACCESS_RULES } from '../../src/lib/iam/rules/access.ts';
import { RULES } from '../../src/lib/iam/rules/index.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';

type Raw = Record<string, unknown>;

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const read = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: `${SECRET}-??????`,
  ...rest,
});
const decrypt = (rest: Raw = {}): Raw => read({ Action: 'kms:Decrypt', Resource: KEY, ...rest });
const upload = (rest: Raw = {}): Raw => read({ Action: 's3:PutObject', Resource: 'arn:aws:s3:::bucket/*', ...rest });
const when = (operator: string, key: string, value: unknown): Raw => ({ Condition: { [operator]: { [key]: value } } });
const trust = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::111122223333:role/deploy' },
  Action: 'sts:AssumeRole',
  ...rest,
});
const attached = (rest: Raw = {}): Raw =>
  read({ Principal: { AWS: 'arn:aws:iam::111122223333:role/app' }, Resource: '*', ...rest });
const key = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Principal: { AWS: 'arn:aws:iam::111122223333:role/admin' },
  Action: ['kms:PutKeyPolicy', 'kms:DescribeKey'],
  Resource: '*',
  ...rest,
});

/** One policy from statements; a string or an object with Version is the document itself. */
const textOf = (given: Raw | Raw[] | string): string =>
  typeof given === 'string'
    ? given
    : JSON.stringify(
        !Array.isArray(given) && ('Version' in given || 'Statement' in given || 'Document' in given)
          ? given
          : { Version: '2012-10-17', Statement: given },
      );

const without = (statement: Raw, name: string): Raw =>
  Object.fromEntries(Object.entries(statement).filter(([element]) => element !== name));

type Case = [rule: string, type: PolicyType, bad: Raw | Raw[] | string, good: Raw | Raw[] | string];

const CASES: Case[] = [
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
      Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com' },
      Action: 'sts:AssumeRoleWithWebIdentity',
    }),
    trust({
      Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com' },
      Action: 'sts:AssumeRoleWithWebIdentity',
      ...when('StringEquals', 'token.actions.githubusercontent.com:sub', 'repo:a/b:ref:refs/heads/main'),
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
];

async function rulesFor(given: Raw | Raw[] | string, type: PolicyType): Promise<string[]> {
  const document = readJson({ name: 'policy.json', text: textOf(given) }, { type });
  if (textOf(given).length > 2_500_000) {
    const { readDocument } = await import('../../src/lib/iam/parse.ts');
    return (await readDocument({ name: 'policy.json', text: textOf(given) })).problems.map(({ rule }) => rule.id);
  }
  return checkDocument(document, await loadCatalogue()).map(({ rule }) => rule.id);
}

/** Rules that need more than one policy: tried where what they compare is at hand. */
const ELSEWHERE = new Set([...ACCESS_RULES, ...JOIN_RULES, ...ONLINE_RULES].map(({ id }) => id));

describe('iam: rules', () => {
  for (const [rule, type, bad, good] of CASES) {
    it(`${rule} fires where it has to and nowhere else`, async () => {
      assert.ok(
        (await rulesFor(bad, type)).includes(rule),
        `silent on ${textOf(bad).slice(0, 300)}: ${(await rulesFor(bad, type)).join(', ')}`,
      );
      assert.ok(!(await rulesFor(good, type)).includes(rule), `fires on ${textOf(good).slice(0, 300)}`);
    });
  }

  it('are all tried, and have all that a finding shows', () => {
    const tried = new Set(CASES.map(([rule]) => rule));
    assert.deepEqual(
      RULES.filter(({ id }) => !tried.has(id) && !ELSEWHERE.has(id)).map(({ id }) => id),
      [],
    );
    for (const { id, title, why, fix } of RULES) {
      assert.match(id, /^[a-z0-9-]+$/);
      assert.ok(title !== '' && why.endsWith('.') && fix !== '', id);
    }
  });

  it('have nothing to say of the narrowest policy', async () => {
    const narrow = decrypt({
      Condition: {
        StringEquals: {
          'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
          'kms:EncryptionContext:SecretARN': `${SECRET}-AbCdEf`,
        },
      },
    });
    assert.deepEqual(await rulesFor([read(), narrow], 'identity'), []);
  });
});

describe('iam: variables', () => {
  const table: Record<string, string> = {
    '${aws:username': 'MISSING_BRACE_IN_VARIABLE',
    '${}': 'EMPTY_VARIABLE',
    '${ aws:username}': 'UNSUPPORTED_SPACE_IN_VARIABLE',
    '${aws:username, none}': 'MISSING_QUOTE_IN_VARIABLE',
    "${aws:username, 'none}": 'MISSING_QUOTE_IN_VARIABLE',
  };
  for (const [variable, code] of Object.entries(table)) {
    it(`${variable} is ${code}`, async () => {
      const document = readJson({
        name: 'policy.json',
        text: textOf(upload({ Resource: `arn:aws:s3:::bucket/${variable}` })),
      });
      const codes = checkDocument(document, await loadCatalogue()).flatMap(({ rule }) =>
        rule.id === 'variable-form' ? [rule.code] : [],
      );
      assert.deepEqual(codes, [code]);
    });
  }
});

describe('iam: complaints about other tools', () => {
  const silent: Record<string, [PolicyType, Raw | Raw[]]> = {
    '"*" for actions that take no resource': [
      'identity',
      read({
        Action: ['ecr:GetAuthorizationToken', 'secretsmanager:ListSecrets', 'secretsmanager:GetRandomPassword'],
        Resource: '*',
      }),
    ],
    '"*" in the policy of a secret, which means this secret': ['resource', attached()],
    '"*" in a key policy, which means this key': ['kms', key()],
    'everyone in a Deny': [
      'resource',
      {
        Effect: 'Deny',
        Principal: '*',
        Action: 'secretsmanager:*',
        Resource: '*',
        ...when('Bool', 'aws:SecureTransport', 'false'),
      },
    ],
    'a Deny of everything': ['identity', { Effect: 'Deny', Action: '*', Resource: '*' }],
    'a named secret': ['identity', read()],
    'a statement bound by the tag of the resource': [
      'identity',
      read({ Resource: '*', ...when('StringEquals', 'aws:ResourceTag/app', 'x') }),
    ],
    "one's own user": [
      'identity',
      read({
        Action: ['iam:CreateAccessKey', 'iam:CreateLoginProfile'],
        Resource: 'arn:aws:iam::*:user/${aws:username}',
      }),
    ],
    'the managed key of Secrets Manager': [
      'kms',
      [
        key(),
        {
          Effect: 'Allow',
          Principal: { AWS: '*' },
          Action: ['kms:Decrypt', 'kms:GenerateDataKey*', 'kms:CreateGrant'],
          Resource: '*',
          Condition: {
            StringEquals: {
              'kms:CallerAccount': '111122223333',
              'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
            },
          },
        },
      ],
    ],
  };
  for (const [what, [type, given]] of Object.entries(silent)) {
    it(`nothing is said of ${what}`, async () => {
      assert.deepEqual(await rulesFor(given, type), []);
    });
  }

  it('the default statement of a key policy is told as what it is, and blamed for nothing', async () => {
    const root = key({ Principal: { AWS: 'arn:aws:iam::111122223333:root' }, Action: 'kms:*' });
    assert.deepEqual(await rulesFor(root, 'kms'), ['key-delegates-to-iam']);
  });

  it('wildcards in actions are seen through', async () => {
    assert.ok(
      (
        await rulesFor(read({ Action: ['iam:Pass*', 'lambda:Create*', 'lambda:Invoke*'], Resource: '*' }), 'identity')
      ).includes('privilege-escalation'),
    );
  });

  it('a Deny with a condition takes nothing back for certain', async () => {
    const denied = read({ Effect: 'Deny', Action: 'iam:CreatePolicyVersion', Resource: '*' });
    const allowed = read({ Action: 'iam:CreatePolicyVersion', Resource: '*' });
    assert.ok(!(await rulesFor([allowed, denied], 'identity')).includes('privilege-escalation'));
    assert.ok(
      (await rulesFor([allowed, { ...denied, ...when('Bool', 'aws:ViaAWSService', 'false') }], 'identity')).includes(
        'privilege-escalation',
      ),
    );
  });
});
