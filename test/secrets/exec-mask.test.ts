import assert from 'node:assert/strict';
import fc from 'fast-check';
import { MASK, Secret } from '../../src/lib/redact.ts';
import { maskStream, unmaskable } from '../../src/lib/secrets/exec-mask.ts';

const secretsOf = (...values: string[]) => values.map((value) => new Secret(value, { public: true }));

/** Let a text through, cut at these places. */
function through(values: readonly string[], text: Buffer | string, cuts: readonly number[] = []): string {
  const bytes = Buffer.from(text);
  const mask = maskStream(secretsOf(...values));
  const places = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const parts = places.slice(1).map((end, index) => mask.push(bytes.subarray(places[index], end)));
  return Buffer.concat([...parts, mask.end()]).toString('latin1');
}

describe('the mask of a stream', () => {
  it('replaces a value in each of its forms', () => {
    const value = 'EXAMPLE "q" +/ü';
    const json = JSON.stringify({ value });
    const forms = [value, json, encodeURIComponent(value), Buffer.from(value).toString('base64')];
    for (const form of forms) {
      const masked = through([value], `before ${form} after`);
      assert.ok(masked.startsWith('before ') && masked.endsWith(' after') && masked.includes(MASK), masked);
      assert.ok(!masked.includes('EXAMPLE') && !masked.includes('RVhBTVBMRS'), masked);
    }
  });

  it('masks the lines of a value one by one, however a terminal ends them', () => {
    const masked = through(['-----BEGIN KEY-----\nEXAMPLEkey\n'], 'x\r\n  -----BEGIN KEY-----\r\n  EXAMPLEkey\r\n');
    assert.equal(masked, 'x\r\n  ***\r\n  ***\r\n');
  });

  it('leaves short values, and says how many', () => {
    assert.equal(through(['abc'], 'an abc book'), 'an abc book');
    assert.equal(unmaskable(secretsOf('abc', 'abcdef', '')), 2);
  });

  it('lets through at once what cannot begin a value, and holds back what can', () => {
    const mask = maskStream(secretsOf('EXAMPLE-value'));
    assert.equal(mask.push(Buffer.from('password: ')).toString(), 'password: ');
    assert.equal(mask.push(Buffer.from('EXAMPLE')).toString(), '');
    assert.equal(mask.push(Buffer.from(' is none, EXAM')).toString(), 'EXAMPLE is none, ');
    assert.equal(mask.end().toString(), 'EXAM');
  });

  it('prefers the longer of two values that begin alike, and covers both of two that overlap', () => {
    assert.equal(through(['EXAMPLE', 'EXAMPLE-long'], 'EXAMPLE-long EXAMPLE-lon', [7]), '*** ***-lon');
    assert.equal(through(['abcdefgh', 'fghijklm'], 'xabcdefghijklmx', [9]), 'x***x');
    assert.equal(through(['aaaaaa'], 'aaaaaaaaa', [4, 8]), '***');
  });

  it('lets every byte through that is not of a value: binary stays as it is', () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256));
    assert.equal(through(['EXAMPLE-value'], bytes, [1, 700, 4000]), bytes.toString('latin1'));
  });

  // Few letters, so that beginnings, overlaps and repetitions are common.
  const word = (minLength: number, maxLength: number) =>
    fc.array(fc.constantFrom('a', 'b', 'c'), { minLength, maxLength }).map((letters) => letters.join(''));
  const given = [
    fc.array(word(6, 9), { minLength: 1, maxLength: 4 }),
    fc.array(word(0, 12), { maxLength: 20 }),
    fc.array(fc.nat(400), { maxLength: 30 }),
  ] as const;

  it('does the same wherever the stream is cut', () => {
    fc.assert(
      fc.property(...given, (values, words, cuts) => {
        const text = words.join('');
        assert.equal(through(values, text, cuts), through(values, text));
      }),
      { numRuns: 2000 },
    );
  });

  it('masks what an occurrence covers and nothing else', () => {
    fc.assert(
      fc.property(...given, (values, words, cuts) => {
        const text = [...values, ...words].join('');
        const patterns = values.flatMap((value) => [value, Buffer.from(value).toString('base64').replace(/=+$/, '')]);
        const covered = new Set<number>();
        const begins = new Set<number>();
        let until = 0;
        for (let at = 0; at < text.length; at += 1) {
          const longest = Math.max(0, ...patterns.filter((p) => text.startsWith(p, at)).map((p) => p.length));
          if (longest > 0 && at >= until) begins.add(at);
          if (longest > 0) until = Math.max(until, at + longest);
          if (at < until) covered.add(at);
        }
        const expected = Array.from(text)
          .map((letter, at) => (begins.has(at) ? MASK : covered.has(at) ? '' : letter))
          .join('');
        assert.equal(through(values, text, cuts), expected);
      }),
      { numRuns: 1000 },
    );
  });
});
