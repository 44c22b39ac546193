/**
 * What a detector is: it sees every access once, oldest first, and tells at the end what it found. One file each;
 * `index.ts` is the table, docs/detectors.md is made of it. It keeps what it needs and no more, so that an archive can
 * stream past; `gather.ts` has what most of them keep.
 */
import { SEVERITIES, type Severity } from '../../config/settings.ts';
import type { AuditedAccess } from '../access.ts';
import type { Facts } from '../explain.ts';
import type { Budget } from './distinct.ts';

export { SEVERITIES, type Severity };

/** What a detector found. */
export interface Finding {
  /** `<detector>:<identity or secret>`: the same in every run over the same events. */
  id: string;
  severity: Severity;
  /** One line: who did what. */
  title: string;
  why: string;
  /** What to do about it. */
  fix: string;
  /** At most 100: of every kind of deed some. */
  eventIds: string[];
  /** How many accesses there were in all. */
  count: number;
  /** MITRE ATT&CK technique: https://attack.mitre.org/techniques/ */
  technique: string;
}

/** A finding with what a suppression goes by. */
export interface Found extends Finding {
  concerns: {
    /** ARNs of who did it: the identity, and the session where there is only one. */
    principals: readonly string[];
    /** ARN or name of every secret it is about; null where that is not known of all of them. */
    secrets: readonly string[] | null;
  };
}

/** A detector at work on one audit. */
export interface Watch {
  /**
   * Called for every access, oldest first, and for what is none of its own ({@link AuditedAccess.context}): what guards
   * the secrets, and records that tell of a deed another time.
   */
  see(access: AuditedAccess): void;
  findings(): Found[];
  /** Why it could not judge, or not everything; null or absent where it could. */
  quiet?(): string | null;
}

/** A number that jamf-mcp.yaml may replace: `audit.thresholds.<detector>.<name>`. */
export interface Threshold {
  default: number;
  /** What is counted, in the words of the docs. */
  means: string;
}

/** What docs/detectors.md tells of a detector. */
export interface About {
  /** One line. */
  finds: string;
  /** How a finding is graded. */
  severity: string;
  technique: string;
  logic: string;
  falsePositives: string;
  thresholds?: Readonly<Record<string, Threshold>>;
}

/** A detector. */
export interface Detector {
  /** Stable, kebab-case. */
  id: string;
  about: About;
  /**
   * @param facts - what is known beforehand
   * @param budget - what all detectors of one audit may keep together
   */
  start(facts: Facts, budget?: Budget): Watch;
}

/** The numbers of a detector: its own, or those of the settings. */
export function numbersOf<Name extends string>(
  id: string,
  thresholds: Readonly<Record<Name, Threshold>>,
  { settings }: Facts,
): Record<Name, number> {
  const told = Object.hasOwn(settings.thresholds, id) ? settings.thresholds[id] : undefined;
  const numbers = Object.entries<Threshold>(thresholds).map(([name, { default: own }]) => [name, told?.[name] ?? own]);
  return Object.fromEntries(numbers) as Record<Name, number>;
}
