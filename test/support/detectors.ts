/** One detector over invented records. */
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import type { Finding } from '../../src/lib/audit/detectors/detector.ts';
import { DETECTORS } from '../../src/lib/audit/detectors/index.ts';
import type { CauseKind, Facts } from '../../src/lib/audit/explain.ts';
import { AUDIT_DEFAULTS, type AuditSettings } from '../../src/lib/config/settings.ts';
import { ACCOUNT, audited, facts, session, type Json } from './trail.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A Monday. */
const BEGIN = Date.UTC(2026, 10, 2, 10);

/** ARN of a secret of the account. */
export const arn = (name: string, account = ACCOUNT): string =>
  `arn:aws:secretsmanager:us-east-1:${account}:secret:${name}-AbCdEf`;

/** A role's session, with a key that expires: what long-term keys and root are about stays out of it. */
export const BY = { userIdentity: session('worker', 'run-1') };

/** What an access is beyond its record. */
export interface Circumstances {
  /** Milliseconds after the beginning. */
  after?: number;
  /** Name of the secret; null for a record that names none. */
  secret?: string | null;
  cause?: CauseKind | null;
  /** Members of the normal form itself. */
  access?: Partial<AuditedAccess>;
}

/** An access: a read of one secret by a role that nothing explains, unless told otherwise. */
export function deed(
  members: Json = {},
  { after = 0, secret = 'app/one', cause = null, access = {} }: Circumstances = {},
): AuditedAccess {
  const eventTime = new Date(BEGIN + after).toISOString();
  const made = audited(
    { ...BY, requestParameters: secret === null ? {} : { secretId: arn(secret) }, ...members, eventTime },
    cause === null ? null : { kind: cause, ref: 'x', why: 'x' },
  );
  return { ...made, secret: secret === null ? null : arn(secret), secretName: secret, ...access };
}

/** With these settings of `audit:`. */
export const settings = (more: Partial<AuditSettings>): Facts => facts({ settings: { ...AUDIT_DEFAULTS, ...more } });

/** What one detector finds in accesses, which are told in the order of time. */
export function find(id: string, accesses: readonly AuditedAccess[], about: Facts = facts()): Finding[] {
  const detector = DETECTORS.find((one) => one.id === id);
  if (!detector) throw new Error(`no detector ${id}`);
  const watch = detector.start(about);
  for (const access of accesses) watch.see(access);
  return watch.findings();
}

/** Severity and number of accesses of each finding: `high 3`. */
export const brief = (findings: readonly Finding[]): string[] =>
  findings.map(({ severity, count }) => `${severity} ${String(count)}`);

/** Why a detector keeps quiet. */
export function quietOf(id: string, accesses: readonly AuditedAccess[], about: Facts = facts()): string | null {
  const watch = DETECTORS.find((one) => one.id === id)?.start(about);
  for (const access of accesses) watch?.see(access);
  return watch?.quiet?.() ?? null;
}

/** So many times. */
export const repeat = <Item>(count: number, make: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, index) => make(index));
