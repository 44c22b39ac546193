import assert from 'node:assert/strict';
import fc from 'fast-check';
import { arnContains, arnMatches, arnParts, arnsIntersect } from '../../src/lib/iam/arn.ts';
import { globContains, globMatches, globsIntersect } from '../../src/lib/iam/glob.ts';

/** Every string over `abc` up to a length: `c` is in no pattern, so it stands for every other character. */
function words(longest: number): string[] {
  const all = [''];
  for (let from = 0, length = 0; length < longest; length += 1) {
    const to = all.length;
    for (; from < to; from += 1) for (const letter of 'abc') all.push(`${String(all[from])}${letter}`);
  }
  return all;
}

/** The same question asked of a regular expression. */
function slow(pattern: string, text: string): boolean {
  return new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
}

const WORDS = words(7);
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 5 });
const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 9 });

describe('iam: patterns', () => {
  it('match what a regular expression matches', () => {
    fc.assert(
      fc.property(pattern, word, (glob, text) => globMatches(glob, text) === slow(glob, text)),
      { numRuns: 3_000 },
    );
  });

  it('contain each other where no string of the inner one is missing', () => {
    fc.assert(
      fc.property(pattern, pattern, (outer, inner) => {
        const truth = WORDS.every((text) => !slow(inner, text) || slow(outer, text));
        return globContains(outer, inner) === truth;
      }),
      { numRuns: 1_500 },
    );
  });

  it('intersect where a string is in both', () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const truth = WORDS.some((text) => slow(a, text) && slow(b, text));
        // Two patterns of five characters may meet in longer strings only: then the brute force cannot tell.
        return truth ? globsIntersect(a, b) : !globsIntersect(a, b) || a.length + b.length > 7;
      }),
      { numRuns: 1_500 },
    );
  });

  it('see containment that needs a look at both sides', () => {
    assert.equal(globContains('?*b', '*ab'), true);
    assert.equal(globContains('*?', '?*'), true);
    assert.equal(globContains('*a*', '*b*'), false);
    assert.equal(globContains('arn:aws:s3:::*', 'arn:aws:s3:::a*b?c'), true);
  });

  it('take no longer for hostile ones', () => {
    const stars = `${'*'.repeat(5_000)}a`;
    assert.equal(globMatches(stars, 'b'.repeat(50_000)), false);
    assert.equal(globMatches(`${'*a'.repeat(2_000)}b`, 'a'.repeat(50_000)), false);
    assert.equal(globsIntersect(`${'*a'.repeat(500)}b`, 'a*'.repeat(500)), true);
    assert.equal(globContains('*?a'.repeat(300), `${'a*?'.repeat(300)}b`), false);
  });
});

describe('iam: ARNs', () => {
  it('are matched part by part', () => {
    assert.equal(arnMatches('arn:aws:s3:::b*', 'arn:aws:s3:::bucket/key'), true);
    assert.equal(arnMatches('arn:aws:sqs:*:queue', 'arn:aws:sqs:us-east-1:111122223333:queue'), false);
    assert.equal(
      arnMatches('arn:aws:logs:*:*:log-group:*', 'arn:aws:logs:eu-west-1:111122223333:log-group:a:log-stream:b'),
      true,
    );
    assert.equal(arnMatches('*', 'arn:aws:s3:::bucket'), true);
    assert.equal(arnMatches('arn:aws:s3', 'arn:aws:s3:::bucket'), true);
  });

  it('keep the colon of a variable inside their part', () => {
    assert.deepEqual(arnParts('arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}'), [
      'aws',
      'iam',
      '',
      '${aws:PrincipalAccount}',
      'user/${aws:username}',
    ]);
    assert.equal(arnParts('s3:bucket'), null);
  });

  it('contain and intersect', () => {
    assert.equal(arnContains('arn:aws:s3:::a*', 'arn:aws:s3:::ab/*'), true);
    assert.equal(arnContains('arn:aws:s3:::a*', '*'), false);
    assert.equal(arnContains('arn:*:*:*:*:*', 'arn:aws:s3:::a'), true);
    assert.equal(arnsIntersect('arn:aws:s3:::*/x', 'arn:aws:s3:::b*'), true);
    assert.equal(arnsIntersect('arn:aws:s3:::*', 'arn:aws:sqs:*:*:*'), false);
  });

  it('know the four patterns of a secret', () => {
    const secret = (rest: string) => `arn:aws:secretsmanager:us-east-1:111122223333:secret:${rest}`;
    const names = ['db/pw-AbCdEf', 'db/pw-prod-AbCdEf', 'db/pw2-AbCdEf', 'db/pwned/x-AbCdEf'];
    const table: Record<string, boolean[]> = {
      'db/pw': [false, false, false, false],
      'db/pw-*': [true, true, false, false],
      'db/pw*': [true, true, true, true],
      'db/pw-??????': [true, false, false, false],
    };
    for (const [glob, expected] of Object.entries(table)) {
      assert.deepEqual(
        names.map((name) => arnMatches(secret(glob), secret(name))),
        expected,
        glob,
      );
    }
  });
});
