/** Takes secret values out of a stream of bytes, wherever the stream is cut. */
import { formsOf, MASK, type Secret } from '../redact.ts';

/** Takes a stream piece by piece. */
export interface StreamMask {
  /** @returns what can be let through by now: a beginning of a value is held back until it is known to be none */
  push(chunk: Uint8Array): Buffer;
  /** @returns what was held back: the stream is over */
  end(): Buffer;
}

/** Below this many characters a value would blank out ordinary words: `redact` keeps the same limit. */
const SHORTEST = 6;

/**
 * Values that {@link maskStream} has to leave standing, since they are too short to tell from ordinary text.
 * @param secrets - secret values
 * @returns how many there are
 */
export function unmaskable(secrets: readonly Secret[]): number {
  return secrets.filter((secret) => secret.reveal().length < SHORTEST).length;
}

/**
 * A mask for one stream.
 *
 * Each value is looked for in the forms in which programs print it (as it is, in JSON, percent-encoded, base64), and a
 * value of several lines line by line too, as a terminal ends lines differently. Bytes that any occurrence covers are
 * masked, overlaps included, so that the result does not depend on where the stream was cut.
 * @param secrets - the values; those of fewer than 6 characters are left standing
 */
export function maskStream(secrets: readonly Secret[]): StreamMask {
  const patterns = patternsOf(secrets);
  const mask = Buffer.from(MASK);
  let held: Buffer = Buffer.alloc(0);
  /** How many bytes of `held` belong to a value that is masked already. */
  let covered = 0;

  const scan = (data: Buffer, last: boolean): Buffer => {
    const out: Uint8Array[] = [];
    let plainFrom = covered;
    let at = 0;
    for (; at < data.length; at += 1) {
      const candidates = patterns.get(data[at] ?? -1);
      if (!candidates) continue;
      if (!last && candidates.some((pattern) => beginsAt(pattern, data, at) === 'cut')) break;
      const found = candidates.find((pattern) => beginsAt(pattern, data, at) === 'whole');
      if (!found) continue;
      if (at >= plainFrom) out.push(data.subarray(plainFrom, at), mask);
      plainFrom = Math.max(plainFrom, at + found.length);
    }
    if (at > plainFrom) out.push(data.subarray(plainFrom, at));
    held = data.subarray(at);
    covered = Math.max(0, plainFrom - at);
    return Buffer.concat(out);
  };

  return {
    push: (chunk) => scan(held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]), false),
    end: () => scan(held, true),
  };
}

/** By first byte, the longest first. */
function patternsOf(secrets: readonly Secret[]): ReadonlyMap<number, readonly Buffer[]> {
  const texts = secrets
    .map((secret) => secret.reveal())
    .flatMap((value) => [value, ...(/[\r\n]/.test(value) ? value.split(/\r?\n|\r/) : [])])
    .filter((value) => value.length >= SHORTEST);
  const patterns = [...new Set(texts.flatMap(formsOf))].map((form) => Buffer.from(form));
  patterns.sort((a, b) => b.length - a.length);
  return Map.groupBy(patterns, (pattern) => pattern[0] ?? -1);
}

/** Whether a pattern begins here: `cut` where the data ends before it does. */
function beginsAt(pattern: Buffer, data: Buffer, at: number): 'whole' | 'cut' | null {
  const length = Math.min(pattern.length, data.length - at);
  if (data.compare(pattern, 0, length, at, at + length) !== 0) return null;
  return length === pattern.length ? 'whole' : 'cut';
}
