import assert from 'node:assert/strict';
import {
  AccessAnalyzerClient,
  CheckNoNewAccessCommand,
  CheckNoPublicAccessCommand,
  ValidatePolicyCommand,
  type PolicyType,
} from '@aws-sdk/client-accessanalyzer';
import { sdkConfig, withSandbox } from '../support/sandbox.ts';

const policy = (...Statement: unknown[]) => JSON.stringify({ Version: '2012-10-17', Statement });
const read = {
  Effect: 'Allow',
  Action: ['secretsmanager:GetSecretValue'],
  Resource: 'arn:aws:secretsmanager:*:*:secret:a-??????',
};

describe('sandbox: IAM Access Analyzer', () => {
  const sandbox = withSandbox();
  const client = () => new AccessAnalyzerClient(sdkConfig(sandbox()));
  const validate = (
    policyDocument: string,
    more: { policyType?: PolicyType; maxResults?: number; nextToken?: string } = {},
  ) => client().send(new ValidatePolicyCommand({ policyDocument, policyType: 'IDENTITY_POLICY', ...more }));

  it('names each place by path and span: lines from 1, columns from 0', async () => {
    const text = policy({ ...read, Action: ['secretsmanager:GetSecretValue', 'secretsmanager:Nothing'] });
    const { findings = [] } = await validate(text);
    assert.deepEqual(
      findings.map(({ issueCode, findingType }) => [issueCode, findingType]),
      [['INVALID_ACTION', 'ERROR']],
    );
    const [{ path = [], span } = {}] = findings[0]?.locations ?? [];
    assert.deepEqual(path, [{ value: 'Statement' }, { index: 0 }, { value: 'Action' }, { index: 1 }]);
    const start = text.indexOf('"secretsmanager:Nothing"');
    assert.deepEqual(span?.start, { line: 1, column: start, offset: start });
    assert.equal(text.slice(start, span.end?.offset), '"secretsmanager:Nothing"');
  });

  it('has nothing to say of a narrow policy, and pages what it has', async () => {
    assert.deepEqual((await validate(policy(read))).findings, []);
    const two = JSON.stringify({ Statement: [{ ...read, Action: 'secretsmanager:Nothing' }] });
    const first = await validate(two, { maxResults: 1 });
    assert.equal(first.findings?.length, 1);
    assert.ok(first.nextToken);
    const second = await validate(two, { maxResults: 1, nextToken: first.nextToken });
    assert.deepEqual([second.findings?.[0]?.issueCode, second.nextToken], ['INVALID_ACTION', undefined]);
    assert.equal((await validate('{"Statement": [')).findings?.[0]?.issueCode, 'JSON_SYNTAX_ERROR');
  });

  it('passes and fails the custom checks, with the statement', async () => {
    const open = policy(read, { ...read, Principal: '*' });
    const type = 'AWS::SecretsManager::Secret';
    const failed = await client().send(new CheckNoPublicAccessCommand({ policyDocument: open, resourceType: type }));
    assert.deepEqual([failed.result, failed.reasons?.[0]?.statementIndex], ['FAIL', 1]);
    const compared = (newPolicyDocument: string) =>
      client().send(
        new CheckNoNewAccessCommand({
          newPolicyDocument,
          existingPolicyDocument: policy(read),
          policyType: 'IDENTITY_POLICY',
        }),
      );
    assert.equal((await compared(policy(read))).result, 'PASS');
    assert.equal((await compared(policy({ ...read, Resource: '*' }))).result, 'FAIL');
    await assert.rejects(compared('no policy'), { name: 'ValidationException' });
  });
});
