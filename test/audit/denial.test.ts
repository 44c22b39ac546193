import assert from 'node:assert/strict';
import { parseDenial } from '../../src/lib/audit/denial.ts';

const USER =
  'User: arn:aws:sts::111122223333:assumed-role/reader/ann is not authorized to perform: secretsmanager:GetSecretValue';

/** Reason, policy type, explicit. Wordings of the IAM user guide. */
const REASONS: readonly [string, string | null, boolean | null][] = [
  ['because no identity-based policy allows the secretsmanager:GetSecretValue action', 'identity-based', false],
  ['because no resource-based policy allows the secretsmanager:GetSecretValue action', 'resource-based', false],
  ['because no session policy allows the secretsmanager:GetSecretValue action', 'session', false],
  ['because no service control policy allows the secretsmanager:GetSecretValue action', 'service control', false],
  ['because no permissions boundary allows the secretsmanager:GetSecretValue action', 'permissions boundary', false],
  ['because no VPC endpoint policy allows the secretsmanager:GetSecretValue action', 'VPC endpoint', false],
  ['with an explicit deny in an identity-based policy', 'identity-based', true],
  ['with an explicit deny in a resource-based policy', 'resource-based', true],
  ['with an explicit deny in a service control policy', 'service control', true],
  ['with an explicit deny in a permissions boundary', 'permissions boundary', true],
  [
    'with an explicit deny in an identity-based policy: arn:aws:iam::111122223333:policy/locked',
    'identity-based',
    true,
  ],
  ['with an explicit deny', null, true],
];

describe('audit: refusal texts', () => {
  for (const [reason, policy, explicit] of REASONS) {
    it(`reads "${reason}"`, () => {
      assert.deepEqual(parseDenial(`${USER} on resource: jamf-mcp-server/production ${reason}`), {
        action: 'secretsmanager:GetSecretValue',
        resource: 'jamf-mcp-server/production',
        policy,
        explicit,
      });
    });
  }

  it('reads a text without a reason, and one without a resource', () => {
    assert.deepEqual(parseDenial(`${USER} on resource: app`), {
      action: 'secretsmanager:GetSecretValue',
      resource: 'app',
      policy: null,
      explicit: null,
    });
    assert.equal(
      parseDenial(`${USER} because no session policy allows the secretsmanager:GetSecretValue action`)?.policy,
      'session',
    );
    assert.equal(parseDenial(USER)?.resource, '');
  });

  it('takes a reason that the caller typed for a part of the name', () => {
    const typed = 'x because no service control policy allows the a:b action';
    const denial = parseDenial(`${USER} on resource: ${typed} with an explicit deny in an identity-based policy`);
    assert.deepEqual([denial?.resource, denial?.policy, denial?.explicit], [typed, 'identity-based', true]);
  });

  it('does not read other texts', () => {
    for (const text of ['', 'Access to KMS is not allowed', 'is not authorized to perform: '])
      assert.equal(parseDenial(text), null);
  });
});
