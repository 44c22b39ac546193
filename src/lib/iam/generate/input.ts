/** What `iam generate` is to make, from settings and flags. */
import type { Settings } from '../../config/settings.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { generate, type GenerateResult, type GenerateWish } from './generate.ts';
import type { Purpose } from './presets.ts';

/** The flags of the command, as far as they are no settings. */
export interface GenerateWords {
  for: Purpose;
  trust: boolean;
  'from-task-definition'?: string | undefined;
  'from-audit'?: string | undefined;
  role?: string | undefined;
  account?: string | undefined;
  'kms-key'?: string | undefined;
  'rotator-secret'?: string | undefined;
  cluster?: string | undefined;
  service?: string | undefined;
  'log-group'?: string | undefined;
  repository?: string[] | undefined;
  table?: string[] | undefined;
  bucket?: string[] | undefined;
}

/**
 * Generate what the flags say.
 * @param paths - files of a trail
 * @throws JamfMcpError USAGE for what does not go together, and what generating throws
 */
export async function generateFrom(
  settings: Settings,
  words: GenerateWords,
  paths: readonly string[],
  context: Context,
): Promise<GenerateResult> {
  const { 'from-audit': since, role, account = null } = words;
  if ((since === undefined) !== (role === undefined) || (since === undefined && paths.length > 0)) {
    const what =
      since === undefined ? 'a role or files of a trail go with --from-audit' : 'it is not said whose use counts';
    throw new JamfMcpError('USAGE', what, 'pass --from-audit 90d --role NAME [FILE…]');
  }
  if (since === undefined || role === undefined) return await generate(wishFrom(settings, words), context);
  if (words.trust || words['from-task-definition'] !== undefined) {
    throw new JamfMcpError(
      'USAGE',
      'what a role has used tells neither its trust nor its tasks',
      'leave one of them out',
    );
  }
  const { generateFromAudit } = await import('../usage/evidence.ts');
  return await generateFromAudit({ role, since, paths, account, aws: settings.aws }, context);
}

/** What is to be generated, put together. */
function wishFrom({ aws, ecs, secret }: Settings, words: GenerateWords): GenerateWish {
  const taskDefinition = words['from-task-definition'] ?? null;
  return {
    purpose: words.for,
    trust: words.trust,
    taskDefinition,
    account: words.account ?? null,
    aws,
    // A task definition names its secrets itself.
    secrets: taskDefinition === null ? [secret] : [],
    rotator: words['rotator-secret'] ?? null,
    kmsKey: words['kms-key'] ?? null,
    cluster: words.cluster ?? ecs.cluster,
    service: words.service ?? ecs.service,
    logGroup: words['log-group'] ?? null,
    repositories: words.repository ?? [],
    tables: words.table ?? [],
    buckets: words.bucket ?? [],
  };
}
