/** Draws a verification for a terminal. File names and users were written by others, so each goes through terminalSafe. */
import type { Canvas } from '../format/canvas.ts';
import { terminalSafe } from '../format/escape.ts';
import { table } from '../format/table.ts';
import type { VerifyResult } from './verify.ts';

const KEYS = { keychain: 'in the keychain', passphrase: 'behind a passphrase', file: 'in a file' } as const;

const ANCHORS = {
  keychain: 'compared with the keychain',
  given: 'compared with the one given',
  none: 'keep it elsewhere: --head compares with it later',
} as const;

/** @returns lines without a newline at the end */
export function drawVerify(result: VerifyResult, { ink, width }: Canvas): string {
  const { log, findings, notes, accepted } = result;
  const count = counted(findings.length, 'finding');
  const verdict = accepted
    ? ink.yellow(`${count}, accepted${result.keptLog ? `; the log before is kept as ${result.keptLog}` : ''}`)
    : findings.length > 0
      ? ink.red(count)
      : ink.green('the access log and the files hold');
  const span = log.first && log.last ? `, ${minute(log.first)} to ${minute(log.last)} UTC` : '';
  const lines = [
    ink.bold(verdict),
    `local store in ${terminalSafe(result.folder)}, its key ${KEYS[result.key]}`,
    `${counted(log.lines, 'line')}${span}; ${counted(result.files, 'secret')}`,
    ...(log.head === null ? [] : [`head ${log.head} ${ink.dim(`(${ANCHORS[log.anchor]})`)}`]),
    ...notes.map((note) => ink.dim(terminalSafe(note))),
  ];
  if (findings.length === 0) return lines.join('\n');
  const rows = findings.map(({ severity, title, why, fix }) => [
    ink.red(severity),
    `${ink.bold(terminalSafe(title))}\n${terminalSafe(why)}\n${ink.dim('fix:')} ${terminalSafe(fix)}`,
  ]);
  const drawn = table(['', ''], rows, width);
  return `${lines.join('\n')}\n\n${drawn.slice(drawn.indexOf('\n') + 1)}`;
}

const counted = (count: number, what: string) => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** `2026-11-22 09:30` */
const minute = (iso: string) => iso.slice(0, 16).replace('T', ' ');
