/** What a process needs in its environment to live in the sandbox, and the files that go with it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A sandbox's surroundings on disk. */
export interface Surroundings {
  /** Variables to set; everything else that begins with `AWS_` or `JAMF_MCP_` has to go. */
  variables: Record<string, string>;
  /** Delete the files. */
  remove(): Promise<void>;
}

/**
 * Write the dotenv file with the eight fields and a configuration of its own, so that nothing in the sandbox reaches
 * the user's `jamf-mcp.yaml`, local store or AWS files.
 * @param sandbox - its variables and fields
 */
export async function surround(sandbox: {
  environment: Record<string, string>;
  fields: Record<string, string>;
}): Promise<Surroundings> {
  const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-sandbox-'));
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string) => writeFile(path(name), text, { mode: 0o600 });
  const dotenv = Object.entries(sandbox.fields).map(([name, value]) => `${name}="${value}"\n`);
  await Promise.all([
    write('fields.env', dotenv.join('')),
    write('jamf-mcp.yaml', `localStore: ${JSON.stringify(path('local'))}\n`),
    write('aws-config', ''),
    write('aws-credentials', ''),
  ]);
  return {
    variables: {
      ...sandbox.environment,
      AWS_CONFIG_FILE: path('aws-config'),
      AWS_SHARED_CREDENTIALS_FILE: path('aws-credentials'),
      JAMF_MCP_CONFIG: path('jamf-mcp.yaml'),
      JAMF_MCP_SANDBOX_FIELDS: path('fields.env'),
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * The environment of a command that runs inside.
 * @param env - of which everything is kept that does not lead out of the sandbox
 * @param variables - the sandbox's own
 * @param secret - the name that `--confirm` asks for: nothing real is at stake, and the command ends with the sandbox.
 *   Exports that are pasted into a shell outlive it, so they confirm nothing.
 */
export function sandboxed(
  env: NodeJS.ProcessEnv,
  variables: Record<string, string>,
  secret: string,
): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(AWS|JAMF|AUTH0)_/.test(name) && !/^(https?|all)_proxy$/i.test(name),
  );
  return { ...Object.fromEntries(kept), ...variables, JAMF_MCP_CONFIRM: secret };
}
