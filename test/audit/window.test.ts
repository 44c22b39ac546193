import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { parseWindow } from '../../src/lib/audit/window.ts';
import { withinReach } from '../../src/lib/audit/sources/lookup-events.ts';

const NOW = Date.parse('2026-11-22T12:00:00.400Z');

const iso = (ms: number) => new Date(ms).toISOString();

function window(since: string, until?: string): [string, string] {
  const parsed = parseWindow({ since, until }, NOW);
  return [iso(parsed.since), iso(parsed.until)];
}

const invalid = (text: RegExp) => (error: unknown) =>
  error instanceof JamfMcpError && error.code === 'INPUT_INVALID' && text.test(error.message) && error.hint !== null;

describe('audit: window', () => {
  it('counts back from now, in whole seconds that hold the asked time', () => {
    assert.deepEqual(window('7d'), ['2026-11-15T12:00:00.000Z', '2026-11-22T12:00:01.000Z']);
    assert.equal(window('12h')[0], '2026-11-22T00:00:00.000Z');
    assert.equal(window('90m')[0], '2026-11-22T10:30:00.000Z');
    assert.equal(window('2w')[0], '2026-11-08T12:00:00.000Z');
    assert.equal(window('2d', '1d')[1], '2026-11-21T12:00:01.000Z');
  });

  it('takes dates, the day of --until included, and times with and without a zone', () => {
    assert.deepEqual(window('2026-11-01', '2026-11-07'), ['2026-11-01T00:00:00.000Z', '2026-11-07T23:59:59.000Z']);
    assert.equal(window('2026-11-01T10:00')[0], '2026-11-01T10:00:00.000Z');
    assert.equal(window('2026-11-01T10:00:30Z')[0], '2026-11-01T10:00:30.000Z');
    assert.equal(window('2026-11-01T10:00+01:00')[0], '2026-11-01T09:00:00.000Z');
    assert.equal(window('2026-11-01 10:00')[0], '2026-11-01T10:00:00.000Z');
  });

  it('ends now where --until is to come', () => {
    assert.equal(window('1d', '2026-11-22')[1], '2026-11-22T12:00:01.000Z');
    assert.equal(window('1d', '2030-01-01')[1], '2026-11-22T12:00:01.000Z');
  });

  for (const wrong of [
    '',
    '7',
    'd',
    '7y',
    '-7d',
    '1.5h',
    'yesterday',
    '2026-11',
    '11/01/2026',
    '2026-11-01T10',
    '20261101',
  ]) {
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      assert.throws(() => window(wrong), invalid(/^the value of --since is not a time$/));
      assert.throws(() => window('7d', wrong), invalid(/^the value of --until is not a time$/));
    });
  }

  for (const wrong of ['2026-02-30', '2026-13-01', '2026-11-01T25:00', '2026-11-31T10:00Z']) {
    it(`refuses ${wrong}, which no calendar has`, () => {
      assert.throws(() => window(wrong), invalid(/no such day or time/));
    });
  }

  it('refuses an empty window and one to come', () => {
    assert.throws(() => window('1d', '2d'), invalid(/the window is empty/));
    assert.throws(() => window('0d'), invalid(/the window is empty/));
    assert.throws(() => window('2026-12-01'), invalid(/in the future/));
  });

  it('refuses what LookupEvents cannot reach, with the reason', () => {
    withinReach(parseWindow({ since: '90d' }, NOW), NOW);
    assert.throws(
      () => {
        withinReach(parseWindow({ since: '91d' }, NOW), NOW);
      },
      invalid(/2026-08-23T12:00:00.*LookupEvents.*90 days/),
    );
  });
});
