/** What a source of records is: it reads to the end, hands every access on, and reports what it saw. */
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
}

/** Takes each access as it comes, in whatever order; one that comes twice counts once. */
export type Sink = (access: RecordedAccess) => void;
