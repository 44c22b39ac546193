/** The question of `iam can`, as it is typed, handed to the account or to the policies at hand. */
import type { AwsSettings } from '../aws.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { askedFor, type CanResult } from './can.ts';
import { canByFiles } from './can-files.ts';
import type { LayerSource } from './can-layers.ts';
import { loadCatalogue } from './catalogue.ts';
import type { Request } from './evaluate.ts';

/** What was typed. */
export interface Question {
  principal: string;
  action: string;
  /** Null: none was named. */
  resource: string | null;
  /** Condition keys as `KEY=VALUE`. */
  keys: readonly string[];
  /** Whether IAM's simulator is asked as well. */
  online: boolean;
}

/**
 * Whether a principal may do something.
 * @param sources - policies at hand; none: the account is read
 * @throws JamfMcpError INPUT_INVALID, INPUT_MISSING; of an account also NOT_FOUND, SECRET_NOT_FOUND, ACCESS_DENIED …
 */
export async function can(
  { principal, action, resource, keys, online }: Question,
  sources: readonly LayerSource[],
  aws: AwsSettings,
  context: Context,
): Promise<CanResult> {
  const catalogue = await loadCatalogue();
  const asks = { principal, context: contextFrom(keys), online };
  const means = { aws, catalogue, context };
  if (sources.length > 0) {
    return canByFiles({ ...asks, asked: askedFor(action, resource, catalogue), sources }, means);
  }
  const { canLive } = await import('./can-live.ts');
  return canLive({ ...asks, action, resource }, means);
}

/** Condition keys of `KEY=VALUE` texts; a key that is there twice has both values. */
function contextFrom(texts: readonly string[]): Request['context'] {
  const found = new Map<string, string[]>();
  for (const text of texts) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) {
      throw new JamfMcpError(
        'INPUT_INVALID',
        `"${text}" is no condition key with a value`,
        'write --context aws:SourceVpce=vpce-1',
      );
    }
    found.set(key, [...(found.get(key) ?? []), value]);
  }
  return Object.fromEntries([...found].map(([key, values]) => [key, values.length === 1 ? (values[0] ?? '') : values]));
}
