import assert from 'node:assert/strict';
import { accountsOf, roadOf, type Choice, type SourceKind } from '../../src/lib/audit/sources/choose.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 22);
const TRAIL = 's3://trail-example/trails';

describe('audit: which source', () => {
  const week = { since: NOW - 7 * DAY, until: NOW };
  const year = { since: NOW - 365 * DAY, until: NOW };

  /** The road, in short: its kind, and what it leads to; or the code of the refusal. */
  function road(source: SourceKind, more: Partial<Omit<Choice, 'files'>> & { paths?: string[]; stdin?: boolean } = {}) {
    const { paths, stdin = false, ...rest } = more;
    const streams = stdin ? [{ name: 'stdin', stream: new Blob([]).stream() }] : [];
    const files = paths ? { paths, streams } : undefined;
    const choice = { store: 'aws', settings: { lake: {} }, query: {}, window: files ? null : week, now: NOW } as const;
    try {
      const taken = roadOf({ ...choice, ...rest, source, files });
      if (taken.kind === 'files') return `files ${taken.files.paths.join(' ')}`.trim();
      return taken.kind === 'athena' ? `athena ${taken.url}` : taken.kind;
    } catch (error) {
      assert.ok(error instanceof JamfMcpError && error.hint !== null);
      return error.code;
    }
  }

  it('is what was named, else the event history, else what reaches further back', () => {
    const [trail, store] = [{ trail: TRAIL, lake: {} }, { lake: { eventDataStore: 'store-example' } }];
    const cases: [string, string][] = [
      [road('auto'), 'own'],
      [road('auto', { paths: ['a.json', TRAIL] }), `files a.json ${TRAIL}`],
      [road('auto', { stdin: true, paths: [] }), 'files'],
      [road('auto', { settings: trail }), 'own'],
      [road('auto', { settings: trail, window: year }), `athena ${TRAIL}`],
      [road('auto', { settings: store, window: year }), 'lake'],
      [road('auto', { query: { eventDataStore: 'store-example' }, window: year }), 'lake'],
      // The event history then says how far it reaches.
      [road('auto', { window: year }), 'own'],
      [road('auto', { store: 'local', settings: trail, window: year }), 'own'],
    ];
    for (const [index, [taken, expected]] of cases.entries()) assert.equal(taken, expected, `case ${String(index)}`);
  });

  it('is what was said, where that goes together with what was named', () => {
    const trail = { trail: TRAIL, lake: {} };
    const cases: [string, string][] = [
      [road('lookup', { settings: trail, window: year }), 'own'],
      [road('lookup', { paths: ['a.json'] }), 'USAGE'],
      [road('files', { paths: ['a.json'] }), 'files a.json'],
      [road('files', { paths: [], stdin: true }), 'files'],
      [road('files'), 'USAGE'],
      [road('files', { paths: ['a.json', TRAIL] }), 'USAGE'],
      [road('s3', { paths: [TRAIL, 's3://b-example'] }), `files ${TRAIL} s3://b-example`],
      [road('s3', { settings: trail }), `files ${TRAIL}`],
      [road('s3'), 'USAGE'],
      [road('s3', { paths: ['a.json'] }), 'USAGE'],
      [road('s3', { paths: [], stdin: true, settings: trail }), 'USAGE'],
      [road('athena', { paths: [TRAIL] }), `athena ${TRAIL}`],
      [road('athena', { settings: trail }), `athena ${TRAIL}`],
      [road('athena', { paths: ['s3://b-example'], settings: trail }), 'athena s3://b-example'],
      [road('athena', { paths: [TRAIL, 's3://b-example'] }), 'USAGE'],
      [road('athena'), 'USAGE'],
      [road('athena', { store: 'local', paths: [TRAIL] }), 'USAGE'],
      [road('lake'), 'lake'],
      [road('lake', { paths: [TRAIL] }), 'USAGE'],
      [road('lake', { store: 'vault' }), 'USAGE'],
      [road('files', { store: 'local', paths: ['a.json'] }), 'files a.json'],
    ];
    for (const [index, [taken, expected]] of cases.entries()) assert.equal(taken, expected, `case ${String(index)}`);
  });

  it('asks about the accounts of the credentials, of the settings and of the secret, or those that were named', () => {
    const caller = { account: '111122223333', arn: 'arn:aws:iam::111122223333:user/a', region: 'us-east-1' };
    const settings = { accounts: [{ account: '444455556666', role: 'audit' }] };
    const lake = { kind: 'lake' } as const;
    assert.deepEqual(accountsOf(lake, {}, caller, settings, '777788889999'), [
      '111122223333',
      '444455556666',
      '777788889999',
    ]);
    assert.deepEqual(accountsOf(lake, {}, caller, settings, '444455556666'), ['111122223333', '444455556666']);
    assert.deepEqual(accountsOf(lake, { accounts: ['999900001111'] }, caller, settings, null), ['999900001111']);
    // An event history is read with credentials of its account: naming one gives none.
    const own = accountsOf({ kind: 'own' }, { accounts: ['999900001111'] }, caller, { accounts: [] }, '777788889999');
    assert.deepEqual(own, ['111122223333']);
  });
});
