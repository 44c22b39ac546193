import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import type { LiveRole } from '../../src/lib/iam/live/role.ts';
import { whoCan, type Readable } from '../../src/lib/iam/who-can.ts';
import { drawWhoCan } from '../../src/lib/iam/who-can-report.ts';

const ACCOUNT = '111122223333';
const SECRET = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:app/prod-AbCdEf`;
const KEY = `arn:aws:kms:us-east-1:${ACCOUNT}:key/1`;

type Raw = Record<string, unknown>;
const text = (...statements: Raw[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements }, null, 2);
const allow = (rest: Raw = {}): Raw => ({
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: '*',
  ...rest,
});
const deny = (rest: Raw = {}): Raw => ({ ...allow(rest), Effect: 'Deny' });

const TRUST = { Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' };

function principal(
  name: string,
  statements: readonly Raw[],
  more: { boundary?: Raw; kind?: 'role' | 'user' } = {},
): LiveRole {
  const { boundary, kind = 'role' } = more;
  const policy = (file: string, of: LiveRole['policies'][number]['kind'], ...all: Raw[]) => ({
    source: { name: `aws/${ACCOUNT}/iam/${kind}/${name}/${file}.json`, text: text(...all) },
    kind: of,
    name: file,
  });
  return {
    name,
    arn: `arn:aws:iam::${ACCOUNT}:${kind}/${name}`,
    account: ACCOUNT,
    policies: [
      ...(kind === 'role' ? [policy('trust', 'trust', TRUST)] : []),
      policy('inline', 'inline', ...statements),
      ...(boundary ? [policy('limit', 'boundary', boundary)] : []),
    ],
    lastUsed: null,
  };
}

const ask = (roles: readonly LiveRole[], change: Partial<Readable> = {}) =>
  whoCan({
    secret: { name: 'app/prod', arn: SECRET },
    key: null,
    context: { 'secretsmanager:SecretId': SECRET, 'aws:ResourceTag/team': 'mcp', 'aws:SecureTransport': 'true' },
    account: { roles, users: [] },
    secretPolicy: [],
    ...change,
  });
const policy = (...statements: Raw[]): Readable['secretPolicy'] => [
  { layer: 'resource', source: { name: 'secret.json', text: text(...statements) }, type: 'resource' },
];
const brief = async (...args: Parameters<typeof ask>) =>
  (await ask(...args)).readers.map(({ arn, may }) => `${arn.split('/').at(-1) ?? ''} ${may}`);

describe('iam who-can', () => {
  it('lists who may, by which statement, and who may be it', async () => {
    const { readers, principals } = await ask([
      principal('none', [allow({ Action: 's3:*' })]),
      principal('app', [allow({ Action: 's3:*' }), allow({ Sid: 'Read' })]),
    ]);
    assert.deepEqual(principals, { roles: 2, users: 0 });
    assert.equal(readers.length, 1);
    const [{ because, trusted, ...reader } = assert.fail()] = readers;
    assert.deepEqual(reader, {
      arn: `arn:aws:iam::${ACCOUNT}:role/app`,
      kind: 'role',
      may: 'yes',
      depends: [],
      lastUsed: null,
    });
    assert.deepEqual(trusted, ['ecs-tasks.amazonaws.com']);
    assert.deepEqual(because, [
      {
        layer: 'identity',
        effect: 'Allow',
        file: `aws/${ACCOUNT}/iam/role/app/inline.json`,
        line: 9,
        column: 5,
        path: 'Statement[1]',
        sid: 'Read',
      },
    ]);
  });

  it('judges identity, boundary and resource together', async () => {
    const app = (boundary?: Raw) => principal('app', [allow()], boundary ? { boundary } : {});
    assert.deepEqual(await brief([app(allow({ Action: 's3:*' }))]), []);
    assert.deepEqual(await brief([app(allow({ Action: '*' }))]), ['app yes']);
    assert.deepEqual(await brief([app()], { secretPolicy: policy(deny({ Principal: '*' })) }), []);
    const named = policy(allow({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:role/app` } }));
    assert.deepEqual(await brief([principal('app', []), principal('other', [])], { secretPolicy: named }), ['app yes']);
  });

  it('knows tags of the secret, and tells as a condition what the caller decides', async () => {
    const tagged = (value: string) => allow({ Condition: { StringEquals: { 'aws:ResourceTag/team': value } } });
    assert.deepEqual(await brief([principal('a', [tagged('mcp')]), principal('b', [tagged('other')])]), ['a yes']);
    const { readers } = await ask([
      principal('sure', [allow()]),
      principal('vpce', [allow({ Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } } })]),
    ]);
    assert.deepEqual(
      readers.map(({ arn, may, depends }) => [arn.split('/').at(-1), may, depends]),
      [
        ['sure', 'yes', []],
        ['vpce', 'maybe', ['aws:SourceVpce StringEquals vpce-1']],
      ],
    );
  });

  it('compares the tags of principal and secret, and does not guess at those that it has not read', async () => {
    const abac = allow({ Condition: { StringEquals: { 'aws:ResourceTag/team': '${aws:PrincipalTag/team}' } } });
    const tagged = (name: string, ...tags: [string, string][]) => ({ ...principal(name, [abac]), tags: new Map(tags) });
    const roles = [
      tagged('same', ['team', 'mcp']),
      tagged('other', ['team', 'web']),
      tagged('none'),
      principal('unread', [abac]),
    ];
    assert.deepEqual(await brief(roles), ['same yes', 'unread maybe']);
  });

  it('takes a resource with a variable of which nothing is known for one that may be meant', async () => {
    const Resource = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:\${aws:SourceVpc}/prod-??????`;
    const other = Resource.replace('/prod', '/else');
    assert.deepEqual(
      await brief([principal('a', [allow({ Resource })]), principal('b', [allow({ Resource: other })])]),
      ['a maybe'],
    );
    const { readers } = await ask([principal('a', [allow(), deny({ Resource })])]);
    assert.deepEqual(
      readers.map(({ may, depends }) => [may, depends]),
      [['maybe', [`a denial does not apply: ${Resource} is this resource`]]],
    );
  });

  it('looks at what a boundary wants, and at resources that are left out', async () => {
    const Condition = { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } };
    const { readers } = await ask([principal('app', [allow()], { boundary: allow({ Condition }) })]);
    assert.deepEqual(
      readers.map(({ may, depends }) => [may, depends]),
      [['maybe', ['aws:SourceIp IpAddress 10.0.0.0/8']]],
    );
    const own = 'arn:aws:secretsmanager:us-east-1:*:secret:${aws:SourceVpc}/*';
    const allBut = { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', NotResource: own };
    const but = await brief([principal('a', [allBut]), principal('b', [allow(), { ...allBut, Effect: 'Deny' }])]);
    assert.deepEqual(but, ['a maybe', 'b maybe']);
  });

  it('counts a denial that may not apply as a condition, and one that does apply as a denial', async () => {
    const elsewhere = policy(deny({ Principal: '*', Condition: { StringNotEquals: { 'aws:SourceVpc': 'vpc-1' } } }));
    const { readers } = await ask([principal('app', [allow()])], { secretPolicy: elsewhere });
    assert.deepEqual(
      readers.map(({ may, depends }) => [may, depends]),
      [['maybe', ['a denial does not apply: aws:SourceVpc StringNotEquals vpc-1']]],
    );
    const plain = policy(deny({ Principal: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }));
    assert.deepEqual(await brief([principal('app', [allow()])], { secretPolicy: plain }), ['app yes']);
    const butOne = policy(
      deny({ Principal: '*', Condition: { ArnNotEquals: { 'aws:PrincipalArn': `arn:aws:iam::${ACCOUNT}:role/app` } } }),
    );
    const two = [principal('app', [allow()]), principal('other', [allow()])];
    assert.deepEqual(await brief(two, { secretPolicy: butOne }), ['app yes']);
  });

  it('needs kms:Decrypt of the key where the secret has one, for this very use', async () => {
    const known = { arn: KEY, aliases: [], managed: false, unread: null };
    const key = (...statements: Raw[]): Partial<Readable> => ({
      key: {
        ...known,
        policy: [{ layer: 'resource', source: { name: 'key.json', text: text(...statements) }, type: 'kms' }],
      },
    });
    const root = { Effect: 'Allow', Principal: { AWS: ACCOUNT }, Action: 'kms:*', Resource: '*' };
    const decrypt = (Condition?: Raw): Raw => ({
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: KEY,
      ...(Condition ? { Condition } : {}),
    });
    const via = (region: string) => ({ StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } });
    const context = { StringEquals: { 'kms:EncryptionContext:SecretARN': SECRET } };
    const roles = [
      principal('reads', [allow()]),
      principal('both', [allow(), decrypt()]),
      principal('via', [allow(), decrypt(via('us-east-1'))]),
      principal('abroad', [allow(), decrypt(via('eu-west-1'))]),
      principal('bound', [allow(), decrypt(context)]),
    ];
    assert.deepEqual(await brief(roles, key(root)), ['both yes', 'bound yes', 'via yes']);
    assert.deepEqual(await brief(roles, key({ ...root, Principal: { AWS: `arn:aws:iam::${ACCOUNT}:role/reads` } })), [
      'reads yes',
    ]);
    // What could not be read is no reason to leave somebody out.
    const foreign = { ...known, arn: KEY.replace(ACCOUNT, '444455556666'), policy: [], unread: 'policy' as const };
    const anyKey = principal('any', [allow(), allow({ Action: 'kms:Decrypt' })]);
    const { readers } = await ask([anyKey, ...roles], { key: foreign });
    assert.deepEqual(
      readers.map(({ arn, may, depends }) => [arn.split('/').at(-1), may, ...depends]),
      [['any', 'maybe', `the policy of ${foreign.arn}, which was not read, lets it decrypt`]],
    );
    const unknown = await ask(roles, { key: { ...foreign, arn: 'alias/app', unread: 'key' } });
    assert.equal(unknown.readers.length, roles.length);
    assert.deepEqual(unknown.readers[0]?.depends, ['the key alias/app, which was not read, lets it decrypt']);
  });

  it('judges users by their names', async () => {
    const mine = allow({ Resource: `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:\${aws:username}/prod-??????` });
    const users = [principal('app', [mine], { kind: 'user' }), principal('eve', [mine], { kind: 'user' })];
    const { readers } = await ask([principal('app', [mine])], { account: { roles: [], users } });
    assert.deepEqual(
      readers.map(({ arn, kind }) => [arn.split(':').at(-1), kind]),
      [['user/app', 'user']],
    );
  });

  it('lists who is let in from outside, and what else that needs', async () => {
    const secretPolicy = policy(
      allow({ Sid: 'Abroad', Principal: { AWS: ['arn:aws:iam::444455556666:role/x', ACCOUNT] } }),
      allow({
        Principal: { Service: 'appflow.amazonaws.com' },
        Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT } },
      }),
      allow({ Principal: { AWS: '555566667777' }, Action: 'secretsmanager:DescribeSecret' }),
    );
    const { outsiders } = await ask([], { secretPolicy });
    assert.deepEqual(
      outsiders.map(({ principal: who, statement, depends }) => [who, statement.line, depends]),
      [
        [
          'arn:aws:iam::444455556666:role/x',
          4,
          ["the secret gets a key of its own: nobody outside the account may use AWS's"],
        ],
        ['appflow.amazonaws.com', 16, [`aws:SourceAccount StringEquals ${ACCOUNT}`]],
      ],
    );
  });

  it('draws readers, outsiders and what was left out', async () => {
    const found = await ask([principal('app\u001b[2J', [allow()])], {
      secretPolicy: policy(allow({ Principal: '*', Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } } })),
    });
    const drawn = drawWhoCan(
      { ...found, unread: [{ what: 'the policy of the key', why: 'denied' }] },
      { ink: new Chalk({ level: 0 }), width: 120 },
    );
    assert.match(drawn, /^1 of 1 principals may read app\/prod; let in from outside the account: 1\n/);
    assert.match(drawn, /yes +role\/app\\x1b\[2J/);
    assert.match(drawn, /assumed by ecs-tasks\.amazonaws\.com/);
    assert.match(drawn, /if aws:SourceVpce StringEquals vpce-1/);
    assert.match(drawn, /not taken into account:\nthe policy of the key +denied$/);
    assert.doesNotMatch(drawn, /\u001b/);
  });
});
