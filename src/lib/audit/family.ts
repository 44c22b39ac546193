/** What stays the same of a caller from one call to the next: the family of a user agent, the network of an address. */
import { isIPv4, isIPv6 } from 'node:net';

/**
 * The family of a user agent: the name of the first product, without its version and without what a person or a
 * machine puts behind it.
 * @param userAgent - as the record tells it
 * @returns `aws-cli`, `aws-sdk-js`, `terraform`, `console`; a service's name as it is; `none` where there is no user agent
 */
export function agentFamily(userAgent: string | null): string {
  if (userAgent === null) return 'none';
  const known = families.get(userAgent);
  if (known !== undefined) return known;
  const family = familyOf(userAgent);
  if (families.size >= MOST) families.clear();
  families.set(userAgent, family);
  return family;
}

/** Programs are few, and their calls many. */
const MOST = 1_000;
const families = new Map<string, string>();

function familyOf(userAgent: string): string {
  const plain = userAgent.replace(/^\[(.*)\]$/s, '$1').trim();
  for (const [family, shape] of SHAPES) if (shape.test(plain)) return family;
  const product = /^[^\s/(;]+/.exec(plain)?.[0] ?? '';
  return product === '' ? 'none' : product.slice(0, 60);
}

/** Products that do not stand first, or have several names. The more telling come first. */
const SHAPES: readonly (readonly [string, RegExp])[] = [
  ['terraform', /\b(?:Hash[iI]Corp[ /])?Terraform\/|terraform-provider-aws/],
  ['pulumi', /\bpulumi/i],
  ['opentofu', /\bopentofu\//i],
  ['console', /^Mozilla\/|^AWS ?-?Internal.*console|signin\.amazonaws\.com|S3Console\/|console\.amazonaws\.com/i],
  ['stratus-red-team', /^stratus-red-team/],
  ['ecs-agent', /^Amazon ECS Agent/i],
  ['jamf-mcp', / jamf-mcp\//],
  ['aws-sdk-go', /^aws-sdk-go(?:-v2)?\//],
];

/**
 * The network of an address: /24 of IPv4 and /48 of IPv6, as one site gets them.
 * @param address - CloudTrail's sourceIPAddress: an address, or the name of the service that called
 * @returns `192.0.2.0/24`, `2001:db8:1::/48`; what is no address as it is; null where there is none
 */
export function networkOf(address: string | null): string | null {
  if (address === null) return null;
  if (isIPv4(address)) return `${address.split('.').slice(0, 3).join('.')}.0/24`;
  if (!isIPv6(address)) return address.slice(0, 255);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  return mapped === undefined ? `${groupsOf(address).slice(0, 3).join(':')}::/48` : networkOf(mapped);
}

/**
 * Whether an address is in a network.
 * @param network - CIDR, an address, or the name of a service
 */
export function inNetwork(address: string | null, network: string): boolean {
  if (address === null) return false;
  const [base = '', bits] = network.split('/');
  if (bits === undefined || !/^\d{1,3}$/.test(bits)) return address === network;
  const [mine, theirs] = [bitsOf(address), bitsOf(base)];
  return (
    mine !== null &&
    theirs !== null &&
    mine.length === theirs.length &&
    Number(bits) <= theirs.length &&
    mine.startsWith(theirs.slice(0, Number(bits)))
  );
}

/** An address in binary digits; null for what is none. */
function bitsOf(address: string): string | null {
  const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  if (isIPv4(plain))
    return plain
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  if (!isIPv6(plain)) return null;
  return groupsOf(plain)
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('');
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = (address.split('%')[0] ?? '').toLowerCase().split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').flatMap(inHex));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const missing = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array.from({ length: missing }, () => '0'), ...last].map((group) =>
    group.replace(/^0+(?=.)/, ''),
  );
}

/** The last 32 bits may be written as IPv4. */
function inHex(group: string): string[] {
  if (!group.includes('.')) return [group];
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
  return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
}
