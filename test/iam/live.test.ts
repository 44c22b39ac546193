import assert from 'node:assert/strict';
import { ECSClient, RegisterTaskDefinitionCommand, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { CreateSecretCommand, DeleteSecretCommand, PutResourcePolicyCommand } from '@aws-sdk/client-secrets-manager';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { layersOf } from '../../src/lib/iam/join.ts';
import { readRole, readRoles, readAccount, readSecretPolicy, readTaskDefinition } from '../../src/lib/iam/live/read.ts';
import { ofTheService } from '../../src/lib/iam/live/select.ts';
import { validateLive, type Selection } from '../../src/lib/iam/live/validate.ts';
import { LEGACY_CI, READER } from '../../src/lib/sandbox/principals.ts';
import { testContext } from '../support/context.ts';
import { sdkConfig, secretsClient, withSandbox } from '../support/sandbox.ts';

const SECRET = 'jamf-mcp-server/production';
const ROLE = 'ecsTaskExecutionRole';
const DAY_MS = 86_400_000;
const NOTHING: Selection = { roles: [], taskDefinitions: [], secrets: [], all: false };

describe('live validation', () => {
  const sandbox = withSandbox();
  const context = () => testContext({ start: sandbox().clock.now() });
  const iam = () => new IAMClient(sdkConfig(sandbox()));
  const ecs = () => new ECSClient(sdkConfig(sandbox()));
  const put = (Statement: unknown, PolicyName = 'SecretsAccess', RoleName = ROLE) =>
    iam().send(
      new PutRolePolicyCommand({
        RoleName,
        PolicyName,
        PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement }),
      }),
    );
  const createSecret = () =>
    secretsClient(sandbox()).send(new CreateSecretCommand({ Name: SECRET, SecretString: fields() }));
  const fields = () => JSON.stringify(sandbox().fields);
  const validated = async (selection: Partial<Selection>) =>
    (await validateLive({ ...NOTHING, ...selection }, {}, await loadCatalogue(), context())).result;
  /** What is refused from now on, as to the caller's own rights. */
  const as = ({ accessKeyId, secretAccessKey, sessionToken }: typeof READER) => {
    process.env.AWS_ACCESS_KEY_ID = accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey;
    if (sessionToken === undefined) Reflect.deleteProperty(process.env, 'AWS_SESSION_TOKEN');
    else process.env.AWS_SESSION_TOKEN = sessionToken;
  };
  const policyText = (Statement: unknown) => JSON.stringify({ Version: '2012-10-17', Statement });

  describe('reading', () => {
    it('a role with all of its policies, each under an address of its own, in lines', async () => {
      const { PolicyArn } = await madePolicy('Extra');
      await iam().send(new AttachRolePolicyCommand({ RoleName: ROLE, PolicyArn }));
      const role = await readRole(`arn:aws:iam::000000000000:role/${ROLE}`, {}, context());
      assert.deepEqual(
        role.policies.map(({ kind, name, source }) => [kind, name, source.name]),
        [
          ['trust', 'trust', `aws/000000000000/iam/role/${ROLE}/trust.json`],
          ['inline', 'SecretsAccess', `aws/000000000000/iam/role/${ROLE}/SecretsAccess.json`],
          [
            'managed',
            'arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy',
            'aws/aws/iam/policy/AmazonECSTaskExecutionRolePolicy.json',
          ],
          ['managed', PolicyArn, 'aws/000000000000/iam/policy/Extra.json'],
        ],
      );
      assert.ok(role.policies.every(({ source }) => source.text.split('\n').length > 5));
      assert.equal(role.account, '000000000000');
      assert.equal(role.lastUsed, new Date(sandbox().clock.now()).toISOString());
      const { identity, boundary } = await layersOf(role);
      assert.deepEqual([identity.length, boundary], [3, undefined]);
    });

    it('the account in pages agrees with each role by itself', async () => {
      for (let index = 0; index < 110; index += 1) await madeRole(`made-${String(index)}`);
      const { PolicyArn } = await madePolicy('Limit');
      const limited = sandbox().roles.find(({ name }) => name === 'made-7');
      Object.assign(limited ?? {}, { boundary: PolicyArn });
      await put({ Effect: 'Allow', Action: '*', Resource: '*' }, 'All', 'made-7');
      const roles = await readRoles({}, context());
      assert.equal(roles.length, 114);
      assert.equal(sandbox().calls.filter(({ operation }) => operation === 'GetAccountAuthorizationDetails').length, 2);
      for (const name of [ROLE, 'made-7', 'reader']) {
        assert.deepEqual(
          roles.find((role) => role.name === name),
          await readRole(name, {}, context()),
        );
      }
      const { users } = await readAccount({}, context());
      assert.deepEqual(
        users.map(({ name, policies }) => [name, policies.map((policy) => policy.name)]),
        [['legacy-ci', ['LegacySecrets']]],
      );
    });

    it('a task definition by family, revision or ARN; the policy of a secret', async () => {
      const { definition, source } = await readTaskDefinition('jamf-mcp-server', {}, context());
      assert.equal(source.name, 'aws/000000000000/ecs/us-east-1/task-definition/jamf-mcp-server/1.json');
      const byArn = await readTaskDefinition(definition.taskDefinitionArn ?? '', {}, context());
      assert.deepEqual(byArn.definition, definition);
      await createSecret();
      assert.equal(await readSecretPolicy(SECRET, {}, context()), null);
      const ResourcePolicy = policyText({ Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' });
      await secretsClient(sandbox()).send(new PutResourcePolicyCommand({ SecretId: SECRET, ResourcePolicy }));
      const policy = await readSecretPolicy(SECRET, {}, context());
      assert.equal(policy?.name, `aws/000000000000/secretsmanager/us-east-1/${SECRET}/policy.json`);
      assert.deepEqual(JSON.parse(policy.text), JSON.parse(ResourcePolicy));
    });

    it('what is not there is told by its name', async () => {
      const codes = await Promise.all(
        [
          readRole('nobody', {}, context()),
          readTaskDefinition('nothing:3', {}, context()),
          readSecretPolicy('none', {}, context()),
        ].map((reading) => reading.then(() => 'read', codeOf)),
      );
      assert.deepEqual(codes, ['NOT_FOUND', 'NOT_FOUND', 'SECRET_NOT_FOUND']);
    });
  });

  describe('a task definition', () => {
    it('of the service is joined with its roles and its secret', async () => {
      await createSecret();
      const selection = await ofTheService(settings(), context());
      const { tasks, findings, inputs, unread } = await validated(selection);
      assert.deepEqual(
        tasks[0]?.roles.map(({ use, arn, needs }) => [use, arn, needs.map(({ verdict }) => verdict)]),
        [
          ['execution', `arn:aws:iam::000000000000:role/${ROLE}`, Array(7).fill('allowed')],
          ['task', 'arn:aws:iam::000000000000:role/jamf-mcp-task-role', []],
        ],
      );
      assert.ok(inputs.length >= 5);
      assert.deepEqual(unread, []);
      assert.ok(!findings.some(({ rule }) => /missing|unusable|depends/.test(rule)));
    });

    it('says before a deployment what ECS says after it', async () => {
      await createSecret();
      await iam().send(new DeleteRolePolicyCommand({ RoleName: ROLE, PolicyName: 'SecretsAccess' }));
      const { findings } = await validated({ taskDefinitions: ['jamf-mcp-server'] });
      const missing = findings.find(({ rule }) => rule === 'task-right-missing');
      assert.equal(missing?.related.length, 7, 'eight fields, one right');
      const told = /the task does not start: (.*)$/.exec(missing.message)?.[1] ?? '';
      const [, role = '', action = ''] =
        /assumed-role\/(\S+)\/TASK-ID is not authorized to perform: (\S+)/.exec(told) ?? [];
      assert.deepEqual([role, action], [ROLE, 'secretsmanager:GetSecretValue']);

      const service = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' };
      await ecs().send(new UpdateServiceCommand({ ...service, forceNewDeployment: true }));
      for (let step = 0; step < 20; step += 1) sandbox().clock.advance(500);
      const stopped = sandbox().ecs.state.tasks.find(({ stoppedReason }) => stoppedReason !== null);
      const reason = stopped?.stoppedReason ?? '';
      for (const part of [
        'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm',
        /failed to fetch secret (\S+) from secrets manager/.exec(told)?.[0] ?? 'none',
        /is not authorized to perform: .*$/.exec(told)?.[0] ?? 'none',
      ]) {
        assert.ok(reason.includes(part), `${part}\nis not in\n${reason}`);
        assert.ok(told.includes(part), part);
      }
    });

    it('a secret that is not there or is going is told; a policy that is broken counts as none', async () => {
      const rules = async () =>
        (await validated({ taskDefinitions: ['jamf-mcp-server:1'] })).findings
          .filter(({ file }) => file.includes('/task-definition/'))
          .map(({ rule }) => rule);
      assert.deepEqual(await rules(), ['task-secret-unusable']);
      await createSecret();
      assert.deepEqual(await rules(), []);
      await secretsClient(sandbox()).send(new DeleteSecretCommand({ SecretId: SECRET, RecoveryWindowInDays: 7 }));
      assert.deepEqual(await rules(), ['task-secret-unusable']);
    });

    it('whose secrets may not be read is judged at its word, and that is said', async () => {
      await createSecret();
      as(READER);
      const { tasks, unread } = await validated({ taskDefinitions: ['jamf-mcp-server'] });
      assert.deepEqual(
        tasks[0]?.roles[0]?.needs.map(({ verdict }) => verdict),
        Array(7).fill('allowed'),
      );
      assert.equal(unread.length, 1);
      assert.match(unread[0] ?? '', /^whether the secret is there and which key it has: .*DescribeSecret/);
    });

    it('with a role that is not there', async () => {
      await createSecret();
      const executionRoleArn = 'arn:aws:iam::000000000000:role/gone';
      const containerDefinitions = [{ name: 'a', image: 'b', secrets: [{ name: 'X', valueFrom: 'plain' }] }];
      await ecs().send(new RegisterTaskDefinitionCommand({ family: 'other', executionRoleArn, containerDefinitions }));
      const { findings } = await validated({ taskDefinitions: ['other'] });
      assert.deepEqual(
        findings.map(({ rule, path }) => `${rule} ${path}`),
        ['task-role-unusable executionRoleArn'],
      );
    });
  });

  describe('roles and secrets', () => {
    it('every policy of a role is judged; ways up lie across them, told where the decisive right is', async () => {
      await put({ Sid: 'Pass', Effect: 'Allow', Action: 'iam:PassRole', Resource: '*' }, 'Passing');
      await put(
        { Effect: 'Allow', Action: ['lambda:CreateFunction', 'lambda:InvokeFunction'], Resource: '*' },
        'Lambda',
      );
      const { findings } = await validated({ roles: [ROLE] });
      const ways = findings.filter(({ rule }) => rule === 'privilege-escalation');
      // A way up that lies in one policy by itself is told once, not again for the role.
      await put({ Effect: 'Allow', Action: 'iam:CreateAccessKey', Resource: '*' }, 'Keys');
      const again = (await validated({ roles: [ROLE] })).findings;
      const alone = again.filter(({ rule, file }) => rule === 'privilege-escalation' && file.endsWith('/Keys.json'));
      assert.equal(alone.length, 1);
      assert.deepEqual(
        ways.map(({ file, path }) => [file, path]),
        [[`aws/000000000000/iam/role/${ROLE}/Passing.json`, 'Statement.Action']],
      );
      assert.match(
        ways[0]?.message ?? '',
        /together with aws\/000000000000\/iam\/role\/ecsTaskExecutionRole\/Lambda\.json/,
      );
    });

    it('of the policies of AWS only what they grant is told', async () => {
      const { findings } = await validated({ roles: [ROLE] });
      const own = findings.filter(({ file }) => file.startsWith('aws/aws/'));
      assert.ok(own.length > 0);
      assert.ok(own.every(({ kind }) => kind === 'security'));
    });

    it('a role that nothing has used for 90 days is told, a young one and a used one are not', async () => {
      await madeRole('young');
      await madeRole('used');
      const unused = async () =>
        (await validated({ all: true })).findings
          .filter(({ rule }) => rule === 'role-unused')
          .map(({ file }) => file.split('/')[4]);
      assert.deepEqual(await unused(), ['reader'], 'the role of AWS for its sessions is not told');
      sandbox().clock.advance(91 * DAY_MS);
      const used = sandbox().roles.find(({ name }) => name === 'used');
      Object.assign(used ?? {}, { lastUsedAt: sandbox().clock.now() - DAY_MS });
      assert.deepEqual(await unused(), [ROLE, 'jamf-mcp-task-role', 'reader', 'young']);
    });

    it('rights on services that a named role has not used are told, those that its tasks use are not', async () => {
      await put(
        { Effect: 'Allow', Action: ['s3:GetObject', 'logs:PutLogEvents', 'sqs:SendMessage'], Resource: '*' },
        'Mixed',
      );
      const unused = async (selection: Partial<Selection>) =>
        (await validated(selection)).findings
          .filter(({ rule }) => rule === 'service-unused')
          .map(({ file, path, related, message }) => [
            file.split('/').at(-1),
            path,
            related.map((place) => place.path),
            message,
          ]);
      const told = [
        'Mixed.json',
        'Statement.Action[0]',
        ['Statement.Action[2]'],
        `${ROLE} has not used s3, sqs for 90 days or longer`,
      ];
      assert.deepEqual(await unused({ roles: [ROLE] }), [told]);
      assert.deepEqual(await unused({ taskDefinitions: ['jamf-mcp-server'] }), [told]);
      assert.deepEqual(await unused({ all: true }), [], 'IAM takes seconds for each');
      await madeRole('young');
      await put({ Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }, 'Mixed', 'young');
      assert.deepEqual(await unused({ roles: ['young'] }), []);
    });

    it('the policy of a secret, by its name and with all', async () => {
      await createSecret();
      const ResourcePolicy = policyText({
        Effect: 'Allow',
        Principal: '*',
        Action: 'secretsmanager:GetSecretValue',
        Resource: '*',
      });
      await secretsClient(sandbox()).send(new PutResourcePolicyCommand({ SecretId: SECRET, ResourcePolicy }));
      const publics = async (selection: Partial<Selection>) =>
        (await validated(selection)).findings.filter(
          ({ file, severity }) => file.includes('secretsmanager') && severity === 'critical',
        ).length;
      assert.equal(await publics({ secrets: [SECRET] }), 1);
      assert.equal(await publics({ all: true }), 1);
      assert.equal(await publics({ roles: [ROLE] }), 0);
    });

    it('a policy that several roles share is told once', async () => {
      const { PolicyArn } = await madePolicy('Shared');
      for (const RoleName of [ROLE, 'jamf-mcp-task-role'])
        await iam().send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
      const { inputs } = await validated({ all: true });
      assert.equal(inputs.filter(({ name }) => name.endsWith('/Shared.json')).length, 1);
    });

    it('what was named and may not be read is an error, not an empty result', async () => {
      await createSecret();
      as(LEGACY_CI);
      assert.equal(await validated({ secrets: [SECRET] }).then(() => 'read', codeOf), 'ACCESS_DENIED');
    });
  });

  const madeRole = (RoleName: string) =>
    iam().send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: policyText({
          Effect: 'Allow',
          Principal: { Service: 'ecs-tasks.amazonaws.com' },
          Action: 'sts:AssumeRole',
        }),
      }),
    );
  const madePolicy = async (PolicyName: string) => {
    const PolicyDocument = policyText({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/key' });
    const { Policy } = await iam().send(new CreatePolicyCommand({ PolicyName, PolicyDocument }));
    return { PolicyArn: Policy?.Arn ?? '' };
  };
  const settings = () => ({ aws: {}, ecs: { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' } });
});

const codeOf = (error: unknown): string => (error instanceof JamfMcpError ? error.code : 'other');
