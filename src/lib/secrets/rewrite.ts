/** Makes a dotenv file safe after its credentials were stored: what is left can be committed. */
import { randomUUID } from 'node:crypto';
import { chmod, open, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode, orTell } from '../file-errors.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { credentialShape, suspect } from './credentials.ts';
import { normalText, parseDotenv } from './dotenv.ts';
import { createFile, readIfThere, replaceFile } from './stores/files.ts';

/** Lines that a repository with such files needs: requirements rows 407 to 410. */
const IGNORED = ['.env.local', '.env.*.local', 'secrets_backup.json', '.env.old'];

/** What became of the file. */
export interface Rewritten {
  file: string;
  /** Where the original is now, for its owner only. */
  backup: string;
  /** Names of the settings that stayed. */
  kept: string[];
  /** Lines that were added to .gitignore. */
  ignored: string[];
}

/**
 * The text of the safe file: the settings that stay, and where the rest is.
 * @param text - the original, dotenv
 * @param moved - names of the fields that were stored
 * @param credentials - names of the fields whose values must not turn up in what stays
 * @param heading - comment lines and settings that say where the secret is
 * @returns the text, and the names that stayed
 * @throws JamfMcpError INPUT_INVALID with `file:line` where a credential would stay
 */
export function safeText(
  text: string,
  file: string,
  moved: ReadonlySet<string>,
  credentials: ReadonlySet<string>,
  heading: readonly string[],
): { text: string; kept: string[] } {
  const pieces = parseDotenv(text, file);
  const set = new Set(heading.map((line) => line.split('=')[0]));
  // A short value would be found in half of all texts, and is no credential worth the name.
  const values = pieces
    .filter(({ name }) => name !== null && credentials.has(name))
    .flatMap(({ value }) => (value.length < 6 ? [] : [value]));
  const tells = (part: string) => values.some((value) => part.includes(value));
  const kept = pieces.filter(({ name, text: written }) => {
    if (name === null) return !isTellingComment(written) && !tells(written);
    return !moved.has(name) && !set.has(name);
  });
  for (const { name, value, text: written, line } of kept) {
    if (name === null || !(suspect(name, value) ?? credentialShape(written) ?? (tells(written) || null))) continue;
    throw new JamfMcpError(
      'INPUT_INVALID',
      `${file}:${String(line)} would keep a credential in plain text: ${name}`,
      'import it too (without --only), or leave --rewrite out',
    );
  }
  const rest = kept.map((piece) => piece.text).join('\n');
  return {
    text: `${[...heading, '', rest.trim()]
      .join('\n')
      .trim()
      .replace(/\n{3,}/g, '\n\n')}\n`,
    kept: kept.flatMap(({ name }) => (name === null ? [] : [name])),
  };
}

/** A setting that was commented out, or a note, with a credential in it. */
function isTellingComment(line: string): boolean {
  const [, name = '', value = ''] = /^\s*#+\s*(?:export\s+)?([\w.-]+)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
  return (suspect(name, value.replace(/^(["'`])(.*)\1$/, '$2')) ?? credentialShape(line)) !== null;
}

/** The credentials in the comments of a dotenv text, with their lines. */
export function credentialsInComments(text: string, file: string): { name: string; where: string }[] {
  return parseDotenv(text, file).flatMap(({ name, text: line, line: number }) =>
    name === null && isTellingComment(line)
      ? [{ name: /^\s*#+\s*([\w.-]+)/.exec(line)?.[1] ?? '', where: `${file}:${String(number)}` }]
      : [],
  );
}

/**
 * Put the safe text in the place of the file and keep the original beside it. At each moment the original is at its
 * place or both files are there; after a crash the same call goes on.
 * @param original - what was read and imported: a file that has changed since is left alone
 * @throws JamfMcpError CONFLICT where the file has changed; INPUT_INVALID where another file has the backup's name
 */
export async function rewriteFile(
  path: string,
  original: string,
  safe: { text: string; kept: string[] },
  context: Context,
): Promise<Rewritten> {
  const file = await realpath(path);
  const backup = `${file}.old`;
  const { mode } = await stat(file);
  const stillTheSame = async () => {
    if (normalText(await readFile(file, 'utf8')) === normalText(original)) return;
    throw new JamfMcpError(
      'CONFLICT',
      `${path} has changed while it was imported; it was left as it is`,
      'repeat the command with --update',
    );
  };
  await stillTheSame();
  for (const name of await readdir(dirname(file))) {
    // What an earlier run left when it was killed may hold the credentials; `.env.mine.tmp` is nobody's but the user's.
    const rest = [basename(backup), basename(file)].find((start) => name.startsWith(`${start}.`));
    if (rest !== undefined && /^\.[\da-f-]{36}\.tmp$/.test(name.slice(rest.length)))
      await rm(join(dirname(file), name), { force: true });
  }
  const ignored = await ignore(dirname(file), basename(backup), context);
  if (!(await createFile(backup, await readFile(file)))) await sameOrRefuse(backup, original);
  context.host.notify({ kind: 'debug', text: `import: original kept as ${backup}` });
  await replaceFile(file, Buffer.from(safe.text), context, stillTheSame);
  await chmod(file, mode & 0o777);
  return { file: path, backup: `${path}.old`, kept: safe.kept, ignored };
}

/**
 * Refuse early what {@link rewriteFile} would refuse late.
 * @throws JamfMcpError INPUT_INVALID where another file has the backup's name; ACCESS_DENIED … where no file can be made
 *   beside it: it is tried
 */
export async function checkBackup(path: string, original: string): Promise<void> {
  const backup = `${await realpath(path)}.old`;
  const hint = 'make the folder writable, or leave --rewrite out';
  await orTell({ what: `${path} cannot be made safe in its folder, so nothing was stored`, hint }, async () => {
    const trial = `${backup}.${randomUUID()}.tmp`;
    await (await open(trial, 'wx', 0o600)).close();
    await rm(trial);
  });
  if (await readIfThere(backup)) await sameOrRefuse(backup, original);
}

async function sameOrRefuse(backup: string, original: string): Promise<void> {
  if (normalText((await readIfThere(backup))?.toString() ?? '') === normalText(original)) {
    await chmod(backup, 0o600);
    return;
  }
  throw new JamfMcpError(
    'INPUT_INVALID',
    `${backup} is there already, with other content`,
    'it is an earlier original: once everything works, remove it or move it away, then repeat the command (with --update, if the values are stored)',
  );
}

/** Add what is missing to the folder's .gitignore. */
async function ignore(folder: string, backup: string, context: Context): Promise<string[]> {
  const path = join(folder, '.gitignore');
  const before = (await readIfThere(path))?.toString() ?? '';
  const present = new Set(before.split(/\r?\n/).map((line) => line.trim()));
  const missing = [...new Set([...IGNORED, backup])].filter((line) => !present.has(line) && !present.has(`/${line}`));
  if (missing.length === 0) return [];
  const start = before === '' || before.endsWith('\n') ? before : `${before}\n`;
  const mode = await modeOf(path);
  await replaceFile(path, Buffer.from(`${start}${missing.join('\n')}\n`), context, () => Promise.resolve());
  await chmod(path, mode);
  return missing;
}

async function modeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0o644;
    throw error;
  }
}
