import assert from 'node:assert/strict';
import { request } from 'node:http';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { faster, manualClock } from '../../src/lib/sandbox/clock.ts';
import { startSandbox } from '../../src/lib/sandbox/index.ts';
import { LEGACY_CI, OPERATOR } from '../../src/lib/sandbox/principals.ts';
import { rawCall, sdkConfig, secretsClient, stsClient, withSandbox } from '../support/sandbox.ts';

const NAME = 'jamf-mcp-server/production';
const STRANGER = { accessKeyId: 'AKIANOBODY000EXAMPLE', secretAccessKey: 'x' };
const INVALID = 'The security token included in the request is invalid.';

describe('sandbox: server', () => {
  const sandbox = withSandbox();

  describe('callers', () => {
    it('are told who they are', async () => {
      const client = stsClient(sandbox());
      const { Account, Arn, UserId } = await client.send(new GetCallerIdentityCommand({}));
      assert.deepEqual(
        { Account, Arn, UserId },
        {
          Account: '000000000000',
          Arn: 'arn:aws:sts::000000000000:assumed-role/AWSReservedSSO_Operator_0123456789abcdef/operator',
          UserId: 'AROAOPERATOR0EXAMPLE0:operator',
        },
      );
      client.destroy();
    });

    it('that are unknown, or hold a temporary key without its token, are refused as each protocol does', async () => {
      const withoutToken = { accessKeyId: OPERATOR.accessKeyId, secretAccessKey: OPERATOR.secretAccessKey };
      for (const credentials of [STRANGER, withoutToken]) {
        const json = await rawCall(sandbox(), 'secretsmanager.ListSecrets', '{}', { credentials });
        assert.equal(json.status, 400);
        assert.deepEqual(JSON.parse(json.text), {
          __type: 'UnrecognizedClientException',
          message: INVALID,
          Message: INVALID,
        });
        const query = await rawCall(sandbox(), null, 'Action=GetCallerIdentity&Version=2011-06-15', { credentials });
        assert.equal(query.status, 403);
        assert.match(query.text, /<Code>InvalidClientTokenId<\/Code>/);
      }
    });

    it('without credentials are refused', async () => {
      const json = await rawCall(sandbox(), 'TrentService.ListAliases', '{}', { credentials: null });
      assert.equal((JSON.parse(json.text) as { __type: string }).__type, 'MissingAuthenticationTokenException');
      const query = await rawCall(sandbox(), null, 'Action=ListRoles&Version=2010-05-08', { credentials: null });
      assert.match(query.text, /<Code>MissingAuthenticationToken<\/Code>/);
      assert.equal(query.status, 403);
    });

    it('may assume a role of the account and then are its session', async () => {
      const client = stsClient(sandbox());
      const RoleArn = 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole';
      const { Credentials } = await client.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'try-it' }));
      assert.equal(Credentials?.Expiration?.getTime(), sandbox().clock.now() + 3600_000);
      assert.deepEqual(sandbox().trail.records.at(-1)?.responseElements, {
        credentials: { accessKeyId: Credentials.AccessKeyId, expiration: 'Nov 22, 2026, 1:00:00 PM' },
        assumedRoleUser: {
          assumedRoleId: 'AROAEXECUTION0EXAMPLE:try-it',
          arn: 'arn:aws:sts::000000000000:assumed-role/ecsTaskExecutionRole/try-it',
        },
      });
      const session = stsClient(sandbox(), {
        accessKeyId: Credentials.AccessKeyId ?? '',
        secretAccessKey: Credentials.SecretAccessKey ?? '',
        sessionToken: Credentials.SessionToken ?? '',
      });
      const { Arn } = await session.send(new GetCallerIdentityCommand({}));
      assert.equal(Arn, 'arn:aws:sts::000000000000:assumed-role/ecsTaskExecutionRole/try-it');
      await assert.rejects(client.send(new AssumeRoleCommand({ RoleArn: `${RoleArn}X`, RoleSessionName: 'try-it' })), {
        name: 'AccessDenied',
      });
      client.destroy();
      session.destroy();
    });

    it('with a long-term key may touch what is theirs', async () => {
      const client = secretsClient(sandbox(), LEGACY_CI);
      await client.send(new CreateSecretCommand({ Name: 'legacy/build', SecretString: 'x' }));
      await assert.rejects(client.send(new CreateSecretCommand({ Name: 'other', SecretString: 'x' })), {
        name: 'AccessDeniedException',
      });
      await assert.rejects(client.send(new ListSecretsCommand({})), { name: 'AccessDeniedException' });
      client.destroy();
    });
  });

  describe('requests', () => {
    it('carry a request id back, and are counted', async () => {
      const { headers } = await rawCall(sandbox(), 'secretsmanager.ListSecrets', '{}');
      assert.match(headers.get('x-amzn-requestid') ?? '', /^[0-9a-f-]{36}$/);
      assert.equal(sandbox().trail.records[0]?.requestID, headers.get('x-amzn-requestid'));
      await rawCall(sandbox(), 'secretsmanager.GetSecretValue', '{"SecretId":"nobody"}');
      assert.deepEqual(
        sandbox().calls.map(({ service, operation, outcome }) => [service, operation, outcome]),
        [
          ['secretsmanager', 'ListSecrets', 'ok'],
          ['secretsmanager', 'GetSecretValue', 'ResourceNotFoundException'],
        ],
      );
    });

    it('that make no sense are refused as AWS does', async () => {
      const type = async (target: string | null, body: string) => {
        const { text, status } = await rawCall(sandbox(), target, body);
        return [
          status,
          text.startsWith('{') ? (JSON.parse(text) as { __type: string }).__type : /<Code>(.*)<\/Code>/.exec(text)?.[1],
        ];
      };
      assert.deepEqual(await type('secretsmanager.Explode', '{}'), [400, 'UnknownOperationException']);
      assert.deepEqual(await type('secretsmanager.toString', '{}'), [400, 'UnknownOperationException']);
      assert.deepEqual(await type('nobody.Explode', '{}'), [404, 'UnknownOperationException']);
      assert.deepEqual(await type('secretsmanager.ListSecrets', '{'), [400, 'SerializationException']);
      assert.deepEqual(await type('secretsmanager.ListSecrets', '[]'), [400, 'SerializationException']);
      assert.deepEqual(await type('secretsmanager.GetSecretValue', '{"SecretId":7}'), [400, 'SerializationException']);
      assert.deepEqual(await type('secretsmanager.GetSecretValue', '{}'), [400, 'ValidationException']);
      assert.equal(
        sandbox().trail.records.at(-1)?.eventName,
        'GetSecretValue',
        'what is no operation leaves no record',
      );
      assert.deepEqual(await type(null, 'Action=Explode&Version=2010-05-08'), [400, 'InvalidAction']);
      assert.deepEqual(await type(null, 'Action=GetRole&Version=2010-05-08&RoleName=%3Cx%3E'), [404, 'NoSuchEntity']);
    });

    it('are refused above a megabyte, and under a name that only resolves to loopback', async () => {
      assert.equal(
        (await rawCall(sandbox(), 'secretsmanager.ListSecrets', `{"x":"${'x'.repeat(1_100_000)}"}`)).status,
        413,
      );
      const status = await new Promise<number | undefined>((resolve, reject) => {
        request(sandbox().url, { headers: { host: 'rebound.example.com' } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
      assert.equal(status, 421);
    });

    it('are the same for the same seed', async () => {
      const ids = async (seed: number) => {
        const other = await startSandbox({ seed, clock: manualClock() });
        const { headers } = await rawCall(other, 'secretsmanager.ListSecrets', '{}');
        await other.close();
        return headers.get('x-amzn-requestid');
      };
      assert.equal(await ids(7), await ids(7));
      assert.notEqual(await ids(7), await ids(8));
    });
  });

  describe('faults', () => {
    const put = (client: SecretsManagerClient, ClientRequestToken = '2'.repeat(32)) =>
      client.send(new PutSecretValueCommand({ SecretId: NAME, SecretString: 'two', ClientRequestToken }));
    let client: SecretsManagerClient;

    beforeEach(async () => {
      client = secretsClient(sandbox());
      await client.send(new CreateSecretCommand({ Name: NAME, SecretString: 'one' }));
    });
    afterEach(() => {
      client.destroy();
    });
    const versions = () => sandbox().secrets.vault.find('us-east-1', NAME)?.versions.size;
    const outcomes = () =>
      sandbox()
        .calls.slice(1)
        .map(({ outcome }) => outcome);

    it('an error for the n-th call, recorded in CloudTrail', async () => {
      sandbox().inject({
        operation: 'secretsmanager:PutSecretValue',
        nth: 2,
        fault: { kind: 'error', code: 'EncryptionFailure', message: 'no key' },
      });
      await put(client);
      await assert.rejects(put(client), { name: 'EncryptionFailure', message: 'no key' });
      await put(client);
      assert.deepEqual(outcomes(), ['ok', 'EncryptionFailure', 'ok']);
      assert.equal(sandbox().trail.records.findLast(({ errorCode }) => errorCode)?.errorCode, 'EncryptionFailure');
    });

    it('throttling for every call from now on, of any operation of a service', async () => {
      sandbox().inject({ operation: 'secretsmanager:*', nth: 'every', fault: { kind: 'throttle' } });
      await assert.rejects(put(client), { name: 'ThrottlingException' });
      await assert.rejects(client.send(new ListSecretsCommand({})), { name: 'ThrottlingException' });
      const sts = stsClient(sandbox());
      await sts.send(new GetCallerIdentityCommand({}));
      sandbox().inject({ operation: 'sts:GetCallerIdentity', fault: { kind: 'throttle' } });
      await assert.rejects(sts.send(new GetCallerIdentityCommand({})), { name: 'Throttling' });
      sts.destroy();
    });

    it('a connection that dies before the call took effect', async () => {
      sandbox().inject({ operation: 'secretsmanager:PutSecretValue', fault: { kind: 'reset', when: 'before' } });
      await assert.rejects(put(client), /ECONNRESET|socket hang up/);
      assert.equal(versions(), 1);
      assert.deepEqual(outcomes(), ['reset-before']);
      assert.equal(sandbox().trail.records.at(-1)?.eventName, 'CreateSecret');
    });

    it('a connection that dies after it took effect: the retry finds it done', async () => {
      const patient = new SecretsManagerClient({
        ...sdkConfig(sandbox()),
        maxAttempts: 2,
        retryStrategy: undefined,
      });
      sandbox().inject({ operation: 'secretsmanager:PutSecretValue', fault: { kind: 'reset', when: 'after' } });
      const { VersionId, $metadata } = await put(patient);
      assert.equal($metadata.attempts, 2);
      assert.equal(VersionId, '2'.repeat(32));
      assert.equal(versions(), 2);
      assert.deepEqual(outcomes(), ['reset-after', 'ok']);
      patient.destroy();
    });

    it('no answer at all, until the caller gives up', async () => {
      sandbox().inject({ operation: 'secretsmanager:GetSecretValue', fault: { kind: 'timeout' } });
      const controller = new AbortController();
      const waiting = client.send(new GetSecretValueCommand({ SecretId: NAME }), { abortSignal: controller.signal });
      while (outcomes().length === 0) await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      await assert.rejects(waiting, { name: 'AbortError' });
      assert.deepEqual(outcomes(), ['timeout']);
    });

    it('the same for Jamf and Auth0, by method and path', async () => {
      sandbox().inject({ operation: 'jamf:GET /api/v1/*', nth: 1, fault: { kind: 'throttle' } });
      sandbox().inject({
        operation: 'jamf:GET /api/v1/auth',
        nth: 2,
        fault: { kind: 'error', code: 'BROKEN', message: 'it is', status: 503 },
      });
      sandbox().inject({ operation: 'auth0:*', fault: { kind: 'reset', when: 'before' } });
      const first = await fetch(`${sandbox().jamfUrl}/api/v1/auth`);
      assert.deepEqual([first.status, first.headers.get('retry-after')], [429, '1']);
      const second = await fetch(`${sandbox().jamfUrl}/api/v1/auth`);
      assert.equal(second.status, 503);
      assert.deepEqual(((await second.json()) as { errors: unknown }).errors, [
        { code: 'BROKEN', description: 'it is', id: '0', field: null },
      ]);
      await assert.rejects(fetch(`http://${sandbox().auth0Domain}/oauth/token`), /fetch failed/);
      assert.deepEqual(outcomes(), ['429', '503', 'reset-before']);
    });
  });

  it('leads this process to itself while a test runs', () => {
    assert.equal(process.env.AWS_ENDPOINT_URL, sandbox().url);
    assert.match(sandbox().url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(Object.keys(sandbox().fields).length, 8);
  });
});

describe('sandbox: clock', () => {
  it('runs what is due at its own time, in order, and what is called off not at all', () => {
    const clock = manualClock(0);
    const ran: [string, number][] = [];
    const note = (name: string) => () => ran.push([name, clock.now()]);
    clock.after(30, note('late'));
    clock.after(10, () => {
      note('early')();
      clock.after(5, note('nested'));
    });
    clock.after(20, note('never'))();
    faster(clock, 10).after(120, note('faster'));
    clock.advance(29);
    assert.deepEqual(ran, [
      ['early', 10],
      ['faster', 12],
      ['nested', 15],
    ]);
    clock.advance(1);
    assert.deepEqual(ran.at(-1), ['late', 30]);
    assert.equal(clock.now(), 30);
  });
});
