/** The few things that only CloudTrail knows: who made a deployment, when a staging label moved. Never required. */
import { call, clientConfig, type AwsSettings } from '../aws.ts';
import { isInterruption, messageOf } from '../errors.ts';
import type { Context } from '../host.ts';

/** One call that CloudTrail recorded. */
export interface RecordedCall {
  /** Milliseconds since 1970; CloudTrail counts in whole seconds. */
  at: number;
  /** ARN of who called; null where the record names none. */
  principal: string | null;
  /** The request, as far as CloudTrail keeps it. */
  request: Readonly<Record<string, unknown>>;
}

/** LookupEvents may be called twice a second (its API page), and gives 50 events a page. */
const PAUSE_MS = 500;
const MOST_PAGES = 4;

/**
 * The calls of one operation that went well, newest first; a few pages at most.
 * @param query - `event`: the operation, such as `UpdateService`; times in ms since 1970
 * @returns null where CloudTrail cannot be read: then it is simply not known
 * @throws JamfMcpError INTERRUPTED
 */
export async function recordedCalls(
  query: { aws: AwsSettings; event: string; since: number; until: number },
  context: Context,
): Promise<RecordedCall[] | null> {
  const { CloudTrailClient, LookupEventsCommand } = await import('@aws-sdk/client-cloudtrail');
  const client = new CloudTrailClient(clientConfig(query.aws));
  const calls: RecordedCall[] = [];
  let token: string | undefined;
  try {
    for (let page = 0; page < MOST_PAGES; page += 1) {
      if (page > 0) await context.clock.sleep(PAUSE_MS, context.signal);
      const input = {
        LookupAttributes: [{ AttributeKey: 'EventName' as const, AttributeValue: query.event }],
        StartTime: new Date(query.since),
        EndTime: new Date(query.until),
        NextToken: token,
      };
      const output = await call(context, 'LookupEvents', 'CloudTrail', (options) =>
        client.send(new LookupEventsCommand(input), options),
      );
      for (const { CloudTrailEvent: text = '' } of output.Events ?? []) {
        const recorded = parsed(text);
        if (recorded) calls.push(recorded);
      }
      token = output.NextToken;
      if (token === undefined) break;
    }
    return calls;
  } catch (error) {
    if (isInterruption(error)) throw error;
    context.host.notify({ kind: 'debug', text: `cloudtrail: going on without it: ${messageOf(error)}` });
    return null;
  } finally {
    client.destroy();
  }
}

/** @returns null for a call that was refused, and for what is no record */
function parsed(text: string): RecordedCall | null {
  try {
    const { eventTime, errorCode, userIdentity, requestParameters } = JSON.parse(text) as {
      eventTime?: string;
      errorCode?: string;
      userIdentity?: { arn?: string };
      requestParameters?: Record<string, unknown> | null;
    };
    const at = Date.parse(eventTime ?? '');
    if (errorCode !== undefined || Number.isNaN(at)) return null;
    return { at, principal: userIdentity?.arn ?? null, request: requestParameters ?? {} };
  } catch {
    return null;
  }
}

/** A deployment is created while the call is answered; clocks and whole seconds apart at most, in ms. */
const NEAR_MS = 5_000;

/**
 * Who made a deployment, by the call that created it.
 * @param deployment - `startedAt`: ISO 8601
 * @returns the ARN; null where CloudTrail does not tell (yet: it is up to 15 minutes late)
 */
export async function whoDeployed(
  target: { cluster: string; service: string; aws: AwsSettings },
  deployment: { startedAt: string },
  context: Context,
): Promise<string | null> {
  const at = Date.parse(deployment.startedAt);
  const query = { aws: target.aws, event: 'UpdateService', since: at - NEAR_MS, until: at + NEAR_MS };
  const calls = (await recordedCalls(query, context)) ?? [];
  const named = (value: unknown, name: string) => value === name || String(value).endsWith(`/${name}`);
  const [nearest] = calls
    .filter(({ request }) => named(request.service, target.service) && named(request.cluster, target.cluster))
    .sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at));
  return nearest?.principal ?? null;
}
