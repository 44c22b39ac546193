/** What environment variables say about settings. The environment itself is handed in. */
import { join } from 'node:path';
import { JamfMcpError } from '../errors.ts';
import { Secret } from '../redact.ts';
import { resolveSettings, type Choices } from './resolve.ts';
import type { Config } from './schema.ts';
import { KEY_FORMS, type KeyForm, type Settings, type VaultSettings } from './settings.ts';

/** Names and values, as in `process.env`. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Complete settings from choices, the environment and configuration files.
 * @param choices - flags, or what an application asked for
 * @param env - the environment
 * @param configs - configuration files, strongest first
 * @param machine - the home folder, and the person at the machine where known
 * @throws JamfMcpError as {@link resolveSettings}; INPUT_INVALID for a variable that cannot be
 */
export function settingsFrom(
  choices: Omit<Choices, 'localKey'>,
  env: Environment,
  configs: readonly Config[],
  machine: { home: string; user: string | null },
): Settings {
  const aws = {
    credentials: Boolean(env.AWS_PROFILE ?? env.AWS_ACCESS_KEY_ID),
    region: Boolean(env.AWS_REGION),
    defaultRegion: env.AWS_DEFAULT_REGION,
  };
  const settings = resolveSettings(
    { ...choices, localKey: localKey(env.JAMF_MCP_LOCAL_KEY) },
    aws,
    configs,
    join(env.XDG_DATA_HOME ?? join(machine.home, '.local', 'share'), 'jamf-mcp'),
  );
  return {
    ...settings,
    vault: { ...settings.vault, ...vaultEnvironment(env, machine.home) },
    azure: { vault: env.AZURE_KEYVAULT_URL ?? settings.azure.vault },
    user: machine.user,
    passphrase: env.JAMF_MCP_PASSPHRASE ? new Secret(env.JAMF_MCP_PASSPHRASE) : null,
  };
}

function localKey(text: string | undefined): KeyForm | undefined {
  const form = KEY_FORMS.find((known) => known === text);
  if (form || !text) return form;
  throw new JamfMcpError(
    'INPUT_INVALID',
    'JAMF_MCP_LOCAL_KEY names no place for the key of the local store',
    `set it to ${KEY_FORMS.join(', ')}, or unset it`,
  );
}

/** The variables of Vault and of OpenBao: of two that say the same, OpenBao's comes first. */
function vaultEnvironment(env: Environment, home: string): Partial<VaultSettings> {
  const variable = (name: string) => [env[`BAO_${name}`], env[`VAULT_${name}`]].find(Boolean);
  const secret = (name: string) => {
    const value = variable(name);
    return value === undefined ? undefined : new Secret(value);
  };
  const found: VaultSettings = {
    address: variable('ADDR'),
    namespace: variable('NAMESPACE'),
    caFile: variable('CACERT'),
    role: variable('ROLE'),
    token: secret('TOKEN'),
    tokenFile: join(home, '.vault-token'),
    roleId: variable('ROLE_ID'),
    secretId: secret('SECRET_ID'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}
