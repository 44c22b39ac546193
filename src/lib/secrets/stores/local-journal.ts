/**
 * What stands between the local store and its files: each access is a line of the log before it happens, and each file
 * has to be the one that was written last. Works under the store's lock only.
 *
 * A locked-up state holds the end of the log, the key of its next line, and the digest of each file. An access writes
 * the line, then the file, then the state; after a crash the lines past the state's end are followed, and the file
 * itself tells whether the change that the last of them announces was made.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { open, rm, truncate } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../../host.ts';
import { firstHead, follow, OWN_ACTIONS, sign, type Head, type LogBody, type LogEntry } from './access-log.ts';
import { errorCode } from '../../file-errors.ts';
import { appendLine, isTemporary, readIfThere, removeFile, replaceFile } from './files.ts';
import { FILES, filesIn, nameIn, secretFiles, tampered } from './local-folder.ts';
import { lockUp, openUp, type StoreKey } from './local-key.ts';

/** What the store knows of itself, locked up. */
export interface JournalState {
  format: 1;
  /** Stands in every document that was written under this log. */
  id: string;
  /** False while the files of a store that is older than its log are still being taken in. */
  begun: boolean;
  head: Head;
  /** Bytes of the log up to the head. */
  end: number;
  /** The last line up to there, with its newline. */
  last: string;
  /** SHA-256 of each secret's file. */
  files: Readonly<Record<string, string>>;
}

/** What is done, as the caller knows it. */
export type Deed = Pick<LogEntry, 'action' | 'secret' | 'versionId' | 'fields' | 'reason'>;

/** The store's files, for one turn under the lock. */
export interface Journal {
  /** To be put into each document. */
  readonly id: string;
  /**
   * Read the file of a secret.
   * @returns null where there is none
   * @throws JamfMcpError STORE_TAMPERED where it is not the one that was written last
   */
  read(file: string): Promise<Buffer | null>;
  /**
   * Write the line, and when it is safely there make the change.
   * @param change - the file's new content; null removes it
   */
  record(deed: Deed, change?: { file: string; data: Uint8Array | null }): Promise<void>;
}

/** Where a journal is, and who writes it. */
export interface JournalPlace {
  folder: string;
  key: StoreKey;
  user: string | null;
  /** Refuses a file that cannot be taken into a log that begins: unreadable, misplaced, or already under a log. */
  checkOld: (file: string, data: Buffer) => Promise<void>;
}

const STATE = 'state of the access log';
const SEED = 'seed of the access log';

/** SHA-256, hexadecimal; null of what is not there. */
export const digestOf = (data: Uint8Array | null): string | null =>
  data && createHash('sha256').update(data).digest('hex');

/**
 * The locked-up state.
 * @returns null where there is none
 * @throws JamfMcpError STORE_TAMPERED where it does not open
 */
export async function readState(folder: string, key: StoreKey): Promise<JournalState | null> {
  const data = await readIfThere(join(folder, FILES.state));
  if (!data) return null;
  const text = openUp(data, key.identity, STATE);
  if (text === null) throw tampered(`${join(folder, FILES.state)} does not open: it was changed, or is of another key`);
  return JSON.parse(text) as JournalState;
}

/** What the log began with. @returns null where its file is missing or does not open */
export async function readSeed(path: string, key: StoreKey): Promise<string | null> {
  const data = await readIfThere(path);
  return data && openUp(data, key.identity, SEED);
}

/** A head as it is kept in the keychain and printed for people. */
export const headText = ({ count, mac }: Pick<Head, 'count' | 'mac'>): string => `${String(count)}:${mac}`;

/**
 * Open the journal, bring it up to date after a crash, or begin it in a store that has none.
 * @param stillMine - throws where the lock was taken over
 * @throws JamfMcpError STORE_TAMPERED
 */
export async function openJournal(
  place: JournalPlace,
  stillMine: () => Promise<void>,
  context: Context,
): Promise<Journal> {
  const { folder, key } = place;
  const log = join(folder, FILES.log);
  let state = (await readState(folder, key)) ?? (await begin(place, stillMine, context));

  const save = async (next: JournalState) => {
    await replaceFile(join(folder, FILES.state), lockUp(JSON.stringify(next), key.identity, STATE), context, stillMine);
    state = next;
    if (!key.anchor) return;
    await key.anchor.write(headText(next.head));
    context.host.notify({ kind: 'debug', text: 'local keychain: head kept' });
  };

  /** The line, then what it announces, then the state that knows of both. */
  const append = async (deed: Deed, change: LogEntry['change'], act?: () => Promise<void>) => {
    const time = new Date(context.clock.now()).toISOString();
    const { line, head } = sign(state.head, { time, user: place.user, host: hostname(), ...deed, change });
    await stillMine();
    await appendLine(log, line, context);
    await act?.();
    const files = change ? withFile(state.files, change.file, change.after) : state.files;
    await save({ ...state, head, end: state.end + Buffer.byteLength(line), last: line, files });
  };

  const journal: Journal = {
    id: state.id,
    async read(file) {
      const data = await readIfThere(join(folder, file));
      const expected = state.files[file] ?? null;
      if (digestOf(data) === expected) return data;
      throw tampered(`${join(folder, file)} ${await whatBecameOf(file, data, expected, log)}`);
    },
    async record(deed, change) {
      if (!change) {
        await append(deed, null);
        return;
      }
      const { file, data } = change;
      const path = join(folder, file);
      await append(deed, { file, before: state.files[file] ?? null, after: digestOf(data) }, async () => {
        await removeRemains(folder, file);
        if (data) await replaceFile(path, data, context, stillMine);
        else await removeFile(path, stillMine);
      });
    },
  };

  const late = await catchUp(state, log, folder);
  if (late?.notDone) {
    const { seq, secret, versionId, change } = late.notDone;
    const reason = `the change of line ${String(seq)} was cut short`;
    state = late.state;
    await append(
      { action: OWN_ACTIONS.notDone, secret, versionId, fields: null, reason },
      change && { file: change.file, before: change.after, after: change.before },
    );
  } else if (late) await save(late.state);
  const anchored = (await key.anchor?.read()) ?? null;
  if (anchored !== null) checkAnchor(anchored, state.head);
  if (!state.begun) {
    for (const file of await secretFiles(folder)) {
      const data = await readIfThere(join(folder, file));
      const after = digestOf(data);
      if (!data || state.files[file] === after) continue;
      await place.checkOld(file, data);
      const reason = 'it was here when the access log began';
      await append(
        { action: OWN_ACTIONS.adopt, secret: nameIn(file), versionId: null, fields: null, reason },
        { file, before: null, after },
      );
    }
    await save({ ...state, begun: true });
  }
  return journal;
}

/** The first state of a store: a fresh one, or one from before there was a log. */
async function begin(place: JournalPlace, stillMine: () => Promise<void>, context: Context): Promise<JournalState> {
  const { folder, key } = place;
  if (await readIfThere(join(folder, FILES.log))) {
    throw tampered(`${join(folder, FILES.state)} is missing, and the access log is there`);
  }
  if ((await key.anchor?.read()) ?? null) {
    throw tampered(`the access log is gone from ${folder}, and the keychain holds its head`);
  }
  const seed = randomBytes(32).toString('hex');
  await replaceFile(join(folder, FILES.seed), lockUp(seed, key.identity, SEED), context, stillMine);
  const state: JournalState = {
    format: 1,
    id: randomUUID(),
    begun: false,
    head: firstHead(seed),
    end: 0,
    last: '',
    files: {},
  };
  await replaceFile(join(folder, FILES.state), lockUp(JSON.stringify(state), key.identity, STATE), context, stillMine);
  return state;
}

/**
 * What lies past the state's end: lines whose access a crash cut short.
 * @returns null where there is nothing; `notDone`: the last line, where the change it announces was not made
 * @throws JamfMcpError STORE_TAMPERED where the log does not hold what the state knows
 */
async function catchUp(
  state: JournalState,
  path: string,
  folder: string,
): Promise<{ state: JournalState; notDone: LogBody | null } | null> {
  const known = Buffer.byteLength(state.last);
  const tail = await readFrom(path, state.end - known);
  if (tail.subarray(0, known).toString() !== state.last) {
    throw tampered(
      `${path} was changed or cut short: line ${String(state.head.count)} is not the one that was written`,
    );
  }
  const rest = tail.subarray(known).toString();
  if (rest === '') return null;
  const lines = rest.split('\n');
  const torn = lines.pop() ?? '';
  let { head, end, last, files } = state;
  let body: LogBody | null = null;
  for (const line of lines) {
    const followed = follow(head, line);
    if (!followed) throw tampered(`${path} holds a line that jamf-mcp did not write: line ${String(head.count + 1)}`);
    ({ body, head } = followed);
    last = `${line}\n`;
    end += Buffer.byteLength(last);
    if (body.change) files = withFile(files, body.change.file, body.change.after);
  }
  // Half a line was never acted upon.
  if (torn !== '') await truncate(path, end);
  let notDone: LogBody | null = null;
  if (body?.change) {
    const { file, before, after } = body.change;
    const actual = digestOf(await readIfThere(join(folder, file)));
    if (actual === before && before !== after) {
      files = withFile(files, file, before);
      notDone = body;
    }
  }
  return { state: { ...state, head, end, last, files }, notDone };
}

/** The folder may be ahead by what a crash cut short; the keychain never is. */
function checkAnchor(anchored: string, head: Head): void {
  const count = Number(anchored.split(':')[0]);
  if (count < head.count || anchored === headText(head)) return;
  throw tampered(
    count > head.count
      ? `the store was put back to an older state: its log has ${String(head.count)} lines, and the keychain knows of ${String(count)}`
      : 'the access log is not the one whose head the keychain holds',
  );
}

/** Why a file is not the one that was written last: the log knows every digest that there was. */
async function whatBecameOf(file: string, data: Buffer | null, expected: string | null, log: string): Promise<string> {
  if (data === null) return 'is gone, and nothing in the access log removed it';
  const digest = digestOf(data);
  const bodies = (await readIfThere(log))?.toString().split('\n').filter(Boolean).map(bodyOf) ?? [];
  const written = bodies.findLast((body) => body?.change?.after === digest);
  if (written?.change?.file === file) {
    return `is an older copy: the one of ${written.time} (line ${String(written.seq)} of the access log)`;
  }
  if (written) return `is the file of another secret, ${written.secret ?? 'unknown'}`;
  return expected === null ? 'was put there by something else' : 'was changed by something else';
}

/** Only for words in an error: the line has been checked by nobody. */
function bodyOf(line: string): LogBody | null {
  try {
    return (JSON.parse(line) as { body?: LogBody }).body ?? null;
  } catch {
    return null;
  }
}

async function readFrom(path: string, from: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (!file) return Buffer.alloc(0);
  try {
    const length = (await file.stat()).size - from;
    if (length <= 0) return Buffer.alloc(0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function withFile(files: JournalState['files'], file: string, digest: string | null): JournalState['files'] {
  const others = Object.entries(files).filter(([name]) => name !== file);
  return Object.fromEntries(digest === null ? others : [...others, [file, digest]]);
}

/** Temporary files of writes that were killed; nobody else writes while the lock is held. */
async function removeRemains(folder: string, file: string): Promise<void> {
  const own = Object.values(FILES);
  const remains = (await filesIn(folder)).filter((name) => [file, ...own].some((path) => isTemporary(name, path)));
  await Promise.all(remains.map((name) => rm(join(folder, name), { force: true })));
}
