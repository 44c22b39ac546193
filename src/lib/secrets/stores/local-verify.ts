/** Whether a local store is what jamf-mcp has written: its log line by line, and each file against the log. Reads only. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { OWN_ACTIONS, walk, type LogBody, type Walk } from './access-log.ts';
import { errorCode, readIfThere } from './files.ts';
import { localAccess, type LocalOptions } from './local-access.ts';
import { FILES, nameIn, secretFiles, told } from './local-folder.ts';
import { digestOf, headText, readSeed, readState, type JournalState } from './local-journal.ts';
import type { StoreKey } from './local-key.ts';

/** What is wrong in one place. */
export interface StoreFinding {
  /** `<rule>:<file>[:<line>]`: the same in every run over the same files. */
  id: string;
  rule: keyof typeof RULES;
  severity: 'critical' | 'high';
  /** One line: what is wrong where. */
  title: string;
  why: string;
  fix: string;
  file: string;
  /** Counted from 1, as editors do; null where it is the file as a whole. */
  line: number | null;
}

/** What the verification of a local store gives. */
export interface LocalVerification {
  folder: string;
  /** Where the key of the store is. */
  key: StoreKey['form'];
  log: {
    /** Lines that hold. */
    lines: number;
    /** `<number of lines>:<MAC of the last>`: kept elsewhere, it shows later what has become of these lines. */
    head: string | null;
    /** Whether the head could be compared with one outside the folder. */
    anchor: 'keychain' | 'given' | 'none';
    /** ISO 8601, UTC. */
    first: string | null;
    last: string | null;
  };
  /** Files of secrets that were compared. */
  files: number;
  findings: StoreFinding[];
  /** What is no fault, and worth knowing. */
  notes: string[];
}

const BACKUP = 'put it back from a backup; where you changed it yourself, accept the store as it is with --accept';
const ROTATE =
  'who could do this may have read the secrets: rotate them, then accept the store with --accept; the log is kept aside';

/** Rule to its severity, why it matters and what to do. */
const RULES = {
  'line-edited': ['critical', 'somebody else wrote this line: what it said is lost', ROTATE],
  'lines-deleted': ['critical', 'accesses are hidden', ROTATE],
  'line-moved': ['critical', 'the order of accesses was changed', ROTATE],
  'chain-broken': ['critical', 'two histories were put together', ROTATE],
  'log-missing': ['critical', 'all accesses are hidden', ROTATE],
  'log-truncated': ['critical', 'the newest accesses are hidden', ROTATE],
  'log-forged': ['critical', 'the log goes on with lines that this store did not write', ROTATE],
  'history-replaced': ['critical', 'the whole store was put back to an older state, or exchanged', ROTATE],
  'state-missing': ['critical', 'without the state the end of the log is unknown', BACKUP],
  'state-changed': ['critical', 'the end of the log is unknown, or the key is not that of this store', BACKUP],
  'seed-missing': ['high', 'without the seed no line of the log can be checked', BACKUP],
  'file-missing': ['critical', 'nothing in the log removed it', BACKUP],
  'file-unknown': ['high', 'nothing in the log wrote it', BACKUP],
  'file-moved': ['critical', 'one secret would be read as another', BACKUP],
  'file-rolled-back': ['critical', 'old values would be read as the current ones', BACKUP],
  'file-changed': ['critical', 'its content is not what was written', BACKUP],
} as const satisfies Record<string, readonly ['critical' | 'high', string, string]>;

/** What to verify against. */
export interface VerifyRequest {
  /** A head that was kept elsewhere, as {@link LocalVerification.log} gave it; null for none. */
  head: string | null;
}

/**
 * Verify a local store, while nobody writes to it.
 * @throws JamfMcpError NOT_FOUND where there is no store, CREDENTIALS_MISSING, CREDENTIALS_REFUSED, INPUT_INVALID for
 *   a head that is none, TIMED_OUT where the store stays locked
 */
export async function verifyLocalStore(
  options: LocalOptions,
  request: VerifyRequest,
  context: Context,
): Promise<LocalVerification> {
  return (await readLog(options, context, request.head)).verification;
}

/**
 * {@link verifyLocalStore}, with the lines that hold.
 * @returns `bodies`: oldest first
 */
export async function readLog(
  options: LocalOptions,
  context: Context,
  head: string | null = null,
): Promise<{ bodies: LogBody[]; verification: LocalVerification }> {
  const { folder } = options;
  const given = head === null ? null : parseHead(head);
  return await told(folder, async () => {
    const access = localAccess(options, context);
    if (!(await access.key())) {
      throw new JamfMcpError(
        'NOT_FOUND',
        `there is no local store in ${folder}`,
        'name its folder by `localStore:` in jamf-mcp.yaml',
      );
    }
    return await access.locked((key) => inspect(folder, key, given, () => access.checkFiles(key, false)));
  });
}

/** What an acceptance kept aside, by the names that the files have now. */
export interface KeptAside {
  /** The log before; null where there was none. */
  log: string | null;
  /** Files of secrets that nothing can be read from. */
  files: string[];
}

/**
 * Accept a store as it is: its log is kept aside, and a new one begins with the files that are there. What cannot be
 * read is kept aside too: it would be in the way of everything that is done with its secret.
 * @param verified - what is accepted
 * @throws JamfMcpError DECLINED; CREDENTIALS_REFUSED where nothing at all opens: then the key is of another store
 */
export async function acceptLocalStore(
  options: LocalOptions,
  verified: LocalVerification,
  context: Context,
): Promise<KeptAside> {
  const { folder } = options;
  return await told(folder, async () => {
    const access = localAccess(options, context);
    const lost = await access.locked(async (key) => {
      const unsound = await access.unsound(key);
      await refuseForeignKey(folder, key, unsound);
      return unsound;
    });
    const count = `${String(verified.findings.length)} ${verified.findings.length === 1 ? 'finding' : 'findings'}`;
    const without =
      lost.length === 0
        ? ''
        : ` What cannot be read is put aside, and lost unless its file comes back from a backup: ${lost.map(nameIn).join(', ')}`;
    const text = `accept the local store in ${folder} as it is, with ${count}, and begin a new access log?${without}`;
    if (!(await context.host.ask({ kind: 'confirm', text }))) {
      throw new JamfMcpError('DECLINED', 'declined; nothing was changed');
    }
    const stamp = new Date(context.clock.now()).toISOString().replaceAll(':', '');
    const aside = `access.${stamp}.log`;
    const files = lost.map((file) => `${file}.${stamp}`);
    const kept = await access.locked(async (key, stillMine) => {
      await stillMine();
      for (const [at, file] of lost.entries()) await renameIfThere(join(folder, file), join(folder, files[at] ?? ''));
      await access.checkFiles(key, true);
      // The state goes first: without it, and with a log, the store refuses everything until this has been finished.
      for (const file of [FILES.state, FILES.seed] as const)
        await renameIfThere(join(folder, file), `${join(folder, aside)}.${file}`);
      const moved = await renameIfThere(join(folder, FILES.log), join(folder, aside));
      await key.anchor?.clear();
      return moved ? aside : null;
    });
    const reason = `accepted with ${count}; the log before is ${kept ?? 'gone'}${without === '' ? '' : `; put aside: ${files.join(', ')}`}`;
    await access.alone(
      (journal) => journal.record({ action: OWN_ACTIONS.accept, secret: null, versionId: null, fields: null, reason }),
      true,
    );
    return { log: kept, files };
  });
}

/** Where the state does not open and no file does, nothing is damaged but the key. */
async function refuseForeignKey(folder: string, key: StoreKey, unsound: readonly string[]): Promise<void> {
  const files = await secretFiles(folder);
  if (unsound.length < files.length || files.length === 0) return;
  const state = await stateOf(folder, key, () => undefined);
  if (state) return;
  throw new JamfMcpError(
    'CREDENTIALS_REFUSED',
    `nothing in ${folder} opens with the key that is there: it is that of another store`,
    'put the key of this store back from a backup; accepting would give up every secret',
  );
}

async function inspect(
  folder: string,
  key: StoreKey,
  given: { count: number; mac: string } | null,
  checkOld: () => Promise<void>,
): Promise<{ bodies: LogBody[]; verification: LocalVerification }> {
  const findings: StoreFinding[] = [];
  const notes: string[] = [];
  const report = (rule: keyof typeof RULES, file: string, line: number | null, title: string) => {
    const [severity, why, fix] = RULES[rule];
    const id = `${rule}:${file}${line === null ? '' : `:${String(line)}`}`;
    findings.push({ id, rule, severity, title, why, fix, file, line });
  };
  const about = (rule: keyof typeof RULES, file: string, title: string) => {
    report(rule, file, null, title);
  };

  const state = await stateOf(folder, key, about);
  const written = await look(join(folder, FILES.log));
  if (written === FOLDER) about('log-missing', FILES.log, `${FILES.log} is a folder`);
  const text = written === FOLDER ? '' : (written?.toString() ?? '');
  const lines = text.split('\n');
  if (lines.pop() !== '') notes.push(`${FILES.log} ends with half a line: a crash cut it short, and nothing was read`);
  const seed = await readSeed(join(folder, FILES.seed), key);
  const walked = seed === null ? null : walk(lines, seed);
  const anchored = (await key.anchor?.read()) ?? null;
  const log = (rest: Partial<LocalVerification['log']> = {}): LocalVerification['log'] => ({
    lines: 0,
    head: null,
    anchor: given ? 'given' : anchored !== null ? 'keychain' : 'none',
    first: null,
    last: null,
    ...rest,
  });
  const files = await secretFiles(folder);
  const verification = (told: LocalVerification['log']): LocalVerification => ({
    folder,
    key: key.form,
    log: told,
    files: files.length,
    findings,
    notes,
  });

  if (state === null && text === '' && anchored === null) {
    notes.push('there is no access log yet: it begins with the next access');
    await beforeTheLog(checkOld, about);
    return { bodies: [], verification: verification(log()) };
  }
  if (state === null) about('state-missing', FILES.state, `${FILES.state} is missing`);
  if (!walked) {
    about('seed-missing', FILES.seed, `${FILES.seed} is missing or does not open`);
    return { bodies: [], verification: verification(log()) };
  }
  for (const { rule, line, why } of walked.problems) {
    report(rule, FILES.log, line, `line ${String(line)} of ${FILES.log}: ${why}`);
  }
  if (state) compareEnd(state, walked, report);
  if (anchored !== null) compareHead(parseHead(anchored), 'the keychain', walked, report);
  if (given) compareHead(given, 'the given head', walked, report);
  await compareFiles(folder, files, walked, state ?? null, about);

  const bodies = walked.bodies.map(({ body }) => body);
  return {
    bodies,
    verification: verification(
      log({
        lines: bodies.length,
        head: walked.problems.length === 0 ? headText(walked.head) : null,
        first: bodies[0]?.time ?? null,
        last: bodies.at(-1)?.time ?? null,
      }),
    ),
  };
}

/** Of a store without a log, what can be told is whether its files say that there was one. */
async function beforeTheLog(checkOld: () => Promise<void>, about: About): Promise<void> {
  try {
    await checkOld();
  } catch (error) {
    if (!(error instanceof JamfMcpError)) throw error;
    about(error.code === 'STORE_TAMPERED' ? 'log-missing' : 'file-changed', FILES.log, error.message);
  }
}

type About = (rule: keyof typeof RULES, file: string, title: string) => void;
type Report = (rule: keyof typeof RULES, file: string, line: number | null, title: string) => void;

/** Undefined where it does not open, which is told. */
async function stateOf(folder: string, key: StoreKey, about: About): Promise<JournalState | null | undefined> {
  try {
    return await readState(folder, key);
  } catch (error) {
    if (!(error instanceof JamfMcpError && error.code === 'STORE_TAMPERED')) throw error;
    about('state-changed', FILES.state, `${FILES.state} does not open: it was changed, or is of another key`);
    return undefined;
  }
}

/** The state knows how long the log was; lines past it were cut short by a crash, and hold like the others. */
function compareEnd(state: JournalState, { head, bodies, problems }: Walk, report: Report): void {
  const missing = state.head.count - head.count;
  if (missing > 0) {
    const span =
      missing === 1
        ? `line ${String(state.head.count)} is`
        : `lines ${String(head.count + 1)} to ${String(state.head.count)} are`;
    report('log-truncated', FILES.log, head.count + 1, `${FILES.log} was cut short: ${span} missing`);
    return;
  }
  const last = bodies.find(({ body }) => body.seq === state.head.count);
  if (state.head.count > 0 && problems.length === 0 && last?.mac !== state.head.mac) {
    report('log-forged', FILES.log, last?.line ?? null, `${FILES.log} is not the one that the store has written`);
  }
}

/** A head that was kept outside the folder names a line that has to be there. */
function compareHead(
  kept: { count: number; mac: string },
  where: string,
  { bodies, head }: Walk,
  report: Report,
): void {
  if (kept.count === 0) return;
  const line = bodies.find(({ body }) => body.seq === kept.count);
  if (line?.mac === kept.mac) return;
  // An edited line is told as such; here it is about a history that holds in itself.
  if (!line && kept.count <= head.count) return;
  const title = line
    ? `line ${String(kept.count)} is not the one that ${where} knows`
    : `${where} knows of ${String(kept.count)} lines, and there are ${String(head.count)}`;
  report('history-replaced', FILES.log, line?.line ?? null, title);
}

async function compareFiles(
  folder: string,
  files: readonly string[],
  { bodies }: Walk,
  state: JournalState | null,
  about: About,
): Promise<void> {
  const changes = bodies.flatMap(({ body }) => (body.change ? [{ body, change: body.change }] : []));
  // The state stands for the lines that it covers, so that a lost line is told once and not again for its file.
  const expected = new Map<string, string | null>(Object.entries(state?.files ?? {}));
  for (const { body, change } of changes) {
    if (!state || body.seq > state.head.count) expected.set(change.file, change.after);
  }
  const unfinished = bodies.at(-1)?.body;
  const beforeOfUnfinished = (file: string) =>
    state && unfinished && unfinished.seq > state.head.count && unfinished.change?.file === file
      ? unfinished.change.before
      : undefined;
  for (const file of new Set([...expected.keys(), ...files])) {
    const found = await look(join(folder, file));
    if (found === FOLDER) {
      about('file-changed', file, `the file of ${nameIn(file)} is a folder`);
      continue;
    }
    const digest = digestOf(found);
    const wanted = expected.get(file) ?? null;
    if (digest === wanted || digest === beforeOfUnfinished(file)) continue;
    const written = changes.findLast(({ change }) => change.after === digest && digest !== null)?.body;
    const [rule, what] = judge(file, digest, wanted, written);
    about(rule, file, `the file of ${nameIn(file)} ${what}`);
  }
}

function judge(
  file: string,
  digest: string | null,
  wanted: string | null,
  written: LogBody | undefined,
): [keyof typeof RULES, string] {
  if (digest === null) return ['file-missing', 'is gone'];
  if (written?.change?.file === file) {
    return ['file-rolled-back', `is an older copy, the one of ${written.time} (line ${String(written.seq)})`];
  }
  if (written) return ['file-moved', `is that of ${written.secret ?? 'another secret'}`];
  return wanted === null ? ['file-unknown', 'was put there by something else'] : ['file-changed', 'was changed'];
}

function parseHead(text: string): { count: number; mac: string } {
  const [, count, mac] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim()) ?? [];
  if (count !== undefined && mac !== undefined) return { count: Number(count), mac };
  throw new JamfMcpError(
    'INPUT_INVALID',
    'the head is a number of lines, a colon and 64 hexadecimal digits',
    'pass what an earlier `jamf-mcp audit verify` printed as head',
  );
}

/** What stands in the place of a file that is none. */
const FOLDER = Symbol('folder');

/** The content at a path; null where there is nothing. */
async function look(path: string): Promise<Buffer | typeof FOLDER | null> {
  try {
    return await readIfThere(path);
  } catch (error) {
    if (errorCode(error) === 'EISDIR') return FOLDER;
    throw error;
  }
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
