import type { AuditedAccess } from '../access.ts';
import { identityOf } from '../principal.ts';
import { distinct } from './distinct.ts';
import { numbersOf, type About, type Detector } from './detector.ts';
import { gathering } from './gather.ts';
import { minute, MINUTE_MS, momentOf, textOf, times } from './words.ts';

const THRESHOLDS = { nearMinutes: { default: 60, means: 'minutes before and after within which an access is near' } };

const about: About & { thresholds: typeof THRESHOLDS } = {
  finds: 'a trail or an event data store stopped, deleted or narrowed',
  severity:
    'critical with an access that nothing explains, or one by the same identity, within the hour before or after; else high, medium for a known caller',
  technique: 'T1562.008',
  logic:
    'StopLogging, DeleteTrail, DeleteEventDataStore, StopEventDataStoreIngestion; UpdateTrail to a single Region; PutEventSelectors without management events, without reads (GetSecretValue is one), or without those of KMS. What such a trail would have recorded is missing from then on',
  falsePositives: 'a trail that is replaced by another',
  thresholds: THRESHOLDS,
};

const STOPS: Readonly<Record<string, string>> = {
  StopLogging: 'stopped',
  DeleteTrail: 'deleted',
  DeleteEventDataStore: 'event data store deleted',
  StopEventDataStoreIngestion: 'event data store stopped',
};

/** What a call takes away of what is recorded; null where it takes nothing. */
function narrowing(access: AuditedAccess): string | null {
  if (access.service !== 'cloudtrail' || access.outcome !== 'success') return null;
  const { action, details } = access;
  if (Object.hasOwn(STOPS, action)) return STOPS[action] ?? null;
  if (action === 'UpdateTrail') return details.multiRegion === false ? 'narrowed to a single Region' : null;
  if (action !== 'PutEventSelectors') return null;
  return ofSelectors(parsed(textOf(access, 'selectors'))) ?? ofAdvanced(parsed(textOf(access, 'advancedSelectors')));
}

type Json = Record<string, unknown>;

function parsed(text: string | null): Json[] {
  if (text === null) return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter((one): one is Json => typeof one === 'object' && one !== null) : [];
  } catch (error) {
    // A text that was cut off is no JSON any more: then nothing is known of it.
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** Whatever one selector records is recorded. */
function ofSelectors(selectors: readonly Json[]): string | null {
  if (selectors.length === 0) return null;
  const management = selectors.filter(({ includeManagementEvents }) => includeManagementEvents !== false);
  if (management.length === 0) return 'narrowed: no management events';
  if (management.every(({ readWriteType }) => readWriteType === 'WriteOnly')) return 'narrowed: no reads';
  if (management.every(({ readWriteType }) => readWriteType === 'ReadOnly')) return 'narrowed: no changes';
  const without = management.every(
    ({ excludeManagementEventSources: out }) => Array.isArray(out) && out.includes('kms.amazonaws.com'),
  );
  return without ? 'narrowed: no calls of KMS' : null;
}

function ofAdvanced(selectors: readonly Json[]): string | null {
  if (selectors.length === 0) return null;
  const fields = selectors.map(({ fieldSelectors }) =>
    Array.isArray(fieldSelectors) ? (fieldSelectors as Json[]) : [],
  );
  const management = fields.filter((list) =>
    list.some(
      ({ field, equals }) => field === 'eventCategory' && Array.isArray(equals) && equals.includes('Management'),
    ),
  );
  if (management.length === 0) return 'narrowed: no management events';
  if (management.every((list) => list.some(isOnly('readOnly', 'false')))) return 'narrowed: no reads';
  if (management.every((list) => list.some(isOnly('readOnly', 'true')))) return 'narrowed: no changes';
  const limited = management.every((list) =>
    list.some(({ field }) => field === 'eventSource' || field === 'eventName'),
  );
  return limited ? 'narrowed: not every service' : null;
}

const isOnly =
  (name: string, value: string) =>
  ({ field, equals }: Json) =>
    field === name && Array.isArray(equals) && equals.length === 1 && equals[0] === value;

/** Narrowings that accesses after them are held against, and identities whose last access is remembered. */
const MOST_OPEN = 50;
const MOST = 10_000;

export const trailOff: Detector = {
  id: 'trail-off',
  about,
  start(facts, budget) {
    const span = numbersOf('trail-off', THRESHOLDS, facts).nearMinutes * MINUTE_MS;
    let unexplainedAt = Number.NEGATIVE_INFINITY;
    const lastOf = new Map<string, number>();
    let open: { at: number; deeds: { identity: string; near: number } }[] = [];

    const watch = gathering({
      id: 'trail-off',
      about,
      everything: true,
      concerns: (access) => access.service === 'cloudtrail' && narrowing(access) !== null,
      own: (room) => ({ what: distinct(room), near: 0 }),
      note(deeds, access) {
        const at = momentOf(access);
        deeds.what.add(`${textOf(access, 'trail') ?? 'a trail'} ${narrowing(access) ?? ''}`.slice(0, 300));
        const before = Math.max(unexplainedAt, lastOf.get(identityOf(access.principal)) ?? Number.NEGATIVE_INFINITY);
        if (at - before <= span) deeds.near += 1;
        open = [...open, { at, deeds }].slice(-MOST_OPEN);
      },
      tell: (deeds) => ({
        severity: deeds.near > 0 ? 'critical' : deeds.unexplained > 0 ? 'high' : 'medium',
        title: `${deeds.key} took away what CloudTrail records`,
        why: `${deeds.what.few()}, ${times(deeds.count)}, last at ${minute(deeds.last)}${deeds.near > 0 ? `; ${deeds.near === 1 ? 'an access' : `${String(deeds.near)} accesses`} near it that nothing explains, or by the same identity` : ''}`,
        fix: 'switch it on again as it was, find out what was done meanwhile (the event history of CloudTrail goes on recording), and deny these calls in a service control policy',
      }),
    }).start(facts, budget);

    return {
      see(access) {
        if (access.service === 'cloudtrail') {
          watch.see(access);
          return;
        }
        if (access.context || access.principal.type === 'AWSService') return;
        const at = momentOf(access);
        if (access.explanation === null) unexplainedAt = at;
        const identity = identityOf(access.principal);
        if (lastOf.size >= MOST) lastOf.clear();
        lastOf.set(identity, at);
        if (open.length === 0) return;
        open = open.filter((one) => at - one.at <= span);
        for (const { deeds } of open) {
          if (access.explanation === null || deeds.identity === identity) deeds.near += 1;
        }
      },
      findings: () => watch.findings(),
    };
  },
};
