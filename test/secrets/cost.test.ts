import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import { costOf } from '../../src/lib/secrets/cost.ts';
import { drawCost } from '../../src/lib/secrets/report-cost.ts';
import { rejectsWith } from './contract.ts';

const example = { secrets: 1, fields: 8, startsPerDay: 1000, readsPerMonth: 0 };
const canvas = { ink: new Chalk({ level: 0 }), width: 120 };

describe('the cost of a month', () => {
  it('is $1.60 in the example: one secret of 8 fields, 1,000 starts a day', () => {
    const result = costOf(example);
    assert.deepEqual(result.requests, { starts: 240_000, reads: 0, total: 240_000 });
    assert.deepEqual(result.cost, { secrets: 0.4, requests: 1.2, total: 1.6 });
    assert.deepEqual(result.wholeSecret, { requests: 30_000, total: 0.55 });
    const text = drawCost(result, canvas);
    for (const part of [
      '1,000 a day × 30 days × 8 fields = 240,000',
      '$0.40',
      '$1.20',
      '$1.60',
      '30,000 requests, $0.55',
      'read on 2026-09-20',
    ])
      assert.ok(text.includes(part), `${part} in ${text}`);
  });

  it('counts secrets and other reads, and rounds to a tenth of a cent', () => {
    const { cost, requests } = costOf({ secrets: 3, fields: 5, startsPerDay: 0, readsPerMonth: 12_345 });
    assert.deepEqual(requests, { starts: 0, reads: 12_345, total: 12_345 });
    assert.deepEqual(cost, { secrets: 1.2, requests: 0.062, total: 1.262 });
    assert.deepEqual(costOf({ secrets: 0, fields: 0, startsPerDay: 9, readsPerMonth: 0 }).cost.total, 0);
  });

  it('takes no fraction and nothing below zero', async () => {
    for (const wrong of [{ secrets: -1 }, { startsPerDay: 0.5 }, { fields: Number.NaN }, { readsPerMonth: Infinity }])
      await rejectsWith('INPUT_INVALID', () => costOf({ ...example, ...wrong }));
  });
});
