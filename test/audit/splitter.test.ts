import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LONGEST_RECORD, splitter } from '../../src/lib/audit/sources/files/splitter.ts';

/** Records and problems of bytes that come in chunks cut at the given places. */
function split(bytes: Buffer, cuts: readonly number[] = []): { records: unknown[]; problems: string[] } {
  const records: unknown[] = [];
  const problems: string[] = [];
  const one = splitter({
    record: (record) => records.push(JSON.parse(record.toString())),
    problem: (why) => problems.push(why),
  });
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  // A chunk is only lent: what the splitter keeps of it must be its own.
  for (const [index, from] of places.slice(0, -1).entries()) {
    const chunk = Buffer.from(bytes.subarray(from, places[index + 1]));
    one.push(chunk);
    chunk.fill(0x7b);
  }
  one.end();
  return { records, problems };
}

const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('{"', '\\', '"', '}],', '[{', '{"Records":[', '\\"', '\u0000', '\ufeff'),
);
/**
 * Node 24.21 itself reads the one-character key `"` as `\\` after an object of that shape:
 * JSON.parse('{"A":1,"\\\\":2}'); JSON.parse('{"A":1,"\\"":2}').
 */
const names = nasty.filter((name) => name !== '"' && name !== '\\');
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    nasty,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4 }),
  ),
})).value;
const records = fc.array(
  fc
    .dictionary(names, json, { maxKeys: 5 })
    .filter((record) => !['Records', 'records', 'Events', 'events'].some((name) => name in record)),
  { maxLength: 6 },
);

/** The forms in which records come. */
const FORMS: Readonly<Record<string, (records: readonly unknown[], space: number) => string>> = {
  'a trail': (all, space) => JSON.stringify({ Records: all }, null, space),
  'a trail with more beside it': (all, space) =>
    JSON.stringify({ Version: '1', x: [1, {}], Records: all, y: {} }, null, space),
  'an array': (all, space) => JSON.stringify(all, null, space),
  'one a line': (all) => all.map((record) => `${JSON.stringify(record)}\n`).join(''),
  'one after the other': (all, space) => all.map((record) => JSON.stringify(record, null, space)).join(''),
};

describe('audit: cutting records out of bytes', () => {
  for (const [form, write] of Object.entries(FORMS)) {
    it(`finds every record of ${form}, however its bytes are divided`, () => {
      fc.assert(
        fc.property(records, fc.array(fc.nat(), { maxLength: 8 }), fc.constantFrom(0, 2), (all, cuts, space) => {
          const { records: found, problems } = split(Buffer.from(write(all, space)), cuts);
          const plain = JSON.parse(JSON.stringify(all)) as unknown[];
          assert.deepEqual(found, plain);
          assert.deepEqual(problems, []);
        }),
        { numRuns: 400 },
      );
    });
  }

  for (const [what, text, why] of [
    ['words', 'hello', /not all of it is JSON/],
    ['numbers among the records', '{"Records":[1,{}]}', /not all of it is JSON/],
    ['NUL bytes', '{"Records":[{}\u0000\u0000]}', /not all of it is JSON/],
    ['a bracket too many', '{"a":1}}', /closes nothing/],
    ['an end in a record', '{"Records":[{"a":1},{"a":', /ends in the middle/],
    ['an end in a text', '{"a":"', /ends in the middle/],
    ['an end before the list is closed', '{"Records":[{}', /ends in the middle/],
  ] as const) {
    it(`tells of ${what}`, () => {
      const { problems } = split(Buffer.from(text));
      assert.equal(problems.length, 1, problems.join('; '));
      assert.match(problems[0] ?? '', why);
    });
  }

  it('finds what is whole before an end in the middle', () => {
    assert.deepEqual(split(Buffer.from('{"Records":[{"a":1},{"a":2},{"a"')).records, [{ a: 1 }, { a: 2 }]);
  });

  it('leaves out a record that is too long, and finds the one after it', () => {
    const long = JSON.stringify({ text: 'x'.repeat(LONGEST_RECORD) });
    for (const cuts of [[], [LONGEST_RECORD - 5], [9, 1_000, LONGEST_RECORD]]) {
      const { records: found, problems } = split(Buffer.from(`{"Records":[${long},{"a":2}]}`), cuts);
      assert.deepEqual(found, [{ a: 2 }]);
      assert.deepEqual(problems, ['a record of more than 4 MB is left out']);
    }
  });

  it('keeps nothing of a text without an end that could be the name of a list', () => {
    const found: string[] = [];
    const one = splitter({ record: (bytes) => found.push(bytes.toString()), problem: () => undefined });
    const chunk = Buffer.alloc(8 << 20, 'x');
    one.push(Buffer.from('{"eventID":"1","userAgent":"'));
    // More than the longest text that V8 can hold.
    for (let bytes = 0; bytes < 2 ** 29; bytes += chunk.length) one.push(chunk);
    one.push(Buffer.from('"}\n{"a":2}'));
    one.end();
    assert.deepEqual(found, ['{"a":2}']);
    assert.deepEqual(
      split(Buffer.from(`{"Records${'x'.repeat(30)}":[{"a":1}],"Records":[{"a":2}]}`), [5, 30]).records,
      [{ a: 2 }],
    );
  });

  it('takes a byte-order mark for what it is', () => {
    assert.deepEqual(split(Buffer.from('\ufeff{"Records":[{"a":1}]}')), { records: [{ a: 1 }], problems: [] });
  });
});
