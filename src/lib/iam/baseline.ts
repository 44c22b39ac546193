/**
 * `iam validate --baseline`: what is known already is not reported. The baseline is a result of an earlier run, or a
 * policy: then what is new is what the policies allow that it does not, as CheckNoNewAccess of Access Analyzer asks.
 */
import type { Catalogue } from './catalogue.ts';
import { JamfMcpError } from '../errors.ts';
import { problem, tally, type Finding, type Problem } from './finding.ts';
import { gains } from './fix/access.ts';
import { readDocument } from './parse.ts';
import { NEW_ACCESS } from './rules/access.ts';
import { quoted } from './rules/check.ts';
import type { Document, ReadOptions, Source } from './source.ts';
import { findingsOf, type ValidateResult } from './validate.ts';

/** What a baseline left out and what it brought in. */
export interface BaselineResult {
  /** Findings that the baseline has too, and that are not reported. */
  known: number;
  /** Findings of the baseline that are gone: it can be written anew. */
  gone: number;
}

/**
 * Take from findings what a baseline has, each as often as it has it.
 * @param findings - of this run
 * @param baseline - the text of what `iam validate --json` printed earlier
 * @throws JamfMcpError INPUT_INVALID where it is nothing of the kind
 */
export function applyBaseline(
  findings: readonly Finding[],
  baseline: string,
): BaselineResult & { findings: Finding[] } {
  const left = new Map<string, number>();
  for (const known of knownFindings(baseline)) left.set(known, (left.get(known) ?? 0) + 1);
  const fresh = findings.filter((finding) => {
    const key = keyOf(finding);
    const count = left.get(key) ?? 0;
    if (count > 0) left.set(key, count - 1);
    return count === 0;
  });
  const gone = [...left.values()].reduce((sum, count) => sum + count, 0);
  return { findings: fresh, known: findings.length - fresh.length, gone };
}

/** Apply a baseline of either kind to a result; what AWS refuses is told beside what goes beyond a policy. */
export async function withBaseline(
  result: ValidateResult,
  sources: readonly Source[],
  baseline: Source,
  options: ReadOptions,
  catalogue: Catalogue,
): Promise<ValidateResult & { baseline: BaselineResult }> {
  if (isPolicy(baseline.text)) {
    const refused = result.findings.filter(({ kind }) => kind === 'error');
    const fresh = [...refused, ...(await newAccess(sources, baseline, options, catalogue))];
    const known = result.findings.length - refused.length;
    return { ...result, findings: fresh, summary: tally(fresh), baseline: { known, gone: 0 } };
  }
  const { findings, known, gone } = applyBaseline(result.findings, baseline.text);
  return { ...result, findings, summary: tally(findings), baseline: { known, gone } };
}

/**
 * What policies allow that a baseline policy does not.
 * @param sources - files with policies
 * @param baseline - a file with one or more, of which those of the same type count together
 * @returns a finding for each statement that goes beyond it
 */
export async function newAccess(
  sources: readonly Source[],
  baseline: Source,
  options: ReadOptions,
  catalogue: Catalogue,
): Promise<Finding[]> {
  const agreed = await readDocument(baseline, options);
  const [unreadable] = agreed.problems.filter(({ rule }) => rule.kind === 'error');
  if (agreed.policies.length === 0 || unreadable) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `the baseline ${baseline.name} cannot be read: ${unreadable?.message ?? 'it holds no policy'}`,
      'name a policy, or what `jamf-mcp iam validate --json` printed',
    );
  }
  const findings: Finding[] = [];
  for (const source of sources) {
    const document = await readDocument(source, options);
    findings.push(...findingsOf(document, beyond(document, agreed, catalogue)));
  }
  return findings;
}

function beyond(document: Document, agreed: Document, catalogue: Catalogue): Problem[] {
  const single = (key: string) => catalogue.key(key)?.multivalued === false;
  return document.policies.flatMap((policy) => {
    const before = agreed.policies.filter(({ type }) => type === policy.type);
    const found = gains(before, policy, single);
    const [denied] = found.filter(({ statement }) => statement === null);
    const problems = policy.statements.flatMap((statement) => {
      const own = found.filter((gain) => gain.statement === statement);
      const [first] = own;
      if (!first) return [];
      const more = own.length === 1 ? '' : `, and ${String(own.length - 1)} more`;
      const whom = first.principal === null ? '' : ` for ${quoted(first.principal)}`;
      return [problem(NEW_ACCESS, statement, `${quoted(first.action)} on ${quoted(first.resource)}${whom}${more}`)];
    });
    if (denied) {
      const message = `what the baseline denies is not denied: ${quoted(denied.action)} on ${quoted(denied.resource)}`;
      problems.push(problem(NEW_ACCESS, policy, message));
    }
    return problems;
  });
}

/** Lines move when a file is edited, and so do the numbers of statements. */
const keyOf = ({ rule, file, message, path }: Pick<Finding, 'rule' | 'file' | 'message' | 'path'>): string =>
  JSON.stringify([rule, file.replaceAll('\\', '/'), path.replaceAll(/\[\d+\]/g, ''), message.replaceAll(DATE, '')]);

/** The day of the data, which a newer release changes. */
const DATE = / \(data of \d{4}-\d{2}-\d{2}\)/g;

function knownFindings(text: string): string[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = null;
  }
  const findings: unknown =
    typeof parsed === 'object' && parsed !== null && 'findings' in parsed ? parsed.findings : null;
  if (!Array.isArray(findings) || !findings.every(isFinding)) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      'the baseline is neither a policy nor what iam validate --json printed',
      'write one: `jamf-mcp iam validate FILE --json > baseline.json`',
    );
  }
  return findings.map(keyOf);
}

function isFinding(value: unknown): value is Finding {
  if (typeof value !== 'object' || value === null) return false;
  return ['rule', 'file', 'message', 'path'].every(
    (name) => typeof (value as Record<string, unknown>)[name] === 'string',
  );
}

/** A policy has statements; a result has findings. */
function isPolicy(text: string): boolean {
  return !/"findings"\s*:/.test(text) && /"Statement"|^\s*-?\s*Statement\s*:/m.test(text);
}
