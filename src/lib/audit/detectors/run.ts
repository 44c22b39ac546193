/** All detectors at work on one audit, with what the settings say of them. */
import type { AuditedAccess } from '../access.ts';
import type { Facts } from '../explain.ts';
import type { Skipped } from '../sources/source.ts';
import { suppress, type SuppressedFinding } from '../suppress.ts';
import type { Finding, Found, Watch } from './detector.ts';
import { budgetOf, shareOf } from './distinct.ts';
import { DETECTORS, inOrder } from './index.ts';

/** What the detectors found. */
export interface Detected {
  /** Worst first. */
  findings: Finding[];
  /** Found, and not told because `audit.suppressions` says so. */
  suppressed: SuppressedFinding[];
  /** What was not judged, and settings that say nothing. */
  notes: Skipped[];
}

/** The detectors, at work. */
export interface Detection {
  /** Called for every access, oldest first. */
  see(access: AuditedAccess): void;
  end(): Detected;
}

/** Start every detector that is not switched off. */
export function detection(facts: Facts): Detection {
  const { severities, suppressions } = facts.settings;
  const budget = budgetOf();
  const watches: { id: string; watch: Watch }[] = DETECTORS.filter(({ id }) => told(severities, id) !== 'off').map(
    (detector) => ({ id: detector.id, watch: detector.start(facts, shareOf(budget)) }),
  );
  return {
    see(access) {
      for (const { watch } of watches) watch.see(access);
    },
    end() {
      const found = watches.flatMap(({ id, watch }) => watch.findings().map((one) => regraded(one, id)));
      const { findings, suppressed, expired } = suppress(found, suppressions, facts.now);
      return {
        findings: inOrder(findings).map(plain),
        suppressed,
        notes: [
          ...quietNotes(watches),
          ...settingNotes(facts),
          ...expired.map(({ finding, until, reason }) => ({
            where: `the suppression of ${finding}`,
            why: `it ended on ${until} and no longer holds (${reason})`,
          })),
        ],
      };
    },
  };

  function regraded(finding: Found, id: string): Found {
    const severity = told(severities, id);
    return severity === undefined || severity === 'off' ? finding : { ...finding, severity };
  }
}

const told = <Value>(settings: Readonly<Record<string, Value>>, id: string): Value | undefined =>
  Object.hasOwn(settings, id) ? settings[id] : undefined;

/** What a suppression goes by is no part of the result. */
function plain({ id, severity, title, why, fix, eventIds, count, technique }: Found): Finding {
  return { id, severity, title, why, fix, eventIds, count, technique };
}

/** Detectors with the same reason share a line. */
function quietNotes(watches: readonly { id: string; watch: Watch }[]): Skipped[] {
  const reasons = watches.flatMap(({ id, watch }) => {
    const why = watch.quiet?.() ?? null;
    return why === null ? [] : [{ id, why }];
  });
  return [...Map.groupBy(reasons, ({ why }) => why)].map(([why, list]) => ({
    where: 'detectors',
    why: `${list.map(({ id }) => id).join(', ')}: ${why}`,
  }));
}

/** A name that is misspelt in the settings would otherwise change nothing without a word. */
function settingNotes({ settings: { severities, thresholds, suppressions } }: Facts): Skipped[] {
  const off = Object.entries(severities).flatMap(([id, severity]) => (severity === 'off' ? [id] : []));
  const known = new Map(DETECTORS.map(({ id, about }) => [id, about.thresholds ?? {}]));
  const unknown = [
    ...Object.keys(severities).map((id) => ({ where: `audit.severities.${id}`, isKnown: known.has(id) })),
    ...Object.entries(thresholds).flatMap(([id, numbers]) =>
      Object.keys(numbers).map((name) => ({
        where: `audit.thresholds.${id}.${name}`,
        isKnown: Object.hasOwn(known.get(id) ?? {}, name),
      })),
    ),
    ...suppressions.map(({ finding }) => {
      const [id = ''] = finding.split(':');
      return { where: `the suppression of ${finding}`, isKnown: id.includes('*') || known.has(id) };
    }),
  ].filter(({ isKnown }) => !isKnown);
  return [
    ...(off.length > 0 ? [{ where: 'detectors', why: `${off.join(', ')}: switched off by audit.severities` }] : []),
    ...unknown.map(({ where }) => ({ where, why: 'no detector has it: docs/detectors.md has all names' })),
  ];
}
