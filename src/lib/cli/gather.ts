/** Finds the configuration files and reads the environment: the only place that does. */
import { readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { JamfMcpError, messageOf } from '../errors.ts';
import { settingsFrom } from '../config/environment.ts';
import type { Choices } from '../config/resolve.ts';
import type { Config } from '../config/schema.ts';
import type { Settings } from '../config/settings.ts';

/** Name of the project's configuration file. */
export const CONFIG_FILE = 'jamf-mcp.yaml';

/**
 * The settings of this invocation.
 * @param choices - flags
 * @throws JamfMcpError CONFIG_INVALID; INPUT_INVALID where JAMF_MCP_CONFIG names a file that cannot be read
 */
export async function gatherSettings(choices: Choices): Promise<Settings> {
  return settingsFrom(choices, process.env, await readConfigs(), { home: homedir(), user: userName() });
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
