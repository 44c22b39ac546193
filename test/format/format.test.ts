import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { terminalSafe } from '../../src/lib/format/escape.ts';
import { jsonText } from '../../src/lib/format/json.ts';
import { table } from '../../src/lib/format/table.ts';

describe('terminalSafe', () => {
  it('turns control bytes, line breaks and direction marks into visible escapes', () => {
    assert.equal(
      terminalSafe('a\u001b[2Jb\r\n\u009b31m\u202ec\u200bd'),
      'a\\x1b[2Jb\\x0d\\x0a\\x9b31m\\u202ec\\u200bd',
    );
  });

  it('leaves ordinary text of any script alone', () => {
    const text = 'Käthe’s MacBook Pro — 東京 🖥 "x"';
    assert.equal(terminalSafe(text), text);
  });

  it('leaves nothing that a terminal acts on', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const safe = terminalSafe(text);
        assert.equal(stripVTControlCharacters(safe), safe);
        assert.doesNotMatch(safe, /\p{Cc}/u);
      }),
    );
  });
});

describe('table', () => {
  it('aligns columns by what is seen, not by bytes', () => {
    assert.equal(
      table(
        ['NAME', 'X'],
        [
          ['東京', '1'],
          ['\u001b[31mred\u001b[39m', '2'],
        ],
        80,
      ),
      'NAME  X\n東京  1\n\u001b[31mred\u001b[39m   2',
    );
  });

  it('wraps the widest column rather than cut it', () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:jamf-mcp-server/production-AbCdEf';
    const lines = table(['FIELD', 'ARN'], [['x', arn]], 40).split('\n');
    assert.ok(lines.length > 2);
    assert.equal(
      lines
        .slice(1)
        .map((line) => line.slice(7))
        .join(''),
      arn,
    );
  });

  it('fits the width whenever that is possible, and loses no text', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'b', 'ö', '東'), maxLength: 60 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { maxLength: 6 }),
        fc.integer({ min: 30, max: 140 }),
        (rows, width) => {
          const drawn = table(['A', 'B', 'C'], rows, width);
          for (const line of drawn.split('\n')) assert.ok(stringWidth(line) <= width, line);
          const letters = (text: string) => Array.from(text.replace(/\s/g, '')).sort().join('');
          assert.equal(letters(drawn), letters(`ABC${rows.flat().join('')}`));
        },
      ),
    );
  });
});

describe('jsonText', () => {
  it('is the same value to a reader, and nothing that a terminal acts on', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
        const written = jsonText({ value: JSON.stringify(value), text, 'a\u009b': [text] });
        assert.equal((JSON.parse(written) as { text: string }).text, text);
        assert.doesNotMatch(written.replaceAll('\n', ''), /[\p{Cc}\u202e\u200b]/u);
      }),
    );
  });
});
