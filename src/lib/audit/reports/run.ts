/** Runs an audit and writes its report while it runs: into a file, or on standard output. */
import { EXIT, JamfMcpError } from '../../errors.ts';
import type { Canvas } from '../../format/canvas.ts';
import type { Context } from '../../host.ts';
import { auditSecret, type AuditRequest, type AuditResult } from '../audit.ts';
import { reaches } from '../detectors/index.ts';
import type { Severity } from '../detectors/detector.ts';
import { drawAudit, drawWritten } from '../report.ts';
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
 * Audit: with the result drawn for a terminal, or with a report of another format.
 * @returns the result, and what draws it; null where a report has had standard output
 * @throws JamfMcpError as {@link auditInto} does
 */
export async function runAudit(
  wish: ReportWish,
  request: AuditRequest,
  context: Context,
): Promise<{ result: AuditResult; draw: ((result: AuditResult, canvas: Canvas) => string) | null }> {
  const { file } = wish;
  if (wish.format === 'table' && file === null) return { result: await auditSecret(request, context), draw: drawAudit };
  const { result, bytes } = await auditInto(wish, request, context);
  if (file === null) return { result, draw: null };
  return { result, draw: (shown, canvas) => drawWritten(shown, { file, bytes }, canvas) };
}

/** How a run ends: with findings, with a source that was not read to its end, or well. */
export function exitOf({ findings, sources }: AuditResult, failOn: Severity | undefined) {
  if (failOn !== undefined && reaches(findings, failOn)) return EXIT.findings;
  return sources.every(({ complete }) => complete) ? EXIT.done : EXIT.partial;
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
    const { length } = made.result.suppressed;
    if (length > 0) context.host.notify({ kind: 'warning', text: suppressedText(length) });
  }
  return made;
}

const suppressedText = (count: number) =>
  `${String(count)} ${count === 1 ? 'finding is' : 'findings are'} suppressed by audit.suppressions of jamf-mcp.yaml`;
