/** The access log of the local store: every read of a value and every change, in the order in which they were made. */
import type { Context } from '../../host.ts';
import type { LogBody } from '../../secrets/stores/access-log.ts';
import type { LocalOptions } from '../../secrets/stores/local-access.ts';
import type { StoreFinding } from '../../secrets/stores/local-verify.ts';
import type { Finding } from '../detectors/detector.ts';
import type { RecordedAccess } from '../event.ts';
import type { Window } from '../window.ts';
import type { Sink, Source, SourceResult } from './source.ts';

/** The principal of the person at this machine, as {@link readLocalLog} names it. */
export const localPrincipal = (user: string | null, host: string): string => `local:user/${user ?? 'unknown'}@${host}`;

/** What to read. */
export interface LocalLogQuery {
  local: LocalOptions;
  /** Its name; null for every secret. What concerns the whole store is always among them. */
  secret: string | null;
  window: Window;
}

/**
 * The log, which is verified as it is read: what is told about accesses is worth no more than the log that tells it.
 * NOT_FOUND where there is no local store, and what its key fails with, are thrown.
 */
export const localLog = (query: LocalLogQuery): Source => ({
  newestFirst: false,
  read: (sink, context) => readLocalLog(query, sink, context),
});

async function readLocalLog(query: LocalLogQuery, sink: Sink, context: Context): Promise<SourceResult> {
  const { readLog } = await import('../../secrets/stores/local-verify.ts');
  const { bodies, verification } = await readLog(query.local, context);
  const within = bodies.filter(({ time, secret }) => {
    const at = Date.parse(time);
    const named = query.secret === null || secret === null || secret === query.secret;
    return named && at >= query.window.since && at <= query.window.until;
  });
  for (const body of within) sink(accessOf(body));
  const complete = verification.findings.length === 0;
  return {
    report: { kind: 'local-log', region: null, account: null, events: within.length, complete },
    findings: verification.findings.map(findingOf),
    skipped: complete
      ? []
      : [{ where: 'access.log', why: 'it is not as it was written: accesses may be missing or made up' }],
  };
}

function accessOf({ seq, time, user, host, action, secret, versionId, reason }: LogBody): RecordedAccess {
  return {
    ...NOTHING_MORE,
    secrets: secret === null ? [] : [{ ...NAMED, name: secret }],
    eventId: `line:${String(seq)}`,
    time,
    action,
    service: 'local',
    type: null,
    outcome: 'success',
    error: null,
    denial: null,
    principal: {
      arn: localPrincipal(user, host),
      type: 'LocalUser',
      account: null,
      session: null,
      role: null,
      credential: null,
      accessKeyId: null,
    },
    sourceIp: null,
    userAgent: null,
    region: null,
    details: {
      ...(versionId === null ? {} : action === 'GetSecretValue' ? { versionId } : { token: versionId }),
      ...(reason === null ? {} : { reason }),
    },
  };
}

const NAMED = { partition: null, account: null, region: null, suffix: null, otherName: null };

/** What only CloudTrail tells. */
const NOTHING_MORE = {
  context: false,
  requestId: null,
  vpcEndpointId: null,
  mfa: null,
  console: false,
  invokedBy: null,
  recipient: null,
  sharedEventId: null,
};

/** https://attack.mitre.org/techniques/T1070/ (indicator removal), T1565.001 (stored data manipulation) */
const findingOf = ({ id, severity, title, why, fix, file }: StoreFinding): Finding => ({
  id: `local-store:${id}`,
  severity,
  title,
  why,
  fix,
  eventIds: [],
  count: 0,
  technique: file.endsWith('.age') ? 'T1565.001' : 'T1070',
});
