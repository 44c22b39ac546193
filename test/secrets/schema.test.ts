import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  checkFields,
  fieldsFrom,
  fieldsOf,
  isSecretField,
  requireFields,
  schemaOf,
} from '../../src/lib/secrets/schema.ts';
import { Secret } from '../../src/lib/redact.ts';
import { decodeFields, encodeFields, tagsFrom } from '../../src/lib/secrets/rules.ts';
import { rejectsWith } from './contract.ts';

const jamf = schemaOf('jamf');

/** Eight fields that are right. */
const RIGHT = {
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: '00000000-0000-4000-8000-000000000000',
  JAMF_CLIENT_SECRET: 'EXAMPLE-jamf-client-secret',
  AUTH0_DOMAIN: 'example.eu.auth0.com',
  AUTH0_CLIENT_ID: 'EXAMPLEauth0clientid',
  AUTH0_CLIENT_SECRET: 'EXAMPLE-auth0-client-secret',
  AUTH0_AUDIENCE: 'https://mcp.example.com/',
  REQUIRED_SCOPES: 'read:jamf write:jamf',
};

const checked = (name: keyof typeof RIGHT, value: string) => {
  const { values, problems } = checkFields(jamf, { ...RIGHT, [name]: value });
  return problems[0]?.why ?? values[name];
};

describe('the jamf schema', () => {
  it('has the eight fields, two of them secret', () => {
    assert.deepEqual(
      jamf.fields.map(({ name }) => name),
      Object.keys(RIGHT),
    );
    assert.deepEqual(
      jamf.fields.filter(({ secret }) => secret).map(({ name }) => name),
      ['JAMF_CLIENT_SECRET', 'AUTH0_CLIENT_SECRET'],
    );
    assert.ok(isSecretField(jamf, 'UNKNOWN'), 'what is not known is secret');
    assert.deepEqual(requireFields(jamf, RIGHT), RIGHT);
  });

  it('gives its own examples', () => {
    assert.doesNotThrow(() =>
      requireFields(jamf, Object.fromEntries(jamf.fields.map(({ name, example }) => [name, example]))),
    );
  });

  it('takes a Jamf URL in whatever form it was copied', () => {
    const forms = [
      'https://Example.jamfcloud.com',
      ' https://example.jamfcloud.com/ ',
      'https://example.jamfcloud.com/index.html?x#y',
      'https://example.jamfcloud.com:443',
    ];
    for (const form of forms) assert.equal(checked('JAMF_URL', form), 'https://example.jamfcloud.com');
    assert.equal(checked('JAMF_URL', 'https://jamf.example.com:8443/'), 'https://jamf.example.com:8443');
    for (const local of ['http://127.0.0.1:8080', 'http://localhost:1', 'http://[::1]:5'])
      assert.equal(checked('JAMF_URL', local), local);
  });

  it('refuses what is no https URL', () => {
    for (const bad of [
      'example.jamfcloud.com',
      'ftp://example.com',
      'https:',
      'https://',
      'javascript:alert(1)',
      'https:example.com',
    ]) {
      assert.match(checked('JAMF_URL', bad) ?? '', /^has to be a URL/, bad);
    }
    for (const open of [
      'http://example.jamfcloud.com',
      'http://127.0.0.1.example.com',
      'http://localhost.example.com',
    ]) {
      assert.match(checked('JAMF_URL', open) ?? '', /^has to be https/, open);
    }
    assert.match(checked('JAMF_URL', 'https://me:EXAMPLE@example.com') ?? '', /user name or password/);
  });

  it('keeps the audience to the letter, since Auth0 compares it so', () => {
    for (const audience of ['https://mcp.example.com', 'https://mcp.example.com/', 'https://MCP.example.com/Api']) {
      assert.equal(checked('AUTH0_AUDIENCE', audience), audience);
    }
  });

  it('takes a domain, and a port on this machine only', () => {
    assert.equal(checked('AUTH0_DOMAIN', ' Example.EU.auth0.com'), 'example.eu.auth0.com');
    assert.equal(checked('AUTH0_DOMAIN', '127.0.0.1:3000'), '127.0.0.1:3000');
    const bad = [
      'https://example.auth0.com',
      'example.auth0.com/',
      'example.auth0.com:444',
      'a b.com',
      'me@example.com',
      'example',
      '-a.com',
      'x.com?',
    ];
    for (const domain of bad) assert.match(checked('AUTH0_DOMAIN', domain) ?? '', /^(has to|may)/, domain);
  });

  it('brings scopes into one form, and has a default for them', () => {
    assert.equal(checked('REQUIRED_SCOPES', '  read:jamf   write:jamf read:jamf'), 'read:jamf write:jamf');
    assert.equal(checked('REQUIRED_SCOPES', ''), 'read:jamf write:jamf');
    assert.match(checked('REQUIRED_SCOPES', 'read:jamf,write:jamf') ?? '', /separated by spaces/);
  });

  it('refuses a secret with white space around it, and line breaks anywhere', () => {
    assert.match(checked('JAMF_CLIENT_SECRET', ' EXAMPLE-x') ?? '', /white space/);
    assert.match(checked('JAMF_CLIENT_ID', 'a\nb') ?? '', /line break/);
    assert.equal(checked('JAMF_CLIENT_ID', ' a '), 'a');
  });

  it('tells everything that is missing or wrong in one error, and no value', async () => {
    const raw = {
      JAMF_URL: 'EXAMPLE-not-a-url',
      JAMF_CLIENT_SECRET: ' EXAMPLE-secret',
      AUTH0_CLIENT_ID: '  ',
      EXTRA: 'kept',
    };
    const error = await rejectsWith('INPUT_INVALID', () => requireFields(jamf, raw));
    for (const name of [
      'JAMF_URL',
      'JAMF_CLIENT_ID',
      'JAMF_CLIENT_SECRET',
      'AUTH0_DOMAIN',
      'AUTH0_CLIENT_ID',
      'AUTH0_CLIENT_SECRET',
      'AUTH0_AUDIENCE',
    ]) {
      assert.match(error.message, new RegExp(`\\b${name}\\b`));
    }
    assert.doesNotMatch(error.message, /REQUIRED_SCOPES/);
    assert.equal((error.details as { problems: unknown[] }).problems.length, 7);
    await rejectsWith('INPUT_MISSING', () => requireFields(jamf, {}));
  });

  it('keeps unknown fields, secret and after the known ones', () => {
    const wrapped = fieldsFrom(jamf, { ZED: 'EXAMPLE-zed', JAMF_URL: 'u' });
    assert.deepEqual([...wrapped.keys()], ['JAMF_URL', 'ZED']);
    assert.equal(String(wrapped.get('ZED')), '***');
  });

  it('there is no schema of another name', async () => {
    await rejectsWith('CONFIG_INVALID', () => schemaOf('toString'));
  });
});

describe('tags', () => {
  it('are NAME=VALUE, and none of those that say what is ours', async () => {
    assert.deepEqual(tagsFrom(['Project=NBA-MCP', 'empty=', 'a=b=c']), { Project: 'NBA-MCP', empty: '', a: 'b=c' });
    for (const bad of ['Project', '=x', 'schema=aws', 'managed-by=me', 'environment=dev', 'aws:x=1'])
      await rejectsWith('INPUT_INVALID', () => tagsFrom([bad]));
  });
});

describe('the stored text', () => {
  it('holds strings only and comes back as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: 'binary' })), (raw) => {
        fc.pre(!Object.hasOwn(raw, '__proto__'));
        const text = encodeFields(fieldsFrom(jamf, raw));
        for (const value of Object.values(JSON.parse(text) as Record<string, unknown>))
          assert.equal(typeof value, 'string');
        assert.deepEqual(Object.fromEntries(decodeFields(text, 'it')), { ...raw });
      }),
    );
  });

  it('refuses the one name that a plain object would lose', async () => {
    await rejectsWith('INPUT_INVALID', () => encodeFields(new Map([['__proto__', new Secret('EXAMPLE-proto')]])));
  });

  it('takes numbers and booleans of others as they were written', () => {
    const text = '{"PORT":5432,"ID":12345678901234567890,"FLOAT":1e3,"ZERO":1.0,"ON":true}';
    assert.deepEqual(decodeFields(text, 'it'), [
      ['PORT', '5432', true],
      ['ID', '12345678901234567890', true],
      ['FLOAT', '1e3', true],
      ['ZERO', '1.0', true],
      ['ON', 'true', true],
    ]);
    assert.equal(encodeFields(fieldsOf(jamf, decodeFields(text, 'it'))), text);
  });

  it('holds a port as a number, and a value that was there before as it was written', () => {
    const database = schemaOf('database');
    assert.equal(
      encodeFields(fieldsFrom(database, { DB_PORT: '5432', DB_HOST: 'h' })),
      '{"DB_HOST":"h","DB_PORT":5432}',
    );
    const before = fieldsOf(database, decodeFields('{"DB_PORT":"5432","LIMIT":10}', 'it'));
    const after = (raw: Record<string, string>) => encodeFields(fieldsFrom(database, raw, before));
    assert.equal(after({ DB_PORT: '5432', LIMIT: '10' }), '{"DB_PORT":"5432","LIMIT":10}');
    assert.equal(after({ DB_PORT: '5433', LIMIT: '11' }), '{"DB_PORT":5433,"LIMIT":"11"}');
    assert.equal(
      encodeFields(new Map([['A', new Secret('EXAMPLE-no-number', { literal: true })]])),
      '{"A":"EXAMPLE-no-number"}',
    );
  });

  it('refuses anything else, and shows none of it', async () => {
    for (const text of [
      'EXAMPLE-plain',
      '["EXAMPLE-a"]',
      'null',
      '"EXAMPLE-s"',
      '{"A":null}',
      '{"A":{"B":"EXAMPLE-n"}}',
      '{"A":["EXAMPLE-n"]}',
      '{"A":"EXAMPLE-t',
    ]) {
      const { hint } = await rejectsWith('SECRET_MALFORMED', () => decodeFields(text, 'secret x'));
      assert.match(hint ?? '', /`jamf-mcp secrets init --update --from-file FILE --secret x`$/);
    }
  });
});
