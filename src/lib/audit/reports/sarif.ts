/** SARIF 2.1.0: the findings as code scanning and its like take them. */
import { jsonText } from '../../format/json.ts';
import { SARIF_SEVERITIES, sarifLog, type SarifResult, type SarifRule } from '../../format/sarif.ts';
import type { AuditResult } from '../audit.ts';
import { SEVERITIES, type Finding } from '../detectors/detector.ts';
import { parseSecretId } from '../secret-id.ts';
import type { OpenReport } from './report.ts';
import { ruleOf, techniqueUrl } from './rules.ts';

/** A finding is about a secret and about records; neither has lines. */
const WHOLE = { line: 1, column: 1, endLine: 1, endColumn: 1 };

/** Records that a result points at. */
const RELATED = 20;

export const sarifReport: OpenReport = ({ version }) => ({
  end: (result) =>
    `${jsonText(
      sarifLog(
        {
          name: 'jamf-mcp',
          version,
          informationUri: 'https://www.npmjs.com/package/jamf-mcp',
          category: 'jamf-mcp/audit',
          rules: rulesOf([...result.findings, ...result.suppressed]),
          notices: result.skipped.map(({ where, why }) => `${where}: ${why}`),
        },
        [...resultsOf(result), ...suppressedOf(result)],
      ),
    )}\n`,
});

/** One for each detector that has found something, as bad as its worst finding. */
function rulesOf(findings: readonly (Pick<Finding, 'id' | 'severity'> & { technique?: string })[]): SarifRule[] {
  return [...Map.groupBy(findings, (finding) => ruleOf(finding).id)].map(([id, same]) => {
    const [first] = same.toSorted((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
    const techniques = [...new Set(same.flatMap(({ technique }) => technique ?? []))];
    const { title, why } = ruleOf({ id });
    return {
      id,
      title,
      why,
      fix: ['each result tells what to do about it', ...techniques.map(techniqueUrl)].join(' '),
      ...SARIF_SEVERITIES[first?.severity ?? 'info'],
      tags: ['security', 'audit', ...techniques],
    };
  });
}

function resultsOf(result: AuditResult): SarifResult[] {
  const secretOf = new Map(result.accesses.map(({ eventId, secret }) => [eventId, secret]));
  return result.findings.map((finding) => {
    const { id, severity, title, why, fix, eventIds, count } = finding;
    const events = count > 0 ? ` (${String(count)} ${count === 1 ? 'event' : 'events'})` : '';
    return {
      rule: ruleOf(finding).id,
      level: SARIF_SEVERITIES[severity].level,
      message: `${title}: ${why}${events}. ${fix}`,
      file: placeOf(finding, result, secretOf),
      region: WHOLE,
      logical: id,
      lineText: '',
      identity: id,
      related: eventIds.slice(0, RELATED).map((eventId) => ({ ...WHOLE, logical: eventId })),
    };
  });
}

/** What a suppression takes out is told as such: it is not gone. */
const suppressedOf = ({ suppressed, secret }: AuditResult): SarifResult[] =>
  suppressed.map((finding) => ({
    rule: ruleOf(finding).id,
    level: SARIF_SEVERITIES[finding.severity].level,
    message: finding.title,
    file: secret?.arn ?? secret?.name ?? EVERY,
    region: WHOLE,
    logical: finding.id,
    lineText: '',
    identity: finding.id,
    suppressed: `${finding.reason} (until ${finding.until})`,
    related: [],
  }));

/** The place of what is about no secret in particular. */
const EVERY = 'all secrets';

/** The secret that it is about: the one asked for, the one it is named after, or the only one in its events. */
function placeOf(
  { id, eventIds }: Finding,
  { secret }: AuditResult,
  secretOf: ReadonlyMap<string, string | null>,
): string {
  if (secret) return secret.arn ?? secret.name;
  const key = id.slice(id.indexOf(':') + 1);
  if (key.startsWith('arn:') && parseSecretId(key, 'aws')) return key;
  const named = new Set(eventIds.flatMap((eventId) => secretOf.get(eventId) ?? []));
  const [only] = named;
  return named.size === 1 && only !== undefined ? only : EVERY;
}
