/** Tests that take minutes: run where everything is run. */
import type { Suite } from 'mocha';

/**
 * Describe a suite that runs with `CI=true` only; elsewhere it is reported by name as skipped.
 * @param work - as `describe` takes it
 */
export function describeLong(title: string, work: (this: Suite) => void): void {
  if (process.env.CI) describe(title, work);
  else describe.skip(`${title} (takes long: CI=true runs it)`, work);
}
