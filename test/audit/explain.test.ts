import assert from 'node:assert/strict';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { explainer, type Explanation, type Facts } from '../../src/lib/audit/explain.ts';
import { identityOf, matchesPrincipal, shortIdentity } from '../../src/lib/audit/principal.ts';
import type { SettledAccess } from '../../src/lib/audit/timeline.ts';
import { ACCOUNT, audited, facts, session, task, TASK_ID, user, type Json } from '../support/trail.ts';

const access = (members: Json = {}): SettledAccess => audited(members);

/** What explains one access, where there is no other. */
function explain(one: SettledAccess, given: Facts): Explanation | null {
  const causes = explainer(given);
  causes.learn(one);
  return causes.explain(one);
}

const execution = (name = TASK_ID) => session('ecsTaskExecutionRole', name, '/service-role/');

const read = (userIdentity: Json, eventTime: string, eventName = 'GetSecretValue') =>
  access({ userIdentity, eventTime, eventName });

const kind = (...args: Parameters<typeof explain>) => explain(...args)?.kind ?? null;

describe('audit: explanations', () => {
  const known = facts({ tasks: [task()] });

  it('explains a read by the execution role in the name of a task, while that task starts', () => {
    assert.deepEqual(explain(read(execution(), '2026-11-21T10:00:20Z'), known), {
      kind: 'task-start',
      ref: `arn:aws:ecs:us-east-1:${ACCOUNT}:task/jamf-mcp-cluster/${TASK_ID}`,
      why: `task ${TASK_ID} (jamf-mcp-server:7, deployment ecs-svc/1111111111111111111) was starting from 2026-11-21 10:00:00 to 2026-11-21 10:00:40`,
    });
    assert.equal(
      kind(read(execution(), '2026-11-21T10:00:00Z'), known),
      'task-start',
      'the second in which the task was made',
    );
  });

  it('knows the role of a session without its path, which a record may not tell', () => {
    const bare = { ...execution(), sessionContext: undefined };
    assert.equal(kind(read(bare, '2026-11-21T10:00:20Z'), known), 'task-start');
  });

  it('does not explain the same read before or after the start', () => {
    assert.equal(kind(read(execution(), '2026-11-21T09:59:50Z'), known), null);
    assert.equal(kind(read(execution(), '2026-11-21T10:01:00Z'), known), null);
  });

  it('does not explain it for another role, another task or another deed', () => {
    assert.equal(kind(read(session('other', TASK_ID), '2026-11-21T10:00:20Z'), known), null);
    assert.equal(
      kind(read(execution('0'.repeat(32)), '2026-11-21T23:59:00Z'), known),
      null,
      'a task of this hour that ECS does not list',
    );
    assert.equal(kind(read(execution(), '2026-11-21T10:00:20Z', 'DeleteSecret'), known), null);
    assert.equal(kind(read(user('alice'), '2026-11-21T10:00:20Z'), known), null);
  });

  it('takes a start that never ended to its stop, or to now', () => {
    const stopped = facts({ tasks: [task({ startedAt: null, stoppedAt: '2026-11-21T10:02:00.000Z' })] });
    assert.equal(kind(read(execution(), '2026-11-21T10:01:30Z'), stopped), 'task-start');
    assert.equal(kind(read(execution(), '2026-11-21T10:03:00Z'), stopped), null);
    assert.equal(
      kind(read(execution(), '2026-11-21T10:03:00Z'), facts({ tasks: [task({ startedAt: null })] })),
      'task-start',
    );
  });

  it('explains reads of a running task under its task role, until it stopped', () => {
    const running = session('jamf-mcp-task', TASK_ID);
    assert.equal(kind(read(running, '2026-11-21T15:00:00Z'), known), 'task-run');
    assert.equal(kind(read(running, '2026-11-21T15:00:00Z', 'DescribeSecret'), known), 'task-run');
    assert.equal(kind(read(running, '2026-11-21T15:00:00Z', 'PutSecretValue'), known), null);
    assert.equal(
      kind(read(running, '2026-11-21T15:00:00Z'), facts({ tasks: [task({ stoppedAt: '2026-11-21T14:00:00.000Z' })] })),
      null,
    );
  });

  it('explains by role and form only where ECS has forgotten the task', () => {
    const old = read(execution('f'.repeat(32)), '2026-11-20T10:00:00Z');
    const explanation = explain(old, known);
    assert.equal(explanation?.kind, 'task-role');
    assert.match(explanation.ref, /role and form of the session only/);
    assert.equal(kind(read(execution('deploy-by-hand'), '2026-11-20T10:00:00Z'), known), null);
    assert.equal(
      kind(read(execution(), '2026-11-20T10:00:00Z'), known),
      null,
      'a task that ECS lists was not there then',
    );
    assert.equal(kind(old, facts()), null, 'without tasks no role is known');
  });

  it('explains what AWS does by itself', () => {
    const rotated = access({
      eventType: 'AwsServiceEvent',
      eventName: 'RotationSucceeded',
      userIdentity: { accountId: ACCOUNT, invokedBy: 'secretsmanager.amazonaws.com' },
    });
    assert.deepEqual(explain(rotated, facts()), {
      kind: 'aws-service',
      ref: 'secretsmanager.amazonaws.com',
      why: 'AWS recorded RotationSucceeded of its own accord',
    });
  });

  it('explains your own calls, by the whole ARN', () => {
    const self = `arn:aws:sts::${ACCOUNT}:assumed-role/Operator/ann`;
    assert.deepEqual(explain(access({ userIdentity: session('Operator', 'ann') }), facts({ self })), {
      kind: 'self',
      ref: self,
      why: 'the identity that runs this audit made it',
    });
    assert.equal(kind(access({ userIdentity: session('Operator', 'bob') }), facts({ self })), null);
  });

  it('explains expected principals, sessions by the ARN of their role too', () => {
    const by = (pattern: string, userIdentity: Json) =>
      kind(access({ userIdentity }), facts({ settings: { ...AUDIT_DEFAULTS, knownPrincipals: [pattern] } }));
    assert.equal(by(`arn:aws:iam::${ACCOUNT}:user/alice`, user('alice')), 'known-caller');
    assert.equal(by(`arn:aws:iam::${ACCOUNT}:user/ali`, user('alice')), null);
    assert.equal(by(`arn:aws:iam::${ACCOUNT}:user/*`, user('alice')), 'known-caller');
    assert.equal(by(`arn:aws:iam::${ACCOUNT}:role/team/ci`, session('ci', 'run-7', '/team/')), 'known-caller');
    assert.equal(by(`arn:aws:iam::${ACCOUNT}:role/ci`, session('ci', 'run-7', '/team/')), 'known-caller');
    assert.equal(by(`arn:aws:sts::${ACCOUNT}:assumed-role/ci/run-*`, session('ci', 'run-7')), 'known-caller');
    assert.equal(by(`arn:aws:sts::${ACCOUNT}:assumed-role/ci/deploy-*`, session('ci', 'run-7')), null);
    assert.equal(by('arn:aws:iam::1.1122223333:user/alice', user('alice')), null, 'a dot is a dot');
  });

  it('never goes by the user agent', () => {
    const forged = access({
      userIdentity: user('mallory'),
      userAgent: 'Amazon ECS Agent - Fargate (linux)',
      eventTime: '2026-11-21T10:00:20Z',
    });
    assert.equal(explain(forged, known), null);
  });
});

describe('audit: principals', () => {
  it('counts all sessions of a role as one identity', () => {
    const one = access({ userIdentity: session('ci', 'run-1', '/team/') }).principal;
    const two = access({ userIdentity: session('ci', 'run-2', '/team/') }).principal;
    assert.equal(identityOf(one), identityOf(two));
    assert.equal(
      identityOf(access({ userIdentity: { type: 'AWSAccount', accountId: '1' } }).principal),
      'AWSAccount of 1',
    );
  });

  it('shortens an identity, and names a foreign account', () => {
    assert.equal(
      shortIdentity(`arn:aws:iam::${ACCOUNT}:role/aws-reserved/sso.amazonaws.com/Operator`, ACCOUNT),
      'role/Operator',
    );
    assert.equal(shortIdentity('arn:aws:iam::999999999999:user/eve', ACCOUNT), 'user/eve of 999999999999');
    assert.equal(shortIdentity('secretsmanager.amazonaws.com', ACCOUNT), 'secretsmanager.amazonaws.com');
  });

  it('matches a principal without an ARN by nothing', () => {
    assert.ok(!matchesPrincipal('*', access({ userIdentity: {} }).principal));
  });
});
