/** One access with all its evidence: what was tried to explain it, and why each did or did not. */
import { call, clientConfig, identity, type AwsSettings } from '../aws.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import type { AuditedAccess } from './access.ts';
import { auditSecret, type AuditRequest, type AuditResult } from './audit.ts';
import type { Finding } from './detectors/detector.ts';
import type { Attempt } from './explain.ts';
import { identityOf } from './principal.ts';
import { parseSecretId } from './secret-id.ts';
import type { Skipped } from './sources/source.ts';
import { DAY } from './window.ts';

/** What came of it. */
export interface EventExplanation {
  eventId: string;
  /** The access; of a batch one for each secret. */
  accesses: {
    access: AuditedAccess;
    /** Every cause, strongest first. */
    attempts: Attempt[];
  }[];
  /** Other records that tell of the same deed: of KMS, of a batch, of another account. */
  sameDeed: AuditedAccess[];
  /** Findings that name it. */
  findings: Finding[];
  /** What the same identity did within five minutes, oldest first: at most {@link NEARBY}. */
  around: AuditedAccess[];
  window: AuditResult['window'];
  skipped: Skipped[];
}

/** Accesses around that are told. */
export const NEARBY = 20;
const AROUND_MS = 5 * 60_000;

/** What is read around an event of the event history, to know its causes. */
const BEFORE_MS = DAY;
const AFTER_MS = 60 * 60_000;

/**
 * Explain one event.
 * @param eventId - CloudTrail's eventID; `line:N` of the local store's log
 * @param request - where to look; without `since` the event history is asked for the event first, and read around it
 * @throws JamfMcpError NOT_FOUND where there is no such event; what the audit fails with
 */
export async function explainEvent(
  eventId: string,
  request: AuditRequest,
  context: Context,
): Promise<EventExplanation> {
  const window = await windowFor(eventId, request, context);
  const found: EventExplanation['accesses'] = [];
  const others: AuditedAccess[] = [];
  const nearby = nearbyOf(eventId);
  const result = await auditSecret(
    {
      ...request,
      ...window,
      secret: null,
      inspect(access, attempts) {
        if (access.eventId === eventId) found.push({ access, attempts: attempts() });
        else if (access.countedWith === eventId) others.push(access);
        nearby.see(access);
      },
    },
    context,
  );
  if (found.length === 0) throw missing(eventId, result, request.files !== undefined);
  const twin = found.find(({ access }) => access.countedWith !== null)?.access.countedWith;
  return {
    eventId,
    accesses: found,
    sameDeed: [...others, ...result.accesses.filter((access) => access.eventId === twin)],
    findings: result.findings.filter(({ eventIds }) => eventIds.includes(eventId)),
    around: nearby.around(),
    window: result.window,
    skipped: result.skipped,
  };
}

function missing(eventId: string, { window, skipped }: AuditResult, inFiles: boolean): JamfMcpError {
  const { since, until } = window;
  const where = since === null ? '' : ` from ${since} to ${until ?? 'now'}`;
  const [unread] = inFiles ? skipped.filter((one) => one.where !== 'detectors') : [];
  return new JamfMcpError(
    'NOT_FOUND',
    `there is no access with the event id ${eventId}${where}${unread ? `; not looked at: ${unread.where}: ${unread.why}` : ''}`,
    inFiles
      ? 'name one event id, and after it files or folders that hold its record; --since and --until narrow what is read'
      : 'check the id, --region and --since; CloudTrail delivers events 5 to 15 minutes late, and other services are not read',
  );
}

/** The window that the user names; else one around the event, as the event history knows it. */
async function windowFor(
  eventId: string,
  { since, until, files, store, aws, secret }: AuditRequest,
  context: Context,
): Promise<{ since?: string | undefined; until?: string | undefined }> {
  if (since !== undefined || files) return { since, until };
  const now = context.clock.now();
  if (store !== 'aws') return { since: new Date(0).toISOString(), until };
  const region = parseSecretId(secret ?? '', 'caller')?.region ?? undefined;
  const at = await timeOfEvent(eventId, region === undefined ? aws : { ...aws, region }, context);
  if (at === null) {
    throw new JamfMcpError(
      'NOT_FOUND',
      `CloudTrail's event history has no event ${eventId} in this Region`,
      'check the id and --region; it keeps 90 days, and delivers 5 to 15 minutes late; older: name the files of a trail',
    );
  }
  const oldest = now - 90 * DAY;
  return {
    since: new Date(Math.max(at - BEFORE_MS, oldest)).toISOString(),
    ...(at + AFTER_MS < now ? { until: new Date(at + AFTER_MS).toISOString() } : {}),
  };
}

/** When an event was, by one look-up; milliseconds since 1970, null where the history does not have it. */
async function timeOfEvent(eventId: string, aws: AwsSettings, context: Context): Promise<number | null> {
  const { CloudTrailClient, LookupEventsCommand } = await import('@aws-sdk/client-cloudtrail');
  const { region } = await identity(aws, context);
  const client = new CloudTrailClient(clientConfig({ ...aws, region }));
  try {
    const attribute = { AttributeKey: 'EventId' as const, AttributeValue: eventId };
    const command = new LookupEventsCommand({ LookupAttributes: [attribute] });
    const { Events = [] } = await call(context, 'LookupEvents', 'CloudTrail', (options) =>
      client.send(command, options),
    );
    return Events[0]?.EventTime?.getTime() ?? null;
  } finally {
    client.destroy();
  }
}

/** Keeps what the same identity did around the event, before and after it, without knowing beforehand when that is. */
function nearbyOf(eventId: string) {
  let event: AuditedAccess | null = null;
  let kept: AuditedAccess[] = [];
  const at = ({ time }: AuditedAccess) => (time === null ? Number.NaN : Date.parse(time));
  return {
    see(access: AuditedAccess) {
      if (access.eventId === eventId) {
        event ??= access;
        const mine = event;
        kept = kept.filter((one) => identityOf(one.principal) === identityOf(mine.principal));
        kept = kept.filter((one) => at(mine) - at(one) <= AROUND_MS).slice(-NEARBY / 2);
      } else if (access.context) return;
      else if (event === null) {
        kept.push(access);
        // Before the event it is unknown whose accesses count: some more are kept than will be told.
        if (kept.length > 20_000) kept = kept.filter((one) => at(access) - at(one) <= AROUND_MS).slice(-10_000);
      } else if (kept.length < NEARBY && identityOf(access.principal) === identityOf(event.principal)) {
        if (at(access) - at(event) <= AROUND_MS) kept.push(access);
      }
    },
    around: () => kept,
  };
}
