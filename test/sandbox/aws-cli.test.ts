/** The real AWS CLI drives every operation that the sandbox has. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { auditSql } from '../../src/lib/audit/sql.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { TRAIL_BUCKET } from '../../src/lib/sandbox/s3.ts';
import { cleanEnvironment } from '../support/cli.ts';

const NAME = 'jamf-mcp-server/production';
const [V2, V3] = ['2', '3'].map((digit) => digit.repeat(32)) as [string, string];
const CLUSTER = ['--cluster', 'jamf-mcp-cluster'];
const SERVICE = [...CLUSTER, '--service', 'jamf-mcp-service'];
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:rotate';
const ROLE = 'ecsTaskExecutionRole';
const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::000000000000:root' },
      Action: 'secretsmanager:*',
      Resource: '*',
    },
  ],
});

/** Asked once, outside all tests: whether the peer is there decides what is skipped. */
const present = spawnSync('aws', ['--version']).status === 0;
const describeCli = present || process.env.CI === 'true' ? describe : describe.skip;

describeCli('sandbox: the AWS CLI', function () {
  this.timeout(120_000);
  let sandbox: Sandbox;
  let env: Record<string, string>;

  before(async () => {
    sandbox = await startSandbox({ speed: 50, history: true });
    env = cleanEnvironment(sandbox.environment);
  });
  after(() => sandbox.close());

  /** What the tasks of the sandbox's service need to start, told apart by one field. */
  const value = (scopes: string) => JSON.stringify({ ...sandbox.fields, REQUIRED_SCOPES: scopes });

  /** Run `aws …`: its JSON, or its error text. */
  const aws = (...args: string[]): Promise<{ code: number; json: Record<string, unknown>; stderr: string }> =>
    new Promise((resolve) => {
      execFile('aws', [...args, '--output', 'json'], { env, encoding: 'utf8' }, (error, stdout, stderr) => {
        const json = (stdout.trim() === '' ? {} : JSON.parse(stdout)) as Record<string, unknown>;
        resolve({ code: error ? Number(error.code) : 0, json, stderr });
      });
    });
  const ok = async (...args: string[]) => {
    const { code, json, stderr } = await aws(...args);
    assert.equal(code, 0, `aws ${args.join(' ')}: ${stderr}`);
    return json;
  };
  const sm = (operation: string, ...args: string[]) => ok('secretsmanager', operation, '--secret-id', NAME, ...args);
  const refused = async (name: string, ...args: string[]) => {
    const { code, stderr } = await aws(...args);
    assert.notEqual(code, 0);
    assert.match(stderr, new RegExp(`\\(${name}\\)`));
  };

  it('secrets manager: a secret from creation to promotion and back', async () => {
    const made = await ok(
      'secretsmanager',
      'create-secret',
      '--name',
      NAME,
      '--secret-string',
      value('one'),
      '--description',
      'd',
    );
    const first = String(made.VersionId);
    await refused('ResourceExistsException', 'secretsmanager', 'create-secret', '--name', NAME, '--secret-string', 'x');
    await sm(
      'put-secret-value',
      '--secret-string',
      value('two'),
      '--client-request-token',
      V2,
      '--version-stages',
      'AWSPENDING',
    );
    assert.equal((await sm('get-secret-value')).SecretString, value('one'));
    const stage = ['--version-stage', 'AWSCURRENT'];
    await refused(
      'InvalidParameterException',
      'secretsmanager',
      'update-secret-version-stage',
      '--secret-id',
      NAME,
      ...stage,
      '--move-to-version-id',
      V2,
    );
    await sm('update-secret-version-stage', ...stage, '--move-to-version-id', V2, '--remove-from-version-id', first);
    await sm('update-secret-version-stage', '--version-stage', 'AWSPENDING', '--remove-from-version-id', V2);
    assert.equal((await sm('get-secret-value', ...stage)).SecretString, value('two'));
    assert.equal((await sm('get-secret-value', '--version-id', first)).SecretString, value('one'));
    assert.deepEqual((await sm('describe-secret')).VersionIdsToStages, {
      [first]: ['AWSPREVIOUS'],
      [V2]: ['AWSCURRENT'],
    });
    await sm('update-secret', '--secret-string', value('three'), '--client-request-token', V3);
    const shown = await sm('list-secret-version-ids', '--include-deprecated');
    assert.deepEqual(
      (shown.Versions as { VersionId: string }[]).map(({ VersionId }) => VersionId),
      [V3, V2, first],
    );
  });

  it('secrets manager: lists, tags, policies, passwords', async () => {
    const listed = await ok('secretsmanager', 'list-secrets', '--filters', 'Key=name,Values=jamf', '--max-items', '10');
    assert.equal((listed.SecretList as unknown[]).length, 1);
    const batch = await ok('secretsmanager', 'batch-get-secret-value', '--secret-id-list', NAME, 'nobody');
    assert.deepEqual([(batch.SecretValues as unknown[]).length, (batch.Errors as unknown[]).length], [1, 1]);
    await sm('tag-resource', '--tags', 'Key=team,Value=mcp', 'Key=old,Value=x');
    await sm('untag-resource', '--tag-keys', 'old');
    assert.deepEqual((await sm('describe-secret')).Tags, [{ Key: 'team', Value: 'mcp' }]);
    await sm('put-resource-policy', '--resource-policy', POLICY);
    assert.equal((await sm('get-resource-policy')).ResourcePolicy, POLICY);
    await sm('delete-resource-policy');
    assert.equal(
      (await ok('secretsmanager', 'validate-resource-policy', '--resource-policy', POLICY)).PolicyValidationPassed,
      true,
    );
    assert.equal(
      String((await ok('secretsmanager', 'get-random-password', '--password-length', '40')).RandomPassword).length,
      40,
    );
  });

  it('secrets manager: rotation, deletion, restoration', async () => {
    await refused('InvalidRequestException', 'secretsmanager', 'rotate-secret', '--secret-id', NAME);
    sandbox.secrets.functions.set(FUNCTION, () => {
      throw new Error('a rotation that gets stuck');
    });
    await sm('rotate-secret', '--rotation-lambda-arn', FUNCTION, '--rotation-rules', 'AutomaticallyAfterDays=90');
    await refused('InvalidRequestException', 'secretsmanager', 'rotate-secret', '--secret-id', NAME);
    await sm('cancel-rotate-secret');
    await sm('delete-secret', '--recovery-window-in-days', '7');
    await refused('InvalidRequestException', 'secretsmanager', 'get-secret-value', '--secret-id', NAME);
    await sm('restore-secret');
    assert.equal((await sm('get-secret-value')).SecretString, value('three'));
  });

  it('sts, iam, kms', async () => {
    const role = ['--role-name', ROLE];
    const policy = ['--policy-arn', 'arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy'];
    assert.equal((await ok('sts', 'get-caller-identity')).Account, '000000000000');
    await ok(
      'sts',
      'assume-role',
      '--role-arn',
      `arn:aws:iam::000000000000:role/${ROLE}`,
      '--role-session-name',
      'try-it',
    );
    assert.equal(((await ok('iam', 'list-roles', '--max-items', '2')).Roles as unknown[]).length, 2);
    assert.equal(((await ok('iam', 'get-role', ...role)).Role as { RoleName: string }).RoleName, ROLE);
    await ok('iam', 'get-user', '--user-name', 'legacy-ci');
    assert.deepEqual((await ok('iam', 'list-role-policies', ...role)).PolicyNames, ['SecretsAccess']);
    const inline = await ok('iam', 'get-role-policy', ...role, '--policy-name', 'SecretsAccess');
    assert.equal((inline.PolicyDocument as { Version: string }).Version, '2012-10-17');
    assert.equal(((await ok('iam', 'list-attached-role-policies', ...role)).AttachedPolicies as unknown[]).length, 1);
    await ok('iam', 'get-policy', ...policy);
    await ok('iam', 'get-policy-version', ...policy, '--version-id', 'v1');
    await refused('NoSuchEntity', 'iam', 'get-role', '--role-name', 'nobody');
    await ok('kms', 'describe-key', '--key-id', 'alias/aws/secretsmanager');
    assert.equal(((await ok('kms', 'list-aliases')).Aliases as unknown[]).length, 1);
  });

  it('ecs: clusters, task definitions, tasks', async () => {
    await ok('ecs', 'create-cluster', '--cluster-name', 'other');
    assert.equal(((await ok('ecs', 'list-clusters')).clusterArns as unknown[]).length, 2);
    await ok('ecs', 'describe-clusters', '--clusters', 'other');
    const definitions = (await ok('ecs', 'list-task-definitions')).taskDefinitionArns as string[];
    const definition = ['--task-definition', definitions[0] ?? ''];
    await ok('ecs', 'describe-task-definition', ...definition);
    const containers = JSON.stringify([{ name: 'main', image: 'example:1', memory: 128 }]);
    await ok('ecs', 'register-task-definition', '--family', 'other', '--container-definitions', containers);
    const run = await ok('ecs', 'run-task', ...CLUSTER, '--task-definition', 'other');
    const [task] = run.tasks as { taskArn: string }[];
    const tasks = (await ok('ecs', 'list-tasks', ...CLUSTER)).taskArns as string[];
    assert.ok(task && tasks.includes(task.taskArn));
    await ok('ecs', 'describe-tasks', ...CLUSTER, '--tasks', ...tasks);
    await ok('ecs', 'stop-task', ...CLUSTER, '--task', task.taskArn);
    await ok(
      'ecs',
      'create-service',
      ...CLUSTER,
      '--service-name',
      'second',
      '--task-definition',
      'other',
      '--desired-count',
      '1',
    );
    assert.equal(((await ok('ecs', 'list-services', ...CLUSTER)).serviceArns as unknown[]).length, 2);
  });

  it('ecs: a one-off task of a definition that goes again, services of other controllers, deletion', async () => {
    const containers = JSON.stringify([{ name: 'main', image: 'example:1', memory: 128, entryPoint: ['true'] }]);
    const made = await ok(
      'ecs',
      'register-task-definition',
      '--family',
      'proof',
      '--container-definitions',
      containers,
    );
    const { taskDefinitionArn: arn } = made.taskDefinition as { taskDefinitionArn: string };
    const definition = ['--task-definition', arn];
    const run = await ok(
      'ecs',
      'run-task',
      ...CLUSTER,
      ...definition,
      '--client-token',
      'once',
      '--started-by',
      'proof/1',
    );
    const again = await ok(
      'ecs',
      'run-task',
      ...CLUSTER,
      ...definition,
      '--client-token',
      'once',
      '--started-by',
      'proof/1',
    );
    const [task] = run.tasks as { taskArn: string }[];
    assert.deepEqual((again.tasks as { taskArn: string }[])[0]?.taskArn, task?.taskArn);
    await ok('ecs', 'wait', 'tasks-stopped', ...CLUSTER, '--tasks', task?.taskArn ?? '');
    const gone = await ok('ecs', 'deregister-task-definition', ...definition);
    assert.equal((gone.taskDefinition as { status: string }).status, 'INACTIVE');
    await refused('ClientException', 'ecs', 'run-task', ...CLUSTER, ...definition);

    const elsewhere = ['--cluster', 'other'];
    const create = ['create-service', ...elsewhere, '--task-definition', 'other', '--desired-count', '0'];
    await ok('ecs', ...create, '--service-name', 'blue', '--deployment-controller', 'type=CODE_DEPLOY');
    const blue = ['--service', 'blue'];
    await refused(
      'InvalidParameterException',
      'ecs',
      'update-service',
      ...elsewhere,
      ...blue,
      '--force-new-deployment',
    );
    const { services } = (await ok('ecs', 'describe-services', ...elsewhere, '--services', 'blue')) as {
      services: { deployments: unknown[]; taskSets: unknown[] }[];
    };
    assert.deepEqual([services[0]?.deployments.length, services[0]?.taskSets.length], [0, 1]);
    await ok('ecs', 'delete-service', ...elsewhere, ...blue);
    await ok('ecs', 'wait', 'services-inactive', ...elsewhere, '--services', 'blue');
    await ok('ecs', 'delete-cluster', ...elsewhere);
    await refused('ClusterNotFoundException', 'ecs', 'list-services', ...elsewhere);
  });

  it('ecs: a forced deployment, until it is stable', async () => {
    await ok('ecs', 'update-service', ...SERVICE, '--force-new-deployment');
    const deployments = await ok('ecs', 'list-service-deployments', ...SERVICE);
    const [deployment] = deployments.serviceDeployments as {
      serviceDeploymentArn: string;
      targetServiceRevisionArn: string;
    }[];
    assert.ok(deployment);
    const { serviceDeploymentArn: arn, targetServiceRevisionArn: revision } = deployment;
    const statusOf = async () => {
      const { serviceDeployments } = await ok('ecs', 'describe-service-deployments', '--service-deployment-arns', arn);
      return (serviceDeployments as { status: string }[])[0]?.status;
    };
    let status = await statusOf();
    while (status === 'PENDING' || status === 'IN_PROGRESS') status = await statusOf();
    assert.equal(status, 'SUCCESSFUL');
    await ok('ecs', 'describe-service-revisions', '--service-revision-arns', revision);
    await ok('ecs', 'wait', 'services-stable', ...CLUSTER, '--services', 'jamf-mcp-service');
    const { services } = (await ok('ecs', 'describe-services', ...CLUSTER, '--services', 'jamf-mcp-service')) as {
      services: { runningCount: number; deployments: unknown[] }[];
    };
    assert.deepEqual([services[0]?.runningCount, services[0]?.deployments.length], [2, 1]);
    await ok('ecs', 'update-service', ...SERVICE, '--force-new-deployment');
    const again = await ok('ecs', 'list-service-deployments', ...SERVICE);
    const [running] = again.serviceDeployments as { serviceDeploymentArn: string }[];
    await aws(
      'ecs',
      'stop-service-deployment',
      '--service-deployment-arn',
      running?.serviceDeploymentArn ?? '',
      '--stop-type',
      'ROLLBACK',
    );
  });

  it('iam, logs, sqs, lambda and events: a function that runs under a role of its own, and a rule that calls it', async () => {
    const statement = (effect: object) => JSON.stringify({ Version: '2012-10-17', Statement: [effect] });
    const trust = statement({
      Effect: 'Allow',
      Principal: { Service: 'lambda.amazonaws.com' },
      Action: 'sts:AssumeRole',
    });
    const role = ['--role-name', 'greeter'];
    await ok('iam', 'create-role', ...role, '--assume-role-policy-document', trust, '--tags', 'Key=team,Value=mcp');
    await ok('iam', 'update-assume-role-policy', ...role, '--policy-document', trust);
    const group = '/aws/lambda/greeter';
    await ok('logs', 'create-log-group', '--log-group-name', group);
    await ok('logs', 'put-retention-policy', '--log-group-name', group, '--retention-in-days', '30');
    const { logGroups } = (await ok('logs', 'describe-log-groups', '--log-group-name-prefix', group)) as {
      logGroups: { retentionInDays: number }[];
    };
    assert.equal(logGroups[0]?.retentionInDays, 30);
    // For SQS alone the AWS CLI 1 takes its own endpoint, whatever the environment says.
    const sqs = (...args: string[]) => ok('sqs', ...args, '--endpoint-url', sandbox.url);
    const queue = await sqs('create-queue', '--queue-name', 'greeter-dead', '--tags', 'team=mcp');
    const url = ['--queue-url', String(queue.QueueUrl)];
    assert.deepEqual(await sqs('get-queue-url', '--queue-name', 'greeter-dead'), queue);
    await sqs('set-queue-attributes', ...url, '--attributes', 'MessageRetentionPeriod=60');
    await sqs('send-message', ...url, '--message-body', 'hello');
    const { Attributes } = (await sqs('get-queue-attributes', ...url, '--attribute-names', 'All')) as {
      Attributes: Record<string, string>;
    };
    assert.equal(Attributes.ApproximateNumberOfMessages, '1');
    const dead = String(Attributes.QueueArn);
    const write = statement({
      Effect: 'Allow',
      Action: ['logs:*', 'sqs:SendMessage'],
      Resource: [dead, 'arn:aws:logs:*:*:log-group:/aws/lambda/greeter:*'],
    });
    await ok('iam', 'put-role-policy', ...role, '--policy-name', 'write', '--policy-document', write);

    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-cli-'));
    const zip = join(folder, 'greeter.zip');
    const code =
      'export const hello = async ({ name }) => { console.log(name); return `${process.env.GREETING} ${name}`; };';
    await writeFile(zip, zipSync({ 'index.mjs': strToU8(code) }));
    const named = ['--function-name', 'greeter'];
    const made = [
      '--runtime',
      'nodejs24.x',
      '--handler',
      'index.hello',
      '--role',
      'arn:aws:iam::000000000000:role/greeter',
    ];
    const environment = ['--environment', 'Variables={GREETING=hello}'];
    const create = ['lambda', 'create-function', ...named, ...made, '--zip-file', `fileb://${zip}`];
    await refused('ResourceNotFoundException', 'lambda', 'get-function', ...named);
    let created = await aws(...create, '--dead-letter-config', `TargetArn=${dead}`);
    while (created.code !== 0 && created.stderr.includes('cannot be assumed by Lambda')) {
      created = await aws(...create, '--dead-letter-config', `TargetArn=${dead}`);
    }
    assert.equal(created.code, 0, created.stderr);
    const active = async () => {
      for (;;) {
        const { State, LastUpdateStatus } = await ok('lambda', 'get-function-configuration', ...named);
        if (State === 'Active' && LastUpdateStatus === 'Successful') return;
      }
    };
    await active();
    await ok('lambda', 'update-function-code', ...named, '--zip-file', `fileb://${zip}`);
    await active();
    await ok('lambda', 'update-function-configuration', ...named, ...environment);
    await active();
    assert.equal(
      ((await ok('lambda', 'get-function', ...named)).Configuration as { Handler: string }).Handler,
      'index.hello',
    );
    const out = join(folder, 'out.json');
    const payload = join(folder, 'payload.json');
    await writeFile(payload, '{"name":"you"}');
    await ok('lambda', 'invoke', ...named, '--payload', `fileb://${payload}`, out);
    assert.equal(await readFile(out, 'utf8'), '"hello you"');
    assert.deepEqual(
      [...(sandbox.logs.groups.get(group)?.streams.values() ?? [])].flat().map(({ line }) => line),
      ['you'],
    );

    const rule = await ok(
      'events',
      'put-rule',
      '--name',
      'greet',
      '--event-pattern',
      '{"source":["aws.secretsmanager"]}',
    );
    const events = ['--principal', 'events.amazonaws.com', '--source-arn', String(rule.RuleArn)];
    const permission = ['--statement-id', 'events', '--action', 'lambda:InvokeFunction', ...events];
    await ok('lambda', 'add-permission', ...named, ...permission);
    assert.match(String((await ok('lambda', 'get-policy', ...named)).Policy), /AWS:SourceArn/);
    await ok(
      'events',
      'put-targets',
      '--rule',
      'greet',
      '--targets',
      `Id=1,Arn=${String((await ok('lambda', 'get-function-configuration', ...named)).FunctionArn)}`,
    );
    assert.equal((await ok('events', 'describe-rule', '--name', 'greet')).State, 'ENABLED');
    assert.equal(((await ok('events', 'list-targets-by-rule', '--rule', 'greet')).Targets as unknown[]).length, 1);
    await ok('events', 'remove-targets', '--rule', 'greet', '--ids', '1');
    await ok('events', 'delete-rule', '--name', 'greet');
    await ok('lambda', 'remove-permission', ...named, '--statement-id', 'events');
    await ok('lambda', 'delete-function', ...named);
    await sqs('delete-queue', ...url);
    await refused('DeleteConflict', 'iam', 'delete-role', ...role);
    await ok('iam', 'delete-role-policy', ...role, '--policy-name', 'write');
    await ok('iam', 'delete-role', ...role);
    await ok('logs', 'delete-log-group', '--log-group-name', group);
    await rm(folder, { recursive: true });
  });

  /** A policy of one statement. */
  const policyOf = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  const allow = (Action: string, Resource = '*') => policyOf({ Effect: 'Allow', Action, Resource });

  it('iam: a managed policy, its versions, and the role that it is attached to', async () => {
    const [reads, lists] = [allow('secretsmanager:GetSecretValue'), allow('secretsmanager:ListSecrets')];
    const create = ['iam', 'create-policy', '--policy-name', 'Reads', '--path', '/app/', '--description', 'reads'];
    const { Policy } = await ok(...create, '--policy-document', reads);
    const arn = 'arn:aws:iam::000000000000:policy/app/Reads';
    assert.equal((Policy as { Arn: string }).Arn, arn);
    const policy = ['--policy-arn', arn];
    const role = ['--role-name', 'planner'];
    const trust = policyOf({ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' });
    await Promise.all([
      refused('EntityAlreadyExists', ...create, '--policy-document', reads),
      refused('MalformedPolicyDocument', 'iam', 'create-policy', '--policy-name', 'No', '--policy-document', '{'),
      ok('iam', 'create-role', ...role, '--assume-role-policy-document', trust, '--tags', 'Key=team,Value=mcp'),
      ok('iam', 'create-policy-version', ...policy, '--policy-document', lists),
    ]);
    const versions = async () => {
      const { Versions } = await ok('iam', 'list-policy-versions', ...policy);
      return (Versions as { VersionId: string; IsDefaultVersion: boolean }[]).map(
        ({ VersionId, IsDefaultVersion }) => `${VersionId}${IsDefaultVersion ? ' default' : ''}`,
      );
    };
    assert.deepEqual(await versions(), ['v2', 'v1 default']);
    await ok('iam', 'set-default-policy-version', ...policy, '--version-id', 'v2');
    await Promise.all([
      refused('DeleteConflict', 'iam', 'delete-policy-version', ...policy, '--version-id', 'v2'),
      ok('iam', 'delete-policy-version', ...policy, '--version-id', 'v1'),
      ok('iam', 'attach-role-policy', ...role, ...policy),
      refused('NoSuchEntity', 'iam', 'attach-role-policy', ...role, '--policy-arn', `${arn}Not`),
    ]);
    await ok('iam', 'create-policy-version', ...policy, '--policy-document', reads, '--set-as-default');
    const [kept, shown, attached, listed, elsewhere, pages, account] = await Promise.all([
      versions(),
      ok('iam', 'get-policy', ...policy),
      ok('iam', 'list-attached-role-policies', ...role),
      ok('iam', 'list-policies', '--scope', 'Local', '--only-attached', '--path-prefix', '/app/'),
      ok('iam', 'list-policies', '--path-prefix', '/elsewhere/'),
      ok('iam', 'list-policies', '--page-size', '1'),
      ok('iam', 'get-account-authorization-details', '--filter', 'Role', 'LocalManagedPolicy'),
    ]);
    assert.deepEqual(kept, ['v3 default', 'v2'], 'the numbers go on');
    const { Description, DefaultVersionId, AttachmentCount } = shown.Policy as Record<string, unknown>;
    assert.deepEqual([Description, DefaultVersionId, AttachmentCount], ['reads', 'v3', 1]);
    assert.deepEqual(attached.AttachedPolicies, [{ PolicyName: 'Reads', PolicyArn: arn }]);
    const arns = ({ Policies }: Record<string, unknown>) => (Policies as { Arn: string }[]).map(({ Arn }) => Arn);
    assert.deepEqual([arns(listed), arns(elsewhere), arns(pages).length], [[arn], [], 3]);
    assert.deepEqual([account.UserDetailList, arns(account)], [[], [arn]]);
    const [detail] = account.Policies as { PolicyVersionList: { VersionId: string; Document: unknown }[] }[];
    assert.deepEqual(detail?.PolicyVersionList[0]?.Document, JSON.parse(reads));
    const roles = account.RoleDetailList as Record<'RoleName' | 'AttachedManagedPolicies' | 'Tags', unknown>[];
    const planner = roles.find(({ RoleName }) => RoleName === 'planner');
    assert.deepEqual(planner?.AttachedManagedPolicies, [{ PolicyName: 'Reads', PolicyArn: arn }]);
    assert.deepEqual(planner.Tags, [{ Key: 'team', Value: 'mcp' }]);

    await refused('DeleteConflict', 'iam', 'delete-policy', ...policy);
    await ok('iam', 'detach-role-policy', ...role, ...policy);
    await Promise.all([
      refused('DeleteConflict', 'iam', 'delete-policy', ...policy),
      refused('NoSuchEntity', 'iam', 'detach-role-policy', ...role, ...policy),
    ]);
    await Promise.all([
      ok('iam', 'delete-policy-version', ...policy, '--version-id', 'v2'),
      ok('iam', 'delete-role', ...role),
    ]);
    await ok('iam', 'delete-policy', ...policy);
    await refused('NoSuchEntity', 'iam', 'list-policy-versions', ...policy);
  });

  it('iam: what a role has used, and what a policy would allow', async () => {
    const arn = ['--arn', `arn:aws:iam::000000000000:role/${ROLE}`];
    const { JobId } = await ok('iam', 'generate-service-last-accessed-details', ...arn);
    const report = () => ok('iam', 'get-service-last-accessed-details', '--job-id', String(JobId));
    let made = await report();
    while (made.JobStatus === 'IN_PROGRESS') made = await report();
    assert.equal(made.JobStatus, 'COMPLETED');
    const services = made.ServicesLastAccessed as { ServiceNamespace: string; LastAuthenticated?: string }[];
    assert.deepEqual(
      services.map(({ ServiceNamespace, LastAuthenticated }) => [ServiceNamespace, LastAuthenticated !== undefined]),
      [
        ['ecr', true],
        ['logs', true],
        ['secretsmanager', true],
      ],
    );
    const secret = `arn:aws:secretsmanager:us-east-1:000000000000:secret:${NAME}-EXAMPL`;
    const byTag = policyOf({
      Effect: 'Allow',
      Action: 'secretsmanager:*',
      Resource: secret,
      Condition: { StringEquals: { 'aws:PrincipalTag/team': 'mcp' } },
    });
    const simulated = async (...args: string[]) => {
      const asked = ['--policy-input-list', byTag, '--resource-arns', secret, `${secret}2`];
      const names = ['--action-names', 'secretsmanager:GetSecretValue'];
      const { EvaluationResults } = await ok('iam', 'simulate-custom-policy', ...asked, ...names, ...args);
      return (EvaluationResults as { EvalDecision: string; MissingContextValues: string[] }[]).map(
        ({ EvalDecision, MissingContextValues }) => [EvalDecision, ...MissingContextValues].join(' '),
      );
    };
    const tag = 'ContextKeyName=aws:PrincipalTag/team,ContextKeyValues=mcp,ContextKeyType=string';
    const deny = policyOf({ Effect: 'Deny', Action: '*', Resource: '*' });
    const [without, withTag, bounded] = await Promise.all([
      simulated(),
      simulated('--context-entries', tag),
      simulated('--context-entries', tag, '--permissions-boundary-policy-input-list', deny),
      refused(
        'NoSuchEntity',
        'iam',
        'get-service-last-accessed-details',
        '--job-id',
        JobId?.toString().replace(/./g, '0') ?? '',
      ),
    ]);
    assert.deepEqual(without, Array(2).fill('implicitDeny aws:PrincipalTag/team'));
    assert.deepEqual(withTag, ['allowed', 'implicitDeny']);
    assert.deepEqual(bounded, ['explicitDeny', 'explicitDeny']);
  });

  it('access analyzer: what is wrong with a policy, public, or new', async () => {
    const validate = async (type: string, document: string) => {
      const { findings } = await ok(
        'accessanalyzer',
        'validate-policy',
        '--policy-type',
        type,
        '--policy-document',
        document,
      );
      return findings as { issueCode: string; findingType: string; locations: { span: { start: object } }[] }[];
    };
    const opened = policyOf({
      Effect: 'Allow',
      Principal: '*',
      Action: 'secretsmanager:GetSecretValue',
      Resource: '*',
    });
    const type = ['--resource-type', 'AWS::SecretsManager::Secret'];
    const isPublic = (document: string) =>
      ok('accessanalyzer', 'check-no-public-access', ...type, '--policy-document', document);
    const isNew = (from: string, to: string) => {
      const documents = ['--existing-policy-document', from, '--new-policy-document', to];
      return ok('accessanalyzer', 'check-no-new-access', ...documents, '--policy-type', 'IDENTITY_POLICY');
    };
    const [wide, narrow] = [allow('secretsmanager:*'), allow('secretsmanager:GetSecretValue')];
    const [passing, none, closed, open, less, more] = await Promise.all([
      validate('IDENTITY_POLICY', allow('iam:PassRole')),
      validate('RESOURCE_POLICY', POLICY),
      isPublic(POLICY),
      isPublic(opened),
      isNew(wide, narrow),
      isNew(narrow, wide),
      refused(
        'ValidationException',
        'accessanalyzer',
        'validate-policy',
        '--policy-type',
        'NONE',
        '--policy-document',
        wide,
      ),
    ]);
    assert.deepEqual(
      passing.map(({ findingType, issueCode }) => [findingType, issueCode]),
      [['SECURITY_WARNING', 'PASS_ROLE_WITH_STAR_IN_RESOURCE']],
    );
    const column = allow('iam:PassRole').indexOf('"iam:PassRole"');
    assert.deepEqual(passing[0]?.locations[0]?.span.start, { line: 1, column, offset: column });
    assert.deepEqual(none, []);
    assert.deepEqual(
      [closed, open, less, more].map(({ result }) => result),
      ['PASS', 'FAIL', 'PASS', 'FAIL'],
    );
    assert.deepEqual(
      [closed, open].map(({ reasons }) => (reasons as { statementIndex: number }[]).map((one) => one.statementIndex)),
      [[], [0]],
    );
  });

  it('kms: a key, its alias, its policy, its grants, and the time that it is disabled', async () => {
    const { KeyMetadata } = await ok('kms', 'create-key', '--description', 'of the secrets');
    const { KeyId, Arn, KeyManager } = KeyMetadata as Record<string, string>;
    assert.equal(KeyManager, 'CUSTOMER');
    const key = ['--key-id', KeyId ?? ''];
    const alias = ['kms', 'create-alias', '--alias-name', 'alias/of/secrets', '--target-key-id', KeyId ?? ''];
    await ok(...alias);
    const named = ['--key-id', 'alias/of/secrets'];
    const policy = ['--policy-name', 'default'];
    const [aliases, first] = await Promise.all([
      ok('kms', 'list-aliases', ...key),
      ok('kms', 'get-key-policy', ...key, ...policy),
      refused('AlreadyExistsException', ...alias),
      refused('NotFoundException', 'kms', 'get-key-policy', '--key-id', 'alias/nobody', ...policy),
      refused('MalformedPolicyDocumentException', 'kms', 'put-key-policy', ...key, ...policy, '--policy', '{}'),
    ]);
    assert.deepEqual(
      (aliases.Aliases as { AliasName: string; TargetKeyId: string }[]).map((one) => [one.AliasName, one.TargetKeyId]),
      [['alias/of/secrets', KeyId]],
    );
    assert.match(String(first.Policy), /Enable IAM User Permissions/);
    const own = policyOf({
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::000000000000:root' },
      Action: 'kms:*',
      Resource: '*',
    });
    await ok('kms', 'put-key-policy', ...key, ...policy, '--policy', own);
    await ok('kms', 'disable-key', ...key);
    const state = async () => {
      const {
        Arn: arn,
        Enabled,
        KeyState,
      } = (await ok('kms', 'describe-key', ...named)).KeyMetadata as Record<string, unknown>;
      return [arn, Enabled, KeyState];
    };
    assert.deepEqual(await state(), [Arn, false, 'Disabled']);
    assert.equal((await ok('kms', 'get-key-policy', ...key, ...policy)).Policy, own);
    await ok('kms', 'enable-key', ...key);
    const grant = ['--grantee-principal', `arn:aws:iam::000000000000:role/${ROLE}`, '--operations', 'Decrypt'];
    const { GrantId } = await ok('kms', 'create-grant', ...key, ...grant, '--name', 'read');
    const grants = async () => {
      const { Grants } = await ok('kms', 'list-grants', ...key);
      return (Grants as Record<string, unknown>[]).map((one) => [one.GrantId, one.KeyId, one.Name, one.Operations]);
    };
    assert.deepEqual(await grants(), [[GrantId, Arn, 'read', ['Decrypt']]]);
    await ok('kms', 'revoke-grant', ...key, '--grant-id', String(GrantId));
    assert.deepEqual(await grants(), []);
    assert.deepEqual(await state(), [Arn, true, 'Enabled']);
  });

  it('cloudtrail: looks up what all of this left', async () => {
    const filter = ['--lookup-attributes', 'AttributeKey=EventSource,AttributeValue=secretsmanager.amazonaws.com'];
    const { Events } = (await ok('cloudtrail', 'lookup-events', ...filter, '--max-items', '500')) as {
      Events: { EventName: string; Username: string; CloudTrailEvent: string }[];
    };
    assert.ok(Events.length > 50, 'more than a page');
    const names = new Set(Events.map(({ EventName }) => EventName));
    for (const name of ['CreateSecret', 'PutSecretValue', 'GetSecretValue', 'DeleteSecret'])
      assert.ok(names.has(name), name);
    assert.ok(
      Events.some(({ CloudTrailEvent }) => CloudTrailEvent.includes(`assumed-role/${ROLE}/`)),
      'reads at task start',
    );
    assert.ok(!JSON.stringify(Events).includes('REQUIRED_SCOPES'), 'no values');
  });

  it('cloudtrail: tells the public keys of a Region and time, page by page', async () => {
    const [since, until] = [Date.UTC(2026, 10, 1), Date.UTC(2026, 10, 2)];
    const publish = (fingerprint: string, region = 'us-east-1', from = since) => {
      const value = Buffer.from(`key ${fingerprint}`);
      sandbox.trail.publish({ region, fingerprint, value, since: from, until: from + 86_400_000 });
    };
    for (let number = 0; number < 12; number += 1) publish(`f${String(number)}`);
    publish('elsewhere', 'eu-west-1');
    publish('later', 'us-east-1', until + 1);
    const times = ['--start-time', new Date(since).toISOString(), '--end-time', new Date(until).toISOString()];
    const { PublicKeyList } = (await ok('cloudtrail', 'list-public-keys', ...times)) as {
      PublicKeyList: { Fingerprint: string; Value: string }[];
    };
    assert.deepEqual(
      PublicKeyList.map(({ Fingerprint }) => Fingerprint),
      Array.from({ length: 12 }, (_, number) => `f${String(number)}`),
    );
    assert.equal(Buffer.from(PublicKeyList[0]?.Value ?? '', 'base64').toString(), 'key f0');
    await refused(
      'InvalidTimeRangeException',
      'cloudtrail',
      'list-public-keys',
      ...times.slice(0, 2),
      '--end-time',
      '0',
    );
  });

  /** Ask until a query has ended. */
  const ended = async (state: () => Promise<string>) => {
    for (;;) {
      const told = await state();
      if (told !== 'QUEUED' && told !== 'RUNNING') return told;
    }
  };

  it('athena: a table, a query of the trail, one that is stopped', async () => {
    const { create, query } = auditSql({
      url: `s3://${TRAIL_BUCKET}`,
      organization: null,
      accounts: ['000000000000'],
      regions: ['us-east-1'],
      table: 'default.trail',
      secret: NAME,
      window: { since: Date.now() - 8 * 86_400_000, until: Date.now() },
    });
    const run = async (statement: string) => {
      const started = await ok('athena', 'start-query-execution', '--query-string', statement);
      return ['--query-execution-id', String(started.QueryExecutionId)];
    };
    const stateOf = async (id: string[]) => {
      const told = await ok('athena', 'get-query-execution', ...id);
      return (told as { QueryExecution: { Status: { State: string } } }).QueryExecution.Status.State;
    };
    const table = ['--catalog-name', 'AwsDataCatalog', '--database-name', 'default', '--table-name', 'trail'];
    await refused('MetadataException', 'athena', 'get-table-metadata', ...table);
    const made = await run(create);
    assert.equal(await ended(() => stateOf(made)), 'SUCCEEDED');
    const { TableMetadata } = (await ok('athena', 'get-table-metadata', ...table)) as {
      TableMetadata: { PartitionKeys: { Name: string }[] };
    };
    assert.deepEqual(
      TableMetadata.PartitionKeys.map(({ Name }) => Name),
      ['account', 'region', 'timestamp'],
    );
    const asked = await run(query);
    await refused('InvalidRequestException', 'athena', 'get-query-results', ...asked);
    assert.equal(await ended(() => stateOf(asked)), 'SUCCEEDED');
    const { ResultSet } = (await ok('athena', 'get-query-results', ...asked)) as {
      ResultSet: { Rows: { Data: { VarCharValue?: string }[] }[] };
    };
    assert.equal(ResultSet.Rows[0]?.Data[0]?.VarCharValue, 'eventversion');
    assert.ok(ResultSet.Rows.length > 15);
    const stopped = await run(query);
    await ok('athena', 'stop-query-execution', ...stopped);
    assert.equal(await stateOf(stopped), 'CANCELLED');
    await refused('InvalidRequestException', 'athena', 'start-query-execution', '--query-string', 'SELECT');
  });

  it('cloudtrail lake: the event data store, a query, one that is cancelled', async () => {
    const { EventDataStores } = (await ok('cloudtrail', 'list-event-data-stores')) as {
      EventDataStores: { EventDataStoreArn: string }[];
    };
    const [store = ''] = EventDataStores.map(({ EventDataStoreArn }) => EventDataStoreArn);
    const about = await ok('cloudtrail', 'get-event-data-store', '--event-data-store', store);
    assert.equal(about.Name, 'sandbox');
    const statement = `SELECT eventID, eventName FROM ${store.split('/').at(-1) ?? ''} WHERE eventName = 'GetSecretValue'`;
    const run = async () => {
      const { QueryId } = await ok('cloudtrail', 'start-query', '--query-statement', statement);
      return ['--query-id', String(QueryId)];
    };
    const asked = await run();
    const state = async () => String((await ok('cloudtrail', 'describe-query', ...asked)).QueryStatus);
    assert.equal(await ended(state), 'FINISHED');
    const { QueryResultRows } = (await ok('cloudtrail', 'get-query-results', ...asked)) as {
      QueryResultRows: Record<string, string>[][];
    };
    assert.ok(QueryResultRows.length >= 15);
    assert.deepEqual(QueryResultRows[0]?.[1], { eventname: 'GetSecretValue' });
    const cancelled = await ok('cloudtrail', 'cancel-query', ...(await run()));
    assert.equal(cancelled.QueryStatus, 'CANCELLED');
    await refused('InactiveQueryException', 'cloudtrail', 'cancel-query', ...asked);
  });

  it('s3: the bucket of the trail', async () => {
    const { Contents } = (await ok('s3api', 'list-objects-v2', '--bucket', TRAIL_BUCKET)) as {
      Contents: { Key: string }[];
    };
    const [key = ''] = Contents.map(({ Key }) => Key);
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-s3-'));
    try {
      await ok('s3api', 'get-object', '--bucket', TRAIL_BUCKET, '--key', key, join(folder, 'file'));
      const { Records } = JSON.parse(gunzipSync(await readFile(join(folder, 'file'))).toString()) as {
        Records: unknown[];
      };
      assert.ok(Records.length > 0);
    } finally {
      await rm(folder, { recursive: true });
    }
    await refused('NoSuchBucket', 's3api', 'list-objects-v2', '--bucket', 'another-example');
  });

  it('leaves no operation of the sandbox out', () => {
    const seen = new Set(sandbox.calls.map(({ service, operation }) => `${service}:${operation}`));
    const offered = Object.entries(sandbox.aws).flatMap(([service, { handlers }]) =>
      Object.keys(handlers).map((operation) => `${service}:${operation}`),
    );
    assert.deepEqual(
      offered.filter((operation) => !seen.has(operation)),
      [],
    );
  });
});
