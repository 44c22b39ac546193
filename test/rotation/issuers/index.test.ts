import assert from 'node:assert/strict';
import type { JamfMcpError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/redact.ts';
import { chooseIssuer, issuersWith, type Wish } from '../../../src/lib/rotation/issuers/index.ts';
import { rotatorsFrom } from '../../../src/lib/rotation/issuers/rotators.ts';
import { schemaOf, type SecretSchema } from '../../../src/lib/secrets/schema.ts';
import { testContext } from '../../support/context.ts';

const choose = (
  only: readonly string[] = [],
  wish: Partial<Omit<Wish, 'schema'>> & { schema?: string | SecretSchema } = {},
) => {
  const { schema = 'jamf', ...rest } = wish;
  const { issuer, fields } = chooseIssuer({
    strategy: null,
    from: null,
    ...rest,
    only,
    schema: typeof schema === 'string' ? schemaOf(schema) : schema,
  });
  return `${issuer}: ${fields.join(' ')}`;
};
const usage = (work: () => unknown, message: RegExp, hint = /^/) => {
  assert.throws(work, (error: JamfMcpError) => {
    assert.equal(error.code, 'USAGE');
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
    return true;
  });
};

describe('which issuer a rotation has', () => {
  it('is that of the schema, or of the fields that are named', () => {
    assert.equal(choose(), 'jamf: JAMF_CLIENT_SECRET');
    assert.equal(choose([], { schema: 'auth0' }), 'auth0: AUTH0_CLIENT_SECRET');
    assert.equal(choose([], { schema: 'prompts' }), 'generate: jwt_secret api_key');
    assert.equal(choose(['AUTH0_CLIENT_SECRET']), 'auth0: AUTH0_CLIENT_SECRET');
    assert.equal(choose(['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET']), 'jamf: JAMF_CLIENT_SECRET');
    assert.equal(choose(['jwt_secret'], { schema: 'prompts' }), 'generate: jwt_secret');
    assert.equal(choose(['DB_PASSWORD'], { schema: 'database' }), 'ask: DB_PASSWORD');
    assert.equal(choose(['SESSION_KEY']), 'ask: SESSION_KEY', 'a field of one’s own');
  });

  it('takes a field by any of its names, and twice for once', () => {
    assert.equal(choose(['client-secret', 'jamf.clientSecret']), 'jamf: JAMF_CLIENT_SECRET');
    assert.equal(choose(['PGPASSWORD', 'DB_PASSWORD'], { schema: 'database' }), 'ask: DB_PASSWORD');
  });

  it('can be a person, or this program', () => {
    assert.equal(
      choose(['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'], { from: 'person' }),
      'ask: JAMF_CLIENT_ID JAMF_CLIENT_SECRET',
    );
    assert.equal(choose([], { from: 'person' }), 'ask: JAMF_CLIENT_SECRET');
    assert.equal(choose(['SESSION_KEY'], { from: 'here' }), 'generate: SESSION_KEY');
    usage(() => choose(['AUTH0_CLIENT_SECRET'], { from: 'here' }), /issued by auth0: .* not be accepted there/);
    usage(() => choose([], { from: 'here' }), /issued by jamf/);
  });

  it('is one: fields of two are told apart, with a command for each', () => {
    usage(
      () => choose(['AUTH0_CLIENT_SECRET', 'JAMF_CLIENT_SECRET']),
      /AUTH0_CLIENT_SECRET and JAMF_CLIENT_SECRET come from different issuers/,
      /^`jamf-mcp rotate --only AUTH0_CLIENT_SECRET`, then `jamf-mcp rotate --only JAMF_CLIENT_SECRET`$/,
    );
    usage(() => choose(['AUTH0_CLIENT_SECRET', 'JAMF_CLIENT_SECRET'], { from: 'person' }), /different issuers/);
  });

  it('names the fields that can be rotated where another is named', () => {
    const hint = /JAMF_CLIENT_SECRET \(jamf\), AUTH0_CLIENT_SECRET \(auth0\), and those of your own$/;
    usage(() => choose(['REQUIRED_SCOPES']), /is no secret: it is the scopes/, hint);
    usage(() => choose(['AUTH0_CLIENT_ID']), /is no secret/, hint);
    usage(() => choose(['A=EXAMPLE-value']), /^the name of a field is/, hint);
    usage(() => choose([], { schema: 'database' }), /no field is named/, /DB_PASSWORD \(ask\)/);
  });

  it('takes turns only at Jamf', () => {
    assert.equal(choose([], { strategy: 'alternate' }), 'jamf: JAMF_CLIENT_SECRET');
    usage(
      () => choose(['AUTH0_CLIENT_SECRET'], { strategy: 'alternate' }),
      /has no second one/,
      /leave --strategy out/,
    );
    usage(() => choose([], { strategy: 'alternate', from: 'person' }), /has no second one/);
  });

  it('is a person where a schema names somebody that is not known here', () => {
    const field = { secret: true, type: 'secret', describe: 'token', example: 'EXAMPLE-t', issuer: 'acme' } as const;
    const schema = {
      name: 'own',
      prefix: '',
      fields: [
        { ...field, name: 'T' },
        { ...field, name: 'U', issuer: 'toString' },
      ],
    };
    assert.equal(choose(['T'], { schema }), 'ask: T');
    assert.equal(choose(['U'], { schema }), 'ask: U');
    usage(() => choose([], { schema }), /no field is named/);
  });
});

describe('the issuers by name', () => {
  const issuers = issuersWith({ schema: schemaOf('prompts'), recipe: { length: 32, alphabet: 'hex' } });
  const make = async (issuer: string, fields: readonly string[], schema = 'jamf') =>
    (await issuersWith({ schema: schemaOf(schema) })({ issuer, fields, strategy: null }))(testContext());

  it('are each made', async () => {
    for (const [name, fields] of [
      ['jamf', ['JAMF_CLIENT_SECRET']],
      ['auth0', ['AUTH0_CLIENT_SECRET']],
      ['generate', ['SESSION_KEY']],
      ['ask', ['SESSION_KEY', 'OTHER_KEY']],
    ] as const) {
      const issuer = await make(name, fields);
      assert.deepEqual([issuer.name, issuer.replaces], [name, fields]);
    }
  });

  it('are not invented', async () => {
    for (const name of ['acme', 'constructor', ''])
      await assert.rejects(make(name, []), { code: 'INPUT_INVALID', hint: 'issuers: jamf, auth0, generate, ask' });
  });

  it('make values as the schema says, or as it is said on the way', async () => {
    const value = async (issuer: Awaited<ReturnType<typeof make>>, name: string) =>
      (await issuer.draft?.(new Map()))?.get(name)?.reveal() ?? '';
    assert.match(await value(await make('generate', ['jwt_secret'], 'prompts'), 'jwt_secret'), /^[\w+/]{64}$/);
    assert.match(await value(await make('generate', ['own'], 'prompts'), 'own'), /^[A-Za-z\d]{40}$/);
    const factory = await issuers({ issuer: 'generate', fields: ['jwt_secret'], strategy: null });
    assert.match(await value(factory(testContext()), 'jwt_secret'), /^[\da-f]{32}$/);
  });

  it('try a value where its issuer is known, and only there', async () => {
    assert.equal((await make('ask', ['JAMF_CLIENT_SECRET'])).title, 'Jamf');
    assert.equal((await make('ask', ['AUTH0_CLIENT_SECRET'])).title, 'Auth0');
    assert.equal((await make('ask', ['DB_PASSWORD'], 'database')).title, 'whoever gave it');
  });

  it('take the values that they are given, and ask where there are none', async () => {
    const schema = schemaOf('database');
    const current = new Map([['DB_PASSWORD', new Secret('EXAMPLE-before-password')]]);
    const choice = { issuer: 'ask', fields: ['DB_PASSWORD'], strategy: null };
    const answers = () => Promise.resolve(new Map([['DB_PASSWORD', new Secret('EXAMPLE-after-password')]]));
    const given = (await issuersWith({ schema, answers })(choice))(testContext());
    await given.prove(current, null);
    const context = testContext();
    await assert.rejects((await issuersWith({ schema })(choice))(context).prove(current, null), {
      code: 'INPUT_MISSING',
    });
    assert.match(context.questions[0]?.text ?? '', /^new DB_PASSWORD \(password of that user\):$/);
  });
});

describe('the rotators of the environment', () => {
  it('are pairs, or none', () => {
    assert.deepEqual(rotatorsFrom({ JAMF_MCP_ROTATOR_CLIENT_ID: '' }), { jamf: null, auth0: null });
    const { jamf, auth0 } = rotatorsFrom({
      JAMF_MCP_ROTATOR_CLIENT_ID: 'a',
      JAMF_MCP_ROTATOR_CLIENT_SECRET: 'EXAMPLE-jamf-rotator',
      JAMF_MCP_AUTH0_ROTATOR_CLIENT_ID: 'b',
      JAMF_MCP_AUTH0_ROTATOR_CLIENT_SECRET: 'EXAMPLE-auth0-rotator',
    });
    assert.deepEqual([jamf?.clientId, jamf?.clientSecret.reveal()], ['a', 'EXAMPLE-jamf-rotator']);
    assert.deepEqual([auth0?.clientId, auth0?.clientSecret.reveal()], ['b', 'EXAMPLE-auth0-rotator']);
  });

  for (const [half, missing] of [
    ['JAMF_MCP_ROTATOR_CLIENT_ID', 'JAMF_MCP_ROTATOR_CLIENT_SECRET'],
    ['JAMF_MCP_AUTH0_ROTATOR_CLIENT_SECRET', 'JAMF_MCP_AUTH0_ROTATOR_CLIENT_ID'],
  ] as const) {
    it(`are refused by half: ${half}`, () => {
      assert.throws(() => rotatorsFrom({ [half]: 'EXAMPLE-half-rotator' }), {
        code: 'INPUT_MISSING',
        message: `the rotator client is given by half: ${missing} is not set`,
      });
    });
  }
});
