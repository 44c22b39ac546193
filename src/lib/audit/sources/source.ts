/** What a source of CloudTrail records is: it reads to the end, hands every record on, and reports what it saw. */

/** What a source has read; part of the result. */
export interface SourceReport {
  /** `lookup-events` … */
  kind: string;
  region: string | null;
  account: string | null;
  /** Distinct records read. */
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

/** Takes each record as it comes, decoded but not checked; tells whether it concerns a secret. */
export type Sink = (record: unknown) => boolean;
