/** How the HTML report writes times, names and numbers. */
import { markup, type Markup } from '../../format/html.ts';
import { grouped } from '../../format/svg.ts';
import type { CauseKind } from '../explain.ts';
import { parseSecretId } from '../secret-id.ts';
import type { Deed } from '../stats.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `22 Nov` */
export function dayText(ms: number): string {
  const date = new Date(ms);
  return `${String(date.getUTCDate())} ${MONTHS[date.getUTCMonth()] ?? ''}`;
}

/** `22 Nov 2026` */
export const dateText = (ms: number): string => `${dayText(ms)} ${String(new Date(ms).getUTCFullYear())}`;

/** `Nov 2026` */
export const monthText = (ms: number): string => dateText(ms).replace(/^\d+ /, '');

/** `10:00` */
export const hourText = (ms: number): string => new Date(ms).toISOString().slice(11, 16);

/** `22 Nov 2026 10:00`, or a dash where no time is told. */
export const momentText = (iso: string | null): string =>
  iso === null ? '–' : `${dateText(Date.parse(iso))} ${hourText(Date.parse(iso))}`;

/** `2026-11-22 10:00:04` as an element that machines can read, too. */
export const timeCell = (iso: string | null): Markup =>
  iso === null ? markup`–` : markup`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`;

/** `1 read`, `1,204 reads` */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped(count)} ${count === 1 ? one : many}`;

/** Longest text of a stranger that is shown; a user agent can have a quarter of a million letters. */
const LONGEST = 400;

/** A text, cut where it is longer than anybody reads. */
export const clipped = (text: string, most: number = LONGEST): string =>
  text.length <= most
    ? text
    : `${text.slice(0, most).toWellFormed()}… (${grouped(text.length - most)} more characters)`;

/** The friendly name of a secret that is written as its ARN. */
export const secretText = (secret: string): string =>
  (parseSecretId(secret, 'aws')?.name ?? secret).replace(/^local:/, '');

/** What kinds of accesses are called. */
export const DEEDS: Readonly<Record<Deed, string>> = {
  read: 'Values read',
  change: 'Changes',
  look: 'Look-ups',
  key: 'Key used directly',
  refused: 'Refused or failed',
};

/** What explains an access, for a reader who does not know this program. */
export const CAUSES: Readonly<Record<CauseKind, string>> = {
  'aws-service': "AWS's own record of work that it does by itself; no caller can write one",
  'break-glass': 'read for a reason that the signed log of the machine has',
  rotation: 'part of a rotation by this program, by its signed record and the version that it wrote',
  'rotation-function': 'the rotation function of the secret, while AWS called it',
  'task-start': 'a task of the service, while it started',
  'task-run': 'a running task of the service, under its task role',
  deployment: 'a task under a deployment that was on its way, and that ECS has forgotten since',
  infrastructure: 'an infrastructure tool at work on a secret that the same identity has created',
  self: 'the identity that ran this audit: known who, not what for',
  'known-caller': 'a principal that the settings expect: known who, not what for',
  baseline: 'usual by the baseline: who, from where, with what',
  'task-role': "the service's role with a session in the form of a task's id; the task itself is forgotten",
};
