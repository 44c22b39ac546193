/** `iam validate`: reads sources, runs the rules, counts lines. */
import type { BaselineResult } from './baseline.ts';
import type { Catalogue } from './catalogue.ts';
import { SEVERITIES, tally, type Finding, type Problem, type Severity } from './finding.ts';
import type { TaskJoin } from './join-check.ts';
import type { FixReport } from './fix/index.ts';
import { readDocument } from './parse.ts';
import type { Policy, PolicyType } from './policy.ts';
import { collector, TooMuchWork } from './rules/check.ts';
import { checkEscalation } from './rules/escalation.ts';
import { checkGrammar } from './rules/grammar.ts';
import { CHECKS } from './rules/index.ts';
import { TOO_COMPLEX } from './rules/syntax.ts';
import { lineStarts, regionOf, type Document, type ReadOptions, type Source } from './source.ts';
import { pathText } from './tree.ts';

/** One policy that was looked at. */
export interface Input {
  /** The source's name; behind `#` where in it the policy stands, unless it is the whole of it. */
  name: string;
  type: PolicyType;
}

/** Result of `iam validate`. */
export interface ValidateResult {
  inputs: Input[];
  findings: Finding[];
  summary: Record<Severity, number>;
  /** The day of the data on services and actions. */
  dataDate: string;
  /** What task definitions need of their roles, and what those allow; empty where none was asked for. */
  tasks: TaskJoin[];
  /** What of the account could not be read, and so was not judged. */
  unread: string[];
  /** With --fix: what was put right; the findings are those after it. */
  fix?: FixReport;
  /** With --baseline: what it left out. */
  baseline?: BaselineResult;
}

/**
 * Validate sources. Nothing is thrown for what is in them: that becomes findings.
 * @returns findings by source in the order given, then by place
 */
export async function validate(
  sources: readonly Source[],
  options: ReadOptions,
  catalogue: Catalogue,
): Promise<ValidateResult> {
  const inputs: Input[] = [];
  const findings: Finding[] = [];
  for (const source of sources) {
    const document = await readDocument(source, options);
    inputs.push(...inputsOf(document));
    findings.push(...findingsOf(document, checkDocument(document, catalogue)));
  }
  return { inputs, findings, summary: tally(findings), dataDate: catalogue.date, tasks: [], unread: [] };
}

/** The policies of a document, as the result names them. */
export function inputsOf({ source, policies }: Document): Input[] {
  return policies.map(({ type, path }) => ({
    name: path.length === 0 ? source.name : `${source.name}#${pathText(path)}`,
    type,
  }));
}

/** Run every rule over every policy of a document; the reader's own problems come with them. */
export function checkDocument(document: Document, catalogue: Catalogue): Problem[] {
  const { context, problems } = collector(catalogue, document.source.text, document.source.name);
  try {
    for (const policy of document.policies) {
      const length = policy.range.end - policy.range.start;
      if (length > LONGEST_POLICY) {
        checkGrammar(policy, context);
        context.report(TOO_COMPLEX, policy, `the policy has ${String(length)} characters`);
      } else {
        for (const check of CHECKS) check(policy, context);
      }
    }
    const judged = document.policies.filter(({ range }) => range.end - range.start <= LONGEST_POLICY);
    for (const policies of principalsOf(judged)) checkEscalation(policies, context);
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    const [first] = document.policies;
    if (first) context.report(TOO_COMPLEX, first, 'the policies of this file were not judged to their end');
  }
  return [...document.problems, ...problems];
}

/** Longest policy that any service takes, white space included: https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html */
const LONGEST_POLICY = 131_072;

/** Policies that belong to one principal: in a template those of one resource, elsewhere each by itself. */
function principalsOf(policies: readonly Policy[]): Policy[][] {
  const groups = new Map<string | Policy, Policy[]>();
  for (const policy of policies) {
    const owner = policy.origin.template ? policy.origin.name : policy;
    const group = groups.get(owner);
    if (group) group.push(policy);
    else groups.set(owner, [policy]);
  }
  return [...groups.values()];
}

/** Problems as findings, in the order of the file, the worse first where they are at the same place. */
export function findingsOf(document: Document, problems: readonly Problem[]): Finding[] {
  if (problems.length === 0) return [];
  const starts = lineStarts(document.source.text);
  const worst = (severity: Severity) => SEVERITIES.indexOf(severity);
  return [...problems]
    .sort((a, b) => a.at.range.start - b.at.range.start || worst(a.severity) - worst(b.severity))
    .map(({ rule, at, also, message, severity, fix }) => ({
      rule: rule.id,
      code: rule.code,
      kind: rule.kind,
      severity,
      file: document.source.name,
      ...regionOf(starts, at),
      message,
      fix: fix ?? rule.fix,
      related: also.map((place) => regionOf(starts, place)),
    }));
}
