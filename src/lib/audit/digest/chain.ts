/** Walks one chain of digests from the newest to the oldest, each proved by CloudTrail's signature. */
import type { Window } from '../window.ts';
import type { ArchiveFile, Place } from './archive.ts';
import type { Digest, ObjectName } from './digest.ts';
import { inspectDigest, type Inspected, type Newer } from './inspect.ts';
import type { Stretch } from './keys.ts';
import { baseName, digestName, type DigestName } from './names.ts';
import type { Told } from './told.ts';

/** A digest file, and what its name tells. */
export interface NamedDigest {
  file: ArchiveFile;
  name: DigestName;
}

/** What came of a chain. */
export interface ChainReport {
  account: string;
  region: string;
  trail: string;
  /** The Region of the trail itself. */
  homeRegion: string;
  /** A chain of digests made later, of log files that were late. */
  backfill: boolean;
  /** `unproved`: nothing is wrong with them, and their signature is not here. */
  digests: { proved: number; unproved: number; invalid: number; missing: number };
  /** `unproved`: as an unproved digest has them. */
  logFiles: { proved: number; unproved: number; invalid: number; missing: number };
  /** The time that proved digests cover without a break, newest first; ISO 8601, UTC. */
  proved: { since: string; until: string }[];
  /** The first of the digests that are not proved, though nothing is wrong with them. */
  notProved: string[];
  /** Oldest digest here names one before it which is not: the archive begins there. */
  begins: string | null;
}

/** A digest that may be believed. */
export interface SeenDigest {
  digest: Digest;
  state: 'proved' | 'unproved';
  file: ArchiveFile;
}

/** What a chain needs of its surroundings. */
export interface ChainTools {
  told: Told;
  window: Window | null;
  /** Told of each digest that may be believed, to check its log files. */
  see(seen: SeenDigest, report: ChainReport): Promise<void>;
}

/** A stretch of time that digests cover, proved or not. */
export type Covered = Stretch;

const HOUR = 3_600_000;
/** Names that are listed; all are counted. */
const MOST_NAMED = 20;

/**
 * Walk a chain.
 * @param files - its digests, in whatever order; one at least
 * @returns the report, to which the log files are still added as they are checked, and what was covered
 */
export async function walkChain(
  place: Place,
  files: readonly NamedDigest[],
  tools: ChainTools,
): Promise<{ report: ChainReport; covered: Covered[] }> {
  const { told, window } = tools;
  const rest = [...files].sort((a, b) => b.name.endMs - a.name.endMs);
  const [newest, oldest] = [rest[0]?.name, rest.at(-1)?.name];
  if (!newest || !oldest) throw new RangeError('a chain has one digest at least');
  const report = emptyReport(newest);
  const era: Stretch = { since: oldest.endMs - 2 * HOUR, until: newest.endMs + 2 * HOUR };
  const covered: Covered[] = [];
  const inspect = (digest: NamedDigest, newer: Newer | null) => inspectDigest(digest, newer, era, told);

  /** Count it, and hand on what it says of log files. */
  const take = async ({ state, digest }: Inspected, file: ArchiveFile) => {
    if (state === 'missing' || state === 'skipped') return;
    report.digests[state] += 1;
    if (state === 'unproved' && report.notProved.length < MOST_NAMED) report.notProved.push(file.name);
    if (digest === null || state === 'invalid') return;
    addStretch(covered, { since: digest.startMs, until: digest.endMs });
    if (state === 'proved') addSpan(report.proved, digest);
    await tools.see({ digest, state, file }, report);
  };

  /** What the list has, and no digest after it names. */
  const takeUnlinked = async (unlinked: NamedDigest) => {
    const inspected = await inspect(unlinked, null);
    if (inspected.state === 'proved' || inspected.state === 'unproved') {
      told.find('digest-unlinked', unlinked.file.name, `digest ${unlinked.file.name} is in no chain`);
      report.digests.invalid += 1;
    } else await take(inspected, unlinked.file);
  };

  let newer: Newer | null = null;
  for (let at = rest.shift(); at !== undefined;) {
    const inspected = await inspect(at, newer);
    const { state, digest } = inspected;
    if (state === 'missing') {
      tellMissing(at, newer, rest, report, tools);
      [at, newer] = [rest.shift(), null];
      continue;
    }
    await take(inspected, at.file);
    if (digest === null || state === 'invalid') {
      newer = digest && { state: 'invalid', digest };
      at = rest.shift();
      continue;
    }
    newer = { state, digest };
    const { previous } = digest;
    const from = at.file;
    if (previous === null) {
      const older = rest.shift();
      if (older) tellGap(older, digest, at, told);
      [at, newer] = [older, null];
      continue;
    }
    if (window !== null && digest.startMs < window.since) break;
    const endMs = digestName(baseName(previous.key))?.endMs ?? digest.startMs;
    while (rest[0] !== undefined && rest[0].name.endMs > endMs) await takeUnlinked(rest.shift() ?? rest[0]);
    at = linked(rest, { ...at.name, endMs }, previous, () => place.find(previous, digest, from));
  }
  for (const left of rest) await takeUnlinked(left);
  return { report, covered };
}

/** The digest that the one after it names, taken out of the list; one that cannot be opened where it is not there. */
function linked(
  rest: NamedDigest[],
  name: DigestName,
  object: ObjectName,
  find: () => ArchiveFile | null,
): NamedDigest {
  const index = rest.findIndex(({ file }) => file.isAt(object));
  const [listed] = index >= 0 ? rest.splice(index, 1) : [];
  return listed ?? { file: find() ?? nowhere(object), name };
}

const nowhere = ({ bucket, key }: ObjectName): ArchiveFile => ({
  name: `s3://${bucket}/${key}`,
  base: baseName(key),
  bucket,
  isAt: () => true,
  open: () => Promise.resolve(null),
});

function tellMissing(
  { file, name }: NamedDigest,
  newer: Newer | null,
  rest: readonly NamedDigest[],
  report: ChainReport,
  { told, window }: ChainTools,
): void {
  const older = rest[0];
  // Nothing says how far back an archive goes: where it ends without a window, it begins.
  if (older === undefined && window === null) {
    report.begins = newer && new Date(newer.digest.startMs).toISOString();
    return;
  }
  report.digests.missing += 1;
  const until = second(newer?.digest.startMs ?? name.endMs);
  const when = older ? `between ${second(older.name.endMs)} and ${until}` : `before ${until}`;
  told.find('digest-missing', file.name, `digest ${file.name} is gone: nothing tells what was delivered ${when}`);
}

function tellGap({ name }: NamedDigest, digest: Digest, { file }: NamedDigest, told: Told): void {
  const chain = `${name.account} ${name.region} ${name.trail}`;
  const when = `between ${second(name.endMs)} and ${second(digest.startMs)}`;
  told.find('delivery-gap', file.name, `${chain}: no log files were delivered ${when}`);
}

/** `2026-11-22T09:30:00Z` */
const second = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const emptyReport = ({ account, region, trail, home, backfill }: DigestName): ChainReport => ({
  account,
  region,
  trail,
  homeRegion: home,
  backfill,
  digests: { proved: 0, unproved: 0, invalid: 0, missing: 0 },
  logFiles: { proved: 0, unproved: 0, invalid: 0, missing: 0 },
  proved: [],
  notProved: [],
  begins: null,
});

/** Digests come newest first, and each begins when the one before it ends. */
function addStretch(covered: Covered[], { since, until }: Covered): void {
  const last = covered.at(-1);
  if (last?.since === until) last.since = since;
  else covered.push({ since, until });
}

function addSpan(spans: ChainReport['proved'], { startMs, endMs }: Digest): void {
  const [since, until] = [new Date(startMs).toISOString(), new Date(endMs).toISOString()];
  const last = spans.at(-1);
  if (last?.since === until) last.since = since;
  else spans.push({ since, until });
}
