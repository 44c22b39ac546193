/** The words in which findings are told, and what detectors ask of an access. */
import { LOOKS, VALUE_READS, type AuditedAccess } from '../access.ts';
import type { CauseKind } from '../explain.ts';
import type { Severity } from './detector.ts';
import type { Deeds } from './gather.ts';
import type { Distinct } from './distinct.ts';

/** `7 times`, `once`. */
export const times = (count: number): string => (count === 1 ? 'once' : `${String(count)} times`);

/** `1 secret`, `20 secrets`. */
export const plural = (count: number, what: string): string => `${String(count)} ${what}${count === 1 ? '' : 's'}`;

/** The friendly name of a secret that is written as its ARN. */
export const nameOf = (secret: string): string =>
  /^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+)-[A-Za-z0-9]{6}$/s.exec(secret)?.[1] ??
  secret.replace(/^local:/, '');

/** At most three names of secrets: `a, b, c and 17 more`. */
export function secretsText(secrets: Distinct): string {
  const names = [...new Set(secrets.all().slice(0, 3).map(nameOf))];
  const more = secrets.size - names.length;
  if (more <= 0) return names.join(', ');
  return `${names.join(', ')} and ${secrets.exact ? '' : 'at least '}${String(more)} more`;
}

/** `GetSecretValue on jamf-mcp-server/production from 192.0.2.7`: what was done, on what, from where. */
export function circumstances({ actions, secrets, sources }: Deeds): string {
  const [on, from] = [secretsText(secrets), sources.few()];
  return `${actions.few()}${on && ` on ${on}`}${from && ` from ${from}`}`;
}

/** `2026-11-22 10:00` */
export const minute = (time: string | null): string =>
  time === null ? 'an unknown time' : time.slice(0, 16).replace('T', ' ');

/** `from 2026-11-22 10:00 to 2026-11-22 10:04`, `at 2026-11-22 10:00` */
export const spell = ({ first, last }: Pick<Deeds, 'first' | 'last'>): string =>
  first === null || last === null || minute(first) === minute(last)
    ? `at ${minute(first)}`
    : `from ${minute(first)} to ${minute(last)}`;

/** Whether a value was handed out. */
export const isRead = ({ outcome, action }: AuditedAccess): boolean => outcome === 'success' && VALUE_READS.has(action);

/** Calls that change nothing by themselves: KMS is called on behalf of others that do. */
const HARMLESS = new Set(['Decrypt', 'GenerateDataKey', 'GenerateDataKeyWithoutPlaintext', 'ReEncrypt']);

/** Whether something about a secret was changed. */
export const isChange = ({ outcome, action }: AuditedAccess): boolean =>
  outcome === 'success' && !VALUE_READS.has(action) && !LOOKS.has(action) && !HARMLESS.has(action);

/** Explanations that tell who it was and not what for: a stolen key would be explained as well. */
const WHO_ONLY: ReadonlySet<CauseKind> = new Set(['self', 'known-caller', 'infrastructure']);

/** Whether this very access has a cause of its own: a task, a rotation, AWS itself, a reason given. */
export const isAccountedFor = ({ explanation }: AuditedAccess): boolean =>
  explanation !== null && !WHO_ONLY.has(explanation.kind);

/** The same, but for what is only usual: an hour and a number of reads are for detectors to judge. */
export const hasOwnCause = (access: AuditedAccess): boolean =>
  isAccountedFor(access) && access.explanation?.kind !== 'baseline';

/** Worse for what nothing explains. */
export const graded = ({ unexplained }: { unexplained: number }, worse: Severity, better: Severity): Severity =>
  unexplained > 0 ? worse : better;

let lastTime = '';
let lastMs = Number.NaN;

/** Milliseconds since 1970; NaN where the record tells no time. Detectors ask for the same access one after another. */
export function momentOf({ time }: AuditedAccess): number {
  if (time === null) return Number.NaN;
  if (time !== lastTime) {
    lastTime = time;
    lastMs = Date.parse(time);
  }
  return lastMs;
}

/** A detail of a call that is a text; null where it is none. */
export function textOf({ details }: AuditedAccess, name: string): string | null {
  const detail = Object.hasOwn(details, name) ? details[name] : undefined;
  return typeof detail === 'string' ? detail : null;
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The middle one, or the mean of the two in the middle; NaN of nothing. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** Median absolute deviation, scaled so that it is the standard deviation of what is normally distributed. */
export function spread(numbers: readonly number[]): number {
  const middle = median(numbers);
  return 1.4826 * median(numbers.map((number) => Math.abs(number - middle)));
}
