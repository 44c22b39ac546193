/** The difference of two texts, as `patch` and `git apply` take it. */
import { structuredPatch } from 'diff';

/** Lines around a change. */
const CONTEXT = 3;

/** A unified patch of one file; empty where the two are equal. */
export function patchOf(name: string, before: string, after: string): string {
  if (before === after) return '';
  const { hunks } = structuredPatch(name, name, before, after, undefined, undefined, { context: CONTEXT });
  const lines = hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines: body }) => [
    `@@ -${String(oldStart)},${String(oldLines)} +${String(newStart)},${String(newLines)} @@`,
    ...body,
  ]);
  const path = name.replace(/^\//, '');
  return [`--- a/${path}`, `+++ b/${path}`, ...lines, ''].join('\n');
}
