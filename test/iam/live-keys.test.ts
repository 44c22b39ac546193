import assert from 'node:assert/strict';
import {
  CreateAliasCommand,
  CreateGrantCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  KMSClient,
  PutKeyPolicyCommand,
} from '@aws-sdk/client-kms';
import { PutRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { can } from '../../src/lib/iam/can-ask.ts';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readKeyPolicy } from '../../src/lib/iam/live/keys.ts';
import { validateLive, type Selection } from '../../src/lib/iam/live/validate.ts';
import { whoCanLive } from '../../src/lib/iam/who-can-live.ts';
import { testContext } from '../support/context.ts';
import { sdkConfig, secretsClient, withSandbox } from '../support/sandbox.ts';

const SECRET = 'jamf-mcp-server/production';
const ROLE = 'ecsTaskExecutionRole';

describe('live validation: keys', () => {
  const sandbox = withSandbox();
  const context = () => testContext({ start: sandbox().clock.now() });
  const kms = () => new KMSClient(sdkConfig(sandbox()));
  const validated = async (selection: Partial<Selection>) =>
    (
      await validateLive(
        { roles: [], taskDefinitions: [], secrets: [], all: false, ...selection },
        {},
        await loadCatalogue(),
        context(),
      )
    ).result;
  const verdict = async () => {
    const { tasks, unread } = await validated({ taskDefinitions: ['jamf-mcp-server'] });
    assert.deepEqual(unread, []);
    return tasks[0]?.roles[0]?.needs.find(({ action }) => action === 'kms:Decrypt')?.verdict;
  };
  const policy = (Statement: unknown) => JSON.stringify({ Version: '2012-10-17', Statement });
  let arn = '';
  beforeEach(async () => {
    arn = (await kms().send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
    await kms().send(new CreateAliasCommand({ AliasName: 'alias/app', TargetKeyId: arn }));
    await secretsClient(sandbox()).send(
      new CreateSecretCommand({ Name: SECRET, SecretString: '{}', KmsKeyId: 'alias/app' }),
    );
  });
  const allowDecrypt = (Condition?: unknown, Resource = arn) =>
    new IAMClient(sdkConfig(sandbox())).send(
      new PutRolePolicyCommand({
        RoleName: ROLE,
        PolicyName: 'Key',
        PolicyDocument: policy({ Effect: 'Allow', Action: 'kms:Decrypt', Resource, Condition }),
      }),
    );

  /** A key policy without the statement that leaves the key to IAM. */
  const letInOnly = async (role: string) => {
    const AWS = `arn:aws:iam::000000000000:role/${role}`;
    const Policy = policy({ Effect: 'Allow', Principal: { AWS }, Action: 'kms:*', Resource: '*' });
    await kms().send(new PutKeyPolicyCommand({ KeyId: arn, PolicyName: 'default', Policy }));
    return Policy;
  };
  const question = { principal: ROLE, action: 'secretsmanager:GetSecretValue', resource: SECRET };
  const asked = () => can({ ...question, keys: [], online: false }, [], {}, context());
  const decrypts = async () => {
    const { answers } = await asked();
    const decrypt = answers.find(({ action }) => action === 'kms:Decrypt');
    return [decrypt?.verdict, decrypt?.layer, ...(decrypt?.because.map(({ layer }) => layer) ?? [])];
  };
  const readers = async () => {
    const found = await whoCanLive(SECRET, {}, context());
    return found.readers.map((one) => [one.arn.split('/').at(-1), one.may]);
  };

  it('who may read is asked of the policy of the key as well', async () => {
    assert.deepEqual(await decrypts(), ['implicit-deny', 'identity']);
    await allowDecrypt({ 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/app' } }, '*');
    assert.deepEqual(await decrypts(), ['allow', null, 'identity', 'resource']);
    assert.deepEqual(
      (await readers()).filter(([name]) => name === ROLE),
      [[ROLE, 'yes']],
    );
    await letInOnly('reader');
    assert.deepEqual(await decrypts(), ['implicit-deny', 'resource']);
    assert.deepEqual(await readers(), []);
    // A key policy that names the role is enough by itself.
    await letInOnly(ROLE);
    await allowDecrypt({ StringEquals: { 'kms:ViaService': 'rds.us-east-1.amazonaws.com' } });
    assert.deepEqual(await decrypts(), ['allow', null, 'resource']);
    assert.deepEqual(await readers(), [[ROLE, 'yes']]);
  });

  it('a question about a key is answered by its policy, also where an alias names it', async () => {
    const alias = arn.replace(/key\/.*/, 'alias/app');
    const use = async (action = 'kms:Decrypt', resource = alias) => {
      const { answers } = await can({ ...question, action, resource, keys: [], online: false }, [], {}, context());
      const [first] = answers;
      return [first?.verdict, first?.resource, first?.layer];
    };
    const Resource = '*';
    await allowDecrypt({ 'ForAnyValue:StringLike': { 'kms:ResourceAliases': 'alias/a*' } }, Resource);
    assert.deepEqual(await use(), ['allow', arn, null]);
    await allowDecrypt({ StringEquals: { 'kms:CallerAccount': '000000000000' } });
    assert.deepEqual(await use('kms:Decrypt', arn), ['allow', arn, null]);
    await letInOnly('reader');
    assert.deepEqual(await use(), ['implicit-deny', arn, 'resource']);
    assert.deepEqual(await use('kms:DeleteAlias'), ['implicit-deny', alias, 'identity']);
  });

  it('grants are told, those that let decrypt', async () => {
    const grant = (name: string, Operations: ('Decrypt' | 'Encrypt')[]) =>
      kms().send(
        new CreateGrantCommand({
          KeyId: arn,
          GranteePrincipal: `arn:aws:iam::000000000000:role/${name}`,
          Operations,
        }),
      );
    await grant('writer', ['Encrypt']);
    assert.deepEqual((await validated({ taskDefinitions: ['jamf-mcp-server'] })).unread, []);
    for (const name of ['a', 'b', 'c', 'd']) await grant(name, ['Decrypt']);
    const names = ['a', 'b', 'c'].map((name) => `arn:aws:iam::000000000000:role/${name}`).join(', ');
    const told = `the grants of the key ${arn}: by them ${names} and 1 more may decrypt, whatever policies allow`;
    assert.deepEqual((await validated({ taskDefinitions: ['jamf-mcp-server'] })).unread, [told]);
    assert.deepEqual(
      (await asked()).unread.filter(({ what }) => what === 'the key').map(({ why }) => why),
      [told],
    );
  });

  const refuse = (operation: string) => {
    sandbox().inject({
      operation: `kms:${operation}`,
      nth: 'every',
      fault: { kind: 'error', code: 'AccessDeniedException', message: 'no', status: 400 },
    });
  };

  it('what of a key may not be read is told, and the rest is judged', async () => {
    await allowDecrypt();
    await letInOnly('reader');
    for (const operation of ['ListAliases', 'ListGrants', 'GetKeyPolicy']) refuse(operation);
    const { tasks, unread } = await validated({ taskDefinitions: ['jamf-mcp-server'] });
    const needs = tasks[0]?.roles[0]?.needs ?? [];
    assert.equal(needs.find(({ action }) => action === 'kms:Decrypt')?.verdict, 'allowed');
    const told = unread.map((one) => one.replace(/,.*?: key .*?: /, ': '));
    assert.deepEqual(told.sort(), [
      'the aliases of a key: ListAliases failed: no',
      'the grants of a key: ListGrants failed: no',
      'the policy of a key: GetKeyPolicy failed: no',
    ]);
    assert.equal((await asked()).unread.filter(({ what }) => what === 'the key').length, 3);
    assert.deepEqual(
      (await readers()).filter(([name]) => name === ROLE),
      [[ROLE, 'maybe']],
    );
  });

  it('of an alias that may not be looked up nothing is supposed', async () => {
    refuse('DescribeKey');
    const { answers, unread } = await asked();
    assert.deepEqual(
      answers.map(({ action }) => action),
      ['secretsmanager:GetSecretValue'],
    );
    assert.match(unread.at(-1)?.why ?? '', /^a key, and whether it can be used: key alias\/app: DescribeKey failed/);
    assert.deepEqual(
      (await readers()).filter(([name]) => name === ROLE),
      [[ROLE, 'maybe']],
    );
  });

  it('the right to decrypt is asked of the key behind the alias, in the role', async () => {
    assert.equal(await verdict(), 'missing');
    await allowDecrypt({ StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' } });
    assert.equal(await verdict(), 'allowed');
    await allowDecrypt({ 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/app' } }, '*');
    assert.equal(await verdict(), 'allowed');
    await allowDecrypt({ StringEquals: { 'kms:ViaService': 'rds.us-east-1.amazonaws.com' } });
    assert.equal(await verdict(), 'missing');
  });

  it('and in the policy of the key', async () => {
    await allowDecrypt();
    const shut = await letInOnly('reader');
    assert.equal(await verdict(), 'missing');
    const read = await readKeyPolicy(arn, {}, context());
    assert.equal(read?.name, `aws/000000000000/kms/us-east-1/key/${arn.split('/').at(-1) ?? ''}/policy.json`);
    assert.deepEqual(JSON.parse(read.text), JSON.parse(shut));
  });

  it('a disabled key is told; the policy of a key comes with its secret, and with all, once', async () => {
    const inputs = async (selection: Partial<Selection>) =>
      (await validated(selection)).inputs.filter(({ type }) => type === 'kms').length;
    await secretsClient(sandbox()).send(
      new CreateSecretCommand({ Name: 'other', SecretString: 'x', KmsKeyId: 'alias/app' }),
    );
    assert.deepEqual([await inputs({ secrets: [SECRET] }), await inputs({ all: true })], [1, 1]);
    await allowDecrypt();
    await kms().send(new DisableKeyCommand({ KeyId: arn }));
    const { findings } = await validated({ taskDefinitions: ['jamf-mcp-server'] });
    assert.equal(findings.filter(({ rule }) => rule === 'task-secret-unusable').length, 1);
    const state = `the key ${arn} is disabled, or about to be deleted`;
    const { unread } = await validated({ secrets: [SECRET] });
    assert.equal(unread.length, 1);
    assert.ok(unread[0]?.startsWith('whether anybody can read arn:') && unread[0].endsWith(`: ${state}`), unread[0]);
    const { why } = (await asked()).unread.find(({ what }) => what === 'the key') ?? assert.fail();
    assert.equal(why, `${state}: nobody can decrypt with it`);
  });
});
