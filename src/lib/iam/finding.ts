/** What a rule says of a policy, and where. */
import type { Path, Range } from './tree.ts';

/** Worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * What a finding means, in the words of IAM Access Analyzer: AWS refuses the document or an element can never work
 * (error), it grants too much (security), it may not do what was meant (warning), it could be simpler (suggestion).
 */
export type Kind = 'error' | 'security' | 'warning' | 'suggestion';

/** A rule as users meet it: in findings, in SARIF, in the documentation. */
export interface Rule {
  /** Stable, kebab-case. */
  id: string;
  /** Access Analyzer's code where it means the same: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html */
  code: string | null;
  kind: Kind;
  severity: Severity;
  /** One line, lower case. */
  title: string;
  /** What comes of it. */
  why: string;
  /** What to do. */
  fix: string;
}

/** A place in the file. */
export interface Place {
  path: Path;
  range: Range;
}

/** What a rule found, before lines are counted. */
export interface Problem {
  rule: Rule;
  at: Place;
  /** Other places that have a part in it. */
  also: readonly Place[];
  message: string;
  severity: Severity;
  /** What to do here; null: what the rule says in general. */
  fix: string | null;
}

/** Make a problem of a rule's; without `options`, severity and fix are what the rule says in general. */
export function problem(
  rule: Rule,
  at: Place,
  message: string,
  options: { severity?: Severity; fix?: string; also?: readonly Place[] } = {},
): Problem {
  const { severity = rule.severity, fix = null, also = [] } = options;
  return { rule, at: { path: at.path, range: at.range }, also, message, severity, fix };
}

/** Lines and columns from 1, the end exclusive, in UTF-16 units. */
export interface Region {
  path: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
}

/** One finding of `iam validate`. */
export interface Finding extends Region {
  rule: string;
  /** Access Analyzer's code where it means the same. */
  code: string | null;
  kind: Kind;
  severity: Severity;
  /** What the input is called: a file, `stdin`, or a synthetic address such as `aws/ACCOUNT/iam/role/NAME/POLICY.json`. */
  file: string;
  message: string;
  fix: string;
  /** Other places of the same file that have a part in it. */
  related: Region[];
}

/** Whether any is as bad as that, or worse. */
export function reaches(findings: readonly { severity: Severity }[], severity: Severity): boolean {
  const worst = SEVERITIES.indexOf(severity);
  return findings.some((finding) => SEVERITIES.indexOf(finding.severity) <= worst);
}

/** How many there are of each severity. */
export function tally(findings: readonly { severity: Severity }[]): Record<Severity, number> {
  const counts: Record<Severity, number> = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}
