/** Texts of ECS that repeat themselves: one failure for each secret of a task, and one for each task. */
import { whyStopped } from './why.ts';

/** Ids that differ from one failure to the next of the same kind: task ids, request ids, deployment ids. */
const IDS = /\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|ecs-svc\/\d+/gi;

/**
 * What is left of a text without the ids in it: equal for two failures of the same kind.
 * @param text - a stopped reason or a service event
 */
export const kindOf = (text: string): string => text.replaceAll(IDS, '…');

/** Where the agent names the field of the secret that it looked for (facts/rotation.md §2d, text 5). */
const FIELD = /(?<=\bjson key )[^\s;]*[^\s;.]/;

/** More fields than these are counted, not named. */
const MOST_NAMED = 2;

/**
 * Say what a text says over and over only once. ECS joins the failures of several secrets with `; `.
 * @param text - a stopped reason or a service event
 * @returns every different part whole, the fields that it concerns together, and how many were like one before
 */
export function condense(text: string): string {
  const kept: { part: string; kind: string; fields: string[] }[] = [];
  let repeated = 0;
  for (const part of text.split('; ')) {
    const kind = kindOf(part).replace(FIELD, '…').replace(/\.$/, '');
    const field = FIELD.exec(part)?.[0];
    // The first part carries the frame that ECS puts before the whole, so it only ends like the others.
    const alike = kept.find((before) => before.kind.endsWith(kind));
    if (!alike) kept.push({ part, kind, fields: field === undefined ? [] : [field] });
    else if (field !== undefined && !alike.fields.includes(field)) alike.fields.push(field);
    else repeated += 1;
  }
  const more = repeated === 0 ? '' : ` (and ${String(repeated)} more like it)`;
  return kept.map(({ part, fields }) => part.replace(FIELD, named(fields))).join('; ') + more;
}

function named(fields: readonly string[]): string {
  const others = fields.length - MOST_NAMED;
  return others > 0 ? `${fields.slice(0, MOST_NAMED).join(', ')} and ${String(others)} more` : fields.join(' and ');
}

/** Longest text of ECS that stands in a sentence of ours, in characters. */
const SHORT = 200;

/**
 * A text of ECS for a line that says other things too; whole it is told elsewhere.
 * @param text - a stopped reason or a service event
 * @returns the condensed text where that is short or its meaning not known, else its meaning
 */
export function shortly(text: string): string {
  const condensed = condense(text);
  return condensed.length <= SHORT ? condensed : (whyStopped(text)?.cause ?? condensed);
}

/**
 * An event of a service in a line: the reason of a task that could not start is told whole with the task.
 * @param message - as ECS has it
 */
export const eventLine = (message: string): string => condense(message.replace(/(?<= Reason: ).+$/s, shortly));
