/** Cutting a list into pages with opaque tokens, as AWS's list operations do. */
import { AwsFault } from './service.ts';

/**
 * One page of a list.
 * @param items - all of them, in their order
 * @param options - `size`: most items on the page; `token`: where the page begins, from the page before; `binding`: what
 *   the token is good for, such as the filters: another one is refused
 * @returns the page, and the token of the next one where there is one
 * @throws AwsFault InvalidNextTokenException
 */
export function page<T>(
  items: readonly T[],
  options: { size: number; token: string | undefined; binding: unknown },
): { items: T[]; nextToken: string | undefined } {
  const binding = JSON.stringify(options.binding);
  const start = options.token === undefined ? 0 : startOf(options.token, binding);
  const end = start + options.size;
  return {
    items: items.slice(start, end),
    nextToken: end < items.length ? Buffer.from(JSON.stringify([end, binding])).toString('base64url') : undefined,
  };
}

function startOf(token: string, binding: string): number {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(parsed) && Number.isInteger(parsed[0]) && parsed[1] === binding) return Number(parsed[0]);
  } catch {
    // Falls through to the refusal: a token that does not parse was not made here.
  }
  throw new AwsFault('InvalidNextTokenException', 'The NextToken value is invalid.');
}
