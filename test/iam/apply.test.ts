import assert from 'node:assert/strict';
import {
  AttachRolePolicyCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  GetPolicyVersionCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListPolicyVersionsCommand,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { drawApply } from '../../src/lib/iam/apply-report.ts';
import { applyPolicy, type ApplyWish } from '../../src/lib/iam/apply.ts';
import { readRole } from '../../src/lib/iam/live/read.ts';
import { testContext } from '../support/context.ts';
import { sdkConfig, withSandbox } from '../support/sandbox.ts';
import { Chalk } from 'chalk';

const ROLE = 'jamf-mcp-task-role';
const OWN = 'SecretsAccess';

describe('iam apply', () => {
  const sandbox = withSandbox();
  const iam = () => new IAMClient(sdkConfig(sandbox()));
  const secret = async () => {
    const { policies } = await readRole(ROLE, {}, testContext());
    const text = policies.find(({ name }) => name === OWN)?.source.text ?? '';
    return /arn:aws:secretsmanager:[^"]+/.exec(text)?.[0] ?? '';
  };
  const policy = (Resource: string, more: Record<string, unknown> = {}) => ({
    Version: '2012-10-17',
    Statement: [{ Sid: 'Read', Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource, ...more }],
  });
  const narrower = async () =>
    policy(await secret(), { Condition: { StringEquals: { 'secretsmanager:VersionStage': 'AWSCURRENT' } } });
  const wish = (document: unknown, more: Partial<ApplyWish> = {}): ApplyWish => ({
    sources: [{ name: 'policy.json', text: typeof document === 'string' ? document : JSON.stringify(document) }],
    role: ROLE,
    policy: null,
    taskDefinition: null,
    aws: {},
    dryRun: false,
    ...more,
  });
  const there = async (PolicyName = OWN, RoleName = ROLE): Promise<unknown> => {
    const { PolicyDocument = '' } = await iam().send(new GetRolePolicyCommand({ RoleName, PolicyName }));
    return JSON.parse(decodeURIComponent(PolicyDocument));
  };
  const changes = () =>
    sandbox()
      .calls.filter(({ service, operation }) => service === 'iam' && /^(Put|Create|Delete|Attach)/.test(operation))
      .map(({ operation }) => operation);
  const is =
    (code: string, text = /./) =>
    (error: unknown) =>
      error instanceof JamfMcpError && error.code === code && text.test(error.message);

  it('replaces an inline policy by one that allows less, for a yes, in one call', async () => {
    const context = testContext();
    context.answer(true);
    const wanted = await narrower();
    const result = await applyPolicy(wish(wanted), context);
    assert.deepEqual(await there(), wanted);
    assert.deepEqual(changes(), ['PutRolePolicy']);
    assert.deepEqual([result.outcome, result.gains, result.losses.length], ['applied', [], 1]);
    assert.deepEqual(result.policy, { kind: 'inline', name: OWN, created: false });
    const [question] = context.questions;
    assert.ok(question?.kind === 'confirm' && question.name === ROLE);
    const kinds = context.events.map(({ kind }) => kind);
    assert.ok(kinds.indexOf('target') < kinds.indexOf('detail'), 'the account is told before the difference');
    assert.ok(
      context.events.some((event) => event.kind === 'detail' && event.text.includes('+        "StringEquals"')),
      'the difference is shown',
    );
  });

  it('has the name typed where more is allowed than before, and puts nothing where it is not', async () => {
    const context = testContext();
    context.answer(false);
    const before = await there();
    const wide = policy(`${(await secret()).slice(0, -6)}*`);
    await assert.rejects(applyPolicy(wish(wide), context), is('DECLINED'));
    const [question] = context.questions;
    assert.ok(question?.kind === 'confirm-name' && question.name === ROLE);
    assert.deepEqual(await there(), before);
    assert.deepEqual(changes(), []);
  });

  it('shows and changes nothing on a dry run, and asks nobody where there is no difference', async () => {
    const dry = testContext();
    const result = await applyPolicy(wish(await narrower(), { dryRun: true }), dry);
    assert.deepEqual([result.outcome, dry.questions, changes()], ['planned', [], []]);
    const text = drawApply(result, { ink: new Chalk({ level: 0 }), width: 120 });
    assert.match(text, /would be replaced: PutRolePolicy SecretsAccess on jamf-mcp-task-role/);
    assert.match(text, /\n\+ +"secretsmanager:VersionStage": "AWSCURRENT"/);
    const same = testContext();
    const { outcome, steps } = await applyPolicy(wish(await there()), same);
    assert.deepEqual([outcome, steps, same.questions, changes()], ['unchanged', [], [], []]);
  });

  it('adds an inline policy by a new name, from YAML as well', async () => {
    const context = testContext();
    context.answer(true);
    const yaml = `Version: '2012-10-17'\nStatement:\n  Effect: Allow\n  Action: secretsmanager:DescribeSecret\n  Resource: ${await secret()}\n`;
    const sources = [{ name: 'policy.yaml', text: yaml }];
    const { policy: put } = await applyPolicy(wish('', { sources, policy: 'More' }), context);
    assert.deepEqual(put, { kind: 'inline', name: 'More', created: true });
    const added = (await there('More')) as { Statement: { Action: string } };
    assert.equal(added.Statement.Action, 'secretsmanager:DescribeSecret');
    // There are two now, and none is named.
    await assert.rejects(applyPolicy(wish(await narrower()), testContext()), is('INPUT_MISSING', /More/));
  });

  it('refuses what AWS refuses, what grants too much, and what is not one policy', async () => {
    const cases: [unknown, RegExp][] = [
      ['{"Version": "2012-10-17", "Statement": [{"Effect": "allow"}]}', /line 1/],
      ['{', /line 1/],
      [{ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }, /critical|high/],
      [{ Resources: { R: { Type: 'AWS::IAM::Role', Properties: {} } } }, /./],
    ];
    for (const [document, text] of cases) {
      await assert.rejects(applyPolicy(wish(document), testContext()), is('INPUT_INVALID', text));
    }
    await assert.rejects(applyPolicy(wish('', { sources: [] }), testContext()), is('INPUT_INVALID'));
    await assert.rejects(applyPolicy(wish({}, { role: 'nobody' }), testContext()), is('NOT_FOUND'));
    assert.deepEqual(changes(), []);
  });

  it('overwrites nothing that was changed while it asked', async () => {
    const context = testContext();
    const other = policy(await secret(), { Sid: 'Other' });
    const { host } = context;
    const ask: typeof host.ask = async (question) => {
      const PolicyDocument = JSON.stringify(other);
      await iam().send(new PutRolePolicyCommand({ RoleName: ROLE, PolicyName: OWN, PolicyDocument }));
      context.answer(true);
      return await host.ask(question);
    };
    const busy = { ...context, host: { ...host, ask } };
    await assert.rejects(applyPolicy(wish(await narrower()), busy), is('CONFLICT'));
    assert.deepEqual(await there(), other);
  });

  it('refuses a policy with which the task would not start, and says with what it would fail', async () => {
    const execution = { role: 'ecsTaskExecutionRole', taskDefinition: 'jamf-mcp-server', dryRun: true };
    const own = await secret();
    const { needed, losses } = await applyPolicy(wish(policy(own), execution), testContext());
    assert.ok(needed !== null && needed >= 8, String(needed));
    assert.deepEqual(losses, []);
    const elsewhere = wish(policy(own.replace('production', 'staging')), execution);
    await assert.rejects(applyPolicy(elsewhere, testContext()), (error) => {
      assert.ok(error instanceof JamfMcpError && error.code === 'INPUT_INVALID');
      assert.match(error.message, /may not secretsmanager:GetSecretValue on .*production/);
      assert.match(error.hint ?? '', /the task would not start: ResourceInitializationError/);
      return true;
    });
    const foreign = wish(policy(own), { taskDefinition: 'jamf-mcp-server', role: 'reader', policy: 'New' });
    await assert.rejects(applyPolicy(foreign, testContext()), is('INPUT_INVALID', /does not have the role/));
  });

  it('counts what another policy of the role allows neither as more nor as less', async () => {
    const [read] = policy(await secret()).Statement;
    const image = { Sid: 'Image', Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' };
    const both = { Version: '2012-10-17', Statement: [read, image] };
    const on = { role: 'ecsTaskExecutionRole' };
    const context = testContext();
    context.answer(true);
    const more = await applyPolicy(wish(both, on), context);
    assert.deepEqual([more.outcome, more.gains, more.losses], ['applied', [], []]);
    const less = await applyPolicy(wish({ ...both, Statement: [read] }, { ...on, dryRun: true }), testContext());
    assert.deepEqual([less.outcome, less.gains, less.losses], ['planned', [], []]);
  });

  it('puts a new version of a managed policy as the default, and drops the oldest where there are five', async () => {
    const document = (name: string) => JSON.stringify(policy(`${name}-AbCdEf`));
    const own = await secret();
    const arn = own.slice(0, own.indexOf(':secret:')) + ':secret:';
    const { Policy } = await iam().send(
      new CreatePolicyCommand({ PolicyName: 'shared', PolicyDocument: document(`${arn}one`) }),
    );
    const PolicyArn = Policy?.Arn ?? '';
    for (const name of ['two', 'three', 'four', 'five']) {
      sandbox().clock.advance(60_000);
      const PolicyDocument = document(arn + name);
      await iam().send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }));
    }
    const loose = wish(document(`${arn}six`), { policy: PolicyArn });
    await assert.rejects(applyPolicy(loose, testContext()), is('INPUT_INVALID', /not attached/));
    for (const RoleName of [ROLE, 'reader']) await iam().send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
    const before = changes().length;
    const context = testContext();
    context.answer(true);
    const result = await applyPolicy(loose, context);
    assert.match(context.questions[0]?.text ?? '', /1 more principal has, too.*oldest version v1 is deleted/);
    assert.deepEqual(changes().slice(before), ['DeletePolicyVersion', 'CreatePolicyVersion']);
    assert.deepEqual(result.policy, { kind: 'managed', name: PolicyArn, created: false });
    const { Versions = [] } = await iam().send(new ListPolicyVersionsCommand({ PolicyArn }));
    const current = Versions.find(({ IsDefaultVersion }) => IsDefaultVersion);
    assert.deepEqual(Versions.map(({ VersionId }) => VersionId).sort(), ['v2', 'v3', 'v4', 'v5', 'v6']);
    const { PolicyVersion } = await iam().send(
      new GetPolicyVersionCommand({ PolicyArn, VersionId: current?.VersionId ?? '' }),
    );
    assert.deepEqual(JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? '')), policy(`${arn}six-AbCdEf`));
    const aws = wish(await narrower(), {
      role: 'ecsTaskExecutionRole',
      policy: 'arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy',
    });
    await assert.rejects(applyPolicy(aws, testContext()), is('INPUT_INVALID', /AWS's own/));
  });
});
