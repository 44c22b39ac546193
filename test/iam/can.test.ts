import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import { can, type Question } from '../../src/lib/iam/can-ask.ts';
import type { LayerSource } from '../../src/lib/iam/can-layers.ts';
import { drawCan } from '../../src/lib/iam/can-report.ts';
import type { CanResult } from '../../src/lib/iam/can.ts';
import type { Reason } from '../../src/lib/iam/evaluate.ts';

import { testContext } from '../support/context.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod-AbCdEf';

type Raw = Record<string, unknown>;
const text = (...statements: Raw[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements }, null, 2);
const layer = (of: Reason['layer'], name: string, ...statements: Raw[]): LayerSource => ({
  layer: of,
  source: { name, text: text(...statements) },
});
const read = (rest: Raw = {}): Raw => ({
  Sid: 'Read',
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod-??????',
  ...rest,
});
const ask = (sources: readonly LayerSource[], change: Partial<Question> = {}): Promise<CanResult> =>
  can(
    { principal: 'app', action: 'secretsmanager:getsecretvalue', resource: SECRET, keys: [], online: false, ...change },
    sources,
    {},
    testContext(),
  );
const told = ({ answers: [first] }: CanResult) =>
  first?.because.map(
    ({ layer: of, effect, file, line, sid }) => `${of} ${effect} ${file}:${String(line)} ${sid ?? ''}`,
  );

describe('iam can: by policy files', () => {
  it('names the statement that allows, by file and line', async () => {
    const result = await ask([
      layer('identity', 'other.json', { Effect: 'Allow', Action: 's3:*', Resource: '*' }),
      layer('identity', 'app.json', { Effect: 'Allow', Action: 'kms:Decrypt', Resource: '*' }, read()),
    ]);
    assert.equal(result.principal, 'arn:aws:iam::111122223333:role/app');
    assert.equal(result.verdict, 'allow');
    assert.equal(result.answers[0]?.action, 'secretsmanager:GetSecretValue');
    assert.deepEqual(told(result), ['identity Allow app.json:9 Read']);
  });

  it('names the statement that denies, whatever allows', async () => {
    const result = await ask([
      layer('identity', 'app.json', read()),
      layer('resource', 'secret.json', { Sid: 'No', Effect: 'Deny', Principal: '*', Action: '*', Resource: '*' }),
    ]);
    assert.deepEqual([result.verdict, told(result)], ['explicit-deny', ['resource Deny secret.json:4 No']]);
    const drawn = drawCan(result, { ink: new Chalk({ level: 0 }), width: 100 });
    assert.match(drawn, /^denied: .*\n\nDeny +resource +secret\.json:4:5 No$/);
  });

  it('tells what was near: another resource, a condition, another principal', async () => {
    const result = await ask([
      layer(
        'identity',
        'app.json',
        read({ Sid: 'Bare', Resource: SECRET.replace('-AbCdEf', '') }),
        read({ Sid: 'Vpc', Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } } }),
        read({ Sid: 'Not', Action: 'secretsmanager:PutSecretValue' }),
      ),
      layer('resource', 'secret.json', read({ Sid: 'Else', Principal: { AWS: '444455556666' }, Resource: '*' })),
    ]);
    assert.equal(result.verdict, 'implicit-deny');
    const [first] = result.answers;
    assert.deepEqual(
      first?.nearly.map(({ sid, why }) => [sid, why]),
      [
        ['Bare', 'its resources do not take this one in'],
        ['Vpc', 'it wants aws:SourceVpce StringEquals vpce-1, which the request does not carry'],
        ['Else', 'it does not name this principal'],
      ],
    );
    assert.deepEqual(first.absent, ['aws:SourceVpce']);
  });

  it('takes keys of the request, several values of one among them', async () => {
    const sources = [
      layer(
        'identity',
        'app.json',
        read({ Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] } } }),
      ),
    ];
    assert.equal((await ask(sources, { keys: ['aws:TagKeys=a', 'aws:TagKeys=b'] })).verdict, 'allow');
    assert.equal((await ask(sources, { keys: ['aws:TagKeys=c', 'aws:TagKeys=a'] })).verdict, 'implicit-deny');
    await assert.rejects(ask(sources, { keys: ['aws:TagKeys'] }), { code: 'INPUT_INVALID' });
  });

  it('lets boundary, session and each level of the organization restrict', async () => {
    const all = { Effect: 'Allow', Action: '*', Resource: '*' };
    const s3 = { ...all, Action: 's3:*' };
    for (const restricting of ['boundary', 'session', 'scp'] as const) {
      const allowed = await ask([layer('identity', 'a.json', all), layer(restricting, 'b.json', all)]);
      assert.equal(allowed.verdict, 'allow', restricting);
      const result = await ask([layer('identity', 'a.json', all), layer(restricting, 'b.json', s3)]);
      assert.deepEqual([result.verdict, result.answers[0]?.layer], ['implicit-deny', restricting]);
    }
    const levels = [layer('identity', 'a.json', all), layer('scp', 'root.json', all), layer('scp', 'unit.json', s3)];
    assert.equal((await ask(levels)).answers[0]?.layer, 'scp');
    await assert.rejects(ask([layer('boundary', 'a.json', all), layer('boundary', 'b.json', all)]), {
      code: 'INPUT_INVALID',
      message: /one permissions boundary/,
    });
  });

  it('lets the policy of a resource name one session of a role', async () => {
    const session = 'arn:aws:sts::111122223333:assumed-role/app/one';
    const sources = [layer('resource', 'secret.json', read({ Principal: { AWS: session }, Resource: '*' }))];
    const result = await ask(sources, { principal: session });
    assert.deepEqual([result.verdict, result.principal], ['allow', session]);
    assert.equal((await ask(sources, { principal: session.replace('/one', '/two') })).verdict, 'implicit-deny');
  });

  it('knows a key policy from that of another resource: it has to name the principal or leave it to IAM', async () => {
    const decrypt = { Effect: 'Allow', Action: 'kms:Decrypt', Resource: '*' };
    const key = { action: 'kms:Decrypt', resource: 'arn:aws:kms:us-east-1:111122223333:key/1' };
    const identity = layer('identity', 'a.json', decrypt);
    const of = (AWS: string) => layer('resource', 'key.json', { ...decrypt, Principal: { AWS } });
    assert.equal((await ask([identity, of('arn:aws:iam::111122223333:root')], key)).verdict, 'allow');
    const result = await ask([identity, of('arn:aws:iam::111122223333:role/other')], key);
    assert.deepEqual([result.verdict, result.answers[0]?.layer], ['implicit-deny', 'resource']);
  });

  it('lets a service in by a trust policy', async () => {
    const trust = layer('resource', 'trust.json', {
      Effect: 'Allow',
      Principal: { Service: 'ecs-tasks.amazonaws.com' },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'aws:SourceAccount': '111122223333' } },
    });
    const question = {
      principal: 'ecs-tasks.amazonaws.com',
      action: 'sts:AssumeRole',
      resource: 'arn:aws:iam::111122223333:role/app',
    };
    assert.equal((await ask([trust], question)).verdict, 'implicit-deny');
    assert.equal((await ask([trust], { ...question, keys: ['aws:SourceAccount=111122223333'] })).verdict, 'allow');
  });

  it('takes of a template the policies of the kind, and says that deployment fills in the rest', async () => {
    const template = JSON.stringify({
      Resources: {
        Role: {
          Type: 'AWS::IAM::Role',
          Properties: {
            AssumeRolePolicyDocument: JSON.parse(
              text({ Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' }),
            ) as unknown,
            Policies: [
              { PolicyName: 'p', PolicyDocument: JSON.parse(text(read({ Resource: { Ref: 'Secret' } }))) as unknown },
            ],
          },
        },
      },
    });
    const result = await ask([{ layer: 'identity', source: { name: 'stack.json', text: template } }]);
    assert.equal(result.verdict, 'implicit-deny');
    assert.deepEqual(result.unread, [
      { what: 'stack.json (Role)', why: 'it has values that the deployment fills in, which match nothing here' },
    ]);
  });

  it('refuses what is no question', async () => {
    const sources = [layer('identity', 'a.json', read())];
    const refused = (change: Partial<Question>, code: string, message: RegExp) =>
      assert.rejects(ask(sources, change), { code, message });
    await refused({ action: 'secretsmanager:Get*' }, 'INPUT_INVALID', /no wildcard/);
    await refused({ resource: null }, 'INPUT_MISSING', /done to a resource/);
    await refused({ resource: SECRET.replace('AbCdEf', '??????') }, 'INPUT_INVALID', /is a pattern/);
    await refused({ principal: 'arn:aws:iam::111122223333:root' }, 'INPUT_INVALID', /root user/);
    await refused({ principal: 'a b' }, 'INPUT_INVALID', /is no role/);
    await assert.rejects(ask([{ layer: 'identity', source: { name: 'bad.json', text: '{"Statement": [' } }]), {
      code: 'INPUT_INVALID',
      message: /^bad\.json:1: /,
      hint: /iam validate bad\.json/,
    });
  });

  it('judges an action that is not known, says so, and asks for what may be meant', async () => {
    const { unread } = await ask([layer('identity', 'a.json', read())], { action: 'secretsmanager:GetSecretValeu' });
    assert.match(
      unread[0]?.why ?? '',
      /no action .* is known \(data of .*\); is secretsmanager:GetSecretValue meant\?/,
    );
  });

  it('asks for an action without resources with *', async () => {
    const list = layer('identity', 'a.json', { Effect: 'Allow', Action: 'secretsmanager:ListSecrets', Resource: '*' });
    const result = await ask([list], { action: 'secretsmanager:ListSecrets' });
    assert.deepEqual([result.verdict, result.answers[0]?.resource], ['allow', '*']);
    const narrow = layer('identity', 'a.json', {
      Effect: 'Allow',
      Action: 'secretsmanager:ListSecrets',
      Resource: SECRET,
    });
    assert.equal((await ask([narrow], { action: 'secretsmanager:ListSecrets' })).verdict, 'implicit-deny');
  });

  it('draws it without what a terminal would act on', async () => {
    const result = await ask([
      layer(
        'identity',
        'evil\u001b[31m.json',
        read({ Sid: 'x\u202ey', Condition: { Bool: { 'aws:\u0007': 'true' } } }),
      ),
    ]);
    const drawn = drawCan(result, { ink: new Chalk({ level: 0 }), width: 80 });
    assert.doesNotMatch(drawn, /[\u0007\u001b\u202e]/);
    assert.match(drawn, /^not allowed: arn:aws:iam::111122223333:role\/app secretsmanager:GetSecretValue on /);
    assert.match(drawn, /what names the action and does not apply:\nAllow +identity +evil\\x1b\[31m\.json:4:5/);
  });
});
