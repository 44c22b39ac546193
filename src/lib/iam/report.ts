/** Draws what `iam validate` found, for a terminal, and hands it over as SARIF. What stands in policies may be anybody's. */
import type { ChalkInstance } from 'chalk';
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { SARIF_SEVERITIES, sarifLog } from '../format/sarif.ts';
import { table } from '../format/table.ts';
import { SEVERITIES, type Finding, type Severity } from './finding.ts';
import { drawFix } from './fix/report.ts';
import { drawTask } from './join-report.ts';
import { RULES } from './rules/index.ts';
import type { Source } from './source.ts';
import type { ValidateResult } from './validate.ts';

/** Draw findings by file, worst severity in the headline; what is for information is counted only. */
export function drawValidate(result: ValidateResult, { ink, width }: Canvas): string {
  const { fix, baseline } = result;
  if (fix?.dryRun && fix.patch !== '') return drawFix(fix, { ink, width });
  const parts = [
    ...(fix ? [drawFix(fix, { ink, width })] : []),
    headline(result, ink),
    ...result.tasks.map((task) => drawTask(task, { ink, width })),
  ];
  const told = result.findings.filter(({ severity }) => severity !== 'info');
  for (const [file, shown] of Map.groupBy(told, (finding) => finding.file)) {
    const rows = shown.map(({ line, column, severity, message, fix, rule }) => [
      `${String(line)}:${String(column)}`,
      COLOURS[severity](ink)(severity),
      `${terminalSafe(message)}\n${ink.dim(terminalSafe(fix))}`,
      ink.dim(rule),
    ]);
    parts.push(
      `${ink.bold(terminalSafe(file))}\n${table(
        ['at', 'severity', 'finding', 'rule'].map((name) => ink.dim(name)),
        rows,
        width,
      )}`,
    );
  }
  const { info } = result.summary;
  if (info > 0)
    parts.push(ink.dim(`${counted(info, 'remark')} of severity info: --json tells ${info === 1 ? 'it' : 'them'}`));
  const [unread, ...more] = result.unread.map((one) => [ink.yellow('not judged'), terminalSafe(one)]);
  if (unread) parts.push(table(unread, more, width));
  if (baseline) {
    const gone = baseline.gone === 0 ? '' : `; no longer there: ${String(baseline.gone)}`;
    parts.push(ink.dim(`in the baseline and not told: ${counted(baseline.known, 'finding')}${gone}`));
  }
  return parts.join('\n\n');
}

function headline({ inputs, findings, summary }: ValidateResult, ink: ChalkInstance): string {
  const looked = counted(inputs.length, 'policy', 'policies');
  const counts = SEVERITIES.filter((severity) => severity !== 'info' && summary[severity] > 0).map((severity) =>
    COLOURS[severity](ink)(`${String(summary[severity])} ${severity}`),
  );
  if (counts.length > 0) return `${ink.bold(`${looked}:`)} ${counts.join(', ')}`;
  return findings.length > summary.info ? looked : ink.green(`${looked}: nothing found`);
}

const counted = (count: number, one: string, many = `${one}s`): string =>
  `${String(count)} ${count === 1 ? one : many}`;

const COLOURS: Readonly<Record<Severity, (ink: ChalkInstance) => ChalkInstance>> = {
  critical: (ink) => ink.red.bold,
  high: (ink) => ink.red,
  medium: (ink) => ink.yellow,
  low: (ink) => ink.cyan,
  info: (ink) => ink.dim,
};

/**
 * The findings as SARIF, the worst first.
 * @param version - of this program
 * @param sources - what was validated: the texts of lines go into fingerprints
 */
export function sarifOf(
  { findings }: ValidateResult,
  version: string,
  sources: readonly Source[],
): Record<string, unknown> {
  const lines = new Map(sources.map(({ name, text }) => [name, text.split('\n')]));
  const worst = ({ severity }: Finding) => SEVERITIES.indexOf(severity);
  return sarifLog(
    {
      name: 'jamf-mcp',
      version,
      informationUri: 'https://www.npmjs.com/package/jamf-mcp',
      category: 'jamf-mcp/iam',
      rules: RULES.map(({ id, title, why, fix, severity, kind, code }) => ({
        id,
        title,
        why,
        fix,
        ...SARIF_SEVERITIES[severity],
        tags: [...new Set(['security', 'iam', kind, ...(code === null ? [] : [code])])],
      })),
    },
    [...findings]
      .sort((a, b) => worst(a) - worst(b))
      .map((finding) => ({
        rule: finding.rule,
        level: SARIF_SEVERITIES[finding.severity].level,
        message: `${finding.message}. ${finding.fix}`,
        file: finding.file,
        region: finding,
        logical: finding.path,
        lineText: lines.get(finding.file)?.[finding.line - 1]?.slice(0, 4_096) ?? '',
        related: finding.related.map((place) => ({ ...place, logical: place.path })),
      })),
  );
}
