/** What `secrets export` prints: the text itself, or where it went. */
import { terminalSafe } from '../format/escape.ts';
import type { ExportResult } from './export.ts';

/** The text for standard output; with a file, its name as well unless commands for a runner are all that belongs there. */
export function exportText(result: ExportResult): string {
  if (result.file === null || result.text !== '') return result.text;
  return `wrote ${result.fields.length === 1 ? '1 field' : `${String(result.fields.length)} fields`} of ${terminalSafe(result.secret.name)} to ${terminalSafe(result.file)}, for its owner only\n`;
}
