import assert from 'node:assert/strict';
import fc from 'fast-check';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { loadCatalogue, type Catalogue } from '../../src/lib/iam/catalogue.ts';
import { evaluate, type Request } from '../../src/lib/iam/evaluate.ts';
import { generate, withPolicy, type GenerateWish } from '../../src/lib/iam/generate/generate.ts';
import { policyOf, type PolicyDocument } from '../../src/lib/iam/generate/policy.ts';
import { PURPOSES, type Purpose } from '../../src/lib/iam/generate/presets.ts';
import { policyFrom, prove } from '../../src/lib/iam/generate/prove.ts';
import { secretPattern } from '../../src/lib/iam/generate/scope.ts';
import { policyFor } from '../../src/lib/rotation/schedule/role.ts';
import { testContext } from '../support/context.ts';

const ACCOUNT = '111122223333';
const REGION = 'us-east-1';
const SECRETS = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:`;
const SECRET = `${SECRETS}jamf-mcp-server/production-AbCdEf`;
const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

const wish = (purpose: Purpose, more: Partial<GenerateWish> = {}): GenerateWish => ({
  purpose,
  trust: false,
  taskDefinition: null,
  account: ACCOUNT,
  aws: { region: REGION },
  secrets: ['jamf-mcp-server/production'],
  rotator: null,
  kmsKey: KEY,
  cluster: 'jamf-mcp-cluster',
  service: 'jamf-mcp-service',
  logGroup: '/ecs/jamf-mcp',
  repositories: ['jamf-mcp'],
  tables: [],
  buckets: [],
  ...more,
});

const make = (purpose: Purpose, more: Partial<GenerateWish> = {}) => generate(wish(purpose, more), testContext());
const documentOf = async (purpose: Purpose, more: Partial<GenerateWish> = {}) =>
  (await make(purpose, more)).policy as PolicyDocument;

/** Whether a policy by itself allows something. */
function allows(document: PolicyDocument, action: string, resource: string, context: Request['context'] = {}): boolean {
  const policy = policyFrom(document);
  assert.ok(policy);
  const caller = { arn: `arn:aws:iam::${ACCOUNT}:role/any`, account: ACCOUNT };
  return evaluate({ caller, action, resource, context }, { identity: [policy] }).verdict === 'allow';
}

const throughSecretsManager = (secret = SECRET) => ({
  'kms:ViaService': `secretsmanager.${REGION}.amazonaws.com`,
  'kms:EncryptionContext:SecretARN': secret,
});

describe('iam generate', () => {
  for (const purpose of PURPOSES) {
    it(`makes a policy for ${purpose} that validates, allows what is needed and nothing near to it`, async () => {
      const { findings, proof, rights } = await make(purpose, { tables: ['t-*'], buckets: ['b-*'] });
      assert.deepEqual(findings, []);
      assert.equal(proof.allowed, rights.length);
      assert.ok(proof.denied > 10 * rights.length, String(proof.denied));
    });
  }

  it('lets the execution role read the one secret and decrypt it, and nothing else (rows 28, 29, 170-173)', async () => {
    const document = await documentOf('execution-role');
    const can = (action: string, resource: string, context = {}) => allows(document, action, resource, context);
    assert.ok(can('secretsmanager:GetSecretValue', SECRET));
    assert.ok(can('kms:Decrypt', KEY, throughSecretsManager()));
    assert.ok(can('ecr:GetAuthorizationToken', '*'));
    assert.ok(can('ecr:BatchGetImage', `arn:aws:ecr:${REGION}:${ACCOUNT}:repository/jamf-mcp`));
    const stream = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/ecs/jamf-mcp:log-stream:ecs/app/1`;
    assert.ok(can('logs:PutLogEvents', stream));

    assert.ok(!can('secretsmanager:GetSecretValue', `${SECRETS}jamf-mcp-server/production-eu-AbCdEf`));
    assert.ok(!can('secretsmanager:GetSecretValue', `${SECRETS}jamf-mcp-server/staging-AbCdEf`));
    assert.ok(!can('secretsmanager:GetSecretValue', SECRET.replace(REGION, 'eu-west-1')));
    assert.ok(!can('secretsmanager:PutSecretValue', SECRET));
    assert.ok(!can('kms:Decrypt', KEY));
    assert.ok(!can('kms:Decrypt', KEY, throughSecretsManager(`${SECRETS}other-AbCdEf`)));
    assert.ok(!can('kms:Decrypt', KEY, { ...throughSecretsManager(), 'kms:ViaService': 's3.us-east-1.amazonaws.com' }));
    assert.ok(!can('kms:Decrypt', KEY.replace('1234abcd', '5678abcd'), throughSecretsManager()));
    assert.ok(!can('kms:GenerateDataKey', KEY, throughSecretsManager()));
    assert.ok(!can('logs:PutLogEvents', stream.replace('jamf-mcp', 'jamf-mcp2')));
    assert.ok(!can('ecr:BatchGetImage', `arn:aws:ecr:${REGION}:${ACCOUNT}:repository/other`));
  });

  it('lets the task role work on named tables and buckets, and read the current value alone (rows 165-169)', async () => {
    const document = await documentOf('task-role', {
      secrets: ['mcp-prompts/secrets'],
      tables: ['mcp-prompts', 'mcp-sessions', 'mcp-users'],
      buckets: ['mcp-prompts-catalog-*', 'mcp-user-prompts-*'],
    });
    const can = (action: string, resource: string, context = {}) => allows(document, action, resource, context);
    const table = (name: string) => `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${name}`;
    for (const name of ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query', 'Scan']) {
      assert.ok(can(`dynamodb:${name}`, table('mcp-users')), name);
      assert.ok(!can(`dynamodb:${name}`, table('mcp-users2')), name);
    }
    assert.ok(!can('dynamodb:DeleteTable', table('mcp-users')));
    const own = { 's3:ResourceAccount': ACCOUNT };
    assert.ok(can('s3:ListBucket', 'arn:aws:s3:::mcp-prompts-catalog-eu', own));
    for (const name of ['GetObject', 'PutObject', 'DeleteObject']) {
      assert.ok(can(`s3:${name}`, 'arn:aws:s3:::mcp-user-prompts-eu/a/b', own), name);
      // A bucket of somebody else whose name begins so.
      assert.ok(!can(`s3:${name}`, 'arn:aws:s3:::mcp-user-prompts-x/a', { 's3:ResourceAccount': '999988887777' }));
      assert.ok(!can(`s3:${name}`, 'arn:aws:s3:::mcp-user/a', own));
    }
    const read = (name: string, stage: string) =>
      can('secretsmanager:GetSecretValue', `${SECRETS}${name}-AbCdEf`, { 'secretsmanager:VersionStage': stage });
    assert.ok(read('mcp-prompts/secrets', 'AWSCURRENT'));
    assert.ok(!read('mcp-prompts/secrets', 'AWSPREVIOUS'));
    assert.ok(!read('mcp-prompts/secrets2', 'AWSCURRENT'));
  });

  it('lets a reader read all below a slash and list names (rows 411, 412)', async () => {
    const { Statement } = await documentOf('reader', { secrets: ['nba-mcp/*'], kmsKey: null });
    assert.deepEqual(Statement, [
      {
        Sid: 'ReadSecretsmanager',
        Effect: 'Allow',
        Action: ['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue'],
        Resource: `${SECRETS}nba-mcp/*`,
      },
      { Sid: 'ListSecrets', Effect: 'Allow', Action: 'secretsmanager:ListSecrets', Resource: '*' },
    ]);
  });

  it('makes for rotation what rotate schedule installs', async () => {
    const rotator = 'jamf/rotator';
    const generated = await documentOf('rotation', { rotator });
    const installed = policyFor({
      secret: { arn: `${SECRETS}jamf-mcp-server/production-??????`, kmsKeyId: KEY },
      rotator: { arn: `${SECRETS}${rotator}-??????`, kmsKeyId: KEY },
      service: `arn:aws:ecs:${REGION}:${ACCOUNT}:service/jamf-mcp-cluster/jamf-mcp-service`,
      logGroup: `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/jamf-mcp-rotation-jamf-mcp-server-production-17d4e8`,
      queue: `arn:aws:sqs:${REGION}:${ACCOUNT}:jamf-mcp-rotation-jamf-mcp-server-production-17d4e8-failed`,
    });
    const rights = (document: { Statement: { Action: string | string[]; Resource: string | string[] }[] }) =>
      document.Statement.flatMap(({ Action, Resource }) =>
        [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} ${resource}`)),
      );
    assert.deepEqual(new Set(rights(generated)), new Set(rights(installed)));
    assert.ok(!allows(generated, 'secretsmanager:PutSecretValue', `${SECRETS}${rotator}-AbCdEf`));
  });

  it('names a key that is known by an alias by a condition', async () => {
    const document = await documentOf('task-role', { kmsKey: 'alias/jamf' });
    const key = (aliases: string[]) =>
      allows(document, 'kms:Decrypt', KEY, { ...throughSecretsManager(), 'kms:ResourceAliases': aliases });
    assert.ok(key(['alias/jamf', 'alias/more']));
    assert.ok(!key(['alias/jamf2']));
    assert.ok(!key([]));
    assert.ok(!JSON.stringify(await documentOf('task-role', { kmsKey: 'alias/aws/secretsmanager' })).includes('kms:'));
  });

  it('lets an operator work on its secret, cluster and service alone, and grant nothing', async () => {
    const document = await documentOf('operator');
    const can = (action: string, resource: string, context = {}) => allows(document, action, resource, context);
    const service = (path: string) => `arn:aws:ecs:${REGION}:${ACCOUNT}:service/${path}`;
    const cluster = { 'ecs:cluster': `arn:aws:ecs:${REGION}:${ACCOUNT}:cluster/jamf-mcp-cluster` };
    assert.ok(can('secretsmanager:UpdateSecretVersionStage', SECRET));
    assert.ok(can('ecs:UpdateService', service('jamf-mcp-cluster/jamf-mcp-service')));
    assert.ok(can('ecs:ListTasks', '*', cluster));
    assert.ok(!can('ecs:ListTasks', '*', { 'ecs:cluster': `${cluster['ecs:cluster']}2` }));
    assert.ok(!can('ecs:UpdateService', service('jamf-mcp-cluster/other')));
    assert.ok(!can('secretsmanager:DeleteSecret', `${SECRETS}other-AbCdEf`));
    for (const action of ['secretsmanager:PutResourcePolicy', 'iam:PassRole', 'ecs:RunTask', 'sts:AssumeRole']) {
      assert.ok(!can(action, '*'), action);
    }
  });

  it('lets an auditor read no value and change nothing', async () => {
    const catalogue = await loadCatalogue();
    const { Statement } = await documentOf('auditor');
    for (const action of Statement.flatMap(({ Action }) => Action)) {
      const [known] = catalogue.actions(action);
      assert.match(known?.level ?? '', /^(Read|List)$/, action);
      assert.doesNotMatch(action, /GetSecretValue|Decrypt/);
    }
  });

  it('lets ECS for this account alone take on the roles of a task', async () => {
    const { policy, type, findings, proof } = await make('execution-role', { trust: true });
    assert.equal(type, 'trust');
    assert.deepEqual(findings, []);
    assert.deepEqual(policy.Statement, [
      {
        Sid: 'AssumeRole',
        Effect: 'Allow',
        Principal: { Service: 'ecs-tasks.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: {
          StringEquals: { 'aws:SourceAccount': ACCOUNT },
          ArnLike: { 'aws:SourceArn': `arn:aws:ecs:${REGION}:${ACCOUNT}:*` },
        },
      },
    ]);
    assert.deepEqual(proof, { allowed: 1, denied: 6 });
    await assert.rejects(make('operator', { trust: true }), refused('INPUT_INVALID'));
  });

  it('writes ARNs of the partition of the Region', async () => {
    const text = JSON.stringify(await documentOf('operator', { aws: { region: 'cn-north-1' }, kmsKey: 'abcd' }));
    assert.ok(
      text.includes('arn:aws-cn:ecs:cn-north-1:') && text.includes('secretsmanager.cn-north-1.amazonaws.com.cn'),
    );
    assert.ok(!text.includes('arn:aws:'));
  });

  it('refuses names that take in other secrets, accounts that are none, and an account without a Region', async () => {
    assert.throws(
      () => secretPattern('app*', { partition: 'aws', region: REGION, account: ACCOUNT }),
      refused('INPUT_INVALID'),
    );
    for (const more of [
      { tables: ['*'] },
      { buckets: ['a"b'] },
      { secrets: ['${aws:username}'] },
      { kmsKey: '*' },
      { cluster: 'a*' },
      { logGroup: 'a\nb' },
    ]) {
      await assert.rejects(make('operator', more), refused('INPUT_INVALID'), JSON.stringify(more));
    }
    await assert.rejects(make('reader', { account: '1234' }), refused('INPUT_INVALID'));
    await assert.rejects(make('reader', { aws: {} }), refused('INPUT_MISSING'));
  });

  describe('the proof', () => {
    let catalogue: Catalogue;
    before(async () => {
      catalogue = await loadCatalogue();
    });
    const need = {
      action: 'secretsmanager:GetSecretValue',
      resource: `${SECRETS}app-??????`,
      context: { 'secretsmanager:VersionStage': 'AWSCURRENT' },
      why: 'the test',
      without: null,
    };
    const variants: [string, (document: PolicyDocument) => void][] = [
      ['another secret', ({ Statement: [one] }) => one && (one.Resource = `${SECRETS}app-*`)],
      [
        'another account',
        ({ Statement: [one] }) => one && (one.Resource = `${SECRETS.replace(ACCOUNT, '*')}app-??????`),
      ],
      ['another Region', ({ Statement: [one] }) => one && (one.Resource = `${SECRETS.replace(REGION, '*')}app-??????`)],
      [
        'another action',
        ({ Statement: [one] }) => one && (one.Action = [need.action, 'secretsmanager:PutSecretValue']),
      ],
      [
        'another stage',
        ({ Statement: [one] }) => one && (one.Condition = { StringLike: { 'secretsmanager:VersionStage': 'AWS*' } }),
      ],
      ['no stage', ({ Statement: [one] }) => one && (one.Condition = {})],
      [
        'no stage but another',
        ({ Statement: [one] }) =>
          one && (one.Condition = { StringEqualsIfExists: { 'secretsmanager:VersionStage': 'AWSCURRENT' } }),
      ],
    ];
    for (const [what, widen] of variants) {
      it(`notices ${what}`, () => {
        const document = policyOf([need], catalogue);
        assert.deepEqual(prove(document, [need], ACCOUNT, catalogue).passed, []);
        widen(document);
        const { passed, refused: lost } = prove(document, [need], ACCOUNT, catalogue);
        assert.deepEqual(lost, []);
        assert.ok(passed.length > 0, 'the wider policy passed for the narrow one');
      });
    }

    it('holds for the policy of any needs', () => {
      const secret = fc
        .constantFrom('a-??????', 'a-AbCdEf', 'ab-??????', 'a/*', 'a/b-??????')
        .map((name) => SECRETS + name);
      const stage = fc.constantFrom<Record<string, string>[]>(
        {},
        { 'secretsmanager:VersionStage': 'AWSCURRENT' },
        { 'secretsmanager:VersionStage': 'AWSPREVIOUS' },
        { 'secretsmanager:VersionStage': 'AWSCURRENT', 'aws:ResourceTag/team': 'x' },
      );
      const one = fc.record({
        action: fc.constantFrom(
          ...['GetSecretValue', 'DescribeSecret', 'ListSecrets', 'UpdateSecretVersionStage'].map(
            (name) => `secretsmanager:${name}`,
          ),
        ),
        resource: secret,
        context: stage,
        why: fc.constant('the test'),
        without: fc.constant(null),
      });
      fc.assert(
        fc.property(fc.array(one, { minLength: 1, maxLength: 6 }), (needs) => {
          const { refused: lost, passed } = prove(policyOf(needs, catalogue), needs, ACCOUNT, catalogue);
          assert.deepEqual([lost, passed], [[], []]);
        }),
        { numRuns: 300 },
      );
    });

    it('notices a need that is not allowed', () => {
      const document = policyOf([{ ...need, resource: `${SECRETS}other-??????` }], catalogue);
      assert.deepEqual(prove(document, [need], ACCOUNT, catalogue).refused, [need]);
    });

    it('has no policy where nothing is needed', async () => {
      const empty = withPolicy(
        { title: 'nobody', needs: [], remarks: [] },
        { account: ACCOUNT, region: REGION },
        catalogue,
      );
      await assert.rejects(empty, refused('NOT_FOUND'));
    });
  });
});

const refused = (code: string) => (error: unknown) => error instanceof JamfMcpError && error.code === code;
