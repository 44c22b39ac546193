import assert from 'node:assert/strict';
import { can } from '../../src/lib/iam/can-ask.ts';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import type { Finding } from '../../src/lib/iam/finding.ts';
import { withOnline, type OnlineOptions } from '../../src/lib/iam/online/validate.ts';
import type { ReadOptions, Source } from '../../src/lib/iam/source.ts';
import { validate } from '../../src/lib/iam/validate.ts';
import { testContext } from '../support/context.ts';
import { withSandbox } from '../support/sandbox.ts';

type Raw = Record<string, unknown>;
const json = (...statements: Raw[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements }, null, 2);
const source = (text: string, name = 'policy.json'): Source => ({ name, text });
const allow = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod-??????',
  ...rest,
});
const aws = { region: 'us-east-1' };

describe('iam: online', () => {
  const sandbox = withSandbox();
  const called = (operation: string) => sandbox().calls.filter((call) => call.operation === operation).length;

  async function online(
    sources: readonly Source[],
    { type = null, ...options }: Partial<OnlineOptions> & ReadOptions = {},
  ) {
    const context = testContext();
    const offline = await validate(sources, { type }, await loadCatalogue());
    const result = await withOnline(offline, sources, { charged: false, baseline: null, ...options }, { aws, context });
    const told = result.findings.filter((one) => !offline.findings.includes(one));
    return { offline, result, told, warnings: result.unread };
  }
  const brief = ({ rule, code, line, column }: Finding) => `${rule} ${code ?? ''} ${String(line)}:${String(column)}`;

  it('adds what only Access Analyzer knows, at its place, and tells nothing twice', async () => {
    const text = json(
      allow({ Action: ['secretsmanager:GetSecretValue', 'secretsmanager:GetSecretValues'] }),
      allow({ Action: 'iam:PassRole', Resource: '*' }),
    );
    const { offline, told, result } = await online([source(text)]);
    assert.equal(called('ValidatePolicy'), 1);
    // Both find that any role may be passed, under one code, and the action that there is not: each is told once.
    assert.ok(offline.findings.some(({ code }) => code === 'PASS_ROLE_WITH_STAR_IN_RESOURCE'));
    assert.deepEqual(told, []);
    assert.deepEqual(result, offline);
  });

  it('tells under the code of AWS what none of our rules has found', async () => {
    const text = json(allow({ Action: 'secretsmanager:NoSuchThing' }));
    const nothing = { ...(await validate([], {}, await loadCatalogue())), inputs: [] };
    const result = await withOnline(
      nothing,
      [source(text)],
      { charged: false, baseline: null },
      { aws, context: testContext() },
    );
    assert.deepEqual(result.findings.map(brief), ['access-analyzer INVALID_ACTION 6:17']);
    assert.match(result.findings[0]?.message ?? '', /^The action .* does not exist \(IAM Access Analyzer\)$/);
    assert.deepEqual([result.summary.medium, result.findings[0]?.path], [1, 'Statement[0].Action']);
  });

  it('puts findings on a YAML file where they stand in it', async () => {
    const yaml = `# a comment
Statement:
  - Effect: Allow
    Action:
      - secretsmanager:GetSecretValue
      - secretsmanager:NoSuchThing
    Resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod-??????
`;
    const none = await validate([], {}, await loadCatalogue());
    const { findings } = await withOnline(
      none,
      [source(yaml, 'policy.yaml')],
      { charged: false, baseline: null },
      { aws, context: testContext() },
    );
    assert.deepEqual(findings.map(brief), [
      'missing-version MISSING_VERSION 2:1',
      'access-analyzer INVALID_ACTION 6:9',
    ]);
  });

  it('makes the checks that cost something only where it is told to', async () => {
    const secretPolicy = source(json(allow({ Principal: '*', Resource: '*' })));
    assert.deepEqual((await online([secretPolicy], { type: 'resource' })).told, []);
    assert.equal(called('CheckNoPublicAccess'), 0);
    const { told } = await online([secretPolicy], { type: 'resource', charged: true });
    assert.deepEqual(told.map(brief), ['access-analyzer-public  4:5']);
    assert.match(told[0]?.message ?? '', /^The modified permissions grant public access/);
    const bound = source(
      json(allow({ Principal: '*', Resource: '*', Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } } })),
    );
    assert.deepEqual((await online([bound], { type: 'resource', charged: true })).told, []);
  });

  it('compares with a baseline, of the same kind alone', async () => {
    const before = source(json(allow()), 'before.json');
    const same = await online([source(json(allow()))], { charged: true, baseline: before });
    assert.deepEqual([same.told, same.warnings], [[], []]);
    const wider = await online([source(json(allow(), allow({ Resource: '*' })))], { charged: true, baseline: before });
    assert.deepEqual(wider.told.map(brief), ['access-analyzer-new-access  9:5']);
    const trust = source(
      json({ Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'sts:AssumeRole' }),
      't.json',
    );
    const other = await online([trust], { charged: true, baseline: before });
    assert.match(other.warnings.join(), /t\.json: not compared with the baseline/);
    const earlier = source(JSON.stringify({ findings: [] }), 'earlier.json');
    assert.deepEqual((await online([source(json(allow()))], { charged: true, baseline: earlier })).warnings, []);
    const two = source(
      JSON.stringify({ a: JSON.parse(json(allow())) as unknown, b: JSON.parse(json(allow())) as unknown }),
      'two.json',
    );
    const several = await online([source(json(allow()))], { charged: true, baseline: two });
    assert.match(several.warnings.join(), /^two\.json: nothing was compared with it online/);
  });

  it('does not show what deployment fills in', async () => {
    const template = JSON.stringify({
      Resources: {
        Key: {
          Type: 'AWS::IAM::ManagedPolicy',
          Properties: {
            PolicyDocument: { Version: '2012-10-17', Statement: [allow({ Resource: { Ref: 'Secret' } })] },
          },
        },
      },
    });
    const { warnings } = await online([source(template, 'stack.json')]);
    assert.deepEqual(warnings, [
      'stack.json (Key): not shown to IAM Access Analyzer, since deployment fills in a part of it',
    ]);
    assert.equal(called('ValidatePolicy'), 0);
  });

  it('lets the offline findings stand where AWS does not answer, and says so', async () => {
    sandbox().inject({
      operation: 'access-analyzer:ValidatePolicy',
      nth: 'every',
      fault: { kind: 'error', code: 'AccessDeniedException', message: 'no', status: 403 },
    });
    const { offline, result, warnings } = await online([
      source(json(allow({ Action: 'iam:PassRole', Resource: '*' }))),
    ]);
    assert.deepEqual(result.findings, offline.findings);
    assert.match(warnings.join(), /ValidatePolicy failed: no: the findings are those of our own rules/);
  });

  it('goes on with the next policy where AWS does not take one', async () => {
    sandbox().inject({
      operation: 'access-analyzer:ValidatePolicy',
      fault: { kind: 'error', code: 'ValidationException', message: 'too long', status: 400 },
    });
    const text = json(allow({ Action: 'iam:PassRole', Resource: '*' }));
    const { warnings } = await online([source(text, 'a.json'), source(text, 'b.json'), source(text, 'aws/aws/c.json')]);
    assert.deepEqual(warnings, ['a.json: IAM Access Analyzer: ValidatePolicy failed: too long']);
    assert.equal(called('ValidatePolicy'), 2);
  });

  it('asks the simulator the same question, and tells whether it agrees', async () => {
    const ask = (statement: Raw, keys: string[] = []) =>
      can(
        {
          principal: 'app',
          action: 'secretsmanager:GetSecretValue',
          resource: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod-AbCdEf',
          keys,
          online: true,
        },
        [{ layer: 'identity', source: source(json(statement)) }],
        aws,
        testContext(),
      );
    assert.deepEqual((await ask(allow())).online, { verdict: 'allow', ours: 'allow', agrees: true, absent: [] });
    const bound = allow({ Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } } });
    assert.deepEqual((await ask(bound)).online, {
      verdict: 'implicit-deny',
      ours: 'implicit-deny',
      agrees: true,
      absent: ['aws:SourceVpce'],
    });
    assert.equal((await ask(bound, ['aws:SourceVpce=vpce-1'])).online?.verdict, 'allow');
    // The simulator of the sandbox knows few operators: it disagrees, and that is told.
    const unknown = await ask(allow({ Condition: { StringLike: { 'aws:SourceVpce': 'vpce-*' } } }), [
      'aws:SourceVpce=vpce-1',
    ]);
    assert.deepEqual(
      [unknown.online?.verdict, unknown.online?.ours, unknown.online?.agrees],
      ['implicit-deny', 'allow', false],
    );
    sandbox().inject({
      operation: 'iam:SimulateCustomPolicy',
      nth: 'every',
      fault: { kind: 'error', code: 'AccessDenied', message: 'not allowed', status: 403 },
    });
    const refused = await ask(allow());
    assert.deepEqual([refused.verdict, refused.online], ['allow', null]);
    assert.match(refused.unread[0]?.why ?? '', /SimulateCustomPolicy failed/);
  });
});
