/** Runs an audit and writes its report while it runs: into a file, or on standard output. */
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { auditSecret, type AuditRequest, type AuditResult } from '../audit.ts';
import { fileOut } from './file.ts';
import { openReport, reported, WITHOUT_SKIPPED, type Out, type ReportFormat } from './index.ts';

/** What report is asked for. */
export interface ReportWish {
  format: ReportFormat;
  /** File to write; null for standard output. */
  file: string | null;
  /** Version of this program. */
  version: string;
  /** Whether the result itself goes to standard output, too. */
  json: boolean;
  /** Standard output. */
  stdout: () => Out;
}

/**
 * Audit and report.
 * @param request - of the audit
 * @returns the result, and how many bytes the report has
 * @throws JamfMcpError USAGE where the report and the result want standard output both; what the audit and the file
 *   fail with: nothing is left of the report then
 */
export async function auditInto(
  { format, file, version, json, stdout }: ReportWish,
  request: AuditRequest,
  context: Context,
): Promise<{ result: AuditResult; bytes: number }> {
  if (file === null && json) {
    throw new JamfMcpError(
      'USAGE',
      `--json and --format ${format} both want standard output`,
      'name a file for the report with -o, or leave one of them out',
    );
  }
  const report = await openReport(format, { version, now: context.clock.now() });
  const out = file === null ? stdout() : await fileOut(file, context);
  const made = await reported(report, out, (hooks) => auditSecret({ ...request, ...hooks }, context));
  if (file === null && WITHOUT_SKIPPED.has(format)) {
    for (const { where, why } of made.result.skipped)
      context.host.notify({ kind: 'warning', text: `not looked at: ${where}: ${why}` });
  }
  return made;
}
