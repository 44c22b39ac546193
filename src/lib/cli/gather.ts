/** Finds the configuration files and reads the environment: the only place that does. */
import { readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { JamfMcpError, messageOf } from '../errors.ts';
import { resolveSettings, type Choices } from '../config/resolve.ts';
import type { Config } from '../config/schema.ts';
import { KEY_FORMS, type KeyForm, type Settings, type VaultSettings } from '../config/settings.ts';
import { Secret } from '../redact.ts';

/** Name of the project's configuration file. */
export const CONFIG_FILE = 'jamf-mcp.yaml';

/**
 * The settings of this invocation.
 * @param choices - flags
 * @throws JamfMcpError CONFIG_INVALID; INPUT_INVALID where JAMF_MCP_CONFIG names a file that cannot be read
 */
export async function gatherSettings(choices: Choices): Promise<Settings> {
  const { env } = process;
  const aws = {
    credentials: Boolean(env.AWS_PROFILE ?? env.AWS_ACCESS_KEY_ID),
    region: Boolean(env.AWS_REGION),
    defaultRegion: env.AWS_DEFAULT_REGION,
  };
  const settings = resolveSettings(
    { ...choices, localKey: localKey(env.JAMF_MCP_LOCAL_KEY) },
    aws,
    await readConfigs(),
    join(env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'jamf-mcp'),
  );
  return {
    ...settings,
    vault: { ...settings.vault, ...vaultEnvironment(env) },
    azure: { vault: env.AZURE_KEYVAULT_URL ?? settings.azure.vault },
    user: userName(),
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
function vaultEnvironment(env: NodeJS.ProcessEnv): Partial<VaultSettings> {
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
    tokenFile: join(homedir(), '.vault-token'),
    roleId: variable('ROLE_ID'),
    secretId: secret('SECRET_ID'),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** A container may run under a number that no account has. */
function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

/** The project's file, then the user's; JAMF_MCP_CONFIG names one file that stands for both. */
async function readConfigs(): Promise<Config[]> {
  const { env } = process;
  if (env.JAMF_MCP_CONFIG) {
    const only = await readConfig(env.JAMF_MCP_CONFIG);
    if (only) return [only];
    throw new JamfMcpError(
      'INPUT_INVALID',
      `JAMF_MCP_CONFIG names ${env.JAMF_MCP_CONFIG}, which does not exist`,
      'unset JAMF_MCP_CONFIG; where it came from a sandbox that has ended, open a new shell',
    );
  }
  const user = join(env.XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'jamf-mcp', 'config.yaml');
  const found = [await findProjectConfig(process.cwd()), await readConfig(user)];
  return found.filter((config) => config !== null);
}

/** The nearest `jamf-mcp.yaml` from a folder upwards. */
async function findProjectConfig(folder: string): Promise<Config | null> {
  const parent = dirname(folder);
  return (await readConfig(join(folder, CONFIG_FILE))) ?? (parent === folder ? null : findProjectConfig(parent));
}

async function readConfig(path: string): Promise<Config | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new JamfMcpError('INPUT_INVALID', `cannot read ${path}: ${messageOf(error)}`, 'correct its permissions', {
      cause: error,
    });
  }
  const { parseConfig } = await import('../config/load.ts');
  return parseConfig(text, path);
}
