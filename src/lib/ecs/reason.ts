/** Texts of ECS that repeat themselves: one failure for each secret of a task, and one for each task. */

/** Ids that differ from one failure to the next of the same kind: task ids, request ids, deployment ids. */
const IDS = /\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|ecs-svc\/\d+/gi;

/**
 * What is left of a text without the ids in it: equal for two failures of the same kind.
 * @param text - a stopped reason or a service event
 */
export const kindOf = (text: string): string => text.replaceAll(IDS, '…');

/**
 * Say what a text says over and over only once. ECS joins the failures of several secrets with `; `.
 * @param text - a stopped reason or a service event
 * @returns every different part whole, and how many were like one before
 */
export function condense(text: string): string {
  const kept: string[] = [];
  let repeated = 0;
  for (const part of text.split('; ')) {
    const kind = kindOf(part).replace(/\.$/, '');
    // The first part carries the frame that ECS puts before the whole, so it only ends like the others.
    if (kept.some((before) => kindOf(before).endsWith(kind))) repeated += 1;
    else kept.push(part);
  }
  const more = repeated === 0 ? '' : ` (and ${String(repeated)} more like it)`;
  return kept.join('; ') + more;
}
