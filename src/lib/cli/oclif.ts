/** oclif whole: what shows help and finds out that there is no such command. Loaded only for that. */
import { Config } from '@oclif/core/config';
import { run } from '@oclif/core/run';

/**
 * The commands and nothing else: left to itself, oclif loads and runs the code of plugins that a file in the data folder
 * names, and that folder is where the local store keeps its secrets.
 * @param root - folder of the package: its manifest lists the commands
 */
const load = (root: string): Promise<Config> => Config.load({ root, userPlugins: false, devPlugins: false });

/**
 * Let oclif do what was typed.
 * @param root - folder of the package: its manifest lists the commands
 */
export async function runByOclif(argv: string[], root: string): Promise<void> {
  await run(argv, await load(root));
}

/** The ids of all commands there are, such as `secrets:show`. */
export async function commandIds(root: string): Promise<readonly string[]> {
  return (await load(root)).commandIDs;
}
