/** Texts that fields are imported from: JSON, YAML, TOML, and 10,000 dotenv files. */
import assert from 'node:assert/strict';
import { parse } from 'dotenv';
import fc from 'fast-check';
import { parseDotenv, writeDotenv } from '../../src/lib/secrets/dotenv.ts';
import { formatOf, readEntries, type ImportFormat } from '../../src/lib/secrets/formats.ts';
import { rejectsWith } from './contract.ts';

const read = async (text: string, format: ImportFormat) =>
  (await readEntries(text, 'f', format)).map(({ name, value, where }) => [name, value, where]);

/** Everything that quoting trips over, more often than by chance. */
const value = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '#',
      ' ',
      '=',
      '\n',
      '\r',
      '\t',
      '$',
      '{',
      '}',
      '\\',
      '\\n',
      '"',
      "'",
      '`',
      'é',
      '🔑',
      ':',
      '\0',
      '%',
    ),
    fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
  ),
  maxLength: 24,
});
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/);

describe('dotenv', () => {
  it('keeps 10,000 files through writing and reading, ours and that of the dotenv package', () => {
    let written = 0;
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 8 }), (fields) => {
        const holdable = fields.filter((field) => {
          try {
            writeDotenv([field]);
            return true;
          } catch {
            return false;
          }
        });
        written += holdable.length;
        const text = writeDotenv(holdable);
        const ours = parseDotenv(text, 'f').flatMap((piece) =>
          piece.name === null ? [] : [[piece.name, piece.value]],
        );
        assert.deepEqual(ours, holdable);
        assert.deepEqual({ ...parse(text) }, Object.fromEntries(holdable));
      }),
      { numRuns: 10_000, seed: 20_261_122 },
    );
    assert.ok(written > 30_000, `only ${String(written)} fields were written`);
  });

  it('refuses few values, and says which field', () => {
    const text = fc.string({ unit: 'binary' });
    let refused = 0;
    fc.assert(
      fc.property(text, (given) => {
        try {
          writeDotenv([['FIELD', given]]);
        } catch (error) {
          refused += 1;
          assert.match((error as Error).message, /^the dotenv format cannot hold the field FIELD/);
        }
      }),
      { numRuns: 2000, seed: 7 },
    );
    assert.ok(refused < 20, `${String(refused)} of 2,000 random values were refused`);
    assert.throws(() => writeDotenv([['A', '\'"`#\n']]), /cannot hold the field A/);
    assert.throws(() => writeDotenv([['A B', 'x']]), /cannot hold the field A B/);
  });

  it('names file and line of a malformed statement, wherever it is', () => {
    const malformed = fc.constantFrom(
      'no sign at all',
      '=EXAMPLE-value',
      'A B=EXAMPLE-value',
      'BROKEN=EXAMPLE#value',
      'BROKEN="EXAMPLE" value',
      "BROKEN='EXAMPLE-value' value'",
      '- LIST',
    );
    const block = fc.constantFrom('', '# comment', 'export K%=v', "K%='a\nb\nc'", 'K%="x\\ny" # c', 'K%=`\n`', '   ');
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 10 }),
        malformed,
        fc.array(block, { maxLength: 4 }),
        (before, bad, after) => {
          const head = before.map((text, index) => text.replace('%', `A${String(index)}`));
          const tail = after
            .map((text, index) => text.replace('%', `Z${String(index)}`))
            .filter((text) => !text.includes("'"));
          const line = head.join('\n').split('\n').length + (head.length > 0 ? 1 : 0);
          assert.throws(
            () => parseDotenv([...head, bad, ...tail].join('\n'), 'some.env'),
            (error: Error) => {
              assert.match(error.message, new RegExp(`^some\\.env:${String(line)} `), `${error.message} in ${bad}`);
              assert.doesNotMatch(error.message, /EXAMPLE/);
              return true;
            },
          );
        },
      ),
      { numRuns: 3000, seed: 5 },
    );
  });

  it('gives pieces that make up the text', () => {
    const text = '# a\n\nA=1 # b\nB="x\n y"\n';
    const pieces = parseDotenv(text, 'f');
    assert.equal(pieces.map((piece) => piece.text).join('\n'), text.replace(/\n$/, ''));
    assert.deepEqual(
      pieces.map(({ name: of, line }) => [of, line]),
      [
        [null, 1],
        [null, 2],
        ['A', 3],
        ['B', 4],
      ],
    );
  });
});

describe('the format of a file', () => {
  const cases: [string, string, ImportFormat][] = [
    ['.env', 'A=1', 'dotenv'],
    ['.env.yaml', '', 'yaml'],
    ['x.YML', '', 'yaml'],
    ['x.json', '', 'json'],
    ['x.toml', '', 'toml'],
    ['stdin', ' \ufeff{"a":1}', 'json'],
    ['stdin', 'A={x}', 'dotenv'],
  ];
  for (const [file, text, format] of cases) {
    it(`${file} is ${format}`, () => {
      assert.equal(formatOf(file, text), format);
    });
  }
});

describe('reading JSON, YAML and TOML', () => {
  it('joins nested names, keeps digits, knows lines', async () => {
    assert.deepEqual(
      await read('{"a": "x",\n "db": {"port": 5432, "id": 12345678901234567890,\n"on": true}, "f": 1.0}', 'json'),
      [
        ['a', 'x', 'f:1'],
        ['db_port', '5432', 'f:2'],
        ['db_id', '12345678901234567890', 'f:2'],
        ['db_on', 'true', 'f:3'],
        ['f', '1.0', 'f:3'],
      ],
    );
    assert.deepEqual(
      await read(
        '# c\na: &x plain text\ndb:\n  port: 0o17\n  pass: "q\\n"\n  same: *x\nempty:\nlong: |\n  one\n  two\n',
        'yaml',
      ),
      [
        ['a', 'plain text', 'f:2'],
        ['db_port', '0o17', 'f:4'],
        ['db_pass', 'q\n', 'f:5'],
        ['db_same', 'plain text', 'f:6'],
        ['empty', '', 'f:7'],
        ['long', 'one\ntwo\n', 'f:8'],
      ],
    );
    assert.deepEqual(
      await read(
        "host = 'h'\n[database]\nhost = \"db\"\nport = 5_432\nid = 12345678901234567890\ninline = { on = true, 'x-y' = '''\nz''' }\n",
        'toml',
      ),
      [
        ['host', 'h', 'f:1'],
        ['database_host', 'db', 'f:3'],
        ['database_port', '5432', 'f:4'],
        ['database_id', '12345678901234567890', 'f:5'],
        ['database_inline_on', 'true', 'f:6'],
        ['database_inline_x-y', 'z', 'f:6'],
      ],
    );
  });

  const wrong: [ImportFormat, string, RegExp][] = [
    ['json', '{"a": "EXAMPLE",\n "b" "EXAMPLE"}', /^f:2 is not JSON$/],
    ['json', '{"a": 1, "a": "EXAMPLE"}', /^f:1 gives a name a second time$/],
    ['json', '{"a": ["EXAMPLE"]}', /^f:1 has a list, which no field can hold: a$/],
    ['json', '{"a": null}', /^f:1 has no value for a$/],
    ['json', '"EXAMPLE"', /^f:1 is not a table/],
    ['json', '{"a_b": "x",\n"a": {"b": "EXAMPLE"}}', /^f:2 gives a_b a second time$/],
    ['json', '{"a b": "EXAMPLE"}', /^f:1 has a name that is not letters/],
    ['yaml', 'a: 1\nb: "EXAMPLE\n', /^f:\d+ is not YAML$/],
    ['yaml', 'a: 1\nb: ~\n', /^f:2 has no value for b$/],
    ['yaml', 'a: 1\n---\nb: EXAMPLE\n', /^f:2 is not YAML$/],
    ['yaml', '- EXAMPLE\n', /^f:1 is not a table/],
    ['yaml', '', /^f:1 is not a table/],
    ['toml', 'a = 1\nb = EXAMPLE\n', /^f:2 is not TOML$/],
    ['toml', 'a = 1\nb = 1.0\n', /^f:2 has a field that is neither/],
    ['toml', 'a = 1\nb = ["EXAMPLE"]\n', /^f:2 has a field that is neither/],
    ['toml', 'a = 1\nb = 2026-11-22\n', /^f:2 has a field that is neither/],
    ['toml', 'a = 1\na = "EXAMPLE"\n', /^f:2 is not TOML$/],
  ];
  for (const [format, text, message] of wrong) {
    it(`tells where ${format} is wrong: ${JSON.stringify(text)}`, async () => {
      const error = await rejectsWith('INPUT_INVALID', read(text, format));
      assert.match(error.message, message);
    });
  }

  it('reads what other programs write, or says where it cannot', async () => {
    const json = fc.json({ maxDepth: 3 });
    await fc.assert(
      fc.asyncProperty(json, fc.constantFrom<ImportFormat>('json', 'yaml', 'toml'), async (text, format) => {
        try {
          await readEntries(text, 'f', format);
        } catch (error) {
          assert.match((error as Error).message, /^f(:\d+)? /);
        }
      }),
      { numRuns: 1000, seed: 11 },
    );
  });
});
