import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { applyBaseline, newAccess, withBaseline } from '../../src/lib/iam/baseline.ts';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { validate } from '../../src/lib/iam/validate.ts';

type Raw = Record<string, unknown>;
const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod';
const read = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: `${SECRET}-??????`,
  ...rest,
});
const textOf = (statements: Raw | Raw[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements }, null, 2);
const source = (statements: Raw | Raw[], name = 'policy.json') => ({ name, text: textOf(statements) });
const run = async (statements: Raw | Raw[]) =>
  validate([source(statements)], { type: 'identity' }, await loadCatalogue());

describe('iam baseline: findings of an earlier run', () => {
  const broad = read({ Resource: '*' });

  it('are not reported again, wherever their lines and statements went', async () => {
    const baseline = JSON.stringify(await run(broad));
    const { findings } = await run([read({ Action: 'ecr:GetAuthorizationToken', Resource: '*' }), broad]);
    assert.notEqual(findings.length, 0);
    assert.deepEqual(applyBaseline(findings, baseline), { findings: [], known: findings.length, gone: 0 });
  });

  it('count as often as they were there', async () => {
    const baseline = JSON.stringify(await run([broad]));
    const { findings } = await run([broad, { ...broad, Sid: 'again' }]);
    const left = applyBaseline(findings, baseline).findings;
    assert.ok(left.some(({ rule, line }) => rule === 'sensitive-read-unbound' && line > 8));
    assert.equal(left.filter(({ rule }) => rule === 'sensitive-read-unbound').length, 1);
  });

  it('that are gone are counted', async () => {
    const before = await run([broad]);
    const { findings } = await run([read()]);
    assert.deepEqual(applyBaseline(findings, JSON.stringify(before)), {
      findings: [],
      known: 0,
      gone: before.findings.length,
    });
  });

  it('of another file, rule or text are others', async () => {
    const { findings } = await run([broad]);
    const [first, ...rest] = findings;
    assert.ok(first);
    for (const other of [{ file: 'b.json' }, { rule: 'another' }, { message: 'another' }]) {
      const baseline: string = JSON.stringify({ findings: [{ ...first, ...other }, ...rest] });
      assert.deepEqual(applyBaseline(findings, baseline).findings, [first]);
    }
  });

  it('do not change with the day of the data', async () => {
    const { findings, dataDate } = await run([read({ Action: ['secretsmanager:GetSecretValue', 'zzz:Unknown'] })]);
    const text = JSON.stringify({ findings });
    assert.ok(text.includes(`(data of ${dataDate})`));
    assert.deepEqual(applyBaseline(findings, text.replaceAll(dataDate, '2024-01-01')).findings, []);
  });

  it('have to be what a run printed', () => {
    for (const text of ['', '[]', '{}', '{"findings": [1]}', '{"findings": [{"rule": "a"}]}']) {
      assert.throws(
        () => applyBaseline([], text),
        (error: unknown) => error instanceof JamfMcpError && error.code === 'INPUT_INVALID',
      );
    }
  });
});

describe('iam baseline: a policy', () => {
  const told = async (policy: Raw | Raw[], baseline: Raw | Raw[], type: 'identity' | 'resource' = 'identity') =>
    (await newAccess([source(policy)], source(baseline, 'baseline.json'), { type }, await loadCatalogue())).map(
      ({ message, path }) => `${path}: ${message}`,
    );
  const narrow = read();

  const NOTHING_NEW: [what: string, policy: Raw | Raw[], baseline: Raw | Raw[]][] = [
    ['the same', narrow, narrow],
    ['less', narrow, read({ Resource: '*' })],
    ['one of several', narrow, read({ Action: ['secretsmanager:*', 'kms:Decrypt'] })],
    [
      'two statements for one',
      [read({ Action: 's3:GetObject', Resource: 'arn:aws:s3:::a/*' }), narrow],
      read({ Action: ['s3:*', 'secretsmanager:Get*'], Resource: '*' }),
    ],
    [
      'one statement for two',
      read({ Action: ['s3:GetObject', 's3:PutObject'], Resource: 'arn:aws:s3:::a/*' }),
      [read({ Action: 's3:GetObject', Resource: '*' }), read({ Action: 's3:Put*', Resource: 'arn:aws:s3:::a/*' })],
    ],
    ['a condition more', read({ Condition: { StringEquals: { 'aws:PrincipalTag/a': 'b' } } }), narrow],
    [
      'fewer values',
      read({ Condition: { StringEquals: { 'aws:PrincipalTag/a': 'b' } } }),
      read({ Condition: { StringEquals: { 'aws:PrincipalTag/a': ['b', 'c'] } } }),
    ],
    [
      'more values of a negation',
      read({ Condition: { StringNotEquals: { 'aws:PrincipalTag/a': ['b', 'c'] } } }),
      read({ Condition: { StringNotEquals: { 'aws:PrincipalTag/a': 'b' } } }),
    ],
    [
      'a narrower range',
      read({ Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/25' } } }),
      read({ Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } } }),
    ],
    [
      'more that is left out',
      { Effect: 'Allow', NotAction: ['iam:*', 's3:*'], Resource: '*' },
      { Effect: 'Allow', NotAction: 'iam:Create*', Resource: '*' },
    ],
    ['a Deny more', [narrow, { Effect: 'Deny', Action: '*', Resource: '*' }], narrow],
  ];
  for (const [what, policy, baseline] of NOTHING_NEW) {
    it(`allows ${what}: nothing new`, async () => {
      assert.deepEqual(await told(policy, baseline), []);
    });
  }

  const NEW: [what: string, policy: Raw | Raw[], baseline: Raw | Raw[], expected: RegExp][] = [
    [
      'another action',
      read({ Action: ['secretsmanager:GetSecretValue', 'secretsmanager:DeleteSecret'] }),
      narrow,
      /^Statement: secretsmanager:DeleteSecret on .*app\/prod-\?{6}$/,
    ],
    ['another resource', read({ Resource: `${SECRET}-*` }), narrow, /secretsmanager:GetSecretValue on .*app\/prod-\*$/],
    ['a condition less', narrow, read({ Condition: { Bool: { 'aws:SecureTransport': 'true' } } }), /GetSecretValue on/],
    [
      'IfExists',
      read({ Condition: { StringEqualsIfExists: { 'aws:PrincipalTag/a': 'b' } } }),
      read({ Condition: { StringEquals: { 'aws:PrincipalTag/a': 'b' } } }),
      /GetSecretValue on/,
    ],
    [
      'fewer values of a negation',
      read({ Condition: { StringNotEquals: { 'aws:PrincipalTag/a': 'b' } } }),
      read({ Condition: { StringNotEquals: { 'aws:PrincipalTag/a': ['b', 'c'] } } }),
      /GetSecretValue on/,
    ],
    [
      'less that is left out',
      { Effect: 'Allow', NotAction: 'iam:*', Resource: '*' },
      { Effect: 'Allow', NotAction: ['iam:*', 's3:*'], Resource: '*' },
      /NotAction on \*/,
    ],
    [
      'a Deny less',
      narrow,
      [narrow, { Effect: 'Deny', Action: 'secretsmanager:*', Resource: '*' }],
      /^: what the baseline denies is not denied: secretsmanager:\* on \*$/,
    ],
    [
      'a Deny with a condition more',
      [
        narrow,
        { Effect: 'Deny', Action: 's3:*', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      ],
      [narrow, { Effect: 'Deny', Action: 's3:*', Resource: '*' }],
      /is not denied/,
    ],
    [
      'a variable in the place of a name',
      read({ Resource: 'arn:aws:s3:::${aws:username}/*', Action: 's3:GetObject' }),
      read({ Resource: 'arn:aws:s3:::???????????????/*', Action: 's3:GetObject' }),
      /GetObject on/,
    ],
  ];
  for (const [what, policy, baseline, expected] of NEW) {
    it(`finds ${what}`, async () => {
      const found = await told(policy, baseline);
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', expected);
    });
  }

  it('of a resource compares principals', async () => {
    const attached = (aws: string | string[]) => read({ Principal: { AWS: aws }, Resource: '*' });
    const [a, b] = ['arn:aws:iam::111122223333:role/a', 'arn:aws:iam::111122223333:role/b'];
    assert.deepEqual(await told(attached(a), attached([a, b]), 'resource'), []);
    assert.deepEqual(await told(attached(a), attached('*'), 'resource'), []);
    assert.deepEqual(await told(attached([a, b]), attached(a), 'resource'), [
      `Statement: secretsmanager:GetSecretValue on * for ${b}`,
    ]);
  });

  it('stands in the place of the findings of the rules', async () => {
    const result = await run(read({ Resource: '*' }));
    const compared = await withBaseline(
      result,
      [source(read({ Resource: '*' }))],
      source(narrow, 'baseline.json'),
      { type: 'identity' },
      await loadCatalogue(),
    );
    assert.deepEqual(
      compared.findings.map(({ rule, severity }) => [rule, severity]),
      [['new-access', 'high']],
    );
    assert.deepEqual([compared.summary.high, compared.baseline.known], [1, result.findings.length]);
  });

  it('that cannot be read is told', async () => {
    const catalogue = await loadCatalogue();
    await assert.rejects(
      newAccess([source(narrow)], { name: 'b.json', text: '{"Statement": [' }, {}, catalogue),
      (error: unknown) =>
        error instanceof JamfMcpError && error.message.startsWith('the baseline b.json cannot be read'),
    );
  });
});
