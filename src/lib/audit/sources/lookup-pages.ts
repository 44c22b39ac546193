/** The pages of LookupEvents: paced, persistent, and with a new token where the old one is no longer taken. */
import type { CloudTrailClient, Event, LookupEventsCommandInput } from '@aws-sdk/client-cloudtrail';
import { awsErrorName, call } from '../../aws.ts';
import { JamfMcpError, messageOf } from '../../errors.ts';
import type { Context } from '../../host.ts';
import type { Window } from '../window.ts';
import type { Pace } from './pace.ts';

/** Attempts for one page before it is given up: when throttled, with waits of 1, 2, 4, 8, 16 and 20 s at most; when broken. */
const THROTTLED_ATTEMPTS = 7;
const BROKEN_ATTEMPTS = 3;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 20_000;

/** The one thing that events are picked by: AWS silently ignores a second one. */
export interface Attribute {
  key: 'EventSource' | 'EventName';
  value: string;
}

/**
 * The pages of a window that is fixed once, because tokens are bound to it; newest first.
 * @param paced - what all calls to one account and Region go through
 * @throws JamfMcpError what a page fails with after its retries
 */
export async function* everyPage(
  { client, attribute, window, paced }: { client: CloudTrailClient; attribute: Attribute; window: Window; paced: Pace },
  context: Context,
): AsyncGenerator<Event[]> {
  const { LookupEventsCommand } = await import('@aws-sdk/client-cloudtrail');
  const span = { start: new Date(window.since), end: new Date(window.until) };
  let token: string | undefined;
  let oldest = span.end;
  for (;;) {
    const input: LookupEventsCommandInput = {
      LookupAttributes: [{ AttributeKey: attribute.key, AttributeValue: attribute.value }],
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
