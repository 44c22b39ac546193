/** Pseudo-random values that a seed decides: two sandboxes with one seed give the same ids for the same calls. */
import type { SandboxRandom } from './service.ts';

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * @param seed - any integer
 * @returns a generator (mulberry32: 32 bits of state, not for secrets)
 */
export function seededRandom(seed: number): SandboxRandom {
  let state = seed >>> 0;
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  const integer = (limit: number) => Math.floor(float() * limit);
  const text = (length: number, alphabet = ALPHANUMERIC) =>
    Array.from({ length }, () => alphabet.charAt(integer(alphabet.length))).join('');
  const hex = (length: number) => text(length, '0123456789abcdef');
  return {
    float,
    integer,
    text,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${text(1, '89ab')}${hex(3)}-${hex(12)}`,
  };
}
