/** A finding as OCSF's Detection Finding (2004). */
import type { AuditedAccess } from '../access.ts';
import type { Finding, Severity } from '../detectors/detector.ts';
import { actorOf, apiOf, cloudOf, OCSF_VERSION, present, resourceOf, sourceOf, type Ocsf } from './ocsf-activity.ts';
import { ruleOf, techniqueUrl } from './rules.ts';

/** Accesses that are written out as evidence; the others are named by their ids. */
const EVIDENCE = 20;

const SEVERITY: Readonly<Record<Severity, { severity_id: number; severity: string }>> = {
  info: { severity_id: 1, severity: 'Informational' },
  low: { severity_id: 2, severity: 'Low' },
  medium: { severity_id: 3, severity: 'Medium' },
  high: { severity_id: 4, severity: 'High' },
  critical: { severity_id: 5, severity: 'Critical' },
};

/**
 * An event of class 2004. Its `finding_info.uid` is the same in every run, so that a later one updates the same finding.
 * @param evidence - accesses by their event's id, as far as they are known
 * @param made - by which version, and for what moment where no event tells one
 */
export function findingEvent(
  finding: Finding,
  evidence: ReadonlyMap<string, AuditedAccess>,
  made: { version: string; time: number },
): Ocsf {
  const { id, severity, title, why, fix, eventIds, count } = finding;
  const accesses = eventIds.flatMap((eventId) => evidence.get(eventId) ?? []);
  const times = accesses.flatMap(({ time }) => (time === null ? [] : [Date.parse(time)]));
  const [first, last] = times.length === 0 ? [] : [Math.min(...times), Math.max(...times)];
  const time = last ?? made.time;
  const rule = ruleOf(finding);
  const [origin] = accesses;
  const secrets = new Map(accesses.filter(({ secret }) => secret !== null).map((access) => [access.secret, access]));
  return {
    ...{ category_uid: 2, category_name: 'Findings', class_uid: 2004, class_name: 'Detection Finding' },
    ...{ activity_id: 1, activity_name: 'Create', type_uid: 200_401, type_name: 'Detection Finding: Create' },
    ...SEVERITY[severity],
    ...{ status_id: 1, status: 'New', is_alert: severity !== 'info' },
    ...{ time, time_dt: new Date(time).toISOString(), message: title },
    // A count is of at least one.
    ...present({ count: count > 0 ? count : null }),
    metadata: {
      version: OCSF_VERSION,
      profiles: ['cloud', 'datetime'],
      product: { name: 'jamf-mcp', vendor_name: 'jamf-mcp', version: made.version },
      uid: `${id}@${String(time)}`,
    },
    cloud: origin ? cloudOf(origin) : { provider: id.startsWith('local-store:') ? 'Other' : 'AWS' },
    finding_info: {
      ...{ uid: id, title, desc: why, types: ['audit'] },
      analytic: { uid: rule.id, name: rule.title, type_id: 1, type: 'Rule', version: made.version },
      attacks: [attackOf(finding.technique)],
      data_sources: ['CloudTrail'],
      ...present({ first_seen_time: first, last_seen_time: last }),
      ...(eventIds.length === 0
        ? {}
        : { related_events: eventIds.map((uid) => ({ uid })), related_events_count: eventIds.length }),
    },
    remediation: { desc: fix },
    ...(accesses.length === 0
      ? {}
      : {
          evidences: accesses.slice(0, EVIDENCE).map((access) => ({
            uid: access.eventId,
            ...{ actor: actorOf(access), api: apiOf(access), src_endpoint: sourceOf(access) },
            ...(access.userAgent === null ? {} : { http_request: { user_agent: access.userAgent } }),
            ...(access.secret === null ? {} : { resources: [resourceOf(access)] }),
          })),
          ...(secrets.size === 0 ? {} : { resources: [...secrets.values()].map(resourceOf) }),
        }),
  };
}

/** `T1555.006` is a sub-technique of `T1555`. */
function attackOf(technique: string): Ocsf {
  const [parent = technique] = technique.split('.');
  return {
    technique: { uid: parent, src_url: techniqueUrl(parent) },
    ...(parent === technique ? {} : { sub_technique: { uid: technique, src_url: techniqueUrl(technique) } }),
  };
}
