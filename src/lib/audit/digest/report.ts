/** Draws what the verification of a trail's files gave. Paths and trail names were written by others. */
import type { Canvas } from '../../format/canvas.ts';
import { terminalSafe } from '../../format/escape.ts';
import type { ChainReport } from './chain.ts';
import type { TrailReport } from './verify-trail.ts';

/** Lines of a kind that are drawn; the JSON has more. */
const MOST_DRAWN = 5;

/**
 * The lines that stand between the verdict and the findings.
 * @returns one for each chain, and what was not verified
 */
export function trailLines(trail: TrailReport, ink: Canvas['ink']): string[] {
  const { chains, uncovered, strangers, keys, skipped, window, omittedFindings } = trail;
  const span = window ? `, delivered ${minute(window.since)} to ${minute(window.until)} UTC` : '';
  const notProved = chains.flatMap((chain) => chain.notProved);
  const unproved = sum(chains, ({ digests }) => digests.unproved);
  return [
    `${terminalSafe(trail.where)}${span}`,
    ...chains.flatMap(chainLines),
    ...(omittedFindings > 0 ? [`${String(omittedFindings)} more findings are not listed`] : []),
    ...listed(
      unproved,
      `${counted(unproved, 'digest')} not proved, though nothing is wrong with ${unproved === 1 ? 'it' : 'them'}: no signature is here (aws s3api head-object … > NAME.metadata.json keeps it), or no public key`,
      notProved,
      ink,
    ),
    ...listed(
      uncovered.files,
      `${counted(uncovered.files, 'log file')} of a time or Region that no digest here covers`,
      uncovered.examples,
      ink,
    ),
    ...listed(
      strangers.files,
      `${counted(strangers.files, 'other file')} that CloudTrail did not name: an audit would read them`,
      strangers.examples,
      ink,
    ),
    ...listed(
      skipped.length,
      `${counted(skipped.length, 'place')} could not be looked at`,
      skipped.map(({ where, why }) => `${where}: ${why}`),
      ink,
    ),
    ...(keys.saved === null ? [] : [`${counted(keys.saved, 'public key')} saved`]),
  ];
}

/** Whether every log file is as a proved digest has it: what a verdict may say. */
export const provesAll = ({ chains, skipped }: TrailReport): boolean =>
  skipped.length === 0 && sum(chains, ({ digests, logFiles }) => digests.unproved + logFiles.unproved) === 0;

function chainLines({ account, region, trail, backfill, digests, logFiles, proved, begins }: ChainReport): string[] {
  const of = `${account} ${region} ${trail}${backfill ? ', late log files' : ''}`;
  const [digestsTold, logsTold] = [tallied(digests, 'digest'), tallied(logFiles, 'log file')];
  const spans = proved
    .slice(0, MOST_DRAWN)
    .map(({ since, until }) => `  proved ${minute(since)} to ${minute(until)} UTC`);
  const more = proved.length - spans.length;
  return [
    `${terminalSafe(of)}: ${digestsTold}, ${logsTold}`,
    ...spans,
    ...(more > 0 ? [`  and ${String(more)} older stretches of time`] : []),
    ...(begins === null ? [] : [`  the archive begins ${minute(begins)} UTC: earlier digests are not here`]),
  ];
}

/** `5 digests proved, 1 not proved, 2 invalid, 1 missing` */
function tallied({ proved, unproved, invalid, missing }: ChainReport['digests'], what: string): string {
  const rest = [
    [unproved, 'not proved'],
    [invalid, 'invalid'],
    [missing, 'missing'],
  ] as const;
  const told = rest.filter(([count]) => count > 0).map(([count, word]) => `${String(count)} ${word}`);
  return [`${counted(proved, what)} proved`, ...told].join(', ');
}

function listed(count: number, title: string, examples: readonly string[], ink: Canvas['ink']): string[] {
  if (count === 0) return [];
  const shown = examples.slice(0, MOST_DRAWN).map((example) => ink.dim(`  ${terminalSafe(example)}`));
  const more = count - shown.length;
  return [ink.yellow(title), ...shown, ...(more > 0 ? [ink.dim(`  and ${String(more)} more`)] : [])];
}

const sum = (chains: readonly ChainReport[], of: (chain: ChainReport) => number) =>
  chains.reduce((total, chain) => total + of(chain), 0);

const counted = (count: number, what: string) => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** `2026-11-22 09:30` */
const minute = (iso: string) => iso.slice(0, 16).replace('T', ' ');
