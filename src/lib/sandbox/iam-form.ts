/** What the handlers of the sandbox's IAM have in common: paging, documents, refusals. */
import { integer, requiredText, text } from './input.ts';
import { page } from './paging.ts';
import { AwsFault } from './service.ts';

/** A request, decoded. */
export type Input = Record<string, unknown>;

/** IAM pages by `Marker` and `IsTruncated`. */
export function paged(name: string, items: readonly unknown[], input: Input, binding: unknown) {
  const cut = page(items, {
    size: integer(input, 'MaxItems', { min: 1, max: 1000 }) ?? 100,
    token: text(input, 'Marker'),
    binding: [name, binding],
  });
  return { [name]: cut.items, IsTruncated: cut.nextToken !== undefined, Marker: cut.nextToken };
}

/** IAM answers policy documents percent-encoded (RFC 3986). */
export const percentEncoded = (policy: unknown) =>
  encodeURIComponent(JSON.stringify(policy)).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** There is no such role, user or policy. */
export const noSuchEntity = (message: string) => new AwsFault('NoSuchEntity', message, 404);

/** A policy document of a request. */
export function policyFrom(input: Input, name: string): unknown {
  try {
    const parsed: unknown = JSON.parse(requiredText(input, name, { min: 1, max: 131_072 }));
    if (parsed !== null && typeof parsed === 'object' && 'Statement' in parsed) return parsed;
  } catch (error) {
    if (error instanceof AwsFault) throw error;
  }
  throw new AwsFault('MalformedPolicyDocument', 'This policy contains invalid Json');
}
