/** The schemas that come along beside `jamf`, own ones, and names however they are spelt. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { allSchemas, checkFields, fieldCalled, requireFields, schemaOf } from '../../src/lib/secrets/schema.ts';
import { parseConfig } from '../../src/lib/config/load.ts';
import { resolveSettings } from '../../src/lib/config/resolve.ts';
import { rejectsWith } from './contract.ts';

const SCHEMAS = allSchemas([]);

const settingsOf = (yaml: string) =>
  resolveSettings(
    {},
    { credentials: false, region: false, defaultRegion: undefined },
    [parseConfig(yaml, 'jamf-mcp.yaml')],
    '/data',
  );

describe('the schemas', () => {
  it('are these, with these fields', () => {
    assert.deepEqual(
      SCHEMAS.map(({ name, fields }) => [name, fields.map((field) => field.name).join(' ')]),
      [
        [
          'jamf',
          'JAMF_URL JAMF_CLIENT_ID JAMF_CLIENT_SECRET AUTH0_DOMAIN AUTH0_CLIENT_ID AUTH0_CLIENT_SECRET AUTH0_AUDIENCE REQUIRED_SCOPES',
        ],
        ['auth0', 'AUTH0_DOMAIN AUTH0_CLIENT_ID AUTH0_CLIENT_SECRET AUTH0_AUDIENCE'],
        ['database', 'DB_HOST DB_PORT DB_NAME DB_USER DB_PASSWORD DB_SSLMODE'],
        ['aws', 'AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION'],
        ['s3', 'S3_BUCKET'],
        [
          'prompts',
          'aws_access_key_id aws_secret_access_key stripe_secret_key stripe_webhook_secret jwt_secret db_password api_key',
        ],
      ],
    );
  });

  it('accept their own examples, and each field is found by its own name', () => {
    for (const schema of SCHEMAS) {
      requireFields(schema, Object.fromEntries(schema.fields.map(({ name, example }) => [name, example])));
      for (const field of schema.fields) assert.equal(fieldCalled(schema, field.name), field);
    }
  });

  it('have a port that is a whole number, 5432 unless given', () => {
    const database = schemaOf('database');
    const port = (given?: string) => {
      const { values, problems } = checkFields(database, given === undefined ? {} : { DB_PORT: given });
      return values.DB_PORT ?? problems.find(({ field }) => field === 'DB_PORT')?.why;
    };
    assert.equal(port(), '5432');
    assert.equal(port(' 6543 '), '6543');
    for (const wrong of ['0', '65536', '5432.0', '5e3', 'x', '-1', '05432', '999999'])
      assert.match(port(wrong) ?? '', /^has to be a port/, wrong);
  });

  it('take a database host of every kind, and no URL', () => {
    const host = (given: string) => {
      const { values, problems } = checkFields(schemaOf('database'), { DB_HOST: given });
      return values.DB_HOST ?? problems.find(({ field }) => field === 'DB_HOST')?.why;
    };
    for (const right of ['db', 'DB.example.com', '10.0.0.7', '::1', '[fe80::1]', 'my_db-1.internal'])
      assert.equal(host(right), right.toLowerCase());
    for (const wrong of ['postgres://db', 'db:5432', 'a b', '-db', 'db/']) assert.match(host(wrong) ?? '', /^has to/);
  });
});

describe('the name of a field', () => {
  const cases: [string, string, string | null][] = [
    ['jamf', 'client_id', 'JAMF_CLIENT_ID'],
    ['jamf', 'client_secret', 'JAMF_CLIENT_SECRET'],
    ['jamf', 'jamf-client-id', 'JAMF_CLIENT_ID'],
    ['jamf', 'jamf-client-secret', 'JAMF_CLIENT_SECRET'],
    ['jamf', 'jamfClientId', 'JAMF_CLIENT_ID'],
    ['jamf', 'auth0.client-id', 'AUTH0_CLIENT_ID'],
    ['jamf', 'id', null],
    ['auth0', 'client_id', 'AUTH0_CLIENT_ID'],
    ['database', 'host', 'DB_HOST'],
    ['database', 'port', 'DB_PORT'],
    ['database', 'user', 'DB_USER'],
    ['database', 'password', 'DB_PASSWORD'],
    ['database', 'database', 'DB_NAME'],
    ['database', 'db_password', 'DB_PASSWORD'],
    ['database', 'PGPASSWORD', 'DB_PASSWORD'],
    ['database', 'postgres-user', 'DB_USER'],
    ['aws', 'access_key_id', 'AWS_ACCESS_KEY_ID'],
    ['aws', 'region', 'AWS_REGION'],
    ['s3', 'bucket', 'S3_BUCKET'],
    ['prompts', 'STRIPE_SECRET_KEY', 'stripe_secret_key'],
    ['prompts', 'LOG_LEVEL', null],
    ['jamf', '', null],
  ];
  for (const [schema, given, name] of cases) {
    it(`${given || 'nothing'} in ${schema} is ${name ?? 'none'}`, () => {
      assert.equal(fieldCalled(schemaOf(schema), given)?.name ?? null, name);
    });
  }

  it('may be spelt with any case and any separators, with or without the prefix', () => {
    const spelling = fc.tuple(
      fc.constantFrom(
        ...SCHEMAS.filter(({ prefix }) => prefix !== '').flatMap((schema) =>
          schema.fields.filter(({ name }) => name.startsWith(`${schema.prefix}_`)).map((field) => ({ schema, field })),
        ),
      ),
      fc.constantFrom('_', '-', '.', '', ' '),
      fc.boolean(),
      fc.func(fc.boolean()),
    );
    fc.assert(
      fc.property(spelling, ([{ schema, field }, separator, short, upper]) => {
        const words = field.name.split('_').slice(short ? 1 : 0);
        const spelt = Array.from(words.join(separator))
          .map((letter, at) => (upper(at) ? letter : letter.toLowerCase()))
          .join('');
        assert.equal(fieldCalled(schema, spelt)?.name, field.name);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe('own schemas in jamf-mcp.yaml', () => {
  const YAML = `
schema: payroll
schemas:
  payroll:
    prefix: PAY
    fields:
      - { name: PAY_URL, type: url }
      - { name: PAY_PORT, type: port, default: '8443' }
      - { name: PAY_TOKEN, issuer: generate, generate: { alphabet: hex }, aliases: [bearer] }
      - { name: PAY_NOTE, type: text, required: false, secret: true }
`;

  it('are used like the others', () => {
    const { schema, schemas } = settingsOf(YAML);
    const payroll = schemaOf(schema, schemas);
    assert.deepEqual(
      payroll.fields.map(({ name, type, secret, issuer, optional }) => [name, type, secret, issuer, optional]),
      [
        ['PAY_URL', 'url', false, null, false],
        ['PAY_PORT', 'port', false, null, false],
        ['PAY_TOKEN', 'secret', true, 'generate', false],
        ['PAY_NOTE', 'text', true, null, true],
      ],
    );
    assert.equal(fieldCalled(payroll, 'Bearer')?.name, 'PAY_TOKEN');
    assert.deepEqual(fieldCalled(payroll, 'Bearer')?.generate, { length: 40, alphabet: 'hex' });
    assert.deepEqual(requireFields(payroll, { PAY_URL: 'https://pay.example.com', PAY_TOKEN: 'EXAMPLE-t' }), {
      PAY_URL: 'https://pay.example.com',
      PAY_PORT: '8443',
      PAY_TOKEN: 'EXAMPLE-t',
    });
  });

  it('replace one of the same name, and leave the others', () => {
    const { schemas } = settingsOf('schemas: { aws: { fields: [{ name: KEY }] } }');
    assert.deepEqual(
      schemaOf('aws', schemas).fields.map(({ name }) => name),
      ['KEY'],
    );
    assert.equal(schemaOf('jamf', schemas), schemaOf('jamf'));
    assert.equal(allSchemas(schemas).filter(({ name }) => name === 'aws').length, 1);
  });

  it('are told apart from mistakes, with line and column', async () => {
    const wrong: [string, RegExp][] = [
      ['schemas:\n  a:\n    fields: []', /^jamf-mcp\.yaml:3:13: schemas\.a\.fields/],
      [
        'schemas:\n  a:\n    fields: [{ name: "a b" }]',
        /^jamf-mcp\.yaml:3:22: schemas\.a\.fields\.0\.name: has to be letters/,
      ],
      ['schemas:\n  a:\n    fields: [{ name: A, type: uri }]', /^jamf-mcp\.yaml:3:31: schemas\.a\.fields\.0\.type/],
      ['schemas:\n  a:\n    fields: [{ name: A, value: x }]', /^jamf-mcp\.yaml:3:25: unknown key/],
    ];
    for (const [yaml, message] of wrong)
      assert.match((await rejectsWith('CONFIG_INVALID', () => settingsOf(yaml))).message, message);
  });
});
