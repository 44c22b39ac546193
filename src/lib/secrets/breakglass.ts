/**
 * The break-glass log: one signed line for each time that values were asked for, written before they are read. Each
 * line carries the digest of the one before it, so that a change, a removal or a new order is found. What cannot be
 * found here is that the newest lines were cut off: on AWS, CloudTrail has the same reasons.
 */
import { createHash, sign, verify } from 'node:crypto';
import { appendFile, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, orTell } from '../file-errors.ts';
import type { Context } from '../host.ts';
import { BREAK_GLASS_LOG, hasKey, signingKey, verifyingKey } from './signing.ts';
import { readIfThere, withLock } from './stores/files.ts';

/** What is recorded. */
export interface BreakGlassEntry {
  /** ISO 8601, UTC. */
  at: string;
  secret: string;
  store: string;
  environment: string;
  /** `reveal`, or `export dotenv` and so on. */
  action: string;
  /** The fields asked for; empty for all. */
  fields: readonly string[];
  reason: string;
  /** The person at the machine, as the operating system calls them. */
  user: string | null;
}

/** A line of the file. */
interface SignedLine {
  entry: BreakGlassEntry;
  /** SHA-256 of the line before, hexadecimal; empty for the first. */
  previous: string;
  /** Ed25519 over `previous` and `entry`, base64. */
  signature: string;
}

/** What reading the log gives. */
export interface BreakGlassLog {
  entries: BreakGlassEntry[];
  /** What is wrong, with the number of the line, null for the log as a whole; empty for a log that nobody has touched. */
  problems: { line: number | null; why: string }[];
}

export { BREAK_GLASS_LOG };

/** Where the log is kept in a data folder. */
export const breakGlassPath = (folder: string) => join(folder, BREAK_GLASS_LOG);

/**
 * Record an entry; it is on the disk when this returns.
 * @param folder - the data folder; made where there is none, for its owner only
 * @returns the path of the log
 * @throws JamfMcpError INPUT_INVALID where it cannot be written: then nothing may be shown
 */
export async function recordBreakGlass(folder: string, entry: BreakGlassEntry, context: Context): Promise<string> {
  const path = breakGlassPath(folder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await withLock(`${path}.lock`, context, async (stillMine) => {
      const key = await signingKey(folder);
      const before = (await readIfThere(path))?.toString() ?? '';
      const previous = digest(before.trimEnd().split('\n').at(-1) ?? '');
      const signature = sign(null, Buffer.from(signedText(previous, entry)), key).toString('base64');
      const line = JSON.stringify({ entry, previous, signature } satisfies SignedLine);
      await stillMine();
      // What a crash left half written stays on a line of its own, where it is found.
      await appendFile(path, `${before === '' || before.endsWith('\n') ? '' : '\n'}${line}\n`, { mode: 0o600 });
      const file = await open(path, 'r+');
      await file.sync();
      await file.close();
    });
  } catch (cause) {
    const hint = 'check who owns the folder and whether it is full, or name another as localStore in jamf-mcp.yaml';
    const what = `nothing was read, since the break-glass log ${path} cannot be written`;
    throw fileError(cause, { what, hint, code: 'INPUT_INVALID' }) ?? cause;
  }
  return path;
}

/**
 * Read the log and check every line of it.
 * @param folder - the data folder
 */
export async function readBreakGlass(folder: string): Promise<BreakGlassLog> {
  const path = breakGlassPath(folder);
  return await orTell({ what: `the break-glass log ${path} cannot be read`, hint: READ_HINT }, () => readLines(folder));
}

const READ_HINT = 'check who owns the folder, or name another as localStore in jamf-mcp.yaml';

async function readLines(folder: string): Promise<BreakGlassLog> {
  const content = await readIfThere(breakGlassPath(folder));
  const text = content?.toString() ?? '';
  const key = await verifyingKey(folder);
  const log: BreakGlassLog = { entries: [], problems: [] };
  if (content === null && (await hasKey(folder)))
    log.problems.push({ line: null, why: 'is gone, and the key that signs its lines is there' });
  let previous = '';
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const found = parseLine(line);
    const problem = (why: string) => log.problems.push({ line: index + 1, why });
    if (!found) problem('is not a line of this log');
    else {
      log.entries.push(found.entry);
      const signed = Buffer.from(signedText(found.previous, found.entry));
      if (!key) problem('cannot be checked: the key is gone or damaged');
      else if (!verify(null, signed, key, Buffer.from(found.signature, 'base64'))) problem('has been changed');
      else if (found.previous !== digest(previous))
        problem('does not follow the line before it: something was removed or moved');
    }
    previous = line;
  }
  return log;
}

const digest = (line: string) => (line === '' ? '' : createHash('sha256').update(line).digest('hex'));

const signedText = (previous: string, entry: BreakGlassEntry) => `${previous}\n${JSON.stringify(entry)}`;

function parseLine(line: string): SignedLine | null {
  try {
    const found = JSON.parse(line) as Partial<SignedLine> | null;
    const whole =
      typeof found?.entry === 'object' && typeof found.previous === 'string' && typeof found.signature === 'string';
    return whole ? (found as SignedLine) : null;
  } catch {
    return null; // torn or foreign: reported by its line number
  }
}
