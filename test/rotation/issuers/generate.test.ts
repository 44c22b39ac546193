import assert from 'node:assert/strict';
import { Secret } from '../../../src/lib/redact.ts';
import { generateIssuer } from '../../../src/lib/rotation/issuers/generate.ts';
import type { Recipe } from '../../../src/lib/secrets/generate.ts';
import { fieldsFrom, schemaOf } from '../../../src/lib/secrets/schema.ts';
import { keepsTheContract } from './contract.ts';

const schema = schemaOf('prompts');
const RECIPES = new Map<string, Recipe>([
  ['jwt_secret', { length: 64, alphabet: 'base64' }],
  ['api_key', { length: 48, alphabet: 'hex' }],
]);
const CURRENT = {
  jwt_secret: 'EXAMPLE-jwt-secret-before',
  api_key: 'EXAMPLE-api-key-before',
  db_password: 'EXAMPLE-db-password',
};

describe('the issuer generate', () => {
  keepsTheContract({
    schema,
    current: () => fieldsFrom(schema, CURRENT),
    make: () => generateIssuer(RECIPES),
    strategy: 'single',
    mint: null,
    refusal: 'SECRET_MALFORMED',
  });

  it('makes values of the form that is asked for, and nothing else', async () => {
    const drafted = await generateIssuer(RECIPES).draft?.(new Map());
    assert.match(drafted?.get('api_key')?.reveal() ?? '', /^[\da-f]{48}$/);
    assert.equal(Buffer.from(drafted?.get('jwt_secret')?.reveal() ?? '', 'base64').length, 48);
    assert.equal(drafted?.size, 2);
  });

  it('does not take the value before for a new one', async () => {
    const issuer = generateIssuer(RECIPES);
    const drafted = (await issuer.draft?.(new Map())) ?? new Map<string, Secret>();
    await issuer.prove(drafted, null);
    await assert.rejects(issuer.test(drafted), { code: 'SECRET_MALFORMED' });
  });

  it('does not add a field that the secret does not have', async () => {
    const fields = new Map([['api_key', new Secret('EXAMPLE-api-key-before')]]);
    await assert.rejects(generateIssuer(RECIPES).prove(fields, null), /has no jwt_secret, .*nothing was changed/);
  });

  it('says that nobody can be asked', () => {
    assert.ok(!('accepts' in generateIssuer(RECIPES)));
  });
});
