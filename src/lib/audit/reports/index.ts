/** The formats of a report, and how one is made while an audit runs. */
import { redact, redactDeep } from '../../redact.ts';
import type { AuditedAccess } from '../access.ts';
import type { AuditRequest, AuditResult } from '../audit.ts';
import type { Maker, OpenReport, Report } from './report.ts';

/** The formats; `table` is for people, the others are for files and pipes. */
export const REPORT_FORMATS = ['table', 'json', 'ndjson', 'csv', 'sarif', 'ocsf', 'html'] as const;

/** One of {@link REPORT_FORMATS}. */
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** Formats that have no place for what was skipped: it has to be told elsewhere. */
export const WITHOUT_SKIPPED: ReadonlySet<string> = new Set<ReportFormat>(['csv', 'ocsf']);

const OPEN: Readonly<Record<ReportFormat, () => Promise<OpenReport>>> = {
  table: async () => (await import('./table.ts')).tableReport,
  json: async () => (await import('./json.ts')).jsonReport,
  ndjson: async () => (await import('./json.ts')).ndjsonReport,
  csv: async () => (await import('./csv.ts')).csvReport,
  sarif: async () => (await import('./sarif.ts')).sarifReport,
  ocsf: async () => (await import('./ocsf.ts')).ocsfReport,
  html: async () => (await import('./html.ts')).htmlReport,
};

/** Where a report goes. */
export interface Out {
  /** Resolves when there is room for more. @throws JamfMcpError where it cannot be written */
  write(text: string): Promise<void>;
  /** The report is complete. @returns its bytes */
  commit(): Promise<number>;
  /** There will be no report: leave nothing behind. */
  discard(): Promise<void>;
}

/** Begin a report. Whatever it is given has lost its secret values before it sees it. */
export async function openReport(format: ReportFormat, maker: Maker): Promise<Report> {
  const open = await OPEN[format]();
  const report = open(maker);
  const { access, context } = report;
  return {
    ...(access && { access: (one: AuditedAccess) => access(redacted(one)) }),
    ...(context && {
      context: (one: AuditedAccess) => {
        context(redacted(one));
      },
    }),
    end: (result) => report.end(redacted(result)),
  };
}

/** The value without secret values: itself, as a rule, which is seen in one look at all of its texts together. */
function redacted<Value>(value: Value): Value {
  const texts: string[] = [];
  collect(value, texts);
  const joined = texts.join('\0');
  return redact(joined) === joined ? value : (redactDeep(value) as Value);
}

function collect(value: unknown, texts: string[]): void {
  if (typeof value === 'string') texts.push(value);
  else if (value !== null && typeof value === 'object') for (const inner of Object.values(value)) collect(inner, texts);
}

/** Characters that are written at once. */
const CHUNK = 65_536;

/**
 * Make a report of an audit while it runs.
 * @param audit - runs the audit, with what is given to it added to its request
 * @returns the result, and how many bytes the report has
 * @throws whatever the audit throws; nothing is left of the report then
 */
export async function reported(
  report: Report,
  out: Out,
  audit: (hooks: Pick<AuditRequest, 'emit' | 'inspect'>) => Promise<AuditResult>,
): Promise<{ result: AuditResult; bytes: number }> {
  let waiting = '';
  const flush = async () => {
    const text = waiting;
    waiting = '';
    if (text !== '') await out.write(text);
  };
  try {
    const result = await audit({
      ...(report.access && {
        emit: (access) => {
          waiting += report.access?.(access) ?? '';
          return waiting.length < CHUNK ? undefined : flush();
        },
      }),
      ...(report.context && {
        inspect: (access) => {
          if (access.context) report.context?.(access);
        },
      }),
    });
    waiting += report.end(result);
    await flush();
    return { result, bytes: await out.commit() };
  } catch (error) {
    await out.discard();
    throw error;
  }
}
