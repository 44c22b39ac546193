/** The shape of `jamf-mcp.yaml`, once: it validates, and the JSON Schema for editors is generated from it. */
import { z } from 'zod';
import { ALPHABET_NAMES, DEFAULT_RECIPE, recipeProblem } from '../secrets/generate.ts';
import { FIELD_TYPES } from '../secrets/schema.ts';
import { STORE_KINDS } from '../secrets/store.ts';
import { AUTH0_MODES, KEY_FORMS, SEVERITIES } from './settings.ts';

const text = z.string().min(1);

const day = z.string().refine((date) => /^\d{4}-\d\d-\d\d$/.test(date) && !Number.isNaN(Date.parse(date)), {
  error: 'has to be a day, such as 2026-12-31',
});

const place = text.regex(/^s3:\/\/[a-z\d]/, 'has to be s3://BUCKET/PREFIX');

const auditSchema = z.strictObject({
  knownPrincipals: z
    .array(text.regex(/^(?:arn:|local:|\*)/, 'has to be an ARN, with * as a wildcard'))
    .describe('ARNs, with * as a wildcard, that are expected to read the secret')
    .optional(),
  severities: z
    .record(text, z.enum([...SEVERITIES, 'off']))
    .describe('another severity for what a detector finds, by its id; off switches it off')
    .optional(),
  thresholds: z
    .record(text, z.record(text, z.number().nonnegative()))
    .describe('other numbers for a detector, by its id and their names')
    .optional(),
  suppressions: z
    .array(
      z.strictObject({
        finding: text.describe('id of a finding, with * as a wildcard, or of a detector for all that it finds'),
        principal: text.describe('ARN of the principal, with * as a wildcard; any without').optional(),
        secret: text.describe('name or ARN of the secret, with * as a wildcard; any without').optional(),
        reason: text.regex(/\S/, 'has to say why').describe('why it is no matter'),
        until: day.describe('the last day on which it holds, such as 2026-12-31'),
      }),
    )
    .describe('findings that are not told, each for a reason and until a day')
    .optional(),
  decoys: z
    .array(text)
    .describe('names or ARNs, with * as a wildcard, of secrets that nobody has a reason to touch')
    .optional(),
  vpcEndpoints: z
    .array(text.regex(/^vpce-[0-9a-z]+$/, 'has to be the id of a VPC endpoint: vpce-…'))
    .describe('VPC endpoints that accesses are expected to come through; anywhere without')
    .optional(),
  accounts: z
    .array(
      z.strictObject({
        account: z
          .string()
          .regex(/^\d{12}$/, 'has to be the twelve digits of an account')
          .describe('id of the account'),
        role: text.describe('name or ARN of the role to assume there; it needs cloudtrail:LookupEvents alone'),
      }),
    )
    .describe('accounts whose event histories are read beside that of the credentials')
    .optional(),
  trail: place.describe('bucket of the trail, which keeps what the event history does not').optional(),
  athena: z
    .strictObject({
      table: text.describe('DATABASE.TABLE to make and to ask; default default.jamf_mcp_cloudtrail').optional(),
      workgroup: text.describe('workgroup that queries run in; default primary').optional(),
      outputLocation: place.describe('where results are written; default that of the workgroup').optional(),
    })
    .describe('Athena over the bucket of the trail')
    .optional(),
  lake: z
    .strictObject({ eventDataStore: text.describe('id or ARN of the event data store').optional() })
    .describe('CloudTrail Lake')
    .optional(),
});

const environmentShape = {
  store: z.enum(STORE_KINDS).describe('where the secret is kept').optional(),
  secret: text.max(512).describe('name of the secret; default jamf-mcp-server/<environment>').optional(),
  schema: text.describe("name of the schema of the secret's fields; default jamf").optional(),
  profile: text.describe('AWS profile').optional(),
  region: text.describe('AWS Region').optional(),
  ecs: z
    .strictObject({
      cluster: text.describe('ECS cluster; default jamf-mcp-cluster').optional(),
      service: text.describe('ECS service; default jamf-mcp-service').optional(),
    })
    .describe('the service that runs with the secret')
    .optional(),
  rotation: z
    .strictObject({
      alternate: z
        .tuple([text, text])
        .describe('display names of two Jamf API clients with equal roles, which take turns')
        .optional(),
      auth0Mode: z
        .enum(AUTH0_MODES)
        .describe(
          'patch (default): the new Auth0 client secret is made and stored here first, then given to Auth0; rotate-secret: Auth0 makes it',
        )
        .optional(),
    })
    .describe('how the secret is rotated')
    .optional(),
  audit: auditSchema.describe('how the audit judges').optional(),
  localStore: text.describe('folder of the local store').optional(),
  localKey: z
    .enum(KEY_FORMS)
    .describe('where the key of the local store is; default keychain where there is one, else file')
    .optional(),
  vault: z
    .strictObject({
      address: text.describe('URL of HashiCorp Vault or OpenBao; VAULT_ADDR and BAO_ADDR come before it').optional(),
      namespace: text.describe('namespace; VAULT_NAMESPACE and BAO_NAMESPACE come before it').optional(),
      mount: text.describe('where the KV version 2 engine is mounted; default secret').optional(),
      auth: z
        .enum(['token', 'approle', 'kubernetes', 'aws'])
        .describe('how to sign in; by default with the token or the AppRole that is in the environment')
        .optional(),
      authMount: text.describe('where the auth method is mounted; default its own name').optional(),
      role: text.describe('role of the logins kubernetes and aws').optional(),
      serverId: text.describe('value of X-Vault-AWS-IAM-Server-ID, where the login aws wants it').optional(),
    })
    .describe('the store vault; tokens come from the environment only')
    .optional(),
  azure: z
    .strictObject({ vault: text.describe('URL of the Key Vault, such as https://example.vault.azure.net').optional() })
    .describe('the store azure')
    .optional(),
};

const environmentSchema = z.strictObject(environmentShape);

const fieldSchema = z.strictObject({
  name: text.regex(/^[A-Za-z_][\w.-]*$/, 'has to be letters, digits and _').describe('name of the field'),
  type: z.enum(FIELD_TYPES).describe('what its value looks like; default secret').optional(),
  secret: z.boolean().describe('whether its value is masked; default yes for the type secret, else no').optional(),
  required: z.boolean().describe('whether it has to be there; default yes').optional(),
  default: z.string().describe('taken where nothing is given').optional(),
  issuer: text.describe('who can issue another value: jamf, auth0, or generate to have it made here').optional(),
  generate: z
    .strictObject({
      length: z.int().min(16).max(4096).describe('characters; default 40').optional(),
      alphabet: z.enum(ALPHABET_NAMES).describe('characters to choose from; default alnum').optional(),
    })
    .refine((recipe) => recipeProblem({ ...DEFAULT_RECIPE, ...recipe }) === null, {
      error: 'base64 has a multiple of 4 characters',
    })
    .describe('how a value is made here')
    .optional(),
  describe: text.describe('what it is, shown where it is asked for').optional(),
  aliases: z.array(text).describe('other names that an imported file may have for it').optional(),
});

/** A kind of secret of the user's own. */
const ownSchema = z.strictObject({
  prefix: text.describe('what a name may be given without in an imported file, such as PAYROLL').optional(),
  fields: z.array(fieldSchema).min(1),
});

/** `jamf-mcp.yaml`: settings for every environment at the top, and what differs under `environments`. */
export const configSchema = z
  .strictObject({
    environment: text.describe('the environment used without --env; default production').optional(),
    ...environmentShape,
    schemas: z.record(text, ownSchema).describe('kinds of secrets of your own, by name').optional(),
    environments: z.record(text, environmentSchema).describe('what differs in one environment').optional(),
  })
  .describe('jamf-mcp.yaml');

/** What one environment may set. */
export type EnvironmentConfig = z.infer<typeof environmentSchema>;

/** The content of `jamf-mcp.yaml`. */
export type Config = z.infer<typeof configSchema>;

/** The JSON Schema (draft 2020-12) that editors read. */
export function configJsonSchema(): Record<string, unknown> {
  return { title: 'jamf-mcp.yaml', ...z.toJSONSchema(configSchema) };
}
