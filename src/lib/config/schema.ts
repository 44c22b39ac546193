/** The shape of `jamf-mcp.yaml`, once: it validates, and the JSON Schema for editors is generated from it. */
import { z } from 'zod';
import { STORE_KINDS } from '../secrets/store.ts';

const text = z.string().min(1);

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
  audit: z
    .strictObject({
      knownPrincipals: z
        .array(text)
        .describe('ARNs, with * as a wildcard, that are expected to read the secret')
        .optional(),
    })
    .optional(),
  localStore: text.describe('folder of the local store').optional(),
};

const environmentSchema = z.strictObject(environmentShape);

/** `jamf-mcp.yaml`: settings for every environment at the top, and what differs under `environments`. */
export const configSchema = z
  .strictObject({
    environment: text.describe('the environment used without --env; default production').optional(),
    ...environmentShape,
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
