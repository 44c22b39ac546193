/**
 * New accesses as they are recorded. Each poll audits the last stretch of time anew: CloudTrail delivers late and out of
 * order, and what explains an access may be recorded after it.
 */
import type { ChalkInstance } from 'chalk';
import { isInterruption, JamfMcpError, messageOf } from '../errors.ts';
import { terminalSafe } from '../format/escape.ts';
import type { Context } from '../host.ts';
import type { AuditedAccess } from './access.ts';
import { auditSecret, type AuditRequest } from './audit.ts';
import { shortIdentity, identityOf } from './principal.ts';
import type { ReportFormat } from './reports/index.ts';

/** Something to be told at once. */
export type FollowEvent =
  /** An access that was not told before. */
  | {
      kind: 'access';
      access: AuditedAccess;
      /** How long after it was made it is told; null where it was there before. */ lateMs: number | null;
    }
  /** An access that was told as unexplained, and that something explains by now. */
  | { kind: 'explained'; access: AuditedAccess };

/** How it ended. */
export interface FollowSummary {
  /** ISO 8601, UTC. */
  since: string;
  until: string;
  polls: number;
  accesses: number;
  /** Of those nothing explains. */
  unexplained: number;
  /** Polls that failed. */
  failed: number;
}

/** How long after its time a record may still come: 15 minutes by AWS, and some more. */
const LATE_MS = 20 * 60_000;

/** Between two polls: CloudTrail delivers in minutes, a local log at once. */
const PAUSES_MS: Readonly<Record<string, number>> = { aws: 15_000, local: 2_000 };

/** Failures in a row after which it gives up. */
const PATIENCE = 20;
const PASSING = new Set(['THROTTLED', 'TIMED_OUT', 'UNREACHABLE', 'REMOTE_FAILED']);

/**
 * Follow until the signal aborts.
 * @param request - `since`: from when on accesses are told; from now on without. Files cannot be followed
 * @param tell - gets each event as it is known, oldest first within a poll
 * @returns what it came to, when it was interrupted
 * @throws JamfMcpError USAGE for files; what the first poll fails with, and later ones that do not pass
 */
export async function follow(
  request: AuditRequest,
  tell: (event: FollowEvent) => void | Promise<void>,
  context: Context,
): Promise<FollowSummary> {
  if (request.files || request.until !== undefined) {
    throw new JamfMcpError(
      'USAGE',
      request.files ? 'files do not grow' : 'what is followed has no end',
      `leave out ${request.files ? 'the paths' : '--until'}, or --follow`,
    );
  }
  const { clock, signal } = context;
  const begun = clock.now();
  const summary = { since: new Date(begun).toISOString(), polls: 0, accesses: 0, unexplained: 0, failed: 0 };
  const told = new Map<string, Told>();
  let last: number | null = null;
  let failures = 0;
  while (!signal.aborted) {
    const now = clock.now();
    const first = last === null ? request.since : undefined;
    try {
      const { window } = await auditSecret(
        {
          ...request,
          since: first ?? new Date((last ?? now) - LATE_MS).toISOString(),
          emit: async (access) => {
            const event = newsOf(access, told, now, request.since === undefined ? begun : null, first !== undefined);
            if (event === null) return;
            count(event, summary);
            await tell(event);
          },
        },
        context,
      );
      if (first !== undefined) summary.since = window.since ?? summary.since;
      forget(told, now);
      summary.polls += 1;
      last = now;
      failures = 0;
    } catch (error) {
      if (isInterruption(error)) break;
      failures += 1;
      summary.failed += 1;
      const passing = error instanceof JamfMcpError && PASSING.has(error.code);
      if (last === null || !passing || failures > PATIENCE) throw error;
      context.host.notify({ kind: 'warning', text: `this poll failed, and is made again: ${messageOf(error)}` });
    }
    try {
      await clock.sleep(PAUSES_MS[request.store] ?? LATE_MS, signal);
    } catch (error) {
      if (!isInterruption(error)) throw error;
    }
  }
  return { ...summary, until: new Date(clock.now()).toISOString() };
}

/** Formats that can be written line by line without an end in sight. */
const ENDLESS: ReadonlySet<string> = new Set<ReportFormat>(['table', 'ndjson']);

/**
 * Follow, and write what happens as it does.
 * @param face - the format that was asked for, of which only some have no end; `write` gets each event, and the summary
 *   at the end, as an object and as one line of text in the colours of `ink`
 * @throws JamfMcpError USAGE for a report that is written at the end; as {@link follow} does
 */
export async function followInto(
  request: AuditRequest,
  { format, ink, write }: { format: ReportFormat; ink: ChalkInstance; write: (line: object, text: string) => void },
  context: Context,
): Promise<void> {
  if (!ENDLESS.has(format)) {
    throw new JamfMcpError('USAGE', `a report as ${format} has an end`, 'follow with --format ndjson, or without');
  }
  const tell = (event: FollowEvent) => {
    write(event, drawFollowed(event, ink));
  };
  const summary = await follow(request, tell, context);
  write({ kind: 'end', ...summary }, drawSummary(summary, ink));
}

/** What has been told of an access: its time, and whether anything explained it. */
interface Told {
  at: number;
  explained: boolean;
}

/**
 * What is new about an access.
 * @param since - from when on accesses are told, in milliseconds; null for all that a poll reads
 * @param past - whether it was there before anybody followed: then nobody knows when it came
 */
function newsOf(
  access: AuditedAccess,
  told: Map<string, Told>,
  now: number,
  since: number | null,
  past: boolean,
): FollowEvent | null {
  const at = access.time === null ? now : Date.parse(access.time);
  // CloudTrail cuts off the fraction of a second.
  if (since !== null && at < since - 1_000) return null;
  const key = `${access.eventId}\n${access.secret ?? ''}`;
  const explained = access.explanation !== null;
  const known = told.get(key);
  if (known && (known.explained || !explained)) return null;
  told.set(key, { at, explained });
  if (known) return { kind: 'explained', access };
  return { kind: 'access', access, lateMs: past || access.time === null ? null : Math.max(0, now - at) };
}

function count({ kind, access }: FollowEvent, summary: Pick<FollowSummary, 'accesses' | 'unexplained'>): void {
  if (kind === 'explained') summary.unexplained -= 1;
  else {
    summary.accesses += 1;
    if (access.explanation === null) summary.unexplained += 1;
  }
}

/** What is older than anything that a poll reads is never seen again. */
function forget(told: Map<string, Told>, now: number): void {
  for (const [key, { at }] of told) if (at < now - 3 * LATE_MS) told.delete(key);
}

/** One line of what happened, for a terminal. */
export function drawFollowed(event: FollowEvent, ink: ChalkInstance): string {
  const { access } = event;
  const { time, action, secretName, principal, sourceIp, explanation, outcome } = access;
  const who = shortIdentity(identityOf(principal), access.recipient);
  const verdict =
    explanation === null ? ink.red('unexplained') : ink.green(`${explanation.kind}: ${terminalSafe(explanation.why)}`);
  const late =
    event.kind === 'access' && event.lateMs !== null && event.lateMs > 60_000 ? ` (${minutes(event.lateMs)} late)` : '';
  const failed = outcome === 'success' ? '' : ` ${ink.red(outcome)}`;
  const deed = `${action}${secretName === null ? '' : ` ${secretName}`} by ${who}${sourceIp === null ? '' : ` from ${sourceIp}`}`;
  const again = event.kind === 'explained' ? 'now explained: ' : '';
  return `${ink.dim((time ?? '-').slice(0, 19).replace('T', ' '))} ${again}${terminalSafe(deed)}${failed}${ink.dim(late)} ${verdict}`;
}

/** The last line. */
export function drawSummary(
  { since, until, accesses, unexplained, failed }: FollowSummary,
  ink: ChalkInstance,
): string {
  const count = `${String(unexplained)} of ${String(accesses)} ${accesses === 1 ? 'access' : 'accesses'} unexplained`;
  const span = `${since.slice(0, 19).replace('T', ' ')} to ${until.slice(0, 19).replace('T', ' ')} UTC`;
  return `${ink.bold(unexplained > 0 ? ink.red(count) : ink.green(count))}, ${span}${failed > 0 ? `, ${String(failed)} polls failed` : ''}`;
}

const minutes = (ms: number) => `${String(Math.round(ms / 60_000))} min`;
