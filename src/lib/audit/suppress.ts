/** Findings that somebody has said are no matter: taken out of the list, counted, and never for longer than was said. */
import type { Suppression } from '../config/settings.ts';
import type { Finding, Found } from './detectors/detector.ts';
import { nameOf } from './detectors/words.ts';
import { globOf } from './glob.ts';

/** A finding that is not told, and who answers for that: the reason, and the last day. */
export interface SuppressedFinding extends Pick<Finding, 'id' | 'severity' | 'title' | 'count'> {
  reason: string;
  /** `2026-12-31` */
  until: string;
}

/** Findings, sorted out. */
export interface Sorted {
  findings: Found[];
  suppressed: SuppressedFinding[];
  /** Suppressions that are over, and would still have matched or not. */
  expired: Suppression[];
}

const DAY_MS = 86_400_000;

/**
 * Take out what is suppressed. A suppression by secret or principal holds only where every secret, or somebody, of the
 * finding is meant: what is not surely meant is told.
 * @param suppressions - `audit.suppressions`
 * @param now - milliseconds since 1970: the last day ends at midnight, UTC
 */
export function suppress(findings: readonly Found[], suppressions: readonly Suppression[], now: number): Sorted {
  const isOver = ({ until }: Suppression) => now >= Date.parse(until) + DAY_MS;
  const valid = suppressions.filter((one) => !isOver(one));
  const sorted: Sorted = { findings: [], suppressed: [], expired: suppressions.filter(isOver) };
  for (const finding of findings) {
    const by = valid.find((one) => matches(one, finding));
    if (!by) {
      sorted.findings.push(finding);
      continue;
    }
    const { id, severity, title, count } = finding;
    sorted.suppressed.push({ id, severity, title, count, reason: by.reason, until: by.until });
  }
  return sorted;
}

function matches({ finding: pattern, principal, secret }: Suppression, { id, concerns }: Found): boolean {
  if (!globOf(pattern).test(id) && !id.startsWith(`${pattern}:`)) return false;
  if (principal !== undefined && !concerns.principals.some((one) => globOf(principal).test(one))) return false;
  if (secret === undefined) return true;
  const glob = globOf(secret);
  return concerns.secrets?.every((one) => glob.test(one) || glob.test(nameOf(one))) === true;
}
