/** Flags over environment over project file over user file over the defaults. */
import { JamfMcpError } from '../errors.ts';
import { DEFAULT_RECIPE } from '../secrets/generate.ts';
import type { FieldType, SecretSchema } from '../secrets/schema.ts';
import type { StoreKind } from '../secrets/store.ts';
import type { Config, EnvironmentConfig } from './schema.ts';
import { AUDIT_DEFAULTS, PRODUCTION, type KeyForm, type Settings } from './settings.ts';

/** What flags (and the environment variables that stand for them) named; undefined where they said nothing. */
export interface Choices {
  env?: string | undefined;
  store?: StoreKind | undefined;
  secret?: string | undefined;
  schema?: string | undefined;
  profile?: string | undefined;
  region?: string | undefined;
  localKey?: KeyForm | undefined;
}

/** What the ordinary AWS variables already settle: the files below them must not override it. */
export interface AwsEnvironment {
  /** AWS_PROFILE or AWS_ACCESS_KEY_ID is set. */
  credentials: boolean;
  /** AWS_REGION is set. */
  region: boolean;
  /** AWS_DEFAULT_REGION, which the SDK for JavaScript does not read itself. */
  defaultRegion: string | undefined;
}

/**
 * Merge everything into the settings of one invocation.
 * @param choices - flags
 * @param aws - what the AWS variables settle
 * @param configs - the configuration files, strongest first
 * @param dataFolder - where the local store lives unless a file names another folder
 * @returns complete settings
 * @throws JamfMcpError CONFIG_INVALID for an environment that the files do not know although they list others
 */
export function resolveSettings(
  choices: Choices,
  aws: AwsEnvironment,
  configs: readonly Config[],
  dataFolder: string,
): Settings {
  const environment = choices.env ?? configs.find((config) => config.environment)?.environment ?? PRODUCTION;
  checkEnvironment(environment, configs);
  for (const [flag, value] of [
    ['--env', environment],
    ['--secret', choices.secret],
  ] as const) {
    if (value?.trim() === '')
      throw new JamfMcpError('INPUT_INVALID', `${flag} is empty`, 'name one, or leave the flag out');
  }
  const layers: EnvironmentConfig[] = configs.flatMap((config) => [config.environments?.[environment] ?? {}, config]);
  const first = <T>(pick: (layer: EnvironmentConfig) => T | undefined): T | undefined =>
    layers.map(pick).find((value) => value !== undefined);

  const merged = <T extends object>(pick: (layer: EnvironmentConfig) => T | undefined): T | Record<string, never> =>
    Object.assign({}, ...layers.map(pick).toReversed()) as T;

  const profile = choices.profile ?? (aws.credentials ? undefined : first((layer) => layer.profile));
  const region = choices.region ?? (aws.region ? undefined : (aws.defaultRegion ?? first((layer) => layer.region)));
  return {
    environment,
    store: choices.store ?? first((layer) => layer.store) ?? 'aws',
    secret: choices.secret ?? first((layer) => layer.secret) ?? `jamf-mcp-server/${environment}`,
    schema: choices.schema ?? first((layer) => layer.schema) ?? 'jamf',
    schemaNamed: choices.schema !== undefined,
    schemas: configs.flatMap((config) => Object.entries(config.schemas ?? {}).map(schemaFrom)),
    aws: { profile, region },
    ecs: {
      cluster: first((layer) => layer.ecs?.cluster) ?? 'jamf-mcp-cluster',
      service: first((layer) => layer.ecs?.service) ?? 'jamf-mcp-service',
    },
    rotation: {
      alternate: first((layer) => layer.rotation?.alternate) ?? null,
      auth0Mode: first((layer) => layer.rotation?.auth0Mode) ?? null,
    },
    audit: { ...AUDIT_DEFAULTS, ...merged((layer) => layer.audit) },
    localStore: first((layer) => layer.localStore) ?? dataFolder,
    localKey: choices.localKey ?? first((layer) => layer.localKey) ?? null,
    vault: merged((layer) => layer.vault),
    azure: merged((layer) => layer.azure),
  };
}

/** A schema of the file in the form of those that come along; what the file leaves out is secret and needed. */
function schemaFrom([name, { prefix = '', fields }]: [string, NonNullable<Config['schemas']>[string]]): SecretSchema {
  return {
    name,
    prefix,
    fields: fields.map(({ type = 'secret', secret, required, issuer, generate, describe, ...field }) => ({
      ...field,
      type,
      secret: secret ?? type === 'secret',
      optional: required === false,
      issuer: issuer ?? null,
      ...(generate ? { generate: { ...DEFAULT_RECIPE, ...generate } } : {}),
      describe: describe ?? `field of ${name}`,
      example: field.default ?? EXAMPLES[type],
    })),
  };
}

const EXAMPLES: Record<FieldType, string> = {
  origin: 'https://server.example.com',
  url: 'https://example.com/path',
  host: 'host.example.com',
  server: 'server.example.com',
  port: '8080',
  text: 'example',
  scopes: 'read write',
  secret: 'EXAMPLE-secret',
};

/** A mistyped `--env prodution` must not become a new secret, where the files say which environments there are. */
function checkEnvironment(environment: string, configs: readonly Config[]): void {
  const known = configs.flatMap((config) => Object.keys(config.environments ?? {}));
  if (known.length === 0 || known.includes(environment) || environment === PRODUCTION) return;
  throw new JamfMcpError(
    'CONFIG_INVALID',
    `environment ${environment} is not in jamf-mcp.yaml`,
    `use one of ${[...new Set([PRODUCTION, ...known])].join(', ')}, or add it under environments:`,
  );
}
