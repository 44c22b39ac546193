/**
 * `iam validate --fix`: the smallest edits that put findings right. An edit is made only when it is proved that the
 * policies allow nothing more than before (but what is needed and was meant), that nothing needed is lost, and that the
 * finding is gone and no error has come.
 */
import type { Catalogue } from '../catalogue.ts';
import type { Place, Problem, Region } from '../finding.ts';
import type { Need } from '../need.ts';
import { readDocument } from '../parse.ts';
import { parseJson } from '../parse-json.ts';
import { lineStarts, regionOf, type Document, type ReadOptions, type Source } from '../source.ts';
import { pathText, type Node } from '../tree.ts';
import { checkDocument } from '../validate.ts';
import { applyEdits, offsetBefore, overlap, type Edit } from './edit.ts';
import { FORM_REPAIRS } from './form.ts';
import { NARROW_REPAIRS } from './narrow.ts';
import { patchOf } from './patch.ts';
import { judge } from './proof.ts';
import { RIGHTS_REPAIRS } from './rights.ts';
import type { Proposal, Repair, Site } from './site.ts';

/** How to repair. */
export interface FixOptions extends ReadOptions {
  /** What is needed of the principal that the identity policies belong to; null or left out: nobody said. */
  needs?: readonly Need[] | null;
  /** The account that the policies are in, where it is known. */
  account?: string | null;
}

/** A finding that was put right, at its place in the file as it was given. */
export interface Repaired extends Region {
  file: string;
  rule: string;
  /** What was done, lower case, no full stop. */
  what: string;
}

/** A finding for which there is a repair that was not made. */
export interface Refused extends Region {
  file: string;
  rule: string;
  /** Lower case, no full stop. */
  why: string;
}

/** What comes of a repair. */
export interface FixResult {
  repaired: Repaired[];
  refused: Refused[];
  /** The files that change, with their new texts. */
  files: Source[];
  /** All changes as a unified patch; empty where there are none. */
  patch: string;
}

/** What `iam validate --fix` tells. */
export interface FixReport extends Omit<FixResult, 'files'> {
  /** Whether only the patch was wanted. */
  dryRun: boolean;
  /** The files that were written; none with --dry-run. */
  written: string[];
}

/** The repairs, by rule. */
export const REPAIRS: Readonly<Record<string, Repair>> = { ...FORM_REPAIRS, ...NARROW_REPAIRS, ...RIGHTS_REPAIRS };

/** Rounds of one file; each makes what can be made at once, or finds out one that cannot. */
const MOST_ROUNDS = 100;
/** Characters that are read in all rounds of a file together, so that a large one has fewer rounds. */
const MOST_READ = 2_000_000;
/** Findings with a repair in one file: nobody wrote one that has more, and each costs a look at the whole file. */
const MOST_FINDINGS = 1_000;

/**
 * Repair sources. Nothing is written: the new texts are in the result.
 * @param sources - files with policies; the identity policies among them are those of one principal where needs are given
 */
export async function fixSources(
  sources: readonly Source[],
  options: FixOptions,
  catalogue: Catalogue,
): Promise<FixResult> {
  const result: FixResult = { repaired: [], refused: [], files: [], patch: '' };
  const documents = await Promise.all(sources.map((source) => readDocument(source, options)));
  for (const [index, source] of sources.entries()) {
    const document = documents[index];
    if (!document) continue;
    const fixed = await fixOne(document, documents.toSpliced(index, 1), options, catalogue);
    documents[index] = fixed.document;
    result.repaired.push(...fixed.repaired);
    result.refused.push(...fixed.refused);
    const { text } = fixed.document.source;
    if (text !== source.text) {
      result.files.push({ name: source.name, text });
      result.patch += patchOf(source.name, source.text, text);
    }
  }
  return result;
}

interface Fixed {
  document: Document;
  repaired: Repaired[];
  refused: Refused[];
}

/** One change that may be made, and the findings that it puts right. */
interface Candidate {
  problems: readonly Problem[];
  proposal: Proposal;
  edits: readonly Edit[];
}

async function fixOne(
  given: Document,
  others: readonly Document[],
  options: FixOptions,
  catalogue: Catalogue,
): Promise<Fixed> {
  const repaired: Repaired[] = [];
  const starts = lineStarts(given.source.text);
  /** Edits of the rounds before, the last one first. */
  const made: (readonly Edit[])[] = [];
  /** Left by the repairs themselves as the file is now; and those of which the proof failed. */
  const refused = new Map<string, Refused>();
  const disproved = new Map<string, Refused>();
  let document = given;
  let problems = checkDocument(document, catalogue);
  let most = Number.POSITIVE_INFINITY;
  let moved = false;
  const rounds = Math.min(MOST_ROUNDS, Math.ceil(MOST_READ / given.source.text.length));
  for (let round = 0; round < rounds; round += 1) {
    const told = ({ at, rule }: Problem) => ({ ...placeOf(at, made, starts), file: given.source.name, rule: rule.id });
    const candidates = await candidatesOf(document, problems, options, catalogue, disproved, (problem, why) => {
      refused.set(keyOf(problem), { ...told(problem), why });
    });
    const chosen = independent(candidates).slice(0, most);
    const [first] = chosen;
    if (!first) {
      // What could not be proved before the other repairs may be now.
      if (!moved || disproved.size === 0) break;
      disproved.clear();
      moved = false;
      continue;
    }
    const edits = chosen.flatMap((candidate) => candidate.edits);
    const text = applyEdits(document.source.text, edits);
    const next = await readDocument({ name: document.source.name, text }, { ...options, format: document.format });
    const after = checkDocument(next, catalogue);
    const why = judge(
      { document, problems },
      { document: next, problems: after },
      chosen.flatMap((candidate) => candidate.problems),
      { others, needs: options.needs ?? null, catalogue },
    );
    if (why === null) {
      for (const { problems: gone, proposal } of chosen) {
        for (const problem of gone) repaired.push({ ...told(problem), what: proposal.what });
      }
      made.unshift(edits);
      moved = true;
      refused.clear();
      document = next;
      problems = after;
      most = Number.POSITIVE_INFINITY;
    } else if (chosen.length === 1) {
      for (const problem of first.problems) disproved.set(keyOf(problem), { ...told(problem), why });
      most = Number.POSITIVE_INFINITY;
    } else {
      most = Math.ceil(chosen.length / 2);
    }
  }
  const left = [...refused.values(), ...disproved.values()];
  return { document, repaired: repaired.sort(byPlace), refused: left.sort(byPlace) };
}

const byPlace = (a: Region, b: Region): number => a.line - b.line || a.column - b.column;

/** A place in the file as it was given. */
function placeOf({ path, range }: Place, made: readonly (readonly Edit[])[], starts: readonly number[]): Region {
  const back = (offset: number) => made.reduce((at, edits) => offsetBefore(at, edits), offset);
  return regionOf(starts, { path, range: { start: back(range.start), end: back(range.end) } });
}

/** What a finding is told by when offsets have moved. */
const keyOf = ({ rule, at, message }: Problem): string => `${rule.id} ${pathText(at.path)} ${message}`;

async function candidatesOf(
  document: Document,
  problems: readonly Problem[],
  options: FixOptions,
  catalogue: Catalogue,
  disproved: ReadonlyMap<string, Refused>,
  refuse: (problem: Problem, why: string) => void,
): Promise<Candidate[]> {
  const wanted = problems
    .filter(({ rule }) => Object.hasOwn(REPAIRS, rule.id))
    .filter((problem) => !disproved.has(keyOf(problem)));
  const [first] = wanted;
  if (!first) return [];
  if (wanted.length > MOST_FINDINGS) {
    refuse(
      first,
      `the file has ${String(wanted.length)} such findings, and ${String(MOST_FINDINGS)} are repaired at most`,
    );
    return [];
  }
  const root = await rootOf(document);
  if (root === null) return [];
  const candidates: Candidate[] = [];
  const needs = options.needs ?? null;
  for (const problem of wanted) {
    const { start, end } = problem.at.range;
    const policy = document.policies.find(({ range }) => range.start <= start && end <= range.end) ?? null;
    const statement = policy?.statements.find(({ range }) => range.start <= start && end <= range.end) ?? null;
    if (policy && isInString(policy.node.entries, policy.range)) {
      refuse(problem, 'the policy stands inside a string: repair it where it comes from');
      continue;
    }
    const site: Site = {
      file: document.source.text,
      format: document.format,
      root,
      policy,
      statement,
      problem,
      needs,
      account: options.account ?? null,
      catalogue,
    };
    const found = REPAIRS[problem.rule.id]?.(site) ?? null;
    if (found === null) continue;
    if (typeof found === 'string') refuse(problem, found);
    else if (found.guess === true && needs === null) {
      refuse(problem, `it may be meant otherwise; what is needed would tell (${found.what})`);
    } else {
      const edits = found.edits.filter((edit) => edit !== null);
      const clean =
        edits.length === found.edits.length &&
        edits.every((edit, index) => !edits.slice(index + 1).some((other) => overlap(edit, other))) &&
        (policy === null ||
          edits.every(
            ({ range }) => policy.range.start <= range.start && range.end <= lineEnd(document, policy.range.end),
          ));
      if (clean) candidates.push({ problems: [problem], proposal: found, edits });
      else refuse(problem, 'the place cannot be edited without touching what is around it');
    }
  }
  return candidates;
}

/** The end of the line that a policy ends on, where an element behind its last one begins. */
function lineEnd({ source: { text } }: Document, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}

/** A policy inside a string has the string's place everywhere. */
const isInString = (
  entries: Document['policies'][number]['node']['entries'],
  { start, end }: { start: number; end: number },
): boolean => entries.some(({ keyRange }) => keyRange.start === start && keyRange.end === end);

async function rootOf({ format, source: { text } }: Document): Promise<Node | null> {
  return format === 'json' ? parseJson(text).root : (await import('../parse-yaml.ts')).parseYaml(text).root;
}

/** Those that touch no place of one before them; what is the same edit for several findings is one. */
function independent(candidates: readonly Candidate[]): Candidate[] {
  const chosen: Candidate[] = [];
  for (const candidate of candidates) {
    const same = chosen.findIndex(({ edits }) => JSON.stringify(edits) === JSON.stringify(candidate.edits));
    const twin = chosen[same];
    if (twin) {
      chosen[same] = { ...twin, problems: [...twin.problems, ...candidate.problems] };
      continue;
    }
    const free = chosen.every(({ edits }) => !edits.some((a) => candidate.edits.some((b) => overlap(a, b))));
    if (free) chosen.push(candidate);
  }
  return chosen;
}
