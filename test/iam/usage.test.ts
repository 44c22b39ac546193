import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { loadCatalogue, type Catalogue } from '../../src/lib/iam/catalogue.ts';
import type { LiveRole } from '../../src/lib/iam/live/role.ts';
import { callOf } from '../../src/lib/iam/usage/call.ts';
import { generateFromAudit } from '../../src/lib/iam/usage/evidence.ts';
import { usageOf } from '../../src/lib/iam/usage/tally.ts';
import { unusedRights } from '../../src/lib/iam/usage/unused.ts';
import { testContext } from '../support/context.ts';

const ACCOUNT = '111122223333';
const ROLE = { name: 'app', account: ACCOUNT };
const SECRET = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:db/pw-AbCdEf`;
const KEY = `arn:aws:kms:us-east-1:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

let events = 0;
/** A record of the role, as CloudTrail writes it. */
const record = (source: string, name: string, more: Record<string, unknown> = {}, role = 'app', account = ACCOUNT) => ({
  eventID: `event-${String((events += 1))}`,
  eventTime: '2026-11-20T10:00:00Z',
  eventSource: `${source}.amazonaws.com`,
  eventName: name,
  awsRegion: 'us-east-1',
  recipientAccountId: ACCOUNT,
  userIdentity: {
    type: 'AssumedRole',
    arn: `arn:aws:sts::${account}:assumed-role/${role}/task-1`,
    accountId: account,
    sessionContext: { sessionIssuer: { type: 'Role', arn: `arn:aws:iam::${account}:role/service/${role}` } },
  },
  ...more,
});

const read = (more: Record<string, unknown> = {}) =>
  record('secretsmanager', 'GetSecretValue', {
    requestParameters: { secretId: SECRET, versionStage: 'AWSCURRENT' },
    ...more,
  });

const decrypt = record('kms', 'Decrypt', {
  requestParameters: { encryptionContext: { SecretARN: SECRET, SecretVersionId: 'v' } },
  resources: [{ accountId: ACCOUNT, type: 'AWS::KMS::Key', ARN: KEY }],
});
decrypt.userIdentity = { ...decrypt.userIdentity, ...{ invokedBy: 'secretsmanager.amazonaws.com' } };

describe('what a role has used', () => {
  let catalogue: Catalogue;
  before(async () => {
    catalogue = await loadCatalogue();
  });
  const usesOf = (one: unknown) => callOf(one, ROLE, catalogue)?.uses;

  it('is a call of a session of that role, in that account', () => {
    assert.equal(callOf(read(), ROLE, catalogue)?.action, 'secretsmanager:GetSecretValue');
    assert.equal(callOf(record('kms', 'Decrypt', {}, 'app2'), ROLE, catalogue), null);
    assert.equal(callOf(record('kms', 'Decrypt', {}, 'app', '999988887777'), ROLE, catalogue), null);
    const user = { ...read(), userIdentity: { type: 'IAMUser', arn: `arn:aws:iam::${ACCOUNT}:user/app` } };
    assert.equal(callOf(user, ROLE, catalogue), null);
  });

  it('is bound to the secret and the stage that were asked for, not to a version', () => {
    const stage = { 'secretsmanager:VersionStage': 'AWSCURRENT' };
    assert.deepEqual(usesOf(read()), [{ action: 'secretsmanager:GetSecretValue', resource: SECRET, context: stage }]);
    const parameters = { secretId: SECRET, versionStage: 'AWSCURRENT', versionId: 'v' };
    assert.deepEqual(usesOf(read({ requestParameters: parameters }))?.[0]?.context, {});
    const [named] = usesOf(read({ requestParameters: { secretId: 'db/pw' } })) ?? [];
    assert.equal(named?.resource, `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:db/pw-??????`);
  });

  it('is bound to the key, the service it was called by, and the secret', () => {
    assert.deepEqual(usesOf(decrypt), [
      {
        action: 'kms:Decrypt',
        resource: KEY,
        context: {
          'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
          'kms:EncryptionContext:SecretARN': SECRET,
        },
      },
    ]);
  });

  it('takes resources from what the caller passed', () => {
    const table = record('dynamodb', 'UpdateTable', { requestParameters: { tableName: 'mcp' } });
    assert.equal(usesOf(table)?.[0]?.resource, `arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/mcp`);
    const service = record('ecs', 'UpdateService', { requestParameters: { cluster: 'c', service: 's' } });
    assert.equal(usesOf(service)?.[0]?.resource, `arn:aws:ecs:us-east-1:${ACCOUNT}:service/c/s`);
    const by = record('ecs', 'UpdateService', {
      requestParameters: { cluster: `arn:aws:ecs:us-east-1:${ACCOUNT}:cluster/c`, service: 's' },
    });
    assert.equal(usesOf(by)?.[0]?.resource, `arn:aws:ecs:us-east-1:${ACCOUNT}:service/c/s`);
    const bucket = record('s3', 'ListObjectsV2', { requestParameters: { bucketName: 'logs' } });
    assert.deepEqual(usesOf(bucket)?.[0], { action: 's3:ListBucket', resource: 'arn:aws:s3:::logs', context: {} });
  });

  it('is none where the name that was asked for is one that no secret can have', () => {
    for (const secretId of ['x*', '*', 'app/*', 'a?b', '${aws:username}', 'a b']) {
      const refused = { requestParameters: { secretId }, errorCode: 'ValidationException' };
      assert.deepEqual(usesOf(read(refused)), [], secretId);
      assert.deepEqual(usesOf(read({ requestParameters: { secretId } })), [], secretId);
    }
    assert.equal(usesOf(read({ requestParameters: { secretId: 'app/one' } }))?.length, 1);
  });

  it('is told by a pattern where the record does not name the resource, and the pattern stays in the account', () => {
    const call = callOf(record('sqs', 'GetQueueAttributes'), ROLE, catalogue);
    assert.deepEqual(
      call?.uses.map(({ resource }) => resource),
      [`arn:aws:sqs:us-east-1:${ACCOUNT}:*`],
    );
    assert.equal(call.broad, true);
    const none = callOf(record('secretsmanager', 'ListSecrets'), ROLE, catalogue);
    assert.deepEqual([none?.uses[0]?.resource, none?.broad], ['*', false]);
  });

  it('knows events by other names than the action has, calls without a right, and what it does not know', () => {
    const named = (source: string, name: string) => callOf(record(source, name), ROLE, catalogue);
    assert.equal(named('lambda', 'GetFunction20150331v2')?.action, 'lambda:GetFunction');
    assert.equal(named('monitoring', 'PutMetricAlarm')?.action, 'cloudwatch:PutMetricAlarm');
    assert.deepEqual([named('sts', 'GetCallerIdentity')?.uses, named('sts', 'GetCallerIdentity')?.known], [[], true]);
    assert.deepEqual([named('nothing', 'Nothing')?.uses, named('nothing', 'Nothing')?.known], [[], false]);
  });

  it('is counted once a record, and not where it was refused', () => {
    const tally = usageOf(ROLE, catalogue);
    const twice = read();
    for (const one of [twice, twice, read(), read({ eventTime: '2026-11-21T00:00:00Z' })]) tally.see(one);
    tally.see(read({ errorCode: 'AccessDenied', errorMessage: 'no', requestParameters: null }));
    tally.see(read({ errorCode: 'ResourceNotFoundException' }));
    const { needs, calls, denied } = tally.end();
    assert.equal(calls, 4);
    assert.deepEqual(denied, { 'secretsmanager:GetSecretValue': 1 });
    assert.deepEqual(
      needs.map(({ resource, why }) => [resource, why]),
      [[SECRET, 'used 4 times, last on 2026-11-21']],
    );
  });

  it('is told in common where it was very many things, and never of another account', () => {
    const tally = usageOf(ROLE, catalogue);
    for (let index = 0; index < 60; index += 1) {
      const ARN = `arn:aws:s3:::logs/2026/${String(index)}`;
      tally.see(record('s3', 'GetObject', { resources: [{ ARN }], requestParameters: { bucketName: 'logs' } }));
    }
    const { needs, broad } = tally.end();
    assert.deepEqual(
      needs.map(({ resource }) => resource),
      ['arn:aws:s3:::logs/2026/*'],
    );
    assert.deepEqual(broad, ['s3:GetObject']);
  });

  it('is told one by one where the things have no more in common than a service', () => {
    const tally = usageOf(ROLE, catalogue);
    for (let index = 0; index < 60; index += 1) {
      const queue = `arn:aws:sqs:us-east-1:${String(100_000_000_000 + index * 1_234_567)}:queue`;
      tally.see(record('sqs', 'GetQueueAttributes', { resources: [{ ARN: queue }] }));
    }
    assert.equal(tally.end().needs.length, 60);
  });

  it('needs the right to read each secret where several are read in one go', () => {
    const batch = record('secretsmanager', 'BatchGetSecretValue', { requestParameters: { secretIdList: [SECRET] } });
    assert.deepEqual(usesOf(batch), [
      { action: 'secretsmanager:BatchGetSecretValue', resource: '*', context: {} },
      { action: 'secretsmanager:GetSecretValue', resource: SECRET, context: {} },
    ]);
  });

  it('never fails on what is no record', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        callOf(anything, ROLE, catalogue);
        callOf({ ...read(), requestParameters: anything, resources: anything }, ROLE, catalogue);
      }),
    );
  });

  it('leaves rights of the role that nothing used', async () => {
    const document = {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: ['secretsmanager:Get*', 'secretsmanager:PutSecretValue'], Resource: SECRET },
        { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: `${SECRET}x` },
        { Effect: 'Allow', Action: ['iam:PassRole', 'logs:PutLogEvents'], Resource: '*' },
        { Effect: 'Deny', Action: 'kms:*', Resource: '*' },
      ],
    };
    const source = { name: 'aws/role.json', text: JSON.stringify(document) };
    const live: LiveRole = {
      name: 'app',
      arn: `arn:aws:iam::${ACCOUNT}:role/app`,
      account: ACCOUNT,
      policies: [{ source, kind: 'inline', name: 'own' }],
      lastUsed: null,
      createdAt: null,
    };
    const tally = usageOf(ROLE, catalogue);
    tally.see(read());
    const unused = await unusedRights(live, tally.end().needs);
    assert.deepEqual(
      unused.map(({ path, action, visible }) => [path, action, visible]),
      [
        ['Statement[0].Action[1]', 'secretsmanager:PutSecretValue', true],
        ['Statement[1].Action', 'secretsmanager:GetSecretValue', true],
        ['Statement[2].Action[0]', 'iam:PassRole', false],
        ['Statement[2].Action[1]', 'logs:PutLogEvents', false],
      ],
    );
  });

  describe('from the files of a trail', () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'iam-usage-'));
      const Records = [
        ...Array.from({ length: 3 }, () => read()),
        decrypt,
        record('secretsmanager', 'GetSecretValue', { requestParameters: { secretId: 'other' } }, 'other'),
        read({ eventTime: '2026-01-01T00:00:00Z', requestParameters: { secretId: 'old' } }),
        record('secretsmanager', 'DeleteSecret', {
          errorCode: 'AccessDenied',
          requestParameters: { secretId: SECRET },
        }),
      ];
      await writeFile(join(folder, 'trail.json'), JSON.stringify({ Records }));
    });
    after(() => rm(folder, { recursive: true }));
    const wish = (more = {}) => ({
      role: 'app',
      since: '90d',
      paths: [folder],
      account: ACCOUNT,
      aws: { region: 'us-east-1' },
      ...more,
    });

    it('makes the policy that allows exactly what was used', async () => {
      const { policy, evidence, remarks, findings, proof } = await generateFromAudit(wish(), testContext());
      assert.deepEqual(policy.Statement, [
        {
          Sid: 'GetSecretValue',
          Effect: 'Allow',
          Action: 'secretsmanager:GetSecretValue',
          Resource: SECRET,
          Condition: { StringEquals: { 'secretsmanager:VersionStage': 'AWSCURRENT' } },
        },
        {
          Sid: 'Decrypt',
          Effect: 'Allow',
          Action: 'kms:Decrypt',
          Resource: KEY,
          Condition: {
            StringEquals: {
              'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
              'kms:EncryptionContext:SecretARN': SECRET,
            },
          },
        },
      ]);
      assert.deepEqual(findings, []);
      assert.equal(proof.allowed, 2);
      assert.deepEqual(
        [evidence?.records, evidence?.calls, evidence?.denied, evidence?.unused],
        [7, 4, { 'secretsmanager:DeleteSecret': 1 }, null],
      );
      assert.ok(remarks.some((text) => text.includes('iam:PassRole is in no record')));
      assert.ok(remarks.some((text) => text.includes('secretsmanager:DeleteSecret')));
    });

    it('says so where the role is not among them, and where nobody may be asked', async () => {
      const is = (code: string) => (error: unknown) => error instanceof JamfMcpError && error.code === code;
      await assert.rejects(generateFromAudit(wish({ role: 'nobody' }), testContext()), is('NOT_FOUND'));
      await assert.rejects(generateFromAudit(wish({ since: 'ever' }), testContext()), (error) => {
        assert.ok(error instanceof JamfMcpError && error.message.includes('--from-audit'));
        return true;
      });
      await assert.rejects(generateFromAudit(wish({ paths: [] }), testContext()), is('USAGE'));
    });
  });
});
