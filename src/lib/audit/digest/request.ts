/** What was typed, as a request. */
import type { AwsSettings } from '../../aws.ts';
import { parseWindow } from '../window.ts';
import type { TrailRequest } from './verify-trail.ts';

/** How far back a bucket is gone through where nothing else was said: each digest and log file is fetched. */
const BUCKET_SINCE = '7d';

/**
 * The request for a folder or bucket.
 * @param where - as typed
 * @param flags - as typed; without times, all of a folder, and seven days of a bucket
 * @throws JamfMcpError INPUT_INVALID for times that are none
 */
export function trailRequest(
  where: string,
  flags: {
    since?: string | undefined;
    until?: string | undefined;
    keys?: string[] | undefined;
    'save-keys'?: string | undefined;
  },
  aws: AwsSettings,
  now: number,
): TrailRequest {
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
