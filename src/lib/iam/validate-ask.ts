/** The question of `iam validate`, as it is typed: the files, then the account, then what of it is new. */
import type { Settings } from '../config/settings.ts';
import type { Context } from '../host.ts';
import { loadCatalogue, type Catalogue } from './catalogue.ts';
import type { LiveValidation, Selection } from './live/validate.ts';
import type { PolicyType } from './policy.ts';
import type { Source } from './source.ts';
import { validate, type ValidateResult } from './validate.ts';

/** What was typed. */
export interface ValidateWords {
  /** Files, folders, `-`. */
  files: readonly string[];
  type?: PolicyType | undefined;
  role?: string[] | undefined;
  'task-definition'?: string[] | undefined;
  all: boolean;
  fix: boolean;
  'dry-run': boolean;
  /** File of an earlier result, or of a policy. */
  baseline?: string | undefined;
  online: boolean;
  /** Whether checks that AWS charges for are agreed to. */
  yes: boolean;
}

/** Where it is asked. */
interface Place {
  settings: Settings;
  context: Context;
}

/** Reading and writing the files that are named. */
export interface PolicyFiles {
  read(paths: readonly string[]): Promise<Source[]>;
  /** Put texts in the place of those that were read; returns the names of those that were written. */
  replace(changed: readonly Source[], given: readonly Source[]): Promise<string[]>;
}

/**
 * Validate.
 * @param secretNamed - whether the secret of the settings was named on the command line: then its policies are meant
 * @returns the result, and all texts that were judged: SARIF needs their lines
 * @throws JamfMcpError INPUT_INVALID, INPUT_MISSING; of an account also NOT_FOUND, ACCESS_DENIED …
 */
export async function validateAsTyped(
  words: ValidateWords,
  secretNamed: boolean,
  files: PolicyFiles,
  { settings, context }: Place,
): Promise<LiveValidation> {
  const [given, catalogue] = await Promise.all([files.read(words.files), loadCatalogue()]);
  const options = { type: words.type ?? null };
  const { sources, ...repaired } = await repairedFiles(given, words, files, catalogue, { settings, context });
  let result: ValidateResult = { ...(await validate(sources, options, catalogue)), ...repaired };
  const selection = selectionOf(words, secretNamed ? [settings.secret] : []);
  if (selection !== null || words.files.length === 0) {
    const [{ joined, validateLive }, { ofTheService }] = await Promise.all([
      import('./live/validate.ts'),
      import('./live/select.ts'),
    ]);
    const wanted = selection ?? (await ofTheService(settings, context));
    const live = await validateLive(wanted, settings.aws, catalogue, context);
    sources.push(...live.sources);
    result = { ...joined(result, live.result), ...repaired };
  }
  const [baseline = null] = words.baseline === undefined ? [] : await files.read([words.baseline]);
  if (words.online) {
    const { withOnline } = await import('./online/validate.ts');
    const how = { charged: words.yes, baseline };
    result = await withOnline(result, sources, how, { aws: settings.aws, context });
  }
  if (baseline) {
    const { withBaseline } = await import('./baseline.ts');
    result = await withBaseline(result, sources, baseline, options, catalogue);
  }
  return { result, sources };
}

/** The files as --fix leaves them, and what it did; without it, as they are. */
async function repairedFiles(
  given: readonly Source[],
  words: ValidateWords,
  files: PolicyFiles,
  catalogue: Catalogue,
  { settings, context }: Place,
): Promise<{ sources: Source[] } & Pick<ValidateResult, 'fix'>> {
  if (!words.fix) return { sources: [...given] };
  const { repairFiles } = await import('./fix/run.ts');
  const write = words['dry-run'] ? null : (changed: readonly Source[]) => files.replace(changed, given);
  const how = { type: words.type ?? null, tasks: words['task-definition'] ?? [], aws: settings.aws, write };
  return repairFiles(given, how, catalogue, context);
}

/** What of the account was asked for; null: nothing. */
function selectionOf(words: ValidateWords, secrets: readonly string[]): Selection | null {
  const roles = words.role ?? [];
  const taskDefinitions = words['task-definition'] ?? [];
  const asked = words.all || roles.length + taskDefinitions.length + secrets.length > 0;
  return asked ? { roles, taskDefinitions, secrets, all: words.all } : null;
}
