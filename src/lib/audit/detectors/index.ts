/** The detectors there are, in the order in which findings of one severity are told. */
import { batchCatchAll } from './batch-catch-all.ts';
import { crossAccount } from './cross-account.ts';
import { decoy } from './decoy.ts';
import { deletedSecret } from './deleted-secret.ts';
import { deletion } from './deletion.ts';
import { deniedAccess } from './denied-access.ts';
import { SEVERITIES, type Detector, type Finding } from './detector.ts';
import { enumeration } from './enumeration.ts';
import { harvest } from './harvest.ts';
import { humanRead } from './human-read.ts';
import { keyDisabled } from './key-disabled.ts';
import { keyGrant } from './key-grant.ts';
import { keyPolicy } from './key-policy.ts';
import { longTermKey } from './long-term-key.ts';
import { newAction } from './new-action.ts';
import { newNetwork } from './new-network.ts';
import { newPrincipal } from './new-principal.ts';
import { newRegion } from './new-region.ts';
import { newSecret } from './new-secret.ts';
import { newUserAgent } from './new-user-agent.ts';
import { oldVersion } from './old-version.ts';
import { outsideEndpoint } from './outside-endpoint.ts';
import { policyWidened } from './policy-widened.ts';
import { probing } from './probing.ts';
import { replication } from './replication.ts';
import { restore } from './restore.ts';
import { root } from './root.ts';
import { rotationAbandoned } from './rotation-abandoned.ts';
import { rotationCancelled } from './rotation-cancelled.ts';
import { rotationFailed } from './rotation-failed.ts';
import { rotationOverdue } from './rotation-overdue.ts';
import { secretKeyChanged } from './secret-key-changed.ts';
import { serviceRole } from './service-role.ts';
import { trailOff } from './trail-off.ts';
import { unknownPrincipal } from './unknown-principal.ts';
import { unusualHour } from './unusual-hour.ts';
import { unusualVolume } from './unusual-volume.ts';
import { valueChanged } from './value-changed.ts';

export const DETECTORS: readonly Detector[] = [
  decoy,
  trailOff,
  harvest,
  batchCatchAll,
  enumeration,
  probing,
  unknownPrincipal,
  newPrincipal,
  newSecret,
  newAction,
  newNetwork,
  newUserAgent,
  newRegion,
  deniedAccess,
  serviceRole,
  crossAccount,
  outsideEndpoint,
  root,
  longTermKey,
  humanRead,
  unusualHour,
  unusualVolume,
  oldVersion,
  deletedSecret,
  policyWidened,
  valueChanged,
  deletion,
  restore,
  replication,
  secretKeyChanged,
  keyDisabled,
  keyPolicy,
  keyGrant,
  rotationFailed,
  rotationAbandoned,
  rotationCancelled,
  rotationOverdue,
];

const PLACES: ReadonlyMap<string, number> = new Map(DETECTORS.map(({ id }, place) => [id, place]));

/** Worst first, then by detector, then by id: the same events give the same list, in whatever order they came. */
export function inOrder<Some extends Finding>(findings: readonly Some[]): Some[] {
  const rank = ({ severity, id }: Finding) =>
    [SEVERITIES.indexOf(severity), PLACES.get(id.slice(0, id.indexOf(':'))) ?? -1] as const;
  return findings.toSorted((a, b) => {
    const [severityA, detectorA] = rank(a);
    const [severityB, detectorB] = rank(b);
    return severityA - severityB || detectorA - detectorB || (a.id < b.id ? -1 : 1);
  });
}

/**
 * Whether one of the findings is of this severity or worse.
 * @param threshold - as `--fail-on` names it
 */
export function reaches(findings: readonly Finding[], threshold: Finding['severity']): boolean {
  return findings.some(({ severity }) => SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold));
}
