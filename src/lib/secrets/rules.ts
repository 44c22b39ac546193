/** The limits that every store keeps, those of AWS Secrets Manager, so that a secret can go from any store to any other. */
import { JamfMcpError } from '../errors.ts';
import type { Secret } from '../redact.ts';
import { AWSCURRENT, type Fields } from './store.ts';

/** Most bytes of a value: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
const LARGEST_VALUE = 65_536;

/**
 * Refuse what no store could take.
 * @param name - 1 to 512 of `A-Z a-z 0-9 / _ + = . @ ! -`
 * @throws JamfMcpError INPUT_INVALID
 */
export function checkName(name: string): void {
  if (/^[\w/+=.@!-]{1,512}$/.test(name)) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    'the name of a secret is 1 to 512 letters, digits and / _ + = . @ ! -',
    'name it with --secret or in jamf-mcp.yaml, such as jamf-mcp-server/production',
  );
}

/** @throws JamfMcpError INPUT_INVALID unless the token has the 32 to 64 characters that AWS asks for */
export function checkToken(token: string): void {
  if (/^[\w-]{32,64}$/.test(token)) return;
  throw new JamfMcpError('INPUT_INVALID', 'an idempotency token has 32 to 64 letters, digits, - or _');
}

/** @throws JamfMcpError INPUT_INVALID unless there are 1 to 20 labels of 1 to 256 characters */
export function checkLabels(labels: readonly string[]): void {
  if (labels.length >= 1 && labels.length <= 20 && labels.every((label) => label.length >= 1 && label.length <= 256))
    return;
  throw new JamfMcpError('INPUT_INVALID', 'a version is stored with 1 to 20 staging labels of 1 to 256 characters');
}

/**
 * Refuse a move that no store makes.
 * @throws JamfMcpError INPUT_INVALID: AWSCURRENT can be moved, never taken off (rotation.md §2c AWSCURRENT)
 */
export function checkMove(label: string, to: string | null): void {
  checkLabels([label]);
  if (label !== AWSCURRENT || to !== null) return;
  throw new JamfMcpError('INPUT_INVALID', 'the label AWSCURRENT can be moved to another version, but not taken off');
}

/** Recovery window of a deletion, in days: DeleteSecret's own limits. */
const SHORTEST_WINDOW = 7;
const LONGEST_WINDOW = 30;

/** @throws JamfMcpError INPUT_INVALID unless the days are 7 to 30, or 0 for a deletion at once */
export function checkWindow(days: number): void {
  if (days === 0 || (Number.isInteger(days) && days >= SHORTEST_WINDOW && days <= LONGEST_WINDOW)) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `a deleted secret can be kept for ${String(SHORTEST_WINDOW)} to ${String(LONGEST_WINDOW)} days, not for ${String(days)}`,
    'name the days with --window, or delete it at once with --now',
  );
}

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html */
const MOST_TAGS = 50;
const LONGEST_TAG_NAME = 128;
const LONGEST_TAG_VALUE = 256;

/**
 * Refuse tags that no store takes.
 * @param tags - all the tags that the secret is to have
 * @throws JamfMcpError INPUT_INVALID
 */
export function checkTags(tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  const bad = entries.find(
    ([name, value]) =>
      name.length < 1 || name.length > LONGEST_TAG_NAME || value.length > LONGEST_TAG_VALUE || /^aws:/i.test(name),
  );
  if (entries.length <= MOST_TAGS && !bad) return;
  throw new JamfMcpError(
    'INPUT_INVALID',
    bad
      ? `a tag is a name of 1 to ${String(LONGEST_TAG_NAME)} characters, not beginning with aws:, and a value of at most ${String(LONGEST_TAG_VALUE)}: ${bad[0].slice(0, LONGEST_TAG_NAME)}`
      : `a secret has at most ${String(MOST_TAGS)} tags, not ${String(entries.length)}`,
  );
}

/** The tags that every secret made here has: nothing else may be in their place. */
const OWN_TAGS = ['environment', 'managed-by', 'schema'];

/**
 * Tags as people type them.
 * @param texts - each `NAME=VALUE`; the value may be empty
 * @throws JamfMcpError INPUT_INVALID
 */
export function tagsFrom(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map((text) => /^([^=]+)=(.*)$/s.exec(text)?.slice(1) ?? []);
  const bad = pairs.findIndex(([name]) => name === undefined || OWN_TAGS.includes(name));
  if (bad >= 0) {
    const [name] = pairs[bad] ?? [];
    throw new JamfMcpError(
      'INPUT_INVALID',
      name === undefined ? 'a tag has no = in it' : `the tag ${name} is set by jamf-mcp itself`,
      'write --tag NAME=VALUE, such as --tag Project=NBA-MCP',
    );
  }
  const tags = Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
  checkTags(tags);
  return tags;
}

/** The tags after a change; null takes one off. */
export function mergeTags(
  before: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const merged: Record<string, string | null> = { ...before, ...change };
  return Object.fromEntries(Object.entries(merged).filter((tag): tag is [string, string] => tag[1] !== null));
}

/** A field as a store keeps it: name, value, and whether JSON writes the value without quotes. */
export type StoredField = readonly [name: string, value: string, literal?: true];

/** What JSON writes without quotes. */
const LITERAL = /^(?:true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** Fields as a store keeps them. */
export const storedFields = (fields: Fields): StoredField[] =>
  [...fields].map(([name, value]) => {
    const text = value.reveal();
    return value.isLiteral && LITERAL.test(text) ? [name, text, true] : [name, text];
  });

/**
 * Fields as a JSON object, in their order. A number that somebody wrote stays one, to the digit.
 * @returns the text, to be handed to the store and nowhere else
 */
export function jsonOf(fields: readonly StoredField[]): string {
  const pairs = fields.map(
    ([name, value, literal]) => `${JSON.stringify(name)}:${literal ? value : JSON.stringify(value)}`,
  );
  return `{${pairs.join(',')}}`;
}

/**
 * The text that a store keeps, checked. Values made here are strings but for ports: the ECS agent prints a number of
 * seven digits or more as a float (rotation.md §2d).
 * @throws JamfMcpError INPUT_INVALID where it is larger than 65,536 bytes
 */
export function encodeFields(fields: Fields): string {
  const text = jsonOf(storedFields(fields));
  if (fields.has('__proto__')) {
    throw new JamfMcpError('INPUT_INVALID', 'no field can be called __proto__', 'choose another name for it');
  }
  const size = Buffer.byteLength(text);
  if (size <= LARGEST_VALUE) return text;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `the fields come to ${String(size)} bytes, and a secret holds at most ${String(LARGEST_VALUE)}`,
    'keep long texts (certificates, scripts) in secrets of their own',
  );
}

/**
 * Read what {@link encodeFields} or somebody else wrote. Numbers keep the digits they were written with.
 * @param text - the stored text
 * @param about - for the error: `secret NAME`
 * @returns fields in the order of the text
 * @throws JamfMcpError SECRET_MALFORMED where it is not an object of strings, numbers and booleans; never shows the value
 */
export function decodeFields(text: string, about: string): StoredField[] {
  const name = /^secret (.+)$/.exec(about)?.[1];
  const selected = name === undefined ? '' : ` --secret ${name}`;
  const malformed = (why: string) =>
    new JamfMcpError(
      'SECRET_MALFORMED',
      `${about} ${why}`,
      `it has to be a JSON object of fields with plain values: store it anew with \`jamf-mcp secrets init --update --from-file FILE${selected}\``,
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, (_name, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? new Digits(context?.source ?? String(value)) : value,
    );
  } catch {
    throw malformed('is not JSON');
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed) || parsed instanceof Digits)
    throw malformed('is not a JSON object');
  return Object.entries(parsed).map(([name, value]: [string, unknown]): StoredField => {
    if (typeof value === 'string') return [name, value];
    if (typeof value === 'boolean') return [name, String(value), true];
    if (value instanceof Digits) return [name, value.text, true];
    throw malformed(`has a field that is ${value === null ? 'null' : 'nested'}: ${name}`);
  });
}

/** A JSON number as it was written: `1e3` and 20-digit ids must not change by being read. */
class Digits {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A JSON number as the text it was written as. */
export const keepNumbers = (_name: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' ? (context?.source ?? String(value)) : value;

/** Whether a value is there and the same. */
export function sameValue(one: Secret | undefined, other: Secret): boolean {
  return one?.reveal() === other.reveal();
}
