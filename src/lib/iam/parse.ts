/** Reads a source: JSON or YAML, one policy or many. */
import { problem, type Problem } from './finding.ts';
import { parseJson } from './parse-json.ts';
import { NO_POLICY, TOO_LARGE } from './rules/syntax.ts';
import type { Document, ReadOptions, Source } from './source.ts';
import { findPolicies } from './template.ts';
import type { Node } from './tree.ts';

/** Longest texts that are read: twice what CloudFormation takes in JSON, what it takes in YAML (which is slower to read). */
const LONGEST = { json: 2_097_152, yaml: 1_048_576 };

/**
 * Read a source. Nothing is thrown: what is wrong with it is in `problems`.
 */
export async function readDocument(source: Source, options: ReadOptions = {}): Promise<Document> {
  const format = options.format ?? formatOf(source);
  const end = source.text.length;
  if (end > LONGEST[format]) {
    const message = `the file has ${String(end)} characters, and ${String(LONGEST[format])} are read`;
    return {
      source,
      format,
      policies: [],
      problems: [problem(TOO_LARGE, { path: [], range: { start: 0, end: 0 } }, message)],
    };
  }
  const parsed = format === 'json' ? parseJson(source.text) : (await import('./parse-yaml.ts')).parseYaml(source.text);
  return documentFrom(source, format, parsed, options);
}

/** Read JSON without waiting: what {@link readDocument} does, for callers that know the format. */
export function readJson(source: Source, options: ReadOptions = {}): Document {
  return documentFrom(source, 'json', parseJson(source.text), options);
}

function documentFrom(
  source: Source,
  format: 'json' | 'yaml',
  { root, problems }: { root: Node | null; problems: Problem[] },
  { type = null }: ReadOptions,
): Document {
  const policies = root === null ? [] : findPolicies(root, type);
  if (policies.length === 0 && problems.length === 0) {
    const range = root?.range ?? { start: 0, end: source.text.length };
    problems.push(problem(NO_POLICY, { path: [], range }, 'no policy was found in this file'));
  }
  return { source, format, policies, problems };
}

/** By its name, else by its first character: YAML hardly ever starts with a bracket. */
function formatOf({ name, text }: Source): 'json' | 'yaml' {
  if (/\.json$/i.test(name)) return 'json';
  if (/\.ya?ml$/i.test(name)) return 'yaml';
  return /^\uFEFF?\s*(?:[A-Za-z_"'][\w "'-]*:(?:\s|$)|---|#|%YAML)/.test(text.slice(0, 4_096)) ? 'yaml' : 'json';
}
