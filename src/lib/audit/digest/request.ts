/** What was typed, as a request. */
import type { AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import { parseWindow } from '../window.ts';
import type { TrailRequest } from './verify-trail.ts';

/** How far back a bucket is gone through where nothing else was said: each digest and log file is fetched. */
const BUCKET_SINCE = '7d';

/** The flags that are for files of a trail, as typed. */
export interface TrailFlags {
  since?: string | undefined;
  until?: string | undefined;
  keys?: string[] | undefined;
  'save-keys'?: string | undefined;
}

/** @throws JamfMcpError USAGE where one of them is given, and no files are named */
export function refuseTrailFlags({ since, until, keys, 'save-keys': saveKeys }: TrailFlags): void {
  const given = Object.entries({ since, until, keys, 'save-keys': saveKeys }).find(([, value]) => value !== undefined);
  if (!given) return;
  throw new JamfMcpError(
    'USAGE',
    `--${given[0]} is for the files of a trail, and none are named`,
    'name their folder, or s3://BUCKET/PREFIX: `jamf-mcp audit verify PATH`',
  );
}

/**
 * The request for a folder or bucket.
 * @param where - as typed
 * @param flags - as typed; without times, all of a folder, and seven days of a bucket
 * @throws JamfMcpError INPUT_INVALID for times that are none
 */
export function trailRequest(where: string, flags: TrailFlags, aws: AwsSettings, now: number): TrailRequest {
  const bounded = where.startsWith('s3://') || flags.since !== undefined || flags.until !== undefined;
  const since = flags.since ?? (where.startsWith('s3://') ? BUCKET_SINCE : '1970-01-01');
  return {
    where,
    window: bounded ? parseWindow({ since, until: flags.until }, now) : null,
    aws,
    keys: flags.keys ?? [],
    saveKeys: flags['save-keys'] ?? null,
  };
}
