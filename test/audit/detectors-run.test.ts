import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { DETECTOR_DOCS, detectorDocs } from '../../scripts/detector-docs.ts';
import { budgetOf, distinct, shareOf } from '../../src/lib/audit/detectors/distinct.ts';
import { DETECTORS, inOrder, reaches } from '../../src/lib/audit/detectors/index.ts';
import { detection, type Detected } from '../../src/lib/audit/detectors/run.ts';
import type { Suppression } from '../../src/lib/config/settings.ts';
import { ACCOUNT, facts, session, user } from '../support/trail.ts';
import { arn, deed, repeat, settings } from '../support/detectors.ts';

const ALICE = `arn:aws:iam::${ACCOUNT}:user/alice`;

function detected(accesses: readonly ReturnType<typeof deed>[], about = facts()): Detected {
  const run = detection(about);
  for (const access of accesses) run.see(access);
  return run.end();
}

const ids = ({ findings }: Detected) =>
  findings.map(({ id, severity }) => `${severity} ${id.replace(/arn:.*[:/]/, '')}`);
const notes = (list: Detected['notes']) =>
  list
    .map(({ where, why }) => `${where}: ${why}`)
    .filter((note) => !note.startsWith('detectors: new-') && !note.includes('known for fewer'));

/** A read by a user with a long-term key: two findings. */
const read = (secret = 'app/one') => deed({ userIdentity: user('alice') }, { secret });

describe('audit: all detectors', () => {
  it('find in one go, worst first, in one order whatever comes first', () => {
    const accesses = [read(), deed(), deed({ errorCode: 'AccessDenied' }, { cause: 'self' })];
    const first = detected(accesses);
    assert.deepEqual(ids(first), [
      'high unknown-principal:worker',
      'high unknown-principal:alice',
      'high long-term-key:alice',
      'low denied-access:worker',
    ]);
    assert.deepEqual(ids(detected(accesses.toReversed())), ids(first));
    assert.deepEqual(ids(detected([])), []);
    assert.ok(first.findings.every((finding) => !('concerns' in finding)));
  });

  it('say in one line which are silent for the same reason', () => {
    const [first] = detected([deed()]).notes;
    assert.match(
      first?.why ?? '',
      /^new-principal, new-secret, new-action, new-network, new-user-agent, new-region: there is no baseline/,
    );
  });

  it('are graded and switched off by the settings, and misspelt names are told', () => {
    const about = settings({
      severities: { 'long-term-key': 'low', 'unknown-principal': 'off', 'no-such': 'low' },
      thresholds: { harvest: { secrets: 3, sekrets: 1 }, nothing: { x: 1 } },
      suppressions: ['long-term-kee', 'long-term-kee:*', '*-kee', 'root:*'].map((finding) => ({
        finding,
        reason: 'known',
        until: '2026-12-31',
      })),
    });
    const result = detected([read()], about);
    assert.deepEqual(ids(result), ['low long-term-key:alice']);
    assert.deepEqual(notes(result.notes), [
      'detectors: unknown-principal: switched off by audit.severities',
      'audit.severities.no-such: no detector has it: docs/detectors.md has all names',
      'audit.thresholds.harvest.sekrets: no detector has it: docs/detectors.md has all names',
      'audit.thresholds.nothing.x: no detector has it: docs/detectors.md has all names',
      'the suppression of long-term-kee: no detector has it: docs/detectors.md has all names',
      'the suppression of long-term-kee:*: no detector has it: docs/detectors.md has all names',
    ]);
  });

  it('have nothing of what they inherit from objects taken for a setting', () => {
    assert.deepEqual(
      ids(detected([deed()], settings({ severities: Object.create({ 'unknown-principal': 'off' }) as never }))),
      ['high unknown-principal:worker'],
    );
  });
});

describe('audit: suppressions', () => {
  const suppression = (more: Partial<Suppression>): Suppression => ({
    finding: 'long-term-key',
    reason: 'known',
    until: '2026-11-22',
    ...more,
  });
  const suppressed = (accesses: readonly ReturnType<typeof deed>[], more: Partial<Suppression>, now = facts().now) => {
    const about = settings({ suppressions: [suppression(more)] });
    return detected(accesses, { ...about, now });
  };

  it('take a finding out of the list, count it with its reason, and keep it from failing', () => {
    const result = suppressed([read()], { finding: '*' });
    assert.deepEqual(result.findings, []);
    assert.equal(reaches(result.findings, 'info'), false);
    assert.deepEqual(
      result.suppressed.map(({ id, severity, count, reason, until }) => [id, severity, count, reason, until]),
      ['unknown-principal', 'long-term-key'].map((id) => [`${id}:${ALICE}`, 'high', 1, 'known', '2026-11-22']),
    );
    assert.deepEqual(notes(result.notes), []);
  });

  it('mean a detector, or findings by a pattern', () => {
    const left = (more: Partial<Suppression>) => ids(suppressed([read()], more));
    assert.deepEqual(left({}), ['high unknown-principal:alice']);
    assert.deepEqual(left({ finding: 'long-term-key:*:user/al*' }), ['high unknown-principal:alice']);
    assert.deepEqual(left({ finding: `long-term-key:${ALICE}` }), ['high unknown-principal:alice']);
    assert.equal(left({ finding: 'long-term' }).length, 2);
    assert.equal(left({ finding: 'long-term-key:*bob' }).length, 2);
  });

  it('hold for a principal, and for secrets only where all of them are meant', () => {
    const left = (more: Partial<Suppression>, accesses = [read('legacy/one'), read('legacy/two')]) =>
      suppressed(accesses, more).suppressed.length;
    assert.equal(left({ principal: 'arn:aws:iam::*:user/alice' }), 1);
    assert.equal(left({ principal: 'arn:aws:iam::*:user/bob' }), 0);
    assert.equal(left({ secret: 'legacy/*' }), 1);
    assert.equal(left({ secret: arn('legacy/*').replace(/-AbCdEf$/, '') }), 1);
    assert.equal(left({ secret: 'legacy/*' }, [read('legacy/one'), read('app/one')]), 0);
    assert.equal(
      left({ secret: '*' }, [
        read(),
        deed({ userIdentity: user('alice'), eventName: 'ListSecrets' }, { secret: null }),
      ]),
      0,
      'one names no secret',
    );
    const many = repeat(1_001, (index) => read(`legacy/${String(index)}`));
    assert.equal(left({ secret: 'legacy/*' }, many), 0, 'more than are known');
    assert.equal(left({ finding: 'unknown-principal', principal: `arn:aws:iam::${ACCOUNT}:role/worker` }, [deed()]), 1);
    assert.equal(left({ finding: 'unknown-principal', principal: '*:assumed-role/worker/run-1' }, [deed()]), 1);
    const two = [deed(), deed({ userIdentity: session('worker', 'run-2') })];
    assert.equal(
      left({ finding: 'unknown-principal', principal: '*:assumed-role/worker/run-1' }, two),
      0,
      'two sessions',
    );
  });

  it('end with their last day, and that is told', () => {
    const end = Date.UTC(2026, 10, 23);
    assert.equal(suppressed([read()], {}, end - 1).suppressed.length, 1);
    const over = suppressed([read()], {}, end);
    assert.deepEqual(over.suppressed, []);
    assert.deepEqual(ids(over), ['high unknown-principal:alice', 'high long-term-key:alice']);
    assert.deepEqual(notes(over.notes), [
      'the suppression of long-term-key: it ended on 2026-11-22 and no longer holds (known)',
    ]);
  });
});

describe('audit: detectors in bounds', () => {
  it('count right up to a number, and say at least from there on', () => {
    const counter = distinct(budgetOf(), 20);
    for (const index of repeat(20, (number) => number)) assert.equal(counter.add(String(index)), true);
    assert.deepEqual([counter.size, counter.exact, counter.few()], [20, true, '0, 1, 2 and 17 more']);
    assert.equal(counter.add('7'), false);
    assert.equal(counter.exact, true, 'what is there is no more');
    counter.add('20');
    counter.add(null);
    assert.deepEqual([counter.size, counter.exact, counter.few()], [20, false, '0, 1, 2 and at least 17 more']);
    const poor = distinct(budgetOf(2));
    for (const text of ['a', 'b', 'c']) poor.add(text);
    assert.equal(poor.few(), 'a, b and more');
  });

  it('share what may be kept, each with some of its own', () => {
    const common = budgetOf(2);
    const [one, two] = [shareOf(common, 1), shareOf(common, 1)];
    assert.deepEqual([one.take(1), one.take(2), one.take(1)], [true, true, false]);
    assert.deepEqual([two.take(1), two.take(1)], [true, false]);
  });

  it('tell what is beyond their room together, and lose nothing of the count', () => {
    const detector = DETECTORS.find(({ id }) => id === 'unknown-principal');
    const watch = detector?.start(facts(), budgetOf(1_000));
    for (const index of repeat(3_000, (number) => number))
      watch?.see(deed({ userIdentity: session(`role-${String(index)}`, 'x') }));
    const found = watch?.findings() ?? [];
    assert.ok(found.length < 60, String(found.length));
    assert.equal(
      found.reduce((sum, { count }) => sum + count, 0),
      3_000,
    );
    assert.match(found.at(-1)?.title ?? '', /^others, too many to be told one by one/);
  });

  it('name at most a hundred events, of every kind of deed some', () => {
    const reads = repeat(500, (index) => deed({}, { after: index }));
    const removed = deed({ eventName: 'DeleteSecret' }, { after: 1_000 });
    const others = repeat(120, (index) =>
      deed({ sourceIPAddress: `198.51.100.${String(index)}` }, { after: 600 + index }),
    );
    const [found] = detected([...reads, ...others, removed]).findings.filter(({ id }) =>
      id.startsWith('unknown-principal'),
    );
    assert.equal(found?.count, 621);
    assert.equal(found.eventIds.length, 100);
    assert.equal(new Set(found.eventIds).size, 100);
    const [few] = detected([...reads, removed]).findings.filter(({ id }) => id.startsWith('unknown-principal'));
    assert.equal(few?.eventIds.length, 21);
    assert.ok(few.eventIds.includes(removed.eventId));
  });
});

describe('audit: the table of detectors', () => {
  it('has each once, with a technique, texts without a full stop, and numbers', () => {
    assert.equal(new Set(DETECTORS.map(({ id }) => id)).size, DETECTORS.length);
    for (const { id, about } of DETECTORS) {
      assert.match(id, /^[a-z]+(?:-[a-z]+)*$/);
      assert.match(about.technique, /T\d{4}(?:\.\d{3})?/);
      for (const text of [about.finds, about.severity, about.logic, about.falsePositives])
        assert.match(text, /^\S.*[^.\s]$/s, id);
      for (const { default: number, means } of Object.values(about.thresholds ?? {}))
        assert.ok(number > 0 && means !== '');
    }
  });

  it('orders what no detector found before the rest of its severity', () => {
    const finding = (id: string) => ({
      id,
      severity: 'high' as const,
      title: '',
      why: '',
      fix: '',
      eventIds: [],
      count: 1,
      technique: '',
    });
    assert.deepEqual(
      inOrder([finding('harvest:x'), finding('log:x'), finding('decoy-touched:x')]).map(({ id }) => id),
      ['log:x', 'decoy-touched:x', 'harvest:x'],
    );
  });

  it('is what docs/detectors.md says', async () => {
    assert.equal(await readFile(DETECTOR_DOCS, 'utf8'), await detectorDocs(), 'run `node scripts/detector-docs.ts`');
  });

  it('has a test of every detector', async () => {
    const texts = await Promise.all(
      ['reads', 'changes', 'usual'].map((name) => readFile(`test/audit/detectors-${name}.test.ts`, 'utf8')),
    );
    const own = await readFile('test/audit/detectors.test.ts', 'utf8');
    for (const { id } of DETECTORS) assert.ok([...texts, own].join('').includes(id), id);
  });
});
