/** What a template leaves open: two unknowns are the same only where the template says so, and people can read which. */
import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { fixSources } from '../../src/lib/iam/fix/index.ts';
import { validate } from '../../src/lib/iam/validate.ts';

const template = (...statements: unknown[]) =>
  JSON.stringify(
    {
      Resources: {
        Access: {
          Type: 'AWS::IAM::Policy',
          Properties: { PolicyDocument: { Version: '2012-10-17', Statement: statements } },
        },
      },
    },
    null,
    2,
  );
const reads = (resource: unknown, condition: object = {}) => ({
  Effect: 'Allow',
  Action: 's3:GetObject',
  Resource: resource,
  ...condition,
});
const findings = async (text: string, rule: string) => {
  const { findings: all } = await validate([{ name: 'template.json', text }], { type: null }, await loadCatalogue());
  return all.filter((finding) => finding.rule === rule);
};

describe('what a template leaves open', () => {
  const different: [string, unknown, unknown][] = [
    ['an import and an attribute', { 'Fn::ImportValue': 'bucket' }, { 'Fn::GetAtt': ['Bucket', 'Arn'] }],
    ['two imports', { 'Fn::ImportValue': 'one' }, { 'Fn::ImportValue': 'other' }],
    ['two lookups', { 'Fn::FindInMap': ['M', 'a', 'b'] }, { 'Fn::FindInMap': ['M', 'a', 'c'] }],
    ['two parameters', { Ref: 'One' }, { Ref: 'Other' }],
    [
      'one name with two values',
      { 'Fn::Sub': ['arn:aws:s3:::${b}/x', { b: { Ref: 'One' } }] },
      { 'Fn::Sub': ['arn:aws:s3:::${b}/x', { b: { Ref: 'Other' } }] },
    ],
  ];
  for (const [name, one, other] of different) {
    it(`takes ${name} for two things, and repairs nothing`, async () => {
      const text = template(reads([one, other]));
      assert.deepEqual(await findings(text, 'redundant-resource'), []);
      const { files } = await fixSources([{ name: 'template.json', text }], { type: null }, await loadCatalogue());
      assert.deepEqual(files, []);
    });
    it(`takes ${name} in conditions for two things`, async () => {
      const when = (value: unknown) => ({ Condition: { StringEquals: { 'aws:PrincipalOrgID': value } } });
      const text = template(reads('arn:aws:s3:::b/x', when(one)), reads('arn:aws:s3:::b/x', when(other)));
      assert.deepEqual(await findings(text, 'redundant-statement'), []);
    });
  }

  it('takes the same unknown for one', async () => {
    assert.equal((await findings(template(reads([{ Ref: 'A' }, { Ref: 'A' }])), 'redundant-resource')).length, 1);
    const given = (value: string) => ({ 'Fn::Sub': ['arn:aws:s3:::${b}/x', { b: value }] });
    assert.equal((await findings(template(reads([given('a'), given('a')])), 'redundant-resource')).length, 1);
  });

  it('reads a policy that stands in a string', async () => {
    const policy = (resource: string) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: resource }],
      });
    const of = (PolicyDocument: unknown) =>
      JSON.stringify({ Resources: { Access: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument } } } });
    const arn = 'arn:aws:secretsmanager:us-east-1:${AWS::AccountId}:secret:app/${Env}*';
    for (const document of [{ 'Fn::Sub': policy(arn) }, { 'Fn::Sub': [policy(arn), {}] }]) {
      const [found] = await findings(of(document), 'secret-pattern-too-broad');
      assert.equal(found?.fix, 'Write secret:app/${Env}-?????? if one secret is meant.');
    }
    assert.equal((await findings(of(policy('*')), 'sensitive-read-unbound')).length, 1);
    const files = [{ name: 'template.json', text: of({ 'Fn::Sub': policy(`${arn.slice(0, -1)}-*`) }) }];
    const fixed = await fixSources(files, { type: null }, await loadCatalogue());
    assert.deepEqual(fixed.files, []);
  });

  it('names what is open where it says what to write', async () => {
    const arn = 'arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:app/';
    const access = (name: string) => ({
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: { 'Fn::Sub': `${arn}${name}` },
    });
    const [family] = await findings(template(access('${Env}*')), 'secret-pattern-too-broad');
    assert.equal(family?.message, 'app/${Env}* also matches app/${Env}other-AbCdEf');
    assert.equal(family.fix, 'Write secret:app/${Env}-?????? if one secret is meant.');
    const [bare] = await findings(template(access('${Env}/production')), 'secret-without-suffix');
    assert.equal(bare?.fix, 'Write secret:app/${Env}/production-??????');
    const text = template(access('${Env}*'), { ...access('x'), Effect: { Ref: 'Eff' } });
    const all = await validate([{ name: 'template.json', text }], { type: null }, await loadCatalogue());
    assert.doesNotMatch(JSON.stringify(all), /\uE000/);
    assert.ok(!all.findings.some(({ rule }) => rule === 'invalid-effect'));
  });
});
