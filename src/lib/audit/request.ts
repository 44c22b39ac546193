/** What the settings and the words of a command come to, as a request to the audit. */
import { join } from 'node:path';
import type { Settings } from '../config/settings.ts';
import { localOptions } from '../secrets/open.ts';
import type { AuditRequest } from './audit.ts';
import type { SourceKind } from './sources/choose.ts';
import { baselineIn } from './baseline-manage.ts';

/** What a command was told: its flags by their names, and files. */
export interface AuditWords {
  'all-secrets'?: boolean | undefined;
  since?: string | undefined;
  until?: string | undefined;
  principal?: readonly string[] | undefined;
  cluster?: string | undefined;
  service?: string | undefined;
  files?: AuditRequest['files'];
  /** Regions, or `all`. */
  region?: readonly string[] | undefined;
  /** False where what LookupEvents tells is neither kept nor taken from what was. */
  cache?: boolean | undefined;
  /** Whether calls to trails and keys are read, too. */
  guards?: boolean | undefined;
  source?: SourceKind | undefined;
  /** Accounts whose records a query looks for. */
  account?: readonly string[] | undefined;
  workgroup?: string | undefined;
  'output-location'?: string | undefined;
  'event-data-store'?: string | undefined;
  /** Whether it is to be followed. */
  follow?: boolean | undefined;
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
    secret: words['all-secrets'] ? null : settings.secret,
    store: settings.store,
    files: words.files,
    since: words.since,
    until: words.until,
    principals: words.principal,
    aws: settings.aws,
    source: words.source,
    query: {
      accounts: words.account,
      workgroup: words.workgroup,
      outputLocation: words['output-location'],
      eventDataStore: words['event-data-store'],
    },
    lookup: {
      regions: words.region,
      guards: words.guards,
      // A poll looks back for minutes, and the cache would have it read the whole hour.
      cache: words.cache === false || words.follow ? undefined : join(settings.localStore, 'cache', 'lookup-events'),
    },
    ecs: { cluster: words.cluster ?? settings.ecs.cluster, service: words.service ?? settings.ecs.service },
    settings: settings.audit,
    baseline: baselineIn(baseline),
    local: localOptions(settings),
  };
}
