import assert from 'node:assert/strict';
import { LookupEventsCommand, type CloudTrailClient, type LookupEventsCommandInput } from '@aws-sdk/client-cloudtrail';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  DeleteSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import type { TrailRecord } from '../../src/lib/sandbox/cloudtrail-record.ts';
import { LEGACY_CI, READER, roleSession } from '../../src/lib/sandbox/principals.ts';
import { secretsClient, trailClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const TOKEN = '1'.repeat(32);
const SECRET = 'a-value-that-must-not-be-logged-EXAMPLE';
const SECOND_MS = 1000;

const refused = (promise: Promise<unknown>, name: string) => assert.rejects(promise, { name });

describe('sandbox: cloudtrail', () => {
  const sandbox = withSandbox();
  let client: CloudTrailClient;

  beforeEach(() => {
    client = trailClient(sandbox());
  });
  afterEach(() => {
    client.destroy();
  });

  const lookup = (input: Partial<LookupEventsCommandInput> = {}) => {
    sandbox().clock.advance(SECOND_MS);
    return client.send(new LookupEventsCommand(input));
  };
  const recordOf = async (eventName: string): Promise<TrailRecord> => {
    const { Events } = await lookup({ LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: eventName }] });
    return JSON.parse(Events?.[0]?.CloudTrailEvent ?? '{}') as TrailRecord;
  };
  /** Records with times one second apart, oldest first, ending now. */
  const plant = (count: number) => {
    const start = sandbox().clock.now() - count * SECOND_MS;
    for (let number = 1; number <= count; number += 1) {
      sandbox().trail.plant({
        eventVersion: '1.09',
        userIdentity: { type: 'IAMUser', userName: 'planted', accessKeyId: 'AKIAPLANTED00EXAMPLE' },
        eventTime: new Date(start + number * SECOND_MS).toISOString(),
        eventSource: 'secretsmanager.amazonaws.com',
        eventName: 'GetSecretValue',
        awsRegion: 'us-east-1',
        sourceIPAddress: '192.0.2.1',
        userAgent: 'planted',
        requestParameters: { secretId: String(number) },
        responseElements: null,
        requestID: `request-${String(number)}`,
        eventID: `event-${String(number)}`,
        readOnly: true,
        eventType: 'AwsApiCall',
        managementEvent: true,
        recipientAccountId: '000000000000',
        eventCategory: 'Management',
      });
    }
  };

  describe('records', () => {
    it('a write in the shape of the real ones, without the value', async () => {
      const secrets = secretsClient(sandbox());
      const { ARN } = await secrets.send(
        new CreateSecretCommand({
          Name: NAME,
          SecretString: SECRET,
          ClientRequestToken: TOKEN,
          Tags: [{ Key: 'a', Value: 'b' }],
        }),
      );
      const { userAgent, requestID, eventID, ...record } = await recordOf('CreateSecret');
      assert.match(userAgent, /aws-sdk-js/);
      for (const id of [requestID, eventID])
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.deepEqual(record, {
        eventVersion: '1.11',
        userIdentity: {
          type: 'AssumedRole',
          principalId: 'AROAOPERATOR0EXAMPLE0:operator',
          arn: 'arn:aws:sts::000000000000:assumed-role/AWSReservedSSO_Operator_0123456789abcdef/operator',
          accountId: '000000000000',
          accessKeyId: 'ASIAOPERATOR0EXAMPLE',
          sessionContext: {
            sessionIssuer: {
              type: 'Role',
              principalId: 'AROAOPERATOR0EXAMPLE0',
              arn: 'arn:aws:iam::000000000000:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Operator_0123456789abcdef',
              accountId: '000000000000',
              userName: 'AWSReservedSSO_Operator_0123456789abcdef',
            },
            attributes: { creationDate: '2026-11-22T11:55:00Z', mfaAuthenticated: 'false' },
          },
        },
        eventTime: '2026-11-22T12:00:00Z',
        eventSource: 'secretsmanager.amazonaws.com',
        eventName: 'CreateSecret',
        awsRegion: 'us-east-1',
        sourceIPAddress: '127.0.0.1',
        requestParameters: { name: NAME, clientRequestToken: TOKEN, tags: [{ key: 'a', value: 'b' }] },
        responseElements: { arn: ARN },
        readOnly: false,
        eventType: 'AwsApiCall',
        managementEvent: true,
        recipientAccountId: '000000000000',
        eventCategory: 'Management',
      });
      await secrets.send(
        new PutSecretValueCommand({
          SecretId: NAME,
          SecretString: `${SECRET}2`,
          ClientRequestToken: '2'.repeat(32),
          VersionStages: ['AWSPENDING'],
        }),
      );
      await secrets.send(new GetSecretValueCommand({ SecretId: NAME, VersionStage: 'AWSPENDING' }));
      const deleted = await secrets.send(new DeleteSecretCommand({ SecretId: NAME, RecoveryWindowInDays: 7 }));
      assert.deepEqual((await recordOf('PutSecretValue')).requestParameters, {
        secretId: NAME,
        clientRequestToken: '2'.repeat(32),
        versionStages: ['AWSPENDING'],
      });
      const read = await recordOf('GetSecretValue');
      assert.deepEqual(
        [read.requestParameters, read.responseElements, read.readOnly],
        [{ secretId: NAME, versionStage: 'AWSPENDING' }, null, true],
      );
      assert.deepEqual((await recordOf('DeleteSecret')).responseElements, {
        arn: deleted.ARN,
        name: NAME,
        deletionDate: 'Nov 29, 2026, 12:00:01 PM',
      });
      assert.ok(!JSON.stringify(sandbox().trail.records).includes(SECRET));
      secrets.destroy();
    });

    it('a denied call has its id in the message only, and another error code than the answer', async () => {
      for (const [credentials, reason] of [
        [READER, 'with an explicit deny in an identity-based policy'],
        [LEGACY_CI, 'because no identity-based policy allows the secretsmanager:GetSecretValue action'],
      ] as const) {
        const secrets = secretsClient(sandbox(), credentials);
        await refused(secrets.send(new GetSecretValueCommand({ SecretId: NAME })), 'AccessDeniedException');
        const record = await recordOf('GetSecretValue');
        assert.equal(record.errorCode, 'AccessDenied');
        assert.equal(record.requestParameters, null);
        assert.equal(
          record.errorMessage,
          `User: ${String(record.userIdentity.arn)} is not authorized to perform: secretsmanager:GetSecretValue on resource: ${NAME} ${reason}`,
        );
        secrets.destroy();
      }
    });

    it('a failure keeps its parameters; an unknown caller leaves no record', async () => {
      const secrets = secretsClient(sandbox());
      await refused(secrets.send(new GetSecretValueCommand({ SecretId: 'nobody' })), 'ResourceNotFoundException');
      const record = await recordOf('GetSecretValue');
      assert.deepEqual(
        [record.errorCode, record.requestParameters, record.responseElements],
        ['ResourceNotFoundException', { secretId: 'nobody' }, null],
      );
      const before = sandbox().trail.records.length;
      const stranger = secretsClient(sandbox(), { accessKeyId: 'AKIANOBODY000EXAMPLE', secretAccessKey: 'x' });
      await refused(stranger.send(new GetSecretValueCommand({ SecretId: NAME })), 'UnrecognizedClientException');
      assert.equal(sandbox().trail.records.length, before);
      secrets.destroy();
      stranger.destroy();
    });

    it('a read by a service on behalf of a role is the role session', async () => {
      const { secrets, clock } = sandbox();
      const operator = secretsClient(sandbox());
      await operator.send(new CreateSecretCommand({ Name: NAME, SecretString: '{"KEY":"value","count":7}' }));
      const principal = roleSession(
        { name: 'ecsTaskExecutionRole', id: 'AROAEXECUTION0EXAMPLE' },
        'task-id',
        'ASIATASK00000EXAMPLE',
        clock.now(),
      );
      const read = (jsonKey?: string) =>
        secrets.readAsService({ arnOrName: NAME, jsonKey, principal, userAgent: 'Amazon ECS Agent' });
      assert.deepEqual([read('KEY').value, read('count').value, read('absent').value], ['value', '7', null]);
      assert.equal(read().value, '{"KEY":"value","count":7}');
      assert.throws(() => secrets.readAsService({ arnOrName: 'nobody', principal, userAgent: 'x' }), {
        code: 'ResourceNotFoundException',
      });
      const { Events } = await lookup({ LookupAttributes: [{ AttributeKey: 'Username', AttributeValue: 'task-id' }] });
      // A failed read, and four that each used the key.
      assert.equal(Events?.length, 9);
      assert.equal(Events[1]?.AccessKeyId, 'ASIATASK00000EXAMPLE');
      operator.destroy();
    });
  });

  describe('LookupEvents', () => {
    it('gives 50 a page at most, newest first, to the end', async () => {
      plant(120);
      const seen: string[] = [];
      const sizes: number[] = [];
      let NextToken: string | undefined;
      const window = {
        StartTime: new Date(sandbox().clock.now() - 3600_000),
        EndTime: new Date(sandbox().clock.now()),
      };
      do {
        const page = await lookup({ ...window, NextToken });
        sizes.push(page.Events?.length ?? 0);
        seen.push(...(page.Events ?? []).map(({ EventId = '' }) => EventId));
        ({ NextToken } = page);
      } while (NextToken !== undefined);
      assert.deepEqual(sizes, [50, 50, 20]);
      assert.deepEqual(
        seen,
        Array.from({ length: 120 }, (_, index) => `event-${String(120 - index)}`),
      );
    });

    it('binds a token to window and attribute', async () => {
      plant(60);
      const EndTime = new Date(sandbox().clock.now());
      const attribute = { AttributeKey: 'EventName', AttributeValue: 'GetSecretValue' } as const;
      const { NextToken } = await lookup({ EndTime, LookupAttributes: [attribute] });
      assert.ok(NextToken);
      await refused(
        lookup({ EndTime: new Date(EndTime.getTime() + SECOND_MS), LookupAttributes: [attribute], NextToken }),
        'InvalidNextTokenException',
      );
      await refused(lookup({ EndTime, NextToken }), 'InvalidNextTokenException');
      await refused(
        lookup({ EndTime, LookupAttributes: [attribute], NextToken: 'made up' }),
        'InvalidNextTokenException',
      );
      assert.equal((await lookup({ EndTime, LookupAttributes: [attribute], NextToken })).Events?.length, 10);
    });

    it('allows two requests a second, by Region', async () => {
      sandbox().clock.advance(SECOND_MS);
      const once = () => client.send(new LookupEventsCommand({}));
      await once();
      await once();
      await assert.rejects(once(), (error: Error & { $metadata: { httpStatusCode: number } }) => {
        assert.deepEqual(
          [error.name, error.message, error.$metadata.httpStatusCode],
          ['ThrottlingException', 'Rate exceeded', 400],
        );
        return true;
      });
      const elsewhere = trailClient(sandbox(), undefined, 'eu-west-1');
      assert.deepEqual((await elsewhere.send(new LookupEventsCommand({}))).Events, []);
      elsewhere.destroy();
      sandbox().clock.advance(SECOND_MS);
      await once();
    });

    it('honours the first attribute only, exactly and case for case', async () => {
      plant(3);
      const count = async (...attributes: [string, string][]) =>
        (
          await lookup({
            EndTime: new Date(sandbox().clock.now()),
            LookupAttributes: attributes.map(([AttributeKey, AttributeValue]) => ({
              AttributeKey,
              AttributeValue,
            })) as never,
          })
        ).Events?.length;
      assert.equal(await count(['EventSource', 'secretsmanager.amazonaws.com']), 3);
      assert.equal(await count(['EventSource', 'SecretsManager.amazonaws.com']), 0);
      assert.equal(await count(['Username', 'planted'], ['EventName', 'NoSuchEvent']), 3);
      assert.equal(await count(['EventId', 'event-2']), 1);
      assert.equal(await count(['AccessKeyId', 'AKIAPLANTED00EXAMPLE']), 3);
      assert.equal(await count(['ReadOnly', 'false']), 0);
      assert.equal(await count(['ResourceName', NAME]), 0);
      await refused(count(['Colour', 'red']), 'InvalidLookupAttributesException');
    });

    it('refuses windows that end before they start, and pages of another size', async () => {
      const now = sandbox().clock.now();
      await refused(lookup({ StartTime: new Date(now), EndTime: new Date(now - 1) }), 'InvalidTimeRangeException');
      for (const MaxResults of [0, 51]) await refused(lookup({ MaxResults }), 'InvalidMaxResultsException');
    });

    it('goes back 90 days', async () => {
      plant(2);
      sandbox().clock.advance(90 * 86_400_000 - SECOND_MS);
      const { Events } = await lookup({ LookupAttributes: [{ AttributeKey: 'Username', AttributeValue: 'planted' }] });
      assert.deepEqual(
        Events?.map(({ EventId }) => EventId),
        ['event-2'],
      );
    });
  });

  it('knows its own calls', async () => {
    await lookup();
    assert.equal((await recordOf('LookupEvents')).eventSource, 'cloudtrail.amazonaws.com');
  });
});

describe('sandbox: cloudtrail with a delivery delay', () => {
  const sandbox = withSandbox({ deliveryDelayMs: 300_000 });

  it('knows a call only when the delay has passed', async () => {
    const secrets = secretsClient(sandbox());
    const client = trailClient(sandbox());
    await secrets.send(new CreateSecretCommand({ Name: NAME, SecretString: 'x' }));
    const names = async () =>
      (await client.send(new LookupEventsCommand({}))).Events?.map(({ EventName }) => EventName);
    sandbox().clock.advance(299_999);
    assert.deepEqual(await names(), []);
    sandbox().clock.advance(1);
    assert.deepEqual(await names(), ['CreateSecret', 'GenerateDataKey']);
    secrets.destroy();
    client.destroy();
  });
});

describe('sandbox: cloudtrail with a past', () => {
  const sandbox = withSandbox({ history: true });

  it('has a week of task starts and one denied read with a hostile user agent', async () => {
    const client = trailClient(sandbox());
    const now = sandbox().clock.now();
    const { Events = [] } = await client.send(
      new LookupEventsCommand({ StartTime: new Date(now - 8 * 86_400_000), EndTime: new Date(now) }),
    );
    const records = Events.map(({ CloudTrailEvent = '' }) => JSON.parse(CloudTrailEvent) as TrailRecord);
    assert.equal(records.length, 15);
    const [denied, ...starts] = records;
    assert.ok(denied);
    assert.equal(now - Date.parse(denied.eventTime), 20 * 60_000);
    assert.deepEqual(
      [denied.errorCode, denied.sourceIPAddress, denied.userIdentity.userName],
      ['AccessDenied', '203.0.113.66', 'legacy-ci'],
    );
    assert.ok(denied.userAgent.includes('\u001b['), 'terminal control bytes');
    assert.equal(denied.requestParameters, null);
    assert.equal(new Set(starts.map(({ eventID }) => eventID)).size, 14);
    for (const start of starts) {
      assert.match(String(start.userIdentity.arn), /assumed-role\/ecsTaskExecutionRole\/[0-9a-f]{32}$/);
      assert.equal(start.errorCode, undefined);
      assert.ok(now - Date.parse(start.eventTime) < 7 * 86_400_000);
    }
    client.destroy();
  });
});
