import assert from 'node:assert/strict';
import fc from 'fast-check';
import { baselineText, parseBaseline } from '../../src/lib/audit/baseline-file.ts';
import { learner, withLearned } from '../../src/lib/audit/baseline-learn.ts';
import { allowCaller, baselineIn, showBaseline, type AllowRequest } from '../../src/lib/audit/baseline-manage.ts';
import { familiarity, type Baseline, type BaselineEntry } from '../../src/lib/audit/baseline.ts';
import { explainer } from '../../src/lib/audit/explain.ts';
import { agentFamily, inNetwork, networkOf } from '../../src/lib/audit/family.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { testContext } from '../support/context.ts';
import { ACCOUNT, audited, facts, NAME, session, task, user, type Json } from '../support/trail.ts';

const SPAN = { since: '2026-11-01T00:00:00.000Z', until: '2026-12-31T23:59:59.000Z' };
const ALICE = `arn:aws:iam::${ACCOUNT}:user/alice`;
const EMPTY: Baseline = { learned: [], entries: [] };

const entry = (more: Partial<BaselineEntry> = {}): BaselineEntry => ({
  principal: ALICE,
  secret: NAME,
  actions: ['GetSecretValue'],
  networks: ['192.0.2.0/24'],
  userAgents: ['aws-cli'],
  regions: ['us-east-1'],
  hours: [10],
  daily: { days: 3, median: 2, most: 4 },
  ...SPAN,
  origin: 'learned',
  reason: 'seen',
  ...more,
});

describe('audit: families and networks', () => {
  it('knows a program by its name, whatever its version and its surroundings', () => {
    const families: [string | null, string][] = [
      ['aws-cli/2.33.20 md/awscrt#0.19 ua/2.0 os/linux', 'aws-cli'],
      ['[aws-cli/2.33.20]', 'aws-cli'],
      ['Boto3/1.35 md/Botocore#1.35 ua/2.0', 'Boto3'],
      ['aws-sdk-js/3.900 jamf-mcp/0', 'jamf-mcp'],
      ['aws-sdk-js/3.900 ua/2.0', 'aws-sdk-js'],
      ['Amazon ECS Agent - Fargate (linux)', 'ecs-agent'],
      ['APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io) terraform-provider-aws/3.76.1', 'terraform'],
      ['stratus-red-team_561fe49b-e6b4-44da-a587-f2c718eb578a', 'stratus-red-team'],
      ['Mozilla/5.0 (X11; Linux x86_64)', 'console'],
      ['secretsmanager.amazonaws.com', 'secretsmanager.amazonaws.com'],
      ['', 'none'],
      [' (x)', 'none'],
      [null, 'none'],
    ];
    for (const [agent, family] of families) assert.equal(agentFamily(agent), family);
  });

  it('knows an address by the network that one site gets', () => {
    const networks: [string | null, string | null][] = [
      ['192.0.2.7', '192.0.2.0/24'],
      ['::ffff:192.0.2.7', '192.0.2.0/24'],
      ['2001:db8:1:2::7', '2001:db8:1::/48'],
      ['2001:DB8::1', '2001:db8:0::/48'],
      ['::1', '0:0:0::/48'],
      ['cloudformation.amazonaws.com', 'cloudformation.amazonaws.com'],
      ['AWS Internal', 'AWS Internal'],
      [null, null],
    ];
    for (const [address, network] of networks) assert.equal(networkOf(address), network);
    assert.ok(inNetwork('10.1.2.3', '10.0.0.0/8'));
    assert.ok(!inNetwork('11.1.2.3', '10.0.0.0/8'));
    assert.ok(inNetwork('2001:db8:1:2::7', '2001:db8::/32'));
    assert.ok(!inNetwork('10.1.2.3', '::/0'));
    assert.ok(!inNetwork('10.1.2.3', 'nonsense/8'));
    assert.ok(inNetwork('AWS Internal', 'AWS Internal'));
  });

  it('finds every address in its own network', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        assert.ok(inNetwork(address, networkOf(address) ?? ''), address);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => typeof agentFamily(text) === 'string' && networkOf(text) !== null));
  });
});

describe('audit: the baseline as an explanation', () => {
  const kind = (more: Json, entries: readonly BaselineEntry[], tasks = [] as ReturnType<typeof task>[]) => {
    const causes = explainer(facts({ tasks, baseline: { learned: [], entries } }));
    return causes.explain(audited(more))?.kind ?? null;
  };

  it('explains what agrees with an entry in everything', () => {
    assert.equal(kind({}, [entry()]), 'baseline');
    assert.equal(kind({ eventTime: '2026-11-21T23:00:00Z' }, [entry()]), 'baseline', 'the hour is for detectors');
    assert.equal(kind({ sourceIPAddress: '203.0.113.1' }, [entry({ networks: [] })]), 'baseline');
  });

  const different: Record<string, [Json, Partial<BaselineEntry>?]> = {
    'another principal': [{ userIdentity: user('bob') }],
    'another action': [{ eventName: 'PutSecretValue' }],
    'another network': [{ sourceIPAddress: '192.0.3.7' }],
    'another program': [{ userAgent: 'Boto3/1.35' }],
    'another Region': [{ awsRegion: 'eu-west-1' }],
    'an entry that is over': [{}, { until: '2026-11-20T00:00:00.000Z' }],
    'an entry that has not begun': [{}, { since: '2026-11-22T00:00:00.000Z' }],
    'another secret': [{}, { secret: 'other/*' }],
    'a refusal': [{ errorCode: 'AccessDenied' }],
  };
  for (const [name, [record, change]] of Object.entries(different)) {
    it(`does not explain ${name}`, () => {
      assert.equal(kind(record, [entry(change)]), null);
    });
  }

  it('never explains the roles of the service: where tasks read from, a thief may too', () => {
    const role = { userIdentity: session('ecsTaskExecutionRole', 'by-hand', '/service-role/') };
    const usual = entry({ principal: `arn:aws:iam::${ACCOUNT}:role/service-role/ecsTaskExecutionRole` });
    assert.equal(kind(role, [usual]), 'baseline');
    assert.equal(kind(role, [usual], [task()]), null);
  });

  it('tells what of an access is new', () => {
    const known = { learned: [], entries: [entry()] };
    assert.deepEqual(familiarity(audited(), known), {
      ...{ principal: true, secret: true, action: true, network: true, userAgent: true, region: true, hour: true },
    });
    const strange = audited({ sourceIPAddress: '203.0.113.1', eventTime: '2026-11-21T03:00:00Z' });
    const { network, hour, userAgent } = familiarity(strange, known);
    assert.deepEqual([network, hour, userAgent], [false, false, true]);
    assert.equal(familiarity(audited({ userIdentity: user('bob') }), known).principal, false);
  });
});

describe('audit: learning a baseline', () => {
  const learnt = (records: readonly Json[], findings: Parameters<ReturnType<typeof learner>['learned']>[0] = []) => {
    const learning = learner();
    for (const one of records) learning.see(audited(one));
    return learning.learned(findings, SPAN, 'seen');
  };

  it('puts together what one caller did with one secret', () => {
    const { entries, leftOut } = learnt([
      { eventTime: '2026-11-19T09:00:00Z' },
      { eventTime: '2026-11-20T10:00:00Z', sourceIPAddress: '198.51.100.9', userAgent: 'Boto3/1.35' },
      { eventTime: '2026-11-20T10:30:00Z' },
      { eventTime: '2026-11-20T10:31:00Z', eventName: 'DescribeSecret' },
    ]);
    assert.deepEqual(leftOut, []);
    assert.deepEqual(entries, [
      entry({
        actions: ['DescribeSecret', 'GetSecretValue'],
        networks: ['192.0.2.0/24', '198.51.100.0/24'],
        userAgents: ['Boto3', 'aws-cli'],
        hours: [9, 10],
        daily: { days: 2, median: 1.5, most: 2 },
      }),
    ]);
  });

  it('counts the sessions of a role as one caller', () => {
    const runs = [1, 2].map((run) => ({ userIdentity: session('ci', `run-${String(run)}`) }));
    assert.deepEqual(
      learnt(runs).entries.map(({ principal }) => principal),
      [`arn:aws:iam::${ACCOUNT}:role/ci`],
    );
  });

  it('leaves out refusals, root, the nameless, and whoever a grave finding names, and says so', () => {
    const grave = {
      ...{ id: `harvest:${ALICE}`, severity: 'high' as const, title: 'alice has read 20 secrets', why: '', fix: '' },
      ...{ eventIds: [], count: 1, technique: '' },
    } as const;
    const unknown = { ...grave, id: `unknown-principal:${ALICE}` };
    const root = { type: 'Root', arn: `arn:aws:iam::${ACCOUNT}:root`, accountId: ACCOUNT };
    assert.equal(learnt([{}], [unknown]).entries.length, 1, 'to be unknown is what learning ends');
    const { entries, leftOut } = learnt([{}, { errorCode: 'AccessDenied' }, { userIdentity: root }], [grave]);
    assert.deepEqual(entries, []);
    assert.deepEqual(
      leftOut.map(({ why, accesses }) => [why, accesses]),
      [
        ['refused or failed', 1],
        ['root is never usual', 1],
        ['high finding: alice has read 20 secrets', 1],
      ],
    );
    const many = Array.from({ length: 60 }, (_, n) => ({ sourceIPAddress: `10.0.${String(n)}.1` }));
    assert.match(learnt(many).leftOut[0]?.why ?? '', /^from \d+ networks/);
  });

  it('widens what was learnt before, and leaves what is allowed as it is', () => {
    const allowed = entry({ origin: 'allowed', networks: [] });
    const before: Baseline = { learned: [], entries: [allowed, entry()] };
    const wider = entry({ networks: ['198.51.100.0/24'], hours: [3], until: '2027-01-31T23:59:59.000Z' });
    const change = withLearned(before, [wider, entry({ secret: 'other' })], SPAN);
    assert.deepEqual([change.added.length, change.widened.length, change.unchanged], [1, 1, 0]);
    assert.deepEqual(change.baseline.entries[0], allowed);
    assert.deepEqual(change.baseline.entries[1]?.networks, ['192.0.2.0/24', '198.51.100.0/24']);
    assert.deepEqual(change.baseline.entries[1].hours, [3, 10]);
    assert.equal(change.baseline.entries[1].until, '2027-01-31T23:59:59.000Z');
    const again = withLearned(change.baseline, [wider], SPAN);
    assert.deepEqual([again.added.length, again.widened.length, again.unchanged], [0, 0, 1]);
    assert.deepEqual(again.baseline, change.baseline);
  });
});

describe('audit: the file of the baseline', () => {
  it('comes back as it was written, comments of people included', () => {
    const before: Baseline = { learned: [SPAN], entries: [entry(), entry({ secret: 'two', hours: [], daily: null })] };
    const first = baselineText('', before, EMPTY);
    assert.match(first, /^# What is usual: /);
    assert.deepEqual(parseBaseline(first, 'f'), before);
    const commented = first
      .replace('entries:', '# looked at by Ann\nentries:')
      .replace('secret: two', 'secret: two # ours');
    const after = { ...before, entries: [...before.entries, entry({ secret: 'three' })] };
    const second = baselineText(commented, after, before);
    assert.match(second, /# looked at by Ann/);
    assert.match(second, /secret: two # ours/);
    assert.deepEqual(parseBaseline(second, 'f'), after);
  });

  it('survives whatever a record may hold', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (principal, agent) => {
        const one: Baseline = { learned: [], entries: [entry({ principal, userAgents: [agent] })] };
        assert.deepEqual(parseBaseline(baselineText('', one, EMPTY), 'f'), one);
      }),
    );
  });

  const wrong: [string, string, RegExp][] = [
    ['a key that is not there', 'entires: []\n', /^f:1:1: unknown key entires/],
    [
      'a missing reason',
      'entries:\n  - principal: a\n    secret: b\n    actions: [GetSecretValue]\n',
      /^f:2:5: entries\.0\.since: /,
    ],
    [
      'a day that is none',
      'learned:\n  - since: tomorrow\n    until: 2026-12-31\n',
      /^f:2:12: learned\.0\.since: has to be a day/,
    ],
  ];
  for (const [name, text, expected] of wrong) {
    it(`tells the place of ${name}`, () => {
      assert.throws(
        () => parseBaseline(text, 'f'),
        (error) => error instanceof JamfMcpError && error.code === 'CONFIG_INVALID' && expected.test(error.message),
      );
    });
  }

  it('takes a day for its first moment and its last', () => {
    const text = baselineText('', { learned: [], entries: [entry()] }, EMPTY)
      .replace(SPAN.since, '2026-11-01')
      .replace(SPAN.until, '2026-12-31');
    assert.deepEqual(parseBaseline(text, 'f').entries, [entry()]);
  });
});

describe('audit: allowing a caller', () => {
  const request: AllowRequest = {
    principal: ALICE,
    secret: NAME,
    actions: ['GetSecretValue'],
    networks: ['192.0.2.0/24'],
    userAgents: [],
    regions: [],
    until: '2026-12-31',
    reason: 'OPS-1',
  };
  const file = (content = '') => {
    const saved: string[] = [];
    return {
      saved,
      path: '/p/jamf-mcp-baseline.yaml',
      content,
      save: (text: string) => Promise.resolve(void saved.push(text)),
    };
  };
  const context = () => {
    const made = testContext();
    made.clock.advance(Date.parse('2026-11-22T10:00:00Z') - made.clock.now());
    return made;
  };

  it('writes an entry that holds from now to the end of the day, and replaces the one before', async () => {
    const first = file();
    const { entry: made, changed } = await allowCaller(request, first, { dryRun: false }, context());
    assert.deepEqual(
      [changed, made.since, made.until, made.origin],
      [true, '2026-11-22T10:00:00.000Z', '2026-12-31T23:59:59.000Z', 'allowed'],
    );
    const second = file(first.saved[0]);
    await allowCaller({ ...request, reason: 'OPS-2' }, second, { dryRun: false }, context());
    const shown = showBaseline({ path: 'p', content: second.saved[0] ?? '' }, Date.parse('2027-01-01T00:00:00Z'));
    assert.deepEqual(
      shown.entries.map(({ reason, state }) => [reason, state]),
      [['OPS-2', 'expired']],
    );
    assert.equal(baselineIn({ path: 'p', content: ' \n' }), null);
    const dry = file();
    assert.equal((await allowCaller(request, dry, { dryRun: true }, context())).changed, false);
    assert.deepEqual(dry.saved, []);
  });

  const refused: [string, Partial<AllowRequest>][] = [
    ['a day that has passed', { until: '2026-11-21' }],
    ['a day in years', { until: '2028-01-01' }],
    ['no day', { until: '2026-02-30' }],
    ['everybody', { principal: '*' }],
    ['everybody by another spelling', { principal: 'arn:*' }],
    ['a name without its account', { principal: 'alice' }],
    ['no reason', { reason: ' ' }],
    ['no network', { networks: ['192.0.2.0/x'] }],
    ['a network of more bits than an address has', { networks: ['192.0.2.0/33'] }],
    ['no call', { actions: ['Get Secret'] }],
  ];
  for (const [name, change] of refused) {
    it(`refuses ${name}`, async () => {
      const to = file();
      await assert.rejects(
        allowCaller({ ...request, ...change }, to, { dryRun: false }, context()),
        (error) => error instanceof JamfMcpError && error.code === 'INPUT_INVALID',
      );
      assert.deepEqual(to.saved, []);
    });
  }
});
