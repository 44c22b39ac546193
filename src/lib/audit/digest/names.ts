/** The names that CloudTrail gives its files. They are trusted for finding files, and for nothing else. */

/** What the name of a digest file tells. */
export interface DigestName {
  account: string;
  /** The Region whose log files it is about. */
  region: string;
  trail: string;
  /** The Region of the trail itself. */
  home: string;
  /** Milliseconds since 1970. */
  endMs: number;
  /** A digest made later, of log files that were late. */
  backfill: boolean;
}

/** What the name of a log file tells. */
export interface LogName {
  account: string;
  region: string;
  /** When it was delivered, to the minute; milliseconds since 1970. */
  atMs: number;
}

const DIGEST = /^(\d+)_CloudTrail-Digest_([a-z\d-]+)_(.+)_([a-z\d-]+)_(\d{8}T\d{6}Z)(_backfill)?\.json(?:\.gz)?$/;
/** `CloudTrail-Insight` and such hold other kinds of events, and are in the digests too. */
const LOG = /^(\d+)_CloudTrail(?:-[A-Za-z]+)?_([a-z\d-]+)_(\d{8}T\d{4}Z)_[^/]+\.json(?:\.gz)?$/;

/** @param name - the last part of a path; @returns null for the name of anything else */
export function digestName(name: string): DigestName | null {
  const [, account, region, trail, home, stamp, backfill] = DIGEST.exec(name) ?? [];
  if (account === undefined || region === undefined || trail === undefined || home === undefined) return null;
  const endMs = stampMs(stamp);
  return Number.isNaN(endMs) ? null : { account, region, trail, home, endMs, backfill: backfill !== undefined };
}

/** @param name - the last part of a path; @returns null for the name of anything else, digests included */
export function logName(name: string): LogName | null {
  const [, account, region, stamp] = name.includes('_CloudTrail-Digest_') ? [] : (LOG.exec(name) ?? []);
  if (account === undefined || region === undefined) return null;
  const atMs = stampMs(stamp);
  return Number.isNaN(atMs) ? null : { account, region, atMs };
}

/** The last part of a path. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The name of the file that a packed and an unpacked one have in common: an archive may have been unpacked. */
export const unpackedName = (name: string): string => name.replace(/\.gz$/, '');

/** `20261122T093000Z`, seconds or not. */
function stampMs(stamp = ''): number {
  const [, day, time, seconds = '00'] = /^(\d{8})T(\d{4})(\d\d)?Z$/.exec(stamp) ?? [];
  if (day === undefined || time === undefined) return NaN;
  const date = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
  return Date.parse(`${date}T${time.slice(0, 2)}:${time.slice(2)}:${seconds}Z`);
}
