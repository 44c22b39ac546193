import assert from 'node:assert/strict';
import type { BreakGlassFact } from '../../src/lib/audit/causes/known.ts';
import type { RotationFact } from '../../src/lib/audit/causes/rotation.ts';
import { explainer, type Facts } from '../../src/lib/audit/explain.ts';
import type { SettledAccess } from '../../src/lib/audit/timeline.ts';
import type { Deployment } from '../../src/lib/ecs/history.ts';
import { ACCOUNT, ARN, audited, facts, NAME, session, task, user, type Json } from '../support/trail.ts';

/** What explains each of some accesses, which are all there are. */
function explained(all: readonly SettledAccess[], given: Facts): (string | null)[] {
  const causes = explainer(given);
  for (const access of all) causes.learn(access);
  return all.map((access) => causes.explain(access)?.kind ?? null);
}

/** Why one kind of cause does not explain the last of some accesses. */
function why(all: readonly SettledAccess[], kind: string, given: Facts): string {
  const causes = explainer(given);
  for (const access of all) causes.learn(access);
  const last = all.at(-1);
  assert.ok(last);
  const attempt = causes.attempts(last).find((one) => one.kind === kind);
  assert.equal(attempt?.explains, false);
  return attempt.why;
}

const at = (clock: string) => `2026-11-21T${clock}Z`;

describe('audit: a rotation of ours', () => {
  const ID = '11111111-2222-8333-a444-555555555555';
  const rotation: RotationFact = {
    rotationId: ID,
    secret: { name: NAME, arn: ARN },
    by: 'ann@laptop (process 7)',
    since: at('10:00:00.400'),
    endedAt: at('10:02:00.100'),
    reason: 'quarterly',
    versions: [ID, 'before'],
    deployment: null,
  };
  const known = facts({ rotations: [rotation] });
  const ann = { userIdentity: session('Operator', 'ann') };
  const wrote = audited({
    ...ann,
    eventName: 'PutSecretValue',
    eventTime: at('10:00:10'),
    requestParameters: { secretId: ARN, clientRequestToken: ID },
  });
  const read = (eventTime: string, more: Json = ann) => audited({ ...more, eventTime });

  it('explains what the identity did that wrote its version, before the write too, and while it ran', () => {
    const all = [read(at('10:00:00')), wrote, read(at('10:02:04'))];
    assert.deepEqual(explained(all, known), ['rotation', 'rotation', 'rotation']);
    const moved = audited({
      ...ann,
      eventName: 'UpdateSecretVersionStage',
      eventTime: at('10:01:00'),
      requestParameters: { secretId: ARN, moveToVersionId: ID },
    });
    assert.deepEqual(explained([read(at('10:00:30')), moved], known), ['rotation', 'rotation']);
  });

  it('explains nobody else, no other time, secret or deed', () => {
    const bob = { userIdentity: session('Operator', 'bob') };
    assert.deepEqual(explained([wrote, read(at('10:01:00'), bob)], known), ['rotation', null]);
    assert.match(why([wrote, read(at('10:01:00'), bob)], 'rotation', known), /wrote no version of it$/);
    assert.deepEqual(explained([wrote, read(at('10:02:10'))], known), ['rotation', null]);
    const elsewhere = { ...read(at('10:01:00')), secret: ARN.replace('AbCdEf', 'XxXxXx') };
    assert.deepEqual(explained([wrote, elsewhere], known), ['rotation', null]);
    const deleted = audited({ ...ann, eventName: 'DeleteSecret', eventTime: at('10:01:00') });
    assert.deepEqual(explained([wrote, deleted], known), ['rotation', null]);
    assert.deepEqual(explained([read(at('10:01:00'))], known), [null], 'nobody is known to have written it');
    const failed = audited({
      ...bob,
      eventName: 'PutSecretValue',
      eventTime: at('10:00:20'),
      errorCode: 'InvalidRequestException',
      requestParameters: { secretId: ARN, clientRequestToken: ID },
    });
    assert.deepEqual(explained([wrote, failed, read(at('10:01:00'), bob)], known), ['rotation', null, null]);
  });

  it('names itself behind a task that its deployment started', () => {
    const id = 'ecs-svc/1111111111111111111';
    const behind = {
      ...rotation,
      deployment: { id, startedAt: at('09:59:00'), finishedAt: at('10:01:00') },
    };
    const causes = explainer(facts({ tasks: [task()], rotations: [behind] }));
    const start = causes.explain(
      audited({
        userIdentity: session('ecsTaskExecutionRole', task().taskId, '/service-role/'),
        eventTime: at('10:00:20'),
      }),
    );
    assert.match(start?.why ?? '', new RegExp(`deployment ${id} of the rotation ${ID}`));
  });
});

describe('audit: a rotation function', () => {
  const FUNCTION = 'jamf-mcp-rotation-x';
  const known = facts({ functionOf: () => ({ function: FUNCTION, role: FUNCTION }) });
  const byAws = (eventName: string, eventTime: string) =>
    audited({
      eventType: 'AwsServiceEvent',
      eventName,
      eventTime,
      userIdentity: { accountId: ACCOUNT, invokedBy: 'secretsmanager.amazonaws.com' },
      requestParameters: null,
      additionalEventData: { SecretId: ARN },
    });
  const read = (eventTime: string, role = FUNCTION, name = FUNCTION) =>
    audited({ userIdentity: session(role, name), eventTime });

  it('explains the function of the secret while AWS rotates it, by the events of AWS', () => {
    const all = [
      byAws('RotationStarted', at('10:00:00')),
      read(at('10:00:20')),
      byAws('RotationSucceeded', at('10:01:00')),
    ];
    assert.deepEqual(explained(all, known), ['aws-service', 'rotation-function', 'aws-service']);
    for (const end of ['RotationFailed', 'RotationAbandoned']) {
      const late = [byAws('RotationStarted', at('10:00:00')), byAws(end, at('10:01:00')), read(at('10:01:10'))];
      assert.equal(explained(late, known).at(-1), null, end);
    }
    assert.equal(explained([byAws('RotationStarted', at('10:00:00')), read(at('11:10:00'))], known).at(-1), null);
    assert.match(why([read(at('10:00:20'))], 'rotation-function', known), /no rotation was under way then$/);
  });

  it('takes no event that a caller could write for one of AWS', () => {
    const forged = audited({ eventName: 'RotationStarted', eventTime: at('10:00:00') });
    assert.equal(explained([forged, read(at('10:00:20'))], known).at(-1), null);
  });

  it('knows any function that RotateSecret names, by the name of its session', () => {
    const asked = audited({
      eventName: 'RotateSecret',
      eventTime: at('10:00:00'),
      requestParameters: {
        secretId: ARN,
        rotationLambdaARN: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:their-rotation`,
      },
    });
    assert.equal(
      explained([asked, read(at('10:00:20'), 'their-role', 'their-rotation')], known).at(-1),
      'rotation-function',
    );
    assert.equal(explained([asked, read(at('10:00:20'), 'their-role', 'another')], known).at(-1), null);
    const refused = audited({
      ...asked,
      eventName: 'RotateSecret',
      errorCode: 'AccessDenied',
      eventTime: at('10:00:00'),
    });
    assert.equal(explained([refused, read(at('10:00:20'), 'their-role', 'their-rotation')], known).at(-1), null);
  });

  it('takes its own name with its own role only', () => {
    const all = [byAws('RotationStarted', at('10:00:00')), read(at('10:00:20'), 'somebody', FUNCTION)];
    assert.equal(explained(all, known).at(-1), null);
  });
});

describe('audit: deployments that ECS remembers', () => {
  const deployment: Deployment = {
    id: 'ecs-svc/7',
    arn: null,
    state: 'steady',
    startedAt: at('10:00:00'),
    finishedAt: at('10:05:00'),
    taskDefinition: `arn:aws:ecs:us-east-1:${ACCOUNT}:task-definition/jamf-mcp-server:8`,
    counts: null,
    reason: null,
    breaker: null,
  };
  const known = facts({ tasks: [task()], deployments: [deployment] });
  const old = (eventTime: string, name = 'a'.repeat(32)) =>
    audited({ userIdentity: session('ecsTaskExecutionRole', name, '/service-role/'), eventTime });

  it('explain starts of tasks that are forgotten, and leave the rest to role and form', () => {
    assert.deepEqual(explained([old(at('10:02:00')), old(at('10:06:10'))], known), ['deployment', 'task-role']);
    assert.deepEqual(explained([old(at('10:02:00'), 'by-hand')], known), [null]);
    const causes = explainer(known);
    assert.match(causes.explain(old(at('10:02:00')))?.why ?? '', /ecs-svc\/7 with jamf-mcp-server:8 was under way/);
  });
});

describe('audit: infrastructure tools', () => {
  const TERRAFORM = 'APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.70.0';
  const tool = (eventName: string, eventTime: string, more: Json = {}) =>
    audited({
      userAgent: TERRAFORM,
      eventName,
      eventTime,
      ...(eventName === 'GetSecretValue' ? { requestParameters: { secretId: ARN, versionId: 'v1' } } : {}),
      ...more,
    });
  const created = tool('CreateSecret', at('08:00:00'));
  const looked = [tool('DescribeSecret', at('10:00:00')), tool('GetResourcePolicy', at('10:00:01'))];
  const last = (all: readonly SettledAccess[], given = facts()) => explained(all, given).at(-1);

  it('are explained by the identity that created the secret and the shape of their work', () => {
    assert.equal(last([created, ...looked, tool('GetSecretValue', at('10:00:02'))]), 'infrastructure');
    const lookedLater = [created, tool('GetSecretValue', at('10:00:02')), tool('DescribeSecret', at('10:00:05'))];
    assert.equal(explained(lookedLater, facts())[1], 'infrastructure');
    assert.equal(last([created, ...looked, tool('DeleteSecret', at('10:00:09'))]), 'infrastructure');
  });

  it('are never believed for their user agent', () => {
    const read = (more: Json) => tool('GetSecretValue', at('10:00:02'), more);
    const harvest = read({ requestParameters: { secretId: ARN } });
    assert.equal(last([created, ...looked, harvest]), null, 'names no version');
    assert.match(why([created, ...looked, harvest], 'infrastructure', facts()), /reads the version of its state/);
    assert.equal(last([created, read({})]), null, 'looks at nothing beside');
    assert.equal(last([...looked, read({})]), null, 'has not created it');
    assert.match(why([...looked, read({})], 'infrastructure', facts()), /has not created the secret/);
    const mallory = { userIdentity: user('mallory', 'AKIAMALLORY00EXAMPLE') };
    assert.equal(last([created, ...looked, read(mallory)]), null, 'another identity');
    assert.equal(last([created, ...looked, read({ sourceIPAddress: '203.0.113.9' })]), null, 'another address');
    assert.equal(last([created, ...looked, read({ userAgent: 'stratus-red-team_1' })]), null, 'another program');
    assert.equal(last([created, ...looked, tool('GetSecretValue', at('11:00:00'))]), null, 'another time');
    assert.equal(last([created, ...looked, read({ errorCode: 'AccessDenied' })]), null, 'refused');
    const stranger = tool('CreateSecret', at('08:00:00'), { userAgent: 'aws-cli/2.33.20' });
    assert.equal(last([stranger, ...looked, read({})]), null, 'created by hand');
  });

  it('may be usual by the baseline instead', () => {
    const entry = {
      principal: `arn:aws:iam::${ACCOUNT}:user/alice`,
      secret: 'jamf-mcp-server/*',
      actions: ['DescribeSecret'],
      networks: [],
      userAgents: ['terraform'],
      regions: [],
      hours: [],
      daily: null,
      since: '2026-11-01T00:00:00.000Z',
      until: '2026-12-01T00:00:00.000Z',
      origin: 'allowed' as const,
      reason: 'infrastructure',
    };
    const known = facts({ baseline: { learned: [], entries: [entry] } });
    const all = [...looked, tool('GetSecretValue', at('10:00:02'))];
    assert.equal(last(all, known), 'infrastructure');
    assert.equal(last(all, facts({ baseline: { learned: [], entries: [{ ...entry, userAgents: [] }] } })), null);
    const over = { ...entry, until: '2026-11-20T00:00:00.000Z' };
    assert.equal(last(all, facts({ baseline: { learned: [], entries: [over] } })), null);
  });

  it('are CloudFormation where AWS says that the call came through it', () => {
    const through = { userIdentity: { ...user('alice'), invokedBy: 'cloudformation.amazonaws.com' } };
    const made = audited({ ...through, eventName: 'CreateSecret', eventTime: at('08:00:00') });
    assert.equal(last([made, audited({ ...through, eventTime: at('08:00:09') })]), 'infrastructure');
    assert.equal(last([audited({ ...through, eventTime: at('08:00:09') })]), null);
    assert.equal(last([made, audited({ userAgent: 'cloudformation.amazonaws.com', eventTime: at('08:00:09') })]), null);
  });
});

describe('audit: break-glass reasons', () => {
  const entry: BreakGlassFact = {
    at: at('10:00:00.900'),
    secret: NAME,
    action: 'reveal',
    user: 'ann',
    reason: 'INC-7 login',
    agentText: 'INC-7_login',
  };
  const known = facts({ breakGlass: [entry] });
  const read = (eventTime: string, userAgent: string) => audited({ eventTime, userAgent });
  const agent = 'aws-sdk-js/3.900 jamf-mcp/0 reason/INC-7_login';

  it('explain the reads right after the signed entry that carry its reason', () => {
    const causes = explainer(known);
    const explanation = causes.explain(read(at('10:00:01'), agent));
    assert.equal(explanation?.kind, 'break-glass');
    assert.match(explanation.why, /^ann gave a reason at 2026-11-21 10:00:00 \(reveal\): INC-7 login$/);
  });

  it('explain nothing without the entry, with another reason, another secret or at another time', () => {
    const none = (access: SettledAccess, given = known) => {
      assert.deepEqual(explained([access], given), [null]);
    };
    none(read(at('10:00:01'), agent), facts());
    none(read(at('10:00:01'), 'aws-sdk-js/3.900 jamf-mcp/0'));
    none(read(at('10:00:01'), 'x reason/INC-8'));
    none(read(at('10:03:00'), agent));
    none(read(at('09:59:50'), agent));
    none({ ...read(at('10:00:01'), agent), secretName: 'another' });
    none(audited({ eventTime: at('10:00:01'), userAgent: agent, eventName: 'DeleteSecret' }));
    const claim = { ...read(at('10:00:01'), agent), secretName: 'another' };
    assert.match(why([claim], 'break-glass', known), /^it claims the reason INC-7_login, and the break-glass log/);
  });
});

describe('audit: attempts', () => {
  it('tell of every cause one line, strongest first, and agree with the explanation', () => {
    const causes = explainer(facts());
    const attempts = causes.attempts(audited());
    assert.deepEqual(
      attempts.map(({ kind }) => kind),
      [
        ...['aws-service', 'break-glass', 'rotation', 'rotation-function', 'task-start', 'task-run', 'deployment'],
        ...['infrastructure', 'self', 'known-caller', 'baseline', 'task-role'],
      ],
    );
    assert.ok(attempts.every(({ explains, why: text }) => !explains && text !== '' && !text.includes('\n')));
    const mine = explainer(facts({ self: `arn:aws:iam::${ACCOUNT}:user/alice` }));
    assert.deepEqual(
      mine
        .attempts(audited())
        .filter(({ explains }) => explains)
        .map(({ kind }) => kind),
      ['self'],
    );
  });
});
