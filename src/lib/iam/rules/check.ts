/** What a rule gets, and how it reports. */
import type { Catalogue } from '../catalogue.ts';
import { problem, type Place, type Problem, type Rule, type Severity } from '../finding.ts';
import type { Policy, Text } from '../policy.ts';
import { shown } from '../tree.ts';

/** What checks work with. */
export interface CheckContext {
  catalogue: Catalogue;
  /** Text of the file. */
  text: string;
  report(rule: Rule, at: Place, message: string, options?: ReportOptions): void;
}

/** What differs from the rule's own. */
export interface ReportOptions {
  severity?: Severity;
  fix?: string;
  also?: readonly Place[];
}

/** Looks at one policy. */
export type Check = (policy: Policy, context: CheckContext) => void;

/** A context that collects. */
export function collector(catalogue: Catalogue, text: string): { context: CheckContext; problems: Problem[] } {
  const problems: Problem[] = [];
  const context: CheckContext = {
    catalogue,
    text,
    report: (rule, at, message, options) => {
      problems.push(problem(rule, at, message, options));
    },
  };
  return { context, problems };
}

/** Longest stretch of a file's text in a message. */
const LONGEST = 80;

/** A text of the policy inside a message. */
export function quoted(value: Text | string): string {
  const text = typeof value === 'string' ? value : shown(value.text, value.holes);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

/** Some names inside a message. */
export function listed(names: readonly string[], most = 3): string {
  const head = names.slice(0, most).join(', ');
  return names.length <= most ? head : `${head} and ${String(names.length - most)} more`;
}
