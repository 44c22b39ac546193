/** ARNs and patterns of them, matched part by part: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
import { globContains, globMatches, globsIntersect } from './glob.ts';

/** Partition, service, Region, account and the rest; the leading `arn` is left out. */
export type ArnParts = readonly [partition: string, service: string, region: string, account: string, resource: string];

/** Partitions of AWS: the three public ones and the isolated ones. */
export const PARTITIONS: readonly string[] = [
  'aws',
  'aws-cn',
  'aws-us-gov',
  'aws-iso',
  'aws-iso-b',
  'aws-iso-e',
  'aws-iso-f',
  'aws-eusc',
];

/** The partition of a Region: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

/**
 * Take an ARN or a pattern apart. A colon inside a variable (`${aws:username}`) separates nothing, and parts that are
 * missing at the end are `*`: so IAM reads `arn:aws:s3`.
 * @returns null where it does not start with `arn:`
 */
export function arnParts(text: string): ArnParts | null {
  const known = taken.get(text);
  if (known !== undefined) return known;
  const parts = takeApart(text);
  // Every pair of a list is compared, so the same few texts come again and again.
  if (taken.size >= MOST_TAKEN) taken.clear();
  taken.set(text, parts);
  return parts;
}

const MOST_TAKEN = 5_000;
const taken = new Map<string, ArnParts | null>();

function takeApart(text: string): ArnParts | null {
  const given = split(text);
  if (given.length < 2 || given[0] !== 'arn') return null;
  const part = (index: number) => given[index] ?? '*';
  return [part(1), part(2), part(3), part(4), part(5)];
}

/** How many of the six parts are written out. */
export function arnLength(text: string): number {
  return split(text).length;
}

/** At most six parts. */
function split(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length && parts.length < 5; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 36 && text.charCodeAt(at + 1) === 123) {
      const end = text.indexOf('}', at);
      if (end === -1) break;
      at = end;
    } else if (code === 58) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Compare two patterns of resources part by part; `*` alone is every resource. */
function byPart(a: string, b: string, compare: (a: string, b: string) => boolean): boolean {
  if (a === '*' || b === '*') return compare(a, b);
  const left = arnParts(a);
  const right = arnParts(b);
  if (!left || !right) return compare(a, b);
  for (let index = 0; index < left.length; index += 1) {
    if (!compare(left[index] ?? '', right[index] ?? '')) return false;
  }
  return true;
}

/** Whether a resource is one of the pattern's. Wildcards do not cross the first five colons. */
export function arnMatches(pattern: string, arn: string): boolean {
  return byPart(pattern, arn, globMatches);
}

/** Whether every resource of `inner` is one of `outer`. */
export function arnContains(outer: string, inner: string): boolean {
  return outer === '*' || byPart(outer, inner, globContains);
}

/** Whether some resource is one of both. */
export function arnsIntersect(a: string, b: string): boolean {
  return byPart(a, b, globsIntersect);
}

/**
 * Whether a pattern takes in a resource of a type.
 * @param type - the type's pattern, where `*` stands for a variable: a Region and an account that are variables are
 *   never empty, and an empty part is no wildcard
 */
export function typeIntersects(type: string, pattern: string): boolean {
  if (pattern === '*') return true;
  const [partition, service, region, account, resource] = arnParts(type) ?? ['*', '*', '*', '*', '*'];
  const filled = (part: string) => (part === '*' ? '?*' : part);
  return arnsIntersect(`arn:${partition}:${service}:${filled(region)}:${filled(account)}:${resource}`, pattern);
}
