/** `iam validate --online`: what IAM Access Analyzer says, put beside what our rules say. */
import type { PathElement, ValidatePolicyFinding } from '@aws-sdk/client-accessanalyzer';
import type { AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import {
  problem,
  SEVERITIES,
  tally,
  type Finding,
  type Place,
  type Problem,
  type Rule,
  type Severity,
} from '../finding.ts';
import { readDocument } from '../parse.ts';
import type { Policy } from '../policy.ts';
import { RULES } from '../rules/index.ts';
import type { Source } from '../source.ts';
import { entryOf, isScalar, type Entry, type Node } from '../tree.ts';
import { findingsOf, type ValidateResult } from '../validate.ts';
import { checkedType, openAnalyzer, type Analyzer, type Check } from './analyzer.ts';
import { policyText } from './document.ts';
import { ANALYZER, NEW_ACCESS, PUBLIC } from './rules.ts';

/** How Access Analyzer is asked. */
export interface OnlineOptions {
  /** Whether the checks that AWS charges for are made as well. */
  charged: boolean;
  /** The policy that must not be exceeded, or an earlier result, with which AWS compares nothing; null: none. */
  baseline: Source | null;
}

/**
 * Add what Access Analyzer finds and our rules do not. Where it cannot be asked, the result stands as it is, and its
 * `unread` says why.
 * @param result - of the same sources
 * @throws JamfMcpError INTERRUPTED
 */
export async function withOnline(
  result: ValidateResult,
  sources: readonly Source[],
  options: OnlineOptions,
  { aws, context }: { aws: AwsSettings; context: Context },
): Promise<ValidateResult> {
  const found: Finding[] = [];
  const unread = [...result.unread];
  const warn = (text: string) => {
    unread.push(text);
  };
  const analyzer = await openAnalyzer(aws, context);
  try {
    const baseline = options.baseline && options.charged ? await baselineOf(options.baseline, warn) : null;
    for (const source of sources) {
      // AWS's own policies are what they are.
      if (source.name.startsWith('aws/aws/')) continue;
      const type = result.inputs.find(({ name }) => name === source.name)?.type ?? null;
      const document = await readDocument(source, { type });
      const problems: Problem[] = [];
      for (const policy of document.policies) {
        const asked = { policy, source, baseline, charged: options.charged };
        try {
          problems.push(...(await ask(analyzer, asked, warn)));
        } catch (error) {
          // AWS did not take this policy; it may take the next.
          if (!(error instanceof JamfMcpError && error.code === 'REMOTE_FAILED')) throw error;
          warn(`${source.name}: ${error.message}`);
        }
      }
      found.push(...findingsOf(document, problems));
    }
  } catch (error) {
    if (!(error instanceof JamfMcpError) || error.code === 'INTERRUPTED') throw error;
    return { ...result, unread: [...unread, `${error.message}: the findings are those of our own rules`] };
  } finally {
    analyzer.close();
  }
  const order = new Map(sources.map(({ name }, index) => [name, index]));
  const findings = [
    ...result.findings,
    ...found.filter((one) => !result.findings.some((known) => same(known, one))),
  ].sort(
    (a, b) =>
      (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) ||
      a.line - b.line ||
      a.column - b.column ||
      SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
  );
  return { ...result, findings, summary: tally(findings), unread };
}

/** The same rule at the same place, or with a code of AWS's in the same lines. */
const same = (known: Finding, one: Finding): boolean =>
  known.file === one.file &&
  (known.rule === one.rule || (known.code !== null && known.code === one.code)) &&
  known.line <= one.endLine &&
  one.line <= known.endLine;

interface Asked {
  policy: Policy;
  source: Source;
  baseline: { policy: Policy; text: string } | null;
  charged: boolean;
}

async function ask(
  analyzer: Analyzer,
  { policy, source, baseline, charged }: Asked,
  warn: (text: string) => void,
): Promise<Problem[]> {
  const text = policyText(policy, source);
  const name = policy.origin.name === '' ? source.name : `${source.name} (${policy.origin.name})`;
  if (text === null) {
    warn(`${name}: not shown to IAM Access Analyzer, since deployment fills in a part of it`);
    return [];
  }
  const problems = (await analyzer.validate(text, policy.type)).map((finding) => problemOf(finding, policy));
  if (!charged) return problems;
  const resource = checkedType(policy);
  if (resource !== null) problems.push(...failed(await analyzer.noPublicAccess(text, resource), PUBLIC, policy));
  if (baseline !== null && kindOf(baseline.policy) === kindOf(policy)) {
    problems.push(...failed(await analyzer.noNewAccess(text, baseline.text, policy.type), NEW_ACCESS, policy));
  } else if (baseline !== null) {
    warn(`${name}: not compared with the baseline, which is a policy of another kind`);
  }
  return problems;
}

const kindOf = ({ type }: Policy) => (type === 'identity' || type === 'scp' ? type : 'resource');

/** The policy to compare with; null where the baseline is an earlier result, or nothing that AWS could compare with. */
async function baselineOf(
  source: Source,
  warn: (text: string) => void,
): Promise<{ policy: Policy; text: string } | null> {
  const { policies } = await readDocument(source);
  const [policy] = policies;
  if (!policy) return null;
  const text = policies.length === 1 ? policyText(policy, source) : null;
  if (text !== null) return { policy, text };
  warn(
    `${source.name}: nothing was compared with it online, since it is no single policy without values of a deployment`,
  );
  return null;
}

/** Severity of what AWS finds and no rule of ours has. */
const KINDS: Readonly<Record<string, { kind: Rule['kind']; severity: Severity }>> = {
  ERROR: { kind: 'error', severity: 'medium' },
  SECURITY_WARNING: { kind: 'security', severity: 'high' },
  WARNING: { kind: 'warning', severity: 'low' },
  SUGGESTION: { kind: 'suggestion', severity: 'info' },
};

function problemOf(
  { issueCode = '', findingType = 'WARNING', findingDetails = '', locations }: ValidatePolicyFinding,
  policy: Policy,
): Problem {
  // Where several rules of ours share a code, none of them is known to be the one that AWS means.
  const [own, ...others] = RULES.filter(({ code }) => code === issueCode);
  const rule =
    own && others.length === 0
      ? own
      : {
          ...ANALYZER,
          code: issueCode,
          ...KINDS[findingType],
        };
  const [at = policy, ...also] = (locations ?? []).map(({ path }) => placeOf(path ?? [], policy));
  const message = findingDetails.replace(/\s+/g, ' ').replace(/\.$/, '');
  return problem(rule, at, `${message} (IAM Access Analyzer)`, { also });
}

function failed({ passed, message, statements }: Check, rule: Rule, policy: Policy): Problem[] {
  if (passed) return [];
  const [at = policy, ...also] = statements.flatMap((index) => policy.statements.filter((one) => one.index === index));
  return [problem(rule, at, message.replace(/\.$/, ''), { also })];
}

/** AWS names a place by the way from the policy's root: the same in JSON and YAML, whatever the lines. */
function placeOf(steps: readonly PathElement[], policy: Policy): Place {
  let node: Node = policy.node;
  const path: (string | number)[] = [...policy.path];
  for (const step of steps) {
    if (step.index !== undefined) {
      const item: Node | undefined = node.kind === 'array' ? node.items[step.index] : undefined;
      if (!item) break;
      path.push(step.index);
      node = item;
    } else if (step.substring) {
      const { start = 0, length = 0 } = step.substring;
      if (!isScalar(node)) break;
      const from = node.range.start + 1 + start;
      return { path, range: { start: from, end: Math.min(from + length, node.range.end) } };
    } else {
      const name: string = step.key ?? step.value ?? '';
      const entry: Entry | null = node.kind === 'object' ? entryOf(node, name) : null;
      if (!entry) break;
      path.push(name);
      if (step.key !== undefined) return { path, range: entry.keyRange };
      node = entry.value;
    }
  }
  return { path, range: node.range };
}
