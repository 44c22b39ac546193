import assert from 'node:assert/strict';
import { loadCatalogue, type Catalogue } from '../../src/lib/iam/catalogue.ts';
import { policyOf } from '../../src/lib/iam/generate/policy.ts';
import type { Need } from '../../src/lib/iam/need.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

const need = (action: string, resource: string, context: Need['context'] = {}): Need => ({
  action,
  resource,
  context,
  why: 'the test',
  without: null,
});

describe('the narrowest policy for needs', () => {
  let catalogue: Catalogue;
  before(async () => {
    catalogue = await loadCatalogue();
  });
  const statements = (...needs: Need[]) => policyOf(needs, catalogue).Statement;

  it('joins actions on the same resource, and resources of the same actions', () => {
    const all = statements(
      need('secretsmanager:GetSecretValue', `${SECRET}a-AbCdEf`),
      need('secretsmanager:describesecret', `${SECRET}a-AbCdEf`),
      need('secretsmanager:DescribeSecret', `${SECRET}b-??????`),
      need('secretsmanager:GetSecretValue', `${SECRET}b-??????`),
    );
    assert.deepEqual(all, [
      {
        Sid: 'ReadSecretsmanager',
        Effect: 'Allow',
        Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
        Resource: [`${SECRET}a-AbCdEf`, `${SECRET}b-??????`],
      },
    ]);
  });

  it('does not join where the product would be more than the parts', () => {
    const all = statements(
      need('secretsmanager:GetSecretValue', `${SECRET}a-AbCdEf`),
      need('secretsmanager:PutSecretValue', `${SECRET}b-AbCdEf`),
    );
    assert.deepEqual(
      all.map(({ Action, Resource }) => [Action, Resource]),
      [
        ['secretsmanager:GetSecretValue', `${SECRET}a-AbCdEf`],
        ['secretsmanager:PutSecretValue', `${SECRET}b-AbCdEf`],
      ],
    );
  });

  it('binds a key to its service and to the secrets, and joins those that differ in the secret alone', () => {
    const decrypt = (secret: string) =>
      need('kms:Decrypt', KEY, {
        'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
        'kms:EncryptionContext:SecretARN': secret,
      });
    assert.deepEqual(statements(decrypt(`${SECRET}a-AbCdEf`), decrypt(`${SECRET}b-??????`)), [
      {
        Sid: 'Decrypt',
        Effect: 'Allow',
        Action: 'kms:Decrypt',
        Resource: KEY,
        Condition: {
          StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' },
          StringLike: { 'kms:EncryptionContext:SecretARN': [`${SECRET}a-AbCdEf`, `${SECRET}b-??????`] },
        },
      },
    ]);
  });

  it('does not join conditions that differ in two keys', () => {
    const decrypt = (via: string, secret: string) =>
      need('kms:Decrypt', KEY, { 'kms:ViaService': via, 'kms:EncryptionContext:SecretARN': secret });
    assert.equal(statements(decrypt('a.amazonaws.com', 'x'), decrypt('b.amazonaws.com', 'y')).length, 2);
  });

  it('leaves out what another need includes', () => {
    const all = statements(
      need('secretsmanager:GetSecretValue', `${SECRET}a-AbCdEf`, { 'secretsmanager:VersionStage': 'AWSCURRENT' }),
      need('secretsmanager:GetSecretValue', `${SECRET}a-??????`),
      need('secretsmanager:GetSecretValue', `${SECRET}a-AbCdEf`),
    );
    assert.deepEqual(
      all.map(({ Resource, Condition }) => [Resource, Condition]),
      [[`${SECRET}a-??????`, undefined]],
    );
  });

  it('demands no key that the action does not have, that says who asks, or that the resource says', () => {
    const [right] = statements(
      need('secretsmanager:GetSecretValue', `${SECRET}a-AbCdEf`, {
        'secretsmanager:VersionStage': 'AWSPENDING',
        'secretsmanager:SecretId': `${SECRET}a-AbCdEf`,
        'secretsmanager:BlockPublicPolicy': 'true',
        'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/app',
        'aws:ResourceTag/team': 'it',
      }),
    );
    assert.deepEqual(right?.Condition, {
      StringEquals: { 'secretsmanager:VersionStage': 'AWSPENDING', 'aws:ResourceTag/team': 'it' },
    });
  });

  it('excludes the missing key where all of several values are demanded', () => {
    const [right] = statements(
      need('secretsmanager:TagResource', `${SECRET}a-AbCdEf`, { 'aws:TagKeys': ['a', 'b'], 'aws:RequestTag/a': '1' }),
    );
    assert.deepEqual(right?.Condition, {
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] },
      Null: { 'aws:TagKeys': 'false' },
      StringEquals: { 'aws:RequestTag/a': '1' },
    });
  });

  it('joins no lists of which all values are demanded: all of both would be more than all of each', () => {
    const tag = (...keys: string[]) => need('secretsmanager:TagResource', `${SECRET}a-AbCdEf`, { 'aws:TagKeys': keys });
    assert.equal(statements(tag('a', 'b'), tag('c')).length, 2);
  });

  it('takes an unknown action at its word, and demands of it no key that says who asks', () => {
    const context = { 'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/app', 'nothing:Key': 'x' };
    const [right] = statements(need('nothing:Nothing', `${SECRET}a-AbCdEf`, context));
    assert.equal(right?.Action, 'nothing:Nothing');
    assert.deepEqual(right.Condition, { StringEquals: { 'nothing:Key': 'x' } });
  });

  it('allows an action without a resource on the star, and nothing else so', () => {
    const [token, pass] = statements(
      need('ecr:GetAuthorizationToken', 'arn:aws:ecr:us-east-1:111122223333:repository/app'),
      need('iam:PassRole', 'arn:aws:iam::111122223333:role/app', { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' }),
    );
    assert.equal(token?.Resource, '*');
    assert.equal(pass?.Resource, 'arn:aws:iam::111122223333:role/app');
    assert.deepEqual(pass.Condition, { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } });
  });
});
