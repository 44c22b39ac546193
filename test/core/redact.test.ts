import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { fingerprint, guard, MASK, redact, redactDeep, Secret } from '../../src/lib/redact.ts';

describe('redact', () => {
  const value = 'EXAMPLE-value/with+"quotes" and spaces';
  const secret = new Secret(value);

  it('shows a secret in no way but reveal', () => {
    const forms = [
      String(secret),
      `in a text: ${secret as unknown as string}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: [secret] }, { depth: 9 }),
    ];
    for (const form of forms) {
      assert.ok(!form.includes('EXAMPLE'), form);
      assert.ok(form.includes(MASK), form);
    }
    assert.equal(secret.reveal(), value);
    assert.deepEqual(Object.keys(secret), []);
  });

  it('removes a known value from a text in each of its written forms', () => {
    const forms = [value, JSON.stringify(value), encodeURIComponent(value), Buffer.from(value).toString('base64')];
    for (const form of forms) {
      const clean = redact(`before ${form} after`);
      assert.ok(clean.startsWith('before ') && clean.endsWith(' after'), clean);
      assert.ok(
        !clean.includes('EXAMPLE') && !clean.includes(Buffer.from(value).toString('base64').slice(0, 20)),
        clean,
      );
    }
  });

  it('leaves a public field alone', () => {
    new Secret('https://public.jamfcloud.com', { public: true });
    assert.equal(redact('https://public.jamfcloud.com'), 'https://public.jamfcloud.com');
  });

  it('removes what has the shape of a credential although nobody registered it', () => {
    const texts: [string, string][] = [
      ['Authorization: Bearer abcdefgh12345678', 'abcdefgh12345678'],
      ['client_secret=hunter2hunter2&grant_type=x', 'hunter2hunter2'],
      ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl end', 'eyJzdWIiOiIxIn0'],
    ];
    for (const [text, credential] of texts) assert.ok(!redact(text).includes(credential), redact(text));
    assert.ok(redact('client_secret=hunter2hunter2&grant_type=x').endsWith('&grant_type=x'));
  });

  it('removes the longer of two values that begin alike as a whole', () => {
    guard('EXAMPLE-long-value');
    guard('EXAMPLE-long');
    guard('EXAMPLE-long-value-and-more');
    assert.equal(redact('<EXAMPLE-long-value-and-more> <EXAMPLE-long-value> <EXAMPLE-long>'), '<***> <***> <***>');
  });

  it('ignores values too short to be secrets', () => {
    guard('abc');
    assert.equal(redact('abc'), 'abc');
  });

  it('goes through every string of a JSON value and keeps its shape', () => {
    const clean = redactDeep({ a: [value, 1, null, { b: `x${value}` }], s: secret, when: new Date(0) });
    assert.deepEqual(clean, { a: [MASK, 1, null, { b: `x${MASK}` }], s: MASK, when: '1970-01-01T00:00:00.000Z' });
  });

  it('never lets a guarded value through, whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 6, maxLength: 40, unit: 'grapheme' }),
        fc.string(),
        fc.string(),
        (hidden, before, after) => {
          fc.pre(!MASK.includes(hidden) && !`${before}${MASK}${after}`.includes(hidden));
          guard(hidden);
          assert.ok(!redact(`${before}${hidden}${after}`).includes(hidden));
        },
      ),
    );
  });

  it('gives one fingerprint to one value of one field, and another to any other', () => {
    const [a, b] = [new Secret('a'), new Secret('b')];
    assert.equal(fingerprint(a, 's/F'), fingerprint(new Secret('a'), 's/F'));
    assert.notEqual(fingerprint(a, 's/F'), fingerprint(b, 's/F'));
    assert.notEqual(fingerprint(a, 's/F'), fingerprint(a, 's/G'));
    assert.match(fingerprint(a, 's/F'), /^[0-9a-f]{8}$/);
  });

  it('makes guessing at the fingerprint of a secret value slow, and spends no time on a public one', () => {
    const derived = (rounds: number) => pbkdf2Sync('a', 'jamf-mcp:s/F', rounds, 4, 'sha256').toString('hex');
    assert.equal(fingerprint(new Secret('a'), 's/F'), derived(10_000));
    assert.equal(fingerprint(new Secret('a', { public: true }), 's/F'), derived(1));
  });
});
