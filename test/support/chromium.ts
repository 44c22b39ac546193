/** The browser that reports are opened in: absent on many machines, never absent in CI. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * Find Chromium, by CHROMIUM_PATH or by its usual names.
 * @returns its path, or null where there is none; with CI=true there has to be one
 */
export function chromiumPath(): string | null {
  const { CHROMIUM_PATH: told, PATH = '', CI } = process.env;
  const places = told ? [told] : PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const found = places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined && CI === 'true') throw new Error('CI needs Chromium');
  return found ?? null;
}
