/** `audit verify PATH`: whether the files of a trail are as CloudTrail delivered them, and all of them are there. */
import { createHash } from 'node:crypto';
import type { AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { limiter } from '../../limiter.ts';
import type { Skipped } from '../sources/source.ts';
import type { VerifyFinding } from '../verify.ts';
import type { Window } from '../window.ts';
import { endsWithin, type Archive, type ArchiveFile, type Place } from './archive.ts';
import { walkChain, type ChainReport, type Covered, type NamedDigest, type SeenDigest } from './chain.ts';
import type { ListedLog } from './digest.ts';
import { keyRing, readKeys, saveKeys } from './keys.ts';
import { unpackMember } from './member.ts';
import { digestName, logName } from './names.ts';
import { gatherTold, type Told } from './told.ts';

/** What to verify. */
export interface TrailRequest {
  /** A folder, or `s3://bucket/prefix`. */
  where: string;
  /** Null for whatever time. */
  window: Window | null;
  aws: AwsSettings;
  /** Files of public keys; with any, CloudTrail is not asked. */
  keys: readonly string[];
  /** File that the public keys are saved in; null for none. */
  saveKeys: string | null;
}

/** What came of it. */
export interface TrailReport {
  /** The folder or address that was verified. */
  where: string;
  /** ISO 8601, UTC; null for whatever time the files have. */
  window: { since: string; until: string } | null;
  chains: ChainReport[];
  /** Log files that no digest covers: from before the first digest or after the last, and of places without digests. */
  uncovered: { files: number; examples: string[] };
  /** Files that have no name of CloudTrail's and look like records. */
  strangers: { files: number; examples: string[] };
  /** Where the public keys came from, and how many there are in the file that they were saved in. */
  keys: { source: 'saved' | 'cloudtrail'; saved: number | null };
  /** What could not be looked at. */
  skipped: Skipped[];
  /** Findings beyond the most that are listed. */
  omittedFindings: number;
}

/** Log files that are read at a time. */
const AT_A_TIME = 8;
/** What one may unpack to: CloudTrail packs 50 MB at most (facts/audit.md §5), and text packs to a fortieth. */
const MOST_LOG = 2 * 1024 ** 3;
/** How near an end of what digests cover a log file may be the business of the next one. Our own choice. */
const EDGE_MS = 15 * 60_000;
const MOST_NAMED = 20;
const TELL_EVERY_MS = 1_000;

/**
 * Verify an archive.
 * @throws JamfMcpError NOT_FOUND where there is no digest, INPUT_INVALID for keys that are none, CREDENTIALS_…,
 *   INTERRUPTED
 */
export async function verifyTrail(
  request: TrailRequest,
  context: Context,
): Promise<{ trail: TrailReport; findings: VerifyFinding[] }> {
  const { where, window } = request;
  const saved = request.keys.length > 0 ? (await Promise.all(request.keys.map(readKeys))).flat() : null;
  const { gathered, told } = gatherTold(context);
  const archive = await openArchive(where, request.aws, context, told.skip);
  const keys = keyRing(saved, request.aws, told.skip, context);
  const parts = { ...told, keys, keepsMetadata: archive.keepsMetadata };
  const report: TrailReport = {
    where,
    window: window && { since: new Date(window.since).toISOString(), until: new Date(window.until).toISOString() },
    chains: [],
    uncovered: { files: 0, examples: [] },
    strangers: { files: 0, examples: [] },
    keys: { source: saved ? 'saved' : 'cloudtrail', saved: null },
    skipped: gathered.skipped,
    omittedFindings: 0,
  };
  let found = false;
  for await (const place of archive.places(window)) {
    found ||= place.digests.length > 0;
    await verifyPlace(place, report, parts, window);
  }
  if (!found) throw nothingThere(where, window);
  report.strangers = { files: archive.strangers.count, examples: archive.strangers.examples };
  if (request.saveKeys !== null) report.keys.saved = await saveKeys(request.saveKeys, keys.all(), context);
  report.omittedFindings = gathered.omitted;
  // Log files are read side by side: the order in which they are done is no order.
  return { trail: report, findings: gathered.findings.sort(worstFirst) };
}

const RANKS: readonly string[] = ['critical', 'high', 'medium'];

const worstFirst = (a: VerifyFinding, b: VerifyFinding) =>
  RANKS.indexOf(a.severity) - RANKS.indexOf(b.severity) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

async function openArchive(
  where: string,
  aws: AwsSettings,
  context: Context,
  skip: (skipped: Skipped) => void,
): Promise<Archive> {
  if (!where.startsWith('s3://')) return (await import('./source-folder.ts')).folderArchive(where, skip);
  return (await import('./source-s3.ts')).bucketArchive(where, aws, context);
}

function nothingThere(where: string, window: Window | null): JamfMcpError {
  return new JamfMcpError(
    'NOT_FOUND',
    `no digest file of CloudTrail is in ${where}${window ? ', of that time' : ''}`,
    'name what holds CloudTrail-Digest (AWSLogs/…); a trail writes digests when it has log file validation (aws cloudtrail update-trail --enable-log-file-validation)',
  );
}

async function verifyPlace(place: Place, report: TrailReport, told: Told, window: Window | null): Promise<void> {
  const listed = new Set<string>();
  const covered: Covered[] = [];
  const run = limiter(AT_A_TIME);
  const progress = teller(place, told.context);
  const see = async ({ digest, state, file: from }: SeenDigest, chain: ChainReport) => {
    progress(chain);
    for (const log of digest.logs) {
      const file = place.find(log, digest, from);
      if (file) listed.add(file.name);
      await queue.add(() => run(() => checkLog(log, file, state, chain, told)));
    }
  };
  const queue = boundedQueue(4 * AT_A_TIME);
  for (const files of chainsOf(place.digests, window)) {
    const walked = await walkChain(place, files, { told, window, see });
    report.chains.push(walked.report);
    if (!walked.report.backfill) covered.push(...walked.covered);
  }
  await queue.drain();
  await findUnlisted(place, { listed, covered }, report, told);
}

/** The digests of each trail, and those of its late log files. */
function chainsOf(files: readonly ArchiveFile[], window: Window | null): NamedDigest[][] {
  const chains = new Map<string, NamedDigest[]>();
  for (const file of files) {
    const name = digestName(file.base);
    if (!name || !endsWithin(name.endMs, window)) continue;
    const id = `${name.trail}\n${name.home}\n${String(name.backfill)}`;
    const chain = chains.get(id);
    if (chain) chain.push({ file, name });
    else chains.set(id, [{ file, name }]);
  }
  return [...chains].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, chain]) => chain);
}

async function checkLog(
  log: ListedLog,
  file: ArchiveFile | null,
  state: 'proved' | 'unproved',
  { logFiles }: ChainReport,
  told: Told,
): Promise<void> {
  const name = file?.name ?? `s3://${log.bucket}/${log.key}`;
  const tell = (rule: 'log-file-missing' | 'log-file-changed' | 'log-file-unreadable', what: string) => {
    logFiles[rule === 'log-file-missing' ? 'missing' : 'invalid'] += 1;
    told.find(rule, name, `log file ${name} ${what}`);
  };
  try {
    const opened = (await file?.open()) ?? null;
    if (opened === null) {
      tell('log-file-missing', 'is gone');
      return;
    }
    const hash = createHash('sha256');
    const { problem, trailing } = await unpackMember(opened.chunks, MOST_LOG, (content) => hash.update(content));
    if (problem !== null) tell('log-file-unreadable', `cannot be read: ${problem}`);
    else if (hash.digest('hex') !== log.hash) tell('log-file-changed', 'was changed: its hash is another');
    else logFiles[state] += 1;
    if (trailing > 0) told.find('trailing-bytes', name, `log file ${name} has ${String(trailing)} bytes after its end`);
  } catch (error) {
    told.skipUnread(name, error);
  }
}

/** What is in no digest: of a time that digests cover, it was added. */
async function findUnlisted(
  place: Place,
  { listed, covered }: { listed: ReadonlySet<string>; covered: readonly Covered[] },
  { uncovered }: TrailReport,
  told: Told,
): Promise<void> {
  for await (const file of place.logs()) {
    if (listed.has(file.name)) continue;
    const at = logName(file.base)?.atMs ?? NaN;
    if (covered.some(({ since, until }) => at >= since + EDGE_MS && at <= until - EDGE_MS)) {
      told.find('log-file-added', file.name, `log file ${file.name} is in no digest of its time`);
    } else {
      uncovered.files += 1;
      if (uncovered.examples.length < MOST_NAMED) uncovered.examples.push(file.name);
    }
  }
}

/** So many tasks that are not done at a time; what one fails with is thrown by the next call. */
function boundedQueue(most: number) {
  const running = new Set<Promise<void>>();
  let failed: { error: unknown } | null = null;
  const rethrow = () => {
    if (failed) throw failed.error;
  };
  return {
    async add(task: () => Promise<void>): Promise<void> {
      if (running.size >= most) await Promise.race(running);
      rethrow();
      const promise: Promise<void> = task().then(
        () => void running.delete(promise),
        (error: unknown) => {
          failed ??= { error };
          running.delete(promise);
        },
      );
      running.add(promise);
    },
    async drain(): Promise<void> {
      await Promise.all(running);
      rethrow();
    },
  };
}

function teller({ account, region }: Place, { host, clock }: Context): (chain: ChainReport) => void {
  let told = clock.now();
  return ({ digests, logFiles }) => {
    if (clock.now() - told < TELL_EVERY_MS) return;
    told = clock.now();
    const text = `${account} ${region}: ${String(digests.proved)} digests, ${String(logFiles.proved)} log files verified`;
    host.notify({ kind: 'progress', text });
  };
}
