/** What AWS documents as bound is no finding, and one mistake is told once. */
import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import type { PolicyType } from '../../src/lib/iam/policy.ts';
import { validate } from '../../src/lib/iam/validate.ts';

const rulesOf = async (type: PolicyType, statement: Record<string, unknown>) => {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const { findings } = await validate([{ name: 'p.json', text }], { type }, await loadCatalogue());
  return findings.map(({ rule, severity }) => `${rule} ${severity}`);
};

describe('a key policy for logs', () => {
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
  const forLogs = (Condition?: Record<string, Record<string, string>>) =>
    rulesOf('kms', {
      Effect: 'Allow',
      Principal: { Service: 'logs.us-east-1.amazonaws.com' },
      Action: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
      Resource: '*',
      ...(Condition && { Condition }),
    });
  const about = (arn: string) => ({ ArnLike: { 'kms:EncryptionContext:aws:logs:arn': arn } });
  const DEPUTY = 'confused-deputy medium';

  it('is bound by an encryption context of the account, and by no other', async () => {
    assert.ok(!(await forLogs(about('arn:aws:logs:us-east-1:111122223333:*'))).includes(DEPUTY));
    assert.ok((await forLogs(about('arn:aws:logs:us-east-1:*:*'))).includes(DEPUTY));
    assert.ok((await forLogs({ StringEquals: { 'kms:EncryptionContext:tenant': 'x' } })).includes(DEPUTY));
    const absent = {
      ArnLikeIfExists: { 'kms:EncryptionContext:aws:logs:arn': 'arn:aws:logs:us-east-1:111122223333:*' },
    };
    assert.ok((await forLogs(absent)).includes(DEPUTY));
    assert.ok((await forLogs()).includes(DEPUTY));
  });
});

describe('what a Deny of the same policy takes back', () => {
  const rules = async (allowed: string, denied: string, more: Record<string, unknown> = {}) => {
    const text = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: allowed, Resource: '*' },
        { Effect: 'Deny', Action: denied, Resource: '*', ...more },
      ],
    });
    const { findings } = await validate([{ name: 'p.json', text }], { type: 'identity' }, await loadCatalogue());
    return findings.map(({ rule }) => rule).filter((rule) => /pass-role|service-linked|sensitive|decrypt/.test(rule));
  };

  it('is not granted', async () => {
    assert.deepEqual(await rules('*', 'iam:*'), []);
    assert.deepEqual(await rules('secretsmanager:*', 'secretsmanager:GetSecretValue'), []);
    assert.deepEqual(await rules('kms:De*', 'kms:Decrypt'), []);
  });

  it('is granted where the Deny has a condition, or is about something else', async () => {
    const mfa = { Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } } };
    assert.deepEqual(await rules('*', 'iam:*', mfa), ['pass-role-unbound', 'service-linked-role-unbound']);
    assert.deepEqual(await rules('secretsmanager:*', 'secretsmanager:PutSecretValue'), ['sensitive-read-unbound']);
    const one = { Resource: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab' };
    assert.deepEqual(await rules('kms:De*', 'kms:Decrypt', one), ['decrypt-unbound']);
  });
});

describe('another account in the policy of a secret or a key', () => {
  const allowed = async (name: string, type: PolicyType, principal: string, more: Record<string, unknown> = {}) => {
    const Action = type === 'kms' ? 'kms:Decrypt' : 'secretsmanager:GetSecretValue';
    const statement = { Effect: 'Allow', Principal: { AWS: principal }, Action, Resource: '*', ...more };
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    const { findings } = await validate([{ name, text }], { type }, await loadCatalogue());
    return findings.filter(({ rule }) => rule === 'other-account').map(({ severity }) => severity);
  };
  const OTHER = 'arn:aws:iam::999988887777:root';

  it('is told where the policy was read from its account', async () => {
    const secret = 'aws/111122223333/secretsmanager/us-east-1/app/policy.json';
    const key = 'aws/111122223333/kms/us-east-1/key/1234/policy.json';
    assert.deepEqual(await allowed(secret, 'resource', OTHER), ['medium']);
    assert.deepEqual(await allowed(secret, 'resource', '999988887777'), ['medium']);
    assert.deepEqual(await allowed(key, 'kms', 'arn:aws:iam::999988887777:role/app'), ['medium']);
    const ours = { Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-example1234' } } };
    assert.deepEqual(await allowed(secret, 'resource', OTHER, ours), ['low']);
    assert.deepEqual(await allowed(secret, 'resource', 'arn:aws:iam::111122223333:role/app'), []);
    assert.deepEqual(await allowed(key, 'kms', 'arn:aws:iam::111122223333:root'), []);
    assert.deepEqual(await allowed('policy.json', 'resource', OTHER), []);
    assert.deepEqual(await allowed(secret, 'resource', OTHER, { Effect: 'Deny' }), []);
  });
});

describe('kms:Decrypt on every key', () => {
  const on = (Action: string | string[], Resource = '*') => rulesOf('identity', { Effect: 'Allow', Action, Resource });
  const told = (rules: readonly string[]) => rules.filter((rule) => /sensitive|decrypt/.test(rule));

  it('is told once', async () => {
    assert.deepEqual(told(await on('kms:Decrypt')), ['decrypt-unbound high']);
    assert.deepEqual(told(await on('kms:Decrypt', 'arn:aws:kms:*:*:key/*')), ['decrypt-unbound high']);
    assert.deepEqual(told(await on('kms:*')), ['sensitive-read-unbound high']);
    assert.deepEqual(told(await on(['secretsmanager:GetSecretValue', 'kms:Decrypt'])), [
      'sensitive-read-unbound high',
      'decrypt-unbound high',
    ]);
  });
});
