/**
 * Writes SARIF 2.1.0 as GitHub's code scanning takes it, of results of any kind:
 * https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
 */
import { createHash } from 'node:crypto';
import { terminalSafe } from './escape.ts';

/** How a result is shown. */
export type SarifLevel = 'error' | 'warning' | 'note';

/** How a severity is shown, and its score. */
export const SARIF_SEVERITIES = {
  critical: { level: 'error', securitySeverity: 9.5 },
  high: { level: 'error', securitySeverity: 8 },
  medium: { level: 'warning', securitySeverity: 5.5 },
  low: { level: 'note', securitySeverity: 3 },
  info: { level: 'note', securitySeverity: 1 },
} as const satisfies Record<string, { level: SarifLevel; securitySeverity: number }>;

/** A rule. No text may be empty. */
export interface SarifRule {
  id: string;
  /** One line. */
  title: string;
  why: string;
  fix: string;
  level: SarifLevel;
  /** 0.1 to 10.0; above 9.0 is critical, from 7.0 high, from 4.0 medium. */
  securitySeverity: number;
  tags: readonly string[];
}

/** Lines and columns from 1, the end exclusive. */
export interface SarifRegion {
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
}

/** A result. */
export interface SarifResult {
  rule: string;
  level: SarifLevel;
  message: string;
  /** Path relative to the root of the repository, or a stable address of what is no file. */
  file: string;
  region: SarifRegion;
  /** Where in the structure of the file, such as `Statement[0].Action`; empty where that says nothing. */
  logical: string;
  /** The line that the result starts in: its fingerprint moves with it. */
  lineText: string;
  /** What makes it the same result in the next run, where neither file nor line do. */
  identity?: string;
  /** Why somebody has set it aside; absent where nobody has. */
  suppressed?: string;
  related: readonly (SarifRegion & { logical: string })[];
}

/** Whose log it is. */
export interface SarifTool {
  name: string;
  version: string;
  informationUri: string;
  rules: readonly SarifRule[];
  /** Tells several uploads of one tool apart. */
  category: string;
  /** What was not looked at, and why; absent where the tool does not tell. */
  notices?: readonly string[];
}

/** More than that and GitHub refuses the upload. */
const MOST_RESULTS = 25_000;
/** Longest text that GitHub takes. */
const LONGEST = 1_024;

/** In a message `[text](place)` is a link (SARIF 3.11.6): what somebody else wrote must not make one. */
const text = (value: string) => ({ text: clipped(terminalSafe(value.toWellFormed()).replaceAll('](', '] (')) });
const clipped = (value: string): string => (value.length <= LONGEST ? value : `${value.slice(0, LONGEST - 1)}…`);

/**
 * Make a log with one run.
 * @param results - the most important first: those beyond GitHub's limit are left out
 */
export function sarifLog(tool: SarifTool, results: readonly SarifResult[]): Record<string, unknown> {
  const kept = results.slice(0, MOST_RESULTS);
  const used = new Set(kept.map(({ rule }) => rule));
  const rules = tool.rules.filter(
    ({ id }, index, all) => used.has(id) && all.findIndex((other) => other.id === id) === index,
  );
  const seen = new Map<string, number>();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: tool.name,
            semanticVersion: tool.version,
            informationUri: tool.informationUri,
            rules: rules.map(ruleOf),
          },
        },
        automationDetails: { id: `${tool.category}/` },
        columnKind: 'utf16CodeUnits',
        ...(tool.notices === undefined ? {} : { invocations: [invocationOf(tool.notices)] }),
        results: kept.map((result) =>
          resultOf(
            result,
            rules.findIndex(({ id }) => id === result.rule),
            seen,
          ),
        ),
      },
    ],
  };
}

const invocationOf = (notices: readonly string[]) => ({
  executionSuccessful: true,
  toolExecutionNotifications: notices.map((notice) => ({ level: 'warning', message: text(notice) })),
});

function ruleOf({ id, title, why, fix, level, securitySeverity, tags }: SarifRule): Record<string, unknown> {
  return {
    id,
    name: id.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: text(title),
    fullDescription: text(`${title}. ${why}`),
    help: { text: clipped(`${why}\n${fix}`), markdown: clipped(`${why}\n\n**Fix:** ${fix}`) },
    defaultConfiguration: { level },
    properties: { 'security-severity': securitySeverity.toFixed(1), precision: 'high', tags: [...tags] },
  };
}

function resultOf(result: SarifResult, ruleIndex: number, seen: Map<string, number>): Record<string, unknown> {
  const { rule, level, message, file, region, logical, related } = result;
  return {
    ruleId: rule,
    ruleIndex,
    level,
    message: text(message),
    locations: [{ ...locationOf(file, region, logical) }],
    ...(related.length === 0
      ? {}
      : {
          relatedLocations: related
            .slice(0, 100)
            .map((place, id) => ({ id, ...locationOf(file, place, place.logical), message: text('has a part in it') })),
        }),
    ...(result.suppressed === undefined
      ? {}
      : { suppressions: [{ kind: 'external', status: 'accepted', justification: text(result.suppressed).text }] }),
    partialFingerprints: { primaryLocationLineHash: fingerprint(result, seen) },
  };
}

function locationOf(
  file: string,
  { line, column, endLine, endColumn }: SarifRegion,
  logical: string,
): Record<string, unknown> {
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(file), uriBaseId: '%SRCROOT%' },
      region: { startLine: line, startColumn: column, endLine, endColumn },
    },
    ...(logical === '' ? {} : { logicalLocations: [{ fullyQualifiedName: clipped(terminalSafe(logical)) }] }),
  };
}

/** A relative reference: with `/`, and everything that a URI may not hold escaped. */
function uriOf(file: string): string {
  return file
    .replaceAll('\\', '/')
    .replace(/^(?:\.\/)+/, '')
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/');
}

/** Of the rule and its line, not of the line's number, so that a result stays the same one when lines move. */
function fingerprint({ rule, file, lineText, identity }: SarifResult, seen: Map<string, number>): string {
  const hash = createHash('sha256')
    .update(identity ?? `${rule}\0${file}\0${lineText.replaceAll(/\s+/g, ' ').trim()}`)
    .digest('hex')
    .slice(0, 16);
  const count = (seen.get(hash) ?? 0) + 1;
  seen.set(hash, count);
  return `${hash}:${String(count)}`;
}
