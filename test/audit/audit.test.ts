import assert from 'node:assert/strict';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { ECSClient, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import { auditSecret, type AuditRequest, type AuditResult } from '../../src/lib/audit/audit.ts';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { READER } from '../../src/lib/sandbox/principals.ts';
import { sdkConfig, secretsClient, withSandbox } from '../support/sandbox.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { record } from '../support/trail.ts';

const NAME = 'jamf-mcp-server/production';

const REQUEST: AuditRequest = {
  secret: NAME,
  store: 'aws',
  since: '30d',
  aws: {},
  ecs: { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' },
  settings: AUDIT_DEFAULTS,
  baseline: null,
  local: { folder: '/nonexistent', user: null, localKey: null },
};

const code = (expected: string, text: RegExp) => (error: unknown) =>
  error instanceof JamfMcpError && error.code === expected && text.test(error.message);

const kinds = ({ accesses }: AuditResult) =>
  Object.fromEntries(
    [...Map.groupBy(accesses, ({ explanation }) => explanation?.kind ?? 'none')].map(([kind, list]) => [
      kind,
      list.length,
    ]),
  );

describe('audit: a secret in an account', () => {
  const sandbox = withSandbox({ history: true });

  const audit = (more: Partial<AuditRequest> = {}) => auditSecret({ ...REQUEST, ...more }, contextIn(sandbox()));

  async function createSecret(client: SecretsManagerClient = secretsClient(sandbox())): Promise<void> {
    await client.send(new CreateSecretCommand({ Name: NAME, SecretString: '{"JAMF_URL":"x"}' }));
  }

  it('explains the reads of a week and leaves the one refused to a stranger, of a secret that does not exist', async () => {
    const result = await audit();
    assert.deepEqual(kinds(result), { 'task-role': 14, none: 1 });
    assert.equal(result.unexplained, 1);
    assert.deepEqual(
      result.findings.map(({ id, severity }) => [id, severity]),
      [
        ['denied-access:arn:aws:iam::000000000000:user/legacy-ci', 'high'],
        ['long-term-key:arn:aws:iam::000000000000:user/legacy-ci', 'medium'],
      ],
    );
    assert.match(result.findings[0]?.why ?? '', /identity-based policy/);
    assert.deepEqual(
      result.principals.map(({ identity, accesses, unexplained, outcomes }) => [
        identity,
        accesses,
        unexplained,
        outcomes,
      ]),
      [
        ['arn:aws:iam::000000000000:user/legacy-ci', 1, 1, { denied: 1 }],
        ['arn:aws:iam::000000000000:role/ecsTaskExecutionRole', 14, 0, { success: 14 }],
      ],
    );
    assert.deepEqual(result.sources, [
      {
        kind: 'lookup-events',
        region: 'us-east-1',
        account: '000000000000',
        events: 15,
        complete: true,
        calls: 1,
        cached: 0,
      },
    ]);
    assert.equal(result.secret?.name, NAME);
    assert.deepEqual(
      result.accesses.map(({ time }) => time),
      result.accesses.map(({ time }) => time).toSorted(),
    );
  });

  it('explains your own calls and the reads of tasks that a deployment starts', async () => {
    await createSecret();
    const ecs = new ECSClient(sdkConfig(sandbox()));
    await ecs.send(
      new UpdateServiceCommand({ cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service', forceNewDeployment: true }),
    );
    ecs.destroy();
    for (let minute = 0; minute < 10; minute += 1) {
      sandbox().clock.advance(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const result = await audit({ since: '11m' });
    const { self, 'task-start': starts, ...rest } = kinds(result);
    assert.equal(self, 1);
    assert.ok((starts ?? 0) >= 2, JSON.stringify(kinds(result)));
    assert.deepEqual(rest, {});
    assert.equal(result.unexplained, 0);
    assert.deepEqual(result.findings, []);
    assert.match(result.secret?.arn ?? '', /:secret:jamf-mcp-server\/production-\w{6}$/);
    assert.ok(result.accesses.every(({ secret }) => secret === result.secret?.arn));
  });

  it('finds a refusal that names the secret in its text only, and a deleted secret by its full ARN', async () => {
    const client = secretsClient(sandbox());
    await createSecret(client);
    await assert.rejects(secretsClient(sandbox(), READER).send(new GetSecretValueCommand({ SecretId: NAME })));
    await client.send(new DeleteSecretCommand({ SecretId: NAME, ForceDeleteWithoutRecovery: true }));
    sandbox().clock.advance(1_000);
    const result = await audit({ since: '5m' });
    assert.deepEqual(
      result.accesses.map(({ action, outcome, explanation }) => [action, outcome, explanation?.kind ?? null]),
      [
        ['CreateSecret', 'success', 'self'],
        ['GetSecretValue', 'denied', null],
        ['DeleteSecret', 'success', 'self'],
      ],
    );
    assert.deepEqual(
      result.findings.map(({ id, severity }) => [id.replace(/:arn.*\//, ' '), severity]),
      [
        ['denied-access reader', 'high'],
        ['deletion AWSReservedSSO_Operator_0123456789abcdef', 'low'],
      ],
    );
    const byArn = await audit({ since: '5m', secret: result.secret?.arn ?? '' });
    assert.equal(byArn.accesses.length, 3);
  });

  it('takes a known principal for explained, by role or by session', async () => {
    const result = await audit({ settings: { ...AUDIT_DEFAULTS, knownPrincipals: ['arn:aws:iam::*:user/legacy-*'] } });
    assert.equal(result.unexplained, 0);
    assert.deepEqual(
      result.findings.map(({ severity }) => severity),
      ['medium', 'medium'],
    );
  });

  it('audits every secret, calls that name none included', async () => {
    await createSecret();
    await secretsClient(sandbox()).send(new CreateSecretCommand({ Name: 'other', SecretString: 'x' }));
    const result = await audit({ secret: null, since: '5m' });
    assert.equal(result.secret, null);
    assert.deepEqual(
      result.accesses.map(({ secretName }) => secretName),
      [NAME, 'other'],
    );
  });

  it('keeps apart what has a like name, and tells what names no secret', async () => {
    const now = new Date(sandbox().clock.now() - 60_000).toISOString();
    const plant = (members: Record<string, unknown>) => {
      sandbox().trail.plant(
        record({
          eventTime: now,
          recipientAccountId: '000000000000',
          userIdentity: { accountId: '000000000000' },
          ...members,
        }) as never,
      );
    };
    plant({ requestParameters: { secretId: `${NAME}-2` } });
    plant({ requestParameters: { secretId: `arn:aws:secretsmanager:us-east-1:999999999999:secret:${NAME}-AbCdEf` } });
    plant({ requestParameters: null });
    plant({ eventName: 'ListSecrets', requestParameters: null });
    plant({ eventName: 'BatchGetSecretValue', requestParameters: { filters: [] } });
    const result = await audit({ since: '5m' });
    assert.deepEqual(
      result.accesses.map(({ action, secret }) => [action, secret]),
      [['BatchGetSecretValue', null]],
    );
    assert.match(result.skipped.at(-1)?.why ?? '', /name no secret.*: 1 GetSecretValue$/);
  });

  it('tells a record that cannot be read, and goes on', async () => {
    sandbox().trail.plant({
      ...record({ eventTime: new Date(sandbox().clock.now() - 1_000).toISOString(), eventID: 'broken' }),
      toJSON: () => undefined,
    } as never);
    const result = await audit();
    assert.equal(result.accesses.length, 15);
    assert.deepEqual(
      result.skipped.filter(({ where }) => where.includes('broken')),
      [{ where: 'event broken in us-east-1', why: 'its CloudTrailEvent is not JSON' }],
    );
  });

  it('does without ECS, and says what it cannot match then', async () => {
    sandbox().inject({
      operation: 'ecs:*',
      nth: 'every',
      fault: {
        kind: 'error',
        code: 'AccessDeniedException',
        message: 'User: x is not authorized to perform: ecs:ListTasks',
      },
    });
    const result = await audit();
    assert.equal(result.accesses.length, 15);
    assert.equal(result.unexplained, 15);
    const [note] = result.skipped;
    assert.equal(note?.where, 'ECS service jamf-mcp-cluster/jamf-mcp-service');
    assert.match(note.why, /^reads at task starts cannot be matched: .*ecs:ListTasks/);
  });

  it('looks where the ARN says', async () => {
    const result = await audit({ secret: `arn:aws:secretsmanager:eu-west-1:999999999999:secret:${NAME}-AbCdEf` });
    assert.equal(result.sources[0]?.region, 'eu-west-1');
    assert.match(result.skipped[0]?.why ?? '', /only accesses from 000000000000 are recorded here/);
  });

  it('refuses a store that it has no records of, a window out of reach and what is no secret before any call', async () => {
    await assert.rejects(audit({ store: 'vault' }), code('USAGE', /neither sees the vault store/));
    await assert.rejects(audit({ since: '91d' }), code('INPUT_INVALID', /keeps 90 days/));
    await assert.rejects(audit({ since: 'x' }), code('INPUT_INVALID', /--since/));
    await assert.rejects(
      audit({ secret: 'arn:aws:s3:::bucket' }),
      code('INPUT_INVALID', /not the name or ARN of a secret/),
    );
    assert.deepEqual(sandbox().calls, []);
  });
});
