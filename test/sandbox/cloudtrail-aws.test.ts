import assert from 'node:assert/strict';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { countedOnce } from '../../src/lib/audit/batch.ts';
import { accessFrom } from '../../src/lib/audit/event.ts';
import { withTimeline } from '../../src/lib/audit/timeline.ts';
import { LEGACY_CI } from '../../src/lib/sandbox/principals.ts';
import type { RotationFunction } from '../../src/lib/sandbox/secretsmanager-rotation.ts';
import { corpusFile, jsonLines } from '../support/corpus.ts';
import { secretsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const [V1, V2, V3] = ['1', '2', '3'].map((digit) => digit.repeat(32)) as [string, string, string];
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:rotate';

describe('sandbox: what CloudTrail records of AWS itself', () => {
  const sandbox = withSandbox();
  let client: SecretsManagerClient;
  let arn: string;

  beforeEach(async () => {
    client = secretsClient(sandbox());
    const { ARN = '' } = await client.send(
      new CreateSecretCommand({ Name: NAME, SecretString: 'one', ClientRequestToken: V1 }),
    );
    arn = ARN;
  });
  afterEach(() => {
    client.destroy();
  });

  const ofKms = () => sandbox().trail.records.filter(({ eventSource }) => eventSource === 'kms.amazonaws.com');
  const put = (token: string, stages?: string[]) =>
    client.send(
      new PutSecretValueCommand({
        SecretId: NAME,
        SecretString: 'two',
        ClientRequestToken: token,
        ...(stages && { VersionStages: stages }),
      }),
    );

  it('the key, with secret and version, where a value is read or written, and nowhere else', async () => {
    await put(V2, ['AWSPENDING']);
    await client.send(new GetSecretValueCommand({ SecretId: NAME, VersionStage: 'AWSPENDING' }));
    await client.send(new UpdateSecretCommand({ SecretId: NAME, Description: 'no value' }));
    await client.send(
      new UpdateSecretVersionStageCommand({ SecretId: NAME, VersionStage: 'AWSPENDING', RemoveFromVersionId: V2 }),
    );
    await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: NAME, VersionId: V3 })));
    const stranger = secretsClient(sandbox(), LEGACY_CI);
    await assert.rejects(stranger.send(new GetSecretValueCommand({ SecretId: NAME })));
    stranger.destroy();
    assert.deepEqual(
      ofKms().map(({ eventName, requestParameters }) => [eventName, requestParameters?.encryptionContext]),
      [
        ['GenerateDataKey', { SecretARN: arn, SecretVersionId: V1 }],
        ['GenerateDataKey', { SecretARN: arn, SecretVersionId: V2 }],
        ['Decrypt', { SecretARN: arn, SecretVersionId: V2 }],
      ],
    );
    const [kms, read] = sandbox().trail.records.slice(-6);
    assert.ok(kms && read);
    assert.equal(read.eventName, 'GetSecretValue');
    assert.equal(kms.userIdentity.arn, read.userIdentity.arn);
    assert.equal(kms.userIdentity.invokedBy, 'secretsmanager.amazonaws.com');
    assert.notEqual(kms.userIdentity.accessKeyId, read.userIdentity.accessKeyId);
    assert.notEqual(kms.requestID, read.requestID);
  });

  it('the key that a secret names', async () => {
    const names = { id: '12345678-aaaa-4bbb-8ccc-123456789012', alias: 'alias/aws/secretsmanager' };
    for (const [name, KmsKeyId] of Object.entries(names)) {
      await client.send(new CreateSecretCommand({ Name: name, SecretString: 'x', KmsKeyId }));
    }
    assert.deepEqual(
      ofKms().map(({ requestParameters, resources }) => [requestParameters?.keyId, resources?.[0]?.ARN]),
      [
        [names.alias, 'arn:aws:kms:us-east-1:000000000000:key/11111111-2222-4333-8444-555555555555'],
        [names.id, `arn:aws:kms:us-east-1:000000000000:key/${names.id}`],
        [names.alias, 'arn:aws:kms:us-east-1:000000000000:key/11111111-2222-4333-8444-555555555555'],
      ],
    );
  });

  it('has the members of a real record', async function () {
    const file = corpusFile('cloudtrail/invictus-kms.jsonl');
    if (file === null) this.skip();
    await client.send(new GetSecretValueCommand({ SecretId: NAME }));
    const real = jsonLines(file) as Record<string, unknown>[];
    for (const record of ofKms()) {
      const twin = real.find(({ eventName }) => eventName === record.eventName);
      assert.ok(twin);
      const members = (value: unknown) => Object.keys(value as object).toSorted();
      assert.deepEqual(members(record.requestParameters), members(twin.requestParameters));
      assert.deepEqual(members(record.resources?.[0]), members((twin.resources as unknown[])[0]));
      assert.deepEqual(members(record), members(twin));
    }
  });

  it('is one deed with the call it was made for', async () => {
    await client.send(new GetSecretValueCommand({ SecretId: NAME }));
    const accesses = sandbox().trail.records.flatMap((record) => accessFrom(record) ?? []);
    const found = await withTimeline({ asked: null }, async (lines) => {
      const sink = lines.sink(false);
      for (const access of accesses) sink(access);
      return (await Array.fromAsync(countedOnce(lines.close().batches()))).flat();
    });
    assert.deepEqual(
      found.map(({ action, secret, countedWith }) => [action, secret, countedWith === null]).toSorted(),
      [
        ['CreateSecret', arn, true],
        ['Decrypt', arn, false],
        ['GenerateDataKey', arn, false],
        ['GetSecretValue', arn, true],
      ],
    );
  });

  describe('rotations', () => {
    const told = () =>
      sandbox().trail.records.flatMap(({ eventType, eventName }) => (eventType === 'AwsServiceEvent' ? eventName : []));
    const rotated = async (rotation: RotationFunction | null, immediately = true) => {
      const { functions } = sandbox().secrets;
      functions.set(FUNCTION, rotation ?? (() => undefined));
      await client.send(
        new RotateSecretCommand({
          SecretId: NAME,
          ClientRequestToken: V2,
          RotationLambdaARN: FUNCTION,
          RotationRules: { AutomaticallyAfterDays: 30 },
          RotateImmediately: immediately,
        }),
      );
      if (rotation === null) functions.delete(FUNCTION);
      sandbox().clock.advance(0);
      for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
    };
    const promote: RotationFunction = ({ Step, SecretId, ClientRequestToken }) => {
      const secret = sandbox().secrets.vault.find('us-east-1', SecretId);
      const version = secret?.versions.get(ClientRequestToken);
      if (!secret || !version || Step !== 'finishSecret') return;
      secret.versions.get(V1)?.stages.delete('AWSCURRENT');
      version.stages.add('AWSCURRENT');
    };
    const fail = () => {
      throw new Error('no');
    };

    it('begin and end, with the secret beside the parameters', async () => {
      await rotated(promote);
      assert.deepEqual(told(), ['RotationStarted', 'RotationSucceeded']);
      const [call, started, succeeded] = sandbox().trail.records.slice(-3);
      assert.equal(call?.eventName, 'RotateSecret');
      assert.deepEqual(started?.userIdentity, {
        accountId: '000000000000',
        invokedBy: 'secretsmanager.amazonaws.com',
      });
      assert.deepEqual([started.requestParameters, started.additionalEventData], [null, { SecretId: arn }]);
      assert.equal(started.requestID, `Rotation-${arn}-${V2}`);
      assert.equal(succeeded?.requestID, started.requestID);
      assert.equal(accessFrom(started)?.secrets[0]?.name, NAME);
    });

    it('fail where a step does, where no value became current, and where the function is gone', async () => {
      await rotated(fail);
      assert.deepEqual(told(), ['RotationStarted', 'RotationFailed']);
      await client.send(
        new UpdateSecretVersionStageCommand({ SecretId: NAME, VersionStage: 'AWSPENDING', RemoveFromVersionId: V2 }),
      );
      await rotated(() => undefined);
      assert.deepEqual(told().slice(2), ['RotationStarted', 'RotationFailed']);
      await client.send(
        new UpdateSecretVersionStageCommand({ SecretId: NAME, VersionStage: 'AWSPENDING', RemoveFromVersionId: V2 }),
      );
      await rotated(null);
      assert.deepEqual(told().slice(4), ['RotationStarted', 'RotationFailed']);
    });

    it('are tried where they are only scheduled', async () => {
      await rotated(promote, false);
      assert.deepEqual(told(), ['TestRotationStarted', 'TestRotationSucceeded']);
      await rotated(fail, false);
      assert.deepEqual(told().slice(2), ['TestRotationStarted', 'TestRotationFailed']);
    });
  });
});
