/** Data from elsewhere that some tests read: absent on most machines, never absent in CI. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './cli.ts';

/**
 * Find a file of the data folder beside the checkout.
 * @param path - such as `cloudtrail/stratus.jsonl`
 * @returns its path, or null where there is none; with CI=true there has to be one
 */
export function corpusFile(path: string): string | null {
  const file = join(ROOT, '../shared/data', path);
  if (existsSync(file)) return file;
  if (process.env.CI === 'true') throw new Error(`CI needs ${file}`);
  return null;
}

/** The values of a file with one JSON value a line. */
export function jsonLines(file: string): unknown[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
