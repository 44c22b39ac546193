import assert from 'node:assert/strict';
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { versionWith } from '../../src/lib/sandbox/secretsmanager-versions.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const [V1, V2, V3, V4] = ['1', '2', '3', '4'].map((digit) => digit.repeat(32)) as [string, string, string, string];

/** Rows are those of rotation.md §3, column "AWS". */
describe('sandbox: secrets manager, values and labels', () => {
  const sandbox = withSandbox();
  let client: SecretsManagerClient;

  beforeEach(async () => {
    client = secretsClient(sandbox());
    await client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'one', ClientRequestToken: V1 }));
  });
  afterEach(() => {
    const holders = sandbox()
      .secrets.vault.all('us-east-1')
      .map(({ versions }) => [...versions.values()].filter(({ stages }) => stages.has('AWSCURRENT')).length);
    assert.ok(
      holders.every((count) => count === 1),
      'each secret has exactly one AWSCURRENT after every test',
    );
    client.destroy();
  });

  const put = (SecretString: string, token: string, ...stages: string[]) =>
    client.send(
      new PutSecretValueCommand({
        SecretId: NAME,
        SecretString,
        ClientRequestToken: token,
        ...(stages.length > 0 ? { VersionStages: stages } : {}),
      }),
    );
  const get = (ref: { VersionStage?: string; VersionId?: string } = {}) =>
    client.send(new GetSecretValueCommand({ SecretId: NAME, ...ref }));
  const move = (VersionStage: string, from?: string, to?: string) =>
    client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: NAME,
        VersionStage,
        ...(from === undefined ? {} : { RemoveFromVersionId: from }),
        ...(to === undefined ? {} : { MoveToVersionId: to }),
      }),
    );
  const stages = async () => {
    const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId: NAME }));
    return Object.fromEntries(Object.entries(VersionIdsToStages ?? {}).map(([id, labels]) => [id, labels.toSorted()]));
  };
  const refused = (promise: Promise<unknown>, name: string, text?: string) =>
    assert.rejects(promise, (error: Error & { $metadata: { httpStatusCode: number } }) => {
      assert.equal(error.name, name);
      if (text !== undefined) assert.equal(error.message, text);
      assert.equal(error.$metadata.httpStatusCode, 400);
      return true;
    });

  it('row 1: a read without a label gives the new value after a promotion by labels', async () => {
    await put('two', V2, 'AWSPENDING');
    assert.equal((await get()).SecretString, 'one');
    await move('AWSCURRENT', V1, V2);
    assert.equal((await get()).SecretString, 'two');
    assert.equal((await get({ VersionStage: 'AWSPREVIOUS' })).SecretString, 'one');
  });

  it('row 2: a put after such a promotion leaves one AWSCURRENT and AWSPREVIOUS on the promoted version', async () => {
    await put('two', V2, 'AWSPENDING');
    await move('AWSCURRENT', V1, V2);
    await put('three', V3);
    assert.deepEqual(await stages(), { [V2]: ['AWSPENDING', 'AWSPREVIOUS'], [V3]: ['AWSCURRENT'] });
  });

  it('row 3: a label that sits elsewhere does not move without RemoveFromVersionId', async () => {
    await put('two', V2, 'AWSPENDING');
    await refused(
      move('AWSPENDING', undefined, V1),
      'InvalidParameterException',
      `The parameter RemoveFromVersionId can't be empty. Staging label AWSPENDING is currently attached to version ${V2}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
    assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'], [V2]: ['AWSPENDING'] });
  });

  it('row 4: nor does AWSCURRENT with none or the wrong one', async () => {
    await put('two', V2, 'AWSPENDING');
    await refused(move('AWSCURRENT', undefined, V2), 'InvalidParameterException');
    await refused(
      move('AWSCURRENT', V2, V2),
      'InvalidParameterException',
      'When you move staging label AWSCURRENT, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label AWSCURRENT.',
    );
    assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'], [V2]: ['AWSPENDING'] });
  });

  it('row 5: a move to an unknown version changes nothing', async () => {
    await refused(move('AWSCURRENT', V1, V4), 'ResourceNotFoundException');
    assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'] });
  });

  it('row 6: AWSCURRENT cannot be removed', async () => {
    await refused(
      move('AWSCURRENT', V1),
      'InvalidParameterException',
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    );
  });

  it('row 7: moving AWSCURRENT to where it is changes nothing', async () => {
    await put('two', V2);
    await move('AWSCURRENT', V2, V2);
    assert.deepEqual(await stages(), { [V1]: ['AWSPREVIOUS'], [V2]: ['AWSCURRENT'] });
  });

  it('row 8: promote, drop AWSPENDING, go back by labels', async () => {
    await put('two', V2, 'AWSPENDING');
    await move('AWSCURRENT', V1, V2);
    await move('AWSPENDING', V2);
    assert.deepEqual(await stages(), { [V1]: ['AWSPREVIOUS'], [V2]: ['AWSCURRENT'] });
    await move('AWSCURRENT', V2, V1);
    assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'], [V2]: ['AWSPREVIOUS'] });
    assert.equal((await get()).SecretString, 'one');
  });

  it('rows 9 and 10: a used token with another value is refused, pending or not', async () => {
    await put('two', V2, 'AWSPENDING');
    const { ARN } = await client.send(new DescribeSecretCommand({ SecretId: NAME }));
    await refused(
      put('other', V2, 'AWSPENDING'),
      'ResourceExistsException',
      `You can't use ClientRequestToken ${V2} because that value is already in use for a version of secret ${String(ARN)}.`,
    );
    await refused(put('other', V1), 'ResourceExistsException');
    assert.equal((await get({ VersionId: V2 })).SecretString, 'two');
  });

  it('row 11: a used token with the same value changes nothing, whatever labels it asks for', async () => {
    await put('two', V2, 'AWSPENDING');
    const again = await put('two', V2);
    assert.deepEqual(again.VersionStages, ['AWSPENDING']);
    assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT'], [V2]: ['AWSPENDING'] });
  });

  it('row 12: UpdateSecret refuses a used token even with the same value', async () => {
    await refused(
      client.send(new UpdateSecretCommand({ SecretId: NAME, SecretString: 'one', ClientRequestToken: V1 })),
      'ResourceExistsException',
    );
    await client.send(
      new UpdateSecretCommand({ SecretId: NAME, SecretString: 'two', ClientRequestToken: V2, Description: 'new' }),
    );
    assert.deepEqual(await stages(), { [V1]: ['AWSPREVIOUS'], [V2]: ['AWSCURRENT'] });
  });

  it('row 18: versions have their own dates, deprecated ones are hidden, pages end, the ARN is one', async () => {
    sandbox().clock.advance(1000);
    await put('two', V2);
    sandbox().clock.advance(1000);
    await put('three', V3);
    const listed = await client.send(new ListSecretVersionIdsCommand({ SecretId: NAME }));
    assert.deepEqual(
      listed.Versions?.map(({ VersionId }) => VersionId),
      [V3, V2],
    );
    assert.equal(Number(listed.Versions[0]?.CreatedDate) - Number(listed.Versions[1]?.CreatedDate), 1000);
    assert.match(
      listed.ARN ?? '',
      /^arn:aws:secretsmanager:us-east-1:000000000000:secret:jamf-mcp-server\/production-[A-Za-z0-9]{6}$/,
    );
    const first = await client.send(
      new ListSecretVersionIdsCommand({ SecretId: NAME, IncludeDeprecated: true, MaxResults: 2 }),
    );
    const rest = await client.send(
      new ListSecretVersionIdsCommand({
        SecretId: NAME,
        IncludeDeprecated: true,
        MaxResults: 2,
        NextToken: first.NextToken,
      }),
    );
    assert.deepEqual(
      [...(first.Versions ?? []), ...(rest.Versions ?? [])].map(({ VersionId }) => VersionId),
      [V3, V2, V1],
    );
    assert.equal(rest.NextToken, undefined);
    await refused(
      client.send(new ListSecretVersionIdsCommand({ SecretId: NAME, MaxResults: 2, NextToken: first.NextToken })),
      'InvalidNextTokenException',
    );
    await refused(client.send(new ListSecretVersionIdsCommand({ SecretId: 'nobody' })), 'ResourceNotFoundException');
  });

  it('row 19: about 100 unlabelled versions; none younger than a day makes room', async () => {
    const token = (number: number) => `version-${String(number)}-`.padEnd(32, 'x');
    for (let number = 1; number <= 101; number += 1) await put(String(number), token(number));
    await refused(put('one too many', token(102)), 'LimitExceededException');
    sandbox().clock.advance(86_400_000);
    await put('a day later', token(103));
    await refused(get({ VersionId: V1 }), 'ResourceNotFoundException');
    assert.equal((await get({ VersionId: token(1) })).SecretString, '1');
    assert.deepEqual(await stages(), { [token(101)]: ['AWSPREVIOUS'], [token(103)]: ['AWSCURRENT'] });
  });

  it('row 20: 65,536 bytes of value, 20 labels, and the characters of a name', async () => {
    await put('x'.repeat(65_536), V2);
    await refused(
      put(`${'ü'.repeat(32_768)}x`, V3),
      'ValidationException',
      "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536",
    );
    const labels = Array.from({ length: 21 }, (_, number) => `label-${String(number)}`);
    await refused(put('labels', V3, ...labels), 'ValidationException');
    await put('labels', V3, ...labels.slice(0, 20));
    await refused(move('one-more', undefined, V3), 'LimitExceededException');
    await refused(
      client.send(new CreateSecretCommand({ Name: 'a b*c', SecretString: 'x' })),
      'ValidationException',
      'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
    );
    await refused(
      client.send(new CreateSecretCommand({ Name: 'n'.repeat(513), SecretString: 'x' })),
      'ValidationException',
    );
    await refused(put('short token', 'short'), 'ValidationException');
  });

  it('row 22: what is missing is named, with status 400', async () => {
    await refused(
      get({ VersionStage: 'AWSPENDING' }),
      'ResourceNotFoundException',
      "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
    );
    await refused(
      get({ VersionId: V4 }),
      'ResourceNotFoundException',
      `Secrets Manager can't find the specified secret value for VersionId: ${V4}`,
    );
    await refused(
      get({ VersionId: V1, VersionStage: 'AWSPENDING' }),
      'InvalidRequestException',
      'You provided a VersionStage that is not associated to the provided VersionId.',
    );
    assert.equal((await get({ VersionId: V1, VersionStage: 'AWSCURRENT' })).SecretString, 'one');
  });

  it('row 23: a description tells labelled versions only', async () => {
    await put('two', V2);
    await put('three', V3);
    assert.deepEqual(await stages(), { [V2]: ['AWSPREVIOUS'], [V3]: ['AWSCURRENT'] });
    assert.equal((await get({ VersionId: V1 })).SecretString, 'one', 'a deprecated version is still there by its id');
  });

  it('row 24: the first version ever gets AWSCURRENT beside AWSPENDING', async () => {
    await client.send(new CreateSecretCommand({ Name: 'empty' }));
    const made = await client.send(
      new PutSecretValueCommand({
        SecretId: 'empty',
        SecretString: 'x',
        ClientRequestToken: V2,
        VersionStages: ['AWSPENDING'],
      }),
    );
    assert.deepEqual(made.VersionStages?.toSorted(), ['AWSCURRENT', 'AWSPENDING']);
  });

  it('row 25: CreateSecret again is the same secret with the same token and value, else a taken name', async () => {
    const again = await client.send(
      new CreateSecretCommand({ Name: NAME, SecretString: 'one', ClientRequestToken: V1 }),
    );
    assert.equal(again.VersionId, V1);
    await refused(
      client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'other', ClientRequestToken: V1 })),
      'ResourceExistsException',
      `The operation failed because the secret ${NAME} already exists.`,
    );
  });

  it('keeps labels unique and AWSPREVIOUS behind AWSCURRENT, whatever is done to them', async () => {
    const secret = sandbox().secrets.vault.find('us-east-1', NAME);
    assert.ok(secret);
    await put('two', V2, 'AWSPENDING', 'kept');
    await put('three', V3, 'kept');
    await move('kept', V3, V1);
    await move('AWSCURRENT', V1, V3);
    assert.deepEqual(await stages(), { [V1]: ['AWSPREVIOUS', 'kept'], [V2]: ['AWSPENDING'], [V3]: ['AWSCURRENT'] });
    await move('AWSCURRENT', V3, V1);
    assert.deepEqual(await stages(), { [V1]: ['AWSCURRENT', 'kept'], [V2]: ['AWSPENDING'], [V3]: ['AWSPREVIOUS'] });
    assert.equal(versionWith(secret, 'AWSPREVIOUS')?.id, V3);
  });

  it('reads binary values and keeps them apart from text', async () => {
    await client.send(
      new PutSecretValueCommand({ SecretId: NAME, SecretBinary: new Uint8Array([0, 255, 7]), ClientRequestToken: V2 }),
    );
    const { SecretBinary, SecretString } = await get();
    assert.deepEqual([...(SecretBinary ?? [])], [0, 255, 7]);
    assert.equal(SecretString, undefined);
    await refused(
      client.send(new PutSecretValueCommand({ SecretId: NAME, ClientRequestToken: V3 })),
      'InvalidRequestException',
    );
  });

  it('finds a secret by name, ARN and ARN without suffix, and only in its Region', async () => {
    const { ARN = '' } = await get();
    for (const SecretId of [ARN, ARN.slice(0, -7)]) {
      assert.equal((await client.send(new GetSecretValueCommand({ SecretId }))).Name, NAME);
    }
    await client.send(new CreateSecretCommand({ Name: 'looks-like123456', SecretString: 'x' }));
    const { ARN: misleading = '' } = await client.send(
      new CreateSecretCommand({ Name: 'looks-likean', SecretString: 'x' }),
    );
    await refused(
      client.send(new GetSecretValueCommand({ SecretId: misleading.slice(0, -7) })),
      'ResourceNotFoundException',
      "Secrets Manager can't find the specified secret.",
    );
    const elsewhere = secretsClient(sandbox(), undefined, 'eu-west-1');
    await refused(elsewhere.send(new GetSecretValueCommand({ SecretId: NAME })), 'ResourceNotFoundException');
    elsewhere.destroy();
  });

  it('reads many at once, each failure by itself', async () => {
    await client.send(new CreateSecretCommand({ Name: 'other', SecretString: 'x' }));
    const batch = await client.send(new BatchGetSecretValueCommand({ SecretIdList: [NAME, 'nobody', 'other'] }));
    assert.deepEqual(
      batch.SecretValues?.map(({ SecretString }) => SecretString),
      ['one', 'x'],
    );
    assert.deepEqual(
      batch.Errors?.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode]),
      [['nobody', 'ResourceNotFoundException']],
    );
    const names = sandbox()
      .trail.records.filter(({ eventSource }) => eventSource === 'secretsmanager.amazonaws.com')
      .slice(-4)
      .map(({ eventName, requestParameters }) => [eventName, requestParameters?.secretId]);
    assert.deepEqual(names, [
      ['GetSecretValue', NAME],
      ['GetSecretValue', 'nobody'],
      ['GetSecretValue', 'other'],
      ['BatchGetSecretValue', undefined],
    ]);
    await refused(client.send(new BatchGetSecretValueCommand({})), 'InvalidParameterException');
  });
});
