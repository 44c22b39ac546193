/** Reading the members of an AWS request, with the refusals that AWS words alike for every service. */
import { AwsFault } from './service.ts';

/** What a text has to satisfy; lengths in characters. */
export interface TextRule {
  min?: number;
  max?: number;
  /** A value that must not be repeated in the refusal. */
  sensitive?: boolean;
}

type Input = Record<string, unknown>;

/** A text, or undefined where the request has none. */
export function text(input: Input, name: string, rule: TextRule = {}): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw wrongType(value, 'a string');
  if (rule.min !== undefined && value.length < rule.min)
    throw invalid(name, value, rule, `Member must have length greater than or equal to ${String(rule.min)}`);
  if (rule.max !== undefined && value.length > rule.max)
    throw invalid(name, value, rule, `Member must have length less than or equal to ${String(rule.max)}`);
  return value;
}

/** A text that the request must have. */
export function requiredText(input: Input, name: string, rule: TextRule = { min: 1, max: 2048 }): string {
  const value = text(input, name, rule);
  if (value === undefined) throw missing(name);
  return value;
}

/** A whole number within bounds; a Query request carries it as text. */
export function integer(input: Input, name: string, bounds: { min: number; max: number }): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) throw wrongType(value, 'an integer');
  if (number < bounds.min)
    throw invalid(name, String(number), {}, `Member must have value greater than or equal to ${String(bounds.min)}`);
  if (number > bounds.max)
    throw invalid(name, String(number), {}, `Member must have value less than or equal to ${String(bounds.max)}`);
  return number;
}

/** A truth value; false where absent. */
export function flag(input: Input, name: string): boolean {
  const value = input[name];
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw wrongType(value, 'a boolean');
  return value;
}

/** An object; undefined where absent. */
export function objectOf(input: Input, name: string): Input | undefined {
  return objects(
    { [name]: input[name] === undefined || input[name] === null ? undefined : [input[name]] },
    name,
    1,
  )?.[0];
}

/** A list of objects; undefined where absent. */
export function objects(input: Input, name: string, max: number): Input[] | undefined {
  return list(
    input,
    name,
    max,
    (item): item is Input => item !== null && typeof item === 'object' && !Array.isArray(item),
  );
}

/** A list of texts; undefined where absent. */
export function texts(input: Input, name: string, max: number, rule: TextRule = {}): string[] | undefined {
  const items = list(input, name, max, (item): item is string => typeof item === 'string');
  for (const item of items ?? []) text({ [name]: item }, name, rule);
  return items;
}

function list<T>(input: Input, name: string, max: number, fits: (item: unknown) => item is T): T[] | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every(fits)) throw wrongType(value, 'a list');
  if (value.length > max)
    throw invalid(
      name,
      `[${value.map(String).join(', ')}]`,
      {},
      `Member must have length less than or equal to ${String(max)}`,
    );
  return value;
}

/** The refusal of a member that must be there. */
export function missing(name: string): AwsFault {
  return new AwsFault(
    'ValidationException',
    `1 validation error detected: Value null at '${memberOf(name)}' failed to satisfy constraint: Member must not be null`,
  );
}

function invalid(name: string, value: string, rule: TextRule, constraint: string): AwsFault {
  const shown = rule.sensitive ? 'Value' : `Value '${value}'`;
  return new AwsFault(
    'ValidationException',
    `1 validation error detected: ${shown} at '${memberOf(name)}' failed to satisfy constraint: ${constraint}`,
  );
}

const wrongType = (value: unknown, wanted: string) =>
  new AwsFault('SerializationException', `${typeof value} found where ${wanted} was expected`);

/** AWS names a member in lower camel case in its refusals. */
const memberOf = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);
