/** What a rule gets, and how it reports. */
import type { Catalogue } from '../catalogue.ts';
import { problem, type Place, type Problem, type Rule, type Severity } from '../finding.ts';
import { isGlob } from '../glob.ts';
import { nearest } from '../nearest.ts';
import type { Policy, Text } from '../policy.ts';
import { HOLE, shown } from '../tree.ts';

/** Make a rule from its parts, in the order in which they are told. */
export const ruleOf = (
  id: string,
  code: string | null,
  kind: Rule['kind'],
  severity: Severity,
  title: string,
  why: string,
  fix: string,
): Rule => ({ id, code, kind, severity, title, why, fix });

/** Make a rule whose finding is a warning of medium severity. */
export const warningOf = (id: string, code: string | null, title: string, why: string, fix: string): Rule =>
  ruleOf(id, code, 'warning', 'medium', title, why, fix);

/** What comes of a condition that no request can satisfy. */
export const NEVER_HOLDS = 'The condition never holds, so an Allow grants nothing and a Deny denies nothing.';

/** What comes of a document that AWS does not take. */
export const REFUSED = 'AWS refuses the whole policy.';

/** What checks work with. */
export interface CheckContext {
  catalogue: Catalogue;
  /** Text of the file. */
  text: string;
  /** Account that the policies are of, where they were read from it: twelve digits; null for files. */
  owner: string | null;
  /** Account for work that grows faster than the file. */
  spend(work: number): void;
  /** The name that was probably meant; null where none is near, or where too many were asked for already. */
  nearest(name: string, candidates: readonly string[]): string | null;
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

/** Work that one file may cause, in comparisons of names: many times what real policies need, and under a second. */
const MOST_WORK = 4_000_000;
/** Of that kind, for finding the names that may be meant. */
const MOST_GUESSES = 4_000_000;

/** Thrown when a file has caused all the work that it may; `checkDocument` catches it. */
export class TooMuchWork extends Error {}

/** Comparisons that a pattern costs when it is met first: of the names of one service, or of all. */
function costOf(pattern: string): number {
  if (!isGlob(pattern)) return 1;
  return !pattern.includes(':') || isGlob(pattern.slice(0, pattern.indexOf(':'))) ? 25_000 : 300;
}

/**
 * A context that collects, and that counts the work.
 * @param name - of the file; the address of a live policy begins with its account
 */
export function collector(
  catalogue: Catalogue,
  text: string,
  name = '',
): { context: CheckContext; problems: Problem[] } {
  const problems: Problem[] = [];
  const seen = new Set<string>();
  let work = MOST_WORK;
  let guesses = MOST_GUESSES;
  const spend = (cost: number): void => {
    work -= cost;
    if (work < 0) throw new TooMuchWork();
  };
  const context: CheckContext = {
    catalogue: {
      ...catalogue,
      actions: (pattern) => {
        if (!seen.has(pattern)) spend(costOf(pattern));
        seen.add(pattern);
        const found = catalogue.actions(pattern);
        // Who asks goes through what is found.
        spend(found.length / 4);
        return found;
      },
    },
    text,
    owner: /^aws\/(\d{12})\//.exec(name)?.[1] ?? null,
    spend,
    nearest: (name, candidates) => {
      guesses -= candidates.length * 20;
      return guesses < 0 ? null : nearest(name, candidates);
    },
    report: (rule, at, message, options) => {
      const fix = options?.fix === undefined ? {} : { fix: legible(options.fix) };
      problems.push(problem(rule, at, legible(message), { ...options, ...fix }));
    },
  };
  return { context, problems };
}

/** What is left of holes that were not told by name: nobody sees the character itself. */
const legible = (text: string): string => text.replaceAll(HOLE, '${…}');

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
