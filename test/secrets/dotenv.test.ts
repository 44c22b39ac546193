import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseFields } from '../../src/lib/secrets/dotenv.ts';
import { rejectsWith } from './contract.ts';

const refused = (text: string) => rejectsWith('INPUT_INVALID', () => parseFields(text, 'some.env'));

describe('reading a dotenv text', () => {
  it('takes quotes, comments, export, several lines, CRLF and a byte order mark', () => {
    const text = [
      '\ufeff# a comment',
      '',
      'PLAIN=one',
      '  export SPACED = two words  # comment',
      "SINGLE='a#b \\n $HOME'",
      'DOUBLE="line\\nbreak" # comment',
      'BACK=`it\'s "quoted"`',
      'LINES="first',
      'second=not a name',
      '"',
      'YAML: three',
      'EMPTY=',
      'NOTHING=# comment',
    ].join('\r\n');
    assert.deepEqual(parseFields(text, 'some.env'), {
      PLAIN: 'one',
      SPACED: 'two words',
      SINGLE: 'a#b \\n $HOME',
      DOUBLE: 'line\nbreak',
      BACK: `it's "quoted"`,
      LINES: 'first\nsecond=not a name\n',
      YAML: 'three',
      EMPTY: '',
      NOTHING: '',
    });
  });

  it('tells file and line of what it cannot read, and no value', async () => {
    const cases: [string, RegExp][] = [
      ['A=1\n\nEXAMPLE-line without a sign', /^some\.env:3 is not NAME=value/],
      ['A=1\n=EXAMPLE-2', /^some\.env:2 is not NAME=value/],
      ['A B=EXAMPLE-2', /^some\.env:1 is not NAME=value/],
      ['A="x\ny"\nB="EXAMPLE-open\nC=1', /^some\.env:3 has a value of B whose quotes are not closed/],
      ['A="EXAMPLE-x" more', /^some\.env:1 has a value of A whose quotes/],
      ['A=EXAMPLE-a#b', /^some\.env:1 has a # in the value of A/],
      ['A=1\n# c\nA=2', /^some\.env:3 gives A a second time/],
    ];
    for (const [text, message] of cases) assert.match((await refused(text)).message, message, text);
  });

  it('takes a JSON object of plain values, and refuses another', async () => {
    assert.deepEqual(parseFields(' {"A": "x", "B": 12345678901234567890, "C": true}', 'f'), {
      A: 'x',
      B: '12345678901234567890',
      C: 'true',
    });
    assert.match((await refused('{"A": "EXAMPLE-x",\n "B" "EXAMPLE-y"}')).message, /^some\.env:2 is not JSON$/);
    assert.match((await refused('{"A": {"B": "EXAMPLE-x"}}')).message, /^some\.env has a field that is nested: A$/);
    await refused('{"A": EXAMPLE-x}');
  });

  it('reads back whatever was written with quotes', () => {
    const name = fc.stringMatching(/^[A-Za-z_][\w.-]{0,20}$/);
    const value = fc.string({
      unit: fc.oneof(
        fc.constantFrom('#', ' ', '=', '\n', '$', '{', '\\', '"', "'", '`', 'é', '🔑'),
        fc.string({ minLength: 1, maxLength: 1 }),
      ),
    });
    const gap = fc.constantFrom('', '\n', '# comment\n', '   \n', '\t# "odd\n');
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, value, gap, fc.boolean()), { selector: ([key]) => key }), (entries) => {
        const writable = entries.map(([key, text, before, exported]) => {
          const clean = text.replace(/\r/g, '');
          // What holds every kind of quote cannot be written in dotenv at all.
          const quote = ["'", '`'].find((mark) => !clean.includes(mark));
          const kept = quote === undefined ? clean.replaceAll("'", '') : clean;
          const mark = quote ?? "'";
          // A backslash before the closing quote reads as an escaped quote.
          return { key, kept: kept.replace(/\\+$/, ''), mark, before, exported };
        });
        const text = writable
          .map(
            ({ key, kept, mark, before, exported }) =>
              `${before}${exported ? 'export ' : ''}${key}=${mark}${kept}${mark}\n`,
          )
          .join('');
        assert.deepEqual(parseFields(text, 'f'), Object.fromEntries(writable.map(({ key, kept }) => [key, kept])));
      }),
      { numRuns: 1000 },
    );
  });

  it('reads any text or says where it cannot', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('A', 'B', '=', ':', ' ', '\n', '"', "'", '`', '#', '\\', '\r', 'export ') }),
        (text) => {
          try {
            parseFields(text, 'f');
          } catch (error) {
            assert.match((error as Error).message, /^f(:\d+)? /);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
