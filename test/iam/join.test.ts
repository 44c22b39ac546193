import assert from 'node:assert/strict';
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { findingsOf } from '../../src/lib/iam/validate.ts';
import { joinTask, type TaskJoin } from '../../src/lib/iam/join-check.ts';
import { noFacts, type KeyFact, type SecretFact, type TaskFacts } from '../../src/lib/iam/join-facts.ts';
import { documentsOf } from '../../src/lib/iam/join-roles.ts';
import { needsOf } from '../../src/lib/iam/join.ts';
import type { Finding } from '../../src/lib/iam/finding.ts';
import type { LiveRole } from '../../src/lib/iam/live/role.ts';
import type { RawStatement } from './support.ts';

const ACCOUNT = '111122223333';
const SECRET = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:app/prod-AbCdEf`;
const KEY = `arn:aws:kms:us-east-1:${ACCOUNT}:key/0000aaaa-0000-4000-8000-000000000000`;
const EXECUTION = `arn:aws:iam::${ACCOUNT}:role/app-execution`;
const TASK = `arn:aws:iam::${ACCOUNT}:role/app-task`;
const GROUP = `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/ecs/app`;
const REPOSITORY = `arn:aws:ecr:us-east-1:${ACCOUNT}:repository/team/app`;

const definition: TaskDefinition = {
  taskDefinitionArn: `arn:aws:ecs:us-east-1:${ACCOUNT}:task-definition/app:7`,
  family: 'app',
  revision: 7,
  requiresCompatibilities: ['FARGATE'],
  executionRoleArn: EXECUTION,
  taskRoleArn: TASK,
  containerDefinitions: [
    {
      name: 'web',
      image: `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/team/app:1.2.3`,
      secrets: [
        { name: 'TOKEN', valueFrom: `${SECRET}:TOKEN::` },
        { name: 'URL', valueFrom: `${SECRET}:URL::` },
      ],
      logConfiguration: {
        logDriver: 'awslogs',
        options: { 'awslogs-group': '/ecs/app', 'awslogs-region': 'us-east-1', 'awslogs-stream-prefix': 'ecs' },
      },
    },
  ],
};

/** The definition with something else in its only container, or at its top. */
const withContainer = (
  container: Partial<NonNullable<TaskDefinition['containerDefinitions']>[number]>,
  top: Partial<TaskDefinition> = {},
): TaskDefinition => ({
  ...definition,
  containerDefinitions: [{ ...definition.containerDefinitions?.[0], ...container }],
  ...top,
});

const secret = (more: Partial<SecretFact> = {}): SecretFact => ({
  arn: SECRET,
  name: 'app/prod',
  key: null,
  stages: { 'v-2': ['AWSCURRENT'], 'v-1': ['AWSPREVIOUS'] },
  tags: { team: 'web' },
  deleted: false,
  policy: null,
  ...more,
});
const key = (more: Partial<KeyFact> = {}): KeyFact => ({
  arn: KEY,
  awsManaged: false,
  enabled: true,
  aliases: ['alias/app'],
  policy: keyPolicy({ AWS: `arn:aws:iam::${ACCOUNT}:root` }),
  ...more,
});
const keyPolicy = (Principal: unknown) => ({
  name: 'key.json',
  text: JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: 'kms:*', Resource: '*' }],
  }),
});
const facts = (secretFact: SecretFact | null = secret(), keys: TaskFacts['keys'] = {}): TaskFacts => ({
  ...noFacts('us-east-1', ACCOUNT),
  secrets: { [SECRET]: secretFact },
  keys,
});

const RIGHTS = {
  secret: { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: SECRET },
  signIn: { Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' },
  pull: {
    Effect: 'Allow',
    Action: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
    Resource: REPOSITORY,
  },
  log: { Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: `${GROUP}:*` },
} satisfies Record<string, RawStatement>;

const ECS = { Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' };

function role(
  arn: string,
  statements: readonly RawStatement[],
  more: { trust?: RawStatement; boundary?: RawStatement[] } = {},
): LiveRole {
  const name = arn.slice(arn.lastIndexOf('/') + 1);
  const policy = (kind: 'inline' | 'trust' | 'boundary', of: readonly RawStatement[]) => ({
    kind,
    name: kind,
    source: {
      name: `aws/${ACCOUNT}/iam/role/${name}/${kind}.json`,
      text: JSON.stringify({ Version: '2012-10-17', Statement: of }, null, 2),
    },
  });
  return {
    name,
    arn,
    account: ACCOUNT,
    lastUsed: null,
    policies: [
      policy('trust', [more.trust ?? ECS]),
      ...(statements.length === 0 ? [] : [policy('inline', statements)]),
      ...(more.boundary ? [policy('boundary', more.boundary)] : []),
    ],
  };
}

/** Join, and find. */
async function judged(
  execution: LiveRole | null,
  options: { task?: LiveRole | null; facts?: TaskFacts; definition?: TaskDefinition } = {},
): Promise<{ findings: Finding[]; join: TaskJoin; verdicts: Record<string, string> }> {
  const of = options.definition ?? definition;
  const task = options.task === undefined ? role(TASK, []) : options.task;
  const { join, problems } = await joinTask(
    {
      live: { definition: of, source: { name: 'app/7.json', text: JSON.stringify(of, null, 2) } },
      facts: options.facts ?? facts(),
      roles: new Map([
        [TASK, task && (await documentsOf(task))],
        [EXECUTION, execution && (await documentsOf(execution))],
      ]),
    },
    await loadCatalogue(),
  );
  return {
    join,
    findings: problems.flatMap(({ document, problem }) => findingsOf(document, [problem])),
    verdicts: Object.fromEntries((join.roles[0]?.needs ?? []).map(({ action, verdict }) => [action, verdict])),
  };
}

const ids = (findings: readonly Finding[]) => findings.map(({ rule, severity }) => `${rule} ${severity}`);

describe('join of a task definition with its roles', () => {
  describe('needs', () => {
    const rights = (of: TaskDefinition, known = facts()) =>
      Object.fromEntries(
        Object.entries(needsOf(of, known)).map(([use, needs]) => [
          use,
          (needs as { action: string; resource: string }[]).map(({ action, resource }) => `${action} ${resource}`),
        ]),
      );

    it('are secrets, image and log for ECS, and nothing for the program', () => {
      assert.deepEqual(rights(definition), {
        execution: [
          `secretsmanager:GetSecretValue ${SECRET}`,
          `secretsmanager:GetSecretValue ${SECRET}`,
          'ecr:GetAuthorizationToken *',
          `ecr:BatchCheckLayerAvailability ${REPOSITORY}`,
          `ecr:GetDownloadUrlForLayer ${REPOSITORY}`,
          `ecr:BatchGetImage ${REPOSITORY}`,
          `logs:CreateLogStream ${GROUP}:log-stream:ecs/web/*`,
          `logs:PutLogEvents ${GROUP}:log-stream:ecs/web/*`,
        ],
        task: [],
      });
    });

    it('include the key of the secret where it is not that of AWS, bound to the secret and the service', () => {
      const known = facts(secret({ key: KEY }), { [KEY]: key() });
      const decrypt = needsOf(definition, known).execution.find(({ action }) => action === 'kms:Decrypt');
      assert.equal(decrypt?.resource, KEY);
      assert.equal(decrypt.context['kms:ViaService'], 'secretsmanager.us-east-1.amazonaws.com');
      assert.equal(decrypt.context['kms:EncryptionContext:SecretARN'], SECRET);
      assert.equal(decrypt.request['kms:EncryptionContext:SecretVersionId'], 'v-2');
      assert.ok(!('kms:EncryptionContext:SecretVersionId' in decrypt.context), 'the next version has another id');
      const own = facts(secret({ key: KEY }), { [KEY]: key({ awsManaged: true }) });
      assert.ok(!needsOf(definition, own).execution.some(({ action }) => action === 'kms:Decrypt'));
    });

    it('include parameters, files, registries, options of the log, groups to create, volumes, and secrets of the program', () => {
      const other = SECRET.replace('prod', 'other');
      assert.deepEqual(
        rights(
          withContainer(
            {
              image: 'registry.example.com/app:1',
              secrets: [
                { name: 'A', valueFrom: 'plain' },
                { name: 'B', valueFrom: `arn:aws:ssm:us-east-1:${ACCOUNT}:parameter/app/b` },
              ],
              repositoryCredentials: { credentialsParameter: other },
              environment: [{ name: 'SECRET_ARN', value: SECRET }],
              environmentFiles: [{ type: 's3', value: 'arn:aws:s3:::bucket/app.env' }],
              mountPoints: [{ sourceVolume: 'data', containerPath: '/data', readOnly: false }],
              logConfiguration: {
                logDriver: 'awslogs',
                options: { 'awslogs-group': '/ecs/app', 'awslogs-create-group': 'true' },
                secretOptions: [{ name: 'x', valueFrom: SECRET }],
              },
            },
            {
              volumes: [
                {
                  name: 'data',
                  efsVolumeConfiguration: { fileSystemId: 'fs-1', authorizationConfig: { iam: 'ENABLED' } },
                },
              ],
            },
          ),
        ),
        {
          execution: [
            `ssm:GetParameters arn:aws:ssm:us-east-1:${ACCOUNT}:parameter/plain`,
            `ssm:GetParameters arn:aws:ssm:us-east-1:${ACCOUNT}:parameter/app/b`,
            `secretsmanager:GetSecretValue ${other}`,
            `secretsmanager:GetSecretValue ${SECRET}`,
            `logs:CreateLogGroup ${GROUP}:*`,
            `logs:CreateLogStream ${GROUP}:log-stream:*`,
            `logs:PutLogEvents ${GROUP}:log-stream:*`,
            's3:GetObject arn:aws:s3:::bucket/app.env',
            's3:GetBucketLocation arn:aws:s3:::bucket',
          ],
          task: [
            `secretsmanager:GetSecretValue ${SECRET}`,
            `elasticfilesystem:ClientMount arn:aws:elasticfilesystem:us-east-1:${ACCOUNT}:file-system/fs-1`,
            `elasticfilesystem:ClientWrite arn:aws:elasticfilesystem:us-east-1:${ACCOUNT}:file-system/fs-1`,
          ],
        },
      );
    });

    it('on instances without an execution role are those of the instance, not told here', () => {
      const rest = withContainer({ secrets: [] }, { requiresCompatibilities: ['EC2'] });
      delete rest.executionRoleArn;
      assert.deepEqual(rights(rest), { execution: [], task: [] });
    });
  });

  describe('rights that are missing', () => {
    it('none, where all are there and no more', async () => {
      const { findings, join } = await judged(role(EXECUTION, Object.values(RIGHTS)));
      assert.deepEqual(findings, []);
      assert.deepEqual(
        join.roles[0]?.needs.map(({ verdict }) => verdict),
        Array(7).fill('allowed'),
      );
    });

    it('each is told once, at the line that needs it, with what ECS would say', async () => {
      const { findings } = await judged(role(EXECUTION, [RIGHTS.signIn, RIGHTS.pull, RIGHTS.log]));
      assert.equal(findings.length, 1);
      const [finding] = findings;
      assert.equal(finding?.rule, 'task-right-missing');
      assert.equal(finding.severity, 'high');
      assert.equal(finding.file, 'app/7.json');
      assert.equal(finding.path, 'containerDefinitions[0].secrets[0].valueFrom');
      const line = JSON.stringify(definition, null, 2).split('\n')[finding.line - 1];
      assert.match(line ?? '', /"valueFrom": ".*:TOKEN::"/);
      assert.deepEqual(
        finding.related.map(({ path }) => path),
        ['containerDefinitions[0].secrets[1].valueFrom'],
      );
      assert.match(
        finding.message,
        /container web, TOKEN and 1 more.*unable to retrieve secret from asm: .*AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role\/app-execution\/TASK-ID is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:app\/prod-AbCdEf because no identity-based policy allows/,
      );
    });

    it('a right of the task role does not help ECS, and the fix says so', async () => {
      const { findings } = await judged(role(EXECUTION, [RIGHTS.signIn, RIGHTS.pull, RIGHTS.log]), {
        task: role(TASK, [RIGHTS.secret]),
      });
      assert.deepEqual(ids(findings), ['task-right-missing high', 'task-right-wrong-role info']);
      assert.match(findings[0]?.fix ?? '', /the task role app-task has it, but ECS acts under the execution role/);
    });

    for (const [name, statement] of Object.entries({
      'a pattern without the suffix': { ...RIGHTS.secret, Resource: SECRET.replace(/-[^-]*$/, '') },
      'another secret': { ...RIGHTS.secret, Resource: SECRET.replace('prod', 'test') },
      'another action': { ...RIGHTS.secret, Action: 'secretsmanager:DescribeSecret' },
      'a tag that it does not have': {
        ...RIGHTS.secret,
        Condition: { StringEquals: { 'aws:ResourceTag/team': 'other' } },
      },
      'a stage that the request does not name': {
        ...RIGHTS.secret,
        Condition: { 'ForAnyValue:StringEquals': { 'secretsmanager:VersionStage': 'AWSCURRENT' } },
      },
    })) {
      it(`by ${name}`, async () => {
        const others = [RIGHTS.signIn, RIGHTS.pull, RIGHTS.log];
        const { verdicts } = await judged(role(EXECUTION, [statement, ...others]));
        assert.equal(verdicts['secretsmanager:GetSecretValue'], 'missing');
      });
    }

    it('none by a tag that the secret has, a pattern with its suffix, a stage that is named', async () => {
      const conditions: RawStatement[] = [
        { ...RIGHTS.secret, Condition: { StringEquals: { 'aws:ResourceTag/team': 'web' } } },
        { ...RIGHTS.secret, Resource: SECRET.replace(/-[^-]*$/, '-??????') },
      ];
      for (const statement of conditions) {
        assert.equal((await judged(role(EXECUTION, [statement]))).verdicts['secretsmanager:GetSecretValue'], 'allowed');
      }
      const staged = withContainer({ secrets: [{ name: 'A', valueFrom: `${SECRET}:A:AWSCURRENT:` }] });
      const bound = { ...RIGHTS.secret, Condition: { StringEquals: { 'secretsmanager:VersionStage': 'AWSCURRENT' } } };
      const { verdicts } = await judged(role(EXECUTION, [bound]), { definition: staged });
      assert.equal(verdicts['secretsmanager:GetSecretValue'], 'allowed');
    });

    it('by a Deny, by a boundary, by the policy of the secret', async () => {
      const all = Object.values(RIGHTS);
      const deny = { Effect: 'Deny', Action: 'secretsmanager:*', Resource: '*' };
      const of = 'secretsmanager:GetSecretValue';
      const denied = await judged(role(EXECUTION, [...all, deny]));
      assert.equal(denied.verdicts[of], 'denied');
      assert.match(
        denied.findings[0]?.message ?? '',
        /is denied secretsmanager:GetSecretValue, by aws\/111122223333\/iam\/role\/app-execution\/inline\.json#Statement\[4\]/,
      );
      const bounded = await judged(role(EXECUTION, all, { boundary: [RIGHTS.signIn, RIGHTS.pull, RIGHTS.log] }));
      assert.deepEqual([bounded.verdicts[of], bounded.verdicts['ecr:BatchGetImage']], ['missing', 'allowed']);
      const text = JSON.stringify({ Version: '2012-10-17', Statement: [{ ...deny, Principal: '*' }] });
      const policy = { name: 'secret.json', text };
      assert.equal((await judged(role(EXECUTION, all), { facts: facts(secret({ policy })) })).verdicts[of], 'denied');
    });

    it('hangs on the network where a condition asks for the endpoint, and is not called missing', async () => {
      const statement = { ...RIGHTS.secret, Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } } };
      const { findings, verdicts } = await judged(role(EXECUTION, [statement, RIGHTS.signIn, RIGHTS.pull, RIGHTS.log]));
      assert.equal(verdicts['secretsmanager:GetSecretValue'], 'depends');
      assert.deepEqual(ids(findings), ['task-right-depends low']);
      assert.match(findings[0]?.message ?? '', /hangs on aws:SourceVpce/);
    });

    it('a secret with its own key needs kms:Decrypt in role and key policy', async () => {
      const decrypt = {
        Effect: 'Allow',
        Action: 'kms:Decrypt',
        Resource: KEY,
        Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com' } },
      };
      const known = (more: Partial<KeyFact> = {}) => facts(secret({ key: KEY }), { [KEY]: key(more) });
      const all = Object.values(RIGHTS);
      const without = await judged(role(EXECUTION, all), { facts: known() });
      assert.match(
        without.findings[0]?.message ?? '',
        /lacks kms:Decrypt .*AccessDeniedException: Access to KMS is not allowed/,
      );
      const there = await judged(role(EXECUTION, [...all, decrypt]), { facts: known() });
      assert.deepEqual(there.findings, []);
      const stranger = keyPolicy({ AWS: `arn:aws:iam::${ACCOUNT}:role/other` });
      const shut = await judged(role(EXECUTION, [...all, decrypt]), { facts: known({ policy: stranger }) });
      assert.equal(shut.verdicts['kms:Decrypt'], 'missing');
      // A grant opens the key beside all policies; what it asks for is not judged.
      const granted = known({ policy: stranger, grantees: [EXECUTION] });
      const hangs = await judged(role(EXECUTION, all), { facts: granted });
      assert.deepEqual(ids(hangs.findings), ['task-right-depends low']);
      assert.match(hangs.findings[0]?.message ?? '', /kms:Decrypt on .* hangs on what a grant of the key asks for/);
      const other = await judged(role(EXECUTION, all), { facts: known({ grantees: [TASK] }) });
      assert.equal(other.verdicts['kms:Decrypt'], 'missing');
    });

    it('of a program, where a variable names the secret, is no reason that a task does not start', async () => {
      const of = withContainer({ secrets: [], environment: [{ name: 'SECRET_ARN', value: SECRET }] });
      const { findings } = await judged(role(EXECUTION, [RIGHTS.signIn, RIGHTS.pull, RIGHTS.log]), { definition: of });
      assert.deepEqual(ids(findings), ['task-right-missing medium']);
      assert.doesNotMatch(findings[0]?.message ?? '', /does not start/);
      const held = await judged(role(EXECUTION, [RIGHTS.signIn, RIGHTS.pull, RIGHTS.log]), {
        definition: of,
        task: role(TASK, [RIGHTS.secret]),
      });
      assert.deepEqual(held.findings, []);
    });
  });

  describe('roles', () => {
    it('that ECS may not be, or that are not there, stop the task', async () => {
      const lambda = { ...ECS, Principal: { Service: 'lambda.amazonaws.com' } };
      const untrusted = await judged(role(EXECUTION, Object.values(RIGHTS), { trust: lambda }));
      assert.deepEqual(ids(untrusted.findings), ['task-role-unusable high']);
      assert.equal(untrusted.findings[0]?.path, 'executionRoleArn');
      assert.match(untrusted.findings[0].message, /ECS was unable to assume the role/);
      const gone = await judged(null);
      assert.deepEqual(ids(gone.findings), ['task-role-unusable high'], 'and its rights are not told one by one');
    });

    it('may be bound to the account and its ECS', async () => {
      const bound = (SourceArn: string) => ({
        ...ECS,
        Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT }, ArnLike: { 'aws:SourceArn': SourceArn } },
      });
      const own = role(EXECUTION, Object.values(RIGHTS), { trust: bound(`arn:aws:ecs:us-east-1:${ACCOUNT}:*`) });
      assert.deepEqual((await judged(own)).findings, []);
      const other = role(EXECUTION, Object.values(RIGHTS), { trust: bound(`arn:aws:ecs:eu-west-1:${ACCOUNT}:*`) });
      assert.deepEqual(ids((await judged(other)).findings), ['task-role-unusable high']);
    });

    it('that are one and the same are told, and none at all where one is needed', async () => {
      const more = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' };
      const same = await judged(role(EXECUTION, [...Object.values(RIGHTS), more]), {
        definition: { ...definition, taskRoleArn: EXECUTION },
      });
      assert.deepEqual(ids(same.findings), ['task-roles-same medium']);
      const none = { ...definition };
      delete none.executionRoleArn;
      assert.deepEqual(ids((await judged(null, { definition: none })).findings), ['task-role-unusable high']);
    });
  });

  describe('secrets', () => {
    for (const [name, fact, pattern] of [
      ['that are not there', null, /there is no secret .*ResourceNotFoundException/],
      ['that are scheduled for deletion', secret({ deleted: true }), /marked for deletion/],
      ['without a current version', secret({ stages: { 'v-1': ['AWSPENDING'] } }), /has no version AWSCURRENT/],
    ] as const) {
      it(`${name} are one finding for all fields`, async () => {
        const { findings } = await judged(role(EXECUTION, Object.values(RIGHTS)), { facts: facts(fact) });
        assert.deepEqual(ids(findings), ['task-secret-unusable high']);
        assert.match(findings[0]?.message ?? '', pattern);
        assert.equal(findings[0]?.related.length, 1);
      });
    }

    it('whose label or version is not there, and ARNs that ECS cannot read', async () => {
      const of = (...valueFrom: string[]) =>
        withContainer({ secrets: valueFrom.map((value, index) => ({ name: `S${String(index)}`, valueFrom: value })) });
      const found = async (...valueFrom: string[]) =>
        (await judged(role(EXECUTION, Object.values(RIGHTS)), { definition: of(...valueFrom) })).findings.filter(
          ({ rule }) => rule === 'task-secret-unusable',
        );
      assert.equal((await found(`${SECRET}:A:AWSPREVIOUS:`, `${SECRET}:A::v-2`, SECRET)).length, 0);
      assert.match((await found(`${SECRET}:A:BLUE:`))[0]?.message ?? '', /has no version BLUE/);
      assert.match((await found(`${SECRET}:A::v-9`))[0]?.message ?? '', /has no version v-9/);
      assert.match((await found(`${SECRET}:A`))[0]?.message ?? '', /an invalid ARN format/);
    });

    it('whose key is disabled', async () => {
      const known = facts(secret({ key: KEY }), { [KEY]: key({ enabled: false }) });
      const { findings } = await judged(
        role(EXECUTION, [...Object.values(RIGHTS), { Effect: 'Allow', Action: 'kms:Decrypt', Resource: KEY }]),
        { facts: known },
      );
      assert.deepEqual(ids(findings), ['task-secret-unusable high']);
    });
  });

  describe('rights beyond need', () => {
    const excess = async (...statements: RawStatement[]) => {
      const { findings, join } = await judged(role(EXECUTION, [...Object.values(RIGHTS), ...statements]));
      return {
        found: findings.map(({ rule, severity, path }) => `${rule} ${severity} ${path}`),
        findings,
        excess: join.roles[0]?.excess,
      };
    };

    it('actions that nothing needs, at the first of them, the others beside it', async () => {
      const {
        found,
        findings,
        excess: rights,
      } = await excess({ Effect: 'Allow', Action: ['s3:GetObject', 'sqs:SendMessage'], Resource: '*' });
      assert.deepEqual(found, ['task-right-excess low Statement[4].Action[0]']);
      assert.equal(findings[0]?.related.length, 1);
      assert.deepEqual(rights, [
        {
          actions: ['s3:GetObject', 'sqs:SendMessage'],
          resource: null,
          needed: [],
          policy: 'aws/111122223333/iam/role/app-execution/inline.json',
        },
      ]);
    });

    it('kms:Decrypt for a secret under the key of AWS', async () => {
      const { found, findings } = await excess({ Effect: 'Allow', Action: 'kms:Decrypt', Resource: KEY });
      assert.deepEqual(found, ['task-right-excess medium Statement[4].Action']);
      assert.match(findings[0]?.fix ?? '', /aws\/secretsmanager needs no right/);
    });

    it('patterns of actions, and of resources', async () => {
      assert.deepEqual((await excess({ Effect: 'Allow', Action: 'secretsmanager:Get*', Resource: SECRET })).found, [
        'task-right-excess medium Statement[4].Action',
      ]);
      const wide = await excess({ ...RIGHTS.secret, Resource: SECRET.replace(/-[^-]*$/, '-*') });
      assert.deepEqual(wide.found, ['task-right-broad medium Statement[4].Resource']);
      assert.deepEqual(wide.excess?.[0]?.needed, [SECRET]);
      assert.deepEqual((await excess({ ...RIGHTS.pull, Resource: '*' })).found, [
        'task-right-broad low Statement[4].Resource',
      ]);
      assert.deepEqual((await excess({ ...RIGHTS.secret, Resource: [SECRET, SECRET.replace('prod', 'test')] })).found, [
        'task-right-broad medium Statement[4].Resource[1]',
      ]);
    });

    it('what is needed on something else is told where it is given, not to be taken away', async () => {
      const bare = SECRET.replace(/-[^-]*$/, '');
      const { findings, join } = await judged(
        role(EXECUTION, [RIGHTS.signIn, RIGHTS.pull, RIGHTS.log, { ...RIGHTS.secret, Resource: bare }]),
      );
      const excessive = findings.filter(({ rule }) => /excess|broad/.test(rule));
      assert.deepEqual(
        excessive.map(({ rule, path, message }) => [rule, path, message]),
        [
          [
            'task-right-broad',
            'Statement[3].Resource',
            `secretsmanager:GetSecretValue on ${bare}: app:7 needs it on ${SECRET}`,
          ],
        ],
      );
      assert.deepEqual(join.roles[0]?.excess.at(-1)?.needed, []);
    });

    it('none where a condition names the thing, in a Deny, for what takes no resource, with the suffix as a pattern', async () => {
      const { found } = await excess(
        { ...RIGHTS.secret, Resource: '*', Condition: { StringEquals: { 'secretsmanager:ResourceTag/team': 'web' } } },
        { Effect: 'Deny', Action: 's3:*', Resource: '*' },
        { ...RIGHTS.secret, Resource: SECRET.replace(/-[^-]*$/, '-??????') },
        RIGHTS.signIn,
      );
      assert.deepEqual(found, []);
    });

    it('what ECS does is of no use in the task role', async () => {
      const { findings } = await judged(role(EXECUTION, Object.values(RIGHTS)), {
        task: role(TASK, [RIGHTS.pull, { Effect: 'Allow', Action: 's3:GetObject', Resource: '*' }]),
      });
      assert.deepEqual(ids(findings), Array(3).fill('task-right-wrong-role low'));
    });
  });

  it('proposes the policy that allows what is needed and nothing else', async () => {
    const known = facts(secret({ key: KEY }), { [KEY]: key() });
    const { join } = await judged(role(EXECUTION, []), { facts: known });
    const policy = join.roles[0]?.policy;
    assert.ok(policy);
    const right = await judged(role(EXECUTION, policy.Statement as unknown as RawStatement[]), { facts: known });
    assert.deepEqual(right.findings, []);
    assert.equal(join.roles[1]?.policy, null);
    // Without any one of its statements a right is missing.
    for (const statement of policy.Statement) {
      const rest = policy.Statement.filter((other) => other !== statement) as unknown as RawStatement[];
      assert.notEqual((await judged(role(EXECUTION, rest), { facts: known })).findings.length, 0, statement.Sid);
    }
  });
});
