/** The policies of examples/: each mistake of the printed ones is told, and the narrow ones have none. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { can } from '../../src/lib/iam/can-ask.ts';
import { loadCatalogue } from '../../src/lib/iam/catalogue.ts';
import { validate } from '../../src/lib/iam/validate.ts';
import { testContext } from '../support/context.ts';

const FOLDER = new URL('../../examples/iam/', import.meta.url);
const filesOf = (kind: 'printed' | 'narrow') =>
  readdirSync(new URL(`${kind}/`, FOLDER)).map((name) => name.slice(0, -5));
const source = (kind: 'printed' | 'narrow', name: string) => ({
  name: `examples/iam/${kind}/${name}.json`,
  text: readFileSync(new URL(`${kind}/${name}.json`, FOLDER), 'utf8'),
});
const findings = async (kind: 'printed' | 'narrow', name: string) =>
  (await validate([source(kind, name)], {}, await loadCatalogue())).findings.filter(
    ({ severity }) => severity !== 'info',
  );

/** What is told of each, with the text that it is about. */
const MISTAKES: Readonly<Record<string, readonly (readonly [rule: string, about: RegExp])[]>> = {
  'jamf-execution-role': [
    ['secret-pattern-dash-star', /production-\*"/],
    ['decrypt-unbound', /"kms:Decrypt"/],
  ],
  'any-secret': [['sensitive-read-unbound', /GetSecretValue/]],
  'bare-name': [['secret-without-suffix', /server\/production"/]],
  'mcp-prompts-task-role': [['secret-pattern-too-broad', /secrets\*"/]],
  'mcp-prompts-execution-role': [
    ['all-resources', /"\*"/],
    ['secret-pattern-too-broad', /secrets\*"/],
  ],
  'nba-mcp': [],
  'aws-knowledge-server': [
    ['unknown-service', /docs:GetDocuments/],
    ['unknown-service', /docs:SearchDocuments/],
  ],
  'aws-api-server': [['unknown-action', /s3:ListBuckets/]],
  'aws-cdk-server': [
    ['service-wildcard', /"cloudformation:\*"/],
    ['service-wildcard', /"s3:\*"/],
    ['service-wildcard', /"iam:\*"/],
    ['service-wildcard', /"lambda:\*"/],
    ['pass-role-unbound', /"iam:\*"/],
    ['privilege-escalation', /"cloudformation:\*"/],
    ['privilege-escalation', /"iam:\*"/],
    ['privilege-escalation', /"lambda:\*"/],
    ['sensitive-read-unbound', /"s3:\*"/],
    ['service-linked-role-unbound', /"iam:\*"/],
    ['all-resources', /"\*"/],
  ],
};

const ARN = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:';
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/';
const VIA = ['kms:ViaService=secretsmanager.us-east-1.amazonaws.com'];
const jamf = `${ARN}jamf-mcp-server/production-AbCdEf`;

/** Requests, and whether the printed and the narrow policy allow them. */
const REQUESTS: readonly [
  name: string,
  action: string,
  resource: string,
  printed: boolean,
  narrow: boolean,
  keys?: string[],
][] = [
  ['jamf-execution-role', 'secretsmanager:GetSecretValue', jamf, true, true],
  ['jamf-execution-role', 'secretsmanager:GetSecretValue', `${ARN}jamf-mcp-server/production-eu-AbCdEf`, true, false],
  [
    'jamf-execution-role',
    'kms:Decrypt',
    `${KEY}11111111-2222-4333-8444-555555555555`,
    true,
    true,
    [...VIA, `kms:EncryptionContext:SecretARN=${jamf}`],
  ],
  [
    'jamf-execution-role',
    'kms:Decrypt',
    `${KEY}11111111-2222-4333-8444-555555555555`,
    true,
    false,
    [...VIA, `kms:EncryptionContext:SecretARN=${ARN}other-AbCdEf`],
  ],
  [
    'jamf-execution-role',
    'kms:Decrypt',
    `${KEY}99999999-2222-4333-8444-555555555555`,
    true,
    false,
    [...VIA, `kms:EncryptionContext:SecretARN=${jamf}`],
  ],
  ['any-secret', 'secretsmanager:GetSecretValue', jamf, true, true],
  ['any-secret', 'secretsmanager:GetSecretValue', `${ARN}payroll-AbCdEf`, true, false],
  ['bare-name', 'secretsmanager:GetSecretValue', jamf, false, true],
  ['mcp-prompts-task-role', 'secretsmanager:GetSecretValue', `${ARN}mcp-prompts/secrets-AbCdEf`, true, true],
  ['mcp-prompts-task-role', 'secretsmanager:GetSecretValue', `${ARN}mcp-prompts/secretsauce-AbCdEf`, true, false],
  ...['mcp-prompts', 'mcp-sessions', 'mcp-users'].flatMap((table) =>
    ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query', 'Scan'].map((action): (typeof REQUESTS)[number] => [
      'mcp-prompts-task-role',
      `dynamodb:${action}`,
      `arn:aws:dynamodb:us-east-1:111122223333:table/${table}`,
      true,
      true,
    ]),
  ),
  [
    'mcp-prompts-task-role',
    'dynamodb:DeleteTable',
    'arn:aws:dynamodb:us-east-1:111122223333:table/mcp-users',
    false,
    false,
  ],
  ...['GetObject', 'PutObject', 'DeleteObject'].map((action): (typeof REQUESTS)[number] => [
    'mcp-prompts-task-role',
    `s3:${action}`,
    'arn:aws:s3:::mcp-user-prompts-1/a',
    true,
    true,
  ]),
  ['mcp-prompts-task-role', 's3:ListBucket', 'arn:aws:s3:::mcp-prompts-catalog-1', true, true],
  [
    'mcp-prompts-task-role',
    's3:PutObject',
    'arn:aws:s3:::mcp-user-prompts-1/a',
    true,
    false,
    ['aws:ResourceAccount=444455556666'],
  ],
  ['mcp-prompts-execution-role', 'ecr:GetAuthorizationToken', '*', true, true],
  [
    'mcp-prompts-execution-role',
    'ecr:BatchGetImage',
    'arn:aws:ecr:us-east-1:111122223333:repository/mcp-prompts',
    true,
    true,
  ],
  [
    'mcp-prompts-execution-role',
    'ecr:BatchGetImage',
    'arn:aws:ecr:us-east-1:111122223333:repository/other',
    true,
    false,
  ],
  [
    'mcp-prompts-execution-role',
    'logs:PutLogEvents',
    'arn:aws:logs:us-east-1:111122223333:log-group:/ecs/mcp-prompts:log-stream:a',
    true,
    true,
  ],
  [
    'mcp-prompts-execution-role',
    'logs:PutLogEvents',
    'arn:aws:logs:us-east-1:111122223333:log-group:/ecs/other:log-stream:a',
    true,
    false,
  ],
  ['nba-mcp', 'secretsmanager:DescribeSecret', `${ARN}nba-mcp/production/database-AbCdEf`, true, true],
  ['nba-mcp', 'secretsmanager:GetSecretValue', `${ARN}nba-mcp/staging/database-AbCdEf`, true, false],
  ['nba-mcp', 'secretsmanager:ListSecrets', '*', true, true],
  ['aws-api-server', 's3:ListAllMyBuckets', '*', false, true],
  ['aws-api-server', 'iam:ListRoles', '*', true, true],
  ['aws-cdk-server', 'iam:CreateUser', 'arn:aws:iam::111122223333:user/eve', true, false],
  [
    'aws-cdk-server',
    'sts:AssumeRole',
    'arn:aws:iam::111122223333:role/cdk-hnb659fds-deploy-role-111122223333-us-east-1',
    false,
    true,
  ],
];

describe('iam: examples', () => {
  it('are all here', () => {
    assert.deepEqual(filesOf('printed').sort(), Object.keys(MISTAKES).sort());
    assert.deepEqual(
      filesOf('narrow').sort(),
      Object.keys(MISTAKES)
        .filter((name) => name !== 'aws-knowledge-server')
        .sort(),
    );
  });

  for (const [name, mistakes] of Object.entries(MISTAKES)) {
    it(`tells each mistake of ${name}, at its place`, async () => {
      const { text } = source('printed', name);
      const lines = text.split('\n');
      const told = (await findings('printed', name)).map(({ rule, line, column, endLine, endColumn }) => ({
        rule,
        about: line === endLine ? (lines[line - 1]?.slice(column - 1, endColumn - 1) ?? '') : '',
      }));
      const found = mistakes.map(([rule, about]) => {
        const index = told.findIndex((one) => one.rule === rule && about.test(one.about));
        assert.notEqual(index, -1, `${rule} ${about.source} in ${JSON.stringify(told)}`);
        return told.splice(index, 1);
      });
      assert.equal(found.length, mistakes.length);
      assert.deepEqual(told, []);
    });
  }

  for (const name of filesOf('narrow')) {
    it(`has nothing to say of the narrow ${name}`, async () => {
      assert.deepEqual(await findings('narrow', name), []);
    });
  }

  it('narrows without losing a right that is needed', async () => {
    for (const [name, action, resource, ...expected] of REQUESTS) {
      const [printed, narrow, keys = []] = expected;
      for (const [kind, wanted] of [
        ['printed', printed],
        ['narrow', narrow],
      ] as const) {
        const { verdict } = await can(
          { principal: 'app', action, resource, keys, online: false },
          [{ layer: 'identity', source: source(kind, name) }],
          {},
          testContext(),
        );
        assert.equal(verdict === 'allow', wanted, `${kind} ${name}: ${action} ${resource} ${keys.join(' ')}`);
      }
    }
  });
});
