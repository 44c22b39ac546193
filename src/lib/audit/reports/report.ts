/** What a report is: text that is made while the accesses pass, or of the result, or both. */
import type { AuditedAccess } from '../access.ts';
import type { AuditResult } from '../audit.ts';

/** A report that is being made. Each method gives the text that comes next, which may be empty. */
export interface Report {
  /** Gets every access that is counted, oldest first. */
  readonly access?: (access: AuditedAccess) => string;
  /** Gets every record that is not counted: what guards a secret, what tells of a deed another time. */
  readonly context?: (access: AuditedAccess) => void;
  /** Gets what it all came to; the report is complete then. */
  end(result: AuditResult): string;
}

/** What a report tells of its own making. */
export interface Maker {
  /** Version of this program. */
  version: string;
  /** Milliseconds since 1970. */
  now: number;
}

/** Makes a report of one format. */
export type OpenReport = (maker: Maker) => Report;
