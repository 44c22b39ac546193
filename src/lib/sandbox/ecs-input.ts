/** Reading the members of an ECS request, with ECS's own refusals. */
import { AwsFault } from './service.ts';

/** A request as the server decoded it. */
export type Input = Record<string, unknown>;

/** Last part of an ARN or of a `family:revision`-like path: `…/cluster/name` gives `name`. */
export const lastPart = (reference: string) => reference.slice(reference.lastIndexOf('/') + 1);

/** A member of a request that must be a string, or is absent. */
export function optionalText(input: Input, member: string): string | null {
  const value = input[member];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  throw new AwsFault('InvalidParameterException', `${member} must be a string.`);
}

/** A member that must be there. The text is the one ECS uses for a blank one. */
export function requiredText(input: Input, member: string, subject: string): string {
  const value = optionalText(input, member);
  if (value === null || value === '') throw new AwsFault('InvalidParameterException', `${subject} cannot be blank.`);
  return value;
}

/** A member that must be a list of strings; absent means empty. */
export function textList(input: Input, member: string): string[] {
  const value = input[member] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new AwsFault('InvalidParameterException', `${member} must be a list of strings.`);
}

/** A member that must be a whole number; absent means null. */
export function optionalCount(input: Input, member: string): number | null {
  const value = input[member];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new AwsFault('InvalidParameterException', `${member} must be a non-negative integer.`);
}

/** A member that must be an object; absent means empty. */
export function optionalObject(input: Input, member: string): Input {
  const value = input[member] ?? {};
  if (typeof value === 'object' && !Array.isArray(value)) return value as Input;
  throw new AwsFault('InvalidParameterException', `${member} must be a structure.`);
}

/** A member that must be a list of objects; absent means empty. */
export function objectList(input: Input, member: string): Input[] {
  const value = input[member] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null)) {
    return value as Input[];
  }
  throw new AwsFault('InvalidParameterException', `${member} must be a list of structures.`);
}

/**
 * One page of a list, behind an opaque token.
 * @param input - the request: `maxResults` (at most `limit`) and `nextToken`
 * @param limit - results a page without `maxResults`
 * @throws AwsFault InvalidParameterException for a token that this list did not give out, or a `maxResults` out of range
 */
export function pageOf<Item>(
  items: readonly Item[],
  input: Input,
  limit: number,
): { page: Item[]; nextToken?: string } {
  const size = optionalCount(input, 'maxResults') ?? limit;
  if (size < 1 || size > limit) {
    throw new AwsFault('InvalidParameterException', `maxResults must be between 1 and ${String(limit)}.`);
  }
  const token = optionalText(input, 'nextToken');
  const start = token === null ? 0 : Number(/^from:(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1]);
  if (Number.isNaN(start)) throw new AwsFault('InvalidParameterException', 'Invalid token.');
  const end = start + size;
  const page = items.slice(start, end);
  return end < items.length ? { page, nextToken: Buffer.from(`from:${String(end)}`).toString('base64url') } : { page };
}
