/** Writes docs/detectors.md from the table of detectors. */
import { writeFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import type { Detector } from '../src/lib/audit/detectors/detector.ts';
import { DETECTORS } from '../src/lib/audit/detectors/index.ts';

/** Where it is written. */
export const DETECTOR_DOCS = 'docs/detectors.md';

const BEGINNING = `# Detectors of \`jamf-mcp audit\`

<!-- Made by scripts/detector-docs.ts of src/lib/audit/detectors: do not edit. -->

Each detector sees every access once, in the order of time, whatever explains it, and judges by what AWS vouches for. In \`jamf-mcp.yaml\`:

\`\`\`yaml
audit:
  severities:
    human-read: low # every finding of the detector gets this severity; off switches it off
  thresholds:
    harvest: { secrets: 20, minutes: 10 }
  decoys: ['billing/root-*'] # secrets that nobody has a reason to touch
  vpcEndpoints: [vpce-0123456789abcdef0] # where accesses are expected to come through
  suppressions:
    - finding: long-term-key # a detector, or a finding with *: long-term-key:arn:aws:iam::*:user/legacy-*
      principal: arn:aws:iam::111122223333:user/legacy-ci # optional
      secret: legacy/* # optional: holds where every secret of the finding is meant
      reason: replaced by a role in Q1, PLAT-1234
      until: '2026-12-31'
\`\`\`

A suppressed finding is taken out of \`findings\` into \`suppressed\`, with its reason, and is told under "not looked at"; \`--fail-on\` does not see it. After its last day it is a finding again, and the suppression is told as ended. Findings of an identity as a whole (\`unusual-volume\`, \`unusual-hour\`) and of keys and trails have no secrets: a suppression with \`secret\` does not match them.

A number in a finding is right, or says "at least": what a detector keeps is bounded, so that an archive of any size can be audited.
`;

/** The whole text. */
export async function detectorDocs(): Promise<string> {
  const rows = DETECTORS.map(
    ({ id, about }) => `| [${id}](#${id}) | ${about.finds} | ${about.severity} | ${about.technique} |`,
  );
  const text = [
    BEGINNING,
    '| detector | finds | severity | ATT&CK |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...DETECTORS.map(section),
  ].join('\n');
  return format(text, { ...(await resolveConfig(DETECTOR_DOCS)), parser: 'markdown' });
}

function section({ id, about }: Detector): string {
  const thresholds = Object.entries(about.thresholds ?? {}).map(
    ([name, { default: number, means }]) => `| \`${name}\` | ${String(number)} | ${means} |`,
  );
  return [
    `## ${id}`,
    '',
    `Finds ${about.finds}. Severity: ${about.severity}. ATT&CK: ${linked(about.technique)}.`,
    '',
    `${about.logic[0]?.toUpperCase() ?? ''}${about.logic.slice(1)}.`,
    '',
    `False positives: ${about.falsePositives}.`,
    '',
    ...(thresholds.length > 0 ? ['| threshold | default | what |', '|---|---|---|', ...thresholds, ''] : []),
  ].join('\n');
}

const linked = (text: string) =>
  text.replace(/T(\d{4})(?:\.(\d{3}))?/g, (id, technique: string, sub: string | undefined) => {
    return `[${id}](https://attack.mitre.org/techniques/T${technique}/${sub === undefined ? '' : `${sub}/`})`;
  });

if (import.meta.main) await writeFile(DETECTOR_DOCS, await detectorDocs());
