import assert from 'node:assert/strict';
import fc from 'fast-check';
import { evaluate, type Layers, type Request } from '../../src/lib/iam/evaluate.ts';
import type { Policy } from '../../src/lib/iam/policy.ts';
import { policyOf, type RawStatement } from './support.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod-AbCdEf';
const ROLE = 'arn:aws:iam::111122223333:role/app';

const request = (change: Partial<Request> = {}): Request => ({
  caller: { arn: ROLE, account: '111122223333', sessionArn: 'arn:aws:sts::111122223333:assumed-role/app/task' },
  action: 'secretsmanager:GetSecretValue',
  resource: SECRET,
  context: {},
  ...change,
});
const allow = (rest: RawStatement = {}): RawStatement => ({
  Effect: 'Allow',
  Action: 'secretsmanager:*',
  Resource: '*',
  ...rest,
});
const deny = (rest: RawStatement = {}): RawStatement => ({
  Effect: 'Deny',
  Action: 'secretsmanager:*',
  Resource: '*',
  ...rest,
});
const identity = (...statements: RawStatement[]): Policy => policyOf(statements);
const resource = (...statements: RawStatement[]): Policy => policyOf(statements, 'resource');
const verdict = (layers: Layers, change: Partial<Request> = {}) => {
  const { verdict: decided, layer } = evaluate(request(change), layers);
  return layer === null ? decided : `${decided} by ${layer}`;
};

describe('iam: evaluation', () => {
  it('denies what nothing allows', () => {
    assert.equal(verdict({ identity: [] }), 'implicit-deny by identity');
    assert.equal(verdict({ identity: [identity(allow({ Action: 's3:*' }))] }), 'implicit-deny by identity');
  });

  it('allows what a statement allows, and names the statement', () => {
    const policy = identity(
      allow({ Action: 's3:*' }),
      allow({ Action: 'secretsmanager:get*', Resource: SECRET.replace('AbCdEf', '??????') }),
    );
    const decision = evaluate(request(), { identity: [policy] });
    assert.equal(decision.verdict, 'allow');
    assert.deepEqual(
      decision.because.map(({ layer, statement }) => [layer, statement.index]),
      [['identity', 1]],
    );
  });

  it('lets a Deny of any layer win', () => {
    const all = identity(allow());
    assert.equal(verdict({ identity: [all, identity(deny({ Resource: SECRET }))] }), 'explicit-deny by identity');
    assert.equal(
      verdict({ identity: [all], resource: resource(deny({ Principal: '*' })) }),
      'explicit-deny by resource',
    );
    assert.equal(verdict({ identity: [all], boundary: identity(allow(), deny()) }), 'explicit-deny by boundary');
    assert.equal(verdict({ identity: [all], scps: [[identity(allow(), deny())]] }), 'explicit-deny by scp');
    assert.equal(verdict({ identity: [all], session: [identity(deny())] }), 'explicit-deny by session');
  });

  it('needs the boundary, the session and each level of the organization to allow', () => {
    const all = identity(allow());
    const other = identity(allow({ Action: 's3:*' }));
    assert.equal(verdict({ identity: [all], boundary: other }), 'implicit-deny by boundary');
    assert.equal(verdict({ identity: [all], session: [other] }), 'implicit-deny by session');
    assert.equal(verdict({ identity: [all], scps: [[all], [other]] }), 'implicit-deny by scp');
    assert.equal(
      verdict({ identity: [all], boundary: all, session: [other, all], scps: [[all], [other, all]] }),
      'allow',
    );
  });

  it('takes the policy of a resource as enough in its own account, if it names the caller', () => {
    const named = (principal: unknown) => resource(allow({ Principal: principal }));
    assert.equal(verdict({ identity: [], resource: named({ AWS: ROLE }) }), 'allow');
    assert.equal(verdict({ identity: [], resource: named('*') }), 'allow');
    assert.equal(verdict({ identity: [], resource: named({ AWS: '111122223333' }) }), 'implicit-deny by identity');
    assert.equal(
      verdict({ identity: [], resource: named({ AWS: 'arn:aws:iam::111122223333:role/other' }) }),
      'implicit-deny by identity',
    );
  });

  it('names what the limits allow beside what grants', () => {
    const [all, own] = [identity(allow()), resource(allow({ Principal: { AWS: ROLE } }))];
    const layersOf = (layers: Layers) => evaluate(request(), layers).because.map(({ layer }) => layer);
    const limits = { boundary: all, session: [all], scps: [[all], [all]] };
    assert.deepEqual(layersOf({ identity: [all], ...limits }), ['identity', 'boundary', 'session', 'scp', 'scp']);
    assert.deepEqual(layersOf({ identity: [], resource: own, boundary: all }), ['resource', 'boundary']);
    const user = 'arn:aws:iam::111122223333:user/app';
    const past = evaluate(request({ caller: { arn: user, account: '111122223333' } }), {
      identity: [],
      resource: resource(allow({ Principal: { AWS: user } })),
      boundary: all,
    });
    assert.deepEqual(
      past.because.map(({ layer }) => layer),
      ['resource'],
      'a boundary does not limit what is granted to a user by name',
    );
  });

  it('limits a grant to a role by its boundary, but not one to its session', () => {
    const boundary = identity(allow({ Action: 's3:*' }));
    const session = 'arn:aws:sts::111122223333:assumed-role/app/task';
    assert.equal(
      verdict({ identity: [], boundary, resource: resource(allow({ Principal: { AWS: ROLE } })) }),
      'implicit-deny by boundary',
    );
    assert.equal(
      verdict({ identity: [], boundary, resource: resource(allow({ Principal: { AWS: session } })) }),
      'allow',
    );
  });

  it('needs both sides across accounts', () => {
    const abroad = { resourceAccount: '444455556666' };
    const all = identity(allow());
    const named = resource(allow({ Principal: { AWS: ROLE } }));
    assert.equal(verdict({ identity: [all] }, abroad), 'implicit-deny by resource');
    assert.equal(verdict({ identity: [], resource: named }, abroad), 'implicit-deny by identity');
    assert.equal(verdict({ identity: [all], resource: named }, abroad), 'allow');
  });

  it('needs a key policy to name or to delegate', () => {
    const key = (...statements: RawStatement[]) => policyOf(statements, 'kms');
    const use = { action: 'kms:Decrypt', resource: 'arn:aws:kms:us-east-1:111122223333:key/1' };
    const all = policyOf({ Effect: 'Allow', Action: 'kms:Decrypt', Resource: '*' });
    const statement = { Effect: 'Allow', Action: 'kms:*', Resource: '*' };
    assert.equal(
      verdict(
        { identity: [all], resource: key({ ...statement, Principal: { AWS: 'arn:aws:iam::111122223333:role/x' } }) },
        use,
      ),
      'implicit-deny by resource',
    );
    assert.equal(
      verdict(
        { identity: [all], resource: key({ ...statement, Principal: { AWS: 'arn:aws:iam::111122223333:root' } }) },
        use,
      ),
      'allow',
    );
    assert.equal(verdict({ identity: [], resource: key({ ...statement, Principal: { AWS: ROLE } }) }, use), 'allow');
  });

  it('lets services and identity providers in by the policy of the resource alone', () => {
    const trust = policyOf(
      {
        Effect: 'Allow',
        Principal: { Service: 'ecs-tasks.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
      },
      'trust',
    );
    const change = (service: string, context: Record<string, string>) => ({
      caller: { arn: '', account: '', service },
      action: 'sts:AssumeRole',
      resource: ROLE,
      resourceAccount: '111122223333',
      context,
    });
    assert.equal(
      verdict(
        { identity: [], resource: trust },
        change('ecs-tasks.amazonaws.com', { 'aws:SourceAccount': '111122223333' }),
      ),
      'allow',
    );
    assert.equal(
      verdict({ identity: [], resource: trust }, change('ecs-tasks.amazonaws.com', {})),
      'implicit-deny by resource',
    );
    assert.equal(
      verdict(
        { identity: [], resource: trust },
        change('lambda.amazonaws.com', { 'aws:SourceAccount': '111122223333' }),
      ),
      'implicit-deny by resource',
    );
  });

  it('tells which keys were asked for and not there', () => {
    const policy = identity(allow({ Condition: { StringEquals: { 'aws:RequestedRegion': 'us-east-1' } } }));
    const decision = evaluate(request(), { identity: [policy] });
    assert.deepEqual([decision.verdict, decision.absent], ['implicit-deny', ['aws:RequestedRegion']]);
  });

  it('allows an action without resource by "*" alone', () => {
    const change = { action: 'secretsmanager:ListSecrets', resource: '*' };
    assert.equal(verdict({ identity: [identity(allow({ Resource: SECRET }))] }, change), 'implicit-deny by identity');
    assert.equal(verdict({ identity: [identity(allow())] }, change), 'allow');
  });

  it('fills variables of a resource with what the request says', () => {
    const policy = identity(allow({ Resource: 'arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/team}/*' }));
    const change = (team: string) => ({
      resource: SECRET.replace('app/', 'blue/'),
      context: { 'aws:PrincipalTag/team': team },
    });
    assert.equal(verdict({ identity: [policy] }, change('blue')), 'allow');
    assert.equal(verdict({ identity: [policy] }, change('red')), 'implicit-deny by identity');
    assert.equal(verdict({ identity: [policy] }, change('*')), 'implicit-deny by identity');
  });

  it('decides as a plain reading of NotAction and NotResource does', () => {
    const actions = ['a:x', 'a:y', 'b:x'];
    const resources = ['arn:aws:a:::1', 'arn:aws:a:::2', 'arn:aws:b:::1'];
    const element = (name: string, values: string[]) =>
      fc
        .tuple(fc.boolean(), fc.subarray(values, { minLength: 1 }))
        .map(([not, list]) => ({ [`${not ? 'Not' : ''}${name}`]: list }));
    const statement = fc
      .tuple(fc.constantFrom('Allow', 'Deny'), element('Action', actions), element('Resource', resources))
      .map(([Effect, action, target]): RawStatement => ({ Effect, ...action, ...target }));
    const about = (raw: RawStatement, name: string, value: string) =>
      ((raw[name] as string[] | undefined)?.includes(value) ?? false) ||
      !((raw[`Not${name}`] as string[] | undefined)?.includes(value) ?? true);
    fc.assert(
      fc.property(
        fc.array(statement, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...actions),
        fc.constantFrom(...resources),
        (statements, action, target) => {
          const applying = statements.filter((raw) => about(raw, 'Action', action) && about(raw, 'Resource', target));
          const expected = applying.some(({ Effect }) => Effect === 'Deny')
            ? 'explicit-deny by identity'
            : applying.length > 0
              ? 'allow'
              : 'implicit-deny by identity';
          return verdict({ identity: [policyOf(statements)] }, { action, resource: target }) === expected;
        },
      ),
    );
  });
});
