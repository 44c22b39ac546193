/** Finds and writes `jamf-mcp-baseline.yaml`: beside jamf-mcp.yaml, else in the folder that one is in. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Context } from '../host.ts';
import { JamfMcpError, messageOf } from '../errors.ts';
import { replaceFile } from '../secrets/stores/files.ts';
import { CONFIG_FILE } from './gather.ts';

const BASELINE_FILE = 'jamf-mcp-baseline.yaml';

/** The file as it is; its text is empty where there is none. */
export async function baselineFile(context: Context) {
  const path = join(configFolder(), BASELINE_FILE);
  return {
    path,
    content: await contentOf(path),
    save: (content: string) => replaceFile(path, Buffer.from(content), context, () => Promise.resolve()),
  };
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw new JamfMcpError('INPUT_INVALID', `cannot read ${path}: ${messageOf(error)}`, 'correct its permissions', {
      cause: error,
    });
  }
}

function configFolder(): string {
  const named = process.env.JAMF_MCP_CONFIG;
  if (named) return dirname(resolve(named));
  const here = process.cwd();
  for (let folder = here; ; folder = dirname(folder)) {
    if (existsSync(join(folder, CONFIG_FILE))) return folder;
    if (folder === dirname(folder)) return here;
  }
}
