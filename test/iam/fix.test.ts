/** Each repair: what the file is after it, and what is left to a person. */
import assert from 'node:assert/strict';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { fixSources, REPAIRS, type FixOptions } from '../../src/lib/iam/fix/index.ts';
import type { Need } from '../../src/lib/iam/need.ts';
import type { PolicyType } from '../../src/lib/iam/policy.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

const fix = async (text: string, options: FixOptions = {}, name = 'policy.json') =>
  fixSources([{ name, text }], { type: 'identity', ...options }, await loadCatalogue());

/** A policy of one statement, written as people write it. */
const policy = (statement: string, version = '2012-10-17') =>
  `{\n  "Version": "${version}",\n  "Statement": [\n    ${statement}\n  ]\n}\n`;
const read = (rest: string) => policy(`{ "Effect": "Allow", ${rest} }`);
const need = (action: string, resource: string, context: Need['context'] = {}): Need => ({
  action,
  resource,
  context,
  why: 'container app',
  without: null,
});

type Case = [rule: string, before: string, after: string, options?: FixOptions];
const typed = (type: PolicyType): FixOptions => ({ type });

const CASES: Case[] = [
  [
    'byte-order-mark',
    `\uFEFF${read('"Action": "s3:ListAllMyBuckets", "Resource": "*"')}`,
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*"'),
  ],
  [
    'syntax',
    read('"Action": ["s3:ListAllMyBuckets",], "Resource": "*"'),
    read('"Action": ["s3:ListAllMyBuckets"], "Resource": "*"'),
  ],
  [
    'syntax',
    read('"Action": "s3:ListAllMyBuckets" "Resource": "*"'),
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*"'),
  ],
  [
    'syntax',
    read('“Action”: \'s3:ListAllMyBuckets\', "Resource": "*"'),
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*"'),
  ],
  [
    'duplicate-key',
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*", "Resource": ["*"]'),
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*"'),
  ],
  [
    'unknown-element',
    read('"action": "s3:ListAllMyBuckets", "Resource": "*"'),
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*"'),
  ],
  [
    'invalid-effect',
    policy('{"Effect": "ALLOW", "Action": "s3:ListAllMyBuckets", "Resource": "*"}'),
    policy('{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}'),
  ],
  [
    'old-version',
    policy('{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}', '2008-10-17'),
    policy('{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}'),
  ],
  [
    'invalid-version',
    policy('{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}', '2026-11-22'),
    policy('{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}'),
  ],
  [
    'missing-version',
    '{\n\t"Statement": {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}\n}',
    '{\n\t"Version": "2012-10-17",\n\t"Statement": {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}\n}',
  ],
  [
    'invalid-sid',
    read('"Sid": "read it!", "Action": "s3:ListAllMyBuckets", "Resource": "*"'),
    read('"Sid": "readit", "Action": "s3:ListAllMyBuckets", "Resource": "*"'),
  ],
  [
    'duplicate-sid',
    policy(
      '{"Sid": "a", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},\n{"Sid": "a", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}',
    ),
    policy(
      '{"Sid": "a", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},\n{"Sid": "a2", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}',
    ),
  ],
  [
    'null-if-exists',
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"NullIfExists": {"aws:PrincipalTag/a": "false"}}',
    ),
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"Null": {"aws:PrincipalTag/a": "false"}}'),
  ],
  [
    'trust-policy-resource',
    policy(
      '{\n      "Effect": "Allow",\n      "Principal": {"AWS": "arn:aws:iam::111122223333:role/a"},\n      "Action": "sts:AssumeRole",\n      "Resource": "*"\n    }',
    ),
    policy(
      '{\n      "Effect": "Allow",\n      "Principal": {"AWS": "arn:aws:iam::111122223333:role/a"},\n      "Action": "sts:AssumeRole"\n    }',
    ),
    typed('trust'),
  ],
  [
    'redundant-action',
    read('"Action": ["ecr:GetAuthorizationToken", "ECR:getAuthorizationToken"], "Resource": "*"'),
    read('"Action": ["ecr:GetAuthorizationToken"], "Resource": "*"'),
  ],
  [
    'redundant-resource',
    read(
      `"Action": "secretsmanager:GetSecretValue", "Resource": [\n        "${SECRET}-??????",\n        "${SECRET}-??????"\n      ]`,
    ),
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": [\n        "${SECRET}-??????"\n      ]`),
  ],
  [
    'redundant-statement',
    policy(
      `{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},\n    {"Sid": "b", "Effect": "Allow", "Resource": ["*"], "Action": "ecr:GetAuthorizationToken"}`,
    ),
    policy(`{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}`),
  ],
  [
    'string-operator-on-arn-key',
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:*"}}',
    ),
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:*"}}',
    ),
  ],
  [
    'string-equals-on-arn-key',
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:task/a", "aws:SourceAccount": "111122223333"}}',
    ),
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}, "ArnEquals": { "aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:task/a" }}',
    ),
  ],
  [
    'wildcard-without-like',
    policy(
      '{"Effect": "Deny", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "a*"}}}',
    ),
    policy(
      '{"Effect": "Deny", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringLike": {"aws:PrincipalTag/team": "a*"}}}',
    ),
    { needs: [] },
  ],
  [
    'set-operator-on-single-value',
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}',
    ),
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}',
    ),
  ],
  [
    'for-all-values-without-guard',
    read(
      `"Action": "secretsmanager:TagResource", "Resource": "${SECRET}-??????", "Condition": {\n        "ForAllValues:StringEquals": {\n          "aws:TagKeys": ["a"]\n        }\n      }`,
    ),
    read(
      `"Action": "secretsmanager:TagResource", "Resource": "${SECRET}-??????", "Condition": {\n        "ForAllValues:StringEquals": {\n          "aws:TagKeys": ["a"]\n        },\n        "Null": {\n          "aws:TagKeys": "false"\n        }\n      }`,
    ),
  ],
  [
    'star-instead-of-null',
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringLike": {"aws:PrincipalTag/team": ["*"]}}',
    ),
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"Null": {"aws:PrincipalTag/team": "false"}}'),
  ],
  [
    'address-range',
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.77/24"}}',
    ),
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}',
    ),
  ],
  [
    'arn-shortened',
    policy('{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3"}'),
    policy('{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:*:*:*"}'),
  ],
  [
    'secret-without-suffix',
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}"`),
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-??????"`),
    { needs: [need('secretsmanager:GetSecretValue', `${SECRET}-AbCdEf`)] },
  ],
  [
    'secret-pattern-dash-star',
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-*"`),
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-??????"`),
  ],
  [
    'secret-pattern-too-broad',
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}*"`),
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-??????"`),
    { needs: [need('secretsmanager:GetSecretValue', `${SECRET}-AbCdEf`)] },
  ],
  [
    'decrypt-not-via-service',
    policy(
      `{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-??????"},\n    {\n      "Effect": "Allow",\n      "Action": "kms:Decrypt",\n      "Resource": "${KEY}"\n    }`,
    ),
    policy(
      `{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-??????"},\n    {\n      "Effect": "Allow",\n      "Action": "kms:Decrypt",\n      "Resource": "${KEY}",\n      "Condition": {\n        "StringEquals": {\n          "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"\n        }\n      }\n    }`,
    ),
  ],
  [
    'confused-deputy',
    policy('{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}'),
    policy(
      '{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": { "StringEquals": { "aws:SourceAccount": "111122223333" } }}',
    ),
    { type: 'trust', account: '111122223333' },
  ],
  [
    'several-actions-in-one',
    read(`"Action": "secretsmanager:GetSecretValue, secretsmanager:DescribeSecret", "Resource": "${SECRET}-??????"`),
    read(
      `"Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], "Resource": "${SECRET}-??????"`,
    ),
    { needs: ['GetSecretValue', 'DescribeSecret'].map((name) => need(`secretsmanager:${name}`, `${SECRET}-AbCdEf`)) },
  ],
  [
    'unknown-action',
    read(`"Action": "secretsmanager:GetSecretValu", "Resource": "${SECRET}-??????"`),
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-??????"`),
    { needs: [need('secretsmanager:GetSecretValue', `${SECRET}-AbCdEf`)] },
  ],
  [
    'action-needs-all-resources',
    read(`"Action": ["secretsmanager:GetSecretValue", "ecr:GetAuthorizationToken"], "Resource": "${SECRET}-??????"`),
    policy(
      `{ "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": "${SECRET}-??????" },\n    {\n      "Effect": "Allow",\n      "Action": "ecr:GetAuthorizationToken",\n      "Resource": "*"\n    }`,
    ),
    { needs: [need('ecr:GetAuthorizationToken', '*'), need('secretsmanager:GetSecretValue', `${SECRET}-AbCdEf`)] },
  ],
  ...(
    [
      ['full-administrator', '"Action": "*", "Resource": "*"'],
      ['service-wildcard', `"Action": "secretsmanager:*", "Resource": "${SECRET}-??????"`],
      ['all-actions', `"Action": "*", "Resource": "${SECRET}-??????"`],
      ['sensitive-read-unbound', '"Action": "secretsmanager:GetSecretValue", "Resource": "*"'],
      ['all-resources', '"Action": "secretsmanager:GetSecretValue", "Resource": "*"'],
      [
        'effectively-all-resources',
        '"Action": "secretsmanager:GetSecretValue", "Resource": "arn:aws:secretsmanager:*:*:*"',
      ],
    ] as const
  ).map(([rule, rest]): Case => [
    rule,
    read(rest),
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-??????"`),
    { needs: [need('secretsmanager:GetSecretValue', `${SECRET}-AbCdEf`)] },
  ]),
  [
    'decrypt-unbound',
    read(
      '"Action": ["kms:Decrypt"], "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}',
    ),
    read(
      `"Action": ["kms:Decrypt"], "Resource": "${KEY}", "Condition": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}`,
    ),
    { needs: [need('kms:Decrypt', KEY, { 'kms:ViaService': 's3.us-east-1.amazonaws.com' })] },
  ],
  [
    'pass-role-unbound',
    read('"Action": "iam:PassRole", "Resource": "*"'),
    read('"Action": "iam:PassRole", "Resource": "arn:aws:iam::111122223333:role/task"'),
    { needs: [need('iam:PassRole', 'arn:aws:iam::111122223333:role/task')] },
  ],
];

describe('iam fix: a repair', () => {
  for (const [rule, before, after, options] of CASES) {
    it(`puts ${rule} right, and leaves every other byte`, async () => {
      const { files, repaired } = await fix(before, options);
      assert.equal(files[0]?.text, after);
      assert.ok(
        repaired.some((one) => one.rule === rule),
        repaired.map((one) => one.rule).join(', '),
      );
      const again = await fix(after, options);
      assert.deepEqual(again.repaired, []);
    });
  }

  it('is tried for every rule that has one', () => {
    const tried = new Set(CASES.map(([rule]) => rule));
    assert.deepEqual(
      Object.keys(REPAIRS).filter((rule) => !tried.has(rule) && rule !== 'duplicate-sid-recommended'),
      [],
    );
  });

  it('tells the place that the file had, and what was done', async () => {
    const { repaired } = await fix(
      `\uFEFF${read(`"Sid": "a b", "Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-*"`)}`,
    );
    assert.deepEqual(
      repaired.map(({ rule, line, what }) => [rule, line, what]),
      [
        ['byte-order-mark', 1, 'take the byte-order mark away'],
        ['invalid-sid', 4, 'write Sid ab'],
        ['secret-pattern-dash-star', 4, 'end the ARN in -?????? in the place of the star'],
      ],
    );
  });
});

const LEFT: [what: string, rule: string, why: RegExp, text: string, options?: FixOptions][] = [
  [
    'a right that was not there',
    'secret-without-suffix',
    /would allow secretsmanager:GetSecretValue on/,
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}"`),
  ],
  [
    'a Deny that would begin to deny',
    'secret-without-suffix',
    /begin to deny/,
    policy(`{"Effect": "Deny", "Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}"}`),
  ],
  [
    'a wildcard in a Deny',
    'wildcard-without-like',
    /may be meant otherwise/,
    policy(
      '{"Effect": "Deny", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "a*"}}}',
    ),
  ],
  [
    'a right that another need has',
    'secret-without-suffix',
    /would allow secretsmanager:DeleteSecret on/,
    read(`"Action": ["secretsmanager:GetSecretValue", "secretsmanager:DeleteSecret"], "Resource": "${SECRET}"`),
    { needs: [need('secretsmanager:GetSecretValue', `${SECRET}-AbCdEf`)] },
  ],
  [
    'a right that is needed',
    'secret-pattern-dash-star',
    /GetSecretValue on .*app\/prod-eu-AbCdEf would be lost, which is needed: container app/,
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-*"`),
    { needs: [need('secretsmanager:GetSecretValue', `${SECRET}-eu-AbCdEf`)] },
  ],
  [
    'what may be meant otherwise',
    'secret-pattern-too-broad',
    /may be meant otherwise/,
    read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}*"`),
  ],
  [
    'a Deny that would become narrower',
    'string-operator-on-arn-key',
    /would allow s3:ListAllMyBuckets/,
    policy(
      '{"Effect": "Deny", "Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringLike": {"aws:SourceArn": "arn:aws:ecs:*:111122223333:*"}}}',
    ),
  ],
  [
    'an Allow that a wildcard would open',
    'wildcard-without-like',
    /would allow/,
    read(
      '"Action": "s3:ListAllMyBuckets", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "a*"}}',
    ),
    { needs: [] },
  ],
  [
    'text that would become a variable',
    'old-version',
    /become a variable/,
    policy('{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:username}"}', '2008-10-17'),
  ],
  ['a comment', 'syntax', /comment would be lost/, read('"Action": "s3:ListAllMyBuckets", /* all */ "Resource": "*"')],
  [
    'one of two meanings',
    'duplicate-key',
    /different values/,
    read('"Action": "s3:ListAllMyBuckets", "Resource": "*", "Resource": "arn:aws:s3:::b"'),
  ],
  [
    'a policy in a string',
    'secret-pattern-dash-star',
    /inside a string/,
    JSON.stringify({
      Name: 'a',
      ResourcePolicy: read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-*"`),
    }),
  ],
  [
    'what nobody knows the needs of',
    'full-administrator',
    /what is needed is not known/,
    read('"Action": "*", "Resource": "*"'),
  ],
  [
    'what is needed of several services',
    'full-administrator',
    /several services/,
    read('"Action": "*", "Resource": "*"'),
    { needs: [need('secretsmanager:GetSecretValue', `${SECRET}-AbCdEf`), need('kms:Decrypt', KEY)] },
  ],
];

describe('iam fix: a person decides on', () => {
  for (const [what, rule, why, text, options] of LEFT) {
    it(what, async () => {
      const { files, refused, patch } = await fix(text, options);
      assert.match(refused.find((one) => one.rule === rule)?.why ?? 'nothing was refused', why);
      assert.deepEqual([files, patch], [[], '']);
    });
  }
});

describe('iam fix: in a template', () => {
  const template = `# The stack of the server: every comment stays
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - Effect: Allow   # tasks
            Principal: {Service: ecs-tasks.amazonaws.com}
            Action: sts:AssumeRole
      Policies:
        - PolicyName: read
          PolicyDocument:
            Version: 2012-10-17
            Statement:
              - Effect: allow
                Action:
                  - secretsmanager:GetSecretValue   # what the task reads
                  - secretsmanager:GetSecretValue
                Resource: !Sub arn:aws:secretsmanager:\${AWS::Region}:111122223333:secret:\${Name}-*
              - Effect: Allow
                Action: kms:Decrypt
                Resource: ${KEY}
                Condition:
                  ForAllValues:StringEquals:
                    aws:PrincipalOrgID: "o-abcdefghij" # ours
              - { Effect: Allow, Action: [s3:ListAllMyBuckets], Resource: '*', Condition: { StringLike: { 'aws:PrincipalTag/a': '*' } } }
`;
  const expected = template
    .replace(
      '        Statement:\n          - Effect: Allow   # tasks',
      '        Version: "2012-10-17"\n        Statement:\n          - Effect: Allow   # tasks',
    )
    .replace('Effect: allow', 'Effect: Allow')
    .replace('                  - secretsmanager:GetSecretValue\n', '')
    .replace('${Name}-*', '${Name}-??????')
    .replace('ForAllValues:StringEquals', 'StringEquals')
    .replace("StringLike: { 'aws:PrincipalTag/a': '*' }", "Null: { 'aws:PrincipalTag/a': 'false' }");

  it('keeps functions, comments and the ways of quoting', async () => {
    const { files } = await fix(template, { type: null }, 'stack.yaml');
    assert.equal(files[0]?.text, expected);
  });

  it('with the line ends of Windows keeps those', async () => {
    const { files } = await fix(template.replaceAll('\n', '\r\n'), { type: null }, 'stack.yaml');
    assert.equal(files[0]?.text, expected.replaceAll('\n', '\r\n'));
  });

  it('in JSON edits the text of Fn::Sub, and leaves Fn::Join', async () => {
    const document = (resource: unknown) => ({
      Resources: {
        R: {
          Type: 'AWS::IAM::ManagedPolicy',
          Properties: {
            PolicyDocument: {
              Version: '2012-10-17',
              Statement: [{ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: resource }],
            },
          },
        },
      },
    });
    const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:';
    const sub = (name: string) => JSON.stringify(document({ 'Fn::Sub': [`${arn}${name}`, { Name: 'app' }] }), null, 2);
    const { files } = await fix(sub('${Name}-*'), { type: null }, 'stack.json');
    assert.equal(files[0]?.text, sub('${Name}-??????'));
    const joined = JSON.stringify(document({ 'Fn::Join': ['', [arn, { Ref: 'Name' }, '-*']] }));
    assert.deepEqual((await fix(joined, { type: null }, 'stack.json')).files, []);
  });
});

describe('iam fix: the patch', () => {
  it('is a unified one of all files', async () => {
    const star = read(`"Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}-*"`);
    const { patch } = await fixSources(
      ['a.json', 'infra/b.json'].map((name) => ({ name, text: star })),
      { type: 'identity' },
      await loadCatalogue(),
    );
    const line = (suffix: string) =>
      `    { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "${SECRET}${suffix}" }`;
    const one = (name: string) =>
      `--- a/${name}\n+++ b/${name}\n@@ -1,6 +1,6 @@\n {\n   "Version": "2012-10-17",\n   "Statement": [\n-${line('-*')}\n+${line('-??????')}\n   ]\n }\n`;
    assert.equal(patch, one('a.json') + one('infra/b.json'));
  });
});

describe('iam fix: hostile files', function () {
  this.timeout(10_000);
  const files: Record<string, string> = {
    'names one element 50,000 times': `{${Array.from({ length: 50_000 }, () => '"Statement": []').join(',')}}`,
    'nests 20,000 lists': '['.repeat(20_000),
    'has 100,000 byte-order marks': '\uFEFF'.repeat(100_000),
    'has 10 MB': `"${'a'.repeat(10_000_000)}"`,
  };
  for (const [what, text] of Object.entries(files)) {
    it(`are left where one ${what}`, async () => {
      const { repaired, refused } = await fix(text);
      assert.ok(repaired.length <= 1 && refused.length <= 10);
    });
  }
});
