/**
 * CloudTrail's event history by LookupEvents: free, on in every account, and narrow. Its limits
 * (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html): management events of the last
 * 90 days, one Region and account a call, 50 events a page, 2 calls a second, one attribute.
 */
import { join } from 'node:path';
import type { CloudTrailClient, CloudTrailClientConfig, Event } from '@aws-sdk/client-cloudtrail';
import { clientConfig, type AwsSettings } from '../../aws.ts';
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { accessFrom } from '../event.ts';
import { DAY, type Window } from '../window.ts';
import { estimate } from './estimate.ts';
import { gapsOf, lookupCache, type Cache, type Span } from './lookup-cache.ts';
import { everyPage, type Attribute } from './lookup-pages.ts';
import { pace, type Pace } from './pace.ts';
import type { Sink, Skipped, Source, SourceReport, SourceResult } from './source.ts';

const KIND = 'lookup-events';
const REACH_DAYS = 90;
const CALLS_PER_SECOND = 2;

/**
 * CloudTrail delivers within about 5 minutes on average, up to about 15
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html).
 */
const DELIVERY_MS = 15 * 60_000;

/** How long after its time an event is taken to be there or never: what is kept in the cache is not asked for again. */
const SETTLED_MS = 2 * DELIVERY_MS;

const SECRETS: Attribute = { key: 'EventSource', value: 'secretsmanager.amazonaws.com' };

/** What to read. */
export interface LookupQuery {
  aws: AwsSettings;
  region: string;
  /** The account of the credentials, for the report; null where STS did not tell. */
  account: string | null;
  window: Window;
  /** Those of a role in that account; the ordinary ones without. */
  credentials?: CloudTrailClientConfig['credentials'];
  /** Folder of what was read before; nothing is kept without. */
  cache?: string | undefined;
  /** Names of calls that concern what guards secrets, each a pass of its own; none without. */
  guards?: readonly string[] | undefined;
  /** Whether it tells that events are delivered late; where several are read, one does for all. */
  late?: boolean;
}

/**
 * Every Secrets Manager event of the window, newest first, page by page to the end, each once. The window has to be
 * {@link withinReach}. What the first page fails with, after its retries, is thrown.
 */
export const lookupEvents = (query: LookupQuery): Source => ({
  newestFirst: true,
  read: (sink, context) => readEvents(query, sink, context),
});

/** One reading of one account and Region. */
interface Reading {
  query: LookupQuery;
  client: CloudTrailClient;
  paced: Pace;
  where: string;
  report: SourceReport & { calls: number; cached: number };
  take: (event: Event, attribute: Attribute) => void;
}

async function readEvents(query: LookupQuery, sink: Sink, context: Context): Promise<SourceResult> {
  const { CloudTrailClient } = await import('@aws-sdk/client-cloudtrail');
  const { region, account, credentials, window, guards = [] } = query;
  // One attempt: the SDK would retry by its own clock, past the pace.
  const client = new CloudTrailClient({
    ...clientConfig({ ...query.aws, region }),
    ...(credentials ? { credentials } : {}),
    maxAttempts: 1,
  });
  const where = `CloudTrail LookupEvents in ${region}${credentials ? ` of ${String(account)}` : ''}`;
  const skipped: Skipped[] = query.late === false ? [] : lateNote(window, context.clock.now(), where);
  const seen = new Set<string>();
  const report = { kind: KIND, region, account, events: 0, complete: false, calls: 0, cached: 0 };
  const take = (event: Event, attribute: Attribute) => {
    const id = event.EventId ?? '';
    if (id !== '' && seen.has(id)) return;
    const record = parsed(event.CloudTrailEvent ?? '');
    const access = accessFrom(record);
    // Other services have calls of the same name.
    if (access === null && attribute.key === 'EventName') return;
    seen.add(id);
    report.events += 1;
    if (access) sink(access);
    else
      skipped.push({ where: `event ${id || 'without id'} in ${region}`, why: NO_ACCESS[typeof record] ?? NO_RECORD });
  };
  const reading = { query, client, paced: pace(CALLS_PER_SECOND, context), where, report, take };
  try {
    await readAttribute(reading, SECRETS, context);
    for (const value of guards) await readAttribute(reading, { key: 'EventName', value }, context);
    report.complete = true;
  } catch (error) {
    if (report.calls + report.cached === 0 || isInterruption(error)) throw error;
    skipped.push({
      where,
      why: `broke off after ${String(report.calls)} pages, the older events are missing: ${messageOf(error)}`,
    });
  } finally {
    client.destroy();
  }
  return { report, skipped };
}

/** What one attribute picks in the window: what is kept of it, and what is not by calls. */
async function readAttribute(reading: Reading, attribute: Attribute, context: Context): Promise<void> {
  const { query, report, take, client, paced, where } = reading;
  const { window } = query;
  const now = context.clock.now();
  const cache = cacheOf(query, attribute);
  const kept = (await cache?.spans(window)) ?? [];
  for (const span of kept) {
    for await (const record of span.records()) {
      const event = eventOf(record);
      if (event.EventTime && !isWithin(event.EventTime.getTime(), window)) continue;
      report.cached += 1;
      take(event, attribute);
    }
  }
  const gaps = gapsOf(cache ? wholeHours(window, now) : window, kept);
  const told = estimate(gaps, where, context);
  for (const gap of gaps) {
    const writer = cache?.writer(gap, now);
    let whole = false;
    try {
      for await (const events of everyPage({ client, attribute, window: gap, paced }, context)) {
        report.calls += 1;
        for (const event of events)
          if (isWithin(event.EventTime?.getTime() ?? window.since, window)) take(event, attribute);
        await writer?.page(
          events.map(({ EventTime, CloudTrailEvent }) => ({
            at: EventTime?.getTime() ?? Number.NaN,
            record: CloudTrailEvent ?? '',
          })),
        );
        context.host.notify({ kind: 'progress', text: progressText(where, report.events, events.at(-1)) });
        told.page(gap, events.length, events.at(-1)?.EventTime?.getTime());
      }
      whole = true;
    } finally {
      await writer?.end(whole);
    }
  }
}

/** LookupEvents counts whole seconds, and both ends are within. */
const isWithin = (at: number, { since, until }: Span) => at >= since - 999 && at <= until;

/** From the beginning of the hour, so that the next run finds a whole one; not past the end of the history. */
const wholeHours = ({ since, until }: Window, now: number): Span => {
  const hour = Math.floor(since / HOUR) * HOUR;
  return { since: hour < now - REACH_DAYS * DAY ? since : hour, until };
};

const HOUR = 3_600_000;

/** No account: nobody knows whose events they would be. That of emulators: each run of one has events of its own. */
function cacheOf({ cache, account, region }: LookupQuery, { value }: Attribute): Cache | null {
  if (cache === undefined || account === null || !/^\d{12}$/.test(account) || /^0+$/.test(account)) return null;
  return lookupCache(join(cache, account, region, value), SETTLED_MS);
}

/** A record from the cache, as LookupEvents gave it. */
function eventOf(record: string): Event {
  const parts = parsed(record) as { eventID?: unknown; eventTime?: unknown } | undefined;
  const at = typeof parts?.eventTime === 'string' ? Date.parse(parts.eventTime) : Number.NaN;
  return {
    CloudTrailEvent: record,
    ...(typeof parts?.eventID === 'string' ? { EventId: parts.eventID } : {}),
    ...(Number.isNaN(at) ? {} : { EventTime: new Date(at) }),
  };
}

/**
 * Refuse what the event history cannot reach.
 * @throws JamfMcpError INPUT_INVALID for a window that starts more than 90 days ago
 */
export function withinReach(window: Window, now: number): void {
  if (isReached(window, now)) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `the window starts ${new Date(window.since).toISOString()}, and CloudTrail's event history (LookupEvents) keeps ${String(REACH_DAYS)} days`,
    `pass --since ${String(REACH_DAYS)}d or later; older is what a trail has: audit s3://BUCKET, with --source athena for much`,
  );
}

/** Whether the event history keeps a window. */
export const isReached = ({ since }: Window, now: number): boolean =>
  // A minute of grace: "90 days" was true when the command was typed.
  since >= now - REACH_DAYS * DAY - 60_000;

/**
 * What may be missing at the end of a window.
 * @param where - what is read
 */
export function lateNote(window: Window, now: number, where: string): Skipped[] {
  if (window.until < now - DELIVERY_MS) return [];
  return [{ where, why: 'CloudTrail delivers events 5 to 15 minutes late: the newest accesses may be missing' }];
}

const NO_RECORD = 'its CloudTrailEvent is no record of Secrets Manager';
const NO_ACCESS: Readonly<Record<string, string>> = { undefined: 'its CloudTrailEvent is not JSON' };

/** `CloudTrailEvent` is the record as JSON text; the members beside it are only an excerpt. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function progressText(where: string, events: number, oldest: Event | undefined): string {
  const back = oldest?.EventTime ? `, back to ${oldest.EventTime.toISOString()}` : '';
  return `${where}: ${String(events)} events${back}`;
}
