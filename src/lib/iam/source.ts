/** A file with policies in it, read: trees, policies, and what was wrong with its form. */
import type { Problem, Region, Place } from './finding.ts';
import type { Policy, PolicyType } from './policy.ts';
import { pathText } from './tree.ts';

/** A file, or what stands in for one. */
export interface Source {
  /** What it is called in findings. */
  name: string;
  text: string;
}

/** A source, read. */
export interface Document {
  source: Source;
  format: 'json' | 'yaml';
  /** Each policy found; more than one where it is a template or an account's dump. */
  policies: readonly Policy[];
  /** Syntax errors and the like. */
  problems: readonly Problem[];
}

/** How to read a source. */
export interface ReadOptions {
  /** What its policies are; null: told from their elements and from where they stand in a template. */
  type?: PolicyType | null;
  format?: 'json' | 'yaml' | null;
}

/** Offsets at which lines start. CR LF and LF end a line, as every editor counts. */
export function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** Line and column of an offset, both from 1. */
export function position(starts: readonly number[], offset: number): { line: number; column: number } {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

/** Where a place is, in lines and columns. */
export function regionOf(starts: readonly number[], { path, range }: Place): Region {
  const start = position(starts, range.start);
  const end = position(starts, range.end);
  return { path: pathText(path), line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}
