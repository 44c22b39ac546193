/** The typed values of conditions: numbers, dates, booleans, IP addresses. */
import { isIPv4, isIPv6 } from 'node:net';

const NUMBER = /^[-+]?\d+(?:\.\d+)?$/;

/** A number as NumericEquals takes it: an integer or a decimal. Null where it is none. */
export function numberOf(text: string): number | null {
  return NUMBER.test(text) ? Number(text) : null;
}

/** W3C's profile of ISO 8601, as loosely written as IAM takes it: `01T` and `2016-12-13t2:00:00+23` are dates. */
const DATE =
  /^(-?\d{1,9})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[Tt](\d{1,2})?(?::(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?)?(Z|z|[-+]\d{2}(?::?\d{2})?)?$/;
const EPOCH = /^-?\d{1,19}$/;
const LARGEST_LONG = 9_223_372_036_854_775_807n;

/**
 * A date, in milliseconds since 1970. Epoch seconds are dates too.
 * @returns null where it is no date
 */
export function dateOf(text: string): number | null {
  if (EPOCH.test(text) && text.replace('-', '').length !== 4) return inLong(text) ? Number(text) * 1_000 : null;
  const match = DATE.exec(text);
  if (!match) return null;
  const [, year, month = '1', day = '1', hour = '0', minute = '0', second = '0', fraction = '0', zone] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return null;
  if (Number(hour) > 24 || Number(minute) > 59 || Number(second) > 60) return null;
  const utc = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const offset = offsetMinutes(zone);
  return offset === null ? null : utc + Number(`0${fraction.replace(/^0/, '')}`) * 1_000 - offset * 60_000;
}

function inLong(text: string): boolean {
  const value = BigInt(text);
  return value <= LARGEST_LONG && value >= -LARGEST_LONG - 1n;
}

function offsetMinutes(zone: string | undefined): number | null {
  if (zone === undefined || /^z$/i.test(zone)) return 0;
  const [, sign, hours = '0', minutes = '0'] = /^([-+])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  if (Number(hours) > 23 || Number(minutes) > 59) return null;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** `true` or `false`, whatever the case. Null where it is neither. */
export function booleanOf(text: string): boolean | null {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : null;
}

/** A range of addresses. */
export interface AddressRange {
  version: 4 | 6;
  /** The first address, as a number. */
  first: bigint;
  last: bigint;
  prefix: number;
  /** Whether the address is the first of its range: `10.0.0.1/8` is not. */
  aligned: boolean;
}

/**
 * An address or a range in CIDR notation, version 4 or 6.
 * @returns null where it is none
 */
export function addressesOf(text: string): AddressRange | null {
  const slash = text.indexOf('/');
  const host = slash === -1 ? text : text.slice(0, slash);
  const version = isIPv4(host) ? 4 : isIPv6(host) && !host.includes('%') ? 6 : null;
  if (version === null) return null;
  const bits = version === 4 ? 32 : 128;
  const given = slash === -1 ? String(bits) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(given) || Number(given) > bits) return null;
  const prefix = Number(given);
  const address = version === 4 ? fromIPv4(host) : fromIPv6(host);
  const size = 1n << BigInt(bits - prefix);
  const first = address - (address % size);
  return { version, first, last: first + size - 1n, prefix, aligned: first === address };
}

function fromIPv4(text: string): bigint {
  return text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

function fromIPv6(text: string): bigint {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const plain = tail ? `${tail[1] ?? ''}${hexOf(fromIPv4(tail[2] ?? ''))}` : text;
  const [head = '', rest] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = rest === undefined ? [] : groups(rest);
  const zeros = rest === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
}

const hexOf = (value: bigint): string => `${(value >> 16n).toString(16)}:${(value & 65_535n).toString(16)}`;

/** Whether every address of `inner` is one of `outer`. */
export function addressesContain(outer: AddressRange, inner: AddressRange): boolean {
  return outer.version === inner.version && outer.first <= inner.first && inner.last <= outer.last;
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/** Whether they are addresses that no request from the internet has (RFC 1918, RFC 4193). */
export function isPrivate(range: AddressRange): boolean {
  return PRIVATE.some((text) => {
    const known = addressesOf(text);
    return known !== null && addressesContain(known, range);
  });
}
