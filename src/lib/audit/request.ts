/** What the settings and the words of a command come to, as a request to the audit. */
import { join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { localOptions } from '../secrets/open.ts';
import type { AuditRequest } from './audit.ts';
import { baselineIn } from './baseline-manage.ts';

/** What a command was told. */
export interface AuditWords {
  allSecrets?: boolean | undefined;
  since?: string | undefined;
  until?: string | undefined;
  principals?: readonly string[] | undefined;
  cluster?: string | undefined;
  service?: string | undefined;
  files?: AuditRequest['files'];
  /** Regions, or `all`. */
  regions?: readonly string[] | undefined;
  /** False where what LookupEvents tells is neither kept nor taken from what was. */
  cache?: boolean | undefined;
  /** Whether calls to trails and keys are read, too. */
  guards?: boolean | undefined;
}

/**
 * A request.
 * @param baseline - the file of the baseline as it is
 * @throws JamfMcpError CONFIG_INVALID for a baseline that is none
 */
export function auditRequest(
  settings: Settings,
  words: AuditWords,
  baseline: { path: string; content: string },
): AuditRequest {
  return {
    secret: words.allSecrets ? null : settings.secret,
    store: settings.store,
    files: words.files,
    since: words.since,
    until: words.until,
    principals: words.principals,
    aws: settings.aws,
    lookup: {
      regions: words.regions,
      guards: words.guards,
      cache: words.cache === false ? undefined : join(settings.localStore, 'cache', 'lookup-events'),
    },
    ecs: { cluster: words.cluster ?? settings.ecs.cluster, service: words.service ?? settings.ecs.service },
    settings: settings.audit,
    baseline: baselineIn(baseline),
    local: localOptions(settings),
  };
}
