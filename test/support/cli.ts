/** Runs the built binary as a user's shell would: a process of its own, its streams caught, nothing inherited by accident. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const ROOT = new URL('../../', import.meta.url).pathname;
export const BIN = join(ROOT, 'bin/run.js');

export interface CliResult {
  stdout: string;
  stderr: string;
  /** Exit code; 128 + n when a signal ended it. */
  code: number;
}

export interface CliOptions {
  env?: Record<string, string | undefined>;
  /** Text for stdin; without it stdin is empty and closed. */
  input?: string;
  cwd?: string;
}

const homes: string[] = [];
process.on('exit', () => {
  for (const home of homes) rmSync(home, { recursive: true, force: true });
});

/** An environment with nothing of the developer's own in it: no AWS settings, no home, no configuration. */
export function cleanEnvironment(extra: Record<string, string | undefined> = {}): Record<string, string> {
  const home = mkdtempSync(join(tmpdir(), 'jamf-mcp-home-'));
  homes.push(home);
  const base: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_DATA_HOME: join(home, '.local/share'),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: join(home, 'aws-config'),
    AWS_SHARED_CREDENTIALS_FILE: join(home, 'aws-credentials'),
    NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE,
    JAMF_MCP_LOCAL_KEY: 'file',
    ...extra,
  };
  return Object.fromEntries(Object.entries(base).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Start the binary and leave its streams to the caller (stdio servers, signals). */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcessWithoutNullStreams {
  const env = cleanEnvironment(options.env);
  // detached: a session of its own, so that no prompt finds the developer's terminal
  return spawn(process.execPath, [BIN, ...args], { cwd: options.cwd ?? env.HOME, env, detached: true });
}

/** Run the binary to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => {
    // A command that reads no stdin may be gone before its input is written.
  });
  child.stdin.end(options.input ?? '');
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit, signal) => {
      resolve(exit ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : 15));
    });
  });
  return { stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), code };
}
