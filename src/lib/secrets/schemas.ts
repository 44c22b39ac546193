/** The schemas that come along, as tables. */
import type { Recipe } from './generate.ts';
import type { FieldSpec, SecretSchema } from './schema.ts';

const AUTH0_FIELDS: readonly FieldSpec[] = [
  {
    name: 'AUTH0_DOMAIN',
    secret: false,
    type: 'host',
    issuer: null,
    describe: 'host name of the Auth0 tenant',
    example: 'example.eu.auth0.com',
  },
  {
    name: 'AUTH0_CLIENT_ID',
    secret: false,
    type: 'text',
    issuer: 'auth0',
    describe: 'client id of the Auth0 application',
    example: 'EXAMPLEauth0clientid',
  },
  {
    name: 'AUTH0_CLIENT_SECRET',
    secret: true,
    type: 'secret',
    issuer: 'auth0',
    describe: 'client secret of the Auth0 application',
    example: 'EXAMPLE-auth0-client-secret',
  },
  {
    name: 'AUTH0_AUDIENCE',
    secret: false,
    type: 'url',
    issuer: null,
    describe: 'audience of the access tokens, the https URL of the MCP server',
    example: 'https://mcp.example.com',
  },
];

/** The eight fields of the Jamf MCP server: requirements rows 3 to 10, 26, 27. */
const JAMF: SecretSchema = {
  name: 'jamf',
  prefix: 'JAMF',
  fields: [
    {
      name: 'JAMF_URL',
      secret: false,
      type: 'origin',
      issuer: null,
      describe: 'URL of the Jamf Pro server',
      example: 'https://example.jamfcloud.com',
    },
    {
      name: 'JAMF_CLIENT_ID',
      secret: false,
      type: 'text',
      issuer: 'jamf',
      describe: 'client id of the Jamf API client',
      example: '00000000-0000-4000-8000-000000000000',
    },
    {
      name: 'JAMF_CLIENT_SECRET',
      secret: true,
      type: 'secret',
      issuer: 'jamf',
      describe: 'client secret of the Jamf API client',
      example: 'EXAMPLE-jamf-client-secret',
    },
    ...AUTH0_FIELDS,
    {
      name: 'REQUIRED_SCOPES',
      secret: false,
      type: 'scopes',
      issuer: null,
      describe: 'scopes that a token must carry, separated by spaces',
      example: 'read:jamf write:jamf',
      default: 'read:jamf write:jamf',
    },
  ],
};

const AUTH0: SecretSchema = { name: 'auth0', prefix: 'AUTH0', fields: AUTH0_FIELDS };

/** Requirements rows 361, 364, 370, 371. */
const DATABASE: SecretSchema = {
  name: 'database',
  prefix: 'DB',
  fields: [
    {
      name: 'DB_HOST',
      secret: false,
      type: 'server',
      issuer: null,
      describe: 'host of the database server',
      example: 'db.example.com',
      aliases: ['DATABASE_HOST', 'PGHOST', 'POSTGRES_HOST'],
    },
    {
      name: 'DB_PORT',
      secret: false,
      type: 'port',
      issuer: null,
      describe: 'port of the database server',
      example: '5432',
      default: '5432',
      aliases: ['DATABASE_PORT', 'PGPORT', 'POSTGRES_PORT'],
    },
    {
      name: 'DB_NAME',
      secret: false,
      type: 'text',
      issuer: null,
      describe: 'name of the database',
      example: 'example',
      aliases: ['DATABASE', 'DB_DATABASE', 'DATABASE_NAME', 'PGDATABASE', 'POSTGRES_DB'],
    },
    {
      name: 'DB_USER',
      secret: false,
      type: 'text',
      issuer: null,
      describe: 'user of the database',
      example: 'example',
      aliases: ['DB_USERNAME', 'DATABASE_USER', 'DATABASE_USERNAME', 'PGUSER', 'POSTGRES_USER'],
    },
    {
      name: 'DB_PASSWORD',
      secret: true,
      type: 'secret',
      issuer: null,
      describe: 'password of that user',
      example: 'EXAMPLE-database-password',
      aliases: ['DB_PASS', 'DATABASE_PASSWORD', 'PGPASSWORD', 'POSTGRES_PASSWORD'],
    },
    {
      name: 'DB_SSLMODE',
      secret: false,
      type: 'text',
      issuer: null,
      describe: 'disable, require (encrypt) or verify-full (encrypt and check the certificate)',
      example: 'verify-full',
      optional: true,
      aliases: ['PGSSLMODE'],
    },
  ],
};

/** Requirements rows 362, 363, 372. */
const AWS: SecretSchema = {
  name: 'aws',
  prefix: 'AWS',
  fields: [
    {
      name: 'AWS_ACCESS_KEY_ID',
      secret: true,
      type: 'secret',
      issuer: null,
      describe: 'id of the access key',
      example: 'AKIAEXAMPLEEXAMPLE00',
    },
    {
      name: 'AWS_SECRET_ACCESS_KEY',
      secret: true,
      type: 'secret',
      issuer: null,
      describe: 'the secret half of the access key',
      example: 'EXAMPLE-aws-secret-access-key',
    },
    {
      name: 'AWS_SESSION_TOKEN',
      secret: true,
      type: 'secret',
      issuer: null,
      describe: 'token of a temporary key',
      example: 'EXAMPLE-aws-session-token',
      optional: true,
    },
    {
      name: 'AWS_REGION',
      secret: false,
      type: 'text',
      issuer: null,
      describe: 'Region that the key is used in',
      example: 'us-east-1',
      default: 'us-east-1',
      aliases: ['AWS_DEFAULT_REGION'],
      stays: true,
    },
  ],
};

/** Requirements row 373. */
const S3: SecretSchema = {
  name: 's3',
  prefix: 'S3',
  fields: [
    {
      name: 'S3_BUCKET',
      secret: false,
      type: 'text',
      issuer: null,
      describe: 'name of the bucket',
      example: 'example-bucket',
      aliases: ['S3_BUCKET_NAME', 'AWS_S3_BUCKET', 'AWS_BUCKET', 'AWS_BUCKET_NAME'],
    },
  ],
};

/** The seven keys of mcp-prompts, which reads them by these very names: requirements rows 174 to 180. */
const PROMPTS: SecretSchema = {
  name: 'prompts',
  prefix: '',
  fields: (
    [
      ['aws_access_key_id', 'id of the AWS access key; a role needs none', 'AKIAEXAMPLEEXAMPLE00'],
      ['aws_secret_access_key', 'the secret half of the access key', 'EXAMPLE-aws-secret-access-key'],
      ['stripe_secret_key', 'secret key of the Stripe account', 'EXAMPLE-stripe-secret-key'],
      ['stripe_webhook_secret', 'what Stripe signs its webhooks with', 'EXAMPLE-stripe-webhook-secret'],
      ['jwt_secret', 'what the server signs its tokens with', 'EXAMPLE-jwt-secret', { length: 64, alphabet: 'base64' }],
      ['db_password', 'password of the database user', 'EXAMPLE-database-password'],
      ['api_key', 'key that clients of the server present', 'EXAMPLE-api-key', { length: 48, alphabet: 'alnum' }],
    ] satisfies [name: string, describe: string, example: string, generate?: Recipe][]
  ).map(([name, describe, example, generate]) => ({
    name,
    secret: true,
    type: 'secret',
    issuer: generate ? 'generate' : null,
    describe,
    example,
    ...(generate ? { generate } : {}),
  })),
};

/** Every schema that comes along. */
export const SCHEMAS: readonly SecretSchema[] = [JAMF, AUTH0, DATABASE, AWS, S3, PROMPTS];
