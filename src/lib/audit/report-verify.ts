/** Draws a verification for a terminal. File names and users were written by others, so each goes through terminalSafe. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import { provesAll, trailLines } from './digest/report.ts';
import { openFindings, type VerifyResult } from './verify.ts';

const KEYS = { keychain: 'in the keychain', passphrase: 'behind a passphrase', file: 'in a file' } as const;

const ANCHORS = {
  keychain: 'compared with the keychain',
  given: 'compared with the one given',
  none: 'keep it elsewhere: --head compares with it later',
} as const;

/** @returns lines without a newline at the end */
export function drawVerify(result: VerifyResult, { ink, width }: Canvas): string {
  const { findings, notes, accepted, breakGlass, trail } = result;
  const open = openFindings(result);
  const count = counted(accepted ? findings.length - open : open, 'finding');
  const kept = result.keptLog ? `; the log before is kept as ${result.keptLog}` : '';
  const verdict = accepted
    ? ink.yellow(`${count}, accepted${kept}${open > 0 ? `; ${String(open)} in the break-glass log` : ''}`)
    : findings.length > 0
      ? ink.red(count)
      : trail && !provesAll(trail)
        ? ink.yellow('nothing found, and not all of it is proved')
        : ink.green(holding(result));
  const lines = [
    ink.bold(verdict),
    ...localLines(result, ink),
    ...(trail ? trailLines(trail, ink) : []),
    ...(!breakGlass || (result.log && breakGlass.entries + breakGlass.findings === 0)
      ? []
      : [`break-glass log in ${terminalSafe(result.folder)}: ${counted(breakGlass.entries, 'line')}`]),
    ...result.putAside.map((file) => `put aside, since nothing can be read from it: ${terminalSafe(file)}`),
    ...notes.map((note) => ink.dim(terminalSafe(note))),
  ];
  if (findings.length === 0) return lines.join('\n');
  const rows = findings.map(({ severity, title, why, fix }) => [
    severity === 'medium' ? ink.yellow(severity) : ink.red(severity),
    `${ink.bold(terminalSafe(title))}\n${terminalSafe(why)}\n${ink.dim('fix:')} ${terminalSafe(fix)}`,
  ]);
  const drawn = table(['', ''], rows, width);
  return `${lines.join('\n')}\n\n${drawn.slice(drawn.indexOf('\n') + 1)}`;
}

function holding({ log, trail }: VerifyResult): string {
  if (trail) return 'every digest and log file is as CloudTrail delivered it';
  return log ? 'the access log and the files hold' : 'the break-glass log holds';
}

function localLines({ folder, key, log, files }: VerifyResult, ink: Canvas['ink']): string[] {
  if (!key || !log) return [];
  const span = log.first && log.last ? `, ${minute(log.first)} to ${minute(log.last)} UTC` : '';
  return [
    `local store in ${terminalSafe(folder)}, its key ${KEYS[key]}`,
    `${counted(log.lines, 'line')}${span}; ${counted(files, 'secret')}`,
    ...(log.head === null ? [] : [`head ${log.head} ${ink.dim(`(${ANCHORS[log.anchor]})`)}`]),
  ];
}

const counted = (count: number, what: string) => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** `2026-11-22 09:30` */
const minute = (iso: string) => iso.slice(0, 16).replace('T', ' ');
