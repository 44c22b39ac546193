import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import { coarser, deedOf, nothing, OTHERS, statistics, STEPS_MS, type Tally } from '../../src/lib/audit/stats.ts';
import { ARN, audited, session, user } from '../support/trail.ts';

const figuresOf = (accesses: readonly AuditedAccess[], ...room: Parameters<typeof statistics>) => {
  const stats = statistics(...room);
  for (const access of accesses) stats.see(access);
  return stats.figures();
};

const start = { kind: 'task-start', ref: 'task' } as const;
const total = (tallies: Iterable<Tally>) => [...tallies].reduce((sum, { count }) => sum + count, 0);
const totalOf = (rows: ReadonlyMap<string, ReadonlyMap<unknown, Tally>>) =>
  [...rows.values()].reduce((sum, row) => sum + total(row.values()), 0);

describe('audit: stats', () => {
  it('counts by deed, cause, hour of the week, reader and day, principal and secret', () => {
    const figures = figuresOf([
      // A Saturday.
      audited({ eventTime: '2026-11-21T10:59:59Z' }, start),
      audited({ eventTime: '2026-11-21T10:00:00Z', userIdentity: session('r', 'one') }),
      audited({ eventTime: '2026-11-22T00:00:00Z', userIdentity: session('r', 'two'), eventName: 'DescribeSecret' }),
      audited({ eventTime: '2026-11-22T23:00:00Z', errorCode: 'AccessDenied' }),
      audited({ eventTime: null, eventName: 'PutSecretValue' }, start),
    ]);
    assert.deepEqual(figures.all, { count: 5, unexplained: 3, refused: 1 });
    assert.deepEqual(Object.fromEntries(Object.entries(figures.deeds).map(([deed, { count }]) => [deed, count])), {
      read: 2,
      change: 1,
      look: 1,
      key: 0,
      refused: 1,
    });
    assert.deepEqual([...figures.explanations], [['task-start', 2]]);
    assert.equal(figures.timeless, 1);
    const hour = (weekday: number, at: number) => figures.hours[weekday]?.[at];
    assert.deepEqual(hour(5, 10), { count: 2, unexplained: 1, refused: 0 });
    assert.deepEqual(hour(6, 0), { count: 1, unexplained: 1, refused: 0 });
    assert.deepEqual(hour(6, 23), { count: 1, unexplained: 1, refused: 1 });
    assert.equal(figures.timeline.stepMs, 3_600_000);
    assert.equal(figures.timeline.rows.get(OTHERS)?.get(Date.UTC(2026, 10, 21, 10) / 3_600_000)?.count, 2);
    // Two sessions of one role are one reader; looks are no reads, refused reads are.
    const role = 'arn:aws:iam::111122223333:role/r';
    assert.deepEqual([...figures.readers.rows.keys()].sort(), [role, 'arn:aws:iam::111122223333:user/alice'].sort());
    assert.equal(total(figures.readers.rows.get(role)?.values() ?? []), 1);
    assert.equal(figures.matrix.get(role)?.get(ARN)?.count, 2);
    assert.deepEqual([figures.principals, figures.secrets], [2, 1]);
  });

  it('tells a key used directly from a change', () => {
    assert.equal(deedOf({ ...audited({ eventName: 'Decrypt' }), service: 'kms' }), 'key');
    assert.equal(deedOf(audited({ eventName: 'BrandNewCall' })), 'change');
  });

  it('keeps its bounds, and every sum, whatever comes', () => {
    const room = { names: 5, pairs: 8, steps: 20 };
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            name: fc.nat(30),
            secret: fc.option(fc.nat(30)),
            at: fc.date({ min: new Date('1990-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }),
            explained: fc.boolean(),
          }),
          { maxLength: 200, size: 'max' },
        ),
        (deeds) => {
          const accesses = deeds.map(({ name, secret, at, explained }) => ({
            ...audited({ userIdentity: user(`u${String(name)}`) }, explained ? start : null),
            time: at.toISOString(),
            secret: secret === null ? null : `s${String(secret)}`,
          }));
          const { all, timeline, readers, matrix, hours, principals, secrets } = figuresOf(accesses, room);
          assert.equal(all.count, deeds.length);
          assert.equal(all.unexplained, deeds.filter(({ explained }) => !explained).length);
          assert.equal(totalOf(timeline.rows), deeds.length);
          assert.equal(totalOf(readers.rows), deeds.length);
          assert.equal(totalOf(matrix), deeds.length);
          assert.equal(total(hours.flat()), deeds.length);
          assert.ok(principals <= room.names && secrets <= room.names);
          assert.ok([...timeline.rows.values()].reduce((sum, row) => sum + row.size, 0) <= room.steps);
          assert.ok([...matrix.values()].reduce((sum, row) => sum + row.size, 0) <= room.pairs + room.names + 1);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('has steps of which each holds the one before a whole number of times', () => {
    for (const [index, step] of STEPS_MS.slice(1).entries()) assert.equal(step % (STEPS_MS[index] ?? 0), 0);
    const row = new Map([1, 2, 3, 4].map((step) => [step, { ...nothing(), count: step }]));
    assert.deepEqual(
      [...coarser(row, 3)].map(([step, { count }]) => [step, count]),
      [
        [0, 3],
        [1, 7],
      ],
    );
  });
});
