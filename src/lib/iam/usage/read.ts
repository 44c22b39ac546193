/** Reads what a role has done: from files of a trail, or from CloudTrail's event history, service by service. */
import { clientConfig, type AwsSettings } from '../../aws.ts';
import { pace } from '../../audit/sources/pace.ts';
import { everyPage } from '../../audit/sources/lookup-pages.ts';
import type { Window } from '../../audit/window.ts';
import type { Context } from '../../host.ts';
import type { Catalogue } from '../catalogue.ts';
import { PREFIXES, type UsedRole } from './call.ts';
import { usageOf, type Usage } from './tally.ts';

/** Where to look. */
export interface UsageQuery {
  role: UsedRole;
  window: Window;
  /** Files, folders or patterns of a trail; none: the event history. */
  paths: readonly string[];
  aws: AwsSettings;
  /** Prefixes of the services whose events are looked up, such as `secretsmanager`. */
  services: readonly string[];
}

/** What was read, and what was not. */
export interface UsageRead extends Usage {
  /** Records that were gone through. */
  records: number;
  remarks: string[];
}

/** CloudTrail takes two look-ups a second. */
const CALLS_PER_SECOND = 2;

/**
 * Read.
 * @throws JamfMcpError what a look-up fails with; INTERRUPTED
 */
export async function readUsage(query: UsageQuery, catalogue: Catalogue, context: Context): Promise<UsageRead> {
  const tally = usageOf(query.role, catalogue);
  const read = query.paths.length > 0 ? fromFiles : fromHistory;
  const { records, remarks } = await read(query, tally.see, context);
  return { ...tally.end(), records, remarks };
}

type See = (record: unknown) => void;

async function fromFiles({ role, window, paths }: UsageQuery, see: See, context: Context) {
  const { readRecords } = await import('../../audit/sources/files/records.ts');
  const needles = [`/${role.name}"`, `/${role.name}/`];
  const { records, problems } = await readRecords(paths, { needles, window }, see, context);
  return { records, remarks: problems.map(({ where, why }) => `${where}: ${why}`) };
}

async function fromHistory({ window, aws, services }: UsageQuery, see: See, context: Context) {
  const { CloudTrailClient } = await import('@aws-sdk/client-cloudtrail');
  // One attempt: the SDK would retry by its own clock, past the pace.
  const client = new CloudTrailClient({ ...clientConfig(aws), maxAttempts: 1 });
  const paced = pace(CALLS_PER_SECOND, context);
  let records = 0;
  try {
    for (const service of services) {
      const attribute = { key: 'EventSource' as const, value: `${sourceOf(service)}.amazonaws.com` };
      for await (const events of everyPage({ client, attribute, window, paced }, context)) {
        records += events.length;
        for (const { CloudTrailEvent = '' } of events) see(parsed(CloudTrailEvent));
        const back = events.at(-1)?.EventTime?.toISOString().slice(0, 10);
        const to = back === undefined ? '' : `, back to ${back}`;
        context.host.notify({ kind: 'progress', text: `events of ${service}: ${String(records)} in all${to}` });
      }
    }
  } finally {
    client.destroy();
  }
  return {
    records,
    remarks: [
      `only events of ${services.join(', ')} in this Region were looked up, and no data events (objects of S3, items of DynamoDB): they are in the files of a trail alone`,
    ],
  };
}

/** The name that a service has in events. */
const sourceOf = (prefix: string): string => Object.entries(PREFIXES).find(([, own]) => own === prefix)?.[0] ?? prefix;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
