/** What is taken for a credential, and what is not. */
import assert from 'node:assert/strict';
import { credentialShape, suspect } from '../../src/lib/secrets/credentials.ts';

/** Put together here, so that no scanner takes this file for a leak. */
const join = (...parts: string[]) => parts.join('');
const RANDOM = 'q7Zt9vKx2LmN4pRs8WyB';

const yes: [string, string, string][] = [
  ['DB_PASSWORD', 'x', 'name'],
  ['dbPassword', 'hunter2', 'name'],
  ['STRIPE_WEBHOOK_SECRET', 'x', 'name'],
  ['api-key', 'x', 'name'],
  ['aws_secret_access_key', 'x', 'name'],
  ['SERVICE_TOKEN', '12345', 'name'],
  ['ANY', join('AKIA', 'EXAMPLEEXAMPLE00'), 'aws-key'],
  ['ANY', join('-----BEGIN ', 'RSA PRIVATE KEY-----\nx'), 'private-key'],
  ['ANY', join('gh', 'p_', 'EXAMPLEEXAMPLEEXAMPLEEXAMPLE'), 'token'],
  ['ANY', join('xox', 'b-', 'EXAMPLE-EXAMPLE'), 'token'],
  ['ANY', join('sk_', 'live_', 'EXAMPLEEXAMPLE'), 'token'],
  ['ANY', join('eyJ', 'hbGciOiJI.', 'EXAMPLE.EXAMPLE'), 'token'],
  ['ANY', 'postgres://nba:EXAMPLE@db.example.com/nba', 'url'],
  ['REDIS', 'redis://:EXAMPLE@cache:6379', 'url'],
  ['ANY', RANDOM, 'random'],
  ['ANY', '0123456789abcdef0f1e2d3c4b5a6978', 'random'],
];

const no: [string, string][] = [
  ['LOG_LEVEL', 'INFO'],
  ['DB_PASSWORD', ''],
  ['DB_PASSWORD', '${VAULT_PASSWORD}'],
  ['DB_PASSWORD', '<password>'],
  ['USE_TOKEN', 'true'],
  ['TOKEN_TTL', '3600'],
  ['PASSWORD_MIN_LENGTH', '12'],
  ['JAMF_URL', 'https://example.jamfcloud.com'],
  ['PATHS', '/usr/local/share/some/long/path/with/9'],
  ['CLIENT_ID', RANDOM],
  ['CLIENT', '00000000-1111-4222-8333-444444444444'],
  ['GIT_COMMIT', '0123456789abcdef0f1e2d3c4b5a697812345678'],
  ['HOSTS', 'db-1.example.com'],
  ['CORS', 'https://a.example.com,https://b.example.com'],
  ['WORDS', 'the-quick-brown-fox-jumps'],
  ['ARN', 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole'],
  ['NUMBER', '12345678901234567890123'],
  ['SERVER_PORT', '8000'],
];

describe('credentials by name, shape and randomness', () => {
  for (const [name, value, kind] of yes) {
    it(`${name} is one (${kind})`, () => {
      const found = suspect(name, value);
      assert.equal(found?.kind, kind);
      assert.ok(!found.why.includes(value) || value === 'x', 'the value is not repeated');
    });
  }
  for (const [name, value] of no) {
    it(`${name}=${value || '(empty)'} is none`, () => {
      assert.equal(suspect(name, value), null);
    });
  }

  it('finds a shape inside any text', () => {
    assert.equal(credentialShape(`# old: ${join('AKIA', 'EXAMPLEEXAMPLE00')}, unused`)?.kind, 'aws-key');
    assert.equal(credentialShape('# nothing to see'), null);
  });
});
