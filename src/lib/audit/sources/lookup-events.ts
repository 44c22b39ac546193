/**
 * CloudTrail's event history by LookupEvents: free, on in every account, and narrow. Its limits
 * (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html): management events of the last
 * 90 days, one Region and account a call, 50 events a page, 2 calls a second, one attribute.
 */
import type { CloudTrailClient, Event, LookupEventsCommandInput } from '@aws-sdk/client-cloudtrail';
import { awsErrorName, call, clientConfig, type AwsSettings } from '../../aws.ts';
import { isInterruption, JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { accessFrom } from '../event.ts';
import { DAY, type Window } from '../window.ts';
import { pace, type Pace } from './pace.ts';
import type { Sink, Skipped, Source, SourceResult } from './source.ts';

const KIND = 'lookup-events';
const REACH_DAYS = 90;
const CALLS_PER_SECOND = 2;

/**
 * CloudTrail delivers within about 5 minutes on average, up to about 15
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html).
 */
const DELIVERY_MS = 15 * 60_000;

/** Attempts for one page before it is given up: when throttled, with waits of 1, 2, 4, 8, 16 and 20 s at most; when broken. */
const THROTTLED_ATTEMPTS = 7;
const BROKEN_ATTEMPTS = 3;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 20_000;

/** What to read. */
export interface LookupQuery {
  aws: AwsSettings;
  region: string;
  /** The account of the credentials, for the report; null where STS did not tell. */
  account: string | null;
  window: Window;
}

/**
 * Every Secrets Manager event of the window, newest first, page by page to the end, each once. The window has to be
 * {@link withinReach}. What the first page fails with, after its retries, is thrown.
 */
export const lookupEvents = (query: LookupQuery): Source => ({
  newestFirst: true,
  read: (sink, context) => readEvents(query, sink, context),
});

async function readEvents(query: LookupQuery, sink: Sink, context: Context): Promise<SourceResult> {
  const { CloudTrailClient } = await import('@aws-sdk/client-cloudtrail');
  // One attempt: the SDK would retry by its own clock, past the pace.
  const client = new CloudTrailClient({ ...clientConfig({ ...query.aws, region: query.region }), maxAttempts: 1 });
  const where = `CloudTrail LookupEvents in ${query.region}`;
  const seen = new Set<string>();
  const skipped: Skipped[] = lateNote(query.window, context.clock.now(), where);
  const report = { kind: KIND, region: query.region, account: query.account, events: 0, complete: false };
  let pages = 0;
  try {
    for await (const events of everyPage(client, query.window, context)) {
      pages += 1;
      for (const event of events) {
        const id = event.EventId ?? '';
        if (id !== '' && seen.has(id)) continue;
        seen.add(id);
        report.events += 1;
        hand(event, sink, (why) => skipped.push({ where: `event ${id || 'without id'} in ${query.region}`, why }));
      }
      context.host.notify({ kind: 'progress', text: progressText(where, report.events, events.at(-1)) });
    }
    report.complete = true;
  } catch (error) {
    if (pages === 0 || isInterruption(error)) throw error;
    skipped.push({
      where,
      why: `broke off after ${String(pages)} pages, the older events are missing: ${messageOf(error)}`,
    });
  } finally {
    client.destroy();
  }
  return { report, skipped };
}

/**
 * Refuse what the event history cannot reach.
 * @throws JamfMcpError INPUT_INVALID for a window that starts more than 90 days ago
 */
export function withinReach(window: Window, now: number): void {
  // A minute of grace: "90 days" was true when the command was typed.
  if (window.since >= now - REACH_DAYS * DAY - 60_000) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `the window starts ${new Date(window.since).toISOString()}, and CloudTrail's event history (LookupEvents) keeps ${String(REACH_DAYS)} days`,
    `pass --since ${String(REACH_DAYS)}d or later; what is older is only in the bucket of a trail, if there is one`,
  );
}

function lateNote(window: Window, now: number, where: string): Skipped[] {
  if (window.until < now - DELIVERY_MS) return [];
  return [{ where, why: 'CloudTrail delivers events 5 to 15 minutes late: the newest accesses may be missing' }];
}

/** The pages of a window that is fixed once: tokens are bound to it. */
async function* everyPage(client: CloudTrailClient, window: Window, context: Context): AsyncGenerator<Event[]> {
  const { LookupEventsCommand } = await import('@aws-sdk/client-cloudtrail');
  const paced = pace(CALLS_PER_SECOND, context);
  const span = { start: new Date(window.since), end: new Date(window.until) };
  let token: string | undefined;
  let oldest = span.end;
  for (;;) {
    const input: LookupEventsCommandInput = {
      LookupAttributes: [{ AttributeKey: 'EventSource', AttributeValue: 'secretsmanager.amazonaws.com' }],
      StartTime: span.start,
      EndTime: span.end,
      MaxResults: 50,
      NextToken: token,
    };
    try {
      const page = await persistently(paced, context, () =>
        call(context, 'LookupEvents', 'CloudTrail', (options) => client.send(new LookupEventsCommand(input), options)),
      );
      oldest = page.Events?.at(-1)?.EventTime ?? oldest;
      token = page.NextToken;
      yield page.Events ?? [];
      if (token === undefined) return;
    } catch (error) {
      // Pages come newest first, so what is left ends with the second of the oldest event seen, which is read twice.
      const end = new Date(Math.min(oldest.getTime() + 1_000, window.until));
      const renewable = token !== undefined && awsErrorName(error) === 'InvalidNextTokenException' && end < span.end;
      if (!renewable) throw error;
      context.host.notify({
        kind: 'progress',
        text: `CloudTrail no longer takes its page token: going on from ${end.toISOString()}`,
      });
      span.end = end;
      token = undefined;
    }
  }
}

/** Try again, later each time, what throttling, a broken connection or a fault of the server has failed. */
async function persistently<Output>(paced: Pace, context: Context, send: () => Promise<Output>): Promise<Output> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await paced(send);
    } catch (error) {
      if (attempt >= attemptsFor(error)) throw error;
      const longest = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS);
      const wait = Math.round(longest * (0.5 + Math.random() / 2));
      context.host.notify({
        kind: 'progress',
        text: `CloudTrail did not answer (${messageOf(error)}): again in ${String(wait)} ms`,
      });
      await context.clock.sleep(wait, context.signal);
    }
  }
}

/** CloudTrail throttles with HTTP 400 and `ThrottlingException`, so the status alone tells nothing. */
function attemptsFor(error: unknown): number {
  if (!(error instanceof JamfMcpError)) return 1;
  if (error.code === 'THROTTLED') return THROTTLED_ATTEMPTS;
  const fault = error.cause instanceof Error && '$fault' in error.cause ? error.cause.$fault : null;
  return error.code === 'TIMED_OUT' || error.code === 'UNREACHABLE' || fault === 'server' ? BROKEN_ATTEMPTS : 1;
}

/** `CloudTrailEvent` is the record as JSON text; the members beside it are only an excerpt. */
function hand(event: Event, sink: Sink, skip: (why: string) => void): void {
  const record = parsed(event.CloudTrailEvent ?? '');
  const access = accessFrom(record);
  if (access) sink(access);
  else
    skip(
      record === undefined ? 'its CloudTrailEvent is not JSON' : 'its CloudTrailEvent is no record of Secrets Manager',
    );
}

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
