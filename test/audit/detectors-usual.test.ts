import assert from 'node:assert/strict';
import { familiarity, type Baseline, type BaselineEntry } from '../../src/lib/audit/baseline.ts';
import { historyOf } from '../../src/lib/audit/detectors/history.ts';
import { median, spread } from '../../src/lib/audit/detectors/words.ts';
import { ACCOUNT, facts, session, user, type Json } from '../support/trail.ts';
import { arn, brief, DAY, deed, find, HOUR, quietOf, repeat } from '../support/detectors.ts';

const ROLE = `arn:aws:iam::${ACCOUNT}:role/worker`;

function baseline(entry: Partial<BaselineEntry> = {}, days = 30): Baseline {
  const until = Date.UTC(2026, 10, 1);
  const since = new Date(until - days * DAY).toISOString();
  return {
    learned: [{ since, until: new Date(until).toISOString() }],
    entries: [
      {
        principal: ROLE,
        secret: 'app/*',
        actions: ['GetSecretValue'],
        networks: ['192.0.2.0/24'],
        userAgents: ['aws-cli'],
        regions: ['us-east-1'],
        hours: [9, 10, 11],
        daily: null,
        since,
        until: '2027-01-01T00:00:00.000Z',
        origin: 'learned',
        reason: 'learnt',
        ...entry,
      },
    ],
  };
}

const usual = facts({ baseline: baseline() });

/** What of an access is new, by detector; what the detector of everything unexplained says too. */
const NEW = [
  'new-principal',
  'new-secret',
  'new-action',
  'new-network',
  'new-user-agent',
  'new-region',
  'unknown-principal',
];
const news = (access: ReturnType<typeof deed>, about = usual) =>
  NEW.filter((id) => find(id, [access], about).length > 0);

describe('audit: detectors of what was never seen before', () => {
  it('are silent on what the baseline has', () => {
    assert.deepEqual(news(deed({}, { cause: 'baseline' })), []);
    assert.deepEqual(
      news(
        deed({ sourceIPAddress: '192.0.2.200', userAgent: 'aws-cli/3.0' }, { secret: 'app/nine', cause: 'baseline' }),
      ),
      [],
    );
  });

  it('tell what is new, each its own, and the principal alone where that is new', () => {
    const cases: Record<string, [Json, { secret?: string }?]> = {
      'new-principal': [{ userIdentity: session('stranger', 'x'), sourceIPAddress: '203.0.113.9' }],
      'new-secret': [{}, { secret: 'billing/root' }],
      'new-action': [{ eventName: 'PutResourcePolicy' }],
      'new-network': [{ sourceIPAddress: '203.0.113.9' }],
      'new-user-agent': [{ userAgent: 'Boto3/1.34' }],
      'new-region': [{ awsRegion: 'eu-west-1' }],
    };
    for (const [id, [members, how]] of Object.entries(cases)) {
      assert.deepEqual(news(deed(members, how)), [id]);
      assert.deepEqual(brief(find(id, [deed(members, how)], usual)), ['high 1'], id);
      assert.deepEqual(brief(find(id, [deed(members, { ...how, cause: 'known-caller' })], usual)), ['medium 1'], id);
    }
    assert.match(
      find('new-network', [deed({ sourceIPAddress: '203.0.113.9' })], usual)[0]?.title ?? '',
      /from a new network: 203\.0\.113\.0\/24$/,
    );
    assert.deepEqual(
      brief(find('new-region', [deed({ awsRegion: 'eu-west-1', eventName: 'DescribeSecret' })], usual)),
      ['medium 1'],
    );
  });

  it('take one address for known where the baseline has it, and another of its network for new', () => {
    const about = facts({ baseline: baseline({ networks: ['192.0.2.7'] }) });
    assert.deepEqual(news(deed({ sourceIPAddress: '192.0.2.7' }, { cause: 'baseline' }), about), []);
    assert.deepEqual(news(deed({ sourceIPAddress: '192.0.2.8' }), about), ['new-network']);
  });

  it('leave out refusals, what has a cause of its own, AWS itself, and the address of AWS on behalf of the caller', () => {
    const stranger = { userIdentity: session('stranger', 'x') };
    assert.deepEqual(news(deed({ ...stranger, errorCode: 'AccessDenied' })), []);
    for (const cause of ['task-start', 'rotation', 'break-glass', 'aws-service'] as const)
      assert.deepEqual(news(deed(stranger, { cause })), [], cause);
    const onBehalf = { ...session('worker', 'x'), invokedBy: 'secretsmanager.amazonaws.com' };
    assert.deepEqual(
      news(
        deed(
          {
            userIdentity: onBehalf,
            sourceIPAddress: 'secretsmanager.amazonaws.com',
            userAgent: 'secretsmanager.amazonaws.com',
          },
          { cause: 'baseline' },
        ),
      ),
      [],
    );
    assert.deepEqual(
      news(deed({ userIdentity: onBehalf, awsRegion: 'eu-west-1' })),
      ['new-region'],
      'the Region is the caller’s',
    );
  });

  it('are silent without a baseline or with one that is too short, say so, and leave it to what is unknown', () => {
    const stranger = deed({ userIdentity: session('stranger', 'x') });
    assert.deepEqual(news(stranger, facts()), ['unknown-principal']);
    assert.match(quietOf('new-network', [stranger]) ?? '', /^there is no baseline: `jamf-mcp audit baseline learn/);
    const short = facts({ baseline: baseline({}, 6) });
    assert.deepEqual(news(stranger, short), ['unknown-principal']);
    assert.equal(quietOf('new-region', [stranger], short), 'the baseline was learnt from 6 days, and 7 are needed');
    assert.equal(quietOf('new-region', [stranger], usual), null);
    assert.deepEqual(news(stranger, facts({ baseline: baseline({}, 7) })), ['new-principal'], 'seven are enough');
    assert.deepEqual(
      news(
        deed({ eventName: 'ListSecrets' }, { secret: null }),
        facts({ baseline: baseline({ actions: ['ListSecrets'] }) }),
      ),
      ['unknown-principal'],
      'no secret is no new secret',
    );
    const lenient = { ...short, settings: { ...short.settings, thresholds: { 'new-principal': { historyDays: 5 } } } };
    assert.deepEqual(brief(find('new-principal', [stranger], lenient)), ['high 1']);
  });

  it('leave to what is unknown what is unexplained and in no way new', () => {
    assert.deepEqual(news(deed()), ['unknown-principal']);
  });

  it('answer for every session of a role alike, unless an entry means one session', () => {
    const of = (name: string) => deed({ userIdentity: session('worker', name) });
    const sessions = repeat(3, (index) => of(`run-${String(index)}`));
    assert.deepEqual(find('new-principal', sessions, usual), []);
    const one = facts({ baseline: baseline({ principal: `arn:aws:sts::${ACCOUNT}:assumed-role/worker/run-1` }) });
    assert.deepEqual(brief(find('new-principal', sessions, one)), ['high 2']);
  });

  it('remember what they asked, and answer as the baseline does', () => {
    const [first] = baseline().entries;
    assert.ok(first);
    const more = { ...first, principal: '*/run-1', networks: ['2001:db8::/32'], hours: [], regions: ['eu-west-1'] };
    for (const known of [baseline(), { ...baseline(), entries: [first, more] }]) {
      const history = historyOf(facts({ baseline: known }));
      for (const index of repeat(400, (number) => number)) {
        const access = deed(
          {
            userIdentity: session(index % 5 === 0 ? 'other' : 'worker', `run-${String(index % 3)}`),
            sourceIPAddress: index % 2 === 0 ? '2001:db8::1' : '192.0.2.3',
            awsRegion: index % 7 === 0 ? 'eu-west-1' : 'us-east-1',
            eventName: index % 11 === 0 ? 'DescribeSecret' : 'GetSecretValue',
          },
          { after: (index % 24) * HOUR, secret: index % 4 === 0 ? 'app/one' : 'billing' },
        );
        assert.deepEqual(history.familiarity(access), familiarity(access, known), String(index));
      }
    }
  });

  it('tell the same as the baseline does, for thousands of addresses and agents', () => {
    const many = repeat(5_000, (index) =>
      deed(
        {
          sourceIPAddress: `${index % 2 === 0 ? '192.0.2' : '198.51.100'}.${String(index % 250)}`,
          userAgent: `agent-${String(index)}/1`,
        },
        { after: index },
      ),
    );
    assert.deepEqual(brief(find('new-network', many, usual)), ['high 2500']);
    const [agents] = find('new-user-agent', many, usual);
    assert.equal(agents?.count, 5_000);
    assert.match(agents.title, /agent-0, agent-1, agent-2 and at least 997 more/);
  });
});

/** Reads of an identity: so many on each day, from the first on. */
const days = (counts: readonly number[], hour = 0, more: Parameters<typeof deed>[1] = {}) =>
  counts.flatMap((count, day) =>
    repeat(count, (index) => deed({}, { after: day * DAY + hour * HOUR + index * 1_000, ...more })),
  );

describe('audit: detector unusual-volume', () => {
  const volume = (counts: readonly number[], about = facts(), more: Parameters<typeof deed>[1] = {}) =>
    brief(find('unusual-volume', days(counts, 0, more), about));
  const week = [10, 12, 9, 11, 10, 10, 12];

  it('flags a day far out of the others', () => {
    assert.deepEqual(volume([...week, 60]), ['medium 60']);
    assert.deepEqual(volume([...week, 60], facts(), { cause: 'known-caller' }), ['low 60']);
    assert.deepEqual(volume([60, ...week]), ['medium 60'], 'the first day as well');
    assert.match(
      find('unusual-volume', days([...week, 60]))[0]?.why ?? '',
      /^60 reads on 2026-11-09; the median of its other 7 days is 10$/,
    );
    assert.deepEqual(volume([1, 0, 0, 0, 0, 0, 0, 0, 25]), ['medium 25'], 'days without a read count');
    assert.equal(find('unusual-volume', days([...week, 60]))[0]?.eventIds.length, 10);
  });

  it('is silent on what varies, on little, and on more of everything', () => {
    assert.deepEqual(volume([...week, 29]), [], 'less than three times');
    assert.deepEqual(volume([1, 2, 1, 2, 1, 1, 2, 15]), [], 'less than twenty more');
    assert.deepEqual(volume([100, 5, 90, 40, 10, 80, 30, 200]), [], 'within the spread');
    assert.deepEqual(volume([...week, 60], facts(), { cause: 'task-start' }), []);
  });

  it('wants a week of history, or a baseline that has it, and says so', () => {
    assert.deepEqual(volume([10, 10, 60]), []);
    assert.equal(quietOf('unusual-volume', days([10, 10, 60])), '1 identity known for fewer than 7 days');
    assert.equal(quietOf('unusual-volume', days([...week, 60])), null);
    const known = facts({ baseline: baseline({ daily: { days: 30, median: 10, most: 15 } }) });
    assert.deepEqual(volume([10, 10, 60], known, { cause: 'baseline' }), ['low 60']);
    assert.deepEqual(volume([10, 10, 30], known, { cause: 'baseline' }), []);
    assert.deepEqual(volume([10, 10, 31], known, { cause: 'baseline' }), [], 'twice as many, and not twenty more');
    assert.deepEqual(volume([10, 10, 35], known, { cause: 'baseline' }), ['low 35']);
    assert.deepEqual(
      volume([...week, 60], facts({ baseline: baseline({ daily: { days: 30, median: 10, most: 40 } }) })),
      [],
      'the baseline has seen forty',
    );
    assert.deepEqual(
      volume([10, 10, 60], facts({ baseline: baseline({ daily: { days: 3, median: 1, most: 1 } }) })),
      [],
    );
  });

  it('rests on the median and on the deviation from it', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(median([])));
    assert.ok(Math.abs(spread([1, 1, 2, 2, 4, 6, 9]) - 1.4826) < 1e-9);
  });
});

describe('audit: detector unusual-hour', () => {
  const hour = (accesses: Parameters<typeof find>[1], about = facts()) => brief(find('unusual-hour', accesses, about));
  // From ten o'clock on; four hours after is two in the afternoon, sixteen hours after is two at night.
  const daily = (count: number) => days(repeat(count, () => 3));

  it('flags an hour at which nothing was done on any other day', () => {
    const night = deed({}, { after: 10 * DAY + 16 * HOUR });
    assert.deepEqual(hour([...daily(11), night, ...daily(15).slice(33)]), ['medium 1']);
    assert.match(
      find('unusual-hour', [...daily(11), night, ...daily(15).slice(33)])[0]?.why ?? '',
      /^once, at 02 h UTC: on none of its other 14 days/,
    );
    assert.deepEqual(hour([...daily(15), deed({}, { after: 14 * DAY + 12 * HOUR, cause: 'baseline' })]), ['low 1']);
  });

  it('is silent near the usual hours, on hours of several days, around the clock, and on tasks', () => {
    assert.deepEqual(hour([...daily(15), deed({}, { after: 14 * DAY + 2 * HOUR })]), []);
    assert.deepEqual(
      hour([...daily(13), deed({}, { after: 13 * DAY + 16 * HOUR })]),
      ['medium 1'],
      'fourteen days are enough',
    );
    assert.deepEqual(hour([...daily(12), deed({}, { after: 12 * DAY + 16 * HOUR })]), [], 'thirteen are not');
    const sparse = days(repeat(14, () => 2));
    assert.deepEqual(hour([...sparse, deed({}, { after: 13 * DAY + 16 * HOUR })]), [], '29 reads are too few');
    assert.deepEqual(hour([...sparse, ...repeat(2, () => deed({}, { after: 13 * DAY + 16 * HOUR }))]), ['medium 2']);
    const twice = [3, 9].map((day) => deed({}, { after: day * DAY + 16 * HOUR }));
    assert.deepEqual(hour([...daily(4), twice, ...daily(10).slice(12), ...daily(15).slice(30)].flat()), []);
    assert.deepEqual(hour(repeat(15 * 24, (index) => deed({}, { after: index * HOUR }))), []);
    assert.deepEqual(hour([...daily(15), deed({}, { after: 14 * DAY + 16 * HOUR, cause: 'task-start' })]), []);
  });

  it('goes by the baseline where that has the hours, and wants two weeks either way', () => {
    const night = [deed({}, { after: 16 * HOUR })];
    assert.deepEqual(hour(night, usual), ['medium 1']);
    assert.deepEqual(hour([deed({}, { after: 3 * HOUR })], usual), [], 'within two hours of eleven');
    assert.deepEqual(hour(night, facts({ baseline: baseline({}, 13) })), []);
    assert.deepEqual(hour(night, facts({ baseline: baseline({ hours: [] }) })), []);
    assert.deepEqual(hour([...days(repeat(12, () => 3)), deed({}, { after: 11 * DAY + 16 * HOUR })]), []);
    assert.equal(quietOf('unusual-hour', night), '1 identity known for fewer than 14 days');
    assert.equal(quietOf('unusual-hour', night, usual), null);
  });
});

describe('audit: detectors of what is usual, in bounds', () => {
  it('say how many reads by more identities than they follow were not judged', () => {
    const many = repeat(5_010, (index) =>
      deed({ userIdentity: user(`user-${String(index)}`) }, { secret: null, access: { secret: arn('x') } }),
    );
    assert.match(
      quietOf('unusual-volume', many) ?? '',
      /^5000 identities known for fewer than 7 days; 10 reads by more identities than are counted$/,
    );
  });
});
