/** `iam validate --fix`: what is needed is read, the files are repaired, and written unless only the patch is wanted. */
import type { AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { needsOf } from '../join.ts';
import { withClients } from '../live/clients.ts';
import { readFacts } from '../live/facts.ts';
import { taskDefinitionFrom } from '../live/read.ts';
import type { Catalogue } from '../catalogue.ts';
import type { ReadOptions, Source } from '../source.ts';
import { fixSources, type FixOptions, type FixReport } from './index.ts';

/** What to repair by. */
interface RepairOptions extends ReadOptions {
  /** Task definitions whose roles the policies are for: families, `family:revision`, or ARNs. */
  tasks: readonly string[];
  aws: AwsSettings;
  /** Write the files that change, and give back their names; null: change nothing. */
  write: ((files: readonly Source[]) => Promise<string[]>) | null;
}

/**
 * Repair files.
 * @returns the report, and the sources as they are after it
 * @throws JamfMcpError INPUT_MISSING where there is no file; what `taskNeeds` and `write` throw
 */
export async function repairFiles(
  sources: readonly Source[],
  { tasks, aws, write, ...options }: RepairOptions,
  catalogue: Catalogue,
  context: Context,
): Promise<{ fix: FixReport; sources: Source[] }> {
  if (sources.length === 0) {
    throw new JamfMcpError(
      'INPUT_MISSING',
      '--fix repairs files, and none was named',
      'name policy files or folders; the policy of a role is changed with iam apply',
    );
  }
  const { files, ...told } = await fixSources(
    sources,
    { ...options, ...(await taskNeeds(tasks, aws, context)) },
    catalogue,
  );
  const now = new Map(files.map((file) => [file.name, file]));
  return {
    fix: { ...told, dryRun: write === null, written: write === null ? [] : await write(files) },
    sources: sources.map((source) => now.get(source.name) ?? source),
  };
}

/**
 * Read what task definitions need of both of their roles: a file may be the policy of either.
 * @param names - families, `family:revision`, or ARNs
 * @returns no needs where none is named: then nobody said
 * @throws JamfMcpError NOT_FOUND, ACCESS_DENIED
 */
async function taskNeeds(
  names: readonly string[],
  aws: AwsSettings,
  context: Context,
): Promise<Pick<FixOptions, 'needs' | 'account'>> {
  if (names.length === 0) return { needs: null, account: null };
  return withClients(aws, context, async (clients) => {
    const accounts = new Set<string>();
    const needs = [];
    for (const name of names) {
      const { definition } = await taskDefinitionFrom(clients, name);
      const facts = await readFacts(clients, definition);
      const { execution, task } = needsOf(definition, facts);
      needs.push(...execution, ...task);
      accounts.add(facts.account);
    }
    const [account] = accounts;
    return { needs, account: accounts.size === 1 ? (account ?? null) : null };
  });
}
