/** The detectors there are, in the order in which findings of one severity are told. */
import { deniedAccess } from './denied-access.ts';
import { SEVERITIES, type Detector, type Finding } from './detector.ts';
import { longTermKey } from './long-term-key.ts';
import { serviceRole } from './service-role.ts';
import { unknownPrincipal } from './unknown-principal.ts';

export const DETECTORS: readonly Detector[] = [unknownPrincipal, deniedAccess, serviceRole, longTermKey];

/** Worst first, then by detector, then by id: the same events give the same list, in whatever order they came. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  const rank = ({ severity, id }: Finding) =>
    [SEVERITIES.indexOf(severity), DETECTORS.findIndex((detector) => id.startsWith(`${detector.id}:`))] as const;
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
