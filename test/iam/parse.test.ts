import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Problem } from '../../src/lib/iam/finding.ts';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { readDocument } from '../../src/lib/iam/parse.ts';
import { checkDocument } from '../../src/lib/iam/validate.ts';
import { parseJson } from '../../src/lib/iam/parse-json.ts';
import { lineStarts, position } from '../../src/lib/iam/source.ts';
import { isScalar, pathText, shown, type Node } from '../../src/lib/iam/tree.ts';

const said = (problems: readonly Problem[]) => problems.map(({ rule, message }) => `${rule.id}: ${message}`);

/** The tree as JSON.parse would have it. */
function plain(node: Node): unknown {
  if (node.kind === 'array') return node.items.map(plain);
  if (node.kind === 'object') return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
  return isScalar(node) && node.kind === 'string' ? node.text : JSON.parse(node.text);
}

describe('iam: JSON', () => {
  it('is read as JSON.parse reads it, and every value stands where it says', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 1, 2), (json, indent) => {
        const text = JSON.stringify(JSON.parse(json), null, indent);
        const { root, problems } = parseJson(text);
        assert.deepEqual(problems, []);
        assert.ok(root);
        assert.deepEqual(JSON.parse(JSON.stringify(plain(root))), JSON.parse(text));
        const visit = (node: Node): void => {
          assert.deepEqual(
            JSON.parse(text.slice(node.range.start, node.range.end)),
            JSON.parse(JSON.stringify(plain(node))),
          );
          if (node.kind === 'object')
            node.entries.forEach(({ value }) => {
              visit(value);
            });
          if (node.kind === 'array') node.items.forEach(visit);
        };
        // __proto__ as a name is legal JSON, but not for Object.fromEntries.
        if (!text.includes('__proto__')) visit(root);
      }),
      { numRuns: 500 },
    );
  });

  it('is never refused by JSON.parse where it has no problem, and never crashes', () => {
    const noise = fc
      .array(
        fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"', '1', 'true', 'x', '\n', '“', "'", '\\', '//', '/*'),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(noise, (text) => {
        const { problems } = parseJson(text);
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        return valid ? said(problems).every((one) => one.startsWith('duplicate-key')) : problems.length > 0;
      }),
      { numRuns: 3_000 },
    );
  });

  const table: Record<string, [text: string, expected: string[]]> = {
    'a trailing comma': [
      '{"a": [1, 2,], "b": 3,}',
      ['syntax: a comma before the closing bracket', 'syntax: a comma before the closing bracket'],
    ],
    'a missing comma': ['{"a": 1 "b": 2}', ['syntax: a comma is missing before this']],
    'a comment': ['{"a": 1} // one', ['syntax: JSON has no comments']],
    'smart quotes': [
      '{“a”: “b”}',
      ['syntax: strings stand in double quotes ("), not in “', 'syntax: strings stand in double quotes ("), not in “'],
    ],
    'single quotes': ["{'a': 1}", ['syntax: strings stand in double quotes ("), not in \'']],
    'a name given twice': ['{"a": 1, "a": 2}', ['duplicate-key: "a" is given twice']],
    'a byte-order mark': ['\uFEFF{"a": 1}', ['byte-order-mark: the file starts with U+FEFF']],
    'an open end': ['{"a": [1', ['syntax: the file ends inside a list']],
    'a raw line break in a string': [
      '{"a": "b\nc"}',
      [
        'syntax: this string is not closed on its line',
        'syntax: this is neither a string in double quotes nor true, false or null',
      ],
    ],
    nothing: ['', ['syntax: the file is empty']],
    'two policies': ['{} {}', ['syntax: there is more after the end of the policy']],
  };
  for (const [what, [text, expected]] of Object.entries(table)) {
    it(`with ${what} is told, and read all the same`, () => {
      assert.deepEqual(said(parseJson(text).problems).slice(0, expected.length), expected);
    });
  }

  it('keeps both of two equal names', () => {
    const { root } = parseJson('{"a": 1, "a": 2}');
    assert.equal(root?.kind === 'object' && root.entries.length, 2);
  });
});

describe('iam: hostile files', function () {
  // A limit against exponential time and endless loops, far above what any of them takes.
  this.timeout(5_000);
  const statement = '{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}';

  const files: Record<string, [name: string, text: string, rule: string]> = {
    'nests 20,000 lists': ['a.json', '['.repeat(20_000), 'nested-too-deep'],
    'nests 20,000 objects': ['a.json', '{"a":'.repeat(20_000), 'nested-too-deep'],
    'nests 20,000 lists in YAML': ['a.yaml', `a: ${'['.repeat(20_000)}`, 'nested-too-deep'],
    'nests 20,000 blocks in YAML': ['a.yaml', '- '.repeat(20_000), 'nested-too-deep'],
    'has 10 MB': [
      'a.json',
      `{"Statement":[${Array.from({ length: 180_000 }, () => statement).join(',')}]}`,
      'file-too-large',
    ],
    'has 10 MB of one string': ['a.json', `"${'a'.repeat(10_000_000)}"`, 'file-too-large'],
    'has 10 MB of YAML': ['a.yaml', 'a: b\n'.repeat(2_000_000), 'file-too-large'],
    'multiplies aliases': [
      'a.yaml',
      [
        'a0: &a0 [x,x,x,x,x,x,x,x,x]',
        ...Array.from(
          { length: 9 },
          (_, i) =>
            `a${String(i + 1)}: &a${String(i + 1)} [${Array.from({ length: 9 }, () => `*a${String(i)}`).join(',')}]`,
        ),
      ].join('\n'),
      'file-too-large',
    ],
    'opens a million strings': ['a.json', '“'.repeat(1_000_000), 'syntax'],
    'is one long backslash': ['a.json', `"${'\\'.repeat(1_000_000)}`, 'syntax'],
    'has 100,000 byte-order marks': ['a.json', '\uFEFF'.repeat(100_000), 'syntax'],
    'is nothing but commas': ['a.json', ','.repeat(1_000_000), 'syntax'],
  };
  for (const [what, [name, text, rule]] of Object.entries(files)) {
    it(`get a finding where one ${what}`, async () => {
      const { problems } = await readDocument({ name, text });
      assert.ok(
        problems.some((problem) => problem.rule.id === rule),
        said(problems).join('\n'),
      );
    });
  }
});

describe('iam: hostile policies', function () {
  this.timeout(5_000);
  const many = (count: number, make: (index: number) => unknown) =>
    Array.from({ length: count }, (_, index) => make(index));
  const one = (rest: Record<string, unknown>) => ({ Effect: 'Allow', Action: 's3:GetObject', Resource: '*', ...rest });

  const policies: Record<string, unknown> = {
    '2,000 unknown actions': one({ Action: many(2_000, (i) => `ec2:DescribeInstancez${String(i)}`) }),
    '2,000 patterns of one service': one({ Action: many(2_000, (i) => `ec2:*a*b*${String(i)}*`) }),
    '2,000 patterns of every service': one({ Action: many(2_000, (i) => `*${String(i)}*:*a*`) }),
    '2,000 times every action': one({ Action: many(2_000, (i) => `*:*${'*'.repeat(i % 20)}e*`) }),
    '1,500 patterns of resources': one({ Resource: many(1_500, (i) => `arn:aws:s3:::*a*b${String(i)}*`) }),
    '1,500 statements': many(1_500, (i) => one({ Sid: `s${String(i)}` })),
    'broad statements with resources of their own': many(900, (i) =>
      one({
        Action: ['s3:*', 'ec2:*', 'iam:*'],
        Resource: [`arn:aws:s3:::x${String(i)}`, `arn:aws:ec2:*:*:*/${String(i)}`],
      }),
    ),
    'long patterns with many stars': one({
      Action: ['s3:*', `s3:${'*a'.repeat(900)}b`, `s3:${'*a'.repeat(900)}c`],
      Resource: [`arn:aws:s3:::${'*?a'.repeat(600)}b`, `arn:aws:s3:::${'*a?'.repeat(600)}c`],
    }),
    'variables that never end': one({ Resource: `arn:aws:s3:::${'${'.repeat(60_000)}` }),
    '3,000 condition keys': one({
      Condition: {
        StringLike: Object.fromEntries(
          Array.from({ length: 3_000 }, (_, i) => [`ec2:Unknown${String(i)}`, '*'] as const),
        ),
      },
    }),
  };
  for (const [what, statement] of Object.entries(policies)) {
    it(`with ${what} are judged, or said to be too much`, async () => {
      const text = JSON.stringify({ Version: '2012-10-17', Statement: statement });
      assert.ok(text.length < 131_072);
      const document = await readDocument({ name: 'a.json', text });
      assert.notEqual(checkDocument(document, await loadCatalogue()).length, 0);
    });
  }
});

describe('iam: policies in files', () => {
  const read = (text: string, name = 'file.json') => readDocument({ name, text });

  it('are told apart by their elements', async () => {
    const types = await Promise.all(
      [
        { Action: 's3:GetObject', Resource: '*' },
        { Principal: '*', Action: 's3:GetObject', Resource: '*' },
        { Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' },
        { Principal: { AWS: '111122223333' }, Action: ['kms:Decrypt'], Resource: '*' },
      ].map(
        async (statement) =>
          (await read(JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', ...statement } })))
            .policies[0]?.type,
      ),
    );
    assert.deepEqual(types, ['identity', 'resource', 'trust', 'kms']);
  });

  it('are found in what the AWS CLI printed, text in text included', async () => {
    const policy = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
    };
    const text = JSON.stringify({ ARN: 'arn', Name: 'name', ResourcePolicy: JSON.stringify(policy) }, null, 2);
    const { policies, problems } = await read(text);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      policies.map(({ type, path }) => [type, pathText(path)]),
      [['resource', 'ResourcePolicy']],
    );
    assert.deepEqual(position(lineStarts(text), policies[0]?.range.start ?? 0), { line: 4, column: 21 });
  });

  const template = `Resources:
  Task:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: {Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}
      Policies:
        - PolicyName: read
          PolicyDocument:
            Version: 2012-10-17
            Statement:
              - Effect: Allow
                Action: secretsmanager:GetSecretValue
                Resource:
                  - !Sub arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:app/\${Env}-??????
                  - !Ref Secret
                  - !Join [':', [arn:aws:s3, '', '', !GetAtt Bucket.Name]]
                  - !If [Prod, !Ref Other, !Ref AWS::NoValue]
                  - !Sub 'arn:aws:iam::*:user/\${!aws:username}'
  Wall:
    Type: AWS::WAFv2::WebACL
    Properties: {Rules: [{Statement: {RateBasedStatement: {Limit: 100}}}]}
`;

  it('are found in a template, with what it leaves open', async () => {
    const { policies, problems } = await read(template, 'stack.yaml');
    assert.deepEqual(problems, []);
    assert.deepEqual(
      policies.map(({ type, origin: { name, attachedTo } }) => [type, name, attachedTo]),
      [
        ['trust', 'Task', 'AWS::IAM::Role'],
        ['identity', 'Task', 'AWS::IAM::Role'],
      ],
    );
    const resources = policies[1]?.statements[0]?.resources?.values ?? [];
    assert.deepEqual(
      resources.map(({ text, holes }) => shown(text, holes)),
      [
        'arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:app/${Env}-??????',
        '${Secret}',
        'arn:aws:s3:::${Bucket.Name}',
        '${Other}',
        'arn:aws:iam::*:user/${aws:username}',
      ],
    );
    assert.deepEqual(position(lineStarts(template), resources[1]?.range.start ?? 0), { line: 17, column: 26 });
  });

  it('are the same in JSON and in YAML', async () => {
    const json = {
      Resources: {
        R: {
          Type: 'AWS::IAM::ManagedPolicy',
          Properties: {
            PolicyDocument: {
              Version: '2012-10-17',
              Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: { 'Fn::Sub': 'arn:aws:s3:::${B}/*' } }],
            },
          },
        },
      },
    };
    const yaml =
      'Resources:\n  R:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Version: "2012-10-17"\n        Statement:\n          - {Effect: Allow, Action: s3:GetObject, Resource: !Sub "arn:aws:s3:::${B}/*"}\n';
    const [a] = (await read(JSON.stringify(json))).policies;
    const [b] = (await read(yaml, 'a.yml')).policies;
    const summary = (policy: typeof a) =>
      policy?.statements.map(({ actions, resources }) => [
        actions?.values.map(({ text }) => text),
        resources?.values.map(({ text, holes }) => [text, holes]),
      ]);
    assert.deepEqual(summary(a), summary(b));
  });
});
