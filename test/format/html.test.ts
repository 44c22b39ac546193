import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { escapeHtml, htmlTable, markup, page } from '../../src/lib/format/html.ts';
import { columnChart, grid, levelOf, scaleFor, shortened } from '../../src/lib/format/svg.ts';

describe('format: html', () => {
  it('escapes every text and no markup of its own', () => {
    const bold = markup`<b title="${'"><script>'}">${'<i>&'}</b>`;
    assert.equal(
      String(markup`<p>${[bold, ' ', 3, null, ["'"]]}</p>`),
      '<p><b title="&quot;&gt;&lt;script&gt;">&lt;i&gt;&amp;</b> 3&#39;</p>',
    );
  });

  it('shows what would turn text around or hide it', () => {
    assert.equal(escapeHtml('a\u202eb\u200bc\u0000\ud800'), 'a\\u202eb\\u200bc\\x00\ufffd');
  });

  it('leaves nothing that a browser acts on, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(
          escapeHtml(text),
          /[<>"'\u0000-\u001f\u007f-\u009f\u202a-\u202e]|&(?!(?:amp|lt|gt|quot|#39);)/,
        );
      }),
    );
  });

  it('writes a document that may have its own style and nothing else', () => {
    const text = page({ title: '</title><script>', style: 'b { color: red }', body: markup`<b>${'<x>'}</b>` });
    const [, style = ''] = /<style>([^]*?)<\/style>/.exec(text) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    assert.ok(
      text.includes(
        `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'">`,
      ),
    );
    assert.ok(text.includes('<title>&lt;/title&gt;&lt;script&gt;</title>'));
    assert.ok(text.includes('<body><b>&lt;x&gt;</b></body>'));
    assert.doesNotMatch(text, /<script|<x>| style="/);
  });

  it('gives a table a caption, headers with a scope, and labels for narrow pages', () => {
    const text = String(
      htmlTable({ caption: 'C', columns: [{ name: 'a' }, { name: 'b"', kind: 'number' }], rows: [['1', '2']] }),
    );
    assert.match(text, /<caption>C<\/caption>/);
    assert.match(text, /<th role="columnheader" scope="col" class="number">b&quot;<\/th>/);
    assert.match(
      text,
      /<th role="rowheader" scope="row" class="text">1<\/th><td role="cell" class="number" data-label="b&quot;">2<\/td>/,
    );
  });
});

describe('format: svg', () => {
  const said = { id: 'c', title: 'T <b>', description: 'D' };

  it('names each chart for who cannot see it, and escapes what it is given', () => {
    const text = String(
      columnChart({
        ...said,
        tones: ['x', 'y'],
        columns: [
          { title: '<i>', values: [3, 1], marked: true },
          { title: '', values: [0, 0], marked: false },
        ],
        ticks: [{ at: 0.5, text: '&' }],
      }),
    );
    assert.match(text, /^<svg id="c" role="img" aria-labelledby="c-title c-text" /);
    assert.match(text, /<title id="c-title">T &lt;b&gt;<\/title><desc id="c-text">D<\/desc>/);
    assert.equal(text.match(/<rect /g)?.length, 2);
    assert.equal(text.match(/class="mark"/g)?.length, 1);
    assert.match(text, /<title>&lt;i&gt;<\/title>/);
    assert.match(text, />&amp;<\/text>/);
    // The upper part stands on the lower one.
    const [lower, upper] = [
      ...text.matchAll(/<rect class="tone-." x="[^"]+" y="([\d.]+)" width="[^"]+" height="([\d.]+)"/g),
    ].map(([, y, height]) => ({ y: Number(y), height: Number(height) }));
    assert.ok(lower && upper);
    assert.ok(Math.abs(upper.y + upper.height - lower.y) < 0.01);
    assert.ok(Math.abs(lower.height / upper.height - 3) < 0.01);
  });

  it('draws a grid with shades, dots on what is flagged, and gaps where there is nothing', () => {
    const text = String(
      grid({
        ...said,
        names: 'beside',
        rows: [
          {
            name: 'Mon',
            places: [{ title: 'many', value: 100, flagged: true }, null, { title: 'one', value: 1, flagged: false }],
          },
        ],
        ticks: [],
      }),
    );
    assert.match(text, /class="flag-5"/);
    assert.match(text, /class="heat-1"/);
    assert.equal(text.match(/class="dot"/g)?.length, 1);
    assert.equal(text.match(/<g>/g)?.length, 2);
  });

  it('stays within its width, with finite numbers, whatever it counts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(), { minLength: 2, maxLength: 2 }), { maxLength: 120, size: 'max' }),
        (values) => {
          const text = String(
            columnChart({
              ...said,
              tones: ['a', 'b'],
              columns: values.map((two) => ({ title: '', values: two, marked: true })),
              ticks: [],
            }),
          );
          assert.doesNotMatch(text, /NaN|Infinity|undefined/);
          for (const [, x, width] of text.matchAll(/ x="([\d.]+)%" y="[^"]*" width="([\d.]+)%"/g))
            assert.ok(Number(x) + Number(width) <= 100.01);
          for (const [, y, height] of text.matchAll(/ y="(-?[\d.]+)" width="[^"]*" height="([\d.]+)"/g))
            assert.ok(Number(y) >= 0 && Number(height) > 0, text);
        },
      ),
    );
  });

  it('has round scales that reach the highest value', () => {
    assert.deepEqual(scaleFor(1), [0, 1]);
    assert.deepEqual(scaleFor(7), [0, 5, 10]);
    assert.deepEqual(scaleFor(1_204), [0, 500, 1_000, 1_500]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), (highest) => {
        const scale = scaleFor(highest);
        assert.ok((scale.at(-1) ?? 0) >= highest && scale.length <= 5);
      }),
    );
  });

  it('shades by the root of the share, and nothing is never shaded', () => {
    assert.deepEqual(
      [0, 1, 4, 25, 64, 100].map((value) => levelOf(value, 100)),
      [0, 1, 1, 3, 4, 5],
    );
  });

  it('cuts names in their middle, never within a letter', () => {
    assert.equal(shortened('role/ecsTaskExecutionRole', 12), 'role/e…nRole');
    assert.equal(shortened('😀'.repeat(9), 5), '😀😀…😀😀');
    assert.equal(shortened('short', 5), 'short');
  });
});
