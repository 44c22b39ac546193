import assert from 'node:assert/strict';
import fc from 'fast-check';
import { csvLine } from '../../src/lib/format/csv.ts';

/** Reads one record as RFC 4180 has it, with any separator; what follows a closing quote belongs to the cell, as spreadsheets read it. */
function cells(line: string, separator: string): string[] {
  const found: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const letter = line[at] ?? '';
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (line[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (letter === '"' && cell === '') quoted = true;
    else if (letter === separator) {
      found.push(cell);
      cell = '';
    } else cell += letter;
  }
  return [...found, cell];
}

const evil = fc.string({
  unit: fc.constantFrom(
    '=',
    '+',
    '-',
    '@',
    '\t',
    '\r',
    '\n',
    ';',
    ',',
    '|',
    '"',
    "'",
    ' ',
    'a',
    '1',
    '＝',
    '\u202e',
    '\0',
  ),
  maxLength: 12,
});

describe('format: csv', () => {
  it('quotes texts, leaves numbers and nothing as they are, and ends lines as RFC 4180 has it', () => {
    assert.equal(csvLine(['a', 'say "hi", you', 3, -3, true, null]), '"a","say ""hi"", you",3,-3,true,\r\n');
  });

  for (const [text, safe] of [
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['＝1', "'＝1"],
    ['  =1', "'  =1"],
    ['"=1"', `'"=1"`],
    ['x;=1', "x;'=1"],
    ['x, @y', "x,' @y"],
    ['x|-1', "x|'-1"],
    ['\t=1', '\\x09=1'],
    ['\r\n=1', '\\x0d\\x0a=1'],
    ['a=1;b-c', 'a=1;b-c'],
    ['aws-cli/2.33 md/x#y=1', 'aws-cli/2.33 md/x#y=1'],
  ] as const) {
    it(`writes ${JSON.stringify(text)} as ${JSON.stringify(safe)}`, () => {
      assert.deepEqual(cells(csvLine([text]).trimEnd(), ','), [safe]);
    });
  }

  it('gives one line and its cells back, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(evil, fc.string({ unit: 'binary' })), { minLength: 1, maxLength: 5 }), (texts) => {
        const line = csvLine(texts);
        assert.match(line, /^[^\r\n]*\r\n$/);
        const read = cells(line.slice(0, -2), ',');
        assert.equal(read.length, texts.length);
        for (const [index, text] of texts.entries()) {
          if (/^[a-z0-9 .]*$/i.test(text)) assert.equal(read[index], text);
        }
      }),
    );
  });

  it('begins no formula, at whichever character a spreadsheet splits', () => {
    fc.assert(
      fc.property(fc.array(evil, { minLength: 1, maxLength: 4 }), (texts) => {
        const line = csvLine(texts).slice(0, -2);
        for (const separator of [',', ';', '|', '\t']) {
          for (const cell of cells(line, separator)) assert.doesNotMatch(cell, /^[\s"]*[=+\-@＝＋－＠\t\r]/, line);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
