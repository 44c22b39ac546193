/** What `iam generate` is to make, from settings and flags. */
import type { Settings } from '../../config/settings.ts';
import type { GenerateWish } from './generate.ts';
import type { Purpose } from './presets.ts';

/** The flags of the command, as far as they are no settings. */
export interface GenerateWords {
  for: Purpose;
  trust: boolean;
  'from-task-definition'?: string | undefined;
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

/** Put them together. */
export function wishFrom({ aws, ecs, secret }: Settings, words: GenerateWords): GenerateWish {
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
