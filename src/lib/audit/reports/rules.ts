/** What reports for other tools tell of the detectors behind the findings. */
import { DETECTORS } from '../detectors/index.ts';
import type { About, Finding } from '../detectors/detector.ts';

const ABOUT: ReadonlyMap<string, About> = new Map(DETECTORS.map(({ id, about }) => [id, about]));

/** The detector of a finding, and what it is about. */
export interface Rule {
  /** Detector, or source that found fault with itself. */
  id: string;
  /** One line. */
  title: string;
  why: string;
}

/** The rule behind a finding. Nothing in it is written by anybody but us. */
export function ruleOf({ id }: Pick<Finding, 'id'>): Rule {
  const detector = id.split(':', 1)[0] ?? '';
  const about = ABOUT.get(detector);
  if (!about)
    return { id: detector, title: 'a log is not as it was written', why: 'what it tells cannot be relied on' };
  return {
    id: detector,
    title: about.finds,
    why: `Severity: ${about.severity}. Logic: ${about.logic}. False positives: ${about.falsePositives}.`,
  };
}

/** Where MITRE describes a technique: `T1555.006` has a page of its own below that of T1555. */
export const techniqueUrl = (technique: string): string =>
  `https://attack.mitre.org/techniques/${technique.split('.').map(encodeURIComponent).join('/')}/`;
