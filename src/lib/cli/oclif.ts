/** oclif whole: what shows help and finds out that there is no such command. Loaded only for that. */
import { Config } from '@oclif/core/config';
import { run } from '@oclif/core/run';

/**
 * Let oclif do what was typed.
 * @param root - folder of the package: its manifest lists the commands
 */
export async function runByOclif(argv: string[], root: string): Promise<void> {
  await run(argv, await Config.load({ root }));
}

/** The ids of all commands there are, such as `secrets:show`. */
export async function commandIds(root: string): Promise<readonly string[]> {
  return (await Config.load({ root })).commandIDs;
}
