/** What a source of records is: it reads to the end, hands every access on, and reports what it saw. */
import type { Context } from '../../host.ts';
import type { Finding } from '../detectors/detector.ts';
import type { RecordedAccess } from '../event.ts';

/** What a source has read; part of the result. */
export interface SourceReport {
  /** `lookup-events`, `files` … */
  kind: string;
  region: string | null;
  account: string | null;
  /** Records read that concern secrets. */
  events: number;
  /** False where the source broke off before its end. */
  complete: boolean;
  /** Of LookupEvents: calls that were answered, and events that an earlier run had kept. */
  calls?: number;
  cached?: number;
  /** Of files: how many. */
  files?: number;
  /** Of files: records in them, whatever they concern. */
  records?: number;
  /** Of files: bytes as they lie there, and unpacked. */
  bytes?: number;
  unpacked?: number;
  /** What was read or asked, such as `s3://BUCKET/AWSLogs/`; and of a query, bytes that it scanned. */
  place?: string;
  scanned?: number;
}

/** What was not looked at, and why: coverage is never overstated. */
export interface Skipped {
  /** The file, Region, page or record. */
  where: string;
  /** Lower case, one line. */
  why: string;
}

/** A source's end: its report, and what it left out. */
export interface SourceResult {
  report: SourceReport;
  skipped: Skipped[];
  /** What is wrong with the source itself. */
  findings?: Finding[];
}

/** Where records come from, ready to be read. */
export interface Source {
  /** Whether it gives the later of two accesses first. */
  newestFirst: boolean;
  /**
   * Read to the end.
   * @returns what was read; where it broke off after it had begun, the report is not `complete`, and `skipped` says why
   * @throws JamfMcpError INTERRUPTED, and what it fails with before it has begun
   */
  read(sink: Sink, context: Context): Promise<SourceResult>;
}

/** An access as text, with what decides whether it is kept: smaller, and ready for the disk. */
export interface PackedAccess extends Pick<
  RecordedAccess,
  'time' | 'action' | 'secrets' | 'context' | 'userAgent' | 'invokedBy'
> {
  /** All of it as JSON, in one line. */
  line: string;
}

/** Pack an access. */
export function packed(access: RecordedAccess): PackedAccess {
  const { time, action, secrets, context, userAgent, invokedBy } = access;
  return { time, action, secrets, context, userAgent, invokedBy, line: JSON.stringify(access) };
}

/** Takes each access as it comes, in whatever order; one that comes twice counts once. */
export interface Sink {
  (access: RecordedAccess): void;
  /** The same for one that is packed, where the sink can do with that. */
  packed?(access: PackedAccess): void;
}
