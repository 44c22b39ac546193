import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import type { BaselineEntry } from '../../src/lib/audit/baseline.ts';
import type { BaselineLearn, BaselineShow } from '../../src/lib/audit/baseline-manage.ts';
import { drawAllow, drawBaseline, drawLearn } from '../../src/lib/audit/baseline-report.ts';

const ink = new Chalk({ level: 0 });
const FILE = '/home/alice/jamf-mcp-baseline.yaml';

const entry = (more: Partial<BaselineEntry> = {}): BaselineEntry => ({
  principal: 'arn:aws:iam::111122223333:role/AWSReservedSSO_Operator_0123456789abcdef',
  secret: 'jamf-mcp-server/production',
  actions: ['CreateSecret', 'DescribeSecret', 'GetSecretValue', 'PutSecretValue'],
  networks: ['192.0.2.0/24'],
  userAgents: ['jamf-mcp'],
  regions: [],
  hours: [],
  daily: null,
  since: '2026-11-01T00:00:00.000Z',
  until: '2027-02-01T23:59:59.000Z',
  origin: 'learned',
  reason: 'seen from 2026-11-01 to 2026-11-14',
  ...more,
});

const shown = (entries: BaselineShow['entries']): BaselineShow => ({
  file: FILE,
  exists: true,
  learned: [{ since: '2026-11-01T00:00:00.000Z', until: '2026-11-14T00:00:00.000Z' }],
  entries,
});

const learnt = (more: Partial<BaselineLearn> = {}): BaselineLearn => ({
  file: FILE,
  window: { since: '2026-11-01T00:00:00.000Z', until: '2026-11-14T00:00:00.000Z' },
  accesses: 25,
  added: [entry()],
  widened: [],
  unchanged: 0,
  leftOut: [],
  skipped: [],
  changed: true,
  ...more,
});

describe('audit: the baseline, drawn', () => {
  it('has an entry on its own lines, in 80 columns and in 120', () => {
    const states = [
      { ...entry(), state: 'holds' },
      { ...entry({ networks: [], userAgents: [], actions: ['GetSecretValue'] }), state: 'expired' },
      { ...entry(), state: 'not-yet' },
    ] as const;
    const drawn = (width: number) => drawBaseline(shown([...states]), { ink, width }).split('\n');
    for (const line of drawn(80)) assert.ok(line.length <= 80, line);
    const words = (lines: readonly string[]) => lines.join(' ').split(/\s+/);
    assert.deepEqual(words(drawn(80)), words(drawn(120)), 'no word is broken');
    assert.deepEqual(drawn(120).slice(0, 11), [
      '3 entries',
      FILE,
      'learnt from 2026-11-01 to 2026-11-14',
      '',
      'until 2027-02-01    role/AWSReservedSSO_Operator_0123456789abcdef on jamf-mcp-server/production',
      '                    CreateSecret, DescribeSecret and 2 more, from 192.0.2.0/24, with jamf-mcp',
      '                    seen from 2026-11-01 to 2026-11-14',
      'expired 2027-02-01  role/AWSReservedSSO_Operator_0123456789abcdef on jamf-mcp-server/production',
      '                    GetSecretValue, from anywhere, with anything',
      '                    seen from 2026-11-01 to 2026-11-14',
      'from 2026-11-01     role/AWSReservedSSO_Operator_0123456789abcdef on jamf-mcp-server/production',
    ]);
  });

  it('tells that an entry holds in any account', () => {
    const drawn = drawAllow(
      { entry: entry({ principal: 'arn:aws:iam::*:role/backup' }), changed: true, file: FILE },
      { ink, width: 80 },
    );
    assert.match(drawn, /^allowed: role\/backup of \* on jamf-mcp-server\/production until /);
  });

  it('says how to begin', () => {
    const drawn = drawBaseline({ file: FILE, exists: false, learned: [], entries: [] }, { ink, width: 80 });
    assert.match(drawn, /^there is no baseline yet: .*\nlearn one .*`jamf-mcp audit baseline learn --since 14d`$/);
  });

  it('tells what was learnt, what was not, and what was not looked at', () => {
    const drawn = drawLearn(
      learnt({
        widened: [entry({ principal: 'arn:aws:iam::111122223333:user/ci' })],
        leftOut: [{ principal: 'arn:aws:iam::111122223333:root', accesses: 1, why: 'root' }],
        skipped: [{ where: 'file', why: 'gone' }],
      }),
      { ink, width: 120 },
    );
    assert.match(drawn, /^learnt: 1 new, 1 widened, 0 as they were, from 25 accesses\n/);
    assert.match(drawn, /\nnew +role\/AWSReserved.*\n.*\nwidened +user\/ci on /);
    assert.match(drawn, /\n\nnot learnt\n.* +1 access: root\n\nnot looked at\nfile +gone$/);
  });

  it('lets nobody draw on the terminal', () => {
    const hostile = '\u001b[2J\u009b31m\r\u202e';
    const bad = entry({
      principal: hostile,
      secret: hostile,
      reason: hostile,
      actions: [hostile],
      networks: [hostile],
      userAgents: [hostile],
    });
    for (const drawn of [
      drawBaseline(shown([{ ...bad, state: 'holds' }]), { ink, width: 80 }),
      drawLearn(learnt({ added: [bad] }), { ink, width: 80 }),
      drawAllow({ entry: bad, changed: true, file: hostile }, { ink, width: 80 }),
    ]) {
      assert.doesNotMatch(drawn, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    }
  });
});
